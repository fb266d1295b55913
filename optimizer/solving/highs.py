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
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = columns.shape[1], columns.shape[0]
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = cost, lower, upper
    lp.row_lower_, lp.row_upper_ = row_lower, row_upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = columns.indptr, columns.indices
    lp.a_matrix_.value_ = columns.data
    if integer is not None and integer.any():
        kinds = highspy.HighsVarType
        lp.integrality_ = [kinds.kInteger if i else kinds.kContinuous for i in integer]
    model = highspy.Highs()
    # HiGHS wants the same number of threads in every model of a process.
    for name, value in {"output_flag": False, "threads": 1, **options}.items():
        model.setOptionValue(name, value)
    model.passModel(lp)
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
