"""Chooses the oracle of each block and evaluates many side by side by threads."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import numpy as np

from optimizer.preparing.case import Case
from optimizer.solving import trouble
from optimizer.solving.memory import Memory
from optimizer.solving.oracles.blocks import Blocks, Key
from optimizer.solving.oracles.reference import HighsOracle
from optimizer.solving.oracles.task import Outcome, Task

FEW_HOURS = 20_000
"""Below this many hours in all blocks, compiling the specialised oracle does not pay."""
FEW_MATCHED_HOURS = 5_000
"""The same with carbon-free targets, whose rows over all hours are slow in HiGHS."""
CHECKED, CHECK_SECONDS, CHECK_NEAR = 5, 0.8, 1e-6
"""Blocks by which the specialised oracle is held against HiGHS at a start, the time after which
no further one is begun [s], and the relative difference that is allowed."""


class BlockOracle(Blocks):
    """All blocks of a case, evaluated by whichever oracle is quickest (threads in parallel)."""

    def __init__(
        self, case: Case, threads: int = 2, tolerance: float = 1e-7, proof: float = 1e-9,
        special: bool | None = None, memory: Memory | None = None,
    ) -> None:  # fmt: skip
        self._special = None
        self._reference: HighsOracle | None = None
        super().__init__(case, memory)
        self._reference = HighsOracle(self, tolerance)
        hours = len(case.sites) * sum(len(p.hours) for p in case.periods)
        if special is None:
            least = FEW_MATCHED_HOURS if case.rules else FEW_HOURS
            special = hours >= least and find_spec("numba") is not None
        if special:
            from optimizer.solving.oracles.one_storage import OneStorageOracle

            self._special = OneStorageOracle(self, proof)
        self._threads = ThreadPoolExecutor(max_workers=max(1, threads))

    @property
    def description(self) -> str:
        """How blocks are evaluated, for the log."""
        if self._special is None:
            return "operating blocks by HiGHS"
        return "operating blocks by merit order and stored value, HiGHS where not proven"

    @property
    def counts(self) -> dict[str, int]:
        """Blocks solved by the specialised oracle, and those it left to HiGHS."""
        if self._special is None:
            return {}
        return {"special": self._special.solved, "reference": self._special.declined}

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def drop(self, key: Key) -> bool:
        """Forget arrays, model and bases of a name, unless its model is at work."""
        if self._reference is not None and not self._reference.drop(key):
            return False
        if self._special is not None:
            self._special.drop(key)
        return super().drop(key)

    def tolerate(self, tolerance: float) -> None:
        """Change the tolerances of all answers."""
        self._hard.tolerate(tolerance)
        if self._special is not None:
            self._special.tolerate(max(tolerance, 1e-9))

    @property
    def _hard(self) -> HighsOracle:
        assert self._reference is not None
        return self._reference

    def check(self, tasks: Iterable[Task]) -> str:
        """Hold the specialised oracle against HiGHS; switched off if they differ.

        Tasks are taken until enough answers are compared or the time is up. Returns what was
        found, for the log; "" if there is no specialised oracle.
        """
        special = self._special
        if special is None:
            return ""
        end = time.monotonic() + CHECK_SECONDS
        usual, special.tolerance = special.tolerance, 0.1 * CHECK_NEAR
        reference = HighsOracle(self, 1e-9)
        worst, compared = 0.0, 0
        try:
            for task in tasks:
                quick = self._quick(task)
                if quick is not None:
                    exact = reference.solve(task)
                    size = max(abs(exact.priced), 1.0)
                    off = abs(quick.priced - exact.priced) / size
                    # What its cut says too much would spoil the bound, unseen.
                    over = (float(quick.cut @ task.x) - self._said_at_most(exact)) / size
                    worst, compared = max(worst, off, over), compared + 1
                    if not worst <= CHECK_NEAR:
                        break
                if compared >= CHECKED or time.monotonic() > end:
                    break
        finally:
            special.tolerate(usual)
        if worst <= CHECK_NEAR:
            return f"specialised oracle against HiGHS: {compared} blocks, at most {worst:.0e} apart"
        self._special = None
        return f"specialised oracle switched off: {worst:.0e} from HiGHS in a block; HiGHS instead"

    def _said_at_most(self, exact: Outcome) -> float:
        """The most that a cut may say at an outcome's point: its cost, the quota's term apart."""
        task = exact.task
        shape = self.shape(task.site, task.period)
        quota = 0.0
        if task.co2_price and shape.co2_row >= 0:
            quota = float((shape.rhs[shape.co2_row] @ task.x)[0])
        return exact.priced - (task.co2_price or 0.0) * quota

    def evaluate(self, tasks: Sequence[Task]) -> list[Outcome]:
        """All tasks, in order; those of one site with the same hours by one thread."""
        by_site: dict[tuple[str, str], list[int]] = {}
        for k, task in enumerate(tasks):
            by_site.setdefault((task.site, self.hours_keys[task.period]), []).append(k)
        # The long ones first, so that no thread ends up alone with them.
        order = sorted(
            by_site.items(), key=lambda entry: -len(entry[1]) * len(self._hours[entry[0][1]])
        )
        answers: list[Outcome | None] = [None] * len(tasks)

        def work(numbers: Iterable[int]) -> None:
            for k in numbers:
                answers[k] = self._one(tasks[k])

        for done in [self._threads.submit(work, numbers) for _, numbers in order]:
            done.result()
        return [a for a in answers if a is not None]

    def _one(self, task: Task) -> Outcome:
        """One block: by the specialised oracle, else by HiGHS, which solves it in its own ways."""
        self.relieve(self.key(task.site, task.period))
        answer = self._quick(task)
        return self._hard.solve(task) if answer is None else answer

    def _quick(self, task: Task) -> Outcome | None:
        """The answer of the specialised oracle; None if it has none, or fails."""
        special = self._special
        if special is None:
            return None
        try:
            answer = special.solve(task)
        except MemoryError:
            raise
        except Exception as error:
            where = f"{task.site} in {self.case.periods[task.period].name}"
            trouble.tell("oracle", f"specialised oracle failed on {where} "
                                   f"({type(error).__name__}: {error}); HiGHS instead")  # fmt: skip
            return None
        if answer is not None and not (np.isfinite(answer.cut).all() and np.isfinite(answer.cost)):
            trouble.tell("oracle", "specialised oracle gave no finite cut; HiGHS instead")
            return None
        return answer
