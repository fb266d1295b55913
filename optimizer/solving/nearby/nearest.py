"""The point of least change from an old plan that meets the present planning rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from optimizer.preparing.case import Case
from optimizer.solving.cuts import CutPool
from optimizer.solving.highs import INFINITY, Solution, make_model, run_lp, run_mip
from optimizer.solving.planning_arrays import DISCRETE, KINDS, PlanningArrays

WEIGHTS = {"open": 10.0, "connected": 4.0, "permit": 2.0, "halls": 1.0, "units": 0.25}
"""What one change through the whole horizon counts: a site, a grid offer, a permit, a hall, a unit."""
SIZES = {"built_mw": 1.0, "built_mwh": 0.25, "firm_mw": 1.0, "flexible_mw": 1.0, "contract_mw": 1.0, "place": 1.0,
         "water_quota": 0.01}  # fmt: skip
"""What a MW, a MWh or 1,000 m3 of water counts when the whole numbers are settled."""
KILO = 1e-3


def grown(arrays: PlanningArrays, x: np.ndarray) -> PlanningArrays:
    """The planning arrays in which sites, permits, grid offers and halls of x stay, or become more."""
    decided = np.isin(arrays.kind, [KINDS.index(k) for k in DISCRETE])
    lower = arrays.lower.copy()
    lower[decided] = np.clip(np.round(x[decided]), lower[decided], arrays.upper[decided])
    return replace(arrays, lower=lower)


class Nearest:
    """Least weighted change from ``old`` under the planning rows and some cuts.

    Parameters
    ----------
    old : the old plan's point, within the bounds of the columns
    """

    def __init__(self, case: Case, arrays: PlanningArrays, pool: CutPool, old: np.ndarray) -> None:
        self.arrays, self.pool, self.old = arrays, pool, old
        months = np.array([p.months for p in case.periods], dtype=float)
        share = months / months.sum()
        self.whole, self.sized = np.zeros(arrays.count), np.zeros(arrays.count)
        for k, variable in enumerate(arrays.variables):
            name, index = variable.parent_component().local_name, variable.index()
            if name not in WEIGHTS and name not in SIZES:
                continue
            last = index[-1] if isinstance(index, tuple) else index
            part = 1.0 if name == "permit" else float(share[last])
            self.whole[k] = part * WEIGHTS.get(name, 0.0)
            self.sized[k] = part * SIZES.get(name, 0.0)

    def distance(self, x: np.ndarray) -> float:
        """Weighted change of the whole decisions; 1 is a hall through the whole horizon."""
        return float(self.whole @ np.abs(np.round(x) - self.old))

    def kept(self, x: np.ndarray) -> PlanningArrays:
        """The planning arrays with the whole decisions of a point."""
        lower, upper = self.arrays.lower.copy(), self.arrays.upper.copy()
        mine = self.arrays.integer
        lower[mine] = upper[mine] = np.clip(np.round(x[mine]), lower[mine], upper[mine])
        return replace(self.arrays, lower=lower, upper=upper)

    def decisions(
        self, cuts: np.ndarray, seconds: float, *, most: float = INFINITY,
        start: np.ndarray | None = None, gap: float = 0.02,
    ) -> Solution:  # fmt: skip
        """Whole decisions of least change, sizes and load free.

        ``most`` limits the cost as the cuts see it [k$].
        """
        return self._solve(self.arrays, self.whole, cuts, seconds, most, start, gap)

    def sizes(self, x: np.ndarray, cuts: np.ndarray, seconds: float) -> Solution:
        """With the whole decisions of x, sizes and load of least change."""
        return self._solve(self.kept(x), self.sized, cuts, seconds, INFINITY, None, 0.0)

    def _solve(
        self, arrays: PlanningArrays, weight: np.ndarray, cuts: np.ndarray, seconds: float,
        most: float, start: np.ndarray | None, gap: float,
    ) -> Solution:  # fmt: skip
        low, high, old = arrays.lower, arrays.upper, self.old
        cost = np.zeros(arrays.count)
        # From a bound a column can go one way only; elsewhere a further column takes the change.
        moves = (weight > 0) & (low < high)
        down, up = moves & (old >= high), moves & (old <= low)
        cost[up] += weight[up]
        cost[down] -= weight[down]
        both = np.flatnonzero(moves & ~down & ~up)
        count, more = arrays.count, len(both)
        pick = sp.csr_matrix((np.ones(more), (np.arange(more), both)), shape=(more, count))
        one = sp.identity(more, format="csr")
        rows = [
            sp.hstack([arrays.matrix, sp.csr_matrix((arrays.matrix.shape[0], more))]),
            sp.hstack([self.pool.matrix(cuts), sp.csr_matrix((len(cuts), more))]),
            sp.hstack([pick, one]),
            sp.hstack([pick, -one]),
        ]
        below = [arrays.row_lower, np.zeros(len(cuts)), old[both], np.full(more, -INFINITY)]
        above = [arrays.row_upper, np.full(len(cuts), INFINITY), np.full(more, INFINITY), old[both]]
        if np.isfinite(most):
            rows.append(sp.csr_matrix(np.append(KILO * arrays.cost, np.zeros(more))))
            below.append(np.array([-INFINITY]))
            above.append(np.array([KILO * (most - arrays.constant)]))
        whole = np.append(arrays.integer & (low < high), np.zeros(more, dtype=bool))
        model = make_model(
            np.append(cost, weight[both]), np.append(low, np.zeros(more)),
            np.append(high, np.full(more, INFINITY)), sp.vstack(rows, format="csr"),
            np.concatenate(below), np.concatenate(above), whole if whole.any() else None,
            mip_rel_gap=gap, mip_abs_gap=1e-6,
        )  # fmt: skip
        if not whole.any():
            found = run_lp(model, seconds)
        else:
            point = None
            if start is not None:
                point = np.append(start, np.abs(start[both] - old[both]))
            found = run_mip(model, whole, seconds, point)
        return found if found.x is None else replace(found, x=found.x[:count])
