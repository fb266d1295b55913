"""Service agreements: what is signed, in force, owed, deposited and billed, month by month."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from optimizer.results.verify.arithmetic import (
    Row,
    Span,
    blank,
    by_key,
    grouped,
    in_year,
    records,
)

if TYPE_CHECKING:
    from optimizer.results.verify.decisions import Decisions
    from optimizer.results.verify.service import Service

Signed = dict[str, Row]
"""Rows of one agreement by period."""


class Agreements:
    """Checks the table ``agreements``; adds its money and payments."""

    def __init__(self, decisions: Decisions, service: Service) -> None:
        self.d, self.service = decisions, service
        self.out, self.calendar = decisions.out, decisions.calendar
        self.rows = by_key(decisions.input["service_agreements"], "site", "offer", "agreement")
        self.months = pd.date_range("2001-01-01", periods=8760, freq="h").month.to_numpy()
        self.security: dict[int, float] = defaultdict(float)
        self.reassigned: dict[tuple[str, str], float] = defaultdict(float)
        self.begins: dict[tuple[str, str], float] = defaultdict(float)
        self.billing: dict[tuple[str, str], tuple[Row, float, float]] = {}
        self.stated = by_key(decisions.tables["agreements"], "site", "period", "in_force")

    def check(self) -> None:
        """All decisions; :meth:`bill` checks the hours."""
        signed: dict[tuple[str, str], list[str]] = defaultdict(list)
        table = grouped(records(self.d.tables["agreements"]), "site", "offer", "agreement")
        for (site, offer, name), rows in table:
            signed[site, offer].append(name)
            self._agreement((site, offer, name), {r["period"]: r for r in rows})
        wanted = {(s, o) for s, o, _ in self.rows} & set(self.service.begun)
        for key in sorted(wanted | set(signed)):
            one = len(signed[key]) == 1 and key in wanted
            self.out.true("one agreement", one, f"{key[0]} {key[1]}: {', '.join(signed[key])}")
        for key, mw in self.reassigned.items():
            self.out.at_most("reassigned MW", mw, self.begins[key], " ".join(key))
        self._cap()

    # -- one agreement ------------------------------------------------------------------------

    def _agreement(self, key: tuple[str, str, str], stated: Signed) -> None:
        terms, start = self.rows[key], self.service.begun.get(key[:2])
        where = " / ".join(key)
        self.out.true("an agreement needs its offer", start is not None, where)
        if start is None:
            return
        offer = self.service.offers[key[:2]]
        exit_month = self.calendar.horizon + 1
        if pd.notna(offer["exit_date"]):
            exit_month = self.calendar.month(offer["exit_date"])
        spans = [s for s in self.calendar.spans if s.first >= start.first and s.end <= exit_month]
        mw = float(stated[start.name]["contract_mw"]) if start.name in stated else 0.0
        self.out.at_most("contract MW", float(terms["min_contract_mw"]), mw, where)
        if not blank(terms["max_contract_mw"]):
            self.out.at_most("contract MW", mw, float(terms["max_contract_mw"]), where)
        given_up = 0.0
        for span in spans:
            given_up = self._period(key, terms, stated, start, span, mw, given_up)
        self._fees(terms, offer, start, mw, spans[-1].end if spans else start.end)
        self._deposit(terms, start, mw, stated, where)
        until = spans[-1].end if spans and exit_month <= self.calendar.horizon else (
            self.calendar.horizon)  # fmt: skip
        self._security(terms, start, mw, until, stated, where)
        usd = float(terms["contribution_usd_per_kw"]) * 1000 * mw
        self.service.repay(usd, offer["life_years"], start)

    def _period(
        self, key: tuple[str, str, str], terms: Row, stated: Signed, start: Span, span: Span,
        mw: float, before: float,
    ) -> float:  # fmt: skip
        """Ramp, minimum and reductions of a period; returns what is given up by then."""
        where = f"{' / '.join(key)} {span.name}"
        self.out.true("agreement in force", span.name in stated, where)
        r = stated[span.name]
        given_up = float(r["reduced_mw"])
        served = [m - start.first for m in range(span.first, span.end)]
        ramp = [float(terms[f"ramp_year_{m // 12 + 1}"]) if m < 48 else 1.0 for m in served]
        term = round(12 * terms["term_years"])
        due = [m < term for m in served]
        in_force = mw * float(np.mean(ramp)) - given_up
        owed = mw * float(np.mean([a * b for a, b in zip(ramp, due, strict=True)]))
        owed -= given_up * float(np.mean(due))
        self.out.equal("contract MW", r["contract_mw"], mw, where)
        self.out.equal("contract MW", r["ramped_mw"], in_force, where)
        self.out.equal("contract MW", r["owed_mw"], owed, where)
        _, firm, flexible, _ = self.service.grid[key[0], span.name]
        self.out.at_most("within contract MW", firm + flexible, in_force, where)
        self.out.at_most("reduction only grows", before, given_up, where)
        may = served[0] >= round(12 * terms["reducible_after_years"])
        most = float(terms["reducible_share"]) * mw if may else 0.0
        self.out.at_most("reducible share", given_up, most, where)
        again = float(r["reassigned_mw"])
        most = given_up - before if terms["reassignable"] else 0.0
        self.out.at_most("reassigned MW", [-again, again], [0.0, most], where)
        utility = self.d.sites[key[0]]["utility"]
        self.reassigned[utility, span.name] += again
        if span is start:
            self.begins[utility, span.name] += mw
        usd = float(terms["reduction_fee_usd_per_kw"]) * 1000 * (given_up - before - again)
        self.d.cost["agreement_fees"] += usd * self.calendar.discount(span.first)
        self.d.cash[span.first] += usd
        self.billing[key[0], span.name] = (terms, in_force, owed)
        return given_up

    def _fees(self, terms: Row, offer: Row, start: Span, mw: float, end: int) -> None:
        study = self.service.study_month(offer)
        usd = float(terms["study_fee_usd"])
        self.d.cost["agreement_fees"] += usd * self.calendar.discount(study)
        self.d.cash[study] += usd
        term_end = start.first + round(12 * terms["term_years"])
        if pd.notna(offer["exit_date"]) and end < self.calendar.horizon and end < term_end:
            usd = float(terms["exit_fee_usd_per_kw"]) * 1000 * mw
            self.d.cost["agreement_fees"] += usd * self.calendar.discount(end)
            self.d.cash[end] += usd

    def _deposit(self, terms: Row, start: Span, mw: float, stated: Signed, where: str) -> None:
        usd = float(terms["deposit_usd_per_kw"]) * 1000 * mw
        paid = self._signed(terms, start) + int(terms["deposit_months_after_signing"])
        flows = {paid: usd}
        if not blank(terms["deposit_refund_years"]):
            back = start.first + round(12 * terms["deposit_refund_years"])
            flows[back] = flows.get(back, 0.0) - usd * float(terms["deposit_refund_share"])
        for month, flow in flows.items():
            self.d.cost["deposits"] += flow * self.calendar.discount(month)
            self.d.cash[month] += flow
        for span in self.calendar.spans:
            r = stated.get(span.name)
            net = sum(f for m, f in flows.items() if span.first <= m < span.end)
            told = 0.0 if r is None else r["deposit_paid_usd"] - r["deposit_refunded_usd"]
            self.out.equal("deposits", told / 1e3, net / 1e3, f"{where} {span.name}")

    def _signed(self, terms: Row, start: Span) -> int:
        return max(0, start.first - int(terms["signing_months_before"]))

    def _security(
        self, terms: Row, start: Span, mw: float, until: int, stated: Signed, where: str
    ) -> None:
        usd = float(terms["security_usd_per_kw"]) * 1000 * mw
        years, rate = int(terms["security_release_years"]), float(terms["security_rate_per_year"])
        out: dict[int, float] = {}
        for month in range(self._signed(terms, start), until):
            whole_years = max(0, month - start.first) // 12
            out[month] = usd * max(0, years - whole_years) / years
            self.d.cost["security"] += rate / 12 * out[month] * self.calendar.discount(month)
            self.security[month] += out[month]
        before = 0.0
        for month in range(self.calendar.horizon):
            here = out.get(month, 0.0)
            if here != before:
                self.d.cash[month] += here - before
            before = here
        for span in self.calendar.spans:
            most = max(out.get(m, 0.0) for m in range(span.first, span.end))
            told = stated[span.name]["security_usd"] if span.name in stated else 0.0
            self.out.equal("security", told / 1e3, most / 1e3, f"{where} {span.name}")

    def _cap(self) -> None:
        table = self.d.input["policies"]
        table = table[table["kind"] == "security_cap"]
        for month, usd in self.security.items():
            row = in_year(table, self.calendar.year_of_month(month))
            if row is not None:
                limit = float(row["value"]) / 1e3
                self.out.at_most("security cap", usd / 1e3, limit, f"month {month} in 1000 USD")

    # -- hours --------------------------------------------------------------------------------

    def bill(self, site: str, span: Span, meter: np.ndarray, growth: float) -> float:
        """What the agreement in force bills in one pass of a period [US$].

        Parameters
        ----------
        meter : flow through the connection in the hours of the span [MW]
        growth : of its prices from the money year
        """
        if (site, span.name) not in self.billing:
            return 0.0
        terms, _, owed = self.billing[site, span.name]
        month_of = self.months[span.hours]
        total = forced = 0.0
        for month in sorted(set(month_of)):
            flow = meter[month_of == month]
            price = float(terms["demand_price_usd_per_kw_month"]) * 1000
            least = float(terms["minimum_demand_share"]) * owed
            top = float(max(flow))
            total += price * max(top, least)
            forced += price * max(0.0, least - top)
            wanted = float(terms["minimum_energy_share"]) * owed * len(flow)
            short = max(0.0, wanted - float(flow.sum())) * float(terms["energy_price_usd_per_mwh"])
            total += short
            forced += short
        r = self.stated.get((site, span.name, True))
        where = f"{site} {span.name} in 1000 USD"
        self.out.true("bills of agreements", r is not None, where)
        if r is not None:
            scale = growth * span.repeats / 1e3
            self.out.equal("bills of agreements", r["billed_usd"] / 1e3, total * scale, where)
            self.out.equal("bills of agreements", r["minimum_usd"] / 1e3, forced * scale, where)
        return total * growth

    def growth_rate(self, site: str, span: Span) -> float:
        """Real growth of the prices in force."""
        found = self.billing.get((site, span.name))
        return 0.0 if found is None else float(found[0]["price_growth_per_year"])
