"""The memory of this process, and a limit of it that blocks are dropped to keep."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import sys

from optimizer.errors import MachineError

OVER = 1.1
"""What counts as above the limit when nothing is left to drop: allocators keep some memory."""


def resident_mb() -> float:
    """Resident memory of this process [MB]; where only its peak is known, that."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            pages = int(statm.read().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)


def give_back() -> None:
    """Ask the allocator to return what is free to the system, where it can (glibc)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def let_go() -> None:
    """Give back what nothing holds any more, also what held itself in circles.

    Models and tables do; the next phase of a run would otherwise come on top of them.
    """
    gc.collect()
    give_back()


class Memory:
    """A limit of resident memory, and how often blocks were dropped and rebuilt for it.

    ``strict``: whether to give up when all is dropped and the limit is still exceeded.
    """

    def __init__(self, limit_mb: float | None = None) -> None:
        self.limit_mb, self.strict = limit_mb, True
        self.dropped = self.rebuilt = 0

    def short(self) -> bool:
        """Whether the process has more than the limit."""
        return self.limit_mb is not None and resident_mb() > self.limit_mb

    def insist(self) -> None:
        """MachineError if the process has far more than the limit: there is nothing to drop."""
        if self.limit_mb is None or not self.strict:
            return
        has = resident_mb()
        if has > OVER * self.limit_mb:
            raise MachineError(
                f"Memory: {has:,.0f} MB are needed without any operating block that could be "
                f"dropped; the limit is {self.limit_mb:,.0f} MB. Raise --memory-limit, use fewer "
                "--threads, fewer sites or longer periods."
            )
