"""What the live workbook is made of: assumptions, and lines that refer to them."""

from __future__ import annotations

from dataclasses import dataclass

from optimizer.results.formulas import Formula


@dataclass(frozen=True)
class Assumption:
    """A figure that may be changed: one row of the sheet ``assumptions``.

    Parameters
    ----------
    table, row, name : where it stands in the input; ``general`` are settings
    value : as planned; a formula where it follows another by default
    unit, meaning : for the reader
    """

    table: str
    row: str
    name: str
    value: Formula
    unit: str
    meaning: str


@dataclass(frozen=True)
class Line:
    """One entry of the objective.

    Parameters
    ----------
    quantity : the plan's, fixed; in ``unit``
    price : USD of one unit
    factor : growth, annuity, interest and the like
    times : how often it is paid: months or passes within the horizon
    weight : sum of the discount factors of these payments
    """

    category: str
    site: str
    item: str
    period: str
    quantity: float
    unit: str
    price: Formula
    factor: Formula
    times: float
    weight: Formula

    @property
    def usd(self) -> float:
        """Discounted, at the assumptions' values."""
        return self.quantity * self.price.value * self.factor.value * self.weight.value
