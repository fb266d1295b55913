"""Import and export at hourly prices, under each tariff that a site may choose."""

from __future__ import annotations

import numpy as np

from optimizer.model.blocks import links
from optimizer.model.blocks.assembly import Assembly
from optimizer.preparing.calendar import HOURS_PER_YEAR, Period
from optimizer.preparing.case import Case, Site
from optimizer.preparing.tariffs import Tariff
from optimizer.tables.tariffs import COINCIDENT


def growth(case: Case, yearly: float, period: Period) -> float:
    """Factor of a real price that grows from the money year."""
    money_year = int(case.inputs.setting("money_year"))
    return float((1.0 + yearly) ** (period.year - money_year))


def carbon_price(case: Case, period: Period, *, onsite: bool) -> float:
    """CO2 price on emissions of this scope [k$/t]."""
    counts = onsite or case.co2_price_scope == "total"
    return float(case.co2_price[period.index]) if counts else 0.0


def group(site: Site, name: str, tariff: Tariff) -> str:
    """Name of columns of a tariff: with its own name where a site has several."""
    return links.under(site, name, tariff)


def peak_price(site: Site, tariff: Tariff) -> np.ndarray:
    """What import costs more in hours that are by themselves a system's peak [k$/MWh].

    Such a charge needs no column of its own: its quantity is the use of one known hour.
    """
    found = np.zeros(HOURS_PER_YEAR)
    if not tariff.minimum.any() and (len(site.tariffs) == 1 or not site.deliveries):
        for charge in tariff.of_kind(COINCIDENT):
            if not charge.minimum_share:
                for event in charge.events:
                    if len(event.hours) == 1:
                        found[event.hours] += event.rate
    return found


def add(block: Assembly, case: Case, site: Site, balance: np.ndarray) -> None:
    """import <= firm * (1 - shed(t)) + flexible * (1 - cut(t)); export <= export_mw.

    Each is under its tariff. The service under a tariff that is not chosen is 0.
    """
    for tariff in site.tariffs if site.offers else ():
        _trade(block, case, site, tariff, balance)


def _trade(block: Assembly, case: Case, site: Site, tariff: Tariff, balance: np.ndarray) -> None:
    hours = block.hours
    price = (tariff.price_in(hours) + peak_price(site, tariff)[hours]) * (1.0 + tariff.tax)
    co2 = tariff.co2[hours]

    def import_cost(period: Period) -> np.ndarray:
        grown = price * growth(case, tariff.growth, period)
        return np.asarray(grown + co2 * carbon_price(case, period, onsite=False))

    taken = block.columns(
        group(site, "import", tariff), links.service(site, tariff, hours), import_cost
    )
    block.add(balance, taken, 1.0)
    block.measure("co2_grid", taken, co2)
    block.meter.append((tariff.tariff, taken))
    if site.sells_energy:
        # Under net billing a month's credit is what earns (see charges), not each MWh.
        earned = tariff.earned_in(hours) * (0.0 if tariff.net_billing else 1.0)

        def export_cost(period: Period) -> np.ndarray:
            return np.asarray(-earned * growth(case, tariff.growth, period))

        sold = block.columns(
            group(site, "export", tariff),
            {links.under(site, links.EXPORT, tariff): 1.0},
            export_cost,
        )
        block.add(balance, sold, -1.0)
