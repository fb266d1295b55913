"""Component slots that all sites share: transformers, switchgear, turbines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyomo.environ as pyo

from optimizer.model.ledger import Ledger
from optimizer.model.limits import Amounts, Beyond, Edit, Limit, Use, number, rows_of
from optimizer.preparing.case import Case, Component, Site


def applies(case: Case) -> bool:
    """Whether there are components."""
    return bool(case.components)


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """Nothing: users of slots contribute their own terms."""


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """What is due by a month <= what was delivered by it; not stockable: within the period."""
    rows = {}
    for component in case.components:
        due = _due(model, component.component)
        months = case.delivery_months[component.component]
        for end, window, delivered in _windows(case, component, months):
            terms = [t for month in window for t in due.get(month, ())]
            if terms:
                rows[component.component, end] = pyo.quicksum(terms) <= delivered
    model.slots_delivered = pyo.Constraint(list(rows), rule=lambda m, c, end: rows[c, end])


def _due(model: pyo.ConcreteModel, component: str) -> dict[int, list[object]]:
    """Terms of the slots of a component that are due, by month."""
    due: dict[int, list[object]] = {}
    for site in model.site.values():
        for key, terms in site.joint.items():
            if key[0] == "slot" and key[1] == component:
                due.setdefault(key[2], []).extend(terms)
    return due


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


SHOWN = 4
"""Deliveries that are told of a component."""


def _supplies(case: Case) -> list[Limit]:
    """One limit a component: all its deliveries; its place is the first of them."""
    made = []
    for component, (n, _) in zip(case.components, rows_of(case, "components"), strict=True):
        rows = _deliveries(case, component.component)
        given = tuple(sorted(component.supply.items()))
        key = (component.component, component.stockable, given)
        if rows:
            rows.sort(key=lambda r: r[1]["date"])
            dated = [f"{number(r['amount'])} in {r['date']:%Y-%m}" for _, r in rows]
            more = ["and so on"] if len(dated) > SHOWN else []
            said = f"{component.component}: {', '.join([*dated[:SHOWN], *more])}"
            made.append(Limit("slots", "supply", rows[0][0], "amount", said, key=key))
        else:
            said = f"no {component.component} is ever delivered"
            made.append(Limit("slots", "components", n, "component", said, key=key))
    return made


def _deliveries(case: Case, component: str) -> list[tuple[int, dict[str, Any]]]:
    return [(n, r) for n, r in rows_of(case, "supply") if r["component"] == component]


def _plenty(case: Case, limit: Limit, much: float) -> list[Edit]:
    return [
        Edit("supply", None, {"component": limit.key[0], "date": p.start, "amount": 1e6})
        for p in case.periods
    ]


def _used(model: Any, case: Case, limit: Limit) -> Iterator[Use]:
    """Slots due, against those delivered and more in each month in which some are due."""
    name, stockable, supply = limit.key
    due = _due(model, name)
    given = Component(name, stockable, dict(supply), {})
    for _, months, delivered in _windows(case, given, sorted(due)):
        terms = [t for month in months for t in due[month]]
        if terms:
            yield Use(pyo.quicksum(terms), delivered, tuple(months))


def _more(case: Case, limit: Limit, beyond: Beyond) -> list[Edit]:
    name, edits = limit.key[0], []
    for month, more in beyond.items():
        if more <= 0:
            continue
        date = case.start + pd.DateOffset(months=int(str(month)))
        words = f"{number(more)} more {name} by {date:%Y-%m}"
        there = [(n, r) for n, r in _deliveries(case, name) if r["date"] == date]
        if there:
            n, row = there[0]
            edits.append(Edit("supply", n, {"amount": row["amount"] + more}, words))
        else:
            values = {"component": name, "date": date, "amount": more}
            edits.append(Edit("supply", None, values, words))
    return edits


LIMITS = (Amounts("slots", limits=_supplies, free=_plenty, used=_used, edits=_more),)
