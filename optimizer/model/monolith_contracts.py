"""Deliveries by contract and carbon-free matching in the plain Pyomo program."""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

from optimizer.model.blocks import links
from optimizer.model.monolith_tariffs import exported, imported
from optimizer.preparing.calendar import Period
from optimizer.preparing.case import Case, Site


def add_deliveries(block: pyo.Block, site: Site, hours: list[int], link: Any, p: int) -> None:
    """``delivery[c, t]`` up to the volume of the contract, and what is paid for but not taken."""
    offered = {c.contract: c for c in site.deliveries}
    least = {n: c for n, c in offered.items() if c.take_share < 1}
    block.delivery = pyo.Var(list(offered), hours, domain=pyo.NonNegativeReals)
    block.not_taken = pyo.Var(list(least), domain=pyo.NonNegativeReals)
    block.delivery_within_volume = pyo.Constraint(
        list(offered), hours,
        rule=lambda b, n, t: (
            b.delivery[n, t] <= offered[n].volume[t] * link[links.contract(offered[n]), p]
        ),
    )  # fmt: skip

    def taken(b: Any, n: str) -> Any:
        contract = least[n]
        volume = sum(contract.volume[t] for t in hours) * link[links.contract(contract), p]
        got = sum(b.delivery[n, t] for t in hours)
        return got + b.not_taken[n] >= contract.take_share * volume

    block.minimum_take = pyo.Constraint(list(least), rule=taken)


def delivered(block: pyo.Block, site: Site, t: int) -> Any:
    """Energy that contracts deliver in an hour."""
    return sum(block.delivery[c.contract, t] for c in site.deliveries)


def metered(block: pyo.Block, site: Site, t: int) -> Any:
    """What flows in through the connection in an hour."""
    return imported(block, t) + delivered(block, site, t)


def limit_delivery(block: pyo.Block, site: Site, hours: list[int], link: Any, p: int) -> None:
    """Imports and deliveries share the connection."""
    if not site.deliveries:
        return

    def within(b: Any, t: int) -> Any:
        flexible = sum(link[links.flexible(o), p] * (1 - o.cut[t]) for o in site.offers)
        shed = sum(link[links.shed(o), p] * o.shed[t] for o in site.offers if o.sheds_firm)
        return metered(b, site, t) <= link[links.FIRM, p] + flexible - shed

    block.delivery_within_service = pyo.Constraint(hours, rule=within)


def limit_export(block: pyo.Block, site: Site, hours: list[int]) -> None:
    """What a contract delivers is not sold on."""
    if not (site.deliveries and site.sells_energy):
        return

    def own(b: Any, t: int) -> Any:
        made = sum(b.generation[a.technology, t] for a in site.assets if not a.is_storage)
        stored = sum(b.discharge[a.technology, t] for a in site.assets if a.is_storage)
        return exported(b, t) <= made + stored

    block.export_from_own = pyo.Constraint(hours, rule=own)


def add_matching(
    block: pyo.Block, case: Case, site: Site, hours: list[int], link: Any, p: int
) -> None:
    """What is not matched stays within the quota of each carbon-free target."""
    held = {r.rule: r for r in links.rules(case, site)}
    owing = [n for n, r in held.items() if links.may_owe(r, site)]
    selling = [n for n, r in held.items() if links.limits_excess(r, site)]

    def unmatched(b: Any, n: str) -> Any:
        rule = held[n]
        total: Any = sum(
            (1 - (site.clean[name][t] if rule.grid_counts else 0)) * b.imported[name, t]
            for name, t in b.imported
        )
        for asset in site.assets:
            name = asset.technology
            if asset.is_storage and not rule.hourly:
                total = total - sum(b.charge[name, t] - b.discharge[name, t] for t in hours)
            elif not asset.is_storage and asset.co2_t_per_mwh > 0:
                total = total + sum(b.generation[name, t] for t in hours)
        for contract in site.deliveries:
            if not rule.counts(contract, site.market):
                total = total + sum(b.delivery[contract.contract, t] for t in hours)
        if not rule.hourly and rule.exports_count:
            total = total - sum(exported(b, t) for t in hours)
        quota = link[links.unmatched(rule), p]
        if n in owing:
            quota = quota - link[links.owed(rule), p]
        return total <= 1000 * quota

    block.unmatched_within_quota = pyo.Constraint(list(held), rule=unmatched)
    block.excess_within_quota = pyo.Constraint(
        selling,
        rule=lambda b, n: (
            sum(exported(b, t) for t in hours) <= 1000 * link[links.excess(held[n]), p]
        ),
    )


def running_cost(
    block: pyo.Block, case: Case, site: Site, period: Period, hours: list[int], carbon: float
) -> Any:
    """What is paid for energy as it is taken [k$]; ``carbon`` is the price of CO2 by location."""
    cost: Any = 0.0
    for contract in site.deliveries:
        n, price = contract.contract, contract.price[period.index]
        paid = price if contract.take_share < 1 else 0.0
        cost = cost + sum(
            (paid + contract.adder + carbon * site.grid_co2[t]) * block.delivery[n, t]
            for t in hours
        )
        if contract.take_share < 1:
            cost = cost + price * block.not_taken[n]
    return cost
