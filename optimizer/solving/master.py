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
IDLE_ROUNDS = 6
ADEQUATE_MW = 1e-3
"""Load that a block may fail to serve while sizes are sought; what remains is mended later."""
SHORT_MW = 0.05
"""Load of all blocks that may fail to be served when sizes count as found."""
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
        self.pool = CutPool(arrays)
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

    def require_adequacy(self, x: np.ndarray) -> float:
        """Adequacy cuts of all blocks that x leaves short; returns the sum of MW missing.

        The load that a block cannot serve, in MW of a constant load with the same energy.
        """
        if self.case.allowed_unserved_share > 0:
            return 0.0
        tasks = [
            Task(site, p, at, adequacy=True, co2_price=0.0) for site, p, at in self.operating(x)
        ]
        missing, short = 0.0, []
        for outcome in self.oracle.evaluate(tasks):
            mw = float(in_mw(outcome.cut) @ outcome.task.x)
            if mw > ADEQUATE_MW:
                short.append(outcome)
                missing += mw
        self.learn(short, x)
        return missing

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
        for o in outcomes:
            value += o.priced * case.periods[o.task.period].pass_weight
        for group, price in (co2 or {}).items():
            value -= price * self.caps[group]
        return value, outcomes

    # -- linear relaxation --------------------------------------------------------------

    def rows(self, which: np.ndarray) -> tuple[sp.csr_matrix, np.ndarray, np.ndarray]:
        """Planning rows and the chosen cuts."""
        arrays = self.arrays
        if not len(which):
            return arrays.matrix, arrays.row_lower, arrays.row_upper
        return (
            sp.vstack([arrays.matrix, self.pool.matrix(which)], format="csr"),
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
        lazy: bool = False,
    ) -> Relaxed | None:
        """In-out rounds on the continuous relaxation within column bounds.

        Each round solves the LP with the lazy cuts that matter, evaluates all blocks halfway
        between the LP's point and the best point so far, and adds cuts. CO2 is priced at the
        LP's dual. With ``serve`` rounds go on until nearly nothing is unserved. With ``lazy`` no block is solved:
        known cuts are added until none is violated. None if the rows are infeasible.
        """
        arrays, pool = self.arrays, self.pool
        pool.slack(np.zeros(arrays.count))
        active = np.arange(len(pool)) if cuts is None else cuts
        idle = np.zeros(len(active), dtype=int)
        matrix, low, high = self.rows(active)
        model = make_model(arrays.cost, lower, upper, matrix, low, high)
        model.changeObjectiveOffset(arrays.constant)
        base = arrays.matrix.shape[0]
        center, estimate, center_co2 = start, np.inf, None
        short = np.inf
        result: Relaxed | None = None
        for k in range(rounds):
            solution = run_lp(model, 8.0)
            if solution.x is None:
                return None if solution.infeasible else result
            x, co2 = solution.x, self.co2_prices(solution)
            duals = solution.row_dual[base:]
            # Lazily add what the LP's point violates before any block is solved.
            violated = np.setdiff1d(
                np.flatnonzero(pool.slack(x) < -VIOLATED * pool.scale(x)), active
            )
            result = Relaxed(
                x, solution.value, x if center is None else center, estimate, co2,
                active[np.abs(duals) > 1e-9],
            )  # fmt: skip
            if on_round is not None:
                on_round(k, solution.value, estimate)
            if lazy:
                # Only the cuts that are known: again until none is violated.
                if not len(violated):
                    break
            elif not len(violated) or k % 2:
                near = np.isfinite(estimate) and (
                    estimate - solution.value <= tolerance * abs(estimate)
                )
                if near and (not serve or short <= SHORT_MW):
                    break
                if time.monotonic() > deadline or self.should_stop():
                    break
                # Halfway to a poor centre would only halve what is missing: go to the LP's point.
                poor = not np.isfinite(estimate) or (
                    estimate - solution.value > 0.3 * abs(estimate)
                )
                try_x = x if center is None or poor else 0.5 * (x + center)
                try_co2 = co2 if center_co2 is None or poor else {
                    g: 0.5 * (co2[g] + center_co2[g]) for g in co2
                }  # fmt: skip
                short = self.require_adequacy(x)
                value, outcomes = self.evaluate(try_x, try_co2)
                self.learn(outcomes, x)
                if value < estimate or center_co2 is None:
                    center, estimate, center_co2 = try_x, value, try_co2
                slack = pool.slack(x)
                violated = np.setdiff1d(np.flatnonzero(slack < -VIOLATED * pool.scale(x)), active)
                if not len(violated):
                    # The middle gave nothing new: ask at the LP's own point.
                    value, more = self.evaluate(x, co2)
                    if value < estimate:
                        center, estimate, center_co2 = x, value, co2
                    self.learn(more)
                    slack = pool.slack(x)
                    violated = np.setdiff1d(
                        np.flatnonzero(slack < -VIOLATED * pool.scale(x)), active
                    )
                    if not len(violated):
                        break
            slack_active = pool.slack(x, active)
            idle = np.where((np.abs(duals) < 1e-9) & (slack_active > VIOLATED), idle + 1, 0)
            drop = np.flatnonzero(idle >= IDLE_ROUNDS)
            if len(drop) > 200:
                model.deleteRows(len(drop), (base + drop).astype(np.int32))
                keep = np.ones(len(active), dtype=bool)
                keep[drop] = False
                active, idle = active[keep], idle[keep]
            if len(violated):
                added = pool.matrix(violated)
                model.addRows(
                    len(violated), np.zeros(len(violated)), np.full(len(violated), INFINITY),
                    added.nnz, added.indptr[:-1].astype(np.int32),
                    added.indices.astype(np.int32), added.data,
                )  # fmt: skip
                active = np.append(active, violated)
                idle = np.append(idle, np.zeros(len(violated), dtype=int))
        if result is not None and center is not None:
            result.center, result.estimate = center, estimate
        return result

    def sized_for_more(
        self, lower: np.ndarray, upper: np.ndarray, cuts: np.ndarray, margin: float
    ) -> np.ndarray | None:
        """A point whose sizes would serve load x (1 + margin), as far as the cuts know.

        The load links' coefficients in the cuts are scaled; planning rows are as they are.
        """
        arrays, active = self.arrays, cuts
        scale = np.ones(arrays.count)
        scale[self.load_columns] = 1.0 + margin
        for _ in range(30):
            known = sp.csr_matrix(self.pool.matrix(active) @ sp.diags(scale))
            model = make_model(
                arrays.cost, lower, upper, sp.vstack([arrays.matrix, known]),
                np.append(arrays.row_lower, np.zeros(len(active))),
                np.append(arrays.row_upper, np.full(len(active), INFINITY)),
            )  # fmt: skip
            solution = run_lp(model, 20.0)
            if solution.x is None:
                return None
            slack = self.pool.slack(solution.x * scale)
            violated = np.flatnonzero(slack < -1e-5 * self.pool.scale(solution.x))
            new = np.setdiff1d(violated, active)
            if not len(new):
                break
            active = np.append(active, new)
        return solution.x

    # -- integers -------------------------------------------------------------------------

    def thin(self, points: Iterable[np.ndarray], relaxed: Relaxed | None = None) -> np.ndarray:
        """Few cuts that matter: with a dual, or tight at a point where its block carries load."""
        chosen = [] if relaxed is None else [relaxed.tight]
        for x in points:
            lifted = self.pool.tight_values(x)
            tight = self.pool.slack(lifted) < 1e-4 * self.pool.scale(lifted)
            chosen.append(np.flatnonzero(tight & self.pool.active_load(x, self.load_columns)))
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
