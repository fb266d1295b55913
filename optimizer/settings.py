"""Options of a run and what a solve reports while and after it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Engine = Literal["auto", "few", "many", "monolith"]


WARN_SHARE = 0.03
"""Extra running cost without perfect foresight above which a plan is warned of."""


@dataclass(frozen=True)
class RollingOptions:
    """How a plan is dispatched again without perfect foresight.

    Parameters
    ----------
    foresight_h : hours that a forecast covers
    step_h : hours after which the next forecast comes in; those of it that are run
    error : standard deviation of the forecast of sun, wind and price at the end of the foresight,
        relative to what comes; it grows with the square root of the hours ahead, and a fifth of it
        holds for a load that has a profile
    seed : seed of the errors; None: the case's own
    """

    foresight_h: int = 36
    step_h: int = 24
    error: float = 0.15
    seed: int | None = None


@dataclass(frozen=True)
class RunOptions:
    """How to solve; None takes the case's own setting.

    Parameters
    ----------
    gap : proven relative gap at which the run ends
    time_limit_s : wall time of the whole command [s]
    threads : number of threads
    engine : ``few`` (one planning model of all sites and hourly blocks), ``many`` (sites split
        along the rows that they share) or ``monolith`` (one plain Pyomo program); ``auto``
        chooses one of the first two by the size of the case
    seed : seed of everything that draws
    gap_power : prove, by a second solve, what all other cost must be at the plan's delay
    checkpoint : file in which is kept what is known, so that the run can be taken up again
    resume : go on from there
    why : ask, once the plan is settled, why it is this one
    why_time_s : time for that [s]; None: a tenth of the solve's, at least a few seconds, and
        never more than is left
    start_from : folder of a result whose plan, made to fit this case, is the first plan
    prefer : folder of a result; of all plans within the gap the one is wanted that changes
        least of it
    memory_limit_mb : resident memory that operating blocks are dropped and rebuilt to keep
        [MB]; None: no limit
    rolling : dispatch the plan again without perfect foresight; None: not asked
    """

    gap: float | None = None
    time_limit_s: float | None = None
    threads: int = 2
    engine: Engine = "auto"
    seed: int | None = None
    gap_power: bool = False
    checkpoint: Path | None = None
    resume: bool = False
    why: bool = False
    why_time_s: float | None = None
    start_from: str | None = None
    prefer: str | None = None
    memory_limit_mb: float | None = None
    rolling: RollingOptions | None = None


@dataclass(frozen=True)
class Progress:
    """One line of progress. Money in US$; ``best`` and ``gap`` are inf before the first plan.

    ``text`` stands for all of it where something else is told.
    """

    seconds: float
    phase: str
    bound: float
    best: float
    gap: float
    text: str = ""


OnProgress = Callable[[Progress], None]
ShouldStop = Callable[[], bool]


@dataclass
class SolveReport:
    """How a solve ended.

    ``status`` is ``optimal`` (gap reached), ``feasible``, ``infeasible`` or ``no_plan``;
    ``stop_reason`` is ``gap``, ``time_limit``, ``interrupted``, ``exhausted`` or ``infeasible``.
    Money in US$. ``changed_decisions`` is told where a result was to be preferred.
    """

    status: str = "no_plan"
    stop_reason: str = ""
    engine: str = "few"
    objective: float = float("nan")
    bound: float = float("-inf")
    unavoidable_delay_usd: float = 0.0
    power_bound_usd: float | None = None
    bound_again: float | None = None
    problem: dict[str, int] = field(default_factory=dict)
    timing: dict[str, float] = field(default_factory=dict)
    progress: list[Progress] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    clashes: list[str] = field(default_factory=list)
    changed_decisions: dict[str, Any] | None = None
    tied_sites: list[dict[str, Any]] = field(default_factory=list)
