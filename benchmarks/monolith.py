"""A case as one plain program, given to HiGHS: ``python -m benchmarks.monolith CASE``.

It is the program of ``optimizer run --engine monolith``, every hour of every site and period in
it. ``--solver`` names the algorithm of the linear programs: of the mixed-integer solver, or, where
that does not take it (PDLP), of the relaxation alone. The seconds count for HiGHS, building comes
on top. A line of JSON tells the bound, the best plan and the gap between them [US$]; a root
relaxation that is not finished has no bound.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import time
from pathlib import Path
from typing import Any

import highspy
import numpy as np

from optimizer.model.monolith import build_monolith
from optimizer.preparing.case import prepare
from optimizer.reading.inputs import read_inputs
from optimizer.solving.highs import OPTIMAL, make_model, run_mip
from optimizer.solving.planning_arrays import PlanningArrays, to_arrays

SOLVERS = ("choose", "ipx", "simplex", "hipo", "pdlp")
CLEARLY = 1e-6
"""Share by which a bound must be above the trivial one to come from a relaxation."""


def takes(option: str, solver: str) -> bool:
    """Whether the installed HiGHS has this algorithm for an option."""
    probe = highspy.Highs()
    probe.setOptionValue("output_flag", False)
    return bool(probe.setOptionValue(option, solver) == highspy.HighsStatus.kOk)


def trivial_bound(arrays: PlanningArrays) -> float:
    """What the bounds of the columns alone give [k$]; -inf if a paid one is unbounded."""
    at = np.where(arrays.cost > 0, arrays.lower, arrays.upper)
    paid = arrays.cost != 0
    return float(arrays.constant + arrays.cost[paid] @ at[paid])


def proven_bound(bound: float, trivial: float, *, optimal: bool) -> float | None:
    """The bound, None if it comes from no relaxation: before its root, HiGHS tells the trivial one."""
    above = bound > trivial + CLEARLY * abs(trivial)
    return bound if math.isfinite(bound) and (optimal or above) else None


def solve_integer(
    arrays: PlanningArrays, solver: str, seconds: float, gap: float, threads: int
) -> dict[str, Any]:
    """The mixed-integer solver with this algorithm at its root and for its relaxations."""
    model = make_model(
        arrays.cost, arrays.lower, arrays.upper, arrays.matrix, arrays.row_lower, arrays.row_upper,
        arrays.integer, mip_rel_gap=gap, mip_lp_solver=solver, threads=threads, parallel="on",
    )  # fmt: skip
    model.changeObjectiveOffset(arrays.constant)
    found = run_mip(model, arrays.integer, seconds)
    return {
        "status": found.status,
        "optimal": found.optimal,
        "bound": found.bound,
        "objective": found.value if found.x is not None else math.inf,
        "nodes": int(model.getInfo().mip_node_count),
    }


def solve_relaxation(
    arrays: PlanningArrays, solver: str, seconds: float, threads: int
) -> dict[str, Any]:
    """The relaxation alone: a bound if it is finished, never a plan."""
    model = make_model(
        arrays.cost, arrays.lower, arrays.upper, arrays.matrix, arrays.row_lower, arrays.row_upper,
        solver=solver, threads=threads, parallel="on", time_limit=seconds,
    )  # fmt: skip
    model.changeObjectiveOffset(arrays.constant)
    model.run()
    status = model.getModelStatus()
    value = float(model.getInfo().objective_function_value)
    return {
        "status": f"relaxation alone: {status}",
        "optimal": status == OPTIMAL,
        "bound": value if status == OPTIMAL else -math.inf,
        "objective": math.inf,
    }


def solve(
    path: Path, solver: str, seconds: float, *, gap: float = 0.01, threads: int = 2
) -> dict[str, Any]:
    """Build the case as one program and give it to HiGHS for some seconds."""
    figures: dict[str, Any] = {"solver": solver, "seconds": seconds}
    whole, alone = takes("mip_lp_solver", solver), takes("solver", solver)
    if not whole and not alone:
        return {**figures, "status": "not in this highspy"}
    begin = time.monotonic()
    inputs, problems = read_inputs(path)
    if inputs is None:
        raise ValueError(problems.report(str(path)))
    arrays = to_arrays(build_monolith(prepare(inputs)))
    figures["build_s"] = time.monotonic() - begin
    figures["rows"], figures["columns"] = map(int, arrays.matrix.shape)
    figures["integers"] = int(arrays.integer.sum())
    begin = time.monotonic()
    found = (
        solve_integer(arrays, solver, seconds, gap, threads)
        if whole
        else solve_relaxation(arrays, solver, seconds, threads)
    )
    figures["solve_s"] = time.monotonic() - begin
    bound = proven_bound(found.pop("bound"), trivial_bound(arrays), optimal=found.pop("optimal"))
    best = found.pop("objective")
    figures |= found
    figures["bound"] = bound * 1e3 if bound is not None else None
    figures["objective"] = best * 1e3 if math.isfinite(best) else None
    known = bound is not None and math.isfinite(best)
    figures["gap"] = (best - bound) / max(abs(best), 1e-9) if known else None
    return figures


def main() -> None:
    """Print what was reached."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.monolith", description=__doc__)
    parser.add_argument("case", type=Path)
    parser.add_argument("--solver", choices=SOLVERS, default="choose")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--gap", type=float, default=0.01)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-gb", type=float, default=0.0, help="address space, 0: no limit")
    given = parser.parse_args()
    if given.memory_gb:
        most = int(given.memory_gb * 1024**3)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    try:
        figures = solve(
            given.case, given.solver, given.seconds, gap=given.gap, threads=given.threads
        )
    except MemoryError:
        figures = {"solver": given.solver, "status": f"needs more than {given.memory_gb:g} GB"}
    print("\n" + json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
