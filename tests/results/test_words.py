"""The plan on one screen, from a summary and tables written by hand."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from optimizer.results.words import money, screen, unasked

SUMMARY: dict[str, Any] = {
    "first_period": "a", "first_power_date": "2027-07-01", "full_power_date": "2028-01-01",
    "first_power_p50": "2027-08-01", "first_power_p90": "2027-10-01",
    "full_power_p50": "2028-03-01", "full_power_p90": None,
    "costs": {"delay": 2e9, "energy": 5e8, "export": -1e6, "vom": 0.2, "fuel": 4e8, "land": 3e6},
    "total_cost": 2.9e9, "delay_mw_months": 120.4, "delay_mw_months_p50": 150.0,
    "delay_mw_months_p90": 300.0, "gap": 0.0123, "gap_usd": 3.5e7, "bound": 2.861e9,
    "binding": [{"limit": "slots", "scope": k} for k in "abcdef"]
    + [{"limit": "campus", "scope": "x"}, {"limit": "land", "scope": "Abilene"}],
    "verification": {"passed": True, "max_violation": 2e-14},
}  # fmt: skip


def tables(opened: int, waits: float = 0.0) -> dict[str, pd.DataFrame]:
    names = [f"s{k}" for k in range(10)]
    return {
        "sites": pd.DataFrame({"site": names, "opened": [k < opened for k in range(10)],
                               "open_date": "2027-01-01"}),
        "capacity": pd.DataFrame([
            {"technology": "engine", "period": "a", "standing_mw": 40.0},
            {"technology": "engine", "period": "b", "standing_mw": 60.0},
            {"technology": "solar", "period": "b", "standing_mw": 0.4}]),
        "interconnection": pd.DataFrame([{"period": "b", "firm_mw": 20.0, "flexible_mw": 5.0}]),
        "placement": pd.DataFrame([{"period": "a"}]),
        "backlog": pd.DataFrame([{"period": "a", "demand_mw": 50.0, "backlog_mw": 10.0},
                                 {"period": "b", "demand_mw": 80.0, "backlog_mw": waits}]),
    }  # fmt: skip


def test_every_line() -> None:
    assert dict(screen(SUMMARY, tables(2))) == {
        "Sites": "2 of 10: s0 (Jan 2027), s1 (Jan 2027)",
        "First compute": "Jul 2027 on 40 MW engine; P50 Aug 2027, P90 Oct 2027",
        "Full power": "Jan 2028; P50 Mar 2028, P90 never",
        "In the end": "60 MW engine, 25 MW grid",  # 0.4 MW would read as 0
        "Cost": "2.90 B$: delay 2.00 B$, energy 500 M$, fuel 400 M$, land 3.00 M$ and 1 more",
        "Delay": "120 MW-months; P50 150, P90 300",
        "What binds": "slots (a, b, c, d and 2 more), land (Abilene)",
        "Proven": "within 1.23% (35.0 M$) of the best there can be, 2.86 B$",
        "Check": "passed, largest violation 2.0e-14",
    }


def test_ties_and_changes_are_told() -> None:
    tied = [{"site": "s1", "opened": True}, {"site": "s7", "opened": False}]
    against = {"against": "base", "count": 3, "by_kind": {"halls": 2, "site": 1},
               "cost_of_staying_close_usd": 6.4e5}  # fmt: skip
    told = dict(screen(SUMMARY | {"tied_sites": tied, "changed_decisions": against}, tables(2)))
    assert told["Proven"].endswith("2.86 B$; as good: without s1, with s7")
    assert told["Changed"] == "3 decisions of base (2 halls, 1 site); staying near it costs 640 k$"


def test_questions_that_were_left_are_told_with_the_time_for_all() -> None:
    why = {"why_not_sites": {"checked": 1, "input": 2, "not asked": 6}, "runner_up": {"estimate": 5},
           "worth": {"not asked": 3, "checked": 4}, "delay_causes": {"queue": 1.0}}  # fmt: skip
    # 10 answers took 12 s and months alone gave 2; all 19, and half as much again: 34.2 s.
    assert unasked({"why": why, "timing": {"why": 12.0}}) == (
        "9 of 21 questions why (6 about sites not chosen, 3 about limits); --why-time 40 is about "
        "enough for all"
    )
    assert unasked({"why": {"worth": {"not asked": 3}}}) == (
        "3 of 3 questions why (3 about limits); a longer --why-time asks them"
    )
    assert unasked({"why": {"worth": {"checked": 3}}}) == unasked({"why": None}) == ""


def test_ten_lines_at_most_however_many_sites() -> None:
    lines = screen(SUMMARY, tables(10))
    assert len(lines) == 9
    assert dict(lines)["Sites"].endswith("s7 (Jan 2027) and 2 more")


def test_what_still_waits_and_what_failed_is_said() -> None:
    summary = SUMMARY | {"full_power_date": None, "full_power_p50": None,
                         "verification": {"passed": False, "max_violation": 0.3}}  # fmt: skip
    told = dict(screen(summary, tables(2, waits=7.5)))
    assert told["Full power"] == "7.5 of 80 MW still wait in the last period"
    assert told["Check"] == "FAILED, largest violation 3.0e-01"


def test_a_plan_without_sites() -> None:
    told = dict(screen(SUMMARY, tables(0)))
    assert told["Sites"] == "none is opened: waiting is cheaper than every plan"
    assert "First compute" not in told and told["Cost"].startswith("2.90 B$")


@pytest.mark.parametrize(
    ("usd", "said"),
    [(1.234e10, "12.3 B$"), (9.99e8, "999 M$"), (1.5e3, "1.50 k$"), (-2e6, "-2.00 M$"), (7, "7 $")],
)
def test_money_has_three_digits(usd: float, said: str) -> None:
    assert money(usd) == said
