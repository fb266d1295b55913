"""The decision in plain words, from the summary and the tables."""

from __future__ import annotations

from typing import Any

import pandas as pd


def money(usd: float) -> str:
    """Three significant digits, in million or billion dollars."""
    for size, unit in ((1e9, "B$"), (1e6, "M$"), (1e3, "k$")):
        if abs(usd) >= size:
            value = usd / size
            digits = max(0, 2 - len(str(int(abs(value)))) + 1)
            return f"{value:,.{digits}f} {unit}"
    return f"{usd:,.0f} $"


def month(date: str | None) -> str:
    """A date as month and year."""
    return "never" if not date else f"{pd.Timestamp(date):%b %Y}"


def decision(summary: dict[str, Any], tables: dict[str, pd.DataFrame]) -> list[str]:
    """Which sites, which power first, what binds, what delay costs."""
    sites, capacity = tables["sites"], tables["capacity"]
    opened = sites[sites["opened"].astype(bool)].sort_values("open_date")
    lines = []
    if opened.empty:
        return ["No site is opened: waiting is cheaper than every plan."]
    names = ", ".join(f"{r.site} ({month(str(r.open_date))})" for r in opened.itertuples())
    lines.append(f"Open {len(opened)} of {len(sites)} sites: {names}.")
    first = _first_power(summary, capacity, tables["interconnection"], tables["placement"])
    full = summary["full_power_date"]
    lines.append(
        f"First compute in {month(summary['first_power_date'])}{first}; "
        + (f"all demand is met from {month(full)}." if full else "demand is never met in full.")
    )
    lines += sampled_dates(summary)
    costs = summary["costs"]
    delay = costs.get("delay", 0.0)
    lines.append(
        f"Total cost {money(summary['total_cost'])}, of which delay {money(delay)} for "
        f"{summary['delay_mw_months']:,.0f} MW-months."
    )
    gap = summary["gap"]
    lines.append(
        f"Proven gap {gap:.2%} ({money(summary['gap_usd'])}): no plan costs less than "
        f"{money(summary['bound'])}."
    )
    bound = [f"{b['limit']} ({b['scope']})" for b in summary["binding"] if b["limit"] != "campus"]
    if bound:
        more = f" and {len(bound) - 6} more" if len(bound) > 6 else ""
        lines.append(f"What binds: {', '.join(bound[:6])}{more}.")
    check = summary.get("verification") or {}
    if check:
        state = "passed" if check["passed"] else "FAILED"
        lines.append(f"Independent check {state}: largest violation {check['max_violation']:.1e}.")
    return lines


def sampled_dates(summary: dict[str, Any]) -> list[str]:
    """What to tell others: P50 (P90) of first and full power and of delay."""
    if not summary.get("first_power_p50"):
        return []
    said = f"With lead times sampled, P50 (P90): first compute {_spread(summary, 'first_power')}"
    if summary.get("full_power_p50"):
        said += f", full power {_spread(summary, 'full_power')}"
    middle, late = summary["delay_mw_months_p50"], summary["delay_mw_months_p90"]
    return [f"{said}, delay {middle:,.0f} ({late:,.0f}) MW-months."]


def _spread(summary: dict[str, Any], name: str) -> str:
    return f"{month(summary[f'{name}_p50'])} ({month(summary[f'{name}_p90'])})"


def _first_power(
    summary: dict[str, Any], capacity: pd.DataFrame, grid: pd.DataFrame, placement: pd.DataFrame
) -> str:
    wanted = summary["first_period"]
    if not wanted or placement.empty:
        return ""
    rows = capacity[(capacity["period"] == wanted) & (capacity["standing_mw"] > 0)]
    parts = [
        f"{mw:,.0f} MW {name}"
        for name, mw in rows.groupby("technology")["standing_mw"].sum().items()
    ]
    taken = grid[grid["period"] == wanted]
    mw = float(taken["firm_mw"].sum() + taken["flexible_mw"].sum())
    if mw > 0:
        parts.append(f"{mw:,.0f} MW grid")
    return f" on {', '.join(parts)}" if parts else ""
