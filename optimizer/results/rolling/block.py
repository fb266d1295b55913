"""The hours of a site in a period at given capacities, and the dispatch that knows all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from optimizer.errors import MachineError
from optimizer.model import blocks
from optimizer.preparing.calendar import Period
from optimizer.preparing.case import Case, Site
from optimizer.solving.highs import INFINITY, make_model, run_lp

TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Ahead:
    """The dispatch that knows all hours: cost [k$], columns and prices of the rows."""

    cost: float
    values: np.ndarray
    prices: np.ndarray


class Block:
    """The hours of a site in a period at its capacities.

    Columns and rows of each hour are seen as tables of (group, hour). Such a row holds columns of
    its own hour (``now``) and of the hour before (``before``), with the same entries in every
    hour. All other rows couple the year. Those of ``billing`` say what is billed of the hours by
    the columns ``billed``; what targets are short of is in ``missed``. No hour owns these columns. The
    ``quotas`` are priced. ``fixed`` is what the pass costs whatever runs [k$].
    """

    def __init__(
        self, case: Case, site: Site, period: Period, x: np.ndarray, fixed: float = 0.0
    ) -> None:
        self.case, self.site, self.period, self.x = case, site, period, x
        self.fixed = fixed
        self.shape = shape = blocks.make_shape(case, site, period.hours)
        self.count = len(period.hours)
        names = [n for n, part in shape.groups.items() if part.stop - part.start == self.count]
        self.group = {name: k for k, name in enumerate(names)}
        self.columns = np.array([np.r_[shape.groups[n]] for n in names])
        self.matrix = shape.matrix.tocsr()
        self.others = np.setdiff1d(np.arange(shape.matrix.shape[1]), self.columns.ravel())
        self.row, entries = self._rows_of_hours()
        self.rows = np.array([np.r_[shape.rows[n]] for n in self.row])
        asked = np.concatenate([np.r_[part] for part in shape.short])
        self.missed = np.intersect1d(self.others, asked)
        self.billed = np.setdiff1d(self.others, self.missed)
        self.billing, self.quotas = self._coupling()
        self.now, self.before = (np.array([e[k] for e in entries]) for k in range(2))
        self.equality = shape.equality[self.rows[:, 0]]
        self.upper = shape.upper @ x
        self.upper[shape.unbounded] = INFINITY
        self.rhs = shape.rhs @ x
        self.cost = shape.cost(period)
        stores = [a.technology for a in site.assets if a.is_storage]
        self.stored = np.array([self.group[f"soc:{n}"] for n in stores], dtype=int)
        self.store_rows = np.array([self.row[f"soc:{n}"] for n in stores], dtype=int)

    def _rows_of_hours(self) -> tuple[dict[str, int], list[tuple[np.ndarray, np.ndarray]]]:
        """Row groups of each hour, and their entries in the hour itself and in the one before."""
        count, matrix = self.count, self.matrix
        hours = np.arange(count)
        earlier = sp.csr_matrix((np.ones(count), (hours, np.roll(hours, 1))))
        found: dict[str, int] = {}
        entries = []
        for name, part in self.shape.rows.items():
            rows = matrix[part]
            if rows.shape[0] != count or rows[:, self.others].nnz:
                continue
            rows = rows[:, self.columns.ravel()]
            second = rows[[1]].toarray()[0]
            now, before = second[1::count], second[0::count]
            repeated = sp.kron(now[None], sp.identity(count)) + sp.kron(before[None], earlier)
            if abs(rows - repeated).max() == 0:
                found[name] = len(found)
                entries.append((now, before))
        return found, entries

    def _coupling(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows that bill what the hours do, and all others that couple hours.

        A target that may be missed is not billed: what it is short of is a column of ``missed``.
        """
        rows = np.setdiff1d(np.arange(self.shape.matrix.shape[0]), self.rows.ravel())
        matrix = self.matrix[rows]
        bills = matrix[:, self.billed].getnnz(axis=1) > 0
        bills &= matrix[:, self.missed].getnnz(axis=1) == 0
        return rows[bills], rows[~bills]

    def ahead(self) -> Ahead:
        """The cheapest dispatch of all hours at once."""
        lower = np.where(self.shape.equality, self.rhs, -INFINITY)
        model = make_model(
            self.cost, np.zeros(len(self.cost)), self.upper, self.shape.matrix, lower, self.rhs,
            primal_feasibility_tolerance=TOLERANCE, dual_feasibility_tolerance=TOLERANCE,
        )  # fmt: skip
        found = run_lp(model, 600.0)
        if found.x is None:
            raise unsolved(self.site, self.period)
        return Ahead(found.value, found.x, found.row_dual)

    def priced(self, ahead: Ahead, rows: np.ndarray) -> np.ndarray:
        """Cost of each column with some rows at their prices in the dispatch of all hours."""
        return np.asarray(self.cost - self.matrix[rows].T @ ahead.prices[rows])

    def stays(self, ahead: Ahead) -> float:
        """What stays of the year with its quotas priced [k$]: the limits, and what they miss."""
        cost = self.priced(ahead, self.quotas)
        limits = ahead.prices[self.quotas] @ self.rhs[self.quotas]
        return float(limits + cost[self.missed] @ ahead.values[self.missed])


def unsolved(site: Site, period: Period) -> MachineError:
    """What to say of a dispatch that HiGHS cannot find."""
    return MachineError(
        f"HiGHS cannot dispatch {site.site} in {period.name} without foresight. Look for numbers "
        "in that site's rows that are far larger or smaller than others."
    )
