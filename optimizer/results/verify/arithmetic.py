"""The check's own calendar and finance, written apart from the model's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from optimizer.reading.inputs import Inputs
from optimizer.reading.once import once

YEAR_HOURS = 8760

Row = Mapping[Any, Any]
"""A row of a table by its columns."""


@dataclass(frozen=True)
class Span:
    """A period: months [first, first + months) of the plan and its hours."""

    name: str
    first: int
    months: int
    year: int
    start: pd.Timestamp
    hours: np.ndarray
    repeats: float
    group: str

    @property
    def end(self) -> int:
        """Month after the last one."""
        return self.first + self.months


class Calendar:
    """Periods, discounting and year groups, from the raw tables."""

    def __init__(self, inputs: Inputs) -> None:
        self.start = pd.Timestamp(inputs.setting("plan_start"))
        self.rate = float(inputs.setting("real_discount_rate"))
        month_of_hour = pd.date_range("2001-01-01", periods=YEAR_HOURS, freq="h").month.to_numpy()
        self.spans: list[Span] = []
        for _, row in inputs.tables["periods"].iterrows():
            start, months = pd.Timestamp(row["start"]), int(row["months"])
            if months >= 12:
                hours = np.arange(YEAR_HOURS)
            else:
                wanted = range(start.month, start.month + months)
                hours = np.flatnonzero(np.isin(month_of_hour, list(wanted)))
            self.spans.append(
                Span(
                    row["period"], self.month(start), months, start.year, start, hours,
                    max(1.0, months / 12), str(start.year) if months <= 12 else row["period"],
                )
            )  # fmt: skip
        self.by_name = {s.name: s for s in self.spans}
        self.horizon = sum(s.months for s in self.spans)

    @once
    def month(self, date: pd.Timestamp) -> int:
        """Months from the plan's start."""
        return int(12 * (date.year - self.start.year) + date.month - self.start.month)

    def date(self, month: int) -> pd.Timestamp:
        """First of a month."""
        return self.start + pd.DateOffset(months=month)

    def discount(self, month: int) -> float:
        """Factor of a month, at its middle."""
        return float((1 + self.rate) ** (-(month + 0.5) / 12))

    @once
    def discount_sum(self, first: int, last: int) -> float:
        """Sum of factors of months first .. last - 1 within the horizon."""
        return sum(self.discount(m) for m in range(first, min(last, self.horizon)))

    def pass_weight(self, span: Span) -> float:
        """Discounted repetitions of one operating pass."""
        return self.discount_sum(span.first, span.end) / min(span.months, 12)

    def year_of_month(self, month: int) -> int:
        """Calendar year of a month of the plan."""
        return int(self.start.year + (self.start.month - 1 + month) // 12)


@cache
def recovery(rate: float, years: float) -> float:
    """Capital recovery factor [1/year]."""
    return float(1 / years if rate == 0 else rate / (1 - (1 + rate) ** -years))


@cache
def interest(rate: float, order_share: float, months: int) -> float:
    """Value at the online date of one dollar paid by the spending profile."""
    if months == 0:
        return 1.0
    late = sum((1 + rate) ** ((months - k - 0.5) / 12) for k in range(months)) / months
    return float(order_share * (1 + rate) ** (months / 12) + (1 - order_share) * late)


def payments(order_share: float, months: int, online: int) -> dict[int, float]:
    """Share of the cost paid in each month."""
    if months == 0:
        return {online: 1.0}
    paid = dict.fromkeys(range(online - months, online), (1 - order_share) / months)
    paid[online - months] += order_share
    return paid


def records(table: pd.DataFrame) -> list[Row]:
    """All rows of a table."""
    return list(table.to_dict("records"))


def by_key(table: pd.DataFrame, *columns: str) -> dict[Any, Row]:
    """The first row of each key: a value if there is one column, else a tuple."""
    found: dict[Any, Row] = {}
    for row in records(table):
        key = row[columns[0]] if len(columns) == 1 else tuple(row[c] for c in columns)
        found.setdefault(key, row)
    return found


def grouped(rows: list[Row], *columns: str) -> list[tuple[Any, list[Row]]]:
    """Rows by key, as in :func:`by_key`, in the order of the keys."""
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[columns[0]] if len(columns) == 1 else tuple(row[c] for c in columns)].append(row)
    return sorted(found.items(), key=lambda entry: entry[0])


def chosen(rows: Mapping[Any, Row], site: str, item: str) -> Row | None:
    """The row of a site, else of ``*``."""
    return rows.get((site, item), rows.get(("*", item)))


def blank(value: object) -> bool:
    """Whether a number is missing."""
    return isinstance(value, float) and np.isnan(value)


def in_year(table: pd.DataFrame, year: int) -> pd.Series | None:
    """The row of a year, else the one for every year."""
    own = table[table["year"] == year]
    rows = own if len(own) else table[table["year"].isna()]
    return rows.iloc[0] if len(rows) else None
