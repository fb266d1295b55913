"""Land and fuel supply of a site."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo

from optimizer.model.ledger import Ledger
from optimizer.preparing.case import Case, Site


def applies(case: Case) -> bool:
    """Always."""
    return True


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """Land of all that stands <= land_km2; fuel of all gas units at full load <= gas limit."""
    block.land_within_site = pyo.ConstraintList()
    for p, period in enumerate(case.periods):
        used = pyo.quicksum(block.joint.get(("land", p), ()))
        if ("land", p) in block.joint:
            block.land_within_site.add(used <= site.land_km2)
            if site.land_cost[p]:
                ledger.cost(
                    "land", site.land_cost[p] * used, site=site.site, item="land",
                    period=period.name,
                )  # fmt: skip
        if ("gas", p) in block.joint and not np.isnan(site.gas_limit_mmbtu_per_hour):
            burnt = pyo.quicksum(block.joint["gas", p])
            block.land_within_site.add(burnt <= site.gas_limit_mmbtu_per_hour)


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """Nothing: land is a site's own."""
