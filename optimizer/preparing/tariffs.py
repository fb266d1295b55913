"""What imported and exported energy costs: a tariff ready for the model.

Windows follow the standard time of the site. Everything that a bill is made of grows by the
tariff's one rate, so that it is written in money of the money year.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import pandas as pd

from optimizer.preparing.calendar import HOURS_PER_YEAR, month_of_hour
from optimizer.preparing.clock import Clock
from optimizer.reading import windows
from optimizer.tables.tariffs import COINCIDENT, DEMAND, ENERGY, FIXED, MINIMUM

KILO = 1e-3
YEAR = 12
"""Months that a ratchet looks back, unless it is said."""


@dataclass(frozen=True)
class Tier:
    """From where on a unit costs more or less, and by how much.

    Parameters
    ----------
    above : MWh a month, kWh for each kW (by ``hours``), or MW
    rise : price over the tier before, below 0 where prices fall [k$/MWh, k$/MW-month]
    hours : whether ``above`` is counted for each kW
    """

    above: float
    rise: float
    hours: bool = False


@dataclass(frozen=True, eq=False)
class Event:
    """Hours of a coincident peak, of which the highest use is billed.

    Parameters
    ----------
    month : 0 to 11, in whose bill it is
    hours : of the reference year
    rate : for billed demand in them [k$/MW]
    """

    month: int
    hours: np.ndarray
    rate: float


@dataclass(frozen=True, eq=False)
class Charge:
    """One window of a charge of a tariff; prices are those of its first tier.

    Parameters
    ----------
    charge, window : their names; the bill says "charge / window"
    kind : of the table ``tariff_charges``
    months : 0 to 11, in which it is charged
    within : whether the window holds in each hour of the reference year, its months left out
    price : [k$/MWh, k$/MW-month, k$/month]
    tiers : the second and later ones
    hours_of : name of the demand charge whose kW hours of use are counted for; "contract"
    ratchet_share, lookback, season : billed is at least this share of the metered demand of the
        last ``lookback`` months, those of the ``season`` only
    peak_before : highest metered demand before the plan's start [MW]
    minimum_share : billed is at least this share of the contract MW
    events : of a coincident peak
    """

    charge: str
    window: str
    kind: str
    months: frozenset[int]
    within: np.ndarray
    price: float
    tiers: tuple[Tier, ...]
    hours_of: str
    ratchet_share: float
    lookback: int
    season: frozenset[int]
    peak_before: float
    minimum_share: float
    events: tuple[Event, ...]

    @property
    def name(self) -> str:
        """As on the bill."""
        return f"{self.charge} / {self.window}" if self.window else self.charge

    @property
    def falls(self) -> tuple[tuple[int, Tier], ...]:
        """Tiers that are cheaper than the one before, with their number on the bill."""
        return tuple((n, tier) for n, tier in enumerate(self.tiers, 2) if tier.rise < 0)

    @property
    def _prices(self) -> list[float]:
        return list(accumulate((tier.rise for tier in self.tiers), initial=self.price))

    @property
    def highest(self) -> float:
        """Price of its dearest tier [as ``price``]."""
        return max(self._prices)

    @property
    def fall(self) -> float:
        """By how much its cheapest tier is below its first, <= 0 [as ``price``]."""
        return min(self._prices) - self.price

    @property
    def key(self) -> tuple[Hashable, ...]:
        """All that rows and running costs depend on."""
        return (
            self.name, self.kind, self.months, _digest(self.within), self.price, self.tiers,
            self.hours_of, self.ratchet_share, self.lookback, self.season, self.peak_before,
            self.minimum_share, *((e.month, _digest(e.hours), e.rate) for e in self.events),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Tariff:
    """A tariff; hourly arrays over the reference year, money of the money year.

    Parameters
    ----------
    tariff : its name, "" where a site has none
    base : price of imported energy without the windows of its charges [k$/MWh]
    price : of imported energy, with the first tier of each window [k$/MWh]
    growth : real growth of all its prices a year
    export_share : share of the price that exported energy earns
    export_price : what it earns beside that share [k$/MWh]
    net_billing : credits for export are not above the month's energy charges
    tax : share on all charges
    co2 : of imported energy [t/MWh]
    carbon_free_share : of imported energy
    dearest : hours of the year by falling price, the earlier first among equals
    charges : in the order of the table
    clock : of the site
    from_month : from which it is offered, counted from the plan's start
    """

    tariff: str
    base: np.ndarray
    price: np.ndarray
    growth: float
    export_share: float
    export_price: np.ndarray
    net_billing: bool
    tax: float
    co2: np.ndarray
    carbon_free_share: float
    dearest: np.ndarray
    charges: tuple[Charge, ...]
    clock: Clock
    from_month: int

    def price_in(self, hours: np.ndarray) -> np.ndarray:
        """Price of imported energy in the hours of a pass [k$/MWh].

        As ``price``, but hours that the site's clock puts outside of the pass count in the month
        next to them.
        """
        found, month = self.base[hours], self.clock.months_in(hours)
        for charge in self.of_kind(ENERGY):
            inside = charge.within[hours] & np.isin(month, list(charge.months))
            found = found + charge.price * inside
        return np.asarray(found)

    @property
    def least_price(self) -> float:
        """No MWh costs less in any hour, whichever tier it is in [k$/MWh]."""
        return float(self.price.min()) + sum(c.fall for c in self.of_kind(ENERGY))

    def earned_in(self, hours: np.ndarray) -> np.ndarray:
        """What exported energy earns in the hours of a pass [k$/MWh]."""
        bought = np.maximum(self.price_in(hours), 0.0)
        return np.asarray(bought * self.export_share + self.export_price[hours])

    @property
    def pays_for_export(self) -> bool:
        """Whether exported energy earns anything at all."""
        return self.export_share > 0 or bool(self.export_price.any())

    def of_kind(self, kind: str) -> list[Charge]:
        """Charges of a kind."""
        return [c for c in self.charges if c.kind == kind]

    @property
    def fixed(self) -> np.ndarray:
        """Fixed charges by calendar month [k$]."""
        return self._monthly(FIXED)

    @property
    def minimum(self) -> np.ndarray:
        """Least that the charges of a calendar month come to [k$]."""
        return self._monthly(MINIMUM)

    def _monthly(self, kind: str) -> np.ndarray:
        total = np.zeros(12)
        for charge in self.of_kind(kind):
            total[list(charge.months)] += charge.price
        return total

    @property
    def is_billed(self) -> bool:
        """Whether a month's bill depends on more than each hour's energy alone."""
        return self.net_billing or any(
            c.kind in (DEMAND, COINCIDENT, MINIMUM) or c.tiers for c in self.charges
        )

    @property
    def key(self) -> tuple[Hashable, ...]:
        """All that rows and running costs of a block depend on."""
        arrays = (self.price, self.export_price, self.co2, self.clock.month)
        return (
            self.tariff, self.growth, self.export_share, self.net_billing, self.tax,
            *(_digest(a) for a in arrays), *(c.key for c in self.charges),
        )  # fmt: skip


def _digest(series: np.ndarray) -> bytes:
    return hashlib.blake2b(series.tobytes(), digest_size=16).digest()


Shared = Callable[[np.ndarray], np.ndarray]
Rows = list[dict[Hashable, Any]]


def make_tariff(
    tables: Mapping[str, pd.DataFrame],
    profiles: Mapping[str, np.ndarray],
    shared: Shared,
    name: str,
    clock: Clock,
    from_month: int = 0,
) -> Tariff:
    """The tariff of this name; with "" one that costs nothing.

    Parameters
    ----------
    shared : gives back the same array for equal ones, to save memory
    clock : of the site
    from_month : from which the site may choose it, counted from the plan's start
    """
    if not name:
        zero = shared(np.zeros(HOURS_PER_YEAR))
        order = shared(np.arange(HOURS_PER_YEAR))
        return Tariff(
            "", zero, zero, 0.0, 0.0, zero, False, 0.0, zero, 0.0, order, (), clock, from_month
        )
    row = tables["tariffs"].set_index("tariff").loc[name]
    base = np.full(HOURS_PER_YEAR, row["energy_price_usd_per_mwh"])
    if row["price_profile"]:
        base = base + profiles[row["price_profile"]]
    exported = np.full(HOURS_PER_YEAR, row["export_price_usd_per_mwh"])
    if row["export_price_profile"]:
        exported = exported + profiles[row["export_price_profile"]]
    co2 = np.full(HOURS_PER_YEAR, row["co2_t_per_mwh"])
    if row["co2_profile"]:
        co2 = profiles[row["co2_profile"]]
    charges = make_charges(tables["tariff_charges"], profiles, shared, name, clock)
    price = base.copy()
    for charge in charges:
        if charge.kind == ENERGY:
            inside = charge.within & np.isin(clock.month, list(charge.months))
            price[inside] += charge.price / KILO
    return Tariff(
        tariff=name,
        base=shared(base * KILO),
        price=shared(price * KILO),
        growth=float(row["price_growth_per_year"]),
        export_share=float(row["export_price_share"]),
        export_price=shared(exported * KILO),
        net_billing=bool(row["net_billing"]),
        tax=float(row["tax_share"]),
        co2=shared(co2),
        carbon_free_share=float(row["carbon_free_share"]),
        dearest=shared(np.argsort(-price, kind="stable")),
        charges=charges,
        clock=clock,
        from_month=from_month,
    )


def make_charges(
    table: pd.DataFrame, profiles: Mapping[str, np.ndarray], shared: Shared, name: str, clock: Clock
) -> tuple[Charge, ...]:
    """Charges of a tariff by window, their tiers in order."""
    groups: dict[tuple[str, str], Rows] = {}
    for row in table[table["tariff"] == name].to_dict("records"):
        groups.setdefault((str(row["charge"]), str(row["window"])), []).append(row)
    return tuple(
        _charge(sorted(rows, key=lambda r: r["tier"]), profiles, shared, clock)
        for rows in groups.values()
    )


def _charge(rows: Rows, profiles: Mapping[str, np.ndarray], shared: Shared, clock: Clock) -> Charge:
    row = rows[0]
    kind = str(row["kind"])
    column = {
        ENERGY: "price_usd_per_mwh", DEMAND: "price_usd_per_kw_month", FIXED: "price_usd_per_month",
        MINIMUM: "price_usd_per_month", COINCIDENT: "price_usd_per_kw_month",
    }[kind]  # fmt: skip
    # USD/MWh and USD/month in k$; USD/kW-month is k$/MW-month.
    scale = 1.0 if kind in (DEMAND, COINCIDENT) else KILO
    prices = [0.0 if np.isnan(r[column]) else float(r[column]) * scale for r in rows]
    season = windows.months(row["ratchet_season"])
    lookback = row["ratchet_months"]
    return Charge(
        charge=str(row["charge"]),
        window=str(row["window"]),
        kind=kind,
        months=frozenset(m - 1 for m in windows.months(row["months"])),
        within=shared(within(row, profiles, clock)),
        price=prices[0],
        tiers=_tiers(rows, prices),
        hours_of=str(row["hours_of"]),
        ratchet_share=float(row["ratchet_share"]),
        lookback=YEAR if np.isnan(lookback) else int(lookback),
        season=frozenset(m - 1 for m in season),
        peak_before=float(row["peak_before_mw"]),
        minimum_share=float(row["minimum_share"]),
        events=_events(row, prices[0], profiles, clock) if kind == COINCIDENT else (),
    )


def within(
    row: Mapping[Hashable, Any], profiles: Mapping[str, np.ndarray], clock: Clock
) -> np.ndarray:
    """Whether a window holds in each hour of the year, whatever the month."""
    if row["hours_profile"]:
        return np.asarray(profiles[row["hours_profile"]] > 0.5)
    found = np.isin(clock.hour, list(windows.hours(row["hours"])))
    if row["weekdays"] == "weekday":
        found &= ~clock.is_weekend
    elif row["weekdays"] == "weekend":
        found &= clock.is_weekend
    return np.asarray(found)


def _tiers(rows: Rows, prices: list[float]) -> tuple[Tier, ...]:
    """Where each tier after the first begins: at the end of the one before."""
    made = []
    for k in range(1, len(rows)):
        before = rows[k - 1]
        ends = [(before[c], c == "tier_to_hours") for c in
                ("tier_to_mwh", "tier_to_hours", "tier_to_mw") if not np.isnan(before[c])]  # fmt: skip
        above, hours = ends[0]
        made.append(Tier(float(above), prices[k] - prices[k - 1], hours))
    return tuple(made)


def _events(
    row: Mapping[Hashable, Any], per_month: float, profiles: Mapping[str, np.ndarray], clock: Clock
) -> tuple[Event, ...]:
    """Hours that may be the peak, by month or by day; a yearly price is shared among them."""
    calendar = month_of_hour(np.arange(HOURS_PER_YEAR))
    months = [m - 1 for m in sorted(windows.months(row["months"]))]
    usable = within(row, profiles, clock) & np.isin(calendar, months)
    groups: list[tuple[int, np.ndarray]] = []
    if not row["system_profile"]:
        groups = [(m, np.flatnonzero(usable & (calendar == m))) for m in months]
    else:
        load = np.where(usable, profiles[row["system_profile"]], -np.inf)
        most = int(row["candidate_hours"])
        if np.isnan(row["peak_days"]):
            parts = [np.flatnonzero(calendar == m) for m in months]
        else:
            highest = load.reshape(-1, 24).max(axis=1)
            days = np.argsort(-highest, kind="stable")[: int(row["peak_days"])]
            parts = [np.arange(24 * d, 24 * d + 24) for d in sorted(days)]
        for part in parts:
            top = part[np.argsort(-load[part], kind="stable")[:most]]
            groups.append((int(calendar[part[0]]), np.sort(top[np.isfinite(load[top])])))
    groups = [(m, hours) for m, hours in groups if len(hours)]
    yearly = 0.0 if np.isnan(row["price_usd_per_kw_year"]) else float(row["price_usd_per_kw_year"])
    return tuple(Event(month, hours, per_month + yearly / len(groups)) for month, hours in groups)
