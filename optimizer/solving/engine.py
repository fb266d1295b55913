"""From a case to a plan with a proven bound: the order of the solving steps.

1. the planning model relaxed, with cuts from hourly blocks (in-out rounds) -> first bound;
2. a plan, kind by kind: openings, halls, then sizes refitted, then whole units, refitted;
3. its true cost over all hours; 4. the mixed-integer bound; 2 to 4 again until the gap is
closed or time is up. The best *true* plan is kept: plans of the bound step exploit cuts that
are still too low.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from optimizer.errors import NoPlanError, StoppedError
from optimizer.model.build import Planning, build
from optimizer.preparing.case import Case
from optimizer.results.plan import Plan
from optimizer.settings import OnProgress, Progress, RunOptions, ShouldStop, SolveReport
from optimizer.solving import explain, extract
from optimizer.solving.highs import cancel_all
from optimizer.solving.master import Master, Relaxed
from optimizer.solving.oracles import BlockOracle
from optimizer.solving.planning_arrays import PlanningArrays, to_arrays
from optimizer.solving.truth import Truth, quotas, true_cost

DISCRETE = ("open", "permit", "connected", "halls")
ALL = (*DISCRETE, "units")
FINAL_SHARE = 0.08
"""Share of the time that is kept for the last evaluation with dispatch."""
FEW_INTEGERS = 400


@dataclass(eq=False)
class Incumbent:
    """The best plan so far: its point and its true cost [k$]."""

    x: np.ndarray
    truth: Truth


class Engine:
    """One decomposition solve; holds clock, bound and best plan."""

    def __init__(
        self,
        case: Case,
        options: RunOptions,
        on_progress: OnProgress | None,
        should_stop: ShouldStop | None,
    ) -> None:
        self.case, self.options, self.on_progress = case, options, on_progress
        self.started = time.monotonic()
        self._asked_to_stop = should_stop or (lambda: False)
        limit = options.time_limit_s
        self.limit = float(case.inputs.setting("time_limit_s")) if limit is None else limit
        gap = options.gap
        self.gap = float(case.inputs.setting("gap")) if gap is None else gap
        self.bound = -np.inf
        self.best: Incumbent | None = None
        self.report = SolveReport(engine="decomposition")
        self.phase = "build"
        self.relaxed: Relaxed | None = None
        self.keep = np.empty(0, dtype=int)
        self.planning: Planning = build(case)
        self.arrays: PlanningArrays = to_arrays(self.planning)
        self.oracle = BlockOracle(
            case,
            options.threads,
            min(1e-7, max(1e-9, self.gap * 1e-2)),
            proof=max(1e-9, 5e-3 * self.gap),
        )
        self.master = Master(case, self.arrays, self.oracle, self.stopping)
        self.note(f"planning model: {self.arrays.matrix.shape[0]} rows, {self.arrays.count} "
                  f"columns, {int(self.arrays.integer.sum())} whole")  # fmt: skip

    # -- clock and progress -------------------------------------------------------------

    @property
    def seconds(self) -> float:
        """Since the solve began [s]."""
        return time.monotonic() - self.started

    @property
    def small(self) -> bool:
        """Whether the integers are few enough for the mixed-integer bound to be quick."""
        return int(self.arrays.integer.sum()) <= FEW_INTEGERS

    @property
    def left(self) -> float:
        """Until the search must end [s]."""
        return self.limit * (1 - FINAL_SHARE) - self.seconds

    def stopping(self) -> bool:
        """Whether to end as soon as possible."""
        return self._asked_to_stop() or self.left <= 0

    def gap_now(self) -> float:
        """Proven relative gap."""
        if self.best is None or not np.isfinite(self.bound):
            return np.inf
        total = self.best.truth.total
        return (total - self.bound) / max(abs(total), 1e-9)

    def note(self, text: str) -> None:
        """A line of the log."""
        self.report.log.append(f"{self.seconds:8.1f} s  {text}")

    def tell(self, phase: str) -> None:
        """Report progress."""
        self.phase = phase
        best = np.inf if self.best is None else self.best.truth.total * 1e3
        line = Progress(self.seconds, phase, self.bound * 1e3, best, self.gap_now())
        self.report.progress.append(line)
        self.note(f"{phase}: bound {line.bound / 1e6:,.1f} best {best / 1e6:,.1f} M$ "
                  f"gap {line.gap:.2%} cuts {len(self.master.pool)}")  # fmt: skip
        if self.on_progress is not None:
            self.on_progress(line)

    def raise_bound(self, bound: float) -> None:
        """Keep the best proven bound."""
        if np.isfinite(bound):
            self.bound = max(self.bound, bound)

    # -- steps --------------------------------------------------------------------------

    def relax(self, rounds: int, share: float) -> Relaxed:
        """Bound and prices from the continuous relaxation."""
        done = self.master.relax(
            self.arrays.lower, self.arrays.upper, rounds=rounds,
            tolerance=max(0.3 * self.gap, 1e-9),
            deadline=self.started + share * self.limit,
            start=None if self.relaxed is None else self.relaxed.center,
            cuts=None if self.relaxed is None else self.relaxed.tight,
            on_round=self._relax_round,
        )  # fmt: skip
        if done is None:
            raise NoPlanError(explain.clash(self.planning, self.arrays))
        self.raise_bound(done.bound)
        self.relaxed = done
        self.tell("relaxation")
        return done

    def _relax_round(self, number: int, value: float, estimate: float) -> None:
        self.raise_bound(value)
        if number % 4 == 0:
            self.tell("relaxation")

    def cost_of(self, x: np.ndarray, *, tolerance: float) -> Truth:
        """True cost of a plan whose integers are whole; its cuts join the pool."""
        guess = self.relaxed.co2_price if self.relaxed else {}
        truth = true_cost(
            self.case, self.arrays, self.oracle, x, guess, tolerance=tolerance, max_rounds=14
        )
        self.master.learn(truth.outcomes)
        if self.relaxed is not None and truth.co2_price:
            self.relaxed.co2_price.update(truth.co2_price)
        return truth

    def consider(self, x: np.ndarray, truth: Truth) -> None:
        """Keep a plan if it is the best, after mending what it leaves unserved."""
        known = np.inf if self.best is None else self.best.truth.total
        if not truth.meets_caps and self.best is None:
            x, truth = self._within_caps(x, truth)
        if not truth.meets_caps or truth.total >= known:
            return
        x, truth = self.serve(x, truth.co2_price, tolerance=1e-4)
        if not self._holds(x) or self._unserved(x, truth):
            self.note("a plan was dropped: it cannot serve what its deadlines demand")
            return
        if truth.total < known:
            self.best = Incumbent(quotas(self.case, self.arrays, truth, x), truth)

    def _within_caps(self, x: np.ndarray, truth: Truth) -> tuple[np.ndarray, Truth]:
        """An early plan over its CO2 caps runs less load in those years."""
        place = {id(v): k for k, v in enumerate(self.arrays.variables)}
        for _ in range(4):
            y = x.copy()
            for site in self.planning.model.site.values():
                for key, variable in site.place.items():
                    over = truth.excess.get(self.case.periods[key[2]].group, 0.0)
                    y[place[id(variable)]] *= max(0.0, 1.0 - 1.05 * over)
            x = extract.cleaned(self.planning, self.arrays, y)
            truth = self.cost_of(x, tolerance=1e-3)
            if truth.meets_caps:
                break
        return x, truth

    def refit(self, x: np.ndarray, rounds: int, seconds: float, *, units: bool = True) -> None:
        """Openings and halls fixed: whole units, then sizes in many rounds, then true cost."""
        end = time.monotonic() + seconds
        master, tolerance = self.master, max(0.2 * self.gap, 1e-9)
        if units and (self.arrays.kind == ALL.index("units")).any():
            lower, upper = master.fixed(x, DISCRETE)
            whole = master.mip(
                ALL, self.keep, min(10.0, 0.2 * seconds), lower=lower, upper=upper,
                gap=min(0.002, 0.1 * self.gap), effort=0.1,
            )  # fmt: skip
            if whole.x is None:
                return
            x = whole.x
        lower, upper = master.fixed(x, ALL)
        sized = master.relax(
            lower, upper, rounds=rounds, tolerance=0.5 * tolerance, start=x, cuts=self.keep,
            deadline=end, serve=True,
        )  # fmt: skip
        if sized is None:
            return
        self.keep = np.union1d(self.keep, sized.tight)
        self.note(f"refit: model {sized.bound / 1e3:,.1f} true {sized.estimate / 1e3:,.1f}")
        known = np.inf if self.best is None else self.best.truth.total
        if sized.bound < known:
            for x in (sized.x, sized.center):
                self.consider(x, self.cost_of(x, tolerance=1e-4))

    def first_plan(self, relaxed: Relaxed, seconds: float, rounds: int) -> None:
        """Openings, then halls, then sizes."""
        master = self.master
        self.keep = master.thin([relaxed.x, relaxed.center], relaxed)
        opened = master.mip(
            ("open", "permit", "connected"), self.keep, min(15.0, 0.2 * seconds), gap=0.003
        )
        if opened.infeasible:
            raise NoPlanError(explain.clash(self.planning, self.arrays))
        if opened.x is None:
            return
        self.raise_bound(opened.bound)
        lower, upper = master.fixed(opened.x, ("open",))
        halls = master.mip(
            DISCRETE, self.keep, min(25.0, 0.3 * seconds), lower=lower, upper=upper, gap=0.003
        )
        if halls.x is None:
            # Rounding openings may have closed every way: let all kinds move.
            halls = master.mip(DISCRETE, self.keep, 0.4 * seconds, gap=0.02)
        if halls.infeasible:
            raise NoPlanError(explain.clash(self.planning, self.arrays))
        if halls.x is not None:
            self.tell("first plan")
            self.refit(halls.x, rounds, 0.7 * seconds)
            self.tell("first plan")

    def improve(self, seconds: float, number: int) -> None:
        """The mixed-integer bound over all sites, then a refit of its plan."""
        master = self.master
        assert self.relaxed is not None
        points = [self.relaxed.x] + ([self.best.x] if self.best else [])
        self.keep = np.union1d(self.keep, master.thin(points, self.relaxed))
        # Whole units cost little and slow the bound: they are relaxed unless the case is small.
        kinds = ALL if self.small or self.gap_now() < 0.5 * self.gap else DISCRETE
        start = master.valued(self.best.x) if self.best else None
        found = master.mip(
            kinds, self.keep, min(seconds, self.left), start=start,
            gap=max(0.0, min(0.002, 0.2 * self.gap)),
        )  # fmt: skip
        self.raise_bound(found.bound)
        self.tell("bound")
        if found.infeasible:
            raise NoPlanError(explain.clash(self.planning, self.arrays))
        if found.x is None or self.stopping() or self.gap_now() <= self.gap:
            return
        longer = seconds if self.small else 2.5 * seconds
        self.refit(found.x, 40, min(longer, self.left), units=kinds != ALL)
        violated = np.flatnonzero(master.pool.slack(found.x) < -2e-4 * master.pool.scale(found.x))
        self.keep = np.union1d(self.keep, violated)
        if self.best is not None:
            self.keep = np.union1d(self.keep, master.thin([self.best.x]))
        self.tell("plan")

    def search(self) -> str:
        """Run the steps; returns why the search ended."""
        self.master.seed()
        self.master.seed_mixes()
        self.tell("seed")
        relaxed = self.relax(rounds=60, share=0.06)
        self.first_plan(relaxed, seconds=min(60.0, 0.2 * self.limit), rounds=30)
        number, stalled = 0, 0
        while self.gap_now() > self.gap:
            if self.stopping():
                return "interrupted" if self._asked_to_stop() else "time_limit"
            state = (self.bound, self.best.truth.total if self.best else np.inf)
            self.improve(min(60.0, max(2.0, 0.1 * self.limit)), number)
            number += 1
            same = state == (self.bound, self.best.truth.total if self.best else np.inf)
            stalled = stalled + 1 if same else 0
            if stalled >= 25:
                return "exhausted"
        return "gap"

    # -- the end --------------------------------------------------------------------------

    def settle(self) -> Incumbent:
        """The best plan without solver noise, with dispatch, and with nothing unserved."""
        assert self.best is not None
        self.oracle.tolerate(1e-9)
        return Incumbent(*self.serve(self.best.x, dict(self.best.truth.co2_price), tolerance=1e-7))

    def serve(
        self, x: np.ndarray, guess: dict[str, float], *, tolerance: float
    ) -> tuple[np.ndarray, Truth]:
        """Mend what a plan leaves unserved: a little less load where it is short."""
        x = extract.cleaned(self.planning, self.arrays, x)
        shaved = 0.0
        for _ in range(10):
            short = self.master.missing(x)
            if not short:
                break
            shaved += sum(short.values())
            x = self._shave(x, {block: 1.02 * mw + 1e-6 for block, mw in short.items()})
        for _ in range(6):
            truth = true_cost(
                self.case, self.arrays, self.oracle, x, guess, tolerance=tolerance,
                keep_dispatch=True,
            )  # fmt: skip
            short = self._unserved(x, truth)
            if not short:
                break
            shaved += sum(short.values())
            x = self._shave(x, short)
        if shaved:
            self.note(f"place {shaved:.6f} MW-periods less where energy is short")
        return x, truth

    def _holds(self, x: np.ndarray) -> bool:
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
            shape = self.oracle.shape(site, p)
            assert operated.dispatch is not None
            missing = operated.dispatch[shape.groups["unserved"]]
            need = self.case.sites[site].pue[shape.hours]
            allowed = max(self.case.allowed_unserved_share, 2e-7)
            load = sum(
                self.case.workloads[w].load[shape.hours] * x[self.arrays.link[site][k, p]]
                for k, w in enumerate(self.case.workloads)
            )
            if missing.sum() > allowed * float((need * load).sum()):
                lightest = min(
                    float((need * w.load[shape.hours]).min()) for w in self.case.workloads.values()
                )
                short[site, p] = float(missing.max()) / max(lightest, 1e-6) * 1.001
        return short

    def _shave(self, x: np.ndarray, short: dict[tuple[str, int], float]) -> np.ndarray:
        """Place a little less where energy is short; the rest waits."""
        y, model = x.copy(), self.planning.model
        place = {id(v): k for k, v in enumerate(self.arrays.variables)}
        for (site, p), mw in short.items():
            columns = [place[id(v)] for k, v in model.site[site].place.items() if k[2] == p]
            total = float(sum(y[c] for c in columns))
            for c in columns:
                y[c] *= max(0.0, 1.0 - mw / total) if total > 0 else 0.0
        return extract.cleaned(self.planning, self.arrays, y)


def solve_case(
    case: Case,
    options: RunOptions | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> Plan:
    """Solve a case.

    Parameters
    ----------
    case : a prepared case
    options : gap, time limit, engine, threads; None takes the case's own
    on_progress : called with bound, best plan and gap as they improve
    should_stop : asked often; True ends the search with the best plan so far

    Raises
    ------
    NoPlanError : no plan meets all limits
    StoppedError : stopped before there was a plan
    """
    options = options or RunOptions()
    if options.engine == "monolith":
        from optimizer.solving import whole

        return whole.solve(case, options, on_progress, should_stop)
    engine = Engine(case, options, on_progress, should_stop)
    try:
        reason = engine.search()
        if engine.best is None:
            if engine.seconds < 0.9 * engine.limit:
                raise NoPlanError(
                    "No plan was found that powers what the deadlines (max_backlog_mw in demand) "
                    "ask for: what may be built and bought in time cannot serve it in every hour."
                )
            raise StoppedError(
                f"No plan was found within {engine.seconds:.0f} s. Give it more time "
                "(--time-limit) or ask for a wider gap (--gap)."
            )
        engine.phase = "settle"
        final = engine.settle()
    finally:
        engine.oracle.close()
    return _plan(engine, final, reason)


def _plan(engine: Engine, final: Incumbent, reason: str) -> Plan:
    report, arrays = engine.report, engine.arrays
    total = final.truth.total
    gap = (total - engine.bound) / max(abs(total), 1e-9)
    report.objective, report.bound = total * 1e3, min(engine.bound, total) * 1e3
    report.status = "optimal" if gap <= engine.gap else "feasible"
    report.stop_reason = "gap" if report.status == "optimal" else reason
    least = explain.unavoidable_delay(arrays, seconds=min(10.0, 0.03 * engine.limit))
    report.unavoidable_delay_usd = least * 1e3
    report.problem = {
        "rows": int(arrays.matrix.shape[0]),
        "columns": arrays.count,
        "nonzeros": int(arrays.matrix.nnz),
        "integers": int(arrays.integer.sum()),
        "blocks": len(engine.case.sites) * len(engine.case.periods),
        "block_rows": sum(s.matrix.shape[0] for s in engine.oracle.shapes.values()),
        "cuts": len(engine.master.pool),
    }
    report.timing["solve"] = engine.seconds
    return extract.to_plan(engine.planning, arrays, engine.oracle, final.x, final.truth, report)


__all__ = ["Engine", "cancel_all", "solve_case"]
