"""Power contracts over time, and the carbon-free share by month and hour of day."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from optimizer.results.report.folder import Result
from optimizer.results.report.style import colour, figure, label, pattern
from optimizer.results.report.words import amount, listing, money, percent

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SHADES = [[0.0, "#D55E00"], [0.5, "#F5E9D6"], [1.0, "#0072B2"]]
MOST_VIEWS = 12
"""Heat maps that the page holds."""


def contract_charts(result: Result) -> dict[str, go.Figure] | None:
    """Energy of each contract, and what it pays and settles, by period."""
    table = result.tables["contracts"]
    if table.empty:
        return None
    views = {}
    taken = table.assign(
        mwh=table["delivered_mwh"].where(table["kind"] != "financial", table["volume_mwh"]),
        usd=table["paid_usd"] + table["settled_usd"] + table["security_cost_usd"],
    )
    for name, column, unit, scale in (
        ("Energy", "mwh", "GWh delivered or settled", 1e3),
        ("Money", "usd", "M$ paid (below 0 earned), not discounted", 1e6),
    ):
        sums = taken.groupby(["contract", "period"], sort=False)[column].sum()
        periods = result.periods
        bars = [
            go.Bar(
                name=label(contract), x=[label(p) for p in periods],
                y=[round(float(sums.get((contract, p), 0.0)) / scale, 6) for p in periods],
                marker={"color": colour(k), "pattern": pattern(k)},
                hovertemplate="%{fullData.name}, %{x}: %{y}<extra></extra>",
            )
            for k, contract in enumerate(dict.fromkeys(taken["contract"]))
        ]  # fmt: skip
        made = figure(bars, unit, barmode="relative")
        made.update_xaxes(type="category")
        views[name] = made
    return views


def contract_words(result: Result) -> str:
    """What is signed, and what it comes to."""
    table = result.tables["contracts"]
    if table.empty:
        return ""
    signed = table.groupby(["contract", "site"], sort=False)["standing_mw"].max()
    named = [
        f"{amount(float(mw), 'MW')} of {name} at {site}" for (name, site), mw in signed.items()
    ]
    paid = float(table["paid_usd"].sum())
    settled = float(table["settled_usd"].sum())
    said = f"Signed: {listing(named, 6)}."
    if paid:
        said += f" {money(paid)} are paid for {amount(float(table['delivered_mwh'].sum() / 1e3))} GWh delivered."  # fmt: skip
    if settled:
        verb = "cost" if settled > 0 else "earn"
        said += f" Settlements {verb} {money(abs(settled))}."
    return said + _late(result, {str(c) for c in table["contract"]})


def _late(result: Result, signed: set[str]) -> str:
    """Contracts whose plant may be late."""
    terms = result.inputs.get("contracts", pd.DataFrame())
    if not {"contract", "chance_late", "months_late", "construction_begun"} <= set(terms.columns):
        return ""
    told = []
    for row in terms.itertuples():
        chance = pd.to_numeric(row.chance_late, errors="coerce")
        months = pd.to_numeric(row.months_late, errors="coerce")
        if str(row.contract) in signed and pd.notna(chance) and chance > 0 and pd.notna(months):
            begun = str(row.construction_begun).lower() in ("true", "yes", "1")
            told.append(f"{row.contract} ({'' if begun else 'not '}begun) is late with a chance of "
                        f"{percent(float(chance))}, then by {months:g} months")  # fmt: skip
    return f" {listing(told, 6)}; the plan takes the stated start." if told else ""


def matched_charts(result: Result) -> dict[str, go.Figure] | None:
    """Heat maps of the carbon-free share: hour of day by month, of each site and year."""
    table = result.tables["matched_hours"]
    if table.empty:
        return None
    views = {}
    for (site, year), rows in list(table.groupby(["site", "year"], sort=False))[:MOST_VIEWS]:
        share = rows.set_index(["month", "hour_of_day"])
        share = 100 * share["matched_mwh"] / share["served_mwh"]
        heat = go.Heatmap(
            x=list(MONTHS), y=list(range(24)), zmin=0, zmax=100, xgap=1, ygap=1, colorscale=SHADES,
            z=[[_shown(share.get((m, h))) for m in range(1, 13)] for h in range(24)],
            hovertemplate="%{x}, hour %{y}: %{z} %<extra></extra>", hoverongaps=False,
            colorbar={"title": {"text": "%"}, "thickness": 12},
        )  # fmt: skip
        made = figure([heat], "hour of day", height=480)
        made.update_xaxes(type="category", showgrid=False)
        made.update_yaxes(showgrid=False, dtick=3)
        views[f"{site}, {year}"] = made
    return views


def _shown(share: float | None) -> float | None:
    return None if share is None or pd.isna(share) else round(float(share), 1)


def matched_words(result: Result) -> str:
    """Each target and what is reached."""
    table = result.tables["matching"]
    said = [
        f"{row.policy} at {row.scope} in {row.year}: {percent(float(row.share))} of "
        f"{percent(float(row.target))} asked"
        for row in table.itertuples()
        if pd.notna(row.target)
    ]
    return f"{listing(said, 6)}." if said else ""
