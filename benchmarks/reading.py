"""``python -m benchmarks.reading [SITES]``: seconds to read and check a workbook of many sites.

The case has a row of each of four technologies and a grid offer of two steps at every site, and
twenty periods. Figures are wall seconds of this process, medians of several runs: reading with all
checks, what the case implies, and the whole command ``optimizer check`` in a process of its own.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from optimizer.preparing.implied import implied, report
from optimizer.reading.inputs import Inputs, read_inputs
from optimizer.reading.template import read_example
from optimizer.reading.writing import write_inputs

RUNS = 5
PERIODS = [(f"{2027 + k // 4}-Q{k % 4 + 1}", f"{2027 + k // 4}-{3 * (k % 4) + 1:02d}-01")
           for k in range(20)]  # fmt: skip


def many_sites(count: int) -> Inputs:
    """The example's case with many sites and quarters."""
    example = read_example().inputs
    assert example is not None
    tables = dict(example.tables)
    series = dict(example.profiles)
    random = np.random.default_rng(0)
    names = [f"site {k:04d}" for k in range(count)]
    site = tables["sites"].iloc[0]
    tables["sites"] = tables["sites"].iloc[[0] * count].assign(
        site=names, longitude=site["longitude"] + random.uniform(-5, 5, count),
        latitude=site["latitude"] + random.uniform(-3, 3, count),
    )  # fmt: skip

    def for_each(table: str, rows: int) -> None:
        frame = tables[table][tables[table]["site"].isin(["*", site["site"]])].iloc[:rows]
        tables[table] = frame.iloc[list(range(len(frame))) * count].assign(
            site=np.repeat(names, len(frame))
        )

    for_each("site_technologies", 4)
    for_each("interconnections", 1)
    steps = tables["interconnection_steps"]
    step = steps[steps["site"] == site["site"]].iloc[[0, 0]]
    later = step["from_date"].iloc[0].replace(year=2030)
    step = step.assign(from_date=[step["from_date"].iloc[0], later])
    tables["interconnection_steps"] = step.iloc[[0, 1] * count].assign(site=np.repeat(names, 2))
    period = tables["periods"].iloc[[0] * len(PERIODS)]
    tables["periods"] = period.assign(
        period=[n for n, _ in PERIODS], start=[d for _, d in PERIODS], months=3
    )
    demand = tables["demand"].iloc[[0] * len(PERIODS)]
    tables["demand"] = demand.assign(
        period=[n for n, _ in PERIODS], it_mw=np.linspace(0, 2000, len(PERIODS))
    )
    made, problems = Inputs.from_tables(tables, series)
    assert made is not None, problems.report()
    return made


def median_seconds(work: Callable[[], object]) -> float:
    """Median of several runs."""
    seconds = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


def main(count: int = 500) -> None:
    """Print the figures as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        workbook = Path(folder) / "case.xlsx"
        write_inputs(many_sites(count), workbook)
        inputs, problems = read_inputs(workbook)
        assert inputs is not None, problems.report()
        command = [sys.executable, "-m", "optimizer", "check", str(workbook)]
        figures = {
            "sites": count,
            "rows": sum(len(t) for t in inputs.tables.values()),
            "workbook_kb": round(workbook.stat().st_size / 1024),
            "read_and_check_s": median_seconds(lambda: read_inputs(workbook)),
            "implied_s": median_seconds(lambda: report(implied(inputs))),
            "command_s": median_seconds(
                lambda: subprocess.run(command, check=True, capture_output=True)
            ),
        }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
