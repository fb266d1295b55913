"""Campus blocks: the halls that hold the IT load."""

from __future__ import annotations

import pyomo.environ as pyo

from optimizer.model.ledger import Ledger
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
