"""Agreements, kinds of interconnection and regimes, worked by hand.

Unless said otherwise: 20 MW wanted in months from January 2027, halls of 10 MW, no engine, power at
40 $/MWh, 1 M$ for each MW-month of delay. Every plan passes the independent check.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from optimizer.results.plan import Plan
from optimizer.results.verify import verify_plan
from optimizer.settings import RunOptions
from optimizer.solving.solve import solve_case
from tests.cases.test_schedule_by_hand import MONTHS_3, backlog, cost, discount, with_slots
from tests.support import Rows, add_grid, base, case, profiles, technology

YEARS_3 = [("y1", "2027-01-01", 12), ("y2", "2028-01-01", 12), ("y3", "2029-01-01", 12)]


def solve(rows: Rows, series: dict[str, np.ndarray] | None = None) -> Plan:
    """An optimal plan that the independent check passes."""
    plan = solve_case(case(rows, series), RunOptions(gap=1e-7, time_limit_s=60))
    total = float(plan.tables["costs"]["usd"].sum())
    checked = verify_plan(plan.inputs, plan.tables, plan.dispatch, total)
    assert checked.passed, checked.findings
    return plan


def served(
    periods: list[tuple[str, str, int]], sites: int = 1, mw: float = 20, **offer: Any
) -> Rows:
    """Sites with an offer of so many firm MW and nothing else."""
    rows = base(periods, sites)
    rows["site_technologies"][0]["max_mw"] = 0
    add_grid(rows, mw, **offer)
    return rows


def sign(rows: Rows, **terms: Any) -> Rows:
    """The offer of site0 needs an agreement."""
    rows.setdefault("service_agreements", []).append(
        {"site": "site0", "offer": "grid", "agreement": "large load", **terms}
    )
    return rows


def placed(plan: Plan) -> list[float]:
    return [round(v, 6) for v in plan.tables["backlog"]["placed_mw"]]


def annuity(months: int, online: int = 0, years: float = 30) -> float:
    """Discounted payments within the horizon for a dollar repaid over a life."""
    yearly = 0.07 / (1 - 1.07**-years)
    return yearly / 12 * sum(discount(m) for m in range(online, months))


def test_the_minimum_is_owed_while_a_hall_is_late() -> None:
    # 20 MW signed, 80 % owed at 10 $/kW-month. One hall in January: peak 10 MW, billed 16 MW,
    # of which 6 are not used. Both in February: 20 MW are billed, nothing is forced.
    rows = sign(served(MONTHS_3[:2]), min_contract_mw=20, minimum_demand_share=0.8,
                demand_price_usd_per_kw_month=10)  # fmt: skip
    plan = solve(with_slots(rows, [("2027-01-01", 10), ("2027-02-01", 10)]))
    table = plan.tables["agreements"]
    assert list(table["billed_usd"]) == pytest.approx([160_000, 200_000])
    assert list(table["minimum_usd"]) == pytest.approx([60_000, 0])
    owed = 160_000 * discount(0) + 200_000 * discount(1)
    assert cost(plan, "service_agreement") == pytest.approx(owed)


def test_what_is_served_follows_the_ramp() -> None:
    # 20 MW signed, at most; half in the first year, 75 % in the second: 10 and 15 MW are served.
    rows = served(YEARS_3)
    rows["campus_blocks"][0]["it_mw"] = 5
    rows = sign(rows, max_contract_mw=20, ramp_year_1=0.5, ramp_year_2=0.75,
                demand_price_usd_per_kw_month=5, minimum_demand_share=1.0)  # fmt: skip
    plan = solve(rows)
    assert placed(plan) == [10, 15, 20]
    assert list(plan.tables["agreements"]["ramped_mw"]) == pytest.approx([10, 15, 20])
    billed = [12 * mw * 5_000 for mw in (10, 15, 20)]
    assert list(plan.tables["agreements"]["billed_usd"]) == pytest.approx(billed)


def test_to_contract_more_than_is_used_costs_its_minimum() -> None:
    # With 40 MW on offer one signs 40, so that half of it serves 20 MW in the first year. From
    # the second on 0.9 x 40 = 36 MW are billed for 20 that are used: 16 MW x 12 x 5,000 $.
    rows = sign(served(YEARS_3[:2], mw=40), ramp_year_1=0.5, minimum_demand_share=0.9,
                demand_price_usd_per_kw_month=5)  # fmt: skip
    plan = solve(rows)
    table = plan.tables["agreements"]
    assert placed(plan) == [20, 20]
    assert list(table["contract_mw"]) == pytest.approx([40, 40])
    assert list(table["minimum_usd"]) == pytest.approx([0, 16 * 12 * 5_000])


def test_security_is_carried_from_signing_and_released() -> None:
    # 100 $/kW x 20 MW = 2 M$, signed a month before service in February, 6 % a year: 10,000 $
    # in each of January, February, March.
    rows = sign(served(MONTHS_3, queue_months=1), signing_months_before=1, security_usd_per_kw=100,
                security_rate_per_year=0.06, min_contract_mw=20)  # fmt: skip
    plan = solve(rows)
    carried = 10_000 * sum(discount(m) for m in range(3))
    assert cost(plan, "security") == pytest.approx(carried)
    assert list(plan.tables["agreements"]["security_usd"]) == pytest.approx([2e6] * 3)
    # Over two years of release: all in the first year of service, half in the second.
    rows = sign(served(YEARS_3), security_usd_per_kw=100, security_rate_per_year=0.06,
                security_release_years=2, min_contract_mw=20)  # fmt: skip
    plan = solve(rows)
    assert list(plan.tables["agreements"]["security_usd"]) == pytest.approx([2e6, 1e6, 0])
    paid = plan.tables["cashflow"].query("category == 'security'")
    assert list(paid["usd"]) == pytest.approx([2e6, -1e6, -1e6])


def test_a_limit_on_security_limits_what_is_signed() -> None:
    # 100 $/kW under a cap of 1 M$: 10 MW at both sites together, the other 10 MW wait.
    rows = served(MONTHS_3[:2], sites=2)
    for site in ("site0", "site1"):
        sign(rows, security_usd_per_kw=100)
        rows["service_agreements"][-1]["site"] = site
    rows["policies"] = [{"policy": "bank", "kind": "security_cap", "value": 1e6}]
    plan = solve(rows)
    assert backlog(plan) == [10, 10]
    assert plan.tables["agreements"].groupby("period")["security_usd"].sum().max() == pytest.approx(
        1e6
    )
    told = plan.tables["limits"].query("limit == 'security'")
    assert list(told["used"]) == pytest.approx([1e6])
    assert list(told["binding"]) == [True]


def test_a_deposit_costs_the_time_until_its_refund() -> None:
    # 50 $/kW x 20 MW = 1 M$ paid at signing, half of it comes back after two years of service,
    # which is after the horizon: its value today counts all the same.
    rows = sign(served(MONTHS_3[:2]), deposit_usd_per_kw=50, deposit_refund_years=2,
                deposit_refund_share=0.5, min_contract_mw=20)  # fmt: skip
    plan = solve(rows)
    assert cost(plan, "deposits") == pytest.approx(1e6 * discount(0) - 5e5 * discount(24))
    paid = plan.tables["cashflow"].query("category == 'deposits'")
    assert list(paid["usd"]) == pytest.approx([1e6, -5e5])
    assert list(pd.to_datetime(paid["date"]).dt.year) == [2027, 2029]


def test_fees_contribution_and_study() -> None:
    # Study 100,000 $ at the study window in February; service in March. Contribution 30 $/kW.
    rows = sign(served(MONTHS_3, study_window_date="2027-02-01", queue_months=1),
                study_fee_usd=1e5, contribution_usd_per_kw=30, min_contract_mw=20)  # fmt: skip
    plan = solve(rows)
    assert cost(plan, "agreement_fees") == pytest.approx(1e5 * discount(1))
    assert cost(plan, "interconnection") == pytest.approx(30 * 20_000 * annuity(3, 2))


def test_energy_below_the_minimum_is_paid() -> None:
    # 20 MW signed, half of the energy owed at 10 $/MWh. One hall of 10 MW at a load factor of
    # 0.6 in January takes 6 MW: 4 MW x 744 h are short. In February 12 MW are enough.
    rows = sign(served(MONTHS_3[:2]), min_contract_mw=20, minimum_energy_share=0.5,
                energy_price_usd_per_mwh=10)  # fmt: skip
    rows["workloads"][0]["load_factor"] = 0.6
    plan = solve(with_slots(rows, [("2027-01-01", 10), ("2027-02-01", 10)]))
    assert list(plan.tables["agreements"]["minimum_usd"]) == pytest.approx([4 * 744 * 10, 0])


def test_contract_mw_are_given_up_for_a_fee() -> None:
    # 20 MW are signed and half may be given up for 2 $/kW after a month. In the two months left
    # 10 MW x 2 x 5 $/kW = 100,000 $ are saved for 20,000 $. What is taken for good stays.
    rows = sign(served(MONTHS_3), min_contract_mw=20, minimum_demand_share=1.0, reducible_share=0.5,
                reducible_after_years=1 / 12, demand_price_usd_per_kw_month=5,
                reduction_fee_usd_per_kw=2)  # fmt: skip
    for row in rows["demand"][1:]:
        row["it_mw"] = 10
    assert list(solve(rows).tables["agreements"]["reduced_mw"]) == [0, 0, 0]
    rows["demand"][0]["it_mw"] = 10
    plan = solve(rows)
    assert list(plan.tables["agreements"]["reduced_mw"]) == pytest.approx([0, 10, 10])
    assert cost(plan, "agreement_fees") == pytest.approx(20_000 * discount(1))
    billed = list(plan.tables["agreements"]["billed_usd"])
    assert billed == pytest.approx([100_000, 50_000, 50_000])


def test_mw_given_up_are_signed_at_another_site() -> None:
    # site0 has 20 MW signed and room for 10: 10 MW are given up after a month for 2 $/kW. Then
    # site1 signs 5 MW with the same utility: for these the fee is spared.
    rows = served(MONTHS_3[:2], sites=2)
    rows["demand"][0]["it_mw"], rows["demand"][1]["it_mw"] = 10, 15
    rows["campus_blocks"][0]["it_mw"] = 5
    rows["interconnections"][1]["queue_months"] = 1
    for site in rows["sites"]:
        site.update(utility="one", max_it_mw=10)
    sign(rows, min_contract_mw=20, demand_price_usd_per_kw_month=5, minimum_demand_share=1.0,
         reducible_share=0.5, reducible_after_years=1 / 12, reduction_fee_usd_per_kw=2)  # fmt: skip
    sign(rows, site="site1", min_contract_mw=5, max_contract_mw=5)
    assert cost(solve(rows), "agreement_fees") == pytest.approx(20_000 * discount(1))
    rows["service_agreements"][0]["reassignable"] = "yes"
    plan = solve(rows)
    table = plan.tables["agreements"].set_index(["site", "period"])
    assert table.loc[("site0", "p1"), "reduced_mw"] == pytest.approx(10)
    assert table.loc[("site0", "p1"), "reassigned_mw"] == pytest.approx(5)
    assert cost(plan, "agreement_fees") == pytest.approx(10_000 * discount(1))


def test_one_of_two_agreements_is_signed() -> None:
    # 20 MW x 2 months: 5 $/kW-month is 200,000 $, 1 $/kW-month and a study for 100,000 $ is 140,000.
    rows = sign(served(MONTHS_3[:2]), demand_price_usd_per_kw_month=5)
    sign(rows, agreement="small", demand_price_usd_per_kw_month=1, study_fee_usd=1e5)
    plan = solve(rows)
    table = plan.tables["agreements"]
    assert set(table["agreement"]) == {"small"}
    assert list(table["billed_usd"]) == pytest.approx([20_000, 20_000])


def test_who_connects_first_pays_or_each_pays_a_share() -> None:
    # Two sites of 10 MW need an upgrade of 12 M$. Whoever is first pays it, once. Split into three
    # shares each of the two pays 4 M$.
    rows = served(MONTHS_3[:2], sites=2, mw=10, shared_upgrade="line")
    rows["shared_upgrades"] = [{"shared_upgrade": "line", "cost_usd": 12e6}]
    plan = solve(rows)
    assert placed(plan) == [20, 20]
    assert cost(plan, "interconnection") == pytest.approx(12e6 * annuity(2))
    assert plan.tables["shared_upgrades"]["paid_share"].sum() == pytest.approx(1)
    rows["shared_upgrades"][0].update(rule="split", shares=3)
    assert cost(solve(rows), "interconnection") == pytest.approx(8e6 * annuity(2))


def test_offers_of_a_group_do_not_add_up() -> None:
    # Two sites with 10 MW each of the same 15 MW: 5 MW wait.
    rows = served(MONTHS_3[:2], sites=2, mw=10, grid_group="west")
    rows["grid_groups"] = [{"grid_group": "west", "shared_mw": 15}]
    plan = solve(rows)
    assert backlog(plan) == [5, 5]
    told = plan.tables["limits"].query("limit == 'shared grid MW'")
    assert list(told["used"]) == pytest.approx([15, 15])
    assert told["binding"].all()


def test_a_new_filing_waits_for_its_study_window() -> None:
    # The window opens in February, the study takes a month: service from March. One that is
    # filed already has its result in February.
    rows = served(MONTHS_3, queue_months=1, study_window_date="2027-02-01")
    assert placed(solve(rows)) == [0, 0, 20]
    # A window every four months since June 2026: the next is in February too.
    rows["interconnections"][0].update(study_window_date="2026-06-01", study_window_months=4)
    assert placed(solve(rows)) == [0, 0, 20]
    rows["interconnections"][0] = {"site": "site0", "offer": "grid", "queue_months": 1,
                                   "status": "filed"}  # fmt: skip
    assert placed(solve(rows)) == [0, 20, 20]
    rows["interconnections"][0] = {"site": "site0", "offer": "grid", "result_date": "2027-03-01"}
    rows["interconnection_steps"][0]["from_date"] = "2027-03-01"
    assert placed(solve(rows)) == [0, 0, 20]


def test_generation_in_parallel_has_a_study_of_its_own() -> None:
    # The queue is over in February, the study of own units in March.
    rows = served(MONTHS_3, queue_months=1, kind="parallel", generation_study_months=2)
    assert placed(solve(rows)) == [0, 0, 20]


def test_an_islanded_supply_leaves_own_units_islanded() -> None:
    # Own units may not run in parallel with the grid; a neighbour's plant is no grid: 10 MW of
    # it and one engine of 10 MW together serve 20 MW.
    rows = served(MONTHS_3[:2], mw=10, kind="islanded")
    rows["site_technologies"][0]["max_mw"] = 10
    rows["regimes"] = [{"market": "ERCOT", "parallel_self_supply": "no"}]
    assert placed(solve(rows)) == [20, 20]
    rows["interconnections"][0]["kind"] = "load"
    assert placed(solve(rows)) == [10, 10]


def test_an_emergency_is_met_by_an_engine() -> None:
    # In the 10 highest hours of the system, all in January, firm power is cut to half: an
    # engine of 10 MW makes 10 MW x 10 h.
    system = np.full(8760, 50.0)
    system[300:310] = 70.0
    rows = served(MONTHS_3[:2], emergency_hours_per_year=10, emergency_share=0.5,
                  emergency_notice_hours=2, system_load_profile="system")  # fmt: skip
    rows["site_technologies"][0]["max_mw"] = 20
    rows["fuels"][0]["price_usd_per_mmbtu"] = 9  # 90 $/MWh: dearer than the grid
    plan = solve(rows, profiles() | {"system": system})
    assert backlog(plan) == [0, 0]
    assert plan.dispatch["generation_mw:engine"].sum() == pytest.approx(100)
    assert plan.dispatch["import_mw"].to_numpy()[300:310] == pytest.approx(10)


def test_an_emergency_is_met_by_a_battery() -> None:
    # The same with storage of an efficiency of 0.81, 0.9 each way: 100 MWh discharged need
    # 111.1 MWh stored, charged beside 20 MW of load from 25 MW of grid power.
    system = np.full(8760, 50.0)
    system[300:310] = 70.0
    rows = served(MONTHS_3[:2], mw=25, emergency_hours_per_year=10, emergency_share=0.4,
                  system_load_profile="system")  # fmt: skip
    rows["technologies"].append(
        technology("battery", "storage", capex_usd_per_kw=100, capex_usd_per_kwh=100,
                   round_trip_efficiency=0.81)
    )  # fmt: skip
    rows["site_technologies"].append({"site": "*", "technology": "battery", "max_mw": 30})
    plan = solve(rows, profiles() | {"system": system})
    assert backlog(plan) == pytest.approx([0, 0], abs=1e-4)
    stored = plan.tables["capacity"]["standing_mwh"].max()
    assert stored == pytest.approx(100 / 0.9, rel=1e-4)


def test_a_share_of_energy_is_cut_in_the_dearest_hours() -> None:
    # 1 % of a year is 87.6 hours, all in January's dearest hours: 20 MW x 87.6 h from engines.
    price = np.full(8760, 10.0)
    price[100:200] = np.linspace(90, 80, 100)
    rows = served(MONTHS_3[:2], mw=0, curtailed_energy_share=0.01)
    rows["interconnection_steps"][0]["flexible_mw"] = 20
    rows["site_technologies"][0]["max_mw"] = 20
    rows["fuels"][0]["price_usd_per_mmbtu"] = 12  # 120 $/MWh: only where the grid is cut
    rows["tariffs"][0].update(energy_price_usd_per_mwh=0, price_profile="dear")
    plan = solve(rows, profiles() | {"dear": price})
    assert plan.dispatch["generation_mw:engine"].sum() == pytest.approx(20 * 87.6)


def test_only_the_floor_counts_where_curtailment_is_unlimited() -> None:
    # 40 MW flexible with a firm floor of 25 %: 10 MW can be relied on.
    rows = served(MONTHS_3[:2], mw=0, curtailment_unlimited="yes", firm_floor_share=0.25)
    rows["interconnection_steps"][0]["flexible_mw"] = 40
    assert placed(solve(rows)) == [10, 10]


def test_a_conditional_stage_ends_and_another_offer_follows() -> None:
    # The bridge serves until March, the other offer from March on. Leaving within the term of
    # 15 years costs 10 $/kW x 20 MW in March.
    rows = served(MONTHS_3, exit_date="2027-03-01")
    rows["interconnections"].append({"site": "site0", "offer": "late", "queue_months": 2})
    rows["interconnection_steps"].append(
        {"site": "site0", "offer": "late", "from_date": "2027-01-01", "firm_mw": 20}
    )
    plan = solve(sign(rows, min_contract_mw=20, exit_fee_usd_per_kw=10))
    assert placed(plan) == [20, 20, 20]
    assert list(plan.tables["interconnection"]["offer"]) == ["grid", "grid", "late"]
    assert cost(plan, "agreement_fees") == pytest.approx(200_000 * discount(2))
    rows["interconnections"].pop()
    rows["interconnection_steps"].pop()
    assert placed(solve(rows)) == [20, 20, 0]


def test_an_existing_connection_is_transferred() -> None:
    # 10 MW exist: transferred at once for 1 M$. The other 10 MW wait a month for the queue and
    # cost 3 M$ of upgrades and 100 $/kW.
    rows = served(MONTHS_3[:2], existing_mw=10, transfer_cost_usd=1e6, queue_months=1,
                  upgrade_cost_usd=3e6, cost_usd_per_kw=100)  # fmt: skip
    plan = solve(rows)
    assert placed(plan) == [10, 20]
    paid = 1e6 * annuity(2) + 4e6 * annuity(2, 1)
    assert cost(plan, "interconnection") == pytest.approx(paid)
    cash = plan.tables["cashflow"].query("category == 'interconnection'")
    assert list(cash["usd"]) == pytest.approx([1e6, 4e6])


def test_a_regime_without_parallel_operation_keeps_engines_off_the_grid() -> None:
    # 10 MW of grid and engines: together 20 MW; where units may only run islanded, engines
    # alone serve 20 MW; where only in parallel, they need the connection, which comes in February.
    rows = served(MONTHS_3[:2], mw=10, queue_months=1)
    rows["site_technologies"][0]["max_mw"] = 20
    rows["regimes"] = [{"market": "ERCOT", "parallel_self_supply": "no"}]
    plan = solve(rows)
    assert placed(plan) == [20, 20]
    assert plan.tables["interconnection"].empty
    rows["regimes"] = [{"market": "ERCOT", "islanded_self_supply": "no"}]
    assert placed(solve(rows)) == [0, 20]
