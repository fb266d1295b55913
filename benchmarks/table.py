"""Tables in Markdown, from records."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from benchmarks.registry import REGISTRY, Record, records_of

BEGIN, END = "<!-- benchmarks -->", "<!-- end of benchmarks -->"
QUIET = 0.5
"""Load before the first run from which on the machine was not quiet."""
HEAD = ("Case", "Asked", "Aim", "Reached", "Peer, same run", "Passed")


def read_records(files: Iterable[Path]) -> list[Record]:
    """Records of files of JSON lines."""
    return [
        json.loads(line)
        for file in files
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]


def line(cells: Iterable[str]) -> str:
    """A row of a table."""
    return "| " + " | ".join(c.replace("|", "\\|").replace("<=", "≤").replace(">=", "≥")
                             for c in cells) + " |"  # fmt: skip


def listing() -> str:
    """The registry as a table."""
    head = ("Name", "What", "Asked", "Aim", "Peer", "Unit")
    rows = [line(head), "|" + "---|" * len(head)]
    for name, e in REGISTRY.items():
        rows.append(line((f"`{name}`", e.title, e.asked, e.aim, e.peer, e.unit)))
    return "\n".join(rows)


def provenance(records: list[Record]) -> list[str]:
    """Sentences on when, with what and on what the records were made."""
    sets: dict[str, list[Record]] = {}
    for record in records:
        sets.setdefault(json.dumps([record["versions"], record["machine"]]), []).append(record)
    told = []
    for key, made in sets.items():
        versions, machine = json.loads(key)
        days = sorted({r["date"][:10] for r in made})
        when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
        packages = ", ".join(f"{n} {v}" for n, v in versions.items())
        told.append(
            f"Measured on {when}: {machine['cores']} cores ({machine['cpu']}), "
            f"{machine['memory_gb']:g} GiB, {machine['system']}; {packages}."
        )
    busy = {r["begun"][:16].replace("T", " ") for r in records if r["load"] > QUIET}
    if busy:
        told.append(f"**The machine was busy before ({', '.join(sorted(busy))}): measure again.**")
    return told


def tables(records: list[Record]) -> str:
    """One table of all benchmarks that have records, after when and where they were made."""
    if not records:
        return "No records."
    rows = [*provenance(records), "", line(HEAD), "|" + "---|" * len(HEAD)]
    for name, entry in REGISTRY.items():
        mine = records_of(name, records)
        for row in entry.rows(mine) if mine else ():
            cells = (row.case, row.asked, row.aim, row.reached, row.peer, row.met)
            rows.append(line((f"`{name}`: {cells[0]}", *cells[1:])))
    return "\n".join(rows)


def write_between(page: Path, text: str) -> None:
    """Replace what stands between the two marks of a page.

    Raises
    ------
    ValueError : the page does not have them
    """
    old = page.read_text(encoding="utf-8")
    if BEGIN not in old or END not in old:
        raise ValueError(f"{page} needs the lines {BEGIN} and {END}")
    before, rest = old.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
