"""What imported and exported energy costs: a tariff ready for the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.preparing.calendar import HOURS_PER_YEAR

KILO = 1e-3


@dataclass(frozen=True, eq=False)
class Tariff:
    """A tariff; hourly arrays over the reference year, money of the money year.

    Parameters
    ----------
    tariff : its name, "" where a site has none
    price : of imported energy [k$/MWh]
    growth : real growth of all its prices a year
    export_share : share of the price that exported energy earns
    co2 : of imported energy [t/MWh]
    carbon_free_share : of imported energy
    dearest : hours of the year by falling price, the earlier first among equals
    """

    tariff: str
    price: np.ndarray
    growth: float
    export_share: float
    co2: np.ndarray
    carbon_free_share: float
    dearest: np.ndarray


def make_tariff(
    tables: Mapping[str, pd.DataFrame],
    profiles: Mapping[str, np.ndarray],
    shared: Callable[[np.ndarray], np.ndarray],
    name: str,
) -> Tariff:
    """The tariff of this name; with "" one that costs nothing.

    Parameters
    ----------
    shared : gives back the same array for equal ones, to save memory
    """
    if not name:
        zero = shared(np.zeros(HOURS_PER_YEAR))
        return Tariff("", zero, 0.0, 0.0, zero, 0.0, shared(np.arange(HOURS_PER_YEAR)))
    row = tables["tariffs"].set_index("tariff").loc[name]
    price = np.full(HOURS_PER_YEAR, row["energy_price_usd_per_mwh"])
    if row["price_profile"]:
        price = price + profiles[row["price_profile"]]
    co2 = np.full(HOURS_PER_YEAR, row["co2_t_per_mwh"])
    if row["co2_profile"]:
        co2 = profiles[row["co2_profile"]]
    return Tariff(
        tariff=name,
        price=shared(price * KILO),
        growth=float(row["price_growth_per_year"]),
        export_share=float(row["export_price_share"]),
        co2=shared(co2),
        carbon_free_share=float(row["carbon_free_share"]),
        dearest=shared(np.argsort(-price, kind="stable")),
    )
