"""Some hours in a row of a block, and what stored energy is worth when they end."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from optimizer.results.rolling.block import TOLERANCE, Block, unsolved
from optimizer.solving.highs import INFINITY, OPTIMAL, make_model

SPREAD = 1.0
"""Stored energy below what is planned is worth its shadow price times one more than this; above it,
the price over the same."""
LEAST = 1e-5
"""Worth of stored energy where its shadow price is none [k$/MWh]: full is better than empty."""


def worth(price: np.ndarray, most: float) -> tuple[np.ndarray, np.ndarray]:
    """What a MWh stored is worth below and above what is wanted [k$/MWh].

    Around its shadow price, and never so much that load would be shed to store it.
    """
    gap = SPREAD * np.abs(price)
    below, above = price + gap, price - gap / (1 + SPREAD)
    below = np.minimum(below, np.maximum(price, most / 2))
    useful = price >= 0
    return (
        np.where(useful, np.maximum(below, 2 * LEAST), below),
        np.where(useful, np.maximum(above, LEAST), above),
    )


class Window:
    """A linear program of some hours of a block in a row, kept and moved through the year.

    ``flows`` are those whose highest use is billed, by group of columns; shape (slots, groups).
    A column for each says by how much it is above its limit in any hour.
    """

    def __init__(self, block: Block, hours: int, flows: np.ndarray) -> None:
        self.block, self.hours, slots = block, hours, len(flows)
        groups, rows, stores = len(block.columns), len(block.rows), len(block.stored)
        later = sp.csr_matrix(np.eye(hours, k=-1))
        hourly = sp.kron(block.now, sp.identity(hours)) + sp.kron(block.before, later)
        last = sp.csr_matrix(
            (np.ones(stores), (np.arange(stores), block.stored * hours + hours - 1)),
            shape=(stores, groups * hours),
        )
        ends = sp.hstack([sp.identity(stores), -sp.identity(stores)])
        above = sp.kron(sp.identity(slots), -np.ones((hours, 1)))
        metered = sp.kron(flows, sp.identity(hours))
        matrix = (
            sp.block_array([[hourly, None, None], [last, ends, None], [metered, None, above]])
            if slots
            else sp.block_array([[hourly, None], [last, ends]])
        )
        self.lower = np.zeros(groups * hours + 2 * stores + slots)
        self.free = np.full(2 * stores + slots, INFINITY)
        self.equality = np.repeat(block.equality, hours)
        none = np.zeros((rows + slots) * hours + stores)
        self.model = make_model(
            self.lower, self.lower, self.lower, sp.csc_matrix(matrix), none, none,
            solver="simplex", primal_feasibility_tolerance=TOLERANCE,
            dual_feasibility_tolerance=TOLERANCE,
        )  # fmt: skip
        self.every_column = np.arange(len(self.lower), dtype=np.int32)
        self.every_row = np.arange(len(none), dtype=np.int32)

    def solve(
        self, upper: np.ndarray, rhs: np.ndarray, cost: np.ndarray, state: np.ndarray,
        target: np.ndarray, below: np.ndarray, above: np.ndarray,
        limits: np.ndarray, prices: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Columns (group, hour) and prices of the rows (row group, hour) of the cheapest dispatch.

        Parameters
        ----------
        upper, rhs, cost : of these hours, by (group, hour)
        state : MWh in each storage before the first hour
        target : MWh wanted in each storage after the last hour
        below, above : what each MWh below and above it is worth [k$/MWh]
        limits : of each flow in each hour, by (slot, hour) [MW]
        prices : of the highest that each flow is above its limit [k$/MW]
        """
        block, model, hours = self.block, self.model, self.hours
        right = rhs.copy()
        right[:, 0] -= block.before[:, block.stored] @ state
        row_upper = np.concatenate([right.ravel(), target, limits.ravel()])
        row_lower = row_upper.copy()
        row_lower[: len(self.equality)][~self.equality] = -INFINITY
        row_lower[right.size + len(target) :] = -INFINITY
        columns, rows = len(self.lower), len(row_upper)
        model.changeColsBounds(
            columns, self.every_column, self.lower, np.concatenate([upper.ravel(), self.free])
        )
        model.changeRowsBounds(rows, self.every_row, row_lower, row_upper)
        model.changeColsCost(
            columns, self.every_column, np.concatenate([cost.ravel(), below, -above, prices])
        )
        model.run()
        if model.getModelStatus() != OPTIMAL:
            model.clearSolver()
            model.run()
        if model.getModelStatus() != OPTIMAL:
            raise unsolved(block.site, block.period)
        found = model.getSolution()
        values = np.array(found.col_value)[: upper.size].reshape(-1, hours)
        duals = np.array(found.row_dual)[: right.size].reshape(-1, hours)
        return values, duals
