"""A plan dispatched again without perfect foresight."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from optimizer.model.blocks import links
from optimizer.preparing.case import Case
from optimizer.results.plan import Plan
from optimizer.results.report.words import checked
from optimizer.results.rolling import rolling
from optimizer.results.rolling.bills import Bills
from optimizer.results.rolling.block import Block
from optimizer.results.rolling.capacities import last_year, links_of_plan, money_of_contracts
from optimizer.results.rolling.forecasts import Forecasts
from optimizer.results.summary import summarize
from optimizer.results.verify import verify_plan
from optimizer.results.words import screen, without_foresight
from optimizer.settings import RollingOptions, RunOptions
from optimizer.solving.solve import solve_case
from tests.cases.test_contracts_by_hand import offer
from tests.support import Rows, add_grid, base, case, profiles, technology

JANUARY = 744
BILLED = ("demand", "coincident", "agreement")
WHOLE = RollingOptions(foresight_h=JANUARY, step_h=JANUARY, error=0.0)


def with_sun_and_battery(kind: str) -> Rows:
    rows = base([("p0", "2027-01-01", 1)])
    rows["workloads"][0]["load_profile"] = "load"
    rows["technologies"][0]["capex_usd_per_kw"] = 600
    rows["technologies"] += [
        technology("sun", "variable", capex_usd_per_kw=300),
        technology("battery", "storage", capex_usd_per_kw=50, capex_usd_per_kwh=60,
                   round_trip_efficiency=0.85, vom_usd_per_mwh=0.5),
    ]  # fmt: skip
    rows["site_technologies"] += [
        {"site": "*", "technology": "sun", "max_mw": 400, "profile": "sun"},
        {"site": "*", "technology": "battery", "max_mw": 200},
    ]
    if kind == "off grid":
        rows["site_technologies"][0]["max_mw"] = 0
        return rows
    add_grid(rows, 15)
    rows["tariffs"][0].update(energy_price_usd_per_mwh=0, price_profile="price", co2_t_per_mwh=0.4)
    if kind == "contracts":
        # Wind next door whatever it gives, most of a steady delivery that is not clean, a swap; and
        # targets by the hour and over the year.
        offer(rows, "wind", 10, 10, profile="wind", price_usd_per_mwh=8)
        offer(rows, "steady", 6, 6, kind="sleeved", shape="baseload", price_usd_per_mwh=15,
              adder_usd_per_mwh=2, minimum_take_share=0.7, carbon_free=False)  # fmt: skip
        offer(rows, "swap", 4, 4, kind="financial", shape="baseload", price_usd_per_mwh=30,
              basis_usd_per_mwh=0)  # fmt: skip
        rows["tariffs"][0]["carbon_free_share"] = 0.3
        rows["policies"] = [
            {"policy": "hourly", "kind": "cfe_hourly", "value": 0.75},
            {"policy": "yearly", "kind": "cfe_annual", "value": 0.8, "grid_counts": False},
        ]
    if kind in BILLED:
        # 9 USD/kW-month for the highest use by day, or in the six hours of the highest load, or
        # under an agreement with half of its MW owed.
        day = {"charge": "day", "kind": "demand", "hours": "8-20", "price_usd_per_kw_month": 9}
        peak = {"charge": "peak", "kind": "coincident_peak", "system_profile": "load",
                "candidate_hours": 6, "price_usd_per_kw_month": 9}  # fmt: skip
        signed = {"site": "site0", "offer": "grid", "agreement": "large",
                  "demand_price_usd_per_kw_month": 9, "minimum_demand_share": 0.5,
                  "term_years": 10}  # fmt: skip
        if kind == "agreement":
            rows["service_agreements"] = [signed]
        else:
            rows["tariff_charges"] = [{"tariff": "flat", **(day if kind == "demand" else peak)}]
    if kind == "capped":
        cap = 1500 * 8760 / JANUARY
        rows["policies"] = [{"policy": "cap", "kind": "co2_cap", "value": cap}]
    return rows


@cache
def planned(kind: str) -> tuple[Case, Plan]:
    hours = np.arange(8760)
    series = profiles() | {
        "load": 0.9 + 0.1 * np.sin(hours / 5), "wind": 0.5 + 0.5 * np.sin(hours / 31),
    }  # fmt: skip
    made = case(with_sun_and_battery(kind), series)
    return made, solve_case(made, RunOptions(gap=1e-4, time_limit_s=60))


@pytest.mark.parametrize("kind", ["grid", "capped", "off grid", "contracts", *BILLED])
def test_without_error_and_with_all_foresight_it_costs_the_same(kind: str) -> None:
    made, plan = planned(kind)
    found = rolling(made, plan.tables, WHOLE)
    check = verify_plan(plan.inputs, plan.tables, plan.dispatch, plan.report.objective)
    assert check.passed
    assert found["operating_cost_usd"] == pytest.approx(
        found["full_year_operating_cost_usd"], rel=1e-6
    )
    assert found["full_year_operating_cost_usd"] == pytest.approx(
        check.full_year["operating_cost"], rel=1e-6
    )
    assert found["unserved_mwh"] == pytest.approx(0, abs=1e-6)
    assert found["warning"] is None
    limits = plan.tables["limits"].query("limit == 'cap'") if kind == "capped" else None
    assert limits is None or limits["binding"].all()
    assert found["sites"] == ["site0"] and found["periods"] == ["p0"] and not found["left_out"]


@pytest.mark.parametrize("kind", ["grid", "capped", "off grid", "contracts", *BILLED])
def test_forecasts_never_make_it_cheaper(kind: str) -> None:
    made, plan = planned(kind)
    costs = [
        rolling(made, plan.tables, RollingOptions(step_h=step, error=error, seed=seed))
        for step, error, seed in ((24, 0.15, 0), (12, 0.15, 1), (24, 0.3, 2), (36, 0.0, 0))
    ]
    for found in costs:
        assert found["extra_share"] >= -1e-9
    assert costs[2]["extra_share"] > 0
    again = rolling(made, plan.tables, RollingOptions(error=0.3, seed=2))
    assert again["operating_cost_usd"] == costs[2]["operating_cost_usd"]


def test_storage_that_just_lasts_with_foresight_is_short_without_it() -> None:
    # Sun alone: the battery was sized for the darkest days to come, load above the forecast of the
    # last of them finds it empty. Nothing else can cover it, so that load is shed at its price.
    made, plan = planned("off grid")
    found = rolling(made, plan.tables, RollingOptions(error=0.3))
    shed = found["unserved_mwh"] * made.unserved_price * 1e3
    assert found["unserved_mwh"] > 0.1
    assert found["extra_usd"] == pytest.approx(shed, rel=0.05)
    assert "leans on knowing the year ahead" in found["warning"]
    assert "MWh unserved" in found["warning"]


def test_it_is_told_on_screen_in_the_report_and_in_the_summary() -> None:
    made, plan = planned("grid")
    check = verify_plan(plan.inputs, plan.tables, plan.dispatch, plan.report.objective)
    found = rolling(made, plan.tables, RollingOptions())
    summary = summarize(plan, check, rolling=found)
    assert summary["verification"]["rolling"]["foresight_hours"] == 36
    assert found["warning"] and found["extra_share"] > 0.03
    said = dict(screen(summary, plan.tables))["No foresight"]
    assert "in p0 of site0, with 36 h of forecasts off by 15%" in said
    assert said.endswith("WARNING: above 3%")
    little = found | {"extra_share": 0.0123, "warning": None}
    assert "(+1.2%)" in without_foresight(little) and "WARNING" not in without_foresight(little)
    quiet = found | {"warning": None}
    assert "more to run" in checked({"verification": check.as_dict() | {"rolling": quiet}})
    loud = found | {"warning": "It leans on foresight."}
    assert checked({"verification": check.as_dict() | {"rolling": loud}}).endswith("foresight.")
    assert summarize(plan, check)["verification"]["rolling"] is None


def test_forecasts_are_off_by_what_is_said() -> None:
    made, plan = planned("grid")
    site, period = made.sites["site0"], last_year(made)[0]
    block = Block(made, site, period, links_of_plan(made, site, period, plan.tables))
    forecasts = Forecasts(block, RollingOptions(error=0.1), (0,))
    at = np.arange(100, 136)
    upper, rhs = block.upper[block.columns][:, at], block.rhs[block.rows][:, at]
    cost = block.cost[block.columns][:, at]
    guesses = [forecasts.issue(at, upper, rhs, cost) for _ in range(2000)]
    taken, load = block.group["import"], block.row["balance"]
    price = np.array([g[2][taken, [0, -1]] / cost[taken, [0, -1]] - 1 for g in guesses])
    assert price.mean(axis=0) == pytest.approx([0, 0], abs=0.01)
    assert price.std(axis=0) == pytest.approx([0.1 / 6, 0.1], rel=0.05)
    wanted = np.array([g[1][load, -1] / rhs[load, -1] - 1 for g in guesses])
    assert wanted.std() == pytest.approx(0.02, rel=0.05)
    sun = block.group["generation:sun"]
    bright = int(np.argmax(upper[sun]))
    made_guess = np.array([g[0][sun, bright] for g in guesses])
    assert made_guess.max() <= block.x[block.shape.links.index("mw:sun")] * (1 + 1e-12)
    off = 0.1 * np.sqrt((bright + 1) / 36)
    assert (made_guess / upper[sun, bright] - 1).std() == pytest.approx(off, rel=0.05)


def test_deliveries_as_produced_are_forecast_and_others_are_agreed() -> None:
    made, plan = planned("contracts")
    site, period = made.sites["site0"], last_year(made)[0]
    block = Block(made, site, period, links_of_plan(made, site, period, plan.tables))
    assert dict(zip(block.shape.links, block.x, strict=True))["ppa_mw:wind"] == pytest.approx(10)
    forecasts = Forecasts(block, RollingOptions(error=0.3), (0,))
    at = np.arange(24, 60)
    upper, rhs = block.upper[block.columns][:, at], block.rhs[block.rows][:, at]
    guess, _, _ = forecasts.issue(at, upper, rhs, block.cost[block.columns][:, at])
    wind, steady = block.group["delivery:wind"], block.group["delivery:steady"]
    assert np.abs(guess[wind] / upper[wind] - 1).max() > 0.05
    assert guess[wind].max() <= 10 * (1 + 1e-9)
    assert (guess[steady] == upper[steady]).all()


def test_money_of_contracts_that_is_due_whatever_runs_is_in_both_costs() -> None:
    # The swap: 4 MW for 744 h at 30 USD less the site's price; wind: all that is offered at 8 USD.
    made, plan = planned("contracts")
    site, period = made.sites["site0"], last_year(made)[0]
    due = 1e3 * money_of_contracts(site, period, plan.tables)
    series = made.inputs.profiles
    offered = 10 * series["wind"][:JANUARY].sum()
    settled = 4 * (30 - series["price"][:JANUARY]).sum()
    assert due == pytest.approx(8 * offered + settled)
    found = rolling(made, plan.tables, RollingOptions(error=0.0))
    paid = plan.tables["operation"].query("metric == 'delivered_mwh'")["value"].sum()
    assert paid > 0 and found["full_year_operating_cost_usd"] > due


@pytest.mark.parametrize("kind", BILLED)
def test_what_is_realised_is_billed_and_above_the_level_costs_the_rate(kind: str) -> None:
    made, plan = planned(kind)
    site, period = made.sites["site0"], last_year(made)[0]
    block = Block(made, site, period, links_of_plan(made, site, period, plan.tables))
    ahead = block.ahead()
    bills, taken = Bills(block, ahead), block.group["import"]
    month = np.arange(JANUARY)
    counts = {
        "demand": (month % 24 >= 8) & (month % 24 < 20),
        "coincident": np.isin(month, np.argsort(-made.inputs.profiles["load"][:JANUARY])[:6]),
        "agreement": month >= 0,
    }[kind]
    owed = 0.5 * plan.tables["agreements"]["owed_mw"].sum() if kind == "agreement" else 0.0
    done = ahead.values[block.columns].copy()
    most = block.upper[block.columns[taken]].max()
    assert bills.bill(done) == pytest.approx(9 * max(done[taken, counts].max(), owed))
    # Little in all hours that count, but one; in the others all there is.
    done[taken] = np.where(counts, 0.1 * most, block.upper[block.columns[taken]])
    done[taken, np.flatnonzero(counts)[2]] = 0.9 * most
    assert bills.bill(done) == pytest.approx(9 * 0.9 * most, rel=1e-7)
    done[taken, counts] = 0.1 * most
    assert bills.bill(done) == pytest.approx(9 * max(0.1 * most, owed), rel=1e-7)
    # The operator of a year that uses less holds to that, or to what is billed anyway.
    bills = Bills(block, replace(ahead, values=0.4 * ahead.values))
    slots, hour = bills.slots(range(JANUARY), 1), np.flatnonzero(counts)[:1]
    limits, prices = bills.limits(slots, hour)
    level = max(0.4 * ahead.values[block.columns[taken, counts]].max(), owed)
    assert level < 0.9 * most and prices == pytest.approx([9])
    assert limits[0] == pytest.approx([level], rel=1e-6)
    if not counts.all():
        assert np.isinf(bills.limits(slots, np.flatnonzero(~counts)[:1])[0]).all()
    # What has been used above the level is the level of the hours that follow.
    above = done[:, hour[0]].copy()
    above[taken] = 0.9 * most
    bills.take(int(hour[0]), above)
    assert bills.limits(slots, hour)[0][0] == pytest.approx([0.9 * most], rel=1e-6)


@pytest.mark.parametrize(("link", "said"), [
    ("steam_t", "steam_t"),
    ("floor_mw:flat:demand:0", "the ratchet over earlier periods of tariff flat"),
    ("above_mw:flat:energy:2:0", "the falling tier of tariff flat"),
])  # fmt: skip
def test_a_block_with_what_is_not_followed_is_left_out(
    monkeypatch: pytest.MonkeyPatch, link: str, said: str
) -> None:
    made, plan = planned("grid")
    names = links.names
    monkeypatch.setattr(links, "names", lambda case, site: (*names(case, site), link))
    found = rolling(made, plan.tables, RollingOptions())
    assert found["left_out"] == [f"site0 p0: {said} is not followed"]
    assert not found["sites"]
    assert without_foresight(found) == f"not run: site0 p0: {said} is not followed"


def test_one_site_is_run_even_if_time_is_out() -> None:
    rows = with_sun_and_battery("grid")
    rows["periods"] += [{"period": "p1", "start": "2027-02-01", "months": 1}]
    rows["demand"] += [{**rows["demand"][0], "period": "p1"}]
    series = profiles() | {"load": np.full(8760, 0.9)}
    made = case(rows, series)
    plan = solve_case(made, RunOptions(gap=0.01, time_limit_s=60))
    found = rolling(made, plan.tables, RollingOptions(), until=0.0)
    assert found["periods"] == ["p0"]
    assert found["left_out"] == ["site0 p1"]
