"""Near an earlier result: two sites that are tied, between which 1 % of a gas price decides.

Both sites could serve all 20 MW with two halls and two engines, each with gas of its own hub: 3 and
3.01 USD/MMBtu. With the first at 3.03 the cheapest plan is at the other site.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from optimizer import Case, cli
from optimizer import solve as solve_api
from optimizer.errors import ExitCode, UsageError
from optimizer.reading.writing import write_inputs
from optimizer.results.plan import Plan
from optimizer.results.summary import summarize
from optimizer.results.words import screen
from optimizer.results.write import read_tables
from optimizer.settings import RunOptions
from optimizer.solving import engine as engines
from optimizer.solving.nearby import Earlier
from optimizer.solving.solve import solve_case
from tests.support import Rows, add_grid, base, case, inputs, technology

MONTHS = [("a", "2027-01-01", 1), ("b", "2027-02-01", 1)]
CHEAP, DEAR = 3.0, 3.03
"""Gas at site0: 0.3 % below and 0.7 % above what it costs at site1."""


def tied(price: float, mw: float = 20.0, months: list[tuple[str, str, int]] | None = None) -> Rows:
    rows = base(months or MONTHS, sites=2)
    gas = rows["fuels"][0]
    rows["fuels"] = [{**gas, "hub": "here", "price_usd_per_mmbtu": price},
                     {**gas, "hub": "there", "price_usd_per_mmbtu": 3.01}]  # fmt: skip
    for site, hub in zip(rows["sites"], ("here", "there"), strict=True):
        site |= {"gas_hub": hub, "opening_cost_usd": 3e6}
    for wanted in rows["demand"]:
        wanted |= {"it_mw": mw, "max_backlog_mw": 0.0}
    return rows


def solve(
    rows: Rows, *, gap: float = 0.01, start_from: Plan | None = None, prefer: Plan | None = None,
    why: bool = False, engine: Any = "auto",
) -> Plan:  # fmt: skip
    options = RunOptions(gap=gap, time_limit_s=60, why=why, engine=engine)
    return solve_case(case(rows), options, start_from=old(start_from), prefer=old(prefer))


def old(plan: Plan | None) -> Earlier | None:
    if plan is None:
        return None
    periods = plan.inputs.tables["periods"]
    starts = dict(zip(periods["period"], periods["start"], strict=True))
    return Earlier("old", starts, plan.tables)


def opened(plan: Plan) -> list[str]:
    sites = plan.tables["sites"]
    return list(sites.loc[sites["opened"], "site"])


@pytest.fixture(scope="module")
def before() -> Plan:
    return solve(tied(CHEAP))


@pytest.fixture(scope="module")
def turned() -> Plan:
    return solve(tied(DEAR))


# -- prefer ------------------------------------------------------------------------------------


def test_one_percent_of_a_price_does_not_turn_the_plan_over(before: Plan, turned: Plan) -> None:
    assert (opened(before), opened(turned)) == (["site0"], ["site1"])
    kept = solve(tied(DEAR), prefer=before)
    assert opened(kept) == ["site0"]
    for table in ("sites", "campus", "capacity", "interconnection", "permits", "placement"):
        pd.testing.assert_frame_equal(kept.tables[table], before.tables[table])
    told = kept.report.changed_decisions
    assert told is not None and told["against"] == "old"
    assert (told["count"], told["decisions"], told["sizes"]) == (0, [], [])
    extra = kept.report.objective - turned.report.objective
    assert told["cost_of_staying_close_usd"] == pytest.approx(extra, rel=1e-6)
    assert extra > 0
    assert kept.report.status == "optimal"
    assert kept.report.objective <= kept.report.bound / (1 - 0.01)


def test_no_plan_is_kept_that_is_not_as_good_as_asked(before: Plan, turned: Plan) -> None:
    plan = solve(tied(DEAR), gap=1e-7, prefer=before)
    assert plan.report.objective == pytest.approx(turned.report.objective, rel=1e-6)
    told = plan.report.changed_decisions
    assert told is not None and told["cost_of_staying_close_usd"] == pytest.approx(0, abs=1)
    assert {(d["site"], d["kind"]): (d["before"], d["now"]) for d in told["decisions"]} == {
        ("site0", "site"): ("1 from 2027-01", "none"),
        ("site0", "halls"): ("2 from 2027-01", "none"),
        ("site0", "units"): ("2 from 2027-01", "none"),
        ("site1", "site"): ("none", "1 from 2027-01"),
        ("site1", "halls"): ("none", "2 from 2027-01"),
        ("site1", "units"): ("none", "2 from 2027-01"),
    }
    assert told["by_kind"] == {"site": 2, "halls": 2, "units": 2} and told["count"] == 6


def test_the_fewest_decisions_change_where_some_must(before: Plan) -> None:
    rows = tied(DEAR, mw=30)
    assert opened(solve(rows)) == ["site1"]
    plan = solve(rows, prefer=before)
    told = plan.report.changed_decisions
    assert opened(plan) == ["site0"] and told is not None
    assert [(d["site"], d["kind"], d["item"], d["now"]) for d in told["decisions"]] == [
        ("site0", "halls", "hall", "3 from 2027-01"),
        ("site0", "units", "engine", "3 from 2027-01"),
    ]


def test_a_large_case_keeps_what_it_can(before: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "FEW_INTEGERS", 0)
    # Decisions of least change are not sought: the old ones only grow.
    monkeypatch.setattr(import_module("optimizer.solving.nearby.prefer"), "ROUNDS", 0)
    plan = solve(tied(DEAR, mw=30), prefer=before)
    told = plan.report.changed_decisions
    assert opened(plan) == ["site0"] and told is not None
    assert told["by_kind"] == {"halls": 1, "units": 1}


def test_the_plan_of_the_same_case_stays_as_it_is() -> None:
    rows = base()
    add_grid(rows, 10, 5, curtailed_hours_per_year=200)
    rows["technologies"].append(technology("sun", "variable", capex_usd_per_kw=500))
    rows["site_technologies"].append(
        {"site": "*", "technology": "sun", "max_mw": 100, "profile": "sun"}
    )
    first = solve(rows)
    again = solve(rows, start_from=first, prefer=first)
    for name in ("sites", "campus", "capacity", "interconnection", "permits", "placement"):
        pd.testing.assert_frame_equal(again.tables[name], first.tables[name], rtol=1e-6)
    told = again.report.changed_decisions
    assert told is not None and told["count"] == 0 and told["sizes"] == []


def test_periods_are_matched_by_date(before: Plan) -> None:
    months = [("x", "2027-01-01", 1), ("y", "2027-02-01", 1), ("z", "2027-03-01", 1)]
    plan = solve(tied(DEAR, months=months), prefer=before)
    told = plan.report.changed_decisions
    assert told is not None and opened(plan) == ["site0"] and told["count"] == 0
    assert "other planning periods: taken as it stood at the start of each" in told["left_out"]


# -- start from --------------------------------------------------------------------------------


def test_the_first_plan_is_there_at_once_and_the_optimum_is_the_same(before: Plan) -> None:
    rows = tied(DEAR, mw=30)
    alone, begun = solve(rows, gap=1e-6), solve(rows, gap=1e-6, start_from=before)
    first = begun.report.progress[0]
    assert (first.phase, first.best < float("inf")) == ("start", True)
    assert alone.report.progress[0].best == float("inf")
    # The old site with a hall and an engine more: its cost, not yet the cheapest.
    assert first.best > begun.report.objective * 1.0001
    assert begun.report.objective == pytest.approx(alone.report.objective, rel=1e-5)
    assert begun.report.changed_decisions is None


def test_what_the_case_no_longer_has_is_left_out(turned: Plan) -> None:
    rows = tied(DEAR)
    rows["sites"] = rows["sites"][:1]
    plan = solve(rows, start_from=turned, prefer=turned)
    assert opened(plan) == ["site0"]
    told = plan.report.changed_decisions
    assert told is not None and told["left_out"] == ['site "site1" is not in this case']
    assert any('old: site "site1" is not in this case' in line for line in plan.report.log)


def test_a_technology_that_is_gone_is_left_out(before: Plan) -> None:
    rows = tied(DEAR)
    rows["technologies"][0]["technology"] = "motor"
    rows["site_technologies"][0]["technology"] = "motor"
    plan = solve(rows, start_from=before, prefer=before)
    told = plan.report.changed_decisions
    assert opened(plan) == ["site0"] and told is not None
    assert [words.startswith('site0: technology "engine"') for words in told["left_out"]] == [True]
    assert told["by_kind"] == {"units": 1}


def test_a_large_case_grows_where_a_site_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = base(MONTHS, sites=3)
    for site, usd in zip(rows["sites"], (0.0, 1e6, 2e6), strict=True):
        site |= {"max_it_mw": 10, "opening_cost_usd": usd}
    first = solve(rows)
    assert opened(first) == ["site0", "site1"]
    rows["sites"][1]["max_it_mw"] = 0
    alone = solve(rows)
    monkeypatch.setattr(engines, "FEW_INTEGERS", 0)
    plan = solve(rows, start_from=first)
    kept, grown = (line.best for line in plan.report.progress if line.phase == "start")
    # 10 MW wait two months, at 1 M$ each, until site2 is found to pay.
    assert kept - grown > 1e7
    assert grown == pytest.approx(alone.report.objective, rel=1e-3)
    assert opened(plan) == ["site0", "site2"]


def test_the_monolith_cannot_use_a_result(before: Plan) -> None:
    with pytest.raises(UsageError, match="monolith"):
        solve(tied(DEAR), start_from=before, engine="monolith")


# -- many sites ----------------------------------------------------------------------------------


def test_many_sites_stay_near_an_earlier_result(before: Plan) -> None:
    # The bound of prices is far below: halls of two sites in parts.
    free = solve(tied(DEAR), gap=0.6, engine="many")
    assert opened(free) == ["site1"]
    kept = solve(tied(DEAR), gap=0.6, prefer=before, engine="many")
    assert opened(kept) == ["site0"]
    told = kept.report.changed_decisions
    assert told is not None and (told["count"], told["sizes"]) == (0, [])
    extra = kept.report.objective - free.report.objective
    assert told["cost_of_staying_close_usd"] == pytest.approx(extra, rel=1e-3) and extra > 0
    assert kept.report.objective <= kept.report.bound / (1 - 0.6)
    # Without room in the gap nothing is given up for staying near.
    assert opened(solve(tied(DEAR), prefer=before, engine="many")) == ["site1"]


def test_many_sites_begin_with_the_earlier_plan(before: Plan) -> None:
    plan = solve(tied(CHEAP), start_from=before, engine="many")
    first = next(line for line in plan.report.progress if line.phase == "start")
    # Its gas has one price and its sites are the same: it is the earlier plan itself.
    assert first.best == pytest.approx(before.report.objective, rel=1e-6)
    assert opened(plan) == ["site0"]


def test_many_sites_lose_one_of_the_earlier_plan() -> None:
    rows = base(MONTHS, sites=3)
    for site, usd in zip(rows["sites"], (0.0, 1e6, 2e6), strict=True):
        site |= {"max_it_mw": 10, "opening_cost_usd": usd}
    for wanted in rows["demand"]:
        wanted["max_backlog_mw"] = 0.0
    first = solve(rows)
    assert opened(first) == ["site0", "site1"]
    rows["sites"][1]["max_it_mw"] = 0
    plan = solve(rows, start_from=first, engine="many")
    # What is left of it cannot meet the deadline: sites that pay are added.
    log = "\n".join(plan.report.log)
    assert 'site "site1" is not in this case' in log and "on its own sites" in log
    assert [line.phase for line in plan.report.progress].count("start") == 1
    assert opened(plan) == ["site0", "site2"]


# -- ties --------------------------------------------------------------------------------------


def test_sites_within_the_gap_are_named_with_what_they_cost_more(before: Plan) -> None:
    plan = solve(tied(CHEAP), why=True)
    other = solve(tied(CHEAP) | {"sites": tied(CHEAP)["sites"][1:]})
    extra = pytest.approx(other.report.objective - before.report.objective, rel=1e-3)
    assert plan.report.tied_sites == [
        {"site": "site0", "opened": True, "extra_usd": extra, "basis": "checked"},
        {"site": "site1", "opened": False, "extra_usd": extra, "basis": "checked"},
    ]
    proven = dict(screen(summarize(plan, None), plan.tables))["Proven"]
    assert proven.endswith("; as good: without site0, with site1")


def test_no_site_is_named_that_costs_more_than_the_gap() -> None:
    rows = tied(CHEAP)
    rows["sites"][1]["opening_cost_usd"] = 7e6
    assert solve(rows, why=True).report.tied_sites == []


# -- command line and Python -------------------------------------------------------------------


def test_command_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_inputs(inputs(tied(CHEAP)), tmp_path / "cheap")
    write_inputs(inputs(tied(DEAR)), tmp_path / "dear")
    out = tmp_path / "old"

    def run(*arguments: object) -> int:
        return cli._run(["run", *map(str, arguments), "--gap", "0.01", "--no-why"])

    assert run(tmp_path / "cheap", "--out", out) == ExitCode.DONE
    kept = tmp_path / "kept"
    near = ("--start-from", out, "--prefer", out)
    assert run(tmp_path / "dear", "--out", kept, *near) == ExitCode.DONE
    summary = json.loads((kept / "summary.json").read_text("utf-8"))
    assert summary["changed_decisions"]["count"] == 0 and summary["tied_sites"] == []
    lines = dict(screen(summary, read_tables(kept / "tables")))
    assert lines["Changed"].startswith("no decision of old")
    manifest = json.loads((kept / "manifest.json").read_text("utf-8"))
    assert (manifest["options"]["start_from"], manifest["options"]["prefer"]) == (
        str(out), str(out),
    )  # fmt: skip
    plan = solve_api(Case.load(tmp_path / "dear"), gap=0.01, why=False, prefer=out)
    assert plan.summary["changed_decisions"]["count"] == 0
    for wrong in (tmp_path / "cheap", tmp_path / "nowhere"):
        for option in ("--start-from", "--prefer"):
            code = run(tmp_path / "dear", "--out", tmp_path / "not", option, wrong)
            assert code == ExitCode.INPUT
            assert "a result folder with manifest.json" in capfd.readouterr().err
    assert not (tmp_path / "not").exists()


def test_its_own_result_may_be_replaced(tmp_path: Path) -> None:
    write_inputs(inputs(tied(CHEAP)), tmp_path / "case")
    out = tmp_path / "out"
    run = ["run", str(tmp_path / "case"), "--out", str(out), "--gap", "0.01", "--no-why"]
    assert cli._run(run) == ExitCode.DONE
    assert cli._run([*run, "--overwrite", "--prefer", str(out)]) == ExitCode.DONE
    summary = json.loads((out / "summary.json").read_text("utf-8"))
    assert summary["changed_decisions"]["count"] == 0
