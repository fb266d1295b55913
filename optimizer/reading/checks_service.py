"""Checks of grid service: kinds of offers, agreements, what offers share, and what is lawful."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from optimizer.errors import Problems
from optimizer.reading.inputs import Inputs
from optimizer.tables.agreements import INSTRUMENTS

Row = dict[Any, Any]
RAMP = tuple(f"ramp_year_{k}" for k in (1, 2, 3, 4))
CUTS = ("curtailment_unlimited", "curtailment_profile", "curtailed_energy_share",
        "curtailed_system_hours", "curtailed_hours_per_year")  # fmt: skip
"""Ways to cut flexible power; an offer has one."""
KINDS = {
    "parallel": ("parallel_self_supply",),
    "co_located": ("co_location",),
    "islanded": ("islanded_self_supply",),
}
"""Flags of `regimes` that a kind of offer needs."""
CONTRACTS = {
    "physical": ("retail_choice", "third_party_physical_ppa"),
    "sleeved": ("sleeved_ppa",),
    "financial": ("financial_ppa",),
}
"""The same for a kind of contract."""


def _rows(inputs: Inputs, table: str) -> Iterator[tuple[int, Row]]:
    frame = inputs.tables.get(table)
    if frame is not None:
        for number, row in zip(frame.index, frame.to_dict("records"), strict=True):
            yield int(number), row


def _offers(inputs: Inputs) -> dict[tuple[str, str], tuple[int, Row]]:
    return {(r["site"], r["offer"]): (n, r) for n, r in _rows(inputs, "interconnections")}


def _day(date: Any) -> str:
    return f"{date:%Y-%m-%d}"


def offers_are_dated(inputs: Inputs, problems: Problems) -> None:
    """One way to say when the result comes, and nothing that the other way would ignore."""
    start = inputs.setting("plan_start")
    for number, row in _rows(inputs, "interconnections"):
        at: dict[str, Any] = {"table": "interconnections", "row": number}
        dated, queued = pd.notna(row["result_date"]), row["queue_months"] > 0
        if dated and queued:
            problems.add("two-results", **at, column="result_date", found=_day(row["result_date"]),
                         expected=f"a blank, as queue_months is {row['queue_months']:g}",
                         remedy="Keep one of the two.")  # fmt: skip
        if row["status"] == "allocated" and queued:
            problems.add("two-results", **at, column="queue_months",
                         found=f"{row['queue_months']:g}",
                         expected="0: what is allocated has its result",
                         remedy="Set queue_months to 0, or status to filed.")  # fmt: skip
        _window(row, at, start, dated, problems)
        if row["kind"] != "parallel" and row["generation_study_months"] > 0:
            problems.add("ignored-value", **at, column="generation_study_months",
                         found=f"{row['generation_study_months']:g}",
                         expected=f"0 for the kind {row['kind']}",
                         remedy="Only generation in parallel has that study.")  # fmt: skip
        if row["kind"] == "islanded" and row["export_mw"] > 0:
            problems.add("ignored-value", **at, column="export_mw", found=f"{row['export_mw']:g}",
                         expected="0 for the kind islanded: there is no grid to sell to",
                         remedy="Set export_mw to 0, or correct the kind.")  # fmt: skip
        if row["existing_mw"] == 0:
            for name in ("transfer_months", "transfer_cost_usd"):
                if row[name] > 0:
                    problems.add("ignored-value", **at, column=name, found=f"{row[name]:g}",
                                 expected="0, as existing_mw is 0",
                                 remedy="Fill existing_mw, or empty the cell.")  # fmt: skip
        _ends(inputs, row, at, problems)


def _window(row: Row, at: dict[str, Any], start: Any, dated: bool, problems: Problems) -> None:
    """Study windows are for new filings without a date of their result, and one is still open."""
    window = row["study_window_date"]
    every = not np.isnan(row["study_window_months"])
    if pd.isna(window):
        if every:
            problems.add("missing-value", **at, column="study_window_date",
                         expected="the first month of a study, as study_window_months is given")  # fmt: skip
        return
    if dated or row["status"] != "new":
        why = "as result_date is given" if dated else f"for the status {row['status']}"
        problems.add("ignored-value", **at, column="study_window_date", found=_day(window),
                     expected=f"a blank {why}", remedy="Empty the cell.")  # fmt: skip
    elif pd.notna(start) and window < start and not every:
        problems.add("window-is-over", **at, column="study_window_date", found=_day(window),
                     expected=f"a month from {_day(start)} on, or study_window_months",
                     remedy="State the next window, or how often one opens.")  # fmt: skip


def _ends(inputs: Inputs, row: Row, at: dict[str, Any], problems: Problems) -> None:
    """A step does not hold before the result; the exit comes after the service begins."""
    start = inputs.setting("plan_start")
    steps = inputs.tables["interconnection_steps"]
    mine = steps[(steps["site"] == row["site"]) & (steps["offer"] == row["offer"])]
    first = mine["from_date"].min() if len(mine) else pd.NaT
    if pd.notna(row["result_date"]) and pd.notna(first):
        for number, date in zip(mine.index, mine["from_date"], strict=True):
            if date < row["result_date"]:
                problems.add("step-before-result", "interconnection_steps", row=int(number),
                             column="from_date", found=_day(date),
                             expected=f"not before the result of {_day(row['result_date'])} "
                             f"(interconnections!{at['row']})",
                             remedy="Service cannot begin before the result is known.")  # fmt: skip
    if pd.isna(row["exit_date"]):
        return
    begins = max((d for d in (first, start, row["result_date"]) if pd.notna(d)), default=pd.NaT)
    if pd.notna(begins) and row["exit_date"] <= begins:
        problems.add("exit-before-start", **at, column="exit_date", found=_day(row["exit_date"]),
                     expected=f"a month after service can begin, {_day(begins)}")  # fmt: skip


def cuts_are_clear(inputs: Inputs, problems: Problems) -> None:
    """One way to cut flexible power; the system's hours need its load."""
    for number, row in _rows(inputs, "interconnections"):
        at: dict[str, Any] = {"table": "interconnections", "row": number}
        given = [name for name in CUTS if row[name]]
        for name in given[1:]:
            problems.add("two-cuts", **at, column=name, found=str(row[name]),
                         expected=f"a blank, as {given[0]} says how flexible power is cut",
                         remedy="Keep one of the two.")  # fmt: skip
        needs = [n for n in ("curtailed_system_hours", "emergency_hours_per_year") if row[n] > 0]
        if needs and not row["system_load_profile"]:
            problems.add("missing-value", **at, column="system_load_profile",
                         expected=f"the hourly load of the system, as {needs[0]} is given",
                         remedy="It names the worst hours.")  # fmt: skip
        if row["system_load_profile"] and not needs:
            problems.add("ignored-value", **at, column="system_load_profile",
                         found=row["system_load_profile"],
                         expected="a blank without curtailed_system_hours or "
                         "emergency_hours_per_year", remedy="Empty the cell.")  # fmt: skip
        ignored = [
            *(n for n in ("emergency_share", "emergency_notice_hours")
               if row[n] > 0 and not row["emergency_hours_per_year"]),
            *(["firm_floor_share"] if row["firm_floor_share"] > 0 and not given else []),
        ]  # fmt: skip
        for name in ignored:
            problems.add("ignored-value", **at, column=name, found=f"{row[name]:g}",
                         expected="a blank, as nothing is cut", remedy="Empty the cell.")  # fmt: skip


def agreements_make_sense(inputs: Inputs, problems: Problems) -> None:
    """Agreements belong to an offer, their ramp does not fall, nothing is priced in vain."""
    offers = _offers(inputs)
    utilities = {r["site"]: r["utility"] for _, r in _rows(inputs, "sites")}
    for number, row in _rows(inputs, "service_agreements"):
        at: dict[str, Any] = {"table": "service_agreements", "row": number}
        pair = (row["site"], row["offer"])
        if pair not in offers:
            names = [o for s, o in offers if s == row["site"]]
            near = difflib.get_close_matches(row["offer"], names, 1, 0.5)
            problems.add("unknown-reference", **at, column="offer", found=" / ".join(pair),
                         expected="an offer of the same site in interconnections",
                         remedy=f'Closest: "{near[0]}".' if near else "")  # fmt: skip
            continue
        ramp = [*(row[name] for name in RAMP), 1.0]
        for k, name in enumerate(RAMP[1:]):
            if ramp[k + 1] < ramp[k]:
                problems.add("ramp-falls", **at, column=name, found=f"{ramp[k + 1]:g}",
                             expected=f"at least {ramp[k]:g}, the share of the year before",
                             remedy="A ramp never falls; what may be given up is "
                             "reducible_share.")  # fmt: skip
        if row["max_contract_mw"] < row["min_contract_mw"]:
            problems.add("out-of-range", **at, column="max_contract_mw",
                         found=f"{row['max_contract_mw']:g}",
                         expected=f"at least min_contract_mw, {row['min_contract_mw']:g}")  # fmt: skip
        years = [k for k, share in enumerate(ramp) if share < 1.0]
        if row["reducible_share"] > 0 and row["reducible_after_years"] < len(years):
            problems.add("reduced-in-ramp", **at, column="reducible_after_years",
                         found=f"{row['reducible_after_years']:g}",
                         expected=f"at least {len(years)} years, when the ramp is over")  # fmt: skip
        _in_vain(row, at, problems)
        if row["reassignable"] and not utilities.get(row["site"]):
            problems.add("missing-value", **at, column="reassignable", found="yes",
                         expected=f"a utility of {row['site']} in sites",
                         remedy="MW are reassigned within one utility.")  # fmt: skip


def _in_vain(row: Row, at: dict[str, Any], problems: Problems) -> None:
    for share, price in (("minimum_demand_share", "demand_price_usd_per_kw_month"),
                         ("minimum_energy_share", "energy_price_usd_per_mwh")):  # fmt: skip
        if row[share] > 0 and row[price] == 0:
            problems.add("missing-value", **at, column=price,
                         expected=f"a price, as {share} is {row[share]:g}",
                         remedy="Without it the minimum would cost nothing.")  # fmt: skip
    if row["energy_price_usd_per_mwh"] > 0 and row["minimum_energy_share"] == 0:
        problems.add("ignored-value", **at, column="energy_price_usd_per_mwh",
                     found=f"{row['energy_price_usd_per_mwh']:g}",
                     expected="0, as minimum_energy_share is 0", remedy="Energy that is taken is "
                     "paid by the tariff.")  # fmt: skip
    for name, other in (("security_rate_per_year", "security_usd_per_kw"),
                        ("deposit_refund_years", "deposit_usd_per_kw"),
                        ("reduction_fee_usd_per_kw", "reducible_share")):  # fmt: skip
        if row[name] > 0 and row[other] == 0:
            problems.add("ignored-value", **at, column=name, found=f"{row[name]:g}",
                         expected=f"a blank, as {other} is 0", remedy="Fill the other cell, or "
                         "empty this one.")  # fmt: skip
    if row["reassignable"] and row["reduction_fee_usd_per_kw"] == 0:
        problems.add("ignored-value", **at, column="reassignable", found="yes",
                     expected="no, as reduction_fee_usd_per_kw is 0",
                     remedy="There is no fee to be spared.")  # fmt: skip
    back = row["deposit_refund_years"]
    paid = row["deposit_months_after_signing"] - row["signing_months_before"]
    if row["deposit_usd_per_kw"] > 0 and back * 12 < paid:
        problems.add("refund-before-payment", **at, column="deposit_refund_years",
                     found=f"{back:g}", expected=f"at least {paid / 12:g} years of service, when "
                     "the deposit is paid")  # fmt: skip


def exit_fees_have_an_exit(inputs: Inputs, problems: Problems) -> None:
    """A fee at the exit says something only where the offer has an exit date."""
    offers = _offers(inputs)
    for number, row in _rows(inputs, "service_agreements"):
        found = offers.get((row["site"], row["offer"]))
        if found and row["exit_fee_usd_per_kw"] > 0 and pd.isna(found[1]["exit_date"]):
            problems.add("no-exit", "service_agreements", row=number, column="exit_fee_usd_per_kw",
                         found=f"{row['exit_fee_usd_per_kw']:g}", is_warning=True,
                         expected=f"an exit_date in interconnections!{found[0]}",
                         remedy="Without one the plan never leaves, and the fee is never "
                         "paid.")  # fmt: skip


def shares_make_sense(inputs: Inputs, problems: Problems) -> None:
    """Upgrades and groups are shared by someone, and split into enough parts."""
    offers = inputs.tables["interconnections"]
    for number, row in _rows(inputs, "shared_upgrades"):
        users = int((offers["shared_upgrade"] == row["shared_upgrade"]).sum())
        if not users:
            problems.add("unused-row", "shared_upgrades", row=number, column="shared_upgrade",
                         found=row["shared_upgrade"], is_warning=True,
                         expected="an offer that needs it", remedy="Nobody pays for it.")  # fmt: skip
        if row["rule"] == "first_pays" and not np.isnan(row["shares"]):
            problems.add("ignored-value", "shared_upgrades", row=number, column="shares",
                         found=f"{row['shares']:g}", expected="a blank for the rule first_pays",
                         remedy="Empty the cell, or set the rule to split.")  # fmt: skip
        if row["rule"] == "split" and row["shares"] < users:
            problems.add("too-few-shares", "shared_upgrades", row=number, column="shares",
                         found=f"{row['shares']:g}",
                         expected=f"at least {users}: so many offers need it",
                         remedy="Else they would pay more than it costs.")  # fmt: skip
    for number, row in _rows(inputs, "grid_groups"):
        if not (offers["grid_group"] == row["grid_group"]).any():
            problems.add("unused-row", "grid_groups", row=number, column="grid_group",
                         found=row["grid_group"], is_warning=True,
                         expected="offers of this group", remedy="It limits nothing.")  # fmt: skip


def instruments_are_lawful(inputs: Inputs, problems: Problems) -> None:
    """What a market's regime forbids is not offered there; both rows are named."""
    regimes = {(r["market"], r["jurisdiction"]): (n, r) for n, r in _rows(inputs, "regimes")}
    if not regimes:
        return
    sites = {r["site"]: r for _, r in _rows(inputs, "sites")}
    places = {r["jurisdiction"] for r in sites.values()}
    for (market, place), (number, _) in regimes.items():
        if place and place not in places:
            near = difflib.get_close_matches(place, sorted(places), 1, 0.5)
            problems.add("unknown-reference", "regimes", row=number, column="jurisdiction",
                         found=place, expected=f"a jurisdiction of sites in {market}, or blank",
                         remedy=f'Closest: "{near[0]}".' if near else "")  # fmt: skip

    def regime(site: str) -> tuple[int, Row] | None:
        row = sites.get(site)
        if row is None:
            return None
        place = (row["market"], row["jurisdiction"])
        return regimes.get(place, regimes.get((row["market"], "")))

    def forbid(
        site: str, flags: tuple[str, ...], table: str, row: int, column: str, found: str
    ) -> None:
        law = regime(site)
        for flag in flags:
            if law is not None and not law[1][flag]:
                problems.add("forbidden-instrument", table, row=row, column=column, found=found,
                             expected=f"what is lawful at {site}: regimes!{law[0]} says {flag} = no",
                             remedy=f"Remove it, or correct the regime ({INSTRUMENTS[flag]}).")  # fmt: skip

    for number, row in _rows(inputs, "interconnections"):
        flags = KINDS.get(row["kind"], ())
        forbid(row["site"], flags, "interconnections", number, "kind", row["kind"])
        if row["export_mw"] > 0:
            forbid(row["site"], ("export",), "interconnections", number, "export_mw",
                   f"{row['export_mw']:g}")  # fmt: skip
    _units(inputs, sites, regime, problems)
    _contracts(inputs, sites, forbid)


def _units(inputs: Inputs, sites: dict[str, Row], regime: Any, problems: Problems) -> None:
    """Own units where they may run neither islanded nor in parallel."""
    kinds = inputs.tables["technologies"].set_index("technology")["class"].to_dict()
    table = list(_rows(inputs, "site_technologies"))
    own = {(r["site"], r["technology"]) for _, r in table}
    for number, row in table:
        if row["max_mw"] <= 0 or kinds.get(row["technology"]) in (None, "storage"):
            continue
        every = [s for s in sites if (s, row["technology"]) not in own]
        for site in every if row["site"] == "*" else [row["site"]]:
            law = regime(site)
            if law is None or law[1]["islanded_self_supply"] or law[1]["parallel_self_supply"]:
                continue
            problems.add("forbidden-instrument", "site_technologies", row=number,
                         column="technology", found=row["technology"],
                         expected=f"no own units at {site}: regimes!{law[0]} allows them neither "
                         "islanded nor in parallel",
                         remedy=f"Add a row for {site} with max_mw 0, or correct the regime.")  # fmt: skip


def _contracts(inputs: Inputs, sites: dict[str, Row], forbid: Any) -> None:
    """Contracts of a kind that the site's market forbids, where there are such tables."""
    kinds = {r["contract"]: r["kind"] for _, r in _rows(inputs, "contracts")}
    for number, row in _rows(inputs, "site_contracts"):
        kind = kinds.get(row["contract"])
        for site in sites if row["site"] == "*" else [row["site"]]:
            forbid(site, CONTRACTS.get(str(kind), ()), "site_contracts", number, "contract",
                   f"{row['contract']} ({kind})")  # fmt: skip


CHECKS = (
    offers_are_dated,
    cuts_are_clear,
    agreements_make_sense,
    exit_fees_have_an_exit,
    shares_make_sense,
    instruments_are_lawful,
)
