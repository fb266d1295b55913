"""The independent check: recomputes a written plan from its inputs.

It imports errors, tables and reading only: calendar, finance, slots and every limit are
written here a second time, from the raw tables, so that no mistake of the model is shared.
"""

from __future__ import annotations

import pandas as pd

from optimizer.reading.inputs import Inputs
from optimizer.results.verify.arithmetic import Calendar
from optimizer.results.verify.decisions import Decisions
from optimizer.results.verify.findings import TOLERANCE, Findings, Verification
from optimizer.results.verify.operation import Operation


def verify_plan(
    inputs: Inputs,
    tables: dict[str, pd.DataFrame],
    dispatch: pd.DataFrame,
    objective_usd: float | None,
) -> Verification:
    """Check a plan against its inputs.

    Parameters
    ----------
    inputs : the tables and profiles that were planned with
    tables, dispatch : the written plan (``docs/results.md``)
    objective_usd : the stated objective, None to leave it out
    """
    out = Findings()
    tables = {n: t.fillna({c: "" for c in t.columns if t[c].dtype == object or str(
        t[c].dtype).startswith("str")}) for n, t in tables.items()}  # fmt: skip
    decisions = Decisions(inputs, tables, Calendar(inputs), out)
    decisions.check()
    operation = Operation(decisions, dispatch)
    operation.check()
    stated = tables["costs"].groupby("category")["usd"].sum()
    for category in sorted(set(stated.index) | {k for k, v in decisions.cost.items() if v}):
        found, wanted = float(stated.get(category, 0.0)), decisions.cost.get(category, 0.0)
        out.equal("costs by category", found / 1e3, wanted / 1e3, f"{category} in 1000 USD")
    total = sum(decisions.cost.values())
    error = 0.0
    if objective_usd is not None:
        error = abs(objective_usd - total) / max(1.0, abs(total))
        out.true("objective", error <= TOLERANCE, f"{objective_usd:.6g} against {total:.6g} USD")
    worst = max(out.worst.values(), default=0.0)
    return Verification(
        passed=bool(not out.failures and worst <= TOLERANCE and error <= TOLERANCE),
        max_violation=float(worst),
        objective_recomputed=float(total),
        objective_error=float(error),
        costs_recomputed={k: float(v) for k, v in decisions.cost.items()},
        full_year={
            "unserved_mwh": float(operation.unserved_mwh),
            "operating_cost": float(operation.operating_usd),
            "gap_to_model": float(error),
        },
        checks=[(n, c, out.worst[n], out.where[n]) for n, c in sorted(out.counts.items())],
        findings=out.failures,
    )


__all__ = ["TOLERANCE", "Verification", "verify_plan"]
