"""The Pyomo planning model as arrays, with the columns that the engine needs by name."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

from optimizer.model.blocks import links
from optimizer.model.build import Planning

JOINT = (
    "demand_met", "demand_in_blocks", "slots_delivered", "spending_within_budget",
    "co2_within_cap", "matched_in_scope", "excess_in_scope", "hedged_in_scope",
    "shared_upgrade_paid", "grid_group_within_mw", "security_within_cap",
    "reassigned_within_signed",
)  # fmt: skip
"""Rows over all sites (``add_joint`` of the model's parts)."""
DISCRETE = (
    "open", "permit", "connected", "halls", "extended", "agreed", "signed", "taken", "reached",
)  # fmt: skip
KINDS = (*DISCRETE, "units")
"""Kinds of whole columns; units cost little to relax, the others much."""


@dataclass(frozen=True, eq=False)
class PlanningArrays:
    """min cost·x, row_lower <= A x <= row_upper, lower <= x <= upper, some x whole [k$].

    Parameters
    ----------
    link : for each site, column of each (link, period); shape (links, P)
    operating : for each site, column of the operating cost of each period; shape (P,)
    kind : for each integer column, index in ``KINDS``; -1 for continuous ones
    co2_row : row of each calendar-year group's cap
    row_owner, row_index : name and index of the constraint that each row belongs to
    delay : part of ``cost`` that prices backlog
    """

    variables: list[Any]
    cost: np.ndarray
    constant: float
    matrix: sp.csr_matrix
    row_lower: np.ndarray
    row_upper: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    integer: np.ndarray
    kind: np.ndarray
    link: dict[str, np.ndarray]
    operating: dict[str, np.ndarray]
    co2_row: dict[str, int]
    row_owner: list[str]
    row_index: list[Any]
    delay: np.ndarray
    fixed: dict[str, float] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Number of columns."""
        return len(self.cost)

    @cached_property
    def upper_sides(self) -> dict[tuple[str, Hashable], float]:
        """Upper sides of the rows over several sites, by (constraint, index)."""
        return {
            (owner, index): float(side)
            for owner, index, side in zip(
                self.row_owner, self.row_index, self.row_upper, strict=True
            )
            if owner in JOINT
        }

    @property
    def operating_columns(self) -> np.ndarray:
        """All columns of operating cost."""
        return np.concatenate(list(self.operating.values()))


def to_arrays(planning: Planning) -> PlanningArrays:
    """Compile the planning model once; rows keep their order."""
    model, case = planning.model, planning.case
    form = LinearStandardFormCompiler().write(model, mixed_form=True)
    matrix = sp.csr_matrix(form.A)
    variables = list(form.columns)
    place = {id(v): k for k, v in enumerate(variables)}
    row_lower = np.full(matrix.shape[0], -np.inf)
    row_upper = np.full(matrix.shape[0], np.inf)
    co2_row: dict[str, int] = {}
    for k, (row, rhs) in enumerate(zip(form.rows, form.rhs, strict=True)):
        if row.bound_type >= 0:
            row_upper[k] = rhs
        if row.bound_type <= 0:
            row_lower[k] = rhs
        if row.constraint.parent_component().local_name == "co2_within_cap":
            co2_row[row.constraint.index()] = k
    lower = np.array([-np.inf if v.lb is None else v.lb for v in variables], dtype=float)
    upper = np.array([np.inf if v.ub is None else v.ub for v in variables], dtype=float)
    kind = np.full(len(variables), -1)
    for k, v in enumerate(variables):
        name = v.parent_component().local_name
        if name in KINDS:
            kind[k] = KINDS.index(name)
    periods = range(len(case.periods))
    link = {}
    operating = {}
    for name, block in model.site.items():
        site = case.sites[name]
        link[name] = np.array(
            [[place[id(block.link[n, p])] for p in periods] for n in links.names(case, site)]
        )
        operating[name] = np.array([place[id(block.operating_cost[p])] for p in periods])
    delay = np.zeros(len(variables))
    cost = np.asarray(form.c.todense()).ravel()
    for v in model.backlog.values():
        if id(v) in place:
            delay[place[id(v)]] = cost[place[id(v)]]
    return PlanningArrays(
        variables=variables,
        cost=cost,
        constant=float(np.asarray(form.c_offset).sum()),
        matrix=matrix,
        row_lower=row_lower,
        row_upper=row_upper,
        lower=lower,
        upper=upper,
        integer=kind >= 0,
        kind=kind,
        link=link,
        operating=operating,
        co2_row=co2_row,
        row_owner=[row.constraint.parent_component().local_name for row in form.rows],
        row_index=[row.constraint.index() for row in form.rows],
        delay=delay,
    )


def less(arrays: PlanningArrays, used: Mapping[tuple[str, Hashable], float]) -> PlanningArrays:
    """The arrays with what others use of some rows taken from their sides."""
    if not used:
        return arrays
    amount = np.array(
        [used.get(key, 0.0) for key in zip(arrays.row_owner, arrays.row_index, strict=True)]
    )
    return replace(arrays, row_lower=arrays.row_lower - amount, row_upper=arrays.row_upper - amount)
