"""Grid service: staircase against contract and peak, minimum take and security over time."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from optimizer.results.report.folder import Result, rows
from optimizer.results.report.style import GREY, INK, PALETTE, colour, figure, label
from optimizer.results.report.words import amount, listing, money, number, percent, plain

MOST_VIEWS = 24
"""Sites that the chart of contracts can show; the table agreements has all."""


def contract_views(result: Result) -> dict[str, go.Figure]:
    """For each site with an agreement: the offer's staircase, contract MW, MW taken and peak."""
    table = result.tables["agreements"]
    found = {}
    for site in list(dict.fromkeys(table["site"]))[:MOST_VIEWS]:
        mine = table[(table["site"] == site) & table["in_force"]]
        if not mine.empty:
            found[label(site)] = _contract(result, str(site), mine)
    return found


def _contract(result: Result, site: str, mine: pd.DataFrame) -> go.Figure:
    taken = result.tables["interconnection"]
    taken = taken[taken["site"] == site].assign(mw=lambda t: t["firm_mw"] + t["flexible_mw"])
    series = (
        ("offered, firm and flexible", _staircase(result, site, mine), GREY, "dot"),
        ("contract, ramped", _levels(result, mine, "ramped_mw"), PALETTE[0], "solid"),
        ("owed by the minimum", _levels(result, mine, "least_mw"), PALETTE[3], "dash"),
        ("taken", _levels(result, taken, "mw"), PALETTE[2], "solid"),
        ("highest hour", _levels(result, mine, "peak_mw"), INK, "dashdot"),
    )
    days, axis = _days(result)
    made = figure(
        [
            go.Scatter(
                x=days, y=[*values, values[-1]] if result.spans else values, name=name,
                mode="lines", line={"color": shade, "dash": dash, "width": 2, "shape": "hv"},
                hovertemplate=name + ": %{y:,.1f} MW<extra></extra>",
            )
            for name, values, shade, dash in series
            if any(values)
        ],
        "MW", xaxis=axis,
    )  # fmt: skip
    made.update_yaxes(rangemode="tozero")
    return made


def _days(result: Result) -> tuple[list[str], dict[str, Any]]:
    spans = result.spans
    if not spans:
        return [label(p) for p in result.periods], {"type": "category"}
    days = [f"{start:%Y-%m-%d}" for start, _ in spans] + [f"{spans[-1][1]:%Y-%m-%d}"]
    return days, {"type": "date", "tickformat": "%Y", "dtick": "M12"}


def _levels(result: Result, table: pd.DataFrame, column: str) -> list[float]:
    if column == "least_mw":
        terms = _terms(result)
        shares = [terms.get((r.site, r.offer, r.agreement), 0.0) for r in rows(table)]
        table = table.assign(least_mw=table["owed_mw"] * pd.Series(shares, table.index))
    sums = table.groupby("period")[column].sum()
    return [round(float(sums.get(p, 0.0)), 2) for p in result.periods]


def _terms(result: Result) -> dict[tuple[str, str, str], float]:
    """Share of the contract MW that is billed at least."""
    table = result.inputs.get("service_agreements", pd.DataFrame())
    if "minimum_demand_share" not in table:
        return {}
    return {
        (r["site"], r["offer"], r["agreement"]): float(r["minimum_demand_share"] or 0)
        for r in table.to_dict("records")
    }


def _staircase(result: Result, site: str, mine: pd.DataFrame) -> list[float]:
    """Highest step of the offers in force by the start of each period [MW]."""
    steps = result.inputs.get("interconnection_steps", pd.DataFrame())
    if not result.spans or not {"site", "offer", "from_date", "firm_mw"} <= set(steps.columns):
        return [0.0] * len(result.periods)
    steps = steps[(steps["site"] == site) & steps["offer"].isin(set(mine["offer"]))]
    flexible = steps["flexible_mw"] if "flexible_mw" in steps else pd.Series(0, steps.index)
    power = sum(
        pd.to_numeric(part, errors="coerce").fillna(0.0) for part in (steps["firm_mw"], flexible)
    )
    begins = pd.to_datetime(steps["from_date"], errors="coerce")
    return [
        float(pd.Series(power)[begins <= start].max()) if (begins <= start).any() else 0.0
        for start, _ in result.spans
    ]


def service_words(result: Result) -> str:
    """Who signs how much, and how much of it is used at most."""
    table = result.tables["agreements"]
    table = table[table["in_force"]]
    if table.empty:
        return ""
    said = [
        f"{site} {amount(float(mine['contract_mw'].max()), 'MW')} (highest hour "
        f"{amount(float(mine['peak_mw'].max()), 'MW')})"
        for site, mine in table.groupby("site", sort=False)
    ]
    return f"Signed: {listing(said, 6)}."


def take_chart(result: Result) -> go.Figure | None:
    """Bars of what agreements bill a month, the unused minimum apart; a line of security."""
    table = result.tables["agreements"]
    if table.empty or not (table[["billed_usd", "security_usd"]] > 0).any().any():
        return None
    sums = table.assign(used=table["billed_usd"] - table["minimum_usd"]).groupby("period")[
        ["used", "minimum_usd", "security_usd"]
    ].sum()  # fmt: skip
    sums = sums.reindex(result.periods, fill_value=0.0) / 1e6
    days, axis = _days(result)
    spans = result.spans
    unit = "M$ in the period"
    place: dict[str, Any] = {"x": [label(p) for p in result.periods]}
    if spans:
        place = {
            "x": [f"{start + (end - start) / 2:%Y-%m-%d}" for start, end in spans],
            "width": [0.92 * (end - start).total_seconds() * 1000 for start, end in spans],
        }
        # Periods of a quarter and of years stand beside each other.
        months = [round((end - start).days / 30.44) for start, end in spans]
        sums[["used", "minimum_usd"]] = sums[["used", "minimum_usd"]].div(months, axis=0)
        unit = "M$ a month"
    traces: list[Any] = [
        go.Bar(
            **place, y=sums[column].round(4).tolist(), name=name,
            marker={"color": colour(k), "pattern": {"shape": shape}},
            customdata=[label(p) for p in result.periods],
            hovertemplate="%{customdata}<br>" + name + ": %{y:,.3~f} " + unit
            + "<extra></extra>",
        )
        for k, (column, name, shape) in enumerate(
            (("used", "billed for use", ""), ("minimum_usd", "billed for the unused minimum", "/"))
        )
    ]  # fmt: skip
    security = sums["security_usd"].round(4).tolist()
    if any(security):
        traces.append(
            go.Scatter(
                x=days, y=[*security, security[-1]] if spans else security, mode="lines",
                name="security outstanding (right)", yaxis="y2", line={"color": INK, "width": 2, "shape": "hv"},
                hovertemplate="security outstanding: %{y:,.3~f} M$<extra></extra>",
            )
        )  # fmt: skip
    made = figure(traces, f"{unit}, not discounted", barmode="stack", xaxis=axis)
    if any(security):
        right = {"title": {"text": "security, M$"}, "overlaying": "y", "side": "right",
                 "rangemode": "tozero", "showgrid": False}  # fmt: skip
        made.update_layout(yaxis2=right, margin={"l": 56, "r": 64, "t": 12, "b": 40})
    return made


def take_words(result: Result) -> str:
    """What is paid for nothing, the most security, and what deposits come back."""
    table = result.tables["agreements"]
    if table.empty:
        return ""
    unused, billed = float(table["minimum_usd"].sum()), float(table["billed_usd"].sum())
    security = float(table.groupby("period")["security_usd"].sum().max())
    said = []
    if billed > 0:
        share = f" ({percent(unused / billed)})" if unused > 0 else ""
        said.append(f"Agreements bill {money(billed)}, of which {money(unused)} for a minimum that "
                    f"is not used{share}.")  # fmt: skip
    if security > 0:
        said.append(f"At most {money(security)} of security are outstanding.")
    paid, back = (float(table[f"deposit_{name}_usd"].sum()) for name in ("paid", "refunded"))
    if paid > 0:
        said.append(f"Deposits of {money(paid)} are paid; {money(back)} come back within the plan.")
    return " ".join(said)


def service_table(result: Result) -> tuple[list[str], list[list[str]]]:
    """What each offer that is taken is: kind, status, how it is cut, feeds and availability.

    Empty where no offer says more than its MW.
    """
    told = {(r["site"], r["offer"]): r for r in _records(result, "interconnections")}
    taken = list(dict.fromkeys((r.site, r.offer) for r in rows(result.tables["interconnection"])))
    lines = []
    for site, offer in taken:
        row = told.get((site, offer), {})
        said = [_kind(row), cut_words(row), emergency_words(row), _feeds(row), _ends(row)]
        if any(said) or _sheds(row):
            lines.append([site, plain(offer), *(text or "–" for text in said)])
    head = ["Site", "Offer", "Kind", "Flexible power", "Emergency", "Feeds", "Until"]
    return (head, lines) if lines else ([], [])


def _records(result: Result, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = result.inputs.get(name, pd.DataFrame()).to_dict("records")
    return found


def _number(row: dict[str, Any], name: str) -> float:
    found = pd.to_numeric(row.get(name, ""), errors="coerce")
    return number(float(found)) or 0.0


def _kind(row: dict[str, Any]) -> str:
    kind, status = str(row.get("kind", "load")), str(row.get("status", "new"))
    return "" if (kind, status) == ("load", "new") else f"{plain(kind)}, {status}"


def _sheds(row: dict[str, Any]) -> bool:
    return _number(row, "emergency_hours_per_year") > 0


def cut_words(row: dict[str, Any]) -> str:
    """How flexible power of an offer is cut, if not by its dearest hours or its profile."""
    floor = _number(row, "firm_floor_share")
    kept = f", {percent(floor)} stays" if floor else ""
    if str(row.get("curtailment_unlimited", "")).lower() in ("true", "1", "yes"):
        return f"cut without limit{kept}"
    if share := _number(row, "curtailed_energy_share"):
        return f"{percent(share)} of its energy cut, in the dearest hours{kept}"
    if hours := _number(row, "curtailed_system_hours"):
        return f"cut in the {hours:,.0f} highest hours of the system{kept}"
    return ""


def emergency_words(row: dict[str, Any]) -> str:
    """How firm power is cut in an emergency, and with what notice."""
    if not _sheds(row):
        return ""
    hours, stays = _number(row, "emergency_hours_per_year"), _number(row, "emergency_share")
    notice = _number(row, "emergency_notice_hours")
    told = f", {notice:g} h of notice" if notice else ", without notice"
    return f"{hours:,.0f} h a year down to {percent(stays)} of firm power{told}"


def _feeds(row: dict[str, Any]) -> str:
    """All feeds are out at once with the product of their outage rates."""
    feeds, out = int(_number(row, "feeds") or 1), _number(row, "feed_outage_rate")
    if feeds == 1 and not out:
        return ""
    return f"{feeds} of {percent(1 - out)} each: there {100 * (1 - out**feeds):.5g} % of the time"


def _ends(row: dict[str, Any]) -> str:
    return str(row.get("exit_date", "") or "")[:10]
