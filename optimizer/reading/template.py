"""The template: a workbook or a folder of CSV files to be filled in, with an example that runs."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pandas as pd

from optimizer.errors import InputError, MachineError, Problems, UsageError
from optimizer.reading.cells import is_blank, to_text
from optimizer.reading.inputs import Reading, read_case
from optimizer.reading.profiles import read_profiles
from optimizer.reading.sheets import Row, has_units, note, units_row, write_workbook
from optimizer.reading.writing import cell_text
from optimizer.tables import SETTINGS_KEYS, TABLES, Table

PROFILES = "profiles.parquet"
FOLDER_STEPS = (
    "Fill in the files from top to bottom of this list; blank cells take the default.",
    "Line 2 of a file holds the units: write another one there (kW, acres, ¢/kWh, Btu/kWh, %) and "
    "fill in the column in it.",
    "Remarks go into a column named note.",
    "A site is named in site_technologies, interconnections and interconnection_steps too, its "
    "jurisdiction in permits, its market in tariffs, its hub in fuels: replace these together.",
    "Hourly series (weather, prices, load) stand in the folder profiles: CSV or Parquet, one column "
    "a series with its name on top, 8,760 rows (29 February left out).",
    "Then: optimizer check DIR --mark marked.xlsx, and optimizer run DIR.",
)


def write_template(
    workbook: Path | None,
    folder: Path | None,
    *,
    case: Path | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write a template; what was written.

    Parameters
    ----------
    workbook : the .xlsx file to write, if any
    folder : the folder for CSV files, if any
    case : the case to fill in; None takes a small complete example
    overwrite : replace what is there

    Raises
    ------
    UsageError : nothing to write, or it exists
    InputError : the case cannot be read at all; one with problems in its cells can
    MachineError : the disk said no
    """
    if workbook is None and folder is None:
        raise UsageError("Name a workbook to write (FILE.xlsx), or a folder (--csv DIR).")
    if workbook is not None and workbook.suffix.lower() != ".xlsx":
        raise UsageError(f"{workbook} must end in .xlsx; for a folder use --csv.")
    reading = read_example() if case is None else read_case(case)
    if not reading.given:
        raise InputError(reading.problems, str(case))
    rows: dict[str, Sequence[Row]] = {**reading.given}
    rows["settings"] = _all_settings(reading.given.get("settings", []))
    _check_targets(workbook, folder, reading.series, overwrite=overwrite)
    written = []
    if workbook is not None:
        title = "An example: replace its rows" if case is None else f"Case {reading.name}"
        write_workbook(workbook, rows, reading.series, title=title)
        _write_profiles(workbook.parent / "profiles", reading.series)
        written.append(workbook)
    if folder is not None:
        _write_folder(folder, rows)
        _write_profiles(folder / "profiles", reading.series)
        written.append(folder)
    return written


def read_example() -> Reading:
    """The example of the package: three sites, four periods, four technologies."""
    with as_file(files("optimizer") / "reading" / "example") as folder:
        return read_case(folder)


def _all_settings(rows: Sequence[Row]) -> list[Row]:
    """The given settings, and blank ones for all other keys, each with its meaning."""
    given = {to_text(r.get("key", "")): r for r in rows}
    known = [
        {**given.get(c.name, {}), "key": c.name,
         "note": given.get(c.name, {}).get("note") or note(c).replace("\n", " ")}
        for c in SETTINGS_KEYS
    ]  # fmt: skip
    names = {c.name for c in SETTINGS_KEYS}
    return [*known, *(r for k, r in given.items() if k not in names)]


def _check_targets(
    workbook: Path | None,
    folder: Path | None,
    series: Mapping[str, np.ndarray],
    *,
    overwrite: bool,
) -> None:
    """Refuse to replace a filled workbook; never replace or mix with other series."""
    if workbook is not None and workbook.exists() and not overwrite:
        raise UsageError(f"{workbook} exists. Add --overwrite to replace it.")
    if folder is not None and folder.exists() and not overwrite and (
        not folder.is_dir() or any(folder.iterdir())
    ):  # fmt: skip
        raise UsageError(f"{folder} exists and is not empty. Add --overwrite to replace it.")
    for place in (workbook.parent if workbook else None, folder):
        beside = place / "profiles" if place else None
        if beside and beside.is_dir() and any(beside.iterdir()) and not _same(beside, series):
            raise UsageError(f"{beside} holds other series. Write into a folder of its own.")


def _same(folder: Path, series: Mapping[str, np.ndarray]) -> bool:
    found = read_profiles(folder, 2012, Problems())
    return all(n in found and np.array_equal(found[n], values) for n, values in series.items())


def _write_profiles(folder: Path, series: Mapping[str, np.ndarray]) -> None:
    if not series or (folder.is_dir() and _same(folder, series)):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(dict(series)).to_parquet(folder / PROFILES, index=False)
    except OSError as error:
        raise MachineError(f"{folder} cannot be written ({error.strerror}).") from error


def _write_folder(folder: Path, rows: Mapping[str, Sequence[Row]]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".draft-") as draft:
            for table in TABLES:
                _write_csv(Path(draft) / f"{table.name}.csv", table, rows.get(table.name, ()))
            (Path(draft) / "start.md").write_text(_start_page(), encoding="utf-8")
            for file in Path(draft).iterdir():
                file.replace(folder / file.name)
    except OSError as error:
        raise MachineError(f"{folder} cannot be written ({error.strerror}).") from error


def _write_csv(file: Path, table: Table, rows: Sequence[Row]) -> None:
    extra = ["note"] if "note" not in table.column_names and any("note" in r for r in rows) else []
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*table.column_names, *extra])
        if has_units(table):
            writer.writerow(units_row(table))
        for row in rows:
            cells = [cell_text(row.get(c.name), c) for c in table.columns]
            writer.writerow([*cells, *("" if is_blank(row.get(n)) else row[n] for n in extra)])


def _start_page() -> str:
    """The start page of a folder, as text."""
    lines = ["# How to fill in this case", ""]
    lines += [f"{k}. {step}" for k, step in enumerate(FOLDER_STEPS, start=1)]
    lines += ["", "| file | needed for | holds | one row is |", "|---|---|---|---|"]
    lines += [f"| {t.name}.csv | {t.needed_for} | {t.meaning} | {t.row_is} |" for t in TABLES]
    for table in TABLES:
        lines += ["", f"## {table.name}.csv", ""]
        lines += [f"- `{c.name}`: {note(c).replace(chr(10), ' ')}" for c in table.columns]
    return "\n".join([*lines, ""])
