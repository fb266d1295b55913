"""Decomposition, monolith and independent check agree on random cases with tariffs of all kinds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from optimizer.results.verify import verify_plan
from optimizer.settings import RunOptions
from optimizer.solving.solve import solve_case
from tests.support import Rows, add_grid, base, case, technology

SAMPLE = (6, 7)
Row = dict[str, Any]


def charges(random: np.random.Generator, tariff: str) -> list[Row]:
    """Charges drawn by chance."""
    made: list[Row] = []

    def add(share: float, **row: Any) -> None:
        if random.random() < share:
            made.append({"tariff": tariff, **row})

    if random.random() < 0.5:
        made += [
            {"tariff": tariff, "charge": "time of use", "window": "on", "kind": "energy",
             "price_usd_per_mwh": 40, "hours": "14-20", "weekdays": "weekday"},
            {"tariff": tariff, "charge": "time of use", "window": "off", "kind": "energy",
             "price_usd_per_mwh": 10, "hours": "20-14", "weekdays": "weekday"},
            {"tariff": tariff, "charge": "time of use", "window": "weekend", "kind": "energy",
             "price_usd_per_mwh": 5, "weekdays": "weekend"},
        ]  # fmt: skip
    demand = {"kind": "demand", "price_usd_per_kw_month": float(random.uniform(2, 12))}
    ratchet: Row = {"ratchet_share": 0.8, "ratchet_months": int(random.integers(1, 12)),
                    "peak_before_mw": float(random.choice([0, 15]))}  # fmt: skip
    add(0.7, charge="demand", **demand, **(ratchet if random.random() < 0.5 else {}))
    add(0.5, charge="on-peak demand", kind="demand", price_usd_per_kw_month=8, hours="14-20",
        ratchet_share=0.6, ratchet_season="1-2")  # fmt: skip
    add(0.4, charge="coincident", kind="coincident_peak", price_usd_per_kw_year=80, months="1-3",
        system_profile="price", candidate_hours=3, minimum_share=0.3)  # fmt: skip
    if random.random() < 0.4:
        made += [
            {"tariff": tariff, "charge": "block", "tier": k, "kind": "energy", tier: to,
             "price_usd_per_mwh": price}
            for tier in [str(random.choice(["tier_to_mwh", "tier_to_hours"]))]
            for k, to, price in (
                (1, 3000 if tier == "tier_to_mwh" else 250, 5), (2, None, 20)
            )
        ]  # fmt: skip
    add(0.4, charge="least", kind="minimum_bill", price_usd_per_month=600_000)
    add(0.4, charge="service", kind="fixed", price_usd_per_month=20_000)
    return made


def random_rows(seed: int) -> Rows:
    """One site that buys under one or two tariffs for two or three months."""
    random = np.random.default_rng(100 + seed)
    months = [("p0", "2027-01-01", 1), ("p1", "2027-02-01", 1), ("p2", "2027-03-01", 1)]
    rows = base(months[: 2 + int(random.random() < 0.4)])
    for demand in rows["demand"]:
        demand["it_mw"] = float(random.integers(8, 30))
    rows["fuels"][0]["price_usd_per_mmbtu"] = float(random.uniform(3, 8))
    rows["sites"][0]["utc_offset_hours"] = int(random.choice([0, -7]))
    rows["technologies"] += [
        technology("sun", "variable", capex_usd_per_kw=300),
        technology("battery", "storage", capex_usd_per_kw=20, capex_usd_per_kwh=20, duration_h=4,
                   round_trip_efficiency=0.85),
    ]  # fmt: skip
    rows["site_technologies"] += [
        {"site": "*", "technology": "sun", "max_mw": 60, "profile": "sun"},
        {"site": "*", "technology": "battery", "max_mw": 30},
    ]
    add_grid(rows, 25, 10, curtailed_hours_per_year=50, export_mw=10)
    rows["tariffs"][0].update(price_profile="price", export_price_share=0.4, co2_t_per_mwh=0.4,
                              tax_share=0.05, net_billing=bool(random.random() < 0.5))  # fmt: skip
    rows["tariff_charges"] = charges(random, "flat")
    if random.random() < 0.6:
        rows["tariffs"].append({"tariff": "other", "market": "ERCOT",
                                "energy_price_usd_per_mwh": 75, "export_price_usd_per_mwh": 20})  # fmt: skip
        rows["site_tariffs"] = [{"site": "site0", "tariff": "other",
                                 "from_date": str(random.choice(["2027-01-01", "2027-02-01"]))}]  # fmt: skip
        rows["tariff_charges"] += charges(random, "other")
    return rows


@pytest.mark.parametrize(
    "seed", [s if s in SAMPLE else pytest.param(s, marks=pytest.mark.full) for s in range(16)]
)
def test_bills_agree(seed: int) -> None:
    prepared = case(random_rows(seed))
    split = solve_case(prepared, RunOptions(gap=1e-7, time_limit_s=300, engine="few"))
    whole = solve_case(prepared, RunOptions(gap=1e-9, time_limit_s=300, engine="monolith"))
    assert split.report.objective == pytest.approx(whole.report.objective, rel=1e-6)
    assert split.report.bound <= whole.report.objective * (1 + 1e-7)
    for plan in (split, whole):
        done = verify_plan(plan.inputs, plan.tables, plan.dispatch, plan.report.objective)
        assert done.passed, done.findings[:5]
