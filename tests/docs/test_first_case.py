"""The tutorial, done as a person would: the template filled in from the page's tables, and run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from tests.docs.pages import ROOT, SHELL, blocks
from tests.processes import command

FILE = ROOT / "docs" / "first_case.md"
PAGE, BLOCKS = FILE.read_text("utf-8"), blocks(FILE)
FIRST_ROW = 3
"""Below the headings and the units, as the page says."""


def call(cwd: Path, line: str) -> subprocess.CompletedProcess[str]:
    return command(*line.split()[1:], cwd=cwd)


def shell() -> list[str]:
    """The command lines of the page, in order."""
    return [line for code in BLOCKS if code.language in SHELL for line in code.text.splitlines()]


def quoted(begin: str) -> list[str]:
    """The lines of the output that begins so."""
    (text,) = (c.text for c in BLOCKS if c.language == "text" and c.text.startswith(begin))
    return text.splitlines()


def sheets() -> dict[str, list[dict[str, str]]]:
    """Rows that the page shows, by sheet."""
    found = {}
    for name, text in re.findall(
        r"^### Sheet `(\w+)`\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL
    ):
        lines = [[c.strip() for c in line.strip("|").split("|")]
                 for line in text.splitlines() if line.startswith("|")]  # fmt: skip
        found[name] = [dict(zip(lines[0], row, strict=True)) for row in lines[2:]]
    return found


def typed(text: str) -> str | float | datetime | None:
    """What a spreadsheet makes of what is typed."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return datetime.fromisoformat(text)
    try:
        return float(text)
    except ValueError:
        return text or None


def fill(sheet: Worksheet, rows: list[dict[str, str]]) -> None:
    """Replace the rows below the units."""
    columns = {str(cell.value): cell.column for cell in sheet[1]}
    for row in sheet.iter_rows(min_row=FIRST_ROW):
        for cell in row:
            cell.value = None
    for number, row in enumerate(rows, start=FIRST_ROW):
        for name, text in row.items():
            sheet.cell(number, columns[name]).value = typed(text)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("user")


def test_from_the_template_to_a_checked_plan(place: Path) -> None:
    template, mark, check, run, *_ = shell()
    done = call(place, template)
    assert done.returncode == 0 and "mine/profiles" in done.stdout
    book, shown = place / "mine" / "case.xlsx", sheets()
    assert len(shown) == 10
    workbook = openpyxl.load_workbook(book)
    for name in ("periods", "regions", "demand", "sites"):
        fill(workbook[name], shown[name])
    workbook.save(book)
    done = call(place, mark)
    assert done.returncode == 3 and (place / "marked.xlsx").exists()
    for line in quoted("  sites!"):
        assert line in done.stdout.splitlines(), f"{line}\n{done.stdout}"
    for name, rows in shown.items():
        fill(workbook[name], rows)
    workbook.save(book)
    (script,) = (c.text for c in BLOCKS if c.language == "python")
    subprocess.run([sys.executable, "-c", script], cwd=place, check=True)
    done = call(place, check)
    assert done.returncode == 0, done.stdout
    assert "no errors, 0 warnings" in done.stdout
    done = call(place, run)
    assert done.returncode == 0, done.stderr
    screen = quoted("Sites ")
    assert [line[:14] for line in done.stdout.splitlines()] == [line[:14] for line in screen]
    summary = json.loads((place / "outputs" / "mine" / "summary.json").read_text("utf-8"))
    said = {line[:14].strip(): line[15:] for line in screen}
    assert summary["total_cost"] / 1e6 == pytest.approx(float(said["Cost"].split()[0]), rel=0.02)
    full = datetime.fromisoformat(summary["full_power_date"])
    assert said["Full power"].startswith(f"{full:%b %Y}")
    assert summary["date_basis"]["input"] > 0
