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
from optimizer.model.limits import Amounts, Limit, number
from optimizer.preparing.case import Case
from optimizer.solving.explain.changes import Change, of_amounts, of_group
from optimizer.solving.explain.core import Core
from optimizer.solving.explain.trials import Trials
from optimizer.solving.highs import make_model, run_mip
from optimizer.solving.planning_arrays import PlanningArrays

SECONDS = 120.0
"""Time of an explanation, if nothing else is said [s]."""


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
            if change.group == "deadlines" and limit in change.granted:
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
        by_group = {change.group: str(change) for change in self.changes}
        return [
            {"sheet": limit.sheet, "row": limit.row, "column": limit.column,
             "limit": self.said(limit), "change": by_group.get(limit.group)}
            for limit in self.core
        ]  # fmt: skip


def why_not(case: Case, seconds: float = SECONDS, threads: int = 2) -> WhyNot:
    """Search a case that seems to have no plan.

    Parameters
    ----------
    seconds : time after which no further question is asked [s]
    """
    trials = Trials(case, seconds, threads)
    try:
        exists = trials.exists(trials.limits)
        if exists is not False:
            return WhyNot(case, exists)
        search = Core(trials)
        core = search.find()
        changes: list[Change] = []
        firm: list[str] = []
        groups = list({id(trials.group[limit]): trials.group[limit] for limit in core}.values())
        for group in groups:
            change = of_group(trials, group, core)
            if change is None:
                firm.append(group.name)
            else:
                changes.append(change)
        others = [g for g in groups if isinstance(g, Amounts) and g.name != "deadlines"]
        if [c.group for c in changes] == ["deadlines"] and len(others) > 1:
            joint = of_amounts(trials, others)
            changes += [joint] if joint else []
        return WhyNot(case, False, tuple(core), tuple(changes), tuple(firm), search.proven)
    finally:
        trials.close()


def no_plan(case: Case, seconds: float = SECONDS) -> OptimizerError:
    """The error of a case for which no plan was found: what clashes, if anything does."""
    found = why_not(case, seconds)
    if found.exists is not False:
        return StoppedError(f"{found} Give it more time (--time-limit) or a wider gap (--gap).")
    return NoPlanError(str(found), found.clashes(), [c.as_dict() for c in found.changes])


def clash(planning: Planning, arrays: PlanningArrays, seconds: float = SECONDS) -> str:
    """In the input's words: the limits that clash, and what would mend it."""
    return str(why_not(planning.case, seconds))
