"""plan.xlsx: the result tables with formats, units and notes, and sheets made for pivots."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from optimizer.reading.inputs import Inputs
from optimizer.results.live import SHEET, LiveMoney
from optimizer.results.live_sheets import CASHFLOW, add_live_sheets
from optimizer.results.report.folder import TABLES, Result, as_read
from optimizer.results.report.words import decision

MOST_ROWS = 1_048_575
"""Rows that a sheet holds below its header."""
WIDEST = 44
SHEET_NAMES = {"cashflow": "payments"}
"""Sheets that are not called like their table: ``cashflow`` is the sheet in formulas."""

TABLE_MEANINGS = {
    "sites": "Candidate sites and when they open",
    "campus": "Halls added and standing",
    "capacity": "Power capacity added and standing",
    "capacity_by_site": "Power at the end of each period, halls and grid included; one row a fact",
    "costs_by_site": "Discounted cost by site, category and period; one row a fact",
    "interconnection": "Grid service taken",
    "agreements": "Service agreements: contract MW, what is billed, security and deposits; money of "
    "all months of the period, not discounted",
    "shared_upgrades": "Who pays for upgrades that are shared",
    "permits": "Permits applied for",
    "placement": "IT load placed",
    "backlog": "IT load wanted, placed and missing",
    "schedule": "Steps of every build with dates",
    "dates": "Sampled dates of every step, and how often it decides first and full power",
    "operation": "Energy, emissions and water of one pass of each period",
    "bills": "Every line of every month's bill, not discounted",
    "costs": "The objective, entry by entry, discounted",
    "payments": "Outlays by month, not discounted (tables/cashflow.csv)",
    "limits": "What is used of each limit",
    "contracts": "Power contracts: energy and money of each whole period, not discounted",
    "matching": "Carbon-free targets and what is reached",
    "matched_hours": "Served and carbon-free energy by month and hour of day",
    "readiness": "What the plan needs signed, and what of it exists",
    "decisions": "Until when each decision must be taken, and what a slip by one period loses",
    "why_not_sites": "What keeps each other site out: what opening it costs, and when it could serve",
    "runner_up": "What would stand in for each source, and the price at which it is as good",
    "worth": "What more of each limit that binds would save",
    "delay_causes": "What the load that waits is waiting for; sums to the plan's delay",
    "exposure": "Money committed, at risk, and the cost to cancel at the end of each month",
}
MEANINGS = {
    "site": ("Name of the site", ""), "period": ("Planning period", ""),
    "longitude": ("Longitude, WGS 84", "degree"), "latitude": ("Latitude, WGS 84", "degree"),
    "market": ("Electricity market", ""), "jurisdiction": ("Whose permits it needs", ""),
    "opened": ("Whether the site opens", "TRUE or FALSE"),
    "open_period": ("First period in which it is open", ""), "open_date": ("Opens on", "date"),
    "block": ("Type of hall", ""), "variant": ("Variant of permit or order", ""),
    "added_blocks": ("Halls added in the period", "halls"),
    "standing_blocks": ("Halls standing in the period", "halls"),
    "standing_it_mw": ("IT load that the halls can hold", "MW"),
    "technology": ("Technology; grid, load or unserved where it says so", ""),
    "added_units": ("Units added; 0 if any size can be built", "units"),
    "added_mw": ("Power added in the period", "MW"),
    "added_mwh": ("Stored energy added in the period", "MWh"),
    "standing_mw": ("Power standing in the period", "MW"),
    "standing_mwh": ("Stored energy standing in the period", "MWh"),
    "at_risk": ("Ordered before the permit is granted", "TRUE or FALSE"),
    "offer": ("Offer of grid service", ""), "connected": ("1 if connected", ""),
    "firm_mw": ("Grid power served in every hour", "MW"),
    "flexible_mw": ("Grid power that may be curtailed", "MW"),
    "export_mw": ("Most that may be exported", "MW"),
    "agreement": ("Service agreement", ""),
    "in_force": ("Whether service under it has begun", "TRUE or FALSE"),
    "contract_mw": ("MW signed", "MW"), "ramped_mw": ("Of it by the ramp, less reductions", "MW"),
    "owed_mw": ("The same within the term: the minimum is owed on it", "MW"),
    "reduced_mw": ("Given up so far", "MW"),
    "reassigned_mw": ("Of what is given up in the period, signed elsewhere: no fee", "MW"),
    "peak_mw": ("Highest MW through the connection", "MW"),
    "billed_usd": ("Billed by the agreement in the period", "USD"),
    "minimum_usd": ("Of it for the minimum that was not used", "USD"),
    "security_usd": ("Highest security outstanding in the period", "USD"),
    "deposit_paid_usd": ("Deposits paid", "USD"),
    "deposit_refunded_usd": ("Deposits that come back", "USD"),
    "shared_upgrade": ("Upgrade that offers share", ""),
    "paid_share": ("Share of it paid", "1"),
    "permit_kind": ("Kind of permit", ""),
    "cost_usd": ("Cost, paid once, not discounted", "USD"),
    "workload": ("Class of work", ""), "region": ("Where it is wanted", ""),
    "it_mw": ("IT load placed", "MW"), "demand_mw": ("IT load wanted", "MW"),
    "placed_mw": ("IT load placed", "MW"), "backlog_mw": ("IT load missing", "MW"),
    "kind": ("What is built", ""), "item": ("Technology, hall, offer or entry", ""),
    "amount": ("How much, see unit", ""), "unit": ("Unit of the figures in this row", ""),
    "step": ("Step of the build", ""), "start": ("Step starts", "date"),
    "end": ("Step ends", "date"), "metric": ("What is measured, unit last", ""),
    "value": ("Value for one pass, see metric", ""),
    "tariff": ("Tariff of the bill", ""), "month": ("Calendar month of the bill", "1 to 12"),
    "charge": ("Line of the bill: charge, window, tier", ""),
    "quantity": ("What is billed", "see unit"), "rate": ("USD for each unit of it", "USD/unit"),
    "passes": ("How often the pass repeats in the period", ""),
    "category": ("Category of cost", ""), "usd": ("Money; costs discounted, cash flow not", "USD"),
    "date": ("Month of payment", "date"), "limit": ("What is limited", ""),
    "scope": ("Where the limit holds", ""), "period_or_year": ("When the limit holds", ""),
    "used": ("What the plan uses", "see unit"), "limit_value": ("The limit", "see unit"),
    "factor": ("Steps of the same factor share a draw", ""),
    "basis": ("Of months: stated in the input, assumed or fixed; of money: checked over all hours "
              "or an estimate", ""),
    "low_months": ("Low of the step's duration", "months"),
    "likely_months": ("Likely duration of the step", "months"),
    "high_months": ("High of the step's duration", "months"),
    "planned_date": ("End of the step in the plan", "date"),
    "p10_date": ("In 10 % of the draws it ends by then", "date"),
    "p50_date": ("In half of the draws it ends by then", "date"),
    "p90_date": ("In 90 % of the draws it ends by then", "date"),
    "critical_first_share": ("Share of draws in which late first power waits for it", "1"),
    "critical_full_share": ("Share of draws in which late full power waits for it", "1"),
    "binding": ("Whether all of it is used", "TRUE or FALSE"),
    "contract": ("Power contract", ""), "counterparty": ("Who sells", ""),
    "signed_mw": ("MW of contract that start in the period", "MW"),
    "volume_mwh": ("Energy that the contract offers", "MWh"),
    "delivered_mwh": ("Energy that it delivers", "MWh"),
    "settled_usd": ("Paid in settlement; below 0: earned", "USD"),
    "security_cost_usd": ("Carrying cost of the security", "USD"),
    "policy": ("Carbon-free target", ""), "year": ("Calendar year or period", ""),
    "target": ("Share that is asked; blank: none for this scope", "1"),
    "served_mwh": ("Energy that is served, of one pass", "MWh"),
    "matched_mwh": ("Of it carbon-free", "MWh"), "share": ("Matched share", "1"),
    "exported_mwh": ("Energy exported", "MWh"),
    "hour_of_day": ("Hour of the day, in the zone of the profiles", ""),
    "needed": ("What the plan needs of it", "see unit"),
    "held": ("Granted or signed", "see unit"), "filed": ("Applied for", "see unit"),
    "missing": ("Needed and not held", "see unit"),
    "status": ("How far it is", ""),
    "needed_by": ("Until when it must be signed, filed or in force", "date"),
    "expires": ("First month in which one of the commitments holds no more", "date"),
    "paid_usd": ("Paid until then for what is in the making; readiness: before the plan; contracts: "
                 "for energy", "USD"),
    "cancel_usd": ("What is lost if all in the making is cancelled", "USD"),
    "commitments": ("Rows of the input table commitments", ""),
    "decision": ("What is to be done", ""),
    "sign_by": ("Latest date that moves no online date, at the planned months", "date"),
    "safe_by": ("The same if this and all later steps take their high months", "date"),
    "online_date": ("First build that waits for it is online", "date"),
    "due_soon": ("To be signed within 90 days of the plan's start", "TRUE or FALSE"),
    "value_usd": ("Price of what is ordered, not discounted", "USD"),
    "due_usd": ("Of it paid in the month of signing", "USD"),
    "slip_months": ("Slip that is followed: the length of the period", "months"),
    "first_power_late_months": ("First power is later by, after the slip", "months"),
    "full_power_late_months": ("Full power is later by, after the slip", "months"),
    "lost_mw_months": ("IT load that waits because of the slip", "MW-months"),
    "lost_usd": ("That load at the price of delay, not discounted", "USD"),
    "committed_usd": ("Price of all that is signed and not yet in service", "USD"),
    "recoverable_usd": ("Of what is paid: comes back when cancelled", "USD"),
    "at_risk_usd": ("Of what is paid: lost if the permits not yet granted are refused", "USD"),
    "in_service_usd": ("Paid until then for what is in service", "USD"),
    "reason": ("What keeps the site out", ""),
    "earliest_date": ("First period in which a hall there could have power", "date"),
    "months_later": ("That is later than the plan's first load by", "months"),
    "waits_for": ("What it waits for until then, with the months of its steps", ""),
    "forced_date": ("First load there in the plan that opens it", "date"),
    "extra_usd": ("What the other plan costs more; negative: less", "USD"),
    "halls_usd": ("Of it for halls", "USD"), "power_usd": ("Of it for power plant", "USD"),
    "grid_usd": ("Of it for grid connections", "USD"),
    "energy_usd": ("Of it for fuel, imports, carbon, upkeep by energy", "USD"),
    "delay_usd": ("Of it for delay", "USD"),
    "site_usd": ("Of it for opening, permits, land, placement", "USD"),
    "instead_of": ("Where less is served then, at most in some period", ""),
    "mw": ("Most MW", "MW"),
    "runner_up": ("What there is more of without the source, at most in some period", ""),
    "sheet": ("Sheet of the input", ""), "row": ("Row of that sheet", ""),
    "column": ("Column of that sheet", ""), "price": ("Price as it is", "see unit"),
    "switch_price": ("Price at which both plans cost the same", "see unit"),
    "rise": ("By how much it would have to rise", "see unit"),
    "switch_share": ("That as a share of all that is paid for it", "1"),
    "said": ("The limit in words", ""),
    "from_date": ("Month from which one more is granted", "date"),
    "usd_per_unit": ("What one more unit saves", "USD per unit"),
    "kept_usd": ("The same with the whole numbers of the plan", "USD per unit"),
    "divisible_usd": ("The same with halls and units in parts", "USD per unit"),
    "free_usd": ("The same with another plan altogether", "USD per unit"),
    "grant": ("As much more as one more whole hall, unit or connection needs", "see unit"),
    "grant_usd": ("What that saves", "USD"),
    "cause": ("What the load waits for", ""),
    "chain": ("What comes online for it, with the months of its steps", ""),
    "online_period": ("Period in which that comes online", ""),
    "mw_months": ("Load that waits, times months", "MW-months"),
}  # fmt: skip
FORMATS = {
    "text": "@", "money": "#,##0;[Red]-#,##0", "power": "#,##0.0", "count": "#,##0",
    "angle": "0.0000", "number": "#,##0.00", "date": "yyyy-mm-dd", "flag": "General",
}  # fmt: skip


def write_plan_workbook(
    path: Path, tables: dict[str, pd.DataFrame], summary: dict[str, Any], inputs: Inputs,
    dispatch: pd.DataFrame | None = None,
) -> None:  # fmt: skip
    """Write the plan as a workbook.

    Parameters
    ----------
    path : file to write
    tables : result tables by name, as in ``docs/results.md``
    summary : content of ``summary.json``
    inputs : what was planned with
    dispatch : hourly series; without it there are no sheets in formulas

    Notes
    -----
    Texts that look like formulas or links stay texts. A table longer than a sheet is cut, and
    the start sheet says so; ``tables/*.csv`` holds all of it.
    """
    options = {
        "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
        "nan_inf_to_errors": False, "default_date_format": FORMATS["date"],
    }  # fmt: skip
    renamed = {SHEET_NAMES.get(name, name): table for name, table in tables.items()}
    shown = {**_pivot_tables(tables), **renamed}
    with xlsxwriter.Workbook(str(path), options) as book:
        formats = {name: book.add_format({"num_format": code}) for name, code in FORMATS.items()}
        live = None if dispatch is None else LiveMoney(inputs, tables, dispatch)
        _start_sheet(book, tables, shown, summary, inputs, live)
        if live is not None:
            add_live_sheets(book, live, float(summary["total_cost"]))
        for name, table in shown.items():
            _table_sheet(book, name, table.head(MOST_ROWS), formats)


def _pivot_tables(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Tidy tables that join what an analyst would pivot together."""
    keys = ["site", "technology", "period"]
    parts = []
    for name, technology, column in (
        ("capacity", None, "standing_mw"), ("campus", "IT load of halls", "standing_it_mw"),
        ("interconnection", "grid, firm", "firm_mw"),
        ("interconnection", "grid, flexible", "flexible_mw"),
    ):  # fmt: skip
        table = tables.get(name)
        if table is None or table.empty:
            continue
        part = table.rename(columns={column: "standing_mw"})
        if technology:
            part = part.assign(technology=technology)
        parts.append(part[[*keys, "standing_mw"]])
    empty = pd.DataFrame(columns=[*keys, "standing_mw"])
    capacity = pd.concat(parts, ignore_index=True) if parts else empty
    standing = capacity.groupby(keys, sort=False)["standing_mw"].sum().reset_index()
    found: dict[str, pd.DataFrame] = {"capacity_by_site": standing}
    costs = tables.get("costs")
    if costs is not None and not costs.empty:
        groups = ["site", "category", "period"]
        filled = costs.assign(**{name: costs[name].fillna("").astype(str) for name in groups})
        found["costs_by_site"] = filled.groupby(groups, sort=False)["usd"].sum().reset_index()
    return found


def _kind(name: str, column: pd.Series) -> str:
    """Which number format a column takes."""
    if pd.api.types.is_bool_dtype(column):
        return "flag"
    if (
        pd.api.types.is_datetime64_any_dtype(column)
        or name.endswith("date")
        or name in ("start", "end", "sign_by", "safe_by", "needed_by", "expires")
    ):
        return "date"
    if not pd.api.types.is_numeric_dtype(column):
        return "text"
    if name in ("longitude", "latitude"):
        return "angle"
    if name.endswith("usd"):
        return "money"
    if name.endswith(("mw", "mwh")):
        return "power"
    return "count" if name.endswith(("blocks", "units")) or name == "connected" else "number"


def _cell(value: Any) -> Any:
    """A value as the sheet takes it; what is missing becomes blank."""
    if value is None or value is pd.NaT or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    return value.item() if hasattr(value, "item") else value


def _table_sheet(
    book: Workbook, name: str, table: pd.DataFrame, formats: dict[str, Format]
) -> None:
    """One sheet with one Excel table; header notes say meaning and unit."""
    sheet: Worksheet = book.add_worksheet(name[:31])
    rows = [[_cell(v) for v in row] for row in table.astype(object).to_numpy().tolist()]
    kinds = [_kind(str(column), table[column]) for column in table.columns]
    columns = [{"header": str(c), "format": formats[kind]}
               for c, kind in zip(table.columns, kinds, strict=True)]  # fmt: skip
    if columns:
        # An Excel table needs a row below its header even if there is nothing to tell.
        sheet.add_table(
            0, 0, max(1, len(rows)), len(columns) - 1,
            {"name": f"t_{name}", "columns": columns, "data": rows,
             "style": "Table Style Light 9", "autofilter": True},
        )  # fmt: skip
    for place, (column, kind) in enumerate(zip(table.columns, kinds, strict=True)):
        meaning, unit = MEANINGS.get(str(column), ("", ""))
        if meaning:
            text = meaning + (f" [{unit}]" if unit else "")
            sheet.write_comment(0, place, text, {"x_scale": 1.6, "y_scale": 0.6})
        sheet.set_column(place, place, _width(str(column), kind, [r[place] for r in rows]))
    sheet.freeze_panes(1, 1)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)


def _width(header: str, kind: str, cells: list[Any]) -> float:
    """Characters that header, filter button and the longest of the first cells need."""
    if kind == "text":
        longest = max((len(str(c)) for c in cells[:2000] if c is not None), default=0)
    elif kind == "date":
        longest = 10
    else:
        numbers = [abs(c) for c in cells[:2000] if isinstance(c, int | float)]
        digits = len(f"{max(numbers, default=0.0):,.0f}")
        longest = digits + {"angle": 6, "power": 3, "number": 4}.get(kind, 2)
    return float(min(WIDEST, max(longest + 2, len(header) + 4, 9)))


def _start_sheet(
    book: Workbook, tables: dict[str, pd.DataFrame], shown: dict[str, pd.DataFrame],
    summary: dict[str, Any], inputs: Inputs, live: LiveMoney | None,
) -> None:  # fmt: skip
    """The decision in words, key figures with their units, and what each sheet holds."""
    stated = {n: as_read(tables.get(n, pd.DataFrame()), n) for n in TABLES}
    sentences = decision(Result(summary, stated, inputs.tables, pd.DataFrame()))
    sheet = book.add_worksheet("start")
    title = book.add_format({"bold": True, "font_size": 18})
    head = book.add_format({"bold": True, "font_size": 12, "bottom": 1})
    words = book.add_format({"text_wrap": True, "valign": "top"})
    figure = book.add_format({"num_format": "#,##0.00##", "align": "right"})
    right = book.add_format({"align": "right"})
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 1, 22)
    sheet.set_column(2, 2, 60)
    sheet.write_string(0, 0, f"Plan: {summary.get('case_name') or inputs.name}", title)
    sheet.write_row(2, 0, ["The decision", "", ""], head)
    row = 3
    for sentence in sentences:
        sheet.merge_range(row, 0, row, 2, "", words)
        sheet.write_string(row, 0, sentence, words)
        sheet.set_row(row, 15.5 * (1 + len(sentence) // 105))
        row += 1
    row += 1
    sheet.write_row(row, 0, ["Key figure", "Value", "Unit"], head)
    for name, value, unit in _key_figures(summary):
        row += 1
        sheet.write_string(row, 0, name)
        if isinstance(value, float):
            sheet.write_number(row, 1, value, figure)
        else:
            sheet.write_string(row, 1, value, right)
        sheet.write_string(row, 2, unit)
    row += 2
    sheet.write_row(row, 0, ["Sheet", "Rows", "Holds"], head)
    if live is not None:
        for name, count, meaning in (
            (SHEET, len(live.assumptions), "Prices and rates that may be changed"),
            (CASHFLOW, len(live.lines), "What the plan costs, in formulas on the assumptions"),
        ):
            row += 1
            sheet.write_url(row, 0, f"internal:'{name}'!A1", string=name)
            sheet.write_number(row, 1, count)
            sheet.write_string(row, 2, meaning)
    for name, table in shown.items():
        row += 1
        cut = f"; only the first {MOST_ROWS:,} are here" if len(table) > MOST_ROWS else ""
        sheet.write_url(row, 0, f"internal:'{name}'!A1", string=name)
        sheet.write_number(row, 1, len(table))
        sheet.write_string(row, 2, TABLE_MEANINGS.get(name, "") + cut)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)


def _key_figures(summary: dict[str, Any]) -> list[tuple[str, float | str, str]]:
    """Name, value and unit of the figures that a reader looks up first."""
    figures: list[tuple[str, float | str, str]] = []
    for name, key, unit, scale in (
        ("Total cost", "total_cost", "million USD, discounted", 1e-6),
        ("Lower bound", "bound", "million USD, discounted", 1e-6),
        ("Proven gap", "gap", "% of total cost", 100.0),
        ("Delay", "delay_mw_months", "MW-months", 1.0),
        ("Delay, P50", "delay_mw_months_p50", "MW-months", 1.0),
        ("Delay, P90", "delay_mw_months_p90", "MW-months", 1.0),
        ("Unserved energy", "unserved_mwh", "MWh", 1.0), ("CO2", "co2_t", "t", 1.0),
        ("CO2, on site", "co2_onsite_t", "t", 1.0), ("CO2, grid", "co2_grid_t", "t", 1.0),
        ("Water", "water_m3", "m3", 1.0), ("Land", "land_km2", "km2", 1.0),
    ):  # fmt: skip
        value = summary.get(key)
        if isinstance(value, int | float) and math.isfinite(value):
            figures.append((name, float(value) * scale, unit))
    for name, key in (
        ("First power, planned", "first_power_date"), ("First power, P50", "first_power_p50"),
        ("First power, P90", "first_power_p90"),
        ("Full power, planned", "full_power_date"), ("Full power, P50", "full_power_p50"),
        ("Full power, P90", "full_power_p90"), ("Status", "status"),
        ("Run ended by", "stop_reason"),
    ):  # fmt: skip
        figures.append((name, str(summary.get(key) or "none"), ""))
    return figures
