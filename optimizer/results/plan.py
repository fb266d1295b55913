"""A plan: its tables, its hourly dispatch, and how it was found."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from optimizer.reading.inputs import Inputs
from optimizer.settings import SolveReport


@dataclass(frozen=True)
class Plan:
    """A plan as its tables (see ``docs/results.md``).

    Parameters
    ----------
    inputs : the tables and profiles that were planned with
    tables : the result tables by name
    dispatch : one row an hour of a pass: site, period, hour and series [MW, MWh]
    report : how the solve ended
    """

    inputs: Inputs
    tables: dict[str, pd.DataFrame]
    dispatch: pd.DataFrame
    report: SolveReport
