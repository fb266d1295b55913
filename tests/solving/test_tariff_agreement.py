"""Decomposition, monolith and independent check agree on random cases with tariffs of all kinds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from optimizer.model.parts import tariffs
from optimizer.preparing.case import Case
from optimizer.results.plan import Plan
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


def falling(random: np.random.Generator, tariff: str) -> list[Row]:
    """Tiers of energy that fall, or rise and fall, and of demand that fall, drawn by chance."""
    unit, hours_of = [
        ("tier_to_mwh", ""), ("tier_to_hours", ""), ("tier_to_hours", "size")
    ][int(random.integers(3))]  # fmt: skip
    ends = (2500, 6000) if unit == "tier_to_mwh" else (200, 400)
    prices = [(25, 15, 5), (10, 25, 5), (25, 5, 12)][0 if hours_of else int(random.integers(3))]
    made: list[Row] = [
        {"tariff": tariff, "charge": "declining", "tier": n, "kind": "energy",
         "price_usd_per_mwh": price, unit: end, **({"hours_of": hours_of} if hours_of else {})}
        for n, (price, end) in enumerate(zip(prices, (*ends, None), strict=True), 1)
    ]  # fmt: skip
    if hours_of or random.random() < 0.6:
        ratchet: Row = {"ratchet_share": 0.8, "ratchet_months": int(random.integers(1, 12)),
                        "peak_before_mw": float(random.choice([0, 15]))}  # fmt: skip
        size = {"tariff": tariff, "charge": "size", "kind": "demand"}
        made += [
            {**size, "price_usd_per_kw_month": 9, "tier_to_mw": 8,
             **(ratchet if random.random() < 0.5 else {}),
             **({"minimum_share": 0.4} if random.random() < 0.4 else {})},
            {**size, "tier": 2, "price_usd_per_kw_month": 4},
        ]  # fmt: skip
    return made


def falling_rows(seed: int) -> Rows:
    """As ``random_rows``, but tiers of energy fall."""
    rows, random = random_rows(seed), np.random.default_rng(900 + seed)
    kept = [row for row in rows["tariff_charges"] if row["charge"] != "block"]
    for tariff in rows["tariffs"]:
        kept += falling(random, tariff["tariff"])
    return rows | {"tariff_charges": kept}


def agree(split: Plan, whole: Plan) -> None:
    """Both have found the least cost, and the check finds it too."""
    assert split.report.objective == pytest.approx(whole.report.objective, rel=1e-6)
    assert split.report.bound <= whole.report.objective * (1 + 1e-7)
    for plan in (split, whole):
        done = verify_plan(plan.inputs, plan.tables, plan.dispatch, plan.report.objective)
        assert done.passed, done.findings[:5]


def solved(prepared: Case, engine: str, gap: float) -> Plan:
    return solve_case(prepared, RunOptions(gap=gap, time_limit_s=300, engine=engine))


@pytest.mark.parametrize(
    "seed", [s if s in SAMPLE else pytest.param(s, marks=pytest.mark.full) for s in range(16)]
)
def test_bills_agree(seed: int) -> None:
    prepared = case(random_rows(seed))
    agree(solved(prepared, "few", 1e-7), solved(prepared, "monolith", 1e-9))


FALLING = (5, 8)


@pytest.mark.parametrize(
    "seed", [s if s in FALLING else pytest.param(s, marks=pytest.mark.full) for s in range(16)]
)
def test_bills_with_falling_tiers_agree(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = case(falling_rows(seed))
    split = solved(prepared, "few", 1e-7)
    # What the plan knows of a month's use excludes no plan: the plain program does without.
    monkeypatch.setattr(tariffs, "_most_use", lambda *_: None)
    whole = solved(prepared, "monolith", 1e-9)
    agree(split, whole)
    for plan in (split, whole):
        # What the model has paid is what the bills come to.
        assert plan.report.progress[-1].best == pytest.approx(plan.report.objective, rel=1e-6)
