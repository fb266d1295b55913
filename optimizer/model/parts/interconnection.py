"""Grid service: which offer is taken from when, and how many MW of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
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
    months_in,
    number,
    rows_of,
    set_cell,
    shorten,
    total_months,
)
from optimizer.model.parts.common import added, contribute
from optimizer.preparing.calendar import months_between
from optimizer.preparing.case import Case, Offer, Site
from optimizer.preparing.service import study_month


def applies(case: Case) -> bool:
    """Whether any site has an offer that can be taken."""
    return any(site.offers for site in case.sites.values())


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """``connected[i, v, p]`` and the firm and flexible MW of the offer, all of which only grow.

    Firm and flexible MW stay below the staircase while connected; at most one offer a site. Up to
    an offer's ``existing_mw`` a connection is transferred; ``extended[i, v, p]`` is what goes
    beyond it. A conditional stage serves until its exit date, then another offer may.
    """
    periods = range(len(case.periods))
    keys = [(o.offer, v.name) for o in site.offers for v in o.variants]
    index = [(*k, p) for k in keys for p in periods]
    old = {o.offer for o in site.offers if o.existing_mw > 0}
    block.connected = pyo.Var(index, domain=pyo.Binary)
    block.firm_mw = pyo.Var(index, domain=pyo.NonNegativeReals)
    block.flexible_mw = pyo.Var(index, domain=pyo.NonNegativeReals)
    if old:
        block.extended = pyo.Var([k for k in index if k[0] in old], domain=pyo.Binary)
        block.beyond_mw = pyo.Var([k for k in index if k[0] in old], domain=pyo.NonNegativeReals)
    block.grid_rows = pyo.ConstraintList()
    if not site.offers:
        return
    for p in periods:
        block.grid_rows.add(pyo.quicksum(block.connected[(*k, p)] for k in keys) <= 1)
        block.links[p][links.FIRM] = pyo.quicksum(block.firm_mw[(*k, p)] for k in keys)
        for offer in site.offers:
            block.links[p][links.flexible(offer)] = pyo.quicksum(
                block.flexible_mw[offer.offer, v.name, p] for v in offer.variants
            )
            if offer.sheds_firm:
                block.links[p][links.shed(offer)] = pyo.quicksum(
                    block.firm_mw[offer.offer, v.name, p] for v in offer.variants
                )
            for v in range(len(offer.variants)):
                if p < offer.until:
                    _add_period(block, case, site, offer, ledger, v, p)
                else:
                    _leave(block, (offer.offer, offer.variants[v].name, p))
        if site.sells_energy:
            block.links[p][links.EXPORT] = pyo.quicksum(
                offer.export_mw * block.connected[offer.offer, v.name, p]
                for offer in site.offers
                for v in offer.variants
            )


def _leave(block: pyo.Block, key: tuple[str, str, int]) -> None:
    """After its exit date an offer serves nothing."""
    for name in ("connected", "firm_mw", "flexible_mw", "extended", "beyond_mw"):
        level = block.find_component(name)
        if level is not None and key in level:
            level[key].fix(0)


def _add_period(
    block: pyo.Block, case: Case, site: Site, offer: Offer, ledger: Ledger, v: int, p: int
) -> None:
    variant, period = offer.variants[v], case.periods[p]
    key = (offer.offer, variant.name)
    connected = block.connected[(*key, p)]
    rows = block.grid_rows
    rows.add(added(block.connected, key, p) >= 0)
    where = {"site": site.site, "item": offer.offer, "period": period.name}
    if offer.existing_mw > 0:
        here, built, new_mw = _add_existing(block, offer, ledger, key, p, period.month, where)
    else:
        here, built = connected, block.connected
        new_mw = added(block.firm_mw, key, p) + added(block.flexible_mw, key, p)
    new = added(built, key, p)
    if not variant.possible[p]:
        rows.add(new <= 0)
    opened_by = int(variant.open_by[p])
    rows.add(here <= block.open[opened_by] if opened_by >= 0 else here == 0)
    firm, flexible = block.firm_mw[(*key, p)], block.flexible_mw[(*key, p)]
    old = offer.existing_mw * float(offer.transferable[p])
    rows.add(firm <= old * connected + max(0.0, offer.firm_mw[p] - old) * here)
    rows.add(flexible <= offer.flexible_mw[p] * here)
    for level in (block.firm_mw, block.flexible_mw):
        rows.add(added(level, key, p) >= 0)
    ledger.cost("interconnection", offer.fixed_money.capital[p] * new, **where)
    ledger.cost("interconnection", offer.mw_money.capital[p] * new_mw, **where)
    charge = offer.charge / 12 * period.discounted_months
    ledger.cost("interconnection", charge * (firm + flexible), **where)
    fixed, per_mw = offer.fixed_money.overnight[p], offer.mw_money.overnight[p]
    if fixed or per_mw:
        contribute(block, ("cash", period.month), fixed * new + per_mw * new_mw)
    for component in case.components:
        slot_mw, slot_unit = component.needs("interconnection", offer.offer)
        if (slot_mw or slot_unit) and offer.firm_mw[p] + offer.flexible_mw[p] > 0:
            at = (component.component, int(variant.delivery[p]))
            contribute(block, ("slot", *at), slot_mw * new_mw + slot_unit * new)
    if offer.permit_kind:
        contribute(block, ("permit", offer.permit_kind, variant.name, p), (here, 1.0, None))


def _add_existing(
    block: pyo.Block, offer: Offer, ledger: Ledger, key: tuple[str, str], p: int, month: int,
    where: dict[str, str],
) -> tuple[Any, Any, Any]:  # fmt: skip
    """A transferred connection: whether it is extended in p, since when, and the MW beyond it."""
    rows, connected = block.grid_rows, block.connected[(*key, p)]
    here, beyond = block.extended[(*key, p)], block.beyond_mw[(*key, p)]
    new = added(block.connected, key, p)
    if not offer.transferable[p]:
        rows.add(new <= 0)
    rows.add(connected <= block.open[p])
    rows.add(here <= connected)
    rows.add(added(block.extended, key, p) >= 0)
    taken = block.firm_mw[(*key, p)] + block.flexible_mw[(*key, p)]
    rows.add(beyond >= taken - offer.existing_mw * connected)
    rows.add(added(block.beyond_mw, key, p) >= 0)
    ledger.cost("interconnection", offer.transfer_money.capital[p] * new, **where)
    if offer.transfer_money.overnight[p]:
        contribute(block, ("cash", month), offer.transfer_money.overnight[p] * new)
    return here, block.extended, added(block.beyond_mw, key, p)


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """Nothing: offers meet in the slot and budget rows."""


def _steps(case: Case) -> list[tuple[int, dict[str, Any], int]]:
    """Steps with their sheet row and the month of the step before them, -1 if there is none."""
    rows = sorted(rows_of(case, "interconnection_steps"), key=lambda r: r[1]["from_date"])
    last: dict[tuple[str, str], int] = {}
    made = []
    for n, row in rows:
        at = (row["site"], row["offer"])
        made.append((n, row, last.get(at, -1)))
        last[at] = months_between(case.start, row["from_date"])
    return made


def _levels(case: Case) -> list[Limit]:
    return [
        Limit("grid power", "interconnection_steps", n, column,
              f"{row['site']} / {row['offer']}: {number(row[column])} MW "
              f"{column.removesuffix('_mw')} from {row['from_date']:%Y-%m}",
              row[column], (row["site"], row["offer"], row["from_date"]))
        for n, row, _ in _steps(case)
        for column in ("firm_mw", "flexible_mw")
        if column == "firm_mw" or row[column] > 0
    ]  # fmt: skip


def _used_level(model: Any, case: Case, limit: Limit) -> Iterator[Use]:
    """MW of the offer in the periods that the step holds for."""
    site, name, _ = limit.key
    dates = [(r["from_date"], n) for n, r in rows_of(case, "interconnection_steps")
             if (r["site"], r["offer"]) == (site, name)]  # fmt: skip
    for offer in case.sites[site].offers:
        for period in case.periods if offer.offer == name else ():
            begun = [d for d in dates if d[0] <= period.start]
            if begun and max(begun)[1] == limit.row:
                level = model.site[site].component(limit.column)
                mw = (level[name, v.name, period.index] for v in offer.variants)
                yield Use(pyo.quicksum(mw), limit.given)


def _more_mw(case: Case, limit: Limit, beyond: Beyond) -> list[Edit]:
    """The step's MW, and those of later steps, which may not be lower."""
    value = limit.given + max(beyond.values())
    edits = [set_cell(limit, value)]
    for n, row, _ in _steps(case):
        later = (row["site"], row["offer"]) == limit.key[:2] and row["from_date"] > limit.key[2]
        if later and row[limit.column] < value:
            words = f"row {n} too"
            edits.append(Edit(limit.sheet, n, {limit.column: value}, words))
    return edits


def _step_dates(case: Case) -> list[Limit]:
    made = []
    for n, row, before in _steps(case):
        months = months_between(case.start, row["from_date"]) - max(0, before + 1)
        if months > 0:
            said = f"{row['site']} / {row['offer']}: {number(row['firm_mw'])} MW only from {row['from_date']:%Y-%m}"
            made.append(Limit("grid dates", "interconnection_steps", n, "from_date", said, months,
                              (row["from_date"],)))  # fmt: skip
    return made


def _earlier(case: Case, limit: Limit, months: float) -> list[Edit]:
    """The limit's date so many months earlier; the end of a stage so many later."""
    shift = pd.DateOffset(months=int(months))
    date = limit.key[0] + shift if limit.column == "exit_date" else limit.key[0] - shift
    words = f"{limit.column} {limit.key[0]:%Y-%m} -> {date:%Y-%m}"
    return [Edit(limit.sheet, limit.row, {limit.column: date}, words)]


def _stated(case: Case) -> Iterator[Limit]:
    """Results, study windows and ends of conditional stages that have a date."""
    for n, row in rows_of(case, "interconnections"):
        who = f"{row['site']} / {row['offer']}"
        studied = 0 if pd.notna(row["result_date"]) else study_month(row, case.start)
        dates = {
            "result_date": "its result is of", "study_window_date": "the study begins in",
            "exit_date": "serves until",
        }  # fmt: skip
        for column, words in dates.items():
            if pd.isna(row[column]):
                continue
            months = months_between(case.start, row[column])
            if column == "exit_date":
                months = case.horizon - months
            elif column == "study_window_date":
                months = studied
            if months > 0:
                said = f"{who}: {words} {row[column]:%Y-%m}"
                yield Limit("grid dates", "interconnections", n, column, said, months,
                            (row[column],))  # fmt: skip


def _waits(
    columns: tuple[str, ...], words: str, sheet: str = "interconnections"
) -> Callable[[Case], list[Limit]]:
    def limits(case: Case) -> list[Limit]:
        made = []
        for n, row in rows_of(case, sheet):
            months = months_in(case, row, columns)
            if months > 0:
                who = row.get("shared_upgrade") if sheet == "shared_upgrades" else (
                    f"{row['site']} / {row['offer']}")  # fmt: skip
                said = f"{who}: {months} {words}"
                made.append(Limit("grid dates", sheet, n, columns[0], said, months, columns))
        return made

    return limits


_queues = _waits(("queue_months", "upgrade_months"), "months of queue and upgrades")
_substations = _waits(("procurement_months", "construction_months"), "months for the substation")


_others = (
    _waits(("generation_study_months",), "months for the study of own units"),
    _waits(("transfer_months",), "months of the transfer"),
    _waits(("upgrade_months",), "months of the shared upgrade", "shared_upgrades"),
)


def _dates(case: Case) -> list[Limit]:
    more = [limit for limits in _others for limit in limits(case)]
    return [*_step_dates(case), *_queues(case), *_substations(case), *_stated(case), *more]


def _sooner(case: Case, limit: Limit, months: float) -> list[Edit]:
    move = _earlier if limit.column.endswith("_date") else shorten
    return move(case, limit, months)


LIMITS = (
    Amounts(
        "grid power", limits=_levels, used=_used_level, edits=_more_mw,
        free=lambda case, limit, much: [set_cell(limit, max(much, limit.given))],
    ),
    Steps("grid dates", limits=_dates, steps=total_months, edits=_sooner),
)  # fmt: skip
