"""Report and packs in a real browser: nothing serious for axe-core, all of it by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from optimizer import Case, solve
from optimizer.results.report.packs import PACKS, write_pack
from optimizer.results.write import load_result
from tests.results.chromium import AXE, BROWSER, DESKTOP, PHONE, Chromium

QUICKSTART = Path(__file__).parents[2] / "inputs" / "quickstart"
TAB, ENTER, DOWN = ("Tab", 9), ("Enter", 13), ("ArrowDown", 40)
PAGES = ("report", *PACKS)
COMMITMENTS = pd.DataFrame([
    {"commitment": "option 1", "site": "Amarillo", "kind": "option", "item": "land",
     "date": "2026-05-01", "expires": "2027-06-01", "paid_usd": 2e5},
    {"commitment": "order 1", "site": "Amarillo", "kind": "order", "item": "engine",
     "quantity": 20, "date": "2026-05-01", "paid_usd": 3e6, "recovered_share": 0.5},
    {"commitment": "permit 1", "site": "Amarillo", "kind": "permit", "item": "air",
     "variant": "expedited", "date": "2026-05-01", "paid_usd": 1e6},
])  # fmt: skip

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="no browser here"),
]

FOCUSABLE = "a[href], button, select, summary, [tabindex='0']"
# What is in a closed <details> cannot be focused, but for its summary.
ALL = (f"[...document.querySelectorAll(\"{FOCUSABLE}\")].filter(e => e.getClientRects().length && "
       "(e.matches('summary') || !e.closest('details:not([open])')))")  # fmt: skip
HERE = f"{ALL}.indexOf(document.activeElement)"
OUTLINE = "getComputedStyle(document.activeElement).outlineStyle"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result of the example case with commitments, its report and all packs."""
    made = tmp_path_factory.mktemp("accessibility") / "result"
    case = Case.load(QUICKSTART)
    inputs = case.checked()
    held = Case.from_tables({**inputs.tables, "commitments": COMMITMENTS}, inputs.profiles)
    solve(held, gap=0.3).write(made)
    for name in PACKS:
        write_pack(name, made, load_result(made).inputs)
    return made


@pytest.fixture(scope="module", params=[PHONE, DESKTOP], ids=["phone", "desk"])
def browser(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("profile"), request.param) as made:
        yield made


def show(browser: Chromium, folder: Path, name: str) -> None:
    """Open a page afresh; what was said about the one before is forgotten."""
    browser.ask("document.documentElement?.remove()")
    browser.console.clear()
    browser.requests.clear()
    drawn = "document.documentElement.dataset.ready" if name == "report" else "true"
    ready = f"document.querySelector('footer') && document.readyState === 'complete' && {drawn}"
    browser.open(folder / f"{name}.html", ready)


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed here: .ci/run does it")
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(browser: Chromium, folder: Path, name: str) -> None:
    show(browser, folder, name)
    browser.ask("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.violations() == []


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed here: .ci/run does it")
def test_axe_would_find_something(browser: Chromium, folder: Path) -> None:
    show(browser, folder, "board")
    browser.ask("document.querySelector('main').append(document.createElement('img'))")
    assert any("image-alt" in found for found in browser.violations())


@pytest.mark.parametrize("name", PAGES)
def test_page_fits_fetches_nothing_and_is_silent(
    browser: Chromium, folder: Path, name: str
) -> None:
    show(browser, folder, name)
    assert browser.ask("document.documentElement.scrollWidth <= innerWidth")
    assert [
        url for url in browser.requests if not url.startswith(("file:", "data:", "blob:"))
    ] == []
    assert browser.console == []


@pytest.mark.parametrize("name", PAGES)
def test_every_control_is_reached_by_keys(browser: Chromium, folder: Path, name: str) -> None:
    show(browser, folder, name)
    count = browser.ask(f"{ALL}.length")
    seen = []
    for _ in range(count):
        browser.press(*TAB)
        seen.append(browser.ask(HERE))
        assert browser.ask(OUTLINE) != "none"
    assert count > 3
    assert seen == list(range(count))  # in the order of the page, and no trap


def test_report_is_worked_by_keys(browser: Chromium, folder: Path) -> None:
    show(browser, folder, "report")
    browser.press(*TAB)
    assert browser.ask("document.activeElement.className") == "skip"
    browser.press(*ENTER)
    assert browser.ask("location.hash") == "#main"
    browser.ask("document.querySelector('#ready-title').parentElement.querySelector('summary')"
                ".focus()")  # fmt: skip
    browser.press(*ENTER)
    assert browser.ask("document.activeElement.parentElement.open")
    browser.ask("document.querySelector('#pick-week').focus()")
    browser.press(*DOWN)
    assert browser.ask("document.querySelector('#pick-week').selectedIndex") == 1
