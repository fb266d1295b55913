"""Months and hours of a tariff's window as texts: ``6-9``, ``6,7,8,9``, ``14-20``, ``22-6``."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MONTHS = frozenset(range(1, 13))
HOURS = frozenset(range(24))
_RANGE = re.compile(r"(\d{1,2})(?:\s*(?:-|–|to|\.\.)\s*(\d{1,2}))?")


def _ranges(text: str) -> list[tuple[int, int]]:
    """Pairs of first and last; a single number is both. ValueError if the text is none of it."""
    found = []
    for part in filter(None, (p.strip() for p in re.split("[,;]", text))):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise ValueError(part)
        found.append((int(match[1]), int(match[2] or match[1])))
    return found


def months(text: str) -> frozenset[int]:
    """Calendar months 1 to 12, both ends included; a range may go over the year's end.

    Raises
    ------
    ValueError : the text is not a list of months

    Examples
    --------
    >>> sorted(months("11-2, 6"))
    [1, 2, 6, 11, 12]
    """
    if not text:
        return MONTHS
    found: set[int] = set()
    for first, last in _ranges(text):
        if not (1 <= first <= 12 and 1 <= last <= 12):
            raise ValueError(text)
        found.update((first - 1 + k) % 12 + 1 for k in range((last - first) % 12 + 1))
    return frozenset(found)


def hours(text: str) -> frozenset[int]:
    """Hours of the day 0 to 23: ``14-20`` are the six hours from 14:00 to 20:00.

    Raises
    ------
    ValueError : the text is not a list of hours

    Examples
    --------
    >>> sorted(hours("22-2,12"))
    [0, 1, 12, 22, 23]
    """
    if not text:
        return HOURS
    found: set[int] = set()
    for first, last in _ranges(text):
        if not (0 <= first <= 23 and 0 <= last <= 24):
            raise ValueError(text)
        count = (last - first) % 24 or (24 if last != first else 1)
        found.update((first + k) % 24 for k in range(count))
    return frozenset(found)


def standard_offset(zone: str) -> float:
    """Hours of a zone's standard time ahead of UTC.

    Raises
    ------
    ValueError : the zone is not known

    Examples
    --------
    >>> standard_offset("Etc/GMT+6")
    -6.0
    """
    try:
        known = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise ValueError(zone) from None
    # Summer time is ahead of standard time in either hemisphere.
    offsets = [dt.datetime(2026, month, 1, tzinfo=known).utcoffset() for month in (1, 7)]
    return min(o.total_seconds() for o in offsets if o is not None) / 3600
