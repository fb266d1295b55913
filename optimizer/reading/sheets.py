"""Writes tables as a workbook to be filled in: notes, drop-downs, formats and marks, all from the
declared columns."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xlsxwriter
import xlsxwriter.exceptions

from optimizer.errors import MachineError
from optimizer.reading import catalog
from optimizer.reading.cells import bounds, is_blank, parse_date, parse_number, to_text
from optimizer.reading.guard import column_letters
from optimizer.tables import BY_NAME, SETTINGS_KEYS, TABLES, Column, Table

ROWS = 5_000
"""Rows that are prepared with drop-downs and marks."""
LISTS = "_lists"
OPTIONS = {
    "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
    "nan_inf_to_errors": False,
}  # fmt: skip
MAX_LIST_CHARACTERS = 255
UNITS = "units"
ALLOWED_WHILE_PROTECTED = dict.fromkeys(
    ("format_cells", "format_columns", "format_rows", "insert_rows", "delete_rows", "sort",
     "autofilter", "insert_hyperlinks"), True
)  # fmt: skip
STEPS = (
    "Fill in the sheets from top to bottom; orange headings are required, blank cells take the default.",
    "Notes on the headings say what each column means, its unit, default and allowed values.",
    "Row 2 of a sheet holds the units: write another one there (kW, acres, ¢/kWh, Btu/kWh, %) and "
    "fill in the column in it.",
    "A cell in red is required and still blank. Drop-downs offer the rows of other sheets.",
    "Remarks go into a column named note, or into sheets whose names begin with _.",
    "A site is named in site_technologies, interconnections and interconnection_steps too, its "
    "jurisdiction in permits, its market in tariffs, its hub in fuels: replace these together.",
    "Hourly series (weather, prices, load) stand in the folder profiles beside this file: CSV or "
    "Parquet, one column a series with its name on top, 8,760 rows (29 February left out).",
    "Then: optimizer check FILE.xlsx --mark marked.xlsx, and optimizer run FILE.xlsx.",
)
Row = Mapping[str, Any]


def first_row(table: Table) -> int:
    """0-based sheet row of the first data row: below the header and the units row, if any."""
    return 2 if has_units(table) else 1


def has_units(table: Table) -> bool:
    """Whether a table has numbers, and so a units row."""
    return any(is_number(c) for c in table.columns)


def is_number(column: Column) -> bool:
    """Whether the column holds numbers."""
    return column.kind in ("number", "integer")


def units_row(table: Table) -> list[str]:
    """Its mark in the first column, the declared units below the headings of numbers."""
    return [UNITS, *(c.unit if is_number(c) else "" for c in table.columns[1:])]


def note(column: Column) -> str:
    """What the note on a heading says."""
    parts = [column.meaning.rstrip(".") + "."]
    if column.required and column.default is None:
        parts.append("Required.")
    if column.required_for:
        parts.append(f"Required for {', '.join(column.required_for)}.")
    if is_number(column):
        parts.append(f"Unit: {column.unit}." if column.unit else "No unit.")
        if column.minimum is not None or column.maximum is not None:
            parts.append(f"Number {bounds(column)}.")
    if column.kind == "date":
        parts.append("A date: the first of a month.")
    if column.default not in (None, ""):
        parts.append(f"Blank: {_default(column)}.")
    if column.allowed:
        parts.append(f"One of: {', '.join(column.allowed)}.")
    if column.references:
        table, name = column.references.split(".")
        parts.append(f"A {name} of the sheet {table}{', or *' if column.wildcard else ''}.")
    if column.from_catalog:
        parts.append(f"One of: {', '.join(catalog.entries())}.")
    if column.profile:
        parts.append("The name of a series in the folder profiles.")
    if column.example:
        parts.append(f"Example: {column.example}.")
    return "\n".join(parts)


def _default(column: Column) -> str:
    if isinstance(column.default, bool):
        return "yes" if column.default else "no"
    return f"{column.default:g}" if isinstance(column.default, float) else str(column.default)


def number_format(column: Column) -> str:
    """How a column's cells are shown."""
    if column.kind == "date":
        return "yyyy-mm-dd"
    if column.kind == "integer":
        return "0"
    if column.kind != "number":
        return "@" if column.kind == "text" else "General"
    if column.unit.startswith("USD"):
        return "#,##0.00" if column.unit.endswith(("MWh", "MMBtu")) else "#,##0"
    return "#,##0" if column.unit.startswith(("MW", "m3/year", "short tons")) else "General"


@contextmanager
def new_workbook(path: Path) -> Iterator[Any]:
    """A workbook written beside its target, then put in its place; MachineError if it cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}-") as beside:
            draft = Path(beside) / path.name
            with xlsxwriter.Workbook(str(draft), OPTIONS) as book:
                yield book
            os.replace(draft, path)
    except (OSError, xlsxwriter.exceptions.XlsxFileError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MachineError(
            f"{path} cannot be written ({reason}). Close it elsewhere, or choose another path."
        ) from error


def write_workbook(
    path: Path, rows: Mapping[str, Sequence[Row]], profiles: Iterable[str], *, title: str
) -> None:
    """Write a workbook with all tables.

    Parameters
    ----------
    rows : filled cells of each table by column name, in declared units
    profiles : names of series for the drop-downs
    title : heading of the start page
    """
    with new_workbook(path) as book:
        writer = _Writer(book, sorted(profiles))
        start = book.add_worksheet("start")
        for table in TABLES:
            writer.table(table, rows.get(table.name, ()))
        writer.start(start, rows, title)
        writer.lists()


class _Writer:
    """A workbook in the making, with its formats."""

    def __init__(self, book: Any, profiles: list[str]) -> None:
        self.book, self.profiles = book, profiles
        head = {"bold": True, "border": 1, "valign": "top", "text_wrap": True}
        self.head = book.add_format({**head, "bg_color": "#D9E8F5"})
        self.must = book.add_format({**head, "bg_color": "#F9E0B7"})
        self.unit = book.add_format(
            {"italic": True, "font_color": "#555555", "bg_color": "#F2F2F2", "locked": False}
        )
        self.missing = book.add_format({"bg_color": "#F4B6B6"})
        self.free = book.add_format({"locked": False})
        self.shapes: dict[str, Any] = {}

    def shape(self, code: str) -> Any:
        """The unlocked cell format with this number format."""
        if code not in self.shapes:
            self.shapes[code] = self.book.add_format({"num_format": code, "locked": False})
        return self.shapes[code]

    def table(self, table: Table, rows: Sequence[Row]) -> None:
        """One sheet."""
        sheet = self.book.add_worksheet(table.name)
        first = first_row(table)
        last = max(ROWS, first + len(rows)) - 1
        extra = sorted({n for r in rows for n in r if n == "note"} - set(table.column_names))
        sheet.freeze_panes(first, len(table.key) if len(table.columns) > 6 else 0)
        sheet.set_row(0, 30)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0, first - 1)
        sheet.set_tab_color("#E8A33D" if table.required else "#7BA7CC")
        for k, column in enumerate(table.columns):
            must = (column.required and column.default is None) or bool(column.required_for)
            sheet.set_column(k, k, max(11, min(24, len(column.name) + 2)),
                             self.shape(number_format(column)))  # fmt: skip
            sheet.write_string(0, k, column.name, self.must if must else self.head)
            text = note(column)
            sheet.write_comment(0, k, text, {"x_scale": 2.2, "y_scale": 1 + text.count("\n") / 4})
            if first == 2:
                sheet.write_string(1, k, units_row(table)[k], self.unit)
            self._drop_down(sheet, table, k, first, last)
            if must:
                self._mark_missing(sheet, table, k, first, last)
        for k, name in enumerate(extra, start=len(table.columns)):
            sheet.write_string(0, k, name, self.head)
        self._unlock_beside(sheet, len(table.columns) + len(extra))
        for r, row in enumerate(rows, start=first):
            for k, column in enumerate(table.columns):
                write_cell(sheet, r, k, row.get(column.name), column,
                           self.shape(number_format(column)))  # fmt: skip
            for k, name in enumerate(extra, start=len(table.columns)):
                if not is_blank(row.get(name)):
                    sheet.write_string(r, k, to_text(row[name]), self.free)
        if table.name == "settings":
            self._settings(sheet, rows, first)
        sheet.protect("", ALLOWED_WHILE_PROTECTED)

    def _unlock_beside(self, sheet: Any, first: int) -> None:
        """Unlock all further columns: Excel deletes no row that has a locked cell."""
        widest = sheet.dim_colmax
        sheet.set_column(first, 16_383, None, self.free)
        sheet.dim_colmax = widest  # else the writer walks through 16,384 columns of every row

    def _settings(self, sheet: Any, rows: Sequence[Row], first: int) -> None:
        """Values of the keys: formats, allowed values and notes of their own."""
        keys = {c.name: c for c in SETTINGS_KEYS}
        value = BY_NAME["settings"].column_names.index("value")
        for r, row in enumerate(rows, start=first):
            column = keys.get(to_text(row.get("key", "")))
            if column is None:
                continue
            sheet.write_comment(r, 0, note(column), {"x_scale": 2.2})
            shape = self.shape(number_format(column))
            write_cell(sheet, r, value, row.get("value"), column, shape)
            if is_blank(row.get("value")):
                sheet.write_blank(r, value, None, shape)
            if column.allowed:
                sheet.data_validation(r, value, r, value,
                                      {"validate": "list", "source": list(column.allowed)})  # fmt: skip
            if column.required:
                sheet.conditional_format(r, value, r, value,
                                         {"type": "blanks", "format": self.missing})  # fmt: skip

    def _drop_down(self, sheet: Any, table: Table, k: int, first: int, last: int) -> None:
        rule = self._rule(table, k, first)
        if rule:
            sheet.data_validation(first, k, last, k, {"ignore_blank": True, **rule})

    def _rule(self, table: Table, k: int, first: int) -> dict[str, Any]:
        """Data validation of a column; one that only informs where other values are right too."""
        column = table.columns[k]
        informs = {"error_type": "information", "error_title": "Not in the list",
                   "error_message": "This name is not in the list (yet)."}  # fmt: skip
        if column.kind == "flag":
            return {"validate": "list", "source": ["yes", "no"]}
        if column.allowed and len(",".join(column.allowed)) <= MAX_LIST_CHARACTERS:
            return {"validate": "list", "source": list(column.allowed)}
        if column.references:
            other, name = column.references.split(".")
            at = BY_NAME[other].column_names.index(name)
            return {"validate": "list", "source": _filled(other, at, first_row(BY_NAME[other])),
                    **informs}  # fmt: skip
        if column.from_catalog:
            return {"validate": "list", "source": _filled(LISTS, 0, 0)}
        if column.profile and self.profiles:
            return {"validate": "list", "source": _filled(LISTS, 1, 0), **informs}
        cell = f"{column_letters(k)}{first + 1}"
        if column.kind == "date":
            return {"validate": "custom", "value": f"=AND(ISNUMBER({cell}),DAY({cell})=1)",
                    "error_title": column.name[:32],
                    "error_message": "Expected a date, the first of a month."}  # fmt: skip
        if is_number(column):
            tests = [f"ISNUMBER({cell})"]
            tests += [f"{cell}>={column.minimum:g}"] if column.minimum is not None else []
            tests += [f"{cell}<={column.maximum:g}"] if column.maximum is not None else []
            tests += [f"{cell}=INT({cell})"] if column.kind == "integer" else []
            unit = f"{column_letters(k)}$2"
            words = "a whole number" if column.kind == "integer" else "a number"
            return {"validate": "custom",
                    "value": f'=IF(OR({unit}="",{unit}="{column.unit}"),AND({",".join(tests)}),'
                             f"ISNUMBER({cell}))",
                    "error_title": column.name[:32],
                    "error_message": f"Expected {words} {bounds(column)} {column.unit}".strip() + "."}  # fmt: skip
        return {}

    def _mark_missing(self, sheet: Any, table: Table, k: int, first: int, last: int) -> None:
        """Red while the row has other cells and this required one is blank."""
        column = table.columns[k]
        row = first + 1
        cell = f"{column_letters(k)}{row}"
        tests = [
            f"COUNTA($A{row}:${column_letters(len(table.columns) - 1)}{row})>0", f"ISBLANK({cell})"
        ]  # fmt: skip
        names = table.column_names
        if column.required_for:
            at = column_letters(names.index("class"))
            cases = [f'${at}{row}="{value}"' for value in column.required_for]
            tests.append(f"OR({','.join(cases)})")
        for j, other in enumerate(table.columns):
            if other.from_catalog and column.name in next(iter(catalog.entries().values())):
                tests.append(f"ISBLANK(${column_letters(j)}{row})" if k else "TRUE")
        sheet.conditional_format(
            first, k, last, k,
            {"type": "formula", "criteria": f"=AND({','.join(tests)})", "format": self.missing},
        )  # fmt: skip

    def start(self, sheet: Any, rows: Mapping[str, Sequence[Row]], title: str) -> None:
        """What is needed for what, how it is filled in, and how many rows each sheet has."""
        wrap = self.book.add_format({"text_wrap": True, "valign": "top"})
        link = self.book.add_format({"font_color": "#1F5FA8", "underline": 1, "valign": "top"})
        big = self.book.add_format({"bold": True, "font_size": 16})
        sheet.hide_gridlines(2)
        for k, width in enumerate((24, 8, 62, 72, 64)):
            sheet.set_column(k, k, width)
        sheet.write_string(0, 0, title, big)
        for r, step in enumerate(STEPS, start=2):
            sheet.write_string(r, 0, f"{r - 1}. {step}")
        top = len(STEPS) + 3
        for k, name in enumerate(("sheet", "rows", "needed for", "holds", "one row is")):
            sheet.write_string(top, k, name, self.head)
        for r, table in enumerate(TABLES, start=top + 1):
            first = first_row(table) + 1
            count = sum(
                any(not is_blank(v) for v in row.values()) for row in rows.get(table.name, ())
            )
            sheet.write_url(r, 0, f"internal:'{table.name}'!A1", link, table.name)
            sheet.write_formula(
                r, 1, f"=COUNTA('{table.name}'!$A${first}:$A${ROWS})", wrap, count
            )  # fmt: skip
            sheet.write_string(r, 2, table.needed_for, wrap)
            sheet.write_string(r, 3, table.meaning, wrap)
            sheet.write_string(r, 4, table.row_is, wrap)
            if table.required:
                sheet.conditional_format(r, 1, r, 1, {"type": "cell", "criteria": "==", "value": 0,
                                                      "format": self.missing})  # fmt: skip
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.activate()

    def lists(self) -> None:
        """The hidden sheet that the drop-downs draw on."""
        sheet = self.book.add_worksheet(LISTS)
        sheet.write_column(0, 0, list(catalog.entries()))
        sheet.write_column(0, 1, self.profiles)
        sheet.hide()


def _filled(sheet: str, column: int, first: int) -> str:
    """Reference to the filled cells of a column, however many they are."""
    at = column_letters(column)
    cells = f"'{sheet}'!${at}${first + 1}:${at}${ROWS}"
    return f"=OFFSET('{sheet}'!${at}${first + 1},0,0,MAX(1,COUNTA({cells})),1)"


def write_cell(sheet: Any, row: int, k: int, value: Any, column: Column, shape: Any) -> None:
    """One cell by its column's kind; a text that cannot be read stays a text."""
    if is_blank(value):
        return
    if column.kind == "date":
        date = parse_date(value)
        if date is not None and date.year >= 1900:
            sheet.write_datetime(row, k, date.to_pydatetime(), shape)
            return
    elif is_number(column):
        number = parse_number(float(value) if isinstance(value, float) else value)
        if number is not None:
            sheet.write_number(row, k, number, shape)
            return
    elif (
        column.kind == "any" and isinstance(value, (int, float)) and parse_number(value) is not None
    ):
        sheet.write_number(row, k, value, shape)
        return
    sheet.write_string(row, k, to_text(value), shape)
