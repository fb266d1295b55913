"""For a lender: cash out by year in nominal dollars, what is contracted, what stands as security."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optimizer.preparing.calendar import months_between
from optimizer.results.lines import Line
from optimizer.results.live import FIRST_ROW, SHEET, VALUE_COLUMN, LiveMoney
from optimizer.results.report import readiness, words
from optimizer.results.report.marks import notes
from optimizer.results.report.packs.page import Block, Grid, Note, Page, Stock
from optimizer.results.report.style import PALETTE
from optimizer.results.report.svg import Series, chart
from optimizer.results.report.words import amount, money, month, percent, plain

CAPITAL = {"campus_capital": "Halls", "generation_capital": "Power", "interconnection": "Grid",
           "opening": "Sites", "permits": "Permits"}  # fmt: skip
RUNNING = {
    "energy": "Energy", "fuel": "Energy", "export": "Energy", "carbon": "Energy", "vom": "Upkeep",
    "unserved": "Energy", "campus_fom": "Upkeep", "generation_fom": "Upkeep", "land": "Land",
    "interconnection": "Grid charge", "demand_charge": "Grid charge",
    "coincident_peak": "Grid charge", "fixed_charge": "Grid charge", "minimum_bill": "Grid charge",
    "tax": "Grid charge",
}  # fmt: skip
"""Categories of the objective that are paid while running; capital stands in the cash flow."""
KINDS = {
    ("contract", "MW IT"): "Compute sold", ("contract", "MMBtu/h"): "Fuel supply",
    ("contract", "MW"): "Power supply", ("interconnection", ""): "Grid", ("order", ""): "Order",
    ("permit", ""): "Permit", ("option", ""): "Option on",
}  # fmt: skip
"""Words for what is needed, by its kind and, where that tells more, its unit."""
CHARGE = "capacity_charge_usd_per_kw_year"
COLOURS = dict(zip(["Halls", "Power", "Grid", "Sites", "Permits", "Energy", "Upkeep", "Grid charge",
                    "Land"], [*PALETTE, "#8C8C8C"], strict=True))  # fmt: skip
USED = ("technologies", "technology_costs", "site_technologies", "campus_blocks", "fuels", "tariffs",
        "interconnections", "sites", "permits", "workloads")  # fmt: skip


def page(stock: Stock) -> Page:
    """The pack."""
    flows = nominal(stock)
    stamps: list[Note] = [
        ("assumed", f"inflation {percent(stock.inflation)} a year from the middle of "
         f"{int(stock.inputs.setting('money_year'))} (chosen by --inflation; the plan itself is in "
         "real dollars)"),
        *notes(stock.marks, USED),
    ]  # fmt: skip
    blocks = [
        Block("The project", _figures(stock, flows), [
            "The case has no revenue, debt, tax or reserve, and delay of load, which the plan "
            "weighs as a cost, is no payment: what follows is cash out only."]),
        _cash(flows, stamps),
        _contracted(stock),
        _collateral(stock),
        Block("Money in the making", says=[readiness.exposure_words(stock.result)], tables=[
            Grid("All sites, end of each half year, not discounted, real dollars",
                 *readiness.exposure_table(stock.result, 6), 5)]),
    ]  # fmt: skip
    lead = "For a lender: nominal cash out, contracted share, security"
    return Page("Cash, contracts and collateral", lead, blocks)


def nominal(stock: Stock) -> pd.DataFrame:
    """Cash out by year (rows) and what for (columns), in nominal US$."""
    horizon = stock.case.horizon
    last = int(max([horizon - 1, *_months(stock, stock.result.tables["cashflow"]["date"])]))
    monthly = {name: np.zeros(last + 1) for name in COLOURS}
    paid = stock.result.tables["cashflow"]
    for at, category, usd in zip(_months(stock, paid["date"]), paid["category"], paid["usd"],
                                 strict=True):  # fmt: skip
        monthly[CAPITAL.get(category, "Power")][at] += usd
    for line, name in _running(stock):
        period = next(p for p in stock.case.periods if p.name == line.period)
        usd = line.quantity * line.price.value * line.factor.value * line.times
        monthly[name][period.month : period.month + period.months] += usd / period.months
    dates = [stock.case.start + pd.DateOffset(months=m) for m in range(last + 1)]
    middle = np.array([d.year + (d.month - 0.5) / 12 for d in dates])
    inflated = (1 + stock.inflation) ** (middle - (int(stock.inputs.setting("money_year")) + 0.5))
    table = pd.DataFrame(monthly).mul(inflated, axis=0)
    by_year = table.groupby([d.year for d in dates]).sum()
    return by_year.loc[:, (by_year != 0).any()]


def _months(stock: Stock, dates: pd.Series) -> list[int]:
    return [months_between(stock.case.start, d) for d in dates]


def _running(stock: Stock) -> list[tuple[Line, str]]:
    """Lines of the objective that are payments, and what for."""
    live = LiveMoney(stock.inputs, stock.result.tables, stock.result.dispatch)
    cells = {f"{SHEET}!${VALUE_COLUMN}${FIRST_ROW + k}": key[2]
             for k, key in enumerate(live.assumptions)}  # fmt: skip
    return [
        (line, RUNNING[line.category]) for line in live.lines
        if line.category in RUNNING and line.period
        and (line.category != "interconnection" or cells.get(line.price.text) == CHARGE)
    ]  # fmt: skip


def _figures(stock: Stock, flows: pd.DataFrame) -> list[tuple[str, str]]:
    summary = stock.result.summary
    capital = [c for c in flows if c in CAPITAL.values()]
    built = flows[capital].sum(axis=1)
    figures = [
        ("Capital, nominal", money(float(built.sum()))),
        ("Most in one year", f"{money(float(built.max()))} in {built.idxmax()}"),
        ("First load, P50 (P90)", words.p50_p90(summary, "first_power")),
        ("Full power, P50 (P90)", words.p50_p90(summary, "full_power")),
        ("Compute under contract", percent(contracted(stock, "MW IT"))),
    ]
    return [(name, value) for name, value in figures if value != words.MISSING]


def _cash(flows: pd.DataFrame, stamps: list[Note]) -> Block:
    spans = [(pd.Timestamp(y, 1, 1), pd.Timestamp(y + 1, 1, 1)) for y in flows.index]
    bars = [Series(name, (flows[name] / 1e9).tolist(), COLOURS[name]) for name in flows]
    total = flows.sum(axis=1)
    head = ["Year", *map(str, flows.columns), "All", "Since start"]
    rows = [
        [str(year), *(money(float(v)) if abs(v) >= 1 else "–" for v in flows.loc[year]),
         money(float(total[year])), money(float(total.loc[:year].sum()))]
        for year in flows.index
    ]  # fmt: skip
    return Block("Cash out by year, nominal",
                 chart=chart(spans, bars=bars, unit="B$ a year, nominal",
                             title="Cash out by year and purpose, nominal"),
                 tables=[Grid("US$ of the year, not discounted", head, rows, len(head) - 1)],
                 notes=stamps)  # fmt: skip


def contracted(stock: Stock, unit: str) -> float:
    """Share of what the plan needs of a unit that is under contract or order."""
    table = stock.table("readiness")
    mine = table[(table["unit"] == unit) & (table["needed"] > 0)]
    needed = float(mine["needed"].sum())
    held = float(np.minimum(mine["held"], mine["needed"]).sum())
    return held / needed if needed > 0 else 0.0


def _contracted(stock: Stock) -> Block:
    """What of the plan's needs is signed."""
    table = stock.table("readiness")
    rows = []
    for (kind, only), name in KINDS.items():
        mine = table[(table["kind"] == kind) & (table["needed"] > 0)]
        mine = mine[mine["unit"] == only] if only else mine
        for (item, unit), part in mine.groupby(["item", "unit"], sort=False):
            unit = "" if unit in ("permit", "site") else unit
            needed = float(part["needed"].sum())
            held = float(np.minimum(part["held"], part["needed"]).sum())
            rows.append([f"{name}: {plain(str(item))}", amount(round(needed, 1), str(unit)),
                         amount(round(held, 1), str(unit)), percent(held / needed) if held else "0 %",
                         month(part["needed_by"].min()) or "–"])  # fmt: skip
    return Block("What is contracted", says=[readiness.readiness_words(stock.result)], tables=[
        Grid("All sites, held at the plan's start", ["Item", "Needed", "Held", "Share",
             "First needed by"], rows, 4)] if rows else [])  # fmt: skip


def _collateral(stock: Stock) -> Block:
    """What stands at each site in the end, at cost, and what is recoverable while it is made."""
    paid = stock.result.tables["cashflow"]
    last = stock.case.periods[-1].name
    rows = []
    for site in stock.sites:
        cost = paid[paid["site"] == site].groupby("category")["usd"].sum()
        campus, power, grid = (_standing(stock, name, site, last)
                               for name in ("campus", "capacity", "interconnection"))  # fmt: skip
        land = stock.inputs.tables["sites"].loc[stock.case.sites[site].name_row]
        limits = stock.result.tables["limits"]
        used = limits.loc[(limits["limit"] == "land") & (limits["scope"] == site), "used"]
        owned = float(used.max()) if len(used) else 0.0
        joined = float((grid["firm_mw"] + grid["flexible_mw"]).sum())
        rows.append([
            site, f"{campus['standing_it_mw'].sum():,.0f} MW IT",
            money(float(cost.get("campus_capital", 0.0))),
            f"{power['standing_mw'].sum():,.0f} MW",
            money(float(cost.get("generation_capital", 0.0))), f"{joined:,.0f} MW",
            money(float(cost.get("interconnection", 0.0))),
            money(owned * float(land["land_price_usd_per_km2"])),
        ])  # fmt: skip
    sums = stock.result.tables["exposure"].groupby("date")["recoverable_usd"].sum()
    most = (f"While equipment is made, at most {money(float(sums.max()))} of payments would come back "
            f"(end of {month(sums.idxmax())})." if len(sums) and sums.max() > 0 else
            "Nothing that is paid before construction is stated to come back.")  # fmt: skip
    head = [
        "Site",
        "Halls",
        "At cost",
        "Power",
        "At cost",
        "Grid",
        "At cost",
        "Land used, at price",
    ]
    return Block("Collateral", says=[
        f"What stands in {last}, at undiscounted real cost, before depreciation. {most} The case "
        "holds no deposits, security or guarantees: none is counted."],
        tables=[Grid("By site", head, rows, 7)] if rows else [])  # fmt: skip


def _standing(stock: Stock, name: str, site: str, period: str) -> pd.DataFrame:
    """Rows of a table at a site in a period."""
    table = stock.table(name)
    return table[(table["site"] == site) & (table["period"] == period)]
