"""Workbooks for tests, written cell by cell so that anything can be wrong with them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter

from optimizer.errors import Problem, Problems
from optimizer.reading.inputs import Inputs, read_inputs
from tests.support import Rows, base

Change = Callable[[xlsxwriter.Workbook, dict[str, Any]], None]


def write_book(path: Path, rows: Rows, change: Change | None = None, **options: Any) -> Path:
    """A workbook of the rows; ``change`` gets the book and its sheets by name."""
    with xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, **options}) as book:
        sheets = {}
        for name, table in rows.items():
            sheet = sheets[name] = book.add_worksheet(name)
            frame = pd.DataFrame(table)
            sheet.write_row(0, 0, list(frame.columns))
            for r, row in enumerate(frame.itertuples(index=False), start=1):
                for c, value in enumerate(row):
                    if not pd.isna(value):
                        sheet.write(r, c, value)
        if change:
            change(book, sheets)
    return path


def read_book(
    folder: Path, change: Change | None = None, rows: Rows | None = None, **options: Any
) -> tuple[Inputs | None, Problems]:
    """Read the base case as a workbook, after a change."""
    return read_inputs(write_book(folder / "case.xlsx", rows or base(), change, **options))


def only(problems: Problems) -> Problem:
    """The one problem there is."""
    assert len(problems) == 1, problems.report()
    return problems.items[0]


def edit_entry(path: Path, name: str, edit: Callable[[bytes], bytes]) -> Path:
    """Change one file inside a workbook."""
    with zipfile.ZipFile(path) as archive:
        entries = {e.filename: archive.read(e) for e in archive.infolist()}
    entries[name] = edit(entries[name])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in entries.items():
            archive.writestr(entry, content)
    return path
