"""Billed demand of a block: the least cost of a month's peak with what it saves.

A demand charge bills the highest use of the connection in some hours of a month. With the peaks
given, a block is a plain one whose connection is capped; its cost with the charge is convex in the
peaks, and what one more MW of import would save says where the best ones lie. Months hardly meet (only by what
a store carries over), so that all are searched side by side, each by the point at which the
lines of a peak too low and one too high meet. What an hour's import is worth at these two, mixed
so that the hours of a peak together bear its charge, makes prices that prove the answer.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse as sp

from optimizer.model.blocks.assembly import Shape
from optimizer.solving.oracles.connection import Connection

FIRST_STEP, STEP_GROWTH = 2e-3, 6.0
"""Steps away from the level known before, as a share of the highest."""


@dataclass(frozen=True, eq=False)
class Peak:
    """A column of billed demand with its rows.

    Parameters
    ----------
    column : of billed demand
    rows : all that goes through the connection - billed <= 0, a row for each hour
    hours : position of these hours in the block
    floors : rows -billed <= -(a floor)
    """

    column: int
    rows: np.ndarray
    hours: np.ndarray
    floors: np.ndarray


def find(
    shape: Shape, known: Collection[str], connection: Connection | None
) -> tuple[Peak, ...] | None:
    """The peaks of a block; None if it has rows of another kind than these and those known."""
    unknown = [part for name, part in shape.rows.items() if name not in known]
    if not unknown:
        return ()
    rows = np.concatenate([np.arange(part.start, part.stop) for part in unknown])
    if connection is None or shape.equality[rows].any():
        return None
    matrix = sp.csr_matrix(shape.matrix[rows])
    entries = matrix.tocoo()
    at_hour = np.full(shape.matrix.shape[1], -1)
    for part in connection.parts:
        at_hour[part] = np.arange(part.stop - part.start)
    is_metered = at_hour[entries.col] >= 0
    if not (entries.data == np.where(is_metered, 1.0, -1.0)).all():
        return None
    metered = np.bincount(entries.row[is_metered], minlength=len(rows))
    billed = np.bincount(entries.row[~is_metered], minlength=len(rows))
    if not np.isin(metered, (0, len(connection.parts))).all():
        return None
    if not (billed == 1).all() or shape.rhs[rows[metered > 0]].nnz:
        return None
    column = np.empty(len(rows), dtype=int)
    column[entries.row[~is_metered]] = entries.col[~is_metered]
    hour = np.full(len(rows), -1)
    hour[entries.row[is_metered]] = at_hour[entries.col[is_metered]]
    if not (hour[entries.row[is_metered]] == at_hour[entries.col[is_metered]]).all():
        return None
    made = []
    for billing in np.unique(column):
        mine, floors = (column == billing) & (hour >= 0), (column == billing) & (hour < 0)
        if not mine.any():
            return None
        made.append(Peak(int(billing), rows[mine], hour[mine], rows[floors]))
    return tuple(made)


def zones(peaks: tuple[Peak, ...], hours: int) -> np.ndarray:
    """The zone of each hour: peaks whose hours overlap in time share one, borders lie between."""
    spans = sorted((int(p.hours.min()), int(p.hours.max())) for p in peaks)
    merged: list[tuple[int, int]] = []
    for first, last in spans:
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    borders = [(a[1] + b[0] + 1) // 2 for a, b in pairwise(merged)]
    return np.searchsorted(np.array(borders, dtype=int), np.arange(hours), side="right")


@dataclass(frozen=True, eq=False)
class Side:
    """A level tried.

    Parameters
    ----------
    level : of the peak
    cost : of its zone, with the charge
    slope : what one more MW adds to that
    worth : what a MWh more of import would save in each hour of the peak
    """

    level: float
    cost: float
    slope: float
    worth: np.ndarray


class Search:
    """Finds the level of one peak at which a MW more saves just what it is billed."""

    def __init__(self, lower: float, upper: float, level: float) -> None:
        self.lower, self.upper = min(lower, upper), upper
        self.level = min(max(level, self.lower), upper)
        self.step = FIRST_STEP * max(upper, 1e-9)
        self.low: Side | None = None
        self.high: Side | None = None
        self.done = False

    def take(self, side: Side, near: float) -> None:
        """Use what was found at ``level`` and choose the next one, or end."""
        if side.slope < 0.0:
            self.low = side
        else:
            self.high = side
        if self.low is not None and self.high is not None:
            self._between(self.low, self.high, near)
        elif self.low is None:
            self.done = self.level <= self.lower or side.slope == 0.0
            self.level = self.level if self.done else max(self.lower, self.level - self.step)
        else:
            self.done = self.level >= self.upper
            self.level = min(self.upper, self.level + self.step)
        self.step *= STEP_GROWTH

    def _between(self, low: Side, high: Side, near: float) -> None:
        """Next is where the two lines meet: nothing between the two levels costs less."""
        width, spread = high.level - low.level, high.slope - low.slope
        at = (low.cost - high.cost + high.slope * high.level - low.slope * low.level) / spread
        inside = low.level <= at <= high.level
        meet = low.cost + low.slope * (at - low.level)
        left = min(low.cost, high.cost) - meet if inside else np.inf
        self.done = min(left, min(-low.slope, high.slope) * width) <= near
        if self.done:
            self.level = low.level if low.cost < high.cost else high.level
        elif inside:
            edge = 1e-3 * width
            self.level = min(max(at, low.level + edge), high.level - edge)
        else:
            self.level = 0.5 * (low.level + high.level)

    def share(self) -> np.ndarray | None:
        """What each hour of the peak bears of the charge; None if its import is free to grow."""
        if self.high is None:
            return None
        if self.low is None:
            return self.high.worth
        part = self.high.slope / (self.high.slope - self.low.slope)
        return part * self.low.worth + (1.0 - part) * self.high.worth
