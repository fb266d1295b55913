"""Colours and layout shared by all charts."""

from __future__ import annotations

import html
from importlib.resources import files
from typing import Any

import plotly.graph_objects as go

# Okabe and Ito (2008), without the yellow that is too pale on white for lines.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#8A7A00", "#000000")
PATTERNS = ("", "/", ".", "x", "-", "+", "|", "\\")
GREY = "#8C8C8C"
INK = "#1b1f24"
GRID = "#e5e9ed"
MISSING_LOOK: dict[str, Any] = {
    "color": "#FFFFFF", "line": {"color": "#57606a", "width": 1},
    "pattern": {"shape": "/", "fgcolor": "#57606a", "bgcolor": "#FFFFFF", "size": 6},
}  # fmt: skip
"""What is missing is hatched, in no colour of the palette."""

# Charts carry only what differs from the library's plain look: its named templates are 8 kB each.
TEMPLATE: dict[str, Any] = {
    "layout": {
        "paper_bgcolor": "#fff", "plot_bgcolor": "#fff", "font": {"color": INK, "size": 13},
        "xaxis": {"gridcolor": GRID, "zerolinecolor": GRID, "automargin": True},
        "yaxis": {"gridcolor": GRID, "zerolinecolor": GREY, "automargin": True,
                  "ticks": "outside", "ticklen": 6, "tickcolor": "#fff"},
        "hoverlabel": {"align": "left"},
    }
}  # fmt: skip


def chart_library() -> str:
    """Text of the script that draws the charts (``plotlyjs/SOURCE.md``)."""
    place = files("optimizer.results.report").joinpath("plotlyjs/plotly-cartesian.min.js")
    return place.read_text("utf-8")


def label(text: object) -> str:
    """Text that a chart shows as it is: charts read a little HTML."""
    return html.escape(str(text), quote=False)


MOST_SITES = 24
"""Sites that a chart tells apart; the others are one series."""


def others(count: int) -> str:
    """Name of the series of all sites that are not shown apart."""
    return f"{count} other sites" if count > 1 else "1 other site"


def colour(place: int) -> str:
    """Colour of the n-th series."""
    return PALETTE[place % len(PALETTE)]


def pattern(place: int) -> dict[str, Any]:
    """Hatching for the series after the last colour, so that no two look the same."""
    return {"shape": PATTERNS[(place // len(PALETTE)) % len(PATTERNS)]}


def figure(traces: list[Any], y_title: str, height: int = 400, **layout: Any) -> go.Figure:
    """A figure in the report's style."""
    made = go.Figure(traces, layout={"template": TEMPLATE})
    made.update_layout(
        height=height, autosize=True, margin={"l": 56, "r": 12, "t": 12, "b": 40},
        legend={"orientation": "h", "y": -0.14, "yanchor": "top", "x": 0, "traceorder": "normal"},
    )  # fmt: skip
    made.update_yaxes(title_text=y_title)
    made.update_layout(**layout)
    return made
