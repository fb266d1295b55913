"""Clock, progress, bound and log of one solve."""

from __future__ import annotations

import time

import numpy as np

from optimizer.preparing.case import Case
from optimizer.settings import OnProgress, Progress, RunOptions, ShouldStop, SolveReport
from optimizer.solving.checkpoint import Checkpoint, State

FINAL_SHARE = 0.08
"""Share of the time that is kept for the last evaluation with dispatch."""
LIE = 1e-6
"""By how much more than the cost of a true plan a bound may be, relative to it."""


class Run:
    """What every way of solving keeps: when to stop, and what is proven and found so far [k$]."""

    engine = "few"

    def __init__(
        self, case: Case, options: RunOptions, on_progress: OnProgress | None,
        should_stop: ShouldStop | None,
    ) -> None:  # fmt: skip
        self.case, self.options, self.on_progress = case, options, on_progress
        self.started = time.monotonic()
        self._asked_to_stop = should_stop or (lambda: False)
        limit = options.time_limit_s
        self.limit = float(case.inputs.setting("time_limit_s")) if limit is None else limit
        gap = options.gap
        self.gap = float(case.inputs.setting("gap")) if gap is None else gap
        self.bound = -np.inf
        self._proven: list[float] = []
        self._total = np.inf
        self.report = SolveReport(engine=self.engine)
        self.phase = "build"
        self.checkpoint = Checkpoint(options.checkpoint, case.inputs, self.engine)
        self.resumed: State | None = self.checkpoint.load() if options.resume else None
        self.kept_share = FINAL_SHARE

    @property
    def seconds(self) -> float:
        """Since the solve began [s]."""
        return time.monotonic() - self.started

    @property
    def left(self) -> float:
        """Until the search must end [s]."""
        return self.limit * (1 - self.kept_share) - self.seconds

    @property
    def interrupted(self) -> bool:
        """Whether the user asked to stop."""
        return self._asked_to_stop()

    def stopping(self) -> bool:
        """Whether to end as soon as possible."""
        return self._asked_to_stop() or self.left <= 0

    def gap_now(self) -> float:
        """Proven relative gap."""
        if not np.isfinite(self.total) or not np.isfinite(self.bound):
            return np.inf
        return float((self.total - self.bound) / max(abs(self.total), 1e-9))

    @property
    def total(self) -> float:
        """Cost of the best plan, over all hours; a bound that turns out above it is dropped."""
        return self._total

    @total.setter
    def total(self, total: float) -> None:
        self._total = total
        if self.bound > self._most():
            said, most = self.bound, self._most()
            self._proven = [b for b in self._proven if b <= most]
            self.bound = max(self._proven, default=-np.inf)
            self._lie(said)

    def raise_bound(self, bound: float) -> None:
        """Keep the best proven bound; one above the cost of a true plan is none."""
        if not np.isfinite(bound) or bound <= self.bound:
            return
        if bound > self._most():
            self._lie(bound)
            return
        self._proven.append(bound)
        self.bound = bound

    def _most(self) -> float:
        """The most that a bound can be: the best plan's cost, but for tolerances."""
        return self._total + LIE * (1.0 + abs(self._total))

    def _lie(self, bound: float) -> None:
        self.note(f"a bound of {bound / 1e3:,.3f} M$ is above a plan of {self._total / 1e3:,.3f}: "
                  f"dropped, the bound is {self.bound / 1e3:,.3f}")  # fmt: skip

    @property
    def cuts(self) -> int:
        """Cuts known so far."""
        return 0

    def bound_again(self) -> float:
        """A bound computed anew from the stored cuts and prices, nothing else taken over [k$]."""
        return -np.inf

    def size(self) -> dict[str, int]:
        """Rows, columns, nonzeros and integers of the planning model."""
        return {}

    def note(self, text: str) -> None:
        """A line of the log."""
        self.report.log.append(f"{self.seconds:8.1f} s  {text}")

    def tell(self, phase: str) -> None:
        """Report progress."""
        self.phase = phase
        line = Progress(self.seconds, phase, self.bound * 1e3, self.total * 1e3, self.gap_now())
        self.report.progress.append(line)
        self.note(f"{phase}: bound {line.bound / 1e6:,.1f} best {line.best / 1e6:,.1f} M$ "
                  f"gap {line.gap:.2%} cuts {self.cuts}")  # fmt: skip
        if self.on_progress is not None:
            self.on_progress(line)
        self.checkpoint.save(self.state)

    def state(self) -> State:
        """What a later run needs to go on from here."""
        return {}
