"""Large-load agreements ready for the model: what a MW signed for service from q costs and allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from optimizer.preparing.calendar import Period
from optimizer.preparing.finance import discounted_annuity
from optimizer.preparing.schedule import life_months

KILO = 1e-3
RAMP_YEARS = 4


@dataclass(frozen=True, eq=False)
class Agreement:
    """A service agreement; arrays over the period q in which service begins, money in k$.

    Parameters
    ----------
    ramp : MW in force in p of one MW signed for q; shape (P, P), the mean over p's months
    owed : the same within the term, when the minimum is owed
    term : share of p's months within the term, without the ramp
    demand_price : of a month's billed demand [k$/MW-month]
    energy_price : of energy that the minimum is short of [k$/MWh]
    signed : month of signing
    deposit : (month paid, month refunded or -1) of each q
    deposit_usd, refunded : [k$/MW], and the share that comes back
    deposit_cost : discounted payment less refund [k$/MW]
    security : outstanding [k$/MW] by month, of each q
    security_cost : discounted cost of carrying it within the horizon [k$/MW]
    contribution, contribution_cost : overnight and discounted annuity [k$/MW]
    exit_cost, exit_month : fee where service ends within the term [k$/MW], discounted; -1: none
    reassigns_within : utility within which MW given up can be signed again without the fee, or ""
    reducible_from : first period of p in which a MW signed for q can be given up; P: never
    """

    site: str
    offer: str
    agreement: str
    min_mw: float
    max_mw: float
    ramp: np.ndarray
    owed: np.ndarray
    term: np.ndarray
    demand_price: float
    demand_share: float
    energy_price: float
    energy_share: float
    growth: float
    study_fee: float
    study_month: int
    study_cost: float
    signed: np.ndarray
    deposit: tuple[tuple[int, int], ...]
    deposit_usd: float
    refunded: float
    deposit_cost: np.ndarray
    security: tuple[dict[int, float], ...]
    security_cost: np.ndarray
    contribution: float
    contribution_cost: np.ndarray
    exit_fee: float
    exit_month: np.ndarray
    exit_cost: np.ndarray
    reducible_share: float
    reducible_from: np.ndarray
    reduction_fee: float
    reassigns_within: str

    @property
    def key(self) -> str:
        """Its name within the site."""
        return f"{self.offer}/{self.agreement}"

    @property
    def bills_demand(self) -> bool:
        """Whether a month's peak is billed."""
        return self.demand_price > 0

    @property
    def bills_energy(self) -> bool:
        """Whether energy is owed."""
        return self.energy_price > 0 and self.energy_share > 0


def months_of(periods: tuple[Period, ...], q: int, p: int) -> np.ndarray:
    """Months of service of a start in q, of each month of p."""
    return np.arange(periods[p].months) + periods[p].month - periods[q].month


def ramp_shares(row: Mapping[Any, Any]) -> np.ndarray:
    """Share of the contract MW by year of service, 1 from the fifth on."""
    return np.array([row[f"ramp_year_{k + 1}"] for k in range(RAMP_YEARS)] + [1.0])


def make_agreement(
    row: Mapping[Any, Any],
    periods: tuple[Period, ...],
    rate: float,
    factor: np.ndarray,
    *,
    highest_mw: float,
    study_month: int,
    offer_life_years: float,
    until: int,
    utility: str,
) -> Agreement:
    """An agreement from its row.

    Parameters
    ----------
    rate : real discount rate [1/year]
    factor : discount factors of the months of the horizon
    highest_mw : highest step of the offer
    until : first period that the offer serves no more; the number of periods if there is none
    utility : of the site
    """
    count, horizon = len(periods), len(factor)
    shares, term = ramp_shares(row), round(12 * row["term_years"])
    ramp, owed, within = (np.zeros((count, count)) for _ in range(3))
    for q in range(count):
        for p in range(q, until):
            served = months_of(periods, q, p)
            by_month = shares[np.minimum(served // 12, RAMP_YEARS)]
            ramp[q, p] = by_month.mean()
            owed[q, p] = (by_month * (served < term)).mean()
            within[q, p] = (served < term).mean()

    def discount(month: int) -> float:
        return float((1 + rate) ** (-(month + 0.5) / 12))

    begin = np.array([p.month for p in periods])
    end = periods[until].month if until < count else -1
    signed = np.maximum(0, begin - int(row["signing_months_before"]))
    paid = signed + int(row["deposit_months_after_signing"])
    refund = np.full(count, -1)
    if not np.isnan(row["deposit_refund_years"]):
        refund = begin + round(12 * row["deposit_refund_years"])
    back = float(row["deposit_refund_share"])
    deposit = [float(row["deposit_usd_per_kw"])] * count
    deposit_cost = [
        d * (discount(int(m)) - (back * discount(int(r)) if r >= 0 else 0.0))
        for d, m, r in zip(deposit, paid, refund, strict=True)
    ]
    security = tuple(
        _outstanding(row, int(signed[q]), int(begin[q]), end if end >= 0 else horizon)
        for q in range(count)
    )
    carried = float(row["security_rate_per_year"]) / 12
    reducible = round(12 * row["reducible_after_years"])
    exits = np.full(count, end)
    exits[(begin + term <= end) | (begin >= end)] = -1
    contribution = float(row["contribution_usd_per_kw"])
    life = life_months(offer_life_years)
    return Agreement(
        site=row["site"],
        offer=row["offer"],
        agreement=row["agreement"],
        min_mw=float(row["min_contract_mw"]),
        max_mw=highest_mw if np.isnan(row["max_contract_mw"]) else float(row["max_contract_mw"]),
        ramp=ramp,
        owed=owed,
        term=within,
        demand_price=float(row["demand_price_usd_per_kw_month"]),
        demand_share=float(row["minimum_demand_share"]),
        energy_price=float(row["energy_price_usd_per_mwh"]) * KILO,
        energy_share=float(row["minimum_energy_share"]),
        growth=float(row["price_growth_per_year"]),
        study_fee=float(row["study_fee_usd"]) * KILO,
        study_month=study_month,
        study_cost=float(row["study_fee_usd"]) * KILO * discount(study_month),
        signed=signed,
        deposit=tuple(zip(paid.tolist(), refund.tolist(), strict=True)),
        deposit_usd=float(row["deposit_usd_per_kw"]),
        refunded=back,
        deposit_cost=np.array(deposit_cost),
        security=security,
        security_cost=np.array(
            [carried * sum(usd * factor[m] for m, usd in by_month.items()) for by_month in security]
        ),
        contribution=contribution,
        contribution_cost=contribution
        * np.array(
            [discounted_annuity(factor, p.month, life, rate, offer_life_years) for p in periods]
        ),
        exit_fee=float(row["exit_fee_usd_per_kw"]),
        exit_month=exits,
        exit_cost=np.array(
            [row["exit_fee_usd_per_kw"] * discount(int(m)) if m >= 0 else 0.0 for m in exits]
        ),
        reducible_share=float(row["reducible_share"]),
        reducible_from=np.searchsorted(begin, begin + reducible),
        reduction_fee=float(row["reduction_fee_usd_per_kw"]),
        reassigns_within=utility if row["reassignable"] else "",
    )


def _outstanding(row: Mapping[Any, Any], signed: int, begin: int, end: int) -> dict[int, float]:
    """Security outstanding in each month from signing [k$/MW], released in yearly steps."""
    usd, years = float(row["security_usd_per_kw"]), int(row["security_release_years"])
    made = {}
    for month in range(signed, end):
        left = 1.0 - max(0, month - begin) // 12 / years
        if usd and left > 1e-12:
            made[month] = usd * left
    return made
