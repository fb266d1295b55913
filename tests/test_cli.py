"""The command line: exit codes by cause, clean JSON, results that can be verified anywhere."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from optimizer.reading.writing import write_inputs
from tests.processes import command as call
from tests.support import add_grid, base, inputs

QUICKSTART = Path(__file__).parents[1] / "inputs" / "quickstart"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = base()
    add_grid(rows, 10, 5, curtailed_hours_per_year=200)
    folder = tmp_path_factory.mktemp("case") / "small"
    write_inputs(inputs(rows), folder)
    return folder


@pytest.fixture(scope="module")
def result(small: Path) -> Path:
    out = small.parent / "result"
    done = call("run", small, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["status"] == "optimal"
    assert summary["verification"]["passed"]
    return out


def test_result_folder_is_complete(result: Path) -> None:
    names = {"summary.json", "plan.xlsx", "dispatch.parquet", "sites.geojson", "report.html",
             "manifest.json", "solver.log", "inputs", "tables"}  # fmt: skip
    assert names <= {p.name for p in result.iterdir()}


def test_run_samples_its_dates(result: Path) -> None:
    summary = json.loads((result / "summary.json").read_text("utf-8"))
    assert summary["first_power_p10"] <= summary["first_power_p50"] <= summary["first_power_p90"]
    assert summary["date_draws"] >= 10_000 and summary["timing"]["dates"] < 5
    assert (result / "tables" / "dates.csv").read_text("utf-8").count("plan,,,,first power") == 1
    assert "How sure the dates are" in (result / "report.html").read_text("utf-8")


def test_compare_prints_text_or_json_and_writes_files(result: Path, tmp_path: Path) -> None:
    book, page = tmp_path / "both.xlsx", tmp_path / "both.html"
    done = call("compare", result, result, "--out", book, "--html", page)
    assert done.returncode == 0, done.stderr
    assert "B against A: the inputs are the same." in done.stdout
    assert book.exists() and page.exists()
    told = json.loads(call("compare", result, result, "--json").stdout)
    assert told["results"] == {"A": str(result), "B": str(result)}
    refused = call("compare", result, tmp_path)
    assert refused.returncode == 3 and "Traceback" not in refused.stderr
    assert "expected a result folder with manifest.json" in refused.stderr
    assert call("compare", result).returncode == 2


def test_verify_passes_and_finds_a_change(result: Path) -> None:
    assert call("verify", result).returncode == 0
    costs = result / "tables" / "costs.csv"
    before = costs.read_text()
    try:
        costs.write_text(before.replace("fuel", "fuels", 1))
        assert call("verify", result).returncode == 3
    finally:
        costs.write_text(before)


def test_convert_and_check(small: Path, tmp_path: Path) -> None:
    assert call("convert", small, tmp_path / "case.xlsx").returncode == 0
    assert call("check", tmp_path / "case.xlsx").returncode == 0
    assert call("convert", tmp_path / "case.xlsx", tmp_path / "csv").returncode == 0
    again = pd.read_csv(tmp_path / "csv" / "sites.csv")
    pd.testing.assert_frame_equal(again, pd.read_csv(small / "sites.csv"))


def test_exit_codes_of_wrong_use(small: Path, result: Path, tmp_path: Path) -> None:
    assert call("run").returncode == 2
    assert call("run", small, "--gap", "7").returncode == 2
    assert call("run", small, "--out", result).returncode == 2
    assert call("run", tmp_path / "nowhere").returncode == 3
    assert call("verify", tmp_path).returncode == 3
    assert call("run", small, "--out", "/proc/result").returncode == 8


def test_a_memory_limit_below_what_is_needed_exits_8(small: Path, tmp_path: Path) -> None:
    done = call("run", small, "--out", tmp_path / "r", "--memory-limit", "60")
    assert done.returncode == 8
    assert "the limit is 60 MB. Raise --memory-limit" in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "r").exists()


def test_out_of_memory_exits_8(small: Path, tmp_path: Path) -> None:
    program = (
        "import sys, highspy\n"
        "from optimizer.cli import main\n"
        "def full(model): raise MemoryError\n"
        "highspy.Highs.run = full\n"
        "main(sys.argv[1:])\n"
    )
    command = [sys.executable, "-c", program, "run", str(small), "--out", str(tmp_path / "r")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 8, done.stderr
    assert "Out of memory. Give --memory-limit" in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "r").exists()


def test_a_run_prints_what_was_chosen(small: Path, tmp_path: Path) -> None:
    done = call("run", small, "--out", tmp_path / "r", "--memory-limit", "4000")
    assert done.returncode == 0
    chosen = "engine few (1 sites x 2 periods = 2 blocks, at most 420); 2 threads; "
    assert chosen in done.stderr and "memory limit 4,000 MB" in done.stderr
    log = (tmp_path / "r" / "solver.log").read_text("utf-8")
    assert chosen in log and "blocks dropped 0 times" in log


def test_questions_that_were_left_are_a_hint(small: Path, tmp_path: Path) -> None:
    done = call("run", small, "--out", tmp_path / "r", "--why-time", "0")
    assert done.returncode == 0
    assert "Hint: not asked within the time: " in done.stderr and "--why-time" in done.stderr
    assert "questions why" not in done.stdout


def test_problems_are_listed_without_a_traceback(small: Path) -> None:
    done = call("check", small, "--set", "sites.land_km2[site0]=5O")
    assert done.returncode == 3
    assert "letter O" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_deadline_that_cannot_be_met_exits_4(small: Path, tmp_path: Path) -> None:
    done = call("run", small, "--out", tmp_path / "r", "--set", "demand.max_backlog_mw[*]=0",
                "--set", "campus_blocks.construction_months[*]=1")  # fmt: skip
    assert done.returncode == 4
    assert "demand!2" in done.stderr


def test_termination_keeps_the_best_checked_plan(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "optimizer", "run", str(QUICKSTART), "--out",
               str(tmp_path / "r"), "--gap", "0", "--time-limit", "120"]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "%" in line:  # the first line with a gap: there is a plan
            break
    process.send_signal(signal.SIGTERM)
    begin = time.monotonic()
    said = process.stderr.read()
    assert process.wait(60) == 5
    assert "above the 0.00% asked for (stopped by: " in said and "can be used" in said
    assert time.monotonic() - begin < 45
    assert json.loads((tmp_path / "r" / "summary.json").read_text())["verification"]["passed"]


def test_template_is_a_case_that_checks(tmp_path: Path) -> None:
    book = tmp_path / "case.xlsx"
    assert call("template", book, "--csv", tmp_path / "csv").returncode == 0
    for case in (book, tmp_path / "csv"):
        done = call("check", case)
        assert done.returncode == 0, done.stdout + done.stderr
    assert call("template", book).returncode == 2
    assert call("template", book, "--overwrite").returncode == 0
    assert call("template").returncode == 2
    assert call("template", "/proc/case.xlsx").returncode == 8
    assert call("template", tmp_path / "b.xlsx", "--from", tmp_path / "nowhere").returncode == 3


def test_check_marks_and_tells_what_is_implied(small: Path, tmp_path: Path) -> None:
    done = call("check", small, "--set", "sites.land_km2[site0]=5O", "--mark", tmp_path / "m.xlsx")
    assert done.returncode == 3
    assert (tmp_path / "m.xlsx").exists()
    done = call("check", small, "--mark", tmp_path / "m.xlsx")
    assert done.returncode == 0
    assert "Earliest power" in done.stdout
    assert "most that could be online" in done.stdout
    assert "Earliest power" not in call("check", small, "--quiet").stdout
    assert call("check", tmp_path / "m.xlsx", "--mark", tmp_path / "m.xlsx").returncode == 2
    assert call("check", small, "--mark", "/proc/m.xlsx").returncode == 8


def test_verify_dispatches_without_perfect_foresight(result: Path) -> None:
    done = call("verify", result, "--rolling", "--foresight", "48", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["rolling"]
    assert found["foresight_hours"] == 48 and found["sites"] == ["site0"]
    assert found["operating_cost_usd"] == found["full_year_operating_cost_usd"]  # no storage
    told = call("verify", result, "--rolling")
    assert "without perfect foresight: running costs" in told.stdout


def test_a_step_beyond_the_foresight_is_refused(small: Path, result: Path) -> None:
    for command in (("run", small, "--out", small.parent / "none"), ("verify", result)):
        done = call(*command, "--rolling", "--foresight", "12", "--forecast-step", "24")
        assert done.returncode == 2
        assert "--forecast-step 24 is longer than --foresight 12" in done.stderr
        assert "Give a step of at most the foresight" in done.stderr
    assert not (small.parent / "none").exists()
