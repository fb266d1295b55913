"""Operating blocks: the hours of one site in one period, as arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable

import numpy as np

from optimizer.model.blocks import (
    agreements,
    charges,
    contracts,
    generation,
    grid,
    links,
    load,
    matching,
    storage,
)
from optimizer.model.blocks.assembly import Assembly, Shape
from optimizer.preparing.case import Case, Site

Signature = tuple[Hashable, ...]

M3_PER_LINK = 1000.0
T_PER_LINK = 1000.0


def signature(case: Case, site: Site) -> Signature:
    """What the arrays and running costs of a site's blocks depend on.

    Sites with the same signature have the same blocks, whatever their size.
    """
    assets = [
        (
            a.technology, a.kind, a.fuel, a.heat_rate, a.vom, a.co2_t_per_mwh, a.water_m3_per_mwh,
            a.efficiency if a.is_storage else 0.0, a.loss_per_hour, _digest(a.availability),
        )
        for a in site.assets
    ]  # fmt: skip
    offers = [(o.offer, _digest(o.cut), _digest(o.shed)) for o in site.offers]
    fuels = [(f, _digest(price), site.fuel_growth[f]) for f, price in site.fuel_price.items()]
    return (
        links.names(case, site), tuple(assets), tuple(offers), tuple(fuels), _digest(site.pue),
        _contracts(case, site),
        agreements.signature(site),
        tuple(t.key for t in site.tariffs),
    )  # fmt: skip


def _contracts(case: Case, site: Site) -> Signature:
    """What deliveries and matching depend on."""
    offered = [(c.contract, c.take_share, c.adder, _digest(c.volume), _digest(c.price))
               for c in site.deliveries]  # fmt: skip
    held = links.rules(case, site)
    counted = [[r.rule, *(r.counts(c, site.market) for c in site.deliveries)] for r in held]
    clean = [_digest(share) for share in site.clean.values()] if held else []
    return (*offered, *map(tuple, counted), *clean)


def _digest(series: np.ndarray) -> bytes:
    return hashlib.blake2b(series.tobytes(), digest_size=16).digest()


def make_shape(case: Case, site: Site, hours: np.ndarray) -> Shape:
    """Arrays that all blocks of a site with these hours share.

    Parameters
    ----------
    case, site : what to operate
    hours : hours of the reference year in one pass
    """
    block = Assembly(site.site, hours, links.names(case, site))
    balance = load.add(block, case, site)
    grid.add(block, case, site, balance)
    contracts.add(block, case, site, balance)
    for asset in site.assets:
        if asset.is_storage:
            storage.add(block, asset, balance)
        else:
            generation.add(block, case, site, asset, balance)
    contracts.limit_export(block, site)
    matching.add(block, case, site)
    agreements.add(block, case, site)
    charges.add(block, case, site)
    co2_row = water_row = -1
    if links.limits_co2(case):
        counted = ("co2_onsite", "co2_grid") if case.co2_scope == "total" else ("co2_onsite",)
        co2_row = block.quota("co2_within_quota", counted, links.CO2, T_PER_LINK)
    if links.limits_water(site):
        water_row = block.quota("water_within_quota", ("water",), links.WATER, M3_PER_LINK)
    return block.close(co2_row, water_row)
