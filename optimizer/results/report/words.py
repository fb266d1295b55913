"""Figures and decisions in plain words."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from optimizer.results.report.folder import Result

MISSING = "not stated"
CATEGORY_WORDS = {
    "delay": "delay of load", "unserved": "unserved energy", "vom": "variable operation",
    "fom": "fixed operation", "energy": "grid energy", "export": "export (earned)",
}  # fmt: skip


STOP_WORDS = {
    "gap": "the gap that was asked for is proven", "time_limit": "the time limit was reached",
    "interrupted": "the run was interrupted", "exhausted": "nothing was left to try",
}  # fmt: skip


def number(value: Any) -> float | None:
    """A finite float, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def significant(value: float, digits: int = 3) -> str:
    """A figure rounded to significant digits, without exponent."""
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    return f"{rounded:,.{max(0, digits - 1 - math.floor(math.log10(abs(rounded))))}f}"


def money(usd: Any) -> str:
    """US$ as M$ or B$ with three significant digits."""
    value = number(usd)
    if value is None:
        return MISSING
    sign, size = ("−" if value < 0 else ""), abs(value)
    unit, scale = ("B$", 1e9) if size >= 999.5e6 else ("M$", 1e6)
    return f"{sign}{significant(size / scale)} {unit}"


def amount(value: Any, unit: str = "") -> str:
    """A figure with thousands separators and its unit."""
    found = number(value)
    if found is None:
        return MISSING
    shown = f"{found:,.0f}" if abs(found) >= 1000 else significant(found)
    return f"{shown} {unit}".strip()


def percent(share: Any) -> str:
    """A share as per cent, two significant digits."""
    found = number(share)
    return MISSING if found is None else f"{significant(100 * found, 2)} %"


def day(value: Any) -> str:
    """A date as 1 Mar 2027."""
    stamp = pd.to_datetime(value, errors="coerce") if value else pd.NaT
    return "" if pd.isna(stamp) else f"{stamp.day} {stamp.strftime('%b %Y')}"


def listing(items: list[str], most: int = 12) -> str:
    """a, b and c; a long list is cut with its count."""
    if len(items) > most:
        return f"{', '.join(items[:most])} and {len(items) - most} more"
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def category(name: str) -> str:
    """A cost category in words."""
    return CATEGORY_WORDS.get(name, name.replace("_", " "))


def delay_cost(result: Result) -> float | None:
    """Discounted cost of delay [US$]."""
    stated = result.summary.get("costs")
    found = number(stated.get("delay")) if isinstance(stated, dict) else None
    if found is not None:
        return found
    costs = result.tables["costs"]
    return None if costs.empty else float(costs.loc[costs["category"] == "delay", "usd"].sum())


def first_power(result: Result) -> list[str]:
    """Per site, what serves its load first, and from when."""
    periods = {name: k for k, name in enumerate(result.periods)}
    capacity, grid, load = (
        result.tables[name] for name in ("capacity", "interconnection", "placement")
    )
    said = []
    for site in result.opened:
        served = load[(load["site"] == site) & (load["it_mw"] > 0)]["period"]
        served_at = [periods[p] for p in served if p in periods]
        if not served_at:
            continue
        first = result.periods[min(served_at)]
        stands = capacity[(capacity["site"] == site) & (capacity["period"] == first)]
        power = stands.groupby("technology")["standing_mw"].sum()
        parts = [f"{name} ({amount(mw, 'MW')})" for name, mw in power.items() if mw > 0]
        joined = grid[(grid["site"] == site) & (grid["period"] == first)]
        connected = float((joined["firm_mw"] + joined["flexible_mw"]).sum())
        if connected > 0:
            parts.append(f"grid ({amount(connected, 'MW')})")
        said.append(f"{site} is first powered in {first} by {listing(parts) or 'nothing listed'}.")
    return said


def openings(result: Result) -> str:
    """Which sites open when."""
    sites = result.tables["sites"].set_index("site")
    if not result.opened:
        return "No site opens."
    dated = [f"{s} ({day(sites.at[s, 'open_date']) or 'no date'})" for s in result.opened]
    verb = "site opens" if len(dated) == 1 else "sites open"
    return f"{len(dated)} of {len(sites)} candidate {verb}: {listing(dated)}."


def binding_limits(result: Result) -> str:
    """Which limits bind, folded by limit and scope."""
    limits = result.tables["limits"]
    if limits.empty:
        return "No limits were stated."
    binding = limits[limits["binding"]]
    if binding.empty:
        return "No stated limit binds."
    names = [f"{name} ({scope})" for name, scope in dict.fromkeys(
        zip(binding["limit"], binding["scope"], strict=True))]  # fmt: skip
    return f"Limits that bind: {listing(names)}."


def ending(summary: dict[str, Any]) -> str:
    """How good the plan is and why the run ended."""
    status = str(summary.get("status") or "not stated").replace("_", " ")
    reason = str(summary.get("stop_reason") or "")
    return f"Status: {status}" + (f" ({STOP_WORDS.get(reason, reason)})" if reason else "")


def checked(summary: dict[str, Any]) -> str:
    """Whether an independent check passed."""
    check = summary.get("verification")
    if not isinstance(check, dict) or check.get("passed") is None:
        return "The plan has not been checked independently."
    worst = number(check.get("max_violation"))
    detail = "" if worst is None else f" (largest violation {worst:.1e})"
    if check["passed"]:
        return f"The independent check passed{detail}."
    return f"The independent check FAILED{detail}: do not build on this plan."


def proof(summary: dict[str, Any]) -> str:
    """How far the plan may be from the best."""
    gap = number(summary.get("gap"))
    if gap is None:
        return "How far the plan is from the best is not proven."
    said = f"No plan can be cheaper by more than {percent(gap)} ({money(summary.get('gap_usd'))})"
    controllable = number(summary.get("gap_controllable"))
    if controllable is not None:
        said += f", which is {percent(controllable)} of the cost that a plan can influence"
    return said + "."


def decision(result: Result) -> list[str]:
    """The decision in plain words, one sentence a line."""
    summary = result.summary
    first, full = day(summary.get("first_power_date")), day(summary.get("full_power_date"))
    delay = number(summary.get("delay_mw_months"))
    dates = f"First load runs on {first}." if first else "No date of first power is stated."
    if full:
        dates += f" All demand is met from {full} on."
    elif "full_power_date" in summary:
        dates += " Demand is not fully met within the plan."
    sentences = [openings(result), *first_power(result), dates]
    sentences.append(f"The plan costs {money(summary.get('total_cost'))} (discounted).")
    if delay is not None:
        sentences.append(
            f"Load waits {amount(delay, 'MW-months')}, which is priced at "
            f"{money(delay_cost(result))} of that cost."
        )
    return [*sentences, proof(summary), binding_limits(result), checked(summary)]


def key_figures(result: Result) -> list[tuple[str, str]]:
    """Name and value of the figures below the decision."""
    s = result.summary
    figures = [
        ("Total cost, discounted", money(s.get("total_cost"))),
        ("Lower bound", money(s.get("bound"))),
        ("Proven gap", percent(s.get("gap"))),
        ("Sites opened", f"{len(result.opened)} of {len(result.tables['sites'])}"),
        ("First power", day(s.get("first_power_date")) or "none"),
        ("Full power", day(s.get("full_power_date")) or "not in the plan"),
        ("Delay", amount(s.get("delay_mw_months"), "MW-months")),
        ("Cost of delay", money(delay_cost(result))),
        ("Unserved energy", amount(s.get("unserved_mwh"), "MWh")),
        ("CO2, all", amount(s.get("co2_t"), "t")),
        ("CO2, on site", amount(s.get("co2_onsite_t"), "t")),
        ("Carbon-free share", percent(s.get("cfe_share"))),
        ("Water", amount(s.get("water_m3"), "m³")),
        ("Land", amount(s.get("land_km2"), "km²")),
    ]
    return [(name, value) for name, value in figures if value != MISSING]


def stamps(inputs: dict[str, pd.DataFrame]) -> dict[str, dict[str, int]]:
    """How many rows of each input table are marked as assumption or synthetic."""
    found: dict[str, dict[str, int]] = {}
    for name, table in inputs.items():
        if "source" not in table:
            continue
        source = table["source"].astype(str).str.lower()
        counts = {
            "assumed": int(source.str.contains("assum").sum()),
            "synthetic": int(source.str.contains("synthetic").sum()),
        }
        if any(counts.values()):
            found[name] = counts | {"rows": len(table)}
    return found


def note(marks: dict[str, dict[str, int]], used: tuple[str, ...]) -> str:
    """Small note under a chart on the nature of its data, blank if nothing is to be said."""
    parts = []
    for kind in ("assumed", "synthetic"):
        names = [name for name in used if marks.get(name, {}).get(kind)]
        if names:
            parts.append(f"{kind}: rows of {listing(names)}")
    return "; ".join(parts)
