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
    model.slots_delivered = pyo.ConstraintList()
    for component in case.components:
        due: dict[int, list[object]] = {}
        for site in model.site.values():
            for key, terms in site.joint.items():
                if key[0] == "slot" and key[1] == component.component:
                    due.setdefault(key[2], []).extend(terms)
        for months, delivered in _windows(case, component, sorted(due)):
            terms = [t for month in months for t in due[month]]
            if terms:
                model.slots_delivered.add(pyo.quicksum(terms) <= delivered)


def _windows(case: Case, component: Component, months: list[int]) -> list[tuple[list[int], float]]:
    """Pairs (months in which slots are taken, slots delivered) that a row is made of."""
    if component.stockable:
        return [
            (months[: k + 1], sum(a for m, a in component.supply.items() if m <= month))
            for k, month in enumerate(months)
        ]
    windows = []
    for period in case.periods:
        end = period.month + period.months
        windows.append(
            (
                [m for m in months if period.month <= m < end],
                sum(a for m, a in component.supply.items() if period.month <= m < end),
            )
        )
    return windows
