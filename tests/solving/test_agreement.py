"""Decomposition and monolith agree on small random cases solved to 1e-9."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from optimizer.settings import RunOptions
from optimizer.solving.solve import solve_case
from tests.support import Rows, add_grid, base, case, technology

SAMPLE = (0, 1, 3, 8)
"""Together all features: storage of free and of given duration, grid with queue and export, cap,
slots, permits, three periods; the other seeds take the plain program longer and are in ``full``."""


def random_rows(seed: int) -> Rows:
    """A case of one or two sites and two or three months, with features drawn by the seed."""
    random = np.random.default_rng(seed)

    def chance(share: float) -> bool:
        return bool(random.random() < share)

    months = [("p0", "2027-01-01", 1), ("p1", "2027-02-01", 1), ("p2", "2027-03-01", 1)]
    rows = base(months[: 2 + chance(0.3)], sites=1 + chance(0.5))
    for demand in rows["demand"]:
        demand["it_mw"] = float(random.integers(8, 45))
    engine: dict[str, Any] = rows["technologies"][0]
    engine["forced_outage_rate"] = 0.05
    engine["unit_mw"] = float(random.choice([5.0, 8.0]))
    rows["fuels"][0]["price_usd_per_mmbtu"] = float(random.uniform(2, 8))
    for site in rows["sites"]:
        site["opening_cost_usd"] = float(random.uniform(1e6, 2e7))
        site["pue"] = float(random.uniform(1.1, 1.4))
        site["land_km2"] = float(random.uniform(0.5, 3))
        site["land_price_usd_per_km2"] = 1e6
    if chance(0.6):
        rows["technologies"].append(technology("sun", "variable", land_km2_per_mw=0.02,
                                               capex_usd_per_kw=random.uniform(100, 900)))  # fmt: skip
        rows["site_technologies"].append(
            {"site": "*", "technology": "sun", "max_mw": 120, "profile": "sun"}
        )
    if chance(0.5):
        rows["technologies"].append(
            technology("battery", "storage", capex_usd_per_kw=200, capex_usd_per_kwh=100,
                       round_trip_efficiency=0.85, vom_usd_per_mwh=0.5,
                       duration_h=4 if chance(0.5) else None)
        )  # fmt: skip
        rows["site_technologies"].append({"site": "*", "technology": "battery", "max_mw": 30})
    if chance(0.7):
        add_grid(rows, float(random.uniform(5, 25)), float(random.uniform(0, 15)),
                 curtailed_hours_per_year=int(random.integers(0, 900)), cost_usd_per_kw=100,
                 queue_months=int(random.integers(0, 2)), upgrade_cost_usd=1e6,
                 export_mw=5 if chance(0.4) else 0)  # fmt: skip
        rows["tariffs"][0].update(price_profile="price", co2_t_per_mwh=0.4,
                                  energy_price_usd_per_mwh=5, export_price_share=0.5)  # fmt: skip
    if chance(0.4):
        rows["policies"] = [{"policy": "cap", "kind": "co2_cap", "scope": "total",
                             "value": float(random.uniform(20_000, 90_000))}]  # fmt: skip
    if chance(0.4):
        rows["components"] = [{"component": "transformer"}]
        rows["supply"] = [{"component": "transformer", "date": "2027-01-01", "amount": 20},
                          {"component": "transformer", "date": "2027-02-01", "amount": 10}]  # fmt: skip
        rows["component_use"] = [{"component": "transformer", "user_kind": "campus_block",
                                  "user": "*", "per_mw": 1}]  # fmt: skip
    if chance(0.4):
        engine["permit_kind"] = "air"
        engine["nox_kg_per_mwh"] = 0.1
        rows["permits"] = [
            {"jurisdiction": "TX", "permit_kind": "air", "variant": "standard", "months": 1,
             "cost_usd": 1e5, "max_nox_short_tons_per_year": 25},
            {"jurisdiction": "TX", "permit_kind": "air", "variant": "fast", "months": 0,
             "cost_usd": 1e6},
        ]  # fmt: skip
    return rows


@pytest.mark.parametrize(
    "seed", [s if s in SAMPLE else pytest.param(s, marks=pytest.mark.full) for s in range(20)]
)
def test_decomposition_and_monolith_agree(seed: int) -> None:
    prepared = case(random_rows(seed))
    split = solve_case(prepared, RunOptions(gap=1e-8, time_limit_s=300, engine="few"))
    whole = solve_case(prepared, RunOptions(gap=1e-9, time_limit_s=300, engine="monolith"))
    optimum = whole.report.objective
    assert split.report.objective == pytest.approx(optimum, rel=1e-6)
    assert split.report.bound <= optimum * (1 + 1e-7)
    # Prices of the joint rows leave a gap of their own, but bound and plan enclose the optimum.
    many = solve_case(prepared, RunOptions(gap=1e-3, time_limit_s=4, engine="many"))
    assert many.report.bound <= optimum + 1e-7 * abs(optimum)
    assert many.report.objective >= optimum - 1e-6 * abs(optimum)
    assert many.report.objective <= optimum + 0.02 * abs(optimum)
