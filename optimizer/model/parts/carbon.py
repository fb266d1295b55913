"""CO2 caps of calendar years, shared out to the blocks as quotas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyomo.environ as pyo

from optimizer.model import blocks
from optimizer.model.blocks import links
from optimizer.model.ledger import Ledger
from optimizer.model.limits import Amounts, Limit, Use, number, raised, rows_of, unlimited
from optimizer.model.parts.common import contribute
from optimizer.preparing.calendar import HOURS_PER_YEAR
from optimizer.preparing.case import Case, Site


def applies(case: Case) -> bool:
    """Whether there is a cap."""
    return links.limits_co2(case)


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """``co2_quota[p]`` [kt for each pass]: what the site's operation may emit."""
    block.co2_quota = pyo.Var(range(len(case.periods)), domain=pyo.NonNegativeReals)
    for p, period in enumerate(case.periods):
        block.links[p][links.CO2] = block.co2_quota[p]
        contribute(block, ("co2", period.group), block.co2_quota[p])


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """Quotas of a calendar year <= its cap."""
    model.co2_within_cap = pyo.Constraint(
        [c.group for c in case.co2_caps],
        rule=lambda m, group: (
            pyo.quicksum(t for site in m.site.values() for t in site.joint["co2", group])
            <= min(c.value for c in case.co2_caps if c.group == group) / blocks.T_PER_LINK
        ),
    )


def _caps(case: Case) -> list[Limit]:
    return [
        Limit("co2_cap", "policies", n, "value",
              f"{row['policy']}: CO2 cap of {number(row['value'])} t a year", row["value"],
              (row["policy"],))
        for n, row in rows_of(case, "policies")
        if row["policy"] in {c.name for c in case.co2_caps}
    ]  # fmt: skip


def _used(model: Any, case: Case, limit: Limit) -> Iterator[Use]:
    """Quotas of a group as t a year of 8,760 h."""
    for cap in case.co2_caps:
        if cap.name == limit.key[0]:
            terms = [t for site in model.site.values() for t in site.joint["co2", cap.group]]
            yearly = blocks.T_PER_LINK * HOURS_PER_YEAR / case.group_hours(cap.group)
            yield Use(yearly * pyo.quicksum(terms), limit.given)


LIMITS = (Amounts("co2_cap", limits=_caps, free=unlimited(1e9), used=_used, edits=raised),)
