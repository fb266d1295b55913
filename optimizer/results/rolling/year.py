"""One site through one period, forecast by forecast and hour by hour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.preparing.calendar import Period
from optimizer.results.rolling.bills import Bills
from optimizer.results.rolling.block import Block
from optimizer.results.rolling.forecasts import Forecasts
from optimizer.results.rolling.window import Window, worth
from optimizer.settings import RollingOptions


@dataclass(frozen=True)
class RollingYear:
    """One site in one period, run without perfect foresight; money of one pass [k$].

    ``settled`` is what of the cost is for quotas and for storage that ends above or below its start.
    """

    site: str
    period: Period
    cost: float
    ahead_cost: float
    unserved_mwh: float
    settled: float = 0.0


def run_year(block: Block, options: RollingOptions, stream: tuple[int, ...]) -> RollingYear:
    """Run a block by forecasts; ``stream`` are the seeds of its errors."""
    ahead, unserved = block.ahead(), block.group["unserved"]
    cost_ahead = ahead.cost + block.fixed
    if not any(block.upper[block.columns[k]].any() for k in block.stored):
        # Without storage every hour decides for itself, and nothing hangs on a forecast.
        missing = float(ahead.values[block.columns[unserved]].sum())
        return RollingYear(block.site.site, block.period, cost_ahead, cost_ahead, missing)
    bills, columns = Bills(block, ahead), block.columns
    settling = block.priced(ahead, block.quotas)[columns]
    cost = block.priced(ahead, np.concatenate([block.quotas, bills.sums]))[columns]
    upper, rhs = block.upper[columns], block.rhs[block.rows]
    planned = ahead.values[columns[block.stored]]
    price = -ahead.prices[block.rows[block.store_rows]]
    most = block.case.unserved_price
    far = min(options.foresight_h, block.count)
    begins = range(0, block.count, options.step_h)
    slots, slots_now = bills.slots(begins, far), bills.slots(range(block.count), 1)
    window, hour = (Window(block, n, bills.flows[s]) for n, s in ((far, slots), (1, slots_now)))
    forecasts = Forecasts(block, options, stream)
    state = start = planned[:, -1]
    done = np.empty_like(upper)
    for first in begins:
        at = np.arange(first, first + far) % block.count
        guess = forecasts.issue(at, upper[:, at], rhs[:, at], cost[:, at])
        last = at[-1:]
        wanted = (planned[:, last[0]], *worth(price[:, last[0]], most))
        plan, prices = window.solve(*guess, state, *wanted, *bills.limits(slots, at))
        for k, t in enumerate(range(first, min(first + options.step_h, block.count))):
            held = worth(-prices[block.store_rows, k], most)
            limits, rates = bills.limits(slots_now, np.array([t]))
            # What the forecast's dispatch raises a level to in this hour is decided.
            decided = (bills.flows[slots_now] @ plan[:, k])[:, None]
            now, _ = hour.solve(
                upper[:, [t]], rhs[:, [t]], cost[:, [t]], state, plan[block.stored, k], *held,
                np.maximum(limits, decided), rates,
            )  # fmt: skip
            done[:, t] = now[:, 0]
            state = done[block.stored, t]
            bills.take(t, done[:, t])
    kept = -block.before[block.store_rows, block.stored]
    settled = block.stays(ahead) + float(price[:, 0] @ (kept * (start - state)))
    billed = bills.bill(done)
    running = float((block.cost[columns] * done).sum()) + billed
    total = float((settling * done).sum()) + billed + settled
    missing = float(done[unserved].sum())
    return RollingYear(
        block.site.site, block.period, total + block.fixed, cost_ahead, missing, total - running
    )
