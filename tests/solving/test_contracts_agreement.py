"""Contracts and carbon-free matching: decomposition, monolith and independent check agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from optimizer.results.verify import verify_plan
from optimizer.settings import RunOptions
from optimizer.solving.solve import solve_case
from tests.support import Rows, add_grid, base, case, profiles, technology

SAMPLE = (0, 1, 13)
CLEAN = {"clean": np.tile(np.where(np.arange(24) < 12, 0.6, 0.1), 365)}


def random_rows(seed: int) -> Rows:
    """A case of two sites x months, its contracts and targets drawn by the seed."""
    random = np.random.default_rng(1000 + seed)

    def chance(share: float) -> bool:
        return bool(random.random() < share)

    def one_of(*choices: Any) -> Any:
        return choices[int(random.integers(len(choices)))]

    # Two sites for one month or one site for two: the monolith writes out every hour.
    rows = base([("p0", "2027-01-01", 1)], sites=2) if chance(0.4) else base()
    for demand in rows["demand"]:
        demand["it_mw"] = float(random.integers(8, 25))
    for site in rows["sites"]:
        site["pue"] = float(random.uniform(1.1, 1.4))
    rows["fuels"][0]["price_usd_per_mmbtu"] = float(random.uniform(2, 8))
    rows["technologies"] += [
        technology("sun", "variable", capex_usd_per_kw=float(random.uniform(100, 900))),
        technology("battery", "storage", capex_usd_per_kw=200, capex_usd_per_kwh=60,
                   round_trip_efficiency=0.85, vom_usd_per_mwh=0.5),
    ]  # fmt: skip
    rows["site_technologies"] += [
        {"site": "*", "technology": "sun", "max_mw": 150, "profile": "sun"},
        {"site": "*", "technology": "battery", "max_mw": 40},
    ]
    add_grid(rows, float(random.uniform(10, 30)), float(random.uniform(0, 15)),
             curtailed_hours_per_year=int(random.integers(0, 900)),
             export_mw=8 if chance(0.5) else 0)  # fmt: skip
    rows["tariffs"][0].update(price_profile="price", co2_t_per_mwh=0.4, energy_price_usd_per_mwh=-5,
                              export_price_share=0.5, carbon_free_profile="clean")  # fmt: skip
    rows["contracts"] = [
        {"contract": "wind", "kind": one_of("physical", "sleeved"), "market": "ERCOT",
         "profile": "wind", "price_usd_per_mwh": float(random.uniform(10, 40)), "term_years": 10,
         "adder_usd_per_mwh": 2, "minimum_take_share": one_of(1.0, 0.6, 0.0),
         "additional": chance(0.7), "no_payment_if_negative": chance(0.3), "counterparty": "A",
         "credit_security_usd_per_kw": 100, "carbon_free": chance(0.8)},
        {"contract": "swap", "kind": "financial", "market": "ERCOT", "shape": "baseload",
         "price_usd_per_mwh": float(random.uniform(25, 60)), "term_years": 10, "counterparty": "B",
         "settlement_floor_usd_per_mwh": one_of(None, 20), "basis_usd_per_mwh": -1,
         "settlement_cap_usd_per_mwh": one_of(None, 90)},
    ]  # fmt: skip
    if rows["contracts"][0]["kind"] == "physical":
        rows["contracts"][0]["adder_usd_per_mwh"] = 0
    rows["site_contracts"] = [
        {"site": "*", "contract": "wind", "max_mw": 25, "min_mw": one_of(0, 6)},
        {"site": "*", "contract": "swap", "max_mw": 25},
    ]
    target = {"policy": "cfe", "kind": one_of("cfe_hourly", "cfe_annual"),
              "value": float(random.uniform(0.5, 0.95)),
              "applies_to": one_of("each site", "portfolio", "ERCOT"),
              "grid_counts": chance(0.6), "exports_count": chance(0.6),
              "additional_only": chance(0.5), "max_excess_share": one_of(None, 0.1)}  # fmt: skip
    target["exports_count"] = target["exports_count"] or target["kind"] == "cfe_hourly"
    rows["policies"] = [target]
    if chance(0.5):
        rows["policies"].append({"policy": "hedge", "kind": "hedged_share_min", "value": 0.3,
                                 "applies_to": one_of("each site", "portfolio")})  # fmt: skip
    if chance(0.5):
        rows["policies"].append({"policy": "mix", "kind": "counterparty_share_max", "value": 0.4,
                                 "applies_to": "portfolio"})  # fmt: skip
    if chance(0.3):
        rows["policies"].append({"policy": "cap", "kind": "co2_cap", "value": 60_000})
    return rows


@pytest.mark.parametrize(
    "seed", [s if s in SAMPLE else pytest.param(s, marks=pytest.mark.full) for s in range(24)]
)
def test_decomposition_and_monolith_agree(seed: int) -> None:
    prepared = case(random_rows(seed), profiles() | CLEAN)
    split = solve_case(prepared, RunOptions(gap=1e-7, time_limit_s=120, engine="few"))
    whole = solve_case(prepared, RunOptions(gap=1e-9, time_limit_s=300, engine="monolith"))
    optimum = whole.report.objective
    assert split.report.objective == pytest.approx(optimum, rel=1e-6)
    assert split.report.bound <= optimum * (1 + 1e-7)
    for plan in (split, whole):
        check = verify_plan(plan.inputs, plan.tables, plan.dispatch, plan.report.objective)
        assert check.passed, check.findings
