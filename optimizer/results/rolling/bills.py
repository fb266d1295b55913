"""What is billed of a block's hours together: peaks, minimum demand, dearer tiers.

A billed quantity is a column that no hour owns. Its rows are of two kinds. A *level* lies above
the same flow in each of some hours, such as all that comes in through the meter in a month: the
operator holds to it, and what it costs to go above it is known at any time. The others hold sums
over hours, or billed quantities alone; what they say of an hour is priced while the year runs.
Afterwards all of them are billed exactly, by the least that the rows allow.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import scipy.sparse as sp

from optimizer.results.rolling.block import TOLERANCE, Ahead, Block, unsolved
from optimizer.solving.highs import INFINITY, OPTIMAL, make_model

NEXT_MW = 1.0
"""The price of going above a level is that of this much more [MW]."""
LEAST_WORTH = 1e-5
"""What a MW more is worth when it is asked how many cost nothing [k$/MW]."""
NONE = -1


class Bills:
    """The billed quantities of a block, and how high their levels are by now.

    Levels begin at the highest flow of the year's own dispatch, to which the operator holds.
    """

    def __init__(self, block: Block, ahead: Ahead) -> None:
        self.block = block
        matrix = block.matrix[block.billing]
        rhs, equality = block.rhs[block.billing], block.shape.equality[block.billing]
        self._find_levels(matrix, rhs, equality)
        rest = np.setdiff1d(np.arange(len(rhs)), self.row)
        self.sums = block.billing[rest]
        """Rows of the block that are not of a level."""
        self.matrix, self.rhs, self.equality = matrix[rest], rhs[rest], equality[rest]
        own = matrix[np.concatenate([self.first, rest])][:, block.billed]
        self.upper = block.upper[block.billed]
        self.most = np.asarray(-own[: self.count].minimum(0) @ self.upper)
        """The highest that each level can be [MW]."""
        # A last column for each level raises it, to see how far it may be raised for nothing.
        raised = sp.eye(self.count + len(rest), self.count, format="csr")
        cost = block.priced(ahead, block.quotas)[block.billed]
        none, closed = np.zeros(len(self.first) + len(rest)), np.zeros(self.count)
        self.model = make_model(
            np.concatenate([cost, closed]), np.zeros(len(cost) + self.count),
            np.concatenate([self.upper, closed]), sp.hstack([own, raised]), none, none,
            solver="simplex", primal_feasibility_tolerance=TOLERANCE,
            dual_feasibility_tolerance=TOLERANCE,
        )  # fmt: skip
        self.every = np.arange(len(none), dtype=np.int32)
        planned = ahead.values[block.columns]
        self.amounts = self._amounts(planned)
        self.reached = self._highest(planned)
        self._known: dict[int, tuple[float, float]] = {}

    def _find_levels(self, matrix: sp.csr_matrix, rhs: np.ndarray, equality: np.ndarray) -> None:
        """Sort the rows of single hours by the level that is above their flow."""
        block = self.block
        hour, group = (np.full(matrix.shape[1], NONE) for _ in range(2))
        hour[block.columns] = np.arange(block.count)
        group[block.columns] = np.arange(len(block.columns))[:, None]
        kinds: dict[bytes, int] = {}
        levels: dict[tuple[object, ...], int] = {}
        flows: list[np.ndarray] = []
        first: list[int] = []
        kind_of: list[int] = []
        found: list[tuple[int, int, int]] = []
        for row, (begin, end) in enumerate(pairwise(matrix.indptr)):
            columns, values = matrix.indices[begin:end], matrix.data[begin:end]
            hourly = hour[columns] >= 0
            at = np.unique(hour[columns[hourly]])
            if len(at) != 1 or equality[row]:
                continue
            flow = np.zeros(len(block.columns))
            flow[group[columns[hourly]]] = values[hourly]
            kind = kinds.setdefault(flow.tobytes(), len(flows))
            if kind == len(flows):
                flows.append(flow)
            own = (kind, columns[~hourly].tobytes(), values[~hourly].tobytes())
            level = levels.setdefault(own, len(first))
            if level == len(first):
                first.append(row)
                kind_of.append(kind)
            found.append((row, int(at[0]), level))
        self.flows = np.array(flows).reshape(-1, len(block.columns))
        """Each kind of flow, by group of columns."""
        self.kind = np.array(kind_of, dtype=int)
        """The flow that each level is above."""
        self.first = np.array(first, dtype=int)
        self.row, self.hour, self.level = np.array(found, dtype=int).reshape(-1, 3).T
        self.beyond = rhs[self.row]
        """By how much a flow may be above its level."""
        self.count = len(first)
        order = np.argsort(self.hour, kind="stable")
        bounds = np.searchsorted(self.hour[order], np.arange(block.count + 1))
        self.of_hour = [order[a:b] for a, b in pairwise(bounds)]
        """Entries of ``hour``, ``level`` and ``beyond`` of each hour."""

    # -- the bill -----------------------------------------------------------------------------

    def _amounts(self, done: np.ndarray) -> np.ndarray:
        """What the hours leave of the right-hand sides of the sums; ``done`` by (group, hour)."""
        hours = np.zeros(self.matrix.shape[1])
        hours[self.block.columns] = done
        return np.asarray(self.rhs - self.matrix @ hours)

    def _highest(self, done: np.ndarray) -> np.ndarray:
        """The least that each level may be [MW]."""
        found = np.zeros(self.count)
        flow = (self.flows @ done)[self.kind[self.level], self.hour]
        np.maximum.at(found, self.level, flow - self.beyond)
        return found

    def _least(self, levels: np.ndarray, amounts: np.ndarray) -> float:
        """The bill at these levels [k$]."""
        upper = np.concatenate([-np.minimum(levels, self.most), amounts])
        lower = np.full(len(upper), -INFINITY)
        lower[self.count :][self.equality] = amounts[self.equality]
        self.model.changeRowsBounds(len(upper), self.every, lower, upper)
        self.model.run()
        if self.model.getModelStatus() != OPTIMAL:
            self.model.clearSolver()
            self.model.run()
        if self.model.getModelStatus() != OPTIMAL:
            raise unsolved(self.block.site, self.block.period)
        return float(self.model.getObjectiveValue())

    def bill(self, done: np.ndarray) -> float:
        """What is billed of all hours [k$]; ``done`` by (group, hour)."""
        if not len(self.block.billed):
            return 0.0
        return self._least(self._highest(done), self._amounts(done))

    # -- holding to the levels ----------------------------------------------------------------

    def slots(self, first: Iterable[int], hours: int) -> np.ndarray:
        """The kind of flow of each level that some hours in a row may meet, at most.

        Parameters
        ----------
        first : where such hours begin
        hours : how many they are
        """
        most = np.zeros(len(self.flows), dtype=int)
        for begin in first if self.count else ():
            levels = self._levels(np.arange(begin, begin + hours) % self.block.count)
            np.maximum(most, np.bincount(self.kind[levels], minlength=len(most)), out=most)
        return np.repeat(np.arange(len(most)), most)

    def _levels(self, hours: np.ndarray) -> np.ndarray:
        return np.unique(self.level[np.concatenate([self.of_hour[t] for t in hours])])

    def limits(self, slots: np.ndarray, hours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The most that flows may be without a dearer bill, and what each MW above it costs.

        Returns
        -------
        limits : infinite where nothing is billed; shape (slots, hours) [MW]
        prices : shape (slots,) [k$/MW], once for all hours of a slot
        """
        limits, prices = np.full((len(slots), len(hours)), INFINITY), np.zeros(len(slots))
        if not self.count:
            return limits, prices
        slot_of = {}
        for kind in range(len(self.flows)):
            free = iter(np.flatnonzero(slots == kind))
            for level in self._levels(hours):
                if self.kind[level] == kind:
                    slot_of[level] = next(free)
        for level, slot in slot_of.items():
            prices[slot] = self._held(int(level))[1]
        for k, t in enumerate(hours):
            for entry in self.of_hour[t]:
                level = self.level[entry]
                limits[slot_of[level], k] = self._held(int(level))[0] + self.beyond[entry]
        return limits, prices

    def _held(self, level: int) -> tuple[float, float]:
        """Up to where a level costs nothing more [MW], and what the next MW costs [k$/MW]."""
        if level not in self._known:
            room = max(float(self.most[level] - self.reached[level]), 0.0)
            column = len(self.upper) + level
            self.model.changeColBounds(column, 0.0, room)
            self.model.changeColCost(column, -LEAST_WORTH)
            self._least(self.reached, self.amounts)
            free = float(self.model.getSolution().col_value[column])
            self.model.changeColCost(column, 0.0)
            self.model.changeColBounds(column, 0.0, 0.0)
            levels, step, price = self.reached.copy(), min(NEXT_MW, room - free), 0.0
            if step > TOLERANCE:
                levels[level] += free
                before = self._least(levels, self.amounts)
                levels[level] += step
                price = max(self._least(levels, self.amounts) - before, 0.0) / step
            self._known[level] = (float(self.reached[level]) + free, price)
        return self._known[level]

    def take(self, hour: int, now: np.ndarray) -> None:
        """Note what flowed in an hour; ``now`` by group."""
        for entry in self.of_hour[hour]:
            level = int(self.level[entry])
            mw = float(self.flows[self.kind[level]] @ now) - self.beyond[entry]
            if mw > self.reached[level] + TOLERANCE:
                # Within what costs nothing no price rises, so that all may be kept.
                if mw > self._held(level)[0] + TOLERANCE:
                    self._known.clear()
                self.reached[level] = mw
