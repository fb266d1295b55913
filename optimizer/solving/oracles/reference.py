"""Evaluates operating blocks with HiGHS: persistent models, warm dual simplex.

Blocks of one site with the same hours share one HiGHS model; each block keeps the basis of
its last solve.
"""

from __future__ import annotations

import threading

import highspy
import numpy as np

from optimizer.solving.highs import INFINITY, OPTIMAL, make_model
from optimizer.solving.oracles.blocks import Blocks
from optimizer.solving.oracles.task import Outcome, Task, outcome


class HighsOracle:
    """Any block; those that share a model are evaluated one after the other."""

    def __init__(self, blocks: Blocks, tolerance: float) -> None:
        self.blocks, self.tolerance = blocks, tolerance
        self._models: dict[tuple[str, str], highspy.Highs] = {}
        self._bases: dict[tuple[str, int, str], highspy.HighsBasis] = {}
        self._locks = {key: threading.Lock() for key in blocks.shapes}

    def tolerate(self, tolerance: float) -> None:
        """Change the feasibility tolerances of all models."""
        self.tolerance = tolerance
        for model in self._models.values():
            model.setOptionValue("primal_feasibility_tolerance", tolerance)
            model.setOptionValue("dual_feasibility_tolerance", tolerance)

    def _model(self, task: Task) -> highspy.Highs:
        key = self.blocks.key(task.site, task.period)
        if key not in self._models:
            shape = self.blocks.shapes[key]
            rows, columns = shape.matrix.shape
            lower = np.where(shape.equality, 0.0, -INFINITY)
            self._models[key] = make_model(
                self.blocks.cost(task.site, task.period), np.zeros(columns), np.zeros(columns),
                shape.matrix, lower, np.zeros(rows),
                solver="simplex", primal_feasibility_tolerance=self.tolerance,
                dual_feasibility_tolerance=self.tolerance,
            )  # fmt: skip
        return self._models[key]

    def solve(self, task: Task) -> Outcome:
        """The block's least cost at the task's links."""
        with self._locks[self.blocks.key(task.site, task.period)]:
            return self._solve(task)

    def _solve(self, task: Task) -> Outcome:
        blocks, key = self.blocks, (task.site, task.period)
        shape, counted = blocks.shape(*key), blocks.counted(*key)
        cost = blocks.cost(*key, task.purpose)
        model = self._model(task)
        priced_cost = cost + task.co2_price * counted if task.co2_price else cost
        scale = max(float(task.x.max(initial=0.0)), 1e-9)
        x = task.x / scale
        rows, columns = shape.matrix.shape
        upper = shape.upper @ x
        upper[shape.unbounded] = INFINITY
        rhs = shape.rhs @ x
        row_upper = rhs.copy()
        if task.co2_price is not None and shape.co2_row >= 0:
            row_upper[shape.co2_row] = INFINITY
        row_lower = np.where(shape.equality, rhs, -INFINITY)
        model.changeColsBounds(
            columns, np.arange(columns, dtype=np.int32), np.zeros(columns), upper
        )
        model.changeRowsBounds(rows, np.arange(rows, dtype=np.int32), row_lower, row_upper)
        model.changeColsCost(columns, np.arange(columns, dtype=np.int32), priced_cost)
        if task.block in self._bases:
            model.setBasis(self._bases[task.block])
        _run(model)
        self._bases[task.block] = model.getBasis()
        answer = model.getSolution()
        prices = np.asarray(answer.row_dual).copy()
        if task.co2_price is not None and shape.co2_row >= 0:
            prices[shape.co2_row] = -task.co2_price
        return outcome(task, shape, cost, counted, np.asarray(answer.col_value) * scale, prices)


def _run(model: highspy.Highs) -> None:
    """Warm simplex; from scratch, then without presolve, if it does not end as optimal."""
    model.setOptionValue("time_limit", model.getRunTime() + 120.0)
    model.run()
    if model.getModelStatus() == OPTIMAL:
        return
    for options in ({"presolve": "on"}, {"presolve": "off"}, {"solver": "ipm"}):
        model.clearSolver()
        for name, value in options.items():
            model.setOptionValue(name, value)
        model.setOptionValue("time_limit", model.getRunTime() + 300.0)
        model.run()
        for name in options:
            model.setOptionValue(name, "simplex" if name == "solver" else "choose")
        if model.getModelStatus() == OPTIMAL:
            return
    raise RuntimeError(f"an operating block ended as {model.getModelStatus()}")
