"""What is known of blocks and of plans of whole sites: cuts, and costs by them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optimizer.model.blocks import T_PER_LINK, links
from optimizer.preparing.case import Case
from optimizer.solving import seeds
from optimizer.solving.columns.master import Column
from optimizer.solving.columns.parts import Part
from optimizer.solving.columns.pool import SharedPool
from optimizer.solving.columns.pricing import Priced
from optimizer.solving.oracles import ADEQUACY, BlockOracle, Outcome, Task
from optimizer.solving.truth import operates

NEWS = 1e-4
SHORT = 1e-3
"""Share of load that a plan may leave unserved while it is sought; what remains is mended."""


class Known:
    """Cuts of all kinds of blocks, and what the columns cost by them."""

    def __init__(self, case: Case, parts: dict[str, Part], oracle: BlockOracle) -> None:
        self.case, self.parts, self.oracle = case, parts, oracle
        self.names = {s: links.names(case, site) for s, site in case.sites.items()}
        self.weights = np.array([p.pass_weight for p in case.periods])
        number: dict[tuple[str, int], int] = {}
        count = len(case.periods)
        self.kinds = {
            s: np.array([number.setdefault((oracle.like[s], p), len(number)) for p in range(count)])
            for s in parts
        }
        self.of = list(number)
        """(site, period) that stands for each kind of block."""
        self.number = number
        self.loads = {
            s: np.array([n.startswith("it_mw:") for n in self.names[s]]) for s in parts
        }
        self.pool = SharedPool([len(self.names[s]) for s, _ in self.of])
        self.columns: list[Column] = []
        self._points: list[list[np.ndarray]] = [[] for _ in self.of]
        self._owners: list[list[tuple[int, int]]] = [[] for _ in self.of]
        self.operating = np.empty((0, count))
        self.short = np.empty((0, count))

    # -- cuts -----------------------------------------------------------------------------

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
        self.learn(self.oracle.evaluate(tasks), everywhere=True)

    def learn(self, outcomes: Sequence[Outcome], *, everywhere: bool = False) -> int:
        """Add the cuts that say something new of the columns; returns how many."""
        new = 0
        for outcome in outcomes:
            task = outcome.task
            kind = int(self.kinds[task.site][task.period])
            own = self._mean_cost(kind)
            for p in self.oracle.same_hours(task.period):
                other = int(self.kinds[task.site][p])
                if other == kind:
                    row = outcome.cut
                else:
                    ratio = self._mean_cost(other) / own if task.purpose != ADEQUACY else 1.0
                    row = self.oracle.cut(task.site, p, outcome.prices * ratio, task.purpose)
                if task.purpose == ADEQUACY:
                    row = row / max(float(row.max(initial=0.0)), 1e-12)
                new += self._add(other, row, task.purpose != ADEQUACY, everywhere or other == kind)
        return new

    def _mean_cost(self, kind: int) -> float:
        site, p = self.of[kind]
        cost = self.oracle.cost(site, p)
        unserved = self.oracle.shape(site, p).groups["unserved"]
        return max(float(cost.sum() - cost[unserved].sum()), 1e-9)

    def _add(self, kind: int, row: np.ndarray, cost: bool, keep: bool) -> int:
        said = self._matrix(kind) @ row
        owners = np.array(self._owners[kind], dtype=int).reshape(-1, 2)
        i, p = owners[:, 0], owners[:, 1]
        if cost:
            known = self.operating[i, p]
            news = said > known + NEWS * (1 + np.abs(known))
            self.operating[i, p] = np.maximum(known, said)
        else:
            load = self._matrix(kind)[:, self.loads[self.of[kind][0]]].sum(axis=1)
            news = said > np.maximum(self.short[i, p], 1e-4 * load)
            self.short[i, p] = np.maximum(self.short[i, p], said)
        if keep or news.any():
            self.pool.add(kind, row, cost=cost)
            return 1
        return 0

    def _matrix(self, kind: int) -> np.ndarray:
        points = self._points[kind]
        if len(points) > 1:
            self._points[kind] = points = [np.vstack(points)]
        return points[0] if points else np.empty((0, len(self.names[self.of[kind][0]])))

    # -- columns --------------------------------------------------------------------------

    def add(self, found: Priced, *, whole: bool) -> Column:
        """Keep a priced plan as a column, valued by the cuts."""
        assert found.x is not None
        part = self.parts[found.site]
        arrays = part.arrays
        at = np.maximum(found.x[arrays.link[found.site]], 0.0)
        base = arrays.cost.copy()
        base[arrays.operating[found.site]] = 0.0
        number = len(self.columns)
        if number >= len(self.operating):
            more = np.zeros((max(256, len(self.operating)), at.shape[1]))
            self.operating = np.vstack([self.operating, more])
            self.short = np.vstack([self.short, more])
        for p, kind in enumerate(self.kinds[found.site]):
            point = at[:, p][None, :]
            self.operating[number, p] = self.pool.cost_at(kind, point)[0]
            self.short[number, p] = self.pool.short_at(kind, point)[0]
            self._points[kind].append(point)
            self._owners[kind].append((number, p))
        column = Column(
            found.site, found.x, float(base @ found.x), self.operating[number],
            part.joint @ found.x, whole,
        )  # fmt: skip
        self.columns.append(column)
        return column

    def refresh(self) -> None:
        """Give all columns their newest costs, and say which may be used."""
        for k, column in enumerate(self.columns):
            column.operating = self.operating[k]
            at = column.x[self.parts[column.site].arrays.link[column.site]]
            load = at[self.loads[column.site]].sum(axis=0)
            column.usable = bool((self.short[k] <= SHORT * load + 1e-3).all())

    def evaluate(
        self, columns: Sequence[Column], co2: dict[str, float]
    ) -> tuple[int, float, float]:
        """What blocks of columns truly cost and lack: (cuts learnt, known cost, true cost) [k$]."""
        tasks: list[Task] = []
        for column in columns:
            column.evaluated = True
            at = np.maximum(column.x[self.parts[column.site].arrays.link[column.site]], 0.0)
            site = self.case.sites[column.site]
            for p, period in enumerate(self.case.periods):
                if operates(site, self.names[column.site], at[:, p]):
                    price = co2.get(period.group, 0.0) / period.pass_weight
                    tasks.append(Task(column.site, p, at[:, p], price))
        outcomes = self.oracle.evaluate(tasks)
        before = after = 0.0
        short = []
        for outcome in outcomes:
            task = outcome.task
            kind = int(self.kinds[task.site][task.period])
            weight = self.weights[task.period]
            value = outcome.priced - (task.co2_price or 0.0) * self._quota(task)
            before += weight * float(self.pool.cost_at(kind, task.x[None, :])[0])
            after += weight * value
            if outcome.unserved > 0:
                short.append(Task(task.site, task.period, task.x, 0.0, purpose=ADEQUACY, near=np.inf))
        new = self.learn(outcomes)
        if self.case.allowed_unserved_share == 0:
            new += self.learn(self.oracle.evaluate(short))
        return new, before, after

    def _quota(self, task: Task) -> float:
        names = self.names[task.site]
        return T_PER_LINK * float(task.x[names.index(links.CO2)]) if links.CO2 in names else 0.0

