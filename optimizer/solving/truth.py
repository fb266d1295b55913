"""What a plan truly costs, over all hours, with its CO2 caps met."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from optimizer.model.blocks import links
from optimizer.preparing.case import Case, Site
from optimizer.solving.oracles import BlockOracle, Outcome, Task
from optimizer.solving.planning_arrays import PlanningArrays

MAX_ROUNDS = 40
GRID = (links.FIRM, "flexible_mw:")


@dataclass(frozen=True, eq=False)
class Operated:
    """The operation of one block under a plan: a mix of up to two dispatches [k$, MWh, t].

    Blocks are linear, so that a mix of two dispatches of the same capacities is one as well.
    """

    cost: float
    unserved: float
    co2: float
    dispatch: np.ndarray | None


@dataclass(eq=False)
class Truth:
    """A plan's true cost and operation.

    ``total`` is the objective [k$]; ``operating`` of each (site, period) with load;
    ``outcomes`` all block solves, whose cuts are valid anywhere; ``co2_price`` the multiplier
    of each cap found [k$/t, discounted]; ``excess`` emissions over the cap of each group that
    no price brings within it, as a share of the emissions.
    """

    total: float = np.inf
    operating: dict[tuple[str, int], Operated] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    co2_price: dict[str, float] = field(default_factory=dict)
    unserved: float = 0.0
    excess: dict[str, float] = field(default_factory=dict)

    @property
    def meets_caps(self) -> bool:
        """Whether all CO2 caps hold."""
        return not self.excess


@dataclass(eq=False)
class _Side:
    price: float
    cost: float
    emitted: float
    outcomes: list[Outcome]


class _Search:
    """Finds the CO2 price of one calendar-year group at which its cap is just met.

    The dual function is concave and piecewise linear; the next price is where the lines of
    the two sides meet, which ends at the optimum after finitely many steps.
    """

    def __init__(self, cap: float, guess: float, tolerance: float) -> None:
        self.cap, self.tolerance = cap, tolerance
        self.price = guess
        self.low: _Side | None = None
        self.high: _Side | None = None
        self.done = False
        self.promised = np.inf

    def take(self, side: _Side) -> None:
        """Use the answer at ``self.price`` and choose the next price, or end."""
        within = side.emitted <= self.cap * (1 + 1e-9)
        if within:
            self.high = side
        else:
            self.low = side
        reached = side.cost + side.price * (side.emitted - self.cap)
        if within and (side.price == 0.0 or side.emitted >= self.cap * (1 - 1e-9)):
            self.low, self.done = None, True
        elif self.low is not None and self.high is not None:
            near = self.tolerance * max(1.0, abs(reached))
            spread = self.low.emitted - self.high.emitted
            if self.promised - reached <= near or spread <= 1e-12 * max(1.0, self.cap):
                self.done = True
            self.price = (self.high.cost - self.low.cost) / spread if spread > 0 else 0.0
            self.promised = self.high.cost + self.price * (self.high.emitted - self.cap)
        elif within:
            self.price = self.price / 4 if self.price > 1e-4 else 0.0
        else:
            self.price = max(6 * self.price, 0.05)

    @property
    def share_low(self) -> float:
        """Weight of the dearer-in-CO2 side that just meets the cap."""
        if self.low is None or self.high is None:
            return 0.0
        spread = self.low.emitted - self.high.emitted
        return max(0.0, min(1.0, (self.cap - self.high.emitted) / spread))


def links_of(arrays: PlanningArrays, x: np.ndarray, site: str, period: int) -> np.ndarray:
    """Links of a block at a plan, never below 0."""
    return np.asarray(np.maximum(x[arrays.link[site][:, period]], 0.0))


def operates(site: Site, names: tuple[str, ...], x: np.ndarray) -> bool:
    """Whether a block has load or owes clean energy, sells energy, owes money, or can be paid for
    taking energy."""
    busy = (*links.DEMANDS, *links.OWED)
    load = sum(v for n, v in zip(names, x, strict=True) if n.startswith(busy))
    sold = sum(v for n, v in zip(names, x, strict=True) if n == links.EXPORT)
    grid = sum(v for n, v in zip(names, x, strict=True) if n.startswith(GRID))
    paid = grid if site.pays_for_use else 0.0
    return bool(load + sold + paid > 1e-9)


def true_cost(
    case: Case,
    arrays: PlanningArrays,
    oracle: BlockOracle,
    x: np.ndarray,
    guess: dict[str, float],
    *,
    tolerance: float = 1e-4,
    keep_dispatch: bool = False,
    max_rounds: int = MAX_ROUNDS,
) -> Truth:
    """Cost of plan x over all hours, every CO2 cap met where it can be.

    Parameters
    ----------
    guess : first CO2 price of each capped group [k$/t, discounted to the plan's start]
    tolerance : relative accuracy of the search for the price
    """
    truth = Truth(total=0.0)
    base = arrays.cost.copy()
    base[arrays.operating_columns] = 0.0
    truth.total = float(base @ x) + arrays.constant
    caps = {c.group: c.value for c in case.co2_caps}
    names = {name: links.names(case, site) for name, site in case.sites.items()}
    members: dict[str, list[tuple[str, int]]] = {}
    for site in case.sites:
        for p, period in enumerate(case.periods):
            if operates(case.sites[site], names[site], links_of(arrays, x, site, p)):
                members.setdefault(period.group, []).append((site, p))
    searches = {
        group: _Search(caps.get(group, np.inf), guess.get(group, 0.0), tolerance)
        for group in members
    }
    for round_number in range(max_rounds):
        todo = [g for g, s in searches.items() if not s.done]
        if not todo:
            break
        tasks = [
            Task(
                site, p, links_of(arrays, x, site, p),
                searches[g].price / case.periods[p].pass_weight, keep_dispatch,
            )
            for g in todo
            for site, p in members[g]
        ]  # fmt: skip
        answers = oracle.evaluate(tasks)
        if not keep_dispatch:
            truth.outcomes.extend(answers)
        at = 0
        for g in todo:
            mine = answers[at : at + len(members[g])]
            at += len(members[g])
            cost = sum(a.cost * case.periods[a.task.period].pass_weight for a in mine)
            search = searches[g]
            search.take(_Side(search.price, cost, sum(a.co2 for a in mine), mine))
            if search.high is None and round_number >= max_rounds // 2:
                search.done = True
                emitted = search.low.emitted if search.low else 1.0
                truth.excess[g] = 1.0 - caps[g] / emitted
    for g, search in searches.items():
        _settle(case, truth, g, search, keep_dispatch)
    return truth


def _settle(case: Case, truth: Truth, group: str, search: _Search, keep_dispatch: bool) -> None:
    """Enter the mix of a group's two sides."""
    truth.co2_price[group] = search.high.price if search.high else search.price
    theta = search.share_low
    main = search.high or search.low
    assert main is not None
    other = search.low if theta > 0 and search.low is not None else None
    for k, outcome in enumerate(main.outcomes):
        cost, unserved, co2 = outcome.cost, outcome.unserved, outcome.co2
        dispatch = outcome.dispatch
        if other is not None:
            partner = other.outcomes[k]
            cost = theta * partner.cost + (1 - theta) * cost
            unserved = theta * partner.unserved + (1 - theta) * unserved
            co2 = theta * partner.co2 + (1 - theta) * co2
            if keep_dispatch and dispatch is not None and partner.dispatch is not None:
                dispatch = theta * partner.dispatch + (1 - theta) * dispatch
        task = outcome.task
        truth.operating[task.site, task.period] = Operated(cost, unserved, co2, dispatch)
        truth.total += cost * case.periods[task.period].pass_weight
        truth.unserved += unserved * case.periods[task.period].passes


def quotas(case: Case, arrays: PlanningArrays, truth: Truth, x: np.ndarray) -> np.ndarray:
    """x with operating costs as found, so that the plan is valued at its true cost."""
    y = x.copy()
    y[arrays.operating_columns] = 0.0
    for (site, p), operated in truth.operating.items():
        y[arrays.operating[site][p]] = operated.cost
    return y
