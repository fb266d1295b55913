"""What differs between two to eight results: inputs, decisions, dates, money, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from optimizer.errors import InputError, Problems, UsageError
from optimizer.reading.inputs import Inputs
from optimizer.results.dates import sample_dates
from optimizer.results.difference import Comparison, Part, Row, Value, same
from optimizer.results.why import why
from optimizer.results.write import StoredResult, load_result
from optimizer.tables import SETTINGS_KEYS, TABLES

FEWEST, MOST = 2, 8
REMARKS = ("source", "note")
"""Columns that no plan depends on."""


def load_results(folders: Sequence[Path]) -> list[StoredResult]:
    """Read all results; what is wrong with any of them is told at once.

    Raises
    ------
    UsageError : fewer than two or more than eight results
    InputError : a folder is no result or does not match its manifest
    """
    if not FEWEST <= len(folders) <= MOST:
        raise UsageError(f"compare takes {FEWEST} to {MOST} results; {len(folders)} were given.")
    results, problems = [], Problems()
    for folder in folders:
        try:
            results.append(load_result(folder))
        except InputError as error:
            for problem in error.problems:
                where = problem.table
                named = where if str(folder) in where else f"{folder}: {where}"
                problems.add(problem.code, named, expected=problem.expected,
                             remedy=problem.remedy)  # fmt: skip
    if len(problems):
        raise InputError(problems, "compare")
    return results


def compare(results: Sequence[StoredResult]) -> Comparison:
    """Compare stored results; the first is what the others are held against."""
    figures = [_with_dates(result) for result in results]
    parts = [
        _run_part(figures),
        Part("inputs", "Inputs that differ", ("table", "row", "column"),
             input_rows([f.result.inputs for f in figures])),
        *_decision_parts(figures),
        _date_part(figures),
        _limit_part(figures),
        _money_part(figures),
        _site_money_part(figures),
        _other_part(figures),
    ]  # fmt: skip
    made = Comparison([str(r.folder) for r in results], parts)
    made.why.extend(why(made, results))
    return made


@dataclass(frozen=True)
class _Figures:
    """A result with its sampled dates, which older results do not hold."""

    result: StoredResult
    summary: dict[str, Any]
    dates: pd.DataFrame

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        return self.result.tables

    @property
    def last(self) -> str:
        return str(self.result.inputs.tables["periods"]["period"].iloc[-1])

    def start(self, period: str) -> str:
        """First day of a period."""
        periods = self.result.inputs.tables["periods"].set_index("period")["start"]
        return f"{pd.Timestamp(periods[period]):%Y-%m-%d}"


def _with_dates(result: StoredResult) -> _Figures:
    if "dates" in result.tables and "first_power_p50" in result.summary:
        return _Figures(result, result.summary, result.tables["dates"])
    sampled = sample_dates(result.inputs, result.tables)
    return _Figures(result, result.summary | sampled.headline, sampled.table)


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, str | bool | pd.Timestamp) or pd.isna(value):
        return None
    return float(value)


def _text(value: Any) -> str:
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return str(value)


# -- inputs ---------------------------------------------------------------------------------


def input_rows(inputs: Sequence[Inputs]) -> list[Row]:
    """Every cell, row and profile that is not the same in all cases."""
    found = []
    for column in SETTINGS_KEYS:
        values = tuple(_cell(i.setting(column.name)) for i in inputs)
        if not all(same(values[0], v) for v in values):
            found.append(Row(("settings", column.name, "value"), "", values))
    for table in TABLES:
        if table.name == "settings":
            continue
        frames = [i.tables.get(table.name) for i in inputs]
        found += _table_rows(table.name, table.key, frames)
    for name in sorted({n for i in inputs for n in i.profiles}):
        series = [i.profiles.get(name) for i in inputs]
        first = series[0]
        if all(s is not None and first is not None and np.array_equal(s, first) for s in series):
            continue
        # Two series may have the same mean: the text says that they are not the same.
        told: list[Value] = []
        seen: list[np.ndarray] = []
        for s in series:
            if s is None:
                told.append(None)
                continue
            at = next((k for k, other in enumerate(seen) if np.array_equal(s, other)), len(seen))
            if at == len(seen):
                seen.append(s)
            told.append(f"series {at + 1}, mean {s.mean():.4g}")
        found.append(Row(("profiles", name, "series"), "text", tuple(told)))
    return found


def _table_rows(
    name: str, key: tuple[str, ...], frames: Sequence[pd.DataFrame | None]
) -> list[Row]:
    columns = list(dict.fromkeys(c for f in frames if f is not None for c in f.columns))
    columns = [c for c in columns if c not in key and c not in REMARKS]
    read: list[dict[str, dict[str, Any]]] = []
    for frame in frames:
        rows: dict[str, dict[str, Any]] = {}
        if frame is not None:
            for record in frame.to_dict("records"):
                shown = " / ".join(_text(record[k]) for k in key)
                rows[shown] = {str(k): v for k, v in record.items()}
        read.append(rows)
    found = []
    for row in dict.fromkeys(k for rows in read for k in rows):
        there = [rows.get(row) for rows in read]
        if any(r is None for r in there):
            told = tuple("there" if r is not None else "not there" for r in there)
            found.append(Row((name, row, "the row"), "text", told))
            continue
        for column in columns:
            values = tuple(_cell(r.get(column)) for r in there if r is not None)
            made = Row((name, row, column), "", values)
            if made.differs:
                found.append(made)
    return found


def _cell(value: Any) -> Value:
    """A cell of an input table as a figure or as text; None if it is blank."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    number = _number(value)
    if number is not None:
        return number
    if value is None or value is pd.NaT or value == "" or isinstance(value, float):
        return None
    return _text(value)


# -- the run and its decisions ----------------------------------------------------------------


def _gather(
    figures: Sequence[_Figures], unit: str, read: Callable[[_Figures], dict[tuple[str, ...], Value]]
) -> list[Row]:
    """Rows of facts by key; a key that a result has not is None."""
    each = [read(f) for f in figures]
    keys = dict.fromkeys(k for facts in each for k in facts)
    return [Row(key, unit, tuple(facts.get(key) for facts in each)) for key in keys]


def _run_part(figures: Sequence[_Figures]) -> Part:
    rows = []
    for key, unit in (
        ("case_name", "text"), ("status", "text"), ("stop_reason", "text"), ("engine", "text"),
        ("gap", "share"), ("gap_usd", "USD"), ("bound", "USD"),
    ):  # fmt: skip
        values = tuple(f.summary.get(key) for f in figures)
        rows.append(Row((key,), unit, values))
    return Part("runs", "The runs", ("figure",), rows, whole=True)


def _decision_parts(figures: Sequence[_Figures]) -> list[Part]:
    return [
        Part("sites", "Sites", ("site",), _gather(figures, "date", _opened)),
        Part("halls", "Halls", ("site", "figure"), [
            *_gather(figures, "MW", lambda f: _standing(f, "campus", None, "standing_it_mw")),
            *_gather(figures, "date", lambda f: _since(f, "campus", None, "added_blocks"))]),
        Part("power", "Power on site", ("site", "technology", "figure"), [
            *_gather(figures, "MW", lambda f: _built(f, "added_mw")),
            *_gather(figures, "MWh", lambda f: _built(f, "added_mwh")),
            *_gather(figures, "date", lambda f: _since(
                f, "capacity", "technology", "added_mw"))]),
        Part("grid", "Grid", ("site", "offer", "figure"), [
            *_gather(figures, "date", lambda f: _since(
                f, "interconnection", "offer", "connected")),
            *_gather(figures, "MW", lambda f: _standing(
                f, "interconnection", "offer", "firm_mw")),
            *_gather(figures, "MW", lambda f: _standing(
                f, "interconnection", "offer", "flexible_mw"))]),
        Part("permits", "Permits", ("site", "kind"), _gather(figures, "text", _permits)),
    ]  # fmt: skip


def _opened(f: _Figures) -> dict[tuple[str, ...], Value]:
    return {
        (str(r.site),): f"{pd.Timestamp(r.open_date):%Y-%m-%d}" if r.opened else "not opened"
        for r in f.tables["sites"].itertuples()
    }


def _permits(f: _Figures) -> dict[tuple[str, ...], Value]:
    table = f.tables["permits"]
    return {
        (str(site), str(kind)): ", ".join(sorted(set(rows["variant"].astype(str))))
        for (site, kind), rows in table.groupby(["site", "permit_kind"], sort=False)
    }


def _standing(
    f: _Figures, table: str, item: str | None, column: str
) -> dict[tuple[str, ...], Value]:
    """What stands in the last period, by site; all sites together where there is no item."""
    rows = f.tables[table]
    rows = rows[rows["period"] == f.last]
    said = f"{column.removeprefix('standing_')}, last period"
    keys = ["site"] if item is None else ["site", item]
    found: dict[tuple[str, ...], Value] = {}
    if item is None:
        found["all sites", said] = float(rows[column].sum())
    for key, mw in rows.groupby(keys, sort=False)[column].sum().items():
        found[*_key(key), said] = float(mw)
    return found


def _built(f: _Figures, column: str) -> dict[tuple[str, ...], Value]:
    """What is built over the whole plan, by technology and by site."""
    rows = f.tables["capacity"]
    said = f"{column.removeprefix('added_')} built"
    found: dict[tuple[str, ...], Value] = {}
    for technology, mw in rows.groupby("technology", sort=False)[column].sum().items():
        if mw > 0:
            found["all sites", str(technology), said] = float(mw)
    for key, mw in rows.groupby(["site", "technology"], sort=False)[column].sum().items():
        if mw > 0:
            found[*_key(key), said] = float(mw)
    return found


def _since(f: _Figures, table: str, item: str | None, column: str) -> dict[tuple[str, ...], Value]:
    """When the first of it is online."""
    rows = f.tables[table]
    rows = rows[rows[column] > 0]
    keys = ["site"] if item is None else ["site", item]
    starts = {p: f.start(p) for p in set(rows["period"])}
    first = rows.assign(day=rows["period"].map(starts)).groupby(keys, sort=False)["day"].min()
    return {(*_key(key), "first online"): str(day) for key, day in first.items()}


def _key(key: Any) -> tuple[str, ...]:
    return tuple(str(k) for k in key) if isinstance(key, tuple) else (str(key),)


# -- dates and money --------------------------------------------------------------------------


def _date_part(figures: Sequence[_Figures]) -> Part:
    rows = []
    for title, planned, name in (
        ("first power", "first_power_date", "first_power"),
        ("full power", "full_power_date", "full_power"),
    ):
        for said, key in (("planned", planned), ("P50", f"{name}_p50"), ("P90", f"{name}_p90")):
            values = tuple(f.summary.get(key) for f in figures)
            rows.append(Row((title, said), "date", values))
    for said, key in (("planned", "delay_mw_months"), ("P50", "delay_mw_months_p50"),
                      ("P90", "delay_mw_months_p90")):  # fmt: skip
        rows.append(Row(("delay", said), "MW-months",
                        tuple(_number(f.summary.get(key)) for f in figures)))  # fmt: skip
    rows += _gather(figures, "date", _first_loads)
    rows += _gather(figures, "MW", lambda f: {
        (f"load waiting, {period}", "planned"): float(mw)
        for period, mw in f.tables["backlog"].groupby("period", sort=False)["backlog_mw"]
        .sum().items()})  # fmt: skip
    return Part("dates", "Dates", ("what", "figure"), rows)


def _first_loads(f: _Figures) -> dict[tuple[str, ...], Value]:
    found: dict[tuple[str, ...], Value] = {}
    for r in f.dates[f.dates["kind"] == "site"].itertuples():
        for said, day in (("planned", r.planned_date), ("P50", r.p50_date), ("P90", r.p90_date)):
            found[f"first load, {r.site}", said] = None if pd.isna(day) else f"{day:%Y-%m-%d}"
    return found


def _limit_part(figures: Sequence[_Figures]) -> Part:
    def bound(f: _Figures) -> dict[tuple[str, ...], Value]:
        return {(str(b["limit"]), str(b["scope"])): ", ".join(map(str, b["periods"]))
                for b in f.summary.get("binding") or []}  # fmt: skip

    return Part("limits", "What binds, and when", ("limit", "scope"),
                _gather(figures, "text", bound))  # fmt: skip


def _money_part(figures: Sequence[_Figures]) -> Part:
    rows = [Row(("total",), "USD", tuple(_number(f.summary["total_cost"]) for f in figures))]
    names = dict.fromkeys(c for f in figures for c in f.summary["costs"])
    costs = [
        Row((str(c),), "USD", tuple(_number(f.summary["costs"].get(c, 0.0)) for f in figures))
        for c in names
    ]
    return Part("money", "Discounted cost by category", ("category",), rows + _by_change(costs))


def _site_money_part(figures: Sequence[_Figures]) -> Part:
    def by_site(f: _Figures) -> dict[tuple[str, ...], Value]:
        costs = f.tables["costs"]
        names = costs["site"].fillna("").astype(str).replace("", "no site")
        return {(str(s),): float(v) for s, v in costs.groupby(names)["usd"].sum().items()}

    rows = _by_change(_gather(figures, "USD", by_site))
    return Part("money_by_site", "Discounted cost by site", ("site",), rows)


def _by_change(rows: Iterable[Row]) -> list[Row]:
    def change(row: Row) -> float:
        values = [v if isinstance(v, float) else 0.0 for v in row.values]
        return max(values) - min(values)

    return sorted(rows, key=change, reverse=True)


def _other_part(figures: Sequence[_Figures]) -> Part:
    rows = []
    for key, unit in (
        ("co2_onsite_t", "t"), ("co2_grid_t", "t"), ("co2_t", "t"), ("cfe_share", "share"),
        ("water_m3", "m3"), ("land_km2", "km2"), ("unserved_mwh", "MWh"),
    ):  # fmt: skip
        rows.append(Row((key,), unit, tuple(_number(f.summary.get(key)) for f in figures)))
    return Part("other", "Carbon, water, land", ("figure",), rows)
