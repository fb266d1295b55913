"""Bills by month, and the month's highest use beside what is billed; only where tariffs have charges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from optimizer.results.report.folder import Result
from optimizer.results.report.style import (
    INK,
    MOST_SITES,
    PALETTE,
    colour,
    figure,
    label,
    pattern,
)
from optimizer.results.report.words import listing, money

KINDS = ("demand", "coincident_peak")
KW = 1000.0
DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _bills(result: Result) -> pd.DataFrame:
    """Lines with the first month that they are for; empty if no tariff has charges of its own."""
    charges = result.inputs.get("tariff_charges", pd.DataFrame())
    bills = result.tables["bills"]
    if charges.empty or bills.empty:
        return bills.iloc[:0].assign(date="")
    starts = {name: span[0] for name, span in zip(result.periods, result.spans, strict=False)}
    dates = [
        f"{starts[p].year}-{int(m):02d}-15" if p in starts else f"{p} {int(m)}"
        for p, m in zip(bills["period"], bills["month"], strict=True)
    ]
    return bills.assign(date=dates)


def _sites(bills: pd.DataFrame) -> list[str]:
    """Sites with bills, the dearest first."""
    usd = (bills["usd"] * bills["passes"]).groupby(bills["site"]).sum()
    return [str(s) for s in usd.sort_values(ascending=False, kind="stable").index[:MOST_SITES]]


def _base(charge: str) -> str:
    """A charge without its tier."""
    return charge.split(" / tier ")[0]


def bill_views(result: Result) -> dict[str, go.Figure]:
    """For each site its bill by month, stacked by charge; a longer period shows its usual year."""
    bills = _bills(result)
    views = {}
    for site in _sites(bills):
        mine = bills[bills["site"] == site]
        sums = mine.assign(charge=mine["charge"].map(_base)).pivot_table(
            index="date", columns="charge", values="usd", aggfunc="sum", fill_value=0.0)  # fmt: skip
        order = sums.abs().sum().sort_values(ascending=False, kind="stable").index
        under = mine.groupby("date")["tariff"].first()
        traces = [
            go.Bar(
                x=list(sums.index), y=(sums[name] / 1e6).round(4).tolist(), name=label(name),
                marker={"color": colour(k), "pattern": pattern(k)},
                customdata=[label(under[d]) for d in sums.index],
                hovertemplate="%{x|%b %Y}, %{customdata}<br>" + label(name)
                + ": %{y:,.4~g} M$<extra></extra>",
            )
            for k, name in enumerate(order) if sums[name].any()
        ]  # fmt: skip
        views[site] = figure(traces, "M$ a month, not discounted", barmode="relative",
                             xaxis={"type": "date"})  # fmt: skip
    return views


def peak_views(result: Result) -> dict[str, go.Figure]:
    """For each site the month's highest import, what is billed, and the contract."""
    bills = _bills(result)
    charges = result.inputs.get("tariff_charges", pd.DataFrame())
    if bills.empty or not {"kind", "charge"} <= set(charges.columns):
        return {}
    billed_by = set(charges.loc[charges["kind"].isin(KINDS), "charge"])
    billed = bills[[_base(c).split(" / ")[0] in billed_by for c in bills["charge"]]]
    views = {}
    for site in _sites(bills):
        mine = billed[billed["site"] == site]
        if mine.empty:
            continue
        months = bills.loc[bills["site"] == site, ["period", "month", "date"]].drop_duplicates()
        used = _highest(result, site)
        traces: list[Any] = [
            go.Bar(
                x=months["date"].tolist(),
                y=[used.get((p, int(m))) for p, m in zip(months["period"], months["month"],
                                                         strict=True)],
                name="highest import", marker={"color": "#b8c0c8"},
                hovertemplate="%{x|%b %Y}<br>highest import: %{y:,.4~g} MW<extra></extra>",
            )
        ]  # fmt: skip
        sums = mine.assign(charge=mine["charge"].map(_base)).groupby(["charge", "date"])["quantity"]
        for k, (name, mw) in enumerate(sums.sum().groupby(level=0)):
            traces.append(
                go.Scatter(
                    x=list(mw.index.get_level_values("date")), y=(mw / KW).round(3).tolist(),
                    mode="lines+markers", name=f"billed: {label(name)}",
                    line={"color": PALETTE[k % len(PALETTE)], "shape": "hvh"},
                    hovertemplate="%{x|%b %Y}<br>billed, " + label(name)
                    + ": %{y:,.4~g} MW<extra></extra>",
                )
            )  # fmt: skip
        traces.append(_contract(result, site, months))
        views[site] = figure(traces, "MW", xaxis={"type": "date"})
    return views


def _contract(result: Result, site: str, months: pd.DataFrame) -> go.Scatter:
    """Firm and flexible MW of the connection."""
    grid = result.tables["interconnection"]
    grid = grid[grid["site"] == site]
    mw = (grid["firm_mw"] + grid["flexible_mw"]).groupby(grid["period"]).max()
    return go.Scatter(
        x=months["date"].tolist(), y=[mw.get(p) for p in months["period"]], mode="lines",
        name="firm and flexible MW", line={"color": INK, "dash": "dash", "shape": "hvh"},
        hovertemplate="%{x|%b %Y}<br>firm and flexible: %{y:,.4~g} MW<extra></extra>",
    )  # fmt: skip


def _highest(result: Result, site: str) -> dict[tuple[str, int], float]:
    """Highest import of each period and month [MW]; nothing where the hours are not read."""
    hours = result.dispatch
    if hours.empty or "import_mw" not in hours:
        return {}
    month = np.repeat(np.arange(1, 13), 24 * np.array(DAYS))
    mine = hours[hours["site"] == site]
    flows = [c for c in mine.columns if c == "import_mw" or c.startswith("delivery_mw:")]
    used = mine[flows].sum(axis=1)
    found = used.groupby([mine["period"], month[mine["hour"].to_numpy(dtype=int)]]).max()
    return {(str(p), int(m)): round(float(mw), 3) for (p, m), mw in found.items()}


def bill_words(result: Result) -> str:
    """The dearest month, and which charges weigh most."""
    bills = _bills(result)
    if bills.empty:
        return ""
    months = bills.groupby(["site", "period", "month", "date"])["usd"].sum()
    site, _, _, date = months.idxmax()
    shares = (bills["usd"] * bills["passes"]).groupby(bills["charge"].map(_base)).sum()
    top = shares.sort_values(ascending=False, kind="stable")
    named = [f"{name} {money(float(usd))}" for name, usd in top.head(3).items()]
    when = pd.to_datetime(date, errors="coerce")
    said = date if pd.isna(when) else f"{when:%b %Y}"
    return (
        f"The dearest month is {said} at {site}: {money(float(months.max()))}. Over the plan, "
        f"not discounted: {listing(named)}. A period of more than a year shows its usual year."
    )


def peak_words(result: Result) -> str:
    """How often more is billed than was used."""
    if not peak_views(result):
        return ""
    return (
        "Where a line of billed demand is above the bar, a ratchet or a least share of the contract "
        "is billed; where it is below, its window or hours are few."
    )
