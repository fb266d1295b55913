"""Cases with many sites: the split along the joint rows, prices, pools, plans of groups."""

from __future__ import annotations

import os
import weakref
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.cases import FEATURES, Size, inputs
from benchmarks.stages import staged
from optimizer.model.blocks import make_shape, signature
from optimizer.model.build import build
from optimizer.preparing.case import Case, prepare
from optimizer.results.report.why import _site_reason
from optimizer.results.verify import verify_plan
from optimizer.settings import RunOptions
from optimizer.solving import extract
from optimizer.solving.many import engine as many_engine
from optimizer.solving.many import parts as splitting
from optimizer.solving.many import why as many_why
from optimizer.solving.many.pool import MANY, SharedPool
from optimizer.solving.planning_arrays import to_arrays
from optimizer.solving.presolve import reduce
from optimizer.solving.solve import chosen_engine, solve_case
from tests.support import base
from tests.support import case as case_of

SMALL = Size(6, quarters=6, areas=2, features=FEATURES)


def small() -> Case:
    """Six sites in two areas over six quarters, all features."""
    return prepare(inputs(SMALL))


def test_the_parts_under_prices_are_the_whole_models_lagrangian() -> None:
    case = small()
    parts, joint = splitting.split(case)
    whole = to_arrays(build(case))
    random = np.random.default_rng(0)
    prices = random.normal(0, 1, joint.rows)
    by_key = dict(zip(joint.keys, prices, strict=True))
    keys = zip(whole.row_owner, whole.row_index, strict=True)
    row_price = np.array([by_key.get(key, 0.0) for key in keys])
    reduced = whole.cost - whole.matrix.T @ row_price
    place = {
        (v.parent_block().index(), v.parent_component().local_name, v.index()): k
        for k, v in enumerate(whole.variables)
    }
    for site, part in parts.items():
        mine = [place[site, name, index] for name, index in part.names]
        own = part.arrays.cost - part.joint.T @ prices
        assert own == pytest.approx(reduced[mine], rel=1e-9, abs=1e-9)
    backlog = [place[None, name, index] for name, index in joint.names]
    assert joint.cost - joint.own.T @ prices == pytest.approx(reduced[backlog])
    sides = {key: (low, high) for key, low, high in
             zip(joint.keys, joint.lower, joint.upper, strict=True)}  # fmt: skip
    for k, key in enumerate(zip(whole.row_owner, whole.row_index, strict=True)):
        if key in sides:
            assert sides[key] == (whole.row_lower[k], whole.row_upper[k])
    assert sum(p.count for p in parts.values()) + len(joint.cost) == whole.count


def test_sites_of_one_signature_have_the_same_blocks() -> None:
    case = prepare(inputs(Size(8, quarters=2, areas=2, features=FEATURES)))
    first: dict[Any, Any] = {}
    shared = 0
    for site in case.sites.values():
        mark = signature(case, site)
        shape = make_shape(case, site, case.periods[0].hours)
        like = first.setdefault(mark, shape)
        shared += like is not shape
        for mine, other in ((shape.matrix, like.matrix), (shape.upper, like.upper)):
            assert (mine != other).nnz == 0
        for period in case.periods:
            assert (shape.cost(period) == like.cost(period)).all()
    assert shared >= 4


def test_a_smaller_form_has_the_same_optimum() -> None:
    from optimizer.solving.highs import make_model, run_lp

    arrays = to_arrays(build(small()))
    random = np.random.default_rng(3)
    cost = arrays.cost + random.uniform(0, 1, arrays.count)
    lower = arrays.lower.copy()
    lower[arrays.operating_columns] = 0.0
    plain = replace(arrays, cost=cost, lower=lower)
    form = reduce(plain)
    assert form is not None
    assert len(form.kept) < 0.5 * arrays.count
    full = run_lp(make_model(cost, lower, arrays.upper, arrays.matrix, arrays.row_lower,
                             arrays.row_upper))  # fmt: skip
    less = run_lp(make_model(form.cost, form.lower, form.upper, form.matrix, form.row_lower,
                             form.row_upper))  # fmt: skip
    assert less.x is not None
    assert less.value + form.constant == pytest.approx(full.value + arrays.constant, rel=1e-9)
    x = form.expand(less.x)
    assert cost @ x == pytest.approx(full.value, rel=1e-9)
    rows = arrays.matrix @ x
    assert (rows >= arrays.row_lower - 1e-7).all()
    assert (rows <= arrays.row_upper + 1e-7).all()
    assert (x >= lower - 1e-7).all()
    assert (x <= arrays.upper + 1e-7).all()


def test_old_cuts_that_others_exceed_are_forgotten() -> None:
    pool = SharedPool([2])
    for k in range(MANY + 40):
        pool.add(0, np.array([1.0, 0.0]) * (1 + (k == 5)))
    pool.visit(0, np.array([1.0, 1.0]))
    before = pool.said(0, np.array([1.0, 1.0]))
    needed = {0: {0, 7, len(pool) - 1}}
    kept = [pool.rows(0)[k] for k in sorted(needed[0])]
    assert pool.age(needed)
    assert len(pool) < MANY + 40
    # What proves a bound stays, under its new number.
    assert [list(pool.rows(0)[k]) for k in sorted(needed[0])] == [list(row) for row in kept]
    assert pool.said(0, np.array([1.0, 1.0])) == before


def test_plan_and_bound_enclose_those_of_one_model() -> None:
    case = prepare(staged(4, 2, areas=2))
    few = solve_case(case, RunOptions(gap=0.01, time_limit_s=60, engine="few"))
    many = solve_case(case, RunOptions(gap=0.02, time_limit_s=120, engine="many"))
    assert many.report.bound <= few.report.objective * (1 + 1e-9)
    assert many.report.objective >= few.report.bound * (1 - 1e-9)
    assert many.report.objective <= 1.05 * few.report.objective
    checked = verify_plan(case.inputs, many.tables, many.dispatch, many.report.objective)
    assert checked.passed
    assert list(many.tables["sites"]["site"]) == list(case.sites)


def test_a_case_in_which_nothing_can_be_built_waits() -> None:
    case = prepare(inputs(Size(4, quarters=2, areas=2)))
    plan = solve_case(case, RunOptions(gap=0.02, time_limit_s=120, engine="many"))
    assert plan.report.status == "optimal"
    assert not plan.tables["sites"]["opened"].any()
    checked = verify_plan(case.inputs, plan.tables, plan.dispatch, plan.report.objective)
    assert checked.passed


def test_a_process_that_dies_costs_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    case = small()
    want, _ = splitting.split(case)
    parent, build_part = os.getpid(), splitting._part

    def dies(case: Case, site: str) -> Any:
        if os.getpid() != parent:
            os._exit(1)
        return build_part(case, site)

    monkeypatch.setattr(splitting, "_part", dies)
    monkeypatch.setattr(splitting, "MANY", 2)
    notes: list[str] = []
    parts, _ = splitting.split(case, 2, notes.append)
    assert [note for note in notes if "died" in note]
    assert {s: p.count for s, p in parts.items()} == {s: p.count for s, p in want.items()}


def test_the_search_is_gone_and_dispatch_is_there_once_when_tables_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept: list[weakref.ref[Any]] = []
    split, to_plan = splitting.split, extract.to_plan

    def watched(*given: Any) -> Any:
        parts, joint = split(*given)
        kept.extend(weakref.ref(part) for part in parts.values())
        return parts, joint

    def last(planning: Any, arrays: Any, oracle: Any, x: Any, truth: Any, *rest: Any) -> Any:
        alive = [part for part in kept if part() is not None]
        plan = to_plan(planning, arrays, oracle, x, truth, *rest)
        assert kept and not alive
        # The dispatch of blocks has moved into the table, block by block.
        assert not truth.operating
        return plan

    monkeypatch.setattr(many_engine, "split", watched)
    monkeypatch.setattr(extract, "to_plan", last)
    case = prepare(staged(4, 2, areas=2))
    plan = solve_case(case, RunOptions(gap=0.05, time_limit_s=120, engine="many"))
    hours = plan.dispatch
    assert len(hours) and {hours[c].dtype.name for c in ("site", "period")} == {"category"}
    # No series was copied into a block of them all.
    assert all(len(block.mgr_locs) == 1 for block in hours._mgr.blocks)
    assert verify_plan(plan.inputs, plan.tables, hours, plan.report.objective).passed


def test_why_not_a_site_by_prices_is_never_more_than_a_plan_with_it_costs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = base(sites=3)
    for site, usd in zip(rows["sites"], (0.0, 7e6, 9e6), strict=True):
        site["opening_cost_usd"] = usd
    rows["sites"][2]["max_it_mw"] = 0.0  # nothing can be there: it is left out
    options = RunOptions(gap=0.01, time_limit_s=120, why=True, engine="many")
    asked = solve_case(case_of(rows), options)
    found = asked.tables["why_not_sites"].set_index("site")
    assert list(found.index) == ["site1", "site2"]
    assert found.loc["site2", "reason"] == "nothing can be built"
    assert found.loc["site1", "basis"] == "checked"
    truly = asked.report.objective + found.loc["site1", "extra_usd"]
    monkeypatch.setattr(many_why, "NEAREST", 0)
    priced = solve_case(case_of(rows), options)
    row = priced.tables["why_not_sites"].set_index("site").loc["site1"]
    assert (row["basis"], row["waits_for"]) == ("prices", "hall")
    assert priced.report.bound + row["extra_usd"] <= truly * (1 + 1e-6)
    # Its opening alone: one hall of it costs and saves as much as one elsewhere.
    assert row["extra_usd"] > 5e6
    assert [line for line in priced.report.log if "1 are told by the prices" in line]
    said = _site_reason(priced.tables["why_not_sites"].iloc[0])
    assert said.startswith("too dear: any plan with it costs at least")
    # What is settled can be asked the rest as in a small case.
    few = solve_case(case_of(rows), replace(options, engine="few", gap=1e-6))
    for table in ("runner_up", "worth", "delay_causes"):
        assert list(priced.tables[table].columns) == list(few.tables[table].columns)
    assert set(priced.tables["runner_up"]["item"]) == {"engine"}
    assert all(t["extra_usd"] <= 1e3 * (priced.report.objective - priced.report.bound)
               for t in priced.report.tied_sites)  # fmt: skip


def test_the_engine_is_chosen_by_size() -> None:
    case = small()
    assert chosen_engine(case, RunOptions()) == "few"
    assert chosen_engine(case, RunOptions(engine="many")) == "many"
    assert chosen_engine(prepare(inputs(Size(80, quarters=6, areas=2))), RunOptions()) == "many"
