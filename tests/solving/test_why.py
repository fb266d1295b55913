"""Why this plan: reasons, money and switch points of cases worked by hand.

Unless said otherwise: 20 MW wanted in January and February 2027, halls of 10 MW at 1 M$/MW,
engines of 10 MW at 1,000 $/kW, no lead times, 1 M$ for each MW-month of delay.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from optimizer.preparing.finance import capital_recovery_factor
from optimizer.results.plan import Plan
from optimizer.settings import RunOptions
from optimizer.solving.solve import solve_case
from tests.cases.test_schedule_by_hand import MONTHS_3, discount, permit_rows, with_slots
from tests.support import Rows, add_grid, base, case, technology

HOURS = (744, 672)
RATE = 0.07


def solve(rows: Rows) -> Plan:
    return solve_case(case(rows), RunOptions(gap=1e-7, time_limit_s=120, why=True, why_time_s=60))


def only(table: pd.DataFrame, **where: Any) -> pd.Series:
    for column, value in where.items():
        table = table[table[column] == value]
    assert len(table) == 1, table
    return table.iloc[0]


def annuity(life: float, months: int, first: int = 0) -> float:
    """Discounted payments for a dollar of capital over so many months."""
    yearly = capital_recovery_factor(RATE, life)
    return yearly / 12 * sum(discount(m) for m in range(first, first + months))


# -- sites ---------------------------------------------------------------------------------------


def test_a_site_is_too_dear_by_its_opening_cost() -> None:
    rows = base(sites=2)
    rows["sites"][1]["opening_cost_usd"] = 7e6
    found = only(solve(rows).tables["why_not_sites"], site="site1")
    # One hall and one engine move; all that differs is the opening, paid in January.
    assert found["extra_usd"] == pytest.approx(7e6 * discount(0), rel=1e-6)
    assert found["site_usd"] == pytest.approx(found["extra_usd"], rel=1e-6)
    assert (found["reason"], found["basis"]) == ("too dear", "checked")
    assert found["instead_of"] == "10 MW at site0"
    assert found["it_mw"] == pytest.approx(10)


def test_a_site_with_dear_gas_is_too_dear_by_its_energy() -> None:
    rows = base(sites=2)
    rows["sites"][0]["gas_hub"], rows["sites"][1]["gas_hub"] = "cheap", "dear"
    gas = rows["fuels"][0]
    rows["fuels"] = [{**gas, "hub": "cheap"}, {**gas, "hub": "dear", "price_usd_per_mmbtu": 5}]
    found = only(solve(rows).tables["why_not_sites"], site="site1")
    # 10 MW at 10 MMBtu/MWh and 2 $/MMBtu more, in two months.
    more = sum(10 * h * 10 * 2 * discount(m) for m, h in enumerate(HOURS))
    assert found["energy_usd"] == pytest.approx(more, rel=1e-5)
    assert found["extra_usd"] == pytest.approx(more, rel=1e-5)


def test_a_site_out_of_reach_and_one_that_comes_too_late() -> None:
    rows = base(sites=3)
    rows["workloads"][0]["max_latency_ms"] = 2.0
    rows["sites"][1]["latitude"] = 40  # 890 km, 13 ms
    rows["sites"][2].update(opening_months=1, opening_cost_usd=1e6)
    table = solve(rows).tables["why_not_sites"]
    assert only(table, site="site1")["reason"] == "latency"
    late = only(table, site="site2")
    assert late["months_later"] == 1
    assert late["waits_for"] == "hall: opening 1 month"
    assert str(late["earliest_date"].date()) == "2027-02-01"


def test_a_site_that_would_take_a_slot_that_is_not_there() -> None:
    # Two slots serve both halls. Two halls of site1 that are wanted need a slot each as well:
    # nothing may wait, so none is left for a hall of another size.
    rows = with_slots(base(sites=2), [("2027-01-01", 20)])
    for row in rows["demand"]:
        row["max_backlog_mw"] = 0
    rows["campus_blocks"] = [
        {**rows["campus_blocks"][0], "site": "site0"},
        {**rows["campus_blocks"][0], "site": "site1", "block": "large", "it_mw": 15},
    ]
    found = only(solve(rows).tables["why_not_sites"], site="site1")
    assert found["reason"] == "no slots"
    assert found[["extra_usd"]].isna().all()


# -- sources -------------------------------------------------------------------------------------


def two_engines(capex: float) -> Rows:
    """Engines at 1,000 $/kW and a like technology at another price."""
    rows = base()
    rows["technologies"].append({**rows["technologies"][0], "technology": "turbine",
                                 "capex_usd_per_kw": capex})  # fmt: skip
    rows["site_technologies"].append({"site": "*", "technology": "turbine", "max_mw": 200})
    return rows


def test_the_runner_up_and_the_capex_at_which_it_is_as_good() -> None:
    plan = solve(two_engines(1250))
    found = only(plan.tables["runner_up"], item="engine", column="capex_adder_usd_per_kw")
    assert found["runner_up"] == "20 MW turbine at site0"
    assert found["extra_usd"] == pytest.approx(20e3 * 250 * annuity(20, 2), rel=1e-6)
    assert found["power_usd"] == pytest.approx(found["extra_usd"], rel=1e-6)
    assert (found["price"], found["unit"]) == (0, "USD/kW")
    assert found["switch_price"] == pytest.approx(250, rel=1e-6)
    assert found["switch_share"] == pytest.approx(0.25, rel=1e-6)
    # Both burn the same gas: no price of it changes that.
    gas = only(plan.tables["runner_up"], item="engine", column="price_usd_per_mmbtu")
    assert pd.isna(gas["switch_price"])


def test_the_plan_does_switch_at_the_switch_point() -> None:
    for adder, built in ((249, "engine"), (251, "turbine")):
        rows = two_engines(1250)
        rows["site_technologies"][0]["capex_adder_usd_per_kw"] = adder
        plan = solve_case(case(rows), RunOptions(gap=1e-7, time_limit_s=60))
        assert set(plan.tables["capacity"]["technology"]) == {built}


def test_the_energy_price_at_which_the_grid_gives_way_to_engines() -> None:
    # Grid at 40 $/MWh without any capital. Engines burn 30 $/MWh and cost their annuity.
    rows = base()
    add_grid(rows, 20)
    table = solve(rows).tables["runner_up"]
    found = only(table, kind="interconnection", column="energy_price_usd_per_mwh")
    energy = sum(20 * h * discount(m) for m, h in enumerate(HOURS))
    dearer = 20e6 * annuity(20, 2) / energy - 10
    assert found["runner_up"] == "20 MW engine at site0"
    assert found["rise"] == pytest.approx(dearer, rel=1e-5)
    assert found["switch_price"] == pytest.approx(40 + dearer, rel=1e-5)
    charge = only(table, kind="interconnection", column="capacity_charge_usd_per_kw_year")
    months = discount(0) + discount(1)
    assert charge["rise"] * 20e3 * months / 12 == pytest.approx(found["extra_usd"], rel=1e-5)


def test_a_source_without_a_stand_in_costs_the_delay() -> None:
    found = only(solve(base()).tables["runner_up"], column="capex_adder_usd_per_kw")
    assert found["runner_up"] == "20 MW waiting"
    assert found["delay_usd"] == pytest.approx(20e6 * (discount(0) + discount(1)), rel=1e-6)


# -- limits --------------------------------------------------------------------------------------


def test_one_more_slot_is_worth_the_month_it_saves() -> None:
    # A slot a hall: one in January, one more in February, so that 10 MW wait in January.
    rows = with_slots(base(), [("2027-01-01", 1), ("2027-02-01", 1)])
    rows["component_use"][0] = {"component": "transformer", "user_kind": "campus_block",
                                "user": "*", "per_unit": 1}  # fmt: skip
    table = solve(rows).tables["worth"]
    found = only(table, limit="slots", from_date=pd.Timestamp("2027-01-01"))
    # 10 MW-months less; one more month of capital of the hall and the engine, and of fuel.
    capital = 10e6 * annuity(25, 1) + 10e6 * annuity(20, 1)
    worth = (10e6 - 10 * 744 * 30) * discount(0) - capital
    assert found["free_usd"] == pytest.approx(worth, rel=1e-4)
    assert found["usd_per_unit"] == found["free_usd"]
    assert found["kept_usd"] == 0  # with the halls of the plan there is nothing to deliver
    assert (found["basis"], found["sheet"], found["column"]) == ("checked", "supply", "amount")
    assert (found["grant"], found["grant_usd"]) == (1, pytest.approx(worth, rel=1e-4))


def test_what_is_worth_something_only_as_a_whole_hall() -> None:
    # 10 MVA a hall: one MVA more builds none, ten build one.
    table = solve(with_slots(base(), [("2027-01-01", 10), ("2027-02-01", 10)])).tables["worth"]
    found = only(table, limit="slots", from_date=pd.Timestamp("2027-01-01"))
    assert found["free_usd"] == 0
    assert found["grant"] == 10
    assert found["grant_usd"] > 9e6
    assert found["divisible_usd"] == pytest.approx(found["grant_usd"] / 10, rel=0.02)


def test_a_limit_of_a_site_in_the_cell_of_the_input() -> None:
    # Room for one hall of two. What binds is rows of the model that no other limit is in.
    rows = base()
    rows["sites"][0]["max_it_mw"] = 10
    found = only(solve(rows).tables["worth"], limit="max_it_mw")
    assert (found["sheet"], found["row"], found["column"]) == ("sites", 2, "max_it_mw")
    assert found["free_usd"] == 0
    assert found["grant"] == 10
    capital = 10e6 * (annuity(25, 2) + annuity(20, 2))
    fuel = sum(10 * h * 30 * discount(m) for m, h in enumerate(HOURS))
    worth = 10e6 * (discount(0) + discount(1)) - capital - fuel
    assert found["grant_usd"] == pytest.approx(worth, rel=1e-4)


def test_land_lets_sizes_grow() -> None:
    # 0.1 km2 hold 5 MW of sun; one km2 more holds 50, of which fuel saved pays.
    rows = base()
    rows["sites"][0]["land_km2"] = 0.1
    rows["technologies"].append(
        technology("sun", "variable", capex_usd_per_kw=1, land_km2_per_mw=0.02)
    )
    rows["site_technologies"].append(
        {"site": "*", "technology": "sun", "max_mw": 100, "profile": "sun"}
    )
    plan = solve(rows)
    found = only(plan.tables["worth"], limit="land_km2")
    rows["sites"][0]["land_km2"] = 1.1
    more = solve_case(case(rows), RunOptions(gap=1e-7, time_limit_s=60))
    saved = plan.report.objective - more.report.objective
    # The cuts say a little less of the fuel than it will cost.
    assert saved <= found["kept_usd"] <= 1.02 * saved
    assert found["free_usd"] == pytest.approx(saved, rel=1e-4)


# -- delay ---------------------------------------------------------------------------------------


def delay(plan: Plan) -> pd.DataFrame:
    """Causes; their sums are the plan's delay."""
    causes, backlog = plan.tables["delay_causes"], plan.tables["backlog"]
    months = plan.inputs.tables["periods"].set_index("period")["months"]
    waits = (backlog["backlog_mw"] * backlog["period"].map(months)).sum()
    costs = plan.tables["costs"]
    assert causes["mw_months"].sum() == pytest.approx(waits, rel=1e-9)
    paid = costs.loc[costs["category"] == "delay", "usd"].sum()
    assert causes["usd"].sum() == pytest.approx(paid, rel=1e-9)
    return causes


def test_delay_by_a_queue() -> None:
    # Two months of queue, then one of upgrades: 20 MW wait in January, February and March.
    rows = base([*MONTHS_3, ("p3", "2027-04-01", 1)])
    rows["site_technologies"][0]["max_mw"] = 0
    add_grid(rows, 20, queue_months=2, upgrade_months=1)
    causes = delay(solve(rows)).groupby("cause")["mw_months"].sum()
    assert causes.to_dict() == pytest.approx({"queue": 40, "upgrade": 20})


def test_delay_by_a_permit_and_an_order_after_it() -> None:
    rows = base([*MONTHS_3, ("p3", "2027-04-01", 1)])
    rows["technologies"][0].update(permit_kind="air", procurement_months=1)
    rows["permits"] = permit_rows(("standard", 2, 0))
    found = delay(solve(rows))
    causes = found.groupby("cause")["mw_months"].sum()
    assert causes.to_dict() == pytest.approx({"permit": 40, "procurement": 20})
    assert set(found["chain"]) == {"engine: permit 2, procurement 1 month"}
    assert set(found["online_period"]) == {"p3"}


def test_delay_by_slots() -> None:
    rows = with_slots(base(), [("2027-01-01", 10), ("2027-02-01", 10)])
    found = only(delay(solve(rows)), cause="slots: transformer")
    assert found["mw_months"] == pytest.approx(10)
    assert found["usd"] == pytest.approx(10e6 * discount(0))


def test_delay_that_money_would_avoid() -> None:
    # A faster permit would cost 25 M$ and save 20 MW-months of 1 M$.
    rows = base()
    rows["technologies"][0]["permit_kind"] = "air"
    rows["permits"] = permit_rows(("standard", 1, 0), ("fast", 0, 25e6))
    found = only(delay(solve(rows)), cause="cheaper to wait")
    assert found["mw_months"] == pytest.approx(20)
    assert found["chain"] == "engine: permit 1 month"


def test_delay_by_the_budget() -> None:
    # A hall and an engine cost 20 M$; 20.5 M$ a year build one pair in December, one in January.
    rows = base([("p0", "2027-12-01", 1), ("p1", "2028-01-01", 1)])
    rows["policies"] = [{"policy": "budget", "kind": "budget", "value": 20.5e6}]
    plan = solve(rows)
    found = only(delay(plan), cause="budget")
    assert found["mw_months"] == pytest.approx(10)
    # 9.5 M$ more build a hall or an engine, neither of which is of use alone.
    worth = only(plan.tables["worth"], limit="budget")
    assert (worth["unit"], worth["grant"]) == ("USD", pytest.approx(9.5e6))
    assert (worth["free_usd"], worth["grant_usd"]) == (0, 0)


# -- in time, and never instead of the plan ------------------------------------------------------


def test_without_time_nothing_is_asked_and_the_plan_is_there() -> None:
    rows = base(sites=2)
    rows["sites"][1]["opening_cost_usd"] = 7e6
    options = RunOptions(gap=1e-7, time_limit_s=60, why=True, why_time_s=0.0)
    plan = solve_case(case(rows), options)
    assert only(plan.tables["why_not_sites"], site="site1")["basis"] == "not asked"
    assert set(plan.tables["runner_up"]["basis"]) == {"not asked"}
    assert plan.report.status == "optimal"
    assert "why_not_sites" not in solve_case(case(rows), RunOptions(gap=1e-7)).tables


def test_a_bug_there_does_not_cost_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    from optimizer.solving import engine

    def fail(*_: Any, **__: Any) -> dict[str, pd.DataFrame]:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(engine, "why_this", fail)
    plan = solve(base())
    assert plan.report.status == "optimal"
    assert any("why: not told, ZeroDivisionError: a bug" in line for line in plan.report.log)
