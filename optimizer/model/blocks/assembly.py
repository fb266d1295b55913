"""Arrays of one operating block: the hours of one site in one period.

A block is the linear program, for a plan x (the *links*: placed MW, standing MW, …)::

    f(x) = min c·v   with   A v = B x  or  A v <= B x,   0 <= v <= U x

so that the plan enters only by bounds and right-hand sides, all of them linear in x without
a constant. f is convex and positively homogeneous. For **any** row prices y that respect the
sign of the inequality rows, weak duality gives the cut

    f(x) >= [ B'y + U' min(0, c - A'y) ] · x

valid whatever the solver's tolerance, as long as c - A'y >= 0 for the columns without an
upper bound; the only ones are unserved energy, for which y is clipped at its price.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from optimizer.preparing.calendar import Period

Values = np.ndarray | float
Running = Callable[[Period], np.ndarray]
NUMBER = np.int32
"""Of rows and columns, as sparse matrices and HiGHS hold them."""


@dataclass(frozen=True, eq=False)
class Shape:
    """All that blocks of one site with the same hours share.

    Parameters
    ----------
    site : the site
    hours : hours of the reference year
    links : names of the plan's quantities, the order of x
    matrix : A, (rows, columns)
    upper : U, (columns, links)
    rhs : B, (rows, links)
    equality : whether each row is an equality (else <=)
    unbounded : columns without an upper bound
    groups : columns by name, such as ``generation:solar``
    rows : rows by name, such as ``balance`` and ``soc:battery``
    co2_onsite, co2_grid, water : t and m3 for each MWh of a column
    co2_row, water_row : the row of the quota, -1 if there is none
    """

    site: str
    hours: np.ndarray
    links: tuple[str, ...]
    matrix: sp.csc_matrix
    upper: sp.csr_matrix
    rhs: sp.csr_matrix
    equality: np.ndarray
    unbounded: np.ndarray
    groups: dict[str, slice]
    rows: dict[str, slice]
    co2_onsite: np.ndarray
    co2_grid: np.ndarray
    water: np.ndarray
    co2_row: int
    water_row: int
    running: tuple[tuple[slice, Running], ...]

    @property
    def balance(self) -> slice:
        """The rows of the hourly balance."""
        return self.rows["balance"]

    @cached_property
    def short(self) -> tuple[slice, ...]:
        """Columns of what is asked and not there: unserved energy, clean energy owed."""
        return tuple(
            part
            for name, part in self.groups.items()
            if name == "unserved" or name.startswith("unmatched:")
        )

    @cached_property
    def _transposed(self) -> tuple[sp.csr_matrix, sp.csr_matrix, sp.csr_matrix]:
        """A', B' and U', which every cut needs."""
        return self.matrix.T.tocsr(), self.rhs.T.tocsr(), self.upper.T.tocsr()

    def cost(self, period: Period) -> np.ndarray:
        """Running cost of each column in one pass of a period [k$/MWh]."""
        cost = np.zeros(self.matrix.shape[1])
        for columns, running in self.running:
            cost[columns] = running(period)
        return cost

    def cut(self, cost: np.ndarray, prices: np.ndarray) -> np.ndarray:
        """Coefficients over the links of a valid lower bound of f, from any row prices [k$]."""
        y = prices.copy()
        dearest = cost[self.groups["unserved"]]
        np.minimum(y[self.balance], dearest, out=y[self.balance])
        np.minimum(y, 0.0, out=y, where=~self.equality)
        matrix, rhs, upper = self._transposed
        reduced = cost - matrix @ y
        np.minimum(reduced, 0.0, out=reduced)
        return np.asarray(rhs @ y + upper @ reduced)


class Assembly:
    """Collects columns, rows and entries of a block; :meth:`close` makes the arrays."""

    def __init__(self, site: str, hours: np.ndarray, links: tuple[str, ...]) -> None:
        self.site, self.hours, self.links = site, hours, links
        self.link = {name: k for k, name in enumerate(links)}
        self.count = len(hours)
        self.columns_made = self.rows_made = 0
        self.groups: dict[str, slice] = {}
        self.row_groups: dict[str, slice] = {}
        self.running: list[tuple[slice, Running]] = []
        self._entries: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._upper: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._rhs: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._equality: list[np.ndarray] = []
        self._bounded: list[np.ndarray] = []
        self._measures: dict[str, list[tuple[slice, np.ndarray]]] = {}
        self.meter: list[tuple[str, np.ndarray]] = []
        """Flows through the connection, by the tariff under which they are taken; "" is any."""

    def _linked(
        self, at: np.ndarray, by_link: Mapping[str, Values]
    ) -> list[tuple[np.ndarray, ...]]:
        return [
            (at, np.full(len(at), self.link[name], NUMBER),
             np.broadcast_to(np.asarray(v, float), at.shape))
            for name, v in by_link.items()
        ]  # fmt: skip

    def columns(
        self, name: str, upper: Mapping[str, Values] | None, running: Running | None = None, *,
        count: int | None = None,
    ) -> np.ndarray:  # fmt: skip
        """Columns >= 0, one an hour; upper bound as a sum of value x link, None: unbounded."""
        number = self.count if count is None else count
        at = np.arange(self.columns_made, self.columns_made + number, dtype=NUMBER)
        self.columns_made += number
        part = slice(int(at[0]), int(at[-1]) + 1)
        self.groups[name] = part
        self._bounded.append(np.full(number, upper is not None))
        self._upper.extend(self._linked(at, upper or {}))  # type: ignore[arg-type]
        if running is not None:
            self.running.append((part, running))
        return at

    def rows(
        self, name: str, rhs: Mapping[str, Values], *, count: int | None = None,
        equality: bool = True,
    ) -> np.ndarray:  # fmt: skip
        """Rows with a right-hand side that is a sum of value x link."""
        number = self.count if count is None else count
        at = np.arange(self.rows_made, self.rows_made + number, dtype=NUMBER)
        self.rows_made += number
        self.row_groups[name] = slice(int(at[0]), int(at[-1]) + 1)
        self._equality.append(np.full(number, equality))
        self._rhs.extend(self._linked(at, rhs))  # type: ignore[arg-type]
        return at

    def add(self, rows: np.ndarray, columns: np.ndarray, values: Values) -> None:
        """Entries of the matrix, elementwise."""
        rows = np.broadcast_to(rows, columns.shape)
        self._entries.append(
            (rows, columns, np.broadcast_to(np.asarray(values, float), rows.shape))
        )

    def measure(self, kind: str, columns: np.ndarray, values: Values) -> None:
        """What a MWh of these columns emits or uses: ``co2_onsite``, ``co2_grid``, ``water``."""
        if np.any(np.asarray(values) != 0):
            part = slice(int(columns[0]), int(columns[-1]) + 1)
            full = np.broadcast_to(np.asarray(values, float), columns.shape)
            self._measures.setdefault(kind, []).append((part, full))

    def measured(self, kind: str) -> np.ndarray:
        """A measure as one value a column."""
        total = np.zeros(self.columns_made)
        for part, values in self._measures.get(kind, []):
            total[part] += values
        return total

    def quota(self, name: str, per_mwh: np.ndarray, link: str, link_value: float) -> int:
        """A row: sum of per_mwh x column <= link_value x link. Returns its number."""
        row = self.rows(name, {link: link_value}, count=1, equality=False)
        used = np.flatnonzero(per_mwh)
        self.add(row, used, per_mwh[used])
        return int(row[0])

    def close(self, co2_row: int, water_row: int) -> Shape:
        """The arrays."""
        rows, columns, links = self.rows_made, self.columns_made, len(self.links)

        def matrix(parts: list[tuple[np.ndarray, ...]], shape: tuple[int, int]) -> sp.coo_matrix:
            if not parts:
                return sp.coo_matrix(shape)
            i, j = (
                np.concatenate([p[k] for p in parts], dtype=NUMBER, casting="same_kind")
                for k in range(2)
            )
            v = np.concatenate([p[2] for p in parts])
            keep = v != 0
            if not keep.all():
                i, j, v = i[keep], j[keep], v[keep]
            return sp.coo_matrix((v, (i, j)), shape=shape)

        return Shape(
            site=self.site,
            hours=self.hours,
            links=self.links,
            matrix=matrix(self._entries, (rows, columns)).tocsc(),  # type: ignore[arg-type]
            upper=matrix(self._upper, (columns, links)).tocsr(),  # type: ignore[arg-type]
            rhs=matrix(self._rhs, (rows, links)).tocsr(),  # type: ignore[arg-type]
            equality=np.concatenate(self._equality),
            unbounded=~np.concatenate(self._bounded),
            groups=self.groups,
            rows=self.row_groups,
            co2_onsite=self.measured("co2_onsite"),
            co2_grid=self.measured("co2_grid"),
            water=self.measured("water"),
            co2_row=co2_row,
            water_row=water_row,
            running=tuple(self.running),
        )
