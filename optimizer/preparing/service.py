"""When grid service can begin and in which hours it is cut, from the rows of an offer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from optimizer.preparing.calendar import HOURS_PER_YEAR, months_between

Months = Callable[[Any, str], int]
"""Months that a row takes for a step, by the setting ``lead_times``."""


@dataclass(frozen=True)
class SharedUpgrade:
    """An upgrade that several offers need; ``capital`` by the period of connecting.

    Parameters
    ----------
    usd : cost of the whole upgrade
    capital : discounted annuity within the horizon of the whole [k$]
    first_pays : who connects first pays all; else each offer pays one of ``shares``
    users : (site, offer) that need it
    """

    name: str
    usd: float
    capital: np.ndarray
    first_pays: bool
    shares: int
    users: tuple[tuple[str, str], ...]


def study_month(row: Mapping[Any, Any], start: pd.Timestamp) -> int:
    """Month in which the study begins: a new filing waits for the next study window."""
    if row["status"] != "new" or pd.isna(row["study_window_date"]):
        return 0
    month = months_between(start, row["study_window_date"])
    if month < 0:
        every = int(row["study_window_months"])
        month += every * -(month // every)
    return month


def result_month(row: Mapping[Any, Any], start: pd.Timestamp, months: Months) -> int:
    """Month of the result of an offer's studies, counted from the plan's start.

    Generation in parallel has a study of its own beside the queue.
    """
    if pd.notna(row["result_date"]):
        month = max(0, months_between(start, row["result_date"]))
    else:
        month = study_month(row, start) + months(row, "queue")
    if row["kind"] == "parallel":
        month = max(month, int(row["generation_study_months"]))
    return month


def upgrade_months(row: Mapping[Any, Any], shared: pd.DataFrame, months: Months) -> int:
    """Months of upgrades after the result; a shared one is made beside the offer's own."""
    own = months(row, "upgrade")
    if not row["shared_upgrade"]:
        return own
    found = shared[shared["shared_upgrade"] == row["shared_upgrade"]].iloc[0]
    return max(own, months(found, "upgrade"))


def highest(profile: np.ndarray) -> np.ndarray:
    """Hours of the year by falling value, the earlier first among equals."""
    return np.argsort(-profile, kind="stable")


def cuts(
    row: Mapping[Any, Any], dearest: np.ndarray, profiles: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Share of flexible and of firm power that is cut in each hour of the year.

    All hours are named from data: the dearest ones, those of a profile, or the highest hours
    of the system. A share of energy takes the dearest hours whole and of the next a part, so that
    it is exactly cut. What is cut keeps ``firm_floor_share``.
    """
    cut = np.zeros(HOURS_PER_YEAR)
    worst = highest(profiles[row["system_load_profile"]]) if row["system_load_profile"] else None
    if row["curtailment_unlimited"]:
        cut[:] = 1.0
    elif row["curtailment_profile"]:
        cut = profiles[row["curtailment_profile"]].copy()
    elif row["curtailed_energy_share"] > 0:
        hours = row["curtailed_energy_share"] * HOURS_PER_YEAR
        cut[dearest] = np.clip(hours - np.arange(HOURS_PER_YEAR), 0.0, 1.0)
    elif worst is not None and row["curtailed_system_hours"] > 0:
        cut[worst[: int(row["curtailed_system_hours"])]] = 1.0
    else:
        cut[dearest[: int(row["curtailed_hours_per_year"])]] = 1.0
    cut *= 1.0 - row["firm_floor_share"]
    shed = np.zeros(HOURS_PER_YEAR)
    if worst is not None and row["emergency_hours_per_year"] > 0:
        hours = worst[: int(row["emergency_hours_per_year"])]
        shed[hours] = 1.0 - row["emergency_share"]
        cut[hours] = 1.0
    return cut, shed
