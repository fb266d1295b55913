"""The template: complete, documented, runs as it is, and reads back what was filled in."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

import defusedxml.ElementTree
import numpy as np
import pandas as pd
import pytest
import python_calamine

from optimizer.errors import InputError, UsageError
from optimizer.reading.inputs import Inputs, read_inputs
from optimizer.reading.sheets import first_row, has_units, note, units_row
from optimizer.reading.template import read_example, write_template
from optimizer.reading.writing import write_inputs
from optimizer.tables import BY_NAME, TABLES
from tests.reading.books import write_book
from tests.support import base

INPUTS = Path(__file__).parents[2] / "inputs"
EXAMPLE = Path(__file__).parents[2] / "optimizer" / "reading" / "example"


def load(path: Path) -> Inputs:
    inputs, problems = read_inputs(path)
    assert inputs is not None, problems.report()
    assert not len(problems), problems.report()
    return inputs


def assert_same(one: Inputs, other: Inputs, *, but: tuple[str, ...] = ()) -> None:
    """Equal tables, whatever sheet rows they stood in, and equal profiles."""
    for table in TABLES:
        if table.name not in but:
            pd.testing.assert_frame_equal(
                one.tables[table.name].reset_index(drop=True),
                other.tables[table.name].reset_index(drop=True),
                obj=table.name,
            )
    assert one.profiles.keys() == other.profiles.keys()
    for name, values in one.profiles.items():
        np.testing.assert_array_equal(values, other.profiles[name], err_msg=name)


@pytest.fixture(scope="module")
def workbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    write_template(folder / "case.xlsx", folder / "csv")
    return folder / "case.xlsx"


def test_the_example_is_the_quickstart_case() -> None:
    assert_same(load(EXAMPLE), load(INPUTS / "quickstart"))
    assert read_example().inputs is not None


def test_template_runs_as_it_is(workbook: Path) -> None:
    for path in (workbook, workbook.parent / "csv"):
        inputs = load(path)
        assert_same(inputs, load(INPUTS / "quickstart"), but=("settings",))
        for key in ("plan_start", "gap", "time_zone", "case_name", "seed"):
            assert inputs.setting(key) == load(INPUTS / "quickstart").setting(key)


def test_one_sheet_a_table_in_order_with_all_columns(workbook: Path) -> None:
    with python_calamine.CalamineWorkbook.from_path(str(workbook)) as book:
        assert book.sheet_names == ["start", *(t.name for t in TABLES), "_lists"]
        for table in TABLES:
            grid = book.get_sheet_by_name(table.name).to_python(skip_empty_area=False)
            assert tuple(grid[0]) == table.column_names
            if has_units(table):
                assert [str(c) for c in grid[1]] == units_row(table)


def test_first_columns_are_texts_so_that_the_units_row_can_be_marked() -> None:
    assert all(t.columns[0].kind == "text" and not t.columns[0].unit for t in TABLES)


def sheet_xml(workbook: Path, name: str) -> str:
    number = ["start", *(t.name for t in TABLES)].index(name) + 1
    with zipfile.ZipFile(workbook) as archive:
        return archive.read(f"xl/worksheets/sheet{number}.xml").decode()


def test_sheets_are_frozen_protected_and_have_drop_downs(workbook: Path) -> None:
    for table in TABLES:
        text = sheet_xml(workbook, table.name)
        assert 'state="frozen"' in text
        assert "<sheetProtection" in text
    sites = sheet_xml(workbook, "sites")
    assert "'tariffs'!$A$3" in sites  # a drop-down of the rows of another sheet
    assert "conditionalFormatting" in sites
    assert "'_lists'!$A$1" in sheet_xml(workbook, "technologies")
    assert '"thermal,variable,storage"' in sheet_xml(workbook, "technologies")


def test_data_cells_are_unlocked_and_headers_are_not(workbook: Path) -> None:
    with zipfile.ZipFile(workbook) as archive:
        styles = defusedxml.ElementTree.fromstring(archive.read("xl/styles.xml"))
        formats = next(e for e in styles if e.tag.endswith("}cellXfs"))
        unlocked = [any(c.get("locked") == "0" for c in f) for f in formats]
        for table in TABLES:
            number = ["start", *(t.name for t in TABLES)].index(table.name) + 1
            root = defusedxml.ElementTree.fromstring(
                archive.read(f"xl/worksheets/sheet{number}.xml")
            )
            for row in (e for e in root.iter() if e.tag.endswith("}row")):
                for cell in row:
                    locked = not unlocked[int(cell.get("s", 0))]
                    assert locked == (row.get("r") == "1"), cell.get("r")


def test_every_heading_has_a_note_with_meaning_unit_default(workbook: Path) -> None:
    with zipfile.ZipFile(workbook) as archive:
        comments = [n for n in archive.namelist() if n.startswith("xl/comments")]
    assert len(comments) == len(TABLES)
    column = BY_NAME["sites"].column("pue")
    assert note(column).splitlines() == [
        "Facility load for each MW of IT load.",
        "No unit.",
        "Number from 1 to 3.",
        "Blank: 1.2.",
    ]


def test_template_from_a_case(tmp_path: Path) -> None:
    write_template(tmp_path / "case.xlsx", None, case=INPUTS / "texas_southwest")
    assert_same(load(tmp_path / "case.xlsx"), load(INPUTS / "texas_southwest"), but=("settings",))


def test_template_from_a_case_with_problems_keeps_what_is_there(tmp_path: Path) -> None:
    rows = base()
    rows["sites"][0]["land_km2"] = "12,5OO"
    rows["sites"][0]["note"] = "ask the owner"
    write_template(tmp_path / "new" / "case.xlsx", None,
                   case=write_book(tmp_path / "old.xlsx", rows))  # fmt: skip
    _, problems = read_inputs(tmp_path / "new" / "case.xlsx")
    assert [(p.code, p.cell) for p in problems] == [("not-a-number", "I3")]
    with python_calamine.CalamineWorkbook.from_path(str(tmp_path / "new" / "case.xlsx")) as book:
        assert "ask the owner" in book.get_sheet_by_name("sites").to_python()[2]


def test_template_of_a_case_in_other_units_is_in_declared_ones(tmp_path: Path) -> None:
    rows = base()
    rows["sites"].insert(0, {**dict.fromkeys(rows["sites"][0]), "site": "units", "land_km2": "ha"})
    write_template(tmp_path / "new" / "case.xlsx", None,
                   case=write_book(tmp_path / "old.xlsx", rows))  # fmt: skip
    assert load(tmp_path / "new" / "case.xlsx").tables["sites"]["land_km2"].iloc[0] == 0.5


def test_nothing_is_replaced_without_being_asked(workbook: Path, tmp_path: Path) -> None:
    for file, folder in ((workbook, None), (None, workbook.parent / "csv"), (None, None),
                         (workbook.with_suffix(".csv"), None)):  # fmt: skip
        with pytest.raises(UsageError):
            write_template(file, folder)
    with pytest.raises(UsageError, match="other series"):
        write_template(workbook.parent / "b.xlsx", None, case=INPUTS / "texas_southwest")
    with pytest.raises(InputError):
        write_template(tmp_path / "c.xlsx", None, case=tmp_path / "nowhere")


def test_texts_that_look_like_formulas_or_links_stay_texts(tmp_path: Path) -> None:
    rows = base()
    rows["sites"][0].update(utility="=1+1", source="https://example.org/a")
    write_template(tmp_path / "case.xlsx", None, case=write_book(
        tmp_path / "old.xlsx", rows, strings_to_urls=False))  # fmt: skip
    site = load(tmp_path / "case.xlsx").tables["sites"].iloc[0]
    assert (site["utility"], site["source"]) == ("=1+1", "https://example.org/a")


@pytest.mark.parametrize("name", ["quickstart", "texas_southwest"])
def test_workbook_to_csv_to_workbook_loses_nothing(name: str, tmp_path: Path) -> None:
    first = load(INPUTS / name)
    write_inputs(first, tmp_path / "a" / "case.xlsx")
    second = load(tmp_path / "a" / "case.xlsx")
    write_inputs(second, tmp_path / "b")
    third = load(tmp_path / "b")
    write_inputs(third, tmp_path / "c" / "case.xlsx")
    for other in (second, third, load(tmp_path / "c" / "case.xlsx")):
        assert_same(first, other)


OFFICE = shutil.which("soffice")


@pytest.mark.skipif(OFFICE is None, reason="LibreOffice is not installed")
def test_workbook_saved_by_libreoffice_reads_the_same(workbook: Path, tmp_path: Path) -> None:
    assert OFFICE is not None
    command = [OFFICE, f"-env:UserInstallation=file://{tmp_path}/profile", "--headless",
               "--convert-to", "xlsx", "--outdir", str(tmp_path), str(workbook)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    shutil.copytree(workbook.parent / "profiles", tmp_path / "profiles")
    assert_same(load(tmp_path / "case.xlsx"), load(workbook))


def test_first_rows_fit_the_tables() -> None:
    assert {t.name for t in TABLES if first_row(t) == 1} == {
        "settings", "components", "regimes", "site_tariffs",
    }  # fmt: skip
