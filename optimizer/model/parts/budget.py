"""Payments within a calendar year."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyomo.environ as pyo

from optimizer.model.ledger import Ledger
from optimizer.model.limits import Amounts, Limit, Use, number, raised, rows_of, unlimited
from optimizer.preparing.case import KILO, Case, Site


def applies(case: Case) -> bool:
    """Whether there is a budget."""
    return bool(case.budgets)


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """Nothing: what costs cash contributes its own payments."""


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """``spending_within_budget[year]``: undiscounted payments of the year <= budget."""
    paid = payments(model, case)
    model.spending_within_budget = pyo.Constraint(
        [year for year, terms in paid.items() if terms],
        # In million dollars, so that coefficients stay near those of the other rows.
        rule=lambda m, year: 1e-3 * pyo.quicksum(paid[year]) <= 1e-3 * case.budgets[year],
    )


def payments(model: pyo.ConcreteModel, case: Case) -> dict[int, list[object]]:
    """Terms of the undiscounted payments of each year that has a budget [k$]."""
    paid: dict[int, list[object]] = {year: [] for year in case.budgets}
    for site in model.site.values():
        for key, terms in site.joint.items():
            if key[0] == "cash":
                year = case.year_of(key[1])
                if year in paid:
                    paid[year].extend(terms)
    return paid


def _budgets(case: Case) -> list[Limit]:
    rows = [(n, r) for n, r in rows_of(case, "policies") if r["kind"] == "budget"]
    own = {int(r["year"]) for _, r in rows if not np.isnan(r["year"])}
    made = []
    for n, row in rows:
        every = np.isnan(row["year"])
        years = tuple(y for y in case.budgets if (y not in own if every else y == row["year"]))
        when = "every year" if every else f"{row['year']:.0f}"
        said = f"{row['policy']}: {number(row['value'])} USD may be paid in {when}"
        made.append(Limit("budget", "policies", n, "value", said, row["value"], years))
    return made


def _used(model: Any, case: Case, limit: Limit) -> Iterator[Use]:
    """Payments of a year, in million dollars as in the model's row."""
    for year, terms in payments(model, case).items():
        if year in limit.key and terms:
            yield Use(pyo.quicksum(terms) / KILO, limit.given)


LIMITS = (Amounts("budget", limits=_budgets, free=unlimited(1e13), used=_used, edits=raised),)
