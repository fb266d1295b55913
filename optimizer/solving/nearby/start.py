"""An earlier plan as the first plan of a search."""

from __future__ import annotations

import time

import numpy as np

from optimizer.solving.engine import ALL, FIRST_GAP, FIRST_ROUNDS, Engine
from optimizer.solving.nearby.earlier import Earlier, OldPlan, old_plan
from optimizer.solving.nearby.nearest import Nearest, grown
from optimizer.solving.planning_arrays import DISCRETE

SHARE = 0.1
"""Of the time limit, the most that is spent on finding the old plan's present form."""
REPAIRS = 4
"""Times that a repaired plan is asked what it cannot serve, and repaired again."""
RESIZE_ROUNDS = 12
"""Rounds in which sizes are found anew."""
GROW_SECONDS = 20.0
FAR = 0.1
"""Gap to the first relaxation from which the search does better without the old plan than from it."""


def opened(engine: Engine, earlier: Earlier) -> tuple[OldPlan, Nearest]:
    """The earlier plan in the engine's columns; what is left out is noted in the log."""
    plan = old_plan(earlier, engine.planning, engine.arrays)
    for words in plan.left_out:
        engine.note(f"{earlier.name}: {words}")
    return plan, Nearest(engine.case, engine.arrays, engine.known.pool, plan.x)


def start(engine: Engine, earlier: Earlier) -> None:
    """Make the earlier plan, as near as it can be, the engine's first plan.

    Its blocks are asked at present prices before any other, so that the cuts of the search
    begin where the plan is; then its sizes are found anew.
    """
    plan, nearest = opened(engine, earlier)
    end = time.monotonic() + SHARE * engine.limit
    x = repaired(engine, nearest, plan.x, end)
    if x is None:
        engine.note(f"{earlier.name}: no plan near it was found in time")
        return
    engine.consider(x)
    engine.tell("start")
    engine.seed()
    changed = nearest.distance(x)
    if engine.small:
        resize(engine, x, end)
    else:
        # Sizes are nearly right, unless load waits that the old plan had served.
        engine.relax(FIRST_ROUNDS)
        if engine.gap_now() > FAR and not engine.stopping():
            grow(engine, x)
        engine.trusted = engine.gap_now() <= FAR
    if engine.best is not None:
        engine.keep = np.union1d(engine.keep, engine.master.thin([engine.best.x]))
    engine.note(f"{earlier.name}: change {changed:.3f} until it fits this case")
    engine.tell("start")


def repaired(engine: Engine, nearest: Nearest, x: np.ndarray, end: float) -> np.ndarray | None:
    """The nearest point that meets the planning rows, and serves its load if that is quickly found.

    None if there is none, or none in time.
    """
    nearby: np.ndarray | None = None
    cuts = np.empty(0, dtype=int)
    first = engine.cuts
    for _ in range(REPAIRS):
        left = end - time.monotonic()
        if left <= 0 or engine.stopping():
            break
        sized = nearest.sizes(x, cuts, left)
        if sized.x is None:
            # The whole decisions themselves cannot stay.
            whole = nearest.decisions(cuts, left)
            if whole.x is None:
                break
            x = whole.x
            sized = nearest.sizes(x, cuts, max(1.0, end - time.monotonic()))
        nearby = sized.x if sized.x is not None else x
        if not engine.known.missing(nearby):
            break
        cuts = np.arange(first, engine.cuts)
    return nearby


def grow(engine: Engine, x: np.ndarray) -> None:
    """What is decided at x and whatever pays beside it, as the first relaxation's cuts see it."""
    found = engine.master.mip(
        DISCRETE, engine.keep, min(GROW_SECONDS, SHARE * engine.limit), gap=FIRST_GAP,
        arrays=grown(engine.arrays, x),
    )  # fmt: skip
    if found.x is not None:
        engine.refit(found.x, RESIZE_ROUNDS, 2 * min(GROW_SECONDS, SHARE * engine.limit))


def resize(engine: Engine, x: np.ndarray, end: float) -> None:
    """The cheapest sizes and load with the whole decisions of x; kept if better than the best."""
    if engine.stopping():
        return
    sized = engine.master.relax(
        engine.master.fixed(x, ALL), rounds=RESIZE_ROUNDS, start=x, deadline=end, serve=True,
        tolerance=max(0.1 * engine.gap, 1e-9),
        cuts=engine.keep if len(engine.keep) else None,
    )  # fmt: skip
    if sized is not None:
        for y in (sized.x, sized.center):
            engine.consider(y)
        engine.keep = np.union1d(engine.keep, sized.tight)
