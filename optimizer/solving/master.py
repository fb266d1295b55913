"""The planning model with cuts: linear relaxation by in-out rounds, and mixed-integer solves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import highspy
import numpy as np
import scipy.sparse as sp

from optimizer.model.blocks import links
from optimizer.preparing.case import Case
from optimizer.solving.cuts import VIOLATED, CutPool
from optimizer.solving.highs import INFINITY, Solution, make_model, run_lp, run_mip
from optimizer.solving.learning import Learning
from optimizer.solving.planning_arrays import JOINT, KINDS, PlanningArrays
from optimizer.solving.presolve import Reduced, reduce
from optimizer.solving.truth import links_of

IDLE_ROUNDS = 6
SERVE_MARGIN, MOST_MARGIN, NEXT_SHORT = 0.02, 0.1, 0.7
"""By how much adequacy cuts ask for more while a plan's sizes are sought: at least this share
of the gap, at most this share of load, else this share of what was short at the last point."""
SERVED_SHORT = 2e-4
"""Share of load that may be missing when sizes count as found; what remains is mended."""
WAIT_SHORT, MOST_WAITS = 0.02, 3
"""While more than this share of load is missing, costs are asked only after so many rounds."""
LAZY_ROUNDS = 2
EXPLORE_WORTH = 1.25
"""Worth of placed load while sites are explored, as a multiple of its dual."""
ASKED_NEAR, EXPLORE_NEAR = 0.1, 0.01
"""How closely blocks are asked, as a share of the rounds' tolerance; and when all sites are explored."""
MOST_IDLE = 200
WORST = 2
"""Violated cuts of a block and kind that enter the LP at a time."""


@dataclass(eq=False)
class Relaxed:
    """Result of in-out rounds [k$].

    ``x`` is the last point of the cut model, ``bound`` its value, ``center`` the best point
    tried with estimated value ``estimate``; ``co2_price`` of each capped group;
    ``row_dual`` of the planning rows.
    """

    x: np.ndarray
    bound: float
    center: np.ndarray
    estimate: float
    co2_price: dict[str, float]
    tight: np.ndarray
    row_dual: np.ndarray


def posed(
    form: Reduced, pool: CutPool, which: np.ndarray, whole: np.ndarray | None = None,
    margin: np.ndarray | None = None, *, slack: float = 0.0, **options: object,
) -> highspy.Highs:  # fmt: skip
    """The planning rows and the chosen cuts, as a model of HiGHS."""
    matrix = form.matrix
    low, high = form.row_lower - slack, form.row_upper + slack
    if len(which):
        rows, sides = form.cuts(pool.matrix(which, margin))
        matrix = sp.vstack([matrix, rows], format="csr")
        low = np.append(low, sides - slack)
        high = np.append(high, np.full(len(which), INFINITY))
    model = make_model(form.cost, form.lower, form.upper, matrix, low, high, whole, **options)
    model.changeObjectiveOffset(form.constant)
    return model


NO_POINT = Solution(None, INFINITY, -INFINITY, np.empty(0), "infeasible by bounds", False, True)


class _LazyLP:
    """The continuous planning model with the cuts of the pool that matter at its point.

    ``margin`` is the share of each block's load by which adequacy cuts ask for more.
    """

    def __init__(
        self, pool: CutPool, arrays: PlanningArrays, form: Reduced | None,
        cuts: np.ndarray | None,
    ) -> None:  # fmt: skip
        self.pool, self.arrays, self.form = pool, arrays, form
        self.active = np.arange(len(self.pool)) if cuts is None else cuts
        self.first = arrays.matrix.shape[0]
        self.margin: np.ndarray | None = None
        self._load()

    def _load(self) -> None:
        self.idle = np.zeros(len(self.active), dtype=int)
        self.tight = self.active
        if self.form is not None:
            self.model = posed(self.form, self.pool, self.active, margin=self.margin)

    def ask_for_more(self, margin: np.ndarray | None) -> None:
        """Another margin, or none; the LP is built again with the cuts that matter."""
        self.margin = margin
        self._load()

    def solve(self) -> Solution:
        """The optimum over all known cuts: solved again until few are violated."""
        if self.form is None:
            return NO_POINT
        for number in range(LAZY_ROUNDS):
            solution = self.form.solution(run_lp(self.model, 8.0))
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
        assert self.form is not None
        violated = np.setdiff1d(self.pool.worst(x, WORST, self.margin), self.active)
        drop = np.flatnonzero(self.idle >= IDLE_ROUNDS)
        if len(drop) > MOST_IDLE:
            first = len(self.form.rows)
            self.model.deleteRows(len(drop), (first + drop).astype(np.int32))
            keep = np.ones(len(self.active), dtype=bool)
            keep[drop] = False
            self.active, self.idle = self.active[keep], self.idle[keep]
        if len(violated):
            added, sides = self.form.cuts(self.pool.matrix(violated, self.margin))
            self.model.addRows(
                len(violated), sides, np.full(len(violated), INFINITY),
                added.nnz, added.indptr[:-1].astype(np.int32),
                added.indices.astype(np.int32), added.data,
            )  # fmt: skip
            self.active = np.append(self.active, violated)
            self.idle = np.append(self.idle, np.zeros(len(violated), dtype=int))
        return len(violated) > 0


class Master:
    """The planning model with cuts: its continuous relaxation and its mixed-integer program."""

    def __init__(
        self,
        case: Case,
        arrays: PlanningArrays,
        known: Learning,
        gap: float,
        should_stop: Callable[[], bool],
    ) -> None:
        self.case, self.arrays, self.known, self.gap = case, arrays, known, gap
        self._form: Reduced | None = None
        self.pool, self.should_stop = known.pool, should_stop

    def co2_prices(self, solution: Solution) -> dict[str, float]:
        """Multiplier of each group's cap [k$/t, discounted] from row duals."""
        return {
            group: max(0.0, -float(solution.row_dual[row])) / 1000.0
            for group, row in self.arrays.co2_row.items()
        }

    def reduced(self, arrays: PlanningArrays) -> Reduced | None:
        """The arrays made smaller; those of the whole model are kept."""
        if arrays is not self.arrays:
            return reduce(arrays)
        if self._form is None:
            self._form = reduce(arrays)
        return self._form

    # -- linear relaxation --------------------------------------------------------------

    def relax(
        self,
        arrays: PlanningArrays,
        *,
        rounds: int,
        tolerance: float,
        deadline: float,
        start: np.ndarray | None = None,
        cuts: np.ndarray | None = None,
        serve: bool = False,
        cutoff: float = INFINITY,
        co2: dict[str, float] | None = None,
        near: float | None = None,
        on_round: Callable[[int, float, float], None] | None = None,
    ) -> Relaxed | None:
        """In-out rounds on the continuous relaxation of (a variant of) the planning arrays.

        A round solves the LP with the known cuts that matter, asks all blocks at the LP's
        point what they cannot serve, and halfway between it and the best point so far what
        they cost, and adds cuts. CO2 is priced at the LP's dual, or as given. With ``serve`` a
        plan is sought: a little more than the load must be served, and rounds go on until it
        is. They end early when the LP costs more than ``cutoff``. Blocks are asked as closely as
        the tolerance needs, or to the share ``near``. None if the rows are infeasible.
        """
        near = ASKED_NEAR * tolerance if near is None else near
        lp = _LazyLP(self.pool, arrays, self.reduced(arrays), cuts)
        fixed_co2, known = co2, self.known
        center, estimate = start, np.inf
        center_co2: dict[str, float] | None = None
        result: Relaxed | None = None
        waited = 0
        for number in range(rounds):
            solution = lp.solve()
            if solution.infeasible and lp.margin is not None:
                # More than the load cannot be served by its deadlines; the load itself may be.
                lp.ask_for_more(None)
                solution = lp.solve()
            if solution.x is None:
                return None if solution.infeasible else result
            x = solution.x
            co2 = self.co2_prices(solution) if fixed_co2 is None else fixed_co2
            result = Relaxed(
                x, solution.bound, x if center is None else center, estimate, co2, lp.tight,
                solution.row_dual[: arrays.matrix.shape[0]],
            )  # fmt: skip
            if on_round is not None:
                on_round(number, solution.bound, estimate)
            if time.monotonic() > deadline or self.should_stop() or solution.bound > cutoff:
                break
            missing = known.missing(x)
            short, load = sum(missing.values()), float(x[known.load_columns].sum())
            if serve:
                lp.ask_for_more(self._margins(x, missing))
            if serve and short > WAIT_SHORT * load and waited < MOST_WAITS:
                # What blocks cost says little while the point is far from served.
                waited += 1
                lp.extend(x)
                continue
            waited = 0
            done = np.isfinite(estimate) and (
                estimate - solution.value <= tolerance * abs(estimate)
            )
            if done and (not serve or short <= SERVED_SHORT * load):
                break
            # Halfway to a poor centre would only halve what is missing: go to the LP's point.
            poor = not np.isfinite(estimate) or estimate - solution.value > 0.3 * abs(estimate)
            try_x, try_co2, alone = x, co2, True
            if center is not None and center_co2 is not None and not poor:
                alone = False
                try_x = 0.5 * (x + center)
                try_co2 = {g: 0.5 * (co2[g] + center_co2[g]) for g in co2}
            value, news, over = known.evaluate(try_x, try_co2, arrays.cost, arrays.constant, near)
            known.learn(news, x)
            known.require_quotas(x, over)
            if value < estimate or center_co2 is None:
                center, estimate, center_co2 = try_x, value, try_co2
            if not lp.extend(x) and not alone:
                # The middle gave nothing new: ask at the LP's own point.
                value, news, over = known.evaluate(x, co2, arrays.cost, arrays.constant, near)
                if value < estimate:
                    center, estimate, center_co2 = x, value, co2
                known.learn(news)
                if not lp.extend(x):
                    break
        if result is not None and center is not None:
            result.center, result.estimate = center, estimate
        return result

    def explore(self, relaxed: Relaxed, rounds: int, deadline: float) -> None:
        """Learn what every site costs when it is well used, all sites in the same rounds.

        The joint rows are priced at their duals, placed load a little higher than it is worth
        to the relaxation, and every site is open: what is learnt of the sites that the
        relaxation leaves half empty is what the integer plan will ask.
        """
        arrays = self.arrays
        joint = np.array([owner in JOINT for owner in arrays.row_owner])
        dual = np.where(joint, relaxed.row_dual, 0.0)
        demand = np.array([owner == "demand_met" for owner in arrays.row_owner])
        dual[demand] *= EXPLORE_WORTH
        low, high = arrays.row_lower.copy(), arrays.row_upper.copy()
        low[joint], high[joint] = -INFINITY, INFINITY
        lower, upper = arrays.lower.copy(), arrays.upper.copy()
        opened = (arrays.kind == KINDS.index("open")) & (upper > 0)
        lower[opened] = 1.0
        variant = replace(
            arrays, cost=arrays.cost - arrays.matrix.T @ dual, row_lower=low, row_upper=high,
            lower=lower, upper=upper,
        )  # fmt: skip
        self.relax(
            variant, rounds=rounds, tolerance=1e-3, deadline=deadline, co2=relaxed.co2_price,
            cuts=relaxed.tight, near=EXPLORE_NEAR,
        )  # fmt: skip

    def _margins(self, x: np.ndarray, missing: dict[tuple[str, int], float]) -> np.ndarray:
        """What each block could not serve at x, as a share of its load by which to ask for more.

        The next point will be short in other hours by about as much.
        """
        least = SERVE_MARGIN * self.gap
        margin = np.full(self.pool.blocks, least)
        for (site, p), mw in missing.items():
            is_load = [n.startswith("it_mw:") for n in self.known.names[site]]
            load = float(links_of(self.arrays, x, site, p)[is_load].sum())
            share = NEXT_SHORT * mw / max(load, 1e-9)
            margin[self.pool.number(site, p)] = min(MOST_MARGIN, max(least, share))
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
        arrays: PlanningArrays | None = None,
        start: np.ndarray | None = None,
        gap: float = 0.002,
        enough: float = INFINITY,
        effort: float = 0.05,
        meanwhile: Callable[[], object] | None = None,
    ) -> Solution:
        """The planning MIP with these cuts; only columns of ``kinds`` are whole.

        It ends when its bound is ``enough`` [k$]. HiGHS runs on one thread; ``meanwhile`` runs
        beside it.
        """
        form = self.reduced(self.arrays if arrays is None else arrays)
        if form is None:
            return NO_POINT
        whole = np.isin(form.kind, [KINDS.index(k) for k in kinds])
        model = posed(
            form, self.pool, cuts, whole, mip_rel_gap=gap, mip_abs_gap=1e-6,
            mip_heuristic_effort=effort, random_seed=int(self.case.inputs.setting("seed")),
        )  # fmt: skip
        point = None if start is None else form.contract(start)
        if meanwhile is None:
            return form.solution(run_mip(model, whole, seconds, point, enough))
        with ThreadPoolExecutor(1) as beside:
            found = beside.submit(run_mip, model, whole, seconds, point, enough)
            meanwhile()
            return form.solution(found.result())

    def fixed(self, x: np.ndarray, kinds: tuple[str, ...]) -> PlanningArrays:
        """The planning arrays with the integers of these kinds fixed at x."""
        lower, upper = self.arrays.lower.copy(), self.arrays.upper.copy()
        chosen = np.isin(self.arrays.kind, [KINDS.index(k) for k in kinds])
        lower[chosen] = upper[chosen] = np.round(x[chosen])
        return replace(self.arrays, lower=lower, upper=upper)

    def valued(self, x: np.ndarray, which: np.ndarray) -> np.ndarray:
        """x as a start that the cut model accepts: quotas and operating costs re-optimised."""
        arrays = self.arrays
        lower, upper = x.copy(), x.copy()
        free = list(arrays.operating_columns)
        for site, names in self.known.names.items():
            for k, name in enumerate(names):
                if name in (links.CO2, links.WATER):
                    free += list(arrays.link[site][k])
        for v in ("co2_quota", "water_quota"):
            free += [
                k for k, var in enumerate(arrays.variables)
                if var.parent_component().local_name == v
            ]  # fmt: skip
        lower[free], upper[free] = arrays.lower[free], arrays.upper[free]
        form = reduce(replace(arrays, lower=lower, upper=upper))
        if form is None:
            return self.pool.tight_values(x)
        solution = form.solution(run_lp(posed(form, self.pool, which, slack=1e-6), 10.0))
        return self.pool.tight_values(x) if solution.x is None else solution.x
