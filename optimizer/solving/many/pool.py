"""Cuts shared by all blocks that are alike: same weather, prices, fuels and hours."""

from __future__ import annotations

from collections import deque

import numpy as np

from optimizer.solving import trouble

MANY, POINTS, NEW = 160, 80, 60
"""Cuts of a kind from which those are dropped that are highest at none of the last points,
how many points that are, and how many of the newest cuts stay in any case."""


class SharedPool:
    """For each kind of block its cuts, as dense rows over the links.

    A cut says: operating cost (only in cost cuts, else 0) >= coefficients · links. The first
    cut of a kind stays: it bounds the operating cost from below.
    """

    def __init__(self, widths: list[int]) -> None:
        self._rows = [np.empty((0, w)) for w in widths]
        self._cost = [np.empty(0) for _ in widths]
        self._points: list[deque[np.ndarray]] = [deque(maxlen=POINTS) for _ in widths]

    def __len__(self) -> int:
        return sum(len(c) for c in self._cost)

    def rows(self, kind: int) -> np.ndarray:
        """Coefficients of a kind's cuts; shape (cuts, links)."""
        return self._rows[kind]

    def costs(self, kind: int) -> np.ndarray:
        """1 for cost cuts, else 0; shape (cuts,)."""
        return self._cost[kind]

    def add(self, kind: int, row: np.ndarray, *, cost: bool = True) -> None:
        """Add a cut [k$, MW or kt for each unit of a link], unless it is not finite."""
        if not np.isfinite(row).all():
            trouble.tell("cut", "a cut without finite coefficients was dropped")
            return
        # Coefficients that cannot matter would only widen the range of the matrix.
        row = np.where(np.abs(row) < 1e-9 * max(1.0, float(np.abs(row).max())), 0.0, row)
        self._rows[kind] = np.vstack([self._rows[kind], row])
        self._cost[kind] = np.append(self._cost[kind], float(cost))

    def visit(self, kind: int, point: np.ndarray) -> None:
        """Remember a point that was asked, by which cuts are judged."""
        self._points[kind].append(point)

    def said(self, kind: int, point: np.ndarray) -> tuple[float, float]:
        """Operating cost and what is missing at a point, by the highest cuts [k$, MW or kt]."""
        values = np.einsum("ck,k->c", self._rows[kind], point)
        cost = self._cost[kind] > 0
        paid = float(values[cost].max(initial=-np.inf))
        return paid, float(values[~cost].max(initial=0.0))

    def age(self, needed: dict[int, set[int]]) -> bool:
        """Drop cuts that others exceed at all points asked lately; returns whether any was.

        ``needed`` are numbers of cuts by kind that stay, with which a bound was proven; they are
        changed to what they are called then.
        """
        dropped = False
        for kind, rows in enumerate(self._rows):
            if len(rows) <= MANY or not self._points[kind]:
                continue
            values = np.einsum("nk,ck->nc", np.array(self._points[kind]), rows)
            keep = np.zeros(len(rows), dtype=bool)
            keep[0] = True
            keep[-NEW:] = True
            keep[sorted(needed.get(kind, ()))] = True
            cost = self._cost[kind] > 0
            for some in (cost, ~cost):
                if some.any():
                    best = values[:, some].max(axis=1, keepdims=True)
                    tight = values >= best - 1e-6 * (1 + np.abs(best))
                    keep |= some & tight.any(axis=0)
            dropped |= not keep.all()
            number = np.cumsum(keep) - 1
            needed[kind] = {int(number[k]) for k in needed.get(kind, ())}
            self._rows[kind], self._cost[kind] = rows[keep], self._cost[kind][keep]
        return dropped
