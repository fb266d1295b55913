"""A comparison as text, as a workbook, and as one self-contained page."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import xlsxwriter
from jinja2 import Environment, PackageLoader, StrictUndefined
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook

from optimizer.errors import UsageError
from optimizer.results.difference import Comparison, Part, Row
from optimizer.results.why import shown

MOST_LINES = 15
"""Rows of one table on the terminal."""
WIDEST = 60
FORMATS = {"USD": "#,##0;[Red]-#,##0", "share": "0.00%", "MW": "#,##0.0", "MWh": "#,##0.0"}


def change(row: Row, at: int) -> float | None:
    """What a figure of a result is above the first's; one that is missing counts as 0."""
    if row.unit in ("date", "text", "") or all(v is None for v in row.values):
        return None
    pair = [v if isinstance(v, float) else 0.0 for v in (row.values[0], row.values[at])]
    return pair[1] - pair[0]


def as_text(comparison: Comparison) -> str:
    """For the terminal: why first, then each table, the longest cut."""
    lines = [f"{letter}  {folder}"
             for letter, folder in zip(comparison.letters, comparison.folders, strict=True)]  # fmt: skip
    lines += ["", *comparison.why]
    for part in comparison.parts:
        rows = part.shown
        lines += ["", part.title if rows else f"{part.title}: no difference"]
        if rows:
            lines += _columns(part, rows[:MOST_LINES], comparison.letters)
        if len(rows) > MOST_LINES:
            lines.append(f"  and {len(rows) - MOST_LINES} more rows: --out FILE.xlsx holds all")
    return "\n".join(lines)


def _columns(part: Part, rows: list[Row], letters: list[str]) -> list[str]:
    table = [["", *letters], *([": ".join(row.keys), *(shown(v, row.unit) for v in row.values)]
                               for row in rows)]  # fmt: skip
    widths = [min(WIDEST, max(len(line[k]) for line in table)) for k in range(len(letters) + 1)]
    return [
        "  " + "  ".join([line[0].ljust(widths[0]),
                          *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]).rstrip()
        for line in table
    ]  # fmt: skip


def check_targets(book: Path | None, page: Path | None) -> None:
    """Refuse targets that cannot be written, before the results are read.

    Raises
    ------
    UsageError : a target has another ending than .xlsx or .html, or its folder is not there
    """
    for target, ending, option in ((book, ".xlsx", "--out"), (page, ".html", "--html")):
        if target is None:
            continue
        if target.suffix.lower() != ending:
            raise UsageError(f"{option} {target}: expected a file that ends in {ending}.")
        if not target.parent.is_dir() or target.is_dir():
            raise UsageError(f"{option} {target}: {target.parent} is no folder to write in.")


def write_workbook(comparison: Comparison, path: Path) -> None:
    """One sheet a table: keys, unit, a column a result, and the change from the first."""
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
               "nan_inf_to_errors": False}  # fmt: skip
    with xlsxwriter.Workbook(str(path), options) as book:
        formats = {unit: book.add_format({"num_format": code}) for unit, code in FORMATS.items()}
        formats |= {"head": book.add_format({"bold": True, "bottom": 1}),
                    "wrap": book.add_format({"text_wrap": True, "valign": "top"}),
                    "number": book.add_format({"num_format": "#,##0.00##"}),
                    "date": book.add_format({"num_format": "yyyy-mm-dd"}),
                    "differs": book.add_format({"bg_color": "#FFF2CC"})}  # fmt: skip
        _why_sheet(book, comparison, formats)
        for part in comparison.parts:
            _part_sheet(book, part, comparison.letters, formats)


def _why_sheet(book: Workbook, comparison: Comparison, formats: dict[str, Format]) -> None:
    sheet = book.add_worksheet("why")
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 4)
    sheet.set_column(1, 1, 120)
    sheet.write_row(0, 0, ["", "Result"], formats["head"])
    at = 1
    for letter, folder in zip(comparison.letters, comparison.folders, strict=True):
        sheet.write_row(at, 0, [letter, folder])
        at += 1
    sheet.write_row(at + 1, 0, ["", "Why they differ"], formats["head"])
    for sentence in comparison.why:
        sheet.write_string(at + 2, 1, sentence, formats["wrap"])
        at += 1


def _part_sheet(book: Workbook, part: Part, letters: list[str], formats: dict[str, Format]) -> None:
    sheet = book.add_worksheet(part.name[:31])
    heads = [*part.heads, "unit", *letters, *(f"{letter} − {letters[0]}" for letter in letters[1:])]
    sheet.write_row(0, 0, heads, formats["head"])
    first = len(part.heads) + 1
    for line, row in enumerate(part.rows, start=1):
        for place, key in enumerate([*row.keys, row.unit]):
            sheet.write_string(line, place, key)
        for place, value in enumerate(row.values):
            _write(sheet, line, first + place, value, row.unit, formats)
        for place in range(1, len(letters)):
            more = change(row, place)
            if more is not None:
                _write(sheet, line, first + len(letters) + place - 1, more, row.unit, formats)
        if row.differs:
            sheet.conditional_format(line, first, line, first + len(letters) - 1,
                                     {"type": "no_errors", "format": formats["differs"]})  # fmt: skip
    sheet.freeze_panes(1, len(part.heads))
    sheet.autofilter(0, 0, max(1, len(part.rows)), len(heads) - 1)
    sheet.set_column(0, len(part.heads) - 1, 24)
    sheet.set_column(len(part.heads), len(heads) - 1, 17)


def _write(
    sheet: xlsxwriter.worksheet.Worksheet, line: int, place: int, value: float | str | None,
    unit: str, formats: dict[str, Format],
) -> None:  # fmt: skip
    if value is None:
        return
    if isinstance(value, float):
        sheet.write_number(line, place, value, formats.get(unit, formats["number"]))
    elif unit == "date" and value[:1].isdigit():
        day = pd.Timestamp(value).to_pydatetime()
        sheet.write_datetime(line, place, day, formats["date"])
    else:
        sheet.write_string(line, place, value)


def write_page(comparison: Comparison, path: Path) -> None:
    """One page that needs nothing else; what is the same is folded away."""
    environment = Environment(
        loader=PackageLoader("optimizer.results.report"), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    letters = comparison.letters
    parts = []
    for part in comparison.parts:
        lines = [(row.differs or part.whole, list(row.keys), [shown(v, row.unit) for v in row.values],
                  [_change_words(row, k) for k in range(1, len(letters))])
                 for row in part.rows]  # fmt: skip
        parts.append({
            "name": part.name, "title": part.title, "heads": part.heads,
            "differing": [line for line in lines if line[0]],
            "same": [line for line in lines if not line[0]],
        })  # fmt: skip
    path.write_text(
        environment.get_template("compare.html.j2").render(
            letters=letters, folders=comparison.folders, why=comparison.why, parts=parts,
        ), encoding="utf-8",
    )  # fmt: skip


def _change_words(row: Row, at: int) -> str:
    more = change(row, at)
    if more is None or not row.differs:
        return ""
    sign = "+" if more > 0 else "\N{MINUS SIGN}" if more < 0 else ""
    return sign + shown(abs(more), row.unit)
