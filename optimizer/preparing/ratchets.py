"""Which metered peaks of earlier periods a ratchet looks at.

A period of 12 months or more wraps within its operating year; in a shorter one a ratchet looks
at the months before it, of whatever periods. Positions count months within a pass, from 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from optimizer.preparing.calendar import Period
from optimizer.preparing.tariffs import Charge

YEAR = 12


def has_ratchet(charge: Charge) -> bool:
    """Whether earlier months matter to a charge at all."""
    return charge.ratchet_share > 0


def earlier(
    charge: Charge, periods: Sequence[Period], p: int, position: int
) -> list[tuple[int, int]]:
    """(period, position) of the earlier periods' months that a month of period p looks at."""
    if not has_ratchet(charge) or periods[p].months >= YEAR:
        return []
    now = periods[p].month + position
    found = []
    for period in periods[:p]:
        for month in range(period.month, period.month + period.months):
            calendar = (period.start.month - 1 + month - period.month) % YEAR
            if now - charge.lookback <= month and calendar in charge.season:
                found.append((period.index, (month - period.month) % YEAR))
    return sorted(set(found))


def looks_before_plan(charge: Charge, periods: Sequence[Period], p: int, position: int) -> bool:
    """Whether a month looks at months before the plan's start, of which a peak is known."""
    if not has_ratchet(charge) or not charge.peak_before or periods[p].months >= YEAR:
        return False
    now, first = periods[p].month + position, periods[0].start.month - 1
    before = range(now - charge.lookback, min(0, now))
    return any((first + month) % YEAR in charge.season for month in before)


def within(charge: Charge, months: Sequence[int], position: int) -> Iterator[int]:
    """Positions of the same pass that a month looks at; a pass of a year wraps.

    Parameters
    ----------
    months : calendar months of the pass, in order
    """
    if not has_ratchet(charge):
        return
    count = len(months)
    for back in range(1, min(charge.lookback, count - 1) + 1):
        at = position - back
        if (at >= 0 or count == YEAR) and months[at % count] in charge.season:
            yield at % count


@lru_cache(maxsize=4096)
def peak_positions(charge: Charge, periods: tuple[Period, ...]) -> int:
    """How many first months of a pass have peaks that a later period may look at."""
    wanted = [
        at
        for p in range(len(periods))
        for position in range(periods[p].months if periods[p].months < YEAR else 0)
        for _, at in earlier(charge, periods, p, position)
    ]
    return max(wanted, default=-1) + 1


@lru_cache(maxsize=4096)
def floor_positions(charge: Charge, periods: tuple[Period, ...]) -> int:
    """How many first months of a pass may look at months before it."""
    wanted = [
        position
        for p in range(len(periods))
        for position in range(periods[p].months if periods[p].months < YEAR else 0)
        if earlier(charge, periods, p, position) or looks_before_plan(charge, periods, p, position)
    ]
    return max(wanted, default=-1) + 1
