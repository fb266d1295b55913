"""Thermal and variable generation."""

from __future__ import annotations

import numpy as np

from optimizer.model.blocks import links
from optimizer.model.blocks.assembly import Assembly
from optimizer.model.blocks.grid import carbon_price, growth
from optimizer.preparing.calendar import Period
from optimizer.preparing.case import Asset, Case, Site


def add(block: Assembly, case: Case, site: Site, asset: Asset, balance: np.ndarray) -> None:
    """0 <= generation(t) <= standing MW * availability(t); what is left is curtailed."""
    available = asset.availability[block.hours]
    fuel = site.fuel_price.get(asset.fuel, np.zeros(1))
    fuel = fuel[block.hours] if len(fuel) > 1 else np.zeros(block.count)

    def running(period: Period) -> np.ndarray:
        grown = fuel * growth(case, site.fuel_growth.get(asset.fuel, 0.0), period)
        carbon = asset.co2_t_per_mwh * carbon_price(case, period, onsite=True)
        return np.asarray(asset.heat_rate * grown + asset.vom + carbon)

    made = block.columns(f"generation:{asset.technology}", {links.power(asset): available}, running)
    block.add(balance, made, 1.0)
    block.measure("co2_onsite", made, asset.co2_t_per_mwh)
    block.measure("water", made, asset.water_m3_per_mwh)
