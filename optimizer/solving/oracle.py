"""Evaluates operating blocks with HiGHS: persistent models, warm dual simplex.

Blocks of one site with the same hours share one HiGHS model; each block keeps the basis of
its last solve. Blocks are evaluated side by side by threads (HiGHS releases the interpreter).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import highspy
import numpy as np

from optimizer.model.blocks import make_shape
from optimizer.model.blocks.assembly import Shape
from optimizer.preparing.case import Case
from optimizer.solving.highs import INFINITY, OPTIMAL, make_model


@dataclass(frozen=True, eq=False)
class Task:
    """Evaluate the block of a site in a period at the links x, with a CO2 price [k$/t].

    With ``co2_price`` None the quota in x holds; with a price the quota row is free and its
    emissions are priced.
    """

    site: str
    period: int
    x: np.ndarray
    co2_price: float | None = None
    keep_dispatch: bool = False


@dataclass(frozen=True, eq=False)
class Outcome:
    """A block's answer, for one pass.

    Parameters
    ----------
    cost : running cost without the CO2 price of the task [k$]
    priced : cost plus CO2 price x counted emissions [k$]
    co2 : counted emissions [t]
    unserved : unserved energy [MWh]
    cut : coefficients over the links of a valid lower bound of the block's cost [k$]
    prices : row prices from which the cut is made, usable for other blocks
    dispatch : value of each column, if it was asked for [MW, MWh]
    """

    task: Task
    cost: float
    priced: float
    co2: float
    unserved: float
    cut: np.ndarray
    prices: np.ndarray
    dispatch: np.ndarray | None = None


class BlockOracle:
    """All blocks of a case."""

    def __init__(self, case: Case, threads: int = 2, tolerance: float = 1e-7) -> None:
        self.case = case
        self.tolerance = tolerance
        self.shapes: dict[tuple[str, str], Shape] = {}
        self._models: dict[tuple[str, str], highspy.Highs] = {}
        self._loaded: dict[tuple[str, str], int] = {}
        self._unserved_factor = 1.0
        self._costs: dict[tuple[str, int], np.ndarray] = {}
        self._bases: dict[tuple[str, int], highspy.HighsBasis] = {}
        self._threads = ThreadPoolExecutor(max_workers=max(1, threads))
        self.hours_keys = [f"{p.hours[0]}+{len(p.hours)}" for p in case.periods]
        for site in case.sites.values():
            for period in case.periods:
                key = (site.site, self.hours_keys[period.index])
                if key not in self.shapes:
                    self.shapes[key] = make_shape(case, site, period.hours)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def tolerate(self, tolerance: float) -> None:
        """Change the feasibility tolerances of all models."""
        self.tolerance = tolerance
        for model in self._models.values():
            model.setOptionValue("primal_feasibility_tolerance", tolerance)
            model.setOptionValue("dual_feasibility_tolerance", tolerance)

    def penalise_unserved(self, factor: float) -> None:
        """Price unserved energy at a multiple of its price.

        Where a plan may leave nothing unserved, any price is as good as another for a bound,
        and a high one keeps plans from leaving a little.
        """
        self._unserved_factor = factor
        self._costs.clear()

    def shape(self, site: str, period: int) -> Shape:
        """Arrays of a block."""
        return self.shapes[site, self.hours_keys[period]]

    def same_hours(self, period: int) -> list[int]:
        """Periods with the same hours, the period itself included."""
        return [p for p, key in enumerate(self.hours_keys) if key == self.hours_keys[period]]

    def cost(self, site: str, period: int) -> np.ndarray:
        """Running cost of each column [k$/MWh]."""
        key = (site, period)
        if key not in self._costs:
            shape = self.shape(site, period)
            cost = shape.cost(self.case.periods[period])
            cost[shape.groups["unserved"]] *= self._unserved_factor
            self._costs[key] = cost
        return self._costs[key]

    def cut(self, site: str, period: int, prices: np.ndarray) -> np.ndarray:
        """A valid cut of a block from any row prices."""
        return self.shape(site, period).cut(self.cost(site, period), prices)

    def evaluate(self, tasks: Sequence[Task]) -> list[Outcome]:
        """All tasks, in order; blocks that share a model are evaluated one after the other."""
        by_model: dict[tuple[str, str], list[int]] = {}
        for k, task in enumerate(tasks):
            by_model.setdefault((task.site, self.hours_keys[task.period]), []).append(k)
        # The long ones first, so that no thread ends up alone with them.
        order = sorted(by_model, key=lambda m: -len(self.shapes[m].hours) * len(by_model[m]))
        answers: list[Outcome | None] = [None] * len(tasks)

        def work(numbers: Iterable[int]) -> None:
            for k in numbers:
                answers[k] = self._solve(tasks[k])

        for done in [self._threads.submit(work, by_model[m]) for m in order]:
            done.result()
        return [a for a in answers if a is not None]

    def _model(self, task: Task) -> highspy.Highs:
        key = (task.site, self.hours_keys[task.period])
        if key not in self._models:
            shape = self.shapes[key]
            rows, columns = shape.matrix.shape
            lower = np.where(shape.equality, 0.0, -INFINITY)
            self._models[key] = make_model(
                self.cost(task.site, task.period), np.zeros(columns), np.zeros(columns),
                shape.matrix, lower, np.zeros(rows),
                solver="simplex", primal_feasibility_tolerance=self.tolerance,
                dual_feasibility_tolerance=self.tolerance,
            )  # fmt: skip
        return self._models[key]

    def _solve(self, task: Task) -> Outcome:
        shape, key = self.shape(task.site, task.period), (task.site, task.period)
        model = self._model(task)
        cost = self.cost(*key)
        counted = shape.co2_onsite
        if self.case.co2_scope == "total":
            counted = counted + shape.co2_grid
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
        if key in self._bases:
            model.setBasis(self._bases[key])
        self._run(model)
        self._bases[key] = model.getBasis()
        answer = model.getSolution()
        values = np.asarray(answer.col_value) * scale
        prices = np.asarray(answer.row_dual).copy()
        if task.co2_price is not None and shape.co2_row >= 0:
            prices[shape.co2_row] = -task.co2_price
        emitted = float(counted @ values)
        true = float(cost @ values)
        return Outcome(
            task=task,
            cost=true,
            priced=true + (task.co2_price or 0.0) * emitted,
            co2=emitted,
            unserved=float(values[shape.groups["unserved"]].sum()),
            cut=shape.cut(cost, prices),
            prices=prices,
            dispatch=values if task.keep_dispatch else None,
        )

    @staticmethod
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
