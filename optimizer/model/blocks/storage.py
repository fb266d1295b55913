"""Storage of electric energy."""

from __future__ import annotations

import numpy as np

from optimizer.model.blocks import links
from optimizer.model.blocks.assembly import Assembly
from optimizer.preparing.calendar import Period
from optimizer.preparing.case import Asset


def add(block: Assembly, asset: Asset, balance: np.ndarray) -> None:
    """Charge and discharge <= P at the bus, state of charge <= E, cyclic in the pass.

    soc(t) = (1 - loss) * soc(t - 1) + eta * charge(t) - discharge(t) / eta, eta = sqrt(round trip)
    """
    eta = float(np.sqrt(asset.efficiency))

    def discharge_cost(period: Period) -> np.ndarray:
        return np.full(block.count, asset.vom)

    name = asset.technology
    charge = block.columns(f"charge:{name}", {links.power(asset): 1.0})
    discharge = block.columns(f"discharge:{name}", {links.power(asset): 1.0}, discharge_cost)
    soc = block.columns(f"soc:{name}", {links.energy(asset): 1.0})
    block.add(balance, charge, -1.0)
    block.add(balance, discharge, 1.0)
    state = block.rows(f"soc:{name}", {})
    kept = 1.0 - asset.loss_per_hour
    block.add(state[:1], soc[-1:], -kept)
    block.add(state, soc, 1.0)
    block.add(state[1:], soc[:-1], -kept)
    block.add(state, charge, -eta)
    block.add(state, discharge, 1.0 / eta)
