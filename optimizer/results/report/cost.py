"""Cost by category and site, cash flow, and how the plan was found."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from optimizer.results.report.folder import Result
from optimizer.results.report.style import (
    GREY,
    MOST_SITES,
    PALETTE,
    colour,
    figure,
    label,
    others,
    pattern,
)
from optimizer.results.report.words import category, listing, money, number, percent

WHOLE = "whole plan"
SMALLEST = 0.002
"""Share of the largest category below which a category is only in the table."""


def _by_site(result: Result) -> pd.DataFrame:
    """Discounted US$ by category and site, the dearest category first, sites as they open.

    The sites that cost least of many are one column.
    """
    costs = result.tables["costs"]
    table = costs.assign(site=costs["site"].where(costs["site"] != "", WHOLE))
    sums = table.pivot_table(index="category", columns="site", values="usd", aggfunc="sum",
                             fill_value=0.0)  # fmt: skip
    named = [s for s in sums.columns if s != WHOLE]
    if len(named) > MOST_SITES:
        dearest = sums[named].sum().sort_values(ascending=False, kind="stable").index
        rest = list(dearest[MOST_SITES:])
        together = others(len(rest))
        sums[together] = sums[rest].sum(axis=1)
        sums = sums.drop(columns=rest)
        named = [*dearest[:MOST_SITES], together]
    known = set(named)
    order = list(dict.fromkeys([*(s for s in result.opened if s in known), *named]))
    order += [WHOLE] if WHOLE in sums.columns else []
    return sums.loc[sums.sum(axis=1).sort_values(ascending=False).index, order]


def cost_chart(result: Result) -> go.Figure | None:
    """Discounted cost by category, stacked by site; all of it is the objective."""
    if result.tables["costs"].empty:
        return None
    sums = _by_site(result)
    totals = sums.sum(axis=1).abs()
    sums = sums[totals >= SMALLEST * totals.max()].iloc[::-1]
    scale, unit = (1e9, "B$") if totals.max() >= 2e9 else (1e6, "M$")
    traces = [
        go.Bar(
            orientation="h", y=[label(category(str(c))) for c in sums.index],
            x=(sums[site] / scale).round(4).tolist(), name=label(site),
            marker={"color": GREY} if site == WHOLE
            else {"color": colour(k), "pattern": pattern(k)},
            hovertext=[f"{label(site)}, {label(category(str(c)))}: {money(float(v))}"
                       for c, v in sums[site].items()],
            hoverinfo="text",
        )
        for k, site in enumerate(sums.columns)
    ]  # fmt: skip
    made = figure(traces, "", height=150 + 30 * len(sums), barmode="relative")
    made.update_xaxes(title_text=f"{unit}, discounted", rangemode="tozero")
    made.update_layout(legend={"y": -80 / (30 * len(sums) + 20)})
    return made


def cost_rows(result: Result) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of cost by site and category, with totals."""
    if result.tables["costs"].empty:
        return [], []
    sums = _by_site(result)
    sums.loc["all"] = sums.sum()
    sums["all"] = sums.sum(axis=1)
    head = ["Category", *map(str, sums.columns)]
    rows = [[category(str(name)), *(money(float(v)) if v else "–" for v in row)]
            for name, row in zip(sums.index, sums.to_numpy(), strict=True)]  # fmt: skip
    return head, rows


def cost_words(result: Result) -> str:
    """Which categories weigh most."""
    costs = result.tables["costs"]
    sums = costs.groupby("category")["usd"].sum().sort_values(ascending=False)
    total = float(sums.sum())
    if total <= 0:
        return ""
    largest = [f"{category(str(name))} {percent(float(usd) / total)}"
               for name, usd in sums.head(3).items()]  # fmt: skip
    return f"Of {money(total)}: {listing(largest)}."


def _cash(result: Result) -> pd.DataFrame:
    """Undiscounted US$ by quarter and category; quarters without payments are 0."""
    cash = result.tables["cashflow"].dropna(subset=["date"])
    if cash.empty:
        return pd.DataFrame()
    quarter = cash["date"].dt.to_period("Q")
    sums = cash.groupby([quarter, "category"])["usd"].sum().unstack(fill_value=0.0)
    return sums.reindex(pd.period_range(quarter.min(), quarter.max(), freq="Q"), fill_value=0.0)


def cash_chart(result: Result) -> go.Figure | None:
    """Undiscounted payments by quarter and category."""
    sums = _cash(result)
    if sums.empty:
        return None
    order = sums.sum().sort_values(ascending=False).index
    names = [f"{q.year}-Q{q.quarter}" for q in sums.index]
    traces = [
        go.Bar(
            x=[f"{q.start_time + pd.Timedelta(days=45):%Y-%m-%d}" for q in sums.index],
            y=(sums[name] / 1e6).round(3).tolist(), name=label(category(str(name))),
            marker={"color": colour(k), "pattern": pattern(k)}, customdata=names,
            hovertemplate="%{customdata}<br>" + label(category(str(name)))
            + ": %{y:,.4~g} M$<extra></extra>",
        )
        for k, name in enumerate(order)
    ]  # fmt: skip
    axis = {"type": "date", "tickformat": "%Y", "dtick": "M12"}
    return figure(traces, "M$, not discounted", barmode="relative", xaxis=axis)


def cash_words(result: Result) -> str:
    """All payments and the dearest quarter."""
    totals = _cash(result).sum(axis=1)
    if totals.empty:
        return ""
    top = totals.idxmax()
    return (
        f"Capital, opening, permits and connections: {money(float(totals.sum()))} in all, most in "
        f"{top.year}-Q{top.quarter}: {money(float(totals.max()))}. Running cost is not in it."
    )


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
                y=[None if v is None else v / 1e9 for v in values], mode="lines+markers",
                line={"color": shade, "dash": dash, "shape": "hv"}, marker={"size": 6}, name=name,
                hovertemplate="%{x:.1f} s<br>" + name + ": %{y:,.5~g} B$<extra></extra>",
            )
        )  # fmt: skip
    made = figure(traces, "B$, discounted", height=360)
    made.update_xaxes(title_text="seconds", rangemode="tozero")
    made.update_layout(legend={"y": -0.28})
    gap, best = number(result.summary.get("gap")), number(known[-1].get("best"))
    if gap is not None and best is not None:
        last = float(known[-1]["seconds"])
        made.add_annotation(x=last, y=best / 1e9, text=f"gap {percent(gap)}", showarrow=False,
                            xanchor="left", xshift=10)  # fmt: skip
        made.update_xaxes(range=[0, 1.2 * last])
    return made
