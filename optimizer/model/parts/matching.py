"""Carbon-free matching: what a site may leave unmatched, within a calendar year."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo

from optimizer.model.blocks import links
from optimizer.model.ledger import Ledger
from optimizer.model.limits import Edit, Limit, Steps, number, rows_of, set_cell
from optimizer.model.parts.common import contribute
from optimizer.model.parts.contracts import GWH, period_load_gwh
from optimizer.preparing.case import Case, Site
from optimizer.preparing.contracts import CFE, Rule

STEP = 0.01
"""Share by which a target is lowered at a time."""


def applies(case: Case) -> bool:
    """Whether there is a carbon-free target."""
    return bool(case.rules)


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """Quotas [GWh a pass] of what is not matched, of clean energy owed to others, of exports.

    Each year: unmatched - owed <= (1 - target) * load + carbon-free financial contracts
    (annual only). Load that may stay unserved is not counted as served.
    """
    held = links.rules(case, site)
    periods = range(len(case.periods))
    owing = [r.rule for r in held if links.may_owe(r, site)]
    selling = [r.rule for r in held if links.limits_excess(r, site)]
    block.unmatched_gwh = pyo.Var([r.rule for r in held], periods, domain=pyo.NonNegativeReals)
    block.owed_gwh = pyo.Var(owing, periods, domain=pyo.NonNegativeReals)
    block.excess_gwh = pyo.Var(selling, periods, domain=pyo.NonNegativeReals)
    block.matched_at_site = pyo.ConstraintList()
    block.excess_at_site = pyo.ConstraintList()
    block.matching_terms = {}
    for rule in held:
        for p in periods:
            _links(block, case, site, rule, p)
        for group, members in case.groups.items():
            if group in rule.targets:
                used = _unmatched(block, case, site, rule, group)
                block.matching_terms["matched", rule.rule, group] = used
                if rule.joint:
                    contribute(block, ("matched", rule.rule, group), used)
                else:
                    block.matched_at_site.add(used <= 0)
            if group in rule.excess and rule.rule in selling:
                sold = pyo.quicksum(block.excess_gwh[rule.rule, p] for p in members)
                load = pyo.quicksum(_served(block, case, site, p) for p in members)
                more = sold - rule.excess[group] * load
                block.matching_terms["excess", rule.rule, group] = more
                if rule.joint:
                    contribute(block, ("excess", rule.rule, group), more)
                else:
                    block.excess_at_site.add(more <= 0)


def _links(block: pyo.Block, case: Case, site: Site, rule: Rule, p: int) -> None:
    """The quotas as links; in years without a target as much as could ever be used."""
    at, period, name = block.links[p], case.periods[p], rule.rule
    hours = GWH * len(period.hours)
    exported = hours * at[links.EXPORT] if site.sells_energy else 0.0
    if period.group in rule.targets:
        at[links.unmatched(rule)] = block.unmatched_gwh[name, p]
    else:
        stored = pyo.quicksum(at[links.power(a)] for a in site.assets if a.is_storage)
        at[links.unmatched(rule)] = (
            period_load_gwh(block, case, site, p) + exported + hours * stored
        )
    if links.may_owe(rule, site):
        if period.group in rule.targets:
            most = sum(a.max_mw for a in site.assets if a.is_storage)
            most += max((o.export_mw for o in site.offers), default=0.0)
            block.owed_gwh[name, p].setub(hours * most)
            at[links.owed(rule)] = block.owed_gwh[name, p]
        else:
            at[links.owed(rule)] = 0.0
    if links.limits_excess(rule, site):
        limited = period.group in rule.excess
        at[links.excess(rule)] = block.excess_gwh[name, p] if limited else exported


def _served(block: pyo.Block, case: Case, site: Site, p: int) -> Any:
    """Load that is surely served [GWh]."""
    return (1 - case.allowed_unserved_share) * period_load_gwh(block, case, site, p)


def _unmatched(block: pyo.Block, case: Case, site: Site, rule: Rule, group: str) -> Any:
    """What must not be above 0 in a calendar year, over the sites of the target [GWh]."""
    total: Any = 0.0
    for p in case.groups[group]:
        total = total + block.unmatched_gwh[rule.rule, p]
        if links.may_owe(rule, site):
            total = total - block.owed_gwh[rule.rule, p]
        total = total - (1 - rule.targets[group]) * _served(block, case, site, p)
        for contract in () if rule.hourly else site.contracts:
            if not contract.delivers and rule.counts(contract, site.market):
                energy = GWH * float(contract.energy[p])
                total = total - energy * block.ppa_standing[contract.contract, p]
    return total


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """Targets and limits on exports over several sites."""

    def over_sites(kind: str) -> pyo.Constraint:
        keys = dict.fromkeys(
            key[1:] for site in model.site.values() for key in site.joint if key[0] == kind
        )
        return pyo.Constraint(
            list(keys),
            rule=lambda m, *key: (
                pyo.quicksum(
                    t for site in m.site.values() for t in site.joint.get((kind, *key), ())
                )
                <= 0
            ),
        )

    model.matched_in_scope = over_sites("matched")
    model.excess_in_scope = over_sites("excess")


def _targets(case: Case) -> list[Limit]:
    return [
        Limit("matching target", "policies", n, "value",
              f"{row['policy']}: {number(100 * row['value'])} % carbon-free "
              f"{'in every hour' if CFE[row['kind']] else 'over the year'}",
              row["value"], (row["policy"],))
        for n, row in rows_of(case, "policies")
        if row["kind"] in CFE and row["value"] > 0
    ]  # fmt: skip


def _steps(case: Case, limit: Limit) -> list[float]:
    """Down to 0, which is no target."""
    return [*np.round(np.arange(STEP, limit.given - 1e-9, STEP), 6), limit.given]


def _lowered(case: Case, limit: Limit, step: float) -> list[Edit]:
    value = max(0.0, round(limit.given - step, 6))
    return [set_cell(limit, value, f"target {number(limit.given)} -> {number(value)}")]


LIMITS = (Steps("matching target", limits=_targets, steps=_steps, edits=_lowered),)
