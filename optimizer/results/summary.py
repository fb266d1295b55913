"""The machine-readable summary of a plan (``summary.json``).

Keys: ``case_name, status, stop_reason, engine, objective`` = ``total_cost`` = sum of ``costs``
[US$], ``bound, gap, gap_usd, gap_controllable``, where asked ``gap_power`` (of all other cost at
the plan's delay); ``bound_again``, computed anew at the end from the stored cuts and prices (with
few sites that of the relaxation, which is lower); ``delay_mw_months, first_power_date,
full_power_date``, of which ``first_power_p10/p50/p90, full_power_p10/p50/p90,
delay_mw_months_p50/p90, full_power_on_time_share, date_draws, date_basis`` are sampled
(``dates.py``); ``co2_onsite_t, co2_grid_t, co2_t, co2_market_t, co2_marginal_t, cfe_share, water_m3, land_km2,
unserved_mwh`` over the whole plan; ``sites, capacity, verification, timing, problem,
peak_memory_mb, progress, binding``; ``tied_sites``, and ``changed_decisions`` of a run with
``--prefer`` (else null); where it was asked why it is this plan (``docs/why_this.md``)
``why``: of each of its tables how many answers are checked, estimates, or were not asked, and the
delay by cause [MW-month]. ``verification.rolling`` is null unless the plan was dispatched again
without perfect foresight (``docs/results.md``).
"""

from __future__ import annotations

import math
import resource
import sys
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from optimizer.results.dates import NEARLY, Dates, sample_dates
from optimizer.results.plan import Plan
from optimizer.results.verify import Verification
from optimizer.settings import SolveReport


def summarize(
    plan: Plan,
    verification: Verification | None,
    dates: Dates | None = None,
    rolling: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """All figures of a plan, computed from its tables; its dates are sampled if not given.

    ``rolling`` is what the plan costs to run without perfect foresight, where it was asked.
    """
    sampled = sample_dates(plan.inputs, plan.tables) if dates is None else dates
    report, tables = plan.report, plan.tables
    objective = report.objective
    costs = tables["costs"].groupby("category")["usd"].sum().to_dict()
    gap_usd = objective - report.bound
    controllable = objective - report.unavoidable_delay_usd
    summary: dict[str, Any] = {
        "case_name": plan.inputs.name,
        "status": report.status,
        "stop_reason": report.stop_reason,
        "engine": report.engine,
        "objective": objective,
        "total_cost": objective,
        "costs": {k: float(v) for k, v in costs.items()},
        "bound": report.bound,
        "gap": gap_usd / max(abs(objective), 1e-9),
        "gap_usd": gap_usd,
        "gap_controllable": gap_usd / controllable if controllable > 0 else None,
        "bound_again": report.bound_again,
        **_gap_power(report, float(costs.get("delay", 0.0))),
        "unavoidable_delay_usd": report.unavoidable_delay_usd,
        "tied_sites": report.tied_sites,
        "changed_decisions": report.changed_decisions,
        **_dates(plan),
        **sampled.headline,
        **_quantities(plan),
        "sites": _sites(plan),
        "capacity": _capacity(plan),
        "binding": _binding(plan),
        "why": _why(plan),
        "verification": None
        if verification is None
        else verification.as_dict() | {"rolling": rolling},
        "timing": dict(report.timing),
        "problem": dict(report.problem),
        "peak_memory_mb": peak_memory_mb(),
        "progress": [asdict(line) for line in report.progress],
    }
    return _finite(summary)  # type: ignore[no-any-return]


def _gap_power(report: SolveReport, delay: float) -> dict[str, float]:
    """Proven gap of all other cost at the plan's delay, where it was asked for."""
    if report.power_bound_usd is None:
        return {}
    other = report.objective - delay
    return {"gap_power": (other - report.power_bound_usd) / max(abs(other), 1e-9)}


def peak_memory_mb() -> float:
    """Largest resident memory of this process [MB]."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024.0 * 1024.0 if sys.platform == "darwin" else 1024.0)


def _finite(value: Any) -> Any:
    """Plain values that JSON can hold: no numpy scalars, infinities and NaN as null."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _dates(plan: Plan) -> dict[str, Any]:
    periods = plan.inputs.tables["periods"].set_index("period")
    backlog = plan.tables["backlog"]
    placed = backlog[backlog["placed_mw"] > 1e-6]["period"].unique()
    starts = periods["start"]
    missing = backlog.groupby("period")["backlog_mw"].sum().reindex(periods.index).fillna(0.0)
    wanted = backlog.groupby("period")["demand_mw"].sum().reindex(periods.index).fillna(0.0)
    # Nothing waits before anything is wanted: full power is not before the largest demand.
    largest = starts[wanted >= NEARLY * wanted.max()].iloc[0]
    full = None
    for name in reversed(periods.index):
        if missing[name] > 1e-6:
            break
        full = max(starts[name], largest)
    months = periods["months"]
    return {
        "delay_mw_months": float((missing * months).sum()),
        "first_period": min(placed, key=lambda p: starts[p]) if len(placed) else None,
        "first_power_date": f"{min(starts[p] for p in placed):%Y-%m-%d}" if len(placed) else None,
        "full_power_date": None if full is None else f"{full:%Y-%m-%d}",
    }


def _quantities(plan: Plan) -> dict[str, float | None]:
    operation = plan.tables["operation"]
    total = operation.assign(whole=operation["value"] * operation["passes"])
    grid = total["technology"] == "grid"

    def amount(metric: str, where: pd.Series | None = None) -> float:
        rows = total[total["metric"] == metric]
        return float(rows["whole"].sum() if where is None else rows.loc[where, "whole"].sum())

    technologies = plan.inputs.tables["technologies"].set_index("technology")
    clean = 0.0
    made = total[total["metric"] == "generation_mwh"]
    for name, mwh in made.groupby("technology")["whole"].sum().items():
        if not technologies.loc[name, "fuel"] and not technologies.loc[name, "co2_t_per_mwh"] > 0:
            clean += float(mwh)
    delivered = total[total["metric"] == "delivered_mwh"]
    contracts = plan.inputs.tables["contracts"].set_index("contract")["carbon_free"]
    for name, mwh in delivered.groupby("technology")["whole"].sum().items():
        clean += float(mwh) * bool(contracts[name])
    bought = amount("import_mwh") + float(delivered["whole"].sum())
    clean += amount("clean_mwh")
    generated = float(made["whole"].sum()) + bought
    land = plan.tables["limits"]
    used = land[land["limit"] == "land"].groupby("scope")["used"].max().sum()
    return {
        "co2_onsite_t": amount("co2_t", ~grid),
        "co2_grid_t": amount("co2_t", grid),
        "co2_t": amount("co2_t"),
        **_accounts(total),
        "cfe_share": clean / generated if generated > 0 else 0.0,
        "water_m3": amount("water_m3"),
        "land_km2": float(used),
        "unserved_mwh": amount("unserved_mwh"),
    }


def _accounts(total: pd.DataFrame) -> dict[str, float | None]:
    """CO2 with bought energy in the market-based account and at the margin; null if not known.

    Where a site has no contracts, the market-based figure is the one by location.
    """
    co2 = total[total["metric"] == "co2_t"]
    grid = co2[co2["technology"] == "grid"].set_index(["site", "period"])["whole"]
    own = float(co2["whole"].sum() - grid.sum())
    found: dict[str, float | None] = {}
    for name, metric in (("co2_market_t", "co2_market_t"), ("co2_marginal_t", "co2_marginal_t")):
        rows = total[total["metric"] == metric].set_index(["site", "period"])["whole"]
        others = grid[~grid.index.isin(rows.index)]
        known = name == "co2_market_t" or len(others) == 0
        found[name] = own + float(rows.sum() + others.sum()) if known else None
    return found


def _sites(plan: Plan) -> list[dict[str, Any]]:
    placed = plan.tables["placement"].groupby(["site", "period"])["it_mw"].sum()
    by_site: dict[str, dict[str, float]] = {}
    for (site, period), mw in placed.items():
        by_site.setdefault(site, {})[str(period)] = float(mw)
    return [
        {
            "site": row["site"],
            "opened": bool(row["opened"]),
            "open_date": None if pd.isna(row["open_date"]) else f"{row['open_date']:%Y-%m-%d}",
            "mw_by_period": by_site.get(row["site"], {}),
        }
        for _, row in plan.tables["sites"].iterrows()
    ]


def _capacity(plan: Plan) -> list[dict[str, Any]]:
    capacity = plan.tables["capacity"]
    total = capacity.groupby(["site", "technology", "period"], sort=False)[
        ["standing_mw", "standing_mwh"]
    ].sum()
    return [
        {"site": s, "technology": g, "period": p, "mw": float(r.standing_mw),
         "mwh": float(r.standing_mwh)}
        for (s, g, p), r in total.iterrows()
    ]  # fmt: skip


def _why(plan: Plan) -> dict[str, Any] | None:
    """How the answers are known, and what load waits for; None if it was not asked."""
    causes = plan.tables.get("delay_causes")
    if causes is None:
        return None
    known: dict[str, Any] = {
        name: {str(k): int(n) for k, n in plan.tables[name]["basis"].value_counts().items()}
        for name in ("why_not_sites", "runner_up", "worth")
    }
    waits = causes.groupby("cause")["mw_months"].sum().sort_values(ascending=False)
    return known | {"delay_causes": {str(k): float(v) for k, v in waits.items()}}


def _binding(plan: Plan) -> list[dict[str, Any]]:
    limits = plan.tables["limits"]
    bound = limits[limits["binding"]]
    return [
        {"limit": limit, "scope": scope, "periods": list(rows["period_or_year"])}
        for (limit, scope), rows in bound.groupby(["limit", "scope"], sort=False)
    ]
