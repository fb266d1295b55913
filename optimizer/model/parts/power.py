"""Generation and storage: what is built when, under which permit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyomo.environ as pyo

from optimizer.model.blocks import links
from optimizer.model.ledger import Ledger
from optimizer.model.limits import (
    Amounts,
    Beyond,
    Edit,
    Limit,
    Steps,
    Use,
    months_in,
    number,
    raised,
    rows_of,
    set_cell,
    shorten,
    sites_of,
    total_months,
    unlimited,
)
from optimizer.model.parts.common import added, contribute, standing
from optimizer.preparing.case import Asset, Case, Site

DEFAULT_HOURS = 12.0
"""MWh for each MW where max_mwh is blank."""


def applies(case: Case) -> bool:
    """Always."""
    return True


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """Cumulative builds, standing power and energy, and their money.

    ``units[g, v, p]`` : whole units online so far (technologies with a unit size)
    ``built_mw[g, v, p]`` : MW online so far (others)
    ``built_mwh[g, v, p]`` : MWh online so far (storage whose energy is chosen)
    ``standing_mw[g, p]`` : MW that stand in p <= max_mw x open
    """
    periods = range(len(case.periods))
    unit = [(a.technology, v.name, p) for a in site.assets if a.unit_mw for v in a.variants
            for p in periods]  # fmt: skip
    free = [(a.technology, v.name, p) for a in site.assets if not a.unit_mw for v in a.variants
            for p in periods]  # fmt: skip
    stored = [(a.technology, v.name, p) for a in site.assets if a.chooses_energy
              for v in a.variants for p in periods]  # fmt: skip
    block.units = pyo.Var(unit, domain=pyo.NonNegativeIntegers)
    block.built_mw = pyo.Var(free, domain=pyo.NonNegativeReals)
    block.built_mwh = pyo.Var(stored, domain=pyo.NonNegativeReals)
    stand = [(a.technology, p) for a in site.assets for p in periods]
    block.standing_mw = pyo.Var(stand, domain=pyo.NonNegativeReals)
    block.power_rows = pyo.ConstraintList()
    for asset in site.assets:
        _add_asset(block, case, site, asset, ledger)


def _add_asset(block: pyo.Block, case: Case, site: Site, asset: Asset, ledger: Ledger) -> None:
    count = block.units if asset.unit_mw else block.built_mw
    size = asset.unit_mw or 1.0
    for p, period in enumerate(case.periods):
        mw: list[Any] = []
        mwh: list[Any] = []
        for v, variant in enumerate(asset.variants):
            key = (asset.technology, variant.name)
            new = added(count, key, p)
            possible = bool(variant.possible[p])
            block.power_rows.add(new >= 0 if possible else new == 0)
            here = size * standing(count, key, asset.serves, p)
            mw.append(here)
            _enter(block, case, site, asset, ledger, v, p, size * new, asset.money_mw[v])
            if possible:
                _take_slots(block, case, asset, v, p, size * new, new if asset.unit_mw else 0.0)
            if asset.permit_kind:
                contribute(
                    block, ("permit", asset.permit_kind, variant.name, p),
                    (here, asset.max_mw, asset.nox_short_tons_per_mw_year),
                )  # fmt: skip
            if asset.chooses_energy:
                new = added(block.built_mwh, key, p)
                block.power_rows.add(new >= 0 if possible else new == 0)
                mwh.append(standing(block.built_mwh, key, asset.serves, p))
                _enter(block, case, site, asset, ledger, v, p, new, asset.money_mwh[v])
                # Energy belongs to units that stand under the same permit.
                block.power_rows.add(mwh[-1] * asset.max_mw <= here * max(asset.max_mwh, 1e-9) * 50)
        total = block.standing_mw[asset.technology, p]
        opened_by = int(asset.variants[0].open_by[p])
        block.power_rows.add(total == pyo.quicksum(mw))
        block.power_rows.add(total <= asset.max_mw * block.open[opened_by] if opened_by >= 0
                             else total == 0)  # fmt: skip
        block.links[p][links.power(asset)] = total
        if asset.is_storage:
            energy = pyo.quicksum(mwh) if asset.chooses_energy else asset.duration_h * total
            block.links[p][links.energy(asset)] = energy
            if asset.chooses_energy:
                block.power_rows.add(
                    energy <= asset.max_mwh * block.open[opened_by] if opened_by >= 0
                    else energy == 0
                )  # fmt: skip
        ledger.cost(
            "generation_fom", asset.fom / 12 * period.discounted_months * total,
            site=site.site, item=asset.technology, period=period.name,
        )  # fmt: skip
        if asset.land_km2_per_mw:
            contribute(block, ("land", p), asset.land_km2_per_mw * total)
        if asset.gas_limited:
            contribute(block, ("gas", p), asset.heat_rate * total)


def _enter(
    block: pyo.Block, case: Case, site: Site, asset: Asset, ledger: Ledger,
    v: int, p: int, new: Any, money: Any,
) -> None:  # fmt: skip
    """Capital, risk and payments of what comes online in p."""
    if not asset.variants[v].possible[p]:
        return
    where = {"site": site.site, "item": asset.technology, "period": case.periods[p].name}
    ledger.cost("generation_capital", money.capital[p] * new, **where)
    if money.risk[p]:
        ledger.cost("risk", money.risk[p] * new, **where)
    for month, paid in money.payments(p).items():
        if paid:
            contribute(block, ("cash", month), paid * new)


def _take_slots(
    block: pyo.Block, case: Case, asset: Asset, v: int, p: int, mw: Any, units: Any
) -> None:
    for component in case.components:
        per_mw, per_unit = component.needs("technology", asset.technology)
        if per_mw or per_unit:
            at = (component.component, int(asset.variants[v].delivery[p]))
            contribute(block, ("slot", *at), per_mw * mw + per_unit * units)


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """Nothing: assets meet in the slot, budget and CO2 rows."""


LEAD = ("procurement_months", "construction_months", "commissioning_months")


def _sizes(case: Case) -> list[Limit]:
    """max_mw of each row that holds somewhere; sun and wind without a profile stay out."""
    sites, kinds = sites_of(case, "site_technologies", "technology"), _kinds(case)
    return [
        Limit("max_mw", "site_technologies", n, "max_mw",
              f"{row['technology']} at {row['site']}: at most {number(row['max_mw'])} MW may stand",
              row["max_mw"], (row["technology"], np.isnan(row["max_mwh"]), *sites[n]))
        for n, row in rows_of(case, "site_technologies")
        if sites[n] and (row["profile"] or kinds[row["technology"]] != "variable")
    ]  # fmt: skip


def _energies(case: Case) -> list[Limit]:
    sites = sites_of(case, "site_technologies", "technology")
    return [
        Limit("max_mwh", "site_technologies", n, "max_mwh",
              f"{row['technology']} at {row['site']}: at most {number(row['max_mwh'])} MWh",
              row["max_mwh"], (row["technology"], *sites[n]))
        for n, row in rows_of(case, "site_technologies")
        if sites[n] and not np.isnan(row["max_mwh"]) and row["max_mw"] > 0
    ]  # fmt: skip


def _not_allowed(case: Case) -> list[Limit]:
    """Technologies without a row at some site; not sun and wind, which need its profile."""
    sites = sites_of(case, "site_technologies", "technology")
    there: dict[str, set[str]] = {}
    for n, row in rows_of(case, "site_technologies"):
        there.setdefault(row["technology"], set()).update(sites[n])
    made = []
    for _, row in rows_of(case, "technologies"):
        name = row["technology"]
        missing = [s for s in case.sites if s not in there.get(name, set())]
        missing = [s for s in missing if not row["fuel"] or _has_fuel(case, row["fuel"], s)]
        if missing and row["class"] != "variable":
            where = "any site" if len(missing) == len(case.sites) else ", ".join(missing)
            said = f"no row allows {name} at {where}"
            made.append(Limit("allowed technologies", "site_technologies", None, "technology",
                              said, 0.0, (name, np.True_, *missing)))  # fmt: skip
    return made


def _kinds(case: Case) -> dict[str, str]:
    return {row["technology"]: row["class"] for _, row in rows_of(case, "technologies")}


def _has_fuel(case: Case, fuel: str, site: str) -> bool:
    hub = next(r["gas_hub"] for _, r in rows_of(case, "sites") if r["site"] == site)
    return any(r["fuel"] == fuel and r["hub"] in ("*", hub) for _, r in rows_of(case, "fuels"))


def _lead_times(case: Case) -> list[Limit]:
    made = []
    for n, row in rows_of(case, "technologies"):
        months = months_in(case, row, LEAD)
        if months > 0:
            said = f"{row['technology']}: {months} months from order to online"
            made.append(Limit("lead times", "technologies", n, LEAD[0], said, months, LEAD))
    return made


def _delays(case: Case) -> list[Limit]:
    return [
        Limit("months_added", "site_technologies", n, "months_added",
              f"{row['technology']} at {row['site']}: {row['months_added']:.0f} months added",
              row["months_added"], ("months_added",))
        for n, row in rows_of(case, "site_technologies")
        if row["months_added"] > 0
    ]  # fmt: skip


def _assets(case: Case, limit: Limit, sites: Iterable[str]) -> Iterator[Asset]:
    for site in sites:
        yield from (a for a in case.sites[site].assets if a.technology == limit.key[0])


def _used_mw(model: Any, case: Case, limit: Limit) -> Iterator[Use]:
    """Standing MW; where max_mwh is blank also MWh over the hours that it then allows."""
    hours = limit.key[1]
    for asset in _assets(case, limit, limit.key[2:]):
        block = model.site[asset.site]
        # A missing row is granted to each site by itself.
        beyond = (asset.site,) if limit.row is None else ("",)
        for p in range(len(case.periods)):
            yield Use(block.standing_mw[asset.technology, p], limit.given, beyond)
            if hours and asset.chooses_energy:
                energy = block.link[links.energy(asset), p]
                yield Use(energy / DEFAULT_HOURS, limit.given, beyond)


def _used_mwh(model: Any, case: Case, limit: Limit) -> Iterator[Use]:
    for asset in _assets(case, limit, limit.key[1:]):
        if asset.chooses_energy:
            for p in range(len(case.periods)):
                yield Use(model.site[asset.site].link[links.energy(asset), p], limit.given)


def _much(case: Case, limit: Limit, much: float) -> list[Edit]:
    return [set_cell(limit, max(much, limit.given))]


def _allow(case: Case, limit: Limit, beyond: Beyond) -> list[Edit]:
    name = limit.key[0]
    return [
        Edit("site_technologies", None, {"site": site, "technology": name, "max_mw": mw},
             f"a row with {number(mw)} MW of {name} at {site}")
        for site, mw in beyond.items()
        if mw > 0
    ]  # fmt: skip


LIMITS = (
    Amounts("max_mw", limits=_sizes, free=_much, used=_used_mw, edits=raised),
    Amounts("max_mwh", limits=_energies, free=unlimited(math.nan), used=_used_mwh, edits=raised),
    Amounts(
        "allowed technologies", limits=_not_allowed, used=_used_mw, edits=_allow,
        free=lambda case, limit, much: _allow(case, limit, dict.fromkeys(limit.key[2:], much)),
    ),
    Steps("lead times", limits=_lead_times, steps=total_months, edits=shorten),
    Steps("months_added", limits=_delays, steps=total_months, edits=shorten),
)  # fmt: skip
