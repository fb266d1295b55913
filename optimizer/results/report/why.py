"""Why this plan: other sites, runner-ups, what limits are worth, and what load waits for."""

from __future__ import annotations

import math
import re
from typing import Any

import pandas as pd

from optimizer.results.report.folder import Result, rows
from optimizer.results.report.sites import Table
from optimizer.results.report.words import amount, listing, money, month, number, percent, plain
from optimizer.results.words import changed, unasked

FIRST_ROWS = 12
"""Rows of a table that are shown unfolded."""
PART_WORDS = {
    "halls_usd": "halls", "power_usd": "power plant", "grid_usd": "grid connection",
    "energy_usd": "energy", "delay_usd": "delay", "site_usd": "the site itself",
}  # fmt: skip
REASON_WORDS = {
    "latency": "too far away: latency does not allow it",
    "nothing can be built": "no hall, or no power for it, can be built there",
    "no load": "nothing is wanted that it could serve in time",
    "no plan": "no plan with it was found",
    "no slots": "all equipment slots are taken",
    "no budget": "the budget does not allow it",
    "CO2 cap": "the CO2 cap does not allow it",
    "no water": "too little water", "no land or gas": "too little land or gas supply",
    "permit threshold": "a permit's threshold does not allow it",
    "not asked": "not asked within the time",
}  # fmt: skip
BASIS_WORDS = {"checked": "all hours", "estimate": "estimate", "input": "input",
               "prices": "prices of what all sites share"}  # fmt: skip
MOST_SITES = 60
"""Sites of the table; all are in ``tables/why_not_sites.csv``."""


def why_sections(result: Result) -> dict[str, Any]:
    """What the section holds; empty tables where the run did not ask."""
    worth, sources, tied = worth_table(result), source_table(result), tied_table(result)
    return {
        "any": len(tied[1]) > 0 or any(
            len(result.tables[name]) for name in
            ("why_not_sites", "runner_up", "worth", "delay_causes")),
        "tied": tied, "unasked": unasked_table(result),
        "words": why_words(result), "sites": site_table(result), "delay": delay_table(result),
        "source_head": sources[0], "sources": sources[1][:FIRST_ROWS],
        "more_sources": sources[1][FIRST_ROWS:],
        "worth_head": worth[0], "worth": worth[1][:FIRST_ROWS], "more_worth": worth[1][FIRST_ROWS:],
    }  # fmt: skip


def why_words(result: Result) -> list[str]:
    """The most telling answers in sentences."""
    said = []
    sites = result.tables["why_not_sites"]
    # By prices only a least cost above the bound is known, not what a plan costs.
    planned = sites["extra_usd"].notna() & (sites["basis"] != "prices")
    priced = sites[planned].sort_values("extra_usd")
    if len(priced):
        nearest = priced.iloc[0]
        said.append(
            f"Of the sites not chosen {nearest['site']} comes nearest: {_site_reason(nearest)}."
        )
    named = _causes(result)
    if named:
        said.append(f"Load waits for {listing(named, 4)}.")
    worth = result.tables["worth"]
    worth = worth[worth["usd_per_unit"] > 0].drop_duplicates("said")
    dearest = [f"{_limit(r)} ({_per_unit(r)})" for r in rows(worth)]
    if dearest:
        said.append(f"More would be worth most of {listing(dearest, 3)}.")
    left = unasked(result.summary)
    if left:
        said.append(f"Not asked within the time: {left} in a further run.")
    return said


def _causes(result: Result) -> list[str]:
    delay = result.tables["delay_causes"]
    total = float(delay["mw_months"].sum())
    if total <= 0:
        return []
    by_cause = delay.groupby("cause")["mw_months"].sum().sort_values(ascending=False)
    return [f"{_cause(str(cause))} ({percent(mw / total)})" for cause, mw in by_cause.items()]


def _cause(cause: str) -> str:
    if cause == "cheaper to wait":
        return "nothing: it is cheaper to wait"
    return cause.replace("slots: ", "slots of ")


def unasked_table(result: Result) -> Table:
    """Each question that there was no time for."""
    lines = []
    tables = {name: table[table["basis"] == "not asked"] for name in
              ("why_not_sites", "runner_up", "worth")
              if "basis" in (table := result.tables[name])}  # fmt: skip
    for r in rows(tables.get("why_not_sites", pd.DataFrame())):
        lines.append([str(r.site), "What keeps this site out, and what would it cost?"])
    for r in rows(tables.get("runner_up", pd.DataFrame())):
        lines.append([f"{plain(str(r.item))} at {r.site}",
                      "What would stand in for it, and from which price on?"])  # fmt: skip
    for r in rows(tables.get("worth", pd.DataFrame())):
        lines.append([_limit(r), "What would more of it save?"])
    return ["About", "Question"], lines


def tied_table(result: Result) -> Table:
    """Sites that the gap leaves undecided."""
    lines = []
    for tie in result.summary.get("tied_sites") or []:
        inside = "in the plan" if tie["opened"] else "not in the plan"
        other = "without it" if tie["opened"] else "with it"
        lines.append([str(tie["site"]), inside, other, _extra(tie["extra_usd"]),
                      _basis(tie["basis"])])  # fmt: skip
    head = ["Site", "Here", "As good is a plan", "Which costs more", "Known by"]
    return head, lines


def change_tables(result: Result) -> dict[str, Any]:
    """What differs from a result that was to be kept to; empty if none was."""
    found = result.summary.get("changed_decisions") or {}
    head = ["Site", "Kind", "Item", "Before", "Now"]

    def lines(name: str) -> list[list[str]]:
        return [[str(r["site"]), str(r["kind"]), "–" if r["item"] == r["site"] else
                 plain(str(r["item"])), _levels(r["before"]), _levels(r["now"])]
                for r in found.get(name) or []]  # fmt: skip

    return {
        "any": bool(found), "against": str(found.get("against") or ""),
        "words": [f"Changed: {changed(found)}."] if found else [],
        "decisions": (head, lines("decisions")), "sizes": (head, lines("sizes")),
        "left_out": [plain(str(name)) for name in found.get("left_out") or []],
    }  # fmt: skip


def _levels(said: Any) -> str:
    """``2 from 2028-01, 5 from 2029-07`` with months in words."""
    return re.sub(r"(\d{4}-\d{2})\b", lambda m: month(f"{m[1]}-01"), str(said))


def site_table(result: Result) -> Table:
    """Each site that serves nothing: the reason, what it would cost, and when it could serve."""
    lines = []
    sites = result.tables["why_not_sites"]
    for _, r in sites.sort_values("extra_usd", na_position="last", kind="stable").iterrows():
        soonest = f"{month(r['earliest_date'])}" if not pd.isna(r["earliest_date"]) else "never"
        lines.append([
            str(r["site"]), _site_reason(r),
            ("at least " if r["basis"] == "prices" else "") + _extra(r["extra_usd"]),
            _parts(r), soonest,
            str(r["waits_for"]) or "–", str(r["instead_of"]) or "–", _basis(r["basis"]),
        ])  # fmt: skip
    if len(lines) > MOST_SITES:
        rest = f"{len(lines) - MOST_SITES} more in tables/why_not_sites.csv"
        lines = [*lines[:MOST_SITES], ["…", rest, *[""] * 6]]
    head = ["Site", "Why not", "Costs more", "Of it", "Could serve from", "Waits for",
            "Instead of", "Known by"]  # fmt: skip
    return head, lines


def _site_reason(r: pd.Series) -> str:
    """The reason in words, with by how much."""
    reason, extra, later = str(r["reason"]), number(r["extra_usd"]), number(r["months_later"])
    late = f"{later:.0f} months later than the plan's first load" if later and later > 0 else ""
    if reason == "too late":
        return f"too late: {late}" if late else "cannot serve before the plan ends"
    if r["basis"] == "prices" and extra is not None:
        least = f"any plan with it costs at least {money(extra)} more than the bound"
        return (
            f"too dear: {least}" if reason == "too dear" else f"{least}, less than the proven gap"
        )
    if reason in ("too dear", "within the gap") and extra is not None:
        if reason == "too dear":
            return f"too dear by {money(extra)}" + (f", and {late}" if late else "")
        if extra < 0:
            return f"no reason: a plan with it costs {money(-extra)} less, less than the proven gap"
        return f"hardly dearer: {money(extra)}, less than the proven gap"
    return REASON_WORDS.get(reason, reason)


def _parts(r: Any) -> str:
    """The largest parts of what is paid more, and less."""
    parts = [(float(r[name]), words) for name, words in PART_WORDS.items() if not pd.isna(r[name])]
    largest = max((abs(usd) for usd, _ in parts), default=0.0)
    parts = sorted((p for p in parts if abs(p[0]) > 0.05 * largest and abs(p[0]) >= 1.0),
                   key=lambda p: -abs(p[0]))  # fmt: skip
    return listing([f"{words} {_extra(usd)}" for usd, words in parts], 3) or "–"


def _extra(usd: Any) -> str:
    found = number(usd)
    if found is None:
        return "–"
    return ("+" if found > 0 else "") + money(found)


def _basis(basis: Any) -> str:
    return BASIS_WORDS.get(str(basis), str(basis))


def source_table(result: Result) -> Table:
    """Each chosen source: what would stand in for it, and from which price on."""
    lines = []
    table = result.tables["runner_up"]
    asked = table[table["basis"] != "not asked"]
    for _, r in asked.iterrows():
        lines.append([
            f"{plain(str(r['item']))} at {r['site']}", amount(round(float(r["mw"])), "MW"),
            plain(str(r["runner_up"])) or _basis(r["basis"]), _extra(r["extra_usd"]),
            _price(r), _switch(r), _basis(r["basis"]),
        ])  # fmt: skip
    head = ["Source", "Most", "Runner-up", "Costs more", "Price of the input", "As good from",
            "Known by"]  # fmt: skip
    return head, lines


def _price(r: pd.Series) -> str:
    if not r["column"]:
        return "–"
    return f"{r['sheet']}!{r['row']:.0f} {r['column']} {amount(r['price'])}"


def _switch(r: pd.Series) -> str:
    extra = number(r["extra_usd"])
    if extra is not None and extra <= 0 and r["column"]:
        return "as good already, within the gap"
    if number(r["switch_price"]) is None:
        return "no price of it" if r["column"] else "–"
    share = number(r["switch_share"])
    rise = f" ({'+' if r['rise'] > 0 else '−'}{percent(abs(share))})" if share else ""
    return f"{amount(r['switch_price'], str(r['unit']))}{rise}"


def worth_table(result: Result) -> Table:
    """Each limit that binds: what one more unit is worth, and one more whole hall or unit."""
    lines = []
    table = result.tables["worth"]
    for r in rows(table[table["basis"] != "not asked"]):
        more = "–"
        if not math.isnan(r.grant):
            more = f"{money(r.grant_usd)} for {amount(r.grant, str(r.unit))}"
        place = f"{r.sheet}!{r.row:.0f}" if not math.isnan(r.row) else str(r.sheet)
        lines.append([
            _limit(r), place, amount(r.used), amount(r.limit_value, str(r.unit)), _per_unit(r),
            more, _basis(r.basis),
        ])  # fmt: skip
    head = ["Limit", "Input", "Used", "Limit", "One more unit", "One more hall or unit needs",
            "Known by"]  # fmt: skip
    return head, lines


def _limit(r: Any) -> str:
    said = str(r.said).split(": ")[0] if r.limit == "slots" else str(r.said)
    date = "" if pd.isna(r.from_date) else f" from {month(r.from_date)}"
    return plain(f"{said}{date}")


def _per_unit(r: Any) -> str:
    if math.isnan(r.usd_per_unit):
        return "–"
    if r.usd_per_unit == 0:
        return "nothing"
    if r.usd_per_unit < 100:
        return f"{amount(r.usd_per_unit)} $ per {_singular(str(r.unit))}"
    return f"{money(r.usd_per_unit)} per {_singular(str(r.unit))}"


def _singular(unit: str) -> str:
    return {"units": "unit", "slots": "slot", "t a year": "t a year", "": "unit"}.get(unit, unit)


def delay_table(result: Result) -> Table:
    """Delay by cause: MW-months, money, and the longest of the chains behind it."""
    delay = result.tables["delay_causes"]
    total = float(delay["mw_months"].sum())
    lines = []
    by_cause = delay.groupby("cause", sort=False)[["mw_months", "usd"]].sum()
    for cause, sums in by_cause.sort_values("mw_months", ascending=False).iterrows():
        mine = delay[delay["cause"] == cause]
        chains = mine.groupby(["site", "chain"])["mw_months"].sum().sort_values(ascending=False)
        named = [f"{site}, {chain}".strip(", ") for site, chain in chains.index if chain]
        periods = list(dict.fromkeys(mine["period"]))
        when = str(periods[0]) if len(periods) == 1 else f"{periods[0]} to {periods[-1]}"
        lines.append([
            _cause(str(cause)), when, "; ".join(named[:2]) or "–",
            amount(round(float(sums["mw_months"])), "MW-months"),
            percent(float(sums["mw_months"]) / total) if total > 0 else "–",
            money(float(sums["usd"])),
        ])  # fmt: skip
    return ["Waits for", "When", "Most of it at", "Delay", "Share", "Cost"], lines
