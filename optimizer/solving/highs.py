"""HiGHS, handed arrays; every solve is checked for its status."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import highspy
import numpy as np
import scipy.sparse as sp

INFINITY = highspy.kHighsInf
OPTIMAL = highspy.HighsModelStatus.kOptimal
INFEASIBLE = (
    highspy.HighsModelStatus.kInfeasible,
    highspy.HighsModelStatus.kUnboundedOrInfeasible,
)

_running: set[highspy.Highs] = set()
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
    model.passModel(
        count, columns.shape[0], columns.nnz, int(highspy.MatrixFormat.kColwise),
        int(highspy.ObjSense.kMinimize), 0.0, cost, lower, upper, row_lower, row_upper,
        columns.indptr.astype(np.int32), columns.indices.astype(np.int32), columns.data, whole,
    )  # fmt: skip
    return model


@dataclass(frozen=True)
class Solution:
    """A checked answer. ``x`` is None without a feasible point; bound is -inf if unknown."""

    x: np.ndarray | None
    value: float
    bound: float
    row_dual: np.ndarray
    status: str
    optimal: bool
    infeasible: bool


def run_lp(model: highspy.Highs, seconds: float = 60.0) -> Solution:
    """Solve a linear program; a stalled simplex is answered by interior point.

    A warm simplex may stall, and a stall has returned garbage as a solution: the status is
    read after every run, and another algorithm takes over.
    """
    for attempt in ("warm", "ipm", "simplex"):
        if attempt != "warm":
            model.clearSolver()
            model.setOptionValue("solver", attempt)
        model.setOptionValue("time_limit", model.getRunTime() + seconds)
        model.run()
        status = model.getModelStatus()
        if status == OPTIMAL or (status in INFEASIBLE and attempt != "warm"):
            break
        seconds = max(seconds, 60.0)
    model.setOptionValue("solver", "choose")
    answer = model.getSolution()
    optimal = status == OPTIMAL
    value = model.getInfo().objective_function_value
    return Solution(
        x=np.asarray(answer.col_value) if optimal else None,
        value=value if optimal else INFINITY,
        bound=value if optimal else -INFINITY,
        row_dual=np.asarray(answer.row_dual) if optimal else np.empty(0),
        status=str(status),
        optimal=optimal,
        infeasible=status in INFEASIBLE,
    )


def run_mip(
    model: highspy.Highs, integer: np.ndarray, seconds: float, start: np.ndarray | None = None
) -> Solution:
    """Solve a mixed-integer program within a time; integers of the answer are rounded."""
    model.setOptionValue("time_limit", max(0.1, seconds))
    if start is not None:
        point = highspy.HighsSolution()
        point.col_value = start
        model.setSolution(point)
    with _guard:
        model.HandleUserInterrupt = True
        _running.add(model)
    try:
        model.run()
        for presolve in ("choose", "off"):
            if model.getModelStatus() != highspy.HighsModelStatus.kSolveError:
                break
            # HiGHS has failed on a start or in presolve: from scratch, then without it.
            model.clearSolver()
            model.setOptionValue("presolve", presolve)
            model.run()
    finally:
        with _guard:
            _running.discard(model)
    status, info = model.getModelStatus(), model.getInfo()
    feasible = info.primal_solution_status == 2 and abs(info.objective_function_value) < 1e25
    x = None
    if feasible:
        x = np.asarray(model.getSolution().col_value).copy()
        x[integer] = np.round(x[integer])
    bound = info.mip_dual_bound if integer.any() else info.objective_function_value
    return Solution(
        x=x,
        value=info.objective_function_value if feasible else INFINITY,
        bound=bound if abs(bound) < 1e25 else -INFINITY,
        row_dual=np.empty(0),
        status=str(status),
        optimal=status == OPTIMAL,
        infeasible=status in INFEASIBLE,
    )
