"""Power contracts: which are signed, how many MW, from when; and the hedged share of load."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyomo.environ as pyo

from optimizer.model.blocks import links
from optimizer.model.ledger import Ledger
from optimizer.model.limits import (
    Amounts,
    Edit,
    Limit,
    Steps,
    Use,
    number,
    raised,
    rows_of,
    set_cell,
    sites_of,
)
from optimizer.model.parts.common import added, contribute, standing
from optimizer.preparing.case import Case, Site
from optimizer.preparing.contracts import HEDGES, Contract, Hedge

GWH = 1e-3
STEP = 0.01
"""Share by which a limit on shares is relaxed at a time."""


def applies(case: Case) -> bool:
    """Whether any contract may be signed, or a hedged share is asked for."""
    return bool(case.hedges) or any(site.contracts for site in case.sites.values())


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """``ppa_mw[c, p]``: MW signed up to p, which only grows; ``signed[c, p]`` where it is once.

    What stands is at most max_mw, at an open site, and within the load of a calendar year
    unless the contract may be long.
    """
    periods = range(len(case.periods))
    names = [c.contract for c in site.contracts]
    once = [c.contract for c in site.contracts if c.min_mw > 0]
    block.ppa_mw = pyo.Var(names, periods, domain=pyo.NonNegativeReals)
    block.signed = pyo.Var(once, periods, domain=pyo.Binary)
    block.contract_rows = pyo.ConstraintList()
    block.ppa_standing = {}
    for contract in site.contracts:
        for p in periods:
            _add_period(block, case, site, contract, ledger, p)
    block.contracts_within_load = pyo.Constraint(
        [g for g in case.groups if any(c.capped for c in site.contracts)],
        rule=lambda b, group: (
            pyo.quicksum(volume_gwh(b, case, c, group) for c in site.contracts if c.capped)
            <= load_gwh(b, case, site, group)
        ),
    )
    block.hedged_at_site = pyo.ConstraintList()
    for hedge in case.hedges:
        if site.site not in hedge.sites:
            continue
        for who, mine in _counted(case, site, hedge).items():
            bought = pyo.quicksum(volume_gwh(block, case, c, hedge.group) for c in mine)
            used = _beyond(hedge, bought, load_gwh(block, case, site, hedge.group))
            if hedge.joint:
                contribute(block, ("hedged", hedge.policy, hedge.group, who), used)
            else:
                block.hedged_at_site.add(used <= 0)


def _add_period(
    block: pyo.Block, case: Case, site: Site, contract: Contract, ledger: Ledger, p: int
) -> None:
    name, period, rows = contract.contract, case.periods[p], block.contract_rows
    new = added(block.ppa_mw, (name,), p)
    stands = standing(block.ppa_mw, (name,), contract.serves, p)
    block.ppa_standing[name, p] = stands
    block.ppa_mw[name, p].setub(contract.max_mw * len(case.periods))
    rows.add(new >= 0)
    if not contract.possible[p]:
        rows.add(new <= 0)
    rows.add(stands <= contract.max_mw * block.open[p])
    if contract.min_mw > 0:
        signs = added(block.signed, (name,), p)
        rows.add(signs >= 0)
        rows.add(new <= contract.max_mw * signs)
        rows.add(new >= contract.min_mw * signs)
    if contract.delivers:
        block.links[p][links.contract(contract)] = stands
    where = {"site": site.site, "item": name, "period": period.name}
    if not contract.delivers:
        each = contract.settlement[p] * period.pass_weight
        ledger.cost("contract_settlement", each * stands, **where)
    elif contract.take_share == 1:
        each = contract.price[p] * contract.energy[p] * period.pass_weight
        ledger.cost("contract_energy", each * stands, **where)
    if contract.security:
        each = contract.security / 12 * period.discounted_months
        ledger.cost("contract_security", each * stands, **where)


def load_gwh(block: pyo.Block, case: Case, site: Site, group: str) -> Any:
    """Facility load of a calendar-year group, one pass of each of its periods [GWh]."""
    return pyo.quicksum(period_load_gwh(block, case, site, p) for p in case.groups[group])


def period_load_gwh(block: pyo.Block, case: Case, site: Site, p: int) -> Any:
    """Facility load of one pass of a period [GWh]."""
    hours = case.periods[p].hours
    return pyo.quicksum(
        GWH * float(site.pue[hours] @ w.load[hours]) * block.links[p][links.load(w.workload)]
        for w in case.workloads.values()
    )


def volume_gwh(block: pyo.Block, case: Case, contract: Contract, group: str) -> Any:
    """Energy that a contract offers in a calendar-year group [GWh]."""
    return pyo.quicksum(
        GWH * float(contract.energy[p]) * block.ppa_standing[contract.contract, p]
        for p in case.groups[group]
    )


def _counted(case: Case, site: Site, hedge: Hedge) -> dict[str, list[Contract]]:
    """Contracts of a site that a hedge counts together; a counterparty's apart from others'."""
    if hedge.kind != "counterparty_share_max":
        return {"": list(site.contracts)}
    # Whoever sells anywhere: load of this site also makes room for what others buy from them.
    everyone = case.counterparties
    return {who: [c for c in site.contracts if c.counterparty == who] for who in everyone}


def _beyond(hedge: Hedge, bought: Any, load: Any) -> Any:
    """What must not be above 0 [GWh]."""
    more = bought - hedge.share * load
    return -more if hedge.kind == "hedged_share_min" else more


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """Hedged shares over several sites."""
    keys = dict.fromkeys(
        key[1:] for site in model.site.values() for key in site.joint if key[0] == "hedged"
    )
    model.hedged_in_scope = pyo.Constraint(
        list(keys),
        rule=lambda m, *key: (
            pyo.quicksum(
                t for site in m.site.values() for t in site.joint.get(("hedged", *key), ())
            )
            <= 0
        ),
    )


def _offered(case: Case) -> list[Limit]:
    there = {(s, c.contract) for s, site in case.sites.items() for c in site.contracts}
    at = sites_of(case, "site_contracts", "contract")
    return [
        Limit("power contracts", "site_contracts", n, "max_mw",
              f"{row['site']} / {row['contract']}: {number(row['max_mw'])} MW may be signed",
              row["max_mw"], (row["contract"], tuple(at[n])))
        for n, row in rows_of(case, "site_contracts")
        if any((s, row["contract"]) in there for s in at[n])
    ]  # fmt: skip


def _used(model: Any, case: Case, limit: Limit) -> Iterator[Use]:
    contract, sites = limit.key
    for site in sites:
        for (name, _), stands in model.site[site].ppa_standing.items():
            if name == contract:
                yield Use(stands, limit.given)


def _much(case: Case, limit: Limit, much: float) -> list[Edit]:
    return [set_cell(limit, max(much, limit.given))]


def _shares(case: Case) -> list[Limit]:
    words = {"hedged_share_min": "at least", "hedged_share_max": "at most",
             "counterparty_share_max": "of one counterparty at most"}  # fmt: skip
    return [
        Limit("hedged shares", "policies", n, "value",
              f"{row['policy']}: {words[row['kind']]} {number(row['value'])} of load by contract",
              row["value"], (row["kind"], row["policy"]))
        for n, row in rows_of(case, "policies")
        if row["kind"] in HEDGES
    ]  # fmt: skip


def _steps(case: Case, limit: Limit) -> list[float]:
    room = limit.given if limit.key[0] == "hedged_share_min" else 2.0 - min(limit.given, 1.0)
    return [*np.round(np.arange(STEP, room, STEP), 6), room]


def _moved(case: Case, limit: Limit, step: float) -> list[Edit]:
    down = limit.key[0] == "hedged_share_min"
    return [set_cell(limit, round(limit.given + (-step if down else step), 6))]


LIMITS = (
    Amounts("power contracts", limits=_offered, free=_much, used=_used, edits=raised),
    Steps("hedged shares", limits=_shares, steps=_steps, edits=_moved),
)
