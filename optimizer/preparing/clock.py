"""The clock on a site's wall: month, weekday and hour of each hour of the profiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.preparing.calendar import HOURS_PER_YEAR, month_of_hour


@dataclass(frozen=True, eq=False)
class Clock:
    """Standard time of a site all year; arrays over the hours of the profiles.

    Parameters
    ----------
    month : 0 to 11
    hour : 0 to 23
    is_weekend : Saturday and Sunday of the reference year
    """

    month: np.ndarray
    hour: np.ndarray
    is_weekend: np.ndarray

    def months_in(self, hours: np.ndarray) -> np.ndarray:
        """Month of the bill that each hour of a pass belongs to.

        It is the month on the wall, but for hours that another zone puts before or after the
        months of the pass: they count in the month next to them.
        """
        here = month_of_hour(hours)
        local = self.month[hours]
        return np.asarray(np.where(np.isin(local, here), local, here))


def make_clock(reference_year: int, ahead_h: float) -> Clock:
    """The clock of a site.

    Parameters
    ----------
    reference_year : whose weekdays the profiles follow, without 29 February
    ahead_h : hours by which the site is ahead of the zone of the profiles, rounded to whole ones
    """
    days = pd.date_range(f"{reference_year}-01-01", f"{reference_year}-12-31", freq="D")
    days = days[~((days.month == 2) & (days.day == 29))]
    at = (np.arange(HOURS_PER_YEAR) + round(ahead_h)) % HOURS_PER_YEAR
    return Clock(
        month=month_of_hour(at),
        hour=at % 24,
        is_weekend=np.asarray(days.day_of_week >= 5)[at // 24],
    )
