"""Self-supply as the market's regime allows it: islanded, in parallel, or both."""

from __future__ import annotations

import pyomo.environ as pyo

from optimizer.model.ledger import Ledger
from optimizer.model.limits import Group
from optimizer.preparing.case import Case, Site


def applies(case: Case) -> bool:
    """Whether own units are unlawful at any site in one of the two ways."""
    return any(not (site.islanded and site.parallel) for site in case.sites.values())


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """Own units stand only while connected, or only while not connected.

    Storage may stand in either case; an offer of the kind islanded is no connection to the grid.
    """
    block.self_supply_rows = pyo.ConstraintList()
    if site.islanded and site.parallel:
        return
    keys = [(o.offer, v.name) for o in site.offers if o.kind != "islanded" for v in o.variants]
    for p in range(len(case.periods)):
        connected = pyo.quicksum(block.connected[(*k, p)] for k in keys) if keys else 0.0
        lawful = int(site.islanded) + (int(site.parallel) - int(site.islanded)) * connected
        for asset in site.assets:
            if not asset.is_storage:
                block.self_supply_rows.add(
                    block.standing_mw[asset.technology, p] - asset.max_mw * lawful <= 0
                )


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """Nothing: a regime concerns each site alone."""


LIMITS: tuple[Group, ...] = ()
"""What is lawful is not negotiated."""
