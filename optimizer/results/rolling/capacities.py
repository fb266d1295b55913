"""What of a written plan its hours are run with again."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optimizer.model import blocks
from optimizer.model.blocks import links
from optimizer.preparing.calendar import HOURS_PER_YEAR, Period
from optimizer.preparing.case import Case, Site

QUOTA_SLACK = 1e-7
"""By how much a quota is above what the plan says it uses, which is rounded."""


class UnknownError(Exception):
    """A block depends on a quantity that is not read from the tables; its name."""


def links_of_plan(
    case: Case, site: Site, period: Period, tables: dict[str, pd.DataFrame]
) -> np.ndarray:
    """Links of an operating block, from the written tables alone, in their order."""

    def here(name: str) -> pd.DataFrame:
        table = tables[name]
        return table[(table["site"] == site.site) & (table["period"] == period.name)]

    placed, stands, grid = here("placement"), here("capacity"), here("interconnection")
    ran = here("operation")
    generators = [a.technology for a in site.assets if not a.is_storage]

    def total(table: pd.DataFrame, by: str, name: str, column: str) -> float:
        return float(table.loc[table[by] == name, column].sum())

    def measured(metric: str, names: list[str]) -> float:
        rows = ran[(ran["metric"] == metric) & ran["technology"].isin(names)]
        return float(rows["value"].sum()) * (1 + QUOTA_SLACK)

    found = {links.load(w): total(placed, "workload", w, "it_mw") for w in case.workloads}
    for asset in site.assets:
        found[links.power(asset)] = total(stands, "technology", asset.technology, "standing_mw")
        if asset.is_storage:
            energy = total(stands, "technology", asset.technology, "standing_mwh")
            found[links.energy(asset)] = energy
    found[links.FIRM], found[links.EXPORT] = (
        float(grid[column].sum()) for column in ("firm_mw", "export_mw")
    )
    for offer in site.offers:
        found[links.flexible(offer)] = total(grid, "offer", offer.offer, "flexible_mw")
    counted = [*generators, *(["grid"] if case.co2_scope == "total" else [])]
    found[links.CO2] = measured("co2_t", counted) / blocks.T_PER_LINK
    found[links.WATER] = measured("water_m3", generators) / blocks.M3_PER_LINK
    names = links.names(case, site)
    unknown = [name for name in names if name not in found]
    if unknown:
        raise UnknownError(unknown[0])
    return np.array([found[name] for name in names])


def last_year(case: Case) -> list[Period]:
    """Periods of the last calendar year that the plan operates in full, else of the last one."""
    groups = list(case.groups)
    full = [g for g in groups if case.group_hours(g) >= HOURS_PER_YEAR]
    return [case.periods[p] for p in case.groups[(full or groups)[-1]]]
