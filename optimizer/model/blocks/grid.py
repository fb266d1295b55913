"""Import and export at hourly prices."""

from __future__ import annotations

import numpy as np

from optimizer.model.blocks import links
from optimizer.model.blocks.assembly import Assembly
from optimizer.preparing.calendar import Period
from optimizer.preparing.case import Case, Site


def growth(case: Case, yearly: float, period: Period) -> float:
    """Factor of a real price that grows from the money year."""
    money_year = int(case.inputs.setting("money_year"))
    return float((1.0 + yearly) ** (period.year - money_year))


def carbon_price(case: Case, period: Period, *, onsite: bool) -> float:
    """CO2 price on emissions of this scope [k$/t]."""
    counts = onsite or case.co2_price_scope == "total"
    return float(case.co2_price[period.index]) if counts else 0.0


def service(site: Site, hours: np.ndarray) -> dict[str, np.ndarray | float]:
    """What the connection carries in each hour, as value x link."""
    carried: dict[str, np.ndarray | float] = {links.FIRM: 1.0}
    for offer in site.offers:
        carried[links.flexible(offer)] = 1.0 - offer.cut[hours]
        if offer.sheds_firm:
            carried[links.shed(offer)] = -offer.shed[hours]
    return carried


def add(block: Assembly, case: Case, site: Site, balance: np.ndarray) -> None:
    """import <= firm * (1 - shed(t)) + flexible * (1 - cut(t)); export <= export_mw."""
    if not site.offers:
        return
    hours = block.hours
    price, co2 = site.price[hours], site.grid_co2[hours]

    def import_cost(period: Period) -> np.ndarray:
        grown = price * growth(case, site.price_growth, period)
        return np.asarray(grown + co2 * carbon_price(case, period, onsite=False))

    taken = block.columns("import", service(site, hours), import_cost)
    block.add(balance, taken, 1.0)
    block.measure("co2_grid", taken, co2)
    block.meter.append((site.tariff.tariff, taken))
    if site.sells_energy:

        def export_cost(period: Period) -> np.ndarray:
            grown = price * growth(case, site.price_growth, period)
            return np.asarray(-np.maximum(grown, 0.0) * site.export_share)

        sold = block.columns("export", {links.EXPORT: 1.0}, export_cost)
        block.add(balance, sold, -1.0)
