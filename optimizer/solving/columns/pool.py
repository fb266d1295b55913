"""Cuts shared by all blocks that are alike: same weather, prices, fuels and hours."""

from __future__ import annotations

import numpy as np


class SharedPool:
    """For each kind of block its cuts, as dense rows over the links.

    A cut says: operating cost (only in cost cuts, else 0) >= coefficients · links.
    """

    def __init__(self, widths: list[int]) -> None:
        self._rows = [np.empty((0, w)) for w in widths]
        self._cost = [np.empty(0) for _ in widths]

    def __len__(self) -> int:
        return sum(len(c) for c in self._cost)

    def rows(self, kind: int) -> np.ndarray:
        """Coefficients of a kind's cuts; shape (cuts, links)."""
        return self._rows[kind]

    def costs(self, kind: int) -> np.ndarray:
        """1 for cost cuts, else 0; shape (cuts,)."""
        return self._cost[kind]

    def add(self, kind: int, row: np.ndarray, *, cost: bool = True) -> None:
        """Add a cut [k$, MW or kt for each unit of a link]."""
        # Coefficients that cannot matter would only widen the range of the matrix.
        row = np.where(np.abs(row) < 1e-9 * max(1.0, float(np.abs(row).max())), 0.0, row)
        self._rows[kind] = np.vstack([self._rows[kind], row])
        self._cost[kind] = np.append(self._cost[kind], float(cost))

    def cost_at(self, kind: int, points: np.ndarray) -> np.ndarray:
        """Operating cost at points by the highest cost cut [k$]; shape (points,)."""
        rows = self._rows[kind][self._cost[kind] > 0]
        if not len(rows):
            return np.full(len(points), -np.inf)
        return np.asarray(np.einsum("nk,ck->nc", points, rows).max(axis=1))

    def short_at(self, kind: int, points: np.ndarray) -> np.ndarray:
        """What is missing at points by the other cuts [MW, kt]; shape (points,)."""
        rows = self._rows[kind][self._cost[kind] == 0]
        if not len(rows):
            return np.zeros(len(points))
        return np.asarray(np.einsum("nk,ck->nc", points, rows).max(axis=1))
