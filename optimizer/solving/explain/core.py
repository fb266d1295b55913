"""An irreducible set of limits that clash, by deletion."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from optimizer.model.limits import Amounts, Limit
from optimizer.solving.explain.trials import GROUPS, ROUNDS, Trials

Unit = tuple[Limit, ...]
FEW_ROUNDS = 2
"""Rounds in which a large case is asked what plans lack before one is taken for granted."""
LAST = ("allowed technologies",)
"""Groups that are named only if no other clash is there."""


def in_order(trials: Trials) -> list[Unit]:
    """The groups of limits of the case, from those to be named first to those named last."""

    def rank(number: int) -> tuple[bool, bool, bool, int]:
        group = GROUPS[number]
        return (
            group.name != "deadlines", group.name in LAST, not isinstance(group, Amounts), number,
        )  # fmt: skip

    units = [tuple(trials.of(GROUPS[k])) for k in sorted(range(len(GROUPS)), key=rank)]
    return [unit for unit in units if unit]


def irreducible(
    clashes: Callable[[Sequence[Unit]], bool], background: list[Unit], units: list[Unit],
    *, changed: bool = False,
) -> list[Unit]:  # fmt: skip
    """Units that with the background clash, none of which can be left out.

    Halves are deleted as long as the rest clashes, then halves of the halves (Junker 2004,
    QuickXplain). Of several such sets it finds one whose units come early.
    """
    if changed and clashes(background):
        return []
    if len(units) == 1:
        return units
    first, second = units[: (len(units) + 1) // 2], units[(len(units) + 1) // 2 :]
    late = irreducible(clashes, background + first, second, changed=True)
    early = irreducible(clashes, background + late, first, changed=bool(late))
    return early + late


class Core:
    """Searches a case for limits that clash; ``proven`` tells whether none can be left out."""

    def __init__(self, trials: Trials) -> None:
        self.trials, self.proven = trials, True

    def _clashes(self, units: Sequence[Unit]) -> bool:
        rounds = FEW_ROUNDS if self.trials.is_large else ROUNDS
        held = [limit for unit in units for limit in unit]
        return self.trials.exists(held, rounds=rounds) is False

    def find(self) -> list[Limit]:
        """First whole groups, then the limits of the groups that are left, then each of those.

        Whatever is deleted is shown not to be needed. What is kept is shown to be needed by the
        last step only: in a large case the steps before take a plan for granted too soon.
        """
        groups = irreducible(self._clashes, [], in_order(self.trials))
        single: list[Unit] = [(limit,) for group in groups for limit in group]
        core = [limit for unit in irreducible(self._clashes, [], single) for limit in unit]
        for limit in reversed(core):
            fewer = [other for other in core if other is not limit]
            exists = self.trials.exists(fewer)
            if exists is False:
                core = fewer
            elif exists is None:
                self.proven = False
        return core
