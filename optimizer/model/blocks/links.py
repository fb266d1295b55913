"""Names of the quantities by which the plan enters an operating block."""

from __future__ import annotations

from optimizer.preparing.agreements import Agreement
from optimizer.preparing.case import Asset, Case, Offer, Site

FIRM = "firm_mw"
CONTRACT = "contract_mw"
"""Ramped contract MW of a site with service agreements; MW taken under an offer without one."""
FREE = "free_mw"
"""MW that no agreement bills the peak of, at a site where one does."""
EXPORT = "export_mw"
CO2 = "co2_kt"
WATER = "water_1000m3"
OWED = (CONTRACT, "owed_mw:", "ppa_mw:")
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


def shed(offer: Offer) -> str:
    """Firm MW of an offer that is cut in an emergency."""
    return f"shed_mw:{offer.offer}"


def contract(agreement: Agreement) -> str:
    """Ramped contract MW of an agreement."""
    return f"{CONTRACT}:{agreement.key}"


def owed(agreement: Agreement) -> str:
    """Ramped contract MW of an agreement within its term, on which the minimum is owed."""
    return f"owed_mw:{agreement.key}"


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
    if site.agreements:
        links.append(CONTRACT)
        links += [name for a in site.agreements for name in (contract(a), owed(a))]
        if some_are_free(site):
            links.append(FREE)
    if limits_co2(case):
        links.append(CO2)
    if limits_water(site):
        links.append(WATER)
    return tuple(links)
