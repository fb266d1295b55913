"""Warnings about numbers that are allowed and yet hardly meant, and about values grown old."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from optimizer.errors import Problems
from optimizer.reading import catalog
from optimizer.reading.cells import parse_number
from optimizer.reading.inputs import Inputs
from optimizer.tables import BY_NAME, TABLES, Column

MARGIN = 5.0
"""How far beyond the catalog's lowest and highest entry of a class is still plausible."""
MONTHS_VALID = 12
AS_OF, MULTIPLIER = "market_multiplier_as_of", "market_multiplier"


def values_are_plausible(inputs: Inputs, problems: Problems) -> None:
    """Numbers within the usual range of their column, or of the catalog for their class."""
    for table in TABLES:
        frame = inputs.tables[table.name]
        for column in table.columns:
            if column.usual is not None and len(frame):
                _tell(table.name, column, frame[column.name], column.usual, "", problems)
    frame = inputs.tables["technologies"]
    for kind, rows in frame.groupby("class"):
        for column in BY_NAME["technologies"].columns:
            span = _catalog_range(str(kind), column) if column.unit else None
            if span is not None:
                words = f" (catalog, {kind})"
                _tell("technologies", column, rows[column.name], span, words, problems)


def _catalog_range(kind: str, column: Column) -> tuple[float, float] | None:
    """Lowest and highest entry of a class; None if there are none above 0."""
    if column.kind not in ("number", "integer"):
        return None
    found = [parse_number(e.get(column.name, "")) for e in catalog.entries().values()
             if e["class"] == kind]  # fmt: skip
    known = [v for v in found if v]
    return (min(known), max(known)) if known else None


def _tell(
    table: str,
    column: Column,
    values: pd.Series,
    span: tuple[float, float],
    words: str,
    problems: Problems,
) -> None:
    low, high = span
    margin = MARGIN if words else 1.0
    numbers = values.to_numpy(dtype=float)
    outside = (numbers < (low / margin if low > 0 else low)) | (numbers > high * margin)
    outside &= np.isfinite(numbers) & (numbers != 0)
    if isinstance(column.default, float):
        outside &= numbers != column.default
    for at in np.flatnonzero(outside):
        value = float(numbers[at])
        problems.add(
            "implausible", table, row=int(values.index[at]), column=column.name,
            found=f"{_number(value)} {column.unit}".strip(),
            expected=f"usually {_number(low)} to {_number(high)}{words}", is_warning=True,
            remedy=_meant(value, column.unit, span),
        )  # fmt: skip


def _meant(value: float, unit: str, span: tuple[float, float]) -> str:
    """The first unit in use in which the number would be usual."""
    from optimizer.reading.units import alternatives, conversion

    low, high = span
    for other in alternatives(unit):
        meant = value * conversion(other, unit).factor
        if max(low, 0) <= meant <= high and meant > 0:
            return f"Did you mean {other}? That would be {_number(meant)} {unit}."
    return "Is the unit right?"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def old_values(inputs: Inputs, today: dt.date) -> Problems:
    """Market multipliers older than a year at the plan's start, or by now."""
    problems = Problems()
    start = inputs.setting("plan_start")
    frame = inputs.tables["technologies"]
    for number, row in frame.iterrows():
        as_of = row[AS_OF]
        if pd.isna(as_of) or row[MULTIPLIER] == 1.0:
            continue
        until = as_of + pd.DateOffset(months=MONTHS_VALID)
        for date, words in ((pd.Timestamp(today), "today"), (start, "the plan's start")):
            if pd.notna(date) and until < date:
                months = (date.year - as_of.year) * 12 + date.month - as_of.month
                problems.add(
                    "old-value", "technologies", row=int(str(number)), column=AS_OF,
                    found=f"{as_of:%Y-%m-%d}", is_warning=True,
                    expected=f"a multiplier at most {MONTHS_VALID} months old",
                    remedy=f"It is {months} months before {words}: look up today's price of "
                    f"{row['technology']}, and set {MULTIPLIER} and {AS_OF}.",
                )  # fmt: skip
                break
    return problems
