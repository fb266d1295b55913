"""A marked copy of a case: cells coloured, with notes that say how to mend them."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from optimizer.errors import Problem, Problems
from optimizer.reading.cells import is_blank, to_text
from optimizer.reading.guard import column_letters, position
from optimizer.reading.inputs import Reading
from optimizer.reading.sheets import new_workbook

PROBLEMS = "_problems"
MOST_NOTES = 5_000
HEADINGS = ("kind", "sheet", "cell", "column", "found", "expected", "mend it so", "code")
Place = tuple[str, int, int]


def write_marked(
    path: Path,
    reading: Reading,
    problems: Problems,
    further: Mapping[str, pd.DataFrame] | None = None,
) -> None:
    """Write a workbook of the case's cells as they are, with its problems marked.

    Parameters
    ----------
    reading : the case as read, from a workbook or a folder
    problems : what is wrong with it
    further : sheets to add, by name

    Notes
    -----
    Addresses are those of the case. The first sheet lists all problems with links to the cells.
    Formulas become their values; sheets that hold no table are left out.
    """
    names = _sheet_names(list(reading.grids))
    marks: dict[Place, list[Problem]] = {}
    listed: list[tuple[Problem, Place | None]] = []
    for problem in (*problems.errors, *problems.warnings):
        place = _place(problem, reading)
        listed.append((problem, place))
        if place is not None:
            marks.setdefault(place, []).append(problem)
    with new_workbook(path) as book:
        head = book.add_format({"bold": True, "bg_color": "#D9E8F5", "border": 1})
        _list_sheet(book, head, listed, names)
        for sheet, frame in (further or {}).items():
            _frame_sheet(book, head, sheet, frame)
        looks = {
            (mark, is_date): book.add_format(
                ({"bg_color": mark} if mark else {})
                | ({"num_format": "yyyy-mm-dd"} if is_date else {})
            )
            for mark in ("", "#F4B6B6", "#FBE7A1")
            for is_date in (False, True)
        }
        notes = 0
        for found, grid in reading.grids.items():
            sheet = book.add_worksheet(names[found])
            own = {(r, c): p for (s, r, c), p in marks.items() if s == found}
            _copy(sheet, grid, own, looks)
            for (row, column), items in own.items():
                if notes < MOST_NOTES:
                    notes += 1
                    text = "\n".join(_words(p) for p in items)
                    sheet.write_comment(row, column, text, {"x_scale": 2.5, "y_scale": 1.2})


def _sheet_names(found: Sequence[str]) -> dict[str, str]:
    """Names that a workbook takes, by the names of the sheets or files."""
    made: dict[str, str] = {}
    for name in found:
        plain = re.sub(r"[\[\]:*?/\\]", "_", name).strip("'")[:31] or "_"
        taken = {m.lower() for m in made.values()} | {PROBLEMS}
        number = 1
        while plain.lower() in taken:
            number += 1
            plain = f"{plain[:27]}_{number}"
        made[name] = plain
    return made


def _place(problem: Problem, reading: Reading) -> Place | None:
    """Sheet or file, and 0-based row and column, of a problem."""
    table = next((t for t in reading.raw if problem.table in (t.name, t.sheet)), None)
    sheet = table.sheet if table else problem.table
    if sheet not in reading.grids:
        return None
    if problem.cell:
        return (sheet, *position(problem.cell))
    if problem.row is None:
        return None
    header = table.header if table else []
    name = problem.column or ""
    if table and table.name == "settings" and name not in header:
        name = "value"
    return (sheet, problem.row - 1, header.index(name) if name in header else 0)


def _words(problem: Problem) -> str:
    found = f"Found {problem.found}. " if problem.found else ""
    kind = "Warning: " if problem.is_warning else ""
    return f"{kind}{found}Expected {problem.expected}. {problem.remedy}".strip()


def _list_sheet(
    book: Any, head: Any, listed: list[tuple[Problem, Place | None]], names: dict[str, str]
) -> None:
    sheet = book.add_worksheet(PROBLEMS)
    link = book.add_format({"font_color": "#1F5FA8", "underline": 1})
    for k, (name, width) in enumerate(
        zip(HEADINGS, (9, 20, 9, 26, 24, 44, 70, 20), strict=True)
    ):  # fmt: skip
        sheet.write_string(0, k, name, head)
        sheet.set_column(k, k, width)
    sheet.freeze_panes(1, 0)
    for r, (problem, place) in enumerate(listed, start=1):
        kind = "warning" if problem.is_warning else "error"
        values = (kind, problem.table, "", problem.column or "", problem.found, problem.expected,
                  problem.remedy, problem.code)  # fmt: skip
        for k, text in enumerate(values):
            sheet.write_string(r, k, text)
        if place is not None:
            name, row, column = place
            address = f"{column_letters(column)}{row + 1}"
            quoted = names[name].replace("'", "''")
            sheet.write_url(r, 2, f"internal:'{quoted}'!{address}", link, address)
    if not listed:
        sheet.write_string(1, 0, "no problems")


def _frame_sheet(book: Any, head: Any, name: str, frame: pd.DataFrame) -> None:
    sheet = book.add_worksheet(name)
    sheet.freeze_panes(1, 0)
    for k, column in enumerate(frame.columns):
        values = [None if is_blank(v) else v for v in frame[column].astype(object)]
        sheet.write_string(0, k, str(column), head)
        sheet.set_column(k, k, max([len(str(column)), *(len(to_text(v)) for v in values if v)]) + 1)
        for r, value in enumerate(values, start=1):
            if _is_number(value):
                sheet.write_number(r, k, value)
            elif value is not None:
                sheet.write_string(r, k, to_text(value))


def _is_number(value: Any) -> bool:
    """Whether a sheet can hold it as a number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _copy(
    sheet: Any,
    grid: list[list[Any]],
    marks: dict[tuple[int, int], list[Problem]],
    looks: dict[tuple[str, bool], Any],
) -> None:
    """All cells as they are; marked ones in colour."""
    height = max([len(grid), *(r + 1 for r, _ in marks)])
    for r in range(height):
        row = grid[r] if r < len(grid) else []
        width = max([len(row), *(c + 1 for at, c in marks if at == r)]) if marks else len(row)
        for c in range(width):
            value = row[c] if c < len(row) else ""
            items = marks.get((r, c))
            colour = ""
            if items:
                colour = "#FBE7A1" if all(p.is_warning for p in items) else "#F4B6B6"
            is_date = isinstance(value, dt.date) and value.year >= 1900
            look = looks[colour, is_date]
            if is_blank(value):
                if items:
                    sheet.write_blank(r, c, None, look)
            elif isinstance(value, bool):
                sheet.write_boolean(r, c, value, look)
            elif _is_number(value):
                sheet.write_number(r, c, value, look)
            elif is_date:
                sheet.write_datetime(r, c, value, look)
            else:
                sheet.write_string(r, c, to_text(value), look)
    for c in range(max((len(row) for row in grid), default=0)):
        longest = max((len(to_text(row[c])) for row in grid[:200] if c < len(row)), default=0)
        sheet.set_column(c, c, max(9, min(30, longest + 2)))
    sheet.freeze_panes(1, 0)
