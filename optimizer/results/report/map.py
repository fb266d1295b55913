"""Map of chosen and other sites over state borders."""

from __future__ import annotations

import json
import math
from importlib.resources import files
from typing import Any

import plotly.graph_objects as go

from optimizer.results.report.folder import Result, rows
from optimizer.results.report.style import GREY, PALETTE, figure, label
from optimizer.results.report.words import amount, day

MIDDLE_LATITUDE = 38.0


def _borders() -> tuple[list[float | None], list[float | None]]:
    """Longitudes and latitudes of all border lines, parted by None."""
    source = files("optimizer.results").joinpath("layers/us_state_borders.geojson")
    lines = json.loads(source.read_text("utf-8"))["features"][0]["geometry"]["coordinates"]
    x: list[float | None] = []
    y: list[float | None] = []
    for line in lines:
        x += [point[0] for point in line] + [None]
        y += [point[1] for point in line] + [None]
    return x, y


def _points(result: Result, opened: bool) -> go.Scatter:
    sites = result.tables["sites"]
    sites = sites[sites["opened"] == opened]
    placed = result.tables["placement"].groupby(["site", "period"])["it_mw"].sum()
    most = placed.groupby(level="site").max().to_dict()
    texts = [
        f"{label(r.site)}<br>" + (
            f"opens {day(r.open_date) or 'without date'}, up to {amount(most.get(r.site, 0.0), 'MW')} of IT"
            if opened else "not chosen"
        )
        for r in rows(sites)
    ]  # fmt: skip
    marker: dict[str, Any] = (
        {"symbol": "circle", "color": PALETTE[0], "line": {"color": "white", "width": 1},
         "size": [12 + 0.5 * math.sqrt(most.get(s, 0.0)) for s in sites["site"]]}
        if opened else {"symbol": "x-thin", "size": 9, "line": {"color": PALETTE[3], "width": 2}}
    )  # fmt: skip
    return go.Scatter(
        x=sites["longitude"].tolist(), y=sites["latitude"].tolist(), marker=marker,
        mode="markers+text" if opened else "markers", hovertext=texts, hoverinfo="text",
        text=[label(s) for s in sites["site"]] if opened else None, textposition="top center",
        cliponaxis=False, name="opened" if opened else "not chosen",
    )  # fmt: skip


def site_map(result: Result) -> go.Figure | None:
    """All candidate sites; size grows with the most IT load placed [MW]."""
    if result.tables["sites"].empty:
        return None
    x, y = _borders()
    borders = go.Scatter(x=x, y=y, mode="lines", line={"color": GREY, "width": 0.7},
                         hoverinfo="skip", showlegend=False)  # fmt: skip
    made = figure([borders, _points(result, False), _points(result, True)], "", height=520)
    made.update_xaxes(visible=False)
    # One degree of longitude is shorter than one of latitude.
    made.update_yaxes(
        visible=False, scaleanchor="x", scaleratio=1 / math.cos(math.radians(MIDDLE_LATITUDE))
    )
    made.update_layout(legend={"y": -0.02}, margin={"l": 4, "r": 4, "t": 12, "b": 4})
    return made
