"""What an analyst's workbook can hold: read rightly, or refused with the cell."""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path
from typing import Any

import pytest

from optimizer.reading import guard
from optimizer.reading.inputs import read_inputs
from tests.reading.books import edit_entry, only, read_book, write_book
from tests.support import base

Sheets = dict[str, Any]
LAND, MAX_IT, PUE, LONGITUDE = 5, 6, 7, 1  # columns of the sheet sites in tests.support.base


def test_text_numbers_are_read_or_refused(tmp_path: Path) -> None:
    inputs, problems = read_book(tmp_path, lambda b, s: s["sites"].write_string(1, MAX_IT, "1,250"))
    assert inputs is not None, problems.report()
    assert inputs.tables["sites"]["max_it_mw"].iloc[0] == 1250
    found = only(read_book(tmp_path, lambda b, s: s["sites"].write_string(1, LAND, "12,5OO"))[1])
    assert (found.code, found.table, found.cell) == ("not-a-number", "sites", "F2")
    assert "letter O" in found.remedy


@pytest.mark.parametrize(
    ("text", "remedy"),
    [("12,5", "decimal point"), ("62 %", "write 0.62"), ("350 MW", "units row"),
     ("NA", "number is needed"), ("1.250,5", "decimal point"), ("O", "letter O")],
)  # fmt: skip
def test_hints_for_texts_in_number_cells(tmp_path: Path, text: str, remedy: str) -> None:
    found = only(read_book(tmp_path, lambda b, s: s["sites"].write_string(1, LAND, text))[1])
    assert (found.code, found.cell) == ("not-a-number", "F2")
    assert remedy in found.remedy


def test_percentage_as_62(tmp_path: Path) -> None:
    rows = base()
    rows["workloads"][0]["load_factor"] = 62
    found = only(read_book(tmp_path, rows=rows)[1])
    assert (found.code, found.cell) == ("out-of-range", "C2")
    assert "write 0.62" in found.remedy


def test_percentage_format_is_read_as_its_value(tmp_path: Path) -> None:
    rows = base()
    rows["workloads"][0]["load_factor"] = None

    def change(book: Any, sheets: Sheets) -> None:
        sheets["workloads"].write_number(1, 2, 0.62, book.add_format({"num_format": "0%"}))

    inputs, problems = read_book(tmp_path, change, rows)
    assert inputs is not None, problems.report()
    assert inputs.tables["workloads"]["load_factor"].iloc[0] == pytest.approx(0.62)


@pytest.mark.parametrize(
    "text", ["2027-01-01", "2027-01", "Jan 2027", "1 January 2027", "January 1, 2027", "2027/1/1"]
)
def test_dates_as_text_that_read_one_way(tmp_path: Path, text: str) -> None:
    inputs, problems = read_book(tmp_path, lambda b, s: s["periods"].write_string(1, 1, text))
    assert inputs is not None, problems.report()
    assert inputs.tables["periods"]["start"].iloc[0] == dt.datetime(2027, 1, 1)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [("1/7/2027", "2027-07-01 or 2027-01-07"), ("2027-Q3", "2027-07-01"), ("soon", "year-month")],
)
def test_dates_as_text_that_do_not(tmp_path: Path, text: str, remedy: str) -> None:
    found = only(read_book(tmp_path, lambda b, s: s["periods"].write_string(1, 1, text))[1])
    assert (found.code, found.cell) == ("not-a-date", "B2")
    assert remedy in found.remedy


@pytest.mark.parametrize("is_1904", [False, True])
def test_dates_as_dates_and_serials(tmp_path: Path, is_1904: bool) -> None:
    def change(book: Any, sheets: Sheets) -> None:
        shape = book.add_format({"num_format": "yyyy-mm-dd"})
        sheets["periods"].write_datetime(1, 1, dt.datetime(2027, 1, 1), shape)
        if not is_1904:
            sheets["periods"].write_number(2, 1, 46419)

    inputs, problems = read_book(tmp_path, change, date_1904=is_1904)
    assert inputs is not None, problems.report()
    assert list(inputs.tables["periods"]["start"]) == [
        dt.datetime(2027, 1, 1),
        dt.datetime(2027, 2, 1),
    ]


def test_date_out_of_this_world_is_refused(tmp_path: Path) -> None:
    found = only(read_book(tmp_path, lambda b, s: s["periods"].write_string(1, 1, "9999-12-01"))[1])
    assert (found.code, found.cell) == ("out-of-range", "B2")


def test_merged_cells(tmp_path: Path) -> None:
    found = only(read_book(tmp_path, _merge, base(sites=2))[1])
    assert (found.code, found.table, found.cell) == ("merged-cells", "sites", "D2")


def _merge(book: Any, sheets: Sheets) -> None:
    sheets["sites"].merge_range("D2:D3", "")
    sheets["sites"].write_string("D2", "TX")
    sheets["sites"].write_string("D3", "TX")


def test_hidden_sheet_of_a_table_is_read_with_a_warning(tmp_path: Path) -> None:
    inputs, problems = read_book(tmp_path, lambda b, s: s["sites"].hide())
    assert inputs is not None
    assert (only(problems).code, only(problems).is_warning) == ("hidden-sheet", True)


def test_renamed_sheets(tmp_path: Path) -> None:
    rows = base()
    rows["Sites "] = rows.pop("sites")
    inputs, problems = read_book(tmp_path, rows=rows)
    assert inputs is not None, problems.report()
    rows["Candidate sites"] = rows.pop("Sites ")
    _, problems = read_book(tmp_path, rows=rows)
    assert {p.code for p in problems} == {"unknown-table", "missing-table"}


def test_blank_extra_sheet_and_notes_sheet_are_no_problem(tmp_path: Path) -> None:
    def change(book: Any, sheets: Sheets) -> None:
        book.add_worksheet("Sheet1")
        book.add_worksheet("_notes").write_string(4, 4, "any text")
        book.add_worksheet("Start").write_string(0, 0, "how to fill in")

    inputs, problems = read_book(tmp_path, change)
    assert inputs is not None
    assert not len(problems)


def test_two_sheets_of_one_table(tmp_path: Path) -> None:
    rows = base()
    rows["SITES "] = rows["sites"]
    found = only(read_book(tmp_path, rows=rows)[1])
    assert (found.code, found.table) == ("duplicate-table", "SITES ")


def test_filter_left_on(tmp_path: Path) -> None:
    def change(book: Any, sheets: Sheets) -> None:
        sheets["sites"].autofilter(0, 0, 2, 5)
        sheets["sites"].filter_column(0, "x == site0")
        sheets["sites"].set_row(2, options={"hidden": True})

    inputs, problems = read_book(tmp_path, change, base(sites=2))
    assert inputs is not None
    assert len(inputs.tables["sites"]) == 2
    found = only(problems)
    assert (found.code, found.row, found.is_warning) == ("hidden-rows", 3, True)
    assert "filter" in found.remedy


def test_formula_without_a_stored_value(tmp_path: Path) -> None:
    found = only(
        read_book(tmp_path, lambda b, s: s["sites"].write_formula("F2", "=25*2", None, ""))[1]
    )
    assert (found.code, found.table, found.cell) == ("formula-without-value", "sites", "F2")


def test_formula_with_a_value_and_one_with_zero(tmp_path: Path) -> None:
    inputs, problems = read_book(
        tmp_path, lambda b, s: s["sites"].write_formula("F2", "=25*2", None, 50)
    )
    assert inputs is not None
    assert inputs.tables["sites"]["land_km2"].iloc[0] == 50
    assert not len(problems)
    _, problems = read_book(tmp_path, lambda b, s: s["sites"].write_formula("F2", "=25*2", None, 0))
    assert (only(problems).code, only(problems).cell) == ("formula-is-zero", "F2")
    assert only(problems).is_warning


def test_error_value_is_not_a_blank(tmp_path: Path) -> None:
    rows = base()
    rows["workloads"][0]["load_factor"] = 1.0
    found = only(read_book(
        tmp_path, lambda b, s: s["workloads"].write_formula("C2", "=1/0", None, "#DIV/0!"), rows
    )[1])  # fmt: skip
    assert (found.code, found.cell, found.found) == ("error-value", "C2", '"#DIV/0!"')


def test_note_below_the_table(tmp_path: Path) -> None:
    found = only(
        read_book(tmp_path, lambda b, s: s["sites"].write_string("A5", "Source: utility, 2026"))[1]
    )
    assert (found.code, found.table, found.cell) == ("lone-cell", "sites", "A5")
    assert "_notes" in found.remedy


def test_second_table_below(tmp_path: Path) -> None:
    def change(book: Any, sheets: Sheets) -> None:
        sheets["sites"].write_row("B6", ["region", "longitude", "latitude"])
        sheets["sites"].write_row("B7", ["north", -100, 32])

    found = only(read_book(tmp_path, change)[1])
    assert (found.code, found.table, found.cell) == ("second-table", "sites", "B6")


def test_second_table_beside(tmp_path: Path) -> None:
    def change(book: Any, sheets: Sheets) -> None:
        sheets["regions"].write_row("E1", ["workload", "max_latency_ms"])
        sheets["regions"].write_row("E2", ["training", 20])

    found = only(read_book(tmp_path, change)[1])
    assert (found.code, found.table, found.cell) == ("second-table", "regions", "E1")


def test_value_without_a_heading(tmp_path: Path) -> None:
    found = only(read_book(tmp_path, lambda b, s: s["regions"].write_string("F2", "check!"))[1])
    assert (found.code, found.table, found.cell) == ("no-header", "regions", "F2")


def test_title_above_the_header(tmp_path: Path) -> None:
    rows = base()
    regions = rows.pop("regions")

    def change(book: Any, sheets: Sheets) -> None:
        sheet = book.add_worksheet("regions")
        sheet.write_string(0, 0, "Regions of project Alpha")
        sheet.write_row(2, 0, list(regions[0]))
        sheet.write_row(3, 0, list(regions[0].values()))

    inputs, problems = read_book(tmp_path, change, rows)
    assert inputs is not None, problems.report()
    assert list(inputs.tables["regions"].index) == [4]
    assert only(problems).code == "header-not-first"


def test_headers_in_other_spelling_and_twice(tmp_path: Path) -> None:
    inputs, problems = read_book(
        tmp_path, lambda b, s: s["sites"].write_string(0, LAND, " Land km2\u00a0")
    )
    assert inputs is not None, problems.report()
    found = read_book(tmp_path, lambda b, s: s["sites"].write_string(0, LAND, "max_it_mw"))[1]
    assert ("duplicate-column", "G1") in {(p.code, p.cell) for p in found}


def test_blanks_in_keys(tmp_path: Path) -> None:
    rows = base()
    rows["demand"][0]["region"] = "north \u00a0"
    rows["demand"][1]["region"] = "\u200bnorth"
    inputs, problems = read_book(tmp_path, rows=rows)
    assert inputs is not None, problems.report()
    assert set(inputs.tables["demand"]["region"]) == {"north"}


def test_na_is_a_name(tmp_path: Path) -> None:
    rows = base()
    rows["regions"][0]["region"] = "NA"
    for row in rows["demand"]:
        row["region"] = "NA"
    inputs, problems = read_book(tmp_path, rows=rows)
    assert inputs is not None, problems.report()
    assert list(inputs.tables["regions"]["region"]) == ["NA"]


def test_blank_rows_and_formatted_cells_are_skipped(tmp_path: Path) -> None:
    def change(book: Any, sheets: Sheets) -> None:
        for row in range(2, 60):
            sheets["sites"].write_blank(row, 0, None, book.add_format({"bg_color": "yellow"}))
        sheets["sites"].write_string(70, 0, "  ")

    inputs, problems = read_book(tmp_path, change)
    assert inputs is not None, problems.report()
    assert len(inputs.tables["sites"]) == 1


def test_cell_far_away(tmp_path: Path) -> None:
    found = only(read_book(tmp_path, lambda b, s: s["sites"].write_number("ZZ100000", 1))[1])
    assert (found.code, found.table, found.cell) == ("far-cell", "sites", "ZZ100000")


def test_area_is_bounded(tmp_path: Path) -> None:
    found = only(read_book(tmp_path, lambda b, s: s["sites"].write_number("RA199999", 1))[1])
    assert (found.code, found.table) == ("too-many-cells", "sites")


def test_number_of_cells_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MAX_CELLS", 30)
    assert only(read_book(tmp_path)[1]).code == "too-many-cells"


def test_bomb_whose_directory_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MAX_UNPACKED", 20_000_000)
    path = write_book(tmp_path / "case.xlsx", base())
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("xl/media/bomb.bin", "w", force_zip64=True) as stream:
            for _ in range(25):
                stream.write(b"\0" * 1_000_000)
        archive.infolist()[-1].file_size = 1000  # what the directory states
    found = only(read_inputs(path)[1])
    assert found.code == "file-too-large"


def test_entities(tmp_path: Path) -> None:
    path = write_book(tmp_path / "case.xlsx", base())
    edit_entry(path, "xl/sharedStrings.xml", lambda old: old.replace(
        b"<sst", b'<!DOCTYPE sst [<!ENTITY a "aaaa">]><sst', 1))  # fmt: skip
    assert only(read_inputs(path)[1]).code == "hostile-file"


def test_macro(tmp_path: Path) -> None:
    path = write_book(tmp_path / "case.xlsx", base())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"code")
    assert only(read_inputs(path)[1]).code == "macro"


@pytest.mark.parametrize(
    "content", [b"", b"no workbook", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"0" * 600]
)
def test_other_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "case.xlsx"
    path.write_bytes(content)
    assert only(read_inputs(path)[1]).code == "not-a-workbook"


def test_damaged_sheet(tmp_path: Path) -> None:
    path = write_book(tmp_path / "case.xlsx", base())
    edit_entry(path, "xl/worksheets/sheet3.xml", lambda old: old[: len(old) // 2])
    assert only(read_inputs(path)[1]).code in ("hostile-file", "not-a-workbook")


def test_workbook_without_tables(tmp_path: Path) -> None:
    found = only(read_inputs(write_book(tmp_path / "case.xlsx", {"start": [{"a": 1}]}))[1])
    assert found.code == "no-tables"


def test_blank_plan_start_is_missing(tmp_path: Path) -> None:
    rows = base()
    rows["settings"][0]["value"] = None
    assert "missing-setting" in {p.code for p in read_book(tmp_path, rows=rows)[1]}
