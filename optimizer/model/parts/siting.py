"""Opening of sites."""

from __future__ import annotations

import pyomo.environ as pyo

from optimizer.model.ledger import Ledger
from optimizer.model.limits import Limit, Steps, rows_of, shorten, total_months
from optimizer.model.parts.common import added, contribute
from optimizer.preparing.case import KILO, Case, Site


def applies(case: Case) -> bool:
    """Always."""
    return True


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """``open[p]``: the site is open in p; once open it stays open. Cost once, when it opens."""
    periods = range(len(case.periods))
    block.open = pyo.Var(periods, domain=pyo.Binary)
    block.stays_open = pyo.ConstraintList()
    for p in periods:
        if not site.can_open[p]:
            block.open[p].fix(0)
        if p:
            block.stays_open.add(block.open[p] >= block.open[p - 1])
    opened = {(p,): block.open[p] for p in periods}
    for p in periods:
        new = added(opened, (), p)
        ledger.cost(
            "opening", site.opening_cost[p] * new, site=site.site, item="opening",
            period=case.periods[p].name,
        )  # fmt: skip
        if site.opening_usd:
            month = case.periods[p].month
            contribute(block, ("cash", month), site.opening_usd * KILO * new)


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """Nothing."""


def _openings(case: Case) -> list[Limit]:
    return [
        Limit("opening", "sites", n, "opening_months",
              f"{row['site']} opens after {row['opening_months']:.0f} months",
              row["opening_months"], ("opening_months",))
        for n, row in rows_of(case, "sites")
        if row["opening_months"] > 0
    ]  # fmt: skip


LIMITS = (Steps("opening", limits=_openings, steps=total_months, edits=shorten),)
