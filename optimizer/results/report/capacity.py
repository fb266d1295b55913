"""Power capacity by technology, and load placed and missing, by period."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from optimizer.results.report.folder import Result
from optimizer.results.report.style import PALETTE, colour, figure, label, pattern


def technologies(result: Result) -> list[str]:
    """Technologies that are built, grid last; their place gives their colour in all charts."""
    return [*dict.fromkeys(result.tables["capacity"]["technology"]), "grid"]


def _by_period(frame: pd.DataFrame, value: str, periods: list[str]) -> list[float]:
    sums = frame.groupby("period")[value].sum()
    return [round(float(sums.get(p, 0.0)), 1) for p in periods]


def capacity_chart(result: Result) -> go.Figure | None:
    """MW standing in each period by technology, all sites, and grid power."""
    capacity, grid = result.tables["capacity"], result.tables["interconnection"]
    if capacity.empty and grid.empty:
        return None
    grid = grid.assign(technology="grid", standing_mw=grid["firm_mw"] + grid["flexible_mw"])
    rows = pd.concat([capacity, grid])[["technology", "period", "standing_mw"]]
    periods = result.periods
    traces = [
        go.Bar(
            x=[label(p) for p in periods],
            y=_by_period(rows[rows["technology"] == name], "standing_mw", periods),
            name=label(name), marker={"color": colour(k), "pattern": pattern(k)},
        )
        for k, name in enumerate(technologies(result))
    ]  # fmt: skip
    return figure(traces, "MW standing", barmode="stack", xaxis={"type": "category"})


def load_chart(result: Result) -> go.Figure | None:
    """MW of IT load placed and missing in each period; together they are the demand."""
    backlog = result.tables["backlog"]
    if backlog.empty:
        return None
    periods = result.periods
    traces = [
        go.Bar(x=[label(p) for p in periods], y=_by_period(backlog, column, periods), name=name,
               marker={"color": shade, "pattern": {"shape": shape}})
        for column, name, shade, shape in (
            ("placed_mw", "placed", PALETTE[0], ""), ("backlog_mw", "missing", PALETTE[3], "/"))
    ]  # fmt: skip
    return figure(traces, "MW of IT load", barmode="stack", xaxis={"type": "category"})
