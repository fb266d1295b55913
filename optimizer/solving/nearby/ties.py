"""Sites that the gap leaves undecided: plans as good as asked are known with and without them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from optimizer.solving.engine import Engine, Incumbent
from optimizer.solving.nearby.prefer import most_cost
from optimizer.solving.planning_arrays import KINDS, PlanningArrays
from optimizer.solving.why.again import Again

SHARE, LEAST_SECONDS, MOST_SECONDS = 0.05, 1.0, 15.0
"""Time for all questions, as a share of the solve's [s]."""
LEAST_MW = 0.5


def tied_sites(
    engine: Engine, final: Incumbent, told: Mapping[str, pd.DataFrame]
) -> list[dict[str, Any]]:
    """``tied_sites`` of ``summary.json``: site, whether opened, extra cost [US$], basis.

    A site that is opened is tied if a plan without it, one that is not if a plan with it, costs
    no more than the gap leaves open: what would still be proven within the asked gap, or the
    proven gap where that is wider. ``told`` are the tables that say why it is this plan; those
    with a closed site are taken from them.
    """
    total = final.truth.total
    slack = max(most_cost(engine) - total, total - engine.bound, 0.0)
    seconds = min(MOST_SECONDS, max(LEAST_SECONDS, SHARE * engine.seconds),
                  engine.limit - engine.seconds)  # fmt: skip
    begun = time.monotonic()
    tied = _without(engine, final, slack, seconds)
    closed = told.get("why_not_sites", pd.DataFrame())
    for row in closed.to_dict("records"):
        if row["basis"] in ("checked", "estimate") and row["extra_usd"] <= 1e3 * slack:
            tied.append({"site": row["site"], "opened": False,
                         "extra_usd": float(row["extra_usd"]), "basis": row["basis"]})  # fmt: skip
    engine.report.timing["ties"] = time.monotonic() - begun
    return tied


def _without(
    engine: Engine, final: Incumbent, slack: float, seconds: float
) -> list[dict[str, Any]]:
    """The opened sites that a plan within ``slack`` [k$] does without."""
    if seconds <= 0 or slack <= 0:
        return []
    again = Again(
        engine.planning, engine.arrays, engine.known, final.x, final.truth, engine.serve,
        seconds=seconds, should_stop=lambda: engine.interrupted,
    )  # fmt: skip
    tied = []
    for site in _serving(engine, final.x):
        if again.left <= 0:
            break
        shut = _shut(again, engine.arrays, site)
        least = again.solve(shut, whole=False)
        # What costs more than this even in parts is surely needed.
        if least.x is None or least.value - final.truth.total > slack:
            continue
        found = again.cheapest(shut if again.small else _others_grow(again, shut, site))
        if found is None:
            continue
        extra = found.total - again.against(found).total
        if extra <= slack and found.arrays is not None:
            # Few cuts are known where the plan is not: what it costs must be asked.
            found = again.refitted(found)
            extra = found.total - again.against(found).total
        if extra <= slack:
            tied.append({"site": site, "opened": True, "extra_usd": 1e3 * extra,
                         "basis": found.basis})  # fmt: skip
    return tied


def _serving(engine: Engine, x: np.ndarray) -> list[str]:
    """Sites with load, those with least first: they are most easily done without."""
    loads = len(engine.case.workloads)
    mw = {s: float(x[engine.arrays.link[s][:loads]].sum(axis=0).max()) for s in engine.case.sites}
    return sorted((s for s in mw if mw[s] > LEAST_MW), key=lambda s: mw[s])


def _shut(again: Again, arrays: PlanningArrays, site: str) -> PlanningArrays:
    """The arrays in which a site is never open."""
    upper = arrays.upper.copy()
    upper[again.columns(site, "open")] = 0.0
    return replace(arrays, upper=upper)


def _others_grow(again: Again, arrays: PlanningArrays, site: str) -> PlanningArrays:
    """All other sites keep their openings, halls and grid offers, and may add to them."""
    kinds = [KINDS.index(k) for k in ("open", "halls", "connected")]
    held = np.isin(arrays.kind, kinds) & (again.owner != site)
    lower = arrays.lower.copy()
    lower[held] = np.maximum(lower[held], np.round(again.x[held]))
    return replace(arrays, lower=lower)
