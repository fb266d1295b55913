"""The planning model split along its joint rows: one part a site, and what they share."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from optimizer.model.build import build
from optimizer.preparing.case import Case
from optimizer.solving.planning_arrays import JOINT, PlanningArrays, to_arrays
from optimizer.solving.presolve import Reduced, reduce

Key = tuple[str, Hashable]


@dataclass(frozen=True, eq=False)
class Part:
    """The planning model of one site: its own rows, and its terms of the joint rows.

    Parameters
    ----------
    arrays : own rows and columns; no Pyomo variables are kept
    form : the same made smaller
    joint : coefficients in the joint rows; shape (joint rows, columns)
    names : (variable, index) of each column
    """

    site: str
    arrays: PlanningArrays
    form: Reduced
    joint: sp.csr_matrix
    names: tuple[Key, ...]

    @property
    def count(self) -> int:
        """Number of columns."""
        return self.arrays.count


@dataclass(frozen=True, eq=False)
class Joint:
    """The joint rows without the sites: lower <= sites' terms + own · backlog <= upper.

    Parameters
    ----------
    keys : (constraint, index) of each row
    own : coefficients of the backlog columns; shape (rows, backlog)
    cost, most : of each backlog column [k$/MW, MW]
    names : (variable, index) of the backlog columns
    co2_row : row of each calendar-year group's cap
    """

    keys: tuple[Key, ...]
    lower: np.ndarray
    upper: np.ndarray
    own: sp.csr_matrix
    cost: np.ndarray
    most: np.ndarray
    names: tuple[Key, ...]
    co2_row: dict[str, int]

    @property
    def rows(self) -> int:
        """Number of joint rows."""
        return len(self.keys)

    def owned(self, *owners: str) -> np.ndarray:
        """Whether each row belongs to one of these constraints."""
        return np.array([owner in owners for owner, _ in self.keys], dtype=bool)

    def bound(self, prices: np.ndarray, sites: float) -> float:
        """Lagrangian bound at prices, with the sum of bounds of all sites at them [k$]."""
        sides = np.where(prices > 0, self.lower, self.upper)
        used = prices != 0
        reduced = self.cost - self.own.T @ prices
        return float(prices[used] @ sides[used] + np.minimum(reduced, 0.0) @ self.most) + sites


@dataclass(eq=False)
class _Rows:
    """Joint rows as they turn up, site by site."""

    number: dict[Key, int]
    lower: list[float]
    upper: list[float]


def split(case: Case, sites: Sequence[str] | None = None) -> tuple[dict[str, Part], Joint]:
    """Build the planning model site by site, so that it never stands as a whole.

    The sum of the parts' costs and joint terms is the whole model's.
    """
    rows = _Rows({}, [], [])
    backlog: dict[Key, tuple[float, float, dict[int, float]]] = {}
    raw = [
        _part(case, name, rows, backlog) for name in (list(case.sites) if sites is None else sites)
    ]
    count = len(rows.number)
    parts = {}
    for part, entries in raw:
        i, j, v = entries
        joint = sp.csr_matrix((v, (i, j)), shape=(count, part.count))
        parts[part.site] = replace(part, joint=joint)
    own = sp.lil_matrix((count, len(backlog)))
    for k, (_, _, column) in enumerate(backlog.values()):
        for row, value in column.items():
            own[row, k] = value
    joint_rows = Joint(
        keys=tuple(rows.number),
        lower=np.array(rows.lower),
        upper=np.array(rows.upper),
        own=own.tocsr(),
        cost=np.array([c for c, _, _ in backlog.values()]),
        most=np.array([m for _, m, _ in backlog.values()]),
        names=tuple(backlog),
        co2_row={
            str(key[1]): k for key, k in rows.number.items() if key[0] == "co2_within_cap"
        },
    )  # fmt: skip
    return parts, joint_rows


def _part(
    case: Case, site: str, rows: _Rows,
    backlog: dict[Key, tuple[float, float, dict[int, float]]],
) -> tuple[Part, tuple[np.ndarray, np.ndarray, np.ndarray]]:  # fmt: skip
    arrays = to_arrays(build(case, [site]))
    names = [(v.parent_component().local_name, v.index()) for v in arrays.variables]
    waits = np.array([name == "backlog" for name, _ in names])
    shared = np.array([owner in JOINT for owner in arrays.row_owner], dtype=bool)
    numbers = []
    for k in np.flatnonzero(shared):
        key = (arrays.row_owner[k], arrays.row_index[k])
        if key not in rows.number:
            rows.number[key] = len(rows.number)
            rows.lower.append(float(arrays.row_lower[k]))
            rows.upper.append(float(arrays.row_upper[k]))
        numbers.append(rows.number[key])
    to_row = np.array(numbers, dtype=int)
    terms = arrays.matrix[shared].tocsc()
    for k in np.flatnonzero(waits):
        if names[k] not in backlog:
            column = terms[:, k].tocoo()
            entries = {int(to_row[i]): float(v) for i, v in zip(column.row, column.data, strict=True)}
            backlog[names[k]] = (float(arrays.cost[k]), float(arrays.upper[k]), entries)
    keep = np.flatnonzero(~waits)
    place = np.full(arrays.count, -1)
    place[keep] = np.arange(len(keep))
    mine = terms[:, keep].tocoo()
    own = replace(
        arrays,
        variables=[],
        cost=arrays.cost[keep],
        matrix=arrays.matrix[~shared][:, keep].tocsr(),
        row_lower=arrays.row_lower[~shared],
        row_upper=arrays.row_upper[~shared],
        lower=arrays.lower[keep],
        upper=arrays.upper[keep],
        integer=arrays.integer[keep],
        kind=arrays.kind[keep],
        link={s: place[columns] for s, columns in arrays.link.items()},
        operating={s: place[columns] for s, columns in arrays.operating.items()},
        co2_row={},
        row_owner=[o for o, s in zip(arrays.row_owner, shared, strict=True) if not s],
        row_index=[o for o, s in zip(arrays.row_index, shared, strict=True) if not s],
        delay=np.zeros(len(keep)),
    )
    form = reduce(own)
    assert form is not None, "a site without anything is always possible"
    part = Part(site, own, form, sp.csr_matrix((0, len(keep))), tuple(names[k] for k in keep))
    return part, (to_row[mine.row], mine.col, mine.data)
