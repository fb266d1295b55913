"""Decomposition and monolith agree on random cases of grid service and agreements."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from optimizer.results.verify import verify_plan
from optimizer.settings import RunOptions
from optimizer.solving.nearby import Earlier
from optimizer.solving.solve import solve_case
from tests.solving.test_agreement import random_rows
from tests.support import Rows, add_grid, case

SAMPLE = (1, 4)


def service_rows(seed: int) -> Rows:
    """A random case whose offers have agreements, cuts, transfers and what they share."""
    rows = random_rows(seed)
    random = np.random.default_rng(1000 + seed)

    def chance(share: float) -> bool:
        return bool(random.random() < share)

    add_grid(rows, float(random.uniform(10, 30)), float(random.uniform(0, 15)),
             queue_months=int(random.integers(0, 2)), upgrade_cost_usd=2e6, cost_usd_per_kw=80)  # fmt: skip
    rows["tariffs"][0].update(price_profile="price", energy_price_usd_per_mwh=5,
                              co2_t_per_mwh=0.3)  # fmt: skip
    rows["service_agreements"] = []
    for offer in rows["interconnections"]:
        offer.update(_offer(random, chance))
        for name in ("one", "two")[: 1 + chance(0.4)]:
            if chance(0.8):
                rows["service_agreements"].append(
                    {"site": offer["site"], "offer": "grid", "agreement": name,
                     **_terms(random, chance)}
                )  # fmt: skip
    if chance(0.5):
        for offer in rows["interconnections"]:
            offer["shared_upgrade"] = "line"
        rows["shared_upgrades"] = [{"shared_upgrade": "line", "cost_usd": 5e6}]
    if chance(0.5):
        for offer in rows["interconnections"]:
            offer["grid_group"] = "west"
        rows["grid_groups"] = [{"grid_group": "west", "shared_mw": float(random.uniform(10, 40))}]
    for site in rows["sites"]:
        site["utility"] = "one"
    if chance(0.3):
        rows["regimes"] = [{"market": "ERCOT", "parallel_self_supply": "no"}]
    if chance(0.3):
        rows.setdefault("policies", []).append(
            {"policy": "bank", "kind": "security_cap", "value": float(random.uniform(5e5, 3e6))}
        )
    return rows


def _offer(random: np.random.Generator, chance: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if chance(0.4):
        found |= {"existing_mw": 8, "transfer_cost_usd": 5e5}
    if chance(0.4):
        found |= {"emergency_hours_per_year": 400, "emergency_share": 0.5,
                  "system_load_profile": "price"}  # fmt: skip
    if chance(0.5):
        found |= {"curtailed_energy_share": float(random.uniform(0, 0.1))}
    return found


def _terms(random: np.random.Generator, chance: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "min_contract_mw": float(random.uniform(0, 8)), "security_usd_per_kw": 100,
        "security_rate_per_year": 0.05, "study_fee_usd": 1e5, "deposit_usd_per_kw": 20,
    }  # fmt: skip
    if chance(0.7):
        found |= {"demand_price_usd_per_kw_month": float(random.uniform(2, 15)),
                  "minimum_demand_share": float(random.uniform(0, 1))}  # fmt: skip
    if chance(0.5):
        found |= {"energy_price_usd_per_mwh": 20, "minimum_energy_share": 0.6}
    if chance(0.3):
        found |= {"reducible_share": 0.5, "reducible_after_years": 0, "reduction_fee_usd_per_kw": 2,
                  "reassignable": "yes"}  # fmt: skip
    return found


@pytest.mark.parametrize(
    "seed", [s if s in SAMPLE else pytest.param(s, marks=pytest.mark.full) for s in range(12)]
)
def test_service_agrees_with_the_monolith(seed: int) -> None:
    prepared = case(service_rows(seed))
    split = solve_case(prepared, RunOptions(gap=1e-8, time_limit_s=300, engine="few"))
    whole = solve_case(prepared, RunOptions(gap=1e-9, time_limit_s=300, engine="monolith"))
    optimum = whole.report.objective
    assert split.report.objective == pytest.approx(optimum, rel=1e-6)
    assert split.report.bound <= optimum * (1 + 1e-7)
    for plan in (split, whole):
        total = float(plan.tables["costs"]["usd"].sum())
        checked = verify_plan(plan.inputs, plan.tables, plan.dispatch, total)
        assert checked.passed, checked.findings
    many = solve_case(prepared, RunOptions(gap=1e-3, time_limit_s=4, engine="many"))
    assert many.report.bound <= optimum + 1e-7 * abs(optimum)
    assert many.report.objective >= optimum - 1e-6 * abs(optimum)


def test_an_earlier_plan_with_agreements_is_where_the_search_starts() -> None:
    rows = service_rows(4)
    first = solve_case(case(rows), RunOptions(gap=1e-6, time_limit_s=60, engine="few"))
    signed = first.tables["agreements"]["contract_mw"]
    assert (signed > 0).any()
    starts = dict(zip((p["period"] for p in rows["periods"]),
                      (pd.Timestamp(p["start"]) for p in rows["periods"]), strict=True))  # fmt: skip
    earlier = Earlier("old", starts, first.tables)
    again = solve_case(case(rows), RunOptions(gap=1e-6, time_limit_s=60, engine="few"),
                       start_from=earlier)  # fmt: skip
    assert any("change 0.000 until it fits" in line for line in again.report.log)
    assert again.report.objective == pytest.approx(first.report.objective, rel=1e-5)
