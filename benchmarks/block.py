"""One operating block, a site and a year, built and handed to HiGHS: ``python -m benchmarks.block``.

The block has a grid, two thermal technologies, sun, wind, a battery and a CO2 quota that binds.
``SUBJECTS`` names the product and its peers (:mod:`benchmarks.peers`); each builds the same block
from the same arrays and hands it over. The command times one of them in a process of its own and
prints a line of JSON: CPU and wall seconds, memory, and the optimum if it is asked for.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np

from optimizer.model.blocks import T_PER_LINK, make_shape
from optimizer.preparing.calendar import Period
from optimizer.preparing.case import Case, Site
from optimizer.solving.highs import INFINITY, make_model

YEAR = 8760
REPEATS = 5
LOAD_MW = 100.0
GRID_FIRM_MW, GRID_FLEXIBLE_MW = 40.0, 30.0
GENERATION_MW = {"engine": 60.0, "turbine": 40.0, "sun": 120.0, "wind": 60.0}
BATTERY_MW, BATTERY_MWH, BATTERY_EFFICIENCY = 30.0, 120.0, 0.86
CO2_T_PER_HOUR = 20.0


@dataclass(frozen=True, eq=False)
class Block:
    """What a block is built from.

    Parameters
    ----------
    case, site, period : the data
    hours : hours of the reference year, in order; the last one precedes the first
    """

    case: Case
    site: Site
    period: Period
    hours: np.ndarray

    @property
    def count(self) -> int:
        """Number of hours."""
        return len(self.hours)

    @property
    def grid_mw(self) -> np.ndarray:
        """What the grid can serve in each hour [MW]."""
        cut = self.site.offers[0].cut[self.hours]
        return np.asarray(GRID_FIRM_MW + GRID_FLEXIBLE_MW * (1 - cut))

    @property
    def grid_price(self) -> np.ndarray:
        """Price of imports [k$/MWh]."""
        return np.asarray(self.site.price[self.hours])

    def available(self, technology: str) -> np.ndarray:
        """Share of the capacity that may run in each hour."""
        asset = next(a for a in self.site.assets if a.technology == technology)
        return np.asarray(asset.availability[self.hours], float)

    def running(self, technology: str) -> np.ndarray:
        """Fuel and variable cost [k$/MWh]."""
        asset = next(a for a in self.site.assets if a.technology == technology)
        if not asset.fuel:
            return np.full(self.count, asset.vom)
        fuel = np.broadcast_to(self.site.fuel_price[asset.fuel], YEAR)[self.hours]
        return np.asarray(asset.heat_rate * fuel + asset.vom)

    def co2(self, technology: str) -> float:
        """Emissions [t/MWh]."""
        return next(a for a in self.site.assets if a.technology == technology).co2_t_per_mwh

    @property
    def grid_co2(self) -> np.ndarray:
        """Emissions of imports [t/MWh]."""
        return np.asarray(self.site.grid_co2[self.hours], float)

    @property
    def quota_t(self) -> float:
        """CO2 that all hours together may emit [t]."""
        return CO2_T_PER_HOUR * self.count


def make_rows() -> dict[str, list[dict[str, Any]]]:
    """Tables of a case of one site and a year, everything that a plain block may have."""
    from tests.support import add_grid, base, technology

    rows = base([("year", "2027-01-01", 12)])
    rows["technologies"] += [
        technology("turbine", "thermal", heat_rate_mmbtu_per_mwh=9.5, fuel="gas"),
        technology("sun", "variable"),
        technology("wind", "variable"),
        technology("battery", "storage", round_trip_efficiency=BATTERY_EFFICIENCY,
                   capex_usd_per_kwh=200),
    ]  # fmt: skip
    rows["site_technologies"] += [
        {"site": "*", "technology": "turbine", "max_mw": 200},
        {"site": "*", "technology": "sun", "max_mw": 300, "profile": "sun"},
        {"site": "*", "technology": "wind", "max_mw": 300, "profile": "wind"},
        {"site": "*", "technology": "battery", "max_mw": 100},
    ]
    add_grid(rows, 50, 50, curtailed_hours_per_year=200)
    rows["tariffs"][0].update(price_profile="price", co2_t_per_mwh=0.4)
    rows["policies"] = [{"policy": "cap", "kind": "co2_cap", "value": 1e6}]
    return rows


def make_block(count: int = YEAR) -> Block:
    """The first hours of a site's year."""
    from tests.support import case

    made = case(make_rows())
    return Block(made, made.sites["site0"], made.periods[0], made.periods[0].hours[:count])


def arrays(block: Block) -> highspy.Highs:
    """The product's way: sparse arrays to HiGHS."""
    shape = make_shape(block.case, block.site, block.hours)
    sizes = {
        "it_mw:training": LOAD_MW, "mw:battery": BATTERY_MW, "mwh:battery": BATTERY_MWH,
        "firm_mw": GRID_FIRM_MW, "flexible_mw:grid": GRID_FLEXIBLE_MW,
        "co2_kt": block.quota_t / T_PER_LINK,
        **{f"mw:{name}": mw for name, mw in GENERATION_MW.items()},
    }  # fmt: skip
    x = np.array([sizes[name] for name in shape.links])
    upper = shape.upper @ x
    upper[shape.unbounded] = INFINITY
    rhs = shape.rhs @ x
    low = np.where(shape.equality, rhs, -INFINITY)
    return make_model(
        shape.cost(block.period), np.zeros(len(upper)), upper, shape.matrix, low, rhs,
        solver="simplex",
    )  # fmt: skip


Builder = Callable[[Block], highspy.Highs]
SUBJECTS = {
    "optimizer": ("benchmarks.block", "arrays", "optimizer"),
    "linopy": ("benchmarks.peers", "linopy_model", "linopy"),
    "PyPSA": ("benchmarks.peers", "pypsa_model", "pypsa"),
    "Pyomo": ("benchmarks.peers", "pyomo_model", "pyomo"),
}
"""Module and function that build the block, and the package that does it."""


def builder(subject: str) -> Builder:
    """The function of a subject; ImportError if its package is not installed."""
    module, function, package = SUBJECTS[subject]
    importlib.import_module(package)
    return getattr(importlib.import_module(module), function)  # type: ignore[no-any-return]


def optimum(model: highspy.Highs) -> float:
    """Proven optimum of a model [k$].

    Raises
    ------
    RuntimeError : it is not solved to optimality
    """
    for name, value in {"output_flag": False, "solver": "simplex"}.items():
        model.setOptionValue(name, value)
    model.run()
    if model.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        raise RuntimeError(f"the block ended as {model.getModelStatus()}")
    return float(model.getInfo().objective_function_value)


def peak_mb() -> float:
    """Largest resident memory of this process so far [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(subject: str, count: int, *, solve: bool) -> dict[str, float]:
    """Figures of a build and hand-over, the median of several after one that warms up.

    Returns
    -------
    ``cpu_s``, ``wall_s``, ``peak_mb`` (of the process), ``added_mb`` (by building), the model's
    ``rows`` and ``columns``, and ``optimum`` [k$] if ``solve``
    """
    block, make = make_block(count), builder(subject)
    before = peak_mb()
    model = make(block)
    cpu, wall = [], []
    for _ in range(REPEATS):
        del model
        cpu_begin, wall_begin = time.process_time(), time.perf_counter()
        model = make(block)
        cpu.append(time.process_time() - cpu_begin)
        wall.append(time.perf_counter() - wall_begin)
    figures = {
        "cpu_s": statistics.median(cpu),
        "wall_s": statistics.median(wall),
        "peak_mb": peak_mb(),
        "added_mb": peak_mb() - before,
        "rows": float(model.getNumRow()),
        "columns": float(model.getNumCol()),
    }
    if solve:
        figures["optimum"] = optimum(model)
    return figures


def main() -> None:
    """Print the figures of one subject as a line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.block", description=__doc__)
    parser.add_argument("subject", choices=SUBJECTS)
    parser.add_argument("--hours", type=int, default=YEAR)
    parser.add_argument("--solve", action="store_true", help="also its optimum")
    given = parser.parse_args()
    figures = timed(given.subject, given.hours, solve=given.solve)
    print("\n" + json.dumps(figures), file=sys.stdout)


if __name__ == "__main__":
    main()
