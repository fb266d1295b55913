"""What of a written plan its hours are run with again."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from optimizer.model import blocks
from optimizer.model.blocks import links, matching
from optimizer.model.parts.tariffs import fixed_charges
from optimizer.preparing.calendar import HOURS_PER_YEAR, Period
from optimizer.preparing.case import Case, Site
from optimizer.preparing.contracts import Rule
from optimizer.preparing.tariffs import Tariff

QUOTA_SLACK = 1e-7
"""By how much a quota is above what the plan says it uses, which is rounded."""


NOT_READ = {
    links.PEAK: "the ratchet over earlier periods of tariff",
    links.FLOOR: "the ratchet over earlier periods of tariff",
    links.ABOVE: "the falling tier of tariff",
    links.UNREACHED: "the falling tier of tariff",
}
"""Quantities of a block that are not read, by how their names begin."""


class UnknownError(Exception):
    """A block depends on a quantity that is not read from the tables; its name."""


def links_of_plan(
    case: Case, site: Site, period: Period, tables: dict[str, pd.DataFrame]
) -> np.ndarray:
    """Links of an operating block, from the written tables alone, in their order."""

    placed, stands, grid, ran = (
        _here(tables[name], site, period)
        for name in ("placement", "capacity", "interconnection", "operation")
    )
    signed = _signed(site, period, tables)
    generators = [a.technology for a in site.assets if not a.is_storage]

    def total(table: pd.DataFrame, by: str, name: str, column: str) -> float:
        return float(table.loc[table[by] == name, column].sum())

    def measured(metric: str, names: list[str]) -> float:
        rows = ran[(ran["metric"] == metric) & ran["technology"].isin(names)]
        return float(rows["value"].sum()) * (1 + QUOTA_SLACK)

    found = {links.load(w): total(placed, "workload", w, "it_mw") for w in case.workloads}
    for asset in site.assets:
        found[links.power(asset)] = total(stands, "technology", asset.technology, "standing_mw")
        if asset.is_storage:
            energy = total(stands, "technology", asset.technology, "standing_mwh")
            found[links.energy(asset)] = energy
    found[links.FIRM], found[links.EXPORT] = (
        float(grid[column].sum()) for column in ("firm_mw", "export_mw")
    )
    for offer in site.offers:
        found[links.flexible(offer)] = total(grid, "offer", offer.offer, "flexible_mw")
        found[links.shed(offer)] = total(grid, "offer", offer.offer, "firm_mw")
    found |= _agreed(site, period, tables, found)
    tariff = tariff_taken(site, period, tables)
    for each in site.tariffs:
        found[links.taken(each)] = float(each is tariff)
    for name in links.split(list(found), site):
        under = {links.under(site, name, t): found[name] * (t is tariff) for t in site.tariffs}
        found |= under
    for offered in site.deliveries:
        found[links.contract(offered)] = signed.get(offered.contract, 0.0)
    counted = [*generators, *(["grid"] if case.co2_scope == "total" else [])]
    found[links.CO2] = measured("co2_t", counted) / blocks.T_PER_LINK
    found[links.WATER] = measured("water_m3", generators) / blocks.M3_PER_LINK
    for rule in links.rules(case, site):
        found |= _quotas(site, rule, ran)
    names = links.names(case, site)
    unknown = [name for name in names if name not in found]
    if unknown:
        raise UnknownError(_said(unknown[0]))
    return np.array([found[name] for name in names])


def _here(table: pd.DataFrame, site: Site, period: Period) -> pd.DataFrame:
    """Rows of a site in a period."""
    return table[(table["site"] == site.site) & (table["period"] == period.name)]


def tariff_taken(site: Site, period: Period, tables: dict[str, pd.DataFrame]) -> Tariff | None:
    """The tariff that a site is connected under in a period; None while it is not connected."""
    grid, bills = (_here(tables[name], site, period) for name in ("interconnection", "bills"))
    if not grid["connected"].astype(float).any():
        return None
    names = {str(name) for name in bills["tariff"]}
    return next((t for t in site.tariffs if t.tariff in names), site.tariff)


def _agreed(
    site: Site, period: Period, tables: dict[str, pd.DataFrame], found: dict[str, float]
) -> dict[str, float]:
    """MW in force under each service agreement of a site, and those that none bills."""
    if not site.agreements:
        return {}
    here = _here(tables["agreements"], site, period)
    made: dict[str, float] = {}
    for offer in site.offers:
        for agreement in offer.agreements:
            mine = here[(here["offer"] == offer.offer) & (here["agreement"] == agreement.agreement)]
            made[links.ramped(agreement)] = float(mine["ramped_mw"].sum())
            made[links.minimum(agreement)] = float(mine["owed_mw"].sum())
    unsigned = sum(
        found[links.flexible(o)] + found[links.shed(o)] for o in site.offers if not o.agreements
    )
    unbilled = sum(made[links.ramped(a)] for a in site.agreements if not a.bills_demand)
    signed = sum(made[links.ramped(a)] for a in site.agreements)
    return made | {links.CONTRACT: signed + unsigned, links.FREE: unsigned + unbilled}


def _quotas(site: Site, rule: Rule, ran: pd.DataFrame) -> dict[str, float]:
    """What a pass leaves unmatched under a carbon-free target, owes to others, and exports [GWh].

    The same sums as the rows of ``optimizer.model.blocks.matching``, of what the plan runs.
    """
    sums = ran.groupby(["technology", "metric"])["value"].sum()

    def energy(names: Iterable[str], metric: str) -> float:
        return sum(float(sums.get((name, metric), 0.0)) for name in names)

    exported = energy(["grid"], "export_mwh")
    fired = [a.technology for a in site.assets if not a.is_storage and a.co2_t_per_mwh > 0]
    brown = [c.contract for c in site.deliveries if not rule.counts(c, site.market)]
    left = energy(["grid"], "import_mwh") + energy(fired, "generation_mwh")
    left += energy(brown, "delivered_mwh")
    if rule.grid_counts:
        left -= energy(["grid"], "clean_mwh")
    if not rule.hourly:
        stores = [a.technology for a in site.assets if a.is_storage]
        left += energy(stores, "discharge_mwh") - energy(stores, "charge_mwh")
        left -= exported if rule.exports_count else 0.0
    slack = QUOTA_SLACK * energy(["load"], "facility_mwh")
    return {
        links.unmatched(rule): (max(left, 0.0) + slack) / matching.MWH_PER_LINK,
        links.owed(rule): max(-left - slack, 0.0) / matching.MWH_PER_LINK,
        links.excess(rule): (exported + slack) / matching.MWH_PER_LINK,
    }


def _said(link: str) -> str:
    """What a quantity that is not read is called, in the words of the input."""
    kind, mark, name = link.partition(":")
    return f"{NOT_READ[kind + mark]} {name.split(':')[0]}" if kind + mark in NOT_READ else link


def money_due(case: Case, site: Site, period: Period, tables: dict[str, pd.DataFrame]) -> float:
    """What one pass of a site costs whatever runs [k$]: its contracts, the tax on fixed charges.

    Fixed charges themselves are no cost of operation.
    """
    due, tariff = money_of_contracts(site, period, tables), tariff_taken(site, period, tables)
    if tariff is not None and tariff.tax:
        due += tariff.tax * fixed_charges(case, tariff, period)
    return due


def money_of_contracts(site: Site, period: Period, tables: dict[str, pd.DataFrame]) -> float:
    """What the contracts of a site cost in one pass whatever runs [k$].

    Energy that must all be paid for, and what financial contracts settle.
    """
    mw = _signed(site, period, tables)
    each = {
        c.contract: c.price[period.index] * c.energy[period.index] if c.delivers else
        c.settlement[period.index]
        for c in site.contracts
        if not c.delivers or c.take_share == 1
    }  # fmt: skip
    return float(sum(cost * mw.get(name, 0.0) for name, cost in each.items()))


def _signed(site: Site, period: Period, tables: dict[str, pd.DataFrame]) -> dict[str, float]:
    """Standing MW by contract; a plan that was offered none has no table of them."""
    if not site.contracts:
        return {}
    here = _here(tables["contracts"], site, period)
    return dict(zip(here["contract"], here["standing_mw"].astype(float), strict=True))


def last_year(case: Case) -> list[Period]:
    """Periods of the last calendar year that the plan operates in full, else of the last one."""
    groups = list(case.groups)
    full = [g for g in groups if case.group_hours(g) >= HOURS_PER_YEAR]
    return [case.periods[p] for p in case.groups[(full or groups)[-1]]]
