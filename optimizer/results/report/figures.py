"""The report's charts as files: PNG for slides, SVG for print.

They are the charts of the page itself, drawn by the same library, so a browser draws them.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
import shutil
import subprocess
import tempfile
import textwrap
from pathlib import Path
from typing import Any

from optimizer.errors import MachineError
from optimizer.results.report.folder import read_result
from optimizer.results.report.html import Chart, all_charts, script_json
from optimizer.results.report.marks import stamps
from optimizer.results.report.style import chart_library

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
            "msedge", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")  # fmt: skip
WIDTH, HEIGHT, SCALE = 1200, 600, 2
"""Size of a figure [px], and pixels of the PNG for each of them."""
LINE = 150
"""Letters of a stamp in one line."""
SECONDS = 180

PAGE = """<!doctype html><meta charset="utf-8"><title>figures</title><div id="box"></div>
<script>%(library)s</script><script type="application/json" id="figures">%(figures)s</script><script>
(async () => {
  const made = [];
  for (const figure of JSON.parse(document.getElementById("figures").textContent)) {
    const size = { width: %(width)s, height: figure.height };
    const whole = { data: figure.data, layout: { ...figure.layout, ...size, autosize: false } };
    const draw = (format, scale) => Plotly.toImage(whole, { ...size, format, scale, imageDataOnly: true });
    made.push({ name: figure.name, svg: await draw("svg", 1), png: await draw("png", %(scale)s) });
  }
  document.body.replaceChildren();
  document.title = "made " + JSON.stringify(made);
})().catch((error) => { document.title = "failed " + error; });
</script>"""


def write_figures(folder: Path, target: Path) -> list[Path]:
    """Write every chart of a result's report as PNG and SVG.

    Parameters
    ----------
    folder : result folder
    target : folder of the figures; made if it is not there, files of the same names are replaced

    Raises
    ------
    MachineError : there is no browser, it fails, or the files cannot be written
    """
    result = read_result(folder)
    figures = [entry for chart in all_charts(result, stamps(result.inputs)).values()
               for entry in _entries(chart)]  # fmt: skip
    alt = {entry["name"]: entry.pop("alt") for entry in figures}
    written = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        for made in _drawn(figures):
            svg, png = (target / f"{made['name']}.{kind}" for kind in ("svg", "png"))
            label = html.escape(alt[made["name"]], quote=True)
            text = made["svg"].replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
            svg.write_text(text, encoding="utf-8")
            png.write_bytes(base64.b64decode(made["png"]))
            written += [svg, png]
    except OSError as error:
        raise MachineError(f"{target} cannot be written ({error.strerror}). Choose another "
                           "folder.") from error  # fmt: skip
    return written


def _entries(chart: Chart) -> list[dict[str, Any]]:
    """Data, layout and file name of each view of a chart, with title and stamps above it."""
    entries = []
    for k, (view, figure) in enumerate(chart.figures.items()):
        made = json.loads(figure.to_json())
        layout = made["layout"]
        title = chart.title if view == chart.title or not k else f"{chart.title}: {view}"
        said = "; ".join(f"{kind}: {text}" for kind, text in chart.notes)
        lines = [html.escape(line) for line in textwrap.wrap(said, LINE)]
        room = 46 + 15 * len(lines)
        layout["title"] = {"text": html.escape(title), "x": 0.01, "y": 1, "yref": "container",
                           "yanchor": "top", "pad": {"t": 12}, "automargin": False,
                           "subtitle": {"text": "<br>".join(lines), "font": {"size": 11}}}  # fmt: skip
        height = int(layout.get("height") or HEIGHT) + room
        layout["margin"] = {**layout.get("margin", {}), "t": layout["margin"].get("t", 0) + room}
        name = chart.name if not k else f"{chart.name}-{_file_name(view)}"
        entries.append({"name": name, "data": made["data"], "layout": layout, "height": height,
                        "alt": chart.alt})  # fmt: skip
    return entries


def _file_name(text: str) -> str:
    """Letters, digits and dashes only."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "view"


def browser() -> str:
    """Path of a browser that can draw.

    Raises
    ------
    MachineError : there is none
    """
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise MachineError("Figures are drawn by Chromium or Chrome, and none was found. Install "
                           "one (on Debian and Ubuntu: apt-get install chromium), or save the "
                           "charts from report.html by hand.")  # fmt: skip
    return found


def _drawn(figures: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Name, SVG text and PNG in base64 of each figure."""
    if not figures:
        return []
    # Its sandbox does not start for root, as in a container; the page is our own text.
    as_root = ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    with tempfile.TemporaryDirectory() as scratch:
        page = Path(scratch) / "figures.html"
        page.write_text(PAGE % {"library": chart_library(), "figures": script_json(figures),
                                "width": WIDTH, "scale": SCALE}, encoding="utf-8")  # fmt: skip
        try:
            run = subprocess.run(
                [browser(), "--headless", *as_root, "--disable-gpu", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync",
                 f"--user-data-dir={scratch}/profile", "--virtual-time-budget=120000", "--dump-dom",
                 page.as_uri()],
                capture_output=True, text=True, timeout=SECONDS, check=True,
            )  # fmt: skip
        except subprocess.SubprocessError as error:
            raise MachineError("The browser that draws the figures failed or took longer than "
                               f"{SECONDS} s. Try again, or save the charts from report.html by "
                               "hand.") from error  # fmt: skip
    said = re.search(r"<title>made (\[.*?\])</title>", run.stdout, re.DOTALL)
    if said is None:
        raise MachineError("The browser that draws the figures gave no answer. Save the charts "
                           "from report.html by hand.")  # fmt: skip
    made: list[dict[str, str]] = json.loads(html.unescape(said[1]))
    return made
