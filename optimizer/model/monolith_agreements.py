"""What service agreements bill in the hours, in plain Pyomo."""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

from optimizer.model.blocks import links
from optimizer.preparing.calendar import Period, month_of_hour
from optimizer.preparing.case import Case, Site


def add_agreements(
    block: pyo.Block, case: Case, site: Site, period: Period, link: Any, meter: Any
) -> Any:
    """Rows of a block, and what its agreements cost in one pass [k$].

    Parameters
    ----------
    meter : gives the flow through the connection in an hour [MW]
    """
    if not site.agreements:
        return 0.0
    p = period.index
    month_of = dict(zip(period.hours.tolist(), month_of_hour(period.hours).tolist(), strict=True))
    months = sorted(set(month_of.values()))
    hours_of = {m: [t for t, n in month_of.items() if n == m] for m in months}
    billing = {a.key: a for a in site.agreements if a.bills_demand}
    owing = {a.key: a for a in site.agreements if a.bills_energy}
    block.billed = pyo.Var(list(billing), months, domain=pyo.NonNegativeReals)
    block.free_demand = pyo.Var(months, domain=pyo.NonNegativeReals)
    block.short = pyo.Var(list(owing), months, domain=pyo.NonNegativeReals)
    free = link[links.FREE, p] if links.some_are_free(site) else 0.0
    block.free_within_free = pyo.Constraint(months, rule=lambda b, m: b.free_demand[m] <= free)
    if billing:
        block.demand_billed = pyo.Constraint(
            list(month_of),
            rule=lambda b, t: (
                meter(t)
                <= sum(b.billed[a, month_of[t]] for a in billing) + b.free_demand[month_of[t]]
            ),
        )
    block.billed_within_contract = pyo.Constraint(
        list(billing), months,
        rule=lambda b, a, m: b.billed[a, m] <= link[links.ramped(billing[a]), p],
    )  # fmt: skip
    block.minimum_demand = pyo.Constraint(
        list(billing), months,
        rule=lambda b, a, m: b.billed[a, m]
        >= billing[a].demand_share * link[links.minimum(billing[a]), p],
    )  # fmt: skip
    block.minimum_energy = pyo.Constraint(
        list(owing), months,
        rule=lambda b, a, m: sum(meter(t) for t in hours_of[m]) + b.short[a, m]
        >= owing[a].energy_share * len(hours_of[m]) * link[links.minimum(owing[a]), p],
    )  # fmt: skip
    year = period.year - int(case.inputs.setting("money_year"))
    return sum(
        a.demand_price * (1 + a.growth) ** year * block.billed[k, m]
        for k, a in billing.items()
        for m in months
    ) + sum(
        a.energy_price * (1 + a.growth) ** year * block.short[k, m]
        for k, a in owing.items()
        for m in months
    )
