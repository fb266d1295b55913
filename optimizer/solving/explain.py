"""Why there is no plan, and the delay that no plan avoids."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from optimizer.model.build import Planning
from optimizer.solving.highs import INFINITY, make_model, run_mip
from optimizer.solving.planning_arrays import PlanningArrays

# What an analyst calls the rows of a constraint; only limits of the input appear.
LIMITS = {
    "slots_delivered": "component slots (supply)",
    "spending_within_budget": "the yearly budget (policies)",
    "co2_within_cap": "the CO2 cap (policies)",
    "land_within_site": "land or gas limits (sites)",
    "water_within_limit": "water limits (sites)",
    "permit_rows": "permits and their thresholds (permits)",
}


def _solve(
    arrays: PlanningArrays, cost: np.ndarray, relaxed: str, seconds: float, extra: np.ndarray
) -> tuple[float, np.ndarray | None]:
    """Minimise a cost with the rows of one limit left out; ``extra`` widens backlog."""
    keep = np.ones(arrays.matrix.shape[0], dtype=bool)
    low, high = arrays.row_lower.copy(), arrays.row_upper.copy()
    for k, owner in enumerate(arrays.row_owner):
        if relaxed and owner == relaxed:
            low[k], high[k] = -INFINITY, INFINITY
    free = arrays.lower.copy()
    free[arrays.operating_columns] = 0.0
    upper = arrays.upper + extra
    upper[arrays.operating_columns] = 0.0
    model = make_model(
        cost, free, upper, sp.csr_matrix(arrays.matrix[keep]), low, high, arrays.integer,
        mip_rel_gap=1e-3,
    )  # fmt: skip
    found = run_mip(model, arrays.integer, seconds)
    return found.bound, found.x


def unavoidable_delay(arrays: PlanningArrays, seconds: float) -> float:
    """Least delay cost of the planning model with delay as its only cost, a proven bound [k$]."""
    if not arrays.delay.any():
        return 0.0
    bound, _ = _solve(arrays, arrays.delay, "", max(1.0, seconds), np.zeros(arrays.count))
    return max(0.0, bound) if np.isfinite(bound) else 0.0


def clash(planning: Planning, arrays: PlanningArrays, seconds: float = 10.0) -> str:
    """In the input's words: which deadlines cannot be met, and which limits stand in the way."""
    case, model = planning.case, planning.model
    over: dict[int, tuple[str, str, int]] = {}
    place = {id(v): k for k, v in enumerate(arrays.variables)}
    extra, cost = np.zeros(arrays.count), np.zeros(arrays.count)
    for key, missing in model.backlog.items():
        k = place.get(id(missing))
        if k is not None and case.max_backlog[key] < case.demand[key]:
            extra[k] = case.demand[key] - case.max_backlog[key]
            cost[k] = 1.0
            over[k] = key
    lines = ["No plan meets all limits. These clash:"]
    _, x = _solve(arrays, cost, "", seconds, extra)
    if x is None:
        return "No plan meets all limits, even if all demand may wait: see sites and policies."
    table = case.inputs.tables["demand"]
    for k, (workload, region, p) in over.items():
        beyond = x[k] - case.max_backlog[workload, region, p]
        if beyond > 1e-4:
            period = case.periods[p]
            row = table[
                (table["workload"] == workload)
                & (table["region"] == region)
                & (table["period"] == period.name)
            ].index[0]
            most = case.demand[workload, region, p] - x[k]
            lines.append(
                f" demand!{row}  {workload} / {region} must have "
                f"{case.demand[workload, region, p] - case.max_backlog[workload, region, p]:,.0f} "
                f"MW in {period.name}; at most {most:,.0f} MW is possible"
            )
    for owner, words in LIMITS.items():
        if owner in arrays.row_owner:
            _, freed = _solve(arrays, cost, owner, seconds, np.zeros(arrays.count))
            if freed is not None:
                lines.append(f" {words}: without it a plan exists")
    total = sum(max(0.0, x[k] - case.max_backlog[key]) for k, key in over.items())
    lines.append(
        f"Smallest change found: raise max_backlog_mw by {total:,.0f} MW-periods in the rows above."
    )
    return "\n".join(lines)
