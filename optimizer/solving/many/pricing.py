"""The best plan of one site under prices of the joint rows, and a proven bound of its value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import highspy
import numpy as np
import scipy.sparse as sp

from optimizer.solving.highs import INFINITY, make_model, run_lp
from optimizer.solving.many.known import Known
from optimizer.solving.many.parts import Part

LAZY_ROUNDS = 25
VIOLATED = 1e-6
"""Relative to a block's cost, what a cut may miss while a site is priced."""
SHORT_MW = 1e-4
SECONDS = 20.0


Rows = tuple[sp.csr_matrix, np.ndarray]
"""Rows over a part's columns, and the least that each of them must have."""


@dataclass(frozen=True, eq=False)
class Priced:
    """A site's plan at prices: ``bound`` <= reduced cost of any plan of it; ``x`` may be None."""

    site: str
    bound: float
    x: np.ndarray | None

    @property
    def value(self) -> float:
        """Reduced cost of ``x``, which is the bound; infinite without one [k$]."""
        return INFINITY if self.x is None else self.bound


class Pricing:
    """Prices the parts of all sites, some side by side.

    Each site keeps the cuts that mattered at its last points.
    """

    def __init__(self, parts: dict[str, Part], known: Known, threads: int) -> None:
        self.parts, self.pool, self.kinds = parts, known.pool, known.kinds
        # The first cut of each kind bounds the operating cost from below.
        self._first = {name: {(p, 0) for p in range(len(known.kinds[name]))} for name in parts}
        self._threads = ThreadPoolExecutor(max_workers=max(1, threads))
        self.forget()

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def forget(self) -> None:
        """Begin again with the first cuts: numbers of the others have changed."""
        self._active: dict[str, set[tuple[int, int]]] = dict(self._first)

    def needed(self) -> dict[int, set[int]]:
        """Numbers of the cuts that mattered when each site was priced last, by kind."""
        found: dict[int, set[int]] = {}
        for site, active in self._active.items():
            for p, number in active:
                found.setdefault(int(self.kinds[site][p]), set()).add(number)
        return found

    def all(self, sites: Sequence[str], prices: np.ndarray) -> list[Priced]:
        """All these sites at the same prices of the joint rows [k$ a unit]."""
        return list(self._threads.map(lambda name: self.one(name, prices), sites))

    def one(self, site: str, prices: np.ndarray) -> Priced:
        """One site: its continuous relaxation with the cuts that matter."""
        part = self.parts[site]
        return Priced(site, *self._relax(part, part.arrays.cost - part.joint.T @ prices))

    def farthest(self, sites: Sequence[str], prices: np.ndarray) -> list[Priced]:
        """What these sites can do best at prices [a unit] if nothing costs anything."""

        def free(site: str) -> Priced:
            part = self.parts[site]
            return Priced(site, *self._relax(part, -(part.joint.T @ prices)))

        return list(self._threads.map(free, sites))

    def forced(
        self, sites: Sequence[str], prices: np.ndarray, rows: Mapping[str, Rows]
    ) -> list[float]:
        """Bounds of the reduced costs of any plans of these sites in which rows hold [k$].

        Infinite if no plan does; -infinite if nothing is known.
        """
        return list(self._threads.map(lambda name: self._forced(name, prices, rows[name]), sites))

    def _forced(self, site: str, prices: np.ndarray, rows: Rows) -> float:
        part = self.parts[site]
        return self._relax(part, part.arrays.cost - part.joint.T @ prices, rows)[0]

    def _relax(
        self, part: Part, cost: np.ndarray, more: Rows | None = None
    ) -> tuple[float, np.ndarray | None]:
        """Bound and point of the linear program with the cuts that its optimum needs."""
        active = set(self._active[part.site])
        order = sorted(active)
        model = self._model(part, cost, order, more)
        form = part.form
        for number in range(LAZY_ROUNDS):
            solved = form.solution(run_lp(model, SECONDS))
            if solved.x is None:
                return (INFINITY if solved.infeasible else -INFINITY), None
            x: np.ndarray = solved.x
            new = sorted(self._violated(part, x) - active)
            if not new or number == LAZY_ROUNDS - 1:
                break
            rows, sides = form.cuts(self._rows(part, new))
            model.addRows(
                len(new), sides, np.full(len(new), INFINITY), rows.nnz,
                rows.indptr[:-1].astype(np.int32), rows.indices.astype(np.int32), rows.data,
            )  # fmt: skip
            order += new
            active |= set(new)
        before = part.arrays.matrix.shape[0] + (0 if more is None else len(more[1]))
        needed = np.abs(solved.row_dual[before:]) > 1e-9
        kept = {c for c, need in zip(order, needed, strict=False) if need}
        self._active[part.site] = kept | self._first[part.site]
        return solved.bound, x

    def _model(
        self, part: Part, cost: np.ndarray, cuts: Sequence[tuple[int, int]], more: Rows | None
    ) -> highspy.Highs:  # fmt: skip
        form = part.form
        rows, sides = form.cuts(self._rows(part, cuts))
        if more is not None:
            wanted, least = form.cuts(more[0])
            rows = sp.vstack([wanted, rows], format="csr")
            sides = np.concatenate([more[1] + least, sides])
        model = make_model(
            form.map.T @ cost, form.lower, form.upper, sp.vstack([form.matrix, rows], format="csr"),
            np.append(form.row_lower, sides),
            np.append(form.row_upper, np.full(len(sides), INFINITY)),
        )  # fmt: skip
        model.changeObjectiveOffset(float(cost @ form.shift))
        return model

    def _rows(self, part: Part, cuts: Sequence[tuple[int, int]]) -> sp.csr_matrix:
        """Cuts (period, number) as rows over the part's columns."""
        kinds, pool = self.kinds[part.site], self.pool
        period = np.array([p for p, _ in cuts])
        rows = np.array([pool.rows(kinds[p])[c] for p, c in cuts])
        costs = np.array([pool.costs(kinds[p])[c] for p, c in cuts])
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

    def _violated(self, part: Part, x: np.ndarray) -> set[tuple[int, int]]:
        """For each period the cost cut and the other cut that x violates most."""
        at = x[part.arrays.link[part.site]]
        paid = x[part.arrays.operating[part.site]]
        found = set()
        for p, kind in enumerate(self.kinds[part.site]):
            said = np.einsum("ck,k->c", self.pool.rows(kind), at[:, p])
            costs = self.pool.costs(kind) > 0
            over = np.where(costs, said - paid[p], -np.inf)
            worst = int(np.argmax(over))
            if over[worst] > VIOLATED * (1 + abs(paid[p])):
                found.add((p, worst))
            short = np.where(costs, -np.inf, said)
            worst = int(np.argmax(short))
            if short[worst] > SHORT_MW:
                found.add((p, worst))
        return found
