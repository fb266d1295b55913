"""Spreadsheet formulas that carry their value, and the plan's finance written in them.

Every function gives a formula for Excel and LibreOffice and, beside it, the figure that it has
at the plan's own inputs: what a program that does not calculate shows.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "^": operator.pow,
}  # fmt: skip


@dataclass(frozen=True)
class Formula:
    """Text of a formula without the equals sign, and its value.

    Examples
    --------
    >>> price = Formula("assumptions!$C$5", 3.0)
    >>> ((1 + price) * 2).text, ((1 + price) * 2).value
    ('(1+assumptions!$C$5)*2', 8.0)
    """

    text: str
    value: float
    rank: int = 3
    """How strongly the outermost operation binds: 0 sum, 1 product, 2 power, 3 all else."""

    def __add__(self, other: Formula | float) -> Formula:
        return _join(self, "+", formula(other), 0)

    def __radd__(self, other: float) -> Formula:
        return _join(formula(other), "+", self, 0)

    def __sub__(self, other: Formula | float) -> Formula:
        return _join(self, "-", formula(other), 0)

    def __rsub__(self, other: float) -> Formula:
        return _join(formula(other), "-", self, 0)

    def __mul__(self, other: Formula | float) -> Formula:
        return _join(self, "*", formula(other), 1)

    def __rmul__(self, other: float) -> Formula:
        return _join(formula(other), "*", self, 1)

    def __truediv__(self, other: Formula | float) -> Formula:
        return _join(self, "/", formula(other), 1)

    def __pow__(self, other: Formula | float) -> Formula:
        return _join(self, "^", formula(other), 2)


def formula(value: Formula | float) -> Formula:
    """A number as a formula; a negative one is put in brackets."""
    if isinstance(value, Formula):
        return value
    number = float(value)
    text = str(int(number)) if number == int(number) and abs(number) < 1e15 else repr(number)
    return Formula(text, number, 3 if number >= 0 else 0)


def _join(left: Formula, sign: str, right: Formula, rank: int) -> Formula:
    first = f"({left.text})" if left.rank < rank or (sign == "^" and left.rank < 3) else left.text
    # What follows a minus, a division or a power is bracketed even if it binds alike.
    alike = sign in "-/^" and right.rank <= rank
    second = f"({right.text})" if right.rank < rank or alike else right.text
    value = ARITHMETIC[sign](left.value, right.value)
    return Formula(f"{first}{sign}{second}", float(value), rank)


def _unless_zero(rate: Formula, at_zero: Formula, text: Formula | None, value: float) -> Formula:
    """``IF(rate=0, …)``: the closed form divides by zero there."""
    other = at_zero.text if text is None else text.text
    return Formula(f"IF({rate.text}=0,{at_zero.text},{other})", value)


def _safe(rate: Formula) -> Formula:
    """The rate with a value that a closed form can be built with; its text is kept."""
    return rate if rate.value != 0 else Formula(rate.text, 0.05, rate.rank)


def discount(rate: Formula, month: float) -> Formula:
    """Factor of a month, at its middle: (1 + r)^(-(m + 0.5)/12)."""
    return (1 + rate) ** _twelfths(month + 0.5, -1)


def _twelfths(months: float, sign: int = 1) -> Formula:
    """Months as years, written so that one sees the months."""
    text = f"{'-' if sign < 0 else ''}{formula(months).text}/12"
    return Formula(text, sign * months / 12, 0 if sign < 0 else 1)


def discount_sum(rate: Formula, first: int, until: int) -> Formula:
    """Sum of the factors of months first … until - 1, in closed form."""
    count = max(0, until - first)
    if count == 0:
        return formula(0)
    r = _safe(rate)
    closed = (
        discount(r, first)
        * (1 - (1 + r) ** _twelfths(count, -1))
        / (1 - (1 + r) ** _twelfths(1, -1))
    )
    months = np.arange(first, until)
    value = float(((1.0 + rate.value) ** (-(months + 0.5) / 12.0)).sum())
    return _unless_zero(rate, formula(count), closed, value)


def recovery(rate: Formula, years: float) -> Formula:
    """Capital recovery factor: r / (1 - (1 + r)^-n), 1/n at r = 0."""
    r = _safe(rate)
    closed = r / (1 - (1 + r) ** -years)
    value = closed.value if rate.value != 0 else 1.0 / years
    return _unless_zero(rate, formula(1) / years, closed, value)


def interest(rate: Formula, order_share: Formula, months: int) -> Formula:
    """Value at the online date of one dollar paid by the spending profile.

    Notes
    -----
    s (1 + r)^(N/12) + (1 - s)/N × Σ (1 + r)^((k - 0.5)/12), k = 1 … N; the sum in closed form is
    (1 + r)^(0.5/12) × ((1 + r)^(N/12) - 1) / ((1 + r)^(1/12) - 1), N at r = 0.
    """
    if months == 0:
        return formula(1)
    r = _safe(rate)
    whole = (1 + r) ** _twelfths(months)
    closed = (1 + r) ** _twelfths(0.5) * (whole - 1) / ((1 + r) ** _twelfths(1) - 1)
    value = closed.value if rate.value != 0 else float(months)
    late = _unless_zero(rate, formula(months), closed, value)
    return order_share * (1 + rate) ** _twelfths(months) + (1 - order_share) / months * late
