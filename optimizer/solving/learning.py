"""What is known of the operating blocks: cuts, and what a plan costs, lacks and emits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from optimizer.model.blocks import T_PER_LINK, links
from optimizer.preparing.case import Case
from optimizer.solving import seeds
from optimizer.solving.cuts import CutPool
from optimizer.solving.idle import idle_sites
from optimizer.solving.oracles import ADEQUACY, COST, EMISSIONS, BlockOracle, Outcome, Task
from optimizer.solving.planning_arrays import PlanningArrays
from optimizer.solving.truth import links_of, operates

LEAST_MISSING = 1e-6
"""MW of load or kt of CO2 from which a block counts as short."""
NEWS = 1e-4
"""Relative violation from which a re-priced cut is kept."""
UNSERVED_FACTOR = 100.0
"""Multiple of its price at which unserved energy makes a point worse."""


@dataclass(frozen=True, eq=False)
class _Known:
    """What a block cost at its last point."""

    x: np.ndarray
    co2_price: float
    outcome: Outcome


class Learning:
    """Planning arrays + pool of cuts + oracle."""

    def __init__(self, case: Case, arrays: PlanningArrays, oracle: BlockOracle) -> None:
        self.case, self.arrays, self.oracle = case, arrays, oracle
        self.names = {name: links.names(case, site) for name, site in case.sites.items()}
        self.caps = {c.group: c.value for c in case.co2_caps}
        self.idle = idle_sites(case)
        self.useful = [s for s in case.sites if s not in self.idle]
        self.kin = self._kin()
        self.load_columns = np.concatenate(
            [
                arrays.link[s][[n.startswith("it_mw:") for n in self.names[s]]].ravel()
                for s in case.sites
            ]
        )
        self.pool = CutPool(arrays, self.load_columns)
        self._cost_at: dict[tuple[str, int], _Known] = {}
        self._adequate_at: dict[tuple[str, int], np.ndarray] = {}

    def _kin(self) -> dict[str, list[str]]:
        """Sites with the same sun and wind and the same rows: they learn from each other."""

        def mark(name: str) -> tuple[object, ...]:
            site = self.case.sites[name]
            weather = sorted(
                (a.technology, hash(a.availability.tobytes()))
                for a in site.assets
                if a.kind == "variable"
            )
            return (*weather, self.oracle.shape(name, 0).matrix.shape[0])

        marks = {name: mark(name) for name in self.useful}
        kin = {n: [o for o in marks if o != n and marks[o] == marks[n]] for n in marks}
        return {**{name: [] for name in self.idle}, **kin}

    # -- cuts -------------------------------------------------------------------------

    def seed(self) -> None:
        """Cuts from guessed prices of every block."""
        for site in self.idle:
            for p in range(len(self.case.periods)):
                # Nothing is ever there: it costs nothing.
                self.pool.add(site, p, np.zeros(len(self.names[site])))
        for site in self.useful:
            for p in range(len(self.case.periods)):
                for cut in seeds.guessed(self.case, self.oracle, site, p):
                    self.pool.add(site, p, cut)

    def seed_mixes(self) -> None:
        """Cuts from a few solved mixes of each site, re-priced for all periods of the same hours."""
        last = {key: p for p, key in enumerate(self.oracle.hours_keys)}
        tasks = [
            task
            for name in self.useful
            for p in last.values()
            for task in seeds.mixes(self.case, name, p, self.names[name])
        ]
        for outcome in self.oracle.evaluate(tasks):
            task = outcome.task
            for p in self.oracle.same_hours(task.period):
                ratio = self.oracle.growth(task.site, task.period, p)
                cut = self.oracle.cut(task.site, p, outcome.prices * ratio)
                self.pool.add(task.site, p, cut)

    def learn(self, outcomes: Iterable[Outcome], x: np.ndarray | None = None) -> None:
        """Add the outcomes' cuts, and re-priced ones of look-alike blocks violated at x.

        Hourly prices of one period, scaled by the growth of running cost, give a valid cut of
        any other period with the same hours; it is kept if it says something new at x. What
        is needed for adequacy does not change with prices: it holds in all such periods.
        """
        for outcome in outcomes:
            task = outcome.task
            row = self._row(task.site, outcome.cut, task.purpose)
            self.pool.add(task.site, task.period, row, cost=task.purpose == COST)
            if x is None:
                continue
            for other in self.kin[task.site]:
                self._offer(other, task.period, outcome.prices, x, task.purpose)
            for p in self.oracle.same_hours(task.period):
                if p != task.period:
                    ratio = (
                        self.oracle.growth(task.site, task.period, p)
                        if task.purpose == COST
                        else 1.0
                    )
                    self._offer(task.site, p, outcome.prices * ratio, x, task.purpose)

    def _row(self, site: str, cut: np.ndarray, purpose: str) -> np.ndarray:
        """A cut's coefficients in the units of its row: k$, MW of load, kt above the quota."""
        if purpose == ADEQUACY:
            return cut / max(float(cut.max(initial=0.0)), 1e-12)
        if purpose == EMISSIONS:
            row = cut / T_PER_LINK
            row[self.names[site].index(links.CO2)] -= 1.0
            return row
        return cut

    def _offer(
        self, site: str, period: int, prices: np.ndarray, x: np.ndarray, purpose: str
    ) -> None:
        """Keep the cut of these prices if it says more than is known at x."""
        row = self._row(site, self.oracle.cut(site, period, prices, purpose), purpose)
        known, least = 0.0, LEAST_MISSING
        if purpose == COST:
            known = float(x[self.arrays.operating[site][period]])
            least = NEWS * (1 + abs(known))
        if self.pool.value(site, period, row, x) > known + least:
            self.pool.add(site, period, row, cost=purpose == COST)

    # -- what a plan costs, lacks and emits ------------------------------------------------

    def operating(self, x: np.ndarray) -> Iterator[tuple[str, int, np.ndarray]]:
        """(site, period, links) of the blocks that operate at x."""
        for name, site in self.case.sites.items():
            for p in range(len(self.case.periods)):
                at = links_of(self.arrays, x, name, p)
                if operates(site, self.names[name], at):
                    yield name, p, at

    def evaluate(
        self, x: np.ndarray, co2: dict[str, float], cost: np.ndarray, constant: float,
        near: float = 0.0,
    ) -> tuple[float, list[Outcome], set[str]]:  # fmt: skip
        """Blocks at x -> value of the plan with CO2 priced, a Lagrangian [k$].

        And the outcomes that are news, and the groups whose CO2 cap is exceeded. What may not
        stay unserved counts as more than any delay: such a point is no centre. A block's cost
        and its cut may be apart by the share ``near``.
        """
        base = cost.copy()
        base[self.arrays.operating_columns] = 0.0
        value = float(base @ x) + constant
        tasks, outcomes = [], []
        for site, p, at in self.operating(x):
            period = self.case.periods[p]
            price = co2.get(period.group, 0.0) / period.pass_weight
            known = self._cost_at.get((site, p))
            if known is not None and price == known.co2_price and _same(at, known.x):
                outcomes.append(known.outcome)
            else:
                tasks.append(Task(site, p, at, price, near=near))
        news = self.oracle.evaluate(tasks)
        for o in news:
            # Prices are long and have been learnt by then.
            kept = replace(o, prices=np.empty(0))
            price = o.task.co2_price or 0.0
            self._cost_at[o.task.site, o.task.period] = _Known(o.task.x, price, kept)
        outcomes += news
        strict = self.case.allowed_unserved_share == 0
        dear = UNSERVED_FACTOR * self.case.unserved_price if strict else 0.0
        for o in outcomes:
            weight = self.case.periods[o.task.period].pass_weight
            value += (o.priced + dear * o.unserved) * weight
        for group, price in co2.items():
            value -= price * self.caps[group]
        emitted: dict[str, float] = {}
        for o in outcomes:
            group = self.case.periods[o.task.period].group
            emitted[group] = emitted.get(group, 0.0) + o.co2
        over = {g for g, cap in self.caps.items() if emitted.get(g, 0.0) > cap * (1 + 1e-6)}
        return value, news, over

    def missing(self, x: np.ndarray, near: float = np.inf) -> dict[tuple[str, int], float]:
        """IT MW of (site, period) that x places but cannot serve; adequacy cuts are learnt.

        The load that a block cannot serve, as MW at its own profile; it may be understated by
        the share ``near``.
        """
        if self.case.allowed_unserved_share > 0:
            return {}
        tasks = [
            Task(s, p, at, 0.0, purpose=ADEQUACY, near=near)
            for s, p, at in self.operating(x)
            if not self._surely_adequate(s, p, at)
        ]
        found, short = {}, []
        for outcome in self.oracle.evaluate(tasks):
            task = outcome.task
            mw = float(self._row(task.site, outcome.cut, ADEQUACY) @ task.x)
            if mw > LEAST_MISSING:
                short.append(outcome)
                found[task.site, task.period] = mw
            elif outcome.cost <= 0.0:
                self._adequate_at[task.site, task.period] = task.x
        self.learn(short, x)
        return found

    def _surely_adequate(self, site: str, period: int, x: np.ndarray) -> bool:
        """Whether the block served more load with less the last time that it served all."""
        before = self._adequate_at.get((site, period))
        if before is None:
            return False
        names = self.names[site]
        asked = np.array([n.startswith(links.DEMANDS) for n in names])
        sizes = np.array([n != links.CO2 for n in names]) & ~asked
        more = (x >= before - 1e-12)[sizes]
        return bool((x[asked] <= before[asked] + 1e-12).all() and more.all())

    def require_quotas(self, x: np.ndarray, groups: set[str]) -> None:
        """Learn the least emissions of the blocks of these groups that serve all load at x."""
        if not groups or self.case.allowed_unserved_share > 0:
            return
        tasks = [
            Task(s, p, at, 0.0, purpose=EMISSIONS, near=np.inf)
            for s, p, at in self.operating(x)
            if self.case.periods[p].group in groups
        ]
        self.learn(self.oracle.evaluate(tasks), x)


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two points of a block are the same but for rounding."""
    return bool(np.abs(a - b).max(initial=0.0) <= 1e-10 * (1.0 + np.abs(a).max(initial=0.0)))
