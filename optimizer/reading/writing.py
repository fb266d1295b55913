"""Writes a case as a workbook or as a folder of CSV files, without loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter

from optimizer.reading.cells import is_blank
from optimizer.reading.inputs import Inputs
from optimizer.tables import TABLES, Column, Table


def write_inputs(inputs: Inputs, target: Path | str, *, profiles: bool = True) -> None:
    """Write all tables that have rows; profiles go to ``profiles/`` beside them.

    Parameters
    ----------
    target : an .xlsx path, or the folder for the CSV files
    profiles : write the hourly series too
    """
    target = Path(target)
    if target.suffix == ".xlsx":
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_workbook(inputs, target)
        if profiles:
            _write_profiles(inputs, target.parent / "profiles")
        return
    target.mkdir(parents=True, exist_ok=True)
    for table in TABLES:
        frame = inputs.tables[table.name]
        if len(frame):
            _texts(frame, table).to_csv(target / f"{table.name}.csv", index=False)
    if profiles:
        _write_profiles(inputs, target / "profiles")


def _texts(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Cells as text that reads back to the same value."""
    return pd.DataFrame(
        {c.name: [_text(v, c) for v in frame[c.name]] for c in table.columns}, dtype=object
    )


def _text(value: Any, column: Column) -> str:
    if is_blank(value):
        return ""
    if column.kind == "flag":
        return "yes" if value else "no"
    if column.kind == "date":
        return f"{value:%Y-%m-%d}"
    if column.kind in ("number", "integer"):
        return (
            str(int(value))
            if float(value).is_integer() and abs(value) < 1e15
            else repr(float(value))
        )
    return str(value)


def _write_profiles(inputs: Inputs, folder: Path) -> None:
    if inputs.profiles:
        folder.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(inputs.profiles).to_parquet(folder / "profiles.parquet", index=False)


def _write_workbook(inputs: Inputs, path: Path) -> None:
    options = {"strings_to_formulas": False, "strings_to_urls": False, "nan_inf_to_errors": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        head = book.add_format({"bold": True, "bg_color": "#D9E8F5", "border": 1})
        must = book.add_format({"bold": True, "bg_color": "#F9E0B7", "border": 1})
        date = book.add_format({"num_format": "yyyy-mm-dd"})
        for table in TABLES:
            frame = inputs.tables[table.name]
            if not len(frame):
                continue
            sheet = book.add_worksheet(table.name)
            sheet.freeze_panes(1, 1)
            for k, column in enumerate(table.columns):
                sheet.write_string(0, k, column.name, must if column.required else head)
                sheet.write_comment(0, k, _note(column), {"x_scale": 2})
                sheet.set_column(k, k, max(10, min(28, len(column.name) + 2)))
                if column.allowed:
                    sheet.data_validation(
                        1, k, 5000, k, {"validate": "list", "source": list(column.allowed)}
                    )
                for r, value in enumerate(frame[column.name]):
                    _write_cell(sheet, r + 1, k, value, column, date)


def _write_cell(sheet: Any, row: int, k: int, value: Any, column: Column, date: Any) -> None:
    if is_blank(value):
        return
    if column.kind == "date":
        sheet.write_datetime(row, k, value.to_pydatetime(), date)
    elif column.kind in ("number", "integer"):
        sheet.write_number(row, k, float(value))
    else:
        sheet.write_string(row, k, _text(value, column))


def _note(column: Column) -> str:
    parts = [column.meaning + "."]
    if column.unit:
        parts.append(f"Unit: {column.unit}.")
    if column.default is not None:
        parts.append(f"Blank: {column.default}.")
    if column.allowed:
        parts.append(f"One of: {', '.join(column.allowed)}.")
    return " ".join(parts)
