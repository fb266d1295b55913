"""``python -m benchmarks``: building and handing over one block, beside linopy.

Both sides build the same site-year (grid, two thermal technologies, sun, wind, battery, CO2
quota; 8,760 h) and hand it to HiGHS; figures are CPU seconds, medians of several runs in
turn, and their ratio. Needs the extra ``benchmark``.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable

import highspy
import numpy as np
import pandas as pd

from optimizer.model.blocks import make_shape
from optimizer.preparing.case import Case
from optimizer.solving.highs import INFINITY, make_model

RUNS = 5
LOAD_MW = 100.0


def site_year() -> Case:
    """One site, one year, everything that a plain block may have."""
    from tests.support import add_grid, base, case, technology

    rows = base([("year", "2027-01-01", 12)])
    rows["technologies"] += [
        technology("turbine", "thermal", heat_rate_mmbtu_per_mwh=9.5, fuel="gas"),
        technology("sun", "variable"),
        technology("wind", "variable"),
        technology("battery", "storage", round_trip_efficiency=0.86, capex_usd_per_kwh=200),
    ]
    rows["site_technologies"] += [
        {"site": "*", "technology": "turbine", "max_mw": 200},
        {"site": "*", "technology": "sun", "max_mw": 300, "profile": "sun"},
        {"site": "*", "technology": "wind", "max_mw": 300, "profile": "wind"},
        {"site": "*", "technology": "battery", "max_mw": 100},
    ]
    add_grid(rows, 50, 50, curtailed_hours_per_year=200)
    rows["tariffs"][0].update(price_profile="price", co2_t_per_mwh=0.4)
    rows["policies"] = [{"policy": "cap", "kind": "co2_cap", "value": 1e6}]
    return case(rows)


def capacities(links: tuple[str, ...]) -> np.ndarray:
    """A mix that serves the load."""
    sizes = {
        "it_mw:training": LOAD_MW, "mw:engine": 60.0, "mw:turbine": 40.0, "mw:sun": 120.0,
        "mw:wind": 60.0, "mw:battery": 30.0, "mwh:battery": 120.0, "firm_mw": 40.0,
        "flexible_mw:grid": 30.0, "co2_kt": 1000.0,
    }  # fmt: skip
    return np.array([sizes[name] for name in links])


def arrays(case: Case) -> highspy.Highs:
    """The product's way: sparse arrays to HiGHS."""
    site, period = case.sites["site0"], case.periods[0]
    shape = make_shape(case, site, period.hours)
    x = capacities(shape.links)
    upper = shape.upper @ x
    upper[shape.unbounded] = INFINITY
    rhs = shape.rhs @ x
    low = np.where(shape.equality, rhs, -INFINITY)
    return make_model(
        shape.cost(period), np.zeros(len(upper)), upper, shape.matrix, low, rhs, solver="simplex"
    )


def linopy_model(case: Case) -> highspy.Highs:
    """The same block in linopy, by its own vectorised calls."""
    import linopy

    site, period = case.sites["site0"], case.periods[0]
    hour = pd.RangeIndex(len(period.hours), name="hour")
    model = linopy.Model()
    offer = site.offers[0]
    series = {"hour": hour}

    def data(values: np.ndarray) -> object:
        import xarray

        return xarray.DataArray(np.asarray(values, float), coords=series, dims=["hour"])

    def column(name: str, upper: object) -> object:
        return model.add_variables(lower=0, upper=upper, coords=[hour], name=name)

    grid = column("import", data(40.0 + 30.0 * (1 - offer.cut)))
    unserved = column("unserved", np.inf)
    generation, cost, co2 = [], 0, 0
    for asset in site.assets:
        if asset.is_storage:
            continue
        size = {"engine": 60.0, "turbine": 40.0, "sun": 120.0, "wind": 60.0}[asset.technology]
        made = column(asset.technology, data(size * asset.availability))
        fuel = site.fuel_price.get(asset.fuel, np.zeros(8760))
        cost = cost + (made * data(asset.heat_rate * fuel + asset.vom)).sum()
        co2 = co2 + (made * asset.co2_t_per_mwh).sum()
        generation.append(made)
    charge, discharge = column("charge", 30.0), column("discharge", 30.0)
    soc = column("soc", 120.0)
    eta = 0.86**0.5
    supply = grid + unserved + discharge - charge + sum(generation[1:], generation[0])
    model.add_constraints(supply == data(np.full(8760, LOAD_MW)), name="balance")
    model.add_constraints(
        soc - soc.roll(hour=1) - eta * charge + (1 / eta) * discharge == 0, name="soc"
    )
    co2 = co2 + (grid * data(site.grid_co2)).sum()
    model.add_constraints(co2 <= 1e6, name="co2")
    cost = cost + (grid * data(site.price)).sum() + (unserved * case.unserved_price).sum()
    model.add_objective(cost)
    return model.to_highspy()


def timed(make: Callable[[Case], highspy.Highs], case: Case) -> tuple[float, float]:
    """CPU seconds to build and hand over, and the optimum [k$]."""
    begin = time.process_time()
    model = make(case)
    seconds = time.process_time() - begin
    model.setOptionValue("output_flag", False)
    model.run()
    return seconds, float(model.getInfo().objective_function_value)


def main() -> int:
    """Print a table and the ratio; exit 1 if the two optima differ."""
    case = site_year()
    rows: dict[str, list[float]] = {"arrays": [], "linopy": []}
    optimum: dict[str, float] = {}
    for run in range(RUNS + 1):
        for name, make in (("arrays", arrays), ("linopy", linopy_model)):
            seconds, value = timed(make, case)
            optimum[name] = value
            if run:
                rows[name].append(seconds)
    medians = {name: statistics.median(v) for name, v in rows.items()}
    ratio = medians["linopy"] / medians["arrays"]
    result = {"cpu_seconds": medians, "linopy_over_arrays": ratio, "optimum": optimum}
    print(json.dumps(result, indent=2))
    same = abs(optimum["arrays"] - optimum["linopy"]) <= 1e-6 * abs(optimum["linopy"])
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
