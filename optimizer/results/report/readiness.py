"""What must be signed, by when, what a slip loses, and what stopping would cost."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from optimizer.results.report.folder import Result, rows
from optimizer.results.report.sites import Table
from optimizer.results.report.style import PALETTE, figure
from optimizer.results.report.words import amount, listing, money, month, plain

FIRST_DECISIONS = 15
"""Rows of the calendar that are shown unfolded."""
KIND_WORDS = {
    "option": "Land", "permit": "Permits", "interconnection": "Grid", "order": "Orders",
    "contract": "Contracts",
}  # fmt: skip
MONEY_SERIES = (
    ("committed_usd", "committed", PALETTE[7], "dot", 1.5),
    ("paid_usd", "paid", "#9CC9E8", "solid", 6),
    ("cancel_usd", "cost to cancel", PALETTE[3], "solid", 2),
    ("recoverable_usd", "recoverable", PALETTE[2], "dash", 2),
    ("at_risk_usd", "at risk: permit not granted", PALETTE[4], "dashdot", 2),
)
"""Column, name, colour, dash and width of line; paid is wide, as cost to cancel lies on it."""


def about(row: Any) -> str:
    """What a decision is about: Abilene: order engine (25 MW, for 2030-Q1)."""
    if row.kind == "opening":
        return f"{row.site}: open site"
    if row.kind == "permit":
        return f"{row.site}: apply for permit, {plain(str(row.item))} ({row.variant})"
    what = f"{row.decision} {plain(str(row.item))}"
    if row.kind == "interconnection":
        built = "" if "grid" in row.decision else " of substation"
        what = f"{row.decision}{built}, offer {row.item}"
    unit = "block" if row.unit == "blocks" and row.amount == 1 else str(row.unit)
    size = f"{amount(float(row.amount), unit)}, " if row.amount else ""
    return f"{row.site}: {what} ({size}for {row.period})".replace(" MW", "\u00a0MW")


def slip(row: Any) -> str:
    """What a slip by one period loses."""
    if row.lost_mw_months <= 0:
        return "no load waits"
    return f"{row.slip_months:.0f} months, {money(row.lost_usd)}"


def due_soon(result: Result) -> pd.DataFrame:
    """Decisions to be taken within 90 days of the plan's start."""
    table = result.tables["decisions"]
    return table[table["due_soon"]]


HEAD = ["Decision", "Status", "Sign by", "If all runs long", "Online", "Price", "Due at signing",
        "Or lose"]  # fmt: skip


def _lines(result: Result, table: pd.DataFrame) -> list[list[str]]:
    start = result.tables["decisions"]["planned_date"].min()
    return [
        [about(r), str(r.status), month(r.sign_by),
         "too late" if r.safe_by < start else month(r.safe_by), month(r.online_date),
         money(r.value_usd) if r.value_usd else "–", money(r.due_usd) if r.due_usd else "–",
         slip(r)]
        for r in rows(table)
    ]  # fmt: skip


def due_table(result: Result) -> Table:
    """The next 90 days: what to sign, what it costs, what is paid at once, what a slip loses."""
    return HEAD, _lines(result, due_soon(result))


def later_table(result: Result) -> Table:
    """Every other decision by its last date."""
    table = result.tables["decisions"]
    return HEAD, _lines(result, table[~table["due_soon"]])


def readiness_table(result: Result) -> Table:
    """How much of what each site needs is held, by kind: held of needed."""
    table = result.tables["readiness"]
    needed = table[table["needed"] > 0]
    kinds = [k for k in KIND_WORDS if (needed["kind"] == k).any()]
    lines = []
    for site, mine in needed.groupby("site", sort=False):
        cells = []
        for kind in kinds:
            part = mine[mine["kind"] == kind]
            held = int((part["status"] == "held").sum())
            filed = int((part["status"].isin(["filed", "part"])).sum())
            cells.append(f"{held} of {len(part)}" + (f" (+{filed} begun)" if filed else "")
                         if len(part) else "–")  # fmt: skip
        open_ = mine[mine["status"] != "held"]
        first = open_["needed_by"].min()
        lines.append([str(site), *cells, month(first) if pd.notna(first) else "–"])
    return ["Site", *(KIND_WORDS[k] for k in kinds), "First needed by"], lines


def detail_table(result: Result) -> Table:
    """Every item that is needed, and every commitment that the plan does not use."""
    lines = []
    for r in rows(result.tables["readiness"]):
        unit = str(r.unit)
        name = f"{KIND_WORDS.get(str(r.kind), str(r.kind))}: {plain(str(r.item))}"
        name += f" ({r.variant})" if r.variant else ""
        lines.append([
            f"{r.site}: {name}", str(r.status), amount(r.needed, unit) if r.needed else "–",
            amount(r.held, unit) if r.held else "–", amount(r.filed, unit) if r.filed else "–",
            month(r.needed_by) or "–", money(r.paid_usd) if r.paid_usd else "–",
            money(r.cancel_usd) if r.cancel_usd else "–",
        ])  # fmt: skip
    return ["Item", "Status", "Needed", "Held", "Filed", "Needed by", "Paid", "To cancel"], lines


def unused_table(result: Result) -> Table:
    """Commitments that the plan does not use, and what it costs to leave them."""
    table = result.tables["readiness"]
    lines = [
        [str(r.commitments), f"{r.site}: {r.kind}, {plain(str(r.item))}", money(r.paid_usd),
         money(r.cancel_usd)]
        for r in rows(table[table["status"] == "not used by the plan"])
    ]  # fmt: skip
    return ["Commitment", "For", "Paid", "To cancel"], lines


def totals(result: Result) -> pd.DataFrame:
    """Exposure of all sites by month [US$], up to the last month in which anything is open."""
    table = result.tables["exposure"]
    sums = table.groupby("date")[[name for name, *_ in MONEY_SERIES]].sum()
    going = sums.index[(sums["committed_usd"] > 0) | (sums["cancel_usd"] > 0)]
    return sums.loc[: going.max()] if len(going) else sums.iloc[:0]


def exposure_chart(result: Result) -> go.Figure | None:
    """Money in the making at the end of each month."""
    sums = totals(result)
    if sums.empty:
        return None
    scale, unit = (1e9, "B$") if sums.to_numpy().max() >= 2e9 else (1e6, "M$")
    traces = [
        go.Scatter(
            x=[f"{d:%Y-%m-%d}" for d in sums.index], y=(sums[name] / scale).round(4).tolist(),
            name=words, mode="lines", line={"color": shade, "dash": dash, "shape": "hv", "width": width},
            hovertemplate="%{x|%b %Y}<br>" + words + ": %{y:,.4~g} " + unit + "<extra></extra>",
        )
        for name, words, shade, dash, width in MONEY_SERIES
    ]  # fmt: skip
    axis = {"type": "date", "tickformat": "%Y", "dtick": "M12"}
    made = figure(traces, f"{unit}, not discounted", xaxis=axis)
    made.update_yaxes(rangemode="tozero")
    return made


def exposure_words(result: Result) -> str:
    """When stopping costs most, and when most is at risk."""
    sums = totals(result)
    if sums.empty:
        return ""
    worst, risk = sums["cancel_usd"].idxmax(), sums["at_risk_usd"].idxmax()
    said = (f"Stopping costs most at the end of {month(worst)}: "
            f"{money(float(sums['cancel_usd'].max()))}.")  # fmt: skip
    if sums["at_risk_usd"].max() > 0:
        said += (f" Most that hangs on permits not yet granted: "
                 f"{money(float(sums['at_risk_usd'].max()))} in {month(risk)}.")  # fmt: skip
    return said


def exposure_table(result: Result, every: int = 3) -> Table:
    """Exposure at the end of each quarter (or other number of months)."""
    sums = totals(result)
    picked = sums[[(d.month % every) == 0 for d in sums.index]] if len(sums) else sums
    lines = [[f"end of {month(d)}", *(money(float(v)) if v else "–" for v in row)]
             for d, row in zip(picked.index, picked.to_numpy(), strict=True)]  # fmt: skip
    return ["Month", *(words for _, words, *_ in MONEY_SERIES)], lines


def decision_words(result: Result) -> list[str]:
    """What the next 90 days ask for, and which slip is the dearest."""
    soon = due_soon(result)
    everything = result.tables["decisions"]
    if everything.empty:
        return []
    said = "Nothing must be signed within 90 days of the plan's start."
    if len(soon):
        priced = soon[soon["value_usd"] > 0]
        one = len(soon) == 1
        said = (f"Within 90 days of the plan's start {len(soon)} {'decision' if one else 'decisions'} "
                "must be taken")  # fmt: skip
        if len(priced):
            said += (f", among them {len(priced)} with a price: {money(float(priced['value_usd'].sum()))}"
                     f" in all, {money(float(priced['due_usd'].sum()))} of it due at signing")  # fmt: skip
        said += "."
    lines = [said]
    costly = soon.sort_values("lost_usd", ascending=False, kind="stable")
    for worst in list(rows(costly[costly["lost_usd"] > 0]))[:1]:
        lines.append(f"The dearest of them to miss: {about(worst)}, by {month(worst.sign_by)}. "
                     f"{worst.slip_months:.0f} months later, {worst.lost_mw_months:,.0f} MW-months "
                     f"wait: {money(worst.lost_usd)}.")  # fmt: skip
    late = everything[(everything["status"] != "done")
                      & (everything["safe_by"] < everything["planned_date"].min())]  # fmt: skip
    if len(late):
        lines.append(f"If every step takes its high months, {len(late)} of {len(everything)} dates "
                     "cannot be kept by signing on the plan's first day.")  # fmt: skip
    return lines


def readiness_words(result: Result) -> str:
    """How much of what is needed exists."""
    table = result.tables["readiness"]
    needed = table[table["needed"] > 0]
    if needed.empty:
        return ""
    held = int((needed["status"] == "held").sum())
    begun = int(needed["status"].isin(["filed", "part"]).sum())
    said = (
        f"Of {len(needed)} permits, options, orders and contracts that the plan needs, {held} exist"
    )
    if begun:
        said += f" and {begun} are filed or signed in part"
    early = needed[needed["status"] == "expires too early"]
    if len(early):
        names = [f"{r.site} {plain(str(r.item))}" for r in rows(early)]
        said += f"; {listing(names)} would expire too early"
    if not (table["commitments"] != "").any():
        said += " (the input table commitments is empty)"
    return said + "."
