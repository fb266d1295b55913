"""The arrays and running costs of all operating blocks of a case."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np

from optimizer.model.blocks import Signature, make_shape, signature
from optimizer.model.blocks.assembly import Shape
from optimizer.preparing.case import Case
from optimizer.solving.memory import Memory, give_back
from optimizer.solving.oracles.task import COST, EMISSIONS

UNSERVED_EMISSIONS = 4.0
"""Emissions of a MWh unserved when emissions are minimised, in those of the dirtiest supply."""


Key = tuple[str, str]


class Blocks:
    """All blocks of a case; those of like sites with the same hours share their arrays.

    Arrays are made when they are asked for, and those not used for longest are dropped when
    memory is short.
    """

    def __init__(self, case: Case, memory: Memory | None = None) -> None:
        self.case, self.memory = case, memory or Memory()
        self._shapes: OrderedDict[Key, Shape] = OrderedDict()
        self._costs: dict[tuple[str, int], np.ndarray] = {}
        self._counted: dict[Key, np.ndarray] = {}
        self._rows: dict[Key, int] = {}
        self._guard, self._relieving = threading.Lock(), threading.Lock()
        self.hours_keys = [f"{p.hours[0]}+{len(p.hours)}" for p in case.periods]
        first: dict[Signature, str] = {}
        self.like: dict[str, str] = {
            name: first.setdefault(signature(case, site), name) for name, site in case.sites.items()
        }
        """For each site the first one with the same blocks."""
        self._hours = {self.hours_keys[p.index]: p.hours for p in case.periods}
        self.keys = [(name, hours) for name in first.values() for hours in self._hours]
        for key in self.keys:
            self._rows[key] = self.arrays(key).matrix.shape[0]

    def arrays(self, key: Key) -> Shape:
        """Arrays by their name; made, or made again, if they are not there."""
        with self._guard:
            shape = self._shapes.get(key)
            if shape is not None:
                self._shapes.move_to_end(key)
                return shape
        self.relieve(key)
        self.memory.rebuilt += key in self._rows
        shape = make_shape(self.case, self.case.sites[key[0]], self._hours[key[1]])
        with self._guard:
            return self._shapes.setdefault(key, shape)

    def relieve(self, wanted: Key) -> None:
        """While memory is short, drop the blocks not used for longest, all but ``wanted``."""
        if not self.memory.short() or not self._relieving.acquire(blocking=False):
            return
        try:
            with self._guard:
                idle = [key for key in self._shapes if key != wanted]
            for key in idle:
                if self.drop(key):
                    self.memory.dropped += 1
                    give_back()
                    if not self.memory.short():
                        return
            self.memory.insist()
        finally:
            self._relieving.release()

    def drop(self, key: Key) -> bool:
        """Forget the arrays of a name and what was made of them; whether that could be."""
        with self._guard:
            self._shapes.pop(key, None)
            self._counted.pop(key, None)
            for p, hours in enumerate(self.hours_keys):
                if hours == key[1]:
                    self._costs.pop((key[0], p), None)
        return True

    def key(self, site: str, period: int) -> tuple[str, str]:
        """Name of the arrays of a block."""
        return self.like[site], self.hours_keys[period]

    def shape(self, site: str, period: int) -> Shape:
        """Arrays of a block."""
        return self.arrays(self.key(site, period))

    @property
    def rows(self) -> int:
        """Rows of all blocks together."""
        return sum(
            self._rows[self.key(site, p)] for site in self.like for p in range(len(self.hours_keys))
        )

    def same_hours(self, period: int) -> list[int]:
        """Periods with the same hours, the period itself included."""
        return [p for p, key in enumerate(self.hours_keys) if key == self.hours_keys[period]]

    def cost(self, site: str, period: int, purpose: str = COST) -> np.ndarray:
        """What is minimised, of each column [k$/MWh, MWh/MWh, t/MWh]."""
        shape = self.shape(site, period)
        if purpose != COST:
            cost = np.zeros(shape.matrix.shape[1])
            unserved = 1.0
            if purpose == EMISSIONS:
                cost = self.counted(site, period).copy()
                unserved = UNSERVED_EMISSIONS * max(float(cost.max(initial=0.0)), 0.1)
            for part in shape.short:
                cost[part] = unserved
            return cost
        key = (self.like[site], period)
        known = self._costs.get(key)
        if known is None:
            known = self._costs[key] = shape.cost(self.case.periods[period])
        return known

    def growth(self, site: str, period: int, other: int) -> float:
        """Running cost of supplies in another period of the same hours, over that in this one."""
        return self._supplies(site, other) / self._supplies(site, period)

    def _supplies(self, site: str, period: int) -> float:
        cost = self.cost(site, period)
        unserved = self.shape(site, period).groups["unserved"]
        return max(float(cost.sum() - cost[unserved].sum()), 1e-9)

    def counted(self, site: str, period: int) -> np.ndarray:
        """Emissions that the CO2 cap counts, of each column [t/MWh]."""
        key = self.key(site, period)
        total = self._counted.get(key)
        if total is None:
            shape = self.arrays(key)
            total = shape.co2_onsite
            if self.case.co2_scope == "total":
                total = total + shape.co2_grid
            self._counted[key] = total
        return total

    def cut(self, site: str, period: int, prices: np.ndarray, purpose: str = COST) -> np.ndarray:
        """A valid cut of a block from any row prices."""
        return self.shape(site, period).cut(self.cost(site, period, purpose), prices)
