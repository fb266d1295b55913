"""The planning model split along its joint rows: one part a site, and what they share."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Hashable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from optimizer.model.build import build
from optimizer.preparing.case import Case
from optimizer.solving.planning_arrays import JOINT, PlanningArrays, to_arrays
from optimizer.solving.presolve import Reduced, reduce

Key = tuple[str, Hashable]

MANY = 60
"""Sites from which several processes build the parts."""


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

    @cached_property
    def number(self) -> dict[Key, int]:
        """Row of each (constraint, index)."""
        return {key: k for k, key in enumerate(self.keys)}

    def owned(self, *owners: str) -> np.ndarray:
        """Whether each row belongs to one of these constraints."""
        return np.array([owner in owners for owner, _ in self.keys], dtype=bool)

    def signed(self, prices: np.ndarray) -> np.ndarray:
        """Prices without those of the wrong sign, which noise makes and which prove nothing."""
        wrong = ((prices > 0) & ~np.isfinite(self.lower)) | (
            (prices < 0) & ~np.isfinite(self.upper)
        )
        return np.where(wrong, 0.0, prices)

    def bound(self, prices: np.ndarray, sites: float) -> float:
        """Lagrangian bound at prices, with the sum of bounds of all sites at them [k$]."""
        sides = np.where(prices > 0, self.lower, self.upper)
        used = prices != 0
        reduced = self.cost - self.own.T @ prices
        return float(prices[used] @ sides[used] + np.minimum(reduced, 0.0) @ self.most) + sites


Entries = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class _Raw:
    """A part before all joint rows are known.

    Parameters
    ----------
    rows : (key, lower, upper) of the joint rows in which it has terms
    entries : of the joint rows: (position in ``rows``, column, value)
    backlog : (name, cost, most, {key: coefficient}) of the columns that wait
    """

    part: Part
    rows: list[tuple[Key, float, float]]
    entries: Entries
    backlog: list[tuple[Key, float, float, dict[Key, float]]]


def split(
    case: Case, processes: int = 1, note: Callable[[str], None] = lambda text: None
) -> tuple[dict[str, Part], Joint]:
    """Build the planning model site by site, so that it never stands as a whole.

    The sum of the parts' costs and joint terms is the whole model's. Many sites are built by
    several processes; what a process does not deliver is built here.
    """
    sites = list(case.sites)
    made: dict[str, _Raw] = {}
    if processes > 1 and len(sites) >= MANY and "fork" in multiprocessing.get_all_start_methods():
        try:
            made = _by_processes(case, sites, processes)
        except (BrokenProcessPool, OSError) as broken:
            note(f"a process that built planning models died ({broken}); built here instead")
    return _joined([made.get(site) or _part(case, site) for site in sites])


def _by_processes(case: Case, sites: list[str], processes: int) -> dict[str, _Raw]:
    """Parts by name; the processes are copies of this one, so that the case is not sent."""
    global _shared_case
    _shared_case = case
    try:
        context = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(processes, mp_context=context) as pool:
            return {raw.part.site: raw for raw in pool.map(_shared_part, sites, chunksize=8)}
    finally:
        _shared_case = None


_shared_case: Case | None = None


def _shared_part(site: str) -> _Raw:
    assert _shared_case is not None
    return _part(_shared_case, site)


def _joined(raw: list[_Raw]) -> tuple[dict[str, Part], Joint]:
    """Number the joint rows over all parts."""
    # Sites that may build the same have the same names, sent by each process anew.
    same: dict[tuple[Key, ...], tuple[Key, ...]] = {}
    number: dict[Key, int] = {}
    sides: list[tuple[float, float]] = []
    backlog: dict[Key, tuple[float, float, dict[Key, float]]] = {}
    for one in raw:
        for key, low, high in one.rows:
            if key not in number:
                number[key] = len(number)
                sides.append((low, high))
        for name, cost, most, column in one.backlog:
            backlog.setdefault(name, (cost, most, column))
    parts = {}
    for one in raw:
        to_row = np.array([number[key] for key, _, _ in one.rows], dtype=int)
        i, j, v = one.entries
        joint = sp.csr_matrix((v, (to_row[i], j)), shape=(len(number), one.part.count))
        names = same.setdefault(one.part.names, one.part.names)
        parts[one.part.site] = replace(one.part, joint=joint, names=names)
    own = sp.lil_matrix((len(number), len(backlog)))
    for k, (_, _, column) in enumerate(backlog.values()):
        for key, value in column.items():
            own[number[key], k] = value
    return parts, Joint(
        keys=tuple(number),
        lower=np.array([low for low, _ in sides]),
        upper=np.array([high for _, high in sides]),
        own=own.tocsr(),
        cost=np.array([c for c, _, _ in backlog.values()]),
        most=np.array([m for _, m, _ in backlog.values()]),
        names=tuple(backlog),
        co2_row={str(key[1]): k for key, k in number.items() if key[0] == "co2_within_cap"},
    )


def _part(case: Case, site: str) -> _Raw:
    arrays = to_arrays(build(case, [site]))
    names = [(v.parent_component().local_name, v.index()) for v in arrays.variables]
    waits = np.array([name == "backlog" for name, _ in names])
    shared = np.array([owner in JOINT for owner in arrays.row_owner], dtype=bool)
    rows = [
        ((arrays.row_owner[k], arrays.row_index[k]), float(arrays.row_lower[k]),
         float(arrays.row_upper[k]))
        for k in np.flatnonzero(shared)
    ]  # fmt: skip
    terms = arrays.matrix[shared].tocsc()
    backlog = []
    for k in np.flatnonzero(waits):
        column = terms[:, [k]].tocoo()
        entries = {rows[i][0]: float(v) for i, v in zip(column.row, column.data, strict=True)}
        backlog.append((names[k], float(arrays.cost[k]), float(arrays.upper[k]), entries))
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
        row_owner=[""] * int((~shared).sum()),
        row_index=[],
        delay=np.zeros(len(keep)),
    )
    form = reduce(own)
    assert form is not None, "a site without anything is always possible"
    part = Part(site, own, form, sp.csr_matrix((0, len(keep))), tuple(names[k] for k in keep))
    return _Raw(part, rows, (mine.row, mine.col, mine.data), backlog)
