"""Power contracts and carbon-free matching, worked by hand.

One month, January: 31 days of 24 h. 20 MW of load in every hour, PUE 1, so 480 MWh a day.
The grid sells at 40 USD/MWh and nothing of it is clean, unless a case says otherwise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from optimizer.errors import NoPlanError
from optimizer.results.plan import Plan
from optimizer.results.verify import verify_plan
from optimizer.settings import RunOptions
from optimizer.solving.solve import solve_case
from tests.support import HOURS, Rows, add_grid, base, case, profiles, technology

DAYS = 31
DAY = (HOURS % 24 < 12).astype(float)
SERIES = profiles() | {
    "day": DAY,
    "long": (HOURS % 24 < 16).astype(float),
    "two_prices": np.where(DAY > 0, 60.0, 10.0),
    "hub": np.where(DAY > 0, 90.0, 20.0),
    "falls": np.where(DAY > 0, 60.0, -10.0),
    "grid_mix": np.where(DAY > 0, 0.6, 0.1),
}
"""``day``: 12 h at 1, 12 h at 0; ``long``: 16 h at 1."""


def rows(firm_mw: float = 30, sites: int = 1, **offer: Any) -> Rows:
    """Load that only the grid serves."""
    made = base([("p0", "2027-01-01", 1)], sites)
    made["site_technologies"][0]["max_mw"] = 0
    add_grid(made, firm_mw, **offer)
    return made


def offer(made: Rows, name: str, max_mw: float, min_mw: float = 0.0, **terms: Any) -> None:
    """A contract that every site may sign."""
    row = {"contract": name, "kind": "physical", "market": "ERCOT", "term_years": 10, **terms}
    made.setdefault("contracts", []).append(row)
    made.setdefault("site_contracts", []).append(
        {"site": "*", "contract": name, "min_mw": min_mw, "max_mw": max_mw}
    )


def solve(made: Rows) -> Plan:
    """The best plan, which the independent check must pass."""
    plan = solve_case(case(made, SERIES), RunOptions(gap=1e-7, time_limit_s=60, engine="few"))
    check = verify_plan(plan.inputs, plan.tables, plan.dispatch, plan.report.objective)
    assert check.passed, check.findings
    return plan


def bought(plan: Plan, name: str) -> dict[str, float]:
    """The row of a contract."""
    table = plan.tables["contracts"]
    return dict(table[table["contract"] == name].iloc[0])


def metric(plan: Plan, technology: str, name: str) -> float:
    """A figure of the month."""
    table = plan.tables["operation"]
    found = table[(table["technology"] == technology) & (table["metric"] == name)]
    return float(found["value"].sum())


def standing(plan: Plan, technology: str, column: str = "standing_mw") -> float:
    """MW or MWh of a technology."""
    table = plan.tables["capacity"]
    return float(table.loc[table["technology"] == technology, column].sum())


def placed(plan: Plan) -> float:
    """MW that are served."""
    return float(plan.tables["backlog"]["placed_mw"].sum())


def test_surplus_of_an_as_produced_contract_is_lost() -> None:
    # 30 MW or nothing. 12 h x 30 MW x 15 = 5,400 a day are paid; only 20 MW can be taken, which
    # saves 12 h x 20 MW x 40 = 9,600. It is signed, and 10 MW x 12 h are lost.
    made = rows()
    offer(made, "solar", 30, 30, profile="day", price_usd_per_mwh=15)
    found = bought(plan := solve(made), "solar")
    assert found["standing_mw"] == pytest.approx(30)
    assert found["volume_mwh"] == pytest.approx(30 * 12 * DAYS)
    assert found["delivered_mwh"] == pytest.approx(20 * 12 * DAYS)
    assert found["paid_usd"] == pytest.approx(5_400 * DAYS)
    assert metric(plan, "grid", "import_mwh") == pytest.approx(20 * 12 * DAYS)


def test_a_cheaper_baseload_contract_displaces_exactly_its_mw() -> None:
    made = rows()
    offer(made, "base", 12, shape="baseload", price_usd_per_mwh=30)
    plan = solve(made)
    assert metric(plan, "grid", "import_mwh") == pytest.approx(8 * 24 * DAYS)
    assert bought(plan, "base")["paid_usd"] == pytest.approx(12 * 24 * DAYS * 30)


def test_a_dearer_contract_is_not_signed() -> None:
    made = rows()
    offer(made, "base", 12, shape="baseload", price_usd_per_mwh=41)
    assert solve(made).tables["contracts"].empty


def test_a_sleeved_contract_pays_its_adder_on_what_is_delivered() -> None:
    # 30 + 5 is below 40: 12 MW are taken at 35.
    made = rows()
    offer(made, "base", 12, kind="sleeved", shape="baseload", price_usd_per_mwh=30,
          adder_usd_per_mwh=5)  # fmt: skip
    assert bought(solve(made), "base")["paid_usd"] == pytest.approx(12 * 24 * DAYS * 35)


def test_import_and_delivery_share_the_connection() -> None:
    # 15 MW of service: with 10 MW of them by contract, 5 MW still wait.
    made = rows(firm_mw=15)
    offer(made, "base", 10, shape="baseload", price_usd_per_mwh=30)
    assert placed(solve(made)) == pytest.approx(15)


def test_a_financial_contract_settles_in_its_collar_within_load() -> None:
    # Strike 50, hub 90 and 20, cap 80 and floor 30: 12 h x (50 - 80) + 12 h x (50 - 30) = -120
    # a day and MW, so it earns. 100 MW are offered, but 20 MW x 24 h are the load.
    made = rows()
    offer(made, "swap", 100, kind="financial", shape="baseload", price_usd_per_mwh=50,
          hub_price_profile="hub", settlement_cap_usd_per_mwh=80,
          settlement_floor_usd_per_mwh=30)  # fmt: skip
    plan = solve(made)
    assert bought(plan, "swap")["standing_mw"] == pytest.approx(20)
    assert bought(plan, "swap")["settled_usd"] == pytest.approx(-120 * 20 * DAYS)
    assert metric(plan, "grid", "import_mwh") == pytest.approx(20 * 24 * DAYS)
    made["contracts"][0]["allow_long"] = True
    assert bought(solve(made), "swap")["settled_usd"] == pytest.approx(-120 * 100 * DAYS)


def test_minimum_take_is_paid_for() -> None:
    # Grid at 60 by day and 10 by night, contract at 30 for 24 MWh a day and MW, of which 18 must
    # be taken. By day 12 MWh save 30 each; 6 more are due anyway and save 10 each by night:
    # 18 x 30 = 540 against 12 x 60 + 6 x 10 = 780. A 19th MWh would cost 30 and save 10.
    made = rows()
    made["tariffs"][0] |= {"energy_price_usd_per_mwh": 0, "price_profile": "two_prices"}
    offer(made, "base", 20, shape="baseload", price_usd_per_mwh=30, minimum_take_share=0.75)
    found = bought(solve(made), "base")
    assert found["standing_mw"] == pytest.approx(20)
    assert found["delivered_mwh"] == pytest.approx(20 * 18 * DAYS)
    assert found["paid_usd"] == pytest.approx(20 * 540 * DAYS)


def test_what_is_not_taken_is_paid_up_to_the_minimum() -> None:
    # 30 MW by day or nothing, 0.9 of it due: 324 MWh a day of which 240 can be taken.
    made = rows()
    offer(made, "solar", 30, 30, profile="day", price_usd_per_mwh=15, minimum_take_share=0.9)
    found = bought(solve(made), "solar")
    assert found["delivered_mwh"] == pytest.approx(240 * DAYS)
    assert found["paid_usd"] == pytest.approx(324 * 15 * DAYS)


def test_nothing_is_delivered_at_a_negative_price() -> None:
    # 60 by day and -10 by night: with the clause only 12 h a day are delivered and paid.
    made = rows(firm_mw=20)
    made["tariffs"][0] |= {"energy_price_usd_per_mwh": 0, "price_profile": "falls"}
    offer(made, "base", 20, 20, shape="baseload", price_usd_per_mwh=30, no_payment_if_negative=True)
    found = bought(solve(made), "base")
    assert found["delivered_mwh"] == pytest.approx(20 * 12 * DAYS)
    assert found["paid_usd"] == pytest.approx(20 * 12 * 30 * DAYS)


def test_a_nominal_price_falls_in_real_money() -> None:
    # 30 in money of 2026 without escalation, inflation 25 %: 24 in 2027.
    made = rows()
    made["settings"].append({"key": "inflation_per_year", "value": 0.25})
    offer(made, "base", 12, shape="baseload", price_usd_per_mwh=30, escalation="nominal")
    assert bought(solve(made), "base")["paid_usd"] == pytest.approx(12 * 24 * DAYS * 24)


def test_security_is_carried_while_the_contract_stands() -> None:
    # 100 USD/kW x 12 MW = 1.2 M$ at 6 % for one month of twelve.
    made = rows()
    offer(made, "base", 12, shape="baseload", price_usd_per_mwh=30,
          credit_security_usd_per_kw=100, security_rate_per_year=0.06)  # fmt: skip
    assert bought(solve(made), "base")["security_cost_usd"] == pytest.approx(1.2e6 * 0.06 / 12)


def test_a_contract_stands_for_its_term_from_its_earliest_start() -> None:
    made = base([(f"p{k}", f"202{7 + k}-01-01", 12) for k in range(3)])
    made["site_technologies"][0]["max_mw"] = 0
    add_grid(made, 30)
    offer(made, "base", 12, 12, shape="baseload", price_usd_per_mwh=30, term_years=1,
          earliest_start="2028-01-01")  # fmt: skip
    table = solve(made).tables["contracts"]
    assert list(table["period"]) == ["p1"]


def test_hedged_share_and_counterparty_share() -> None:
    # Half of the load must be hedged, at most 30 % with one seller: 6 MW of the contract that
    # costs 5 above the market, and 4 MW of the one that costs 10 above it.
    made = rows()
    made["tariffs"][0]["price_profile"] = ""
    for name, price in (("near", 45), ("far", 50)):
        offer(made, name, 20, kind="financial", shape="baseload", price_usd_per_mwh=price,
              basis_usd_per_mwh=0, counterparty=name)  # fmt: skip
    made["policies"] = [
        {"policy": "hedge", "kind": "hedged_share_min", "value": 0.5, "applies_to": "portfolio"},
        {"policy": "spread", "kind": "counterparty_share_max", "value": 0.3,
         "applies_to": "portfolio"},
    ]  # fmt: skip
    plan = solve(made)
    assert bought(plan, "near")["standing_mw"] == pytest.approx(6)
    assert bought(plan, "far")["standing_mw"] == pytest.approx(4)
    assert bought(plan, "near")["settled_usd"] == pytest.approx(6 * 24 * DAYS * 5)


def suns(made: Rows, **prices: float) -> None:
    """Kinds of solar by their profile, with their price [USD/kW]."""
    for profile, price in prices.items():
        made["technologies"].append(technology(profile, "variable", capex_usd_per_kw=price))
        made["site_technologies"].append(
            {"site": "*", "technology": profile, "max_mw": 200, "profile": profile}
        )


def target(made: Rows, kind: str, value: float, **options: Any) -> None:
    """A carbon-free target."""
    made["policies"] = [{"policy": "cfe", "kind": kind, "value": value, **options}]


def test_annual_matching_takes_the_solar_that_is_cheaper_by_energy() -> None:
    # 50 % of 480 MWh a day are 240: 20 MW x 12 h at 9,000 USD/kW = 180 M$, or 15 MW x 16 h at
    # 11,000 USD/kW = 165 M$. Either is dearer than the grid.
    made = rows()
    suns(made, day=9_000, long=11_000)
    target(made, "cfe_annual", 0.5)
    plan = solve(made)
    assert standing(plan, "day") == pytest.approx(0, abs=1e-6)
    assert standing(plan, "long") == pytest.approx(15)
    row = plan.tables["matching"].iloc[0]
    assert row["share"] == pytest.approx(0.5)
    assert row["matched_mwh"] == pytest.approx(240 * DAYS)


def test_exports_count_over_the_year_if_the_policy_says_so() -> None:
    # 75 % of 480 are 360 MWh a day: 30 MW by day, of which 10 are exported. If they do not count,
    # 12 h of sun are 50 % at most, and what cannot be matched waits: none can run.
    made = rows(export_mw=20)
    made["tariffs"][0] |= {"energy_price_usd_per_mwh": 1, "export_price_share": 0.5}
    suns(made, day=9_000)
    target(made, "cfe_annual", 0.75)
    assert standing(solve(made), "day") == pytest.approx(30)
    target(made, "cfe_annual", 0.75, exports_count=False)
    assert placed(solve(made)) == pytest.approx(0, abs=1e-5)
    # At most 10 % of load may be exported: 48 MWh a day, so 240 + 48 are 60 % and no more.
    target(made, "cfe_annual", 0.6, max_excess_share=0.1)
    assert standing(solve(made), "day") == pytest.approx(24)
    target(made, "cfe_annual", 0.61, max_excess_share=0.1)
    assert placed(solve(made)) == pytest.approx(0, abs=1e-5)


def test_hourly_matching_needs_storage_and_more_sun_than_load() -> None:
    # 75 %: of 240 MWh a night the grid may serve 120, the battery the rest. At 0.9 each way
    # 133.3 MWh are stored and 148.1 MWh charged in 12 h: 12.35 MW, and 32.35 MW of sun.
    made = rows()
    suns(made, day=9_000)
    made["technologies"].append(
        technology("battery", "storage", capex_usd_per_kw=100, capex_usd_per_kwh=100,
                   round_trip_efficiency=0.81)
    )  # fmt: skip
    made["site_technologies"].append({"site": "*", "technology": "battery", "max_mw": 100})
    target(made, "cfe_hourly", 0.75)
    plan = solve(made)
    assert standing(plan, "battery", "standing_mwh") == pytest.approx(120 / 0.9, rel=1e-5)
    assert standing(plan, "day") == pytest.approx(20 + 120 / 0.81 / 12, rel=1e-5)
    assert metric(plan, "grid", "import_mwh") == pytest.approx(120 * DAYS, rel=1e-6)
    hours = plan.tables["matched_hours"].groupby("hour_of_day")[["served_mwh", "matched_mwh"]].sum()
    assert hours.loc[3, "matched_mwh"] == pytest.approx(hours.loc[3, "served_mwh"])
    assert hours["matched_mwh"].sum() == pytest.approx(0.75 * 480 * DAYS, rel=1e-6)


def test_the_clean_share_of_the_grid_counts_by_the_hour() -> None:
    # The grid is 60 % clean by day and 10 % by night, 35 % on average. 50 % by the hour: of
    # 240 MWh that may be dirty 216 are used up by night and 24 by day, so 60 MWh come by day
    # from the grid and 180 from 15 MW of sun.
    made = rows()
    made["tariffs"][0]["carbon_free_profile"] = "grid_mix"
    suns(made, day=9_000)
    target(made, "cfe_hourly", 0.5)
    assert standing(solve(made), "day") == pytest.approx(15)
    target(made, "cfe_hourly", 0.5, grid_counts=False)
    assert standing(solve(made), "day") == pytest.approx(20)


def test_a_cleaner_tariff_may_be_chosen_for_it() -> None:
    # 40 USD/MWh without any clean share, or 45 with 70 %: the second alone meets 50 %.
    made = rows()
    made["tariffs"].append({"tariff": "green", "market": "ERCOT", "energy_price_usd_per_mwh": 45,
                            "carbon_free_share": 0.7})  # fmt: skip
    made["site_tariffs"] = [{"site": "site0", "tariff": "green"}]
    target(made, "cfe_hourly", 0.5)
    plan = solve(made)
    assert set(plan.tables["bills"]["tariff"]) == {"green"}
    assert plan.tables["matching"].iloc[0]["share"] == pytest.approx(0.7)


def test_contracts_count_if_they_are_additional() -> None:
    # 10 MW of an old plant at all hours are 50 %; the target then needs no sun.
    made = rows()
    suns(made, day=9_000)
    offer(made, "old", 10, shape="baseload", price_usd_per_mwh=50, additional=False)
    target(made, "cfe_hourly", 0.5)
    plan = solve(made)
    assert bought(plan, "old")["standing_mw"] == pytest.approx(10)
    target(made, "cfe_hourly", 0.5, additional_only=True)
    assert standing(solve(made), "day") == pytest.approx(20)


def test_a_portfolio_may_do_what_each_site_cannot() -> None:
    # Two sites of 10 MW, sun at the first only: 10 MW x 12 h are 120 of 480 MWh, 25 % of both
    # together. If each must reach 25 % nothing runs at the second, and 10 MW wait.
    made = rows(sites=2)
    for site in made["sites"]:
        site["max_it_mw"] = 10
    made["technologies"].append(technology("day", "variable", capex_usd_per_kw=9_000))
    made["site_technologies"].append(
        {"site": "site0", "technology": "day", "max_mw": 100, "profile": "day"}
    )
    target(made, "cfe_hourly", 0.25)
    plan = solve(made)
    assert placed(plan) == pytest.approx(10)
    assert standing(plan, "day") == pytest.approx(5)
    target(made, "cfe_hourly", 0.25, applies_to="portfolio")
    plan = solve(made)
    assert placed(plan) == pytest.approx(20)
    assert standing(plan, "day") == pytest.approx(10)


def test_why_a_target_cannot_be_met() -> None:
    # All load is due at once, and 12 h of sun without storage are 50 %: 55 % miss it by 5 points.
    made = rows()
    suns(made, day=9_000)
    made["demand"][0]["max_backlog_mw"] = 0
    target(made, "cfe_hourly", 0.55)
    with pytest.raises(NoPlanError) as error:
        solve(made)
    assert "cfe: 55 % carbon-free in every hour" in str(error.value)
    assert "target 0.55 -> 0.5" in str(error.value)
