"""A pool of cuts of operating blocks, as rows of the planning model.

A cost cut says: operating cost of a block >= coefficients · its links. The others leave the
operating cost out, 0 >= coefficients · its links: an adequacy cut says that no energy need
stay unserved, in MW of load; an emissions cut that the quota of CO2 suffices, in kt. None has
a constant, because blocks are homogeneous.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from optimizer.solving import trouble
from optimizer.solving.planning_arrays import PlanningArrays

SCALE = 10.0
"""Cuts other than of cost are judged as if this many MW or kt were at stake."""


VIOLATED = 1e-6
"""Relative to its scale, what a cut may miss."""


class CutPool:
    """All cuts known so far, as dense rows over the links of their block.

    A cut is a row ``operating - coefficients · links >= 0`` of the planning arrays, the
    operating cost only in cost cuts.
    """

    def __init__(self, arrays: PlanningArrays, loads: np.ndarray) -> None:
        self.count_columns = arrays.count
        self.sites = list(arrays.link)
        periods = len(next(iter(arrays.operating.values())))
        width = max(len(columns) for columns in arrays.link.values())
        # A link that a site does not have points at a column behind the last one.
        self._links = np.full((len(self.sites) * periods, width), arrays.count)
        self._operating = np.zeros(len(self.sites) * periods, dtype=int)
        self._number = {}
        for s, name in enumerate(self.sites):
            for p in range(periods):
                b = s * periods + p
                self._number[name, p] = b
                self._links[b, : len(arrays.link[name])] = arrays.link[name][:, p]
                self._operating[b] = arrays.operating[name][p]
        is_load = np.zeros(arrays.count + 1, dtype=bool)
        is_load[loads] = True
        self._loads = is_load[self._links]
        self._width = width
        self._block = np.empty(0, dtype=int)
        self._coefficients = np.empty((0, width))
        self._costs = np.empty(0)
        self._new: list[tuple[int, np.ndarray, float]] = []

    def __len__(self) -> int:
        self._flush()
        return len(self._block)

    def add(self, site: str, period: int, coefficients: np.ndarray, *, cost: bool = True) -> None:
        """Add a cut of a block [k$, MW or kt for each unit of a link], unless it is not finite."""
        if not np.isfinite(coefficients).all():
            trouble.tell("cut", f"a cut of {site} without finite coefficients was dropped")
            return
        row = np.zeros(self._width)
        row[: len(coefficients)] = coefficients
        # Coefficients that cannot matter would only widen the range of the matrix.
        row[np.abs(row) < 1e-9 * max(1.0, float(np.abs(row).max()))] = 0.0
        self._new.append((self._number[site, period], row, float(cost)))

    def _flush(self) -> None:
        if self._new:
            self._block = np.append(self._block, [b for b, _, _ in self._new])
            self._coefficients = np.vstack([self._coefficients, [row for _, row, _ in self._new]])
            self._costs = np.append(self._costs, [c for _, _, c in self._new])
            self._new = []

    def stored(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Block, coefficients and kind of all cuts."""
        self._flush()
        return self._block, self._coefficients, self._costs

    def restore(self, block: np.ndarray, rows: np.ndarray, costs: np.ndarray) -> None:
        """Take cuts over that were stored of the same case."""
        self._flush()
        self._block = np.append(self._block, block.astype(int))
        self._coefficients = np.vstack([self._coefficients, rows])
        self._costs = np.append(self._costs, costs)

    def since(self, first: int) -> Iterator[tuple[str, int, np.ndarray, bool]]:
        """(site, period, coefficients, whether of cost) of the cuts from this number on."""
        self._flush()
        name = {b: key for key, b in self._number.items()}
        for k in range(first, len(self._block)):
            site, period = name[int(self._block[k])]
            yield site, period, self._coefficients[k], bool(self._costs[k])

    def value(self, site: str, period: int, coefficients: np.ndarray, x: np.ndarray) -> float:
        """What a cut says of the operating cost, or of what is missing, at x [k$, MW, kt]."""
        links = self._links[self._number[site, period], : len(coefficients)]
        return float(coefficients @ x[links])

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return len(self._operating)

    def number(self, site: str, period: int) -> int:
        """Position of a block in arrays over blocks."""
        return self._number[site, period]

    def _rows(self, which: np.ndarray, margin: np.ndarray | None) -> np.ndarray:
        """Coefficients of cuts; those not of cost for loads larger by a margin (one a block)."""
        rows = self._coefficients[which]
        if margin is not None:
            block = self._block[which]
            larger = (self._costs[which] == 0)[:, None] & self._loads[block]
            rows = np.where(larger, (1.0 + margin[block])[:, None] * rows, rows)
        return np.asarray(rows)

    def slack(
        self, x: np.ndarray, which: np.ndarray | None = None, margin: np.ndarray | None = None
    ) -> np.ndarray:
        """Operating cost less each cut's value at x; negative where a cut is violated."""
        self._flush()
        if which is None:
            which = np.arange(len(self._block))
        rows, block, costs = self._rows(which, margin), self._block[which], self._costs[which]
        padded = np.append(x, 0.0)
        said = np.einsum("nk,nk->n", rows, padded[self._links[block]])
        return np.asarray(costs * x[self._operating[block]] - said)

    def scale(self, x: np.ndarray) -> np.ndarray:
        """What each cut's slack is judged by: 1 + |operating cost| at x [k$], or SCALE."""
        self._flush()
        cost = 1.0 + np.abs(x[self._operating[self._block]])
        return np.where(self._costs > 0, cost, SCALE)

    def worst(self, x: np.ndarray, most: int, margin: np.ndarray | None = None) -> np.ndarray:
        """Of each block's cuts of a kind that x violates the worst ``most``."""
        off = self.slack(x, None, margin) / self.scale(x)
        violated = np.flatnonzero(off < -VIOLATED)
        order = violated[np.argsort(off[violated], kind="stable")]
        group = 2 * self._block[order] + (self._costs[order] > 0)
        by_group = np.argsort(group, kind="stable")
        first = np.searchsorted(group[by_group], group[by_group], side="left")
        rank = np.arange(len(by_group)) - first
        return np.sort(order[by_group[rank < most]])

    def active_load(self, x: np.ndarray) -> np.ndarray:
        """Whether each cut's block carries load at x."""
        self._flush()
        carries = (np.append(x, 0.0)[self._links] > 1e-3) & self._loads
        return np.asarray(carries.any(axis=1)[self._block])

    def tight_values(self, x: np.ndarray) -> np.ndarray:
        """x with every operating cost lifted to its highest cut (-inf where there is none)."""
        self._flush()
        lifted = x.copy()
        lifted[self._operating] = 0.0
        said = -self.slack(lifted)
        best = np.full(len(self._operating), -np.inf)
        cost = self._costs > 0
        np.maximum.at(best, self._block[cost], said[cost])
        lifted[self._operating] = best
        return lifted

    def matrix(self, which: np.ndarray, margin: np.ndarray | None = None) -> sp.csr_matrix:
        """The chosen cuts as rows over all columns."""
        self._flush()
        rows = self._rows(which, margin)
        block = self._block[which]
        i, k = np.nonzero(rows)
        n = np.flatnonzero(self._costs[which])
        return sp.csr_matrix(
            (
                np.concatenate([-rows[i, k], np.ones(len(n))]),
                (
                    np.concatenate([i, n]),
                    np.concatenate([self._links[block[i], k], self._operating[block[n]]]),
                ),
            ),
            shape=(len(which), self.count_columns),
        )
