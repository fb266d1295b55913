"""A plan dispatched again without perfect foresight."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from optimizer.model.blocks import links
from optimizer.preparing.case import Case
from optimizer.results.plan import Plan
from optimizer.results.report.words import checked
from optimizer.results.rolling import rolling
from optimizer.results.rolling.block import Block
from optimizer.results.rolling.capacities import last_year, links_of_plan
from optimizer.results.rolling.forecasts import Forecasts
from optimizer.results.summary import summarize
from optimizer.results.verify import verify_plan
from optimizer.results.words import screen, without_foresight
from optimizer.settings import RollingOptions, RunOptions
from optimizer.solving.solve import solve_case
from tests.support import Rows, add_grid, base, case, profiles, technology

JANUARY = 744
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
    if kind == "capped":
        cap = 1500 * 8760 / JANUARY
        rows["policies"] = [{"policy": "cap", "kind": "co2_cap", "value": cap}]
    return rows


@cache
def planned(kind: str) -> tuple[Case, Plan]:
    series = profiles() | {"load": 0.9 + 0.1 * np.sin(np.arange(8760) / 5)}
    made = case(with_sun_and_battery(kind), series)
    return made, solve_case(made, RunOptions(gap=1e-4, time_limit_s=60))


@pytest.mark.parametrize("kind", ["grid", "capped", "off grid"])
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


@pytest.mark.parametrize("kind", ["grid", "capped", "off grid"])
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


def test_a_block_with_what_is_not_followed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    made, plan = planned("grid")
    names = links.names
    monkeypatch.setattr(links, "names", lambda case, site: (*names(case, site), "steam_t"))
    found = rolling(made, plan.tables, RollingOptions())
    assert found["left_out"] == ["site0 p0: steam_t is not followed"]
    assert not found["sites"]
    assert without_foresight(found) == "not run: site0 p0: steam_t is not followed"


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
