"""Some sites of a case by themselves, with their share of what all sites share."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from optimizer.model.blocks import T_PER_LINK
from optimizer.preparing.case import Case
from optimizer.solving.many.parts import Joint, Key

OWN_SIDE = (
    "slots_delivered", "spending_within_budget", "matched_in_scope", "excess_in_scope",
    "hedged_in_scope",
)  # fmt: skip
"""Rows whose sides are changed row by row; demand and CO2 caps are changed in the case."""


@dataclass(frozen=True, eq=False)
class SitePlan:
    """What is decided of one site.

    Parameters
    ----------
    x : the part's columns
    cost : all of the site's own cost, operation as it truly is [k$]
    use : terms of the joint rows; shape (rows,)
    """

    site: str
    x: np.ndarray
    cost: float
    use: np.ndarray


def scaled(case: Case, sites: Sequence[str], share: float) -> Case:
    """The case with these sites only, and a share of demand, slots, caps and budgets."""
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


def placed(joint: Joint, plans: Mapping[str, SitePlan]) -> np.ndarray:
    """Use of the joint rows by all plans; shape (rows,)."""
    total = np.zeros(joint.rows)
    for plan in plans.values():
        total += plan.use
    return total


def remaining(
    case: Case, joint: Joint, plans: Mapping[str, SitePlan], sites: Sequence[str], share: float
) -> tuple[Case, dict[tuple[str, Hashable], float]]:
    """The case of these sites while the others follow their plans.

    They may use what they use today and a ``share`` of what nobody uses. Returns the case and
    what must be taken from the sides of its rows, by (constraint, index).
    """
    total = placed(joint, plans)
    own = placed(joint, {s: plans[s] for s in sites if s in plans})
    number = joint.number
    demand = {}
    for key, wanted in case.demand.items():
        row = number.get(("demand_met", key))
        waits = wanted if row is None else max(0.0, wanted - total[row])
        demand[key] = (0.0 if row is None else own[row]) + share * waits
    caps = []
    for cap in case.co2_caps:
        row = joint.co2_row.get(cap.group)
        mine = 0.0 if row is None else T_PER_LINK * own[row]
        others = 0.0 if row is None else T_PER_LINK * total[row]
        caps.append(replace(cap, value=mine + share * max(0.0, cap.value - others)))
    used: dict[Key, float] = {}
    for k in np.flatnonzero(joint.owned(*OWN_SIDE)):
        free = max(0.0, float(joint.upper[k] - total[k]))
        used[joint.keys[k]] = float(joint.upper[k]) - own[k] - share * free
    backlog = {
        key: min(most, demand[key]) if most >= case.demand[key] else min(most * share, demand[key])
        for key, most in case.max_backlog.items()
    }
    part = replace(
        case, sites={s: case.sites[s] for s in sites}, demand=demand, max_backlog=backlog,
        co2_caps=tuple(caps),
    )  # fmt: skip
    return part, used


def backlog_cost(case: Case, joint: Joint, plans: Mapping[str, SitePlan]) -> float:
    """Cost of what nobody serves [k$]; infinite where it may not wait."""
    total = placed(joint, plans)
    number = joint.number
    cost = dict(zip((index for _, index in joint.names), joint.cost, strict=True))
    paid = 0.0
    for key, wanted in case.demand.items():
        row = number.get(("demand_met", key))
        waits = wanted if row is None else max(0.0, wanted - float(total[row]))
        if waits > case.max_backlog[key] + 1e-6 * (1 + wanted):
            return np.inf
        paid += cost.get(key, 0.0) * waits
    return paid
