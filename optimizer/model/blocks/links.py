"""Names of the quantities by which the plan enters an operating block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from optimizer.preparing import ratchets
from optimizer.preparing.agreements import Agreement
from optimizer.preparing.calendar import Period, months_of_pass
from optimizer.preparing.case import Asset, Case, Offer, Site
from optimizer.preparing.contracts import Contract, Rule
from optimizer.preparing.tariffs import Charge, Tariff

FIRM = "firm_mw"
CONTRACT = "contract_mw"
"""Ramped contract MW of a site with service agreements; MW taken under an offer without one."""
FREE = "free_mw"
"""MW that no agreement bills the peak of, at a site where one does."""
EXPORT = "export_mw"
CO2 = "co2_kt"
WATER = "water_1000m3"
TAKEN, PEAK, FLOOR = "taken:", "peak_mw:", "floor_mw:"
ABOVE, UNREACHED = "above_mw:", "unreached:"
OWED = (CONTRACT, "owed_mw:", "ppa_mw:", TAKEN, FLOOR)
"""How the names of links begin that cost money although nothing runs."""


def load(workload: str) -> str:
    """Placed MW of a workload."""
    return f"it_mw:{workload}"


def power(asset: Asset) -> str:
    """Standing MW of an asset."""
    return f"mw:{asset.technology}"


def energy(asset: Asset) -> str:
    """Standing MWh of a storage."""
    return f"mwh:{asset.technology}"


def flexible(offer: Offer) -> str:
    """Flexible MW of an offer; each offer is curtailed in hours of its own."""
    return f"flexible_mw:{offer.offer}"


def contract(offered: Contract) -> str:
    """Standing MW of a contract that delivers."""
    return f"ppa_mw:{offered.contract}"


def unmatched(rule: Rule) -> str:
    """GWh that a pass may leave unmatched."""
    return f"unmatched_gwh:{rule.rule}"


def owed(rule: Rule) -> str:
    """GWh of clean energy beyond its own load that a pass owes to others."""
    return f"owed_gwh:{rule.rule}"


def excess(rule: Rule) -> str:
    """GWh that a pass may export."""
    return f"excess_gwh:{rule.rule}"


def short_of(rule: Rule) -> str:
    """The column of a block that says what it owes and does not have."""
    return f"unmatched:{rule.rule}"


MATCHED = ("unmatched_gwh:", "excess_gwh:")
"""How the names of links begin that are shares of a carbon-free target."""
DEMANDS = ("it_mw:", "owed_gwh:")
"""How the names of links begin that are asked of a block: less is never worse."""


def rules(case: Case, site: Site) -> tuple[Rule, ...]:
    """Carbon-free targets that hold for a site."""
    return tuple(r for r in case.rules if site.site in r.sites)


def may_owe(rule: Rule, site: Site) -> bool:
    """Whether the clean energy of a pass can exceed what it serves."""
    exports = rule.exports_count and site.sells_energy
    return not rule.hourly and (exports or any(a.is_storage for a in site.assets))


def limits_excess(rule: Rule, site: Site) -> bool:
    """Whether a target limits what the site exports."""
    return bool(rule.excess) and site.sells_energy


def shed(offer: Offer) -> str:
    """Firm MW of an offer that is cut in an emergency."""
    return f"shed_mw:{offer.offer}"


def ramped(agreement: Agreement) -> str:
    """Ramped contract MW of an agreement."""
    return f"{CONTRACT}:{agreement.key}"


def minimum(agreement: Agreement) -> str:
    """Ramped contract MW of an agreement within its term, on which the minimum is owed."""
    return f"owed_mw:{agreement.key}"


def taken(tariff: Tariff) -> str:
    """1 while a site is connected under a tariff, else 0."""
    return f"{TAKEN}{tariff.tariff}"


def peak(tariff: Tariff, charge: Charge, position: int) -> str:
    """Highest metered MW of a month of the period, which a later period's ratchet looks at."""
    return f"{PEAK}{tariff.tariff}:{charge.name}:{position}"


def floor(tariff: Tariff, charge: Charge, position: int) -> str:
    """Metered MW of earlier periods that a ratchet of a month of the period looks at."""
    return f"{FLOOR}{tariff.tariff}:{charge.name}:{position}"


def above(tariff: Tariff, charge: Charge, number: int, position: int) -> str:
    """Most MW by which a month of the period may be above where a cheaper tier begins."""
    return f"{ABOVE}{tariff.tariff}:{charge.name}:{number}:{position}"


def unreached(tariff: Tariff, charge: Charge, number: int, position: int) -> str:
    """Most of what a cheaper tier is counted for (1, or MW) in a month that does not reach it."""
    return f"{UNREACHED}{tariff.tariff}:{charge.name}:{number}:{position}"


def tier_positions(periods: Sequence[Period]) -> int:
    """How many months the longest pass has, each with a tier of its own to reach."""
    return max(len(months_of_pass(period)) for period in periods)


def under(site: Site, name: str, tariff: Tariff) -> str:
    """A link of the connection as far as it is under a tariff: all of it where there is one."""
    return name if len(site.tariffs) == 1 else f"{name}:{tariff.tariff}"


def service(
    site: Site, tariff: Tariff | None, hours: np.ndarray | None = None
) -> dict[str, np.ndarray | float]:
    """MW that the connection carries, of a tariff or of all; without hours the most of any hour."""

    def name(link: str) -> str:
        return link if tariff is None else under(site, link, tariff)

    found: dict[str, np.ndarray | float] = {name(FIRM): 1.0}
    for offer in site.offers:
        found[name(flexible(offer))] = 1.0 if hours is None else 1.0 - offer.cut[hours]
        if hours is not None and offer.sheds_firm:
            found[name(shed(offer))] = -offer.shed[hours]
    return found


def contract_basis(case: Case, site: Site, tariff: Tariff | None = None) -> list[str]:
    """Links whose sum is the contract MW; of a tariff, as far as it is under it."""
    whole = [CONTRACT] if CONTRACT in names(case, site) else list(_service(site))
    return whole if tariff is None else [under(site, name, tariff) for name in whole]


def _service(site: Site) -> Iterator[str]:
    yield FIRM
    yield from (flexible(offer) for offer in site.offers)


def split(links: list[str], site: Site) -> list[str]:
    """Links of the connection that are split among the tariffs of a site."""
    if len(site.tariffs) == 1 or not site.offers:
        return []
    sheds = [shed(offer) for offer in site.offers]
    return [name for name in (*_service(site), *sheds, EXPORT, CONTRACT) if name in links]


def _billing(case: Case, site: Site) -> Iterator[str]:
    """What the bills of a site depend on beside the connection."""
    for tariff in site.tariffs if site.offers else ():
        if tariff.is_billed:
            yield taken(tariff)
        for charge in tariff.charges:
            for position in range(ratchets.peak_positions(charge, case.periods)):
                yield peak(tariff, charge, position)
            for position in range(ratchets.floor_positions(charge, case.periods)):
                yield floor(tariff, charge, position)
            for number, _ in charge.falls:
                for position in range(tier_positions(case.periods)):
                    yield above(tariff, charge, number, position)
                    yield unreached(tariff, charge, number, position)


def limits_co2(case: Case) -> bool:
    """Whether blocks share a CO2 cap."""
    return bool(case.co2_caps)


def limits_water(site: Site) -> bool:
    """Whether the dispatch of a site competes for water."""
    limited = site.water_limit_m3 == site.water_limit_m3  # not NaN
    return limited and any(a.water_m3_per_mwh > 0 for a in site.assets)


def some_are_free(site: Site) -> bool:
    """Whether peaks are billed under some agreements, and others or other offers bill none."""
    billed = [a.bills_demand for a in site.agreements]
    return any(billed) and not (all(billed) and all(o.agreements for o in site.offers))


def names(case: Case, site: Site) -> tuple[str, ...]:
    """All links of a site's blocks, in order."""
    links = [load(w) for w in case.workloads]
    for asset in site.assets:
        links.append(power(asset))
        if asset.is_storage:
            links.append(energy(asset))
    if site.offers:
        links.append(FIRM)
        links += [flexible(offer) for offer in site.offers]
        links += [shed(offer) for offer in site.offers if offer.sheds_firm]
        if site.sells_energy:
            links.append(EXPORT)
    links += [contract(c) for c in site.deliveries]
    if site.agreements:
        links.append(CONTRACT)
        links += [name for a in site.agreements for name in (ramped(a), minimum(a))]
        if some_are_free(site):
            links.append(FREE)
    links += [under(site, name, t) for name in split(links, site) for t in site.tariffs]
    links += _billing(case, site)
    if limits_co2(case):
        links.append(CO2)
    if limits_water(site):
        links.append(WATER)
    for rule in rules(case, site):
        links.append(unmatched(rule))
        if may_owe(rule, site):
            links.append(owed(rule))
        if limits_excess(rule, site):
            links.append(excess(rule))
    return tuple(links)
