"""The decision in plain words, from the summary and the tables."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from optimizer.settings import WARN_SHARE

QUESTIONS = {"why_not_sites": "sites not chosen", "runner_up": "sources", "worth": "limits"}
"""What the questions of a table are about."""
LEAST_MW = 0.5
"""Less than this is not named: it would read as 0 MW."""


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


def screen(summary: dict[str, Any], tables: dict[str, pd.DataFrame]) -> list[tuple[str, str]]:
    """The plan on one screen: at most nine lines as (heading, text); the tenth is the folder's.

    One more says what has changed against a result that was to be preferred, one what the plan
    costs to run without perfect foresight.
    """
    sites = tables["sites"]
    opened = sites[sites["opened"].astype(bool)].sort_values("open_date")
    if opened.empty:
        return [("Sites", "none is opened: waiting is cheaper than every plan"),
                *_money_lines(summary), *_proof(summary)]  # fmt: skip
    names = [f"{r.site} ({month(str(r.open_date))})" for r in opened.itertuples()]
    first = _first_power(summary, tables["capacity"], tables["interconnection"],
                         tables["placement"])  # fmt: skip
    last = _power(tables["capacity"], tables["interconnection"], _last_period(tables))
    return [
        ("Sites", f"{len(opened)} of {len(sites)}: {_some(names, 8)}"),
        ("First compute", f"{month(summary['first_power_date'])}{first}"
                          f"{_sampled(summary, 'first_power')}"),
        ("Full power", f"{_full_power(summary, tables['backlog'])}"
                       f"{_sampled(summary, 'full_power')}"),
        ("In the end", _some(last, 8) or "no power"),
        *_money_lines(summary),
        ("What binds", _some(_binding(summary), 6) or "nothing beside the halls"),
        *_proof(summary),
    ]  # fmt: skip


def _money_lines(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Cost by its largest categories, and delay."""
    costs = sorted(summary["costs"].items(), key=lambda c: -abs(c[1]))
    parts = [f"{name.replace('_', ' ')} {money(usd)}" for name, usd in costs if round(usd)]
    delay = f"{summary['delay_mw_months']:,.0f} MW-months{_waits_for(summary)}"
    if summary.get("first_power_p50"):
        delay += (f"; P50 {summary['delay_mw_months_p50']:,.0f}, "
                  f"P90 {summary['delay_mw_months_p90']:,.0f}")  # fmt: skip
    return [("Cost", f"{money(summary['total_cost'])}: {_some(parts, 4)}"), ("Delay", delay)]


def _waits_for(summary: dict[str, Any]) -> str:
    """The largest cause of delay, if it was asked."""
    causes = (summary.get("why") or {}).get("delay_causes") or {}
    total = sum(causes.values())
    if not total > 0:
        return ""
    cause = max(causes, key=lambda name: causes[name])
    named = "waiting that is cheaper" if cause == "cheaper to wait" else cause.replace(":", " of")
    return f", {causes[cause] / total:.0%} by {named}"


def _proof(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """How near the plan is to the best there can be, and whether it was checked."""
    check = summary.get("verification") or {}
    said = [("Proven", f"within {summary['gap']:.2%} ({money(summary['gap_usd'])}) of the best "
                       f"there can be, {money(summary['bound'])}{_tied(summary)}")]  # fmt: skip
    if summary.get("changed_decisions"):
        said.append(("Changed", changed(summary["changed_decisions"])))
    if check:
        state = "passed" if check["passed"] else "FAILED"
        said.append(("Check", f"{state}, largest violation {check['max_violation']:.1e}"))
    if check.get("rolling"):
        said.append(("No foresight", without_foresight(check["rolling"])))
    return said


def without_foresight(found: dict[str, Any]) -> str:
    """What the plan costs to run by forecasts, in one line."""
    if not found["sites"]:
        return f"not run: {_some(found['left_out'], 2) or 'the last year has no load'}"
    share = found["extra_share"]
    more = f"{share:+.1%}" if share is not None and share < 1 else f"+{money(found['extra_usd'])}"
    said = (
        f"running costs {money(found['operating_cost_usd'])} ({more}) in {_years(found)}, with "
        f"{found['foresight_hours']} h of forecasts off by {found['forecast_error']:.0%}; "
        f"{found['unserved_mwh']:,.3g} MWh unserved"
    )
    return f"{said}; WARNING: above {WARN_SHARE:.0%}" if found["warning"] else said


def _years(found: dict[str, Any]) -> str:
    """Which hours were run, such as ``2031 of 3 sites``."""
    sites, periods = found["sites"], found["periods"]
    where = sites[0] if len(sites) == 1 else f"{len(sites)} sites"
    last = f"{periods[0]} to {periods[-1]}" if len(periods) > 1 else periods[0]
    return f"{last} of {where}"


def unasked(summary: dict[str, Any]) -> str:
    """Which questions why it is this plan were left, and how to ask them; blank if none was.

    The time for all is that of the answered ones in proportion, and half as much again.
    """
    why = summary.get("why") or {}
    counts = {words: why.get(name) or {} for name, words in QUESTIONS.items()}
    left = {words: n["not asked"] for words, n in counts.items() if n.get("not asked")}
    if not left:
        return ""
    of = sum(sum(n.values()) for n in counts.values())
    # What months, latencies and prices of what all sites share answer takes no time.
    quick = ("not asked", "input", "prices")
    asked = sum(count for n in counts.values() for basis, count in n.items() if basis not in quick)
    parts = ", ".join(f"{n} about {words}" for words, n in left.items())
    said = f"{sum(left.values())} of {of} questions why ({parts})"
    seconds = (summary.get("timing") or {}).get("why")
    if not asked or not seconds:
        return f"{said}; a longer --why-time asks them"
    most = 1.5 * seconds * (asked + sum(left.values())) / asked
    return f"{said}; --why-time {10 * math.ceil(most / 10):.0f} is about enough for all"


def _tied(summary: dict[str, Any]) -> str:
    """Sites that the gap leaves undecided."""
    tied = summary.get("tied_sites") or []
    parts = [f"without {t['site']}" if t["opened"] else f"with {t['site']}" for t in tied]
    return f"; as good: {_some(parts, 4)}" if parts else ""


def changed(against: dict[str, Any]) -> str:
    """How many decisions differ from a result, which, and what staying near it costs."""
    name, count = against["against"], against["count"]
    if not count:
        said = f"no decision of {name}"
    else:
        kinds = ", ".join(f"{n} {kind}" for kind, n in against["by_kind"].items())
        said = f"{count} decision{'s' if count > 1 else ''} of {name} ({kinds})"
    usd = against["cost_of_staying_close_usd"]
    return f"{said}; staying near it costs {money(usd)}" if usd >= 1 else said


def _some(parts: list[str], most: int) -> str:
    """The first of a list, and how many more there are."""
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return ", ".join(parts[:most]) + more


def _sampled(summary: dict[str, Any], name: str) -> str:
    if not summary.get(f"{name}_p50"):
        return ""
    late = month(summary.get(f"{name}_p90"))
    return f"; P50 {month(summary[f'{name}_p50'])}, P90 {late}"


def _last_period(tables: dict[str, pd.DataFrame]) -> str:
    return str(tables["backlog"]["period"].iloc[-1]) if len(tables["backlog"]) else ""


def _full_power(summary: dict[str, Any], backlog: pd.DataFrame) -> str:
    """From when all demand runs; else what still waits in the last period."""
    if summary["full_power_date"]:
        return month(summary["full_power_date"])
    last = backlog[backlog["period"] == backlog["period"].iloc[-1]]
    waits, wanted = float(last["backlog_mw"].sum()), float(last["demand_mw"].sum())
    return f"{waits:,.3g} of {wanted:,.0f} MW still wait in the last period"


def _binding(summary: dict[str, Any]) -> list[str]:
    """Limits that bind, each with its scopes: ``component slots (transformer, engine)``."""
    scopes: dict[str, list[str]] = {}
    for found in summary["binding"]:
        if found["limit"] != "campus":
            scopes.setdefault(found["limit"], []).append(found["scope"])
    return [f"{limit} ({_some(where, 4)})" for limit, where in scopes.items()]


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
    parts = _power(capacity, grid, wanted)
    return f" on {', '.join(parts)}" if parts else ""


def _power(capacity: pd.DataFrame, grid: pd.DataFrame, period: str) -> list[str]:
    """MW that stand in a period by technology, and grid service."""
    rows = capacity[(capacity["period"] == period) & (capacity["standing_mw"] > 0)]
    parts = [
        f"{mw:,.0f} MW {name}"
        for name, mw in rows.groupby("technology")["standing_mw"].sum().items()
        if mw >= LEAST_MW
    ]
    taken = grid[grid["period"] == period]
    mw = float(taken["firm_mw"].sum() + taken["flexible_mw"].sum())
    if mw >= LEAST_MW:
        parts.append(f"{mw:,.0f} MW grid")
    return parts
