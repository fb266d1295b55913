"""Steps of every build on a calendar."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from optimizer.results.report.folder import Result, rows
from optimizer.results.report.style import PALETTE, figure, label
from optimizer.results.report.words import amount, day

STEP_COLOURS = {
    "queue": PALETTE[4], "upgrade": PALETTE[6], "permit": PALETTE[1], "procurement": PALETTE[5],
    "construction": PALETTE[0], "commissioning": PALETTE[2],
}  # fmt: skip
MARKS = {"online": ("diamond", PALETTE[3]), "open": ("star", "#000000")}
MOST_ROWS = 150
"""Above this many builds only the first are drawn; the table has all."""


def _builds(schedule: pd.DataFrame) -> pd.Series:
    """Name of the build that each step belongs to."""
    said = [f"{site}: {item}" + (f", {variant}" if variant else "") + f", {period}"
            for site, item, variant, period in zip(
                schedule["site"], schedule["item"], schedule["variant"], schedule["period"],
                strict=True)]  # fmt: skip
    opening = [f"{site}: opening" for site in schedule["site"]]
    names = pd.Series(said, index=schedule.index, dtype=object)
    return names.where(schedule["kind"] != "opening", pd.Series(opening, index=schedule.index))


def gantt(result: Result) -> go.Figure | None:
    """One line a build, grouped by site; a bar is a step, a mark is the day it is online."""
    schedule = result.tables["schedule"].dropna(subset=["start", "end"])
    if schedule.empty:
        return None
    schedule = schedule.assign(build=_builds(schedule)).sort_values(["site", "start"])
    names = list(dict.fromkeys(schedule["build"]))[:MOST_ROWS]
    schedule = schedule[schedule["build"].isin(names)]
    traces: list[object] = []
    for step, shade in STEP_COLOURS.items():
        part = schedule[schedule["step"] == step]
        if part.empty:
            continue
        traces.append(
            go.Bar(
                orientation="h", y=[label(b) for b in part["build"]],
                base=[d.strftime("%Y-%m-%d") for d in part["start"]],
                x=((part["end"] - part["start"]).dt.total_seconds() * 1000).tolist(),
                name=step, marker={"color": shade}, hoverinfo="text", hovertext=_texts(part),
            )
        )  # fmt: skip
    for step, (symbol, shade) in MARKS.items():
        part = schedule[schedule["step"] == step]
        if not part.empty:
            traces.append(
                go.Scatter(
                    x=[d.strftime("%Y-%m-%d") for d in part["start"]],
                    y=[label(b) for b in part["build"]], mode="markers", name=step,
                    marker={"symbol": symbol, "size": 10, "color": shade}, hoverinfo="text",
                    hovertext=_texts(part),
                )
            )  # fmt: skip
    made = figure(traces, "", height=140 + 24 * len(names), barmode="overlay", bargap=0.35)
    made.update_xaxes(type="date", side="top")
    made.update_yaxes(
        autorange="reversed", categoryorder="array", categoryarray=[label(r) for r in names]
    )
    made.update_layout(legend={"y": -0.01})
    return made


def _texts(part: pd.DataFrame) -> list[str]:
    return [
        f"{label(r.build)}<br>{label(r.step)}: {day(r.start)}"
        + (f" to {day(r.end)}" if r.end > r.start else "")
        + f"<br>{amount(r.amount, label(r.unit))}"
        for r in rows(part)
    ]
