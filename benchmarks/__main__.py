"""``python -m benchmarks``: list the benchmarks, run them, make tables and plots of the results.

Results are lines of JSON, one a process, with raw figures, versions and machine. The peers linopy
and PyPSA and the plots need the extra ``benchmark``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import now, stamp
from benchmarks.registry import REGISTRY, Options, Record
from benchmarks.table import listing, read_records, tables, write_between

FIELDS = {f.name: f.default for f in dataclasses.fields(Options)}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = made.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="what there is, what is asked of it, beside whom")
    run = commands.add_parser("run", help="run benchmarks, each in fresh processes")
    run.add_argument("names", nargs="+", metavar="NAME", choices=[*REGISTRY, "all"])
    run.add_argument("--runs", type=int, default=1, help="how often, in turn")
    run.add_argument("--out", type=Path, help="file that the lines of JSON are added to")
    run.add_argument("--folder", type=Path, help="keep cases and the last result here")
    run.add_argument("--threads", type=int, default=FIELDS["threads"])
    run.add_argument("--hours", type=int, default=FIELDS["hours"], help="hours of the block")
    run.add_argument("--cap", type=float, default=FIELDS["cap_s"], help="most seconds of a peer")
    run.add_argument("--peer-gb", type=float, default=FIELDS["peer_gb"], help="memory of a peer")
    run.add_argument("--no-peers", action="store_true")
    run.add_argument("--cases", nargs="+", default=(), help="of growth, those that run")
    run.add_argument("--gap", type=float, help="at which solves end; else the smallest asked")
    table = commands.add_parser("table", help="tables in Markdown")
    table.add_argument("files", nargs="+", type=Path, metavar="FILE.json")
    table.add_argument("--into", type=Path, help="page that takes them between its two marks")
    plots = commands.add_parser("plots", help="plots as SVG")
    plots.add_argument("files", nargs="+", type=Path, metavar="FILE.json")
    plots.add_argument("--out", type=Path, default=Path("docs/images"))
    return made


def run_all(given: argparse.Namespace, folder: Path) -> list[Record]:
    """Run the benchmarks that are named; every record is written as soon as it is there."""
    options = Options(
        folder=folder, threads=given.threads, hours=given.hours, cap_s=given.cap,
        peer_gb=given.peer_gb, peers=not given.no_peers, gap=given.gap, cases=tuple(given.cases),
    )  # fmt: skip
    names = list(REGISTRY) if "all" in given.names else list(dict.fromkeys(given.names))
    records, made = [], stamp()
    for run in range(given.runs):
        for name in names:
            for figures in REGISTRY[name].run(options):
                record = {"benchmark": name, "run": run, **figures, "date": now(), **made}
                records.append(record)
                line = json.dumps(record)
                if given.out is not None:
                    given.out.parent.mkdir(parents=True, exist_ok=True)
                    with given.out.open("a", encoding="utf-8") as stream:
                        stream.write(line + "\n")
                told = {k: figures.get(k) for k in ("wall_s", "cpu_s", "peak_mb", "gap", "status")}
                shown = ", ".join(f"{k} {v}" for k, v in told.items() if v is not None)
                print(f"{name}: {figures['subject']}, {figures['case']}: {shown}", file=sys.stderr)
    return records


def main(arguments: list[str] | None = None) -> int:
    """Exit code 1 if a run of the product has failed, or a peer has another optimum."""
    given = parser().parse_args(arguments)
    if given.command == "list":
        print(listing())
        return 0
    if given.command == "run":
        if given.folder is not None:
            records = run_all(given, given.folder.absolute())
        else:
            with tempfile.TemporaryDirectory() as scratch:
                records = run_all(given, Path(scratch))
        text = tables(records)
        print(text)
        return int("ANOTHER OPTIMUM" in text or any(r.get("status") == "failed" for r in records))
    records = read_records(given.files)
    if given.command == "plots":
        from benchmarks.plots import draw_all

        for path in draw_all(records, given.out):
            print(path)
    elif given.into is not None:
        write_between(given.into, tables(records))
    else:
        print(tables(records))
    return 0


if __name__ == "__main__":
    sys.exit(main())
