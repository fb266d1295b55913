"""Hourly series: CSV or Parquet files in ``profiles/``, one column a series."""

from __future__ import annotations

from calendar import isleap
from pathlib import Path

import numpy as np
import pandas as pd

from optimizer.errors import Problems

HOURS = 8760
_LEAP_DAY = slice(59 * 24, 60 * 24)


def read_profiles(folder: Path, reference_year: int, problems: Problems) -> dict[str, np.ndarray]:
    """All series by name; 29 February is dropped from 8,784 hours."""
    series: dict[str, np.ndarray] = {}
    if not folder.is_dir():
        return series
    for file in sorted([*folder.glob("*.csv"), *folder.glob("*.parquet")]):
        where = f"profiles/{file.name}"
        try:
            frame = pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(
                file, dtype=str, keep_default_na=False
            )  # fmt: skip
        except Exception as error:  # any reader's own error is the file's problem
            problems.add("unreadable", where, found=type(error).__name__,
                         expected="a CSV or Parquet file", remedy="Write it again.")  # fmt: skip
            continue
        for name in frame.columns:
            if name in series:
                problems.add("duplicate-profile", where, column=str(name), found=str(name),
                             expected="one series of a name", remedy="Rename one.")  # fmt: skip
            values = hourly(frame[name], where, str(name), reference_year, problems)
            if values is not None and str(name) not in ("hour", "time"):
                series[str(name)] = values
    return series


def hourly(
    values: pd.Series, where: str, name: str, reference_year: int, problems: Problems
) -> np.ndarray | None:
    """8,760 numbers, or a problem that names the line."""
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float)
    bad = np.flatnonzero(~np.isfinite(numbers))
    if name in ("hour", "time"):
        return None
    if len(bad):
        problems.add("not-a-number", where, row=int(bad[0]) + 2, column=name,
                     found=str(values.iloc[int(bad[0])]), expected="a number in every hour",
                     remedy=f"{len(bad)} hours are affected.")  # fmt: skip
        return None
    if len(numbers) == HOURS + 24 and isleap(reference_year):
        numbers = np.delete(numbers, np.arange(_LEAP_DAY.start, _LEAP_DAY.stop))
    if len(numbers) != HOURS:
        problems.add("short-profile", where, column=name, found=f"{len(numbers)} hours",
                     expected="8,760 hours, or 8,784 in a leap year",
                     remedy=f"The reference year is {reference_year}.")  # fmt: skip
        return None
    return np.asarray(numbers)
