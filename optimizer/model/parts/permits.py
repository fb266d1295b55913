"""Permits: paid once for each site, kind and variant; thresholds of what is built under them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
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
    shorten,
    total_months,
    unlimited,
)
from optimizer.model.parts.common import contribute
from optimizer.preparing.case import Case, Site


def applies(case: Case) -> bool:
    """Whether anything needs a permit."""
    return any(site.permit_cost for site in case.sites.values())


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """``permit[kind, variant]``: it is obtained; without it nothing stands under it.

    standing <= limit x permit; the potential to emit and the MW of all units that stand under
    a variant stay below its thresholds.
    """
    block.permit = pyo.Var(list(site.permit_cost), domain=pyo.Binary)
    block.permit_rows = pyo.ConstraintList()
    under: dict[tuple[str, str], dict[int, list[tuple[Any, float, float | None]]]] = {}
    for key, terms in block.joint.items():
        if key[0] == "permit":
            _, kind, variant, p = key
            under.setdefault((kind, variant), {}).setdefault(p, []).extend(terms)
    for hall in site.halls:
        if hall.permit_kind:
            for variant in hall.variants:
                by_period = under.setdefault((hall.permit_kind, variant.name), {})
                for p in range(len(case.periods)):
                    stand = _halls_standing(block, hall, variant.name, p)
                    by_period.setdefault(p, []).append((stand, float(hall.max_blocks), None))
    for (kind, name), by_period in under.items():
        permit = block.permit[kind, name]
        for terms in by_period.values():
            for expression, most, _ in terms:
                block.permit_rows.add(expression <= most * permit)
            _add_threshold(block, permit, terms, site.permit_nox[kind, name], by_nox=True)
            _add_threshold(block, permit, terms, site.permit_mw[kind, name], by_nox=False)
        cost = site.permit_cost[kind, name]
        ledger.cost("permits", cost * permit, site=site.site, item=f"{kind}/{name}")
        if cost:
            contribute(block, ("cash", 0), cost / case.factor[0] * permit)


def _halls_standing(block: pyo.Block, hall: Any, variant: str, p: int) -> Any:
    from optimizer.model.parts.common import standing

    return standing(block.halls, (hall.block, variant), hall.serves, p)


def _add_threshold(
    block: pyo.Block, permit: Any, terms: list[Any], threshold: float, *, by_nox: bool
) -> None:
    """Sum of MW (or short tons a year) under a permit <= its threshold."""
    if np.isnan(threshold):
        return
    units = _counted(terms, by_nox=by_nox)
    if units:
        total = pyo.quicksum(n * e for e, n in units)
        block.permit_rows.add(total <= threshold * permit)


def _counted(terms: Iterable[Any], *, by_nox: bool) -> list[tuple[Any, float]]:
    """Standing MW that a threshold counts, with short tons a year (or 1) for each MW."""
    return [
        (e, n if by_nox else 1.0) for e, _, n in terms if n is not None and (n > 0 or not by_nox)
    ]


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """Nothing: permits are a site's own."""


def _durations(case: Case) -> list[Limit]:
    made = []
    for n, row in rows_of(case, "permits"):
        months = months_in(case, row, ("months",))
        if months > 0:
            said = f"{_name(row)}: {months} months from application to grant"
            made.append(Limit("permits", "permits", n, "months", said, months, ("months",)))
    return made


def _name(row: dict[str, Any]) -> str:
    return f"permit {row['permit_kind']} / {row['variant']} of {row['jurisdiction']}"


def _thresholds(group: str, column: str, unit: str) -> Callable[[Case], list[Limit]]:
    def limits(case: Case) -> list[Limit]:
        return [
            Limit(group, "permits", n, column, f"{_name(row)}: at most {number(row[column])} {unit}",
                  row[column], (row["jurisdiction"], row["permit_kind"], row["variant"]))
            for n, row in rows_of(case, "permits")
            if not np.isnan(row[column])
        ]  # fmt: skip

    return limits


def _used(*, by_nox: bool) -> Callable[[Any, Case, Limit], Iterator[Use]]:
    def used(model: Any, case: Case, limit: Limit) -> Iterator[Use]:
        jurisdiction, *permit = limit.key
        for _, row in rows_of(case, "sites"):
            if row["jurisdiction"] == jurisdiction:
                joint = model.site[row["site"]].joint
                for p in range(len(case.periods)):
                    units = _counted(joint.get(("permit", *permit, p), ()), by_nox=by_nox)
                    if units:
                        yield Use(pyo.quicksum(n * e for e, n in units), limit.given)

    return used


LIMITS = (
    Steps("permits", limits=_durations, steps=total_months, edits=shorten),
    Amounts(
        "NOx threshold", used=_used(by_nox=True), edits=raised,
        limits=_thresholds("NOx threshold", "max_nox_short_tons_per_year", "short tons of NOx a year"),
        free=unlimited(math.nan),
    ),
    Amounts(
        "MW threshold", limits=_thresholds("MW threshold", "max_mw", "MW"), used=_used(by_nox=False),
        free=unlimited(math.nan), edits=raised,
    ),
)  # fmt: skip
