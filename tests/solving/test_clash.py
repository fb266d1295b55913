"""Many sites without a plan: the limits named are proven to clash for all sites."""

from __future__ import annotations

import pytest

from optimizer.errors import NoPlanError, StoppedError
from optimizer.settings import Engine, RunOptions
from optimizer.solving.many.clash import find
from optimizer.solving.many.engine import ManySites
from optimizer.solving.solve import solve_case
from tests.cases.test_schedule_by_hand import with_slots
from tests.solving import infeasible
from tests.support import Rows, base, case


def solve(rows: Rows, engine: Engine = "many") -> None:
    solve_case(case(rows), RunOptions(gap=0.05, time_limit_s=120, engine=engine))


def deadlines(rows: Rows) -> Rows:
    """All demand, 20 MW in each of two months, is due at once."""
    for wanted in rows["demand"]:
        wanted["max_backlog_mw"] = 0.0
    return rows


def few_slots() -> Rows:
    return deadlines(with_slots(base(sites=3), [("2027-01-01", 10), ("2027-02-01", 5)]))


def small_sites() -> Rows:
    rows = deadlines(base(sites=2))
    rows["campus_blocks"][0]["it_mw"] = 5
    for site in rows["sites"]:
        site["max_it_mw"] = 5
    return rows


def small_budget() -> Rows:
    rows = deadlines(base(sites=3))
    rows["policies"] = [{"policy": "yearly", "kind": "budget", "value": 15e6}]
    return rows


CASES = {
    # Ten slots and five make 15 MW of halls in parts; two halls of 5 MW are 10 MW; 15 M$ pay for
    # 7.5 MW of halls at 1 M$ and engines at 1 M$.
    "slots": (few_slots, {"demand", "supply"}, 15.0),
    "sites": (small_sites, {"demand"}, 10.0),
    "budget": (small_budget, {"demand", "policies"}, 7.5),
}


@pytest.mark.parametrize("kind", CASES)
def test_the_limits_that_clash_are_named(kind: str) -> None:
    make, sheets, possible = CASES[kind]
    with pytest.raises(NoPlanError) as told:
        solve(make())
    assert {clash["sheet"] for clash in told.value.clashes} == sheets
    assert f"at most {possible:g} MW is possible" in str(told.value)
    assert "Without any one of the rows named" in str(told.value)
    assert "each within its own limits" in str(told.value)
    # They suffice: with all other deadlines gone there is no plan still.
    rows = make()
    named = {c["row"] for c in told.value.clashes if c["sheet"] == "demand"}
    for k, wanted in enumerate(rows["demand"]):
        if k + 2 not in named:
            wanted["max_backlog_mw"] = wanted["it_mw"]
    with pytest.raises(NoPlanError):
        solve(rows, "few")


@pytest.mark.parametrize("slots", [20, 19.9])
def test_nothing_is_said_to_clash_that_does_not(slots: float) -> None:
    rows = deadlines(with_slots(base(sites=3), [("2027-01-01", slots)]))
    run = ManySites(case(rows), RunOptions(gap=0.05, time_limit_s=120))
    run.known.seed()
    try:
        found = find(run.case, run.joint, run.pricing, lambda found: None, 20.0)
    finally:
        run.pricing.close()
        run.oracle.close()
    assert (found is None) == (slots == 20)


SHARED = {"slots": {"supply", "components"}, "budget": {"policies"}, "co2_cap": {"policies"}}


@pytest.mark.parametrize(
    "name",
    ["slots_cannot_be_stocked", "too_much_carbon", "slots_and_gas_each_fall_short_later",
     "sun_alone_at_night"],
)  # fmt: skip
def test_what_all_sites_share_is_named_as_known_by_hand(name: str) -> None:
    known = infeasible.CASES[name]
    with pytest.raises(NoPlanError) as told:
        solve_case(case(known.rows(), infeasible.SERIES),
                   RunOptions(gap=0.05, time_limit_s=120, engine="many"))  # fmt: skip
    sheets = {clash["sheet"] for clash in told.value.clashes} - {"demand"}
    expected = [SHARED[group] for group in known.groups if group in SHARED]
    assert len(sheets) == len(expected)
    assert all(sheets & one for one in expected)


def test_what_only_whole_units_forbid_is_said_not_to_be_found() -> None:
    known = infeasible.CASES["one_and_a_half_engines"]
    with pytest.raises(StoppedError, match="no limits that all sites share were proven"):
        solve_case(case(known.rows(), infeasible.SERIES),
                   RunOptions(gap=0.05, time_limit_s=120, engine="many"))  # fmt: skip
