"""The planning model with cuts: linear relaxation by in-out rounds, and mixed-integer solves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from optimizer.model.blocks import links
from optimizer.preparing.case import Case
from optimizer.solving.cuts import CutPool, in_mw
from optimizer.solving.highs import INFINITY, Solution, make_model, run_lp, run_mip
from optimizer.solving.oracles import BlockOracle, Outcome, Task
from optimizer.solving.planning_arrays import KINDS, PlanningArrays
from optimizer.solving.truth import links_of, operates

VIOLATED = 1e-6
UNSERVED_FACTOR = 100.0
"""Multiple of its price at which unserved energy makes a point worse."""
IDLE_ROUNDS = 6
ADEQUATE_MW = 1e-6
"""Load that a block may fail to serve, by its adequacy cut."""
SERVE_MARGIN, MOST_MARGIN, NEXT_SHORT = 5e-4, 0.1, 0.7
"""Shares of load by which adequacy cuts ask for more while a plan's sizes are sought."""
SERVED_SHORT = 2e-4
"""Share of load that may be missing when sizes count as found; what remains is mended."""
WAIT_SHORT, MOST_WAITS = 0.02, 3
"""While more than this share of load is missing, costs are asked only after so many rounds."""
LAZY_ROUNDS = 4
MOST_IDLE = 200
REPRICED_VIOLATED = 1e-4
SEED_ADDERS = (0.0, 0.01, 0.03, 0.1, 1.0, np.inf)


@dataclass(eq=False)
class Relaxed:
    """Result of in-out rounds [k$].

    ``x`` is the last point of the cut model, ``bound`` its value, ``center`` the best point
    tried with estimated value ``estimate``; ``co2_price`` of each capped group.
    """

    x: np.ndarray
    bound: float
    center: np.ndarray
    estimate: float
    co2_price: dict[str, float]
    tight: np.ndarray


class _LazyLP:
    """The continuous planning model with the cuts of the pool that matter at its point.

    ``margin`` is the share of each block's load by which adequacy cuts ask for more.
    """

    def __init__(
        self, master: Master, lower: np.ndarray, upper: np.ndarray, cuts: np.ndarray | None
    ) -> None:
        self.master, self.pool, self.lower, self.upper = master, master.pool, lower, upper
        self.active = np.arange(len(self.pool)) if cuts is None else cuts
        self.first = master.arrays.matrix.shape[0]
        self.margin: np.ndarray | None = None
        self._load()

    def _load(self) -> None:
        arrays = self.master.arrays
        self.idle = np.zeros(len(self.active), dtype=int)
        self.tight = self.active
        matrix, low, high = self.master.rows(self.active, self.margin)
        self.model = make_model(arrays.cost, self.lower, self.upper, matrix, low, high)
        self.model.changeObjectiveOffset(arrays.constant)

    def ask_for_more(self, margin: np.ndarray) -> None:
        """Another margin; the LP is built again with the cuts that matter."""
        self.margin = margin
        self._load()

    def solve(self) -> Solution:
        """The optimum over all known cuts: solved again until few are violated."""
        for number in range(LAZY_ROUNDS):
            solution = run_lp(self.model, 8.0)
            if solution.x is None:
                break
            free = np.abs(solution.row_dual[self.first :]) < 1e-9
            self.tight = self.active[~free]
            slack = self.pool.slack(solution.x, self.active, self.margin)
            self.idle = np.where(free & (slack > VIOLATED), self.idle + 1, 0)
            if number == LAZY_ROUNDS - 1 or not self.extend(solution.x):
                break
        return solution

    def extend(self, x: np.ndarray) -> bool:
        """Add the cuts that x violates; drop those that have long been idle."""
        slack = self.pool.slack(x, None, self.margin)
        violated = np.flatnonzero(slack < -VIOLATED * self.pool.scale(x))
        violated = np.setdiff1d(violated, self.active)
        drop = np.flatnonzero(self.idle >= IDLE_ROUNDS)
        if len(drop) > MOST_IDLE:
            self.model.deleteRows(len(drop), (self.first + drop).astype(np.int32))
            keep = np.ones(len(self.active), dtype=bool)
            keep[drop] = False
            self.active, self.idle = self.active[keep], self.idle[keep]
        if len(violated):
            added = self.pool.matrix(violated, self.margin)
            self.model.addRows(
                len(violated), np.zeros(len(violated)), np.full(len(violated), INFINITY),
                added.nnz, added.indptr[:-1].astype(np.int32),
                added.indices.astype(np.int32), added.data,
            )  # fmt: skip
            self.active = np.append(self.active, violated)
            self.idle = np.append(self.idle, np.zeros(len(violated), dtype=int))
        return len(violated) > 0


class Master:
    """Planning arrays + pool of cuts + oracle."""

    def __init__(
        self,
        case: Case,
        arrays: PlanningArrays,
        oracle: BlockOracle,
        should_stop: Callable[[], bool],
    ) -> None:
        self.case, self.arrays, self.oracle = case, arrays, oracle
        self.should_stop = should_stop
        self.names = {name: links.names(case, site) for name, site in case.sites.items()}
        self.caps = {c.group: c.value for c in case.co2_caps}
        self.kin = self._kin()
        self.load_columns = np.concatenate(
            [
                arrays.link[s][[n.startswith("it_mw:") for n in self.names[s]]].ravel()
                for s in case.sites
            ]
        )
        self.pool = CutPool(arrays, self.load_columns)

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

        marks = {name: mark(name) for name in self.case.sites}
        return {n: [o for o in marks if o != n and marks[o] == marks[n]] for n in marks}

    # -- cuts -------------------------------------------------------------------------

    def seed(self) -> None:
        """Cuts from hourly prices guessed without a solve: cheapest running cost plus an adder."""
        top = 12 * max((0.05, *self._co2_guess().values()))
        for site in self.case.sites:
            for p in range(len(self.case.periods)):
                shape, cost = self.oracle.shape(site, p), self.oracle.cost(site, p)
                hours = len(shape.hours)
                cheapest = np.full(hours, self.case.unserved_price)
                for name, part in shape.groups.items():
                    if name == "import" or name.startswith("generation:"):
                        dear = cost[part] > 1e-6
                        np.minimum(cheapest, np.where(dear, cost[part], cheapest), out=cheapest)
                # At prices of 0 the block costs at least what it may be paid.
                self.pool.add(site, p, shape.cut(cost, np.zeros(shape.matrix.shape[0])))
                for adder in SEED_ADDERS:
                    for co2 in (0.0, top) if shape.co2_row >= 0 else (0.0,):
                        prices = np.zeros(shape.matrix.shape[0])
                        level = np.minimum(cheapest + adder, self.case.unserved_price)
                        prices[shape.balance] = level
                        start = shape.balance.stop
                        end = shape.matrix.shape[0] - (shape.co2_row >= 0) - (shape.water_row >= 0)
                        prices[start:end] = float(level.mean())
                        if shape.co2_row >= 0:
                            prices[shape.co2_row] = -co2
                        self.pool.add(site, p, shape.cut(cost, prices))

    def seed_mixes(self) -> None:
        """Cuts from a few solved mixes of each site, re-priced for all periods of the same hours.

        For each MW of facility peak: thermal alone; half grid and thermal with sun, wind and
        storage; much sun, wind and storage with some grid and thermal.
        """
        mixes = ((0.0, 1.2, 0.0, 0.0), (0.7, 0.6, 1.0, 0.3), (0.4, 0.5, 2.5, 0.9))
        last = {key: p for p, key in enumerate(self.oracle.hours_keys)}
        tasks = []
        for name, site in self.case.sites.items():
            thermal = [a for a in site.assets if a.kind == "thermal"]
            for p in last.values():
                for grid, firm, variable, stored in mixes:
                    x = np.zeros(len(self.names[name]))
                    x[[n.startswith("it_mw:") for n in self.names[name]]] = 100 / len(
                        self.case.workloads
                    )
                    peak = 100 * float(site.pue.max())
                    at = {n: k for k, n in enumerate(self.names[name])}
                    if site.offers:
                        x[at[links.FIRM]] = peak * (grid if thermal else max(grid, 1.05))
                    for a in site.assets:
                        share = {"thermal": firm / max(1, len(thermal)), "variable": variable,
                                 "storage": stored}[a.kind]  # fmt: skip
                        if a.kind == "thermal" and not site.offers:
                            share = 1.2 / len(thermal)
                        x[at[links.power(a)]] = peak * share
                        if a.is_storage:
                            x[at[links.energy(a)]] = 4 * peak * share
                    x[[n in (links.CO2, links.WATER) for n in self.names[name]]] = 1e6
                    price = 0.03 if self.caps and stored > 0.5 else 0.0
                    tasks.append(Task(name, p, x, price))
        for outcome in self.oracle.evaluate(tasks):
            task = outcome.task
            own = float(self.oracle.cost(task.site, task.period).sum())
            for p in self.oracle.same_hours(task.period):
                ratio = float(self.oracle.cost(task.site, p).sum()) / own
                cut = self.oracle.cut(task.site, p, outcome.prices * ratio)
                self.pool.add(task.site, p, cut)

    def _co2_guess(self) -> dict[str, float]:
        return dict.fromkeys(self.caps, 0.05)

    def learn(self, outcomes: Iterable[Outcome], x: np.ndarray | None = None) -> int:
        """Add the outcomes' cuts, and re-priced ones of look-alike blocks violated at x.

        Hourly prices of one period, scaled by the growth of running cost, give a valid cut of
        any other period with the same hours; it is kept if it says something new at x. What
        is needed for adequacy does not change with prices: it holds in all such periods.
        """
        kept = 0
        for outcome in outcomes:
            task = outcome.task
            self.pool.add(task.site, task.period, outcome.cut, adequacy=task.adequacy)
            if x is None:
                continue
            for other in self.kin[task.site]:
                kept += self._offer(other, task.period, outcome.prices, x, task.adequacy)
            own = self.oracle.cost(task.site, task.period)
            for p in self.oracle.same_hours(task.period):
                if p == task.period:
                    continue
                ratio = 1.0
                if not task.adequacy:
                    ratio = float(self.oracle.cost(task.site, p).sum() / own.sum())
                kept += self._offer(task.site, p, outcome.prices * ratio, x, task.adequacy)
        return kept

    def _offer(
        self, site: str, period: int, prices: np.ndarray, x: np.ndarray, adequacy: bool
    ) -> int:
        """Keep the cut of these prices if it says more than is known at x."""
        cut = self.oracle.cut(site, period, prices, adequacy=adequacy)
        if adequacy:
            known, least = 0.0, ADEQUATE_MW
            cut = in_mw(cut)
        else:
            known = x[self.arrays.operating[site][period]]
            least = REPRICED_VIOLATED * (1 + abs(known))
        if self.pool.value(site, period, cut, x) <= known + least:
            return 0
        self.pool.add(site, period, cut, adequacy=adequacy)
        return 1

    def missing(self, x: np.ndarray) -> dict[tuple[str, int], float]:
        """IT MW of (site, period) that x places but cannot serve; adequacy cuts are learnt.

        The load that a block cannot serve, as MW at its own profile.
        """
        if self.case.allowed_unserved_share > 0:
            return {}
        tasks = [
            Task(site, p, at, adequacy=True, co2_price=0.0) for site, p, at in self.operating(x)
        ]
        found, short = {}, []
        for outcome in self.oracle.evaluate(tasks):
            mw = float(in_mw(outcome.cut) @ outcome.task.x)
            if mw > ADEQUATE_MW:
                short.append(outcome)
                found[outcome.task.site, outcome.task.period] = mw
        self.learn(short, x)
        return found

    # -- prices and evaluation ----------------------------------------------------------

    def co2_prices(self, solution: Solution) -> dict[str, float]:
        """Multiplier of each group's cap [k$/t, discounted] from row duals."""
        return {
            group: max(0.0, -float(solution.row_dual[row])) / 1000.0
            for group, row in self.arrays.co2_row.items()
        }

    def operating(self, x: np.ndarray) -> Iterator[tuple[str, int, np.ndarray]]:
        """(site, period, links) of the blocks that operate at x."""
        for name, site in self.case.sites.items():
            for p in range(len(self.case.periods)):
                at = links_of(self.arrays, x, name, p)
                if operates(site, self.names[name], at):
                    yield name, p, at

    def evaluate(self, x: np.ndarray, co2: dict[str, float] | None) -> tuple[float, list[Outcome]]:
        """Blocks at x -> (value of the plan [k$], outcomes).

        With CO2 prices the value is the Lagrangian; with None the quotas in x hold, and it is
        what the plan truly costs with them.
        """
        arrays, case = self.arrays, self.case
        base = arrays.cost.copy()
        base[arrays.operating_columns] = 0.0
        value = float(base @ x) + arrays.constant
        tasks = []
        for site, p, at in self.operating(x):
            period = case.periods[p]
            price = None if co2 is None else co2.get(period.group, 0.0) / period.pass_weight
            tasks.append(Task(site, p, at, price))
        outcomes = self.oracle.evaluate(tasks)
        # What may not stay unserved counts as more than any delay: such a point is no centre.
        dear = 0.0 if case.allowed_unserved_share > 0 else UNSERVED_FACTOR * case.unserved_price
        for o in outcomes:
            value += (o.priced + dear * o.unserved) * case.periods[o.task.period].pass_weight
        for group, price in (co2 or {}).items():
            value -= price * self.caps[group]
        return value, outcomes

    # -- linear relaxation --------------------------------------------------------------

    def rows(
        self, which: np.ndarray, margin: np.ndarray | None = None
    ) -> tuple[sp.csr_matrix, np.ndarray, np.ndarray]:
        """Planning rows and the chosen cuts."""
        arrays = self.arrays
        if not len(which):
            return arrays.matrix, arrays.row_lower, arrays.row_upper
        return (
            sp.vstack([arrays.matrix, self.pool.matrix(which, margin)], format="csr"),
            np.append(arrays.row_lower, np.zeros(len(which))),
            np.append(arrays.row_upper, np.full(len(which), INFINITY)),
        )

    def relax(
        self,
        lower: np.ndarray,
        upper: np.ndarray,
        *,
        rounds: int,
        tolerance: float,
        deadline: float,
        start: np.ndarray | None = None,
        cuts: np.ndarray | None = None,
        serve: bool = False,
        on_round: Callable[[int, float, float], None] | None = None,
    ) -> Relaxed | None:
        """In-out rounds on the continuous relaxation within column bounds.

        A round solves the LP with the known cuts that matter, asks all blocks at the LP's
        point what they cannot serve, and halfway between it and the best point so far what
        they cost, and adds cuts. CO2 is priced at the LP's dual. With ``serve`` a plan is
        sought: a little more than the load must be served, and rounds go on until it is.
        None if the rows are infeasible.
        """
        lp = _LazyLP(self, lower, upper, cuts)
        center, estimate, center_co2 = start, np.inf, None
        result: Relaxed | None = None
        waited = 0
        for number in range(rounds):
            solution = lp.solve()
            if solution.x is None:
                return None if solution.infeasible else result
            x, co2 = solution.x, self.co2_prices(solution)
            result = Relaxed(
                x, solution.value, x if center is None else center, estimate, co2, lp.tight
            )
            if on_round is not None:
                on_round(number, solution.value, estimate)
            if time.monotonic() > deadline or self.should_stop():
                break
            missing = self.missing(x)
            short, load = sum(missing.values()), float(x[self.load_columns].sum())
            if serve:
                lp.ask_for_more(self._margins(x, missing))
            if serve and short > WAIT_SHORT * load and waited < MOST_WAITS:
                # What blocks cost says little while the point is far from served.
                waited += 1
                lp.extend(x)
                continue
            waited = 0
            near = np.isfinite(estimate) and (
                estimate - solution.value <= tolerance * abs(estimate)
            )
            if near and (not serve or short <= SERVED_SHORT * load):
                break
            # Halfway to a poor centre would only halve what is missing: go to the LP's point.
            poor = not np.isfinite(estimate) or estimate - solution.value > 0.3 * abs(estimate)
            alone = center is None or center_co2 is None or poor
            try_x = x if alone else 0.5 * (x + center)
            try_co2 = co2 if alone else {g: 0.5 * (co2[g] + center_co2[g]) for g in co2}
            value, outcomes = self.evaluate(try_x, try_co2)
            self.learn(outcomes, x)
            if value < estimate or center_co2 is None:
                center, estimate, center_co2 = try_x, value, try_co2
            if not lp.extend(x) and not alone:
                # The middle gave nothing new: ask at the LP's own point.
                value, outcomes = self.evaluate(x, co2)
                if value < estimate:
                    center, estimate, center_co2 = x, value, co2
                self.learn(outcomes)
                if not lp.extend(x):
                    break
        if result is not None and center is not None:
            result.center, result.estimate = center, estimate
        return result

    def _margins(self, x: np.ndarray, missing: dict[tuple[str, int], float]) -> np.ndarray:
        """What each block could not serve at x, as a share of its load by which to ask for more.

        The next point will be short in other hours by about as much.
        """
        margin = np.full(self.pool.blocks, SERVE_MARGIN)
        for (site, p), mw in missing.items():
            is_load = [n.startswith("it_mw:") for n in self.names[site]]
            load = float(links_of(self.arrays, x, site, p)[is_load].sum())
            share = NEXT_SHORT * mw / max(load, 1e-9)
            margin[self.pool.number(site, p)] = min(MOST_MARGIN, max(SERVE_MARGIN, share))
        return margin

    # -- integers -------------------------------------------------------------------------

    def thin(self, points: Iterable[np.ndarray], relaxed: Relaxed | None = None) -> np.ndarray:
        """Few cuts that matter: with a dual, or tight at a point where its block carries load."""
        chosen = [] if relaxed is None else [relaxed.tight]
        for x in points:
            lifted = self.pool.tight_values(x)
            tight = self.pool.slack(lifted) < 1e-4 * self.pool.scale(lifted)
            chosen.append(np.flatnonzero(tight & self.pool.active_load(x)))
        return np.unique(np.concatenate([np.asarray(c, dtype=int) for c in chosen]))

    def mip(
        self,
        kinds: tuple[str, ...],
        cuts: np.ndarray,
        seconds: float,
        *,
        lower: np.ndarray | None = None,
        upper: np.ndarray | None = None,
        start: np.ndarray | None = None,
        gap: float = 0.002,
        cost: np.ndarray | None = None,
        effort: float = 0.05,
    ) -> Solution:
        """The planning MIP with these cuts; only columns of ``kinds`` are whole."""
        arrays = self.arrays
        matrix, low, high = self.rows(cuts)
        whole = np.isin(arrays.kind, [KINDS.index(k) for k in kinds])
        model = make_model(
            arrays.cost if cost is None else cost,
            arrays.lower if lower is None else lower,
            arrays.upper if upper is None else upper,
            matrix, low, high, whole,
            mip_rel_gap=gap, mip_abs_gap=1e-6, mip_heuristic_effort=effort,
            random_seed=int(self.case.inputs.setting("seed")),
        )  # fmt: skip
        if cost is None:
            model.changeObjectiveOffset(arrays.constant)
        return run_mip(model, whole, seconds, start)

    def fixed(self, x: np.ndarray, kinds: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Column bounds with the integers of these kinds fixed at x."""
        lower, upper = self.arrays.lower.copy(), self.arrays.upper.copy()
        chosen = np.isin(self.arrays.kind, [KINDS.index(k) for k in kinds])
        lower[chosen] = upper[chosen] = np.round(x[chosen])
        return lower, upper

    def valued(self, x: np.ndarray) -> np.ndarray:
        """x as a start that the cut model accepts: quotas and operating costs re-optimised."""
        arrays = self.arrays
        lower, upper = x.copy(), x.copy()
        free = list(arrays.operating_columns)
        for site, names in self.names.items():
            for k, name in enumerate(names):
                if name in (links.CO2, links.WATER):
                    free += list(arrays.link[site][k])
        for v in ("co2_quota", "water_quota"):
            free += [
                k for k, var in enumerate(arrays.variables)
                if var.parent_component().local_name == v
            ]  # fmt: skip
        lower[free], upper[free] = arrays.lower[free], arrays.upper[free]
        which = np.arange(len(self.pool))
        matrix, low, high = self.rows(which)
        model = make_model(arrays.cost, lower, upper, matrix, low - 1e-6, high + 1e-6)
        solution = run_lp(model, 10.0)
        return self.pool.tight_values(x) if solution.x is None else solution.x
