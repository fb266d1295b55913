"""Import, export and bills of the plain program: each rule of a tariff, month by month."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo

from optimizer.model.blocks import links
from optimizer.preparing import ratchets
from optimizer.preparing.calendar import Period
from optimizer.preparing.case import Case, Site
from optimizer.preparing.tariffs import Charge, Tariff, Tier
from optimizer.tables.tariffs import COINCIDENT, CONTRACT, DEMAND, ENERGY

ROWS = (
    "metered_at_least_use", "metered_within_peak", "billed_demand", "above_tier", "cheaper_tier",
    "minimum_bill", "net_billing",
)  # fmt: skip
"""Names of the rows of the bills."""


def add_trade(block: pyo.Block, site: Site, hours: list[int], link: Any, p: int) -> None:
    """``imported`` and ``exported`` under each tariff, within its service."""
    names = [t.tariff for t in site.tariffs] if site.offers else []
    block.imported = pyo.Var(names, hours, domain=pyo.NonNegativeReals)
    block.exported = pyo.Var(names, hours, domain=pyo.NonNegativeReals)
    tariffs = {t.tariff: t for t in site.tariffs}

    def service(b: Any, name: str, t: int) -> Any:
        tariff = tariffs[name]
        flexible = sum(
            link[links.under(site, links.flexible(o), tariff), p] * (1 - o.cut[t])
            for o in site.offers
        )
        shed = sum(
            link[links.under(site, links.shed(o), tariff), p] * o.shed[t]
            for o in site.offers
            if o.sheds_firm
        )
        firm = link[links.under(site, links.FIRM, tariff), p] - shed
        return b.imported[name, t] <= firm + flexible

    def export(b: Any, name: str, t: int) -> Any:
        if not site.sells_energy:
            return b.exported[name, t] <= 0
        return b.exported[name, t] <= link[links.under(site, links.EXPORT, tariffs[name]), p]

    block.import_within_service = pyo.Constraint(names, hours, rule=service)
    block.export_within_limit = pyo.Constraint(names, hours, rule=export)


def imported(block: pyo.Block, t: int) -> Any:
    """What is bought in an hour, under whichever tariff."""
    return sum(block.imported[n, t] for n in sorted({name for name, _ in block.imported}))


def exported(block: pyo.Block, t: int) -> Any:
    """What is sold in an hour."""
    return sum(block.exported[n, t] for n in sorted({name for name, _ in block.exported}))


def net_import(block: pyo.Block, t: int) -> Any:
    """What flows in less what flows out in an hour."""
    return imported(block, t) - exported(block, t)


def grid_tons(block: pyo.Block, site: Site, hours: list[int]) -> Any:
    """CO2 of imported energy [t]."""
    return pyo.quicksum(
        tariff.co2[t] * block.imported[tariff.tariff, t]
        for tariff in (site.tariffs if site.offers else ())
        for t in hours
    )


def trade_cost(block: pyo.Block, case: Case, site: Site, period: Period, link: Any) -> Any:
    """Bills of all tariffs in a pass, their tax included, less what export earns [k$]."""
    block.quantity = pyo.VarList(domain=pyo.NonNegativeReals)
    for name in ROWS:
        block.add_component(name, pyo.ConstraintList())
    return pyo.quicksum(
        (1 + tariff.growth) ** (period.year - int(case.inputs.setting("money_year")))
        * _Bill(block, case, site, tariff, period, link).cost()
        for tariff in (site.tariffs if site.offers else ())
    )


class _Bill:
    """The bill of one tariff in money of the money year; positions are months of the pass."""

    def __init__(
        self, block: pyo.Block, case: Case, site: Site, tariff: Tariff, period: Period, link: Any
    ) -> None:
        self.block, self.case, self.site, self.tariff = block, case, site, tariff
        self.period, self.p, self.link = period, period.index, link
        self.hours = [int(h) for h in period.hours]
        self.month = dict(zip(self.hours, tariff.clock.months_in(period.hours), strict=True))
        self.price = dict(zip(self.hours, tariff.price_in(period.hours), strict=True))
        self.earned = dict(zip(self.hours, tariff.earned_in(period.hours), strict=True))
        self.months = sorted({int(m) for m in self.month.values()})
        self.billed: dict[tuple[str, int], Any] = {}

    def _at(self, name: str) -> Any:
        return self.link[name, self.p]

    def _bought(self, t: int) -> Any:
        return self.block.imported[self.tariff.tariff, t]

    def _used(self, t: int) -> Any:
        """What flows in through the meter: deliveries by contract too."""
        delivered = (self.block.delivery[c.contract, t] for c in self.site.deliveries)
        return self._bought(t) + sum(delivered)

    def _others(self) -> Any:
        """Service under the other tariffs, which relaxes the rows of one not chosen."""
        names = {n for o in self.site.tariffs if o is not self.tariff
                 for n in links.service(self.site, o)}  # fmt: skip
        return sum(self._at(name) for name in sorted(names))

    def _contract(self) -> Any:
        basis = links.contract_basis(self.case, self.site, self.tariff)
        return sum(self._at(name) for name in basis)

    def cost(self) -> Any:
        """Charges with tax, less credits."""
        tax, total = 1 + self.tariff.tax, 0.0
        for charge in self.tariff.of_kind(DEMAND):
            self._demand(charge)
        for k, month in enumerate(self.months):
            here = [t for t in self.hours if self.month[t] == month]
            energy = pyo.quicksum(self.price[t] * self._bought(t) for t in here)
            above = self._energy_tiers(k, month, here)
            charges = energy + above + self._demand_money(k, month) + self._coincident(month)
            credit, topup = self._credit(here, above), 0.0
            least = float(self.tariff.minimum[month] - self.tariff.fixed[month])
            if least > 0:
                topup = self.block.quantity.add()
                self.block.minimum_bill.add(
                    topup >= least * self._at(links.taken(self.tariff)) - charges + credit
                )
            total = total + tax * charges + topup - credit
        return total

    def _demand(self, charge: Charge) -> None:
        rows, peak = self.block.billed_demand, {}
        for k, month in enumerate(self.months):
            peak[k] = self.block.quantity.add()
            for t in self.hours:
                if self.month[t] == month and charge.within[t]:
                    self.block.metered_at_least_use.add(peak[k] >= self._used(t) - self._others())
        for k, month in enumerate(self.months):
            if k < ratchets.peak_positions(charge, self.case.periods):
                in_season = month in charge.season or month in charge.months
                if in_season:
                    self.block.metered_within_peak.add(
                        peak[k] <= self._at(links.peak(self.tariff, charge, k))
                    )
            if month not in charge.months:
                continue
            billed = self.billed[charge.name, k] = self.block.quantity.add()
            rows.add(billed >= peak[k])
            for i in ratchets.within(charge, self.months, k):
                rows.add(billed >= charge.ratchet_share * peak[i])
            short = self.period.months < ratchets.YEAR
            if short and k < ratchets.floor_positions(charge, self.case.periods):
                floor = self._at(links.floor(self.tariff, charge, k))
                rows.add(billed >= charge.ratchet_share * floor)
            if charge.minimum_share:
                rows.add(billed >= charge.minimum_share * self._contract())

    def _demand_money(self, k: int, month: int) -> Any:
        money = 0.0
        for charge in self.tariff.of_kind(DEMAND):
            if month in charge.months:
                billed = self.billed[charge.name, k]
                money = money + charge.price * billed
                taken = self._at(links.taken(self.tariff))
                for number, tier in enumerate(charge.tiers, 2):
                    if tier.rise < 0:
                        money = money + self._cheaper(charge, tier, number, k, billed, 1, taken)
                    else:
                        money = money + self._over(billed, tier.above * taken, tier.rise)
        return money

    def _over(self, used: Any, begin: Any, rise: float) -> Any:
        """Money of what is above where a tier begins."""
        above = self.block.quantity.add()
        self.block.above_tier.add(above >= used - begin)
        return rise * above

    def _cheaper(
        self, charge: Charge, tier: Tier, number: int, k: int, used: Any, hours: int, size: Any
    ) -> Any:
        """Money of a tier that is cheaper: less for what is above, more for what is missing."""
        above, missing = self.block.quantity.add(), self.block.quantity.add()
        unreached = self._at(links.unreached(self.tariff, charge, number, k))
        self.block.cheaper_tier.add(
            above <= hours * self._at(links.above(self.tariff, charge, number, k))
        )
        self.block.cheaper_tier.add(above - missing <= used - tier.above * (size - unreached))
        return tier.rise * (above - missing)

    def _energy_tiers(self, k: int, month: int, here: list[int]) -> Any:
        money = 0.0
        for charge in self.tariff.of_kind(ENERGY):
            if month in charge.months:
                inside = [t for t in here if charge.within[t]]
                used = sum(self._bought(t) for t in inside)
                for number, tier in enumerate(charge.tiers, 2):
                    size = self._at(links.taken(self.tariff)) if not tier.hours else 0.0
                    if tier.hours and charge.hours_of == CONTRACT:
                        size = self._contract()
                    elif tier.hours:
                        size = sum(
                            v for (name, at), v in self.billed.items()
                            if at == k and name.split(" / ")[0] == charge.hours_of
                        )  # fmt: skip
                    if tier.rise < 0:
                        hours = len(inside)
                        money = money + self._cheaper(charge, tier, number, k, used, hours, size)
                    else:
                        money = money + self._over(used, tier.above * size, tier.rise)
        return money

    def _coincident(self, month: int) -> Any:
        money, known = 0.0, set(self.hours)
        for charge in self.tariff.of_kind(COINCIDENT):
            for event in charge.events:
                if event.month != month or int(event.hours[0]) not in known:
                    continue
                billed = self.block.quantity.add()
                for t in event.hours:
                    self.block.metered_at_least_use.add(
                        billed >= self._used(int(t)) - self._others()
                    )
                if charge.minimum_share:
                    self.block.billed_demand.add(billed >= charge.minimum_share * self._contract())
                money = money + event.rate * billed
        return money

    def _credit(self, here: list[int], above: Any) -> Any:
        if not self.site.sells_energy:
            return 0.0
        sold = self.block.exported
        worth = pyo.quicksum(self.earned[t] * sold[self.tariff.tariff, t] for t in here)
        if not self.tariff.net_billing:
            return worth
        credit = self.block.quantity.add()
        self.block.net_billing.add(credit <= worth)
        self.block.net_billing.add(
            credit
            <= pyo.quicksum(float(np.maximum(self.price[t], 0.0)) * self._bought(t) for t in here)
            + above
        )
        return credit
