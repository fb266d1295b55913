"""Plausibility, age of values, and the marked copy."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import python_calamine

from optimizer.reading.inputs import Reading, read_case, read_inputs
from optimizer.reading.mark import PROBLEMS, write_marked
from optimizer.reading.plausibility import old_values
from tests.reading.books import only, write_book
from tests.support import base

INPUTS = Path(__file__).parents[2] / "inputs"


@pytest.mark.parametrize(
    ("change", "meant"),
    [
        ("technologies.capex_usd_per_kw[engine]=1100000", "USD/MW"),
        ("technologies.heat_rate_mmbtu_per_mwh[engine]=8700", "Btu/kWh"),
        ("fuels.co2_t_per_mmbtu[gas/waha]=117", "lb/MMBtu"),
        ("campus_blocks.capex_usd_per_mw[*]=12", "million USD/MW"),
        ("campus_blocks.capex_usd_per_mw[*]=12000", "USD/kW"),
        ("sites.land_km2[Abilene]=3700", "acres"),
        ("sites.max_it_mw[Abilene]=200000", "kW"),
    ],
)
def test_did_you_mean(change: str, meant: str) -> None:
    inputs, problems = read_inputs(INPUTS / "quickstart", [change])
    assert inputs is not None, problems.report()
    found = next(p for p in problems if p.code == "implausible")
    assert found.is_warning
    assert f"Did you mean {meant}?" in found.remedy


@pytest.mark.parametrize("name", ["quickstart", "texas_southwest"])
def test_shipped_cases_are_plausible(name: str) -> None:
    assert not len(read_inputs(INPUTS / name)[1])


def test_old_values() -> None:
    inputs, _ = read_inputs(INPUTS / "quickstart")
    assert inputs is not None
    assert not len(old_values(inputs, dt.date(2026, 11, 26)))
    late = old_values(inputs, dt.date(2027, 12, 1))
    assert {(p.code, p.is_warning) for p in late} == {("old-value", True)}
    assert "13 months before today" in late.items[0].remedy
    later, _ = read_inputs(INPUTS / "quickstart", [
        "technologies.market_multiplier_as_of[engine]=2025-06-01"])  # fmt: skip
    assert later is not None
    assert (
        "19 months before the plan's start" in only(old_values(later, dt.date(2026, 1, 1))).remedy
    )


def wrong_case(folder: Path) -> Reading:
    """An error in F2, a warning in G2 and a missing setting, as a workbook."""
    rows = base()
    rows["sites"][0].update(land_km2="12,5OO", max_it_mw=200)
    rows["demand"][0]["it_mw"] = None
    return read_case(write_book(folder / "case.xlsx", rows))


def comments(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        return "".join(
            archive.read(n).decode() for n in archive.namelist() if n.startswith("xl/comments")
        )


def test_marked_copy_of_a_workbook(tmp_path: Path) -> None:
    reading = wrong_case(tmp_path)
    write_marked(tmp_path / "marked.xlsx", reading, reading.problems)
    with python_calamine.CalamineWorkbook.from_path(str(tmp_path / "marked.xlsx")) as book:
        listed = book.get_sheet_by_name(PROBLEMS).to_python()
        assert {(r[1], r[2]) for r in listed[1:]} == {("sites", "F2"), ("demand", "D2")}
        for name, grid in reading.grids.items():
            assert book.get_sheet_by_name(name).to_python(skip_empty_area=False) == grid
    text = comments(tmp_path / "marked.xlsx")
    assert 'ref="F2"' in text and "letter O" in text
    assert 'ref="D2"' in text
    with zipfile.ZipFile(tmp_path / "marked.xlsx") as archive:
        assert b"FFF4B6B6" in archive.read("xl/styles.xml")
    again, problems = read_inputs(tmp_path / "marked.xlsx")
    assert again is None
    assert {p.cell for p in problems} == {"F2", "D2"}


def test_marked_workbook_of_a_folder(tmp_path: Path) -> None:
    for name, rows in base().items():
        pd.DataFrame(rows).to_csv(tmp_path / f"{name}.csv", index=False)
    frame: Any = pd.read_csv(tmp_path / "sites.csv")
    frame.assign(land_km2="5O").to_csv(tmp_path / "sites.csv", index=False)
    pd.DataFrame([{"a": 1}]).to_csv(tmp_path / ("x" * 40 + ".csv"), index=False)
    reading = read_case(tmp_path)
    write_marked(tmp_path / "marked.xlsx", reading, reading.problems)
    text = comments(tmp_path / "marked.xlsx")
    assert re.search(r'ref="F2".*letter O', text)


def test_refused_workbook_still_gives_the_list(tmp_path: Path) -> None:
    (tmp_path / "case.xlsx").write_bytes(b"no workbook")
    reading = read_case(tmp_path / "case.xlsx")
    write_marked(tmp_path / "marked.xlsx", reading, reading.problems)
    with python_calamine.CalamineWorkbook.from_path(str(tmp_path / "marked.xlsx")) as book:
        assert "not-a-workbook" in book.get_sheet_by_name(PROBLEMS).to_python()[1]


def test_problems_of_later_checks_have_their_cell(tmp_path: Path) -> None:
    rows = base()
    rows["demand"][0]["region"] = "nort"
    found = next(p for p in read_case(write_book(tmp_path / "case.xlsx", rows)).problems
                 if p.code == "unknown-reference")  # fmt: skip
    assert (found.table, found.cell, found.remedy) == ("demand", "B2", 'Closest: "north".')
    rows = base()
    rows["settings"].append({"key": "lead_times", "value": "lowe"})
    found = only(read_case(write_book(tmp_path / "case.xlsx", rows)).problems)
    assert (found.table, found.cell) == ("settings", "B4")
