"""One cell as text or a raw value -> a typed value, or a problem."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Any

import pandas as pd

from optimizer.errors import Problems
from optimizer.tables import Column

_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " "})
_TRUE = {"true", "yes", "y", "1"}
_FALSE = {"false", "no", "n", "0"}
_EXCEL_EPOCH = pd.Timestamp("1899-12-30")
MIN_SERIAL, MAX_SERIAL = 20_000, 80_000


def is_blank(cell: Any) -> bool:
    """Whether a cell holds nothing; the texts NA and None are texts."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)) or cell is pd.NaT:
        return True
    return isinstance(cell, str) and not cell.translate(_SPACES).strip()


def to_text(cell: Any) -> str:
    """A cell as text without blanks around; whole numbers without a decimal point."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, (dt.datetime, dt.date, pd.Timestamp)):
        return str(pd.Timestamp(cell).strftime("%Y-%m-%d"))
    return str(cell).translate(_SPACES).strip()


class CellReader:
    """Reads cells of one table and collects what is wrong with them."""

    def __init__(self, table: str, problems: Problems) -> None:
        self.table, self.problems = table, problems

    def read(self, column: Column, cell: Any, row: int, address: str) -> Any:
        """Typed value; the column's blank value (NaN, NaT, "") if there is a problem."""
        if column.kind == "text":
            return to_text(cell)
        if column.kind == "any":
            return to_text(cell)
        if column.kind == "flag":
            return self._flag(column, cell, row, address)
        if column.kind == "date":
            return self._date(column, cell, row, address)
        return self._number(column, cell, row, address)

    def _add(self, code: str, column: Column, cell: Any, row: int, address: str, expected: str,
             remedy: str = "") -> None:  # fmt: skip
        self.problems.add(
            code, self.table, row=row, column=column.name, found=to_text(cell), expected=expected,
            remedy=remedy, cell=address,
        )  # fmt: skip

    def _number(self, column: Column, cell: Any, row: int, address: str) -> float:
        value = parse_number(cell)
        wanted = "a whole number" if column.kind == "integer" else "a number"
        if value is None:
            text = to_text(cell)
            remedy = "Remove text and units from the cell."
            if re.fullmatch(r"[\d.,OoIl\s]+", text):
                remedy = "Is the letter O meant as zero, or l as one?"
            elif parse_number(text.replace(",", ".")) is not None:
                remedy = "Write a decimal point, not a comma."
            self._add("not-a-number", column, cell, row, address, wanted, remedy)
            return float("nan")
        if column.kind == "integer" and not float(value).is_integer():
            self._add("not-whole", column, cell, row, address, wanted)
        low, high = column.minimum, column.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            self._add("out-of-range", column, cell, row, address, f"{wanted} {bounds(column)}",
                      _range_hint(column, value))  # fmt: skip
        return float(value)

    def _flag(self, column: Column, cell: Any, row: int, address: str) -> bool:
        text = to_text(cell).lower()
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        self._add("not-a-flag", column, cell, row, address, "yes or no")
        return False

    def _date(self, column: Column, cell: Any, row: int, address: str) -> pd.Timestamp:
        date = parse_date(cell)
        if date is None:
            self._add("not-a-date", column, cell, row, address, "a date such as 2027-01-01",
                      "Write year-month-day.")  # fmt: skip
            return pd.NaT
        if date.day != 1:
            self._add("not-first-of-month", column, cell, row, address,
                      "the first day of a month", f"Write {date.replace(day=1):%Y-%m-%d}.")  # fmt: skip
        return date


def parse_number(cell: Any) -> float | None:
    """A number, or None; thousands separators only where they cannot be a decimal comma."""
    if isinstance(cell, bool):
        return None
    if isinstance(cell, (int, float)):
        return float(cell) if math.isfinite(cell) else None
    text = to_text(cell).replace(" ", "")
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", text):
        text = text.replace(",", "")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def parse_date(cell: Any) -> pd.Timestamp | None:
    """A date from a date, an ISO text or a spreadsheet serial; None otherwise."""
    if isinstance(cell, (dt.datetime, dt.date, pd.Timestamp)):
        return pd.Timestamp(cell).normalize().tz_localize(None)
    number = parse_number(cell)
    if number is not None:
        whole = MIN_SERIAL <= number <= MAX_SERIAL
        return _EXCEL_EPOCH + pd.Timedelta(days=int(number)) if whole else None
    text = to_text(cell)
    match = re.fullmatch(r"(\d{4})-(\d{1,2})(?:-(\d{1,2}))?(?:[T ][\d:.]+)?", text)
    if not match:
        return None
    try:
        return pd.Timestamp(int(match[1]), int(match[2]), int(match[3] or 1))
    except ValueError:
        return None


def bounds(column: Column) -> str:
    """Bounds in words."""
    if column.minimum is not None and column.maximum is not None:
        return f"from {column.minimum:g} to {column.maximum:g}"
    if column.minimum is not None:
        return f">= {column.minimum:g}"
    return f"<= {column.maximum:g}" if column.maximum is not None else ""


def _range_hint(column: Column, value: float) -> str:
    if column.maximum is not None and column.maximum <= 1 and 1 < value <= 100:
        return f"If it is a percentage, write {value / 100:g}."
    if value < 0 and column.minimum == 0:
        return "It cannot be negative."
    return ""
