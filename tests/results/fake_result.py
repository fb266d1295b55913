"""A small made-up result: two of three sites open, with hours, money and limits that agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PERIODS = [f"{2027 + k // 4}-Q{k % 4 + 1}" for k in range(6)]
STARTS = pd.date_range("2027-01-01", periods=6, freq="3MS")
SITES = (("Abilene", -99.7, 32.4, 2), ("Cheyenne", -104.8, 41.1, 3), ("Memphis", -90.0, 35.1, None))
HOSTILE = "<script>alert(1)</script>"


def result_tables() -> dict[str, pd.DataFrame]:
    """Result tables as ``docs/results.md`` names them."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in (
        "sites", "campus", "capacity", "interconnection", "permits", "placement", "backlog",
        "schedule", "operation", "costs", "cashflow", "limits")}  # fmt: skip
    for site, longitude, latitude, first in SITES:
        rows["sites"].append({
            "site": site, "longitude": longitude, "latitude": latitude, "market": "ERCOT",
            "jurisdiction": HOSTILE, "opened": first is not None,
            "open_period": "" if first is None else PERIODS[first],
            "open_date": pd.NaT if first is None else STARTS[first]})  # fmt: skip
        if first is not None:
            _site(rows, site, first)
    for k, period in enumerate(PERIODS):
        placed = sum(r["it_mw"] for r in rows["placement"] if r["period"] == period)
        rows["backlog"].append({
            "workload": "training", "region": "south", "period": period, "demand_mw": 200.0,
            "placed_mw": placed, "backlog_mw": 200.0 - placed})  # fmt: skip
        rows["costs"].append({"category": "delay", "site": "", "item": "training",
                              "period": period, "usd": 3e6 * (200.0 - placed) / 10 + k})  # fmt: skip
    # Before supply begins nothing can be had: stated as binding, but it tells a planner nothing.
    rows["limits"].append({
        "limit": "component slots", "scope": "transformer", "period_or_year": PERIODS[0],
        "used": 0.0, "limit_value": 0.0, "unit": "slots", "binding": True})  # fmt: skip
    return {name: pd.DataFrame(found) for name, found in rows.items()} | _readiness() | _why()


def _why() -> dict[str, pd.DataFrame]:
    """A site too dear, a source with its runner-up, a limit's worth, delay by a queue."""
    parts = {"halls_usd": 0.0, "power_usd": 4e6, "grid_usd": -1e6, "energy_usd": 10e6,
             "delay_usd": 0.0, "site_usd": 7e6}  # fmt: skip
    return {
        "why_not_sites": pd.DataFrame([
            {"site": "Memphis", "reason": "too dear", "earliest_date": STARTS[3],
             "months_later": 6.0, "waits_for": "grid: queue 3, upgrade 6 months",
             "forced_date": STARTS[3], "it_mw": 20.0, "extra_usd": 20e6, **parts,
             "instead_of": "20 MW at Abilene", "basis": "checked"}]),
        "runner_up": pd.DataFrame([
            {"site": "Abilene", "kind": "technology", "item": "engine", "mw": 40.0,
             "runner_up": HOSTILE, "extra_usd": 20e6, **parts, "sheet": "site_technologies",
             "row": 2.0, "column": "capex_adder_usd_per_kw", "unit": "USD/kW", "price": 0.0,
             "switch_price": 250.0, "rise": 250.0, "switch_share": 0.25, "basis": "estimate"},
            {"site": "Abilene", "kind": "interconnection", "item": "grid", "mw": 40.0,
             "runner_up": "", "extra_usd": np.nan, "sheet": "", "column": "", "unit": "",
             "basis": "not asked"}]),
        "worth": pd.DataFrame([
            {"limit": "slots", "sheet": "supply", "row": 3.0, "column": "amount",
             "said": "transformer: 10 in 2027-07", "from_date": STARTS[2], "used": 10.0,
             "limit_value": 10.0, "unit": "MVA", "usd_per_unit": 9e6, "basis": "checked",
             "kept_usd": 0.0, "divisible_usd": 9e6, "free_usd": 9e6, "grant": 10.0,
             "grant_usd": 90e6}]),
        "delay_causes": pd.DataFrame([
            {"period": PERIODS[0], "site": "Abilene", "kind": "interconnection", "item": "grid",
             "variant": "", "online_period": PERIODS[2], "cause": "queue",
             "chain": "grid: queue 3, upgrade 6 months", "mw": 200.0, "mw_months": 600.0,
             "usd": 60e6}]),
    }  # fmt: skip


def _readiness() -> dict[str, pd.DataFrame]:
    """A permit due at once, an order a year later, and a contract that the plan does not use."""
    decision = {"site": "Abilene", "period": PERIODS[2], "status": "open", "online_date": STARTS[2],
                "safe_by": pd.Timestamp("2026-09-01"), "slip_months": 3,
                "first_power_late_months": 3.0, "full_power_late_months": 0.0}  # fmt: skip
    need = {"site": "Abilene", "variant": "", "held": 0.0, "filed": 0.0, "expires": pd.NaT,
            "paid_usd": 0.0, "cancel_usd": 0.0, "commitments": ""}  # fmt: skip
    return {
        "decisions": pd.DataFrame([
            {**decision, "decision": "apply for permit", "kind": "permit", "item": "air",
             "variant": "expedited", "amount": 1.0, "unit": "permit", "planned_date": STARTS[0],
             "sign_by": STARTS[0], "due_soon": True, "value_usd": 250e3, "due_usd": 250e3,
             "lost_mw_months": 300.0, "lost_usd": 30e6},
            {**decision, "decision": "order", "kind": "campus_block", "item": "hall",
             "variant": "standard", "amount": 1.0, "unit": "blocks", "planned_date": STARTS[4],
             "sign_by": STARTS[4], "due_soon": False, "value_usd": 550e6, "due_usd": 55e6,
             "lost_mw_months": 0.0, "lost_usd": 0.0}]),
        "readiness": pd.DataFrame([
            {**need, "kind": "permit", "item": "air", "variant": "expedited", "needed": 1.0,
             "unit": "permit", "filed": 1.0, "missing": 1.0, "status": "filed",
             "needed_by": STARTS[0], "commitments": "application 7"},
            {**need, "kind": "order", "item": "hall", "needed": 2.0, "unit": "blocks", "held": 2.0,
             "missing": 0.0, "status": "held", "needed_by": STARTS[4], "commitments": "halls"},
            {**need, "site": "Memphis", "kind": "contract", "item": "gas", "needed": 0.0, "unit": "",
             "held": 40.0, "missing": 0.0, "status": "not used by the plan", "needed_by": pd.NaT,
             "paid_usd": 2e6, "cancel_usd": 3e6, "commitments": HOSTILE}]),
        "exposure": pd.DataFrame([
            {"date": date, "site": "Abilene", "committed_usd": 500e6, "paid_usd": 100e6 * (k + 1),
             "recoverable_usd": 20e6, "at_risk_usd": 10e6 if k < 2 else 0.0,
             "cancel_usd": 100e6 * (k + 1) - 20e6, "in_service_usd": 0.0}
            for k, date in enumerate(pd.date_range("2027-01-01", periods=6, freq="MS"))]),
    }  # fmt: skip


def _site(rows: dict[str, list[dict[str, Any]]], site: str, first: int) -> None:
    online = STARTS[first]
    rows["permits"].append({"site": site, "permit_kind": "air", "variant": "expedited",
                            "cost_usd": 250e3})  # fmt: skip
    for kind, item, unit, amount in (
        ("technology", "gas_turbine", "MW", 150.0),
        ("campus_block", "hall", "blocks", 2.0),
        ("interconnection", "firm_2028", "MW", 60.0),
    ):
        steps = (
            ("permit", 14, 10),
            ("procurement", 10, 6),
            ("construction", 6, 1),
            ("commissioning", 1, 0),
            ("online", 0, 0),
        )
        rows["schedule"] += [{
            "site": site, "kind": kind, "item": item, "variant": "standard",
            "period": PERIODS[first], "amount": amount, "unit": unit, "step": step,
            "start": online - pd.DateOffset(months=a), "end": online - pd.DateOffset(months=b)}
            for step, a, b in steps]  # fmt: skip
    rows["schedule"].append({
        "site": site, "kind": "opening", "item": site, "variant": "", "period": PERIODS[first],
        "amount": 1.0, "unit": "site", "step": "open", "start": online, "end": online})  # fmt: skip
    for k in range(first, len(PERIODS)):
        rows["campus"].append({
            "site": site, "block": "hall", "variant": "standard", "period": PERIODS[k],
            "added_blocks": 2 if k == first else 0, "standing_blocks": 2,
            "standing_it_mw": 100.0})  # fmt: skip
        for technology, mw in (("gas_turbine", 150.0), ("solar", 80.0), ("battery", 40.0)):
            rows["capacity"].append({
                "site": site, "technology": technology, "variant": "standard",
                "period": PERIODS[k], "added_units": 3.0 if k == first else 0.0,
                "added_mw": mw if k == first else 0.0, "added_mwh": 0.0, "standing_mw": mw,
                "standing_mwh": 160.0 if technology == "battery" else 0.0,
                "at_risk": False})  # fmt: skip
        if k > first:
            rows["interconnection"].append({
                "site": site, "offer": "firm_2028", "variant": "standard", "period": PERIODS[k],
                "connected": 1, "firm_mw": 60.0, "flexible_mw": 0.0, "export_mw": 0.0})  # fmt: skip
        rows["placement"].append({"workload": "training", "region": "south", "site": site,
                                  "period": PERIODS[k], "it_mw": 100.0})  # fmt: skip
        rows["operation"].append({"site": site, "period": PERIODS[k], "technology": "gas_turbine",
                                  "metric": "generation_mwh", "value": 1.5e5, "passes": 1.0})  # fmt: skip
        rows["costs"].append({"category": "fuel", "site": site, "item": "gas_turbine",
                              "period": PERIODS[k], "usd": 6.1e6})  # fmt: skip
        rows["limits"].append({
            "limit": "gas supply", "scope": site, "period_or_year": PERIODS[k], "used": 1350.0,
            "limit_value": 1350.0 + 400 * (k > first), "unit": "MMBtu/h",
            "binding": k == first})  # fmt: skip
    for name, item, usd in (
        ("generation_capital", "gas_turbine", 210e6),
        ("campus_capital", "hall", 1.1e9),
    ):
        rows["costs"].append({"category": name, "site": site, "item": item,
                              "period": PERIODS[first], "usd": usd})  # fmt: skip
        rows["cashflow"] += [{"date": online - pd.DateOffset(months=m), "site": site,
                              "category": name, "item": item, "usd": usd / 10}
                             for m in range(10)]  # fmt: skip


def dispatch_frame(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """A quarter of hours for each site and period with load [MW]; batteries shift solar."""
    frames = []
    for row in tables["placement"].itertuples():
        hour = np.arange(
            2190 * (PERIODS.index(row.period) % 4), 2190 * (PERIODS.index(row.period) % 4 + 1)
        )
        sun = np.clip(np.sin((hour % 24 - 6) / 12 * np.pi), 0, None)
        solar, charge = 80 * sun, 30 * (sun > 0.7)
        discharge = 40.0 * np.isin(hour % 24, (19, 20, 21))
        load = np.full(len(hour), 1.2 * row.it_mw)
        frames.append(pd.DataFrame({
            "site": row.site, "period": row.period, "hour": hour, "it_mw": row.it_mw,
            "load_mw": load, "import_mw": 0.0, "export_mw": 0.0, "unserved_mw": 0.0,
            "generation_mw:gas_turbine": load + charge - solar - discharge,
            "generation_mw:solar": solar, "available_mw:solar": solar + 5.0 * (sun > 0.9),
            "charge_mw:battery": charge, "discharge_mw:battery": discharge,
            "soc_mwh:battery": 80.0}))  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def summary_of(tables: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """A summary that agrees with the tables."""
    costs = tables["costs"].groupby("category")["usd"].sum()
    total = float(costs.sum())
    return {
        "case_name": "two & a half sites", "status": "optimal", "stop_reason": "gap",
        "objective": total, "total_cost": total, "costs": {k: float(v) for k, v in costs.items()},
        "bound": 0.993 * total, "gap": 0.007, "gap_usd": 0.007 * total, "gap_controllable": 0.009,
        "delay_mw_months": float(3 * tables["backlog"]["backlog_mw"].sum()),
        "unavoidable_delay_usd": 120e6, "first_power_date": "2027-07-01", "full_power_date": "2027-10-01", "co2_t": 4.1e5,
        "co2_onsite_t": 4.0e5, "co2_grid_t": 1.0e4, "water_m3": 5.2e4, "land_km2": 3.2,
        "unserved_mwh": 0.0, "sites": [], "capacity": [],
        "verification": {"max_violation": 3e-9, "passed": True, "objective_recomputed": total},
        "tied_sites": [
            {"site": "Cheyenne", "opened": True, "extra_usd": 1.2e6, "basis": "checked"},
            {"site": "Memphis", "opened": False, "extra_usd": -2e5, "basis": "estimate"}],
        "changed_decisions": {
            "against": "last year", "count": 2, "by_kind": {"halls": 1, "grid": 1},
            "decisions": [
                {"site": "Abilene", "kind": "halls", "item": "hall_block", "before": "none",
                 "now": "1 from 2027-07, 2 from 2028-04"},
                {"site": "Cheyenne", "kind": "grid", "item": HOSTILE, "before": "1 from 2028-01",
                 "now": "none"}],
            "sizes": [{"site": "Abilene", "kind": "MW", "item": "solar",
                       "before": "60 from 2027-07", "now": "80 from 2027-07"}],
            "left_out": ["site Lubbock"], "cost_of_staying_close_usd": 642_000.0},
        "why": {"why_not_sites": {"checked": 1}, "runner_up": {"estimate": 1, "not asked": 1},
                "worth": {"checked": 1}, "delay_causes": {"queue": 600.0}},
        "timing": {"read": 0.4, "solve": 31.0, "why": 2.0}, "problem": {"rows": 1200, "columns": 900},
        "peak_memory_mb": 310.0,
        "progress": [
            {"seconds": 1.0, "phase": "bound", "bound": 0.8 * total, "best": None, "gap": None},
            {"seconds": 9.0, "phase": "cuts", "bound": 0.95 * total, "best": 1.1 * total,
             "gap": 0.13},
            {"seconds": 31.0, "phase": "cuts", "bound": 0.993 * total, "best": total,
             "gap": 0.007}],
    }  # fmt: skip


def input_tables() -> dict[str, pd.DataFrame]:
    """Input tables that the report reads."""
    return {
        "periods": pd.DataFrame({"period": PERIODS, "start": STARTS, "months": 3}),
        "technologies": pd.DataFrame({"technology": ["gas_turbine", "solar", "battery"],
                                      "source": ["ATB 2024", "assumption", "Synthetic: made up"]}),
        "settings": pd.DataFrame({"key": ["reference_year"], "value": ["2012"], "note": [""]}),
        "sites": pd.DataFrame({"site": [name for name, *_ in SITES], "max_it_mw": [100, 100, 450],
                               "gas_hub": ["waha", "waha", "henry"]}),
        "fuels": pd.DataFrame({"fuel": "gas", "hub": ["waha", "henry"],
                               "price_usd_per_mmbtu": [1.9, 3.8]}),
        "interconnection_steps": pd.DataFrame({
            "site": ["Memphis", "Memphis"], "from_date": ["2031-01-01", "2029-07-01"],
            "firm_mw": [200, 50], "flexible_mw": [0, 100]}),
        "regions": pd.DataFrame({"region": ["Dallas"], "longitude": [-96.8], "latitude": [32.8]}),
    }  # fmt: skip


def many_sites(opened: int, closed: int) -> dict[str, pd.DataFrame]:
    """The same tables with the first site repeated under other names, and the last one."""
    tables = result_tables()
    names = {"Abilene": [f"Site {k:03d}" for k in range(opened)],
             "Memphis": [f"Other {k:03d}" for k in range(closed)]}  # fmt: skip
    for table, column in [(name, "site") for name in tables] + [("limits", "scope")]:
        found = tables[table]
        if column not in found:
            continue
        repeated = []
        for old, some in names.items():
            mine = found[found[column] == old]
            again = mine.iloc[np.tile(np.arange(len(mine)), len(some))]
            repeated.append(again.assign(**{column: np.repeat(some, len(mine))}))
        tables[table] = pd.concat([found, *(t for t in repeated if len(t))], ignore_index=True)
    return tables


def write_fake_result(folder: Path, tables: dict[str, pd.DataFrame] | None = None) -> Path:
    """Write the result folder without report and workbook."""
    tables = result_tables() if tables is None else tables
    (folder / "tables").mkdir(parents=True)
    (folder / "inputs").mkdir()
    for name, table in tables.items():
        table.to_csv(folder / "tables" / f"{name}.csv", index=False, date_format="%Y-%m-%d")
    dispatch_frame(tables).to_parquet(folder / "dispatch.parquet")
    (folder / "summary.json").write_text(json.dumps(summary_of(tables)), encoding="utf-8")
    for name, table in input_tables().items():
        table.to_csv(folder / "inputs" / f"{name}.csv", index=False)
    return folder
