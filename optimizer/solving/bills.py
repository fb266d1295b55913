"""The bills of a plan, month by month, from what flows through the meter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from optimizer.model.blocks.grid import growth
from optimizer.preparing import ratchets
from optimizer.preparing.calendar import Period
from optimizer.preparing.case import Case, Site
from optimizer.preparing.tariffs import Charge, Tariff
from optimizer.tables.tariffs import COINCIDENT, CONTRACT, DEMAND, ENERGY, FIXED, MINIMUM

USD, KW = 1e3, 1e3
BASE, EXPORT, TAX = "energy price", "export", "tax"
CATEGORY = {
    ENERGY: "energy", DEMAND: "demand_charge", COINCIDENT: "coincident_peak",
    FIXED: "fixed_charge", MINIMUM: "minimum_bill", EXPORT: "export", TAX: "tax",
}  # fmt: skip
"""Category of cost of each kind of line."""


@dataclass(frozen=True)
class Line:
    """A line of a month's bill: usd = quantity x rate.

    Parameters
    ----------
    position : of the month in the pass, from 0
    month : 1 to 12
    """

    position: int
    month: int
    kind: str
    charge: str
    quantity: float
    unit: str
    rate: float

    @property
    def usd(self) -> float:
        """Undiscounted, in money of the money year and grown as the tariff is."""
        return self.quantity * self.rate


@dataclass
class Meter:
    """What a site's meter has shown so far: the highest use by charge and month of the plan."""

    case: Case
    site: Site
    peaks: dict[tuple[str, str, int], list[float]] = field(default_factory=dict)

    def earlier(self, tariff: Tariff, charge: Charge, p: int, position: int) -> float:
        """Highest metered MW of earlier periods that a ratchet looks at."""
        periods = self.case.periods
        found = [
            self.peaks[tariff.tariff, charge.name, q][at]
            for q, at in ratchets.earlier(charge, periods, p, position)
            if (tariff.tariff, charge.name, q) in self.peaks
        ]
        if ratchets.looks_before_plan(charge, periods, p, position):
            found.append(charge.peak_before)
        return max(found, default=0.0)


def bill(
    meter: Meter, tariff: Tariff, period: Period, hours: np.ndarray, bought: np.ndarray,
    used: np.ndarray, sold: np.ndarray, contract_mw: float,
) -> list[Line]:  # fmt: skip
    """All lines of the months of a pass.

    Parameters
    ----------
    meter : of the site; takes note of this period's peaks
    bought, used, sold : import, all that flows in through the meter, export, by hour [MW]
    contract_mw : of which a charge may bill a share at least
    """
    return _Bill(meter, tariff, period, hours, bought, used, sold, contract_mw).lines()


class _Bill:
    def __init__(
        self, meter: Meter, tariff: Tariff, period: Period, hours: np.ndarray, bought: np.ndarray,
        used: np.ndarray, sold: np.ndarray, contract_mw: float,
    ) -> None:  # fmt: skip
        self.meter, self.tariff, self.period, self.hours = meter, tariff, period, hours
        self.bought, self.used, self.sold, self.contract_mw = bought, used, sold, contract_mw
        self.grown = growth(meter.case, tariff.growth, period)
        self.month = tariff.clock.months_in(hours)
        self.months = sorted({int(m) for m in self.month})
        self.within = [self.month == m for m in self.months]
        self.billed: dict[tuple[str, int], float] = {}

    def lines(self) -> list[Line]:
        """By month: energy, demand, the rest, tax, credit, what is missing to the minimum."""
        made = [*self._energy(), *self._demand(), *self._coincident()]
        for charge in self.tariff.of_kind(ENERGY):
            made += self._window(charge)
        for k, month in enumerate(self.months):
            for charge in self.tariff.of_kind(FIXED):
                if month in charge.months:
                    made.append(self._line(k, FIXED, charge.name, 1.0, "month", charge.price))
            made += self._closing(k, month, [x for x in made if x.position == k])
        return sorted(made, key=lambda line: line.position)

    def _line(
        self, position: int, kind: str, charge: str, quantity: float, unit: str, kilo_usd: float
    ) -> Line:
        """A line; the rate is grown and in US$."""
        rate = kilo_usd * self.grown * USD
        return Line(position, self.months[position] + 1, kind, charge, quantity, unit, rate)

    def _energy(self) -> Iterator[Line]:
        """Energy at the price of the table ``tariffs``."""
        base = self.tariff.base[self.hours]
        for k, here in enumerate(self.within):
            mwh = float(self.bought[here].sum())
            mean = float(base[here].mean())
            rate = float(self.bought[here] @ base[here]) / mwh if mwh > 0 else mean
            yield self._line(k, ENERGY, BASE, mwh, "MWh", rate)

    def _window(self, charge: Charge) -> Iterator[Line]:
        """Energy in a window, by tier."""
        inside = charge.within[self.hours]
        for k, here in enumerate(self.within):
            if self.months[k] not in charge.months:
                continue
            mwh = float(self.bought[here & inside].sum())
            tops = [self._top(t.above, k, charge) if t.hours else t.above for t in charge.tiers]
            yield from self._by_tier(k, charge, mwh, tops, "MWh", 1.0)

    def _top(self, hours: float, position: int, charge: Charge) -> float:
        """Where a tier by hours of use begins [MWh]."""
        if charge.hours_of == CONTRACT:
            return hours * self.contract_mw
        return hours * self.billed.get((charge.hours_of, position), 0.0)

    def _by_tier(
        self, position: int, charge: Charge, total: float, begins: list[float], unit: str,
        scale: float,
    ) -> Iterator[Line]:  # fmt: skip
        """A line for each tier; ``scale`` units of the line are one of the quantity."""
        ends, price, last = [*begins, np.inf], charge.price, 0.0
        for number, end in enumerate(ends, 1):
            if number > 1:
                price += charge.tiers[number - 2].rise
            inside = max(0.0, min(total, end) - last)
            last = max(last, end)
            name = charge.name if len(ends) == 1 else f"{charge.name} / tier {number}"
            yield self._line(position, charge.kind, name, inside * scale, unit, price / scale)

    def _demand(self) -> Iterator[Line]:
        """Billed demand: metered, or what a ratchet or the contract makes of it."""
        for charge in self.tariff.of_kind(DEMAND):
            inside = charge.within[self.hours]
            metered = [float(self.used[here & inside].max(initial=0.0)) for here in self.within]
            key = (self.tariff.tariff, charge.name, self.period.index)
            self.meter.peaks[key] = metered
            for k, month in enumerate(self.months):
                if month not in charge.months:
                    continue
                p = self.period.index
                looked = [metered[i] for i in ratchets.within(charge, self.months, k)]
                looked.append(self.meter.earlier(self.tariff, charge, p, k))
                mw = max(metered[k], charge.ratchet_share * max(looked),
                         charge.minimum_share * self.contract_mw)  # fmt: skip
                self.billed[charge.charge, k] = self.billed.get((charge.charge, k), 0.0) + mw
                yield from self._by_tier(k, charge, mw, [t.above for t in charge.tiers], "kW", KW)

    def _coincident(self) -> Iterator[Line]:
        """Highest use in the hours that may be the system's peak."""
        slot = {int(h): k for k, h in enumerate(self.hours)}
        for charge in self.tariff.of_kind(COINCIDENT):
            for event in charge.events:
                if int(event.hours[0]) not in slot:
                    continue
                at = [slot[int(h)] for h in event.hours]
                least = charge.minimum_share * self.contract_mw
                mw = max(float(self.used[at].max()), least)
                k = self.months.index(event.month)
                yield self._line(k, COINCIDENT, charge.name, mw * KW, "kW", event.rate / KW)

    def _closing(self, position: int, month: int, lines: list[Line]) -> Iterator[Line]:
        """Tax on the charges, the credit for export, and what is then missing to the minimum."""
        charges = sum(line.usd for line in lines)
        if self.tariff.tax:
            number = position, self.months[position] + 1
            yield Line(*number, TAX, TAX, charges, "USD", self.tariff.tax)
        here, credit = self.within[position], 0.0
        mwh = float(self.sold[here].sum())
        if mwh > 0:
            worth = float(self.sold[here] @ self.tariff.earned_in(self.hours)[here])
            if self.tariff.net_billing:
                worth = min(worth, self._energy_charges(here, lines) / self.grown / USD)
            credit = worth * self.grown * USD
            yield self._line(position, EXPORT, EXPORT, mwh, "MWh", -worth / mwh)
        least = float(self.tariff.minimum[month]) * self.grown * USD
        if least > 0:
            missing = max(0.0, least - charges + credit)
            rate = missing / self.grown / USD
            yield self._line(position, MINIMUM, "minimum bill", 1.0, "month", rate)

    def _energy_charges(self, here: np.ndarray, lines: list[Line]) -> float:
        """Energy at prices of 0 and above, with what dearer tiers add [US$]."""
        price = self.tariff.price_in(self.hours)[here]
        paid = float(self.bought[here] @ price) * self.grown * USD
        tiers = sum(line.usd for line in lines if line.kind == ENERGY) - paid
        usual = float(self.bought[here] @ np.maximum(price, 0.0)) * self.grown * USD
        return usual + tiers


def site_bills(
    case: Case, site: Site, taken: dict[int, Tariff], frames: dict[int, dict[str, Any]],
    contract_mw: dict[int, float],
) -> Iterator[tuple[Period, Tariff, list[Line]]]:  # fmt: skip
    """Bills of all periods in which a site is connected.

    Parameters
    ----------
    taken : tariff of each such period
    frames : dispatch by period; a period without load has none
    contract_mw : of each such period
    """
    meter = Meter(case, site)
    for p, tariff in sorted(taken.items()):
        period = case.periods[p]
        frame = frames.get(p)
        nothing = np.zeros(len(period.hours))
        bought = nothing if frame is None else frame["import_mw"]
        sold = nothing if frame is None else frame["export_mw"]
        delivered = [] if frame is None else [v for c, v in frame.items()
                                              if c.startswith("delivery_mw:")]  # fmt: skip
        used = bought + sum(delivered, start=nothing)
        yield (
            period,
            tariff,
            bill(meter, tariff, period, period.hours, bought, used, sold, contract_mw[p]),
        )
