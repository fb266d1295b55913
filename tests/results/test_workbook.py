"""plan.xlsx read back: values, formats, and texts that stay texts."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

from optimizer.reading.inputs import Inputs
from optimizer.results.workbook import SHEET_NAMES, write_plan_workbook
from tests.results.fake_result import PERIODS, result_tables, summary_of

INPUTS = Inputs(
    name="case", source="", tables={"periods": pd.DataFrame({"period": PERIODS})}, profiles={}
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tables = result_tables()
    tables["permits"].loc[0, "permit_kind"] = '=HYPERLINK("http://example.org")'
    target = tmp_path_factory.mktemp("book") / "plan.xlsx"
    write_plan_workbook(target, tables, summary_of(tables), INPUTS)
    return target


def rows(path: Path, sheet: str) -> list[list[object]]:
    book = CalamineWorkbook.from_path(str(path))
    return [list(row) for row in book.get_sheet_by_name(sheet).to_python()]


def test_every_table_has_a_sheet_with_its_rows(path: Path) -> None:
    for name, table in result_tables().items():
        found = rows(path, SHEET_NAMES.get(name, name))
        assert len(found) == 1 + max(1, len(table)), name
        assert [str(cell) for cell in found[0][: len(table.columns)]] == list(table.columns)


def test_start_sheet_states_the_decision_first(path: Path) -> None:
    texts = [str(row[0]) for row in rows(path, "start")]
    assert texts[0] == "Plan: two & a half sites"
    assert any(text.startswith("2 of 3 candidate sites open: Abilene") for text in texts)
    assert "capacity_by_site" in texts


def test_pivot_sheet_agrees_with_the_tables(path: Path) -> None:
    found = pd.DataFrame(rows(path, "capacity_by_site")[1:],
                         columns=["site", "technology", "period", "mw"])  # fmt: skip
    tables = result_tables()
    expected = (
        tables["capacity"]["standing_mw"].sum() + tables["campus"]["standing_it_mw"].sum()
        + tables["interconnection"]["firm_mw"].sum()
    )  # fmt: skip
    assert found["mw"].sum() == pytest.approx(expected)


def test_texts_that_look_like_formulas_stay_texts(path: Path) -> None:
    assert str(rows(path, "permits")[1][1]).startswith("=HYPERLINK")
    with zipfile.ZipFile(path) as archive:
        sheets = [archive.read(n).decode() for n in archive.namelist() if "worksheets/sheet" in n]
    assert not any("<f>" in sheet for sheet in sheets)
    assert not any("http://example.org" in sheet for sheet in sheets)


def test_empty_and_missing_tables_are_written(tmp_path: Path) -> None:
    empty = {name: table.head(0) for name, table in result_tables().items()}
    for tables in (empty, {}):
        write_plan_workbook(tmp_path / "plan.xlsx", tables, {}, INPUTS)
        assert rows(tmp_path / "plan.xlsx", "start")[0][0] == "Plan: case"


def test_dates_are_dates_and_missing_values_blank(path: Path) -> None:
    sites = rows(path, "sites")
    place = sites[0].index("open_date")
    assert str(sites[1][place]).startswith("2027-07-01")
    assert sites[3][place] == ""
