"""Operation in all hours, as the planning model sees it: one cost column a site and period."""

from __future__ import annotations

import pyomo.environ as pyo

from optimizer.model.blocks import links
from optimizer.model.ledger import Ledger
from optimizer.model.limits import Group
from optimizer.preparing.case import Case, Site


def applies(case: Case) -> bool:
    """Always."""
    return True


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """``link[name, p]``: the plan's quantities that operation depends on.

    ``operating_cost[p]`` [k$ a pass]: bounded below by the cuts of the hourly block.
    """
    names = links.names(case, site)
    periods = range(len(case.periods))
    block.link = pyo.Var(list(names), periods, domain=pyo.NonNegativeReals)
    block.operating_cost = pyo.Var(periods, domain=pyo.Reals)
    block.link_rows = pyo.ConstraintList()
    for p, period in enumerate(case.periods):
        for name in names:
            block.link_rows.add(block.link[name, p] == block.links[p][name])
        ledger.cost(
            "operation", period.pass_weight * block.operating_cost[p], site=site.site,
            item="operation", period=period.name,
        )  # fmt: skip


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """Nothing: blocks meet in the CO2 rows."""


LIMITS: tuple[Group, ...] = ()
"""All load is served in every hour; how much may not be is part of that."""
