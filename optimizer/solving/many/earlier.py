"""An earlier result in a case with many sites: its sites are few, and make one planning model."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from optimizer.solving import nearby
from optimizer.solving.engine import Engine
from optimizer.solving.many.engine import ManySites
from optimizer.solving.nearby import Earlier
from optimizer.solving.nearby.prefer import Preferred
from optimizer.solving.nearby.start import SHARE, opened, repaired, resize


def sites_of(earlier: Earlier, run: ManySites) -> list[str]:
    """The sites that the earlier plan opens and this case still has."""
    sites = earlier.tables["sites"]
    there = set(sites.loc[sites["opened"].astype(bool), "site"].astype(str))
    return [site for site in run.parts if site in there]


def start(run: ManySites, earlier: Earlier, more: Sequence[str] = ()) -> bool:
    """Make the earlier plan, as near as it can be, the first plan of a search.

    It is repaired on its own sites alone, with ``more`` sites if those cannot meet the deadlines
    any longer. What its blocks cost and lack is learnt for all sites like them. Returns whether
    there is a plan.
    """
    wanted = {*sites_of(earlier, run), *more}
    chosen = [s for s in run.parts if s in wanted]
    if not chosen:
        run.note(f"{earlier.name}: none of its sites is in this case")
        return False
    engine = run.model(chosen, run.stopping, learnt=True)
    plan, nearest = opened(engine, earlier)
    end = time.monotonic() + SHARE * run.limit
    x = repaired(engine, nearest, plan.x, end)
    if x is not None:
        engine.consider(x)
        if engine.best is not None and engine.small:
            engine.keep = np.arange(engine.cuts)
            resize(engine, x, end)
    run.keep_cuts(engine)
    if engine.best is None:
        run.note(f"{earlier.name}: no plan near it was found on its own sites in time")
        return False
    run.offer(run.taken(engine))
    changed = nearest.distance(engine.best.x)
    run.note(f"{earlier.name}: {len(chosen)} sites, change {changed:.3f} until it fits this case")
    run.tell("start")
    return bool(np.isfinite(run.total))


def prefer(engine: Engine, earlier: Earlier) -> Preferred | None:
    """Replace the best plan in a model of both plans' sites by one nearer to ``earlier``.

    All other sites stay closed, as in both plans. None if the best plan does not hold there.
    """
    assert engine.best is not None
    point, engine.best = engine.best, None
    engine.consider(point.x)
    if engine.best is None:
        engine.best = point
        engine.note(f"{earlier.name}: not looked for, the plan does not hold to all digits")
        return None
    engine.keep = np.union1d(engine.keep, engine.master.thin([point.x]))
    return nearby.prefer(engine, earlier)
