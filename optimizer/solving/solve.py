"""Solve a case: chooses the engine, and makes a plan of what it finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from optimizer.errors import MachineError, StoppedError, UsageError
from optimizer.preparing.case import Case
from optimizer.results.plan import Plan
from optimizer.settings import OnProgress, Progress, RunOptions, ShouldStop
from optimizer.solving import explain, extract, nearby, trouble
from optimizer.solving.engine import Engine, Incumbent
from optimizer.solving.idle import idle_sites, without
from optimizer.solving.many import earlier as many_earlier
from optimizer.solving.many import why as many_why
from optimizer.solving.many.engine import ManySites
from optimizer.solving.nearby import Earlier
from optimizer.solving.run import Run
from optimizer.solving.start import check_oracle

FEW_BLOCKS = 420
"""Sites x periods up to which all sites are planned in one model."""


def chosen_engine(case: Case, options: RunOptions) -> str:
    """``few``, ``many`` or ``monolith``: as asked, or by the size of the case."""
    if options.engine in ("few", "many", "monolith"):
        return options.engine
    return "few" if len(case.sites) * len(case.periods) <= FEW_BLOCKS else "many"


def solve_case(
    case: Case,
    options: RunOptions | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    start_from: Earlier | None = None,
    prefer: Earlier | None = None,
) -> Plan:
    """Solve a case.

    Parameters
    ----------
    case : a prepared case
    options : gap, time limit, engine, threads, memory; None takes the case's own
    on_progress : called with bound, best plan and gap as they improve
    should_stop : asked often; True ends the search with the best plan so far
    start_from : a result whose plan, made to fit this case, is the first plan
    prefer : a result; of all plans within the gap the one is wanted that changes least of it

    Raises
    ------
    UsageError : a result is given to an engine that cannot use it
    NoPlanError : no plan meets all limits
    StoppedError : stopped before there was a plan
    MachineError : the memory does not suffice, or the solver fails, before there was a plan
    """
    options = options or RunOptions()
    engine = chosen_engine(case, options)
    if engine == "monolith" and (start_from or prefer):
        raise UsageError("--start-from and --prefer are not for --engine monolith.")
    if engine == "monolith":
        from optimizer.solving import whole

        return whole.solve(case, options, on_progress, should_stop)
    idle = idle_sites(case)
    run: Engine | ManySites
    if engine == "many":
        run = ManySites(without(case, idle), options, on_progress, should_stop)
    else:
        run = Engine(case, options, on_progress, should_stop)
    try:
        with trouble.noted(run.note):
            _open(run, engine, idle)
            if isinstance(run, ManySites):
                solved = _many(run, case, start_from, prefer)
            else:
                solved = _few(run, start_from, prefer)
            plan = _plan(run, *solved, list(case.sites))
            memory = run.oracle.memory
            if memory.limit_mb is not None:
                run.note(f"memory limit {memory.limit_mb:,.0f} MB: blocks dropped "
                         f"{memory.dropped} times, rebuilt {memory.rebuilt} times")  # fmt: skip
            return plan
    finally:
        if isinstance(run, ManySites):
            run.pricing.close()
        run.oracle.close()


def _open(run: Engine | ManySites, engine: str, idle: dict[str, str]) -> None:
    """First lines of the log: what was chosen and why, idle sites, the oracle's check."""
    options, case = run.options, run.case
    blocks = len(case.sites) * len(case.periods)
    why = "as asked" if options.engine != "auto" else (
        f"{len(case.sites)} sites x {len(case.periods)} periods = {blocks} blocks, "
        f"{'at most' if engine == 'few' else 'more than'} {FEW_BLOCKS}"
    )  # fmt: skip
    limit = options.memory_limit_mb
    memory = "no memory limit" if limit is None else f"memory limit {limit:,.0f} MB"
    threads = f"{options.threads} thread{'' if options.threads == 1 else 's'}"
    lines = [f"engine {engine} ({why}); {threads}; {run.oracle.description}; {memory}"]
    lines += [f"{site} is left out: {reason}" for site, reason in idle.items()]
    checked = check_oracle(case, run.oracle)
    lines += [checked] if checked else []
    run.report.log[:0] = [f"{0.0:8.1f} s  {line}" for line in lines]
    if run.on_progress is not None:
        for line in lines:
            run.on_progress(Progress(run.seconds, "start", -np.inf, np.inf, np.inf, line))


Solved = tuple[Engine, Incumbent, str, float, dict[str, pd.DataFrame]]
"""Planning model, its best plan, why the search ended, unavoidable delay [k$], further tables."""


def _searched(run: Engine | ManySites, search: Callable[[], str]) -> str:
    """Why a search ended; one that the machine or the solver ends keeps the plan it has."""
    try:
        return search()
    except (MachineError, MemoryError) as short:
        if not np.isfinite(run.total):
            raise
        run.note(f"the search ended early: {str(short) or 'out of memory'}")
        # The plan that there is needs its blocks once more, whatever the limit.
        run.oracle.memory.strict = False
        return "exhausted"


def _few(engine: Engine, start_from: Earlier | None, prefer: Earlier | None) -> Solved:
    kept, close = engine.kept_share, None
    begun: Incumbent | None = None

    def search() -> str:
        nonlocal begun
        if start_from is not None:
            nearby.start(engine, start_from)
            begun = engine.best
        if prefer is not None:
            engine.kept_share += nearby.KEPT_SHARE
        reason = engine.search()
        engine.checkpoint.save(engine.state, now=True)
        engine.polish()
        return reason

    reason = _searched(engine, search)
    if engine.best is None:
        if engine.seconds < 0.9 * engine.limit and reason != "interrupted":
            raise engine.no_plan()
        raise _stopped(engine)
    if prefer is not None:
        engine.kept_share = kept
        close = nearby.prefer(engine, prefer, begun)
    engine.phase = "settle"
    final = engine.settle()
    told = engine.why(final) if engine.options.why else {}
    if engine.options.why:
        engine.report.tied_sites = nearby.tied_sites(engine, final, told)
    if close is not None:
        engine.report.changed_decisions = nearby.changed_decisions(engine, final, close)
    if engine.options.gap_power:
        engine.report.power_bound_usd = 1e3 * engine.other_cost(final)
    least = explain.unavoidable_delay(engine.arrays, seconds=min(10.0, 0.03 * engine.limit))
    return engine, final, reason, least, told


def _many(
    run: ManySites, case: Case, start_from: Earlier | None, prefer: Earlier | None
) -> Solved:  # fmt: skip
    """``case`` is the whole case, with the sites at which nothing can ever be."""
    kept, close = run.kept_share, None

    def search() -> str:
        if start_from is None:
            return run.search()
        return run.search(lambda more: many_earlier.start(run, start_from, more))

    if prefer is not None:
        run.kept_share += nearby.KEPT_SHARE
    reason = _searched(run, search)
    run.kept_share = kept
    run.checkpoint.save(run.state, now=True)
    if not np.isfinite(run.total):
        if reason == "interrupted":
            raise _stopped(run)
        raise StoppedError(
            f"No plan was found within {run.seconds:.0f} s that meets all deadlines (max_backlog_mw "
            "in demand), and no limits that all sites share were proven to clash. Give it more "
            "time (--time-limit); --engine few plans all sites in one model, slowly, and tells "
            "which limits clash if there is no plan."
        )
    others = [] if prefer is None else many_earlier.sites_of(prefer, run)
    known: dict[str, float] = {}
    if run.options.why:
        known = many_why.kept_out(run, many_why.seconds_of(run))
        others += many_why.nearest(known)
    engine = run.whole(others, learnt=prefer is not None or run.options.why)
    if prefer is not None:
        close = many_earlier.prefer(engine, prefer)
    run.phase = "settle"
    final = engine.settle()
    told = many_why.told(engine, final, case, known) if run.options.why else {}
    if run.options.why:
        run.report.tied_sites = nearby.tied_sites(engine, final, told)
    if close is not None:
        run.report.changed_decisions = nearby.changed_decisions(engine, final, close)
    # The plan's own delay: none is taken for unavoidable that might be avoided.
    own = float(engine.arrays.delay @ final.x)
    if run.options.gap_power:
        run.report.power_bound_usd = 1e3 * (run.bound - own)
    return engine, final, reason, own, told


def _stopped(run: Run) -> StoppedError:
    return StoppedError(
        f"No plan was found within {run.seconds:.0f} s. Give it more time "
        "(--time-limit) or ask for a wider gap (--gap)."
    )


def _plan(
    run: Run, engine: Engine, final: Incumbent, reason: str, delay: float,
    told: dict[str, pd.DataFrame], sites: Sequence[str],
) -> Plan:  # fmt: skip
    """The plan of what ``run`` has found, in ``engine``'s model of the sites that are used."""
    report, arrays = run.report, engine.arrays
    total = final.truth.total
    gap = (total - run.bound) / max(abs(total), 1e-9)
    report.objective, report.bound = total * 1e3, min(run.bound, total) * 1e3
    report.status = "optimal" if gap <= run.gap else "feasible"
    report.stop_reason = "gap" if report.status == "optimal" else reason
    report.unavoidable_delay_usd = delay * 1e3
    report.problem = {
        **run.size(),
        "blocks": len(run.case.sites) * len(run.case.periods),
        "block_rows": engine.oracle.rows,
        "cuts": run.cuts,
    }
    again = run.bound_again()
    if np.isfinite(again):
        report.bound_again = again * 1e3
        run.note(f"bound anew from cuts and prices: {again / 1e3:,.1f} M$")
    report.timing["solve"] = run.seconds
    others = [site for site in sites if site not in engine.case.sites]
    plan = extract.to_plan(
        engine.planning, arrays, engine.oracle, final.x, final.truth, report, others
    )
    return replace(plan, tables={**plan.tables, **told})


__all__ = ["chosen_engine", "solve_case"]
