"""Writes a case as a workbook or as a folder of CSV files, without loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from optimizer.reading.cells import is_blank, parse_number, to_text
from optimizer.reading.inputs import Inputs
from optimizer.reading.sheets import write_workbook
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
        rows = {name: _rows(frame) for name, frame in inputs.tables.items()}
        write_workbook(target, rows, inputs.profiles, title=f"Case {inputs.name}")
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


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    names = list(frame.columns)
    return [
        dict(zip(names, row, strict=True)) for row in frame.astype(object).itertuples(index=False)
    ]


def _texts(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Cells as text that reads back to the same value."""
    return pd.DataFrame(
        {c.name: [cell_text(v, c) for v in frame[c.name]] for c in table.columns}, dtype=object
    )


def cell_text(value: Any, column: Column) -> str:
    """A cell as text that reads back to the same value."""
    if is_blank(value):
        return ""
    if column.kind in ("number", "integer"):
        number = parse_number(float(value) if isinstance(value, float) else value)
        if number is None:
            return to_text(value)
        return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
    return to_text(value)


def _write_profiles(inputs: Inputs, folder: Path) -> None:
    if inputs.profiles:
        folder.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(inputs.profiles).to_parquet(folder / "profiles.parquet", index=False)
