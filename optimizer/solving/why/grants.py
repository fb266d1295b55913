"""One more unit of a limit of the input, as a change of the planning arrays.

A limit over several sites, or any that is a row of its own, is found by what the model's part
declares that a plan uses of it. Of the others the sites that they hold for are built again from
the changed input, and the rows that differ are exchanged.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyomo.environ as pyo
import scipy.sparse as sp
from pyomo.repn import generate_standard_repn

from optimizer.model.build import PARTS, build
from optimizer.model.limits import Amounts, Beyond, Limit, apply
from optimizer.preparing.case import prepare
from optimizer.solving.planning_arrays import PlanningArrays, to_arrays
from optimizer.solving.why.again import SHARED, Again

AMOUNTS: tuple[Amounts, ...] = tuple(
    g for part in PARTS for g in part.LIMITS
    if isinstance(g, Amounts) and g.name != "allowed technologies"
)  # fmt: skip
"""Groups of limits of an amount; a technology that is not allowed is not short of anything."""
SHARED_SHEETS = ("supply", "policies")
"""Sheets of limits that all sites share."""
FULL = 1e-6
"""Share of a limit that may be left where it counts as used up."""


@dataclass(frozen=True, eq=False)
class Used:
    """What the plan uses of a limit, where it is closest.

    Parameters
    ----------
    group, limit : as the model's part declares them
    given, used : in the limit's unit
    whole : what one more whole unit (hall, engine, connection) needs of it; 0 if sizes are free
    when : name of what is granted; "" where it is the limit's own value
    sites : sites that it holds for
    """

    group: Amounts
    limit: Limit
    given: float
    used: float
    whole: float
    when: Hashable
    sites: tuple[str, ...]

    @property
    def binds(self) -> bool:
        """Whether no more whole unit, or nothing at all, has room."""
        return self.used > 0 and self.given - self.used < max(
            self.whole - FULL, FULL * max(1.0, abs(self.given))
        )


def binding(again: Again) -> list[Used]:
    """The limits of amount that bind in the plan, one for each thing that can be granted."""
    again.load(again.x)
    found = []
    for group in AMOUNTS:
        for limit in group.limits(again.case):
            closest: dict[Hashable, Used] = {}
            for use in group.used(again.planning.model, again.case, limit):
                made = _used(again, group, limit, use)
                before = None if made is None else closest.get(made.when)
                if made is not None and (
                    before is None or made.given - made.used < before.given - before.used
                ):
                    closest[made.when] = made
            found += [used for used in closest.values() if used.binds]
    # What all sites share comes first.
    return sorted(found, key=lambda used: used.limit.sheet not in SHARED_SHEETS)


def _used(again: Again, group: Amounts, limit: Limit, use: Any) -> Used | None:
    if not pyo.is_potentially_variable(use.used) or float(pyo.value(use.used)) <= FULL:
        return None
    terms = generate_standard_repn(use.used, compute_values=True)
    pairs = list(zip(terms.linear_vars, terms.linear_coefs, strict=True))
    if not pairs:
        return None
    owners = {str(again.owner[k]) for v, _ in pairs if (k := again.column(v)) >= 0} - {SHARED}
    used = float(terms.constant) + sum(float(c) * float(v.value or 0.0) for v, c in pairs)
    whole = min((float(c) * size for v, c in pairs if c > 0 and (size := _size(again, v))),
                default=0.0)  # fmt: skip
    # What is granted later is granted in the last of the months.
    when = use.beyond[-1]
    return Used(group, limit, float(use.given), used, whole, when, tuple(sorted(owners)))


def _size(again: Again, variable: Any) -> float:
    """A whole unit of a variable: 1, or a unit's MW; 0 if any size can be built."""
    if variable.is_integer():
        return 1.0
    if variable.parent_component().local_name == "standing_mw":
        site = again.case.sites[variable.parent_block().index()]
        name = variable.index()[0]
        return next((a.unit_mw for a in site.assets if a.technology == name), 0.0)
    return 0.0


class Grants:
    """Makes planning arrays with more of a limit; keeps what is built once."""

    def __init__(self, again: Again) -> None:
        self.again = again
        self._rows: dict[tuple[Any, ...], list[int]] | None = None
        self._names: dict[str, int] = {}

    def more(self, used: Used, amount: float) -> PlanningArrays | None:
        """The arrays with so much more granted; None if that makes another kind of model."""
        return self._by_rows(used, amount) or self._by_sites(used, {used.when: amount})

    # -- rows that say nothing else --------------------------------------------------------

    def _by_rows(self, used: Used, amount: float) -> PlanningArrays | None:
        again, arrays = self.again, self.again.arrays
        upper = arrays.row_upper.copy()
        for use in used.group.used(again.planning.model, again.case, used.limit):
            if not pyo.is_potentially_variable(use.used):
                continue
            row, factor = self._row_of(use)
            if row is None:
                return None
            if used.when in use.beyond:
                upper[row] = arrays.row_upper[row] + amount * factor
        return replace(arrays, row_upper=upper)

    def _row_of(self, use: Any) -> tuple[int | None, float]:
        """The row *factor x used <= factor x given* and its factor."""
        again, arrays = self.again, self.again.arrays
        terms = generate_standard_repn(use.used, compute_values=True)
        wanted: dict[int, float] = {}
        for v, c in zip(terms.linear_vars, terms.linear_coefs, strict=True):
            if c:
                wanted[again.column(v)] = wanted.get(again.column(v), 0.0) + float(c)
        if not wanted or -1 in wanted:
            return None, 0.0
        first = next(iter(wanted))
        columns = arrays.matrix.tocsc()
        for row in columns.indices[columns.indptr[first] : columns.indptr[first + 1]]:
            if not np.isfinite(arrays.row_upper[row]):
                continue
            part = slice(arrays.matrix.indptr[row], arrays.matrix.indptr[row + 1])
            held = dict(zip(arrays.matrix.indices[part], arrays.matrix.data[part], strict=True))
            if held.keys() != wanted.keys():
                continue
            factor = held[first] / wanted[first]
            given = factor * (use.given - float(terms.constant))
            same = all(abs(held[k] - factor * c) <= 1e-9 * abs(held[k]) for k, c in wanted.items())
            near = abs(arrays.row_upper[row] - given) <= 1e-9 * max(1.0, abs(given))
            if factor > 0 and same and near:
                return int(row), float(factor)
        return None, 0.0

    # -- sites built again -----------------------------------------------------------------

    def _by_sites(self, used: Used, beyond: Beyond) -> PlanningArrays | None:
        again = self.again
        edits = used.group.edits(again.case, used.limit, beyond)
        tables = again.case.inputs.tables
        before, names = self._built(tables, used.sites)
        after, same = self._built(apply(tables, edits), used.sites)
        if names != same or before.matrix.shape != after.matrix.shape:
            return None
        self._names = self._names or {v.name: k for k, v in enumerate(again.arrays.variables)}
        onto = np.array([self._names.get(name, -1) for name in names])
        if (onto < 0).any():
            return None
        return self._exchanged(before, after, onto)

    def _built(self, tables: Any, sites: tuple[str, ...]) -> tuple[PlanningArrays, list[str]]:
        """The planning arrays of a case of these sites alone, and the names of their columns."""
        rows = tables["sites"]
        fewer = {**tables, "sites": rows[rows["site"].isin(sites)]}
        planning = build(prepare(replace(self.again.case.inputs, tables=fewer)))
        arrays = to_arrays(planning)
        # Variables have names only as long as their model is there.
        return arrays, [v.name for v in arrays.variables]

    def _exchanged(
        self, before: PlanningArrays, after: PlanningArrays, onto: np.ndarray
    ) -> PlanningArrays:
        """The whole arrays with rows and bounds of some sites as they are after a change."""
        arrays = self.again.arrays
        lower, upper = arrays.lower.copy(), arrays.upper.copy()
        low, high = arrays.row_lower.copy(), arrays.row_upper.copy()
        for ours, theirs, first in ((lower, after.lower, before.lower),
                                    (upper, after.upper, before.upper)):  # fmt: skip
            moved = theirs != first
            ours[onto[moved]] = theirs[moved]
        matrix: sp.lil_matrix | None = None
        for k in _differing(before, after):
            mine = self._at(_mark(before, k, onto))
            if not mine:
                continue  # a row over all sites, which only these sites' model holds like this
            part = slice(after.matrix.indptr[k], after.matrix.indptr[k + 1])
            for row in mine:
                low[row], high[row] = after.row_lower[k], after.row_upper[k]
                matrix = sp.lil_matrix(arrays.matrix) if matrix is None else matrix
                matrix.rows[row] = [int(c) for c in onto[after.matrix.indices[part]]]
                matrix.data[row] = list(after.matrix.data[part])
        changed = arrays.matrix if matrix is None else _sorted(matrix)
        return replace(arrays, matrix=changed, lower=lower, upper=upper, row_lower=low,
                       row_upper=high)  # fmt: skip

    def _at(self, mark: tuple[Any, ...]) -> list[int]:
        """Rows of the whole arrays that are the same as a row."""
        if self._rows is None:
            self._rows = {}
            arrays = self.again.arrays
            every = np.arange(arrays.count)
            for k in range(arrays.matrix.shape[0]):
                self._rows.setdefault(_mark(arrays, k, every), []).append(k)
        return self._rows.get(mark, [])


def _sorted(matrix: sp.lil_matrix) -> sp.csr_matrix:
    rows = sp.csr_matrix(matrix)
    rows.sort_indices()
    return rows


def _mark(arrays: PlanningArrays, row: int, onto: np.ndarray) -> tuple[Any, ...]:
    """What tells a row from others: its sides, columns and coefficients."""
    part = slice(arrays.matrix.indptr[row], arrays.matrix.indptr[row + 1])
    pairs = zip(onto[arrays.matrix.indices[part]], arrays.matrix.data[part], strict=True)
    sides = (float(arrays.row_lower[row]), float(arrays.row_upper[row]))
    return (*sides, *sorted((int(c), float(v)) for c, v in pairs))


def _differing(before: PlanningArrays, after: PlanningArrays) -> list[int]:
    """Rows whose sides or coefficients differ."""
    sides = (before.row_lower != after.row_lower) | (before.row_upper != after.row_upper)
    change = sp.csr_matrix(before.matrix - after.matrix)
    change.eliminate_zeros()
    return [int(k) for k in np.flatnonzero(sides | (np.diff(change.indptr) > 0))]
