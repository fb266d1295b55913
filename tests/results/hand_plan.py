"""A plan written by hand: halls and engines at each site online on 1 January 2028."""

from __future__ import annotations

from typing import Any

import pandas as pd

from optimizer.reading.inputs import Inputs
from tests.support import Rows, base, inputs

PERIODS = [("a", "2027-01-01", 12), ("b", "2028-01-01", 12), ("c", "2029-01-01", 12)]
ONLINE = pd.Timestamp("2028-01-01")
STEPS = ("procurement", "construction", "commissioning")


def hand_rows(sites: int = 1, **engine: Any) -> Rows:
    """Input rows; halls take no time and have no range, engines 5 + 3 months if not said."""
    rows = base(PERIODS, sites)
    rows["demand"] = [{**row, "it_mw": 20 * sites} for row in rows["demand"]]
    rows["technologies"][0].update(
        {"procurement_months": 5, "construction_months": 3, "forced_outage_rate": 0,
         "planned_outage_rate": 0, **engine}
    )  # fmt: skip
    return rows


def hand_tables(case: Inputs, permit: str = "", permit_months: int = 0) -> dict[str, pd.DataFrame]:
    """Result tables: 20 MW of halls and engines at each site from period b."""
    names = list(case.tables["sites"]["site"])
    engine = case.tables["technologies"].iloc[0]
    months = {step: int(engine[f"{step}_months"]) for step in STEPS}
    schedule = []
    for site in names:
        end = ONLINE
        for step in reversed(STEPS):
            start = end - pd.DateOffset(months=months[step])
            schedule.append(_step(site, "technology", "engine", permit, step, start, end))
            end = start
        if permit_months:
            start = end - pd.DateOffset(months=permit_months)
            schedule.append(_step(site, "technology", "engine", permit, "permit", start, end))
        for kind, item, variant in (("technology", "engine", permit), ("campus_block", "hall", "")):
            schedule.append(_step(site, kind, item, variant, "online", ONLINE, ONLINE))
    later = ["b", "c"]
    both = [(site, period) for site in names for period in later]
    demand = 20.0 * len(names)
    return {
        "sites": pd.DataFrame({"site": names, "opened": True}),
        "schedule": pd.DataFrame([r for r in schedule if r["step"] == "online"
                                  or r["start"] < r["end"]]),
        "campus": pd.DataFrame([
            {"site": s, "block": "hall", "variant": "", "period": p,
             "added_blocks": 2.0 if p == "b" else 0.0, "standing_it_mw": 20.0} for s, p in both]),
        "capacity": pd.DataFrame([
            {"site": s, "technology": "engine", "variant": permit, "period": p,
             "added_mw": 20.0 if p == "b" else 0.0, "standing_mw": 20.0} for s, p in both]),
        "interconnection": pd.DataFrame(
            columns=["site", "offer", "variant", "period", "firm_mw", "flexible_mw"]),
        "placement": pd.DataFrame([
            {"workload": "training", "region": "north", "site": s, "period": p, "it_mw": 20.0}
            for s, p in both]),
        "backlog": pd.DataFrame([
            {"workload": "training", "region": "north", "period": p, "demand_mw": demand,
             "placed_mw": 0.0 if p == "a" else demand, "backlog_mw": demand if p == "a" else 0.0}
            for p in ["a", *later]]),
        "operation": pd.DataFrame(
            columns=["site", "period", "technology", "metric", "value", "passes"]),
    }  # fmt: skip


def _step(
    site: str, kind: str, item: str, variant: str, step: str, start: pd.Timestamp,
    end: pd.Timestamp,
) -> dict[str, Any]:  # fmt: skip
    return {"site": site, "kind": kind, "item": item, "variant": variant, "period": "b",
            "step": step, "start": start, "end": end}  # fmt: skip


def hand_plan(
    rows: Rows, permit: str = "", permit_months: int = 0
) -> tuple[Inputs, dict[str, pd.DataFrame]]:
    """Inputs and tables."""
    case = inputs(rows)
    return case, hand_tables(case, permit, permit_months)
