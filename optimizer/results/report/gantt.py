"""Steps of every build on a calendar: first builds of all sites, or all builds of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from optimizer.results.report.folder import Result, rows
from optimizer.results.report.style import INK, PALETTE, figure, label
from optimizer.results.report.words import amount, day, first_periods, plain

STEP_COLOURS = {
    "queue": PALETTE[4], "upgrade": PALETTE[6], "permit": PALETTE[1], "procurement": PALETTE[5],
    "construction": PALETTE[0], "commissioning": PALETTE[2],
}  # fmt: skip
MOST_SITES = 40
"""Sites whose every build can be shown; the table has all."""
MOST_ROWS = 150
"""Above this many rows only the first are drawn; the table has all."""
OVERVIEW = "First build of each kind, all sites"
BUILD = ["site", "kind", "item", "variant", "period"]


@dataclass(frozen=True)
class Row:
    """One line of the chart.

    Parameters
    ----------
    text : what stands left of it
    site : site it belongs to
    steps : its rows of the schedule, none in the line that heads a site
    """

    text: str
    site: str
    steps: list[Any]


def gantt_views(result: Result) -> dict[str, go.Figure]:
    """A figure for the overview and for each site, by the name in its select box."""
    schedule = result.tables["schedule"].dropna(subset=["start", "end"])
    if schedule.empty:
        return {}
    ends = schedule.groupby(BUILD)["end"].transform("max")
    schedule = schedule.assign(ready=ends).sort_values(["ready", "start"])
    known = dict.fromkeys(schedule["site"])
    sites = list(dict.fromkeys([*(s for s in result.opened if s in known), *known]))
    first = schedule["ready"] == schedule.groupby(["site", "kind", "item"])["ready"].transform(
        "min"
    )
    span = (schedule["start"].min(), schedule["end"].max())
    overview = schedule[first]
    starts = dict(zip(result.periods, result.spans, strict=False))
    begun = {site: starts[period][0] for site, period in first_periods(result).items()
             if period in starts}  # fmt: skip
    firsts, builds = _of_sites(overview), _of_sites(schedule)
    views = {OVERVIEW: _figure(begun, _lines(firsts, sites, ""), overview["end"].max(), span[0])}
    for site in sites[:MOST_SITES]:
        views[f"{site}: every build"] = _figure(
            begun, _lines(builds, [site], ", {period}"), span[1], span[0])  # fmt: skip
    return views


def _of_sites(schedule: pd.DataFrame) -> dict[str, list[Any]]:
    """Steps of each site in the order of the schedule."""
    found: dict[str, list[Any]] = {}
    for step in rows(schedule):
        found.setdefault(step.site, []).append(step)
    return found


def _lines(schedule: dict[str, list[Any]], sites: list[str], detail: str) -> list[Row]:
    """Lines of the sites: a head, then their builds by the day they are ready."""
    lines: list[Row] = []
    for site in sites:
        if len(lines) >= MOST_ROWS:
            break
        mine = schedule.get(site, [])
        lines.append(Row(f"<b>{label(site)}</b>", site, [s for s in mine if s.kind == "opening"]))
        builds: dict[tuple[str, ...], list[Any]] = {}
        for s in mine:
            if s.kind != "opening":
                builds.setdefault((s.kind, s.item, s.variant, s.period), []).append(s)
        for (kind, item, _variant, period), steps in builds.items():
            text = f"grid, {item}" if kind == "interconnection" else plain(item)
            lines.append(Row(label(text + detail.format(period=period)), site, steps))
    return lines[:MOST_ROWS]


def _figure(
    begun: dict[str, pd.Timestamp], lines: list[Row], last: pd.Timestamp, first: pd.Timestamp
) -> go.Figure:
    traces: list[Any] = []
    for step, shade in STEP_COLOURS.items():
        parts = [(k, r) for k, line in enumerate(lines) for r in line.steps if r.step == step]
        if parts:
            traces.append(_bars(step, shade, parts))
    traces += _marks(begun, lines)
    made = figure(traces, "", height=110 + 24 * len(lines), barmode="overlay")
    room = (last - first) * 0.25  # for the texts right of the last marks
    made.update_xaxes(type="date", side="top", tickformat="%Y", dtick="M12",
                      range=[f"{first:%Y-%m-%d}", f"{last + room:%Y-%m-%d}"])  # fmt: skip
    made.update_yaxes(
        range=[len(lines) - 0.4, -0.7], tickmode="array", tickvals=list(range(len(lines))),
        ticktext=[line.text for line in lines], showgrid=False, zeroline=False,
        automargin=False,
    )  # fmt: skip
    heads = [k for k, line in enumerate(lines) if line.text.startswith("<b>") and k]
    longest = max(len(line.text.removeprefix("<b>").removesuffix("</b>")) for line in lines)
    made.update_layout(
        margin={"l": 28 + 7.6 * longest, "r": 8, "t": 28, "b": 8}, legend={"y": 0, "yanchor": "top"},
        shapes=[{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": k - 0.5, "y1": k - 0.5,
                 "line": {"color": "#d0d7de", "width": 1}} for k in heads],
    )  # fmt: skip
    return made


def _bars(step: str, shade: str, parts: list[tuple[int, Any]]) -> go.Bar:
    return go.Bar(
        orientation="h", y=[k for k, _ in parts], name=step, marker={"color": shade},
        base=[f"{r.start:%Y-%m-%d}" for _, r in parts], width=0.62,
        x=[(r.end - r.start).total_seconds() * 1000 for _, r in parts],
        hoverinfo="text", hovertext=[_text(r) for _, r in parts],
    )  # fmt: skip


def _marks(begun: dict[str, pd.Timestamp], lines: list[Row]) -> list[go.Scatter]:
    """Openings, days of energization with what comes, and the first load of each site."""
    opened, online = (
        [(k, r) for k, line in enumerate(lines) for r in line.steps if r.step == step]
        for step in ("open", "online")
    )
    heads = [(k, line.site) for k, line in enumerate(lines)
             if line.text.startswith("<b>") and line.site in begun]  # fmt: skip
    made = []
    if opened:
        made.append(_points("site opens", "star", INK, [(k, r.start, "", _text(r))
                                                        for k, r in opened]))  # fmt: skip
    if heads:
        made.append(_points("first load", "circle", INK, [
            (k, begun[s], "", f"{label(s)}: first load {day(begun[s])}") for k, s in heads
        ]))  # fmt: skip
    if online:
        made.append(_points("energized", "diamond", PALETTE[3], [
            (k, r.start, label(amount(r.amount, r.unit)), _text(r)) for k, r in online
        ]))  # fmt: skip
    return made


def _points(
    name: str, symbol: str, shade: str, points: list[tuple[int, pd.Timestamp, str, str]]
) -> go.Scatter:
    return go.Scatter(
        x=[f"{when:%Y-%m-%d}" for _, when, _, _ in points], y=[k for k, *_ in points], name=name,
        mode="markers+text", text=[text for _, _, text, _ in points], textfont={"size": 11},
        textposition="middle right", marker={"symbol": symbol, "size": 10, "color": shade},
        hoverinfo="text", hovertext=[said for *_, said in points], cliponaxis=False,
    )  # fmt: skip


def _text(step: Any) -> str:
    """What the pointer is told of a step."""
    variant = f", {label(step.variant)}" if step.variant else ""
    until = f" to {day(step.end)}" if step.end > step.start else ""
    return (
        f"{label(step.site)}: {label(plain(step.item))}{variant}, {label(step.period)}<br>"
        f"{label(step.step)}: {day(step.start)}{until}<br>{amount(step.amount, label(step.unit))}"
    )
