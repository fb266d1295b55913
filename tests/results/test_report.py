"""The report: one safe, offline page from a result folder, whatever the folder lacks."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.reading.inputs import Inputs
from optimizer.results.geo import write_sites_geojson
from optimizer.results.report import dispatch, words
from optimizer.results.report.folder import read_result
from optimizer.results.report.html import write_report
from tests.results.fake_result import HOSTILE, PERIODS, result_tables, write_fake_result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = write_fake_result(tmp_path_factory.mktemp("results") / "run")
    write_report(made)
    return made


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "report.html").read_text("utf-8")


def test_first_screen_states_the_decision(page: str) -> None:
    assert "2 of 3 candidate sites open: Abilene (1 Jul 2027) and Cheyenne (1 Oct 2027)." in page
    assert "Abilene is first powered in 2027-Q3 by battery (40.0 MW)" in page
    assert "Load waits 1,500 MW-months" in page
    assert "The independent check passed" in page
    assert "Limits that bind: gas supply (Abilene) and gas supply (Cheyenne)." in page


def test_texts_of_the_case_are_escaped(page: str) -> None:
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "two &amp; a half sites" in page


def test_page_needs_no_network(page: str) -> None:
    ours = page.split("<script>", maxsplit=1)[0] + page.rsplit("<script>", maxsplit=1)[1]
    assert "src=" not in ours
    assert "http" not in ours
    assert len(page) < 25e6


def test_assumed_and_synthetic_rows_are_counted_and_noted(folder: Path, page: str) -> None:
    marks = words.stamps(read_result(folder).inputs)
    assert marks == {"technologies": {"assumed": 1, "synthetic": 1, "rows": 3}}
    assert "assumed: rows of technologies; synthetic: rows of technologies" in page


@pytest.mark.parametrize(
    "gone",
    ["summary.json", "dispatch.parquet", "inputs", "tables", "tables/costs.csv",
     "tables/schedule.csv", "tables/sites.csv", "tables/backlog.csv", "tables/limits.csv",
     "tables/placement.csv", "tables/capacity.csv"],
)  # fmt: skip
def test_a_missing_file_does_not_stop_the_report(tmp_path: Path, gone: str) -> None:
    folder = write_fake_result(tmp_path / "run")
    target = folder / gone
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    assert "The decision" in write_report(folder).read_text("utf-8")


def test_an_empty_table_does_not_stop_the_report(tmp_path: Path) -> None:
    folder = write_fake_result(tmp_path / "run")
    for path in (folder / "tables").glob("*.csv"):
        path.write_text(path.read_text().splitlines()[0] + "\n")
    assert "No site opens." in write_report(folder).read_text("utf-8")


def test_every_key_of_the_summary_may_be_missing_or_null(tmp_path: Path) -> None:
    folder = write_fake_result(tmp_path / "run")
    whole = json.loads((folder / "summary.json").read_text())
    result = read_result(folder)
    for key in whole:
        result.summary.clear()
        result.summary.update({**whole, key: None})
        assert words.decision(result) and words.key_figures(result)


def test_a_failed_check_is_said_plainly() -> None:
    assert "FAILED" in words.checked({"verification": {"passed": False, "max_violation": 0.2}})
    assert "not been checked" in words.checked({})


@pytest.mark.parametrize(
    ("usd", "shown"),
    [(2_810_000_000, "2.81 B$"), (999_600_000, "1.00 B$"), (999_000_000, "999 M$"),
     (12_340_000, "12.3 M$"), (-4_500_000, "−4.50 M$"), (0, "0 M$"), (None, "not stated"),
     (9_996_000, "10.0 M$"), (float("nan"), "not stated")],
)  # fmt: skip
def test_money_has_three_significant_digits(usd: float | None, shown: str) -> None:
    assert words.money(usd) == shown


@given(st.lists(st.integers(-32_000, 32_000), min_size=1, max_size=300))
def test_packed_hours_unpack_to_the_same_megawatts(values: list[int]) -> None:
    packed = dispatch.pack(np.array(values, dtype=float))
    assert dispatch.unpack(packed).tolist() == values


def test_series_beyond_16_bits_keep_four_digits() -> None:
    values = np.array([0.0, 123_456.0, 64_000.0])
    assert dispatch.unpack(dispatch.pack(values)) == pytest.approx(values, abs=3)


def test_a_large_result_stays_small(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(dispatch, "MOST_BYTES", 2_000)
    packed = dispatch.packed_dispatch(read_result(folder))
    assert packed is not None and packed["hours_per_step"] > 1
    block = packed["blocks"][0]
    steps = -(-block["hours"] // packed["hours_per_step"])
    assert len(dispatch.unpack(block["series"]["load_mw"])) == steps


def test_sites_are_written_as_points(tmp_path: Path) -> None:
    periods = pd.DataFrame({"period": PERIODS})
    inputs = Inputs(name="case", source="", tables={"periods": periods}, profiles={})
    write_sites_geojson(tmp_path / "sites.geojson", result_tables(), inputs)
    points = gpd.read_file(tmp_path / "sites.geojson").set_index("site")
    assert points.crs.to_epsg() == 4326
    assert points["opened"].tolist() == [True, True, False]
    assert points["gas_turbine_mw"].tolist() == [150.0, 150.0, 0.0]
    assert points.geometry["Abilene"].x == pytest.approx(-99.7)
    assert pd.isna(points["open_date"]["Memphis"])


BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")


@pytest.mark.browser
@pytest.mark.skipif(BROWSER is None, reason="no browser here")
def test_page_draws_without_errors_and_fits_a_phone(folder: Path, tmp_path: Path) -> None:
    assert BROWSER is not None
    # A window cannot be as narrow as a phone; a frame can, and tells its page's size and marks.
    frame = folder / "frame.html"
    frame.write_text(
        '<iframe id="f" src="report.html" style="width:390px;height:900px;border:0"></iframe>'
        "<script>setInterval(() => { const d = document.getElementById('f').contentDocument;"
        "const e = d && d.documentElement; if (e && e.dataset.ready) { document.title = "
        "`ready ${e.dataset.ready} width ${e.scrollWidth} drawn "
        "${d.querySelectorAll('.subplot.xy').length}`; } }, 100);</script>"
    )
    run = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--allow-file-access-from-files", f"--user-data-dir={tmp_path}",
         "--enable-logging=stderr", "--virtual-time-budget=15000", "--dump-dom",
         frame.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    errors = [line for line in run.stderr.splitlines() if "CONSOLE" in line]
    assert errors == []
    told = re.search(r"<title>ready (\d+) width (\d+) drawn (\d+)</title>", run.stdout)
    assert told is not None
    ready, width, drawn = map(int, told.groups())
    assert (ready, drawn) == (8, 8)
    assert width <= 390
