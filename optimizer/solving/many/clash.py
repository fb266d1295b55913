"""Which of the limits that all sites share clash, proven for all sites of a case.

Any prices of the joint rows prove that there is no plan if, costs left aside, no plans of the sites
are worth as much at them as the rows ask for (Farkas' lemma, site by site). Such prices are sought
by cutting planes: each site tells what it could do best at them. Sites are relaxed, halls in parts,
so that a proof holds; that none is found says nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from optimizer.errors import NoPlanError
from optimizer.model.limits import Limit, number
from optimizer.model.parts import (
    agreements,
    budget,
    carbon,
    contracts,
    matching,
    shared_grid,
    slots,
    workloads,
)
from optimizer.preparing.case import Case
from optimizer.solving.highs import INFINITY, make_model, run_lp
from optimizer.solving.many.parts import Joint, Key
from optimizer.solving.many.pricing import Priced, Pricing

ROUNDS, LEARN_ROUNDS = 40, 4
DEMAND, MOST = 1.0, 100.0
"""Prices of a MW of demand, and of a unit of other rows, at most."""
NEAR = 1e-5
"""What a proof must leave over, as a share of what the prices make of the rows' sides."""


@dataclass(frozen=True, eq=False)
class Clash:
    """Limits that leave no plan, whatever the sites do.

    Parameters
    ----------
    limits : deadlines, and what all sites share; with all limits of the sites themselves
    possible_mw : of the only deadline that is named, the most that is possible; None: of several
    irreducible : whether without any one of them halls in parts would do
    """

    limits: tuple[Limit, ...]
    possible_mw: float | None
    irreducible: bool

    def error(self, sites: int) -> NoPlanError:
        """What the user is told."""
        width = max(len(limit.place) for limit in self.limits)
        lines = ["No plan meets all limits. These clash, whatever the sites do:"]
        lines += [f" {limit.place:<{width}}  {self._said(limit)}" for limit in self.limits]
        lines.append(f" {'sites':<{width}}  the {sites} sites, each within its own limits: sizes, "
                     "grid, months")  # fmt: skip
        if self.irreducible:
            lines.append("Without any one of the rows named, halls in parts would do.")
        else:
            lines.append("Not shown within the time: that none of the rows can be left out.")
        lines.append(
            "With many sites it is not told which limits of single sites matter, nor which change "
            "mends it: --engine few tells, slowly, and --set tries a change."
        )
        clashes = [
            {"sheet": limit.sheet, "row": limit.row, "column": limit.column,
             "limit": self._said(limit), "change": None}
            for limit in self.limits
        ]  # fmt: skip
        return NoPlanError("\n".join(lines), clashes)

    def _said(self, limit: Limit) -> str:
        if self.possible_mw is None or limit.group != "deadlines":
            return limit.said
        return f"{limit.said}; at most {number(round(self.possible_mw, 1))} MW is possible"


def find(
    case: Case, joint: Joint, pricing: Pricing, learn: Callable[[Sequence[Priced]], None],
    seconds: float,
) -> Clash | None:  # fmt: skip
    """Limits that clash; None if no proof is found in time, or there is none of this kind.

    Parameters
    ----------
    learn : learns what blocks lack at the plans of sites
    """
    search = _Search(joint, pricing, learn, time.monotonic() + seconds)
    held = np.ones(joint.rows, dtype=bool)
    prices = search.proof(held)
    if prices is None:
        return None
    held &= prices != 0
    irreducible = True
    for rows in _groups(joint):
        fewer = held.copy()
        fewer[rows] = False
        if not held[rows].any() or not fewer.any():
            continue  # without any row all sites may stay closed
        found = search.proof(fewer)
        if found is not None:
            prices, held = found, fewer & (found != 0)
        elif not search.sure:
            irreducible = False
    return _told(case, joint, held, search.value(prices), prices, irreducible=irreducible)


def _groups(joint: Joint) -> list[np.ndarray]:
    """Rows that stand for one limit each; deadlines last, so that no other is named in vain."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for k, (owner, index) in enumerate(joint.keys):
        name: tuple[object, ...] = (owner,)
        if owner == "slots_delivered" and isinstance(index, tuple):
            name = (owner, index[0])
        elif owner in ("demand_met", "demand_in_blocks"):
            name = (owner, index)
        groups.setdefault(name, []).append(k)
    order = sorted(groups, key=lambda name: name[0] == "demand_met")
    return [np.array(groups[name]) for name in order]


@dataclass(eq=False)
class _Search:
    """Cutting planes over the prices of the joint rows; ``sure``: the last answer is no guess."""

    joint: Joint
    pricing: Pricing
    learn: Callable[[Sequence[Priced]], None]
    until: float
    sure: bool = True
    known: list[tuple[int, np.ndarray]] = field(default_factory=list)
    taught: int = 0

    def proof(self, held: np.ndarray) -> np.ndarray | None:
        """Prices of the held rows that prove that there is no plan; None if none are found."""
        sites = list(self.pricing.parts)
        self.sure = False
        for _ in range(ROUNDS):
            prices, most = self._master(held, len(sites))
            if prices is None or time.monotonic() > self.until:
                return None
            if most <= self._least(prices):
                self.sure = True
                return None
            found = self.pricing.farthest(sites, prices)
            if any(not np.isfinite(f.bound) for f in found):
                return None
            self._value = self._own(prices) + sum(min(f.bound, 0.0) for f in found)
            if self._value > self._least(prices):
                return prices
            for s, f in enumerate(found):
                if f.x is not None and f.bound < 0:
                    self.known.append((s, self.pricing.parts[f.site].joint @ f.x))
            if self.taught < LEARN_ROUNDS:
                self.taught += 1
                self.learn([f for f in found if f.bound < 0])
        return None

    def value(self, prices: np.ndarray) -> float:
        """By how much plans of all sites fall short at prices that are a proof."""
        found = self.pricing.farthest(list(self.pricing.parts), prices)
        return self._own(prices) + sum(min(f.bound, 0.0) for f in found)

    def _own(self, prices: np.ndarray) -> float:
        """What the rows ask for at prices, less what may wait."""
        joint, used = self.joint, prices != 0
        sides = np.where(prices > 0, joint.lower, joint.upper)
        waits = np.minimum(-joint.own.T @ prices, 0.0) @ joint.most
        return float(prices[used] @ sides[used] + waits)

    def _least(self, prices: np.ndarray) -> float:
        used = prices != 0
        sides = np.where(prices > 0, self.joint.lower, self.joint.upper)
        return NEAR * (1.0 + float(np.abs(prices[used] * sides[used]).sum()))

    def _master(self, held: np.ndarray, sites: int) -> tuple[np.ndarray | None, float]:
        """Prices of most value as the known plans of sites see it, and that value.

        Columns: prices up, prices down, value of what waits, value of each site; all values <= 0.
        """
        joint = self.joint
        rows, waits = joint.rows, joint.own.shape[1]
        top = np.where(joint.owned("demand_met"), DEMAND, MOST) * held
        up = np.where(np.isfinite(joint.lower), top, 0.0)
        down = np.where(np.isfinite(joint.upper), top, 0.0)
        ask = np.where(np.isfinite(joint.lower), joint.lower, 0.0)
        give = np.where(np.isfinite(joint.upper), joint.upper, 0.0)
        cost = np.concatenate([-ask, give, -np.ones(waits + sites)])
        scaled = sp.diags(joint.most) @ joint.own.T
        parts = [sp.hstack([scaled, -scaled, sp.identity(waits), sp.csr_matrix((waits, sites))])]
        if self.known:
            uses = sp.csr_matrix(np.array([use for _, use in self.known]))
            n = len(self.known)
            site = sp.csr_matrix(
                (np.ones(n), (np.arange(n), [s for s, _ in self.known])), shape=(n, sites)
            )
            parts.append(sp.hstack([uses, -uses, sp.csr_matrix((n, waits)), site]))
        matrix = sp.vstack(parts, format="csr")
        count = matrix.shape[0]
        model = make_model(
            cost, np.concatenate([np.zeros(2 * rows), np.full(waits + sites, -INFINITY)]),
            np.concatenate([up, down, np.zeros(waits + sites)]), matrix,
            np.full(count, -INFINITY), np.zeros(count),
        )  # fmt: skip
        found = run_lp(model, max(1.0, self.until - time.monotonic()))
        if found.x is None:
            return None, 0.0
        prices = found.x[:rows] - found.x[rows : 2 * rows]
        prices[np.abs(prices) < 1e-9] = 0.0
        return prices, -found.bound


def _told(
    case: Case, joint: Joint, held: np.ndarray, short: float, prices: np.ndarray, *,
    irreducible: bool,
) -> Clash:  # fmt: skip
    """The limits of the input that the rows of a proof stand for."""
    keys = [joint.keys[k] for k in np.flatnonzero(held)]
    limits = [
        limit
        for part in (workloads, slots, budget, carbon, agreements, shared_grid, contracts, matching)
        for group in part.LIMITS
        for limit in group.limits(case)
        if any(_stands_for(case, key, limit) for key in keys)
    ]
    demand = [k for k in np.flatnonzero(held) if joint.keys[k][0] == "demand_met"]
    deadlines = [limit for limit in limits if limit.group == "deadlines"]
    possible = None
    if len(deadlines) == len(demand) == 1 and not any(k[0] == "demand_in_blocks" for k in keys):
        limit = deadlines[0]
        wanted = case.demand[limit.key] - case.max_backlog[limit.key]
        possible = max(0.0, wanted - short / abs(float(prices[demand[0]])))
    return Clash(tuple(limits), possible, irreducible)


def _stands_for(case: Case, key: Key, limit: Limit) -> bool:
    owner, index = key
    if limit.group == "deadlines":
        return (owner == "demand_met" and index == limit.key) or (
            owner == "demand_in_blocks" and index == limit.key[2]
        )
    if limit.group == "slots":
        return owner == "slots_delivered" and isinstance(index, tuple) and index[0] == limit.key[0]
    if limit.group == "budget":
        return owner == "spending_within_budget" and index in limit.key
    if limit.group == "security" and owner == "security_within_cap":
        return isinstance(index, int) and case.year_of(index) in limit.key
    if not isinstance(index, tuple):
        return limit.group == "co2_cap" and owner == "co2_within_cap"
    if limit.group == "shared grid MW":
        return owner == "grid_group_within_mw" and index[0] == limit.key[0]
    if limit.group == "hedged shares":
        return owner == "hedged_in_scope" and index[0] == limit.key[1]
    if limit.group == "matching target" and owner == "matched_in_scope":
        named = {rule.rule: rule.policies for rule in case.rules}
        return bool(named[index[0]][index[1]] == limit.key[0])
    return False


__all__ = ["Clash", "find"]
