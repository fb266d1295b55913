"""The planning model: every decision of a month or longer, on one page.

Each site is built alone and contributes its terms to the joint rows (demand, slots, budget,
CO2), which are closed once over all sites. Hourly operation enters as one column a site and
period, ``operating_cost``, of which the solving side knows cuts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyomo.environ as pyo

from optimizer.model.ledger import Ledger
from optimizer.model.parts import (
    agreements,
    budget,
    campus,
    carbon,
    contracts,
    interconnection,
    land,
    matching,
    operation,
    permits,
    power,
    regimes,
    shared_grid,
    siting,
    slots,
    tariffs,
    water,
    workloads,
)
from optimizer.preparing.case import Case

PARTS = (
    siting,
    campus,
    power,
    interconnection,
    agreements,
    shared_grid,
    regimes,
    permits,
    workloads,
    slots,
    land,
    contracts,
    carbon,
    matching,
    water,
    budget,
    tariffs,
    operation,
)
"""The parts in order; each has ``applies``, ``add_site`` and ``add_joint``."""


@dataclass(frozen=True)
class Planning:
    """The planning model with what the solving side needs of it."""

    model: pyo.ConcreteModel
    ledger: Ledger
    case: Case


def build_site(case: Case, site: str, ledger: Ledger, into: pyo.Block) -> pyo.Block:
    """All that concerns one site; ``into.joint[row]`` holds its terms of the joint rows."""
    into.joint = {}
    into.links = [{} for _ in case.periods]
    into.case_site = case.sites[site]
    for part in PARTS:
        if part.applies(case):
            part.add_site(into, case, case.sites[site], ledger)
    return into


def joint_sum(model: pyo.ConcreteModel, key: tuple[Any, ...]) -> Any:
    """Sum of all sites' terms of a joint row."""
    return pyo.quicksum(term for site in model.site.values() for term in site.joint.get(key, ()))


def build(case: Case, sites: Sequence[str] | None = None) -> Planning:
    """All sites, or some of them, then the joint rows, then the objective.

    Joint rows have the same names whichever sites are built; those without terms are left out.
    """
    model = pyo.ConcreteModel(case.name)
    ledger = Ledger()
    chosen = list(case.sites) if sites is None else list(sites)
    model.site = pyo.Block(chosen)
    for site in chosen:
        build_site(case, site, ledger, model.site[site])
    for part in PARTS:
        if part.applies(case):
            part.add_joint(model, case, ledger)
    ledger.close(model)
    return Planning(model, ledger, case)
