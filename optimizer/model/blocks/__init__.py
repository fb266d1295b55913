"""Operating blocks: the hours of one site in one period, as arrays."""

from __future__ import annotations

import numpy as np

from optimizer.model.blocks import generation, grid, links, load, storage
from optimizer.model.blocks.assembly import Assembly, Shape
from optimizer.preparing.case import Case, Site

M3_PER_LINK = 1000.0
T_PER_LINK = 1000.0


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
    for asset in site.assets:
        if asset.is_storage:
            storage.add(block, asset, balance)
        else:
            generation.add(block, case, site, asset, balance)
    co2_row = water_row = -1
    if links.limits_co2(case):
        counted = block.measured("co2_onsite")
        if case.co2_scope == "total":
            counted = counted + block.measured("co2_grid")
        co2_row = block.quota("co2_within_quota", counted, links.CO2, T_PER_LINK)
    if links.limits_water(site):
        used = block.measured("water")
        water_row = block.quota("water_within_quota", used, links.WATER, M3_PER_LINK)
    return block.close(co2_row, water_row)
