"""How the command line feels, by real processes: help, the last screen, hints, colour, completion."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from optimizer.reading.writing import write_inputs
from tests.processes import command as call
from tests.support import add_grid, base, inputs

COMMANDS = ("run", "check", "template", "convert", "verify", "report", "compare", "completion")
ESCAPE = "\x1b["
HEADINGS = ["Sites", "First compute", "Full power", "In the end", "Cost", "Delay", "What binds",
            "Proven", "Check", "Result"]  # fmt: skip


def on_terminal(*arguments: object, **environment: str) -> str:
    """What a terminal shows of both streams."""
    leader, follower = pty.openpty()
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")}
    with subprocess.Popen(
        [sys.executable, "-m", "optimizer", *map(str, arguments)], stdin=follower,
        stdout=follower, stderr=follower, env={**env, "TERM": "xterm", **environment},
    ):  # fmt: skip
        os.close(follower)
        shown = b""
        while True:
            try:
                part = os.read(leader, 65_536)
            except OSError:  # Linux says so at the end of a terminal
                break
            if not part:
                break
            shown += part
    os.close(leader)
    return shown.decode()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = base()
    add_grid(rows, 10, 5, curtailed_hours_per_year=200)
    folder = tmp_path_factory.mktemp("case") / "small"
    write_inputs(inputs(rows), folder)
    return folder


@pytest.fixture(scope="module")
def shown(small: Path) -> str:
    return on_terminal("run", small, "--out", small.parent / "shown")


def test_the_last_ten_lines_tell_the_plan(shown: str, small: Path) -> None:
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in shown.split("\r\n") if line]
    assert [line[:14].strip() for line in lines[-10:]] == HEADINGS
    told = {line[:14].strip(): line[15:] for line in lines[-10:]}
    assert told["Sites"] == "1 of 1: site0 (Jan 2027)"
    assert told["First compute"].startswith("Jan 2027 on ") and "; P50 " in told["First compute"]
    assert told["Check"].startswith("passed")
    assert told["Result"] == str(small.parent / "shown" / "report.html")


def test_colour_only_on_a_terminal(shown: str, small: Path) -> None:
    assert ESCAPE in shown
    plain = call("check", small / "nowhere")
    assert ESCAPE not in plain.stdout + plain.stderr
    missing = ("check", small / "nowhere")
    assert ESCAPE in on_terminal(*missing)
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        assert ESCAPE not in on_terminal(*missing, **{name: value})


def test_quiet_prints_the_folder_only(small: Path) -> None:
    out = small.parent / "quiet"
    done = call("run", small, "--out", out, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{out}\n", "")
    refused = call("run", small, "--out", out, "--quiet")
    assert refused.returncode == 2 and "--overwrite" in refused.stderr


def test_the_solver_does_not_write_between_the_lines(shown: str) -> None:
    assert "Running HiGHS" not in shown
    assert "Copyright" not in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples(command: str) -> None:
    # That their options exist is tested with the page that is made of them.
    done = call(command, "--help", COLUMNS="200")
    assert done.returncode == 0
    examples = done.stdout.split("Examples:")[1]
    assert re.search(rf"^ *optimizer {command} \S", examples, re.MULTILINE)


def test_all_commands_are_in_the_help() -> None:
    text = call("--help").stdout
    for command in COMMANDS:
        assert re.search(rf"^│ {command} ", text, re.MULTILINE)
    assert "Examples:" in text


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("rnu", "x"), 2, "Did you mean 'run'?"),
        (("run", "x", "--gpa", "0.1"), 2, "--gap"),
        (("run", "x", "--engine", "monolit"), 2, "'monolith'"),
        (("check", "{case}l"), 3, "did you mean {case}?"),
        (("check", "nowhere/at/all"), 3, "optimizer template my/case.xlsx"),
        (("verify", "{case}l"), 3, "Hint: did you mean {case}?\n"),
        (("check", "{case}", "--set", "sites.land_km2[site0]=-1"), 3, "--mark marked.xlsx"),
        (("run", "{case}", "--set", "sites.land_km2[site0]=-1"), 3, "--mark marked.xlsx"),
        (("run", "{case}", "--out", "{case}/../r", "--set", "demand.max_backlog_mw[*]=0", "--set",
          "campus_blocks.construction_months[*]=1"), 4, "optimizer check CASE"),
    ],
)  # fmt: skip
def test_errors_end_with_a_hint(
    arguments: tuple[str, ...], code: int, said: str, small: Path
) -> None:
    done = call(*(a.replace("{case}", str(small)) for a in arguments), COLUMNS="200")
    assert done.returncode == code, done.stderr
    assert said.replace("{case}", str(small)) in done.stderr
    assert "Traceback" not in done.stderr


def complete(line: str, cwd: Path, script: str) -> list[str]:
    """What bash offers after a line."""
    words = line.split(" ")
    shell = (
        f"{script}\nCOMP_WORDS=({' '.join(repr(w) for w in words)})\n"
        f"COMP_CWORD={len(words) - 1}\n_optimizer_completion optimizer\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, cwd=cwd,
                          env={**os.environ, "PATH": path})  # fmt: skip
    assert not done.stderr
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    script = call("completion", "bash").stdout
    assert set(complete("optimizer ", tmp_path, script)) >= set(COMMANDS)
    assert complete("optimizer ver", tmp_path, script) == ["verify"]
    assert complete("optimizer run x --ti", tmp_path, script) == ["--time-limit"]
    assert complete("optimizer completion f", tmp_path, script) == ["fish"]


def test_completion_of_other_shells() -> None:
    assert call("completion", "zsh").stdout.strip().startswith("#compdef optimizer")
    fish = call("completion", "fish").stdout
    assert fish.startswith("complete --command optimizer")
    offered = call(_OPTIMIZER_COMPLETE="complete_fish", _TYPER_COMPLETE_FISH_ACTION="get-args",
                   _TYPER_COMPLETE_ARGS="optimizer com").stdout  # fmt: skip
    assert "compare" in offered and "completion" in offered
    assert call("completion", "tcsh").returncode == 2


def test_version() -> None:
    assert re.fullmatch(r"optimizer \d+\.\d+\.\d+\n", call("--version").stdout)
