"""Reads a case from a workbook or a folder, checks it, and writes it again without loss."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from optimizer.errors import Problem, Problems
from optimizer.reading import catalog, overrides, profiles
from optimizer.reading.cells import CellReader, Converted, is_blank, parse_number, to_text
from optimizer.reading.layout import NOTE, RawTable
from optimizer.reading.sources import Grids, read_folder, read_workbook
from optimizer.reading.units import LHV_TO_HHV, Conversion, UnitError, conversion, same_spelling
from optimizer.tables import BY_NAME, SETTINGS_KEYS, TABLES, Column, Table

HEAT_RATE = "heat_rate_mmbtu_per_mwh"
NO_UNIT = ("-", "–", "none")
Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Inputs:
    """Checked tables and profiles of a case.

    Parameters
    ----------
    name : name of the case
    source : where it was read from
    tables : every declared table with its declared columns; the index is the sheet row
    profiles : hourly series by name, each (8760,)

    Notes
    -----
    Text is str with "" for blank; numbers are float64 with NaN; flags bool; dates
    datetime64[ns] with NaT.
    """

    name: str
    source: str
    tables: dict[str, pd.DataFrame]
    profiles: dict[str, np.ndarray]

    def setting(self, key: str) -> Any:
        """Typed value of a setting; its default if it is blank, None if it has none.

        Raises
        ------
        KeyError : no such setting is declared
        """
        return self._settings[key]

    @cached_property
    def _settings(self) -> dict[str, Any]:
        """All settings, read once: every block and period asks for some."""
        table = self.tables["settings"]
        given = dict(zip(table["key"][::-1], table["value"][::-1], strict=True))
        found = {}
        for column in SETTINGS_KEYS:
            value = given.get(column.name)
            if is_blank(value):
                found[column.name] = column.default
                continue
            read = CellReader("settings", Problems()).read(column, value, 0, "")
            whole = column.kind == "integer" and read is not None
            found[column.name] = int(read) if whole else read
        return found

    @classmethod
    def from_tables(
        cls,
        tables: Mapping[str, pd.DataFrame],
        series: Mapping[str, np.ndarray] | None = None,
        changes: Sequence[str] = (),
    ) -> tuple[Inputs | None, Problems]:
        """Check tables made in Python; columns may be missing as in a file."""
        raw = [
            RawTable(
                name, [str(c) for c in frame.columns],
                [[None if is_blank(v) else v for v in row] for row in frame.to_numpy(dtype=object)],
                2, False,
            )
            for name, frame in tables.items()
        ]  # fmt: skip
        problems = Problems()
        return _assemble(raw, dict(series or {}), "tables", changes, problems), problems


@dataclass(frozen=True, eq=False)
class Reading:
    """A case as it was read: cells as they are, tables as found, inputs, problems.

    ``grids`` holds the cells of every sheet or file by its name; ``raw`` the tables found in
    them; ``given`` each table's filled cells by column, in the declared units, without defaults
    and catalog values; ``series`` the profiles. ``inputs`` is None if there are errors.
    """

    path: Path
    grids: Grids
    raw: list[RawTable]
    given: dict[str, list[Row]]
    series: dict[str, np.ndarray]
    inputs: Inputs | None
    problems: Problems

    @property
    def name(self) -> str:
        """Name of the case, else of its file."""
        rows = self.given.get("settings", [])
        named = [r["value"] for r in rows if to_text(r.get("key", "")) == "case_name"
                 and not is_blank(r.get("value"))]  # fmt: skip
        return to_text(named[0]) if named else self.path.stem


def read_inputs(path: Path | str, changes: Sequence[str] = ()) -> tuple[Inputs | None, Problems]:
    """Read and check a case.

    Parameters
    ----------
    path : an .xlsx workbook or a folder of CSV files; ``profiles/`` stands beside the tables
    changes : overrides of the form ``TABLE.COLUMN[KEY]=VALUE``

    Returns
    -------
    the inputs, or None if there are errors; and all problems at once
    """
    reading = read_case(path, changes)
    return reading.inputs, reading.problems


def read_case(path: Path | str, changes: Sequence[str] = ()) -> Reading:
    """Read and check a case, and keep what was read; parameters of :func:`read_inputs`."""
    path = Path(path)
    problems = Problems()
    raw: list[RawTable] = []
    grids: Grids = {}
    beside = path.parent / "profiles"
    if path.is_dir():
        (raw, grids), beside = read_folder(path, problems), path / "profiles"
        if not raw and not len(problems):
            problems.add("no-tables", str(path), expected="CSV tables in the folder",
                         remedy="Name the folder that holds settings.csv.")  # fmt: skip
    elif path.is_file():
        raw, grids = read_workbook(path, problems)
        if not raw and not problems.errors:
            problems.add("no-tables", path.name, expected="sheets named like the tables",
                         remedy="Begin with: optimizer template FILE.xlsx.")  # fmt: skip
    else:
        problems.add("no-such-case", str(path), expected="a workbook or a folder",
                     remedy="Check the path.")  # fmt: skip
    if not raw or any(p.code in ("unreadable", "file-too-large") for p in problems):
        return Reading(path, grids, raw, {}, {}, None, problems)
    series = profiles.read_profiles(beside, _reference_year(raw), problems)
    given: dict[str, list[Row]] = {}
    inputs = _assemble(raw, series, str(path), changes, problems, given)
    return Reading(path, grids, raw, given, series, inputs, with_cells(problems, raw))


def with_cells(problems: Problems, raw: list[RawTable]) -> Problems:
    """Problems with the cell where table, row and column tell it; each cell's mishap once."""
    tables = {t.name: t for t in raw if t.is_workbook}
    placed = Problems([_with_cell(p, tables.get(p.table)) for p in problems])
    wrong = {(p.table, p.cell) for p in placed.errors if p.cell and p.code != "missing-value"}
    placed.items = [p for p in placed
                    if p.code != "missing-value" or (p.table, p.cell) not in wrong]  # fmt: skip
    return placed


def _with_cell(problem: Problem, table: RawTable | None) -> Problem:
    if table is None or problem.cell or problem.row is None:
        return problem
    column = problem.column
    if table.name == "settings" and column not in table.header:
        column = "value"
    if column not in table.header:
        return problem
    cell = table.address(table.header.index(column), problem.row)
    return replace(problem, cell=cell)


def _reference_year(raw: list[RawTable]) -> int:
    default = 2012
    for table in raw:
        if table.name == "settings" and {"key", "value"} <= set(table.header):
            key, value = table.header.index("key"), table.header.index("value")
            for row in table.rows:
                if len(row) > max(key, value) and to_text(row[key]) == "reference_year":
                    year = parse_number(row[value])
                    return default if year is None else int(year)
    return default


def _assemble(
    raw: list[RawTable],
    series: dict[str, np.ndarray],
    source: str,
    changes: Sequence[str],
    problems: Problems,
    given: dict[str, list[Row]] | None = None,
) -> Inputs | None:
    from optimizer.reading.checks import CHECKS

    rows: dict[str, list[Row]] = {}
    origin: dict[str, RawTable] = {}
    for found in raw:
        if found.name not in BY_NAME:
            near = difflib.get_close_matches(found.name.lower(), BY_NAME, 1)
            problems.add("unknown-table", found.name, expected="a known table",
                         remedy=f'Closest: "{near[0]}".' if near else
                         "Remove it, or begin its name with _ if it is not a table.")  # fmt: skip
            continue
        origin[found.name] = found
        rows[found.name] = _raw_rows(found, problems)
        if given is not None:
            given[found.name] = rows[found.name]
    for change in changes:
        overrides.apply(change, rows, problems)
    tables = {t.name: _typed(t, rows.get(t.name, []), origin.get(t.name), problems) for t in TABLES}
    for table in TABLES:
        if table.required and tables[table.name].empty:
            problems.add("missing-table", table.name, expected=f"at least one row: {table.row_is}",
                         remedy=f"{table.meaning}.")  # fmt: skip
    _add_catalog_costs(tables)
    name = _name(tables["settings"], source)
    inputs = Inputs(name, source, tables, series)
    if not problems.errors:
        for check in CHECKS:
            check(inputs, problems)
    return None if problems.errors else inputs


def _name(settings: pd.DataFrame, source: str) -> str:
    found = settings.loc[settings["key"] == "case_name", "value"]
    return str(found.iloc[0]) if len(found) else Path(source).stem


def _raw_rows(table: RawTable, problems: Problems) -> list[dict[str, Any]]:
    """Rows by column name, with their sheet row under ``_row``; blank rows are left out."""
    declared = BY_NAME[table.name].column_names
    seen: set[str] = set()
    for k, name in enumerate(table.header):
        address = table.address(k, table.header_row)
        if not name:
            continue
        if name in seen:
            problems.add("duplicate-column", table.name, row=table.header_row, column=name, found=name,
                         expected="each column once", cell=address)  # fmt: skip
        elif name not in declared and name != NOTE:
            near = difflib.get_close_matches(name, declared, 1)
            problems.add("unknown-column", table.name, row=table.header_row, column=name, found=name,
                         expected="a column that the model knows", cell=address,
                         remedy=f'Closest: "{near[0]}".' if near else "Remove it, or name it note.")  # fmt: skip
        seen.add(name)
    rows = []
    for k, cells in enumerate(table.rows):
        if all(is_blank(c) for c in cells):
            continue
        row: dict[str, Any] = {
            n: None if is_blank(c) else c for n, c in zip(table.header, cells, strict=False)
        }
        row["_row"] = table.first_row + k
        rows.append(row)
    _convert(table, rows, problems)
    return rows


def _convert(table: RawTable, rows: list[Row], problems: Problems) -> None:
    """Numbers in place from the units of the units row to the declared ones."""
    declared = {c.name: c for c in BY_NAME[table.name].columns}
    number = table.first_row - 1
    made: dict[str, Conversion] = {}
    for k, (name, cell) in enumerate(zip(table.header, table.units, strict=False)):
        column = declared.get(name)
        text = "" if is_blank(cell) else to_text(cell)
        if column is None or not text or text in NO_UNIT or same_spelling(text, column.unit):
            continue
        if column.kind not in ("number", "integer"):
            if k:  # the first column holds the mark of the row
                problems.add("bad-unit", table.name, row=number, column=name, found=text,
                             cell=table.address(k, number), expected="a blank: it is no number")  # fmt: skip
            continue
        try:
            made[name] = conversion(text, column.unit)
        except UnitError as error:
            problems.add("bad-unit", table.name, row=number, column=name, found=text,
                         cell=table.address(k, number), expected=error.expected,
                         remedy=error.remedy)  # fmt: skip
            continue
        if made[name].is_lower_heating_value:
            problems.add("lower-heating-value", table.name, row=number, column=name, found=text,
                         cell=table.address(k, number), expected="the higher heating value",
                         is_warning=True, remedy=f"Read as LHV x {LHV_TO_HHV}, which holds for "
                         "natural gas only.")  # fmt: skip
    if not made:
        return
    order = sorted(made, key=lambda n: n != HEAT_RATE)
    for row in rows:
        for name in order:
            _convert_cell(table, row, name, made[name], problems)


def _convert_cell(
    table: RawTable, row: Row, name: str, how: Conversion, problems: Problems
) -> None:
    value = parse_number(row.get(name))
    if value is None:
        return
    factor = how.factor
    if how.by_heat_rate:
        heat_rate = row.get(HEAT_RATE)
        if is_blank(heat_rate):
            entry = catalog.entries().get(to_text(row.get("catalog") or ""), {})
            heat_rate = entry.get(HEAT_RATE)
        rate = parse_number("" if is_blank(heat_rate) else heat_rate)
        if not rate:
            problems.add("no-heat-rate", table.name, row=row["_row"], column=name, found=value,
                         cell=table.address(table.header.index(name), row["_row"]),
                         expected=f"a heat rate, because the unit is {how.unit}",
                         remedy=f"Fill in {HEAT_RATE}.")  # fmt: skip
            return
        factor *= rate
    converted = float(f"{value * factor:.14g}")
    row[name] = Converted(converted, f"{to_text(row[name])} {how.unit}")


def _typed(
    table: Table, rows: list[dict[str, Any]], origin: RawTable | None, problems: Problems
) -> pd.DataFrame:
    reader = CellReader(table.name, problems)
    place = {n: k for k, n in enumerate(origin.header)} if origin else {}
    columns: dict[str, list[Any]] = {c.name: [] for c in table.columns}
    numbers = []
    for k, given in enumerate(rows):
        number = int(given.get("_row", k + 2))
        numbers.append(number)
        address = origin.address(place.get("catalog", 0), number) if origin else ""
        row = (
            catalog.fill(given, number, address, problems)
            if table.name == "technologies"
            else given
        )
        for column in table.columns:
            at = (
                origin.address(place[column.name], number)
                if origin and column.name in place
                else ""
            )
            cell = row.get(column.name)
            if is_blank(cell):
                needed = (column.required and column.default is None) or (
                    str(row.get("class", "")) in column.required_for
                )  # fmt: skip
                if needed:
                    problems.add("missing-value", table.name, row=number, column=column.name,
                                 expected=column.meaning.lower(), remedy="Fill it in.", cell=at)  # fmt: skip
                columns[column.name].append(_blank(column))
                continue
            value = reader.read(column, cell, number, at)
            if column.allowed and value not in column.allowed:
                near = difflib.get_close_matches(str(value), column.allowed, 1)
                problems.add("not-allowed", table.name, row=number, column=column.name,
                             found=value, expected=f"one of {', '.join(column.allowed)}", cell=at,
                             remedy=f'Closest: "{near[0]}".' if near else "")  # fmt: skip
            columns[column.name].append(value)
    frame = pd.DataFrame({c.name: _series(c, columns[c.name]) for c in table.columns}, index=None)
    frame.index = pd.Index(numbers, dtype="int64")
    return frame


def _blank(column: Column) -> Any:
    if column.default is not None:
        return column.default
    return {"text": "", "any": "", "flag": False, "date": pd.NaT}.get(column.kind, float("nan"))


def _series(column: Column, values: list[Any]) -> pd.Series:
    if column.kind in ("text", "any"):
        return pd.Series(values, dtype=object)
    if column.kind == "flag":
        return pd.Series(values, dtype=bool)
    if column.kind == "date":
        return pd.Series(pd.to_datetime(values)).astype("datetime64[ns]")
    return pd.Series(values, dtype="float64")


def _add_catalog_costs(tables: dict[str, pd.DataFrame]) -> None:
    """Cost curves of catalog entries, for technologies without rows of their own."""
    costs = tables["technology_costs"]
    own = set(costs["technology"])
    extra = [
        {"technology": row["technology"], "year": float(c["year"]),
         "capex_index": float(c["capex_index"]), "source": c.get("source", "")}
        for _, row in tables["technologies"].iterrows()
        if row["catalog"] and row["technology"] not in own
        for c in (catalog.cost_rows() if row["catalog"] in catalog.entries() else ())
        if c["technology"] == row["catalog"]
    ]  # fmt: skip
    if extra:
        frame = pd.DataFrame(extra).astype({"technology": object, "source": object})
        first = (int(costs.index.max()) if len(costs) else 1) + 1
        frame.index = pd.Index(range(first, first + len(frame)), dtype="int64")
        tables["technology_costs"] = pd.concat([costs, frame]) if len(costs) else frame
