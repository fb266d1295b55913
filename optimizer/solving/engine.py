"""From a case to a plan with a proven bound: the order of the solving steps.

1. the planning model relaxed, with cuts from hourly blocks -> first bound;
2. the mixed-integer model with these cuts -> bound, and a plan;
3. that plan with its halls fixed: whole units, then sizes found in many rounds, its true cost
   over all hours; 2 and 3 again with the cuts learnt until the gap is closed or time is up.
Before the second pass of 2 all sites are explored as if each were well used. The best *true*
plan is kept: plans of step 2 exploit cuts that are still too low.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import scipy.sparse as sp

from optimizer.errors import NoPlanError, OptimizerError
from optimizer.model.build import Planning, build
from optimizer.preparing.case import Case
from optimizer.settings import OnProgress, RunOptions, ShouldStop
from optimizer.solving import explain, extract
from optimizer.solving.checkpoint import State
from optimizer.solving.highs import run_lp
from optimizer.solving.learning import Learning
from optimizer.solving.master import Master, Relaxed, posed
from optimizer.solving.memory import Memory
from optimizer.solving.oracles import BlockOracle
from optimizer.solving.planning_arrays import DISCRETE, KINDS, PlanningArrays, less, to_arrays
from optimizer.solving.run import Run
from optimizer.solving.truth import Truth, quotas, true_cost
from optimizer.solving.why import time_for, why_this

ALL = KINDS
FEW_INTEGERS = 400
FIRST_ROUNDS, MORE_ROUNDS, SMALL_ROUNDS, EXPLORE_ROUNDS, REFIT_ROUNDS = 6, 3, 12, 6, 30
FIRST_GAP = 0.01
"""Gap of the first mixed-integer solve of a large case: a plan is wanted soon."""
MIP_ROUNDS, REFITS, MENDS = 4, 3, 10
PATIENCE = 25
POLISH_ROUNDS, POLISH_SECONDS = 15, 60.0
NOTHING_MWH = 1e-3
"""Unserved energy of a pass without load that counts as none."""
SITES_INTEGERS, SITES_ROUNDS, SITES_SECONDS, SITES_MIP_SECONDS = 400, 3, 30.0, 10.0
"""Plans are sought with the sites of a bound's plan if these have so few integers; how many, and
seconds for all and for each program."""
BOUND_SHARE = 0.2
"""How closely the mixed-integer bound is asked, as a share of the gap that is open."""
SURE = 1e-9
"""By how much more than asked a bound is proven, as a share, so that rounding does not matter."""
LITTLE = 0.1
"""Gain as a share of the gap that is too little to ask the same again."""
NEAR_ENOUGH = 0.02
"""Share by which what a plan lacks may be understated while it is mended."""


@dataclass(eq=False)
class Incumbent:
    """The best plan so far: its point and its true cost [k$]."""

    x: np.ndarray
    truth: Truth


@dataclass(frozen=True, eq=False)
class Given:
    """What is known before some sites of a larger case are solved by themselves.

    Parameters
    ----------
    oracle : of the whole case
    cuts : (site, period, coefficients, whether of cost)
    used : what other sites take of joint rows by (constraint, index)
    """

    oracle: BlockOracle
    cuts: Iterable[tuple[str, int, np.ndarray, bool]]
    used: Mapping[tuple[str, Hashable], float]


class Engine(Run):
    """One decomposition solve over one planning model; holds clock, bound and best plan."""

    def __init__(
        self,
        case: Case,
        options: RunOptions,
        on_progress: OnProgress | None = None,
        should_stop: ShouldStop | None = None,
        given: Given | None = None,
    ) -> None:
        super().__init__(case, options, on_progress, should_stop)
        self.best: Incumbent | None = None
        self.trusted = True  # whether the best plan is near enough to begin a search from
        self.relaxed: Relaxed | None = None
        self.keep = np.empty(0, dtype=int)
        self.known_sites: set[bytes] = set()  # selections of sites that a plan was sought for
        self.seeded = 0
        self.planning: Planning = build(case)
        self.arrays: PlanningArrays = to_arrays(self.planning)
        if given is None:
            self.oracle = make_oracle(case, options, self.gap)
        else:
            self.oracle = given.oracle
            self.arrays = less(self.arrays, given.used)
        self.known = Learning(case, self.arrays, self.oracle)
        self.given = given
        self.master = Master(case, self.arrays, self.known, self.gap, self.stopping)
        self.note(f"planning model: {self.arrays.matrix.shape[0]} rows, {self.arrays.count} "
                  f"columns, {int(self.arrays.integer.sum())} whole")  # fmt: skip

    @property
    def small(self) -> bool:
        """Whether the integers are few enough for the mixed-integer bound to be quick."""
        return int(self.arrays.integer.sum()) <= FEW_INTEGERS

    @property
    def enough(self) -> float:
        """The bound that proves the asked gap of the best plan [k$]."""
        if not np.isfinite(self.total):
            return np.inf
        return self.total - (self.gap - SURE) * abs(self.total)

    @property
    def cuts(self) -> int:
        """Cuts known so far."""
        return len(self.known.pool)

    def size(self) -> dict[str, int]:
        """Rows, columns, nonzeros and integers of the planning model."""
        matrix = self.arrays.matrix
        return {
            "rows": int(matrix.shape[0]),
            "columns": self.arrays.count,
            "nonzeros": int(matrix.nnz),
            "integers": int(self.arrays.integer.sum()),
        }

    def no_plan(self) -> OptimizerError:
        """Why there is no plan, told within the time that is left."""
        if self.given is not None:
            # With another share of what all share there may be one: no reason to look for why.
            return NoPlanError("these sites with their share of the deadlines have no plan")
        return explain.no_plan(
            self.planning, self.arrays, self.known.pool, seconds=self.left,
            threads=self.options.threads,
        )  # fmt: skip

    # -- steps --------------------------------------------------------------------------

    def relax(self, rounds: int) -> Relaxed:
        """Bound and prices from the continuous relaxation."""
        before = self.relaxed
        done = self.master.relax(
            self.arrays, rounds=rounds,
            tolerance=max(0.3 * self.gap, 1e-9),
            deadline=self.started + 0.3 * self.limit,
            start=None if before is None else before.center,
            cuts=self._first_cuts() if before is None else before.tight,
            on_round=self._relax_round,
        )  # fmt: skip
        if done is None:
            raise self.no_plan()
        self.raise_bound(done.bound)
        self.relaxed = done
        self.keep = np.union1d(self.keep, self.master.thin([done.x, done.center], done))
        self.tell("relaxation")
        return done

    def _first_cuts(self) -> np.ndarray | None:
        """All cuts, or those that a run before has found to matter."""
        return self.keep if len(self.keep) else None

    def relax_more(self) -> None:
        """Some more rounds of the relaxation, of which whole plans learn too."""
        self.relax(MORE_ROUNDS)

    def small_sites(self, plan: np.ndarray) -> PlanningArrays | None:
        """The planning arrays with the sites of a plan; None if it is no quick program, or no news.

        The groups of a larger case do without: they have little time.
        """
        if self.small or self.given is not None or self._sites(plan) in self.known_sites:
            return None
        arrays = self.master.fixed(plan, ("open",))
        form = self.master.reduced(arrays)
        few = form is not None and int((form.kind >= 0).sum()) <= SITES_INTEGERS
        return arrays if few else None

    def at_its_sites(self, plan: np.ndarray, arrays: PlanningArrays) -> None:
        """Better plans with the sites of this one, opened when it opens them.

        The bound's plan exploits what is not yet known of its blocks. Once it is known, other
        halls and units at the same sites are better: with all other sites closed they are found
        in a moment, and few blocks are asked.
        """
        self.known_sites.add(self._sites(plan))
        master, end = self.master, time.monotonic() + SITES_SECONDS
        for _ in range(SITES_ROUNDS):
            seconds = min(SITES_MIP_SECONDS, end - time.monotonic(), self.left)
            if seconds <= 0 or self.stopping() or self.gap_now() <= self.gap:
                break
            found = master.mip(ALL, self.keep, seconds, arrays=arrays, gap=LITTLE * self.gap)
            worth = self.total - found.bound
            if found.x is None or worth < LITTLE * self.gap * abs(self.total):
                break
            self.keep = np.union1d(self.keep, master.pool.worst(found.x, 1))
            self.refit(found.x, REFIT_ROUNDS, end - time.monotonic())

    def _sites(self, x: np.ndarray) -> bytes:
        """Which sites a plan opens, to be compared."""
        opened = self.arrays.kind == KINDS.index("open")
        return bytes(np.round(x[opened]).astype(np.uint8))

    def _relax_round(self, number: int, value: float, estimate: float) -> None:
        self.raise_bound(value)
        if number % 4 == 0:
            self.tell("relaxation")

    def bound_plan(
        self, seconds: float, meanwhile: Callable[[], object] | None
    ) -> np.ndarray | None:
        """The mixed-integer bound over all sites; its plan if there is one.

        More is learnt beside the first solve (``meanwhile``). Solved again with the cuts of the
        pool that its plan violates most, few at a time.
        """
        master, plan = self.master, None
        # Whole units cost little and slow the bound: they are relaxed unless the case is small.
        kinds = ALL if self.small or self.gap_now() < 0.5 * self.gap else DISCRETE
        end = time.monotonic() + seconds
        early = (self.best is None or not self.trusted) and not self.small
        open_gap = self.gap if self.small else max(self.gap, self.gap_now())
        for number in range(MIP_ROUNDS):
            known = self.best if self.trusted else None
            start = master.valued(known.x, self.keep) if known else None
            found = master.mip(
                kinds, self.keep, min(end - time.monotonic(), self.left), start=start,
                gap=FIRST_GAP if early else min(FIRST_GAP, BOUND_SHARE * open_gap),
                enough=self.enough,
                meanwhile=None if number else meanwhile,
            )  # fmt: skip
            gain = found.bound - self.bound
            self.raise_bound(found.bound)
            if found.infeasible:
                raise self.no_plan()
            plan = found.x if found.x is not None else plan
            if plan is None or self.gap_now() <= self.gap or self.stopping():
                break
            new = np.setdiff1d(master.pool.worst(plan, 1), self.keep)
            near = min(1e-3, 0.1 * self.gap)
            far = master.pool.slack(plan, new) < -near * master.pool.scale(plan)[new]
            self.keep = np.union1d(self.keep, new)
            # What is learnt at sites that are new is worth more than the same asked again.
            little = number > 0 and gain < LITTLE * self.gap * abs(found.bound)
            learnt = early or little or self.small_sites(plan) is not None
            if learnt or not far.any() or end - time.monotonic() < 0.3 * seconds:
                break
        self.tell("bound")
        return plan

    def refit(self, x: np.ndarray, rounds: int, seconds: float) -> None:
        """Openings and halls fixed: whole units, then sizes in many rounds, then true cost."""
        end = time.monotonic() + seconds
        master, tolerance = self.master, max(0.1 * self.gap, 1e-9)
        if (self.arrays.kind == ALL.index("units")).any():
            whole = master.mip(
                ALL, self.keep, min(10.0, 0.2 * seconds), arrays=master.fixed(x, DISCRETE),
                gap=min(0.002, 0.1 * self.gap), effort=0.1,
            )  # fmt: skip
            if whole.x is None:
                return
            x = whole.x
        fixed, cuts, start = master.fixed(x, ALL), self.keep, x
        # A plan that is hardly better than the best is not worth the rounds.
        cutoff = np.inf
        if self.best is not None and not self.small:
            cutoff = self.best.truth.total * (1 - 0.25 * min(self.gap, self.gap_now() - self.gap))
        for _ in range(REFITS):
            sized = master.relax(
                fixed, rounds=rounds, tolerance=tolerance, start=start, cuts=cuts,
                deadline=end, serve=True, cutoff=cutoff,
            )  # fmt: skip
            if sized is None:
                return
            cuts = np.union1d(cuts, sized.tight)
            if sized.bound > cutoff:
                break
            true = min(self.consider(y) for y in (sized.x, sized.center))
            self.note(f"refit: model {sized.bound / 1e3:,.1f} true {true / 1e3:,.1f}")
            near = true - sized.bound <= 2 * tolerance * abs(true)
            if near or self.gap_now() <= self.gap or time.monotonic() > end:
                break
            start = sized.center
        self.keep = np.union1d(self.keep, cuts)
        self.tell("plan")

    def judge(self, x: np.ndarray) -> Incumbent | None:
        """Mend a plan whose integers are whole and cost it; None if load stays unserved."""
        guess = self.relaxed.co2_price if self.relaxed else {}
        x, truth = self.serve(x, guess, tolerance=min(1e-4, 0.01 * self.gap))
        if self._unserved(x, truth):
            self.note("a plan was dropped: it cannot serve what its deadlines demand")
            return None
        return Incumbent(quotas(self.case, self.arrays, truth, x), truth)

    def consider(self, x: np.ndarray) -> float:
        """Judge a plan and keep it if it is the best; its true cost."""
        judged = self.judge(x)
        if judged is None:
            return np.inf
        if judged.truth.total < self.total and self.holds(judged.x):
            self.best, self.total, self.trusted = judged, judged.truth.total, True
        return judged.truth.total

    def improve(
        self, seconds: float, rounds: int, meanwhile: Callable[[], object] | None = None
    ) -> None:
        """The mixed-integer bound over all sites, then a refit of its plan."""
        plan = self.bound_plan(seconds, meanwhile)
        if plan is None or self.stopping() or self.gap_now() <= self.gap:
            return
        arrays = self.small_sites(plan)
        if arrays is None:
            self.refit(plan, rounds, min(1.5 * seconds, self.left))
        else:
            self.at_its_sites(plan, arrays)
        if self.best is not None:
            self.keep = np.union1d(self.keep, self.master.thin([self.best.x]))

    def seed(self) -> None:
        """The cuts that are known before any plan asks; once."""
        if self.seeded:
            return
        if self.resumed is not None:
            self._restore(self.resumed)
        elif self.given is None:
            self.known.seed()
            self.known.seed_mixes()
        else:
            for site, period, row, cost in self.given.cuts:
                self.known.pool.add(site, period, row, cost=cost)
        self.seeded = self.cuts
        self.tell("seed")

    def state(self) -> State:
        """Cuts, bound and best plan."""
        block, rows, costs = self.known.pool.stored()
        return {
            "block": block, "rows": rows, "costs": costs, "keep": self.keep,
            "bound": np.array(self.bound),
            "plan": np.empty(0) if self.best is None else self.best.x,
        }  # fmt: skip

    def _restore(self, state: State) -> None:
        self.known.pool.restore(state["block"], state["rows"], state["costs"])
        self.keep = state["keep"].astype(int)
        self.raise_bound(float(state["bound"]))
        if len(state["plan"]):
            self.consider(state["plan"])
            self.note("the plan and the cuts of the run before are taken up")

    def again(self) -> None:
        """A better plan than the one that is known, without a proof."""
        self.relax(FIRST_ROUNDS)
        while self.gap_now() > self.gap and not self.stopping():
            before = self.total
            self.improve(max(5.0, 0.4 * self.left), REFIT_ROUNDS)
            if self.total >= before - 1e-5 * abs(before):
                break

    def search(self, patience: int = PATIENCE) -> str:
        """Run the steps; returns why the search ended.

        After ``patience`` passes that change neither bound nor plan there is no more to hope.
        """
        self.seed()
        relaxed = self.relax(SMALL_ROUNDS if self.small else FIRST_ROUNDS)
        # A part of a larger case has little time, and most of it is for its plan.
        share = 0.1 if self.given is None else 0.3
        seconds = min(60.0, max(2.0, share * self.limit))
        if not self.small and self.gap_now() > self.gap:
            self.improve(0.5 * seconds, FIRST_ROUNDS)
            if self.gap_now() > self.gap and not self.stopping():
                # Half of the time that all before it took: the later rounds teach little.
                now = time.monotonic()
                deadline = min(self.started + 0.3 * self.limit, now + 0.5 * (now - self.started))
                self.master.explore(relaxed, EXPLORE_ROUNDS, deadline)
                self.tell("explore")
                self.relax(MORE_ROUNDS)
        stalled = 0
        while self.gap_now() > self.gap:
            if self.stopping():
                return "interrupted" if self.interrupted else "time_limit"
            state = (self.bound, self.total)
            self.improve(seconds, REFIT_ROUNDS, None if self.small else self.relax_more)
            near = 1e-5 * abs(self.total) if patience < PATIENCE else 0.0
            same = self.bound <= state[0] + near and self.total >= state[1] - near
            stalled = stalled + 1 if same else 0
            if stalled >= patience:
                return "exhausted"
        return "gap"

    # -- the end --------------------------------------------------------------------------

    def polish(self) -> None:
        """Sizes and load of a large case's best plan once more, more closely than the gap asks.

        What was mended in haste, a few MW that wait, would look odd in a plan.
        """
        if self.small or self.best is None or self.stopping():
            return
        sized = self.master.relax(
            self.master.fixed(self.best.x, ALL), rounds=POLISH_ROUNDS, tolerance=0.01 * self.gap,
            start=self.best.x, cuts=self.keep, serve=True,
            deadline=time.monotonic() + min(POLISH_SECONDS, self.left),
        )  # fmt: skip
        if sized is not None:
            for x in (sized.x, sized.center):
                self.consider(x)
            self.tell("polish")

    def bound_again(self) -> float:
        """The relaxation with the stored cuts, solved from scratch [k$].

        It is below the mixed-integer bound, of which only a tree of branches would be a proof.
        """
        form = self.master.reduced(self.arrays)
        if form is None:
            return -np.inf
        return run_lp(posed(form, self.known.pool, self.keep), 60.0).bound

    def other_cost(self, final: Incumbent) -> float:
        """Proven bound of all cost but delay among plans with no more delay than this one [k$].

        The planning model with the cuts that are known, delay as a limit instead of a cost.
        """
        arrays = self.arrays
        most = float(arrays.delay @ final.x)
        variant = replace(
            arrays,
            cost=arrays.cost - arrays.delay,
            matrix=sp.vstack([arrays.matrix, sp.csr_matrix(arrays.delay)], format="csr"),
            row_lower=np.append(arrays.row_lower, -np.inf),
            row_upper=np.append(arrays.row_upper, most + 1e-6 * abs(most)),
            row_owner=[*arrays.row_owner, "delay_as_of_plan"],
            row_index=[*arrays.row_index, None],
        )
        seconds = max(5.0, min(60.0, 0.1 * self.limit))
        found = self.master.mip(DISCRETE, self.keep, seconds, arrays=variant, gap=0.002)
        # No other plan with this delay costs less than the bound of all cost allows.
        return max(found.bound, self.bound - most)

    def settle(self) -> Incumbent:
        """The best plan without solver noise, with dispatch, and with nothing unserved."""
        assert self.best is not None
        self.oracle.tolerate(max(1e-9, 1e-5 * self.gap))
        x, truth = self.serve(
            self.best.x, dict(self.best.truth.co2_price), tolerance=1e-7, keep_dispatch=True
        )
        return Incumbent(x, truth)

    def why(self, final: Incumbent) -> dict[str, pd.DataFrame]:
        """Tables that say why it is this plan; a bug there does not cost the plan."""
        begun = time.monotonic()
        seconds = time_for(self.seconds, self.limit - self.seconds, self.options.why_time_s)
        try:
            return why_this(
                self.planning, self.arrays, self.known, final.x, final.truth, self.serve,
                bound=self.bound, seconds=seconds, should_stop=self._asked_to_stop,
            )  # fmt: skip
        except Exception as bug:
            self.note(f"why: not told, {type(bug).__name__}: {bug}")
            return {}
        finally:
            self.report.timing["why"] = time.monotonic() - begun

    def serve(
        self, x: np.ndarray, guess: dict[str, float], *, tolerance: float,
        keep_dispatch: bool = False,
    ) -> tuple[np.ndarray, Truth]:  # fmt: skip
        """Mend what a plan leaves unserved: a little less load where it is short."""
        x = extract.cleaned(self.planning, self.arrays, x)
        shaved = 0.0
        for _ in range(MENDS):
            short = self.known.missing(x, near=NEAR_ENOUGH)
            if not short:
                break
            shaved += sum(short.values())
            x = self._shave(x, {block: 1.02 * mw for block, mw in short.items()})
        for k in range(MENDS):
            truth = true_cost(
                self.case, self.arrays, self.oracle, x, guess, tolerance=tolerance,
                keep_dispatch=keep_dispatch,
            )  # fmt: skip
            self.known.learn(truth.outcomes)
            short = self._unserved(x, truth)
            if not short or k == MENDS - 1:
                break
            # Served in every block, but not within the CO2 caps of all together.
            shaved += sum(short.values())
            x = self._shave(x, {block: 1.05 * mw for block, mw in short.items()})
        if shaved:
            self.note(f"place {shaved:.6f} MW-periods less where energy is short")
        return x, truth

    def holds(self, x: np.ndarray) -> bool:
        """Whether all planning rows and bounds hold."""
        arrays = self.arrays
        rows = arrays.matrix @ x
        near = 1e-7 * (1 + np.abs(rows))
        holds = (rows >= arrays.row_lower - near) & (rows <= arrays.row_upper + near)
        near = 1e-7 * (1 + np.abs(x))
        bounds = (x >= arrays.lower - near) & (x <= arrays.upper + near)
        return bool(holds.all() and bounds.all())

    def _unserved(self, x: np.ndarray, truth: Truth) -> dict[tuple[str, int], float]:
        """Blocks with more unserved energy than allowed: IT MW by which load must fall."""
        short = {}
        for (site, p), operated in truth.operating.items():
            hours = self.oracle.shape(site, p).hours
            need = self.case.sites[site].pue[hours]
            allowed = max(self.case.allowed_unserved_share, 2e-7)
            placed = x[self.arrays.link[site][: len(self.case.workloads), p]]
            loads = [float((need * w.load[hours]).sum()) for w in self.case.workloads.values()]
            energy = float(np.dot(loads, placed))
            if energy > 0 and operated.unserved > allowed * energy:
                short[site, p] = operated.unserved / energy * float(placed.sum())
            elif energy <= 0 and operated.unserved > NOTHING_MWH:
                # Clean energy that is owed to others and that no plant makes.
                short[site, p] = operated.unserved / len(need)
        return short

    def _shave(self, x: np.ndarray, short: dict[tuple[str, int], float]) -> np.ndarray:
        """Place a little less where energy is short, and owe less clean energy; the rest waits."""
        y, model = x.copy(), self.planning.model
        place = {id(v): k for k, v in enumerate(self.arrays.variables)}
        for (site, p), mw in short.items():
            gwh = 1e-3 * mw * len(self.case.periods[p].hours)
            owed = model.site[site].component("owed_gwh") or {}
            for c in (place[id(v)] for (_, at), v in owed.items() if at == p):
                y[c] = max(0.0, y[c] - gwh)
            columns = [place[id(v)] for k, v in model.site[site].place.items() if k[2] == p]
            total = float(sum(y[c] for c in columns))
            for c in columns:
                y[c] *= max(0.0, 1.0 - mw / total) if total > 0 else 0.0
        return extract.cleaned(self.planning, self.arrays, y)


def make_oracle(case: Case, options: RunOptions, gap: float) -> BlockOracle:
    """The operating blocks of a case, as closely as the gap asks."""
    return BlockOracle(
        case, options.threads, min(1e-7, max(1e-9, gap * 1e-2)), proof=max(1e-9, 5e-3 * gap),
        memory=Memory(options.memory_limit_mb),
    )  # fmt: skip
