"""The best plan of one site under prices of the joint rows, and a proven bound of its value."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from optimizer.solving.columns.parts import Part
from optimizer.solving.columns.pool import SharedPool
from optimizer.solving.highs import INFINITY, make_model, run_lp, run_mip
from optimizer.solving.planning_arrays import KINDS

LAZY_ROUNDS = 4
VIOLATED = 1e-6
"""Relative to a block's cost, what a cut may miss while a site is priced."""
SHORT_MW = 1e-4
SECONDS = 20.0


@dataclass(frozen=True, eq=False)
class Priced:
    """A site's plan at prices: ``bound`` <= reduced cost of any plan of it; ``x`` may be None."""

    site: str
    bound: float
    value: float
    x: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Ask:
    """How sites are priced.

    Parameters
    ----------
    whole : kinds of columns that are whole; empty: the continuous relaxation
    slack : k$ by which a plan may miss the best one
    """

    whole: tuple[str, ...] = ()
    slack: float = 0.0
    margin: float = 0.0


class Pricing:
    """Prices the parts of all sites, some side by side.

    Each site keeps the cuts that mattered at its last points.
    """

    def __init__(
        self, parts: dict[str, Part], pool: SharedPool, kinds: dict[str, np.ndarray],
        loads: dict[str, np.ndarray], threads: int, seed: int,
    ) -> None:  # fmt: skip
        self.parts, self.pool, self.kinds, self.loads = parts, pool, kinds, loads
        self.seed = seed
        # The first cut of each kind bounds the operating cost from below.
        self._first = {name: {(p, 0) for p in range(len(kinds[name]))} for name in parts}
        self._active: dict[str, set[tuple[int, int]]] = dict(self._first)
        self._threads = ThreadPoolExecutor(max_workers=max(1, threads))

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def all(self, sites: Sequence[str], prices: np.ndarray, ask: Ask) -> list[Priced]:
        """All these sites at the same prices of the joint rows [k$ a unit]."""
        return list(self._threads.map(lambda name: self.one(name, prices, ask), sites))

    def fitted(
        self, points: Sequence[tuple[str, np.ndarray]], prices: np.ndarray, *, margin: float = 0.0
    ) -> list[Priced]:
        """Plans with their integers and joint terms as given, all else chosen anew."""
        return list(
            self._threads.map(lambda sx: self._fit(sx[0], sx[1], prices, margin), points)
        )

    # -- one site -----------------------------------------------------------------------

    def one(self, site: str, prices: np.ndarray, ask: Ask) -> Priced:
        """One site: its relaxation with the cuts that matter, then whole numbers."""
        part = self.parts[site]
        cost = part.arrays.cost - part.joint.T @ prices
        active, relaxed = self._relax(part, cost, part.arrays.lower, part.arrays.upper, ask.margin)
        if relaxed is None:
            return Priced(site, -INFINITY, INFINITY, None)
        value, x = relaxed
        if not ask.whole or value > -max(ask.slack, 1e-6):
            return Priced(site, value, value, x)
        whole = np.isin(part.arrays.kind, [KINDS.index(k) for k in ask.whole])
        bound, best, found = -INFINITY, INFINITY, None
        for _ in range(2):
            model = self._model(
                part, cost, part.arrays.lower, part.arrays.upper, active, ask.margin, whole,
                mip_rel_gap=1e-5, mip_abs_gap=max(ask.slack, 1e-3), random_seed=self.seed,
            )  # fmt: skip
            solved = run_mip(model, whole, SECONDS)
            bound = max(bound, solved.bound)
            if solved.x is None:
                break
            found, best = solved.x, solved.value
            new = self._violated(part, found, ask.margin) - active
            if not new:
                break
            active |= new
        return Priced(site, max(bound, value), best, found)

    def _fit(self, site: str, x: np.ndarray, prices: np.ndarray, margin: float) -> Priced:
        part = self.parts[site]
        arrays = part.arrays
        lower, upper = arrays.lower.copy(), arrays.upper.copy()
        lower[arrays.integer] = upper[arrays.integer] = np.round(x[arrays.integer])
        placed = [k for k, (name, _) in enumerate(part.names) if name == "place"]
        lower[placed] = upper[placed] = np.clip(x[placed], arrays.lower[placed], upper[placed])
        cost = arrays.cost - part.joint.T @ prices
        _, relaxed = self._relax(part, cost, lower, upper, margin)
        if relaxed is None:
            return Priced(site, -INFINITY, INFINITY, None)
        return Priced(site, relaxed[0], relaxed[0], relaxed[1])

    def _relax(
        self, part: Part, cost: np.ndarray, lower: np.ndarray, upper: np.ndarray, margin: float
    ) -> tuple[set[tuple[int, int]], tuple[float, np.ndarray] | None]:
        """The linear program with the cuts that its optimum needs."""
        active = set(self._active[part.site])
        order = sorted(active)
        model = self._model(part, cost, lower, upper, active, margin)
        first = part.arrays.matrix.shape[0]
        for number in range(LAZY_ROUNDS):
            solved = run_lp(model, 20.0)
            if solved.x is None:
                return active, None
            new = sorted(self._violated(part, solved.x, margin) - active)
            if not new or number == LAZY_ROUNDS - 1:
                break
            rows = self._rows(part, new, margin)
            model.addRows(
                len(new), np.zeros(len(new)), np.full(len(new), INFINITY), rows.nnz,
                rows.indptr[:-1].astype(np.int32), rows.indices.astype(np.int32), rows.data,
            )  # fmt: skip
            order += new
            active |= set(new)
        needed = np.abs(solved.row_dual[first:]) > 1e-9
        kept = {c for c, need in zip(order, needed, strict=False) if need}
        self._active[part.site] = kept | self._first[part.site]
        return active, (solved.value, solved.x)

    def _model(
        self, part: Part, cost: np.ndarray, lower: np.ndarray, upper: np.ndarray,
        cuts: set[tuple[int, int]], margin: float, whole: np.ndarray | None = None,
        **options: object,
    ) -> object:  # fmt: skip
        arrays, chosen = part.arrays, sorted(cuts)
        matrix, low, high = arrays.matrix, arrays.row_lower, arrays.row_upper
        if chosen:
            matrix = sp.vstack([matrix, self._rows(part, chosen, margin)], format="csr")
            low = np.append(low, np.zeros(len(chosen)))
            high = np.append(high, np.full(len(chosen), INFINITY))
        return make_model(cost, lower, upper, matrix, low, high, whole, **options)

    def _rows(
        self, part: Part, cuts: Sequence[tuple[int, int]], margin: float
    ) -> sp.csr_matrix:
        """Cuts (period, number) as rows over the part's columns."""
        kinds, pool = self.kinds[part.site], self.pool
        period = np.array([p for p, _ in cuts])
        rows = np.array([pool.rows(kinds[p])[c] for p, c in cuts])
        costs = np.array([pool.costs(kinds[p])[c] for p, c in cuts])
        if margin:
            rows = np.where(
                (costs == 0)[:, None] & self.loads[part.site][None, :], (1 + margin) * rows, rows
            )
        columns = part.arrays.link[part.site][:, period].T
        i, k = np.nonzero(rows)
        n = np.flatnonzero(costs)
        return sp.csr_matrix(
            (
                np.concatenate([-rows[i, k], np.ones(len(n))]),
                (
                    np.concatenate([i, n]),
                    np.concatenate([columns[i, k], part.arrays.operating[part.site][period[n]]]),
                ),
            ),
            shape=(len(cuts), part.count),
        )

    def _violated(self, part: Part, x: np.ndarray, margin: float) -> set[tuple[int, int]]:
        """For each period the cost cut and the other cut that x violates most."""
        kinds, pool = self.kinds[part.site], self.pool
        at = x[part.arrays.link[part.site]]
        asked = np.where(self.loads[part.site][:, None], (1 + margin) * at, at) if margin else at
        paid = x[part.arrays.operating[part.site]]
        found = set()
        for p, kind in enumerate(kinds):
            rows, costs = pool.rows(kind), pool.costs(kind)
            said = np.einsum("ck,k->c", rows, at[:, p])
            over = np.where(costs > 0, said - paid[p], -np.inf)
            worst = int(np.argmax(over))
            if over[worst] > VIOLATED * (1 + abs(paid[p])):
                found.add((p, worst))
            short = costs == 0
            if short.any():
                said = np.einsum("ck,k->c", rows[short], asked[:, p])
                worst = int(np.argmax(said))
                if said[worst] > SHORT_MW:
                    found.add((p, int(np.flatnonzero(short)[worst])))
        return found
