"""Looks through a workbook before it is opened: refuses what would exhaust the machine or run
code, and finds what a reader of values cannot see (formulas, errors, merged and hidden cells)."""

from __future__ import annotations

import copy
import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import defusedxml.ElementTree

from optimizer.errors import Problems

MAX_UNPACKED = 400_000_000
MAX_CELLS = 2_000_000
MAX_ELEMENTS = 10_000_000
MAX_AREA = 10_000_000
MAX_ROW, MAX_COLUMN = 200_000, 500
MOST_NAMED = 1_000
_REFERENCE = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_CHUNK = 1 << 20


@dataclass
class SheetScan:
    """What is in a sheet beside its values; cells by address such as F7, rows as shown.

    Parameters
    ----------
    name : name of the sheet
    is_hidden : the sheet is hidden
    is_filtered : a filter is set
    uncalculated : formulas without a stored value
    zeros : formulas whose stored value is 0
    errors : cells with an error such as #N/A, by address
    merged : merged ranges such as A2:B3
    hidden_rows : rows that are hidden, by hand or by a filter
    """

    name: str
    is_hidden: bool = False
    is_filtered: bool = False
    uncalculated: list[str] = field(default_factory=list)
    zeros: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    merged: list[str] = field(default_factory=list)
    hidden_rows: list[int] = field(default_factory=list)


class _RefusedError(Exception):
    """A reason not to open the workbook, as the arguments of a problem."""

    def __init__(self, code: str, table: str, found: str, expected: str, remedy: str,
                 cell: str = "") -> None:  # fmt: skip
        super().__init__(code)
        self.arguments: dict[str, Any] = {
            "code": code, "table": table, "found": found, "expected": expected, "remedy": remedy,
            "cell": cell,
        }  # fmt: skip


def is_read(sheet: str) -> bool:
    """Whether a sheet holds a table; ``start`` and names that begin with ``_`` do not."""
    return sheet.strip().lower() != "start" and not sheet.startswith("_")


def column_letters(index: int) -> str:
    """0 -> A, 26 -> AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def position(address: str) -> tuple[int, int]:
    """Row and column, 0-based, of an address: F7 -> (6, 5)."""
    match = _REFERENCE.fullmatch(address)
    if not match:
        raise ValueError(address)
    number = 0
    for letter in match[1]:
        number = number * 26 + ord(letter) - 64
    return int(match[2]) - 1, number - 1


def scan_workbook(path: Path, problems: Problems) -> list[SheetScan] | None:
    """What is in each sheet that is read, in the workbook's order; None if it is refused."""
    try:
        with path.open("rb") as stream:
            if stream.read(8) == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
                raise _RefusedError(
                    "not-a-workbook", path.name, "an encrypted or an old .xls workbook",
                    "an .xlsx workbook", "Save it as .xlsx, without a password.")  # fmt: skip
        with zipfile.ZipFile(path) as archive:
            _guard_archive(archive, path.name)
            return _scan_sheets(archive)
    except _RefusedError as refused:
        problems.add(**refused.arguments)
    except (zipfile.BadZipFile, OSError, KeyError, EOFError, NotImplementedError, RuntimeError):
        problems.add("not-a-workbook", path.name, expected="an .xlsx workbook",
                     remedy="Save it again as .xlsx.")  # fmt: skip
    except Exception as error:  # defusedxml and zlib raise several kinds for hostile files
        problems.add("hostile-file", path.name, found=type(error).__name__,
                     expected="plain spreadsheet XML", remedy="Save it again.")  # fmt: skip
    return None


def _too_many_cells(where: str) -> _RefusedError:
    return _RefusedError("too-many-cells", where, "", f"at most {MAX_CELLS:,} cells",
                         "Split the table, or delete cells far away from it.")  # fmt: skip


def _guard_archive(archive: zipfile.ZipFile, name: str) -> None:
    """Real unpacked size (what the archive states may be a lie), macros, entities, cells."""
    left, cells = MAX_UNPACKED, 0
    for entry in archive.infolist():
        lowered = entry.filename.lower()
        if "vbaproject" in lowered or "/macrosheets/" in lowered:
            raise _RefusedError("macro", name, "a macro", "a workbook without macros",
                                "Save it as .xlsx.")  # fmt: skip
        stated = copy.copy(entry)
        stated.file_size = left + 2 * _CHUNK  # read on to the real end, or past the limit
        tail = b""
        is_markup = lowered.endswith((".xml", ".rels"))
        with archive.open(stated) as stream:
            while chunk := stream.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise _RefusedError(
                        "file-too-large", name, f"more than {MAX_UNPACKED:,} bytes unpacked",
                        f"at most {MAX_UNPACKED:,}", "Remove sheets that are not tables.")  # fmt: skip
                if is_markup and b"<!ENTITY" in tail + chunk:
                    raise _RefusedError("hostile-file", name, "XML entities",
                                        "plain spreadsheet XML", "Save it again.")  # fmt: skip
                cells += chunk.count(b"<c>") + chunk.count(b"<c ") if is_markup else 0
                if cells > MAX_CELLS:  # counted as text first: parsing them takes a minute
                    raise _too_many_cells(name)
                tail = chunk[-16:]


def _scan_sheets(archive: zipfile.ZipFile) -> list[SheetScan]:
    scans = []
    area = 0
    for name, file, is_hidden in _sheets(archive):
        if is_read(name):
            scan = SheetScan(name, is_hidden)
            with archive.open(file) as stream:
                area += _scan_sheet(stream, scan)
            if area > MAX_AREA:
                raise _too_many_cells(name)
            scans.append(scan)
    return scans


def _sheets(archive: zipfile.ZipFile) -> Iterator[tuple[str, str, bool]]:
    """Name, file and whether it is hidden of each worksheet, in order."""
    relations = {}
    root = defusedxml.ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    for item in root:
        target = item.get("Target", "")
        full = target.lstrip("/") if target.startswith("/") else posixpath.join("xl", target)
        relations[item.get("Id")] = (posixpath.normpath(full), item.get("Type", ""))
    book = defusedxml.ElementTree.fromstring(archive.read("xl/workbook.xml"))
    for item in book.iter():
        if _tag(item) != "sheet":
            continue
        key = next((v for k, v in item.attrib.items() if k.endswith("}id")), "")
        file, kind = relations.get(key, ("", ""))
        if kind.endswith("/worksheet"):
            yield item.get("name", ""), file, item.get("state", "visible") != "visible"


def _tag(element: Any) -> str:
    return str(element.tag).rsplit("}", 1)[-1]


def _scan_sheet(stream: Any, scan: SheetScan) -> int:
    """Fill the scan; the area [cells] that the values span."""
    cells = elements = row = column = last_row = last_column = 0
    rows: Any = None
    parser = defusedxml.ElementTree.iterparse(stream, events=("start", "end"))
    for event, element in parser:
        tag = _tag(element)
        if event == "start":
            elements += 1
            if elements > MAX_ELEMENTS:
                raise _too_many_cells(scan.name)
            if tag == "sheetData":
                rows = element
            elif tag == "row":
                row = int(element.get("r", row + 1))
                column = 0
                if element.get("hidden") in ("1", "true") and len(scan.hidden_rows) < MOST_NAMED:
                    scan.hidden_rows.append(row)
            continue
        if tag == "c":
            cells += 1
            column += 1
            address = element.get("r") or f"{column_letters(column - 1)}{row}"
            at_row, at_column = position(address)
            column = at_column + 1
            if len(element):
                if at_row >= MAX_ROW or at_column >= MAX_COLUMN:
                    raise _RefusedError("far-cell", scan.name, address, "cells near the table",
                                        f"Delete the cell {address}.", address)  # fmt: skip
                last_row, last_column = max(last_row, at_row), max(last_column, at_column)
                _look_at(element, address, scan)
            if cells > MAX_CELLS:
                raise _too_many_cells(scan.name)
        elif tag == "row" and rows is not None:
            rows.clear()  # else every row stays in memory until the end
        elif tag == "mergeCell":
            if len(scan.merged) < MOST_NAMED:
                scan.merged.append(element.get("ref", ""))
            element.clear()
        elif tag == "filterColumn":
            scan.is_filtered = True
    return (last_row + 1) * (last_column + 1)


def _look_at(cell: Any, address: str, scan: SheetScan) -> None:
    formula = value = None
    for child in cell:
        tag = _tag(child)
        if tag == "f":
            formula = child
        elif tag == "v":
            value = child.text
    if cell.get("t") == "e" and value:
        if len(scan.errors) < MOST_NAMED:
            scan.errors[address] = value
    elif formula is not None:
        wanted = scan.uncalculated if not value else scan.zeros if value in ("0", "0.0") else None
        if wanted is not None and len(wanted) < MOST_NAMED:
            wanted.append(address)
