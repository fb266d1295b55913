"""Tariffs as far as they are decided for a period or reach over several: choice and ratchets."""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

from optimizer.model.blocks import links
from optimizer.model.blocks.grid import growth
from optimizer.model.ledger import Ledger
from optimizer.model.limits import Group
from optimizer.preparing import ratchets
from optimizer.preparing.calendar import Period
from optimizer.preparing.case import Case, Site
from optimizer.preparing.tariffs import Charge, Tariff


def applies(case: Case) -> bool:
    """Whether any site has offers of grid service."""
    return any(site.offers for site in case.sites.values())


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """``taken[t, p]``: the tariff of a period, where a site may choose; fixed charges.

    ``under[link, t, p]``: the connection's links as far as they are under a tariff.
    ``peak[t, c, p, k]``, ``floor[t, c, p, k]`` [MW]: metered peaks that ratchets reach over.
    """
    periods = range(len(case.periods))
    several = len(site.tariffs) > 1 and bool(site.offers)
    names = [t.tariff for t in site.tariffs] if several else []
    block.taken = pyo.Var(names, periods, domain=pyo.Binary)
    shared = links.split(list(links.names(case, site)), site)
    block.under = pyo.Var(shared, names, periods, domain=pyo.NonNegativeReals)
    block.one_tariff = pyo.ConstraintList()
    if not site.offers:
        block.ratchet_rows = pyo.ConstraintList()
        return
    for p in periods:
        connected = pyo.quicksum(
            block.connected[o.offer, v.name, p] for o in site.offers for v in o.variants
        )
        if several:
            _choose(block, case, site, shared, p, connected)
        for tariff in site.tariffs:
            taken = block.taken[tariff.tariff, p] if several else connected
            if tariff.is_billed:
                block.links[p][links.taken(tariff)] = taken
            _fixed(case, site, tariff, ledger, p, taken)
    _add_ratchets(block, case, site)


def _choose(
    block: pyo.Block, case: Case, site: Site, shared: list[str], p: int, connected: Any
) -> None:
    """One tariff while connected, of those offered by then; the connection is under it."""
    rows, period = block.one_tariff, case.periods[p]
    rows.add(pyo.quicksum(block.taken[t.tariff, p] for t in site.tariffs) == connected)
    for tariff in site.tariffs:
        if tariff.from_month > period.month:
            rows.add(block.taken[tariff.tariff, p] == 0)
    for name in shared:
        mine = [block.under[name, t.tariff, p] for t in site.tariffs]
        rows.add(pyo.quicksum(mine) == block.links[p][name])
        for tariff, part in zip(site.tariffs, mine, strict=True):
            rows.add(part <= _most(site, name, p) * block.taken[tariff.tariff, p])
            block.links[p][links.under(site, name, tariff)] = part


def _most(site: Site, name: str, p: int) -> float:
    """Most MW of a link of the connection."""
    if name == links.EXPORT:
        return max(o.export_mw for o in site.offers)
    flexible = {links.flexible(o): float(o.flexible_mw[p]) for o in site.offers}
    firm = max(float(o.firm_mw[p]) for o in site.offers)
    if name == links.FIRM:
        return firm
    if name in flexible:
        return flexible[name]
    return max(float((o.firm_mw + o.flexible_mw).max()) for o in site.offers)


def _fixed(case: Case, site: Site, tariff: Tariff, ledger: Ledger, p: int, taken: Any) -> None:
    """Fixed charges of the months of a pass, and the tax on them."""
    period = case.periods[p]
    usual = fixed_charges(case, tariff, period)
    if usual <= 0:
        return
    paid = usual * period.pass_weight
    where = {"site": site.site, "item": tariff.tariff, "period": period.name}
    ledger.cost("fixed_charge", paid * taken, **where)
    if tariff.tax:
        ledger.cost("tax", paid * tariff.tax * taken, **where)


def fixed_charges(case: Case, tariff: Tariff, period: Period) -> float:
    """Fixed charges of the months of one pass, before tax [k$]."""
    months = {(period.start.month - 1 + k) % 12 for k in range(min(12, period.months))}
    return float(tariff.fixed[sorted(months)].sum()) * growth(case, tariff.growth, period)


def _add_ratchets(block: pyo.Block, case: Case, site: Site) -> None:
    """floor >= peak of each earlier month that a ratchet looks at, while under its tariff."""
    block.ratchet_rows = pyo.ConstraintList()
    pairs = [(t, c) for t in site.tariffs for c in t.charges if ratchets.has_ratchet(c)]
    peaks, floors = [], []
    for tariff, charge in pairs:
        for p in range(len(case.periods)):
            key = (tariff.tariff, charge.name, p)
            peaks += [(*key, k) for k in range(ratchets.peak_positions(charge, case.periods))]
            floors += [(*key, k) for k in range(ratchets.floor_positions(charge, case.periods))]
    block.peak = pyo.Var(peaks, domain=pyo.NonNegativeReals)
    block.floor = pyo.Var(floors, domain=pyo.NonNegativeReals)
    for tariff, charge in pairs:
        for p in range(len(case.periods)):
            _ratchet(block, case, site, tariff, charge, p)


def _ratchet(
    block: pyo.Block, case: Case, site: Site, tariff: Tariff, charge: Charge, p: int
) -> None:
    rows, periods, here = block.ratchet_rows, case.periods, block.links[p]
    key = (tariff.tariff, charge.name)
    service = pyo.quicksum(here[name] for name in links.service(site, tariff))
    for k in range(ratchets.peak_positions(charge, periods)):
        here[links.peak(tariff, charge, k)] = block.peak[(*key, p, k)]
        rows.add(block.peak[(*key, p, k)] <= service)
    several = len(site.tariffs) > 1
    taken = here[links.taken(tariff)]
    for k in range(ratchets.floor_positions(charge, periods)):
        floor = block.floor[(*key, p, k)]
        here[links.floor(tariff, charge, k)] = floor
        for q, at in ratchets.earlier(charge, periods, p, k):
            most = max(float(o.firm_mw[q] + o.flexible_mw[q]) for o in site.offers)
            left = most * (1 - taken) if several else 0.0
            rows.add(floor >= block.peak[(*key, q, at)] - left)
        if ratchets.looks_before_plan(charge, periods, p, k):
            rows.add(floor >= charge.peak_before * taken)


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """Nothing: a bill is a site's own."""


LIMITS: tuple[Group, ...] = ()
"""A tariff costs; it forbids nothing."""
