"""The same case as one plain Pyomo program: slow, obvious, and apart from the arrays.

Every hour of every pass is written out rule by rule, from the case's own data, so that
tests can compare the decomposition with it and a modeler can read and extend it.
"""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

from optimizer.model import blocks, monolith_contracts, monolith_tariffs
from optimizer.model.blocks import links
from optimizer.model.build import Planning, build
from optimizer.model.monolith_agreements import add_agreements
from optimizer.preparing.calendar import Period
from optimizer.preparing.case import Asset, Case, Site


def build_monolith(case: Case) -> Planning:
    """The planning model with the hours of every site and period written out."""
    planning = build(case)
    model = planning.model
    keys = [(s, p.index) for s in case.sites for p in case.periods]
    model.hours = pyo.Block(keys)
    for site, p in keys:
        _add_hours(
            model.hours[site, p], case, case.sites[site], case.periods[p],
            model.site[site].link, model.site[site].operating_cost[p],
        )  # fmt: skip
    return planning


def _grown(case: Case, yearly: float, period: Period) -> float:
    return float((1 + yearly) ** (period.year - int(case.inputs.setting("money_year"))))


def _add_hours(
    block: pyo.Block, case: Case, site: Site, period: Period, link: Any, operating_cost: Any
) -> None:
    p, hours = period.index, [int(h) for h in period.hours]
    generators = [a for a in site.assets if not a.is_storage]
    storages = [a for a in site.assets if a.is_storage]
    block.unserved = pyo.Var(hours, domain=pyo.NonNegativeReals)
    if case.allowed_unserved_share == 0:
        block.unserved.fix(0.0)
    monolith_tariffs.add_trade(block, site, hours, link, p)
    block.generation = pyo.Var(
        [a.technology for a in generators], hours, domain=pyo.NonNegativeReals
    )
    names = [a.technology for a in storages]
    block.charge = pyo.Var(names, hours, domain=pyo.NonNegativeReals)
    block.discharge = pyo.Var(names, hours, domain=pyo.NonNegativeReals)
    block.soc = pyo.Var(names, hours, domain=pyo.NonNegativeReals)

    monolith_contracts.add_deliveries(block, site, hours, link, p)

    def balance(b: Any, t: int) -> Any:
        load = sum(
            site.pue[t] * w.load[t] * link[links.load(w.workload), p]
            for w in case.workloads.values()
        )
        supply = (
            monolith_tariffs.net_import(b, t) + b.unserved[t]
            + monolith_contracts.delivered(b, site, t)
            + sum(b.generation[a.technology, t] for a in generators)
            + sum(b.discharge[n, t] - b.charge[n, t] for n in names)
        )  # fmt: skip
        return supply == load

    block.balance = pyo.Constraint(hours, rule=balance)
    by_name = {a.technology: a for a in site.assets}
    block.generation_within_availability = pyo.Constraint(
        [a.technology for a in generators], hours,
        rule=lambda b, g, t: b.generation[g, t]
        <= by_name[g].availability[t] * link[links.power(by_name[g]), p],
    )  # fmt: skip
    _add_storage(block, by_name, names, hours, link, p)
    _add_quotas(block, case, site, generators, hours, link, p)
    monolith_contracts.limit_delivery(block, site, hours, link, p)
    monolith_contracts.limit_export(block, site, hours)
    monolith_contracts.add_matching(block, case, site, hours, link, p)
    cost = _running_cost(block, case, site, period, generators, storages, hours)
    cost += monolith_tariffs.trade_cost(block, case, site, period, link)
    cost += add_agreements(
        block, case, site, period, link, lambda t: monolith_contracts.metered(block, site, t)
    )
    block.cost = pyo.Constraint(expr=operating_cost == cost)


def _add_storage(
    block: pyo.Block, by_name: dict[str, Asset], names: list[str], hours: list[int], link: Any,
    p: int,
) -> None:  # fmt: skip
    before = dict(zip(hours, [hours[-1], *hours[:-1]], strict=True))

    def power(name: str) -> Any:
        return link[links.power(by_name[name]), p]

    block.charge_within_power = pyo.Constraint(
        names, hours, rule=lambda b, n, t: b.charge[n, t] <= power(n)
    )
    block.discharge_within_power = pyo.Constraint(
        names, hours, rule=lambda b, n, t: b.discharge[n, t] <= power(n)
    )
    block.soc_within_energy = pyo.Constraint(
        names, hours, rule=lambda b, n, t: b.soc[n, t] <= link[links.energy(by_name[n]), p]
    )

    def state(b: Any, n: str, t: int) -> Any:
        eta = by_name[n].efficiency ** 0.5
        kept = (1 - by_name[n].loss_per_hour) * b.soc[n, before[t]]
        return b.soc[n, t] == kept + eta * b.charge[n, t] - b.discharge[n, t] / eta

    block.state_of_charge = pyo.Constraint(names, hours, rule=state)


def _add_quotas(
    block: pyo.Block, case: Case, site: Site, generators: list[Asset], hours: list[int],
    link: Any, p: int,
) -> None:  # fmt: skip
    if links.limits_co2(case):
        emitted = pyo.quicksum(
            a.co2_t_per_mwh * block.generation[a.technology, t] for a in generators for t in hours
        )
        if case.co2_scope == "total":
            emitted += monolith_tariffs.grid_tons(block, site, hours)
            emitted += pyo.quicksum(
                site.grid_co2[t] * monolith_contracts.delivered(block, site, t) for t in hours
            )
        block.co2_within_quota = pyo.Constraint(
            expr=emitted <= blocks.T_PER_LINK * link[links.CO2, p]
        )
    if links.limits_water(site):
        used = pyo.quicksum(
            a.water_m3_per_mwh * block.generation[a.technology, t]
            for a in generators
            for t in hours
        )
        block.water_within_quota = pyo.Constraint(
            expr=used <= blocks.M3_PER_LINK * link[links.WATER, p]
        )


def _running_cost(
    block: pyo.Block, case: Case, site: Site, period: Period, generators: list[Asset],
    storages: list[Asset], hours: list[int],
) -> Any:  # fmt: skip
    carbon = float(case.co2_price[period.index])
    grid_carbon = carbon if case.co2_price_scope == "total" else 0.0
    cost = pyo.quicksum(case.unserved_price * block.unserved[t] for t in hours)
    cost += grid_carbon * monolith_tariffs.grid_tons(block, site, hours)
    for a in generators:
        fuel = _grown(case, site.fuel_growth[a.fuel], period) if a.fuel else 0.0
        for t in hours:
            burnt = a.heat_rate * site.fuel_price[a.fuel][t] * fuel if a.fuel else 0.0
            unit = burnt + a.vom + a.co2_t_per_mwh * carbon
            cost += unit * block.generation[a.technology, t]
    for a in storages:
        cost += a.vom * pyo.quicksum(block.discharge[a.technology, t] for t in hours)
    return cost + monolith_contracts.running_cost(block, case, site, period, hours, grid_carbon)
