"""Chooses the oracle of each block and evaluates many side by side by threads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

from optimizer.preparing.case import Case
from optimizer.solving.oracles.blocks import Blocks
from optimizer.solving.oracles.reference import HighsOracle
from optimizer.solving.oracles.task import Outcome, Task

FEW_HOURS = 20_000
"""Below this many hours in all blocks, compiling the specialised oracle does not pay."""


class BlockOracle(Blocks):
    """All blocks of a case, evaluated by whichever oracle is quickest (threads in parallel)."""

    def __init__(
        self, case: Case, threads: int = 2, tolerance: float = 1e-7, proof: float = 1e-9,
        special: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(case)
        self._reference = HighsOracle(self, tolerance)
        hours = len(case.sites) * sum(len(p.hours) for p in case.periods)
        if special is None:
            special = hours >= FEW_HOURS and find_spec("numba") is not None
        self._special = None
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

    def tolerate(self, tolerance: float) -> None:
        """Change the tolerances of all answers."""
        self._reference.tolerate(tolerance)
        if self._special is not None:
            self._special.tolerate(max(tolerance, 1e-9))

    def evaluate(self, tasks: Sequence[Task]) -> list[Outcome]:
        """All tasks, in order; those of one site with the same hours by one thread."""
        by_site: dict[tuple[str, str], list[int]] = {}
        for k, task in enumerate(tasks):
            by_site.setdefault((task.site, self.hours_keys[task.period]), []).append(k)
        # The long ones first, so that no thread ends up alone with them.
        order = sorted(
            by_site.values(),
            key=lambda ks: -len(ks) * len(self.shape(tasks[ks[0]].site, tasks[ks[0]].period).hours),
        )
        answers: list[Outcome | None] = [None] * len(tasks)

        def work(numbers: Iterable[int]) -> None:
            for k in numbers:
                answer = None if self._special is None else self._special.solve(tasks[k])
                answers[k] = self._reference.solve(tasks[k]) if answer is None else answer

        for done in [self._threads.submit(work, numbers) for numbers in order]:
            done.result()
        return [a for a in answers if a is not None]
