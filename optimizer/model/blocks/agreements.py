"""What a service agreement bills in the hours: demand and energy below the minimum."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from optimizer.model.blocks import links
from optimizer.model.blocks.assembly import Assembly, Running
from optimizer.model.blocks.grid import growth
from optimizer.preparing.agreements import Agreement
from optimizer.preparing.calendar import Period, month_of_hour
from optimizer.preparing.case import Case, Site


def signature(site: Site) -> tuple[Hashable, ...]:
    """What of the agreements the blocks depend on."""
    return tuple(
        (a.key, a.demand_price, a.demand_share, a.energy_price, a.energy_share, a.growth)
        for a in site.agreements
    )


def add(block: Assembly, case: Case, site: Site) -> None:
    """Billed demand of each month, and what is short of its minimum energy.

    meter(t) <= sum of billed(a, month), billed(a, month) >= share x owed MW of a
    sum over the month of meter(t) + short(a, month) >= share x hours x owed MW of a

    An agreement that is not in force has no contract MW, so that its columns are 0.
    """
    if not site.agreements:
        return
    months, month = np.unique(month_of_hour(block.hours), return_inverse=True)
    hours = np.bincount(month).astype(float)
    count = len(months)
    billing = [a for a in site.agreements if a.bills_demand]
    if billing:
        peaks = block.rows("demand_billed", {}, equality=False)
        for _, flow in block.meter:
            block.add(peaks, flow, 1.0)
        for agreement in billing:
            billed = block.columns(
                f"billed:{agreement.key}", {links.ramped(agreement): 1.0},
                _price(case, agreement, agreement.demand_price, count), count=count,
            )  # fmt: skip
            block.add(peaks, billed[month], -1.0)
            if agreement.demand_share > 0:
                least = block.rows(
                    f"minimum_demand:{agreement.key}",
                    {links.minimum(agreement): -agreement.demand_share},
                    count=count, equality=False,
                )  # fmt: skip
                block.add(least, billed, -1.0)
        if links.some_are_free(site):
            free = block.columns("free_demand", {links.FREE: 1.0}, count=count)
            block.add(peaks, free[month], -1.0)
    for agreement in (a for a in site.agreements if a.bills_energy):
        wanted = agreement.energy_share * hours
        short = block.columns(
            f"short:{agreement.key}", {links.minimum(agreement): wanted},
            _price(case, agreement, agreement.energy_price, count), count=count,
        )  # fmt: skip
        least = block.rows(
            f"minimum_energy:{agreement.key}", {links.minimum(agreement): -wanted},
            count=count, equality=False,
        )  # fmt: skip
        block.add(least, short, -1.0)
        for _, flow in block.meter:
            block.add(least[month], flow, -1.0)


def _price(case: Case, agreement: Agreement, price: float, count: int) -> Running:
    def running(period: Period) -> np.ndarray:
        return np.full(count, price * growth(case, agreement.growth, period))

    return running
