"""How fast the gap of the real case closes: ``python -m benchmarks.real_case [--seeds 0 1 2]``.

For each seed of the mixed-integer solver: seconds to the first checked plan and to gaps of 3, 2
and 1 %, the gap after 60 and 180 s, CPU seconds and peak memory of the process. With
``--monolith SECONDS`` the same case as one plain program in HiGHS is the peer of the same run.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import resource
import time
from pathlib import Path
from typing import Any

from optimizer.settings import Engine

CASE = Path(__file__).parents[1] / "inputs" / "texas_southwest"
GAPS = (0.03, 0.02, 0.01)


def solve_once(engine: Engine, seed: int, gap: float, seconds: float) -> dict[str, Any]:
    """Solve the case in this process; what was reached when."""
    from optimizer import Case
    from optimizer.errors import StoppedError
    from optimizer.preparing.case import prepare
    from optimizer.settings import Progress, RunOptions
    from optimizer.solving.solve import solve_case

    begin = time.monotonic()
    lines: list[Progress] = []
    inputs = Case.load(CASE, overrides=[f"settings.seed={seed}"]).inputs
    assert inputs is not None
    case = prepare(inputs)
    options = RunOptions(gap=gap, time_limit_s=seconds, engine=engine)
    with contextlib.suppress(StoppedError):
        solve_case(case, options, lines.append)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    found = [line for line in lines if line.best < float("inf")]
    row: dict[str, Any] = {"engine": engine, "seed": seed}
    row["first plan s"] = round(found[0].seconds, 1) if found else None
    for target in GAPS:
        reached = [line.seconds for line in found if line.gap <= target]
        row[f"{target:.0%} s"] = round(reached[0], 1) if reached else None
    for at in (60, 180):
        by_then = [line.gap for line in found if line.seconds <= at]
        row[f"gap at {at} s"] = f"{by_then[-1]:.2%}" if by_then else None
    row["gap at the end"] = f"{found[-1].gap:.2%}" if found else None
    row["wall s"] = round(time.monotonic() - begin, 1)
    row["CPU s"] = round(usage.ru_utime + usage.ru_stime, 1)
    row["peak MB"] = round(usage.ru_maxrss / 1024)
    return row


def main() -> None:
    """Run the seeds, each in a process of its own, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--gap", type=float, default=0.01)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--monolith", type=float, default=0.0, metavar="SECONDS")
    given = parser.parse_args()
    runs = [("decomposition", seed, given.gap, given.seconds) for seed in given.seeds]
    if given.monolith:
        runs.append(("monolith", 0, given.gap, given.monolith))
    for number, run in enumerate(runs):
        with multiprocessing.get_context("spawn").Pool(1) as alone:
            row = alone.apply(solve_once, run)
        if not number:
            print("| " + " | ".join(row) + " |\n|" + "---|" * len(row))
        print("| " + " | ".join(str(v) for v in row.values()) + " |", flush=True)


if __name__ == "__main__":
    main()
