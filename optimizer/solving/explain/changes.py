"""The least changes of the input after which there is a plan, each checked by solving again."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from optimizer.model.limits import Amounts, Edit, Group, Limit, Steps
from optimizer.solving.explain.core import LAST
from optimizer.solving.explain.trials import Taken, Trials, scale

DIGITS = 3
"""Digits to which what is granted is rounded up."""
SPARE = (0.0, 0.02, 0.1, 0.3)
"""Shares by which the least is exceeded until the check finds a plan."""
DEADLINES = "deadlines"

Granted = dict[Limit, dict[Hashable, float]]


@dataclass(frozen=True)
class Change:
    """A change that mends a case: the groups that give way, and its edits."""

    groups: tuple[str, ...]
    edits: tuple[Edit, ...]
    granted: Granted

    def __str__(self) -> str:
        return "; ".join(
            f"{e.sheet}{'' if e.row is None else f'!{e.row}'} {e.words}" for e in self.edits
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        edits = [edit.as_dict() for edit in self.edits]
        return {"groups": list(self.groups), "change": str(self), "edits": edits}


def find_changes(trials: Trials, core: list[Limit]) -> tuple[list[Change], list[str]]:
    """Changes that mend the case, and the groups of the core that cannot mend it alone.

    A change of one group can only mend the case if the group is in every clash, so also in the
    core. A group that cannot is tried with one other of the case.
    """
    groups = list({id(trials.group[limit]): trials.group[limit] for limit in core}.values())
    found = {g.name: change for g in groups if (change := relaxed(trials, [g], core))}
    firm = [g for g in groups if g.name not in found]
    changes = list(found.values())
    tried: set[frozenset[str]] = set()
    everything = {id(g): g for g in trials.group.values()}.values()
    for group in firm:
        for other in everything:
            pair = frozenset((group.name, other.name))
            alone = other.name in found or other.name in (DEADLINES, *LAST)
            if len(pair) == 1 or alone or pair in tried or not trials.of(other):
                continue
            tried.add(pair)
            gone = [*trials.of(group), *trials.of(other)]
            if trials.exists((), gone) and (change := relaxed(trials, [group, other], core)):
                changes.append(change)
    return changes, [g.name for g in firm]


def relaxed(trials: Trials, groups: list[Group], core: list[Limit]) -> Change | None:
    """The least change of these groups; None if none was found that mends the case."""
    amounts = [limit for g in groups if isinstance(g, Amounts) for limit in trials.of(g)]
    stepped = [g for g in groups if isinstance(g, Steps)]
    for limits in _choices(trials, stepped, core):
        taken = _fewest_steps(trials, limits, amounts)
        if taken is None:
            continue
        change = _granted(trials, tuple(g.name for g in groups), taken, amounts)
        if change is not None:
            return change
    return None


def _choices(trials: Trials, groups: list[Steps], core: list[Limit]) -> Iterator[list[Limit]]:
    """Each limit of the core alone, then those of the core, then all of the groups."""
    mine = [limit for limit in core if trials.group[limit] in groups]
    every = [limit for group in groups for limit in trials.of(group)]
    if len(groups) < 2:
        yield from ([limit] for limit in mine)
    if len(mine) != 1:
        yield mine
    if len(every) > len(mine):
        yield every


def _fewest_steps(trials: Trials, limits: list[Limit], amounts: list[Limit]) -> Taken | None:
    """The smallest number of steps, the same for each of the limits, that can mend the case.

    Limits that need not move are left where they are.
    """
    if not limits:
        return ()
    steps: dict[Limit, Sequence[float]] = {}
    for limit in limits:
        group = trials.group[limit]
        assert isinstance(group, Steps)
        steps[limit] = group.steps(trials.case, limit)

    def taken(number: int, moved: list[Limit]) -> Taken:
        return tuple((m, steps[m][min(number, len(steps[m])) - 1]) for m in moved)

    fails, mends = 0, max(len(s) for s in steps.values())
    if not trials.exists_with(taken(mends, limits), amounts):
        return None
    while mends - fails > 1:
        middle = (fails + mends) // 2
        if trials.exists_with(taken(middle, limits), amounts):
            mends = middle
        else:
            fails = middle
    moved = list(limits)
    for limit in limits:
        fewer = [m for m in moved if m is not limit]
        if fewer and trials.exists_with(taken(mends, fewer), amounts):
            moved = fewer
    return taken(mends, moved)


def _granted(
    trials: Trials, groups: tuple[str, ...], taken: Taken, limits: list[Limit]
) -> Change | None:
    """The change that takes these steps and grants the least beyond these limits."""
    granted = trials.least(limits, taken) if limits else {}
    if granted is None:
        return None
    for spare in SPARE if limits else SPARE[:1]:
        edits: list[Edit] = []
        for limit, step in taken:
            group = trials.group[limit]
            assert isinstance(group, Steps)
            edits += group.edits(trials.case, limit, step)
        for limit, amounts in granted.items():
            amount = trials.group[limit]
            assert isinstance(amount, Amounts)
            least = 1e-6 * scale(limit)
            more = {
                k: rounded_up(v * (1 + spare)) if v > least else 0.0 for k, v in amounts.items()
            }
            edits += amount.edits(trials.case, limit, more)
        if edits and trials.exists_after(edits):
            return Change(groups, tuple(edits), granted)
    return None


def rounded_up(value: float) -> float:
    """The value with three digits, not below it but for the solver's tolerance."""
    if value <= 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(value)) + 1 - DIGITS)
    return float(f"{math.ceil(value * (1 - 1e-6) / unit) * unit:.{DIGITS}g}")
