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

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

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
        self._entries: list[_Part] = []
        self._scattered: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._upper: list[_Part] = []
        self._rhs: list[_Part] = []
        self._equality: list[np.ndarray] = []
        self._bounded: list[np.ndarray] = []
        self._measures: dict[str, list[tuple[np.ndarray, Values]]] = {}
        self.meter: list[tuple[str, np.ndarray]] = []
        """Flows through the connection, by the tariff under which they are taken; "" is any."""

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
        self._upper += self._over_links(part, upper or {})
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
        part = slice(int(at[0]), int(at[-1]) + 1)
        self.row_groups[name] = part
        self._equality.append(np.full(number, equality))
        self._rhs += self._over_links(part, rhs)
        return at

    def _over_links(self, at: slice, by_link: Mapping[str, Values]) -> Iterator[_Part]:
        return (_Part(at.start, at.stop, self.link[name], v) for name, v in by_link.items())

    def add(self, rows: np.ndarray, columns: np.ndarray, values: Values) -> None:
        """Entries of the matrix, elementwise."""
        if len(columns) and (columns[1:] - columns[:-1] == 1).all():
            self._entries.append(_Part(int(columns[0]), int(columns[-1]) + 1, rows, values))
        else:
            rows, values = (np.broadcast_to(each, columns.shape) for each in (rows, values))
            self._scattered.append((rows, columns, values))

    def measure(self, kind: str, columns: np.ndarray, values: Values) -> None:
        """What a MWh of these columns emits or uses: ``co2_onsite``, ``co2_grid``, ``water``."""
        if np.any(np.asarray(values) != 0):
            self._measures.setdefault(kind, []).append((columns, values))

    def quota(self, name: str, kinds: Iterable[str], link: str, link_value: float) -> int:
        """A row: sum over columns of these measures <= link_value x link. Returns its number."""
        row = self.rows(name, {link: link_value}, count=1, equality=False)
        for kind in kinds:
            for columns, values in self._measures.get(kind, []):
                self.add(row, columns, values)
        return int(row[0])

    def close(self, co2_row: int, water_row: int) -> Shape:
        """The arrays."""
        return Shape(
            site=self.site,
            hours=self.hours,
            links=self.links,
            matrix=self._matrix(),
            upper=self._linked(self._upper, self.columns_made),
            rhs=self._linked(self._rhs, self.rows_made),
            equality=np.concatenate(self._equality),
            unbounded=~np.concatenate(self._bounded),
            groups=self.groups,
            rows=self.row_groups,
            co2_onsite=self._measured("co2_onsite"),
            co2_grid=self._measured("co2_grid"),
            water=self._measured("water"),
            co2_row=co2_row,
            water_row=water_row,
            running=tuple(self.running),
        )

    def _measured(self, kind: str) -> np.ndarray:
        """A measure as one value a column."""
        total = np.zeros(self.columns_made)
        for columns, values in self._measures.get(kind, []):
            total[int(columns[0]) : int(columns[-1]) + 1] += values
        return total

    def _matrix(self) -> sp.csc_matrix:
        """A: what is by consecutive columns, and the rest, which scipy sorts."""
        shape = (self.rows_made, self.columns_made)
        made = sp.csc_matrix(_compressed(self._entries, self.columns_made), shape=shape)
        made.eliminate_zeros()
        made.sum_duplicates()
        if self._scattered:
            i, j, v = (np.concatenate(each) for each in zip(*self._scattered, strict=True))
            made = made + sp.coo_matrix((v, (i, j)), shape=shape).tocsc()
        return made

    def _linked(self, parts: list[_Part], count: int) -> sp.csr_matrix:
        """U or B."""
        made = sp.csr_matrix(_compressed(parts, count), shape=(count, len(self.links)))
        made.eliminate_zeros()
        return made


class _Part(NamedTuple):
    """Entries of consecutive columns (or rows), one in each.

    Parameters
    ----------
    first, end : the columns (or rows), without the end
    numbers : of the row (or link) of each, or of all
    values : of each, or of all
    """

    first: int
    end: int
    numbers: np.ndarray | int
    values: Values


def _compressed(parts: Iterable[_Part], count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, numbers and starts of a sparse matrix with ``count`` columns (or rows).

    Between two ends of parts all columns have equally many entries, so that each part is written
    at once to where it stays. Triples for scipy would take twice the memory, and new memory
    costs more time here than all arithmetic.
    """
    # By number, as scipy and HiGHS want the entries of a column.
    parts = sorted(parts, key=lambda part: int(np.ravel(part.numbers)[0]))
    cuts = sorted({0, count, *(p.first for p in parts), *(p.end for p in parts)})
    inside: list[list[_Part]] = [[] for _ in cuts]
    for part in parts:
        for k in range(bisect_left(cuts, part.first), bisect_left(cuts, part.end)):
            inside[k].append(part)
    entries = sum(part.end - part.first for part in parts)
    value, number = np.empty(entries), np.empty(entries, NUMBER)
    start = np.zeros(count + 1, NUMBER)
    entry = 0
    for low, high, stacked in zip(cuts, cuts[1:], inside, strict=False):
        wide = len(stacked)
        end = entry + wide * (high - low)
        start[low + 1 : high + 1] = entry + wide * np.arange(1, high - low + 1)
        for k, (first, _, numbers, values) in enumerate(stacked):
            here, to = slice(low - first, high - first), slice(entry + k, end, wide)
            number[to], value[to] = _of(numbers, here), _of(values, here)
        entry = end
    return value, number, start


def _of(each: np.ndarray | float, part: slice) -> np.ndarray | float:
    """A part of one value each; one value of all is that of any part."""
    return each[part] if isinstance(each, np.ndarray) and each.size > 1 else each
