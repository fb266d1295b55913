"""What offers of several sites share: upgrades that are made once, and MW that do not add up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyomo.environ as pyo

from optimizer.model.ledger import Ledger
from optimizer.model.limits import Amounts, Limit, Use, number, raised, rows_of, set_cell
from optimizer.model.parts.common import added, contribute
from optimizer.preparing.case import KILO, Case, Offer, Site


def applies(case: Case) -> bool:
    """Whether offers share anything."""
    return bool(case.shared_upgrades or case.grid_groups)


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """``upgrade_paid[u, p]`` in [0, 1]: what the site has paid of an upgrade by p.

    A site pays only for an offer that it takes.
    """
    periods = range(len(case.periods))
    mine = {
        name: [o for o in site.offers if o.shared_upgrade == name]
        for name, upgrade in case.shared_upgrades.items()
        if upgrade.first_pays
    }
    mine = {name: offers for name, offers in mine.items() if offers}
    block.upgrade_paid = pyo.Var([(u, p) for u in mine for p in periods], bounds=(0, 1))
    block.upgrade_rows = pyo.ConstraintList()
    for name, offers in mine.items():
        upgrade = case.shared_upgrades[name]
        for p in periods:
            here = block.upgrade_paid[name, p]
            new = added(block.upgrade_paid, (name,), p)
            block.upgrade_rows.add(new >= 0)
            block.upgrade_rows.add(here <= pyo.quicksum(ever(block, o, p) for o in offers))
            contribute(block, ("upgrade_paid", name, p), here)
            for offer in offers:
                contribute(block, ("upgrade_used", name, offer.offer, p, site.site),
                           needs(block, offer, p))  # fmt: skip
            ledger.cost("interconnection", upgrade.capital[p] * new, site=site.site, item=name,
                        period=case.periods[p].name)  # fmt: skip
            contribute(block, ("cash", case.periods[p].month), upgrade.usd * KILO * new)
    for offer in site.offers:
        if offer.grid_group:
            for p in periods:
                taken = pyo.quicksum(
                    level[offer.offer, v.name, p]
                    for v in offer.variants
                    for level in (block.firm_mw, block.flexible_mw)
                )
                contribute(block, ("grid_group", offer.grid_group, p), taken)


def needs(block: pyo.Block, offer: Offer, p: int) -> Any:
    """Whether an offer that needs upgrades is taken: beyond an existing connection, if there is one."""
    level = block.extended if offer.existing_mw > 0 else block.connected
    return pyo.quicksum(level[offer.offer, v.name, p] for v in offer.variants)


def ever(block: pyo.Block, offer: Offer, p: int) -> Any:
    """Whether an offer that needs upgrades has been taken by p, also where it has ended since."""
    return needs(block, offer, min(p, offer.until - 1))


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """``shared_upgrade_paid[u, s, i, p]``: who takes an offer needs the upgrade paid by anyone.

    ``grid_group_within_mw[group, p]``: firm and flexible MW of the group's offers <= shared MW.
    """
    periods = range(len(case.periods))
    rows = {}
    for name, upgrade in case.shared_upgrades.items():
        if not upgrade.first_pays:
            continue
        for p in periods:
            paid = _terms(model, ("upgrade_paid", name, p))
            for site, offer in upgrade.users:
                used = _terms(model, ("upgrade_used", name, offer, p, site))
                if used or paid:
                    rows[name, site, offer, p] = pyo.quicksum(used) - pyo.quicksum(paid) <= 0
    model.shared_upgrade_paid = pyo.Constraint(list(rows), rule=lambda m, *key: rows[key])
    groups = {
        (name, p): pyo.quicksum(terms) <= most
        for name, most in case.grid_groups.items()
        for p in periods
        if (terms := _terms(model, ("grid_group", name, p)))
    }
    model.grid_group_within_mw = pyo.Constraint(list(groups), rule=lambda m, *key: groups[key])


def _terms(model: pyo.ConcreteModel, key: tuple[Any, ...]) -> list[Any]:
    return [t for site in model.site.values() for t in site.joint.get(key, ())]


def _groups(case: Case) -> list[Limit]:
    return [
        Limit("shared grid MW", "grid_groups", n, "shared_mw",
              f"{row['grid_group']}: {number(row['shared_mw'])} MW for all its offers",
              row["shared_mw"], (row["grid_group"],))
        for n, row in rows_of(case, "grid_groups")
    ]  # fmt: skip


def _used_group(model: Any, case: Case, limit: Limit) -> Iterator[Use]:
    for p in range(len(case.periods)):
        terms = _terms(model, ("grid_group", limit.key[0], p))
        if terms:
            yield Use(pyo.quicksum(terms), limit.given)


LIMITS = (
    Amounts(
        "shared grid MW", limits=_groups, used=_used_group, edits=raised,
        free=lambda case, limit, much: [set_cell(limit, max(much, limit.given))],
    ),
)  # fmt: skip
