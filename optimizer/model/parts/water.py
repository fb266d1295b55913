"""Water of a site in a calendar year: cooling by load, generation by quota."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo

from optimizer.model import blocks
from optimizer.model.blocks import links
from optimizer.model.ledger import Ledger
from optimizer.preparing.calendar import HOURS_PER_YEAR
from optimizer.preparing.case import Case, Site


def applies(case: Case) -> bool:
    """Whether any site has a limit."""
    return any(not np.isnan(site.water_limit_m3) for site in case.sites.values())


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """Cooling water + ``water_quota[p]`` [1000 m3 a pass] over a year <= the site's limit."""
    limited = links.limits_water(site)
    block.water_quota = pyo.Var(
        range(len(case.periods)) if limited else [], domain=pyo.NonNegativeReals
    )
    block.water_within_limit = pyo.ConstraintList()
    if np.isnan(site.water_limit_m3):
        return
    for p in range(len(case.periods)) if limited else ():
        block.links[p][links.WATER] = block.water_quota[p]
    for group, members in case.groups.items():
        used = pyo.quicksum(
            cooling_m3_per_mw(case, site, w, p) / blocks.M3_PER_LINK * block.links[p][links.load(w)]
            for p in members
            for w in case.workloads
        )
        if limited:
            used = used + pyo.quicksum(block.water_quota[p] for p in members)
        elif site.cooling_water_m3_per_mwh == 0:
            continue
        share = case.group_hours(group) / HOURS_PER_YEAR
        block.water_within_limit.add(used <= site.water_limit_m3 * share / blocks.M3_PER_LINK)


def cooling_m3_per_mw(case: Case, site: Site, workload: str, p: int) -> float:
    """Cooling water of one placed MW in one pass [m3]."""
    energy = case.workloads[workload].load[case.periods[p].hours].sum()
    return float(energy * site.cooling_water_m3_per_mwh)


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """Nothing: water is a site's own."""
