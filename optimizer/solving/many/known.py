"""What is known of the blocks of a case with many sites: cuts by kinds of like blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from optimizer.model.blocks import T_PER_LINK, links
from optimizer.preparing.case import Case
from optimizer.solving import seeds
from optimizer.solving.many.pool import SharedPool
from optimizer.solving.oracles import ADEQUACY, BlockOracle, Outcome, Task
from optimizer.solving.truth import operates

NEWS = 1e-4
SHORT = 1e-4
"""Share of load from which a block counts as short."""
LEARN_NEAR = 1e-3
"""Relative distance of cost and cut with which a block's answer is taken."""


class Known:
    """The pool of cuts of all kinds of blocks, with the oracle that learns them."""

    def __init__(self, case: Case, oracle: BlockOracle) -> None:
        self.case, self.oracle = case, oracle
        self.names = {s: links.names(case, site) for s, site in case.sites.items()}
        self.weights = np.array([p.pass_weight for p in case.periods])
        number: dict[tuple[str, int], int] = {}
        periods = range(len(case.periods))
        self.kinds = {
            s: np.array([number.setdefault((oracle.like[s], p), len(number)) for p in periods])
            for s in case.sites
        }
        self.of = list(number)
        """(site, period) that stands for each kind of block."""
        self.loads = {
            s: np.array([n.startswith("it_mw:") for n in self.names[s]]) for s in case.sites
        }
        self.pool = SharedPool([len(self.names[s]) for s, _ in self.of])

    def seed(self) -> None:
        """Cuts from guessed prices, and from a few mixes re-priced for the other years."""
        for kind, (site, p) in enumerate(self.of):
            for cut in seeds.guessed(self.case, self.oracle, site, p):
                self.pool.add(kind, cut)
        last = {key: p for p, key in enumerate(self.oracle.hours_keys)}
        tasks = [
            task
            for site in dict.fromkeys(s for s, _ in self.of)
            for p in last.values()
            for task in seeds.mixes(self.case, site, p, self.names[site])
        ]
        for outcome in self.oracle.evaluate(tasks):
            for kind, row in self._cuts(outcome):
                self.pool.add(kind, row)

    def cuts_of(self, sites: Sequence[str]) -> Iterator[tuple[str, int, np.ndarray, bool]]:
        """(site, period, coefficients, whether of cost) of all cuts of these sites' blocks."""
        for site in sites:
            for p, kind in enumerate(self.kinds[site]):
                rows, costs = self.pool.rows(int(kind)), self.pool.costs(int(kind))
                for row, cost in zip(rows, costs, strict=True):
                    yield site, p, row, bool(cost)

    def _cuts(self, outcome: Outcome) -> Iterator[tuple[int, np.ndarray]]:
        """(kind, cut) of an outcome for all periods of the same hours, re-priced."""
        task = outcome.task
        own = int(self.kinds[task.site][task.period])
        for p in self.oracle.same_hours(task.period):
            kind = int(self.kinds[task.site][p])
            row = outcome.cut
            if kind != own:
                adequacy = task.purpose == ADEQUACY
                ratio = 1.0 if adequacy else self.oracle.growth(task.site, task.period, p)
                row = self.oracle.cut(task.site, p, outcome.prices * ratio, task.purpose)
            if task.purpose == ADEQUACY:
                row = row / max(float(row.max(initial=0.0)), 1e-12)
            yield kind, row

    def learn(
        self, points: Mapping[str, np.ndarray], co2: Mapping[str, float]
    ) -> tuple[float, float]:
        """What blocks of sites truly cost at their links, (L, P) each; cuts are kept [k$].

        Returns the cost by the cuts so far and the true one. What is short is asked first:
        what a block costs says little until it can serve its load.
        """
        asked = list(self._tasks(points, co2))
        strict = self.case.allowed_unserved_share == 0
        short: set[tuple[str, int]] = set()
        if strict:
            tasks = [Task(t.site, t.period, t.x, 0.0, purpose=ADEQUACY, near=np.inf) for t in asked]
            for outcome in self.oracle.evaluate(tasks):
                task = outcome.task
                load = float(task.x[self.loads[task.site]].sum())
                scale = max(float(outcome.cut.max(initial=0.0)), 1e-12)
                if float(outcome.cut @ task.x) / scale > SHORT * load:
                    short.add((task.site, task.period))
                    self._keep(outcome, points)
        before = after = 0.0
        served = [t for t in asked if (t.site, t.period) not in short]
        for outcome in self.oracle.evaluate(served):
            task = outcome.task
            kind = int(self.kinds[task.site][task.period])
            self.pool.visit(kind, task.x)
            value = outcome.priced - (task.co2_price or 0.0) * self._quota(task)
            before += self.weights[task.period] * self.pool.said(kind, task.x)[0]
            after += self.weights[task.period] * value
            self._keep(outcome, points)
        # A block that is short counts as unknown by as much as the others cost on average.
        share = len(short) / max(1, len(asked))
        return before, after / max(1.0 - share, 0.1)

    def _tasks(self, points: Mapping[str, np.ndarray], co2: Mapping[str, float]) -> Iterator[Task]:
        for site, at in points.items():
            for p, period in enumerate(self.case.periods):
                if operates(self.case.sites[site], self.names[site], at[:, p]):
                    price = co2.get(period.group, 0.0) / period.pass_weight
                    yield Task(site, p, at[:, p], price, near=LEARN_NEAR)

    def _keep(self, outcome: Outcome, points: Mapping[str, np.ndarray]) -> None:
        """Keep an outcome's cuts where they say something new at the site's own points."""
        task = outcome.task
        cost = task.purpose != ADEQUACY
        own = int(self.kinds[task.site][task.period])
        at = points[task.site]
        same = {int(self.kinds[task.site][p]): p for p in self.oracle.same_hours(task.period)}
        for kind, row in self._cuts(outcome):
            x = at[:, same[kind]]
            paid, missing = self.pool.said(kind, x)
            news = float(row @ x) - (paid if cost else missing)
            least = (
                NEWS * (1 + abs(paid)) if cost else SHORT * float(x[self.loads[task.site]].sum())
            )
            if kind == own or news > least:
                self.pool.add(kind, row, cost=cost)

    def _quota(self, task: Task) -> float:
        names = self.names[task.site]
        return T_PER_LINK * float(task.x[names.index(links.CO2)]) if links.CO2 in names else 0.0
