"""The check's own calendar and finance, written apart from the model's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.reading.inputs import Inputs

YEAR_HOURS = 8760


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

    def month(self, date: pd.Timestamp) -> int:
        """Months from the plan's start."""
        return int(12 * (date.year - self.start.year) + date.month - self.start.month)

    def date(self, month: int) -> pd.Timestamp:
        """First of a month."""
        return self.start + pd.DateOffset(months=month)

    def discount(self, month: int) -> float:
        """Factor of a month, at its middle."""
        return float((1 + self.rate) ** (-(month + 0.5) / 12))

    def discount_sum(self, first: int, last: int) -> float:
        """Sum of factors of months first .. last - 1 within the horizon."""
        return sum(self.discount(m) for m in range(first, min(last, self.horizon)))

    def pass_weight(self, span: Span) -> float:
        """Discounted repetitions of one operating pass."""
        return self.discount_sum(span.first, span.end) / min(span.months, 12)

    def year_of_month(self, month: int) -> int:
        """Calendar year of a month of the plan."""
        return int(self.start.year + (self.start.month - 1 + month) // 12)


def recovery(rate: float, years: float) -> float:
    """Capital recovery factor [1/year]."""
    return float(1 / years if rate == 0 else rate / (1 - (1 + rate) ** -years))


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


def chosen(table: pd.DataFrame, site: str, **equal: str) -> pd.Series | None:
    """The row of a site, else of ``*``."""
    for name in (site, "*"):
        rows = table[table["site"] == name]
        for column, value in equal.items():
            rows = rows[rows[column] == value]
        if len(rows):
            return rows.iloc[0]
    return None


def blank(value: object) -> bool:
    """Whether a number is missing."""
    return isinstance(value, float) and np.isnan(value)
