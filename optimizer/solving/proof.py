"""Answers of a solver checked in numpy: its point, its prices, its claim that there is none."""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np
import scipy.sparse as sp

FEASIBLE, NEAR = 1e-5, 1e-6
"""What is still trusted: violation of a row, a bound or the sign of a reduced cost, relative to
its terms (HiGHS's tolerances are absolute, 1e-7), and relative distance of objectives."""
ZERO = 1e-7
"""Prices up to here are 0 to HiGHS, whichever side of a row or bound they speak for [k$ a unit]."""


@dataclass(frozen=True, eq=False)
class Program:
    """min cost·x + offset, row_lower <= A x <= row_upper, lower <= x <= upper."""

    cost: np.ndarray
    offset: float
    lower: np.ndarray
    upper: np.ndarray
    matrix: sp.csc_matrix
    row_lower: np.ndarray
    row_upper: np.ndarray

    @classmethod
    def of(cls, model: highspy.Highs) -> Program:
        """The program that a HiGHS model holds now."""
        lp = model.getLp()
        columns, rows = int(lp.num_col_), int(lp.num_row_)
        matrix = sp.csc_matrix((rows, columns))
        if columns and rows:
            # Entries by columns come as arrays; those of the matrix itself as lists.
            _, start, index, value = model.getColsEntries(
                columns, np.arange(columns, dtype=np.int32)
            )
            ends = np.append(start, len(value))
            matrix = sp.csc_matrix((value, index, ends), shape=(rows, columns))
        return cls(
            np.array(lp.col_cost_), float(lp.offset_), np.array(lp.col_lower_),
            np.array(lp.col_upper_), matrix, np.array(lp.row_lower_), np.array(lp.row_upper_),
        )  # fmt: skip

    def objective(self, x: np.ndarray) -> float:
        """Objective at x."""
        return float(self.cost @ x) + self.offset

    def violation(self, x: np.ndarray) -> float:
        """Largest violation of a row or bound, relative to the terms of it."""
        if len(x) != len(self.cost) or not np.isfinite(x).all():
            return np.inf
        rows = self.matrix @ x
        terms = 1.0 + abs(self.matrix) @ np.abs(x)
        off = np.maximum(self.row_lower - rows, rows - self.row_upper) / terms
        beside = np.maximum(self.lower - x, x - self.upper) / (1.0 + np.abs(x))
        return max(0.0, float(off.max(initial=0.0)), float(beside.max(initial=0.0)))

    def dual_bound(self, row_dual: np.ndarray, x: np.ndarray | None = None) -> float:
        """Lower bound of the objective by weak duality, from any row prices; -inf if none.

        A column without a bound on the side where its reduced cost wants one makes it -inf.
        With x given, prices and reduced costs that are 0 but for tolerances count at x: what
        the bound is for an optimal x, to be compared with its objective.
        """
        if len(row_dual) != len(self.row_lower) or not np.isfinite(row_dual).all():
            return -np.inf
        y = np.where(np.isinf(self.row_lower), np.minimum(row_dual, 0.0), row_dual)
        y = np.where(np.isinf(self.row_upper), np.maximum(y, 0.0), y)
        sides = np.where(y > 0, self.row_lower, self.row_upper)
        reduced = self.cost - self.matrix.T @ y
        at = np.where(reduced > 0, self.lower, self.upper)
        if x is not None:
            # Else 1e-7 k$/MW times what a column may reach would look like a gap near 0.
            sides = np.where(np.abs(y) <= ZERO, self.matrix @ x, sides)
            at = np.where(np.abs(reduced) <= ZERO, x, at)
        used = y != 0
        value = self.offset + float(y[used] @ sides[used])
        free = np.isinf(at) & (reduced != 0)
        if free.any():
            size = 1.0 + np.abs(self.cost) + abs(self.matrix).T @ np.abs(y)
            if x is None or (np.abs(reduced[free]) > FEASIBLE * size[free]).any():
                return -np.inf
            at = np.where(free, x, at)
        moves = reduced != 0
        return value + float(reduced[moves] @ at[moves])

    def is_impossible_by(self, ray: np.ndarray) -> bool:
        """Whether row prices prove that no point exists (Farkas), with either sign."""
        if len(ray) != len(self.row_lower) or not np.isfinite(ray).all() or not ray.any():
            return False
        ray = ray / np.abs(ray).max()
        free = Program(
            np.zeros(len(self.cost)), 0.0, self.lower, self.upper, self.matrix, self.row_lower,
            self.row_upper,
        )  # fmt: skip
        # Without costs every point has the objective 0: a bound above it rules all out.
        terms = max(1.0, float(np.abs(ray).sum()))
        return max(free.dual_bound(ray), free.dual_bound(-ray)) > NEAR * terms


__all__ = ["FEASIBLE", "NEAR", "Program"]
