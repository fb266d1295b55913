"""Planning arrays made smaller once, for all the linear programs that are solved on them again.

A solver's own presolve is lost with every cut that is added and every warm start. Here columns
that are fixed or that an equality tells from others are taken out, x = P y + q, and rows that
bounds imply are dropped. A point, a cut and a dual go from one form to the other exactly.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from optimizer.solving.highs import Solution
from optimizer.solving.planning_arrays import JOINT, PlanningArrays

NEAR = 1e-9
MOST_TERMS, MOST_FILL = 6, 12
"""Terms of an equality from which a column is told, and entries that this may add."""
INFEASIBLE_BY = 1e-7


@dataclass(frozen=True, eq=False)
class Reduced:
    """min cost·y, row_lower <= A y <= row_upper, lower <= y <= upper; x = P y + q.

    Parameters
    ----------
    kept : column of x that each column of y is
    rows : row of the full arrays that each row is
    """

    cost: np.ndarray
    constant: float
    matrix: sp.csr_matrix
    row_lower: np.ndarray
    row_upper: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    kind: np.ndarray
    kept: np.ndarray
    rows: np.ndarray
    full_rows: int
    map: sp.csr_matrix
    shift: np.ndarray

    def expand(self, y: np.ndarray) -> np.ndarray:
        """The point of the full columns."""
        return np.asarray(self.map @ y + self.shift)

    def contract(self, x: np.ndarray) -> np.ndarray:
        """The columns that are kept."""
        return np.asarray(x[self.kept])

    def cuts(self, rows: sp.csr_matrix) -> tuple[sp.csr_matrix, np.ndarray]:
        """Rows >= 0 over the full columns as rows >= the returned sides."""
        return sp.csr_matrix(rows @ self.map), -np.asarray(rows @ self.shift)

    def solution(self, found: Solution) -> Solution:
        """A solver's answer in the full columns and rows."""
        return replace(
            found,
            x=None if found.x is None else self.expand(found.x),
            row_dual=self.dual(found.row_dual) if len(found.row_dual) else found.row_dual,
        )

    def dual(self, row_dual: np.ndarray) -> np.ndarray:
        """Duals of the full rows, 0 for those left out, and of what was added behind them."""
        full = np.zeros(self.full_rows)
        full[self.rows] = row_dual[: len(self.rows)]
        return np.append(full, row_dual[len(self.rows) :])


class _Work:
    """The program as rows of dictionaries while it shrinks."""

    def __init__(self, arrays: PlanningArrays) -> None:
        matrix = arrays.matrix
        self.rows: list[dict[int, float] | None] = [
            dict(
                zip(
                    matrix.indices[matrix.indptr[r] : matrix.indptr[r + 1]].tolist(),
                    matrix.data[matrix.indptr[r] : matrix.indptr[r + 1]].tolist(),
                    strict=True,
                )
            )
            for r in range(matrix.shape[0])
        ]
        self.low, self.high = arrays.row_lower.tolist(), arrays.row_upper.tolist()
        self.lower, self.upper = arrays.lower.tolist(), arrays.upper.tolist()
        self.whole: list[bool] = arrays.integer.tolist()
        # Cuts join columns of links and operating cost to rows that are not here yet.
        self.used: list[set[int]] = [set() for _ in range(arrays.count)]
        for r, row in enumerate(self.rows):
            assert row is not None
            for j in row:
                self.used[j].add(r)
        self.told: list[tuple[int, dict[int, float], float]] = []
        self.gone = [False] * arrays.count
        self.todo = deque(range(len(self.rows)))
        self.waiting = [True] * len(self.rows)
        self.feasible = True

    def touch(self, r: int) -> None:
        if self.rows[r] is not None and not self.waiting[r]:
            self.waiting[r] = True
            self.todo.append(r)

    def drop(self, r: int) -> None:
        row = self.rows[r]
        assert row is not None
        for j in row:
            self.used[j].discard(r)
        self.rows[r] = None

    def fixed(self, j: int) -> bool:
        """Whether the bounds of a column meet."""
        low, high = self.lower[j], self.upper[j]
        return bool(np.isfinite(low) and high - low <= NEAR * (1 + abs(low)))

    def bound(self, j: int, low: float, high: float) -> None:
        """Tighten the bounds of a column; fix it where they meet."""
        if self.whole[j]:
            low, high = np.ceil(low - 1e-6), np.floor(high + 1e-6)
        changed = low > self.lower[j] + NEAR or high < self.upper[j] - NEAR
        self.lower[j], self.upper[j] = max(self.lower[j], low), min(self.upper[j], high)
        if self.lower[j] > self.upper[j] + INFEASIBLE_BY * (1 + abs(self.lower[j])):
            self.feasible = False
        elif self.fixed(j):
            self.tell(j, {}, self.lower[j])
        elif changed:
            for r in self.used[j]:
                self.touch(r)

    def tell(self, j: int, terms: dict[int, float], constant: float) -> None:
        """Put column j = terms + constant into all rows."""
        self.told.append((j, terms, constant))
        self.gone[j] = True
        for r in list(self.used[j]):
            row = self.rows[r]
            assert row is not None
            a = row.pop(j)
            self.low[r] -= a * constant
            self.high[r] -= a * constant
            for k, b in terms.items():
                value = row.get(k, 0.0) + a * b
                if abs(value) <= 1e-13 * max(1.0, abs(a * b)):
                    row.pop(k, None)
                    self.used[k].discard(r)
                else:
                    row[k] = value
                    self.used[k].add(r)
            self.touch(r)
        self.used[j] = set()

    def activity(self, row: dict[int, float]) -> tuple[float, float]:
        """Least and most of a row within the bounds of its columns."""
        least = most = 0.0
        for j, a in row.items():
            low, high = self.lower[j], self.upper[j]
            if a > 0:
                least, most = least + a * low, most + a * high
            else:
                least, most = least + a * high, most + a * low
        return least, most

    def look_at(self, r: int, keep: bool) -> None:
        """Use up a row if it can be."""
        row = self.rows[r]
        if row is None:
            return
        near = INFEASIBLE_BY * (1.0 + (abs(self.low[r]) if np.isfinite(self.low[r]) else 0.0))
        if not row:
            if self.low[r] > near or self.high[r] < -near:
                self.feasible = False
            if not keep:
                self.rows[r] = None
            return
        if keep:
            return
        low, high = self.low[r], self.high[r]
        if len(row) == 1:
            ((j, a),) = row.items()
            self.drop(r)
            ends = sorted((low / a, high / a))
            self.bound(j, ends[0], ends[1])
            return
        if low == high:
            if len(row) <= MOST_TERMS:
                self._tell_one(r, row, low)
            return
        least, most = self.activity(row)
        if _within(least, most, low, high):
            self.drop(r)

    def _tell_one(self, r: int, row: dict[int, float], side: float) -> None:
        """Take out one column of an equality, if one can be."""
        if len(row) == 2:
            (i, a), (k, b) = row.items()
            for j, c, other, d in ((i, a, k, b), (k, b, i, a)):
                if self.whole[j]:
                    step, rest = d / c, side / c
                    if not self.whole[other] or step != round(step) or rest != round(rest):
                        continue
                self.drop(r)
                low, high = self.lower[j], self.upper[j]
                ends = sorted(((side - c * low) / d, (side - c * high) / d))
                self.tell(j, {other: -d / c}, side / c)
                self.bound(other, ends[0], ends[1])
                return
            return
        for j, c in sorted(row.items(), key=lambda jc: len(self.used[jc[0]])):
            if self.whole[j] or (len(self.used[j]) - 1) * (len(row) - 2) > MOST_FILL:
                continue
            others = {k: -b / c for k, b in row.items() if k != j}
            least, most = self.activity(others)
            least, most = least + side / c, most + side / c
            if _within(least, most, self.lower[j], self.upper[j]):
                self.drop(r)
                self.tell(j, others, side / c)
                return


def _within(least: float, most: float, low: float, high: float) -> bool:
    """Whether [least, most] lies in [low, high], infinite ends included."""
    above = low == -np.inf or least >= low - NEAR * (1 + abs(low))
    return bool(above and (high == np.inf or most <= high + NEAR * (1 + abs(high))))


def reduce(arrays: PlanningArrays) -> Reduced | None:
    """The smaller form; None if the bounds already show that there is no point."""
    work = _Work(arrays)
    keep = [owner in JOINT for owner in arrays.row_owner]
    for j in range(arrays.count):
        if work.fixed(j):
            work.tell(j, {}, float(arrays.lower[j]))
    while work.todo and work.feasible:
        r = work.todo.popleft()
        work.waiting[r] = False
        work.look_at(r, keep[r])
    if not work.feasible:
        return None
    kept = np.flatnonzero(~np.array(work.gone, dtype=bool))
    mapping, shift = _mapping(work, kept, arrays.count)
    rows = np.array([r for r, row in enumerate(work.rows) if row is not None], dtype=int)
    place = np.full(arrays.count, -1)
    place[kept] = np.arange(len(kept))
    left = [row for row in work.rows if row is not None]
    matrix = _matrix([{int(place[j]): a for j, a in row.items()} for row in left], len(kept))
    return Reduced(
        cost=np.asarray(mapping.T @ arrays.cost),
        constant=arrays.constant + float(arrays.cost @ shift),
        matrix=matrix,
        row_lower=np.array(work.low)[rows],
        row_upper=np.array(work.high)[rows],
        lower=np.array(work.lower)[kept],
        upper=np.array(work.upper)[kept],
        kind=arrays.kind[kept],
        kept=kept,
        rows=rows,
        full_rows=arrays.matrix.shape[0],
        map=mapping,
        shift=shift,
    )


def _mapping(work: _Work, kept: np.ndarray, count: int) -> tuple[sp.csr_matrix, np.ndarray]:
    """P and q; what was told last is told in columns that are kept."""
    terms: dict[int, dict[int, float]] = {int(j): {k: 1.0} for k, j in enumerate(kept)}
    shift = np.zeros(count)
    for j, told, constant in reversed(work.told):
        mine: dict[int, float] = {}
        value = constant
        for k, b in told.items():
            value += b * shift[k]
            for y, a in terms[k].items():
                mine[y] = mine.get(y, 0.0) + a * b
        terms[j], shift[j] = mine, value
    return _matrix([terms[j] for j in range(count)], len(kept)), shift


def _matrix(rows: list[dict[int, float]], columns: int) -> sp.csr_matrix:
    """Rows of dictionaries as a sparse matrix."""
    ends = np.cumsum([0, *(len(row) for row in rows)])
    index = np.fromiter((j for row in rows for j in row), dtype=np.int64, count=int(ends[-1]))
    value = np.fromiter((a for row in rows for a in row.values()), np.float64, int(ends[-1]))
    return sp.csr_matrix((value, index, ends), shape=(len(rows), columns))
