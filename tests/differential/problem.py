"""One site and one year as plain numbers, from which two models are written independently."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

RATE = 0.07
"""Real discount rate [1/year]."""
WEEKDAYS_OF = 2023
"""Year whose weekdays the hours follow; it has no 29 February."""
EVERY_MONTH = tuple(range(1, 13))
REAL_SERIES = Path(__file__).parents[2] / "inputs" / "texas_southwest" / "profiles"


@cache
def series(name: str) -> np.ndarray:
    """An hourly series of the real case by name; capacity factors below 0.001 count as none."""
    values = pd.read_parquet(REAL_SERIES / "profiles.parquet", columns=[name])[name].to_numpy()
    if name.startswith(("solar", "wind")):
        values = np.where(values < 1e-3, 0.0, values)
    return np.asarray(values, dtype=float)


@dataclass(frozen=True)
class Source:
    """A generator; ``available`` is hourly in 0..1, a number if it is the same in all hours."""

    name: str
    usd_per_kw: float
    fom_usd_per_kw_year: float = 0.0
    vom_usd_per_mwh: float = 0.0
    available: np.ndarray | None = None
    outage_share: float = 0.0
    mmbtu_per_mwh: float = 0.0
    usd_per_mmbtu: float = 0.0
    t_per_mmbtu: float = 0.0
    m3_per_mwh: float = 0.0
    life_years: float = 25.0
    max_mw: float = 3000.0


@dataclass(frozen=True)
class Store:
    """A storage whose power and energy are chosen apart."""

    name: str
    usd_per_kw: float
    usd_per_kwh: float
    round_trip: float
    loss_per_hour: float = 0.0
    vom_usd_per_mwh: float = 0.0
    life_years: float = 15.0


@dataclass(frozen=True)
class DemandCharge:
    """A price on each month's highest MW through the meter in a window of the site's clock.

    A ratchet bills at least ``ratchet_share`` of the highest of the ``ratchet_months`` before,
    those of the season only; January comes after the same year's December.
    """

    name: str
    usd_per_kw_month: float
    months: tuple[int, ...] = EVERY_MONTH
    hours: tuple[int, int] = (0, 24)
    weekdays_only: bool = False
    ratchet_share: float = 0.0
    ratchet_months: int = 11
    ratchet_season: tuple[int, ...] = EVERY_MONTH


@dataclass(frozen=True)
class CoincidentPeak:
    """A yearly price on the mean, over months, of the highest MW in the system's top hours."""

    name: str
    usd_per_kw_year: float
    system: np.ndarray
    months: tuple[int, ...] = EVERY_MONTH
    top_hours: int = 1


@dataclass(frozen=True)
class Grid:
    """Grid service at hourly prices; flexible service is not there where ``cut`` is 1."""

    price_usd_per_mwh: np.ndarray
    firm_mw: float
    flexible_mw: float = 0.0
    charge_usd_per_kw_year: float = 0.0
    cut: np.ndarray | None = None
    export_mw: float = 0.0
    export_price_share: float = 0.0
    t_per_mwh: float = 0.0
    clean_share: np.ndarray | None = None
    demand_charges: tuple[DemandCharge, ...] = ()
    coincident_peaks: tuple[CoincidentPeak, ...] = ()
    clock_ahead_h: int = 0
    """Hours by which the site's clock is ahead of the series, for windows of demand charges."""


@dataclass(frozen=True)
class Ppa:
    """Energy as produced, all of it paid for, that comes through the meter as far as it fits."""

    name: str
    usd_per_mwh: float
    available: np.ndarray
    max_mw: float = 3000.0


@dataclass(frozen=True)
class Matching:
    """The share of the year's load that is carbon-free, by the hour or over the year."""

    share: float
    hourly: bool


@dataclass(frozen=True)
class Problem:
    """A site that must be served in every hour of a year at least cost."""

    it_mw: float
    load: np.ndarray
    pue: np.ndarray | float = 1.2
    sources: tuple[Source, ...] = ()
    stores: tuple[Store, ...] = ()
    grid: Grid | None = None
    ppas: tuple[Ppa, ...] = ()
    matching: Matching | None = None
    co2_cap_t: float | None = None
    co2_usd_per_t: float = 0.0
    co2_scope: str = "total"
    water_m3: float | None = None
    cooling_m3_per_mwh: float = 0.0
    mw: dict[str, float] = field(default_factory=dict)
    """Sizes at which the dispatch alone is compared: sources, stores, ``firm`` and ``flexible``."""
    mwh: dict[str, float] = field(default_factory=dict)
    """The same of stores."""

    @property
    def load_mw(self) -> np.ndarray:
        """Facility load in each hour."""
        return np.asarray(self.it_mw * self.load * self.pue)

    @property
    def cooling_m3(self) -> float:
        """Water that cooling takes in the year."""
        return float(self.it_mw * self.load.sum() * self.cooling_m3_per_mwh)


@dataclass(frozen=True)
class Answer:
    """What a model found, in US$ of the money year for one year and in MW and MWh."""

    total_usd: float
    capital_usd: float
    ppa_usd: float = 0.0
    peaks_usd: float = 0.0
    mw: dict[str, float] = field(default_factory=dict)
    mwh: dict[str, float] = field(default_factory=dict)
