"""Component slots that all sites share: transformers, switchgear, turbines."""

from __future__ import annotations

import pyomo.environ as pyo

from optimizer.model.ledger import Ledger
from optimizer.preparing.case import Case, Component, Site


def applies(case: Case) -> bool:
    """Whether there are components."""
    return bool(case.components)


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """Nothing: users of slots contribute their own terms."""


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """What is due by a month <= what was delivered by it; not stockable: within the period."""
    due: dict[str, dict[int, list[object]]] = {c.component: {} for c in case.components}
    for site in model.site.values():
        for key, terms in site.joint.items():
            if key[0] == "slot":
                due[key[1]].setdefault(key[2], []).extend(terms)
    rows = {}
    for component in case.components:
        months = case.delivery_months[component.component]
        for end, window, delivered in _windows(case, component, months):
            taken = due[component.component]
            terms = [t for month in window for t in taken.get(month, ())]
            if terms:
                rows[component.component, end] = pyo.quicksum(terms) <= delivered
    model.slots_delivered = pyo.Constraint(list(rows), rule=lambda m, c, end: rows[c, end])


def _windows(
    case: Case, component: Component, months: list[int]
) -> list[tuple[int, list[int], float]]:
    """(month, months in which slots are taken, slots delivered) of each row."""
    if component.stockable:
        return [
            (month, months[: k + 1], sum(a for m, a in component.supply.items() if m <= month))
            for k, month in enumerate(months)
        ]
    windows = []
    for period in case.periods:
        end = period.month + period.months
        windows.append(
            (
                period.month,
                [m for m in months if period.month <= m < end],
                sum(a for m, a in component.supply.items() if period.month <= m < end),
            )
        )
    return windows
