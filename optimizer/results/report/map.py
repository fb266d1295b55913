"""Map of chosen and other sites over state borders."""

from __future__ import annotations

import json
import math
from importlib.resources import files
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from optimizer.results.report.folder import Result, most_placed, rows
from optimizer.results.report.style import GREY, INK, PALETTE, figure, label
from optimizer.results.report.words import amount, month

STATES = (
    ("AL", -86.8, 32.8), ("AZ", -111.7, 34.4), ("AR", -92.4, 34.8), ("CA", -119.8, 37.2),
    ("CO", -105.5, 39.0), ("CT", -72.7, 41.6), ("DE", -75.5, 39.0), ("FL", -81.7, 28.3),
    ("GA", -83.4, 32.7), ("ID", -114.5, 43.9), ("IL", -89.2, 40.0), ("IN", -86.3, 39.9),
    ("IA", -93.5, 42.0), ("KS", -98.4, 38.5), ("KY", -85.3, 37.5), ("LA", -92.3, 31.0),
    ("ME", -69.2, 45.3), ("MD", -76.8, 39.3), ("MA", -71.8, 42.3), ("MI", -84.7, 43.3),
    ("MN", -94.5, 46.2), ("MS", -89.7, 32.8), ("MO", -92.5, 38.4), ("MT", -109.5, 47.0),
    ("NE", -99.8, 41.5), ("NV", -116.8, 39.4), ("NH", -71.6, 43.7), ("NJ", -74.6, 40.2),
    ("NM", -106.9, 34.0), ("NY", -75.5, 42.9), ("NC", -79.2, 35.5), ("ND", -100.4, 47.4),
    ("OH", -82.8, 40.3), ("OK", -97.4, 35.6), ("OR", -120.6, 43.9), ("PA", -77.8, 40.9),
    ("RI", -71.5, 41.7), ("SC", -80.9, 33.9), ("SD", -100.2, 44.4), ("TN", -86.4, 35.8),
    ("TX", -99.7, 30.4), ("UT", -111.6, 39.3), ("VT", -72.7, 44.1), ("VA", -78.5, 37.5),
    ("WA", -120.4, 47.4), ("WV", -80.7, 38.6), ("WI", -89.8, 44.6), ("WY", -107.5, 43.0),
)  # fmt: skip
MOST_NAMES = 60
"""With more sites only so many chosen ones, the largest, have their names beside them."""
LEAST_MARGIN = 1.8
"""Degrees shown around the outermost sites."""
PLACES = (
    ("top center", 0.0, 1.0), ("bottom center", 0.0, -1.0), ("middle right", 1.0, 0.0),
    ("middle left", -1.0, 0.0), ("top right", 0.8, 0.8), ("top left", -0.8, 0.8),
    ("bottom right", 0.8, -0.8), ("bottom left", -0.8, -0.8),
)  # fmt: skip
"""Where a name may stand beside its point, the preferred first."""


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


def _frame(points: pd.DataFrame) -> tuple[list[float], list[float]]:
    """Range of longitude and latitude that holds all points with some room."""
    ranges = []
    for axis in ("longitude", "latitude"):
        low, high = float(points[axis].min()), float(points[axis].max())
        room = max(LEAST_MARGIN, 0.12 * (high - low))
        ranges.append([low - room, high + room])
    return ranges[0], ranges[1]


def _regions(result: Result) -> pd.DataFrame:
    """Regions whose load is served, with their coordinates."""
    table = result.inputs.get("regions", pd.DataFrame())
    if not {"region", "longitude", "latitude"} <= set(table.columns):
        return pd.DataFrame({"region": [], "longitude": [], "latitude": []})
    table = table[["region", "longitude", "latitude"]].copy()
    for axis in ("longitude", "latitude"):
        table[axis] = pd.to_numeric(table[axis], errors="coerce")
    return table.dropna()


Box = tuple[float, float, float, float]
"""West, south, east, north [degrees]."""


def _overlap(one: Box, other: Box) -> float:
    across = min(one[2], other[2]) - max(one[0], other[0])
    up = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, across) * max(0.0, up)


def _places(points: list[tuple[float, float, str]], across: list[float]) -> list[str]:
    """Where each name stands so that it covers least of the points and of names placed before.

    Names are taken as boxes, measured for a map of phone width, where room is scarcest.
    """
    letter = (across[1] - across[0]) / 50
    line = 2.1 * letter * math.cos(math.radians(points[0][1]))
    taken: list[Box] = [(x - letter, y - line / 2, x + letter, y + line / 2) for x, y, _ in points]
    chosen = []
    for k, (x, y, name) in enumerate(points):
        half = letter * len(name) / 2
        found: list[tuple[float, int, str, Box]] = []
        for rank, (place, sideways, up) in enumerate(PLACES):
            middle, height = x + sideways * (half + 1.2 * letter), y + up * line
            box = (middle - half, height - line / 2, middle + half, height + line / 2)
            others = taken[:k] + taken[k + 1 :]
            outside = max(0.0, across[0] - box[0]) + max(0.0, box[2] - across[1])
            covered = sum(_overlap(box, other) for other in others) + outside * line
            found.append((round(covered, 3), rank, place, box))
        _, _, place, box = min(found)
        chosen.append(place)
        taken.append(box)
    return chosen


def _site_points(
    result: Result, sites: pd.DataFrame, opened: bool, places: dict[str, str]
) -> go.Scatter:
    most = most_placed(result.tables["placement"])
    texts = [
        f"<b>{label(r.site)}</b><br>{label(r.market)}, {label(r.jurisdiction)}<br>" + (
            f"opens {month(r.open_date) or 'without date'}, "
            f"up to {amount(most.get(r.site, 0.0), 'MW')} of IT" if opened else "not chosen"
        )
        for r in rows(sites)
    ]  # fmt: skip
    marker: dict[str, Any] = (
        {"symbol": "circle", "color": PALETTE[0], "opacity": 1, "line": {"color": "#fff", "width": 1},
         "size": [10 + 0.6 * math.sqrt(most.get(s, 0.0)) for s in sites["site"]]}
        if opened else {"symbol": "x-thin", "size": 9, "line": {"color": PALETTE[3], "width": 2}}
    )  # fmt: skip
    weight = ("<b>", "</b>") if opened else ("", "")
    return go.Scatter(
        x=sites["longitude"].tolist(), y=sites["latitude"].tolist(), marker=marker,
        mode="markers+text",
        text=[f"{weight[0]}{label(s)}{weight[1]}" if s in places else "" for s in sites["site"]],
        textposition=[places.get(s, PLACES[0][0]) for s in sites["site"]], textfont={"color": INK if opened else "#57606a", "size": 12},
        hovertext=texts, hoverinfo="text", cliponaxis=False,
        name="opened (larger: more IT load)" if opened else "not chosen",
    )  # fmt: skip


def site_map(result: Result) -> go.Figure | None:
    """All candidate sites with their names, and the regions whose load they serve."""
    sites, regions = result.tables["sites"], _regions(result)
    if sites.empty:
        return None
    sites = sites.sort_values("opened", ascending=False, kind="stable")
    across, up = _frame(pd.concat([sites[["longitude", "latitude"]],
                                   regions[["longitude", "latitude"]]]))  # fmt: skip
    named = sites
    if len(sites) > MOST_NAMES:
        largest = list(most_placed(result.tables["placement"]))[:MOST_NAMES]
        named = sites[sites["site"].isin(largest)]
    names = [(r.longitude, r.latitude, str(r.site)) for r in rows(named)]
    names += [(r.longitude, r.latitude, str(r.region)) for r in rows(regions)]
    found = _places(names, across) if names else []
    places = dict(zip(named["site"], found, strict=False))
    x, y = _borders()
    traces = [go.Scatter(x=x, y=y, mode="lines", line={"color": GREY, "width": 0.8},
                         hoverinfo="skip", showlegend=False)]  # fmt: skip
    inside = [
        s
        for s in STATES
        if across[0] + 0.5 < s[1] < across[1] - 0.5 and up[0] + 0.5 < s[2] < up[1] - 0.5
    ]
    traces.append(go.Scatter(
        x=[s[1] for s in inside], y=[s[2] for s in inside], text=[s[0] for s in inside],
        mode="text", textfont={"size": 17, "color": "#c3cad1"}, hoverinfo="skip", showlegend=False,
    ))  # fmt: skip
    chosen = int(sites["opened"].sum())
    for opened, part in ((True, slice(0, chosen)), (False, slice(chosen, len(sites)))):
        if len(sites[part]):
            traces.append(_site_points(result, sites[part], opened, places))
    if len(regions):
        traces.append(go.Scatter(
            x=regions["longitude"].tolist(), y=regions["latitude"].tolist(), mode="markers+text",
            text=[f"<i>{label(r)}</i>" for r in regions["region"]], name="region of load",
            textposition=found[len(named) :], hoverinfo="text", textfont={"color": "#57606a"},
            hovertext=[f"region of load: {label(r)}" for r in regions["region"]],
            marker={"symbol": "square-open", "size": 9, "color": INK, "line": {"width": 1.5}},
        ))  # fmt: skip
    made = figure(traces, "", height=540)
    middle = math.radians(sum(up) / 2)
    made.update_xaxes(visible=False, range=across, constrain="domain")
    # One degree of longitude is shorter than one of latitude.
    made.update_yaxes(visible=False, range=up, scaleanchor="x", scaleratio=1 / math.cos(middle))
    made.update_layout(legend={"y": 0}, margin={"l": 4, "r": 4, "t": 4, "b": 4})
    return made
