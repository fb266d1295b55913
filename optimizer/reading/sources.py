"""Raw cells of a workbook or of a folder of CSV files, and guards against hostile files."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import defusedxml.ElementTree
import python_calamine

from optimizer.errors import Problems

MAX_UNPACKED = 400_000_000
MAX_CELLS = 5_000_000
MAX_ROW, MAX_COLUMN = 200_000, 500
_REFERENCE = re.compile(r"([A-Z]{1,3})(\d+)")


@dataclass(frozen=True)
class RawTable:
    """Header and rows as found; ``first_row`` is the sheet row of the first data row."""

    name: str
    header: list[str]
    rows: list[list[Any]]
    first_row: int
    is_workbook: bool

    def address(self, column: int, row: int) -> str:
        """Cell address such as F7; empty for CSV."""
        return f"{column_letters(column)}{row}" if self.is_workbook else ""


def column_letters(index: int) -> str:
    """0 -> A, 26 -> AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def guard_workbook(path: Path, problems: Problems) -> bool:
    """Refuse what would exhaust the machine or run code, before the workbook is opened."""
    before = len(problems)

    def refuse(code: str, found: str, expected: str, remedy: str) -> None:
        problems.add(code, path.name, found=found, expected=expected, remedy=remedy)

    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if sum(e.file_size for e in entries) > MAX_UNPACKED:
                refuse("file-too-large", "", f"at most {MAX_UNPACKED:,} bytes unpacked",
                       "Remove sheets that are not tables.")  # fmt: skip
                return False
            if any("vbaproject" in e.filename.lower() for e in entries):
                refuse("macro", "a macro", "a workbook without macros", "Save it as .xlsx.")
                return False
            for entry in entries:
                if re.fullmatch(r"xl/worksheets/[^/]+\.xml", entry.filename):
                    with archive.open(entry) as stream:
                        _guard_sheet(stream, refuse)
    except (zipfile.BadZipFile, OSError, KeyError):
        refuse("not-a-workbook", "", "an .xlsx workbook", "Save it again as .xlsx.")
    except Exception as error:  # defusedxml raises several kinds for hostile XML
        refuse("hostile-file", type(error).__name__, "plain spreadsheet XML", "Save it again.")
    return len(problems) == before


def _guard_sheet(stream: Any, refuse: Any) -> None:
    cells = 0
    uncalculated = ""
    formula = False
    for _, element in defusedxml.ElementTree.iterparse(stream, events=("end",)):
        tag = element.tag.rsplit("}", 1)[-1]
        if tag == "f":
            formula = True
        elif tag == "c":
            cells += 1
            reference = _REFERENCE.fullmatch(element.get("r", ""))
            if reference and (
                int(reference[2]) > MAX_ROW or _column_number(reference[1]) > MAX_COLUMN
            ):
                refuse("far-cell", element.get("r"), "cells near the table",
                       f"Delete the cell {element.get('r')}.")  # fmt: skip
                return
            if formula and not any(child.tag.endswith("}v") and child.text for child in element):
                uncalculated = uncalculated or element.get("r", "")
            formula = False
            if cells > MAX_CELLS:
                refuse("too-many-cells", "", f"at most {MAX_CELLS:,} cells", "Split the sheet.")
                return
        if tag in ("row", "c"):
            element.clear()
    if uncalculated:
        refuse("formula-without-value", f"the formula in {uncalculated}", "a calculated value",
               "Open the workbook, let it calculate, and save it.")  # fmt: skip


def read_workbook(path: Path, problems: Problems) -> list[RawTable]:
    """All sheets of a workbook; a sheet named ``start`` or beginning with ``_`` is skipped."""
    if not guard_workbook(path, problems):
        return []
    tables = []
    with python_calamine.CalamineWorkbook.from_path(str(path)) as book:
        for name in book.sheet_names:
            if name == "start" or name.startswith("_"):
                continue
            grid = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
            tables.append(_table(name, grid, is_workbook=True))
    return tables


def read_folder(path: Path, problems: Problems) -> list[RawTable]:
    """All CSV files of a folder; comma or semicolon, UTF-8."""
    tables = []
    for file in sorted(path.glob("*.csv")):
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (UnicodeDecodeError, OSError):
            problems.add("unreadable", file.name, expected="a UTF-8 text file",
                         remedy="Save it as CSV UTF-8.")  # fmt: skip
            continue
        first = text.split("\n", 1)[0]
        delimiter = ";" if first.count(";") > first.count(",") else ","
        grid: list[list[Any]] = list(csv.reader(io.StringIO(text), delimiter=delimiter))
        tables.append(_table(file.stem, grid, is_workbook=False))
    return tables


def _table(name: str, grid: list[list[Any]], *, is_workbook: bool) -> RawTable:
    header = [str(cell).strip() for cell in grid[0]] if grid else []
    while header and not header[-1]:
        header.pop()
    return RawTable(name, header, [list(row) for row in grid[1:]], 2, is_workbook)
