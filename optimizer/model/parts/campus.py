"""Campus blocks: the halls that hold the IT load."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyomo.environ as pyo

from optimizer.model.ledger import Ledger
from optimizer.model.limits import (
    Amounts,
    Limit,
    Steps,
    Use,
    months_in,
    number,
    raised,
    rows_of,
    set_cell,
    shorten,
    sites_of,
    total_months,
    unlimited,
)
from optimizer.model.parts.common import added, contribute, standing
from optimizer.preparing.case import Case, Site


def applies(case: Case) -> bool:
    """Always."""
    return True


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """``halls[h, v, p]``: blocks online so far, whole; standing ones <= limit x open.

    ``it_capacity[p]``: IT load of the standing blocks <= max_it_mw.
    """
    periods = range(len(case.periods))
    keys = [(h.block, v.name) for h in site.halls for v in h.variants]
    block.halls = pyo.Var([(*k, p) for k in keys for p in periods], domain=pyo.NonNegativeIntegers)
    block.hall_rows = pyo.ConstraintList()
    capacity: list[list[object]] = [[] for _ in periods]
    for hall in site.halls:
        for p in periods:
            stand = []
            for v, variant in enumerate(hall.variants):
                key = (hall.block, variant.name)
                block.halls[(*key, p)].setub(hall.max_blocks * max(1, p + 1))
                new = added(block.halls, key, p)
                if variant.possible[p]:
                    block.hall_rows.add(new >= 0)
                else:
                    block.hall_rows.add(new == 0)
                here = standing(block.halls, key, hall.serves, p)
                stand.append(here)
                money = hall.money[v]
                name = case.periods[p].name
                ledger.cost(
                    "campus_capital", money.capital[p] * new, site=site.site, item=hall.block,
                    period=name,
                )  # fmt: skip
                if variant.possible[p]:
                    for month, paid in money.payments(p).items():
                        contribute(block, ("cash", month), paid * new)
                    for component in case.components:
                        per_mw, per_unit = component.needs("campus_block", hall.block)
                        slots = per_mw * hall.it_mw + per_unit
                        if slots:
                            at = (component.component, int(variant.delivery[p]))
                            contribute(block, ("slot", *at), slots * new)
            total = pyo.quicksum(stand)
            opened = block.open[int(hall.variants[0].open_by[p])] if _can(hall, p) else 0
            block.hall_rows.add(total <= hall.max_blocks * opened)
            capacity[p].append(hall.it_mw * total)
            ledger.cost(
                "campus_fom", hall.fom / 12 * case.periods[p].discounted_months * total,
                site=site.site, item=hall.block, period=case.periods[p].name,
            )  # fmt: skip
            if hall.land_km2:
                contribute(block, ("land", p), hall.land_km2 * total)
            contribute(block, ("blocks", p, hall.it_mw), total)
    block.it_capacity = pyo.Expression(periods, rule=lambda b, p: pyo.quicksum(capacity[p]))
    for p in periods:
        if len(site.halls) > 1:
            block.hall_rows.add(block.it_capacity[p] <= site.max_it_mw)


def _can(hall: object, p: int) -> bool:
    """Whether the block's construction can have begun by p at all."""
    return bool(hall.variants[0].open_by[p] >= 0)  # type: ignore[attr-defined]


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """Nothing: halls meet in the demand and slot rows."""


LEAD = ("procurement_months", "construction_months", "commissioning_months")


def _site_sizes(case: Case) -> list[Limit]:
    return [
        Limit("max_it_mw", "sites", n, "max_it_mw",
              f"{row['site']}: at most {number(row['max_it_mw'])} MW of IT may stand",
              row["max_it_mw"], (row["site"],))
        for n, row in rows_of(case, "sites")
    ]  # fmt: skip


def _blocks(case: Case) -> list[Limit]:
    sites = sites_of(case, "campus_blocks", "block")
    return [
        Limit("max_blocks", "campus_blocks", n, "max_blocks",
              f"at most {row['max_blocks']:.0f} of {row['block']} at {row['site']}",
              row["max_blocks"], (row["block"], *sites[n]))
        for n, row in rows_of(case, "campus_blocks")
        if not np.isnan(row["max_blocks"]) and sites[n]
    ]  # fmt: skip


def _lead_times(case: Case) -> list[Limit]:
    made = []
    for n, row in rows_of(case, "campus_blocks"):
        months = months_in(case, row, LEAD)
        if months > 0:
            said = f"{row['block']}: {months} months from order to online"
            made.append(Limit("hall lead times", "campus_blocks", n, LEAD[1], said, months, LEAD))
    return made


def _used_by_site(model: Any, case: Case, limit: Limit) -> Iterator[Use]:
    for p in range(len(case.periods)):
        yield Use(model.site[limit.key[0]].it_capacity[p], limit.given)


def _used_blocks(model: Any, case: Case, limit: Limit) -> Iterator[Use]:
    block, *sites = limit.key
    for site in sites:
        for hall in case.sites[site].halls:
            if hall.block == block:
                for p in range(len(case.periods)):
                    keys = [(block, v.name) for v in hall.variants]
                    stand = (standing(model.site[site].halls, k, hall.serves, p) for k in keys)
                    yield Use(pyo.quicksum(stand), limit.given)


LIMITS = (
    Amounts(
        "max_it_mw", limits=_site_sizes, used=_used_by_site, edits=raised,
        free=lambda case, limit, much: [set_cell(limit, max(much, limit.given))],
    ),
    Amounts("max_blocks", limits=_blocks, free=unlimited(math.nan), used=_used_blocks, edits=raised),
    Steps("hall lead times", limits=_lead_times, steps=total_months, edits=shorten),
)  # fmt: skip
