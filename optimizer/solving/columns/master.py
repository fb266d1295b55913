"""The restricted master: which plan each site follows, of those known, under the joint rows."""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np
import scipy.sparse as sp

from optimizer.solving.columns.parts import Joint
from optimizer.solving.highs import INFINITY, make_model, run_lp, run_mip

DEAR = 10.0
"""Cost of backlog beyond what deadlines allow, as a multiple of the dearest delay."""


@dataclass(eq=False)
class Column:
    """A plan of a whole site.

    Parameters
    ----------
    cost : of all but operation [k$]
    operating : operating cost of each period as known so far [k$ a pass]; shape (P,)
    use : terms of the joint rows; shape (rows,)
    whole : whether its integers are whole
    """

    site: str
    x: np.ndarray
    cost: float
    operating: np.ndarray
    use: np.ndarray
    whole: bool
    usable: bool = True
    evaluated: bool = False
    idle: int = 0


@dataclass(frozen=True, eq=False)
class Chosen:
    """Solution of the restricted master: weight of each column, backlog, duals."""

    value: float
    weight: np.ndarray
    backlog: np.ndarray
    prices: np.ndarray
    worth: np.ndarray
    late: float


class RestrictedMaster:
    """A linear (or 0-1) program over known plans; at most one for each site."""

    def __init__(self, joint: Joint, sites: list[str], weights: np.ndarray) -> None:
        self.joint, self.weights = joint, weights
        self.number = {name: k for k, name in enumerate(sites)}
        self.columns: list[Column] = []

    def money(self, column: Column) -> float:
        """Its whole cost [k$]."""
        return column.cost + float(self.weights @ column.operating)

    def lagrangian(self, prices: np.ndarray, sites: float) -> float:
        """Bound at prices of the joint rows, with the sum of all sites' bounds [k$]."""
        joint = self.joint
        sides = np.where(prices > 0, joint.lower, joint.upper)
        used = prices != 0
        value = float(prices[used] @ sides[used])
        reduced = joint.cost - joint.own.T @ prices
        return value + float(np.minimum(reduced, 0.0) @ joint.most) + sites

    def _arrays(self, columns: list[Column]) -> tuple[np.ndarray, sp.csc_matrix, int]:
        joint = self.joint
        late = len(joint.cost)
        dear = DEAR * float(joint.cost.max(initial=1.0))
        # Backlog beyond the deadlines is a column of its own, only to begin with.
        own = sp.hstack([joint.own, joint.own])
        use = sp.csr_matrix(np.array([c.use for c in columns]).reshape(len(columns), joint.rows))
        one = sp.csr_matrix(
            (np.ones(len(columns)),
             ([self.number[c.site] for c in columns], np.arange(len(columns)))),
            shape=(len(self.number), len(columns)),
        )  # fmt: skip
        top = sp.hstack([own, use.T])
        bottom = sp.hstack([sp.csr_matrix((len(self.number), 2 * late)), one])
        cost = np.concatenate(
            [joint.cost, joint.cost + dear, [self.money(c) for c in columns]]
        )
        return cost, sp.vstack([top, bottom]).tocsc(), 2 * late

    def solve(
        self, columns: list[Column], *, whole: bool = False, seconds: float = 60.0,
        gap: float = 1e-4, start: np.ndarray | None = None, seed: int = 0,
        box: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> Chosen | None:  # fmt: skip
        """The best mix of plans, or with ``whole`` one plan a site.

        With a ``box`` of prices rows may be missed at the prices of its sides, which keeps
        the duals inside it.
        """
        joint = self.joint
        cost, matrix, first = self._arrays(columns)
        lower = np.zeros(len(cost))
        upper = np.concatenate([joint.most, np.full(len(joint.most), INFINITY),
                                np.full(len(columns), 1.0 if whole else INFINITY)])  # fmt: skip
        low = np.append(joint.lower, np.full(len(self.number), -INFINITY))
        high = np.append(joint.upper, np.ones(len(self.number)))
        integer = np.zeros(len(cost), dtype=bool)
        integer[first:] = whole
        if box is not None:
            least, most = box
            finite = [np.isfinite(joint.upper), np.isfinite(joint.lower)]
            # More than a row's lower side costs at most its highest price, and so on.
            short, over = np.flatnonzero(finite[1]), np.flatnonzero(finite[0])
            rows = np.concatenate([short, over])
            one = sp.csc_matrix(
                (np.concatenate([np.ones(len(short)), -np.ones(len(over))]),
                 (rows, np.arange(len(rows)))),
                shape=(matrix.shape[0], len(rows)),
            )  # fmt: skip
            matrix = sp.hstack([matrix, one], format="csc")
            cost = np.concatenate([cost, most[short], -least[over]])
            lower = np.append(lower, np.zeros(len(rows)))
            upper = np.append(upper, np.full(len(rows), INFINITY))
        if whole:
            model = make_model(
                cost, lower, upper, matrix, low, high, integer, mip_rel_gap=gap, random_seed=seed
            )
            point = None if start is None else np.concatenate([np.zeros(first), start])
            solved = run_mip(model, integer, seconds, point)
            prices = np.zeros(joint.rows)
            worth = np.zeros(len(self.number))
        else:
            model = make_model(cost, lower, upper, matrix, low, high)
            solved = run_lp(model, seconds)
            prices = solved.row_dual[: joint.rows]
            worth = solved.row_dual[joint.rows :]
        if solved.x is None:
            return None
        half = first // 2
        return Chosen(
            solved.value, solved.x[first : first + len(columns)], solved.x[:half], prices, worth,
            float(solved.x[half:first].sum()),
        )  # fmt: skip


__all__ = ["Chosen", "Column", "RestrictedMaster", "highspy"]
