"""Finds the table on a sheet: header, units row, rows; and what lies beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from optimizer.errors import Problems
from optimizer.reading.cells import is_blank, to_text
from optimizer.reading.guard import column_letters
from optimizer.tables import BY_NAME, TABLES, Table

NOTE = "note"
"""A column of this name is allowed in every table and not read."""
UNIT_MARKS = ("unit", "units", "[unit]", "[units]")
HEADER_WITHIN = 20


@dataclass(frozen=True)
class RawTable:
    """Header and rows as found; ``first_row`` is the sheet row of the first data row.

    ``units`` is the units row, one cell a column, empty if there is none.
    """

    name: str
    header: list[str]
    rows: list[list[Any]]
    first_row: int
    is_workbook: bool
    units: list[Any] = field(default_factory=list)
    header_row: int = 1
    sheet: str = ""

    def address(self, column: int, row: int) -> str:
        """Cell address such as F7; empty for CSV."""
        return f"{column_letters(column)}{row}" if self.is_workbook else ""


def normal(name: Any) -> str:
    """A name of a sheet or column without regard to case, blanks and hyphens."""
    return re.sub(r"[\s\-]+", "_", to_text(name)).lower()


def table_name(name: str) -> str:
    """The declared table of this name, else the name as it is."""
    return normal(name) if normal(name) in BY_NAME else name.strip()


def lay_out(sheet: str, grid: list[list[Any]], problems: Problems, *,
            is_workbook: bool) -> RawTable:  # fmt: skip
    """The table of a grid of cells; what is not part of it is a problem that names the cell."""
    name = table_name(sheet)
    table = BY_NAME.get(name)
    if table is None:
        header = [to_text(c) for c in grid[0]] if grid else []
        return RawTable(name, header, [list(r) for r in grid[1:]], 2, is_workbook, sheet=sheet)
    at = _header_row(table, grid)
    if at and any(not is_blank(c) for row in grid[:at] for c in row):
        problems.add("header-not-first", name, row=at + 1, is_warning=True,
                     expected="the header in row 1", remedy="The rows above it are not read.")  # fmt: skip
    header = _header(table, grid[at] if grid else [])
    body = [list(row) for row in grid[at + 1 :]]
    units: list[Any] = []
    if body and _is_units_row(table, header, body[0]):
        units, body = body[0], body[1:]
    found = RawTable(name, header, body, at + 2 + bool(units), is_workbook, units, at + 1, sheet)
    found = _without_second_table(found, problems)
    return _without_stray_cells(found, table, problems)


def _header_row(table: Table, grid: list[list[Any]]) -> int:
    """Index of the first row that names columns: one in row 1, at least two further down."""
    declared = table.column_names
    for k, row in enumerate(grid[:HEADER_WITHIN]):
        known = sum(normal(c) in declared for c in row if not is_blank(c))
        if known >= (1 if k == 0 else 2):
            return k
    return next((k for k, row in enumerate(grid) if any(not is_blank(c) for c in row)), 0)


def _header(table: Table, cells: list[Any]) -> list[str]:
    known = {*table.column_names, NOTE}
    names = [normal(c) if normal(c) in known else to_text(c) for c in
             ("" if is_blank(c) else c for c in cells)]  # fmt: skip
    while names and not names[-1]:
        names.pop()
    return names


def _is_units_row(table: Table, header: list[str], cells: list[Any]) -> bool:
    """Marked by ``units`` in the first column, or texts under other columns than the key's."""
    if not cells or all(is_blank(c) for c in cells):
        return False
    if to_text(cells[0] or "").lower() in UNIT_MARKS:
        return True
    filled = {n: c for n, c in zip(header, cells, strict=False) if not is_blank(c)}
    if not filled or any(k in filled for k in table.key):
        return False
    kinds = {c.name: c.kind for c in table.columns}
    return all(
        isinstance(c, str) and kinds.get(n) in ("number", "integer") and not re.search(r"\d\d", c)
        for n, c in filled.items()
    )


def _without_second_table(found: RawTable, problems: Problems) -> RawTable:
    """Cut where a further header row begins."""
    names = [set(t.column_names) for t in TABLES]
    for k, row in enumerate(found.rows):
        filled = [(j, normal(c)) for j, c in enumerate(row) if isinstance(c, str) and c.strip()]
        if len(filled) < 2 or len(filled) < sum(not is_blank(c) for c in row):
            continue
        texts = {text for _, text in filled}
        if len(texts) > 1 and any(texts <= known for known in names):
            number = found.first_row + k
            first = filled[0][0]
            problems.add("second-table", found.name, row=number, cell=found.address(first, number),
                         found=to_text(row[first]), expected="one table on a sheet",
                         remedy="Move the second table to the sheet of its name.")  # fmt: skip
            return RawTable(found.name, found.header, found.rows[:k], found.first_row,
                            found.is_workbook, found.units, found.header_row, found.sheet)  # fmt: skip
    return found


def _without_stray_cells(found: RawTable, table: Table, problems: Problems) -> RawTable:
    """Cells without a heading, tables to the right, and notes below the table."""
    width = len(found.header)
    gaps = [k for k, name in enumerate(found.header) if not name]
    beside = [k for k in range(gaps[0], width) if found.header[k]] if gaps else []
    foreign = [k for k in beside if found.header[k] not in (*table.column_names, NOTE)]
    if foreign:
        problems.add("second-table", found.name, row=found.header_row,
                     cell=found.address(foreign[0], found.header_row), found=found.header[foreign[0]],
                     expected="one table on a sheet",
                     remedy="Move what stands beside the table to a sheet of its own.")  # fmt: skip
        width = gaps[0]
    told: set[int] = set()
    for k, row in enumerate(found.rows):
        for j, cell in enumerate(row):
            outside = (j >= width and not foreign) or (j < width and not found.header[j])
            if outside and j not in told and not is_blank(cell):
                told.add(j)
                number = found.first_row + k
                problems.add("no-header", found.name, row=number, cell=found.address(j, number),
                             found=to_text(cell), expected="a heading over every value",
                             remedy="Name the column in the header (note, if it is a remark), "
                             "or empty the cell.")  # fmt: skip
    rows = [_alone(found, table, k, row[:width], problems) for k, row in enumerate(found.rows)]
    return RawTable(found.name, found.header[:width], rows, found.first_row, found.is_workbook,
                    found.units[:width], found.header_row, found.sheet)  # fmt: skip


def _alone(found: RawTable, table: Table, k: int, row: list[Any], problems: Problems) -> list[Any]:
    """A row with one filled cell where more are required is told once, and not read."""
    filled = [j for j, c in enumerate(row) if not is_blank(c)]
    if len(filled) != 1:
        return row
    name = found.header[filled[0]]
    if name == NOTE:
        return []
    required = [c.name for c in table.columns if c.required and c.default is None]
    missing = [c for c in required if c != name]
    if not missing or not name:
        return row
    number = found.first_row + k
    rest = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
    problems.add("lone-cell", found.name, row=number, column=name, found=to_text(row[filled[0]]),
                 cell=found.address(filled[0], number), expected=f"a whole row ({rest} too)",
                 remedy="If it is a note, move it to a column note or a sheet _notes.")  # fmt: skip
    return []
