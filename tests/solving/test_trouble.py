"""What goes wrong has a defined answer: each trouble is provoked, and the answer is still right."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import highspy
import numpy as np
import pytest
import scipy.sparse as sp

from optimizer.errors import MachineError, NoPlanError
from optimizer.preparing.case import Case
from optimizer.results.plan import Plan
from optimizer.results.verify import verify_plan
from optimizer.settings import RunOptions
from optimizer.solving import highs, memory, trouble, whole
from optimizer.solving.engine import Engine
from optimizer.solving.highs import INFINITY, make_model, run_lp, run_mip
from optimizer.solving.idle import idle_sites
from optimizer.solving.many import parts
from optimizer.solving.master import Master
from optimizer.solving.oracles import BlockOracle, Outcome, Task, reference
from optimizer.solving.oracles.blocks import Blocks
from optimizer.solving.oracles.one_storage import OneStorageOracle
from optimizer.solving.oracles.reference import HighsOracle
from optimizer.solving.proof import Program
from optimizer.solving.run import Run
from optimizer.solving.solve import solve_case
from optimizer.solving.start import check_oracle, probes
from tests.support import Rows, add_grid, base, case, technology

STATUS = highspy.HighsModelStatus
OPTIONS = RunOptions(gap=1e-6, time_limit_s=60, engine="few")


class Lie:
    """Stands for something that HiGHS returned, with some of it changed."""

    def __init__(self, true: Any, **changed: Any) -> None:
        self._true, self._changed = true, changed

    def __getattr__(self, name: str) -> Any:
        return self._changed[name] if name in self._changed else getattr(self._true, name)


Tell = Callable[[Any], Any]


@pytest.fixture
def lies(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """``lies(method, change, times)``: what a method of HiGHS returns is changed so many times.

    Returns a list that grows with every lie.
    """

    def arrange(method: str, change: Tell, times: int = 1) -> list[int]:
        true, told = getattr(highspy.Highs, method), []

        def lying(self: highspy.Highs, *arguments: Any) -> Any:
            answer = true(self, *arguments)
            if len(told) >= times:
                return answer
            told.append(len(told))
            return change(answer)

        monkeypatch.setattr(highspy.Highs, method, lying)
        return told

    return arrange


@pytest.fixture
def noted() -> Iterator[list[str]]:
    lines: list[str] = []
    with trouble.noted(lines.append):
        yield lines


def arrays(whole: bool = False, rows: int = 30, columns: int = 40) -> dict[str, Any]:
    """A program with rows of every kind, boxes and free columns, bounded by its rows."""
    random = np.random.default_rng(5)
    matrix = sp.random(rows, columns, 0.3, random_state=5, format="csc")
    level = matrix @ random.uniform(0.5, 2.5, columns)
    odd = np.arange(columns) % 2 == 1
    return {
        "cost": random.uniform(0.5, 2.0, columns), "lower": np.zeros(columns),
        "upper": np.where(odd, 5.0, np.inf), "matrix": matrix, "row_lower": level - 0.5,
        "row_upper": np.where(np.arange(rows) % 3, np.inf, level + 0.5),
        "integer": odd if whole else None,
    }  # fmt: skip


def solve_lp() -> highs.Solution:
    return run_lp(make_model(**arrays()))


def solve_mip() -> highs.Solution:
    made = arrays(whole=True, rows=12, columns=16)
    return run_mip(make_model(**made), made["integer"], 20)


LP_LIES: dict[str, tuple[str, Tell]] = {
    "point": ("getSolution", lambda s: Lie(s, col_value=[0.9 * v for v in s.col_value])),
    "not a number": ("getSolution", lambda s: Lie(s, col_value=[np.nan] * len(s.col_value))),
    "prices": ("getSolution", lambda s: Lie(s, row_dual=[1.1 * v for v in s.row_dual])),
    "endless prices": ("getSolution", lambda s: Lie(s, row_dual=[np.inf] * len(s.row_dual))),
    "objective": (
        "getInfo", lambda i: Lie(i, objective_function_value=0.99 * i.objective_function_value)
    ),
    "unknown": ("getModelStatus", lambda s: STATUS.kUnknown),
    "time": ("getModelStatus", lambda s: STATUS.kTimeLimit),
    "solver error": ("getModelStatus", lambda s: STATUS.kSolveError),
    "infeasible": ("getModelStatus", lambda s: STATUS.kInfeasible),
}  # fmt: skip


@pytest.mark.parametrize("kind", LP_LIES)
def test_a_wrong_answer_of_a_linear_program_is_solved_again(
    kind: str, lies: Callable[..., list[int]], noted: list[str]
) -> None:
    true = solve_lp()
    assert true.optimal and not noted
    told = lies(*LP_LIES[kind])
    again = solve_lp()
    assert told and again.optimal
    assert again.value == pytest.approx(true.value, rel=1e-9)
    if kind not in ("unknown", "time", "solver error"):  # answers that claim nothing
        assert "HiGHS c" in noted[0]


def test_a_reduced_cost_that_is_0_to_highs_is_no_lie_where_the_objective_is_0(
    noted: list[str],
) -> None:
    # Warm from 0, a reduced cost of -9e-8 moves nothing: 500 MW of it would be -4.5e-5 k$.
    rows = sp.csr_matrix(np.ones((1, 2)))
    model = make_model(np.ones(2), np.zeros(2), np.full(2, 500.0), rows,
                       np.array([-INFINITY]), np.array([900.0]))  # fmt: skip
    assert run_lp(model).value == 0
    model.changeColCost(0, -9e-8)
    again = run_lp(model)
    assert again.optimal and again.value == pytest.approx(0, abs=1e-4)
    assert not noted
    # What is no tolerance of HiGHS is a lie still, however near 0.
    program = Program.of(model)
    at = np.zeros(2)
    assert program.dual_bound(np.zeros(1), at) == 0
    model.changeColCost(0, -2e-7)
    assert Program.of(model).dual_bound(np.zeros(1), at) == pytest.approx(-1e-4)


@pytest.mark.parametrize("solve", [solve_lp, solve_mip])
def test_a_solver_that_raises_is_asked_again(
    solve: Callable[[], highs.Solution], lies: Callable[..., list[int]], noted: list[str]
) -> None:
    true = solve()

    def fail(answer: object) -> None:
        raise RuntimeError("inside")

    told = lies("run", fail)
    assert solve().value == pytest.approx(true.value, rel=1e-6)
    assert told and "HiGHS failed (inside)" in noted[0]


def test_prices_that_always_lie_leave_a_point_and_a_safe_bound(
    lies: Callable[..., list[int]], noted: list[str]
) -> None:
    true = solve_lp()
    lies("getSolution", lambda s: Lie(s, row_dual=[0.5 * v for v in s.row_dual]), times=99)
    found = solve_lp()
    assert found.x is not None and not found.optimal and not found.infeasible
    assert found.value == pytest.approx(true.value, rel=1e-6)
    # Half of optimal prices are dual feasible here: they prove half of what the rows give.
    assert 0 < found.bound < 0.9 * true.value
    assert "no sure answer" in noted[-1]


def test_points_that_always_lie_leave_nothing(lies: Callable[..., list[int]]) -> None:
    lies("getSolution", lambda s: Lie(s, col_value=[0.5 * v for v in s.col_value]), times=99)
    found = solve_lp()
    assert found.x is None and not found.optimal and not found.infeasible


@pytest.mark.parametrize("way", ["proof", "again"])
def test_what_is_infeasible_is_said_to_be(way: str, lies: Callable[..., list[int]]) -> None:
    made = arrays()
    made["upper"] = np.full(40, 5.0)
    made["row_lower"] = np.append(made["row_lower"][:-1], 1e4)
    made["row_upper"] = np.full(30, np.inf)
    if way == "again":
        lies("getDualRay", lambda r: (r[0], False, r[2]), times=9)
    found = run_lp(make_model(**made))
    assert found.infeasible and found.x is None


def test_a_ray_is_a_proof_only_where_there_is_no_point() -> None:
    made = arrays()
    made["upper"] = np.full(40, 5.0)
    made["row_upper"] = np.full(30, np.inf)
    row = np.eye(30)[29]
    assert not Program.of(make_model(**made)).is_impossible_by(row)
    made["row_lower"] = np.append(made["row_lower"][:-1], 1e4)
    program = Program.of(make_model(**made))
    assert program.is_impossible_by(row) and program.is_impossible_by(-row)
    assert not program.is_impossible_by(np.eye(30)[0])


@pytest.mark.parametrize("solve", [solve_lp, solve_mip])
def test_a_run_past_its_limit_is_given_up(
    solve: Callable[[], highs.Solution], monkeypatch: pytest.MonkeyPatch, noted: list[str]
) -> None:
    end = threading.Event()
    models: list[highspy.Highs] = []

    def endless(self: highspy.Highs) -> None:
        models.append(self)
        end.wait(20)

    monkeypatch.setattr(highspy.Highs, "run", endless)
    monkeypatch.setattr(highs, "GRACE_S", 0.02)
    monkeypatch.setattr(highs, "attempt", lambda model, seconds: real(model, 0.02))
    real = attempt
    try:
        found = solve()
        assert found.x is None and found.bound == -INFINITY and found.status == "overran"
        assert "given up" in noted[0]
        # Its thread may still be in it: the model is not run a second time.
        assert run_lp(models[0]).status == "overran" and len(models) == 1
    finally:
        end.set()


attempt = highs.attempt

MIP_LIES: dict[str, tuple[str, Tell]] = {
    "point": ("getSolution", lambda s: Lie(s, col_value=[0.9 * v for v in s.col_value])),
    "bound": ("getInfo", lambda i: Lie(i, mip_dual_bound=1.1 * i.objective_function_value)),
    "infeasible": ("getModelStatus", lambda s: STATUS.kInfeasible),
    "unknown": ("getModelStatus", lambda s: STATUS.kUnknown),
    "solver error": ("getModelStatus", lambda s: STATUS.kSolveError),
}  # fmt: skip


@pytest.mark.parametrize("kind", MIP_LIES)
def test_a_wrong_answer_of_a_mixed_integer_program_is_solved_again(
    kind: str, lies: Callable[..., list[int]], noted: list[str]
) -> None:
    true = solve_mip()
    assert true.optimal and not noted
    if kind == "infeasible":
        lies("getInfo", lambda i: Lie(i, primal_solution_status=0))
    told = lies(*MIP_LIES[kind])
    again = solve_mip()
    assert told and again.x is not None and not again.infeasible
    assert again.value == pytest.approx(true.value, rel=1e-6)
    assert again.bound <= true.value * (1 + 1e-9)
    assert kind in ("unknown", "solver error") or "HiGHS" in noted[0]


# -- bounds -------------------------------------------------------------------------------------


def small_case(sites: int = 2, **changes: Any) -> Case:
    rows = base(sites=sites)
    add_grid(rows, 10, 5, curtailed_hours_per_year=200)
    for key, value in changes.items():
        rows[key] = value
    return case(rows)


def test_a_bound_above_a_plan_is_dropped() -> None:
    run = Run(small_case(), OPTIONS, None, None)
    for bound in (10.0, 80.0, 130.0):
        run.raise_bound(bound)
    run.total = 100.0  # 130 was a lie
    assert run.bound == 80.0 and "dropped" in run.report.log[-1]
    run.raise_bound(101.0)
    assert run.bound == 80.0 and len(run.report.log) == 2
    run.raise_bound(90.0)
    run.total = 85.0  # so was 90
    assert run.bound == 80.0
    run.raise_bound(85.0)
    assert run.bound == 85.0


def test_a_lie_of_the_mixed_integer_bound_costs_neither_plan_nor_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepared = small_case()
    true = solve_case(prepared, OPTIONS).report
    mip, lied = Master.mip, []

    def lying(self: Master, *arguments: Any, **named: Any) -> highs.Solution:
        found = mip(self, *arguments, **named)
        if len(lied) == 2:
            return found
        lied.append(found.bound)
        return replace(found, bound=1.2 * true.objective / 1e3)

    monkeypatch.setattr(Master, "mip", lying)
    told = solve_case(prepared, OPTIONS).report
    assert lied and told.objective == pytest.approx(true.objective, rel=1e-6)
    assert told.bound <= told.objective
    assert any("a bound of" in line and "dropped" in line for line in told.log)


def test_a_bound_of_the_monolith_above_its_plan_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepared = small_case(sites=1)
    mip = whole.run_mip

    def lying(*arguments: Any) -> highs.Solution:
        found = mip(*arguments)
        return replace(found, bound=1.01 * found.value)

    monkeypatch.setattr(whole, "run_mip", lying)
    told = solve_case(prepared, RunOptions(gap=1e-4, time_limit_s=60, engine="monolith")).report
    assert told.bound == -np.inf and told.status == "feasible"
    assert any("above the plan: dropped" in line for line in told.log)


# -- operating blocks ---------------------------------------------------------------------------


def one_storage_rows(sites: int = 1) -> Rows:
    rows = base(sites=sites)
    rows["technologies"].append(
        technology("battery", "storage", capex_usd_per_kw=200, capex_usd_per_kwh=100,
                   round_trip_efficiency=0.85, vom_usd_per_mwh=0.5)
    )  # fmt: skip
    rows["technologies"].append(technology("sun", "variable"))
    rows["site_technologies"] += [
        {"site": "*", "technology": "battery", "max_mw": 30},
        {"site": "*", "technology": "sun", "max_mw": 120, "profile": "sun"},
    ]
    add_grid(rows, 15, 0)
    return rows


@pytest.fixture(scope="module")
def blocks() -> Case:
    return case(one_storage_rows())


@pytest.fixture
def task(blocks: Case) -> Task:
    return next(probes(blocks, 1))


@pytest.fixture
def exact(blocks: Case, task: Task) -> Outcome:
    oracle = BlockOracle(blocks, 1, 1e-9, special=False)
    (answer,) = oracle.evaluate([task])
    oracle.close()
    return answer


BLOCK_LIES: dict[str, tuple[str, Tell]] = {
    **{k: v for k, v in LP_LIES.items() if k not in ("objective", "time", "prices")},
    "prices": ("getSolution", lambda s: Lie(s, row_dual=[0.0] * len(s.row_dual))),
}


@pytest.mark.parametrize("kind", BLOCK_LIES)
def test_a_wrong_answer_of_a_block_is_solved_again(
    kind: str, blocks: Case, task: Task, exact: Outcome, lies: Callable[..., list[int]],
    noted: list[str],
) -> None:  # fmt: skip
    oracle = BlockOracle(blocks, 2, 1e-9, special=False)
    told = lies(*BLOCK_LIES[kind])
    (answer,) = oracle.evaluate([task])
    oracle.close()
    assert told and "solved again by a new model" in noted[0]
    assert answer.priced == pytest.approx(exact.priced, rel=1e-7)
    assert answer.cut @ task.x == pytest.approx(exact.cut @ task.x, rel=1e-6)


def test_a_dispatch_that_is_kept_holds_in_mw(
    blocks: Case, task: Task, lies: Callable[..., list[int]], noted: list[str]
) -> None:
    oracle = HighsOracle(Blocks(blocks), 1e-7)
    scale = float(task.x.max())

    def shifted(answer: Any) -> Any:
        values = np.array(answer.col_value)
        values[0] += 1e-3 / scale * 1e-3  # 1 W off: nothing as a share, too much as a result
        return Lie(answer, col_value=values)

    kept = replace(task, keep_dispatch=True)
    told = lies("getSolution", shifted)
    found = oracle.solve(kept)
    assert len(told) == 1 and any("of the dispatch is off" in line for line in noted)
    shape = oracle.blocks.shape(task.site, task.period)
    assert found.dispatch is not None
    slack = (shape.rhs @ task.x - shape.matrix @ found.dispatch)[shape.equality]
    assert np.abs(slack).max() <= reference.KEPT_MW
    lies("getSolution", shifted)
    count = len(noted)
    oracle.solve(task)
    assert len(noted) == count  # what is not kept need only hold as a share


def test_a_degenerate_dual_leaves_a_valid_cut(
    blocks: Case, task: Task, exact: Outcome, lies: Callable[..., list[int]], noted: list[str]
) -> None:
    lies("getSolution", lambda s: Lie(s, row_dual=[np.nan] * len(s.row_dual)), times=99)
    oracle = BlockOracle(blocks, 1, 1e-9, special=False)
    (answer,) = oracle.evaluate([task])
    oracle.close()
    assert answer.priced == pytest.approx(exact.priced, rel=1e-6)
    assert np.isfinite(answer.cut).all() and answer.cut @ task.x <= exact.cut @ task.x
    assert "its cut says less" in noted[-1]


def test_cuts_that_are_not_finite_are_dropped(noted: list[str]) -> None:
    engine = Engine(small_case(), OPTIONS)
    pool = engine.known.pool
    pool.add("site0", 0, np.array([1.0, np.nan]))
    pool.add("site0", 0, np.array([np.inf, 1.0]))
    assert len(pool) == 0 and len(noted) == 2
    pool.add("site0", 0, np.array([1.0, 2.0]))
    assert len(pool) == 1
    engine.oracle.close()


def test_a_block_without_any_answer_is_a_clear_error(
    blocks: Case, task: Task, lies: Callable[..., list[int]]
) -> None:
    lies("getModelStatus", lambda s: STATUS.kUnknown, times=99)
    oracle = BlockOracle(blocks, 2, 1e-9, special=False)
    with pytest.raises(MachineError, match=r"the operation of site0 in p\d with any settings"):
        oracle.evaluate([task])
    oracle.close()


def test_a_block_that_overruns_is_solved_by_a_new_model(
    blocks: Case, task: Task, exact: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle = BlockOracle(blocks, 2, 1e-9, special=False)
    from optimizer.solving.oracles import reference

    seen: list[highspy.Highs] = []

    def overrun(model: highspy.Highs, seconds: float) -> str:
        seen.append(model)
        return "overran" if len(seen) == 1 else attempt(model, seconds)

    monkeypatch.setattr(reference, "attempt", overrun)
    for _ in range(2):
        (answer,) = oracle.evaluate([task])
        assert answer.priced == pytest.approx(exact.priced, rel=1e-7)
    oracle.close()
    assert len(seen) == 3 and seen[0] not in seen[1:] and seen[1] is seen[2]


def test_a_run_that_fails_late_keeps_its_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = small_case()
    true = solve_case(prepared, OPTIONS).report
    improve = Engine.improve

    def failing(self: Engine, *arguments: Any, **named: Any) -> None:
        improve(self, *arguments, **named)
        raise MachineError("a block without any answer")

    monkeypatch.setattr(Engine, "improve", failing)
    plan = solve_case(prepared, replace(OPTIONS, gap=0.0)).report
    assert plan.objective == pytest.approx(true.objective, rel=1e-3)
    assert plan.bound <= true.objective * (1 + 1e-9)
    assert any("the search ended early: a block without any answer" in line for line in plan.log)


# -- the specialised oracle ---------------------------------------------------------------------


def special(blocks: Case) -> BlockOracle:
    pytest.importorskip("numba")
    return BlockOracle(blocks, 2, 1e-9, proof=1e-7, special=True)


def test_the_specialised_oracle_is_held_against_highs(blocks: Case) -> None:
    oracle = special(blocks)
    said = check_oracle(blocks, oracle)
    assert said.startswith("specialised oracle against HiGHS: ") and ": 0 blocks" not in said
    assert "stored value" in oracle.description
    oracle.close()


@pytest.mark.parametrize("part", ["cost", "cut"])
def test_a_broken_specialised_oracle_is_switched_off(
    part: str, blocks: Case, task: Task, exact: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    solve = OneStorageOracle.solve

    def broken(self: OneStorageOracle, task: Task) -> Outcome | None:
        answer = solve(self, task)
        if answer is None:
            return None
        if part == "cut":
            return replace(answer, cut=answer.cut * (1 + 1e-5))
        return replace(answer, cost=answer.cost * (1 + 1e-5), priced=answer.priced * (1 + 1e-5))

    monkeypatch.setattr(OneStorageOracle, "solve", broken)
    oracle = special(blocks)
    assert "switched off" in check_oracle(blocks, oracle)
    assert oracle.description == "operating blocks by HiGHS"
    (answer,) = oracle.evaluate([task])
    oracle.close()
    assert answer.priced == pytest.approx(exact.priced, rel=1e-7)


def test_what_a_broken_kernel_answers_is_not_taken(
    blocks: Case, task: Task, exact: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = OneStorageOracle._run

    def broken(self: OneStorageOracle, *arguments: Any) -> tuple[np.ndarray, ...] | None:
        solved = run(self, *arguments)
        if solved is not None:
            solved[5][: len(solved[5]) // 2] *= 0.8  # the hourly prices
        return solved

    monkeypatch.setattr(OneStorageOracle, "_run", broken)
    oracle = special(blocks)
    (answer,) = oracle.evaluate([task])
    oracle.close()
    assert oracle.counts == {"special": 0, "reference": 1}
    assert answer.priced == pytest.approx(exact.priced, rel=1e-7)


@pytest.mark.parametrize("also_highs", [False, True])
def test_a_block_whose_thread_raises_is_done_again(
    also_highs: bool, blocks: Case, task: Task, exact: Outcome, noted: list[str],
    monkeypatch: pytest.MonkeyPatch, lies: Callable[..., list[int]],
) -> None:  # fmt: skip
    def fail(*arguments: Any) -> None:
        raise ZeroDivisionError("in a kernel")

    monkeypatch.setattr(OneStorageOracle, "solve", fail)
    if also_highs:
        lies("run", fail)
    oracle = special(blocks)
    (answer,) = oracle.evaluate([task])
    oracle.close()
    assert answer.priced == pytest.approx(exact.priced, rel=1e-7)
    assert "ZeroDivisionError: in a kernel" in noted[0] and "HiGHS instead" in noted[0]
    assert len(noted) == (3 if also_highs else 1)


# -- sites that no one can build ----------------------------------------------------------------


def with_idle_sites() -> tuple[Case, Case]:
    """A case with three sites that cannot serve, and the same without them."""
    rows = base(sites=5)
    add_grid(rows, 10, 5)
    rows["sites"][1]["max_it_mw"] = 0
    rows["sites"][2]["jurisdiction"] = "NM"
    rows["sites"][3]["opening_months"] = 60
    rows["campus_blocks"][0]["permit_kind"] = "zoning"
    rows["permits"] = [
        {"jurisdiction": j, "permit_kind": "zoning", "variant": "", "months": m, "cost_usd": 0}
        for j, m in (("TX", 0), ("NM", 48))
    ]
    full = case(rows)
    names = ("site0", "site4")
    return full, replace(full, sites={s: full.sites[s] for s in names})


@pytest.mark.parametrize("engine", ["few", "many"])
def test_sites_that_no_one_can_build_are_left_out(engine: str) -> None:
    full, rest = with_idle_sites()
    options = RunOptions(gap=1e-4, time_limit_s=60, engine=engine, threads=1)  # type: ignore[arg-type]
    plan, without = solve_case(full, options), solve_case(rest, options)
    assert plan.report.objective == pytest.approx(without.report.objective, rel=3e-4)
    said = [line for line in plan.report.log if "is left out" in line]
    assert [line.split()[2] for line in said] == ["site1", "site2", "site3"]
    assert "no IT may stand" in said[0] and "within the periods" in said[1]
    assert_holds(full, plan)
    assert set(plan.tables["sites"]["site"]) == set(full.sites)


def test_idle_sites_are_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    full, _ = with_idle_sites()
    asked: set[str] = set()
    evaluate = BlockOracle.evaluate

    def listening(self: BlockOracle, tasks: list[Task]) -> list[Outcome]:
        asked.update(task.site for task in tasks)
        return evaluate(self, tasks)

    monkeypatch.setattr(BlockOracle, "evaluate", listening)
    for engine in ("few", "many"):
        asked.clear()
        solve_case(full, RunOptions(gap=1e-2, time_limit_s=60, engine=engine, threads=1))  # type: ignore[arg-type]
        assert asked and asked <= {"site0", "site4"}


def assert_holds(prepared: Case, plan: Plan) -> None:
    done = verify_plan(prepared.inputs, plan.tables, plan.dispatch, plan.report.objective)
    assert done.passed, done.findings


def test_a_site_without_power_is_left_out() -> None:
    rows = base(sites=2)
    rows["site_technologies"] = [{"site": "site0", "technology": "engine", "max_mw": 200}]
    why = idle_sites(case(rows))
    assert list(why) == ["site1"] and "no power" in why["site1"]


@pytest.mark.parametrize("engine", ["few", "many"])
def test_a_site_that_only_sells_stays(engine: str) -> None:
    rows = base(sites=2)
    add_grid(rows, 10, 5, export_mw=20)
    rows["tariffs"][0].update(export_price_share=0.9, price_profile="price")
    rows["sites"][1]["max_it_mw"] = 0
    prepared = case(rows)
    assert not idle_sites(prepared)
    options = RunOptions(gap=1e-3, time_limit_s=60, engine=engine, threads=1)  # type: ignore[arg-type]
    assert_holds(prepared, solve_case(prepared, options))


def test_limits_of_a_site_that_was_left_out_are_named_where_there_is_no_plan() -> None:
    rows = base(sites=2)
    rows["sites"][1]["max_it_mw"] = 0
    for demand in rows["demand"]:
        demand.update(it_mw=150, max_backlog_mw=0)
    strict = case(rows)
    with pytest.raises(NoPlanError) as error:
        solve_case(strict, RunOptions(gap=1e-4, time_limit_s=30, engine="few"))
    assert "site1: at most 0 MW" in str(error.value)


# -- a worker that dies -------------------------------------------------------------------------


def test_parts_of_a_killed_process_are_built_here(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = small_case(sites=6)
    true, joint = parts.split(prepared)
    monkeypatch.setattr(parts, "MANY", 2)
    here, build = os.getpid(), parts._part

    def dying(prepared: Case, site: str) -> object:
        if os.getpid() != here and site == "site3":
            os._exit(9)
        return build(prepared, site)

    monkeypatch.setattr(parts, "_part", dying)
    notes: list[str] = []
    again, joint_again = parts.split(prepared, 2, notes.append)
    assert len(notes) == 1 and "died" in notes[0] and "built here instead" in notes[0]
    assert list(again) == list(true) and joint_again.keys == joint.keys
    for name, part in true.items():
        assert np.array_equal(part.arrays.cost, again[name].arrays.cost)
        assert abs(part.arrays.matrix - again[name].arrays.matrix).nnz == 0
        assert abs(part.joint - again[name].joint).nnz == 0


# -- memory -------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["few", "many"])
def test_blocks_are_dropped_and_rebuilt_when_memory_is_short(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = base([("p0", "2027-01-01", 1), ("p1", "2027-02-01", 1)], sites=2)
    add_grid(rows, 10, 5, curtailed_hours_per_year=200)
    rows["sites"][1]["pue"] = 1.2
    prepared = case(rows)
    options = RunOptions(gap=1e-4, time_limit_s=60, engine=engine, threads=2)  # type: ignore[arg-type]
    true = solve_case(prepared, options)
    # Always a little above the limit: nothing but the block at work may stay.
    monkeypatch.setattr(memory, "resident_mb", lambda: 101.0)
    short = solve_case(prepared, replace(options, memory_limit_mb=100.0))
    assert short.report.objective == pytest.approx(true.report.objective, rel=2e-4)
    said = short.report.log[-1]
    assert "memory limit 100 MB: blocks dropped" in said
    dropped, rebuilt = (int(said.split(word)[1].split()[0]) for word in ("dropped", "rebuilt"))
    assert dropped > 4 and rebuilt > 4
    assert "memory limit 100 MB" in short.report.log[0]
    assert "no memory limit" in true.report.log[0]


def test_least_recently_used_blocks_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = case(one_storage_rows(sites=1))
    monkeypatch.setattr(memory, "resident_mb", lambda: 50.0)
    oracle = BlockOracle(prepared, 1, special=False, memory=memory.Memory(100.0))
    tasks = {t.period: t for t in itertools.islice(probes(prepared, 1), 20)}
    oracle.evaluate([tasks[0], tasks[1]])
    keys = [oracle.key("site0", p) for p in (0, 1)]
    reference = oracle._reference
    assert isinstance(reference, HighsOracle) and set(reference._models) == set(keys)
    oracle.arrays(keys[0])
    readings = iter([101.0, 99.0])
    monkeypatch.setattr(memory, "resident_mb", lambda: next(readings))
    oracle.relieve(("", ""))
    assert set(reference._models) == {keys[0]} == set(oracle._shapes)
    assert {b[:2] for b in reference._bases} == {("site0", 0)}
    assert oracle.memory.dropped == 1
    oracle.close()


def test_a_limit_that_even_dropping_does_not_keep_ends_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "resident_mb", lambda: 150.0)
    with pytest.raises(MachineError, match=r"150 MB are needed.*limit is 100 MB.*--memory-limit"):
        solve_case(small_case(), replace(OPTIONS, memory_limit_mb=100.0))


def test_resident_memory_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    before = memory.resident_mb()
    held = np.ones(8_000_000)
    assert memory.resident_mb() - before > 0.9 * held.nbytes / 2**20
    del held
    memory.give_back()

    def no_file(*arguments: object, **named: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", no_file)
    assert memory.resident_mb() >= before * 0.5


def test_a_hard_time_is_not_exceeded_by_solving_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def fails(model: highspy.Highs, seconds: float) -> str:
        asked.append(seconds)
        time.sleep(0.06)
        return "raised"

    monkeypatch.setattr(highs, "attempt", fails)
    model = make_model(
        np.ones(1), np.zeros(1), np.ones(1), sp.csr_matrix(np.ones((1, 1))), np.zeros(1), np.ones(1)
    )
    assert run_lp(model, 0.1, hard=True).x is None
    assert len(asked) == 2 and sum(asked) < 0.2
    asked.clear()
    run_lp(model, 0.1)
    assert len(asked) == len(highs.ATTEMPTS) and max(asked) == highs.AGAIN_S
