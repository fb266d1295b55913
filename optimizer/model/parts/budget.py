"""Payments within a calendar year."""

from __future__ import annotations

import pyomo.environ as pyo

from optimizer.model.ledger import Ledger
from optimizer.preparing.case import Case, Site


def applies(case: Case) -> bool:
    """Whether there is a budget."""
    return bool(case.budgets)


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """Nothing: what costs cash contributes its own payments."""


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """``spending_within_budget[year]``: undiscounted payments of the year <= budget."""
    paid: dict[int, list[object]] = {year: [] for year in case.budgets}
    first = (case.start.year, case.start.month - 1)
    for site in model.site.values():
        for key, terms in site.joint.items():
            if key[0] == "cash":
                year = first[0] + (first[1] + key[1]) // 12
                if year in paid:
                    paid[year].extend(terms)
    model.spending_within_budget = pyo.Constraint(
        [year for year, terms in paid.items() if terms],
        # In million dollars, so that coefficients stay near those of the other rows.
        rule=lambda m, year: 1e-3 * pyo.quicksum(paid[year]) <= 1e-3 * case.budgets[year],
    )
