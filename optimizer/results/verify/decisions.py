"""Dates, permits, units, lifetimes, capacities and slots of what the plan builds."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.reading.inputs import Inputs
from optimizer.reading.once import once
from optimizer.results.verify.agreements import Agreements
from optimizer.results.verify.arithmetic import (
    YEAR_HOURS,
    Calendar,
    Row,
    Span,
    blank,
    by_key,
    chosen,
    grouped,
    in_year,
    interest,
    payments,
    records,
    recovery,
)
from optimizer.results.verify.findings import Findings
from optimizer.results.verify.service import Service

SHORT_TON = 907.18474


@dataclass(frozen=True)
class Steps:
    """Months of the steps of one build."""

    permit: int
    procurement: int
    construction: int
    commissioning: int

    @property
    def paid_over(self) -> int:
        """Months from order to online."""
        return self.procurement + self.construction + self.commissioning


class Decisions:
    """Checks all decisions; gathers money, payments, slots and land for the later checks."""

    def __init__(
        self, inputs: Inputs, tables: dict[str, pd.DataFrame], calendar: Calendar, out: Findings
    ) -> None:
        self.inputs, self.tables, self.calendar, self.out = inputs, tables, calendar, out
        self.input = inputs.tables
        self.sites = by_key(self.input["sites"], "site")
        self.permits = by_key(self.input["permits"], "jurisdiction", "permit_kind", "variant")
        self.lead_times = str(inputs.setting("lead_times"))
        self.cost: dict[str, float] = defaultdict(float)
        self.cash: dict[int, float] = defaultdict(float)
        self.slots: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
        self.land: dict[tuple[str, str], float] = defaultdict(float)
        self.fuel: dict[tuple[str, str], float] = defaultdict(float)
        self.used_permits: set[tuple[str, str, str]] = set()
        self.dated: dict[tuple[str, str, str, str, str], tuple[int, int]] = {}
        opened = tables["sites"]
        self.open_at = {
            r["site"]: calendar.by_name[r["open_period"]].first
            for r in records(opened)
            if r["opened"]
        }

    def check(self) -> None:
        """All of them."""
        self._sites()
        self._campus()
        self._capacity()
        self.service = Service(self)
        self.grid = self.service.check()
        self.service.self_supply()
        self.agreements = Agreements(self, self.service)
        self.agreements.check()
        self._permits()
        self._slots()
        self._schedule()
        for (site, period), km2 in self.land.items():
            self.out.at_most("land", km2, self.sites[site]["land_km2"], f"{site} {period}")
            span = self.calendar.by_name[period]
            price = float(self.sites[site]["land_price_usd_per_km2"])
            rent = price * self.calendar.rate / 12
            self.cost["land"] += rent * km2 * self.calendar.discount_sum(span.first, span.end)
        for (site, period), mmbtu in self.fuel.items():
            limit = float(self.sites[site]["gas_limit_mmbtu_per_hour"])
            if not blank(limit):
                self.out.at_most("gas limit", mmbtu, limit, f"{site} {period}")
        self._budget()

    # -- steps ------------------------------------------------------------------------------

    def months(self, row: Row, name: str) -> int:
        """Months of a step by the setting ``lead_times``."""
        which = self.lead_times
        column = name if which == "likely" else f"{name}_{which}"
        value = row[column]
        return int(row[name] if blank(value) else value)

    def permit_months(self, site: str, kind: str, variant: str, where: str) -> int:
        """Months of a permit variant, which is noted as used."""
        if not kind:
            self.out.true("permit variant", variant == "", where)
            return 0
        place = self.sites[site]["jurisdiction"]
        row = self.permits.get((place, kind, variant))
        self.out.true("permit variant", row is not None, f"{where}: {kind}/{variant} at {place}")
        self.used_permits.add((site, kind, variant))
        return 0 if row is None else self.months(row, "months")

    def _possible(self, site: str, steps: Steps, span: Span, where: str, *, may_risk: bool) -> bool:
        """Dates fit, and the site is open when construction starts; returns at risk or not."""
        construction = span.first - steps.commissioning - steps.construction
        slack = construction - steps.procurement - steps.permit
        at_risk = slack < 0 and may_risk
        if at_risk:
            slack = construction - max(steps.procurement, steps.permit)
        self.out.at_most("lead times", -slack, 0.0, f"{where} months too early")
        self.check_open(site, construction, where)
        return at_risk

    def check_open(self, site: str, construction: int, where: str) -> None:
        """The site is open when construction starts."""
        last = max((s.first for s in self.calendar.spans if s.first <= construction), default=-1)
        is_open = site in self.open_at and self.open_at[site] <= last
        self.out.true("open before construction", is_open, where)

    def _pay(self, overnight: float, order_share: float, steps: Steps, span: Span) -> None:
        for month, share in payments(order_share, steps.paid_over, span.first).items():
            self.cash[month] += share * overnight

    def take(self, kind: str, user: str, month: int, mw: float, units: float) -> None:
        """Slots of components."""
        for component, per_mw, per_unit in self._uses(kind, user):
            self.slots[component][month] += per_mw * mw + per_unit * units

    @once
    def _uses(self, kind: str, user: str) -> list[tuple[str, float, float]]:
        """(component, slots for each MW, for each unit) of a user; its own rows before ``*``."""
        rows = [r for r in records(self.input["component_use"]) if r["user_kind"] == kind]
        found = []
        for component in self.input["components"]["component"]:
            mine = [r for r in rows if r["component"] == component]
            own = [r for r in mine if r["user"] == user]
            mine = own or [r for r in mine if r["user"] == "*"]
            found += [(component, r["per_mw"], r["per_unit"]) for r in mine]
        return found

    def _standing(self, rows: list[Row], added: str, standing: str, life: int, where: str) -> None:
        """Standing equals what was added and whose life covers the whole period."""
        new = {r["period"]: float(r[added]) for r in rows}
        stated = {r["period"]: float(r[standing]) for r in rows}
        for span in self.calendar.spans:
            stand = sum(
                mw
                for name, mw in new.items()
                if (at := self.calendar.by_name[name]).first <= span.first
                and span.end <= at.first + life
            )
            self.out.equal("standing", stated.get(span.name, 0.0), stand, f"{where} {span.name}")

    # -- kinds of decisions -------------------------------------------------------------------

    def _sites(self) -> None:
        for site, month in self.open_at.items():
            row = self.sites[site]
            self.out.at_most("opening months", row["opening_months"], month, site)
            self.cost["opening"] += row["opening_cost_usd"] * self.calendar.discount(month)
            self.cash[month] += row["opening_cost_usd"]

    def _campus(self) -> None:
        offered = by_key(self.input["campus_blocks"], "site", "block")
        it: dict[tuple[str, str], float] = defaultdict(float)
        for (site, block), rows in grouped(records(self.tables["campus"]), "site", "block"):
            row = chosen(offered, site, block)
            assert row is not None
            life = round(12 * row["life_years"])
            for variant, mine in grouped(rows, "variant"):
                where = f"{site} {block} {variant}"
                permit = self.permit_months(site, row["permit_kind"], variant, where)
                steps = Steps(permit, *(self.months(row, f"{s}_months") for s in (
                    "procurement", "construction", "commissioning")))  # fmt: skip
                self._standing(mine, "added_blocks", "standing_blocks", life, where)
                for r in mine:
                    self._block(site, row, r, steps, life, where)
            for period, mine in grouped(rows, "period"):
                stand = float(sum(r["standing_blocks"] for r in mine))
                most = row["max_blocks"]
                if not blank(most):
                    self.out.at_most("max_blocks", stand, most, f"{site} {block} {period}")
                it[site, period] += stand * row["it_mw"]
        for (site, period), mw in it.items():
            self.out.at_most("max_it_mw", mw, self.sites[site]["max_it_mw"], f"{site} {period}")
        self.it = it

    def _block(self, site: str, row: Row, r: Row, steps: Steps, life: int, where: str) -> None:
        span = self.calendar.by_name[r["period"]]
        count = float(r["added_blocks"])
        self.out.equal("whole blocks", count, round(count), f"{where} {span.name}")
        self.out.at_most("nothing negative", -count, 0.0, where)
        self.out.equal("standing", r["standing_it_mw"], r["standing_blocks"] * row["it_mw"], where)
        stand_mw = r["standing_blocks"] * row["it_mw"]
        here = self.calendar.discount_sum(span.first, span.end)
        self.cost["campus_fom"] += row["fom_usd_per_mw_year"] / 12 * stand_mw * here
        self.land[site, span.name] += row["land_km2_per_mw"] * stand_mw
        if count:
            self._possible(site, steps, span, where, may_risk=False)
            overnight = row["capex_usd_per_mw"] * row["it_mw"] * count
            factor = interest(self.calendar.rate, row["order_share"], steps.paid_over)
            yearly = recovery(self.calendar.rate, row["life_years"])
            due = self.calendar.discount_sum(span.first, span.first + life)
            self.cost["campus_capital"] += overnight * factor * yearly / 12 * due
            self._pay(overnight, row["order_share"], steps, span)
            month = span.first - steps.commissioning - steps.construction
            self.take("campus_block", row["block"], month, row["it_mw"] * count, count)
            self._date("campus_block", site, row["block"], str(r["variant"]), span, steps, False)

    def _date(
        self, kind: str, site: str, item: str, variant: str, span: Span, steps: Steps, risk: bool
    ) -> None:
        c = span.first - steps.commissioning - steps.construction
        end = c if risk else c - steps.procurement
        at = {"permit": (end - steps.permit, end), "procurement": (c - steps.procurement, c),
              "construction": (c, c + steps.construction),
              "commissioning": (c + steps.construction, span.first),
              "online": (span.first, span.first)}  # fmt: skip
        for step, months in at.items():
            self.dated[site, f"{kind}/{item}/{variant}", span.name, step, ""] = months

    def _capacity(self) -> None:
        technologies = by_key(self.input["technologies"], "technology")
        offered = by_key(self.input["site_technologies"], "site", "technology")
        self.power: dict[tuple[str, str, str], tuple[float, float]] = {}
        emitted: dict[tuple[str, str, str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
        for (site, name), rows in grouped(records(self.tables["capacity"]), "site", "technology"):
            tech, local = technologies[name], chosen(offered, site, name)
            self.out.true("allowed here", local is not None, f"{name} at {site}")
            if local is None:
                continue
            life = round(12 * tech["life_years"])
            for variant, mine in grouped(rows, "variant"):
                where = f"{site} {name} {variant}"
                permit = self.permit_months(site, tech["permit_kind"], variant, where)
                steps = Steps(
                    permit, self.months(tech, "procurement_months"),
                    self.months(tech, "construction_months") + int(local["months_added"]),
                    self.months(tech, "commissioning_months"),
                )  # fmt: skip
                self._standing(mine, "added_mw", "standing_mw", life, where)
                if tech["class"] == "storage":
                    self._standing(mine, "added_mwh", "standing_mwh", life, where + " MWh")
                for r in mine:
                    self._asset(site, tech, local, r, steps, life, where)
                    key = (site, tech["permit_kind"], variant, r["period"])
                    emitted[key][0] += (
                        tech["nox_kg_per_mwh"] * YEAR_HOURS / SHORT_TON * r["standing_mw"]
                    )
                    emitted[key][1] += r["standing_mw"]
            for period, mine in grouped(rows, "period"):
                mw, mwh = (float(sum(r[c] for r in mine)) for c in ("standing_mw", "standing_mwh"))
                self.power[site, name, period] = (mw, mwh)
                self.out.at_most("max_mw", mw, local["max_mw"], f"{site} {name} {period}")
                most = 12 * local["max_mw"] if blank(local["max_mwh"]) else local["max_mwh"]
                if tech["class"] == "storage" and blank(tech["duration_h"]):
                    self.out.at_most("max_mwh", mwh, most, f"{site} {name} {period}")
        self._thresholds(emitted)

    def _asset(
        self, site: str, tech: Row, local: Row, r: Row, steps: Steps, life: int, where: str
    ) -> None:
        span = self.calendar.by_name[r["period"]]
        where = f"{where} {span.name}"
        mw, mwh = float(r["added_mw"]), float(r["added_mwh"])
        self.out.at_most("nothing negative", [-mw, -mwh], 0.0, where)
        units = 0.0
        if not blank(tech["unit_mw"]):
            units = mw / tech["unit_mw"]
            self.out.equal("whole units", units, round(units), where)
            units = round(units)
        if tech["class"] == "storage" and not blank(tech["duration_h"]):
            self.out.equal("duration", mwh, tech["duration_h"] * mw, where)
        elif tech["class"] != "storage":
            self.out.equal("duration", mwh, 0.0, where)
        here = self.calendar.discount_sum(span.first, span.end)
        self.cost["generation_fom"] += (
            tech["fom_usd_per_kw_year"] * 1000 / 12 * r["standing_mw"] * here
        )
        self.land[site, span.name] += tech["land_km2_per_mw"] * r["standing_mw"]
        if tech["fuel"] and self._counts(tech["fuel"], site):
            burnt = tech["heat_rate_mmbtu_per_mwh"] * r["standing_mw"]
            self.fuel[site, span.name] += burnt
        if mw <= 0 and mwh <= 0:
            self.out.true("at risk", not r["at_risk"], where)
            return
        risk = self._possible(site, steps, span, where, may_risk=bool(tech["order_at_risk"]))
        self.out.true("at risk", bool(r["at_risk"]) == risk, where)
        self.out.at_most("life covers a period", span.months, life, where)
        level = tech["market_multiplier"] * self._index(tech["technology"], span.year)
        per_kw = tech["capex_usd_per_kw"] * level + local["capex_adder_usd_per_kw"]
        overnight = 1000 * (per_kw * mw + tech["capex_usd_per_kwh"] * level * mwh)
        rate = tech["real_cost_of_capital"]
        rate = self.calendar.rate if blank(rate) else float(rate)
        factor = interest(rate, tech["order_share"], steps.paid_over) * (1 + tech["resale_loss"])
        yearly = recovery(rate, tech["life_years"])
        due = self.calendar.discount_sum(span.first, span.first + life)
        self.cost["generation_capital"] += overnight * factor * yearly / 12 * due
        self._pay(overnight, tech["order_share"], steps, span)
        if risk:
            months = steps.paid_over
            stake = tech["order_share"]
            if months:
                stake += (1 - tech["order_share"]) * steps.procurement / months
            loss = tech["refusal_probability"] * (1 - tech["recovered_share"])
            self.cost["risk"] += (
                loss * stake * overnight * self.calendar.discount(span.first - months)
            )
        month = span.first - steps.commissioning - steps.construction
        self.take("technology", tech["technology"], month, mw, units)
        self._date("technology", site, tech["technology"], str(r["variant"]), span, steps, risk)

    def _counts(self, fuel: str, site: str) -> bool:
        return bool(self.fuel_row(fuel, self.sites[site]["gas_hub"])["counts_against_gas_limit"])

    @once
    def fuel_row(self, fuel: str, hub: str) -> Row:
        """The fuel's price at a hub, else at ``*``."""
        rows = [r for r in records(self.input["fuels"]) if r["fuel"] == fuel]
        own = [r for r in rows if r["hub"] == hub]
        return (own or [r for r in rows if r["hub"] == "*"])[0]

    @once
    def _index(self, technology: str, year: int) -> float:
        table = self.input["technology_costs"]
        rows = table[table["technology"] == technology].sort_values("year")
        if rows.empty:
            return 1.0
        return float(np.interp(year, rows["year"], rows["capex_index"]))

    def _thresholds(self, emitted: dict[tuple[str, str, str, str], list[float]]) -> None:
        for (site, kind, variant, period), (tons, mw) in emitted.items():
            row = self.permits.get((self.sites[site]["jurisdiction"], kind, variant))
            if row is None:
                continue
            where = f"{site} {kind}/{variant} {period}"
            for used, limit in (
                (tons, row["max_nox_short_tons_per_year"]), (mw, row["max_mw"])
            ):  # fmt: skip
                if not blank(limit):
                    self.out.at_most("permit threshold", used, limit, where)

    def _permits(self) -> None:
        held = set()
        for r in records(self.tables["permits"]):
            place = self.sites[r["site"]]["jurisdiction"]
            cost = float(self.permits[place, r["permit_kind"], r["variant"]]["cost_usd"])
            self.out.equal("permit cost", r["cost_usd"], cost, f"{r['site']} {r['permit_kind']}")
            self.cost["permits"] += cost * self.calendar.discount(0)
            self.cash[0] += cost
            held.add((r["site"], r["permit_kind"], r["variant"]))
        for key in sorted(self.used_permits):
            self.out.true("permit held", key in held, " / ".join(key))

    def _slots(self) -> None:
        supply = self.input["supply"]
        for _, component in self.input["components"].iterrows():
            name = component["component"]
            rows = supply[supply["component"] == name]
            given = [(self.calendar.month(r["date"]), r["amount"]) for _, r in rows.iterrows()]
            taken = self.slots.get(name, {})
            windows = [(-10_000, m + 1) for m in sorted(taken)]
            if not component["stockable"]:
                windows = [(s.first, s.end) for s in self.calendar.spans]
            for low, high in windows:
                used = sum(v for m, v in taken.items() if low <= m < high)
                there = sum(v for m, v in given if low <= m < high)
                self.out.at_most("component slots", used, there, f"{name} by month {high - 1}")

    def _schedule(self) -> None:
        for r in records(self.tables["schedule"]):
            if r["kind"] not in ("technology", "campus_block"):
                continue
            item = f"{r['kind']}/{r['item']}/{r['variant']}"
            wanted = self.dated.get((r["site"], item, r["period"], r["step"], ""))
            where = f"{r['site']} {item} {r['period']} {r['step']}"
            self.out.true("schedule", wanted is not None, where)
            if wanted is not None:
                months = [self.calendar.month(r["start"]), self.calendar.month(r["end"])]
                self.out.equal("schedule", months, list(wanted), where)

    def _budget(self) -> None:
        table = self.input["policies"]
        table = table[table["kind"] == "budget"]
        by_year: dict[int, float] = defaultdict(float)
        for month, usd in self.cash.items():
            by_year[self.calendar.year_of_month(month)] += usd
        stated = self.tables["cashflow"]
        year_of = pd.to_datetime(stated["date"]).dt.year
        for year, usd in sorted(by_year.items()):
            row = in_year(table, year)
            if row is not None:
                limit = float(row["value"]) / 1e3
                self.out.at_most("budget", usd / 1e3, limit, f"{year} in 1000 USD")
            paid = stated.loc[year_of == year, "usd"].sum()
            self.out.equal("cash flow", float(paid) / 1e3, usd / 1e3, f"{year} in 1000 USD")
