"""Write the pictures of the README and of ``docs/`` from the report of a result folder.

``python docs/make_figures.py RESULT`` rebuilds RESULT/report.html and photographs it by headless
Chromium: ``docs/images/plan_map.png``, ``plan_schedule.png``, ``plan_hours.png``,
``report_decisions.png``, ``report_desktop.png`` and ``report_phone.png``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from optimizer.results.report.html import write_report

IMAGES = Path(__file__).resolve().parent / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
LARGEST = 300_000
"""Bytes that a picture may take."""


@dataclass(frozen=True)
class View:
    """One look at the page.

    Parameters
    ----------
    page : width of the page that is looked at [px]
    left, top : corner of the look when no element is named [px]
    element : query of the element whose corner is the corner of the look, blank if none
    """

    page: int
    left: int = 0
    top: int = 0
    element: str = ""


@dataclass(frozen=True)
class Picture:
    """One file: views of the same size side by side.

    Parameters
    ----------
    name : file name
    width, height : size of each view [px]
    views : from left to right
    """

    name: str
    width: int
    height: int
    views: tuple[View, ...]


PICTURES = (
    Picture("plan_map.png", 980, 618, (View(980, element="#map-title"),)),
    Picture("plan_schedule.png", 980, 640, (View(980, element="#gantt-title"),)),
    Picture("plan_hours.png", 980, 560, (View(980, element="#dispatch-title"),)),
    Picture("report_decisions.png", 1180, 640, (View(1180, element="#ready-title"),)),
    Picture("report_desktop.png", 1440, 900, (View(1440),)),
    Picture("report_phone.png", 390, 844, (
        View(390), View(390, element="#gantt-title"), View(390, element="#dispatch-title"),
    )),
)  # fmt: skip
GAP = 16
"""Room between and around views that stand side by side [px]."""

# A frame as tall as its page stands in a window of the picture's size and is moved to the look.
# Windows cannot be as narrow as a phone, so a narrow picture needs several views or is cut.
PAGE = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0; background: %(back)s; display: flex; gap: %(gap)spx; padding: %(gap)spx; }
div { width: %(width)spx; height: %(height)spx; overflow: hidden; position: relative; flex: none; background: #fff; }
iframe { border: 0; position: absolute; height: %(height)spx; }
</style>%(frames)s<script>
for (const frame of document.querySelectorAll("iframe")) {
  const wait = setInterval(() => {
    const page = frame.contentDocument;
    if (!page || !page.documentElement.dataset.ready) { return; }
    clearInterval(wait);
    const from = frame.dataset.element && page.querySelector(frame.dataset.element);
    const top = from ? from.getBoundingClientRect().top - 14 : Number(frame.dataset.top);
    frame.style.height = page.documentElement.scrollHeight + "px";
    frame.style.top = -top + "px";
    frame.style.left = -Number(frame.dataset.left) + "px";
  }, 100);
}
</script>"""


def frame_page(picture: Picture, report: Path) -> str:
    """Page that holds all views of a picture."""
    frames = "".join(
        f'<div><iframe src="{report.resolve().as_uri()}" style="width:{view.page}px" '
        f'data-element="{view.element}" data-left="{view.left}" data-top="{view.top}"></iframe></div>'
        for view in picture.views
    )
    several = len(picture.views) > 1
    return PAGE % {"width": picture.width, "height": picture.height, "frames": frames,
                   "gap": GAP if several else 0, "back": "#d0d7de" if several else "#fff"}  # fmt: skip


def photograph(browser: str, picture: Picture, report: Path, target: Path) -> None:
    """Write one picture.

    Raises
    ------
    subprocess.CalledProcessError : the browser fails
    """
    count, gap = len(picture.views), GAP if len(picture.views) > 1 else 0
    width = count * picture.width + (count + 1) * gap
    with tempfile.TemporaryDirectory() as scratch:
        page = Path(scratch) / "page.html"
        page.write_text(frame_page(picture, report), encoding="utf-8")
        subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--no-first-run", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--allow-file-access-from-files", f"--user-data-dir={scratch}/profile",
             "--virtual-time-budget=20000", f"--window-size={width},{picture.height + 2 * gap}",
             f"--screenshot={target}", page.as_uri()],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip


def main(arguments: list[str]) -> int:
    """Rebuild the report of the folder named and write all pictures; 0 if all are small enough."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if len(arguments) != 1 or browser is None:
        print("usage: python docs/make_figures.py RESULT (needs Chromium)", file=sys.stderr)
        return 2
    report = write_report(Path(arguments[0]))
    IMAGES.mkdir(exist_ok=True)
    sizes = []
    for picture in PICTURES:
        target = IMAGES / picture.name
        photograph(browser, picture, report, target)
        sizes.append(target.stat().st_size)
        print(f"{target} {sizes[-1]:,} bytes{' is too large' if sizes[-1] > LARGEST else ''}")
    return int(max(sizes) > LARGEST)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
