"""Tables of the chosen sites and of all candidates."""

from __future__ import annotations

from typing import Any

import pandas as pd

from optimizer.results.report.folder import Result, most_placed, rows
from optimizer.results.report.words import amount, first_power, month, power_at

Table = tuple[list[str], list[list[str]]]
"""Head and rows."""


def chosen_table(result: Result) -> Table:
    """When each chosen site opens, its first load and power, and its power in the end."""
    sites = result.tables["sites"].set_index("site")
    begun, most = first_power(result), most_placed(result.tables["placement"])
    last = result.periods[-1] if result.periods else ""
    power_then = power_at(result, dict.fromkeys(result.opened, last))
    lines = []
    for site in result.opened:
        period, power = begun.get(site, ("never", []))
        lines.append([
            site, month(sites.at[site, "open_date"]), period, _power(power),
            _power(power_then[site]), amount(most.get(site, 0.0), "MW"),
        ])  # fmt: skip
    head = [
        "Chosen site",
        "Opens",
        "First load",
        "First power",
        f"Power in {last}",
        "IT load, most",
    ]
    return head, lines


def _power(parts: list[str]) -> str:
    """Technologies with their MW; no line ends between a figure and its unit."""
    return ", ".join(parts).replace(" MW)", "\u00a0MW)") or "–"


def candidate_table(result: Result) -> Table:
    """Chosen and other sites beside each other: what each offers."""
    sites = result.tables["sites"].sort_values(["opened", "open_date"], ascending=[False, True])
    offered, most, grid = _stated(result), most_placed(result.tables["placement"]), _grid(result)
    prices = _prices(result)
    lines = []
    for site in rows(sites):
        told = offered.get(site.site, {})
        from_date, mw = grid.get(site.site, ("–", "–"))
        room = pd.to_numeric(told.get("max_it_mw"), errors="coerce")
        lines.append([
            str(site.site), f"opens {month(site.open_date)}" if site.opened else "not chosen",
            str(site.market), str(site.jurisdiction), from_date, prices.get(site.site, "–"),
            mw, "–" if pd.isna(room) else amount(float(room), "MW"),
            amount(most[site.site], "MW") if site.site in most else "–",
        ])  # fmt: skip
    head = ["Site", "Plan", "Market", "Jurisdiction", "Grid from", "Gas in 1st year",
            "Grid, most", "Room for IT", "IT load, most"]  # fmt: skip
    return head, lines


def _stated(result: Result) -> dict[str, dict[str, Any]]:
    """Input row of each site."""
    table = result.inputs.get("sites", pd.DataFrame())
    if "site" not in table:
        return {}
    return {str(row["site"]): dict(row) for row in table.to_dict("records")}


def _grid(result: Result) -> dict[str, tuple[str, str]]:
    """Earliest month and most MW, firm and flexible, of any grid offer at a site."""
    steps = result.inputs.get("interconnection_steps", pd.DataFrame())
    if not {"site", "from_date", "firm_mw"} <= set(steps.columns):
        return {}
    flexible = steps["flexible_mw"] if "flexible_mw" in steps else pd.Series(0, steps.index)
    power = sum(pd.to_numeric(part, errors="coerce").fillna(0.0)
                for part in (steps["firm_mw"], flexible))  # fmt: skip
    steps = steps.assign(power=power, begins=pd.to_datetime(steps["from_date"], errors="coerce"))
    return {str(site): (month(mine["begins"].min()) or "–", amount(float(mine["power"].max()), "MW"))
            for site, mine in steps.groupby("site")}  # fmt: skip


def _prices(result: Result) -> dict[str, str]:
    """Fuel price at the hub of each site."""
    fuels = result.inputs.get("fuels", pd.DataFrame())
    if not {"fuel", "hub", "price_usd_per_mmbtu"} <= set(fuels.columns):
        return {}
    gas = fuels[fuels["fuel"] == "gas"].set_index("hub")["price_usd_per_mmbtu"]
    found = {}
    for site, told in _stated(result).items():
        price = gas.get(told.get("gas_hub", ""))
        if isinstance(price, str) and price:
            found[site] = f"{price} $/MMBtu"
    return found
