"""Checks of contracts, and of the policies on carbon-free and hedged shares."""

from __future__ import annotations

import difflib
from typing import Any

import numpy as np
import pandas as pd

from optimizer.errors import Problems
from optimizer.reading.inputs import Inputs
from optimizer.tables import BY_NAME

CFE = ("cfe_annual", "cfe_hourly")
HEDGES = ("hedged_share_min", "hedged_share_max", "counterparty_share_max")
SHARES = (*CFE, "hedged_share_min", "hedged_share_max", "counterparty_share_max")
OPTIONS = ("grid_counts", "exports_count", "additional_only", "deliverable_only")
FINANCIAL_ONLY = ("settlement_floor_usd_per_mwh", "settlement_cap_usd_per_mwh")


def contracts_make_sense(inputs: Inputs, problems: Problems) -> None:
    """Terms, shapes and prices of each contract, none of them ignored."""
    columns = {c.name: c for c in BY_NAME["contracts"].columns}
    nominal = inputs.setting("inflation_per_year") is None
    for number, row in _rows(inputs, "contracts"):
        at: dict[str, Any] = {"table": "contracts", "row": number}
        if row["term_years"] == 0:
            problems.add("term-zero", **at, column="term_years", found="0",
                         expected="years for which it stands",
                         remedy="A contract without a term delivers nothing.")  # fmt: skip
        if not row["profile"] and row["shape"] != "baseload":
            problems.add("no-profile", **at, column="profile",
                         expected=f"an hourly profile, because its shape is {row['shape']}",
                         remedy="Name a series in profiles/, or set shape to baseload.")  # fmt: skip
        if row["escalation"] == "nominal" and nominal:
            problems.add("no-inflation", **at, column="escalation", found="nominal",
                         expected="a setting inflation_per_year by which it is made real",
                         remedy="Add it to settings, or state real escalation.")  # fmt: skip
        low, high = (row[name] for name in FINANCIAL_ONLY)
        if low > high:
            problems.add("collar-upside-down", **at, column=FINANCIAL_ONLY[0], found=f"{low:g}",
                         expected=f"at most the cap, {high:g}")  # fmt: skip
        for name in _ignored(row):
            value = row[name]
            blank = value == "" if isinstance(value, str) else value is None or pd.isna(value)
            if not blank and value != columns[name].default:
                problems.add("ignored-value", **at, column=name, found=value,
                             expected=f"a blank: a {row['kind']} contract "
                             f"{'that is carbon-free ' if name == 'co2_t_per_mwh' else ''}does "
                             "not use it", remedy="Empty the cell.")  # fmt: skip


def _ignored(row: dict[Any, Any]) -> list[str]:
    """Columns that say nothing for a contract."""
    names: list[str] = []
    if row["kind"] == "financial":
        names += ["minimum_take_share", "adder_usd_per_mwh"]
    else:
        names += FINANCIAL_ONLY
        if row["kind"] == "physical":
            names += ["adder_usd_per_mwh"]
        if not row["no_payment_if_negative"]:
            names += ["hub_price_profile", "basis_usd_per_mwh"]
    if not row["hub_price_profile"]:
        names += ["hub_price_growth_per_year"]
    if row["carbon_free"]:
        names += ["co2_t_per_mwh"]
    return names


def contracts_fit_their_sites(inputs: Inputs, problems: Problems) -> None:
    """Markets agree, there is a connection and a price to settle at, sizes and dates are in order."""
    terms = {row["contract"]: (n, row) for n, row in _rows(inputs, "contracts")}
    sites = {row["site"]: row for _, row in _rows(inputs, "sites")}
    served = set(inputs.tables["interconnections"]["site"])
    own = {(row["site"], row["contract"]) for _, row in _rows(inputs, "site_contracts")}
    used = {contract for _, contract in own}
    start, end = _span(inputs)
    for number, row in _rows(inputs, "site_contracts"):
        at: dict[str, Any] = {"table": "site_contracts", "row": number}
        if row["min_mw"] > row["max_mw"]:
            problems.add("out-of-range", **at, column="min_mw", found=f"{row['min_mw']:g}",
                         expected=f"at most max_mw, {row['max_mw']:g}")  # fmt: skip
        if row["contract"] not in terms:
            continue
        place, contract = terms[row["contract"]]
        mine = [s for s in sites if row["site"] == s or (
            row["site"] == "*" and (s, row["contract"]) not in own)]  # fmt: skip
        for name in mine:
            site = sites[name]
            market = contract["market"]
            if contract["kind"] != "financial" and market != site["market"]:
                problems.add("wrong-market", **at, column="contract", found=row["contract"],
                             expected=f"a contract in {site['market']}, the market of {name}",
                             remedy=f"contracts!{place} is in {market}: only a financial one "
                             "can be signed from elsewhere.")  # fmt: skip
            elif contract["kind"] != "financial" and name not in served:
                problems.add("no-connection", **at, column="contract", found=row["contract"],
                             expected=f"an offer of grid service at {name} to deliver through",
                             is_warning=row["site"] == "*",
                             remedy="Nothing can be delivered there.")  # fmt: skip
            hub = contract["hub_price_profile"]
            if contract["kind"] == "financial" and not hub:
                if np.isnan(contract["basis_usd_per_mwh"]) or not site["tariff"]:
                    problems.add("no-hub-price", "contracts", row=place,
                                 column="hub_price_profile",
                                 expected="a price at which it settles",
                                 remedy="Name the hourly price of its hub, or give "
                                 "basis_usd_per_mwh (0 is one) to settle at the energy price of "
                                 f"{name}{'' if site['tariff'] else ', which has no tariff'}."
                                 )  # fmt: skip
                elif market != site["market"]:
                    problems.add("wrong-market", "contracts", row=place,
                                 column="hub_price_profile", found=market,
                                 expected=f"a hub price of {market}: the energy price of {name} "
                                 f"is one of {site['market']}")  # fmt: skip
    for place, contract in terms.values():
        if contract["contract"] not in used:
            problems.add("offered-nowhere", "contracts", row=place, column="contract",
                         found=contract["contract"], expected="a row in site_contracts",
                         remedy="It can be signed nowhere.", is_warning=True)  # fmt: skip
        earliest = contract["earliest_start"]
        if pd.notna(earliest) and start is not None and end is not None:
            shown = f"{earliest:%Y-%m-%d}"
            if earliest < start:
                problems.add("starts-before-the-plan", "contracts", row=place,
                             column="earliest_start", found=shown,
                             expected=f"a date from the plan's start on, {start:%Y-%m-%d}",
                             remedy="Leave it blank if it can start at once.")  # fmt: skip
            elif earliest >= end:
                problems.add("starts-after-the-plan", "contracts", row=place,
                             column="earliest_start", found=shown, is_warning=True,
                             expected=f"a date before the plan's end, {end:%Y-%m-%d}",
                             remedy="It cannot be signed.")  # fmt: skip


def _span(inputs: Inputs) -> tuple[Any, Any]:
    """Start and end of the plan."""
    start = inputs.setting("plan_start")
    if start is None or pd.isna(start) or not len(inputs.tables["periods"]):
        return None, None
    months = int(inputs.tables["periods"]["months"].sum())
    return start, start + pd.DateOffset(months=months)


def shares_are_clear(inputs: Inputs, problems: Problems) -> None:
    """Shares up to 1, known scopes, and no option on a limit that does not use it."""
    markets = list(dict.fromkeys(inputs.tables["sites"]["market"]))
    known = ["each site", "portfolio", *markets]
    columns = {c.name: c for c in BY_NAME["policies"].columns}
    for number, row in _rows(inputs, "policies"):
        at: dict[str, Any] = {"table": "policies", "row": number}
        kind = row["kind"]
        if kind in CFE and row["value"] > 1:
            problems.add("out-of-range", **at, column="value", found=f"{row['value']:g}",
                         expected="a share from 0 to 1",
                         remedy=f"If it is a percentage, write {row['value'] / 100:g}."
                         if row["value"] <= 100 else "")  # fmt: skip
        if kind in HEDGES and row["value"] > 1 and kind == "hedged_share_min":
            problems.add("out-of-range", **at, column="value", found=f"{row['value']:g}",
                         expected="a share from 0 to 1: contracts stay within load")  # fmt: skip
        if kind in SHARES and row["applies_to"] not in known:
            near = difflib.get_close_matches(row["applies_to"], known, 1, 0.5)
            problems.add("unknown-reference", **at, column="applies_to", found=row["applies_to"],
                         expected=f"each site, portfolio or a market of sites: {', '.join(markets)}",
                         remedy=f'Closest: "{near[0]}".' if near else "")  # fmt: skip
        unused = [] if kind in CFE else [*OPTIONS, "max_excess_share"]
        unused += [] if kind in SHARES else ["applies_to"]
        unused += ["exports_count"] if kind == "cfe_hourly" else []
        for name in unused:
            value, default = row[name], columns[name].default
            if value != default and not (default is None and np.isnan(value)):
                problems.add("ignored-value", **at, column=name, found=value,
                             expected=f"a blank: the kind {kind} does not use it",
                             remedy="Empty the cell.")  # fmt: skip
    _hedges_fit(inputs, problems)


def _hedges_fit(inputs: Inputs, problems: Problems) -> None:
    """The least hedged share is not above the most."""
    table = inputs.tables["policies"]
    for number, row in _rows(inputs, "policies"):
        if row["kind"] != "hedged_share_min":
            continue
        most = table[(table["kind"] == "hedged_share_max")
                     & (table["applies_to"] == row["applies_to"])
                     & (table["year"].isna() | np.isnan(row["year"])
                        | (table["year"] == row["year"]))]["value"]  # fmt: skip
        if len(most) and row["value"] > most.min():
            problems.add("hedge-impossible", "policies", row=number, column="value",
                         found=f"{row['value']:g}",
                         expected=f"at most hedged_share_max, {most.min():g}")  # fmt: skip


def targets_can_be_met(inputs: Inputs, problems: Problems) -> None:
    """Something that counts as clean can be had at every site of a target."""
    clean_assets = _clean_technologies(inputs)
    allowed = inputs.tables["site_technologies"]
    allowed = allowed[(allowed["max_mw"] > 0) & allowed["technology"].isin(clean_assets)]
    offered = inputs.tables["site_contracts"]
    terms = {row["contract"]: row for _, row in _rows(inputs, "contracts")}
    for number, row in _rows(inputs, "policies"):
        if row["kind"] not in CFE or not 0 < row["value"] <= 1:
            continue
        bare = []
        sites = inputs.tables["sites"]
        if row["applies_to"] not in ("each site", "portfolio"):
            sites = sites[sites["market"] == row["applies_to"]]
        for site in sites.to_dict("records"):
            own = bool(allowed["site"].isin([site["site"], "*"]).any())
            here = offered[offered["site"].isin([site["site"], "*"]) & (offered["max_mw"] > 0)]
            bought = any(_counts(terms.get(c), site, row) for c in here["contract"])
            grid = _clean_grid(inputs, site["tariff"]) if row["grid_counts"] else 0.0
            if not own and not bought and grid < row["value"]:
                bare.append((site["site"], grid))
        together = row["applies_to"] != "each site"
        if bare and (not together or len(bare) == len(sites)):
            names = ", ".join(name for name, _ in bare[:4])
            best = max(grid for _, grid in bare)
            problems.add("target-out-of-reach", "policies", row=number, column="value",
                         found=f"{row['value']:g}", is_warning=True,
                         expected=f"something carbon-free at {names}"
                         f"{f' and {len(bare) - 4} more' if len(bare) > 4 else ''}",
                         remedy=f"No clean technology and no contract that counts is offered; the "
                         f"grid gives {100 * best:.0f} %, {100 * (row['value'] - best):.0f} "
                         "points less than asked. No load can run there.")  # fmt: skip


def _clean_technologies(inputs: Inputs) -> set[str]:
    dirty = set(inputs.tables["fuels"].query("co2_t_per_mmbtu > 0")["fuel"])
    return {
        row["technology"]
        for _, row in _rows(inputs, "technologies")
        if row["class"] != "storage"
        and not row["co2_t_per_mwh"] > 0
        and not (row["fuel"] in dirty and np.isnan(row["co2_t_per_mwh"]))
    }


def _counts(contract: dict[Any, Any] | None, site: dict[Any, Any], policy: dict[Any, Any]) -> bool:
    if contract is None or not contract["carbon_free"]:
        return False
    if policy["kind"] == "cfe_hourly" and contract["kind"] == "financial":
        return False
    near = contract["market"] == site["market"]
    new = contract["additional"] or not policy["additional_only"]
    return bool(new and (near or not policy["deliverable_only"]))


def _clean_grid(inputs: Inputs, tariff: str) -> float:
    """Mean carbon-free share of a tariff's energy."""
    table = inputs.tables["tariffs"]
    rows = table[table["tariff"] == tariff]
    if rows.empty:
        return 0.0
    name = rows.iloc[0]["carbon_free_profile"]
    if name:
        series = inputs.profiles.get(name)
        return 0.0 if series is None else float(series.mean())
    return float(rows.iloc[0]["carbon_free_share"])


def _rows(inputs: Inputs, table: str) -> list[tuple[int, dict[Any, Any]]]:
    frame = inputs.tables[table]
    return [(int(n), r) for n, r in zip(frame.index, frame.to_dict("records"), strict=True)]


CHECKS = (contracts_make_sense, contracts_fit_their_sites, shares_are_clear, targets_can_be_met)
