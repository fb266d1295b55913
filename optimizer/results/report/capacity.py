"""Power capacity by technology, and load placed and missing, by period."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from optimizer.results.report.folder import Result, most_placed
from optimizer.results.report.style import (
    GREY,
    INK,
    MISSING_LOOK,
    MOST_SITES,
    colour,
    figure,
    label,
    others,
    pattern,
)
from optimizer.results.report.words import amount, listing, plain

# Kinds of power that readers expect in a colour; all others take the remaining colours in order.
OTHER_LOOK = {"color": "#b8c0c8", "pattern": {"shape": "x"}}
EXPECTED = (("solar", 1), ("wind", 2), ("battery", 4), ("storage", 4))
OTHERS = (0, 5, 3, 6, 7)


def technologies(result: Result) -> list[str]:
    """Technologies that are built, grid last."""
    return [*dict.fromkeys(result.tables["capacity"]["technology"]), "grid"]


def looks(names: list[str]) -> dict[str, dict[str, Any]]:
    """Colour and hatching of each technology, the same in all charts."""
    made: dict[str, dict[str, Any]] = {}
    expected = {n: next((k for part, k in EXPECTED if part in n), None) for n in names}
    others = [n for n in names if expected[n] is None and n != "grid"]
    for name in names:
        place = expected[name]
        if name == "grid":
            made[name] = {"color": GREY, "pattern": {"shape": ""}}
            continue
        if place is None:
            rank = others.index(name)
            place = OTHERS[rank % len(OTHERS)] + 8 * (rank // len(OTHERS))
        taken = sum(look["color"] == colour(place) for look in made.values())
        made[name] = {"color": colour(place), "pattern": pattern(max(place, 8 * taken))}
    return made


def _by_period(frame: pd.DataFrame, value: str, periods: list[str]) -> list[float]:
    sums = frame.groupby("period")[value].sum()
    return [round(float(sums.get(p, 0.0)), 1) for p in periods]


def _axis(result: Result) -> tuple[dict[str, Any], dict[str, Any]]:
    """How bars lie on the axis and the axis: as wide as their periods where dates are known."""
    names = [label(p) for p in result.periods]
    spans = result.spans
    if not spans:
        return {"x": names, "customdata": names}, {"type": "category"}
    bars = {
        "x": [(start + (end - start) / 2).strftime("%Y-%m-%d") for start, end in spans],
        "width": [0.92 * (end - start).total_seconds() * 1000 for start, end in spans],
        "customdata": names,
    }
    return bars, {"type": "date", "tickformat": "%Y", "dtick": "M12"}


def _load_line(result: Result, values: list[float], name: str) -> go.Scatter:
    """A line of steps over the bars."""
    spans = result.spans
    days = [start.strftime("%Y-%m-%d") for start, _ in spans]
    days += [spans[-1][1].strftime("%Y-%m-%d")] if spans else []
    known = [*values, values[-1]] if spans else values
    return go.Scatter(
        x=days or [label(p) for p in result.periods], y=known, mode="lines", name=name,
        line={"color": INK, "width": 2, "shape": "hv" if spans else "hvh"},
        hovertemplate=name + ": %{y:,.0f} MW<extra></extra>",
    )  # fmt: skip


def _bars(result: Result, name: str, values: list[float], look: dict[str, Any]) -> go.Bar:
    place, _ = _axis(result)
    return go.Bar(
        **place, y=values, name=label(name), marker=look,
        hovertemplate="%{customdata}<br>" + label(name) + ": %{y:,.0f} MW<extra></extra>",
    )  # fmt: skip


def _standing(result: Result) -> pd.DataFrame:
    """MW standing by technology and period, all sites, grid included."""
    grid = result.tables["interconnection"]
    grid = grid.assign(technology="grid", standing_mw=grid["firm_mw"] + grid["flexible_mw"])
    return pd.concat([result.tables["capacity"], grid])[["technology", "period", "standing_mw"]]


def capacity_chart(result: Result) -> go.Figure | None:
    """MW standing in each period by technology, all sites, and grid power, against IT load."""
    rows = _standing(result)
    if rows.empty or not result.periods:
        return None
    names = technologies(result)
    look = looks(names)
    traces: list[Any] = [
        _bars(result, plain(name),
              _by_period(rows[rows["technology"] == name], "standing_mw", result.periods),
              look[name])
        for name in names
    ]  # fmt: skip
    placed = _by_period(result.tables["placement"], "it_mw", result.periods)
    traces.append(_load_line(result, placed, "IT load placed"))
    return figure(traces, "MW", barmode="stack", xaxis=_axis(result)[1])


def capacity_words(result: Result) -> str:
    """What stands in the last period."""
    rows = _standing(result)
    if rows.empty or not result.periods:
        return ""
    last = result.periods[-1]
    sums = rows[rows["period"] == last].groupby("technology")["standing_mw"].sum()
    parts = [f"{plain(str(n))} {amount(float(mw), 'MW')}"
             for n, mw in sums.sort_values(ascending=False).items() if mw >= 0.5]  # fmt: skip
    return f"In {last} there stand: {listing(parts) or 'nothing'}."


def load_chart(result: Result) -> go.Figure | None:
    """MW of IT load placed at each site and missing; together they are the demand."""
    backlog, placement = result.tables["backlog"], result.tables["placement"]
    if backlog.empty or not result.periods:
        return None
    traces: list[Any] = []
    largest = list(most_placed(placement))
    apart = set(largest[:MOST_SITES])
    of_site = dict(list(placement.groupby("site", sort=False)))
    for k, site in enumerate(s for s in result.opened if s in apart or not largest[MOST_SITES:]):
        mine = of_site.get(site, placement.iloc[:0])
        values = _by_period(mine, "it_mw", result.periods)
        if any(values):
            traces.append(_bars(result, site, values, {"color": colour(k), "pattern": pattern(k)}))
    if rest := largest[MOST_SITES:]:
        values = _by_period(placement[~placement["site"].isin(apart)], "it_mw", result.periods)
        traces.append(_bars(result, others(len(rest)), values, OTHER_LOOK))
    missing = _by_period(backlog, "backlog_mw", result.periods)
    traces.append(_bars(result, "waiting (backlog)", missing, MISSING_LOOK))
    demand = _by_period(backlog, "demand_mw", result.periods)
    traces.append(_load_line(result, demand, "demand"))
    return figure(traces, "MW of IT load", barmode="stack", xaxis=_axis(result)[1])


def load_words(result: Result) -> str:
    """When most load waits."""
    backlog = result.tables["backlog"]
    sums = backlog.groupby("period")[["backlog_mw", "demand_mw"]].sum()
    if sums.empty or sums["backlog_mw"].max() <= 0:
        return "No load waits."
    worst = sums["backlog_mw"].idxmax()
    return (
        f"Most load waits in {worst}: {amount(float(sums.at[worst, 'backlog_mw']), 'MW')} of "
        f"{amount(float(sums.at[worst, 'demand_mw']), 'MW')} asked for."
    )
