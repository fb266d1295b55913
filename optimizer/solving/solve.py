"""Solve a case: chooses the engine, and makes a plan of what it finds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.errors import StoppedError, UsageError
from optimizer.preparing.case import Case
from optimizer.results.plan import Plan
from optimizer.settings import OnProgress, RunOptions, ShouldStop
from optimizer.solving import explain, extract, nearby
from optimizer.solving.engine import Engine, Incumbent
from optimizer.solving.many.engine import ManySites
from optimizer.solving.nearby import Earlier
from optimizer.solving.run import Run

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
    options : gap, time limit, engine, threads; None takes the case's own
    on_progress : called with bound, best plan and gap as they improve
    should_stop : asked often; True ends the search with the best plan so far
    start_from : a result whose plan, made to fit this case, is the first plan
    prefer : a result; of all plans within the gap the one is wanted that changes least of it

    Raises
    ------
    UsageError : a result is given to an engine that cannot use it
    NoPlanError : no plan meets all limits
    StoppedError : stopped before there was a plan
    """
    options = options or RunOptions()
    engine = chosen_engine(case, options)
    if engine != "few" and (start_from or prefer):
        raise UsageError(
            "--start-from and --prefer are for cases that are planned in one model: up to "
            f"{FEW_BLOCKS} sites x periods, or with --engine few."
        )
    if engine == "monolith":
        from optimizer.solving import whole

        return whole.solve(case, options, on_progress, should_stop)
    if engine == "many":
        return _many(ManySites(case, options, on_progress, should_stop))
    return _few(Engine(case, options, on_progress, should_stop), start_from, prefer)


def _few(engine: Engine, start_from: Earlier | None, prefer: Earlier | None) -> Plan:
    kept, close = engine.kept_share, None
    try:
        if start_from is not None:
            nearby.start(engine, start_from)
        if prefer is not None:
            engine.kept_share += nearby.KEPT_SHARE
        reason = engine.search()
        engine.checkpoint.save(engine.state, now=True)
        engine.polish()
        if engine.best is None:
            if engine.seconds < 0.9 * engine.limit and reason != "interrupted":
                raise engine.no_plan()
            raise _stopped(engine)
        if prefer is not None:
            engine.kept_share = kept
            close = nearby.prefer(engine, prefer)
        engine.phase = "settle"
        final = engine.settle()
        told = engine.why(final) if engine.options.why else {}
        if engine.options.why:
            engine.report.tied_sites = nearby.tied_sites(engine, final, told)
        if close is not None:
            engine.report.changed_decisions = nearby.changed_decisions(engine, final, close)
    finally:
        engine.oracle.close()
    if engine.options.gap_power:
        engine.report.power_bound_usd = 1e3 * engine.other_cost(final)
    least = explain.unavoidable_delay(engine.arrays, seconds=min(10.0, 0.03 * engine.limit))
    plan = _plan(engine, engine, final, reason, least)
    return replace(plan, tables={**plan.tables, **told})


def _many(run: ManySites) -> Plan:
    try:
        reason = run.search()
        run.checkpoint.save(run.state, now=True)
        if not np.isfinite(run.total):
            raise _stopped(run)
        run.phase = "settle"
        engine, final = run.settle()
    finally:
        run.oracle.close()
    # The plan's own delay: none is taken for unavoidable that might be avoided.
    own = float(engine.arrays.delay @ final.x)
    if run.options.gap_power:
        run.report.power_bound_usd = 1e3 * (run.bound - own)
    try:
        return _plan(run, engine, final, reason, own)
    finally:
        run.pricing.close()


def _stopped(run: Run) -> StoppedError:
    return StoppedError(
        f"No plan was found within {run.seconds:.0f} s. Give it more time "
        "(--time-limit) or ask for a wider gap (--gap)."
    )


def _plan(run: Run, engine: Engine, final: Incumbent, reason: str, delay: float) -> Plan:
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
    others = [site for site in run.case.sites if site not in engine.case.sites]
    return extract.to_plan(
        engine.planning, arrays, engine.oracle, final.x, final.truth, report, others
    )


__all__ = ["chosen_engine", "solve_case"]
