"""One site and one year with real series, planned by the product and by PyPSA: the same cost.

A case is a function that returns its numbers; ``CASES`` lists them. Sizes are continuous, so that
both are linear programs whose optimum is one number.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("pypsa", reason="comes with the extra differential")

from tests.differential import peer, product
from tests.differential.problem import Grid, Problem, Source, Store, series

AGREE = 1e-4
"""Relative difference of cost that is allowed."""

SOLAR = Source("solar", 1100, fom_usd_per_kw_year=18, available=series("solar_ERC_WEST"))
WIND = Source("wind", 1600, fom_usd_per_kw_year=30, vom_usd_per_mwh=0.5,
              available=series("wind_ERC_WEST"))  # fmt: skip
GAS = Source("gas", 1500, fom_usd_per_kw_year=20, vom_usd_per_mwh=4, outage_share=0.05,
             mmbtu_per_mwh=8.5, usd_per_mmbtu=3.2, t_per_mmbtu=0.053)  # fmt: skip
BATTERY = Store("battery", 250, 180, round_trip=0.86, vom_usd_per_mwh=0.3)
LOAD = series("load_ai")
PRICE = series("price_ercot")


def off_grid() -> Problem:
    """Sun and a battery alone."""
    return Problem(100, LOAD, sources=(SOLAR,), stores=(BATTERY,))


def carbon_cap() -> Problem:
    """Wind, sun and gas with 60 % fewer emissions than gas alone."""
    alone = 100 * LOAD.sum() * 1.2 * GAS.mmbtu_per_mwh * GAS.t_per_mmbtu
    return Problem(100, LOAD, sources=(WIND, SOLAR, GAS), co2_cap_t=0.4 * alone)


def flexible_service() -> Problem:
    """Hourly prices, service that is cut in the 400 dearest hours, gas behind it."""
    cut = np.zeros(8760)
    cut[np.argsort(-PRICE, kind="stable")[:400]] = 1
    grid = Grid(PRICE, firm_mw=40, flexible_mw=120, charge_usd_per_kw_year=25, cut=cut)
    return Problem(100, LOAD, pue=series("pue_plains"), sources=(GAS,), grid=grid)


def export() -> Problem:
    """Wind and sun that sell at 90 % of the price."""
    grid = Grid(PRICE, firm_mw=200, charge_usd_per_kw_year=40, export_mw=80, export_price_share=0.9)
    return Problem(100, LOAD, sources=(WIND, SOLAR), stores=(BATTERY,), grid=grid)


def negative_prices() -> Problem:
    """A quarter of all hours below zero: who imports must use it, who sells then earns nothing."""
    price = PRICE - np.quantile(PRICE, 0.25)
    assert (price < 0).mean() > 0.2
    grid = Grid(price, firm_mw=300, charge_usd_per_kw_year=40, export_mw=50, export_price_share=0.8)
    return Problem(100, LOAD, sources=(WIND, GAS), stores=(BATTERY,), grid=grid)


def two_stores() -> Problem:
    """A battery for the night and a store that loses some energy for the week."""
    long = Store("iron", 1200, 20, round_trip=0.45, loss_per_hour=2e-4, life_years=20)
    return Problem(100, LOAD, sources=(SOLAR, WIND), stores=(BATTERY, long))


def carbon_price_onsite() -> Problem:
    """A price on what is burnt at the site; the grid's emissions are free."""
    grid = Grid(PRICE, firm_mw=60, charge_usd_per_kw_year=60, t_per_mwh=0.33)
    return Problem(100, LOAD, sources=(SOLAR, GAS), grid=grid, co2_usd_per_t=60, co2_scope="onsite")


def carbon_price_total() -> Problem:
    """The same price, on the grid's emissions too."""
    grid = Grid(PRICE, firm_mw=60, charge_usd_per_kw_year=60, t_per_mwh=0.33)
    return Problem(100, LOAD, sources=(SOLAR, GAS), grid=grid, co2_usd_per_t=60, co2_scope="total")


def water_quota() -> Problem:
    """Water for a third of what the cheap and thirsty plant would make; cooling drinks too."""
    thirsty = Source("steam", 1100, vom_usd_per_mwh=3, outage_share=0.08, mmbtu_per_mwh=7.0,
                     usd_per_mmbtu=3.2, t_per_mmbtu=0.053, m3_per_mwh=1.2)  # fmt: skip
    cooling = 100 * LOAD.sum() * 0.2
    limit = cooling + 1.2 * 100 * LOAD.sum() * 1.2 / 3
    return Problem(100, LOAD, sources=(thirsty, GAS, SOLAR), water_m3=limit, cooling_m3_per_mwh=0.2)


CASES: tuple[Callable[[], Problem], ...] = (
    off_grid, carbon_cap, flexible_service, export, negative_prices, two_stores,
    carbon_price_onsite, carbon_price_total, water_quota,
)  # fmt: skip


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_cost_is_that_of_pypsa(make: Callable[[], Problem]) -> None:
    problem = make()
    theirs = peer.Network(problem).solve()
    ours = product.solve(problem, gap=AGREE / 20)
    assert ours.total_usd == pytest.approx(theirs.total_usd, rel=AGREE)
    assert ours.capital_usd == pytest.approx(theirs.capital_usd, rel=AGREE)
