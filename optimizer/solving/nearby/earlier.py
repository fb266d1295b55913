"""An earlier result as a point of the planning model of the present case."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.model.blocks import M3_PER_LINK, links
from optimizer.model.build import Planning
from optimizer.preparing.case import Case, Offer, Site
from optimizer.solving.planning_arrays import PlanningArrays

Key = tuple[Hashable, ...]
Series = dict[tuple[str, ...], np.ndarray]
"""Values by item and present period."""
LEAST_MW = 1e-6
WATER_MARGIN = 1e-6
"""Share of its water by which a quota is more than what was used."""
SAID = {"site": "site", "block": "hall", "technology": "technology", "offer": "grid offer",
        "permit_kind": "permit", "workload": "workload", "region": "region"}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Earlier:
    """A stored result.

    Parameters
    ----------
    name : what it is called where it is spoken of
    periods : start of each of its planning periods
    tables : its tables by name (``docs/results.md``)
    """

    name: str
    periods: Mapping[str, pd.Timestamp]
    tables: Mapping[str, pd.DataFrame]


@dataclass(frozen=True, eq=False)
class OldPlan:
    """An earlier plan in the present case's columns.

    Parameters
    ----------
    x : decisions, sizes and load of the planning model; 0 in all other columns
    left_out : what of it the present case does not have, in words
    """

    x: np.ndarray
    left_out: list[str]


def old_plan(earlier: Earlier, planning: Planning, arrays: PlanningArrays) -> OldPlan:
    """What the earlier plan had decided by the start of each present period.

    Periods are matched by date, everything else by name. Units are the earlier MW in units of
    the present size.
    """
    read = _Reading(earlier, planning.case)
    values: dict[tuple[str, str, Key], float] = {}
    for site in planning.case.sites.values():
        if not site.halls:
            continue
        for name, index, value in read.site(site):
            values[site.site, name, index] = value
    x = np.zeros(arrays.count)
    for k, variable in enumerate(arrays.variables):
        block = variable.parent_block()
        if block.parent_component().local_name == "site":
            index = variable.index()
            key = index if isinstance(index, tuple) else (index,)
            name = variable.parent_component().local_name
            x[k] = values.get((block.index(), name, key), 0.0)
    x[arrays.integer] = np.round(x[arrays.integer])
    return OldPlan(np.clip(x, arrays.lower, arrays.upper), read.left_out())


class _Reading:
    """Reads series of the tables, and remembers what nobody asked for."""

    def __init__(self, earlier: Earlier, case: Case) -> None:
        self.earlier, self.case = earlier, case
        self.order = {name: k for k, name in enumerate(earlier.periods)}
        starts = list(earlier.periods.values())
        self.at = [sum(s <= p.start for s in starts) - 1 for p in case.periods]
        self.series: dict[tuple[str, str], Series] = {}
        self.asked: dict[str, set[tuple[str, ...]]] = {}

    def _read(self, table: str, keys: tuple[str, ...], column: str, *, grows: bool) -> Series:
        """A column by item; with ``grows`` it counts what was added by a period."""
        if (table, column) not in self.series:
            rows = self.earlier.tables.get(table, pd.DataFrame())
            old: Series = {}
            for row in rows.to_dict("records"):
                item = tuple(str(row[k]) for k in keys)
                at = old.setdefault(item, np.zeros(len(self.order) + 1))
                if row["period"] in self.order:
                    at[self.order[row["period"]]] += float(row[column])
            # The last place stands for the time before the earlier plan began.
            self.series[table, column] = {
                item: (np.append(np.cumsum(at[:-1]), 0.0) if grows else at)[self.at]
                for item, at in old.items()
            }
        return self.series[table, column]

    def _of(
        self, table: str, keys: tuple[str, ...], column: str, item: tuple[str, ...], *, grows: bool
    ) -> np.ndarray:
        self.asked.setdefault(table, set()).add(item)
        found = self._read(table, keys, column, grows=grows)
        return found.get(item, np.zeros(len(self.at)))

    def site(self, site: Site) -> Iterator[tuple[str, Key, float]]:
        """(variable, index, value) of all that was decided of a site."""
        for parts in (self._opening, self._halls, self._assets, self._grid, self._permits,
                      self._load, self._water):  # fmt: skip
            yield from parts(site)

    def _opening(self, site: Site) -> Iterator[tuple[str, Key, float]]:
        sites = self.earlier.tables["sites"]
        row = sites[(sites["site"] == site.site) & sites["opened"].astype(bool)]
        first = self.order.get(str(row["open_period"].iloc[0])) if len(row) else None
        for p, at in enumerate(self.at):
            yield "open", (p,), float(first is not None and at >= first)

    def _halls(self, site: Site) -> Iterator[tuple[str, Key, float]]:
        keys = ("site", "block", "variant")
        for hall in site.halls:
            for v in hall.variants:
                item = (site.site, hall.block, v.name)
                found = self._of("campus", keys, "added_blocks", item, grows=True)
                yield from _by_period("halls", item[1:], found)

    def _assets(self, site: Site) -> Iterator[tuple[str, Key, float]]:
        keys = ("site", "technology", "variant")
        for asset in site.assets:
            for v in asset.variants:
                item = (site.site, asset.technology, v.name)
                mw = self._of("capacity", keys, "added_mw", item, grows=True)
                if asset.unit_mw:
                    yield from _by_period("units", item[1:], mw / asset.unit_mw)
                else:
                    yield from _by_period("built_mw", item[1:], mw)
                if asset.chooses_energy:
                    mwh = self._of("capacity", keys, "added_mwh", item, grows=True)
                    yield from _by_period("built_mwh", item[1:], mwh)

    def _grid(self, site: Site) -> Iterator[tuple[str, Key, float]]:
        keys = ("site", "offer", "variant")
        for offer in site.offers:
            for v in offer.variants:
                item = (site.site, offer.offer, v.name)
                levels = {}
                for column in ("connected", "firm_mw", "flexible_mw"):
                    found = self._of("interconnection", keys, column, item, grows=False)
                    levels[column] = found
                    yield from _by_period(column, item[1:], found)
                if offer.existing_mw > 0:
                    flexible = levels["flexible_mw"]
                    beyond = levels["firm_mw"] + flexible - offer.existing_mw
                    wide = (beyond > LEAST_MW) | (flexible > LEAST_MW)
                    yield from _by_period("extended", item[1:], wide.astype(float))
                    yield from _by_period("beyond_mw", item[1:], np.maximum(beyond, 0.0))
            yield from self._signed(site, offer)

    def _signed(self, site: Site, offer: Offer) -> Iterator[tuple[str, Key, float]]:
        """Contract MW of agreements, in the period in which service begins."""
        for agreement in offer.agreements:
            item = (site.site, offer.offer, agreement.agreement)
            keys = ("site", "offer", "agreement")
            level = self._of("agreements", keys, "contract_mw", item, grows=False)
            begins = np.maximum(np.diff(level, prepend=0.0), 0.0)
            yield from _by_period("contract_mw", (agreement.key,), begins)
            yield from _by_period("begun", (agreement.key,), (begins > 0).astype(float))
            yield "agreed", (agreement.key,), float(begins.any())

    def _permits(self, site: Site) -> Iterator[tuple[str, Key, float]]:
        table = self.earlier.tables.get("permits", pd.DataFrame())
        held = {
            (str(r["site"]), str(r["permit_kind"]), str(r["variant"]))
            for r in table.to_dict("records")
        }
        for kind, variant in site.permit_cost:
            self.asked.setdefault("permits", set()).add((site.site, kind, variant))
            yield "permit", (kind, variant), float((site.site, kind, variant) in held)

    def _load(self, site: Site) -> Iterator[tuple[str, Key, float]]:
        keys = ("workload", "region", "site")
        for w, r, s in self.case.reach:
            if s == site.site:
                found = self._of("placement", keys, "it_mw", (w, r, s), grows=False)
                yield from _by_period("place", (w, r), found)

    def _water(self, site: Site) -> Iterator[tuple[str, Key, float]]:
        """Quotas of generation, as it used water in a pass."""
        if not links.limits_water(site):
            return
        keys = ("site", "technology", "metric")
        used = np.zeros(len(self.at))
        for asset in site.assets:
            item = (site.site, asset.technology, "water_m3")
            used = used + self._of("operation", keys, "value", item, grows=False)
        yield from _by_period("water_quota", (), (1 + WATER_MARGIN) / M3_PER_LINK * used)

    def left_out(self) -> list[str]:
        """What of the earlier plan has no place in the present case, in words."""
        said: dict[str, None] = {}
        sites = self.earlier.tables["sites"]
        for name in sites.loc[sites["opened"].astype(bool), "site"].astype(str):
            if name not in self.case.sites:
                said[f'site "{name}" is not in this case'] = None
            elif not self.case.sites[name].halls:
                said[f'site "{name}" has no room for IT in this case'] = None
        for table, keys in (
            ("campus", ("site", "block", "variant")), ("capacity", ("site", "technology", "variant")),
            ("interconnection", ("site", "offer", "variant")),
            ("permits", ("site", "permit_kind", "variant")),
            ("placement", ("workload", "region", "site")),
        ):  # fmt: skip
            for row in self.earlier.tables.get(table, pd.DataFrame()).to_dict("records"):
                item = tuple(str(row[k]) for k in keys)
                site = self.case.sites.get(str(row["site"]))
                if site and site.halls and item not in self.asked.get(table, set()):
                    what = ", ".join(
                        f'{SAID.get(k, k)} "{row[k]}"' for k in keys if k != "site" and row[k]
                    )
                    said[f"{row['site']}: {what} is not in this case"] = None
        present = {p.start for p in self.case.periods}
        if present != set(self.earlier.periods.values()):
            said["other planning periods: taken as it stood at the start of each"] = None
        return list(said)


def _by_period(
    name: str, item: tuple[str, ...], found: np.ndarray
) -> Iterator[tuple[str, Key, float]]:
    for p, value in enumerate(found):
        yield name, (*item, p), float(value)
