"""The ledger of costs: each part enters its own money, the objective only sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyomo.environ as pyo


@dataclass(frozen=True)
class Entry:
    """One cost: a Pyomo expression in k$, discounted."""

    category: str
    site: str
    item: str
    period: str
    expression: Any


class Ledger:
    """Collects the costs of all parts."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def cost(
        self, category: str, expression: Any, *, site: str = "", item: str = "", period: str = ""
    ) -> None:
        """Enter a discounted cost [k$]."""
        self.entries.append(Entry(category, site, item, period, expression))

    def close(self, model: pyo.ConcreteModel) -> None:
        """The objective: the sum of all entries."""
        model.total_cost = pyo.Objective(
            expr=pyo.quicksum(e.expression for e in self.entries), sense=pyo.minimize
        )
