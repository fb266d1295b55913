"""One cell as text or a raw value -> a typed value, or a problem."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Any

import pandas as pd

from optimizer.errors import Problems
from optimizer.tables import Column

_SPACES = str.maketrans(
    {"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u200b": None, "\ufeff": None}
)
_TRUE = {"true", "yes", "y", "1"}
_FALSE = {"false", "no", "n", "0"}
_EXCEL_EPOCH = pd.Timestamp("1899-12-30")
MIN_SERIAL, MAX_SERIAL = 20_000, 80_000
MIN_YEAR, MAX_YEAR = 1950, 2200
NO_VALUE = ("na", "n/a", "none", "null", "nan", "tbd", "?", "-", "–", "--")
"""Texts that people write where there is no number."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class Converted(float):
    """A number in the column's unit that was written in another one; ``written`` is shown."""

    written: str

    def __new__(cls, value: float, written: str) -> Converted:
        number = super().__new__(cls, value)
        number.written = written
        return number


def is_blank(cell: Any) -> bool:
    """Whether a cell holds nothing; the texts NA and None are texts."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)) or cell is pd.NaT:
        return True
    return isinstance(cell, str) and not cell.translate(_SPACES).strip()


def to_text(cell: Any) -> str:
    """A cell as text without blanks around; whole numbers without a decimal point."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, Converted):
        return cell.written
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
            self._add(
                "not-a-number", column, cell, row, address, wanted, _number_hint(cell, column)
            )
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
                      _date_hint(to_text(cell)))  # fmt: skip
            return pd.NaT
        if not MIN_YEAR <= date.year <= MAX_YEAR:
            self._add("out-of-range", column, cell, row, address,
                      f"a date from {MIN_YEAR} to {MAX_YEAR}")  # fmt: skip
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
    """A date from a date, a text that can be read in one way, or a serial; None otherwise."""
    if isinstance(cell, (dt.datetime, dt.date, pd.Timestamp)):
        return pd.Timestamp(cell).normalize().tz_localize(None)
    number = parse_number(cell)
    if number is not None:
        whole = MIN_SERIAL <= number <= MAX_SERIAL
        return _EXCEL_EPOCH + pd.Timedelta(days=int(number)) if whole else None
    text = to_text(cell)
    match = re.fullmatch(r"(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?(?:[T ][\d:.]+Z?)?", text)
    if match:
        return _date(int(match[1]), int(match[2]), int(match[3] or 1))
    for pattern, order in (
        (r"([A-Za-z]{3,9})\.?[\s\-/]+(\d{4})", (1, 0, 2)),
        (r"(\d{1,2})\.?[\s\-/]+([A-Za-z]{3,9})\.?,?[\s\-/]+(\d{4})", (2, 1, 3)),
        (r"([A-Za-z]{3,9})\.?\s+(\d{1,2}),?\s+(\d{4})", (1, 2, 3)),
    ):
        match = re.fullmatch(pattern, text)
        if match and match[order[0]][:3].lower() in _MONTHS:
            month = _MONTHS.index(match[order[0]][:3].lower()) + 1
            return _date(int(match[order[2]]), month, int(match[order[1]]) if order[1] else 1)
    return None


def _date(year: int, month: int, day: int) -> pd.Timestamp | None:
    try:
        return pd.Timestamp(dt.date(year, month, day))
    except ValueError:
        return None


def _number_hint(cell: Any, column: Column) -> str:
    """What is probably meant by a text where a number belongs."""
    text = to_text(cell)
    if isinstance(cell, (dt.date, dt.time, dt.timedelta)):
        return "The cell is formatted as a date or time: format it as a number."
    if text.lower() in NO_VALUE:
        default = f", which means {column.default:g}" if isinstance(column.default, float) else ""
        return f"Leave the cell blank{default}." if not column.required else "A number is needed."
    if re.fullmatch(r"[\d.,OoIl\s]+", text) and re.search("[OoIl]", text):
        return "Is the letter O meant as zero, or l as one?"
    if text.endswith("%") and (share := parse_number(text[:-1])) is not None:
        return f"If it is a percentage, write {share / 100:g}, or % in the units row."
    if parse_number(text.replace(".", "").replace(",", ".")) is not None and "," in text:
        return "Write a decimal point, not a comma."
    return "Remove text and units from the cell; another unit belongs in the units row."


def _date_hint(text: str) -> str:
    match = re.fullmatch(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4})", text)
    if match:
        first, second, year = int(match[1]), int(match[2]), int(match[3])
        pairs = {(m, d) for m, d in ((first, second), (second, first)) if m <= 12 and d <= 31}
        if found := [f"{year}-{m:02d}-{d:02d}" for m, d in sorted(pairs, key=lambda p: p[1])]:
            return f"Write {' or '.join(found)}, whichever is meant."
    match = re.fullmatch(r"(\d{4})[\s\-]?[Qq]([1-4])|[Qq]([1-4])[\s\-]?(\d{4})", text)
    if match:
        quarter = int(match[2] or match[3])
        return f"Write {match[1] or match[4]}-{3 * quarter - 2:02d}-01."
    return "Write year-month-day."


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
