"""Dispatches a plan again without perfect foresight (``verification.rolling``).

The plan's hours know the whole year. Here the capacities of a written plan are kept, and the
year is run as an operator would. Every ``step_h`` hours a forecast of the next ``foresight_h``
hours comes in, off by a stated error; its cheapest dispatch says what storage is to keep. Then
each hour happens as it is: dispatchable sources, storage and the grid cover the difference in
the order of their cost, unserved energy last. Of the model's answers nothing is read but
capacities, placement, MW of contracts, and what each block may emit, drink and leave unmatched.

What is left in storage when the foresight ends is held to a target: the state of charge of that
hour in the year's own dispatch, which is solved here once more. A target, because a price alone
lets a storage swing between full and empty at equal cost, and because it carries the season,
which 36 hours cannot see. To fall short of it costs twice the shadow price of stored energy in
that hour, to be above it earns half of that. What the year ends with above or below its start, and
its quotas (CO2, water, what carbon-free targets leave unmatched) are settled at the year's shadow
prices. Operation is convex, so that the cost settled in this way is never below the full-year cost.
What contracts cost whatever runs is in both.

What is billed of many hours together (demand charges, coincident peaks and ratchets within a pass,
the minimum of a service agreement, tiers, a minimum bill, a contract's minimum take) is billed
exactly of what has run. The operator holds to the peaks of the year's own dispatch: to go above
the highest of that and of what has been realised costs what the next MW adds to the bill, once.
What hangs on a month's energy is priced at its shadow price while the year runs.

Sites whose ratchet looks at earlier periods are left out, and it is said why.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from optimizer.preparing.calendar import Period
from optimizer.preparing.case import Case, Site
from optimizer.results.rolling.block import Block
from optimizer.results.rolling.capacities import (
    UnknownError,
    last_year,
    links_of_plan,
    money_due,
)
from optimizer.results.rolling.forecasts import LOAD_SHARE
from optimizer.results.rolling.year import RollingYear, run_year
from optimizer.settings import WARN_SHARE, RollingOptions


def rolling(
    case: Case, tables: dict[str, pd.DataFrame], options: RollingOptions, until: float | None = None
) -> dict[str, Any]:
    """The last full year of each opened site without perfect foresight, for ``summary.json``.

    Parameters
    ----------
    case, tables : what was planned with, and the written plan
    options : foresight, step, error and seed
    until : when to stop (monotonic) [s]; what is begun is ended, and one block is always run
    """
    begin = time.monotonic()
    seed = int(case.inputs.setting("seed")) if options.seed is None else options.seed
    years: list[RollingYear] = []
    todo, left_out = _operated(case, tables)
    for site, period, x in todo:
        if years and until is not None and time.monotonic() > until:
            break
        stream = (seed, site.name_row, period.index)
        fixed = money_due(case, site, period, tables)
        years.append(run_year(Block(case, site, period, x, fixed), options, stream))
    left_out += [f"{site.site} {period.name}" for site, period, _ in todo[len(years) :]]

    def whole(values: Iterator[float]) -> float:
        return float(sum(v * y.period.passes for v, y in zip(values, years, strict=True)))

    cost, ahead = (1e3 * whole(getattr(y, n) for y in years) for n in ("cost", "ahead_cost"))
    unserved = whole(y.unserved_mwh for y in years)
    share = (cost - ahead) / abs(ahead) if ahead else 0.0 if cost == ahead else None
    return {
        "operating_cost_usd": cost,
        "full_year_operating_cost_usd": ahead,
        "extra_usd": cost - ahead,
        "settled_usd": 1e3 * whole(y.settled for y in years),
        "extra_share": share,
        "unserved_mwh": unserved,
        "foresight_hours": options.foresight_h,
        "step_hours": options.step_h,
        "forecast_error": options.error,
        "forecast_error_load": LOAD_SHARE * options.error,
        "seed": seed,
        "sites": sorted({y.site for y in years}),
        "periods": list(dict.fromkeys(y.period.name for y in years)),
        "by_site": [
            {"site": y.site, "period": y.period.name, "operating_cost_usd": 1e3 * y.cost,
             "full_year_operating_cost_usd": 1e3 * y.ahead_cost, "unserved_mwh": y.unserved_mwh,
             "passes": y.period.passes}
            for y in years
        ],
        "left_out": left_out,
        "seconds": time.monotonic() - begin,
        "warning": _warning(share, cost - ahead, unserved, options),
    }  # fmt: skip


def _operated(
    case: Case, tables: dict[str, pd.DataFrame]
) -> tuple[list[tuple[Site, Period, np.ndarray]], list[str]]:
    """Blocks of the last full year that the plan operates, with their links; what is left out."""
    ran = set(zip(tables["operation"]["site"], tables["operation"]["period"], strict=True))
    found, left_out = [], []
    for period in last_year(case):
        for site in case.sites.values():
            if (site.site, period.name) not in ran:
                continue
            try:
                found.append((site, period, links_of_plan(case, site, period, tables)))
            except UnknownError as unknown:
                left_out.append(f"{site.site} {period.name}: {unknown} is not followed")
    return found, left_out


def _warning(
    share: float | None, extra_usd: float, unserved_mwh: float, options: RollingOptions
) -> str | None:
    """What to say of a plan that leans on perfect foresight; None if it does not."""
    if share is not None and share <= WARN_SHARE:
        return None
    dearer = f"{extra_usd:,.0f} USD dearer"
    if share is not None:
        dearer = f"{share:.1%} dearer" if share < 1 else f"{1 + share:,.3g} times as dear"
    than = "as" if share is not None and share >= 1 else "than"
    short = f", with {unserved_mwh:,.1f} MWh unserved" if unserved_mwh > 0.05 else ""
    return (
        f"With {options.foresight_h} h of foresight and forecasts off by {options.error:.0%} the "
        f"plan runs {dearer} {than} its full-year dispatch says{short}: it leans on knowing the "
        "year ahead. More storage or firm power than planned is prudent."
    )


__all__ = ["rolling"]
