"""For a utility: a load letter for each site with grid service."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from optimizer.preparing.calendar import HOURS_PER_YEAR, Period, hours_of_months
from optimizer.results.report.marks import notes
from optimizer.results.report.packs.page import Block, Grid, Note, Page, Stock
from optimizer.results.report.service import cut_words, emergency_words
from optimizer.results.report.words import amount, listing, month, percent, plain

POWER_FACTOR = 0.95
"""Lagging, at the meter. An assumption of this tool: the inputs have none."""
USED = (
    "interconnections",
    "interconnection_steps",
    "service_agreements",
    "demand",
    "workloads",
    "sites",
    "technologies",
)
NAMES = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def page(stock: Stock) -> Page:
    """The pack."""
    joined = stock.table("interconnection")
    sites = [s for s in stock.sites if (joined["site"] == s).any()]
    said = "No site of the plan takes grid service."
    blocks = [_letter(stock, site) for site in sites] or [Block("No request", says=[said])]
    stamps: list[Note] = [
        ("assumed", f"power factor {POWER_FACTOR:g} lagging (by this tool: the inputs have none)"),
        *notes(stock.marks, USED),
    ]
    method = Block("How the figures are made", says=[
        "Facility load is the largest hour of each month: IT load placed by the plan times its "
        "profile times PUE. Demand at the meter is the largest hourly import of the plan's own "
        "dispatch; the service asked for is larger where the plan keeps a margin. Months of a "
        "period of several years repeat."], notes=stamps)  # fmt: skip
    lead = "Load letter: megawatts by month, ramp, power factor, and what can be curtailed"
    return Page("Request for electric service", lead, [*blocks, method], whole=True)


def monthly_peaks(stock: Stock, site: str, column: str) -> pd.Series:
    """Largest hour of a dispatch column at a site, by calendar month [MW]; 0 without load."""
    hours = stock.result.dispatch
    mine = hours[hours["site"].astype(str) == site]
    found: dict[pd.Timestamp, float] = {}
    for period in stock.case.periods:
        here = mine[mine["period"].astype(str) == period.name]
        by_hour = np.zeros(HOURS_PER_YEAR)
        by_hour[here["hour"].to_numpy()] = here[column].to_numpy()
        for k in range(period.months):
            date = period.start + pd.DateOffset(months=k)
            found[date] = float(by_hour[hours_of_months(date.month - 1, 1)].max())
    return pd.Series(found)


def yearly_rows(peaks: pd.Series) -> list[list[str]]:
    """One row a year with twelve months; equal years in one row."""
    rows: list[tuple[int, int, list[str]]] = []
    for year, values in peaks.groupby(peaks.index.year):
        cells = [f"{v:,.0f}" if v >= 0.5 else "–" for v in values]
        before = values.index[0].month - 1
        cells = ["–"] * before + cells + ["–"] * (12 - before - len(cells))
        if rows and rows[-1][2] == cells and rows[-1][1] == int(year) - 1:
            rows[-1] = (rows[-1][0], int(year), cells)
        else:
            rows.append((int(year), int(year), cells))
    return [[str(a) if a == b else f"{a}–{b}", *cells] for a, b, cells in rows
            if any(c != "–" for c in cells)]  # fmt: skip


def _letter(stock: Stock, site: str) -> Block:
    load = monthly_peaks(stock, site, "load_mw")
    drawn = monthly_peaks(stock, site, "import_mw")
    row = stock.inputs.tables["sites"].loc[stock.case.sites[site].name_row]
    service = _service(stock, site)
    top, firm, flexible = service[-1][1] + service[-1][2], service[-1][1], service[-1][2]
    utility = str(row["utility"] or row["market"])
    figures = [
        ("Service, in the end", amount(round(top, 1), "MW")),
        ("Of it firm", amount(round(firm, 1), "MW")),
        ("Of it flexible", amount(round(flexible, 1), "MW")),
        ("At power factor", f"{POWER_FACTOR:g} (assumed)"),
        ("Which makes", amount(round(top / POWER_FACTOR), "MVA")),
        ("Energized from", month(service[0][0])),
        ("Facility load, most", amount(round(float(load.max()), 1), "MW")),
        ("Steepest ramp, facility", _ramp(load)),
        ("Steepest ramp, at the meter", _ramp(drawn)),
        ("Load factor", percent(_load_factor(stock, site))),
        ("Where", f"{row['latitude']:.2f}°, {row['longitude']:.2f}°"),
    ]  # fmt: skip
    says = [_dates(stock, site), _asked(service), _signed(stock, site),
            _flexibility(stock, site, flexible)]  # fmt: skip
    head = ["MW, largest hour", *NAMES]
    tables = [Grid("Facility load by month", head, yearly_rows(load), 12),
              Grid("Demand at the meter by month", head, yearly_rows(drawn), 12)]  # fmt: skip
    return Block(f"{site}, served by {utility}", figures, [s for s in says if s],
                 tables=[t for t in tables if t.rows])  # fmt: skip


def _ramp(peaks: pd.Series) -> str:
    """Largest rise from one month to the next."""
    steps = peaks.diff().fillna(peaks.iloc[0])
    return f"+{amount(round(float(steps.max()), 1), 'MW')}, {month(steps.idxmax())}"


def _asked(service: list[tuple[pd.Timestamp, float, float, float]]) -> str:
    """Levels of service as a sentence."""
    said = [f"from {month(date)} {firm:,.1f} firm and {flexible:,.1f} flexible"
            + (f", export {export:,.1f}" if export else "")
            for date, firm, flexible, export in service]  # fmt: skip
    return f"Service asked for, MW: {'; '.join(said)}."


def _service(stock: Stock, site: str) -> list[tuple[pd.Timestamp, float, float, float]]:
    """Levels of firm, flexible and export service with the month from which they hold."""
    table = stock.table("interconnection")
    table = table[table["site"] == site]
    sums = table.groupby("period")[["firm_mw", "flexible_mw", "export_mw"]].sum()
    levels: list[tuple[pd.Timestamp, float, float, float]] = []
    for period in stock.case.periods:
        if period.name not in sums.index:
            continue
        firm, flexible, export = (float(v) for v in sums.loc[period.name])
        if not levels or abs(firm - levels[-1][1]) + abs(flexible - levels[-1][2]) > 0.05:
            levels.append((period.start, firm, flexible, export))
    return levels


def _load_factor(stock: Stock, site: str) -> float:
    """Mean over largest hour of the facility load in the last period."""
    hours = stock.result.dispatch
    last: Period = stock.case.periods[-1]
    mine = hours[(hours["site"].astype(str) == site) & (hours["period"].astype(str) == last.name)]
    most = float(mine["load_mw"].max()) if len(mine) else 0.0
    return float(mine["load_mw"].mean()) / most if most > 0 else 0.0


def _dates(stock: Stock, site: str) -> str:
    """When the request is filed and the agreement signed, by the calendar of decisions."""
    table = stock.table("decisions")
    mine = table[(table["site"] == site) & (table["kind"] == "interconnection")]
    by: dict[str, Any] = {str(r.decision): r for r in mine.itertuples()}
    said = []
    for name, words in (("file grid request", "request filed"),
                        ("sign grid agreement", "agreement signed")):  # fmt: skip
        if name in by:
            said.append(f"{words} by {month(by[name].sign_by)}")
    if not said:
        return ""
    online = min(r.online_date for r in by.values())
    return f"Dates that the plan counts on: {listing(said)}; energized in {month(online)}."


def _flexibility(stock: Stock, site: str, flexible: float) -> str:
    """What may be curtailed, for how long, and what carries the load then."""
    offers = stock.inputs.tables["interconnections"]
    table = stock.table("interconnection")
    taken = set(table.loc[table["site"] == site, "offer"])
    mine = offers[(offers["site"] == site) & offers["offer"].isin(list(taken))]
    last = stock.case.periods[-1].name
    power = stock.table("capacity")
    power = power[(power["site"] == site) & (power["period"] == last)]
    own = [f"{plain(str(name))} {amount(round(float(mw), 1), 'MW')}" for name, mw
           in power.groupby("technology")["standing_mw"].sum().items() if mw >= 0.05]  # fmt: skip
    behind = (
        f"Behind the meter in {last}: {listing(own)}."
        if own
        else "Nothing stands behind the meter."
    )
    rows = mine.to_dict("records")
    shed = [f"In an emergency: {said}." for row in rows if (said := emergency_words(row))]
    behind = " ".join([*shed[-1:], behind])
    if flexible < 0.05:
        return f"No part of the service may be curtailed. {behind}"
    hours = int(mine["curtailed_hours_per_year"].max()) if len(mine) else 0
    how = f"in up to {hours} hours a year" if hours else "by the profile of the offer"
    told = [said for row in rows if (said := cut_words(row))]
    if told:
        return f"{amount(round(flexible, 1), 'MW')} flexible: {told[-1]}. {behind}"
    return f"{amount(round(flexible, 1), 'MW')} may be curtailed {how}. {behind}"


def _signed(stock: Stock, site: str) -> str:
    """Contract MW of the agreements that the plan signs."""
    table = stock.table("agreements")
    begins = {p.name: p.start for p in stock.case.periods}
    table = table[(table["site"] == site) & table["in_force"]]
    table = table.sort_values("period", key=lambda names: names.map(begins), kind="stable")
    said = [
        f"{plain(str(name))} for {amount(round(float(mine['contract_mw'].max()), 1), 'MW')} from "
        f"{month(min(begins[p] for p in mine['period']))}"
        for name, mine in table.groupby("agreement", sort=False)
    ]
    return f"Agreements to sign: {listing(said)}." if said else ""
