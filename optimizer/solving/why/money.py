"""What a plan costs by what the money is for."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
from pyomo.repn import generate_standard_repn

from optimizer.solving.why.again import Again

PARTS: dict[str, tuple[str, ...]] = {
    "halls_usd": ("campus_capital", "campus_fom"),
    "power_usd": ("generation_capital", "generation_fom", "risk"),
    "grid_usd": ("interconnection", "agreement_fees", "deposits", "security"),
    "energy_usd": (
        "operation",
        "fixed_charge",
        "tax",
        "contract_energy",
        "contract_settlement",
        "contract_security",
    ),
    "delay_usd": ("delay",),
    "site_usd": ("opening", "permits", "land", "placement"),
}
"""Categories of the ledger by the column in which their sum is told."""


class Money:
    """Cost of a point of the planning model by part [US$]."""

    def __init__(self, again: Again) -> None:
        part_of = {category: part for part, names in PARTS.items() for category in names}
        terms: dict[str, list[object]] = {part: [] for part in PARTS}
        for entry in again.planning.ledger.entries:
            terms[part_of[entry.category]].append(entry.expression)
        self.vectors: dict[str, np.ndarray] = {}
        self.constants: dict[str, float] = {}
        for part, expressions in terms.items():
            made = generate_standard_repn(pyo.quicksum(expressions), compute_values=True)
            vector = np.zeros(again.arrays.count)
            for v, c in zip(made.linear_vars, made.linear_coefs, strict=True):
                if (k := again.column(v)) >= 0:
                    vector[k] += float(c)
            self.vectors[part], self.constants[part] = vector, float(pyo.value(made.constant))

    def of(self, x: np.ndarray) -> dict[str, float]:
        """Cost by part."""
        return {p: 1e3 * (float(v @ x) + self.constants[p]) for p, v in self.vectors.items()}

    def more(self, x: np.ndarray, base: np.ndarray) -> dict[str, float]:
        """By how much a plan is dearer than another, by part."""
        there, here = self.of(x), self.of(base)
        return {part: there[part] - here[part] for part in PARTS}
