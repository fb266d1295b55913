"""Placement of IT load, backlog and the price of delay."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyomo.environ as pyo

from optimizer.model.blocks import links
from optimizer.model.ledger import Ledger
from optimizer.model.limits import (
    Amounts,
    Beyond,
    Edit,
    Limit,
    Steps,
    Use,
    number,
    rows_of,
    set_cell,
    unlimited,
)
from optimizer.model.parts.common import contribute
from optimizer.preparing.case import Case, Site, great_circle_km


def applies(case: Case) -> bool:
    """Always."""
    return True


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """``place[w, r, p]`` >= 0 where latency allows; their sum <= IT load of standing blocks."""
    allowed = [
        (w, r, p)
        for (w, r, s) in case.reach
        if s == site.site
        for p in range(len(case.periods))
        if case.demand.get((w, r, p), 0.0) > 0
    ]
    block.place = pyo.Var(allowed, domain=pyo.NonNegativeReals)
    block.place_rows = pyo.ConstraintList()
    for w, r, p in allowed:
        block.place[w, r, p].setub(min(case.demand[w, r, p], site.max_it_mw))
        contribute(block, ("demand", w, r, p), block.place[w, r, p])
        cost = case.reach[w, r, site.site]
        if cost:
            ledger.cost(
                "placement", cost * case.periods[p].discounted_months * block.place[w, r, p],
                site=site.site, item=f"{w}/{r}", period=case.periods[p].name,
            )  # fmt: skip
    for p in range(len(case.periods)):
        for name in case.workloads:
            block.links[p][links.load(name)] = pyo.quicksum(
                block.place[w, r, q] for (w, r, q) in allowed if w == name and q == p
            )
        placed = pyo.quicksum(block.links[p][links.load(w)] for w in case.workloads)
        block.place_rows.add(placed <= block.it_capacity[p])


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """``backlog[w, r, p]`` in [0, max_backlog]: placed + backlog = demand; delay is priced."""
    model.backlog = pyo.Var(list(case.demand), domain=pyo.NonNegativeReals)
    rows = {}
    for (w, r, p), wanted in case.demand.items():
        missing = model.backlog[w, r, p]
        missing.setub(case.max_backlog[w, r, p])
        placed = _joint(model, ("demand", w, r, p))
        rows[w, r, p] = placed + missing == wanted
        price = case.workloads[w].delay_price * case.periods[p].discounted_months
        ledger.cost("delay", price * missing, item=f"{w}/{r}", period=case.periods[p].name)
    model.demand_met = pyo.Constraint(list(rows), rule=lambda m, *key: rows[key])
    _add_rounding(model, case)


def _add_rounding(model: pyo.ConcreteModel, case: Case) -> None:
    """Whole blocks must cover the demand that has no backlog, rounded up.

    With blocks of one size B and f the fraction of D / B (1 if whole), mixed-integer rounding
    of sum(B x blocks) + backlog >= D gives sum(blocks) + backlog / (B f) >= ceil(D / B).
    """
    sizes = case.hall_sizes
    if len(sizes) != 1:
        return
    (size,) = sizes
    rows = {}
    for p in range(len(case.periods)):
        wanted = sum(d for (_, _, q), d in case.demand.items() if q == p)
        if wanted <= 0:
            continue
        whole = math.ceil(wanted / size - 1e-9)
        fraction = wanted / size - (whole - 1)
        missing = pyo.quicksum(v for (_, _, q), v in model.backlog.items() if q == p)
        blocks = _joint(model, ("blocks", p, size))
        rows[p] = blocks + missing / (size * fraction) >= whole
    model.demand_in_blocks = pyo.Constraint(list(rows), rule=lambda m, p: rows[p])


def _joint(model: pyo.ConcreteModel, key: tuple[Any, ...]) -> Any:
    return pyo.quicksum(t for site in model.site.values() for t in site.joint.get(key, ()))


def _deadlines(case: Case) -> list[Limit]:
    names = {p.name: p.index for p in case.periods}
    made = []
    for n, row in rows_of(case, "demand"):
        key = (row["workload"], row["region"], names[row["period"]])
        most, wanted = case.max_backlog[key], case.demand[key]
        if most < wanted:
            said = f"{key[0]} / {key[1]} must have {number(wanted - most)} MW in {row['period']}"
            made.append(Limit("deadlines", "demand", n, "max_backlog_mw", said, most, key))
    return made


def _waiting(model: Any, case: Case, limit: Limit) -> Iterator[Use]:
    yield Use(model.backlog[limit.key], limit.given)


def _later(case: Case, limit: Limit, beyond: Beyond) -> list[Edit]:
    more = max(beyond.values())
    value, wanted = limit.given + more, case.demand[limit.key]
    period = case.periods[limit.key[2]].name
    words = (
        f"{100 * more / wanted:.3g} % of the demand of {period} later: "
        f"max_backlog_mw {number(limit.given)} -> {number(value)}"
    )
    return [set_cell(limit, value, words)]


def _latencies(case: Case) -> list[Limit]:
    return [
        Limit("latency", "workloads", n, "max_latency_ms",
              f"{row['workload']}: at most {number(row['max_latency_ms'])} ms",
              row["max_latency_ms"], (row["workload"],))
        for n, row in rows_of(case, "workloads")
        if not np.isnan(row["max_latency_ms"]) and _beyond_reach(case, row["workload"])
    ]  # fmt: skip


def _beyond_reach(case: Case, workload: str) -> list[float]:
    """Latencies of the regions and sites that are too far [ms], upwards, to 0.01 ms."""
    regions = {r for (w, r, _) in case.demand if w == workload}
    far = {
        _latency_ms(case, workload, region, site)
        for region in regions
        for site in case.sites
        if (workload, region, site) not in case.reach
    }
    return sorted({math.ceil(100 * ms) / 100 for ms in far})


def _latency_ms(case: Case, workload: str, region: str, site: str) -> float:
    for _, row in rows_of(case, "placement"):
        named = (row["workload"], row["region"], row["site"]) == (workload, region, site)
        if named and not np.isnan(row["latency_ms"]):
            return float(row["latency_ms"])
    here = next(r for _, r in rows_of(case, "regions") if r["region"] == region)
    there = next(r for _, r in rows_of(case, "sites") if r["site"] == site)
    km = great_circle_km(here["longitude"], here["latitude"], there["longitude"], there["latitude"])
    return float(km * case.inputs.setting("fibre_ms_per_km") + there["fibre_latency_ms"])


def _farther(case: Case, limit: Limit, ms: float) -> list[Edit]:
    return [set_cell(limit, ms)]


LIMITS = (
    Amounts("deadlines", limits=_deadlines, free=unlimited(math.nan), used=_waiting, edits=_later),
    Steps(
        "latency", limits=_latencies, edits=_farther,
        steps=lambda case, limit: _beyond_reach(case, limit.key[0]),
    ),
)  # fmt: skip
