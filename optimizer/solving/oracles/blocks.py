"""The arrays and running costs of all operating blocks of a case."""

from __future__ import annotations

import numpy as np

from optimizer.model.blocks import Signature, make_shape, signature
from optimizer.model.blocks.assembly import Shape
from optimizer.preparing.case import Case
from optimizer.solving.oracles.task import COST, EMISSIONS

UNSERVED_EMISSIONS = 4.0
"""Emissions of a MWh unserved when emissions are minimised, in those of the dirtiest supply."""


class Blocks:
    """All blocks of a case; those of like sites with the same hours share their arrays."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.shapes: dict[tuple[str, str], Shape] = {}
        self._costs: dict[tuple[str, int], np.ndarray] = {}
        self._counted: dict[tuple[str, str], np.ndarray] = {}
        self.hours_keys = [f"{p.hours[0]}+{len(p.hours)}" for p in case.periods]
        first: dict[Signature, str] = {}
        self.like: dict[str, str] = {
            name: first.setdefault(signature(case, site), name) for name, site in case.sites.items()
        }
        """For each site the first one with the same blocks."""
        for name in first.values():
            for period in case.periods:
                key = (name, self.hours_keys[period.index])
                if key not in self.shapes:
                    self.shapes[key] = make_shape(case, case.sites[name], period.hours)

    def key(self, site: str, period: int) -> tuple[str, str]:
        """Name of the arrays of a block."""
        return self.like[site], self.hours_keys[period]

    def shape(self, site: str, period: int) -> Shape:
        """Arrays of a block."""
        return self.shapes[self.key(site, period)]

    @property
    def rows(self) -> int:
        """Rows of all blocks together."""
        return sum(
            self.shape(site, p).matrix.shape[0]
            for site in self.like
            for p in range(len(self.hours_keys))
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
            cost[shape.groups["unserved"]] = unserved
            return cost
        key = (self.like[site], period)
        if key not in self._costs:
            self._costs[key] = shape.cost(self.case.periods[period])
        return self._costs[key]

    def counted(self, site: str, period: int) -> np.ndarray:
        """Emissions that the CO2 cap counts, of each column [t/MWh]."""
        key = self.key(site, period)
        if key not in self._counted:
            shape = self.shapes[key]
            total = shape.co2_onsite
            if self.case.co2_scope == "total":
                total = total + shape.co2_grid
            self._counted[key] = total
        return self._counted[key]

    def cut(self, site: str, period: int, prices: np.ndarray, purpose: str = COST) -> np.ndarray:
        """A valid cut of a block from any row prices."""
        return self.shape(site, period).cut(self.cost(site, period, purpose), prices)
