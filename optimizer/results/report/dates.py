"""How sure the dates are: milestones at P10, P50 and P90, and the steps that decide them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from optimizer.results.report.folder import Result, rows
from optimizer.results.report.sites import Table
from optimizer.results.report.words import listing, month, number, percent, plain

MOST_STEPS = 12
"""Steps that are shown; ``tables/dates.csv`` holds all."""


def milestone_table(result: Result) -> Table:
    """Planned date and P10, P50, P90 of first and full power and of each site's first load."""
    table = result.tables["dates"]
    lines = []
    for r in rows(table[table["kind"].isin(["plan", "site"])]):
        name = f"{r.site}: {r.step}" if r.site else str(r.step)
        dates = (r.planned_date, r.p10_date, r.p50_date, r.p90_date)
        lines.append([name, *(month(d) if not pd.isna(d) else "–" for d in dates)])
    return ["Milestone", "Planned", "P10", "P50", "P90"], lines


def critical_table(result: Result) -> Table:
    """Steps that late first or full power waits for most often."""
    table = result.tables["dates"]
    steps = table[~table["kind"].isin(["plan", "site"]) & (table["step"] != "online")]
    worst = steps[["critical_first_share", "critical_full_share"]].max(axis=1)
    steps = steps[worst >= 0.005].assign(worst=worst).sort_values(
        "worst", ascending=False, kind="stable")  # fmt: skip
    lines = []
    for r in rows(steps.head(MOST_STEPS)):
        item = "grid, " + str(r.item) if r.kind == "interconnection" else plain(str(r.item))
        months = f"{r.low_months:.3g} / {r.likely_months:.3g} / {r.high_months:.3g}"
        lines.append([
            f"{r.site}: {item}, {r.period}, {r.step}", months, str(r.basis), month(r.planned_date),
            month(r.p90_date), percent(r.critical_first_share), percent(r.critical_full_share),
        ])  # fmt: skip
    head = ["Step", "Months: low / likely / high", "Range", "Planned end", "P90",
            "Decides first power", "Decides full power"]  # fmt: skip
    return head, lines


def dates_words(result: Result) -> list[str]:
    """What was sampled, what it says, and what it rests on."""
    summary = result.summary
    draws, basis = number(summary.get("date_draws")), summary.get("date_basis")
    if draws is None or not isinstance(basis, dict):
        return []
    said = [f"The plan is kept and the months of its steps are drawn {draws:,.0f} times between "
            "low and high; steps that share a market, an agency, a queue or a site's crews share "
            "a draw. No step starts before its planned date."]  # fmt: skip
    on_time = number(summary.get("full_power_on_time_share"))
    if on_time is not None and summary.get("full_power_p50"):
        share = "less than 1 %" if on_time < 0.01 else percent(on_time)
        said.append(f"Full power (99 % of the demand) comes on the planned date in {share} of the "
                    "draws.")  # fmt: skip
    counts: dict[str, Any] = {name: basis.get(name) or 0 for name in ("input", "assumed", "fixed")}
    parts = [f"{counts[name]} {text}" for name, text in (
        ("input", "have a range in the input"),
        ("assumed", "take a range that this tool assumes (halls and grid offers with a blank low or high)"),
        ("fixed", "have no range and stay as likely")) if counts[name]]  # fmt: skip
    return [*said, f"Of the steps that take time, {listing(parts)}."]
