"""One site and one year with real series, planned by the product and by PyPSA: the same cost.

A case is a function that returns its numbers; ``CASES`` lists them. Sizes are continuous, so that
both are linear programs whose optimum is one number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("pypsa", reason="comes with the extra differential")

from tests.differential import peer, product
from tests.differential.problem import (
    CoincidentPeak,
    DemandCharge,
    Grid,
    Matching,
    Ppa,
    Problem,
    Source,
    Store,
    series,
)

pytestmark = pytest.mark.differential

AGREE = 1e-4
"""Relative difference of cost that is allowed."""
GAP = 1e-9
"""To which the product's plan is proven; where the optimum is flat, sizes need more than its cost."""

Make = Callable[[], Problem]

SOLAR = Source("solar", 1100, fom_usd_per_kw_year=18, available=series("solar_ERC_WEST"))
WIND = Source("wind", 1600, fom_usd_per_kw_year=30, vom_usd_per_mwh=0.5,
              available=series("wind_ERC_WEST"))  # fmt: skip
GAS = Source("gas", 1500, fom_usd_per_kw_year=20, vom_usd_per_mwh=4, outage_share=0.05,
             mmbtu_per_mwh=8.5, usd_per_mmbtu=3.2, t_per_mmbtu=0.053)  # fmt: skip
BIOGAS = replace(GAS, name="biogas", usd_per_mmbtu=16, t_per_mmbtu=0.0)
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
    """Cheap wind and sun that sell at 90 % of the price."""
    grid = Grid(PRICE, firm_mw=200, charge_usd_per_kw_year=40, export_mw=80, export_price_share=0.9)
    return Problem(
        100, LOAD, sources=(replace(WIND, usd_per_kw=900), replace(SOLAR, usd_per_kw=650)),
        stores=(BATTERY,), grid=grid, mw={"wind": 150, "solar": 150, "battery": 60, "firm": 100},
        mwh={"battery": 240},
    )  # fmt: skip


def negative_prices() -> Problem:
    """A quarter of all hours below zero: who imports must use it, who sells then earns nothing."""
    price = PRICE - np.quantile(PRICE, 0.25)
    assert (price < 0).mean() > 0.2
    grid = Grid(price, firm_mw=60, charge_usd_per_kw_year=40, export_mw=50, export_price_share=0.8)
    return Problem(
        100, LOAD, sources=(WIND, GAS), stores=(BATTERY,), grid=grid,
        mw={"wind": 120, "gas": 70, "battery": 50, "firm": 60}, mwh={"battery": 200},
    )  # fmt: skip


def two_stores() -> Problem:
    """A battery for the night and a store that loses some energy for the week."""
    long = Store("iron", 1200, 20, round_trip=0.45, loss_per_hour=2e-4, life_years=20)
    return Problem(
        100, LOAD, sources=(SOLAR, WIND), stores=(BATTERY, long),
        mw={"solar": 430, "wind": 90, "battery": 195, "iron": 40},
        mwh={"battery": 1200, "iron": 3800},
    )  # fmt: skip


def carbon_price_onsite() -> Problem:
    """A price on what is burnt at the site; the grid's emissions are free."""
    grid = Grid(PRICE, firm_mw=60, charge_usd_per_kw_year=60, t_per_mwh=0.33)
    return Problem(
        100, LOAD, pue=series("pue_plains"), sources=(SOLAR, GAS), grid=grid, co2_usd_per_t=60,
        co2_scope="onsite",
    )  # fmt: skip


def carbon_price_total() -> Problem:
    """The same price, on the grid's emissions too."""
    grid = Grid(PRICE, firm_mw=60, charge_usd_per_kw_year=60, t_per_mwh=0.33)
    return Problem(
        100, LOAD, pue=series("pue_plains"), sources=(SOLAR, GAS), grid=grid, co2_usd_per_t=60,
        co2_scope="total",
    )  # fmt: skip


def water_quota() -> Problem:
    """Water for a third of what the cheap and thirsty plant would make; cooling drinks too."""
    thirsty = Source("steam", 1100, vom_usd_per_mwh=3, outage_share=0.08, mmbtu_per_mwh=7.0,
                     usd_per_mmbtu=3.2, t_per_mmbtu=0.053, m3_per_mwh=1.2)  # fmt: skip
    cooling = 100 * LOAD.sum() * 0.2
    limit = cooling + 1.2 * 100 * LOAD.sum() * 1.2 / 3
    return Problem(100, LOAD, sources=(thirsty, GAS, SOLAR), water_m3=limit, cooling_m3_per_mwh=0.2)


SUMMER = (6, 7, 8, 9)
EVENING = DemandCharge("evening", 12, months=SUMMER, hours=(15, 21), weekdays_only=True)
TRANSMISSION = CoincidentPeak("transmission", 90, series("load_ercot"), months=SUMMER, top_hours=6)
METERED = Grid(PRICE, firm_mw=150, charge_usd_per_kw_year=10)


def demand_charge() -> Problem:
    """A price on each month's peak and one on summer evenings of workdays, site at UTC-6."""
    charges = (DemandCharge("distribution", 3), EVENING)
    grid = replace(METERED, demand_charges=charges, clock_ahead_h=-6)
    return Problem(100, LOAD, pue=series("pue_plains"), sources=(GAS,), grid=grid)


def ratchet() -> Problem:
    """Each month bills at least 80 % of the highest summer peak of the 11 months before."""
    charge = DemandCharge("distribution", 5, ratchet_share=0.8, ratchet_season=SUMMER)
    grid = replace(METERED, demand_charges=(charge,))
    return Problem(100, LOAD, pue=series("pue_plains"), sources=(GAS,), grid=grid)


def coincident_peak() -> Problem:
    """Four summer peaks, each in one of the month's six highest hours of the system."""
    grid = replace(METERED, coincident_peaks=(TRANSMISSION,))
    return Problem(100, LOAD, pue=series("pue_plains"), sources=(GAS,), grid=grid)


def demand_charge_storage() -> Problem:
    """A battery that holds down peaks of the month, of summer evenings and of the system."""
    charges = (DemandCharge("distribution", 5, ratchet_share=0.8), EVENING)
    grid = replace(METERED, demand_charges=charges, coincident_peaks=(TRANSMISSION,),
                   clock_ahead_h=-6)  # fmt: skip
    return Problem(
        100, LOAD, pue=series("pue_plains"), sources=(SOLAR,), stores=(BATTERY,), grid=grid,
        mw={"solar": 40, "battery": 30, "firm": 120}, mwh={"battery": 120},
    )  # fmt: skip


def matched(share: float, *, hourly: bool) -> Problem:
    """Wind, sun and biogas; a grid whose clean share follows the weather, and that buys."""
    clean = np.clip(0.1 + 0.7 * series("wind_ERC_WEST") + 0.5 * series("solar_ERC_WEST"), 0, 1)
    grid = Grid(PRICE, firm_mw=120, charge_usd_per_kw_year=30, export_mw=60,
                export_price_share=0.5, clean_share=clean)  # fmt: skip
    return Problem(
        100, LOAD, sources=(WIND, SOLAR, BIOGAS), grid=grid, matching=Matching(share, hourly),
        mw={"wind": 80, "solar": 80, "biogas": 110, "firm": 90},
    )  # fmt: skip


def annual_80() -> Problem:
    """Clean energy of the year is 80 % of load, what is sold in it."""
    return matched(0.80, hourly=False)


def annual_95() -> Problem:
    """The same, 95 %."""
    return matched(0.95, hourly=False)


def annual_100() -> Problem:
    """As much clean energy as load, though not at the same time."""
    return matched(1.00, hourly=False)


def hourly_80() -> Problem:
    """80 % of load is clean in the hour of its use."""
    return matched(0.80, hourly=True)


def hourly_95() -> Problem:
    """The same, 95 %."""
    return matched(0.95, hourly=True)


def hourly_100() -> Problem:
    """Every hour is clean."""
    return matched(1.00, hourly=True)


def hourly_95_storage() -> Problem:
    """The same with a battery: what it gives back counts, what it takes does not."""
    problem = matched(0.95, hourly=True)
    return replace(
        problem, stores=(BATTERY,), mw=problem.mw | {"battery": 60}, mwh={"battery": 300}
    )


def ppa() -> Problem:
    """Wind of another place by contract, through service that is cut, beside hourly prices and gas."""
    wind = Ppa("wind_ppa", 24, series("wind_SPP_SPS"))
    return replace(flexible_service(), pue=1.2, ppas=(wind,))


QUICK: tuple[Make, ...] = (
    off_grid, carbon_cap, flexible_service, carbon_price_onsite, carbon_price_total, water_quota,
    demand_charge, ratchet, coincident_peak, ppa,
)  # fmt: skip
SLOW: tuple[Make, ...] = (
    export, negative_prices, two_stores, demand_charge_storage, annual_80, annual_95, annual_100,
    hourly_80, hourly_95, hourly_100, hourly_95_storage,
)  # fmt: skip
"""Sizing a storage against hourly prices, or for a target, takes long; their dispatch does not."""


def named(make: Make) -> str:
    return make.__name__


def agree(problem: Problem) -> None:
    """The least total cost, and what of it is paid for what stands, by contract and for peaks."""
    theirs = peer.Network(problem).solve()
    ours = product.solve(problem, GAP)
    assert ours.total_usd == pytest.approx(theirs.total_usd, rel=AGREE)
    assert ours.capital_usd == pytest.approx(theirs.capital_usd, rel=AGREE)
    assert ours.ppa_usd == pytest.approx(theirs.ppa_usd, rel=AGREE)
    assert ours.peaks_usd == pytest.approx(theirs.peaks_usd, rel=AGREE)


@pytest.mark.parametrize("make", QUICK, ids=named)
def test_plan_costs_the_same(make: Make) -> None:
    agree(make())


@pytest.mark.full
@pytest.mark.parametrize("make", SLOW, ids=named)
def test_slow_plan_costs_the_same(make: Make) -> None:
    agree(make())


@pytest.mark.parametrize("make", SLOW, ids=named)
def test_dispatch_costs_the_same(make: Make) -> None:
    problem = make()
    theirs = peer.Network(problem).dispatch_usd()
    assert product.dispatch_usd(problem) == pytest.approx(theirs, rel=AGREE)
