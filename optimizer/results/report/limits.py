"""How much is used of each limit, when, and which bind."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from optimizer.results.report.folder import Result, rows
from optimizer.results.report.style import figure, label
from optimizer.results.report.words import LIMIT_WORDS, amount, listing, money, percent

MOST_ROWS = 24
SHOWN_FROM = 0.5
"""Share of a limit from which the chart shows it."""
SHADES = [[0.0, "#f7fbff"], [0.5, "#9ecae1"], [0.9, "#2171b5"], [1.0, "#08306b"]]


def _real(result: Result) -> pd.DataFrame:
    """Limits with their share in use; a limit of nothing of which nothing is used is left out."""
    limits = result.tables["limits"]
    limits = limits[(limits["limit_value"] > 0) | (limits["used"] > 0)]
    share = (limits["used"] / limits["limit_value"].where(limits["limit_value"] > 0)).fillna(1.0)
    return limits.assign(share=share)


def _named(limit: str, scope: str) -> str:
    said = LIMIT_WORDS.get(limit, limit)
    return said if scope in ("", "total", "all sites") else f"{said}, {scope}"


def _ranked(limits: pd.DataFrame) -> list[tuple[str, str]]:
    """Limit and scope, binding first, then by their largest share."""
    largest = limits.groupby(["limit", "scope"], sort=False).agg(
        binding=("binding", "max"), share=("share", "max")
    )
    ranked = largest.sort_values(["binding", "share"], ascending=False, kind="stable")
    return [(str(limit), str(scope)) for limit, scope in ranked.index]


def _periods_of(result: Result, when: str) -> list[str]:
    """Periods that a limit's period or year means."""
    if when in result.periods:
        return [when]
    if when.isdigit() and result.spans:
        year = int(when)
        return [name for name, (start, end) in zip(result.periods, result.spans, strict=True)
                if start.year <= year <= (end - pd.Timedelta(days=1)).year]  # fmt: skip
    return list(result.periods) if when in ("", "total") else []


def limits_chart(result: Result) -> go.Figure | None:
    """Share of each limit in use by period; a dot where it binds."""
    limits = _real(result)
    limits = limits.assign(shown=limits["binding"] | (limits["share"] >= SHOWN_FROM))
    pairs = _ranked(limits)
    heavy = set(limits.loc[limits["shown"], ["limit", "scope"]].itertuples(index=False, name=None))
    pairs = [pair for pair in pairs if pair in heavy][:MOST_ROWS]
    if not pairs or not result.periods:
        return None
    shares: dict[tuple[str, str], dict[str, float]] = {pair: {} for pair in pairs}
    binds: set[tuple[tuple[str, str], str]] = set()
    for row in rows(limits):
        pair = (row.limit, row.scope)
        if pair not in shares:
            continue
        for period in _periods_of(result, row.period_or_year):
            shares[pair][period] = max(row.share, shares[pair].get(period, 0.0))
            if row.binding:
                binds.add((pair, period))
    names = [label(_named(*pair)) for pair in pairs]
    periods = result.periods
    heat = go.Heatmap(
        x=[label(p) for p in periods], y=names, zmin=0, zmax=100, xgap=1, ygap=1,
        z=[[_percent(shares[pair].get(p)) for p in periods] for pair in pairs],
        text=[["●" if (pair, p) in binds else "" for p in periods] for pair in pairs],
        texttemplate="%{text}", textfont={"color": "#fff"}, colorscale=SHADES,
        hovertemplate="%{y}<br>%{x}: %{z} % in use<extra></extra>", hoverongaps=False,
        colorbar={"title": {"text": "% in use"}, "orientation": "h", "thickness": 10, "y": 1.0,
                  "yanchor": "bottom", "len": 0.5, "x": 0, "xanchor": "left"},
    )  # fmt: skip
    made = figure(
        [heat], "", height=190 + 24 * len(pairs), margin={"l": 8, "r": 8, "t": 70, "b": 8}
    )
    made.update_xaxes(type="category", tickangle=-90, showgrid=False)
    made.update_yaxes(autorange="reversed", showgrid=False)
    return made


def _percent(share: float | None) -> float | None:
    return None if share is None else round(min(100.0, 100 * share), 1)


def limit_rows(result: Result) -> list[dict[str, Any]]:
    """One row a limit and scope, where it is closest; binding first."""
    limits = _real(result)
    shown = []
    of_pair = dict(list(limits.groupby(["limit", "scope"], sort=False)))
    for limit, scope in _ranked(limits):
        mine = of_pair[limit, scope]
        tight = mine.loc[mine["share"].idxmax()]
        binding = list(mine.loc[mine["binding"], "period_or_year"])
        is_money = tight["unit"] == "USD"
        shown.append({
            "limit": LIMIT_WORDS.get(limit, limit), "scope": scope, "when": tight["period_or_year"],
            "used": money(tight["used"]) if is_money else amount(float(tight["used"])),
            "limit_value": (money if is_money else amount)(float(tight["limit_value"])),
            "unit": "" if is_money else tight["unit"], "binding": listing(binding, 4),
            "share": percent(float(tight["share"])),
        })  # fmt: skip
    return shown
