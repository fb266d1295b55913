"""Carbon-free matching within a pass: what is not matched stays within the plan's quota.

Hourly: sum of (1 - clean(t)) * import(t), of deliveries that do not count, and of generation
with CO2 <= quota. Annual: less the losses of storage and, if they count, exports; by the hourly
balance this is served energy less clean energy after curtailment. What a pass may claim from
others is its quota; what it owes them, by clean energy beyond its own load, is subtracted.
"""

from __future__ import annotations

import numpy as np

from optimizer.model.blocks import links
from optimizer.model.blocks.assembly import Assembly
from optimizer.preparing.calendar import Period
from optimizer.preparing.case import Case, Site
from optimizer.preparing.contracts import Rule

MWH_PER_LINK = 1000.0


def add(block: Assembly, case: Case, site: Site) -> None:
    """A row for each target that holds for the site, and one for its limit on exports."""
    for rule in links.rules(case, site):
        _match(block, case, site, rule)
        if links.limits_excess(rule, site):
            row = block.rows(
                f"excess_within_quota:{rule.rule}", {links.excess(rule): MWH_PER_LINK}, count=1,
                equality=False,
            )  # fmt: skip
            for name in _exports(block):
                block.add(row, _columns(block, name), 1.0)


def _match(block: Assembly, case: Case, site: Site, rule: Rule) -> None:
    owes = links.may_owe(rule, site)
    sides = {links.unmatched(rule): MWH_PER_LINK}
    if owes:
        sides[links.owed(rule)] = -MWH_PER_LINK
    row = block.rows(f"unmatched_within_quota:{rule.rule}", sides, count=1, equality=False)
    for name, share in shares(block, site, rule).items():
        columns = _columns(block, name)
        block.add(row, columns, share)
    if owes:
        price = np.full(1, case.unserved_price)

        def dear(period: Period) -> np.ndarray:
            return price

        short = block.columns(links.short_of(rule), {links.owed(rule): MWH_PER_LINK}, dear, count=1)
        block.add(row, short, -1.0)


def shares(block: Assembly, site: Site, rule: Rule) -> dict[str, np.ndarray | float]:
    """By group of columns, what part of a MWh is not matched; below 0 what adds to clean energy."""
    found: dict[str, np.ndarray | float] = {}
    for tariff, columns in block.meter:
        if tariff:
            name = next(n for n, part in block.groups.items() if part.start == columns[0])
            found[name] = 1.0 - site.clean[tariff][block.hours] if rule.grid_counts else 1.0
    for contract in site.deliveries:
        if not rule.counts(contract, site.market):
            found[f"delivery:{contract.contract}"] = 1.0
    for asset in site.assets:
        if asset.is_storage:
            if not rule.hourly:
                found[f"charge:{asset.technology}"] = -1.0
                found[f"discharge:{asset.technology}"] = 1.0
        elif asset.co2_t_per_mwh > 0:
            found[f"generation:{asset.technology}"] = 1.0
    if not rule.hourly and rule.exports_count:
        found |= dict.fromkeys(_exports(block), -1.0)
    return found


def _exports(block: Assembly) -> list[str]:
    """Groups of exported energy, one a tariff."""
    return [n for n in block.groups if n.split(":")[0] == "export"]


def _columns(block: Assembly, name: str) -> np.ndarray:
    part = block.groups[name]
    return np.arange(part.start, part.stop)
