"""What carbon-free rows cost a block of a full year, warm: ``python -m benchmarks.matching_block``.

The block of :mod:`benchmarks.block` without its CO2 cap is asked at plans that differ by a few per
cent, as a search asks it: without a target, with an hourly and with an annual one. Each is
solved warm after one that is not timed, by HiGHS and where it can by the specialised oracle.
Prints a line of JSON: median CPU seconds of a solve, and its ratio to the plain block's.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import numpy as np

from benchmarks.block import BATTERY_MW, BATTERY_MWH, GENERATION_MW, LOAD_MW
from optimizer.preparing.case import Case
from optimizer.solving.oracles import BlockOracle, Task

PLANS = 6
SPREAD = 0.04
TARGET = 0.8
KINDS = ("", "cfe_hourly", "cfe_annual")


def make_case(kind: str) -> Case:
    """A site for a year with grid, engines, sun, wind and a battery, and a target or none."""
    from tests.support import add_grid, base, case, technology

    rows = base([("year", "2027-01-01", 12)])
    rows["technologies"] += [
        technology("turbine", "thermal", heat_rate_mmbtu_per_mwh=9.5, fuel="gas"),
        technology("sun", "variable"), technology("wind", "variable"),
        technology("battery", "storage", round_trip_efficiency=0.86, capex_usd_per_kwh=200),
    ]  # fmt: skip
    rows["site_technologies"] += [
        {"site": "*", "technology": "turbine", "max_mw": 200},
        {"site": "*", "technology": "sun", "max_mw": 300, "profile": "sun"},
        {"site": "*", "technology": "wind", "max_mw": 300, "profile": "wind"},
        {"site": "*", "technology": "battery", "max_mw": 100},
    ]
    add_grid(rows, 50, 50, curtailed_hours_per_year=200)
    rows["tariffs"][0].update(price_profile="price", carbon_free_share=0.3)
    if kind:
        rows["policies"] = [{"policy": "cfe", "kind": kind, "value": TARGET}]
    return case(rows)


def plans(case: Case, oracle: BlockOracle) -> list[np.ndarray]:
    """Links of the block at plans that are near each other."""
    shape = oracle.shape("site0", 0)
    load_gwh = LOAD_MW * len(shape.hours) / 1e3
    sizes = {
        "it_mw:training": LOAD_MW, "mw:battery": BATTERY_MW, "mwh:battery": BATTERY_MWH,
        "firm_mw": 60.0, "flexible_mw:grid": 30.0, "unmatched_gwh:cfe": (1 - TARGET) * load_gwh,
        **{f"mw:{name}": mw for name, mw in GENERATION_MW.items()},
    }  # fmt: skip
    x = np.array([sizes.get(name, 0.0) for name in shape.links])
    random = np.random.default_rng(0)
    return [x * (1 + SPREAD * random.uniform(-1, 1, len(x))) for _ in range(PLANS + 1)]


def warm_seconds(kind: str, *, special: bool) -> float:
    """Median CPU seconds of a warm solve."""
    case = make_case(kind)
    oracle = BlockOracle(case, 1, special=special)
    taken = []
    for number, x in enumerate(plans(case, oracle)):
        begun = time.process_time()
        oracle.evaluate([Task("site0", 0, x)])
        if number:
            taken.append(time.process_time() - begun)
    oracle.close()
    return statistics.median(taken)


def figures() -> dict[str, float]:
    """Seconds and ratios by oracle and kind of target."""
    found: dict[str, float] = {}
    for oracle, special in (("highs", False), ("special", True)):
        plain = 0.0
        for kind in KINDS:
            seconds = warm_seconds(kind, special=special)
            plain = plain or seconds
            name = f"{oracle}_{kind or 'plain'}"
            found[f"{name}_s"] = seconds
            found[f"{name}_ratio"] = seconds / plain
    return found


def main() -> None:
    """Print the figures as a line of JSON."""
    argparse.ArgumentParser(
        prog="python -m benchmarks.matching_block", description=__doc__
    ).parse_args()
    print("\n" + json.dumps(figures()))


if __name__ == "__main__":
    main()
