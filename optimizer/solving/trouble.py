"""What goes wrong in a solver and is answered, told to the log of the run that it concerns."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MOST = 3
"""Lines of one kind of trouble in a log; what follows is only counted."""

Hear = Callable[[str, str], None]

_listeners: list[Hear] = []
_guard = threading.Lock()


def tell(kind: str, text: str) -> None:
    """Tell a trouble and its answer to all who listen; ``kind`` folds repeats."""
    with _guard:
        for hear in _listeners:
            hear(kind, text)


@contextmanager
def noted(note: Callable[[str], None]) -> Iterator[Counter[str]]:
    """Note troubles while a run lasts, few of a kind; yields how many there were of each."""
    count: Counter[str] = Counter()

    def hear(kind: str, text: str) -> None:
        count[kind] += 1
        if count[kind] <= MOST:
            note(text)

    with _guard:
        _listeners.append(hear)
    try:
        yield count
    finally:
        with _guard:
            _listeners.remove(hear)
        for kind, number in count.items():
            if number > MOST:
                note(f"{kind}: {number - MOST} more times")


__all__ = ["noted", "tell"]
