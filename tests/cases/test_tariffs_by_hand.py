"""Bills worked by hand; each plan passes the independent check as well.

Unless said otherwise: 20 MW wanted in January and February 2027, all of it from the grid at
40 USD/MWh, whatever the weekday; January has 744 hours and February 672. Profiles follow 2012,
whose January begins on a Sunday.
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
from tests.support import HOURS, Rows, add_grid, base, case, profiles, technology

MONTH = np.repeat(np.arange(1, 13), 24 * np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]))
JANUARY, FEBRUARY = 744, 672
Row = dict[str, Any]


def grid_only(
    charges: list[Row], periods: list[tuple[str, str, int]] | None = None, firm_mw: float = 30
) -> Rows:
    """A site without any plant; ``charges`` are those of its tariff."""
    rows = base(periods)
    add_grid(rows, firm_mw, cost_usd_per_kw=1)
    rows["site_technologies"][0]["max_mw"] = 0
    rows["tariff_charges"] = [{"tariff": "flat", **charge} for charge in charges]
    return rows


def solve(rows: Rows, **series: np.ndarray) -> Plan:
    """The proven plan, whose bills the independent check finds too."""
    plan = solve_case(case(rows, profiles() | series), RunOptions(gap=1e-7, time_limit_s=120))
    done = verify_plan(plan.inputs, plan.tables, plan.dispatch, plan.report.objective)
    assert done.passed, done.findings[:5]
    # What the model has paid is what the bills come to.
    assert plan.report.progress[-1].best == pytest.approx(plan.report.objective, rel=1e-6)
    assert plan.tables["bills"]["usd"].to_numpy() == pytest.approx(
        (plan.tables["bills"]["quantity"] * plan.tables["bills"]["rate"]).to_numpy()
    )
    return plan


def lines(plan: Plan, charge: str) -> pd.Series:
    """US$ of a line of the bill by month."""
    bills = plan.tables["bills"]
    return bills[bills["charge"] == charge].groupby("month")["usd"].sum()


def billed_mw(plan: Plan, charge: str) -> list[float]:
    """Billed MW of a charge by period and month."""
    bills = plan.tables["bills"]
    return list(bills.loc[bills["charge"] == charge, "quantity"] / 1000)


def test_time_of_use() -> None:
    # 22 weekdays of January 2012 have 6 dear hours each: 132 h x 20 MW x 60 USD. The other
    # 612 h cost 5 USD more than the base of 40.
    plan = solve(grid_only([
        {"charge": "use", "window": "on", "kind": "energy", "price_usd_per_mwh": 60,
         "hours": "14-20", "weekdays": "weekday"},
        {"charge": "use", "window": "off", "kind": "energy", "price_usd_per_mwh": 5,
         "hours": "20-14", "weekdays": "weekday"},
        {"charge": "use", "window": "weekend", "kind": "energy", "price_usd_per_mwh": 5,
         "weekdays": "weekend"},
    ]))  # fmt: skip
    assert lines(plan, "use / on")[1] == pytest.approx(132 * 20 * 60)
    off = lines(plan, "use / off")[1] + lines(plan, "use / weekend")[1]
    assert off == pytest.approx((JANUARY - 132) * 20 * 5)
    assert lines(plan, "energy price")[1] == pytest.approx(JANUARY * 20 * 40)


def test_windows_follow_the_clock_of_the_site() -> None:
    # Profiles are in UTC-6 and the site is an hour behind: its 14:00 to 15:00 is their 15:00.
    # The load runs in that hour only.
    rows = grid_only([{"charge": "on", "kind": "energy", "price_usd_per_mwh": 60,
                       "hours": "14-15"}])  # fmt: skip
    rows["settings"].append({"key": "time_zone", "value": "America/Chicago"})
    rows["sites"][0]["utc_offset_hours"] = -7
    rows["workloads"][0]["load_profile"] = "three"
    plan = solve(rows, three=(HOURS % 24 == 15).astype(float))
    assert lines(plan, "on")[1] == pytest.approx(31 * 20 * 60)
    rows["sites"][0]["utc_offset_hours"] = -6
    assert lines(solve(rows, three=(HOURS % 24 == 15).astype(float)), "on")[1] == 0


def test_two_demand_windows() -> None:
    # 20 MW by day, 10 MW from 22:00 to 6:00: 20 MW x 5 USD/kW and 10 MW x 2 USD/kW a month.
    rows = grid_only([
        {"charge": "any time", "kind": "demand", "price_usd_per_kw_month": 5},
        {"charge": "night", "kind": "demand", "price_usd_per_kw_month": 2, "hours": "22-6"},
    ])  # fmt: skip
    rows["workloads"][0]["load_profile"] = "day"
    night = (HOURS % 24 >= 22) | (HOURS % 24 < 6)
    plan = solve(rows, day=np.where(night, 0.5, 1.0))
    assert list(lines(plan, "any time")) == pytest.approx([100_000, 100_000])
    assert list(lines(plan, "night")) == pytest.approx([20_000, 20_000])


def test_demand_tiers() -> None:
    # The first 15 MW cost 4 USD/kW, the other 5 MW 6 USD/kW.
    plan = solve(grid_only([
        {"charge": "demand", "kind": "demand", "price_usd_per_kw_month": 4, "tier_to_mw": 15},
        {"charge": "demand", "tier": 2, "kind": "demand", "price_usd_per_kw_month": 6},
    ]))  # fmt: skip
    assert lines(plan, "demand / tier 1")[1] == pytest.approx(60_000)
    assert lines(plan, "demand / tier 2")[1] == pytest.approx(30_000)


QUARTERS = [("q1", "2027-01-01", 3), ("q2", "2027-04-01", 3)]


def test_ratchet_over_quarters() -> None:
    # 20 MW in the first quarter, 10 MW in the second, in which 80 % of 20 MW is billed.
    charge = {"charge": "demand", "kind": "demand", "price_usd_per_kw_month": 1,
              "ratchet_share": 0.8, "ratchet_months": 11}  # fmt: skip
    rows = grid_only([charge], QUARTERS)
    rows["demand"][1]["it_mw"] = 10
    assert billed_mw(solve(rows), "demand") == pytest.approx([20] * 3 + [16] * 3)
    # Two months back, April and May still look at February and March; June does not.
    rows["tariff_charges"][0]["ratchet_months"] = 2
    assert billed_mw(solve(rows), "demand") == pytest.approx([20] * 3 + [16, 16, 10])
    # 30 MW before the plan: 24 MW in all months that look there.
    rows["tariff_charges"][0] |= {"ratchet_months": 3, "peak_before_mw": 30}
    assert billed_mw(solve(rows), "demand") == pytest.approx([24] * 3 + [16] * 3)


def test_a_ratchet_that_costs_more_than_waiting_keeps_the_first_peak_low() -> None:
    # 20 MW wanted in January and 10 MW in February. 10 MW that run in January cost
    # 50,000 + 40,000 USD of billed demand in the two months (5 USD/kW, 80 %: 16 MW in place of
    # 10 MW is 30,000), 297,600 of energy, and a hall; waiting costs 100,000 x 10 less.
    charge = {"charge": "demand", "kind": "demand", "price_usd_per_kw_month": 5,
              "ratchet_share": 0.8, "ratchet_months": 11}  # fmt: skip
    rows = grid_only([charge])
    rows["demand"][1]["it_mw"] = 10
    rows["campus_blocks"][0]["capex_usd_per_mw"] = 0
    # Of each MW: 744 h x 40 = 29,760 of energy, 5,000 of demand, 0.8 x 5,000 in February for
    # those above 12.5 MW. At 35,000 USD a MW-month only 12.5 MW run in January.
    rows["workloads"][0]["delay_price_usd_per_mw_month"] = 35_500
    assert billed_mw(solve(rows), "demand") == pytest.approx([12.5, 10], rel=1e-5)
    rows["workloads"][0]["delay_price_usd_per_mw_month"] = 40_000
    assert billed_mw(solve(rows), "demand") == pytest.approx([20, 16], rel=1e-5)


YEAR = [("y", "2027-01-01", 12)]


def test_ratchet_with_named_months() -> None:
    # 20 MW in July, 10 MW else. A year wraps: every month looks at the summer's 20 MW.
    charge = {"charge": "demand", "kind": "demand", "price_usd_per_kw_month": 1,
              "ratchet_share": 0.8, "ratchet_season": "6-9"}  # fmt: skip
    rows = grid_only([charge], YEAR)
    rows["workloads"][0]["load_profile"] = "summer"
    summer = np.where(MONTH == 7, 1.0, 0.5)
    plan = solve(rows, summer=summer)
    assert billed_mw(plan, "demand") == pytest.approx([16] * 6 + [20] + [16] * 5)
    # In the winter's months nothing is above 10 MW.
    rows["tariff_charges"][0]["ratchet_season"] = "11-2"
    plan = solve(rows, summer=summer)
    assert billed_mw(plan, "demand") == pytest.approx([10] * 6 + [20] + [10] * 5)


def test_all_candidate_hours_of_a_coincident_peak_must_be_held() -> None:
    # 100 USD/kW-year for January's peak alone. A battery of 10 MW and 10 MWh takes 10 MW off
    # one hour, and only 3.33 MW off each of the three hours that may be the peak.
    system = np.zeros(8760)
    system[[17, 18, 19]] = 80, 100, 90
    rows = grid_only([{"charge": "peak", "kind": "coincident_peak", "price_usd_per_kw_year": 100,
                       "months": "1", "system_profile": "system"}])  # fmt: skip
    rows["technologies"].append(
        technology("battery", "storage", capex_usd_per_kw=1, duration_h=1, round_trip_efficiency=1)
    )
    rows["site_technologies"].append({"site": "*", "technology": "battery", "max_mw": 10})
    assert lines(solve(rows, system=system), "peak")[1] == pytest.approx(10_000 * 100)
    rows["tariff_charges"][0]["candidate_hours"] = 3
    plan = solve(rows, system=system)
    assert lines(plan, "peak")[1] == pytest.approx((20_000 - 10_000 / 3) * 100)
    # Named hours are the same; a share of the 20 MW of the contract is billed at least.
    rows["tariff_charges"] = [{"tariff": "flat", "charge": "peak", "kind": "coincident_peak",
                               "price_usd_per_kw_month": 100, "months": "1", "minimum_share": 0.9,
                               "hours_profile": "named"}]  # fmt: skip
    plan = solve(rows, named=(system > 0).astype(float))
    grid = plan.tables["interconnection"]
    contract = float(grid.loc[grid["period"] == "p0", "firm_mw"].iloc[0])
    assert contract >= 20
    assert lines(plan, "peak")[1] == pytest.approx(max(1000 * 0.9 * contract, 50_000 / 3) * 100)


def test_the_highest_days_of_the_year_share_the_yearly_price() -> None:
    # Two days, 1 January and 2 February, each half of 100 USD/kW-year for 20 MW.
    system = np.zeros(8760)
    system[18], system[19], system[JANUARY + 24 + 18] = 100, 99, 90
    plan = solve(
        grid_only([{"charge": "peak", "kind": "coincident_peak", "price_usd_per_kw_year": 100,
                    "system_profile": "system", "peak_days": 2}]),
        system=system,
    )  # fmt: skip
    assert list(lines(plan, "peak")) == pytest.approx([1_000_000, 1_000_000])


def test_minimum_bill_and_fixed_charge() -> None:
    # Energy is 595,200 and 537,600 USD, 10,000 a month are fixed; at least 600,000 are owed.
    plan = solve(grid_only([
        {"charge": "least", "kind": "minimum_bill", "price_usd_per_month": 600_000},
        {"charge": "service", "kind": "fixed", "price_usd_per_month": 10_000},
    ]))  # fmt: skip
    assert list(lines(plan, "minimum bill")) == pytest.approx([0, 52_400])
    assert list(lines(plan, "service")) == pytest.approx([10_000, 10_000])
    total = plan.tables["bills"].groupby("month")["usd"].sum()
    assert list(total) == pytest.approx([605_200, 600_000])


def test_a_minimum_bill_is_owed_without_load() -> None:
    # No load in February: nothing runs, and the minimum is owed all the same.
    rows = grid_only([{"charge": "least", "kind": "minimum_bill", "price_usd_per_month": 300_000}])
    rows["demand"][1]["it_mw"] = 0
    assert lines(solve(rows), "minimum bill")[2] == pytest.approx(300_000)


def test_rising_tiers() -> None:
    # 14,880 MWh in January: 4,880 above 10,000 cost 10 USD more. By hours of use: 250 h of the
    # 20 MW of contract are 5,000 MWh, 9,880 are above.
    tiers = [
        {"charge": "block", "tier": 1, "kind": "energy", "price_usd_per_mwh": 5},
        {"charge": "block", "tier": 2, "kind": "energy", "price_usd_per_mwh": 15},
    ]
    tiers[0]["tier_to_mwh"] = 10_000
    plan = solve(grid_only(tiers))
    assert lines(plan, "block / tier 1")[1] == pytest.approx(10_000 * 5)
    assert lines(plan, "block / tier 2")[1] == pytest.approx(4_880 * 15)
    del tiers[0]["tier_to_mwh"]
    tiers[0]["tier_to_hours"] = 250
    plan = solve(grid_only(tiers, firm_mw=20))
    assert lines(plan, "block / tier 2")[1] == pytest.approx(9_880 * 15)
    # Of billed demand, which is 20 MW too and costs enough that more of it is never worth it.
    for row in tiers:
        row["hours_of"] = "demand"
    demand = {"charge": "demand", "kind": "demand", "price_usd_per_kw_month": 2.5}
    plan = solve(grid_only([*tiers, demand]))
    assert lines(plan, "block / tier 2")[1] == pytest.approx(9_880 * 15)


def declining(unit: str, first: float, then: float, end: float, **cells: Any) -> list[Row]:
    """An energy charge of two tiers, of which the first ends at ``end`` of ``unit``."""
    rows: list[Row] = [
        {"charge": "block", "tier": n, "kind": "energy", "price_usd_per_mwh": price, **cells}
        for n, price in enumerate((first, then), 1)
    ]
    rows[0][unit] = end
    return rows


def less_in_february(rows: Rows) -> Rows:
    """10 MW in place of 20 MW in February."""
    rows["demand"][1]["it_mw"] = 10
    return rows


def test_falling_tiers_of_energy() -> None:
    # 14,880 MWh in January: 4,880 above 10,000 cost 10 USD less. 6,720 MWh in February stay below.
    plan = solve(less_in_february(grid_only(declining("tier_to_mwh", 15, 5, 10_000))))
    assert list(lines(plan, "block / tier 1")) == pytest.approx([150_000, 6_720 * 15])
    assert list(lines(plan, "block / tier 2")) == pytest.approx([4_880 * 5, 0])


def test_falling_tiers_by_hours_of_use() -> None:
    # Of 20 MW of contract 350 h are 7,000 MWh: in January 7,880 are above, in February none.
    tiers = declining("tier_to_hours", 15, 5, 350)
    plan = solve(less_in_february(grid_only(tiers, firm_mw=20)))
    assert list(lines(plan, "block / tier 1")) == pytest.approx([7_000 * 15, 6_720 * 15])
    assert list(lines(plan, "block / tier 2")) == pytest.approx([7_880 * 5, 0])
    # Of billed demand, 20 and 10 MW: 7,000 and 3,500 MWh. 3,220 MWh of February are above.
    for row in tiers:
        row["hours_of"] = "demand"
    demand = {"charge": "demand", "kind": "demand", "price_usd_per_kw_month": 1}
    plan = solve(less_in_february(grid_only([*tiers, demand])))
    assert list(lines(plan, "block / tier 1")) == pytest.approx([7_000 * 15, 3_500 * 15])
    assert list(lines(plan, "block / tier 2")) == pytest.approx([7_880 * 5, 3_220 * 5])


def test_falling_tiers_of_demand() -> None:
    # The first 15 MW cost 6 USD/kW, the other 5 MW of January 4 USD/kW; February has 10 MW.
    tiers: list[Row] = [
        {"charge": "demand", "kind": "demand", "price_usd_per_kw_month": 6, "tier_to_mw": 15},
        {"charge": "demand", "tier": 2, "kind": "demand", "price_usd_per_kw_month": 4},
    ]
    plan = solve(less_in_february(grid_only(tiers)))
    assert list(lines(plan, "demand / tier 1")) == pytest.approx([90_000, 60_000])
    assert list(lines(plan, "demand / tier 2")) == pytest.approx([20_000, 0])
    # A ratchet bills 90 % of January's 20 MW in February: 18 MW.
    tiers[0] |= {"ratchet_share": 0.9, "ratchet_months": 11}
    plan = solve(less_in_february(grid_only(tiers)))
    assert list(lines(plan, "demand / tier 1")) == pytest.approx([90_000, 90_000])
    assert list(lines(plan, "demand / tier 2")) == pytest.approx([20_000, 12_000])


def test_prices_that_rise_and_then_fall() -> None:
    # 14,880 MWh: 4,000 at 5 USD, 6,000 at 20 USD, 4,880 at 10 USD. 6,720 MWh: 2,720 at 20 USD.
    tiers = declining("tier_to_mwh", 5, 20, 4_000)
    tiers[1]["tier_to_mwh"] = 10_000
    tiers.append(tiers[1] | {"tier": 3, "price_usd_per_mwh": 10, "tier_to_mwh": None})
    plan = solve(less_in_february(grid_only(tiers)))
    for tier, usd in ((1, [20_000, 20_000]), (2, [120_000, 54_400]), (3, [48_800, 0])):
        assert list(lines(plan, f"block / tier {tier}")) == pytest.approx(usd)


def test_a_falling_price_is_worth_it_for_a_whole_month_or_not_at_all() -> None:
    # An engine makes a MWh for 52 USD. The grid's first 10,000 MWh of a month cost 55 USD, those
    # above 40 USD: 14,880 MWh cost 50.1 USD in the mean, and are all bought. February's 6,720
    # would cost 55 USD, and are made.
    rows = less_in_february(grid_only(declining("tier_to_mwh", 15, 0, 10_000)))
    rows["technologies"][0]["capex_usd_per_kw"] = 0
    rows["site_technologies"][0]["max_mw"] = 20
    rows["fuels"][0]["price_usd_per_mmbtu"] = 5.2
    plan = solve(rows)
    bills = plan.tables["bills"]
    energy = bills[bills["charge"] == "energy price"].set_index("month")["quantity"]
    assert list(energy) == pytest.approx([14_880, 0], abs=1e-3)
    # At 49 USD the engine makes all of it.
    rows["fuels"][0]["price_usd_per_mmbtu"] = 4.9
    assert set(solve(rows).tables["bills"]["usd"].round(2)) == {0}


def test_falling_tiers_in_a_period_of_two_years() -> None:
    # One year, billed twice: 20 MW in July, 10 MW else. July's 14,880 MWh reach the second tier,
    # the 7,440 of other months do not; the ratchet's 16 MW all year reach that of demand. Prices
    # are 2 % higher than those of the money year, 2026.
    rows = grid_only(
        [
            *declining("tier_to_mwh", 15, 5, 10_000),
            {"charge": "demand", "kind": "demand", "price_usd_per_kw_month": 6, "tier_to_mw": 15,
             "ratchet_share": 0.8, "ratchet_months": 11},
            {"charge": "demand", "tier": 2, "kind": "demand", "price_usd_per_kw_month": 4},
        ],
        [("y", "2027-01-01", 24)],
    )  # fmt: skip
    rows["settings"].append({"key": "money_year", "value": 2026})
    rows["tariffs"][0]["price_growth_per_year"] = 0.02
    rows["workloads"][0]["load_profile"] = "summer"
    plan = solve(rows, summer=np.where(MONTH == 7, 1.0, 0.5))
    assert set(plan.tables["bills"]["passes"]) == {2}
    july = np.arange(1, 13) == 7
    assert list(lines(plan, "block / tier 2")) == pytest.approx(list(4_880 * 5 * 1.02 * july))
    assert lines(plan, "block / tier 1")[7] == pytest.approx(150_000 * 1.02)
    assert lines(plan, "block / tier 1")[8] == pytest.approx(7_440 * 15 * 1.02)
    demand = np.where(july, 20_000, 4_000) * 1.02
    assert list(lines(plan, "demand / tier 2")) == pytest.approx(list(demand))


def test_a_declining_tariff_is_chosen_where_it_is_used_much() -> None:
    # January's 14,880 MWh cost 30 + 25 USD up to 5,000 MWh and 30 above: 571,400, against 595,200
    # at 40 USD. February's 6,720: 326,600 against 268,800.
    rows = less_in_february(grid_only([]))
    rows["tariffs"].append({"tariff": "block", "market": "ERCOT", "energy_price_usd_per_mwh": 30})
    rows["tariff_charges"] = [
        {"tariff": "block", **row} for row in declining("tier_to_mwh", 25, 0, 5_000)
    ]
    rows["site_tariffs"] = [{"site": "site0", "tariff": "block"}]
    plan = solve(rows)
    by_month = plan.tables["bills"].groupby("month")
    assert list(by_month["tariff"].first()) == ["block", "flat"]
    assert list(by_month["usd"].sum()) == pytest.approx([571_400, 268_800])


def test_minimum_share_of_contract_mw_with_a_late_load() -> None:
    # Switchgear for 20 MW comes in January and cannot wait, load comes in February: in January
    # 80 % of 20 MW are billed though nothing is used.
    rows = grid_only([{"charge": "demand", "kind": "demand", "price_usd_per_kw_month": 5,
                       "minimum_share": 0.8}])  # fmt: skip
    rows["demand"][0]["it_mw"] = 0
    rows["components"] = [{"component": "switchgear", "stockable": False}]
    rows["supply"] = [{"component": "switchgear", "date": "2027-01-01", "amount": 20}]
    rows["component_use"] = [{"component": "switchgear", "user_kind": "interconnection",
                              "user": "grid", "per_mw": 1}]  # fmt: skip
    plan = solve(rows)
    assert billed_mw(plan, "demand") == pytest.approx([16, 20])
    assert lines(plan, "energy price")[1] == 0


def test_the_tariff_is_chosen_by_period() -> None:
    # January: 2 MW but for an hour a day at 20 MW, 2,046 MWh: 81,840 USD at 40 USD/MWh, against
    # 40,920 + 200,000 at 20 USD/MWh and 10 USD/kW. February runs flat: 537,600 against 468,800.
    rows = grid_only([])
    rows["tariffs"].append({"tariff": "demand", "market": "ERCOT", "energy_price_usd_per_mwh": 20})
    rows["tariff_charges"] = [{"tariff": "demand", "charge": "demand", "kind": "demand",
                               "price_usd_per_kw_month": 10}]  # fmt: skip
    rows["site_tariffs"] = [{"site": "site0", "tariff": "demand"}]
    rows["workloads"][0]["load_profile"] = "peaky"
    peaky = np.where((MONTH > 1) | (HOURS % 24 == 18), 1.0, 0.1)
    plan = solve(rows, peaky=peaky)
    by_month = plan.tables["bills"].groupby("month")
    assert list(by_month["tariff"].first()) == ["flat", "demand"]
    assert list(by_month["usd"].sum()) == pytest.approx([81_840, 468_800])
    # Offered from March on only: the other one is kept.
    rows["site_tariffs"][0]["from_date"] = "2027-03-01"
    plan = solve(rows, peaky=peaky)
    assert set(plan.tables["bills"]["tariff"]) == {"flat"}


def test_net_billing_and_tax() -> None:
    # 40 MW of sun for half of each day and 10 MW of load: by night 120 MWh a day are bought at
    # 40 USD, by day 360 MWh are sold. Credits stop at the 148,800 USD of January's energy.
    rows = grid_only([])
    rows["interconnections"][0]["export_mw"] = 30
    rows["demand"][0]["it_mw"] = rows["demand"][1]["it_mw"] = 10
    rows["technologies"].append(technology("sun", "variable", capex_usd_per_kw=1))
    rows["site_technologies"].append(
        {"site": "*", "technology": "sun", "max_mw": 40, "profile": "square"}
    )
    rows["tariffs"][0].update(export_price_share=0.5, tax_share=0.1)
    square = (HOURS % 24 < 12).astype(float)
    plan = solve(rows, square=square)
    assert lines(plan, "export")[1] == pytest.approx(-31 * 360 * 20)
    assert lines(plan, "tax")[1] == pytest.approx(14_880)
    rows["tariffs"][0].update(export_price_share=0.8, net_billing=True)
    plan = solve(rows, square=square)
    assert lines(plan, "energy price")[1] == pytest.approx(31 * 120 * 40)
    assert lines(plan, "export")[1] == pytest.approx(-31 * 120 * 40)
