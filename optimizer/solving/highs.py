"""HiGHS, handed arrays; no answer of it is believed before it is checked.

A run ends well, or is asked again with other settings, or is given up: HiGHS may stall, say
that it does not know, overrun its time, raise, or claim what is not so. Of a linear program
the point, the objective and the prices are checked in numpy (:mod:`optimizer.solving.proof`);
of a mixed-integer one the point, and that its bound is not above it.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import highspy
import numpy as np
import scipy.sparse as sp

from optimizer.solving import trouble
from optimizer.solving.proof import FEASIBLE, NEAR, Program

INFINITY = highspy.kHighsInf
OPTIMAL = highspy.HighsModelStatus.kOptimal
INFEASIBLE = (
    highspy.HighsModelStatus.kInfeasible,
    highspy.HighsModelStatus.kUnboundedOrInfeasible,
)
STOPPED = (highspy.HighsModelStatus.kTimeLimit, highspy.HighsModelStatus.kInterrupt)

GRACE_S = 10.0
"""Time beyond its limit after which a run is cancelled, and then given up [s]."""
AGAIN_S = 60.0
"""Least time limit of a linear program that is solved again [s]."""

FRESH: dict[str, str] = {"solver": "choose", "presolve": "choose"}
ATTEMPTS: tuple[dict[str, str], ...] = (
    {}, {"solver": "ipm"}, {"solver": "simplex"}, {"solver": "simplex", "presolve": "off"},
)  # fmt: skip

_running: set[highspy.Highs] = set()
_lost: set[highspy.Highs] = set()
"""Models whose run was given up: a thread may still be in them."""
_guard = threading.Lock()


def cancel_all() -> None:
    """Ask every mixed-integer solve of this process to stop and keep its best point."""
    with _guard:
        for model in _running:
            model.cancelSolve()


def make_model(
    cost: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    matrix: sp.spmatrix,
    row_lower: np.ndarray,
    row_upper: np.ndarray,
    integer: np.ndarray | None = None,
    **options: object,
) -> highspy.Highs:
    """A HiGHS model from arrays; ``integer`` is a mask of columns."""
    columns = sp.csc_matrix(matrix)
    count = columns.shape[1]
    whole = np.zeros(count, dtype=np.int32)
    if integer is not None:
        whole[integer] = 1
    model = highspy.Highs()
    # HiGHS wants the same number of threads in every model of a process.
    for name, value in {"output_flag": False, "threads": 1, **options}.items():
        model.setOptionValue(name, value)
    # The call with arrays: filling a HighsLp converts them element by element, 6 times slower.
    passed = model.passModel(
        count, columns.shape[0], columns.nnz, int(highspy.MatrixFormat.kColwise),
        int(highspy.ObjSense.kMinimize), 0.0, cost, lower, upper, row_lower, row_upper,
        columns.indptr.astype(np.int32, copy=False), columns.indices.astype(np.int32, copy=False),
        columns.data, whole,
    )  # fmt: skip
    if passed == highspy.HighsStatus.kError:
        raise ValueError("HiGHS does not take this model: sizes of its arrays do not fit")
    return model


@dataclass(frozen=True)
class Solution:
    """A checked answer. ``x`` is None without a feasible point; bound is -inf if unknown.

    ``value`` is the objective at x. ``bound`` is proven; of an optimal linear program it is
    the value.
    """

    x: np.ndarray | None
    value: float
    bound: float
    row_dual: np.ndarray
    status: str
    optimal: bool
    infeasible: bool


def unknown(status: str) -> Solution:
    """No point, no bound."""
    return Solution(None, INFINITY, -INFINITY, np.empty(0), status, False, False)


def attempt(model: highspy.Highs, seconds: float) -> str:
    """Run a model within a time [s]; returns what went wrong: ``raised``, ``overran`` or nothing.

    A model that overran must not be touched again: its run goes on in a thread of its own.
    """
    with _guard:
        if model in _lost:
            return "overran"
    model.setOptionValue("time_limit", model.getRunTime() + seconds)
    raised: list[BaseException] = []

    def work() -> None:
        try:
            model.run()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds + GRACE_S)
    if thread.is_alive():
        model.cancelSolve()
        thread.join(GRACE_S)
    if thread.is_alive():
        with _guard:
            _lost.add(model)
        trouble.tell("overrun", f"HiGHS ran {seconds + 2 * GRACE_S:.0f} s with a limit of "
                                f"{seconds:.0f} s: given up")  # fmt: skip
        return "overran"
    if raised:
        if isinstance(raised[0], MemoryError):
            raise raised[0]
        trouble.tell("raised", f"HiGHS failed ({raised[0]}): solved again with other settings")
        return "raised"
    return ""


def run_lp(model: highspy.Highs, seconds: float = 60.0, *, hard: bool = False) -> Solution:
    """Solve a linear program; what cannot be believed is solved again with other settings.

    A warm simplex may stall, and a stall has returned garbage as a solution. An optimum is
    believed if its point, objective and prices agree; that there is no point, if the prices
    prove it or if a run without presolve says so too. After the last settings a feasible
    point is kept, with the bound that the best prices prove. ``seconds`` are a sign of a stall,
    or ``hard``: what is solved again, too, ends with them.
    """
    program = Program.of(model)
    end = time.monotonic() + seconds if hard else np.inf
    kept, said, bound = unknown("not solved"), False, -INFINITY
    for number, options in enumerate(ATTEMPTS):
        if said and options.get("presolve") != "off":
            continue
        if number:
            seconds = min(max(seconds, AGAIN_S), end - time.monotonic())
            if seconds <= 0:
                break
            model.clearSolver()
            for name, value in {**FRESH, **options}.items():
                model.setOptionValue(name, value)
        wrong = attempt(model, seconds)
        if wrong == "overran":
            return kept if kept.x is not None else unknown("overran")
        if wrong:
            continue
        status = model.getModelStatus()
        if status in INFEASIBLE:
            if options.get("presolve") == "off" or _is_impossible(model, program):
                kept = Solution(None, INFINITY, -INFINITY, np.empty(0), str(status), False, True)
                break
            said = True
        elif status == OPTIMAL:
            found = _believed(model, program)
            if found.optimal:
                if said:
                    trouble.tell("lie", "HiGHS called a linear program infeasible that is not")
                kept = found
                break
            trouble.tell("lie", f"HiGHS claimed an optimum that is none ({found.status}): "
                                "solved again with other settings")  # fmt: skip
            bound = max(bound, found.bound)
            if found.x is not None and found.value < kept.value:
                kept = found
        elif kept.x is None:
            kept = unknown(str(status))
    for name, value in FRESH.items():
        model.setOptionValue(name, value)
    if not kept.optimal and not kept.infeasible:
        if time.monotonic() < end:
            trouble.tell("unknown", f"HiGHS has no sure answer to a linear program ({kept.status})")
        kept = Solution(kept.x, kept.value, bound, kept.row_dual, kept.status, False, False)
    return kept


def _believed(model: highspy.Highs, program: Program) -> Solution:
    """An optimum as it checks: optimal only if point, objective and prices agree."""
    answer = model.getSolution()
    x, prices = np.array(answer.col_value), np.array(answer.row_dual)
    claimed = model.getInfo().objective_function_value
    off = program.violation(x)
    bound = program.dual_bound(prices)
    if off > FEASIBLE:
        status = f"a row or bound is off by {off:.1e}"
        return Solution(None, INFINITY, bound, np.empty(0), status, False, False)
    value = program.objective(x)
    near = NEAR * (1.0 + abs(value))
    dual = program.dual_bound(prices, x)
    if abs(value - claimed) > near or abs(value - dual) > near:
        status = f"objective {value:.9g} at its point, {claimed:.9g} claimed, {dual:.9g} proven"
        prices = prices if np.isfinite(prices).all() else np.zeros(len(prices))
        return Solution(x, value, bound, prices, status, False, False)
    return Solution(x, claimed, claimed, prices, str(OPTIMAL), True, False)


def _is_impossible(model: highspy.Highs, program: Program) -> bool:
    """Whether HiGHS has prices which prove that no point exists."""
    _, has, ray = model.getDualRay()
    return bool(has) and program.is_impossible_by(np.asarray(ray))


def run_mip(
    model: highspy.Highs, integer: np.ndarray, seconds: float, start: np.ndarray | None = None,
    enough: float = INFINITY,
) -> Solution:  # fmt: skip
    """Solve a mixed-integer program within a time; integers of the answer are rounded.

    It ends as soon as its bound is ``enough``. Solved again without presolve, in the time that
    is left, if HiGHS fails, if its point is none, if it says infeasible, or if its bound is above
    its own point.
    """
    program = Program.of(model)
    end = time.monotonic() + max(0.1, seconds)
    with _guard:
        model.HandleUserInterrupt = True
        _running.add(model)
    first: Solution | None = None

    def stop_when_enough(event: highspy.HighsCallbackEvent) -> None:
        if event.data_out.mip_dual_bound >= enough:
            event.interrupt()

    if enough < INFINITY:
        model.cbMipInterrupt.subscribe(stop_when_enough)
    try:
        for presolve in ("", "off"):
            if presolve:
                model.clearSolver()
                model.setOptionValue("presolve", presolve)
            if start is not None:
                point = highspy.HighsSolution()
                point.col_value = start
                model.setSolution(point)
            wrong = attempt(model, max(0.1, end - time.monotonic()))
            if wrong == "overran":
                return first or unknown(wrong)
            found = unknown(wrong) if wrong else _checked(model, program, integer)
            if first is not None:
                if first.infeasible and found.x is None:
                    return first  # neither with presolve nor without it is there a point
                if first.infeasible:
                    trouble.tell("lie", "HiGHS called a mixed-integer program infeasible "
                                        "that is not")  # fmt: skip
                return found if found.x is not None or first.x is None else first
            if not wrong and not found.infeasible and found.status in _SURE:
                return found
            first = found
            if time.monotonic() > end:
                return first
    finally:
        with _guard:
            _running.discard(model)
        if model not in _lost:
            model.setOptionValue("presolve", "choose")
    return first or unknown("not solved")


_SURE = tuple(map(str, (OPTIMAL, *STOPPED, highspy.HighsModelStatus.kSolutionLimit,
                        highspy.HighsModelStatus.kObjectiveBound,
                        highspy.HighsModelStatus.kObjectiveTarget)))  # fmt: skip


def _checked(model: highspy.Highs, program: Program, integer: np.ndarray) -> Solution:
    """The answer of a mixed-integer run; a status of its own says what was not believed."""
    status, info = model.getModelStatus(), model.getInfo()
    value = info.objective_function_value
    said = str(status)
    x = None
    if info.primal_solution_status == 2 and abs(value) < 1e25:
        x = np.array(model.getSolution().col_value)
        off = program.violation(x)
        true = program.objective(x) if np.isfinite(x).all() else np.inf
        if off > FEASIBLE or abs(true - value) > 10 * NEAR * (1.0 + abs(true)):
            said = f"a point that is off by {off:.1e}, objective {value:.9g} for {true:.9g}"
            trouble.tell("lie", f"HiGHS gave {said}: dropped")
            x = None
        else:
            x[integer] = np.round(x[integer])
    bound = info.mip_dual_bound if integer.any() else value if status == OPTIMAL else -INFINITY
    bound = bound if abs(bound) < 1e25 else -INFINITY
    if x is None and said != str(status):
        bound = -INFINITY  # nothing of such an answer is believed
    elif x is not None and bound > value + 10 * NEAR * (1.0 + abs(value)):
        said = f"a bound of {bound:.9g} above its own point {value:.9g}"
        trouble.tell("lie", f"HiGHS gave {said}: dropped")
        bound = -INFINITY
    return Solution(
        x=x,
        value=value if x is not None else INFINITY,
        bound=bound,
        row_dual=np.empty(0),
        status=said,
        optimal=status == OPTIMAL and said == str(status),
        infeasible=status in INFEASIBLE and x is None,
    )
