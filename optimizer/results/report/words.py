"""Figures and decisions in plain words."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from optimizer.results.report.folder import Result
from optimizer.results.words import changed, sampled_dates

MISSING = "not stated"
CATEGORY_WORDS = {
    "delay": "delay of load", "unserved": "unserved energy", "vom": "power variable upkeep",
    "energy": "grid energy", "export": "export (earned)", "opening": "opening of sites",
    "campus_capital": "campus capital", "campus_fom": "campus upkeep",
    "generation_capital": "power capital", "generation_fom": "power fixed upkeep",
    "risk": "orders before the permit", "interconnection": "grid connection",
    "contract_energy": "energy by contract", "contract_settlement": "contract settlement",
    "contract_security": "contract security",
    "service_agreement": "billed by agreements", "agreement_fees": "fees of agreements",
    "deposits": "deposits less refunds", "security": "carrying security",
    "demand_charge": "demand charges", "coincident_peak": "coincident peak charges",
    "fixed_charge": "fixed charges of tariffs", "minimum_bill": "up to minimum bills",
    "tax": "tax on bills",
}  # fmt: skip
LIMIT_WORDS = {"campus": "room for IT", "component slots": "equipment slots"}
NEAR = 0.95
"""Share of a limit from which it is named beside those that bind: units are whole."""

MOST_SENTENCES = 40
"""Sites whose first power is told in a sentence each."""
STATUS_WORDS = {
    "optimal": "proven within the asked gap", "feasible": "a full plan, above the asked gap",
}  # fmt: skip
STOP_WORDS = {
    "time_limit": "the time limit was reached",
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
    """US$ as B$, M$ or k$ with three significant digits."""
    value = number(usd)
    if value is None:
        return MISSING
    sign, size = ("−" if value < 0 else ""), abs(value)
    if size >= 999.5e6:
        return f"{sign}{significant(size / 1e9)} B$"
    if size >= 999.5e3 or size == 0:
        return f"{sign}{significant(size / 1e6)} M$"
    if size >= 999.5:
        return f"{sign}{significant(size / 1e3)} k$"
    return f"{sign}{size:,.0f} $"


def amount(value: Any, unit: str = "") -> str:
    """A figure with thousands separators and its unit."""
    found = number(value)
    if found is None:
        return MISSING
    whole = abs(found) >= 1000 or found == round(found)
    shown = f"{found:,.0f}" if whole else significant(found)
    return f"{shown} {unit}".strip()


def millions(value: Any, unit: str, unit_of_million: str) -> str:
    """A figure that may be large: 36.6 Mt rather than 36,634,881 t."""
    found = number(value)
    if found is not None and abs(found) >= 1e6:
        return f"{significant(found / 1e6)} {unit_of_million}"
    return amount(value, unit)


def plain(name: str) -> str:
    """A name of the inputs as words."""
    return name.replace("_", " ")


def percent(share: Any) -> str:
    """A share as per cent, two significant digits."""
    found = number(share)
    return MISSING if found is None else f"{significant(100 * found, 2)} %"


def day(value: Any) -> str:
    """A date as 1 Mar 2027."""
    stamp = pd.to_datetime(value, errors="coerce") if value else pd.NaT
    return "" if pd.isna(stamp) else f"{stamp.day} {stamp.strftime('%b %Y')}"


def month(value: Any) -> str:
    """A date as Mar 2027, with its day if it is not the first."""
    said = day(value)
    return said.removeprefix("1 ") if said.startswith("1 ") else said


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


def first_periods(result: Result) -> dict[str, str]:
    """Per site that serves load, as they open: its first period."""
    names = result.periods
    periods = {name: k for k, name in enumerate(names)}
    load = result.tables["placement"]
    load = load[(load["it_mw"] > 0) & load["period"].isin(names)]
    first = load["period"].map(periods).groupby(load["site"]).min().to_dict()
    return {site: names[first[site]] for site in result.opened if site in first}


def first_power(result: Result) -> dict[str, tuple[str, list[str]]]:
    """Per site that serves load: its first period, and the power that then stands."""
    begun = first_periods(result)
    power = power_at(result, begun)
    return {site: (period, power[site]) for site, period in begun.items()}


def power_at(result: Result, when: dict[str, str]) -> dict[str, list[str]]:
    """What power stands at sites in a period of each, most first: technology (MW)."""
    grid = result.tables["interconnection"]
    grid = grid.assign(technology="grid", standing_mw=grid["firm_mw"] + grid["flexible_mw"])
    stands: dict[str, dict[str, float]] = {site: {} for site in when}
    # By name, then the grid: the order among equals.
    for table in (result.tables["capacity"].sort_values("technology", kind="stable"), grid):
        mine = table[table["site"].map(when) == table["period"]]
        for site, name, mw in zip(mine["site"], mine["technology"], mine["standing_mw"],
                                  strict=True):  # fmt: skip
            stands[site][name] = stands[site].get(name, 0.0) + float(mw)
    return {
        site: [f"{plain(str(name))} ({amount(mw, 'MW')})"
               for name, mw in sorted(power.items(), key=lambda item: -item[1]) if mw >= 0.05]
        for site, power in stands.items()
    }  # fmt: skip


def openings(result: Result) -> list[str]:
    """Which sites open when, and which stay closed."""
    sites = result.tables["sites"].set_index("site")
    if not result.opened:
        return ["No site opens."]
    dated = [f"{s} ({month(sites.at[s, 'open_date']) or 'no date'})" for s in result.opened]
    verb = "site opens" if len(dated) == 1 else "sites open"
    said = [f"{len(dated)} of {len(sites)} candidate {verb}: {listing(dated)}."]
    known = set(result.opened)
    closed = [str(s) for s in sites.index if s not in known]
    return [*said, f"Not chosen: {listing(closed)}."] if closed else said


def dates(result: Result) -> str:
    """When load first runs, where and on what, and when all demand is met."""
    summary = result.summary
    first, full = month(summary.get("first_power_date")), month(summary.get("full_power_date"))
    said = f"First load runs from {first}" if first else "No date of first power is stated"
    begun = first_power(result)
    if first and begun:
        order = {name: k for k, name in enumerate(result.periods)}
        earliest = min((period for period, _ in begun.values()), key=order.__getitem__)
        where = [f"{site} on {listing(power) or 'no power listed'}"
                 for site, (period, power) in begun.items() if period == earliest]  # fmt: skip
        said += f": {listing(where, 6)}"
    said += "."
    if full:
        return f"{said} All demand is met from {full}."
    if "full_power_date" in summary:
        return f"{said} Demand is not fully met within the plan."
    return said


def price_of_delay(result: Result) -> list[str]:
    """What the plan costs, what delay costs of it, and how much of that no plan can avoid."""
    summary = result.summary
    waits, priced = number(summary.get("delay_mw_months")), delay_cost(result)
    said = f"The plan costs {money(summary.get('total_cost'))} (discounted)"
    if waits is None:
        return [said + "."]
    if waits <= 0:
        return [said + "; no load waits."]
    said += f", of which delay {money(priced)}: load waits {amount(waits, 'MW-months')}"
    if priced:
        said += f" at {money(priced / waits)} each"
    unavoidable = number(summary.get("unavoidable_delay_usd"))
    if unavoidable and priced:
        said += f"; {money(min(unavoidable, priced))} of delay no plan can avoid"
    return [said + "."]


def binding_limits(result: Result) -> str:
    """Which limits bind and which nearly do, folded by limit."""
    limits = result.tables["limits"]
    if limits.empty:
        return "No limits were stated."
    # A limit of nothing, of which nothing is used, is a date before supply begins.
    real = limits[limits["limit_value"] > 0]
    binding = real["binding"]
    near = ~binding & (real["used"] >= NEAR * real["limit_value"])
    bound = set(zip(real.loc[binding, "limit"], real.loc[binding, "scope"], strict=True))
    said = "No stated limit binds."
    if bound:
        said = f"Limits that bind: {_folded(real[binding])}."
    apart = [pair not in bound for pair in zip(real["limit"], real["scope"], strict=True)]
    close = real[near & pd.Series(apart, index=real.index, dtype=bool)]
    return said if close.empty else f"{said} Nearly: {_folded(close)}."


def _folded(limits: pd.DataFrame) -> str:
    """Limits with their scopes: gas supply (Abilene and Pecos)."""
    names = [
        f"{LIMIT_WORDS.get(str(name), name)} ({listing(list(dict.fromkeys(rows['scope'])), 8)})"
        for name, rows in limits.groupby("limit", sort=False)
    ]
    return listing(names)


def ending(summary: dict[str, Any]) -> str:
    """How good the plan is and why the run ended."""
    status = plain(str(summary.get("status") or "not stated"))
    status = STATUS_WORDS.get(status, status)
    reason = str(summary.get("stop_reason") or "")
    reason = "" if reason == "gap" else reason
    return f"Status: {status}" + (f" ({STOP_WORDS.get(reason, reason)})" if reason else "")


def checked(summary: dict[str, Any]) -> str:
    """Whether an independent check passed."""
    check = summary.get("verification")
    if not isinstance(check, dict) or check.get("passed") is None:
        return "The plan has not been checked independently."
    worst = number(check.get("max_violation"))
    detail = "" if worst is None else f" (largest violation {worst:.1e})"
    if check["passed"]:
        return f"The independent check passed{detail}.{_without_foresight(check)}"
    return f"The independent check FAILED{detail}: do not build on this plan."


def _without_foresight(check: dict[str, Any]) -> str:
    """What the plan costs to run by forecasts; nothing if it was not asked."""
    found = check.get("rolling")
    if not isinstance(found, dict) or not found.get("sites"):
        return ""
    if found.get("warning"):
        return f" {found['warning']}"
    share = found.get("extra_share") or 0.0
    return (f" Without perfect foresight ({found['foresight_hours']} h, forecasts off by "
            f"{percent(found['forecast_error'])}) it costs {percent(share)} more to run.")  # fmt: skip


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


def undecided(summary: dict[str, Any]) -> list[str]:
    """Sites that a plan as good as asked does without, or has."""
    tied = summary.get("tied_sites") or []
    without = listing([str(t["site"]) for t in tied if t["opened"]], 4)
    instead = listing([str(t["site"]) for t in tied if not t["opened"]], 4)
    parts = [
        f"{word} {names}" for word, names in (("without", without), ("with", instead)) if names
    ]
    return [f"As good, within the gap: a plan {listing(parts)}."] if parts else []


def kept_to(summary: dict[str, Any]) -> list[str]:
    """What has changed against a result that was to be kept to."""
    found = summary.get("changed_decisions")
    return [f"Changed: {changed(found)}."] if found else []


def headline(result: Result) -> list[str]:
    """The decision in plain words, one sentence a line, without the power of each site."""
    summary = result.summary
    return [*openings(result), dates(result), *sampled_dates(summary), *price_of_delay(result),
            proof(summary), *undecided(summary), *kept_to(summary), binding_limits(result),
            checked(summary)]  # fmt: skip


def decision(result: Result) -> list[str]:
    """The decision in plain words, with the first power of each site."""
    begun = [f"{site} is first powered in {period} by {listing(power) or 'nothing listed'}."
             for site, (period, power) in first_power(result).items()]  # fmt: skip
    if len(begun) > MOST_SENTENCES:
        more = f"{len(begun) - MOST_SENTENCES} more sites follow; the table capacity holds them."
        begun = [*begun[:MOST_SENTENCES], more]
    said = headline(result)
    at = 1 + said.index(dates(result))
    return [*said[:at], *begun, *said[at:]]


def p50_p90(summary: dict[str, Any], name: str) -> str:
    """A sampled date as P50 (P90)."""
    middle, late = month(summary.get(f"{name}_p50")), month(summary.get(f"{name}_p90"))
    return f"{middle} ({late})" if middle and late else MISSING


def _date_tiles(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Dates as P50 (P90) where they were sampled, else as planned."""
    shown = []
    for name, sampled, planned, never in (
        ("first_power", "First load, P50 (P90)", "First load", "never"),
        ("full_power", "Full power, P50 (P90)", "All demand met", "not in the plan"),
    ):
        spread = p50_p90(summary, name)
        if spread == MISSING:
            shown.append((planned, month(summary.get(f"{name}_date")) or never))
        else:
            shown.append((sampled, spread))
    return shown


def tiles(result: Result) -> list[tuple[str, str]]:
    """Name and value of the few figures on the first screen."""
    s = result.summary
    check = s.get("verification")
    passed = check.get("passed") if isinstance(check, dict) else None
    shown = [
        ("Total cost", money(s.get("total_cost"))),
        ("Of which delay", money(delay_cost(result))),
        *_date_tiles(s),
        ("Proven gap", percent(s.get("gap"))),
        ("Independent check", "not run" if passed is None else "passed" if passed else "FAILED"),
    ]
    return [(name, value) for name, value in shown if value != MISSING]


def key_figures(result: Result) -> list[tuple[str, str]]:
    """Name and value of further figures of the whole plan."""
    s = result.summary
    figures = [
        ("Lower bound of the cost", money(s.get("bound"))),
        ("Delay", amount(s.get("delay_mw_months"), "MW-months")),
        ("Sites opened", f"{len(result.opened)} of {len(result.tables['sites'])}"),
        ("Unserved energy", amount(s.get("unserved_mwh"), "MWh")),
        ("CO2, all", millions(s.get("co2_t"), "t", "Mt")),
        ("CO2, on site", millions(s.get("co2_onsite_t"), "t", "Mt")),
        ("Carbon-free share", percent(s.get("cfe_share"))),
        ("Water", millions(s.get("water_m3"), "m³", "million m³")),
        ("Land", amount(s.get("land_km2"), "km²")),
    ]
    return [(name, value) for name, value in figures if value != MISSING]
