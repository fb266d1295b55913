"""The pages: current where they are made, their links lead somewhere, their code does what it says."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

from optimizer import Case
from tests.docs.pages import PAGES, ROOT, SHELL, Code, blocks
from tests.processes import script

NO_NETWORK = re.compile(r"""(?:src|href)=["']?(?:https?:)?//[^"'> ]*|url\(["']?(?:https?:)?//""")
PROGRAMS = {"optimizer", "python", "python3", "pip", "pytest", "mkdocs"}
LANGUAGES = {*SHELL, "python", "text"}


def made_pages() -> ModuleType:
    """The script that makes pages, which is in no package."""
    spec = importlib.util.spec_from_file_location("pages", ROOT / "docs" / "make" / "pages.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["pages"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


MADE = made_pages()
COMMANDS = {
    name: {n for p in MADE.parameters(command.callback) for n in p.names if n.startswith("-")}
    | {"--help"}
    for name, command in MADE.commands().items()
}


@pytest.mark.parametrize("name", list(MADE.PAGES))
def test_pages_made_from_the_code_are_up_to_date(name: str) -> None:
    page = (ROOT / "docs" / name).read_text("utf-8")
    assert page == MADE.PAGES[name](), "run: python docs/make/pages.py"


def test_the_dictionary_and_the_catalog_name_everything() -> None:
    from optimizer.reading import catalog
    from optimizer.tables import TABLES

    tables = (ROOT / "docs" / "tables.md").read_text("utf-8")
    for table in TABLES:
        section = tables.split(f"\n## {table.name}\n")[1].split("\n## ")[0]
        assert all(f"| `{c.name}` |" in section for c in table.columns)
    page = (ROOT / "docs" / "catalog.md").read_text("utf-8")
    for name, row in catalog.entries().items():
        section = page.split(f"\n### {name}\n")[1].split("\n### ")[0]
        assert f"Source: {row['source']}" in section


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; ``--strict`` follows the links and anchors of all pages."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_the_site_needs_no_network(site: Path) -> None:
    pages = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(pages) > 20
    for page in pages:
        assert not NO_NETWORK.search(page.read_text("utf-8")), page


def test_formulas_are_mathml(site: Path) -> None:
    page = (site / "mathematics" / "index.html").read_text("utf-8")
    assert page.count("<math") > 50 and "arithmatex" not in page
    assert not re.search(
        r"\\[a-z]+\b", re.sub(r"<(script|code).*?</\1>", "", page, flags=re.DOTALL)
    )


def test_links_of_the_readme_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    targets = re.findall(r"\]\(([^)#]+)", text)
    assert len(targets) > 5
    for target in targets:
        assert (ROOT / target).exists(), target


CODE = [code for page in PAGES for code in blocks(page)]


def test_every_block_says_what_it_is() -> None:
    assert [str(code) for code in CODE if code.language not in LANGUAGES] == []


@pytest.mark.parametrize(
    "page", [p for p in PAGES if any(c.language == "python" for c in blocks(p))],
    ids=lambda page: page.stem,
)  # fmt: skip
def test_python_runs(page: Path, tmp_path: Path) -> None:
    (tmp_path / "inputs").symlink_to(ROOT / "inputs")
    text = "\n".join(code.text for code in blocks(page) if code.language == "python")
    done = script(text, tmp_path)
    assert done.returncode == 0, done.stderr


def command_lines(code: Code) -> list[list[str]]:
    """Words of each command of a shell block."""
    found = []
    for line in code.text.splitlines():
        for command in line.split("#")[0].split("&&"):
            words = shlex.split(re.split(r"\s[|>]", command)[0])
            if words:
                found.append([Path(words[0]).name, *words[1:]])
    return found


SHELL_CODE = [code for code in CODE if code.language in SHELL]


@pytest.mark.parametrize("code", SHELL_CODE, ids=str)
def test_shell_commands_and_options_exist(code: Code) -> None:
    for program, *words in command_lines(code):
        assert program in PROGRAMS, f"{code}: {program}"
        for word in words:
            if word.startswith(("inputs/", "docs/")):
                assert (ROOT / word).exists(), f"{code}: {word}"
        if program != "optimizer":
            continue
        command, *rest = words
        if command.startswith("--"):
            assert command in ("--help", "--version"), f"{code}: {command}"
            continue
        assert command in COMMANDS, f"{code}: {command}"
        unknown = {w for w in rest if w.startswith("-")} - COMMANDS[command]
        assert not unknown, f"{code}: {unknown}"


def what_ifs() -> list[tuple[str, list[str], str]]:
    """Cases of this repository that a page runs with changed cells."""
    found = []
    for code in SHELL_CODE:
        for program, *words in command_lines(code):
            sets = [value for option, value in pairwise(words) if option == "--set"]
            if program == "optimizer" and sets and words[1].startswith("inputs/"):
                found.append((words[1], sets, str(code)))
    return found


@pytest.mark.parametrize(("case", "sets", "where"), what_ifs())
def test_what_ifs_of_the_pages_can_be_read(case: str, sets: list[str], where: str) -> None:
    problems = [p for p in Case.load(ROOT / case, overrides=sets).problems() if not p.is_warning]
    assert not problems, where
