"""Why there is no plan: what is named clashes and is irreducible, and what is proposed mends.

The claims are checked on the plain model of all hours, which shares nothing with the search but
the input: limits are taken away in the tables, and changes are made in the tables.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optimizer.errors import NoPlanError
from optimizer.model.limits import Amounts, Limit, apply, much_mw
from optimizer.model.monolith import build_monolith
from optimizer.preparing.case import Case, prepare
from optimizer.reading.writing import write_inputs
from optimizer.settings import RunOptions
from optimizer.solving.solve import solve_case
from optimizer.solving.explain import why_not
from optimizer.solving.explain.trials import GROUPS
from optimizer.solving.highs import make_model, run_lp, run_mip
from optimizer.solving.planning_arrays import to_arrays
from tests.solving.infeasible import CASES, series
from tests.support import Rows, base, case

OPTIONS = RunOptions(gap=0.01, time_limit_s=60)
ANY = 0.9
"""Gap of a solve that only asks for a plan."""


@cache
def infeasible(name: str) -> Case:
    return case(CASES[name].rows(), series())


@cache
def found(name: str) -> NoPlanError:
    with pytest.raises(NoPlanError) as caught:
        solve_case(infeasible(name), OPTIONS)
    return caught.value


def core(name: str, made: Case) -> list[Limit]:
    limits = {(x.sheet, x.row, x.column, x.group): x for g in GROUPS for x in g.limits(made)}
    named = [(c["sheet"], c["row"], c["column"]) for c in found(name).clashes]
    return [limit for place, limit in limits.items() if place[:3] in named]


def without(made: Case, held: list[Limit]) -> Case:
    """The case with all limits taken away but those that are held."""
    edits = []
    for group in GROUPS:
        for limit in group.limits(made):
            if limit in held:
                continue
            if isinstance(group, Amounts):
                edits += group.free(made, limit, much_mw(made))
            else:
                edits += group.edits(made, limit, group.steps(made, limit)[-1])
    return prepare(replace(made.inputs, tables=apply(made.inputs.tables, edits)))


def has_plan(made: Case, *, whole: bool = True) -> bool:
    """Whether the plain model of all hours has a solution."""
    arrays = to_arrays(build_monolith(made))
    model = make_model(
        np.zeros(arrays.count), arrays.lower, arrays.upper, arrays.matrix, arrays.row_lower,
        arrays.row_upper, arrays.integer if whole else None,
    )  # fmt: skip
    solved = run_mip(model, arrays.integer, 60) if whole else run_lp(model)
    assert solved.optimal or solved.infeasible
    return solved.optimal


def changed(rows: Rows, change: dict[str, Any]) -> Rows:
    """The input with a change made as an analyst makes it."""
    rows = copy.deepcopy(rows)
    for edit in change["edits"]:
        table = rows.setdefault(edit["sheet"], [])
        if edit["row"] is None:
            table.append(edit["values"])
        else:
            table[edit["row"] - 2].update(edit["values"])
    return rows


def test_there_are_forty_cases_and_some_are_infeasible_by_whole_units_only() -> None:
    assert len(CASES) >= 40
    assert sum(c.whole for c in CASES.values()) >= 5


@pytest.mark.parametrize("name", CASES)
def test_the_limits_named_clash_and_none_can_be_left_out(name: str) -> None:
    made = infeasible(name)
    limits = core(name, made)
    assert {limit.group for limit in limits} == CASES[name].groups
    assert len(limits) == len(found(name).clashes)
    alone = without(made, limits)
    assert not has_plan(alone)
    if CASES[name].whole:
        assert has_plan(alone, whole=False)
    for limit in limits:
        fewer = without(made, [m for m in limits if m is not limit])
        plan = solve_case(fewer, replace(OPTIONS, gap=ANY))
        assert plan.report.objective < np.inf, limit


@pytest.mark.full
@pytest.mark.parametrize("name", CASES)
def test_the_plain_model_has_a_plan_without_any_of_them(name: str) -> None:
    made = infeasible(name)
    limits = core(name, made)
    for limit in limits:
        assert has_plan(without(made, [m for m in limits if m is not limit])), limit


@pytest.mark.parametrize("name", CASES)
def test_every_change_proposed_mends_the_case(name: str) -> None:
    changes = found(name).changes
    assert changes
    for change in changes:
        plan = solve_case(case(changed(CASES[name].rows(), change), series()), OPTIONS)
        assert plan.report.status == "optimal", change["change"]


def test_the_command_line_tells_clashes_and_changes_as_data(tmp_path: Path) -> None:
    write_inputs(infeasible("too_few_slots").inputs, tmp_path / "case")
    command = [sys.executable, "-m", "optimizer", "run", str(tmp_path / "case"), "--json"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")], capture_output=True, text=True
    )
    assert done.returncode == 4
    told = json.loads(done.stdout)
    assert told["status"] == "infeasible"
    assert [(c["sheet"], c["row"]) for c in told["clashes"]] == [("demand", 2), ("supply", 2)]
    assert told["changes"][1]["edits"] == [{"sheet": "supply", "row": 2, "values": {"amount": 20}}]
    assert "supply!2" in done.stderr


def test_what_is_least_is_told_as_worked_by_hand() -> None:
    # 20 MW x 672 h x 0.5 t = 6,720 t in February: 87,600 t in a year of 8,760 h.
    (cap,) = [c for c in found("too_much_carbon").changes if c["groups"] == ["co2_cap"]]
    assert cap["edits"][0]["values"] == {"value": 87_600}
    # 12 MVA serve one hall; the other needs 8 more.
    (slots,) = [c for c in found("two_sites_share_the_slots").changes if c["groups"] == ["slots"]]
    assert slots["edits"][0]["values"] == {"amount": 20}
    # 120 / 0.9 = 133.33 MWh for the night; what is added to 100 is rounded up to three digits.
    changes = found("the_battery_does_not_last_the_night").changes
    (energy,) = [c for c in changes if c["groups"] == ["max_mwh"]]
    assert energy["edits"][0]["values"] == {"max_mwh": 133.4}


def test_a_case_with_a_plan_is_not_blamed() -> None:
    assert why_not(case(base())).exists is True


def test_without_time_nothing_is_claimed() -> None:
    found = why_not(infeasible("too_few_slots"), seconds=-1.0)
    assert found.exists is None
    assert "no limits were found that rule one out" in str(found)
