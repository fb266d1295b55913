"""What further rows cost a full-year block, warm: ``python -m benchmarks.rows``.

The block of :mod:`benchmarks.block` without its CO2 quota is solved by HiGHS at the same points
with and without the rows of each feature; the command prints a line of JSON with CPU seconds of
a warm solve, medians over the points, and their ratio to the plain block.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.block import BATTERY_MW, BATTERY_MWH, LOAD_MW, make_rows
from optimizer.model.blocks import links
from optimizer.preparing.case import Case
from optimizer.solving.oracles.blocks import Blocks
from optimizer.solving.oracles.reference import HighsOracle
from optimizer.solving.oracles.task import Task
from tests.support import Rows, case, profiles

POINTS = 12
SPREAD = 0.1
GRID_FIRM_MW, GRID_FLEXIBLE_MW = 90.0, 10.0
GENERATION_MW = {"engine": 20.0, "turbine": 10.0, "sun": 60.0, "wind": 30.0}
"""Mostly from the grid, so that its peaks and what holds them down matter."""
DEMAND: dict[str, Any] = {"tariff": "flat", "charge": "demand", "kind": "demand",
                          "price_usd_per_kw_month": 8}  # fmt: skip
RATCHET: dict[str, Any] = {"ratchet_share": 0.8, "ratchet_months": 11}
PEAK: dict[str, Any] = {
    "tariff": "flat", "charge": "peak", "kind": "coincident_peak", "price_usd_per_kw_year": 70,
    "months": "6-9", "system_profile": "price", "candidate_hours": 6,
}  # fmt: skip


def demand(rows: Rows) -> None:
    """A demand charge at any time and one in a window."""
    on_peak = {**DEMAND, "charge": "on-peak", "hours": "14-20", "weekdays": "weekday"}
    rows["tariff_charges"] = [DEMAND, on_peak]


def ratchet(rows: Rows) -> None:
    """The same with a ratchet over the year, and a coincident peak."""
    demand(rows)
    rows["tariff_charges"] = [
        *({**row, **RATCHET} for row in rows["tariff_charges"]), PEAK,
    ]  # fmt: skip


FEATURES: dict[str, Callable[[Rows], None]] = {"demand": demand, "ratchet": ratchet}
"""What is measured, and how the case's tables get it; a new kind of rows is a line here."""


def points(made: Case) -> list[np.ndarray]:
    """Links of the block near one plan, the same for all features."""
    site = made.sites["site0"]
    sizes = {
        "it_mw:training": LOAD_MW, "mw:battery": BATTERY_MW, "mwh:battery": BATTERY_MWH,
        links.FIRM: GRID_FIRM_MW, "flexible_mw:grid": GRID_FLEXIBLE_MW,
        **{f"mw:{name}": mw for name, mw in GENERATION_MW.items()},
    }  # fmt: skip
    random = np.random.default_rng(0)
    changes = [dict(zip(sizes, random.uniform(1 - SPREAD, 1 + SPREAD, len(sizes)), strict=True))
               for _ in range(POINTS)]  # fmt: skip
    names = links.names(made, site)
    return [
        np.array([sizes[n] * c[n] if n in sizes else 1.0 for n in names]) for c in changes
    ]  # fmt: skip


def warm_s(made: Case) -> float:
    """CPU seconds of a warm solve, the median over the points after the first."""
    oracle = HighsOracle(Blocks(made), 1e-7)
    seconds = []
    for x in points(made):
        begin = time.process_time()
        oracle.solve(Task("site0", 0, x))
        seconds.append(time.process_time() - begin)
    return statistics.median(seconds[1:])


def measure(names: list[str]) -> dict[str, float]:
    """CPU seconds of the plain block and of each feature's."""
    found = {}
    for name in ("plain", *names):
        rows = make_rows()
        rows["policies"] = []
        if name in FEATURES:
            FEATURES[name](rows)
        found[name] = warm_s(case(rows, profiles()))
    return found


def main() -> None:
    """Measure all features and print them."""
    seconds = measure(list(FEATURES))
    ratios = {name: s / seconds["plain"] for name, s in seconds.items() if name != "plain"}
    print(json.dumps({"cpu_s": seconds, "ratio": ratios}))


if __name__ == "__main__":
    main()
