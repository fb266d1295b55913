"""Cuts that are known of a block before any plan asks: from guessed prices and a few mixes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from optimizer.model.blocks import links
from optimizer.preparing.case import Case
from optimizer.solving.oracles import Task
from optimizer.solving.oracles.blocks import Blocks

CO2_GUESS = 0.05
"""First guess of a cap's price [k$/t]; seeds go up to 12 times it."""
SEED_ADDERS = (0.0, 0.01, 0.03, 0.1, 1.0, np.inf)
MIXES = ((0.0, 1.2, 0.0, 0.0), (0.7, 0.6, 1.0, 0.3), (0.4, 0.5, 2.5, 0.9))
"""MW of grid, thermal, variable and storage for each MW of facility peak."""


def guessed(case: Case, blocks: Blocks, site: str, period: int) -> Iterator[np.ndarray]:
    """Cuts from hourly prices guessed without a solve: cheapest running cost plus an adder."""
    shape, cost = blocks.shape(site, period), blocks.cost(site, period)
    hours, rows = len(shape.hours), shape.matrix.shape[0]
    cheapest = np.full(hours, case.unserved_price)
    for name, part in shape.groups.items():
        if name.split(":")[0] in ("import", "generation"):
            dear = cost[part] > 1e-6
            np.minimum(cheapest, np.where(dear, cost[part], cheapest), out=cheapest)
    # At prices of 0 the block costs at least what it may be paid.
    yield shape.cut(cost, np.zeros(rows))
    for adder in SEED_ADDERS:
        for co2 in (0.0, 12 * CO2_GUESS) if shape.co2_row >= 0 else (0.0,):
            prices = np.zeros(rows)
            level = np.minimum(cheapest + adder, case.unserved_price)
            prices[shape.balance] = level
            end = rows - (shape.co2_row >= 0) - (shape.water_row >= 0)
            prices[shape.balance.stop : end] = float(level.mean())
            if shape.co2_row >= 0:
                prices[shape.co2_row] = -co2
            yield shape.cut(cost, prices)


def mixes(case: Case, site_name: str, period: int, names: Sequence[str]) -> Iterator[Task]:
    """A few mixes of a site to be solved.

    For each MW of facility peak: thermal alone; half grid and thermal with sun, wind and
    storage; much sun, wind and storage with some grid and thermal. Each under every tariff.
    """
    site = case.sites[site_name]
    thermal = [a for a in site.assets if a.kind == "thermal"]
    at = {n: k for k, n in enumerate(names)}
    peak = 100 * float(site.pue.max())
    hours = case.periods[period].hours
    tariffs = site.tariffs if site.offers else site.tariffs[:1]
    for tariff, (grid, firm, variable, stored) in product(tariffs, MIXES):
        x = np.zeros(len(names))
        x[[n.startswith("it_mw:") for n in names]] = 100 / len(case.workloads)
        if site.offers:
            served = peak * (grid if thermal else max(grid, 1.05))
            x[at[links.FIRM]] = x[at[links.under(site, links.FIRM, tariff)]] = served
            x[[n.startswith(links.CONTRACT) for n in names]] = served
            x[[n.startswith(links.PEAK) for n in names]] = served
            x[[n == links.taken(tariff) for n in names]] = 1.0
        for a in site.assets:
            share = {"thermal": firm / max(1, len(thermal)), "variable": variable,
                     "storage": stored}[a.kind]  # fmt: skip
            if a.kind == "thermal" and not site.offers:
                share = 1.2 / len(thermal)
            x[at[links.power(a)]] = peak * share
            if a.is_storage:
                x[at[links.energy(a)]] = 4 * peak * share
        x[[n in (links.CO2, links.WATER) for n in names]] = 1e6
        x[[n.startswith(links.MATCHED) for n in names]] = 2e-3 * peak * len(hours)
        price = 0.03 if case.co2_caps and stored > 0.5 else 0.0
        yield Task(site_name, period, x, price)
