"""Small cases for tests: a base case as lists of rows, changed one thing at a time."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd

from optimizer.preparing.case import Case, prepare
from optimizer.reading.inputs import Inputs

Rows = dict[str, list[dict[str, Any]]]
HOURS = np.arange(8760)


def profiles(seed: int = 0) -> dict[str, np.ndarray]:
    """Sun, wind and price of a year, made from a seed."""
    random = np.random.default_rng(seed)
    sun = np.clip(np.sin((HOURS % 24 - 6) / 12 * np.pi), 0, None) * random.uniform(0.4, 0.9, 8760)
    wind = np.clip(0.4 + 0.3 * np.sin(HOURS / 37) + random.normal(0, 0.2, 8760), 0, 1)
    price = 30 + 15 * np.sin((HOURS % 24 - 9) / 24 * 2 * np.pi) + random.normal(0, 8, 8760)
    price[random.integers(0, 8760, 40)] = 800.0
    return {"sun": sun, "wind": wind, "price": price, "flat": np.full(8760, 0.5)}


def base(periods: list[tuple[str, str, int]] | None = None, sites: int = 1) -> Rows:
    """One workload, one region, halls without lead time, an engine that may be built at once."""
    periods = periods or [("p0", "2027-01-01", 1), ("p1", "2027-02-01", 1)]
    names = [f"site{k}" for k in range(sites)]
    zero = {"procurement_months": 0, "construction_months": 0, "commissioning_months": 0}
    return {
        "settings": [
            {"key": "plan_start", "value": periods[0][1]},
            {"key": "case_name", "value": "test"},
        ],
        "periods": [{"period": n, "start": s, "months": m} for n, s, m in periods],
        "regions": [{"region": "north", "longitude": -100, "latitude": 32}],
        "workloads": [{"workload": "training", "delay_price_usd_per_mw_month": 1_000_000}],
        "demand": [
            {"workload": "training", "region": "north", "period": n, "it_mw": 20}
            for n, _, _ in periods
        ],
        "sites": [
            {
                "site": n, "longitude": -100 - k, "latitude": 32, "jurisdiction": "TX",
                "market": "ERCOT", "land_km2": 50, "max_it_mw": 100, "pue": 1.0,
            }
            for k, n in enumerate(names)
        ],
        "campus_blocks": [
            {"site": "*", "block": "hall", "it_mw": 10, "capex_usd_per_mw": 1_000_000,
             "construction_months": 0},
        ],
        "technologies": [
            {"technology": "engine", "class": "thermal", "unit_mw": 10, "capex_usd_per_kw": 1000,
             "heat_rate_mmbtu_per_mwh": 10, "fuel": "gas", "life_years": 20, **zero},
        ],
        "site_technologies": [{"site": "*", "technology": "engine", "max_mw": 200}],
        "fuels": [{"fuel": "gas", "hub": "*", "price_usd_per_mmbtu": 3, "co2_t_per_mmbtu": 0.05}],
    }  # fmt: skip


def technology(name: str, kind: str, **values: Any) -> dict[str, Any]:
    """A technology row without lead times."""
    row = {"technology": name, "class": kind, "capex_usd_per_kw": 1000, "life_years": 20,
           "procurement_months": 0, "construction_months": 0, "commissioning_months": 0}  # fmt: skip
    return {**row, **values}


def add_grid(rows: Rows, firm_mw: float, flexible_mw: float = 0.0, **offer: Any) -> None:
    """A tariff at 40 USD/MWh and an offer at every site from the plan's start."""
    start = rows["settings"][0]["value"]
    rows["tariffs"] = [{"tariff": "flat", "market": "ERCOT", "energy_price_usd_per_mwh": 40}]
    rows["interconnections"], rows["interconnection_steps"] = [], []
    for site in rows["sites"]:
        site["tariff"] = "flat"
        rows["interconnections"].append({"site": site["site"], "offer": "grid", **offer})
        rows["interconnection_steps"].append(
            {"site": site["site"], "offer": "grid", "from_date": start, "firm_mw": firm_mw,
             "flexible_mw": flexible_mw}
        )  # fmt: skip


def inputs(rows: Rows, series: dict[str, np.ndarray] | None = None) -> Inputs:
    """Checked inputs; fails with the problems if there are any."""
    tables = {name: pd.DataFrame(copy.deepcopy(r)) for name, r in rows.items() if r}
    made, problems = Inputs.from_tables(tables, profiles() if series is None else series)
    assert made is not None, problems.report()
    return made


def case(rows: Rows, series: dict[str, np.ndarray] | None = None) -> Case:
    """A prepared case."""
    return prepare(inputs(rows, series))
