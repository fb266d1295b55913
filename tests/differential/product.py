"""The problem as a case of the product: tables in, plan out."""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizer.model.blocks import links
from optimizer.results.verify import verify_plan
from optimizer.settings import RunOptions
from optimizer.solving.oracles import BlockOracle, Task
from optimizer.solving.solve import solve_case
from tests.differential.problem import (
    RATE,
    WEEKDAYS_OF,
    Answer,
    CoincidentPeak,
    DemandCharge,
    Grid,
    Ppa,
    Problem,
    Source,
    Store,
)
from tests.support import Rows, base, case, technology

CAPITAL = ("generation_capital", "generation_fom", "interconnection")
PEAKS = ("demand_charge", "coincident_peak")
HALL_MW = 10.0


def tables(problem: Problem) -> tuple[Rows, dict[str, np.ndarray]]:
    """The tables and hourly series of a case of one site and one year."""
    rows = base([("year", "2027-01-01", 12)])
    rows["settings"] += [
        {"key": "real_discount_rate", "value": RATE}, {"key": "money_year", "value": 2027},
        {"key": "reference_year", "value": WEEKDAYS_OF},
    ]  # fmt: skip
    rows["demand"][0]["it_mw"] = problem.it_mw
    rows["workloads"][0].update(delay_price_usd_per_mw_month=1e8, load_profile="load")
    rows["sites"][0].update(
        max_it_mw=problem.it_mw, land_km2=1000, pue_profile="pue",
        cooling_water_m3_per_mwh=problem.cooling_m3_per_mwh,
    )  # fmt: skip
    if problem.water_m3 is not None:
        rows["sites"][0]["water_limit_m3_per_year"] = problem.water_m3
    rows["campus_blocks"][0].update(it_mw=HALL_MW, capex_usd_per_mw=0)
    rows["technologies"], rows["site_technologies"], rows["fuels"] = [], [], []
    made = {"load": problem.load, "pue": problem.pue + np.zeros(8760)}
    for source in problem.sources:
        _source(rows, made, source)
    for store in problem.stores:
        _store(rows, store)
    if problem.grid is not None:
        _grid(rows, made, problem.grid)
    for ppa in problem.ppas:
        _ppa(rows, made, ppa)
    policies: list[dict[str, Any]] = []
    if problem.co2_cap_t is not None:
        policies.append({"policy": "cap", "kind": "co2_cap", "value": problem.co2_cap_t})
    if problem.co2_usd_per_t:
        policies.append({"policy": "price", "kind": "co2_price", "value": problem.co2_usd_per_t})
    if problem.matching is not None:
        kind = "cfe_hourly" if problem.matching.hourly else "cfe_annual"
        policies.append({"policy": "match", "kind": kind, "value": problem.matching.share})
    if policies:
        rows["policies"] = [{**p, "scope": problem.co2_scope} for p in policies]
    return rows, made


def _source(rows: Rows, made: dict[str, np.ndarray], source: Source) -> None:
    burns = source.mmbtu_per_mwh > 0
    rows["technologies"].append(
        technology(
            source.name, "thermal" if source.available is None else "variable",
            capex_usd_per_kw=source.usd_per_kw, fom_usd_per_kw_year=source.fom_usd_per_kw_year,
            vom_usd_per_mwh=source.vom_usd_per_mwh, life_years=source.life_years,
            heat_rate_mmbtu_per_mwh=source.mmbtu_per_mwh, water_m3_per_mwh=source.m3_per_mwh,
            forced_outage_rate=source.outage_share, fuel=f"fuel of {source.name}" if burns else "",
        )
    )  # fmt: skip
    profile = "" if source.available is None else f"of {source.name}"
    if source.available is not None:
        made[profile] = source.available
    rows["site_technologies"].append(
        {"site": "*", "technology": source.name, "max_mw": source.max_mw, "profile": profile}
    )
    if burns:
        rows["fuels"].append(
            {"fuel": f"fuel of {source.name}", "hub": "*", "co2_t_per_mmbtu": source.t_per_mmbtu,
             "price_usd_per_mmbtu": source.usd_per_mmbtu}
        )  # fmt: skip


def _store(rows: Rows, store: Store) -> None:
    rows["technologies"].append(
        technology(
            store.name, "storage", capex_usd_per_kw=store.usd_per_kw,
            capex_usd_per_kwh=store.usd_per_kwh, round_trip_efficiency=store.round_trip,
            standing_loss_per_hour=store.loss_per_hour, vom_usd_per_mwh=store.vom_usd_per_mwh,
            life_years=store.life_years,
        )
    )  # fmt: skip
    rows["site_technologies"].append(
        {"site": "*", "technology": store.name, "max_mw": 3000, "max_mwh": 300_000}
    )


def _grid(rows: Rows, made: dict[str, np.ndarray], grid: Grid) -> None:
    made["price"] = grid.price_usd_per_mwh
    rows["sites"][0]["tariff"] = "hourly"
    rows["tariffs"] = [
        {"tariff": "hourly", "market": "ERCOT", "price_profile": "price",
         "export_price_share": grid.export_price_share, "co2_t_per_mwh": grid.t_per_mwh}
    ]  # fmt: skip
    if grid.clean_share is not None:
        made["clean"] = grid.clean_share
        rows["tariffs"][0]["carbon_free_profile"] = "clean"
    rows["sites"][0]["utc_offset_hours"] = grid.clock_ahead_h
    rows["tariff_charges"] = [_demand_charge(charge) for charge in grid.demand_charges]
    for peak in grid.coincident_peaks:
        made[f"of {peak.name}"] = peak.system
        rows["tariff_charges"].append(_coincident_peak(peak))
    offer = {"site": "site0", "offer": "grid", "export_mw": grid.export_mw,
             "capacity_charge_usd_per_kw_year": grid.charge_usd_per_kw_year}  # fmt: skip
    if grid.cut is not None:
        made["cut"] = grid.cut
        offer["curtailment_profile"] = "cut"
    rows["interconnections"] = [offer]
    rows["interconnection_steps"] = [
        {"site": "site0", "offer": "grid", "from_date": "2027-01-01", "firm_mw": grid.firm_mw,
         "flexible_mw": grid.flexible_mw}
    ]  # fmt: skip


def _listed(months: tuple[int, ...]) -> str:
    return ",".join(str(m) for m in months)


def _demand_charge(charge: DemandCharge) -> dict[str, Any]:
    row = {
        "tariff": "hourly", "charge": charge.name, "kind": "demand",
        "price_usd_per_kw_month": charge.usd_per_kw_month, "months": _listed(charge.months),
        "weekdays": "weekday" if charge.weekdays_only else "all",
        "hours": "" if charge.hours == (0, 24) else f"{charge.hours[0]}-{charge.hours[1]}",
    }  # fmt: skip
    if charge.ratchet_share:
        row.update(ratchet_share=charge.ratchet_share, ratchet_months=charge.ratchet_months,
                   ratchet_season=_listed(charge.ratchet_season))  # fmt: skip
    return row


def _coincident_peak(peak: CoincidentPeak) -> dict[str, Any]:
    return {
        "tariff": "hourly", "charge": peak.name, "kind": "coincident_peak",
        "price_usd_per_kw_year": peak.usd_per_kw_year, "months": _listed(peak.months),
        "system_profile": f"of {peak.name}", "candidate_hours": peak.top_hours,
    }  # fmt: skip


def _ppa(rows: Rows, made: dict[str, np.ndarray], ppa: Ppa) -> None:
    made[f"of {ppa.name}"] = ppa.available
    rows.setdefault("contracts", []).append(
        {"contract": ppa.name, "kind": "physical", "market": "ERCOT", "shape": "as_produced",
         "profile": f"of {ppa.name}", "price_usd_per_mwh": ppa.usd_per_mwh, "term_years": 10}
    )  # fmt: skip
    rows.setdefault("site_contracts", []).append(
        {"site": "*", "contract": ppa.name, "max_mw": ppa.max_mw}
    )


def dispatch_usd(problem: Problem) -> float:
    """The running cost of the year's block at the problem's sizes."""
    made = case(*tables(problem))
    site = made.sites["site0"]
    sizes = {links.load("training"): problem.it_mw, links.EXPORT: 0.0, links.FIRM: 0.0}
    if problem.grid is not None:
        sizes |= {links.FIRM: problem.mw["firm"], links.EXPORT: problem.grid.export_mw}
        sizes[links.flexible(site.offers[0])] = problem.mw.get("flexible", 0.0)
        sizes |= {links.taken(tariff): 1.0 for tariff in site.tariffs}
    sizes |= {links.contract(ppa): problem.mw[ppa.contract] for ppa in site.deliveries}
    for rule in links.rules(made, site):
        left = 1 - rule.targets["2027"]
        sizes |= {links.unmatched(rule): 1e-3 * left * problem.load_mw.sum(), links.owed(rule): 0.0}
    for asset in site.assets:
        sizes[links.power(asset)] = problem.mw[asset.technology]
        sizes[links.energy(asset)] = problem.mwh.get(asset.technology, 0.0)
    x = np.array([sizes[name] for name in links.names(made, site)])
    oracle = BlockOracle(made, 1, 1e-9)
    (found,) = oracle.evaluate([Task("site0", 0, x)])
    oracle.close()
    return 1e3 * found.cost


def solve(problem: Problem, gap: float) -> Answer:
    """The plan, its independent check passed; money at the value of the plan's year."""
    rows, made = tables(problem)
    plan = solve_case(case(rows, made), RunOptions(gap=gap, time_limit_s=600))
    checked = verify_plan(plan.inputs, plan.tables, plan.dispatch, plan.report.objective)
    assert checked.passed, checked.findings
    assert plan.report.status == "optimal", plan.report.log
    assert plan.tables["backlog"]["backlog_mw"].sum() == 0, "the other model serves all load"
    year = sum((1 + RATE) ** (-(m + 0.5) / 12) for m in range(12)) / 12
    costs = plan.tables["costs"].groupby("category")["usd"].sum() / year
    built = plan.tables["capacity"].set_index("technology")
    return Answer(
        total_usd=float(costs.sum()),
        capital_usd=float(costs.reindex(CAPITAL).sum()),
        ppa_usd=float(costs.get("contract_energy", 0.0)),
        peaks_usd=float(costs.reindex(PEAKS).sum()),
        mw=dict(built["standing_mw"]),
        mwh=dict(built["standing_mwh"]),
    )
