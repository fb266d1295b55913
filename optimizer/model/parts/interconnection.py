"""Grid service: which offer is taken from when, and how many MW of it."""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

from optimizer.model.blocks import links
from optimizer.model.ledger import Ledger
from optimizer.model.parts.common import added, contribute
from optimizer.preparing.case import Case, Offer, Site


def applies(case: Case) -> bool:
    """Whether any site has an offer that can be taken."""
    return any(site.offers for site in case.sites.values())


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """``connected[i, v, p]`` and the firm and flexible MW of the offer, all of which only grow.

    Firm and flexible MW stay below the staircase while connected; at most one offer a site.
    """
    periods = range(len(case.periods))
    keys = [(o.offer, v.name) for o in site.offers for v in o.variants]
    index = [(*k, p) for k in keys for p in periods]
    block.connected = pyo.Var(index, domain=pyo.Binary)
    block.firm_mw = pyo.Var(index, domain=pyo.NonNegativeReals)
    block.flexible_mw = pyo.Var(index, domain=pyo.NonNegativeReals)
    block.grid_rows = pyo.ConstraintList()
    if not site.offers:
        return
    for p in periods:
        block.grid_rows.add(pyo.quicksum(block.connected[(*k, p)] for k in keys) <= 1)
        block.links[p][links.FIRM] = pyo.quicksum(block.firm_mw[(*k, p)] for k in keys)
        for offer in site.offers:
            block.links[p][links.flexible(offer)] = pyo.quicksum(
                block.flexible_mw[offer.offer, v.name, p] for v in offer.variants
            )
            for v in range(len(offer.variants)):
                _add_period(block, case, site, offer, ledger, v, p)
        if site.sells_energy:
            block.links[p][links.EXPORT] = pyo.quicksum(
                offer.export_mw * block.connected[offer.offer, v.name, p]
                for offer in site.offers
                for v in offer.variants
            )


def _add_period(
    block: pyo.Block, case: Case, site: Site, offer: Offer, ledger: Ledger, v: int, p: int
) -> None:
    variant, period = offer.variants[v], case.periods[p]
    key = (offer.offer, variant.name)
    here = block.connected[(*key, p)]
    firm, flexible = block.firm_mw[(*key, p)], block.flexible_mw[(*key, p)]
    new = added(block.connected, key, p)
    rows = block.grid_rows
    rows.add(new >= 0)
    if not variant.possible[p]:
        rows.add(new <= 0)
    opened_by = int(variant.open_by[p])
    rows.add(here <= block.open[opened_by] if opened_by >= 0 else here == 0)
    rows.add(firm <= offer.firm_mw[p] * here)
    rows.add(flexible <= offer.flexible_mw[p] * here)
    new_mw: Any = 0.0
    for level in (block.firm_mw, block.flexible_mw):
        grown = added(level, key, p)
        rows.add(grown >= 0)
        new_mw = new_mw + grown
    where = {"site": site.site, "item": offer.offer, "period": period.name}
    ledger.cost("interconnection", offer.fixed_money.capital[p] * new, **where)
    ledger.cost("interconnection", offer.mw_money.capital[p] * new_mw, **where)
    charge = offer.charge / 12 * period.discounted_months
    ledger.cost("interconnection", charge * (firm + flexible), **where)
    fixed, per_mw = offer.fixed_money.overnight[p], offer.mw_money.overnight[p]
    if fixed or per_mw:
        contribute(block, ("cash", period.month), fixed * new + per_mw * new_mw)
    for component in case.components:
        slot_mw, slot_unit = component.needs("interconnection", offer.offer)
        if (slot_mw or slot_unit) and offer.firm_mw[p] + offer.flexible_mw[p] > 0:
            at = (component.component, int(variant.delivery[p]))
            contribute(block, ("slot", *at), slot_mw * new_mw + slot_unit * new)
    if offer.permit_kind:
        contribute(block, ("permit", offer.permit_kind, variant.name, p), (here, 1.0, None))


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """Nothing: offers meet in the slot and budget rows."""
