"""Why there is no plan, and the delay that no plan avoids.

An infeasible case is answered with a set of limits of the input that clash, of which none can
be left out, and with the least changes that mend it. Every step is a question to the planning
model with its cuts (``trials``): does a plan exist while these limits hold and those are gone?
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from optimizer.errors import NoPlanError, OptimizerError, StoppedError
from optimizer.model.build import Planning
from optimizer.model.limits import Limit, number
from optimizer.preparing.case import Case
from optimizer.solving.cuts import CutPool
from optimizer.solving.explain.changes import DEADLINES, Change, find_changes
from optimizer.solving.explain.core import Core
from optimizer.solving.explain.trials import Trials
from optimizer.solving.highs import make_model, run_mip
from optimizer.solving.planning_arrays import PlanningArrays

SECONDS, LEAST_SECONDS = 120.0, 10.0
"""Time of an explanation if nothing is said, and if the run has none left [s]."""


def unavoidable_delay(arrays: PlanningArrays, seconds: float) -> float:
    """Least delay cost of the planning model with delay as its only cost, a proven bound [k$]."""
    if not arrays.delay.any():
        return 0.0
    lower, upper = arrays.lower.copy(), arrays.upper.copy()
    lower[arrays.operating_columns] = upper[arrays.operating_columns] = 0.0
    model = make_model(
        arrays.delay, lower, upper, arrays.matrix, arrays.row_lower, arrays.row_upper,
        arrays.integer, mip_rel_gap=1e-3,
    )  # fmt: skip
    bound = run_mip(model, arrays.integer, max(1.0, seconds)).bound
    return max(0.0, bound) if np.isfinite(bound) else 0.0


@dataclass(frozen=True)
class WhyNot:
    """What stands against a plan.

    Parameters
    ----------
    exists : whether a plan exists after all; None: not known within the time
    core : limits that clash; none of them can be left out if ``proven``
    changes : changes that mend the case, each checked by solving again
    firm : groups of the core of which no change alone mends the case
    """

    case: Case
    exists: bool | None
    core: tuple[Limit, ...] = ()
    changes: tuple[Change, ...] = ()
    firm: tuple[str, ...] = ()
    proven: bool = True

    def said(self, limit: Limit) -> str:
        """A limit in words; of a deadline also how much of it is possible."""
        for change in self.changes:
            if change.groups == (DEADLINES,) and limit in change.granted:
                wanted = self.case.demand[limit.key]
                most = wanted - limit.given - max(change.granted[limit].values())
                return f"{limit.said}; at most {number(max(0.0, round(most, 3)))} MW is possible"
        return limit.said

    def __str__(self) -> str:
        if self.exists is not False:
            return "No plan was found, and no limits were found that rule one out."
        width = max(len(limit.place) for limit in self.core)
        lines = ["No plan meets all limits. These clash:"]
        lines += [f" {limit.place:<{width}}  {self.said(limit)}" for limit in self.core]
        if not self.proven:
            lines.append("Not shown within the time: that none of them can be left out.")
        if len(self.changes) > 1:
            lines.append("Any one of these changes mends it, checked by solving again:")
        elif self.changes:
            lines.append("This change mends it, checked by solving again:")
        lines += [f" - {change}" for change in self.changes]
        if self.firm:
            lines.append(f"No change was found that mends it alone of: {', '.join(self.firm)}.")
        return "\n".join(lines)

    def clashes(self) -> list[dict[str, Any]]:
        """For JSON: sheet, row, column and words of each limit, and the change of its group."""
        by_group = {group: str(c) for c in reversed(self.changes) for group in c.groups}
        return [
            {"sheet": limit.sheet, "row": limit.row, "column": limit.column,
             "limit": self.said(limit), "change": by_group.get(limit.group)}
            for limit in self.core
        ]  # fmt: skip


def why_not(
    case: Case,
    seconds: float = SECONDS,
    threads: int = 2,
    known: tuple[PlanningArrays, CutPool] | None = None,
) -> WhyNot:
    """Search a case that seems to have no plan.

    Parameters
    ----------
    seconds : time after which no further question is asked [s]
    known : planning arrays of the case and cuts that have been learnt on them
    """
    trials = Trials(case, seconds, threads)
    try:
        if known is not None:
            trials.take(*known)
        exists = trials.exists(trials.limits)
        if exists is not False:
            return WhyNot(case, exists)
        search = Core(trials)
        core = search.find()
        changes, firm = find_changes(trials, core)
        return WhyNot(case, False, tuple(core), tuple(changes), tuple(firm), search.proven)
    finally:
        trials.close()


def no_plan(
    planning: Planning,
    arrays: PlanningArrays,
    pool: CutPool | None = None,
    *,
    seconds: float = SECONDS,
    threads: int = 2,
) -> OptimizerError:
    """The error of a case for which no plan was found: what clashes, if anything does."""
    known = None if pool is None else (arrays, pool)
    found = why_not(planning.case, max(LEAST_SECONDS, seconds), threads, known)
    if found.exists is not False:
        return StoppedError(f"{found} Give it more time (--time-limit) or a wider gap (--gap).")
    return NoPlanError(str(found), found.clashes(), [c.as_dict() for c in found.changes])
