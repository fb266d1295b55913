"""The planning calendar: months from the plan's start, hours of a pass, discount weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

HOURS_PER_YEAR = 8760
_DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_FIRST_HOUR = np.concatenate([[0], np.cumsum(_DAYS) * 24])


@dataclass(frozen=True, eq=False)
class Period:
    """A planning period (``docs/model.md``, section Calendar).

    Parameters
    ----------
    name : as in the table ``periods``
    index : position, 0-based
    start : first day
    month : start in months from the plan's start
    months : length [months]
    year : calendar year of the start
    hours : hours of the reference year in one operating pass
    passes : operating passes in the period
    discounted_months : sum of the months' discount factors [month]
    pass_weight : what one pass's money is multiplied by [1]
    group : name of the calendar-year group that annual limits hold for
    """

    name: str
    index: int
    start: pd.Timestamp
    month: int
    months: int
    year: int
    hours: np.ndarray
    passes: float
    discounted_months: float
    pass_weight: float
    group: str


def months_between(start: pd.Timestamp, date: pd.Timestamp) -> int:
    """Whole months from one first of a month to another."""
    return int((date.year - start.year) * 12 + date.month - start.month)


def hours_of_months(first: int, count: int) -> np.ndarray:
    """Hours of the reference year in ``count`` months from calendar month ``first`` (0-11)."""
    if count >= 12:
        return np.arange(HOURS_PER_YEAR)
    return np.arange(_FIRST_HOUR[first], _FIRST_HOUR[first + count])


def month_of_hour(hours: np.ndarray) -> np.ndarray:
    """Calendar month (0-11) of hours of the reference year."""
    return np.asarray(np.searchsorted(_FIRST_HOUR, hours, side="right") - 1)


def months_of_pass(period: Period) -> list[int]:
    """Calendar months (0-11) of one operating pass, in order."""
    first = period.start.month - 1
    return sorted((first + k) % 12 for k in range(min(12, period.months)))


def discount_factors(rate: float, months: int) -> np.ndarray:
    """Factor of each month from the plan's start, at its middle; shape (months,)."""
    return np.asarray((1.0 + rate) ** (-(np.arange(months) + 0.5) / 12.0))


def make_periods(table: pd.DataFrame, start: pd.Timestamp, rate: float) -> tuple[Period, ...]:
    """Periods of the table ``periods``, with hours and weights."""
    horizon = int(table["months"].sum())
    factor = discount_factors(rate, horizon)
    periods = []
    for index, row in enumerate(table.itertuples(index=False)):
        first, months = months_between(start, row.start), int(row.months)
        discounted = float(factor[first : first + months].sum())
        periods.append(
            Period(
                name=row.period,
                index=index,
                start=row.start,
                month=first,
                months=months,
                year=row.start.year,
                hours=hours_of_months(row.start.month - 1, months),
                passes=max(1.0, months / 12.0),
                discounted_months=discounted,
                pass_weight=discounted / min(months, 12),
                group=str(row.start.year) if months <= 12 else row.period,
            )
        )
    return tuple(periods)
