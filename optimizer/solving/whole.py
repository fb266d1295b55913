"""Solves a case as one plain program (``--engine monolith``)."""

from __future__ import annotations

import time

from optimizer.errors import StoppedError
from optimizer.model.monolith import build_monolith
from optimizer.preparing.case import Case
from optimizer.results.plan import Plan
from optimizer.settings import OnProgress, Progress, RunOptions, ShouldStop, SolveReport
from optimizer.solving import explain, extract, trouble
from optimizer.solving.highs import INFINITY, make_model, run_mip
from optimizer.solving.memory import Memory
from optimizer.solving.oracles import BlockOracle
from optimizer.solving.planning_arrays import to_arrays
from optimizer.solving.run import LIE
from optimizer.solving.start import check_oracle
from optimizer.solving.truth import true_cost


def solve(
    case: Case,
    options: RunOptions,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> Plan:
    """The monolith, solved by HiGHS to the asked gap; dispatch as of the fixed plan."""
    begin = time.monotonic()
    planning = build_monolith(case)
    arrays = to_arrays(planning)
    gap = float(case.inputs.setting("gap")) if options.gap is None else options.gap
    limit = options.time_limit_s or float(case.inputs.setting("time_limit_s"))
    tolerance = max(1e-9, min(1e-6, gap))
    model = make_model(
        arrays.cost, arrays.lower, arrays.upper, arrays.matrix, arrays.row_lower, arrays.row_upper,
        arrays.integer, mip_rel_gap=gap, mip_abs_gap=1e-6, primal_feasibility_tolerance=tolerance,
        dual_feasibility_tolerance=tolerance, mip_feasibility_tolerance=tolerance,
    )  # fmt: skip
    model.changeObjectiveOffset(arrays.constant)
    report = SolveReport(engine="monolith")
    with trouble.noted(report.log.append):
        found = run_mip(model, arrays.integer, 0.9 * limit - (time.monotonic() - begin))
    if found.infeasible:
        left = limit - (time.monotonic() - begin)
        raise explain.no_plan(planning, arrays, seconds=left, threads=options.threads)
    if found.x is None:
        raise StoppedError("The monolith found no plan in its time; try --engine few.")
    x = extract.cleaned(planning, arrays, found.x)
    memory = Memory(options.memory_limit_mb)
    with_dispatch = BlockOracle(case, options.threads, 1e-9, memory=memory)
    with trouble.noted(report.log.append):
        report.log += [line for line in [check_oracle(case, with_dispatch)] if line]
        truth = true_cost(case, arrays, with_dispatch, x, {}, tolerance=1e-9, keep_dispatch=True)
    with_dispatch.close()
    total, bound = truth.total, found.bound
    if bound > total + LIE * (1.0 + abs(total)):
        report.log.append(f"a bound of {bound / 1e3:,.3f} M$ is above the plan: dropped")
        bound = -INFINITY
    report.bound = bound * 1e3
    open_gap = (total - bound) / max(abs(total), 1e-9)
    done = found.optimal and open_gap <= max(gap, 1e-6)
    report.status = "optimal" if done else "feasible"
    report.stop_reason = "gap" if done else "time_limit"
    if should_stop is not None and should_stop():
        report.stop_reason = "interrupted"
    report.problem = {
        "rows": int(arrays.matrix.shape[0]),
        "columns": arrays.count,
        "nonzeros": int(arrays.matrix.nnz),
        "integers": int(arrays.integer.sum()),
    }
    report.timing["solve"] = time.monotonic() - begin
    line = Progress(report.timing["solve"], "monolith", bound * 1e3, total * 1e3, open_gap)
    report.progress.append(line)
    if on_progress is not None:
        on_progress(line)
    return extract.to_plan(planning, arrays, with_dispatch, x, truth, report)
