"""The least changes of the input after which there is a plan, each checked by solving again."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

from optimizer.model.limits import Amounts, Edit, Group, Limit, Steps
from optimizer.solving.explain.trials import Trials, scale

DIGITS = 3
"""Digits to which what is granted is rounded up."""
SPARE = (0.0, 0.01)
"""Shares by which the least is exceeded until the check finds a plan."""

Granted = dict[Limit, dict[Hashable, float]]


@dataclass(frozen=True)
class Change:
    """A change that mends a case: the group that gives way, and its edits."""

    group: str
    edits: tuple[Edit, ...]
    granted: Granted

    def __str__(self) -> str:
        return "; ".join(
            f"{e.sheet}{'' if e.row is None else f'!{e.row}'} {e.words}" for e in self.edits
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "group": self.group, "change": str(self), "edits": [e.as_dict() for e in self.edits]
        }  # fmt: skip


def rounded_up(value: float) -> float:
    """The value with three digits, not below it but for the solver's tolerance."""
    if value <= 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(value)) + 1 - DIGITS)
    return float(f"{math.ceil(value * (1 - 1e-6) / unit) * unit:.{DIGITS}g}")


def of_group(trials: Trials, group: Group, core: list[Limit]) -> Change | None:
    """The least change of this group alone; None if none was found that mends the case."""
    if isinstance(group, Amounts):
        return of_amounts(trials, [group])
    for limits in _choices(trials, group, core):
        change = _fewest_steps(trials, group, limits)
        if change is not None:
            return change
    return None


def of_amounts(trials: Trials, groups: list[Amounts]) -> Change | None:
    """The least that must be granted beyond the limits of these groups."""
    limits = [limit for group in groups for limit in trials.of(group)]
    granted = trials.least(limits)
    if not granted:
        return None
    for spare in SPARE:
        edits: list[Edit] = []
        for limit, amounts in granted.items():
            group = trials.group[limit]
            assert isinstance(group, Amounts)
            least = 1e-6 * scale(limit)
            more = {
                k: rounded_up(v * (1 + spare)) if v > least else 0.0 for k, v in amounts.items()
            }
            edits += group.edits(trials.case, limit, more)
        if trials.exists_after(edits):
            return Change(" and ".join(g.name for g in groups), tuple(edits), granted)
    return None


def _choices(trials: Trials, group: Steps, core: list[Limit]) -> Iterator[list[Limit]]:
    """Each limit of the core alone, then together, then all of the group."""
    mine = [limit for limit in core if trials.group[limit] is group]
    yield from ([limit] for limit in mine)
    if len(mine) > 1:
        yield mine
    if len(trials.of(group)) > len(mine):
        yield trials.of(group)


def _fewest_steps(trials: Trials, group: Steps, limits: list[Limit]) -> Change | None:
    """The smallest number of steps, the same for each of the limits, that mends the case."""
    steps = {limit: group.steps(trials.case, limit) for limit in limits}

    def taken(number: int) -> tuple[tuple[Limit, float], ...]:
        return tuple((limit, s[min(number, len(s)) - 1]) for limit, s in steps.items())

    fails, mends = 0, max(len(s) for s in steps.values())
    if not trials.exists_with(taken(mends)):
        return None
    while mends - fails > 1:
        middle = (fails + mends) // 2
        if trials.exists_with(taken(middle)):
            mends = middle
        else:
            fails = middle
    edits = [e for limit, step in taken(mends) for e in group.edits(trials.case, limit, step)]
    return Change(group.name, tuple(edits), {}) if trials.exists_after(edits) else None
