"""First prices of the joint rows: a few sites stand for all, with joint rows scaled to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from optimizer.model.build import build
from optimizer.preparing.case import Case
from optimizer.solving.columns.known import Known
from optimizer.solving.columns.parts import Joint
from optimizer.solving.highs import INFINITY
from optimizer.solving.learning import Learning
from optimizer.solving.master import Master
from optimizer.solving.planning_arrays import to_arrays

ROUNDS, TOLERANCE = 12, 5e-3


def scaled(case: Case, sites: Sequence[str]) -> Case:
    """The case with these sites only, and their share of demand, slots, caps and budgets."""
    share = sum(case.sites[s].max_it_mw for s in sites) / sum(
        site.max_it_mw for site in case.sites.values()
    )
    return replace(
        case,
        sites={s: case.sites[s] for s in sites},
        demand={k: share * mw for k, mw in case.demand.items()},
        max_backlog={k: share * mw for k, mw in case.max_backlog.items()},
        components=tuple(
            replace(c, supply={m: share * a for m, a in c.supply.items()}) for c in case.components
        ),
        co2_caps=tuple(replace(c, value=share * c.value) for c in case.co2_caps),
        budgets={year: share * most for year, most in case.budgets.items()},
    )


def first_prices(
    case: Case, sites: Sequence[str], known: Known, joint: Joint, deadline: float,
    should_stop: Callable[[], bool],
) -> np.ndarray:  # fmt: skip
    """Prices of the joint rows at the optimum of a small relaxation; its cuts are kept."""
    small = scaled(case, sites)
    arrays = to_arrays(build(small))
    learning = Learning(small, arrays, known.oracle)
    for site in sites:
        for p, kind in enumerate(known.kinds[site]):
            for row, cost in zip(known.pool.rows(kind), known.pool.costs(kind), strict=True):
                learning.pool.add(site, p, row, cost=bool(cost))
    before = len(learning.pool)
    # Rounding a small share of the demand to whole blocks would say nothing of all of it.
    rounded = np.array([owner == "demand_in_blocks" for owner in arrays.row_owner])
    plain = replace(arrays, row_lower=np.where(rounded, -INFINITY, arrays.row_lower))
    master = Master(small, arrays, learning, TOLERANCE, should_stop)
    found = master.relax(plain, rounds=ROUNDS, tolerance=TOLERANCE, deadline=deadline)
    for site, period, row, cost in learning.pool.since(before):
        kind = int(known.kinds[site][period])
        known.pool.add(kind, row[: len(known.names[site])], cost=cost)
    prices = np.zeros(joint.rows)
    if found is not None:
        number = {key: k for k, key in enumerate(joint.keys)}
        for row, key in enumerate(zip(arrays.row_owner, arrays.row_index, strict=True)):
            if key in number:
                prices[number[key]] = found.row_dual[row]
    return prices
