"""Column generation: prices of the joint rows at which plans of whole sites are sought.

The dual is searched in a box around the best prices so far, which moves there when the proven
bound rises and shrinks when it does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from optimizer.preparing.case import Case
from optimizer.solving.columns.known import Known
from optimizer.solving.columns.master import Chosen, Column, RestrictedMaster
from optimizer.solving.columns.parts import Joint, Part
from optimizer.solving.columns.pricing import Ask, Priced, Pricing
from optimizer.solving.planning_arrays import KINDS

FIRST_BOX, LEAST_BOX, MOST_BOX = 0.1, 5e-4, 0.5
GROW, SHRINK, SMOOTH = 1.5, 0.6, 0.5
ENOUGH = 0.1
"""Share of the promised rise of the bound from which a step counts as one."""
IDLE_ROUNDS = 20
PER_GROUP = 2
"""Sites of each group of like ones whose plans are put to the hourly blocks in a round."""
EXPLORE_ROUNDS, EXPLORED = 10, 0.01
WHOLE_FROM = 0.03
"""Gap between box and bound from which sites are priced with whole numbers."""
PRICE_SLACK = 0.05
"""Share of the asked gap that the pricing of sites may miss."""


class Generation:
    """Restricted master and pricing in turn; keeps the bound, the prices and all columns."""

    def __init__(
        self, case: Case, parts: dict[str, Part], joint: Joint, known: Known, threads: int,
        gap: float, should_stop: Callable[[], bool],
    ) -> None:  # fmt: skip
        self.case, self.parts, self.joint, self.known = case, parts, joint, known
        self.gap, self.should_stop = gap, should_stop
        self.sites = list(parts)
        self.master = RestrictedMaster(joint, self.sites, known.weights)
        self.pricing = Pricing(
            parts, known.pool, known.kinds, known.loads, threads,
            int(case.inputs.setting("seed")),
        )  # fmt: skip
        self.prices = np.zeros(joint.rows)
        self.bound = -np.inf
        self.value = np.inf
        self.box = FIRST_BOX
        self.whole = False
        self.integer = False
        self.used: list[Column] = []

    # -- prices ---------------------------------------------------------------------------

    def uniform(self, share: float) -> np.ndarray:
        """Prices at which a placed MW is worth a share of its delay, and nothing else counts."""
        prices = np.zeros(self.joint.rows)
        delay = dict(zip((index for _, index in self.joint.names), self.joint.cost, strict=True))
        for k, (owner, index) in enumerate(self.joint.keys):
            if owner == "demand_met":
                prices[k] = share * delay[index]
        return prices

    def co2(self, prices: np.ndarray) -> dict[str, float]:
        """Price of each group's cap [k$/t, discounted]."""
        return {g: max(0.0, -float(prices[k])) / 1000 for g, k in self.joint.co2_row.items()}

    def price(self, prices: np.ndarray, *, whole: bool) -> tuple[float, list[Priced]]:
        """Proven bound at these prices, and the plans that pay."""
        scale = abs(self.value) if np.isfinite(self.value) else 0.0
        slack = PRICE_SLACK * self.gap * scale / max(10.0, 0.2 * len(self.sites))
        found = self.pricing.all(self.sites, prices, Ask(KINDS if whole else (), slack))
        sites = sum(min(f.bound, 0.0) for f in found)
        paying = [f for f in found if f.x is not None and f.value < -1e-3]
        return self.master.lagrangian(prices, sites), paying

    # -- steps ----------------------------------------------------------------------------

    def explore(self, prices: np.ndarray, rounds: int = EXPLORE_ROUNDS) -> None:
        """At fixed prices learn what blocks cost until the cuts tell nearly all of it."""
        for number in range(rounds):
            if self.should_stop():
                return
            _, paying = self.price(prices, whole=False)
            columns = [self.known.add(f, whole=False) for f in paying]
            _, before, after = self._put(columns, paying, prices, number)
            print('    explore', len(paying), before, after, time.monotonic())
            if after - before <= EXPLORED * abs(after):
                return

    def _put(
        self, columns: Sequence[Column], paying: Sequence[Priced], prices: np.ndarray, seed: int
    ) -> tuple[int, float, float]:
        """Put the plans of a few sites of each group of like ones to the hourly blocks."""
        like = self.known.oracle.like
        groups: dict[str, list[int]] = {}
        for k, column in enumerate(columns):
            groups.setdefault(like[column.site], []).append(k)
        random = np.random.default_rng(seed)
        chosen = []
        for members in groups.values():
            best = min(members, key=lambda k: paying[k].value)
            others = [k for k in members if k != best]
            some = random.permutation(len(others))[: PER_GROUP - 1]
            chosen += [best, *(others[int(k)] for k in some)]
        return self.known.evaluate([columns[k] for k in chosen], self.co2(prices))

    def run(
        self, start: np.ndarray, tolerance: float, deadline: float,
        on_round: Callable[[int], None],
    ) -> None:  # fmt: skip
        """Rounds until the restricted master and the bound agree."""
        asked = start
        center = start
        promised = np.inf
        for number in range(10_000):
            bound, paying = self.price(asked, whole=self.whole)
            columns = [self.known.add(f, whole=self.whole) for f in paying]
            rise = bound - self.bound
            serious = not np.isfinite(self.bound) or rise > ENOUGH * max(promised, 0.0)
            if rise > 0:
                self.bound, center = bound, asked
            self.prices = center
            self._put(columns, paying, asked, number)
            boxed, usable = self._choose(center)
            if boxed is None:
                return
            on_round(number)
            promised = boxed.value - self.bound
            near = promised <= tolerance * abs(boxed.value)
            if near and (self.whole or not self.integer):
                return
            if self.integer and not self.whole and promised <= WHOLE_FROM * abs(boxed.value):
                self.whole = True
            if time.monotonic() > deadline or self.should_stop():
                return
            if near or serious:
                self.box = min(MOST_BOX, GROW * self.box)
            else:
                self.box = max(LEAST_BOX, SHRINK * self.box)
            asked = boxed.prices if serious else SMOOTH * boxed.prices + (1 - SMOOTH) * center

    def _choose(self, center: np.ndarray) -> tuple[Chosen | None, list[Column]]:
        """The restricted master in the box around the center, and free; new costs of columns."""
        known = self.known
        known.refresh()
        usable = [c for c in known.columns if c.usable and c.idle < IDLE_ROUNDS]
        typical: dict[str, list[float]] = {}
        for (owner, _), price in zip(self.joint.keys, center, strict=True):
            typical.setdefault(owner, []).append(abs(price))
        highest = float(np.abs(center).max(initial=0.0))
        size = np.array(
            [max(abs(v), float(np.mean(typical[owner])), 1e-3 * highest)
             for (owner, _), v in zip(self.joint.keys, center, strict=True)]
        )  # fmt: skip
        boxed = self.master.solve(
            usable, box=(center - self.box * size, center + self.box * size)
        )
        free = self.master.solve(usable)
        if boxed is None or free is None:
            return None, usable
        self.value = free.value
        busy = (boxed.weight > 1e-6) | (free.weight > 1e-6)
        for k, column in enumerate(usable):
            column.idle = 0 if busy[k] else column.idle + 1
        self.used = [c for c, b in zip(usable, busy, strict=True) if b]
        fresh = [c for c in self.used if not c.evaluated]
        known.evaluate(fresh[: max(20, len(self.sites) // 10)], self.co2(boxed.prices))
        return boxed, usable
