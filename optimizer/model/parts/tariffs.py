"""Tariffs as far as the plan decides: choice, cheaper tiers of a month, ratchets over periods."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo

from optimizer.model.blocks import links
from optimizer.model.blocks.grid import growth
from optimizer.model.ledger import Ledger
from optimizer.model.limits import Group
from optimizer.preparing import ratchets
from optimizer.preparing.calendar import Period, months_of_pass
from optimizer.preparing.case import Case, Site
from optimizer.preparing.tariffs import Charge, Tariff, Tier
from optimizer.tables.tariffs import CONTRACT, DEMAND, ENERGY


def applies(case: Case) -> bool:
    """Whether any site has offers of grid service."""
    return any(site.offers for site in case.sites.values())


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """``taken[t, p]``: the tariff of a period, where a site may choose; fixed charges.

    ``under[link, t, p]``: the connection's links as far as they are under a tariff.
    ``reached[t, c, n, p, k]``: month k of a period reaches tier n of a charge, which is cheaper
    than the one before; ``above_mw[t, c, n, p, k]`` [MW, mean MW of the window]: how far above
    its beginning the month may be.
    ``peak[t, c, p, k]``, ``floor[t, c, p, k]`` [MW]: metered peaks that ratchets reach over.
    """
    periods = range(len(case.periods))
    several = len(site.tariffs) > 1 and bool(site.offers)
    names = [t.tariff for t in site.tariffs] if several else []
    block.taken = pyo.Var(names, periods, domain=pyo.Binary)
    shared = links.split(list(links.names(case, site)), site)
    block.under = pyo.Var(shared, names, periods, domain=pyo.NonNegativeReals)
    block.one_tariff = pyo.ConstraintList()
    block.tier_rows = pyo.ConstraintList()
    cheaper = _cheaper_tiers(case, site)
    block.reached = pyo.Var(cheaper, domain=pyo.Binary)
    block.above_mw = pyo.Var(cheaper, domain=pyo.NonNegativeReals)
    block.room = {}
    if not site.offers:
        block.ratchet_rows = pyo.ConstraintList()
        return
    for p in periods:
        connected = pyo.quicksum(
            block.connected[o.offer, v.name, p] for o in site.offers for v in o.variants
        )
        if several:
            _choose(block, case, site, shared, p, connected)
        for tariff in site.tariffs:
            taken = block.taken[tariff.tariff, p] if several else connected
            if tariff.is_billed:
                block.links[p][links.taken(tariff)] = taken
            for charge in tariff.charges:
                _reach(block, case, site, tariff, charge, p, taken)
            _fixed(case, site, tariff, ledger, p, taken)
    _add_ratchets(block, case, site)


def _choose(
    block: pyo.Block, case: Case, site: Site, shared: list[str], p: int, connected: Any
) -> None:
    """One tariff while connected, of those offered by then; the connection is under it."""
    rows, period = block.one_tariff, case.periods[p]
    rows.add(pyo.quicksum(block.taken[t.tariff, p] for t in site.tariffs) == connected)
    for tariff in site.tariffs:
        if tariff.from_month > period.month:
            rows.add(block.taken[tariff.tariff, p] == 0)
    for name in shared:
        mine = [block.under[name, t.tariff, p] for t in site.tariffs]
        rows.add(pyo.quicksum(mine) == block.links[p][name])
        for tariff, part in zip(site.tariffs, mine, strict=True):
            rows.add(part <= _most(site, name, p) * block.taken[tariff.tariff, p])
            block.links[p][links.under(site, name, tariff)] = part


def _most(site: Site, name: str, p: int) -> float:
    """Most MW of a link of the connection."""
    if name == links.EXPORT:
        return max(o.export_mw for o in site.offers)
    flexible = {links.flexible(o): float(o.flexible_mw[p]) for o in site.offers}
    firm = max(float(o.firm_mw[p]) for o in site.offers)
    if name == links.FIRM:
        return firm
    if name in flexible:
        return flexible[name]
    return _most_contract(site)


def _most_service(site: Site, p: int) -> float:
    """Most MW that the connection carries in a period."""
    return max(float(o.firm_mw[p] + o.flexible_mw[p]) for o in site.offers)


def _most_contract(site: Site) -> float:
    """Most MW that the connection, or an agreement for it, has in any period."""
    return max(float((o.firm_mw + o.flexible_mw).max()) for o in site.offers)


def _most_billed(site: Site, tariff: Tariff, name: str, p: int) -> float:
    """Most MW that the demand charges of a name, in all their windows, bill in a month."""
    found = 0.0
    for charge in tariff.of_kind(DEMAND):
        if name in (charge.charge, charge.name):
            most = _most_service(site, p)
            if charge.minimum_share or ratchets.has_ratchet(charge):
                most = max(_most_contract(site), charge.peak_before)
            found += most
    return found


def _cheaper_tiers(case: Case, site: Site) -> list[tuple[str, str, int, int, int]]:
    """(tariff, charge, tier, period, position) of all tiers that are cheaper than the one before."""
    return [
        (tariff.tariff, charge.name, number, p, k)
        for tariff in (site.tariffs if site.offers else ())
        for charge in tariff.charges
        for number, _ in charge.falls
        for p, period in enumerate(case.periods)
        for k, month in enumerate(months_of_pass(period))
        if month in charge.months
    ]


def _reach(
    block: pyo.Block, case: Case, site: Site, tariff: Tariff, charge: Charge, p: int, taken: Any
) -> None:
    """Whether each month reaches a cheaper tier, and how far above its beginning it may be.

    A cost that falls with use is the least of several lines, of which the plan takes one for each
    month: another than the least is dear, not impossible.
    """
    here, rows = block.links[p], block.tier_rows
    for k in range(links.tier_positions(case.periods)):
        before = taken
        for number, tier in charge.falls:
            key = (tariff.tariff, charge.name, number, p, k)
            above, unreached = (
                name(tariff, charge, number, k) for name in (links.above, links.unreached)
            )
            here[above] = here[unreached] = 0.0
            if key not in block.reached:
                continue
            reached = block.reached[key]
            rows.add(reached <= before)
            before = reached
            here[above] = block.above_mw[key]
            size, most_size = _size(case, site, tariff, charge, tier, p, here)
            here[unreached] = most_size * (taken - reached)
            hours = _hours(case, tariff, charge, p, k)
            scale = 1.0 if charge.kind == DEMAND else max(1, len(hours))
            most = _most_service(site, p)
            if charge.kind == DEMAND:
                most = _most_billed(site, tariff, charge.name, p)
            if not tier.hours:
                most = max(0.0, most - tier.above / scale)
            rows.add(block.above_mw[key] <= most * reached)
            use = _most_use(case, site, tariff, charge, p, hours, here)
            if use is None:
                block.room[key] = most, None
                continue
            begin = 0.0 if size is None else tier.above / scale * (size - here[unreached])
            rows.add(block.above_mw[key] <= use - begin)
            block.room[key] = most, use - begin


def _size(
    case: Case, site: Site, tariff: Tariff, charge: Charge, tier: Tier, p: int,
    here: dict[str, Any],
) -> tuple[Any, float]:  # fmt: skip
    """What a tier's beginning is counted for, and the most of it: 1 while taken, or MW.

    None stands for billed demand, which only the hours tell.
    """
    if not tier.hours:
        return here[links.taken(tariff)], 1.0
    if charge.hours_of == CONTRACT:
        basis = links.contract_basis(case, site, tariff)
        return pyo.quicksum(here[name] for name in basis), _most_contract(site)
    return None, _most_billed(site, tariff, charge.hours_of, p)


def _hours(case: Case, tariff: Tariff, charge: Charge, p: int, k: int) -> np.ndarray:
    """Hours of a charge's window in month k of a period."""
    hours = case.periods[p].hours
    month = tariff.clock.months_in(hours) == months_of_pass(case.periods[p])[k]
    return np.asarray(hours[charge.within[hours] & month])


def _most_use(
    case: Case, site: Site, tariff: Tariff, charge: Charge, p: int, hours: np.ndarray,
    here: dict[str, Any],
) -> Any:  # fmt: skip
    """Most that is used of a charge in some hours [mean MW, or billed MW]; None: not known.

    Import covers load, what storage takes up, and what is exported. It is known of the plan
    alone, so that a month does not seem to reach a tier that its load cannot reach.
    """
    period, energy = case.periods[p], charge.kind == ENERGY
    if charge.minimum_share or not len(hours):
        return None
    looks_back = ratchets.has_ratchet(charge)
    if looks_back and period.months < ratchets.YEAR:
        return None
    use = here[links.EXPORT] if site.sells_energy else 0.0
    use += pyo.quicksum(here[links.power(a)] for a in site.assets if a.is_storage)
    for name, workload in case.workloads.items():
        load = site.pue * workload.load
        most = float(load[hours].mean() if energy else load[hours].max())
        if looks_back:
            most = max(most, charge.ratchet_share * float(load[period.hours].max()))
        use += most * here[links.load(name)]
    return use


def reach(block: pyo.Block) -> None:
    """Make the tiers that months reach consistent with what is placed and connected."""
    for key, (most, room) in block.room.items():
        reached, above = block.reached[key], block.above_mw[key]
        if room is not None and round(reached.value) and pyo.value(room) < 0:
            # Its use cannot reach the tier: what is missing would only cost.
            reached.set_value(0.0, skip_validation=True)
        left = most * round(reached.value)
        if room is not None:
            left = min(left, float(pyo.value(room)))
        above.set_value(max(0.0, left), skip_validation=True)


def _fixed(case: Case, site: Site, tariff: Tariff, ledger: Ledger, p: int, taken: Any) -> None:
    """Fixed charges of the months of a pass, and the tax on them."""
    period = case.periods[p]
    usual = fixed_charges(case, tariff, period)
    if usual <= 0:
        return
    paid = usual * period.pass_weight
    where = {"site": site.site, "item": tariff.tariff, "period": period.name}
    ledger.cost("fixed_charge", paid * taken, **where)
    if tariff.tax:
        ledger.cost("tax", paid * tariff.tax * taken, **where)


def fixed_charges(case: Case, tariff: Tariff, period: Period) -> float:
    """Fixed charges of the months of one pass, before tax [k$]."""
    usual = float(tariff.fixed[months_of_pass(period)].sum())
    return usual * growth(case, tariff.growth, period)


def _add_ratchets(block: pyo.Block, case: Case, site: Site) -> None:
    """floor >= peak of each earlier month that a ratchet looks at, while under its tariff."""
    block.ratchet_rows = pyo.ConstraintList()
    pairs = [(t, c) for t in site.tariffs for c in t.charges if ratchets.has_ratchet(c)]
    peaks, floors = [], []
    for tariff, charge in pairs:
        for p in range(len(case.periods)):
            key = (tariff.tariff, charge.name, p)
            peaks += [(*key, k) for k in range(ratchets.peak_positions(charge, case.periods))]
            floors += [(*key, k) for k in range(ratchets.floor_positions(charge, case.periods))]
    block.peak = pyo.Var(peaks, domain=pyo.NonNegativeReals)
    block.floor = pyo.Var(floors, domain=pyo.NonNegativeReals)
    for tariff, charge in pairs:
        for p in range(len(case.periods)):
            _ratchet(block, case, site, tariff, charge, p)


def _ratchet(
    block: pyo.Block, case: Case, site: Site, tariff: Tariff, charge: Charge, p: int
) -> None:
    rows, periods, here = block.ratchet_rows, case.periods, block.links[p]
    key = (tariff.tariff, charge.name)
    service = pyo.quicksum(here[name] for name in links.service(site, tariff))
    for k in range(ratchets.peak_positions(charge, periods)):
        here[links.peak(tariff, charge, k)] = block.peak[(*key, p, k)]
        rows.add(block.peak[(*key, p, k)] <= service)
    several = len(site.tariffs) > 1
    taken = here[links.taken(tariff)]
    for k in range(ratchets.floor_positions(charge, periods)):
        floor = block.floor[(*key, p, k)]
        here[links.floor(tariff, charge, k)] = floor
        for q, at in ratchets.earlier(charge, periods, p, k):
            most = _most_service(site, q)
            left = most * (1 - taken) if several else 0.0
            rows.add(floor >= block.peak[(*key, q, at)] - left)
        if ratchets.looks_before_plan(charge, periods, p, k):
            rows.add(floor >= charge.peak_before * taken)


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """Nothing: a bill is a site's own."""


LIMITS: tuple[Group, ...] = ()
"""A tariff costs; it forbids nothing."""
