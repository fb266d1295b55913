"""Service agreements: contract MW signed when service begins, and what they bind one to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyomo.environ as pyo

from optimizer.model.blocks import links
from optimizer.model.ledger import Ledger
from optimizer.model.limits import (
    Amounts,
    Limit,
    Use,
    number,
    raised,
    rows_of,
    set_cell,
    unlimited,
)
from optimizer.model.parts.common import added, contribute, level_at
from optimizer.preparing.agreements import Agreement
from optimizer.preparing.case import KILO, Case, Offer, Site


def applies(case: Case) -> bool:
    """Whether any offer asks for an agreement."""
    return any(site.agreements for site in case.sites.values())


def add_site(block: pyo.Block, case: Case, site: Site, ledger: Ledger) -> None:
    """``contract_mw[a, q]``: MW signed for service that begins in q, under one agreement.

    Firm and flexible MW of the offer <= its ramped contract MW; what is given up,
    ``reduced_mw[a, q, p]``, only grows and stays within its share.
    """
    periods = range(len(case.periods))
    by_key = {a.key: a for a in site.agreements}
    several = [a.key for o in site.offers if len(o.agreements) > 1 for a in o.agreements]
    reducible = [
        (a.key, q, p)
        for a in site.agreements if a.reducible_share > 0
        for q in periods for p in periods if p >= a.reducible_from[q] and a.ramp[q, p] > 0
    ]  # fmt: skip
    block.contract_mw = pyo.Var([(a, q) for a in by_key for q in periods],
                                domain=pyo.NonNegativeReals)  # fmt: skip
    block.agreed = pyo.Var(several, domain=pyo.Binary)
    block.begun = pyo.Var([(a, q) for a in several for q in periods], bounds=(0, 1))
    block.reduced_mw = pyo.Var(reducible, domain=pyo.NonNegativeReals)
    again = {a for a in by_key if by_key[a].reassigns_within}
    block.reassigned_mw = pyo.Var(dict.fromkeys((a, p) for a, _, p in reducible if a in again),
                                  domain=pyo.NonNegativeReals)  # fmt: skip
    block.agreement_rows = pyo.ConstraintList()
    for offer in site.offers:
        _begin(block, case, offer)
        for agreement in offer.agreements:
            _bind(block, case, offer, agreement)
            for q in range(offer.until):
                _pay(block, case, ledger, offer, agreement, q)
            _give_up(block, case, ledger, agreement, reducible)
            _reassign(block, case, ledger, agreement)
        for p in periods:
            if offer.agreements:
                _within(block, offer, p)
    if site.agreements:
        for p in periods:
            _link(block, site, p)


def begun(block: pyo.Block, offer: Offer, agreement: Agreement, q: int) -> Any:
    """Whether service under an agreement begins in q."""
    if len(offer.agreements) > 1:
        return block.begun[agreement.key, q]
    return _started(block, offer, q)


def _started(block: pyo.Block, offer: Offer, q: int) -> Any:
    if q >= offer.until:
        return 0.0
    return pyo.quicksum(added(block.connected, (offer.offer, v.name), q) for v in offer.variants)


def _begin(block: pyo.Block, case: Case, offer: Offer) -> None:
    """Exactly one agreement begins when the offer is taken."""
    if len(offer.agreements) < 2:
        return
    keys = [a.key for a in offer.agreements]
    rows = block.agreement_rows
    rows.add(pyo.quicksum(block.agreed[a] for a in keys) <= 1)
    for q in range(len(case.periods)):
        begins = pyo.quicksum(block.begun[a, q] for a in keys)
        rows.add(begins - _started(block, offer, q) == 0)
        for a in keys:
            rows.add(block.begun[a, q] <= block.agreed[a])


def _bind(block: pyo.Block, case: Case, offer: Offer, agreement: Agreement) -> None:
    """Contract MW between its limits where service begins, 0 elsewhere."""
    for q in range(len(case.periods)):
        signed, starts = block.contract_mw[agreement.key, q], begun(block, offer, agreement, q)
        if q >= offer.until:
            signed.fix(0)
            continue
        block.agreement_rows.add(signed <= agreement.max_mw * starts)
        if agreement.min_mw > 0:
            block.agreement_rows.add(signed >= agreement.min_mw * starts)


def _pay(
    block: pyo.Block, case: Case, ledger: Ledger, offer: Offer, agreement: Agreement, q: int
) -> None:
    """Fees, deposits, security and contribution of what is signed for q."""
    signed, starts = block.contract_mw[agreement.key, q], begun(block, offer, agreement, q)
    where = {"site": agreement.site, "item": agreement.key, "period": case.periods[q].name}
    ledger.cost("agreement_fees", agreement.study_cost * starts, **where)
    ledger.cost("agreement_fees", agreement.exit_cost[q] * signed, **where)
    ledger.cost("deposits", agreement.deposit_cost[q] * signed, **where)
    ledger.cost("security", agreement.security_cost[q] * signed, **where)
    ledger.cost("interconnection", agreement.contribution_cost[q] * signed, **where)
    if agreement.study_fee:
        contribute(block, ("cash", agreement.study_month), agreement.study_fee * starts)
    for month, _, usd in cash(agreement, q, case):
        contribute(block, ("cash", month), usd * signed)
    for month, usd in agreement.security[q].items():
        contribute(block, ("security", month), usd * signed)


def cash(agreement: Agreement, q: int, case: Case) -> Iterator[tuple[int, str, float]]:
    """(month, category, k$) paid for one MW signed for q, without the study; what comes back < 0.

    Security is posted in cash and comes back as it is released.
    """
    paid, refunded = agreement.deposit[q]
    if agreement.deposit_usd:
        yield paid, "deposits", agreement.deposit_usd
        if refunded >= 0 and agreement.refunded:
            yield refunded, "deposits", -agreement.refunded * agreement.deposit_usd
    last, month = 0.0, -1
    for month, usd in agreement.security[q].items():
        if usd != last:
            yield month, "security", usd - last
            last = usd
    if last and month + 1 < case.horizon:
        yield month + 1, "security", -last
    if agreement.contribution:
        yield case.periods[q].month, "interconnection", agreement.contribution
    if agreement.exit_month[q] >= 0 and agreement.exit_fee:
        yield int(agreement.exit_month[q]), "agreement_fees", agreement.exit_fee


def _give_up(
    block: pyo.Block, case: Case, ledger: Ledger, agreement: Agreement,
    reducible: list[tuple[str, int, int]],
) -> None:  # fmt: skip
    for a, q, p in reducible:
        if a != agreement.key:
            continue
        here = block.reduced_mw[a, q, p]
        before = level_at(block.reduced_mw, (a, q, p - 1))
        block.agreement_rows.add(here - before >= 0)
        block.agreement_rows.add(here <= agreement.reducible_share * block.contract_mw[a, q])
        period = case.periods[p]
        fee = agreement.reduction_fee
        ledger.cost(
            "agreement_fees", fee * case.factor[period.month] * (here - before),
            site=agreement.site, item=a, period=period.name,
        )  # fmt: skip
        if fee:
            contribute(block, ("cash", period.month), fee * (here - before))


def given_up(block: pyo.Block, a: str, p: int) -> Any:
    """MW of an agreement that are given up in p."""
    return pyo.quicksum(
        here - level_at(block.reduced_mw, (a, q, p - 1))
        for (key, q, at), here in block.reduced_mw.items()
        if (key, at) == (a, p)
    )


def _reassign(block: pyo.Block, case: Case, ledger: Ledger, agreement: Agreement) -> None:
    """``reassigned_mw[a, p]``: of what is given up, MW that are signed again and pay no fee."""
    for (a, p), again in block.reassigned_mw.items():
        if a != agreement.key:
            continue
        block.agreement_rows.add(again - given_up(block, a, p) <= 0)
        contribute(block, ("reassigned", agreement.reassigns_within, p), again)
        period, fee = case.periods[p], agreement.reduction_fee
        ledger.cost("agreement_fees", -fee * case.factor[period.month] * again,
                    site=agreement.site, item=a, period=period.name)  # fmt: skip
        if fee:
            contribute(block, ("cash", period.month), -fee * again)
    for p in range(len(case.periods)):
        signed = ("signed", case.utilities[agreement.site], p)
        contribute(block, signed, block.contract_mw[agreement.key, p])


def ramped_mw(block: pyo.Block, agreement: Agreement, p: int) -> Any:
    """Contract MW in force in p: what is signed by its ramp, less what is given up."""
    return _in_force(block, agreement, p, agreement.ramp, np.ones_like(agreement.term))


def owed_mw(block: pyo.Block, agreement: Agreement, p: int) -> Any:
    """The same within the term, on which the minimum is owed."""
    return _in_force(block, agreement, p, agreement.owed, agreement.term)


def _in_force(
    block: pyo.Block, agreement: Agreement, p: int, share: np.ndarray, given_up: np.ndarray
) -> Any:
    a = agreement.key
    signed = pyo.quicksum(
        float(share[q, p]) * block.contract_mw[a, q] for q in range(p + 1) if share[q, p] > 0
    )
    less = pyo.quicksum(
        float(given_up[q, p]) * block.reduced_mw[a, q, p]
        for q in range(p + 1)
        if (a, q, p) in block.reduced_mw
    )
    return signed - less


def _taken(block: pyo.Block, offer: Offer, p: int) -> Any:
    return pyo.quicksum(
        level[offer.offer, v.name, p]
        for v in offer.variants
        for level in (block.firm_mw, block.flexible_mw)
    )


def _within(block: pyo.Block, offer: Offer, p: int) -> None:
    contract = pyo.quicksum(ramped_mw(block, a, p) for a in offer.agreements)
    block.agreement_rows.add(_taken(block, offer, p) - contract <= 0)


def _link(block: pyo.Block, site: Site, p: int) -> None:
    here = block.links[p]
    for agreement in site.agreements:
        here[links.ramped(agreement)] = ramped_mw(block, agreement, p)
        here[links.minimum(agreement)] = owed_mw(block, agreement, p)
    unsigned = [_taken(block, o, p) for o in site.offers if not o.agreements]
    signed = [here[links.ramped(a)] for a in site.agreements]
    here[links.CONTRACT] = pyo.quicksum([*signed, *unsigned])
    if links.some_are_free(site):
        unbilled = [here[links.ramped(a)] for a in site.agreements if not a.bills_demand]
        here[links.FREE] = pyo.quicksum([*unsigned, *unbilled])


def add_joint(model: pyo.ConcreteModel, case: Case, ledger: Ledger) -> None:
    """``security_within_cap[month]``: security outstanding over all sites <= the policy.

    ``reassigned_within_signed[utility, p]``: MW are reassigned to what is signed in that period.
    """
    rows = {}
    for utility, p in ((u, p) for u in case.reassigning for p in range(len(case.periods))):
        again, signed = (
            [t for site in model.site.values() for t in site.joint.get((what, utility, p), ())]
            for what in ("reassigned", "signed")
        )
        if again or signed:
            rows[utility, p] = pyo.quicksum(again) - pyo.quicksum(signed) <= 0
    model.reassigned_within_signed = pyo.Constraint(list(rows), rule=lambda m, *key: rows[key])
    if not case.security_caps:
        return
    out = outstanding(model, case)
    model.security_within_cap = pyo.Constraint(
        list(out),
        # In million dollars, so that coefficients stay near those of the other rows.
        rule=lambda m, month: 1e-3 * pyo.quicksum(out[month]) <= 1e-3 * security_cap(case, month),
    )


def security_cap(case: Case, month: int) -> float:
    """The cap that holds in a month [k$]."""
    return case.security_caps.get(case.year_of(month), float("inf"))


def outstanding(model: pyo.ConcreteModel, case: Case) -> dict[int, list[Any]]:
    """Terms of the security outstanding in each month in which it may rise or a year begins [k$].

    Between them it only falls.
    """
    first = -(case.start.month - 1) % 12
    months = sorted(case.signing_months | {0} | set(range(first, case.horizon, 12)))
    made = {}
    for month in months:
        terms = [
            t for site in model.site.values() for t in site.joint.get(("security", month), ())
        ]  # fmt: skip
        if terms and np.isfinite(security_cap(case, month)):
            made[month] = terms
    return made


def _contracts(case: Case) -> list[Limit]:
    return [
        Limit("contract MW", "service_agreements", n, "max_contract_mw",
              f"{row['site']} / {row['agreement']}: at most {number(row['max_contract_mw'])} MW "
              "of contract", row["max_contract_mw"],
              (row["site"], f"{row['offer']}/{row['agreement']}"))
        for n, row in rows_of(case, "service_agreements")
        if not np.isnan(row["max_contract_mw"])
    ]  # fmt: skip


def _used_contract(model: Any, case: Case, limit: Limit) -> Iterator[Use]:
    site, key = limit.key
    signed = model.site[site].contract_mw
    mine = [signed[k] for k in signed if k[0] == key]
    if mine:
        yield Use(pyo.quicksum(mine), limit.given)


def _caps(case: Case) -> list[Limit]:
    rows = [(n, r) for n, r in rows_of(case, "policies") if r["kind"] == "security_cap"]
    own = {int(r["year"]) for _, r in rows if not np.isnan(r["year"])}
    made = []
    for n, row in rows:
        every = np.isnan(row["year"])
        years = tuple(
            y for y in case.security_caps if (y not in own if every else y == row["year"])
        )
        when = "in every year" if every else f"in {row['year']:.0f}"
        said = f"{row['policy']}: {number(row['value'])} USD of security may be outstanding {when}"
        made.append(Limit("security", "policies", n, "value", said, row["value"], years))
    return made


def _used_security(model: Any, case: Case, limit: Limit) -> Iterator[Use]:
    for month, terms in outstanding(model, case).items():
        if case.year_of(month) in limit.key:
            yield Use(pyo.quicksum(terms) / KILO, limit.given)


LIMITS = (
    Amounts(
        "contract MW", limits=_contracts, used=_used_contract, edits=raised,
        free=lambda case, limit, much: [set_cell(limit, max(much, limit.given))],
    ),
    Amounts("security", limits=_caps, free=unlimited(1e13), used=_used_security, edits=raised),
)  # fmt: skip
