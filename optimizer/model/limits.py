"""What a part's limits are in the input, and how they can be relaxed.

A part declares its groups of limits as ``LIMITS``, beside the rows that hold them. Whatever
explains why there is no plan knows the limits by these declarations alone: a further limit
joins by declaring its group. There are two kinds:

- ``Amounts``: so many MW, slots, km2, tonnes, dollars. The part says what is used of it, as
  expressions of a planning model in which it is not limited.
- ``Steps``: months, or whatever changes what is possible at all. The case is prepared again
  with the step taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from optimizer.preparing.case import Case
from optimizer.tables import BY_NAME

Tables = dict[str, pd.DataFrame]
Beyond = dict[Hashable, float]
BLANKS = {"text": "", "flag": False, "date": pd.NaT}
MUCH = 20.0
"""What counts as no limit of MW, in peaks of the demand: sun alone may need ten."""


@dataclass(frozen=True)
class Limit:
    """One limit in the input's words.

    Parameters
    ----------
    group : name of its group
    sheet, row, column : its place; the row as the sheet shows it, None: a row that is missing
    said : what it says, for an analyst
    given : its value, where it is an amount
    key : names by which its part finds it again
    """

    group: str
    sheet: str
    row: int | None
    column: str
    said: str
    given: float = math.nan
    key: tuple[Any, ...] = ()

    @property
    def place(self) -> str:
        """Where an analyst finds it."""
        return self.sheet if self.row is None else f"{self.sheet}!{self.row}"


@dataclass(frozen=True)
class Edit:
    """A change of the input: cells of a row by column; ``row`` None adds a row."""

    sheet: str
    row: int | None
    values: dict[str, Any]
    words: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON; dates as text."""
        values = {
            k: f"{v:%Y-%m-%d}" if isinstance(v, pd.Timestamp) else v for k, v in self.values.items()
        }
        return {"sheet": self.sheet, "row": self.row, "values": values}


class Use(NamedTuple):
    """What a plan uses of a limit: used <= given + the sum of what is granted beyond it.

    ``beyond`` names what is granted; most limits have one such amount.
    """

    used: Any
    given: float
    beyond: tuple[Hashable, ...] = ("",)


@dataclass(frozen=True)
class Amounts:
    """A group of limits of an amount.

    Parameters
    ----------
    name : what an analyst calls the group
    limits : those of a case that can bind
    free : edits after which a limit does not bind; much is a large MW
    used : what a plan uses, on a planning model prepared without the group's limits
    edits : edits that grant so much beyond the limit
    """

    name: str
    limits: Callable[[Case], Iterable[Limit]]
    free: Callable[[Case, Limit, float], list[Edit]]
    used: Callable[[Any, Case, Limit], Iterable[Use]]
    edits: Callable[[Case, Limit, Beyond], list[Edit]]


@dataclass(frozen=True)
class Steps:
    """A group of limits that are relaxed step by step, such as by months.

    Parameters
    ----------
    name : what an analyst calls the group
    limits : those of a case that can bind
    steps : values from the least relaxation to the most
    edits : edits that take a step
    """

    name: str
    limits: Callable[[Case], Iterable[Limit]]
    steps: Callable[[Case, Limit], Sequence[float]]
    edits: Callable[[Case, Limit, float], list[Edit]]


Group = Amounts | Steps


# -- what declarations share ------------------------------------------------------------------


def much_mw(case: Case) -> float:
    """A power that limits nothing [MW]."""
    peak = max(
        (sum(d for (_, _, q), d in case.demand.items() if q == p.index) for p in case.periods),
        default=0.0,
    )
    pue = max((float(s.pue.max()) for s in case.sites.values()), default=1.0)
    return max(100.0, MUCH * math.ceil(peak * pue))


@lru_cache(maxsize=64)
def rows_of(case: Case, sheet: str) -> tuple[tuple[int, dict[str, Any]], ...]:
    """Sheet row and cells of each row of a table."""
    frame = case.inputs.tables[sheet]
    rows = ({str(k): v for k, v in row.items()} for row in frame.to_dict("records"))
    return tuple((int(n), row) for n, row in zip(frame.index, rows, strict=True))


def sites_of(case: Case, sheet: str, name: str) -> dict[int, list[str]]:
    """Sites for which each row holds; a row that names the site goes before ``*``."""
    rows = list(rows_of(case, sheet))
    own = {(r["site"], r[name]) for _, r in rows}
    return {
        n: [s for s in case.sites if r["site"] == s or (r["site"] == "*" and (s, r[name]) not in own)]
        for n, r in rows
    }  # fmt: skip


def number(value: float) -> str:
    """A number as an analyst writes it."""
    return f"{value:,.0f}" if abs(value) >= 1e6 else f"{value:,.6g}"


def set_cell(limit: Limit, value: Any, words: str = "") -> Edit:
    """The limit's own cell with another value."""
    if not words and not (isinstance(value, float) and math.isnan(value)):
        words = f"{limit.column} {number(limit.given)} -> {number(value)}"
    return Edit(limit.sheet, limit.row, {limit.column: value}, words)


def unlimited(value: float) -> Callable[[Case, Limit, float], list[Edit]]:
    """Frees a limit by a value of its cell; NaN where a blank is no limit."""
    return lambda case, limit, much: [set_cell(limit, value)]


def raised(case: Case, limit: Limit, beyond: Beyond) -> list[Edit]:
    """The limit's own cell, raised by what is granted."""
    value = limit.given + max(beyond.values())
    column = BY_NAME[limit.sheet].column(limit.column)
    return [set_cell(limit, math.ceil(value - 1e-6) if column.kind == "integer" else value)]


def _months(case: Case, row: dict[str, Any], step: str) -> tuple[int, list[str]]:
    """Months that a row takes for a step, and the columns that may not stay above them."""
    which = str(case.inputs.setting("lead_times"))
    columns = {
        "low": [f"{step}_low", step],
        "likely": [step, f"{step}_low"],
        "high": [f"{step}_high", step, f"{step}_low"],
    }[which]
    columns = [c for c in columns if c in row]
    if np.isnan(row[columns[0]]):
        columns = columns[1:]
    elif which == "low":
        columns = columns[:1]
    return int(row[columns[0]]), columns


def months_in(case: Case, row: dict[str, Any], steps: Iterable[str]) -> int:
    """Months that the steps of a row take, by the setting ``lead_times``."""
    return sum(_months(case, row, step)[0] for step in steps)


def total_months(case: Case, limit: Limit) -> Sequence[float]:
    """Steps of one month up to all months of the limit."""
    return range(1, int(limit.given) + 1)


def shorten(case: Case, limit: Limit, months: float) -> list[Edit]:
    """So many months less, from the longest step on; ``limit.key`` are the steps' columns."""
    row = next(r for n, r in rows_of(case, limit.sheet) if n == limit.row)
    left, words, values = int(months), [], {}
    for before, columns in sorted((_months(case, row, s) for s in limit.key), key=lambda m: -m[0]):
        less = min(left, before)
        left -= less
        if less:
            words.append(f"{columns[0]} {before} -> {before - less}")
            values.update({c: before - less for c in columns if row[c] > before - less})
    return [Edit(limit.sheet, limit.row, values, ", ".join(words))]


def apply(tables: Tables, edits: Iterable[Edit]) -> Tables:
    """The tables with edits made, in copies of the tables that they touch."""
    made, copied = dict(tables), set()
    for edit in edits:
        if edit.sheet not in copied:
            made[edit.sheet] = made[edit.sheet].copy()
            copied.add(edit.sheet)
        frame = made[edit.sheet]
        if edit.row is None:
            blank = {
                c.name: BLANKS.get(c.kind, math.nan) if c.default is None else c.default
                for c in BY_NAME[edit.sheet].columns
            }
            row = pd.DataFrame([{**blank, **edit.values}], index=[max(frame.index, default=1) + 1])
            kinds = frame.dtypes if len(frame) else row.dtypes
            made[edit.sheet] = pd.concat([frame, row[frame.columns]]).astype(kinds)
            continue
        for column, value in edit.values.items():
            frame.loc[edit.row, column] = value
    return made
