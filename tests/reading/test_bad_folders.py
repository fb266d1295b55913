"""CSV files that spreadsheets write, and ones that they do not."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from optimizer.reading.inputs import read_inputs
from tests.reading.books import only
from tests.support import base


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, rows in base().items():
        pd.DataFrame(rows).to_csv(tmp_path / f"{name}.csv", index=False)
    return tmp_path


def test_semicolons_tabs_and_a_separator_line(folder: Path) -> None:
    for name, delimiter in (("sites", ";"), ("regions", "\t")):
        frame = pd.DataFrame(base()[name])
        frame.to_csv(folder / f"{name}.csv", index=False, sep=delimiter)
    text = (folder / "demand.csv").read_text()
    (folder / "demand.csv").write_text("sep=,\r\n" + text, encoding="utf-8-sig")
    inputs, problems = read_inputs(folder)
    assert inputs is not None, problems.report()


def test_comma_between_digits_with_semicolons_is_ambiguous(folder: Path) -> None:
    text = (folder / "sites.csv").read_text().replace(",", ";").replace("50", "1,250")
    (folder / "sites.csv").write_text(text)
    found = only(read_inputs(folder)[1])
    assert (found.code, found.table, found.row, found.column) == (
        "ambiguous-number", "sites", 2, "land_km2")  # fmt: skip


@pytest.mark.parametrize(
    "content", [b"\xff\xfes\x00", b"site,land\n\x00,1", b'site\n"' + b"x" * 200_000]
)
def test_unreadable(folder: Path, content: bytes) -> None:
    (folder / "sites.csv").write_bytes(content)
    assert (
        "unreadable" in {p.code for p in read_inputs(folder)[1]} or read_inputs(folder)[0] is None
    )


def test_value_without_a_heading_is_told(folder: Path) -> None:
    with (folder / "regions.csv").open("a") as stream:
        stream.write("south,-99,31,extra\n")
    found = only(read_inputs(folder)[1])
    assert (found.code, found.table, found.row) == ("no-header", "regions", 3)


def test_settings_row_without_a_value(folder: Path) -> None:
    (folder / "settings.csv").write_text("key,value\nplan_start,2027-01-01\nreference_year\n")
    assert read_inputs(folder)[0] is not None
