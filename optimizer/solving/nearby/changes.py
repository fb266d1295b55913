"""What differs between a plan and an earlier one, decision by decision."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from optimizer.preparing.case import Case
from optimizer.solving.engine import Engine, Incumbent
from optimizer.solving.nearby.prefer import Preferred
from optimizer.solving.planning_arrays import PlanningArrays

KINDS = {
    "open": "site",
    "halls": "halls",
    "units": "units",
    "connected": "grid",
    "permit": "permit",
}
SIZES = {"built_mw": "MW", "built_mwh": "MWh", "firm_mw": "grid MW", "flexible_mw": "grid MW"}
NEAR_SHARE, NEAR_MW = 0.01, 1.0
"""Differences of size up to this share, or as many MW or MWh, are no change."""

Item = tuple[str, str, str]
"""(site, kind, item)"""


def changed_decisions(engine: Engine, final: Incumbent, preferred: Preferred) -> dict[str, Any]:
    """``changed_decisions`` of ``summary.json``.

    A decision is a site, the halls of a block type, the units of a technology, a grid offer or
    a permit; it has changed if it is another number, or the same at another time.
    """
    case, arrays = engine.case, engine.arrays
    now, then = _schedules(case, arrays, final.x), _schedules(case, arrays, preferred.plan.x)
    found: list[dict[str, str]] = []
    sizes: list[dict[str, str]] = []
    for item, present in now.items():
        before = then[item]
        whole = item[1] in KINDS.values()
        near = 0.5 if whole else max(NEAR_MW, NEAR_SHARE * float(before.max()))
        if np.abs(present - before).max() <= near:
            continue
        (found if whole else sizes).append({
            "site": item[0], "kind": item[1], "item": item[2],
            "before": _words(case, before), "now": _words(case, present),
        })  # fmt: skip
    more = 1e3 * (final.truth.total - preferred.cheapest)
    return {
        "against": preferred.earlier.name,
        "count": len(found),
        "by_kind": dict(Counter(f["kind"] for f in found)),
        "decisions": found,
        "sizes": sizes,
        "left_out": preferred.plan.left_out,
        "cost_of_staying_close_usd": max(0.0, more),
    }


def _schedules(case: Case, arrays: PlanningArrays, x: np.ndarray) -> dict[Item, np.ndarray]:
    """What is decided by each period of every item; permit variants are items of their own."""
    found: dict[Item, np.ndarray] = {}
    for value, variable in zip(x, arrays.variables, strict=True):
        name, index = variable.parent_component().local_name, variable.index()
        kind = KINDS.get(name) or SIZES.get(name)
        if kind is None:
            continue
        site = str(variable.parent_block().index())
        if name == "permit":
            found[site, kind, "/".join(index)] = np.full(len(case.periods), value)
            continue
        item, p = (site, index) if name == "open" else (str(index[0]), index[-1])
        by_period = found.setdefault((site, kind, item), np.zeros(len(case.periods)))
        by_period[p] += value
    return found


def _words(case: Case, levels: np.ndarray) -> str:
    """``2 from 2028-01, 5 from 2029-07``; ``none``."""
    said, last = [], 0.0
    for period, level in zip(case.periods, levels, strict=True):
        if abs(level - last) > 1e-6:
            said.append(f"{level:.6g} from {period.start:%Y-%m}")
            last = float(level)
    return ", ".join(said) or "none"
