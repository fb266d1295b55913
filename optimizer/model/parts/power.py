"""Generation and storage: what is built when, under which permit."""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

from optimizer.model.blocks import links
from optimizer.model.ledger import Ledger
from optimizer.model.parts.common import added, contribute, standing
from optimizer.preparing.case import Asset, Case, Site


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
