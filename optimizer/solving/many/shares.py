"""Some sites of a case by themselves, with their share of what all sites share."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from optimizer.model.blocks import T_PER_LINK
from optimizer.preparing.case import Case
from optimizer.preparing.service import SharedUpgrade
from optimizer.solving.many.parts import Joint, Key

OF_CASE = ("demand_met", "demand_in_blocks", "co2_within_cap")
"""Rows whose sides are changed in the case; those of all others row by row."""
NEAR = 1e-6
"""By how much plans together may exceed a joint row, relative to what they use of it."""


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


def scaled(case: Case, sites: Sequence[str], among: Sequence[str]) -> Case:
    """The case with some of the sites ``among``, and their share of demand, slots, caps and budgets.

    The share is that of IT MW; of what few sites have in common, shared MW and shared upgrades,
    it is that among the sites that have it.
    """
    share = _share(case, sites, among)
    here, all_, groups = set(sites), set(among), members_of_group(case)
    return replace(
        case.of_sites(sites),
        demand={k: share * mw for k, mw in case.demand.items()},
        max_backlog={k: share * mw for k, mw in case.max_backlog.items()},
        components=tuple(
            replace(c, supply={m: share * a for m, a in c.supply.items()}) for c in case.components
        ),
        co2_caps=tuple(replace(c, value=share * c.value) for c in case.co2_caps),
        budgets={year: share * most for year, most in case.budgets.items()},
        security_caps={year: share * most for year, most in case.security_caps.items()},
        grid_groups={
            name: most * _share(case, members & here, members & all_)
            for name, most in case.grid_groups.items()
            for members in [groups.get(name, set())]
        },
        shared_upgrades={
            name: _cheaper(upgrade, _share(case, users & here, users & all_))
            for name, upgrade in case.shared_upgrades.items()
            for users in [{s for s, _ in upgrade.users}]
        },
    )


def _share(case: Case, some: Collection[str], among: Collection[str]) -> float:
    """Share of IT MW that some sites have among others; 1 if those have none."""
    # In one order: a set has another in each process, and sums of it other last digits.
    mine, all_ = (sum(case.sites[s].max_it_mw for s in sorted(sites)) for sites in (some, among))
    return mine / all_ if all_ > 0 else 1.0


def _cheaper(upgrade: SharedUpgrade, share: float) -> SharedUpgrade:
    """What sites of this share pay if others pay the rest; equal parts stay as they are."""
    if not upgrade.first_pays:
        return upgrade
    return replace(upgrade, usd=share * upgrade.usd, capital=share * upgrade.capital)


def members_of_group(case: Case) -> dict[str, set[str]]:
    """The sites with offers in each group of shared MW."""
    members: dict[str, set[str]] = {}
    for name, site in case.sites.items():
        for offer in site.offers:
            if offer.grid_group:
                members.setdefault(offer.grid_group, set()).add(name)
    return members


def bound_together(case: Case, sites: Sequence[str]) -> list[list[str]]:
    """Sites in their order, those that share an upgrade or grid MW together, first ones first."""
    common = [{s for s, _ in u.users} for u in case.shared_upgrades.values() if u.first_pays]
    place = {s: k for k, s in enumerate(sites)}
    cluster = {s: {s} for s in sites}
    for members in (*common, *members_of_group(case).values()):
        joined = set().union(*(cluster[s] for s in members if s in place))
        cluster |= dict.fromkeys(joined, joined)
    clusters = {id(cluster[s]): cluster[s] for s in sites}
    return [sorted(some, key=place.__getitem__) for some in clusters.values()]


def broken(joint: Joint, plans: Mapping[str, SitePlan]) -> list[Key]:
    """Joint rows that plans do not keep together; what waits makes up for demand."""
    total = placed(joint, plans)
    size = np.zeros(joint.rows)
    for plan in plans.values():
        size += np.abs(plan.use)
    over = total - joint.upper > NEAR * (1 + size)
    return [joint.keys[k] for k in np.flatnonzero(over & ~joint.owned(*OF_CASE[:2]))]


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
    for k in np.flatnonzero(~joint.owned(*OF_CASE)):
        free = max(0.0, float(joint.upper[k] - total[k]))
        owner, index = joint.keys[k]
        if owner == "shared_upgrade_paid" and isinstance(index, tuple):
            # One site needs the upgrade there: what it leaves unused is for its own set alone.
            part = 1.0 if index[1] in sites else 0.0
        else:
            part = share
        used[joint.keys[k]] = float(joint.upper[k]) - own[k] - part * free
    backlog = {
        key: min(most, demand[key]) if most >= case.demand[key] else min(most * share, demand[key])
        for key, most in case.max_backlog.items()
    }
    some = replace(case.of_sites(sites), demand=demand, max_backlog=backlog, co2_caps=tuple(caps))
    return some, used


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
