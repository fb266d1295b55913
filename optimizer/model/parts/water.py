"""Water of a site in a calendar year: cooling by load, generation by quota."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyomo.environ as pyo

from optimizer.model import blocks
from optimizer.model.blocks import links
from optimizer.model.ledger import Ledger
from optimizer.model.limits import Amounts, Limit, Use, number, raised, rows_of, unlimited
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
    for group in case.groups:
        used = _in_group(block, case, site, group)
        if used is not None:
            share = case.group_hours(group) / HOURS_PER_YEAR
            block.water_within_limit.add(used <= site.water_limit_m3 * share / blocks.M3_PER_LINK)


def _in_group(block: pyo.Block, case: Case, site: Site, group: str) -> Any:
    """Water used in a calendar-year group [1000 m3]; None if nothing uses any."""
    members = case.groups[group]
    used = pyo.quicksum(
        cooling_m3_per_mw(case, site, w, p) / blocks.M3_PER_LINK * block.links[p][links.load(w)]
        for p in members
        for w in case.workloads
    )
    if links.limits_water(site):
        return used + pyo.quicksum(block.water_quota[p] for p in members)
    return used if site.cooling_water_m3_per_mwh else None


def cooling_m3_per_mw(case: Case, site: Site, workload: str, p: int) -> float:
    """Cooling water of one placed MW in one pass [m3]."""
    energy = case.workloads[workload].load[case.periods[p].hours].sum()
    return float(energy * site.cooling_water_m3_per_mwh)


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """Nothing: water is a site's own."""


def _water(case: Case) -> list[Limit]:
    return [
        Limit("water_limit", "sites", n, "water_limit_m3_per_year",
              f"{row['site']}: {number(row['water_limit_m3_per_year'])} m3 of water a year",
              row["water_limit_m3_per_year"], (row["site"],))
        for n, row in rows_of(case, "sites")
        if not np.isnan(row["water_limit_m3_per_year"])
    ]  # fmt: skip


def _used(model: Any, case: Case, limit: Limit) -> Iterator[Use]:
    """Water of a calendar-year group as m3 a year of 8,760 h."""
    site = case.sites[limit.key[0]]
    for group in case.groups:
        used = _in_group(model.site[site.site], case, site, group)
        if used is not None:
            yearly = blocks.M3_PER_LINK * HOURS_PER_YEAR / case.group_hours(group)
            yield Use(yearly * used, limit.given)


LIMITS = (
    # Not blank, so that generation keeps its quota of water.
    Amounts("water_limit", limits=_water, free=unlimited(1e10), used=_used, edits=raised),
)
