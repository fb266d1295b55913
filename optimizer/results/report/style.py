"""Colours and layout shared by all charts."""

from __future__ import annotations

import html
from typing import Any

import plotly.graph_objects as go

# Okabe and Ito (2008), without the yellow that is too pale on white for lines.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#8A7A00", "#000000")
PATTERNS = ("", "/", ".", "x", "-", "+", "|", "\\")
GREY = "#8C8C8C"


def label(text: object) -> str:
    """Text that a chart shows as it is: charts read a little HTML."""
    return html.escape(str(text), quote=False)


def colour(place: int) -> str:
    """Colour of the n-th series."""
    return PALETTE[place % len(PALETTE)]


def pattern(place: int) -> dict[str, Any]:
    """Hatching for the series after the last colour, so that no two look the same."""
    return {"shape": PATTERNS[(place // len(PALETTE)) % len(PATTERNS)]}


def figure(traces: list[Any], y_title: str, height: int = 400, **layout: Any) -> go.Figure:
    """A figure in the report's style."""
    made = go.Figure(traces)
    made.update_layout(
        template="plotly_white", height=height, autosize=True, font={"size": 13},
        margin={"l": 60, "r": 12, "t": 32, "b": 40},
        legend={"orientation": "h", "y": -0.18, "yanchor": "top", "x": 0},
    )  # fmt: skip
    made.update_yaxes(title_text=y_title, automargin=True)
    made.update_xaxes(automargin=True)
    made.update_layout(**layout)
    return made
