"""The benchmarks: what is asked of each, how it runs, beside whom.

An entry runs in fresh processes, one after the other, and yields *records*: plain dictionaries
with raw figures (``benchmark, run, subject, case``, seconds, memory, gap, …). Tables and plots
are made from records alone, so that old ones can be read again.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks.cases import Size
from benchmarks.measure import ROOT, Measured, python

Record = dict[str, Any]
PRODUCT = "optimizer"
GAPS = (0.03, 0.02, 0.01, 0.005)
SOLVERS = ("ipx", "simplex", "hipo", "pdlp")
FEATURES = ("carbon", "water", "land", "budget", "steps", "permits")
SAME = 1e-6
"""Relative difference up to which two proven optima are the same."""


@dataclass(frozen=True)
class Options:
    """How to run.

    Parameters
    ----------
    folder : where cases and results are written
    threads : of the product and of HiGHS
    hours : of the block that is built
    cap_s : no peer gets more seconds than this
    peer_gb : address space that a peer may take [GiB]
    peers : whether peers run
    gap : at which solves end; None: the smallest that is spoken of
    cases : of a benchmark over several sizes, those that run; none: all
    """

    folder: Path
    threads: int = 2
    hours: int = 8760
    cap_s: float = 3600.0
    peer_gb: float = 16.0
    peers: bool = True
    gap: float | None = None
    cases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """A proven gap within limits; None: no limit.

    ``wall_s`` counts to the gap if the run goes on to a smaller one, else to the command's end.
    """

    gap: float
    wall_s: float | None = None
    cpu_s: float | None = None
    memory_gb: float | None = None

    def __str__(self) -> str:
        limits = [
            f"{self.wall_s:g} s" if self.wall_s is not None else "",
            f"{self.cpu_s:g} CPU s" if self.cpu_s is not None else "",
            f"{self.memory_gb:g} GB" if self.memory_gb is not None else "",
        ]
        text, within = f"<= {100 * self.gap:g} %", ", ".join(filter(None, limits))
        return f"{text} in {within}" if within else text

    def met(self, record: Record) -> bool:
        """Whether a run of the product keeps it, with a plan that passed the check."""
        reached = (record.get("seconds_to_gap") or {}).get(str(self.gap))
        if reached is None or not record.get("verified"):
            return False
        if record.get("asked_gap") == self.gap:
            reached = record["wall_s"]
        return (
            (self.wall_s is None or reached <= self.wall_s)
            and (self.cpu_s is None or record["cpu_s"] <= self.cpu_s)
            and (self.memory_gb is None or record["peak_mb"] <= 1024 * self.memory_gb)
        )


class Source(Protocol):
    """Where a case comes from."""

    @property
    def name(self) -> str:
        """What it is called in records."""
        ...

    def sizes(self) -> Record:
        """Sites, periods and areas, as far as they are known."""
        ...

    def prepare(self, folder: Path) -> Path:
        """The case on disk, made if it is not there yet."""
        ...


@dataclass(frozen=True)
class Made(Size):
    """A case of :mod:`benchmarks.cases`."""

    @property
    def name(self) -> str:
        """``200x20``, with what is not usual."""
        extra = "" if self.areas == 12 else f", {self.areas} areas"
        extra += ", all features" if self.features else ""
        return f"{self.sites}x{self.quarters + self.years}{extra}"

    def sizes(self) -> Record:
        """Sites, periods, areas and seed."""
        return {"sites": self.sites, "periods": self.quarters + self.years, "areas": self.areas,
                "seed": self.seed}  # fmt: skip

    def prepare(self, folder: Path) -> Path:
        """Write it once."""
        kept = "-".join([f"{self.sites}", f"{self.quarters}q", f"{self.years}y", f"{self.areas}a",
                         f"seed{self.seed}", *self.features])  # fmt: skip
        target = folder / "cases" / kept
        arguments: list[object] = [target, "--sites", self.sites, "--quarters", self.quarters,
                                   "--years", self.years, "--areas", self.areas,
                                   "--seed", self.seed]  # fmt: skip
        if self.features:
            arguments += ["--features", *self.features]
        return _made(target, "benchmarks.cases", arguments)


@dataclass(frozen=True)
class Staged:
    """A case of :mod:`benchmarks.stages`: years without lead times."""

    sites: int
    stages: int
    seed: int = 0

    @property
    def name(self) -> str:
        """``5x3 stages``."""
        return f"{self.sites}x{self.stages} stages"

    def sizes(self) -> Record:
        """Sites, periods and seed."""
        return {"sites": self.sites, "periods": self.stages, "seed": self.seed}

    def prepare(self, folder: Path) -> Path:
        """Write it once."""
        target = folder / "cases" / f"{self.sites}-{self.stages}stages-seed{self.seed}"
        arguments = [target, "--sites", self.sites, "--stages", self.stages, "--seed", self.seed]
        return _made(target, "benchmarks.stages", arguments)


@dataclass(frozen=True)
class Real:
    """``inputs/texas_southwest``; from seed 1 on a variant of it."""

    seed: int = 0

    @property
    def name(self) -> str:
        """With its seed."""
        return "texas_southwest" + (f", variant {self.seed}" if self.seed else "")

    def sizes(self) -> Record:
        """Its sites and periods."""
        return {"sites": 14, "periods": 19, "seed": self.seed}

    def prepare(self, folder: Path) -> Path:
        """The folder of the repository, or a variant written once."""
        if not self.seed:
            return ROOT / "inputs" / "texas_southwest"
        target = folder / "cases" / f"texas_southwest-{self.seed}"
        return _made(target, "benchmarks.variants", [target, "--seed", self.seed])


def _made(target: Path, module: str, arguments: list[object]) -> Path:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        done = python(module, *arguments)
        if done.exit_code:
            raise RuntimeError(f"{module} failed:\n{done.stderr[-2000:]}")
    return target


def seconds_to_gaps(
    progress: list[Record], begun_s: float, final_gap: float | None, end_s: float
) -> dict[str, float | None]:
    """Seconds from the command's start to each of ``GAPS``, None if it was not reached.

    A gap that only the final check shows counts at the end of the solve.
    """
    reached: dict[str, float | None] = {}
    for gap in GAPS:
        times = [p["seconds"] for p in progress if p["gap"] is not None and p["gap"] <= gap]
        if times:
            reached[str(gap)] = round(begun_s + times[0], 3)
        else:
            late = final_gap is not None and final_gap <= gap
            reached[str(gap)] = round(end_s, 3) if late else None
    return reached


def solve_record(done: Measured, gap: float, seconds: float) -> Record:
    """What ``optimizer run --json`` did, from its summary."""
    record: Record = {"asked_gap": gap, "time_limit_s": seconds, **done.figures()}
    summary = done.answer()
    if summary is None or "progress" not in summary:
        told = [line for line in done.stderr.splitlines() if line.strip()]
        return {**record, "status": (summary or {}).get("status", "failed"), "verified": False,
                "said": told[-3:]}  # fmt: skip
    timing = summary["timing"]
    after = timing.get("verify", 0.0) + timing.get("dates", 0.0)
    end = timing["until_written"] - after
    begun = max(0.0, end - timing["solve"])
    progress = summary["progress"]
    plans = [p for p in progress if p["best"] is not None]
    copied = ("status", "stop_reason", "gap", "gap_controllable", "bound", "objective", "problem",
              "timing")  # fmt: skip
    return record | {key: summary[key] for key in copied} | {
        "verified": bool(summary["verification"]["passed"]),
        "begun_s": round(begun, 3),
        "first_plan_s": round(begun + plans[0]["seconds"], 3) if plans else None,
        "gap_at_first_plan": plans[0]["gap"] if plans else None,
        "seconds_to_gap": seconds_to_gaps(progress, begun, summary["gap"], end),
        "progress": progress,
    }  # fmt: skip


def run_product(source: Source, gap: float, seconds: float, options: Options) -> Record:
    """One run of the command line on a case."""
    case = source.prepare(options.folder)
    out = options.folder / "result"
    done = python(
        "optimizer", "run", case, "--out", out, "--overwrite", "--gap", gap, "--time-limit",
        seconds, "--threads", options.threads, "--json", limit_s=seconds,
    )  # fmt: skip
    told = solve_record(done, gap, seconds)
    return {"subject": PRODUCT, "case": source.name, **source.sizes(), **told}


def run_monolith(
    source: Source, solver: str, seconds: float, gap: float, options: Options
) -> Record:
    """The same case as one program in HiGHS; building may take as long as solving, and a minute."""
    seconds = min(seconds, options.cap_s)
    case = source.prepare(options.folder)
    done = python(
        "benchmarks.monolith", case, "--solver", solver, "--seconds", seconds, "--gap", gap,
        "--threads", options.threads, "--memory-gb", options.peer_gb, limit_s=2 * seconds,
    )  # fmt: skip
    lost = "not built and solved in time" if done.overdue else f"ended by {done.exit_code}"
    told = done.answer() or {"status": lost}
    name = "monolith" if solver == "choose" else f"monolith, {solver}"
    return {"subject": name, "case": source.name, **source.sizes(), **told, **done.figures()}


@dataclass(frozen=True)
class Row:
    """A line of a table, ready to print."""

    case: str
    asked: str
    aim: str
    reached: str
    peer: str
    met: str


class Benchmark(Protocol):
    """An entry of the registry."""

    @property
    def name(self) -> str:
        """Short name for the command line."""
        ...

    @property
    def title(self) -> str:
        """What is measured."""
        ...

    @property
    def unit(self) -> str:
        """Unit of the figure that is compared."""
        ...

    @property
    def peer(self) -> str:
        """Beside whom, in the same run."""
        ...

    @property
    def asked(self) -> str:
        """The bar."""
        ...

    @property
    def aim(self) -> str:
        """The higher bar."""
        ...

    def run(self, options: Options) -> Iterator[Record]:
        """Measure once."""
        ...

    def rows(self, records: list[Record]) -> list[Row]:
        """Lines of the table from the records of all runs."""
        ...


def median(values: Iterable[float | None]) -> float | None:
    """Median of what is there, None if nothing is."""
    there = [v for v in values if v is not None]
    return statistics.median(there) if there else None


def show(value: float | None, unit: str = "") -> str:
    """Three digits, or a dash."""
    if value is None:
        return "–"
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{text} {unit}".strip()


def percent(value: float | None) -> str:
    """A share as per cent."""
    return "none" if value is None else f"{100 * value:.2f} %"


def verdict(asked: bool, aim: bool) -> str:
    """Which bar is passed."""
    return "aim" if aim and asked else "asked" if asked else "no"


def of(records: list[Record], subject: str, case: str | None = None) -> list[Record]:
    """Records of a subject, on one case if it is named."""
    return [r for r in records if r["subject"] == subject and case in (None, r["case"])]


def built(records: list[Record]) -> str:
    """CPU and wall seconds of building, and the memory that it added; medians."""
    units = (("cpu_s", "CPU s"), ("wall_s", "s"), ("added_mb", "MB"))
    return ", ".join(show(median(r.get(key) for r in records), unit) for key, unit in units)


@dataclass(frozen=True)
class Build:
    """Building and handing over a block; ``asked`` and ``aim`` are ratios of CPU seconds."""

    name: str
    title: str
    ratios: dict[str, tuple[float, float]]
    unit: str = "times our CPU seconds"

    @property
    def peer(self) -> str:
        """All peers."""
        return ", ".join(self.ratios)

    @property
    def asked(self) -> str:
        """The bar."""
        return ", ".join(f">= {asked:g} x {peer}" for peer, (asked, _) in self.ratios.items())

    @property
    def aim(self) -> str:
        """The higher bar."""
        return ", ".join(f">= {aim:g} x {peer}" for peer, (_, aim) in self.ratios.items())

    def run(self, options: Options) -> Iterator[Record]:
        """Each subject in a process of its own, in turn; each proves its optimum."""
        for subject in (PRODUCT, *(self.ratios if options.peers else ())):
            done = python("benchmarks.block", subject, "--hours", options.hours, "--solve")
            told = done.answer()
            # Seconds and memory of the builder, not of the whole process, which imports and solves.
            figures = told or {"status": "failed", "said": done.stderr.splitlines()[-3:]}
            yield {"subject": subject, "case": f"{options.hours} h", **figures}

    def rows(self, records: list[Record]) -> list[Row]:
        """A line for each peer, by the median of its runs."""
        found = []
        for case in dict.fromkeys(r["case"] for r in records):
            ours = of(records, PRODUCT, case)
            cpu, best = median(r.get("cpu_s") for r in ours), ours[0].get("optimum")
            mine = built(ours)
            for peer, (asked, aim) in self.ratios.items():
                other = of(records, peer, case)
                theirs = median(r.get("cpu_s") for r in other)
                if cpu is None or theirs is None or best is None:
                    if other:
                        found.append(Row(f"block, {case}", f"{asked:g} x", f"{aim:g} x", mine,
                                         f"{peer}: {other[0].get('status')}", "no"))  # fmt: skip
                    continue
                same = all(abs(r["optimum"] - best) <= SAME * abs(best) for r in other)
                ratio = theirs / cpu
                told = f"{peer}: {built(other)}, {ratio:.1f} x"
                told += ", same optimum" if same else ", ANOTHER OPTIMUM"
                passed = verdict(same and ratio >= asked, same and ratio >= aim)
                found.append(
                    Row(f"block, {case}", f"{asked:g} x", f"{aim:g} x", mine, told, passed)
                )
        return found


@dataclass(frozen=True)
class Matched:
    """Warm solves of a block of a year with carbon-free rows, as ratios to the plain block."""

    name: str
    title: str
    most: float
    goal: float
    peer: str = "the same block without them"
    unit: str = "times the plain block's CPU seconds, HiGHS"

    @property
    def asked(self) -> str:
        """The bar."""
        return f"<= {self.most:g} x"

    @property
    def aim(self) -> str:
        """The higher bar."""
        return f"<= {self.goal:g} x"

    def run(self, options: Options) -> Iterator[Record]:
        """All kinds of rows in one process of its own."""
        done = python("benchmarks.matching_block")
        told = done.answer() or {"status": "failed", "said": done.stderr.splitlines()[-3:]}
        yield {"subject": PRODUCT, "case": "8760 h", **told}

    def rows(self, records: list[Record]) -> list[Row]:
        """A line for each kind of target; the specialised oracle is told beside HiGHS."""
        found = []
        for kind in ("cfe_hourly", "cfe_annual"):
            ratio = median(r.get(f"highs_{kind}_ratio") for r in records)
            seconds = median(r.get(f"highs_{kind}_s") for r in records)
            special = median(r.get(f"special_{kind}_s") for r in records)
            if ratio is None:
                continue
            mine = f"{show(seconds, 's')}, {ratio:.1f} x"
            told = f"the faster of both oracles: {show(special, 's')}"
            found.append(Row(f"block, {kind}", self.asked, self.aim, mine, told,
                             verdict(ratio <= self.most, ratio <= self.goal)))  # fmt: skip
        return found


def _targets(targets: tuple[Target, ...]) -> str:
    return "; ".join(map(str, targets))


def reached(records: list[Record]) -> str:
    """Gap, seconds and memory of runs of the product, medians."""
    if all(r.get("gap") is None for r in records):
        return str(records[0].get("status"))
    gap = median(r.get("gap") for r in records)
    unchecked = "" if all(r.get("verified") for r in records) else ", NOT VERIFIED"
    to = {g: median((r.get("seconds_to_gap") or {}).get(str(g)) for r in records) for g in GAPS}
    steps = ", ".join(f"{100 * g:g} % at {show(s, 's')}" for g, s in to.items() if s is not None)
    first = show(median(r.get("first_plan_s") for r in records), "s")
    walls = [r["wall_s"] for r in records]
    spread = f" ({min(walls):.0f}–{max(walls):.0f})" if len(walls) > 1 else ""
    return (
        f"{percent(gap)}{unchecked}; {show(median(walls), 's')}{spread}, "
        f"{show(median(r['cpu_s'] for r in records), 'CPU s')}, "
        f"{show(median(r['peak_mb'] for r in records), 'MB')}; first plan {first}"
        + (f"; {steps}" if steps else "")
    )


def peer_told(records: list[Record]) -> str:
    """What one peer reached."""
    gap, best = median(r.get("gap") for r in records), records[0]
    why = (
        "" if gap is not None else f" ({str(best.get('status')).replace('HighsModelStatus.k', '')})"
    )
    return (
        f"{best['subject']}: gap {percent(gap)}{why}, {show(median(r['wall_s'] for r in records), 's')}, "
        f"{show(median(r['peak_mb'] for r in records), 'MB')}"
    )


@dataclass(frozen=True)
class Solve:
    """Solving cases to a proven gap; the peer is the same case as one program in HiGHS."""

    name: str
    title: str
    sources: tuple[Source, ...]
    targets: tuple[Target, ...]
    aims: tuple[Target, ...]
    limit_s: float
    unit: str = "seconds to a proven gap"
    peer: str = "the case as one program in HiGHS, same seconds"

    @property
    def asked(self) -> str:
        """The bar."""
        return _targets(self.targets)

    @property
    def aim(self) -> str:
        """The higher bar."""
        return _targets(self.aims)

    @property
    def gap(self) -> float:
        """At which the run ends: the smallest gap that is spoken of."""
        return min(t.gap for t in (*self.targets, *self.aims))

    def run(self, options: Options) -> Iterator[Record]:
        """The product, then the peer, on each case."""
        for source in self.sources:
            yield run_product(source, options.gap or self.gap, self.limit_s, options)
            if options.peers:
                yield run_monolith(source, "choose", self.limit_s, self.gap, options)

    def rows(self, records: list[Record]) -> list[Row]:
        """A line for each case; a bar is passed if every run passes it."""
        found = []
        for case in dict.fromkeys(r["case"] for r in records):
            ours, peer = of(records, PRODUCT, case), of(records, "monolith", case)
            passed = [
                bool(ts) and all(t.met(r) for r in ours for t in ts)
                for ts in (self.targets, self.aims)
            ]
            told = peer_told(peer) if peer else "–"
            found.append(Row(case, self.asked, self.aim, reached(ours), told, verdict(*passed)))
        return found


@dataclass(frozen=True)
class Ratio:
    """Two cases to the same gap: how much longer the second one takes."""

    name: str
    title: str
    plain: Made
    other: Made
    gap: float
    limit_s: float
    asked_ratio: float
    aim_ratio: float
    unit: str = "times the plain case's seconds"
    peer: str = "the plain case"

    @property
    def asked(self) -> str:
        """The bar."""
        return f"<= {100 * self.gap:g} % in <= {self.asked_ratio:g} x the plain time"

    @property
    def aim(self) -> str:
        """The higher bar."""
        return f"<= {self.aim_ratio:g} x"

    def run(self, options: Options) -> Iterator[Record]:
        """Plain, then with everything on; this one gets ``asked_ratio`` times the seconds."""
        for source, limit_s in (
            (self.plain, self.limit_s), (self.other, self.asked_ratio * self.limit_s),
        ):  # fmt: skip
            if not options.cases or source.name in options.cases:
                yield run_product(source, self.gap, limit_s, options)

    def mine(self, records: list[Record]) -> list[Record]:
        """Runs of its cases to its gap, in whichever benchmark."""
        names = (self.plain.name, self.other.name)
        return [
            r for r in records if r.get("case") in names and r.get("asked_gap") == self.gap
        ]  # fmt: skip

    def rows(self, records: list[Record]) -> list[Row]:
        """One line."""
        plain = of(records, PRODUCT, self.plain.name)
        other = of(records, PRODUCT, self.other.name)
        if not plain or not other:
            return []
        both = [median(r["wall_s"] for r in rs) for rs in (plain, other)]
        met = all(Target(self.gap).met(r) for r in (*plain, *other))
        ratio = both[1] / both[0] if both[0] and both[1] else math.inf
        told = f"{ratio:.2f} x; {reached(other)}" if met else reached(other)
        passed = verdict(met and ratio <= self.asked_ratio, met and ratio <= self.aim_ratio)
        return [
            Row(self.other.name, self.asked, self.aim, told, f"plain: {reached(plain)}", passed)
        ]


def exponent(points: list[tuple[float, float]]) -> float | None:
    """Slope of log y against log x by least squares; None for fewer than two sizes."""
    if len({x for x, _ in points}) < 2 or any(y <= 0 for _, y in points):
        return None
    return statistics.linear_regression(
        [math.log(x) for x, _ in points], [math.log(y) for _, y in points]
    ).slope


@dataclass(frozen=True)
class Growth:
    """Cases of growing size to one gap: the exponent of the seconds until it is proven.

    Seconds, not those of the whole command, so that a run to a smaller gap counts too.
    """

    name: str
    title: str
    sources: tuple[Made, ...]
    along: str
    gap: float
    limit_s: float
    asked_exponent: float | None = None
    aim_exponent: float | None = None
    unit: str = "exponent of wall seconds to the gap"
    peer: str = "the smallest of its own cases"

    @property
    def asked(self) -> str:
        """The bar."""
        told = "a plot" if self.asked_exponent is None else f"exponent <= {self.asked_exponent:g}"
        return f"{told}, each <= {100 * self.gap:g} %"

    @property
    def aim(self) -> str:
        """The higher bar."""
        return "" if self.aim_exponent is None else f"< {self.aim_exponent:g}"

    def run(self, options: Options) -> Iterator[Record]:
        """From small to large."""
        for source in self.sources:
            if options.cases and source.name not in options.cases:
                continue
            yield run_product(source, self.gap, self.limit_s, options)

    def mine(self, records: list[Record]) -> list[Record]:
        """Runs with one of its cases to its gap or a smaller one, in whichever benchmark."""
        names = {s.name for s in self.sources}
        return [
            r for r in records
            if r["subject"] == PRODUCT
            and r.get("case") in names and (r.get("asked_gap") or 1.0) <= self.gap
        ]  # fmt: skip

    def points(self, records: list[Record]) -> list[tuple[int, float]]:
        """(size, median of the seconds until its gap is proven) of those that have proven it."""
        by_size: dict[int, list[float]] = {}
        for r in records:
            seconds = (r.get("seconds_to_gap") or {}).get(str(self.gap))
            if seconds is not None:
                by_size.setdefault(r[self.along], []).append(seconds)
        return [(n, statistics.median(by_size[n])) for n in sorted(by_size)]

    def rows(self, records: list[Record]) -> list[Row]:
        """One line, over the cases that reached the gap; a bar needs all of them."""
        if not records:
            return []
        met = [r for r in of(records, PRODUCT) if Target(self.gap).met(r)]
        whole = {s.name for s in self.sources} <= {r["case"] for r in met}
        points = self.points(met)
        slopes = {
            "wall": exponent(points),
            "memory": exponent([(r[self.along], r["peak_mb"]) for r in met]),
        }
        told = ", ".join(f"{show(v)} ({unit})" for unit, v in slopes.items())
        told += f"; {len({r['case'] for r in met})} of {len(self.sources)} cases"
        wall = slopes["wall"]
        known = wall is not None and whole
        passed = verdict(
            known and (self.asked_exponent is None or wall <= self.asked_exponent),  # type: ignore[operator]
            known and self.aim_exponent is not None and wall < self.aim_exponent,  # type: ignore[operator]
        )
        peer = "; ".join(f"{x} {self.along}: {show(y, 's')}" for x, y in points)
        ends = f"{self.sources[0].name} to {self.sources[-1].name}"
        return [Row(ends, self.asked, self.aim, told, peer or "–", passed)]


@dataclass(frozen=True)
class Monolith:
    """The product, then the case as one program in HiGHS with each algorithm and more time."""

    name: str
    title: str
    source: Source
    gap: float
    limit_s: float
    times: float = 10.0
    unit: str = "gap"
    aim: str = ""
    peer: str = f"one program in HiGHS by {', '.join(SOLVERS)}"

    @property
    def asked(self) -> str:
        """The bar."""
        return f"after {self.times:g} x our time no algorithm has reached our gap"

    def run(self, options: Options) -> Iterator[Record]:
        """The product first: its wall seconds set those of HiGHS, building not counted."""
        ours = run_product(self.source, self.gap, self.limit_s, options)
        yield ours
        for solver in SOLVERS if options.peers else ():
            seconds = self.times * ours["wall_s"]
            record = run_monolith(self.source, solver, seconds, self.gap, options)
            # Its bound beside our plan: what it would have proven with the best plan at hand.
            bound, best = record.get("bound"), ours.get("objective")
            helped = (
                None if bound is None or best is None else (best - bound) / max(abs(best), 1e-9)
            )
            yield {**record, "gap_with_our_plan": helped, "allowed_s": seconds,
                   "capped": seconds > options.cap_s}  # fmt: skip

    def rows(self, records: list[Record]) -> list[Row]:
        """A line for each algorithm."""
        ours = of(records, PRODUCT)
        if not ours or all(r.get("gap") is None for r in ours):
            return []
        gap = max(r["gap"] for r in ours if r.get("gap") is not None)
        proven = all(Target(self.gap).met(r) for r in ours)
        found: list[Row] = []
        for solver in SOLVERS:
            theirs = of(records, f"monolith, {solver}")
            if not theirs:
                continue
            gaps = [g for r in theirs for g in (r.get("gap"), r.get("gap_with_our_plan"))
                    if g is not None]  # fmt: skip
            told = peer_told(theirs)
            if theirs[0].get("gap_with_our_plan") is not None:
                told += (
                    f"; {percent(median(r.get('gap_with_our_plan') for r in theirs))} with our plan"
                )
            if any(r.get("capped") for r in theirs):
                told += f"; capped at {show(theirs[0].get('seconds'), 's')}"
            ran = all("build_s" in r and not r.get("capped") for r in theirs)
            beaten = any(g <= gap for g in gaps)
            passed = "no" if beaten or not proven else "asked" if ran else "not measured"
            mine = "as above" if found else reached(ours)
            found.append(Row(ours[0]["case"], self.asked, "", mine, told, passed))
        return found


@dataclass(frozen=True)
class BlockRows:
    """A full-year block with the rows of each feature, warm, against the plain one."""

    name: str
    title: str
    asked_ratio: float
    unit: str = "times the plain block's CPU seconds, warm"
    peer: str = "the plain block"
    aim: str = ""

    @property
    def asked(self) -> str:
        """The bar."""
        return f"<= {self.asked_ratio:g} x"

    def run(self, options: Options) -> Iterator[Record]:
        """All features in one process, by HiGHS on one thread."""
        done = python("benchmarks.rows")
        told = done.answer() or {"status": "failed", "said": done.stderr.splitlines()[-3:]}
        yield {"subject": PRODUCT, "case": "8760 h", **told}

    def rows(self, records: list[Record]) -> list[Row]:
        """A line for each feature, by the median of its runs."""
        ours = [r for r in of(records, PRODUCT) if "ratio" in r]
        plain = show(median(r["cpu_s"]["plain"] for r in ours), "CPU s")
        found = []
        for name in ours[0]["ratio"] if ours else ():
            ratio = median(r["ratio"][name] for r in ours)
            told = f"{show(median(r['cpu_s'][name] for r in ours), 'CPU s')}, {ratio:.2f} x"
            passed = verdict(ratio is not None and ratio <= self.asked_ratio, False)
            found.append(Row(name, self.asked, self.aim, told, f"plain: {plain}", passed))
        return found


S_200X20 = Made(200, quarters=20)


def records_of(name: str, records: list[Record]) -> list[Record]:
    """The records that a benchmark tells."""
    entry = REGISTRY[name]
    if isinstance(entry, Growth | Ratio):
        return entry.mine(records)
    return [r for r in records if r["benchmark"] == name]


REGISTRY: dict[str, Benchmark] = {
    entry.name: entry
    for entry in (
        Build(
            "build", "Build and hand over a site and a year",
            {"linopy": (20, 40), "PyPSA": (40, 80), "Pyomo": (100, 200)},
        ),
        Matched("matching_block", "Carbon-free rows in a block of a year, warm", 3.0, 1.5),
        BlockRows("block_rows", "Demand charges, ratchets and other rows of a full-year block", 3.0),
        Solve(
            "tiny", "2 sites x 4 quarters, which shows that all of this works", (Made(2, quarters=4),),
            (Target(0.01, wall_s=60),), (), 60,
        ),
        Solve(
            "5x3", "5 sites x 3 stages", (Staged(5, 3),),
            (Target(0.01, cpu_s=40),), (Target(0.01, cpu_s=10),), 120,
        ),
        Solve(
            "20x6", "20 sites x 6 stages", (Staged(20, 6),),
            (Target(0.01, wall_s=150, memory_gb=4),), (Target(0.01, wall_s=40, memory_gb=1),), 300,
        ),
        Solve(
            "real", "inputs/texas_southwest, all features, and two variants by seed",
            (Real(), Real(1), Real(2)),
            (Target(0.02, wall_s=180), Target(0.01, wall_s=600, memory_gb=4)),
            (Target(0.01, wall_s=120, memory_gb=4),), 600,
        ),
        Solve(
            "50x20", "50 sites x 20 quarters", (Made(50, quarters=20),),
            (Target(0.03, wall_s=900),), (Target(0.01, wall_s=180),), 900,
        ),
        Solve(
            "200x20", "200 sites x 20 quarters", (S_200X20,),
            (Target(0.02, wall_s=480, memory_gb=2),), (Target(0.01, wall_s=120, memory_gb=2),), 480,
        ),
        Solve(
            "1000x20", "1,000 sites x 20 quarters", (Made(1000, quarters=20),),
            (Target(0.02, wall_s=1200, memory_gb=3),), (Target(0.005, wall_s=300, memory_gb=1),),
            1200,
        ),
        Solve(
            "2000x20", "2,000 sites x 20 quarters", (Made(2000, quarters=20),),
            (Target(0.03, wall_s=2400, memory_gb=4),), (Target(0.01, wall_s=480, memory_gb=4),),
            2400,
        ),
        Solve(
            "1000x40", "1,000 sites x 40 quarters", (Made(1000, quarters=40),),
            (Target(0.03, wall_s=2400, memory_gb=4),), (Target(0.01, wall_s=480, memory_gb=4),),
            2400,
        ),
        Solve(
            "200x20_areas", "200 sites x 20 quarters, 200 distinct profile areas",
            (Made(200, quarters=20, areas=200),),
            (Target(0.03, wall_s=1800),), (Target(0.01, wall_s=600),), 1800,
        ),
        Ratio(
            "200x20_features",
            "200 sites x 20 quarters with carbon, water, land, budget, grid steps and permit "
            "variants", S_200X20, Made(200, quarters=20, features=FEATURES), 0.02, 480, 3.0, 1.5,
        ),
        Growth(
            "sites", "Time against sites, 50 to 2,000, same areas",
            tuple(Made(n, quarters=20) for n in (50, 200, 1000, 2000)),
            "sites", 0.03, 2400, 1.0, 0.8,
        ),
        Growth(
            "areas", "Time against distinct profile areas, 200 sites x 20 quarters",
            tuple(Made(200, quarters=20, areas=n) for n in (12, 25, 50, 100, 200)),
            "areas", 0.03, 1800,
        ),
        Monolith("monolith", "Best-tuned monolith on 2 sites x 2 stages", Staged(2, 2), 0.01, 300),
    )
}  # fmt: skip
