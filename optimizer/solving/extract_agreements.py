"""Tables of service agreements and shared upgrades, and what the agreements bill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo

from optimizer.model.blocks.grid import growth
from optimizer.model.build import Planning
from optimizer.model.parts.agreements import begun, cash, outstanding, owed_mw, ramped_mw
from optimizer.model.parts.common import level_at
from optimizer.preparing.agreements import Agreement
from optimizer.preparing.calendar import month_of_hour
from optimizer.preparing.case import Offer, Site

if TYPE_CHECKING:
    from optimizer.solving.extract import Extraction

COLUMNS: dict[str, tuple[str, ...]] = {
    "agreements": ("site", "offer", "agreement", "period", "in_force", "contract_mw", "ramped_mw",
                   "owed_mw", "reduced_mw", "reassigned_mw", "peak_mw", "billed_usd", "minimum_usd",
                   "security_usd", "deposit_paid_usd", "deposit_refunded_usd"),
    "shared_upgrades": ("shared_upgrade", "site", "period", "paid_share"),
}  # fmt: skip
LEAST = 1e-7
Bill = tuple[float, float, float]
"""Highest MW over the meter; US$ of all passes billed, and of that for what was not used."""


def _value(expression: Any) -> float:
    return float(pyo.value(expression))


def clean(planning: Planning) -> None:
    """What is extended, paid or given up, without solver noise, from the cleaned grid MW."""
    case = planning.case
    for name, site in case.sites.items():
        block = planning.model.site[name]
        for offer in (o for o in site.offers if o.existing_mw > 0):
            _extend(block, offer)
        for component in ("contract_mw", "reduced_mw", "reassigned_mw"):
            level = block.find_component(component)
            for key in level if level is not None else ():
                if not level[key].fixed and _value(level[key]) < LEAST:
                    level[key].set_value(0.0, skip_validation=True)
    for upgrade in case.shared_upgrades.values():
        paid = {
            name: [block.upgrade_paid[upgrade.name, p] for p in range(len(case.periods))]
            for name, block in planning.model.site.items()
            if (block.find_component("upgrade_paid") is not None)
            and (upgrade.name, 0) in block.upgrade_paid
        }
        for p in range(len(case.periods)):
            total = sum(_value(v[p]) for v in paid.values())
            for v in paid.values():
                share = _value(v[p]) / total if total > 0.5 else 0.0
                before = _value(v[p - 1]) if p else 0.0
                kept = before if abs(share - before) < 1e-4 else share
                v[p].set_value(kept, skip_validation=True)


def _extend(block: pyo.Block, offer: Offer) -> None:
    for variant in offer.variants:
        most, wide = 0.0, 0
        for p in range(offer.until):
            key = (offer.offer, variant.name, p)
            flexible = _value(block.flexible_mw[key])
            taken = _value(block.firm_mw[key]) + flexible
            beyond = taken - offer.existing_mw * round(_value(block.connected[key]))
            most = max(most, beyond if beyond > LEAST else 0.0)
            wide = max(wide, int(most > 0 or flexible > LEAST))
            block.beyond_mw[key].set_value(most, skip_validation=True)
            block.extended[key].set_value(wide, skip_validation=True)


def grid_cash(extraction: Extraction, block: pyo.Block, site: Site) -> None:
    """Payments for agreements and for upgrades that are shared."""
    case = extraction.case
    for offer in site.offers:
        for agreement in offer.agreements:
            for q in range(offer.until):
                signed = _value(block.contract_mw[agreement.key, q])
                starts = round(_value(begun(block, offer, agreement, q)))
                item = (site.site, agreement.key)
                if starts and agreement.study_fee:
                    extraction._cash(agreement.study_month, item[0], "agreement_fees", item[1],
                                     1e3 * agreement.study_fee)  # fmt: skip
                if signed:
                    for month, category, usd in cash(agreement, q, case):
                        extraction._cash(month, item[0], category, item[1], 1e3 * usd * signed)
            for (a, q, p), level in block.reduced_mw.items():
                if a == agreement.key:
                    before = level_at(block.reduced_mw, (a, q, p - 1))
                    usd = 1e3 * agreement.reduction_fee * (_value(level) - _value(before))
                    extraction._cash(case.periods[p].month, site.site, "agreement_fees", a, usd)
            for (a, p), again in block.reassigned_mw.items():
                if a == agreement.key:
                    usd = -1e3 * agreement.reduction_fee * _value(again)
                    extraction._cash(case.periods[p].month, site.site, "agreement_fees", a, usd)
    paid = block.find_component("upgrade_paid")
    for (name, p), level in (paid or {}).items():
        new = _value(level) - (_value(paid[name, p - 1]) if p else 0.0)
        if new > 0:
            period = case.periods[p]
            extraction.rows["shared_upgrades"].append((name, site.site, period.name, new))
            usd = case.shared_upgrades[name].usd * new
            extraction._cash(period.month, site.site, "interconnection", name, usd)


def bill(
    extraction: Extraction, site: Site, p: int, links: Mapping[str, float], meter: np.ndarray
) -> dict[str, Bill]:
    """What each agreement in force bills for a block; its money is entered.

    Parameters
    ----------
    links : the plan's quantities by name
    meter : flow through the connection [MW]
    """
    case, period = extraction.case, extraction.case.periods[p]
    month = month_of_hour(period.hours)
    found = {}
    for agreement in site.agreements:
        ramped = links[f"contract_mw:{agreement.key}"]
        if ramped <= LEAST:
            continue
        owed = links[f"owed_mw:{agreement.key}"]
        grown = growth(case, agreement.growth, period)
        billed = minimum = 0.0
        for m in np.unique(month):
            flow = meter[month == m]
            if agreement.bills_demand:
                least = agreement.demand_share * owed
                top = float(flow.max())
                billed += agreement.demand_price * max(top, least)
                minimum += agreement.demand_price * max(0.0, least - top)
            if agreement.bills_energy:
                short = max(0.0, agreement.energy_share * owed * len(flow) - float(flow.sum()))
                billed += agreement.energy_price * short
                minimum += agreement.energy_price * short
        extraction._money("service_agreement", site, p, agreement.key, grown * billed)
        usd = 1e3 * grown * period.passes
        found[agreement.key] = (float(meter.max()), usd * billed, usd * minimum)
    return found


def agreement_rows(
    extraction: Extraction, bills: Mapping[tuple[str, int], dict[str, Bill]]
) -> None:
    """One row for each agreement that is signed and each period in which it counts."""
    case = extraction.case
    for name, site in case.sites.items():
        block = extraction.planning.model.site[name]
        for offer in site.offers:
            for agreement in offer.agreements:
                _rows(extraction, block, offer, agreement, {
                    p: found[agreement.key] for (s, p), found in bills.items()
                    if s == name and agreement.key in found
                })  # fmt: skip


def limits(extraction: Extraction) -> Iterator[tuple[str, str, str, float, float, str]]:
    """What is used of the MW that offers share and of the limit on security, as in ``limits``."""
    case, model = extraction.case, extraction.planning.model
    for name, most in case.grid_groups.items():
        for p, period in enumerate(case.periods):
            taken = sum(
                _value(t)
                for site in model.site.values()
                for t in site.joint.get(("grid_group", name, p), ())
            )
            yield "shared grid MW", name, period.name, taken, most, "MW"
    by_year: dict[int, float] = {}
    for month, terms in outstanding(model, case).items() if case.security_caps else ():
        year = case.year_of(month)
        by_year[year] = max(by_year.get(year, 0.0), 1e3 * sum(_value(t) for t in terms))
    for year, usd in by_year.items():
        limit = 1e3 * case.security_caps[year]
        yield "security", "all sites", str(year), usd, limit, "USD"


def _rows(
    extraction: Extraction, block: pyo.Block, offer: Offer, agreement: Agreement,
    bills: dict[int, Bill],
) -> None:  # fmt: skip
    case, a = extraction.case, agreement.key
    starts = [q for q in range(offer.until) if round(_value(begun(block, offer, agreement, q)))]
    if not starts:
        return
    q = starts[0]
    signed = _value(block.contract_mw[a, q])
    flows = [(m, usd) for m, what, usd in cash(agreement, q, case) if what == "deposits"]
    for p, period in enumerate(case.periods):
        within = range(period.month, period.month + period.months)
        security = max((agreement.security[q].get(m, 0.0) for m in within), default=0.0)
        deposits = [1e3 * signed * usd for m, usd in flows if m in within]
        in_force = q <= p < offer.until
        given_up = _value(level_at(block.reduced_mw, (a, q, p)))
        row = (
            signed if in_force else 0.0,
            _value(ramped_mw(block, agreement, p)) if in_force else 0.0,
            _value(owed_mw(block, agreement, p)) if in_force else 0.0,
            given_up, _value(level_at(block.reassigned_mw, (a, p))), *bills.get(p, (0.0, 0.0, 0.0)), 1e3 * signed * security,
            sum(d for d in deposits if d > 0), -sum(d for d in deposits if d < 0),
        )  # fmt: skip
        if in_force or any(row):
            extraction.rows["agreements"].append(
                (offer.site, offer.offer, agreement.agreement, period.name, bool(in_force), *row)
            )
