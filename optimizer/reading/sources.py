"""Raw tables of a workbook or of a folder of CSV files."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import python_calamine

from optimizer.errors import Problems
from optimizer.reading.cells import is_blank, to_text
from optimizer.reading.guard import SheetScan, is_read, position, scan_workbook
from optimizer.reading.layout import RawTable, lay_out, table_name
from optimizer.tables import BY_NAME

MAX_CSV_BYTES = 200_000_000
_GROUPS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")
Grids = dict[str, list[list[Any]]]


def read_workbook(path: Path, problems: Problems) -> tuple[list[RawTable], Grids]:
    """All tables of a workbook, and the cells of its sheets as they are.

    A sheet named ``start`` or beginning with ``_`` is skipped.
    """
    scans = scan_workbook(path, problems)
    if scans is None:
        return [], {}
    tables: list[RawTable] = []
    grids: Grids = {}
    try:
        with python_calamine.CalamineWorkbook.from_path(str(path)) as book:
            for scan in scans:
                sheet = book.get_sheet_by_name(scan.name)
                grids[scan.name] = sheet.to_python(skip_empty_area=False)
    except Exception as error:  # calamine has an exception a kind of damage
        problems.add("not-a-workbook", path.name, found=type(error).__name__,
                     expected="an .xlsx workbook", remedy="Save it again as .xlsx.")  # fmt: skip
        return [], {}
    for scan in scans:
        grid = grids[scan.name]
        if _is_wanted(scan, grid, problems):
            table = lay_out(scan.name, grid, problems, is_workbook=True)
            _tell_unseen(scan, table, problems)
            tables.append(table)
    return _once(tables, problems), grids


def _is_wanted(scan: SheetScan, grid: list[list[Any]], problems: Problems) -> bool:
    is_known = table_name(scan.name) in BY_NAME
    if scan.is_hidden:
        problems.add("hidden-sheet", scan.name, expected="sheets in sight", is_warning=True,
                     remedy="It is read although it is hidden." if is_known
                     else "It is not read.")  # fmt: skip
        return is_known
    return is_known or any(not is_blank(c) for row in grid for c in row)


def _tell_unseen(scan: SheetScan, table: RawTable, problems: Problems) -> None:
    """Problems of formulas, errors, merged and hidden cells within the table."""
    width, last = len(table.header), table.first_row + len(table.rows) - 1

    def where(address: str) -> dict[str, Any] | None:
        try:
            row, column = position(address)
        except ValueError:
            return None
        if row + 1 < table.header_row or row + 1 > last or column >= width:
            return None
        return {"row": row + 1, "column": table.header[column], "cell": address}

    for address in scan.uncalculated:
        if place := where(address):
            problems.add("formula-without-value", table.name, **place, found="a formula",
                         expected="a calculated value",
                         remedy="Open the workbook, let it calculate, and save it.")  # fmt: skip
    for address in scan.zeros:
        if place := where(address):
            problems.add("formula-is-zero", table.name, **place, found="0 from a formula",
                         expected="a calculated value", is_warning=True,
                         remedy="It is read as 0; some programs store 0 before they calculate.")  # fmt: skip
    for address, text in scan.errors.items():
        if place := where(address):
            problems.add("error-value", table.name, **place, found=text, expected="a value",
                         remedy="Mend the formula, or empty the cell.")  # fmt: skip
    for area in scan.merged:
        if place := where(area.split(":")[0]):
            problems.add("merged-cells", table.name, **place, found=f"merged as {area}",
                         expected="one value a cell",
                         remedy="Unmerge, and write the value into each row.")  # fmt: skip
    hidden = [r for r in scan.hidden_rows if table.first_row <= r <= last]
    if hidden:
        problems.add("hidden-rows", table.name, row=hidden[0], is_warning=True,
                     found=f"{len(hidden)} hidden rows", expected="rows in sight",
                     remedy=("A filter is on: rows that it hides" if scan.is_filtered
                             else "Hidden rows") + " are read like all others.")  # fmt: skip


def _once(tables: list[RawTable], problems: Problems) -> list[RawTable]:
    kept: dict[str, RawTable] = {}
    for table in tables:
        if table.name in kept:
            problems.add("duplicate-table", table.sheet, found=table.sheet,
                         expected=f"one sheet {table.name}",
                         remedy=f'"{kept[table.name].sheet}" is the same table: join them.')  # fmt: skip
        else:
            kept[table.name] = table
    return list(kept.values())


def read_folder(path: Path, problems: Problems) -> tuple[list[RawTable], Grids]:
    """All CSV files of a folder; comma, semicolon or tab, UTF-8."""
    tables = []
    grids: Grids = {}
    for file in sorted(path.glob("*.csv")):
        if not is_read(file.stem):
            continue
        try:
            if file.stat().st_size > MAX_CSV_BYTES:
                problems.add("file-too-large", file.name, expected=f"at most {MAX_CSV_BYTES:,} bytes",
                             remedy="It is no table of a case.")  # fmt: skip
                continue
            text = file.read_text(encoding="utf-8-sig")
            grid, delimiter = _csv_grid(text)
        except (UnicodeDecodeError, OSError, csv.Error):
            problems.add("unreadable", file.name, expected="a UTF-8 text file",
                         remedy="Save it as CSV UTF-8.")  # fmt: skip
            continue
        grids[file.stem] = grid
        table = lay_out(file.stem, grid, problems, is_workbook=False)
        if delimiter == ";":
            _tell_ambiguous(table, problems)
        tables.append(table)
    return _once(tables, problems), grids


def _csv_grid(text: str) -> tuple[list[list[Any]], str]:
    first, _, rest = text.partition("\n")
    if match := re.fullmatch(r"sep=(.)\r?", first):
        delimiter, text = match[1], rest
    else:
        delimiter = max(",;\t", key=first.count)
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)), delimiter


def _tell_ambiguous(table: RawTable, problems: Problems) -> None:
    """1,250 in a file with semicolons may be 1250 or 1.25."""
    declared = BY_NAME.get(table.name)
    numbers = {c.name for c in declared.columns if c.kind != "text"} if declared else set()
    for k, row in enumerate(table.rows):
        for name, cell in zip(table.header, row, strict=False):
            if name in numbers and _GROUPS.fullmatch(to_text(cell)):
                problems.add("ambiguous-number", table.name, row=table.first_row + k, column=name,
                             found=to_text(cell), expected="a number without separators",
                             remedy="With semicolons between the columns the comma may be decimal.")  # fmt: skip
