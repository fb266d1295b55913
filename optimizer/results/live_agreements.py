"""Money of service agreements as lines of the live workbook."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from optimizer.preparing.calendar import Period, month_of_hour
from optimizer.preparing.service import study_month
from optimizer.results.formulas import Formula, discount, formula
from optimizer.results.lines import Line
from optimizer.results.network import Row, by_key

if TYPE_CHECKING:
    from optimizer.results.live import LiveMoney

TABLE = "service_agreements"


def agreement_lines(money: LiveMoney) -> Iterator[Line]:
    """Fees, deposits, security and contributions where service begins, and the bills."""
    stated = money.tables.get("agreements", pd.DataFrame())
    if stated.empty:
        return
    terms = by_key(money.input[TABLE], "site", "offer", "agreement")
    for key, rows in stated.groupby(["site", "offer", "agreement"], sort=False):
        mine = rows[rows["in_force"].astype(bool)]
        begun = money.periods[str(mine["period"].iloc[0])]
        names = (str(key[0]), str(key[1]), str(key[2]))
        one = _One(money, names, terms[names], begun, float(mine["contract_mw"].iloc[0]))
        yield from one.signed(mine)
        before = 0.0
        for r in mine.itertuples():
            yield from one.given_up(
                money.periods[str(r.period)], float(r.reduced_mw) - before - float(r.reassigned_mw)
            )
            before = float(r.reduced_mw)
            yield from one.billed(money.periods[str(r.period)], float(r.owed_mw))


class _One:
    """One agreement whose service begins in ``begun``."""

    def __init__(
        self, money: LiveMoney, names: tuple[str, str, str], row: Row, begun: Period, mw: float
    ) -> None:
        self.money, self.row, self.begun, self.kw = money, row, begun, 1000 * mw
        self.site, self.offer = names[0], money.offers[names[0], names[1]]
        self.item, self.key = f"{names[1]}/{names[2]}", " / ".join(names)
        self.start = pd.Timestamp(money.inputs.setting("plan_start"))
        self.signing = max(0, begun.month - int(row["signing_months_before"]))

    def _price(self, name: str, meaning: str) -> Formula:
        return self.money.given(TABLE, self.key, self.row, name, meaning)

    def _once(
        self, category: str, quantity: float, unit: str, price: Formula, month: int, factor: Any = 1
    ) -> Line:
        return Line(category, self.site, self.item, self.begun.name, quantity, unit, price,
                    formula(factor), 1, discount(self.money.rate, month))  # fmt: skip

    def signed(self, mine: pd.DataFrame) -> Iterator[Line]:
        """What the contract MW cost, whatever runs."""
        row, money = self.row, self.money
        yield self._once("agreement_fees", 1, "study", self._price("study_fee_usd", "Study"),
                         study_month(self.offer, self.start))  # fmt: skip
        deposit = self._price("deposit_usd_per_kw", "Deposit")
        paid = self.signing + int(row["deposit_months_after_signing"])
        yield self._once("deposits", self.kw, "kW", deposit, paid)
        if not np.isnan(float(row["deposit_refund_years"])):
            back = self.begun.month + round(12 * float(row["deposit_refund_years"]))
            share = self._price("deposit_refund_share", "Of the deposit comes back")
            yield self._once("deposits", -self.kw, "kW", deposit, back, share)
        last = money.periods[str(mine["period"].iloc[-1])]
        end = last.month + last.months
        yield from self._security(end)
        price = self._price("contribution_usd_per_kw", "Contribution to construction")
        annuity = money._annuity(money.rate, self.begun, float(self.offer["life_years"]))
        yield Line("interconnection", self.site, self.item, self.begun.name, self.kw, "kW", price,
                   *annuity)  # fmt: skip
        term = self.begun.month + round(12 * float(row["term_years"]))
        if pd.notna(self.offer["exit_date"]) and end < min(term, money.horizon):
            fee = self._price("exit_fee_usd_per_kw", "Fee at the exit")
            yield self._once("agreement_fees", self.kw, "kW", fee, end)

    def _security(self, end: int) -> Iterator[Line]:
        """Carrying cost, one line for each level of what is outstanding."""
        price = self._price("security_usd_per_kw", "Security")
        rate = self._price("security_rate_per_year", "Cost of carrying security")
        years = int(self.row["security_release_years"])
        for year in range(years):
            first = self.signing if year == 0 else self.begun.month + 12 * year
            until = min(end, self.money.horizon, self.begun.month + 12 * (year + 1))
            if first < until:
                left = self.kw * (years - year) / years
                yield Line("security", self.site, self.item, self.begun.name, left, "kW", price,
                           rate / 12, until - first, self.money._paid(first, until))  # fmt: skip

    def given_up(self, period: Period, mw: float) -> Iterator[Line]:
        """Fee of a reduction."""
        if mw:
            price = self._price("reduction_fee_usd_per_kw", "Fee of giving up contract MW")
            yield Line("agreement_fees", self.site, self.item, period.name, 1000 * mw, "kW", price,
                       formula(1), 1, discount(self.money.rate, period.month))  # fmt: skip

    def billed(self, period: Period, owed: float) -> Iterator[Line]:
        """Demand and missing energy of the months of a pass."""
        money, row = self.money, self.row
        here = money.dispatch[
            (money.dispatch["site"] == self.site) & (money.dispatch["period"] == period.name)
        ]
        if here.empty:
            return
        through = [c for c in here.columns if c == "import_mw" or c.startswith("delivery_mw:")]
        flow = pd.Series(here[through].sum(axis=1).to_numpy()).groupby(
            month_of_hour(here["hour"].to_numpy())
        )
        peak, energy, hours = flow.max(), flow.sum(), flow.size()
        growth = money._grown(TABLE, self.key, row, period)
        entry = ("service_agreement", self.site, self.item, period.name)
        kw = 1000 * float(np.maximum(peak, float(row["minimum_demand_share"]) * owed).sum())
        price = self._price("demand_price_usd_per_kw_month", "Billed demand")
        yield Line(*entry, kw, "kW-month", price, growth, *money.passes(period))
        wanted = float(row["minimum_energy_share"]) * owed * hours
        short = float(np.maximum(0.0, wanted - energy).sum())
        price = self._price("energy_price_usd_per_mwh", "Energy short of the minimum")
        yield Line(*entry, short, "MWh", price, growth, *money.passes(period))
