"""Why this plan: what kept the other sites out, the runner-up of each source, what the limits that
bind are worth, and what the load that waits is waiting for.

All of it is asked after the plan is settled, within a time, of the planning model with the cuts
that the solve has learnt (``again``). What is not asked in time is said to be so.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from optimizer.model.build import Planning
from optimizer.solving.learning import Learning
from optimizer.solving.planning_arrays import PlanningArrays
from optimizer.solving.truth import Truth
from optimizer.solving.why.again import Again, Serve
from optimizer.solving.why.delay import Tracing
from optimizer.solving.why.grants import binding
from optimizer.solving.why.money import Money
from optimizer.solving.why.sites import WhyNotSites
from optimizer.solving.why.sources import RunnerUp
from optimizer.solving.why.worth import Worth

SHARE, LEAST_SECONDS = 0.1, 3.0
"""Time as a share of the solve's, and what a short solve is given [s]."""
DELAY_SHARE = 0.1
"""Of that time, the most that is spent on the plan of least delay."""


def time_for(solved: float, left: float, asked: float | None = None) -> float:
    """Time that a solve of so many seconds, with so many left, gives to these questions [s]."""
    return min(left, max(LEAST_SECONDS, SHARE * solved) if asked is None else asked)


def why_this(
    planning: Planning,
    arrays: PlanningArrays,
    known: Learning,
    x: np.ndarray,
    truth: Truth,
    serve: Serve,
    *,
    bound: float,
    seconds: float,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, pd.DataFrame]:
    """The tables ``why_not_sites``, ``runner_up``, ``worth`` and ``delay_causes``.

    Parameters
    ----------
    x, truth : the settled plan and its true cost, with dispatch
    serve : mends a plan (``Engine.serve``)
    bound : proven bound of the plan [k$]; what is nearer is within the gap
    seconds : time after which nothing is asked any more [s]
    """
    again = Again(planning, arrays, known, x, truth, serve, seconds=seconds,
                  should_stop=should_stop)  # fmt: skip
    money, gap_usd = Money(again), 1e3 * max(0.0, truth.total - bound)
    binds = binding(again)
    tracing = Tracing(again, binds)
    limits = Worth(again, binds)
    sites, sources = WhyNotSites(again, money, gap_usd), RunnerUp(again, money, gap_usd)
    asking = [sites.ask(), sources.ask(), limits.ask(), tracing.ask(DELAY_SHARE * seconds)]
    while asking:
        # In turn, so that none waits for all of another.
        asking = [questions for questions in asking if next(questions, None) is not None]
    return {
        "why_not_sites": sites.table(), "runner_up": sources.table(), "worth": limits.table(),
        "delay_causes": tracing.table(),
    }  # fmt: skip
