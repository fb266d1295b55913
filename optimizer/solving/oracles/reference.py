"""Evaluates operating blocks with HiGHS: persistent models, warm dual simplex.

Blocks of one site with the same hours share one HiGHS model; each block keeps the basis of
its last solve. Every answer is checked on the block's own rows, and by its cut; what does not
hold is solved again by a new model with other settings.
"""

from __future__ import annotations

import threading
from typing import Any

import highspy
import numpy as np

from optimizer.errors import MachineError
from optimizer.model.blocks.assembly import Shape
from optimizer.solving import trouble
from optimizer.solving.highs import INFINITY, OPTIMAL, attempt, make_model
from optimizer.solving.oracles.blocks import Blocks, Key
from optimizer.solving.oracles.task import Outcome, Task, outcome

ATTEMPTS: tuple[dict[str, str], ...] = (
    {}, {"presolve": "on"}, {"presolve": "off"}, {"solver": "ipm"},
)  # fmt: skip
SECONDS, AGAIN_S = 120.0, 300.0
FEASIBLE = 1e-6
"""Violation of a row or bound that is trusted, as a share of the block's largest link."""
KEPT_MW = 5e-7
"""The same in MW, of a dispatch that is kept."""
NEAR = 1e-6
"""Distance of cut and cost that is trusted, relative to the cost."""


class HighsOracle:
    """Any block; those that share a model are evaluated one after the other."""

    def __init__(self, blocks: Blocks, tolerance: float) -> None:
        self.blocks, self.tolerance = blocks, tolerance
        self._models: dict[Key, highspy.Highs] = {}
        self._bases: dict[tuple[str, int, str], highspy.HighsBasis] = {}
        self._locks = {key: threading.Lock() for key in blocks.keys}

    def tolerate(self, tolerance: float) -> None:
        """Change the feasibility tolerances of all models."""
        self.tolerance = tolerance
        for model in list(self._models.values()):
            model.setOptionValue("primal_feasibility_tolerance", tolerance)
            model.setOptionValue("dual_feasibility_tolerance", tolerance)

    def drop(self, key: Key) -> bool:
        """Forget the model of these arrays and its bases, unless it is at work."""
        if not self._locks[key].acquire(blocking=False):
            return False
        try:
            self._models.pop(key, None)
            for block in [b for b in list(self._bases) if self.blocks.key(b[0], b[1]) == key]:
                self._bases.pop(block, None)
            return True
        finally:
            self._locks[key].release()

    def _make(self, task: Task, shape: Shape, options: dict[str, str]) -> highspy.Highs:
        rows, columns = shape.matrix.shape
        lower = np.where(shape.equality, 0.0, -INFINITY)
        settings: dict[str, Any] = {"solver": "simplex", **options}
        return make_model(
            self.blocks.cost(task.site, task.period), np.zeros(columns), np.zeros(columns),
            shape.matrix, lower, np.zeros(rows), primal_feasibility_tolerance=self.tolerance,
            dual_feasibility_tolerance=self.tolerance, **settings,
        )  # fmt: skip

    def solve(self, task: Task) -> Outcome:
        """The block's least cost at the task's links.

        MachineError if no settings give a dispatch that holds.
        """
        with self._locks[self.blocks.key(task.site, task.period)]:
            return self._solve(task)

    def _solve(self, task: Task) -> Outcome:
        blocks, key = self.blocks, (task.site, task.period)
        shape = blocks.shape(*key)
        where = f"{task.site} in {blocks.case.periods[task.period].name}"
        best: Outcome | None = None
        least = np.inf
        for number, options in enumerate(ATTEMPTS):
            found, wrong = self._attempt(task, shape, number, options)
            if found is not None:
                missing = self._missing(task, shape, found)
                if missing <= 0.0 and not wrong:
                    return found
                wrong = wrong or f"cut and cost differ by {missing:.1e} too much"
                if missing < least:
                    best, least = found, missing
            trouble.tell("block", f"operation of {where}: {wrong}; solved again by a new model")
        if best is None:
            raise MachineError(
                f"HiGHS cannot solve the operation of {where} with any settings ({wrong}). "
                "Look for numbers in that site's rows that are far larger or smaller than others."
            )
        trouble.tell("weak cut", f"operation of {where}: its cost stands, its cut says less")
        return best

    def _attempt(
        self, task: Task, shape: Shape, number: int, options: dict[str, str]
    ) -> tuple[Outcome | None, str]:
        """One run, warm in the model that is kept or by a new one: an answer, or what is wrong."""
        blocks, key = self.blocks, (task.site, task.period)
        arrays, counted = blocks.key(*key), blocks.counted(*key)
        cost = blocks.cost(*key, task.purpose)
        model = None if number else self._models.get(arrays)
        if model is None:
            model = self._make(task, shape, options)
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
        if not number and task.block in self._bases:
            model.setBasis(self._bases[task.block])
        wrong = attempt(model, AGAIN_S if number else SECONDS)
        if wrong:
            self._models.pop(arrays, None)
            return None, f"HiGHS {wrong}"
        if model.getModelStatus() != OPTIMAL:
            return None, f"HiGHS ended as {model.getModelStatus()}"
        answer = model.getSolution()
        values, prices = np.array(answer.col_value), np.array(answer.row_dual)
        off = _violation(shape, values, upper, row_lower, row_upper)
        if off > FEASIBLE:
            return None, f"a row or bound is off by {off:.1e}"
        wrong = ""
        if task.keep_dispatch and off * scale > KEPT_MW:
            # A dispatch that is kept is a result: its rows must hold in MW, not only relatively.
            wrong = f"a row or bound of the dispatch is off by {off * scale:.1e} MW"
        self._bases[task.block] = model.getBasis()
        if number:
            model.setOptionValue("presolve", "choose")
            model.setOptionValue("solver", "simplex")
        self._models[arrays] = model
        if not np.isfinite(prices).all():
            prices = np.zeros(rows)  # any prices give a valid cut; these of a degenerate dual none
        if task.co2_price is not None and shape.co2_row >= 0:
            prices[shape.co2_row] = -task.co2_price
        return outcome(task, shape, cost, counted, values * scale, prices), wrong

    def _missing(self, task: Task, shape: Shape, found: Outcome) -> float:
        """By how much the cut's value stays below the cost, beyond what tolerances explain."""
        said = float(found.cut @ task.x)
        if task.co2_price is not None and shape.co2_row >= 0:
            # The price stands for the quota: its term in the cut is not part of this value.
            said += task.co2_price * float((shape.rhs[shape.co2_row] @ task.x)[0])
        cost = self.blocks.cost(task.site, task.period, task.purpose)
        dearest = float(cost[shape.groups["unserved"]].max(initial=0.0))
        scale = max(float(task.x.max(initial=0.0)), 1e-9)
        near = NEAR * abs(found.priced) + self.tolerance * dearest * scale * len(shape.hours)
        return found.priced - said - near


def _violation(
    shape: Shape, values: np.ndarray, upper: np.ndarray, row_lower: np.ndarray,
    row_upper: np.ndarray,
) -> float:  # fmt: skip
    """Largest violation of a row or bound of the block scaled to links of at most 1."""
    if not np.isfinite(values).all():
        return np.inf
    rows = shape.matrix @ values
    off = max(
        float((row_lower - rows).max(initial=0.0)), float((rows - row_upper).max(initial=0.0))
    )
    return max(off, float((-values).max(initial=0.0)), float((values - upper).max(initial=0.0)))
