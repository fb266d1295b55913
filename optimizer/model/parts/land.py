"""Land and fuel supply of a site."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyomo.environ as pyo

from optimizer.model.ledger import Ledger
from optimizer.model.limits import Amounts, Limit, Use, number, raised, rows_of, unlimited
from optimizer.preparing.case import Case, Site


def applies(case: Case) -> bool:
    """Always."""
    return True


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """Land of all that stands <= land_km2; fuel of all gas units at full load <= gas limit."""
    block.land_within_site = pyo.ConstraintList()
    for p, period in enumerate(case.periods):
        used = pyo.quicksum(block.joint.get(("land", p), ()))
        if ("land", p) in block.joint:
            block.land_within_site.add(used <= site.land_km2)
            if site.land_cost[p]:
                ledger.cost(
                    "land", site.land_cost[p] * used, site=site.site, item="land",
                    period=period.name,
                )  # fmt: skip
        if ("gas", p) in block.joint and not np.isnan(site.gas_limit_mmbtu_per_hour):
            burnt = pyo.quicksum(block.joint["gas", p])
            block.land_within_site.add(burnt <= site.gas_limit_mmbtu_per_hour)


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """Nothing: land is a site's own."""


def _places(case: Case, column: str, unit: str) -> list[Limit]:
    return [
        Limit(column, "sites", n, column, f"{row['site']}: {column} is {number(row[column])} {unit}",
              row[column], (row["site"],))
        for n, row in rows_of(case, "sites")
        if not np.isnan(row[column])
    ]  # fmt: skip


def _used(kind: str) -> Callable[[Any, Case, Limit], Iterator[Use]]:
    def used(model: Any, case: Case, limit: Limit) -> Iterator[Use]:
        joint = model.site[limit.key[0]].joint
        for p in range(len(case.periods)):
            if (kind, p) in joint:
                yield Use(pyo.quicksum(joint[kind, p]), limit.given)

    return used


LIMITS = (
    Amounts(
        "land_km2",
        limits=lambda case: _places(case, "land_km2", "km2"),
        free=unlimited(1e6), used=_used("land"), edits=raised,
    ),
    Amounts(
        "gas_limit_mmbtu_per_hour",
        limits=lambda case: _places(case, "gas_limit_mmbtu_per_hour", "MMBtu/h"),
        free=unlimited(math.nan), used=_used("gas"), edits=raised,
    ),
)  # fmt: skip
