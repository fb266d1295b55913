"""Of all plans within the asked gap the one that changes least of an earlier result."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from optimizer.solving.engine import ALL, FIRST_GAP, Engine, Incumbent
from optimizer.solving.nearby.earlier import Earlier, OldPlan
from optimizer.solving.nearby.nearest import grown
from optimizer.solving.nearby.start import RESIZE_ROUNDS, opened, repaired
from optimizer.solving.planning_arrays import DISCRETE

KEPT_SHARE = 0.15
"""Share of the time limit that the search leaves for this."""
ROUNDS, CUT_ROUNDS = 4, 3
GROW_SHARE = 0.4
"""Of the time, what a large case's cheapest plan around the old decisions may take."""
MARGIN = 0.02
"""Share of the gap that a plan must stay below its limit: its cost is settled once more."""
SIZE_WEIGHT = 1e-3
"""Change of sizes beside that of decisions: it only chooses between equal ones."""
NEARER = 1e-6


@dataclass(frozen=True, eq=False)
class Preferred:
    """What was preferred, and the cheapest plan that was found [k$]."""

    earlier: Earlier
    plan: OldPlan
    cheapest: float


def most_cost(engine: Engine) -> float:
    """What a plan may cost and be proven within the asked gap; the best plan's if none is [k$]."""
    assert engine.best is not None
    bound, gap = engine.bound, engine.gap
    within = bound / (1 - gap) if bound > 0 and gap < 1 else bound / (1 + gap)
    return max(within, engine.best.truth.total)


def prefer(engine: Engine, earlier: Earlier, begun: Incumbent | None = None) -> Preferred:
    """Replace the engine's best plan by the nearest to ``earlier`` that is as good as asked.

    First the earlier plan itself is tried, as it was and with its sizes sought anew, then the
    decisions of least change that cost no more than the limit over all known cuts. A plan is
    taken for its true cost only. ``begun`` is the plan that the search began from, if any.
    """
    assert engine.best is not None
    search = _Search(engine, earlier)
    if begun is not None:
        search.take(begun)
    search.run()
    chosen, cheapest = search.found, engine.best.truth.total
    engine.note(f"{earlier.name}: change {search.change(chosen.x):.3f}, cheapest plan's "
                f"{search.change(engine.best.x):.3f}, for {chosen.truth.total - cheapest:,.1f} k$ "
                f"of {search.most - cheapest:,.1f}")  # fmt: skip
    engine.best, engine.total = chosen, chosen.truth.total
    engine.tell("prefer")
    return Preferred(earlier, search.plan, cheapest)


class _Search:
    """Looks for plans that cost at most ``most`` [k$] and change less than ``found``."""

    def __init__(self, engine: Engine, earlier: Earlier) -> None:
        assert engine.best is not None
        self.engine = engine
        self.plan, self.nearest = opened(engine, earlier)
        self.found: Incumbent = engine.best
        self.most = most_cost(engine)
        slack = MARGIN * engine.gap * abs(self.most)
        self.limit = max(self.most - slack, engine.best.truth.total)
        self.end = time.monotonic() + min(KEPT_SHARE * engine.limit, engine.left)

    @property
    def left(self) -> float:
        """Time that is left for this [s]."""
        return -1.0 if self.engine.stopping() else self.end - time.monotonic()

    def change(self, x: np.ndarray) -> float:
        """Weighted change of decisions, and a little of sizes."""
        sizes = float(self.nearest.sized @ np.abs(x - self.plan.x))
        return self.nearest.distance(x) + SIZE_WEIGHT * sizes

    def run(self) -> None:
        """The earlier decisions themselves, then those of least change."""
        x = repaired(self.engine, self.nearest, self.plan.x, self.end)
        if x is None or self.left <= 0:
            return
        if not self.offer(x) and self.nearest.distance(x) < self.nearest.distance(self.found.x):
            self.resized(x)
        cuts = np.union1d(self.engine.keep, self.engine.master.thin([x, self.found.x]))
        most = self.limit
        if not self.engine.small and self.nearest.distance(self.found.x) > NEARER:
            self._grow(x, cuts)
        for _ in range(ROUNDS):
            if self.left <= 0 or self.nearest.distance(self.found.x) <= NEARER:
                break
            y, cuts = self._decided(cuts, most)
            if y is None:
                break
            before = self.found
            value = self.resized(y)
            if self.found is not before:
                break
            cuts = np.union1d(cuts, self.engine.keep)
            # Its true cost was too high, by as much as the next one's may be.
            most = min(most, self.limit - 0.5 * max(0.0, value - self.limit))

    def _grow(self, x: np.ndarray, cuts: np.ndarray) -> None:
        """Offer the cheapest plan in which the decisions of x only grow.

        In a large case it is much sooner found than the plan of least change.
        """
        master = self.engine.master
        found = master.mip(
            DISCRETE, cuts, GROW_SHARE * self.left, arrays=grown(self.engine.arrays, x),
            gap=FIRST_GAP,
        )  # fmt: skip
        if found.x is not None and self.left > 0:
            whole = master.mip(
                ALL, cuts, 0.3 * self.left, arrays=master.fixed(found.x, DISCRETE), effort=0.1
            )
            if whole.x is not None:
                self.resized(whole.x)

    def _decided(self, cuts: np.ndarray, most: float) -> tuple[np.ndarray | None, np.ndarray]:
        """Decisions of less change that the cuts allow, and the cuts used; None if there are none."""
        pool = self.engine.known.pool
        start: np.ndarray | None = self.engine.master.valued(self.found.x, cuts)
        for _ in range(CUT_ROUNDS):
            y = self.nearest.decisions(cuts, 0.4 * self.left, most=most, start=start).x
            if (
                y is None
                or self.nearest.distance(y) >= self.nearest.distance(self.found.x) - NEARER
            ):
                return None, cuts
            new = np.setdiff1d(pool.worst(y, 2), cuts)
            if not len(new) or self.left <= 0:
                break
            cuts, start = np.union1d(cuts, new), None
        return y, cuts

    def resized(self, x: np.ndarray) -> float:
        """Offer the decisions of x with the sizes that are cheapest now; their true cost [k$]."""
        engine = self.engine
        sized = engine.master.relax(
            engine.master.fixed(x, ALL), rounds=RESIZE_ROUNDS, start=x, serve=True,
            tolerance=max(0.05 * engine.gap, 1e-9), deadline=self.end, cutoff=self.limit,
            cuts=engine.keep,
        )  # fmt: skip
        if sized is None:
            return np.inf
        engine.keep = np.union1d(engine.keep, sized.tight)
        if sized.bound > self.limit:
            return sized.bound
        costs = []
        for y in (sized.x, sized.center):
            self.offer(y)
            costs.append(self.cost)
        return min(costs)

    def offer(self, x: np.ndarray) -> bool:
        """Take a plan if it is cheap enough at its true cost and changes less."""
        judged = self.engine.judge(x)
        self.cost = np.inf if judged is None else judged.truth.total
        return judged is not None and self.engine.holds(judged.x) and self.take(judged)

    def take(self, plan: Incumbent) -> bool:
        """Keep a plan if it changes less; whether it is cheap enough."""
        if plan.truth.total > self.limit:
            return False
        if self.change(plan.x) < self.change(self.found.x) - NEARER:
            self.found = plan
        return True
