"""Contracts and carbon-free matching of a plan: made consistent, then as result tables."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import pyomo.environ as pyo

from optimizer.model.parts.common import added
from optimizer.model.parts.contracts import load_gwh, volume_gwh
from optimizer.preparing.calendar import Period, month_of_hour
from optimizer.preparing.case import Case, Site
from optimizer.preparing.contracts import Contract, Rule

TABLES = ("contracts", "matching", "matched_hours")
"""Result tables that a case has only where it has contracts or carbon-free targets."""
COLUMNS: dict[str, tuple[str, ...]] = {
    "contracts": ("site", "contract", "kind", "counterparty", "period", "signed_mw",
                  "standing_mw", "volume_mwh", "delivered_mwh", "paid_usd", "settled_usd",
                  "security_cost_usd"),
    "matching": ("policy", "kind", "scope", "year", "target", "served_mwh", "matched_mwh",
                 "share", "exported_mwh"),
    "matched_hours": ("site", "year", "month", "hour_of_day", "served_mwh", "matched_mwh"),
}  # fmt: skip


# -- a point that all rows agree on ---------------------------------------------------------


def make_consistent(
    model: pyo.ConcreteModel, case: Case, sides: Mapping[tuple[str, Hashable], float]
) -> None:
    """Contracts and quotas no larger than the load of the point allows.

    Parameters
    ----------
    sides : upper sides of rows over several sites by (constraint, index) [GWh]; not 0 where the
        case is of some sites, and others leave something over or rely on these
    """
    for name, site in case.sites.items():
        if any(c.capped for c in site.contracts):
            _within_load(model.site[name], case, site)
        if case.rules:
            _cancel(model.site[name])
    for rule in case.rules:
        for group in rule.targets:
            _share_out(model, case, rule, group, "matched", "unmatched_gwh", sides)
        for group in rule.excess:
            _share_out(model, case, rule, group, "excess", "excess_gwh", sides)


def _cancel(block: pyo.Block) -> None:
    """What a pass owes to others and leaves unmatched itself counts once: only the rest is there."""
    for key, owed in block.owed_gwh.items():
        unmatched = block.unmatched_gwh[key]
        both = min(float(owed.value), float(unmatched.value))
        for quota in (owed, unmatched):
            quota.set_value(float(quota.value) - both, skip_validation=True)


def _within_load(block: pyo.Block, case: Case, site: Site) -> None:
    """Less of all contracts where their volume is above the load of a year."""
    capped = [c for c in site.contracts if c.capped]
    factor = 1.0
    for group in case.groups:
        volume = sum(float(pyo.value(volume_gwh(block, case, c, group))) for c in capped)
        load = float(pyo.value(load_gwh(block, case, site, group)))
        if volume > load:
            factor = min(factor, load / volume)
    if factor < 1.0:
        for contract in capped:
            for p in range(len(case.periods)):
                mw = block.ppa_mw[contract.contract, p]
                mw.set_value(factor * float(mw.value), skip_validation=True)


def _share_out(
    model: pyo.ConcreteModel, case: Case, rule: Rule, group: str, kind: str, variable: str,
    sides: Mapping[tuple[str, Hashable], float],
) -> None:  # fmt: skip
    """Smaller quotas where all together are above what load and target allow."""
    allowed = sides.get((f"{kind}_in_scope", (rule.rule, group)), 0.0) if rule.joint else 0.0
    parts: Iterable[list[str]] = [[s] for s in case.sites if s in rule.sites]
    if rule.joint:
        parts = [[s for s in case.sites if s in rule.sites]]
    for sites in parts:
        over, quotas = -allowed, []
        for name in sites:
            block = model.site[name]
            body = block.matching_terms.get((kind, rule.rule, group))
            if body is None:
                continue
            over += float(pyo.value(body))
            quota = block.component(variable)
            quotas += [quota[rule.rule, p] for p in case.groups[group]]
        total = sum(float(q.value) for q in quotas)
        if over > 0 and total > 0:
            factor = max(0.0, 1.0 - over / total)
            for q in quotas:
                q.set_value(factor * float(q.value), skip_validation=True)


# -- one pass -------------------------------------------------------------------------------


def delivered(site: Site, series: Mapping[str, np.ndarray]) -> np.ndarray:
    """Energy delivered by contract in each hour [MW]."""
    total = np.zeros(len(series["unserved"]))
    for contract in site.deliveries:
        total = total + series[f"delivery:{contract.contract}"]
    return total


def pass_of_contracts(
    block: pyo.Block, site: Site, period: Period, series: Mapping[str, np.ndarray],
    frame: dict[str, Any], grid_co2: np.ndarray, metric: Any, money: Any,
) -> None:  # fmt: skip
    """Deliveries of a pass into its frame, its metrics and its money [k$ a pass].

    Parameters
    ----------
    grid_co2 : of imported energy under the tariff of the period, by hour of a year [t/MWh]
    """
    p, hours = period.index, frame["hour"]
    for contract in site.deliveries:
        name = contract.contract
        made = series[f"delivery:{name}"]
        frame[f"delivery_mw:{name}"] = made
        taken = float(made.sum())
        metric(name, "delivered_mwh", taken)
        paid = contract.adder * taken
        if contract.take_share < 1:
            paid += contract.price[p] * (taken + float(series[f"not_taken:{name}"].sum()))
        money(name, paid)
    if site.offers and site.marginal_co2 is not None:
        bought = frame["import_mw"] + delivered(site, series)
        metric("grid", "co2_marginal_t", bought @ site.marginal_co2[hours])
    if site.offers and site.contracts:
        stands = {c.contract: float(pyo.value(block.ppa_standing[c.contract, p]))
                  for c in site.contracts}  # fmt: skip
        metric("grid", "co2_market_t", _market_based(site, stands, period, frame, grid_co2))


def _market_based(
    site: Site, stands: Mapping[str, float], period: Period, frame: Mapping[str, Any],
    grid_co2: np.ndarray,
) -> float:  # fmt: skip
    """CO2 of bought energy in the market-based account of one pass [t].

    Deliveries count as their contract says. What is imported counts as the grid's average, less
    the share that carbon-free financial contracts cover.

    Parameters
    ----------
    stands : standing MW by contract
    """
    imported = float(frame["import_mw"].sum())
    tons = float(frame["import_mw"] @ grid_co2[frame["hour"]])
    covered = sum(
        float(c.energy[period.index]) * stands[c.contract]
        for c in site.contracts
        if not c.delivers and c.carbon_free
    )
    tons *= max(0.0, 1.0 - covered / imported) if imported > 0 else 0.0
    for c in site.deliveries:
        tons += c.co2 * float(frame[f"delivery_mw:{c.contract}"].sum())
    return tons


def unmatched(
    rule: Rule, site: Site, tariff: str, hours: np.ndarray, frame: Mapping[str, Any]
) -> np.ndarray:
    """What is not matched in each hour by what runs then [MWh]; storage and exports apart.

    Parameters
    ----------
    tariff : under which is imported
    """
    clean = site.clean[tariff][hours] if rule.grid_counts else 0.0
    total = np.asarray((1.0 - clean) * frame["import_mw"], float)
    for contract in site.deliveries:
        if not rule.counts(contract, site.market):
            total = total + frame.get(f"delivery_mw:{contract.contract}", 0.0)
    for asset in site.assets:
        if not asset.is_storage and asset.co2_t_per_mwh > 0:
            total = total + frame.get(f"generation_mw:{asset.technology}", 0.0)
    return total


# -- tables ---------------------------------------------------------------------------------


class ContractTables:
    """Rows of the tables of contracts and matching.

    Parameters
    ----------
    model : the planning model, its variables at the plan
    frames : hourly series of every site and period that operates
    tariff : name of the tariff under which a site imports in a period
    """

    def __init__(
        self, model: pyo.ConcreteModel, case: Case, frames: list[dict[str, Any]],
        tariff: Callable[[str, int], str],
    ) -> None:  # fmt: skip
        self.model, self.case, self.tariff = model, case, tariff
        self.frames = {(f["site"], f["period"]): f for f in frames}

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Rows by table, of those that the case has."""
        found: dict[str, list[tuple[Any, ...]]] = {}
        if any(site.contracts for site in self.case.sites.values()):
            found["contracts"] = self._contracts()
        if self.case.rules:
            found["matching"] = self._matching()
            found["matched_hours"] = self._hours()
        return found

    def _contracts(self) -> list[tuple[Any, ...]]:
        made = []
        for name, site in self.case.sites.items():
            block = self.model.site[name]
            for contract in site.contracts:
                for period in self.case.periods:
                    stands = float(pyo.value(block.ppa_standing[contract.contract, period.index]))
                    new = float(pyo.value(added(block.ppa_mw, (contract.contract,), period.index)))
                    if stands > 0 or new > 0:
                        made.append(self._contract(site, contract, period, new, stands))
        return made

    def _contract(
        self, site: Site, contract: Contract, period: Period, new: float, stands: float
    ) -> tuple[Any, ...]:
        """Energy and money of a whole period, not discounted."""
        p, passes = period.index, period.passes
        volume = float(contract.energy[p]) * stands
        delivered = paid = settled = 0.0
        if contract.delivers:
            frame = self.frames.get((site.site, period.name), {})
            delivered = float(np.sum(frame.get(f"delivery_mw:{contract.contract}", 0.0)))
            paid = contract.price[p] * max(delivered, contract.take_share * volume)
            paid += contract.adder * delivered
        else:
            settled = float(contract.settlement[p]) * stands
        security = contract.security / 12 * period.months * stands
        return (
            site.site, contract.contract, contract.kind, contract.counterparty, period.name, new,
            stands, volume * passes, delivered * passes, 1e3 * paid * passes,
            1e3 * settled * passes, 1e3 * security,
        )  # fmt: skip

    def _matching(self) -> list[tuple[Any, ...]]:
        """Each target and year: of all sites together if it is joint, and of each."""
        made = []
        for rule in self.case.rules:
            kind = "cfe_hourly" if rule.hourly else "cfe_annual"
            sites = [s for s in self.case.sites if s in rule.sites]
            for group in rule.policies:
                target = rule.targets.get(group, np.nan)
                single = {s: self._year(rule, s, group) for s in sites}
                single = {s: found for s, found in single.items() if found[0] > 0}
                parts: dict[str, tuple[Any, tuple[float, float, float]]] = {}
                if rule.joint:
                    total = tuple(sum(f[k] for f in single.values()) for k in range(3))
                    parts[rule.applies_to] = (target, (total[0], total[1], total[2]))
                for s, found in single.items():
                    parts[s] = (np.nan if rule.joint else target, found)
                for scope, (aim, (served, matched, exported)) in parts.items():
                    share = matched / served if served > 0 else np.nan
                    made.append((rule.policies[group], kind, scope, group, aim, served, matched,
                                 share, exported))  # fmt: skip
        return made

    def _year(self, rule: Rule, name: str, group: str) -> tuple[float, float, float]:
        """Served, matched and exported energy of a site in a calendar-year group [MWh]."""
        case, site = self.case, self.case.sites[name]
        served = matched = exported = 0.0
        for p in case.groups[group]:
            frame = self.frames.get((name, case.periods[p].name))
            if frame is None:
                continue
            here = float(frame["load_mw"].sum() - frame["unserved_mw"].sum())
            clean = here - float(
                unmatched(rule, site, self.tariff(name, p), frame["hour"], frame).sum()
            )
            if not rule.hourly:
                clean += self._annual(rule, site, p, frame)
            served, matched = served + here, matched + clean
            exported += float(frame["export_mw"].sum())
        return served, matched, exported

    def _annual(self, rule: Rule, site: Site, p: int, frame: Mapping[str, Any]) -> float:
        """What counts beside what runs in the hour: storage losses, exports, settlements [MWh]."""
        more = float(frame["export_mw"].sum()) if rule.exports_count else 0.0
        for asset in site.assets:
            if asset.is_storage:
                for what, sign in (("charge", 1.0), ("discharge", -1.0)):
                    more += sign * float(np.sum(frame.get(f"{what}_mw:{asset.technology}", 0.0)))
        block = self.model.site[site.site]
        for contract in site.contracts:
            if not contract.delivers and rule.counts(contract, site.market):
                stands = float(pyo.value(block.ppa_standing[contract.contract, p]))
                more += float(contract.energy[p]) * stands
        return more

    def _hours(self) -> list[tuple[Any, ...]]:
        """Matched energy by month and hour of day, by what runs in the hour [MWh]."""
        case = self.case
        sums: dict[tuple[Hashable, ...], np.ndarray] = {}
        best = sorted(case.rules, key=lambda r: not r.hourly)
        for name, site in case.sites.items():
            rule = next((r for r in best if name in r.sites), None)
            for period in case.periods if rule is not None else ():
                frame = self.frames.get((name, period.name))
                if frame is None:
                    continue
                assert rule is not None
                hours = frame["hour"]
                served = frame["load_mw"] - frame["unserved_mw"]
                matched = np.maximum(
                    served - unmatched(rule, site, self.tariff(name, period.index), hours, frame),
                    0.0,
                )
                key: tuple[Hashable, ...] = (name, period.group)
                table = sums.setdefault(key, np.zeros((2, 13, 24)))
                at: Any = (month_of_hour(hours) + 1, hours % 24)
                np.add.at(table[0], at, served)
                np.add.at(table[1], at, matched)
        return [
            (*key, month, hour, float(t[0, month, hour]), float(t[1, month, hour]))
            for key, t in sums.items()
            for month in range(1, 13)
            for hour in range(24)
            if t[0, month, hour] > 0
        ]
