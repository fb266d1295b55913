"""Cost by category and site, cash flow, and how the plan was found."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from optimizer.results.report.folder import Result
from optimizer.results.report.style import PALETTE, colour, figure, label, pattern
from optimizer.results.report.words import category, money, number


def cost_chart(result: Result) -> go.Figure | None:
    """Discounted cost by category, stacked by site; all of it is the objective."""
    costs = result.tables["costs"]
    if costs.empty:
        return None
    table = costs.assign(site=costs["site"].where(costs["site"] != "", "whole plan"))
    sums = table.pivot_table(index="category", columns="site", values="usd", aggfunc="sum",
                             fill_value=0.0)  # fmt: skip
    sums = sums.loc[sums.sum(axis=1).sort_values().index]
    traces = [
        go.Bar(
            orientation="h", y=[label(category(str(c))) for c in sums.index],
            x=(sums[site] / 1e6).round(3).tolist(), name=label(site),
            marker={"color": colour(k), "pattern": pattern(k)},
            hovertext=[f"{label(site)}, {label(category(str(c)))}: {money(float(v))}"
                       for c, v in sums[site].items()],
            hoverinfo="text",
        )
        for k, site in enumerate(sums.columns)
    ]  # fmt: skip
    made = figure(traces, "", height=160 + 26 * len(sums), barmode="relative")
    made.update_xaxes(title_text="M$, discounted")
    return made


def cost_rows(result: Result) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of cost by site and category, with totals."""
    costs = result.tables["costs"]
    if costs.empty:
        return [], []
    table = costs.assign(site=costs["site"].where(costs["site"] != "", "whole plan"))
    sums = table.pivot_table(index="category", columns="site", values="usd", aggfunc="sum",
                             fill_value=0.0, margins=True, margins_name="all")  # fmt: skip
    head = ["Category", *map(str, sums.columns)]
    rows = [[category(str(name)), *(money(float(v)) if v else "–" for v in row)]
            for name, row in zip(sums.index, sums.to_numpy(), strict=True)]  # fmt: skip
    return head, rows


def cash_chart(result: Result) -> go.Figure | None:
    """Undiscounted payments by quarter and category."""
    cash = result.tables["cashflow"].dropna(subset=["date"])
    if cash.empty:
        return None
    quarter = cash["date"].dt.to_period("Q")
    quarters = pd.period_range(quarter.min(), quarter.max(), freq="Q")
    traces = []
    for k, name in enumerate(dict.fromkeys(cash["category"])):
        mine = cash["category"] == name
        sums = cash.loc[mine, "usd"].groupby(quarter[mine]).sum().reindex(quarters, fill_value=0.0)
        traces.append(
            go.Bar(
                x=[f"{q.year}-Q{q.quarter}" for q in quarters],
                y=(sums / 1e6).round(3).tolist(), name=label(category(str(name))),
                marker={"color": colour(k), "pattern": pattern(k)},
            )
        )  # fmt: skip
    return figure(traces, "M$, undiscounted", barmode="relative", xaxis={"type": "category"})


def convergence_chart(result: Result) -> go.Figure | None:
    """Best plan and proven bound over the seconds of the run."""
    lines = result.summary.get("progress")
    if not isinstance(lines, list):
        return None
    known = [line for line in lines if isinstance(line, dict) and number(line.get("seconds"))]
    if not known:
        return None
    traces = []
    for key, name, shade, dash in (
        ("best", "best plan", PALETTE[0], "solid"), ("bound", "lower bound", PALETTE[3], "dash")
    ):  # fmt: skip
        values: list[Any] = [number(line.get(key)) for line in known]
        traces.append(
            go.Scatter(
                x=[line["seconds"] for line in known],
                y=[None if v is None else v / 1e6 for v in values], mode="lines+markers",
                line={"color": shade, "dash": dash, "shape": "hv"}, marker={"size": 5}, name=name,
            )
        )  # fmt: skip
    made = figure(traces, "M$, discounted", height=360)
    made.update_xaxes(title_text="seconds")
    made.update_layout(legend={"y": -0.28})
    return made
