"""The report as a browser shows it: drawn, within the width, usable by keys, without errors."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from optimizer.results.report.html import write_report
from tests.results.chromium import Chromium
from tests.results.fake_result import write_fake_result

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
PHONE, DESKTOP = (390, 844), (1440, 900)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="no browser here"),
]

# What the page tells of itself, asked from a frame around it.
ASK = """
const root = page.documentElement, by = (id) => page.getElementById(id);
const bottom = (query) => page.querySelector(query).getBoundingClientRect().bottom;
const change = (select, index) => { select.selectedIndex = index; select.dispatchEvent(new Event("change")); };
const until = async (test) => { for (let k = 0; k < 100 && !test(); k++) { await new Promise((go) => setTimeout(go, 50)); } return test(); };
const told = {
  width: root.scrollWidth,
  charts: page.querySelectorAll(".chart").length,
  drawn: page.querySelectorAll(".chart .main-svg .subplot.xy").length,
  unnamed: page.querySelectorAll(".chart:not([aria-label]), .scroll:not([tabindex='0']), select:not(label select)").length,
  first_sentence: bottom(".decision p"), decision: bottom(".decision"), tiles: bottom("dl.figures"),
  chosen: bottom("#decision table tbody tr"),
  fetched: frame.contentWindow.performance.getEntriesByType("resource").length,
};
change(by("pick-site"), 0); change(by("pick-period"), 0); change(by("pick-week"), 3);
await until(() => by("dispatch-words").textContent.startsWith("Abilene, 2027-Q3") && by("chart-dispatch").data[0].x[0].includes("-22"));
told.hours = by("chart-dispatch").data[0].x[0];
by("week-after").click();
told.next = await until(() => by("chart-dispatch").data[0].x[0] !== told.hours && by("chart-dispatch").data[0].x[0]);
const before = by("chart-gantt").layout.yaxis.ticktext.length;
change(page.querySelector("[data-views=gantt]"), 1);
told.fewer = await until(() => by("chart-gantt").layout.yaxis.ticktext.length < before);
"""


def ask(folder: Path, profile: Path, size: tuple[int, int]) -> tuple[dict[str, Any], list[str]]:
    """Answers of the page in a frame of this size, and what the console says.

    A window cannot be as narrow as a phone; a frame can.
    """
    assert BROWSER is not None
    around = folder / "frame.html"
    around.write_text(
        f'<iframe id="f" src="report.html" style="width:{size[0]}px;height:{size[1]}px;border:0">'
        "</iframe><script>const frame = document.getElementById('f');"
        "const wait = setInterval(async () => { const page = frame.contentDocument;"
        "if (!page || !page.documentElement.dataset.ready) { return; } clearInterval(wait);"
        f"{ASK} document.title = 'told ' + JSON.stringify(told); }}, 100);</script>"
    )
    run = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--allow-file-access-from-files", f"--user-data-dir={profile}",
         "--enable-logging=stderr", "--virtual-time-budget=20000", "--dump-dom",
         f"--window-size={size[0] + 100},{size[1] + 100}", around.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    said = re.search(r"<title>told (\{.*\})</title>", run.stdout)
    assert said is not None
    return json.loads(html.unescape(said[1])), [
        line for line in run.stderr.splitlines() if "CONSOLE" in line
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = write_fake_result(tmp_path_factory.mktemp("browser") / "run")
    write_report(made)
    return made


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_page_draws_without_errors_and_fits(
    folder: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    told, console = ask(folder, tmp_path, size)
    assert console == []
    assert told["width"] <= size[0]
    assert told["drawn"] == told["charts"] == 10
    assert told["fetched"] == 0
    assert told["unnamed"] == 0
    # First screen: the decision in words; on a desk also its figures and the first chosen site.
    assert told["decision" if size == PHONE else "chosen"] <= size[1]
    # The hours and the calendar follow what is chosen.
    assert (told["hours"], told["next"]) == ("2012-07-22 12:00", "2012-07-29 12:00")
    assert told["fewer"]


PRINTED = """
document.addEventListener("DOMContentLoaded", () => {
  window.told = { early: Boolean(window.Plotly), words: document.querySelector("footer").innerText };
  dispatchEvent(new Event("beforeprint"));
  told.drawn = document.querySelectorAll(".chart .main-svg .subplot.xy").length;
  told.hours = document.getElementById("dispatch-words").textContent;
});
"""


def test_words_come_before_charts_and_a_printer_gets_all_of_both(
    folder: Path, tmp_path: Path
) -> None:
    with Chromium(tmp_path / "profile", DESKTOP) as browser:
        browser.call("Page.addScriptToEvaluateOnNewDocument", source=PRINTED)
        browser.open(folder / "report.html", "document.documentElement?.dataset.ready")
        told = browser.ask("told")
        assert browser.console == []
    assert told["early"] is False and "plotly.js" in told["words"]
    assert told["drawn"] == 10
    assert told["hours"].startswith("Cheyenne, 2028-Q2, hours of reference year 2012")


def test_what_is_looked_at_is_drawn_first(folder: Path, tmp_path: Path) -> None:
    first = ("new MutationObserver((_, seen) => { const box = document.querySelector("
             "'.chart.js-plotly-plot'); if (box) { window.first = box.id; seen.disconnect(); } })"
             ".observe(document, {subtree: true, attributes: true, attributeFilter: ['class']});"
             "document.addEventListener('DOMContentLoaded', () => "
             "document.getElementById('convergence-title').scrollIntoView());")  # fmt: skip
    with Chromium(tmp_path / "profile", PHONE) as browser:
        browser.call("Page.addScriptToEvaluateOnNewDocument", source=first)
        browser.open(folder / "report.html", "document.documentElement?.dataset.ready")
        assert browser.ask("first") == "chart-convergence"
