"""The objective of a fixed plan as lines of quantity × price × factor × discounting.

Quantities (MW, MWh, MMBtu, units) are the plan's; prices and rates are assumptions that may be
changed. The lines are written out again from the tables (``docs/model.md``, Money), so their sum
at the plan's own inputs is a check of the objective.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from optimizer.preparing.calendar import Period, make_periods
from optimizer.preparing.schedule import life_months
from optimizer.reading.inputs import Inputs
from optimizer.reading.once import once
from optimizer.reading.peak_money import unserved_usd_per_mwh
from optimizer.results.formulas import (
    Formula,
    discount,
    discount_sum,
    formula,
    interest,
    recovery,
)
from optimizer.results.lines import Assumption, Line
from optimizer.results.live_agreements import agreement_lines
from optimizer.results.live_bills import Charges
from optimizer.results.live_contracts import contract_lines
from optimizer.results.network import Row, by_key

SHEET = "assumptions"
FIRST_ROW = 6
"""Row of the first assumption, 1-based: title, words and heads stand above."""
VALUE_COLUMN = "D"
RATE = ("general", "", "real_discount_rate")
MOST_LINES = 50_000
"""With more lines than a spreadsheet recomputes at once, the lines of one price are summed."""


class LiveMoney:
    """Assumptions and lines of a plan.

    Parameters
    ----------
    inputs : what was planned with
    tables : the plan's tables
    dispatch : its hourly series, for prices by the hour
    """

    def __init__(
        self, inputs: Inputs, tables: dict[str, pd.DataFrame], dispatch: pd.DataFrame
    ) -> None:
        self.inputs, self.input, self.tables = inputs, inputs.tables, tables
        self.dispatch = dispatch
        self.assumptions: dict[tuple[str, str, str], Assumption] = {}
        self._references: dict[tuple[str, str, str], Formula] = {}
        rate = float(inputs.setting("real_discount_rate"))
        self.rate = self.assume(*RATE, rate, "1/year", "Real discount rate")
        start = pd.Timestamp(inputs.setting("plan_start"))
        periods = make_periods(self.input["periods"], start, rate)
        self.periods: dict[str, Period] = {p.name: p for p in periods}
        self.horizon = sum(p.months for p in periods)
        self.lead_times = str(inputs.setting("lead_times"))
        self.money_year = int(inputs.setting("money_year"))
        self.sites = by_key(self.input["sites"], "site")
        self.technologies = by_key(self.input["technologies"], "technology")
        self.local = by_key(self.input["site_technologies"], "technology", "site")
        self.halls = by_key(self.input["campus_blocks"], "block", "site")
        self.offers = by_key(self.input["interconnections"], "site", "offer")
        self.upgrades = by_key(self.input["shared_upgrades"], "shared_upgrade")
        self.tariffs = by_key(self.input["tariffs"], "tariff")
        self.workloads = by_key(self.input["workloads"], "workload")
        self.charges = Charges(inputs, tables)
        lines = [line for line in self._all() if line.quantity]
        lines += self._rest({line.category for line in lines})
        self.summed = len(lines) > MOST_LINES
        self.lines = _summed(lines) if self.summed else lines

    @property
    def total(self) -> float:
        """Sum of the lines [US$]."""
        return float(sum(line.usd for line in self.lines))

    # -- assumptions --------------------------------------------------------------------------

    def assume(
        self, table: str, row: str, name: str, value: Formula | float, unit: str, meaning: str
    ) -> Formula:
        """A reference to an assumption, which is listed when it is first used."""
        key = (table, row, name)
        if key not in self.assumptions:
            made = Assumption(table, row, name, formula(value), unit, meaning)
            line = FIRST_ROW + len(self.assumptions)
            self.assumptions[key] = made
            self._references[key] = Formula(f"{SHEET}!${VALUE_COLUMN}${line}", made.value.value)
        return self._references[key]

    def given(self, table: str, row: str, source: Any, name: str, meaning: str) -> Formula:
        """An assumption read from an input row; its unit is the end of its name."""
        return self.assume(table, row, name, float(source[name]), _unit(name), meaning)

    # -- lines --------------------------------------------------------------------------------

    def _all(self) -> Iterator[Line]:
        yield from self._sites()
        yield from self._campus()
        yield from self._generation()
        yield from self._grid()
        yield from self._upgrades()
        yield from agreement_lines(self)
        yield from self._land()
        yield from self._compute()
        yield from self._operation()
        yield from contract_lines(self)
        yield from self._bills()

    def _rest(self, known: set[str]) -> Iterator[Line]:
        """Categories that are not written out here stand as figures, so that none is missing."""
        costs = self.tables.get("costs", pd.DataFrame(columns=["category", "usd"]))
        for category, usd in costs.groupby("category", sort=False)["usd"].sum().items():
            if str(category) not in known and usd:
                yield Line(str(category), "", "as planned, not in formulas", "", float(usd), "USD",
                           formula(1), formula(1), 1, formula(1))  # fmt: skip

    @once
    def _paid(self, first: int, until: int) -> Formula:
        """Sum of the discount factors of some months."""
        return discount_sum(self.rate, first, until)

    def months(self, period: Period) -> tuple[float, Formula]:
        """How often and with what weight a monthly payment of a period counts."""
        return period.months, self._paid(period.month, period.month + period.months)

    def _annuity(self, rate: Formula, period: Period, life_years: float) -> tuple[Formula, float, Formula]:  # fmt: skip
        """Monthly payment for one dollar, months it is paid, and their weight."""
        until = min(self.horizon, period.month + life_months(life_years))
        paid = self._paid(period.month, until)
        return recovery(rate, life_years) / 12, until - period.month, paid

    def _sites(self) -> Iterator[Line]:
        opened = self.tables["sites"]
        for r in opened[opened["opened"].astype(bool)].itertuples():
            site, period = str(r.site), self.periods[str(r.open_period)]
            price = self.given("sites", site, self.sites[site,], "opening_cost_usd",
                             "Opening of the site")  # fmt: skip
            yield Line("opening", site, "opening", period.name, 1, "site", price, formula(1), 1,
                       discount(self.rate, period.month))  # fmt: skip
        permits = by_key(self.input["permits"], "jurisdiction", "permit_kind", "variant")
        for r in self.tables["permits"].itertuples():
            key = (
                str(self.sites[str(r.site),]["jurisdiction"]),
                str(r.permit_kind),
                str(r.variant),
            )
            price = self.given("permits", " / ".join(key), permits[key], "cost_usd", "Permit")
            yield Line("permits", str(r.site), f"{key[1]}/{key[2]}", "", 1, "permit", price,
                       formula(1), 1, discount(self.rate, 0))  # fmt: skip

    def _block(self, site: str, block: str) -> tuple[str, Row]:
        for name in (site, "*"):
            if (block, name) in self.halls:
                return f"{name} / {block}", self.halls[block, name]
        raise KeyError(f"no campus block {block} at {site}")

    def _campus(self) -> Iterator[Line]:
        for r in self.tables["campus"].itertuples():
            site, block = str(r.site), str(r.block)
            period = self.periods[str(r.period)]
            row, source = self._block(site, block)
            if r.added_blocks > 0:
                price = self.given("campus_blocks", row, source, "capex_usd_per_mw", "Hall")
                share = self.given("campus_blocks", row, source, "order_share", "Paid at order")
                steps = ("procurement", "construction", "commissioning")
                months = sum(self._chosen(source, s) for s in steps)
                monthly, times, weight = self._annuity(
                    self.rate, period, float(source["life_years"])
                )
                yield Line("campus_capital", site, block, period.name,
                           float(r.added_blocks * source["it_mw"]), "MW IT", price,
                           interest(self.rate, share, months) * monthly, times, weight)  # fmt: skip
            price = self.given("campus_blocks", row, source, "fom_usd_per_mw_year", "Hall upkeep")
            yield Line("campus_fom", site, block, period.name, float(r.standing_it_mw), "MW IT",
                       price, formula(1) / 12, *self.months(period))  # fmt: skip

    def _generation(self) -> Iterator[Line]:
        for r in self.tables["capacity"].itertuples():
            site, name = str(r.site), str(r.technology)
            period, tech = self.periods[str(r.period)], self.technologies[name,]
            if r.added_mw > 0 or r.added_mwh > 0:
                yield from self._plant(site, name, tech, r, period)
            price = self.given("technologies", name, tech, "fom_usd_per_kw_year", "Fixed upkeep")
            yield Line("generation_fom", site, name, period.name, 1000 * float(r.standing_mw), "kW",
                       price, formula(1) / 12, *self.months(period))  # fmt: skip

    def _plant(self, site: str, name: str, tech: Row, r: Any, period: Period) -> Iterator[Line]:
        """Capital of a build, for its power and its energy, and what an order at risk may lose."""
        level = self.given("technologies", name, tech, "market_multiplier", "Market on the catalog")
        index = self._index(name, period.year)
        if index is not None:
            level = level * self.assume("technology_costs", f"{name} / {period.year}",
                                        "capex_index", index, "1", "Cost of the year")  # fmt: skip
        per_kw = (
            self.given("technologies", name, tech, "capex_usd_per_kw", "Capital, power") * level
        )
        local = self.local[(name, site) if (name, site) in self.local else (name, "*")]
        if float(local["capex_adder_usd_per_kw"]):
            key = f"{local['site']} / {name}"
            per_kw = per_kw + self.given("site_technologies", key, local, "capex_adder_usd_per_kw",
                                       "Capital that the site adds")  # fmt: skip
        parts = [(1000 * float(r.added_mw), "kW", per_kw)]
        if r.added_mwh > 0 and float(tech["capex_usd_per_kwh"]):
            per_kwh = self.given("technologies", name, tech, "capex_usd_per_kwh", "Capital, energy")
            parts.append((1000 * float(r.added_mwh), "kWh", per_kwh * level))
        share = self.given("technologies", name, tech, "order_share", "Paid at order")
        own_rate = float(tech["real_cost_of_capital"])
        rate = self.assume("technologies", name, "real_cost_of_capital",
                           self.rate if np.isnan(own_rate) else own_rate, "1/year",
                           "Real cost of capital; as planned without one: the discount rate")  # fmt: skip
        steps, procured = self._lead(tech, local)
        monthly, times, weight = self._annuity(rate, period, float(tech["life_years"]))
        factor = interest(rate, share, steps) * monthly
        if float(tech["resale_loss"]):
            factor = factor * (1 + self.given("technologies", name, tech, "resale_loss", "Resale loss"))  # fmt: skip
        for quantity, unit, price in parts:
            yield Line("generation_capital", site, name, period.name, quantity, unit, price, factor,
                       times, weight)  # fmt: skip
            if r.at_risk:
                lost = self.given(
                    "technologies", name, tech, "refusal_probability", "Permit refused"
                )
                kept = self.given("technologies", name, tech, "recovered_share", "Then recovered")
                stake = share + (1 - share) * (procured / steps) if steps else share
                yield Line("risk", site, name, period.name, quantity, unit, price,
                           lost * (1 - kept) * stake, 1,
                           discount(self.rate, period.month - steps))  # fmt: skip

    @once
    def _index(self, technology: str, year: int) -> float | None:
        """Cost of a year's builds as a share of the catalog's; None where none is stated."""
        years = self.input["technology_costs"]
        years = years[years["technology"] == technology].sort_values("year")
        return float(np.interp(year, years["year"], years["capex_index"])) if len(years) else None

    def _lead(self, tech: Row, local: Row) -> tuple[int, int]:
        """Months from order to online, and of procurement."""
        procured = self._chosen(tech, "procurement")
        built = self._chosen(tech, "construction") + int(local["months_added"])
        return procured + built + self._chosen(tech, "commissioning"), procured

    def _chosen(self, row: Row, step: str) -> int:
        """Months of a step by the setting ``lead_times``."""
        which = self.lead_times
        stated = row[f"{step}_months" if which == "likely" else f"{step}_months_{which}"]
        return int(row[f"{step}_months"] if np.isnan(stated) else stated)

    def _grid(self) -> Iterator[Line]:
        order = {name: k for k, name in enumerate(self.periods)}
        for (site, offer), rows in self.tables["interconnection"].groupby(
            ["site", "offer"], sort=False
        ):
            row, key = self.offers[site, offer], f"{site} / {offer}"
            last, connected, wide = 0.0, False, False
            old = float(row["existing_mw"])
            for r in sorted(rows.itertuples(), key=lambda r: order[str(r.period)]):
                period = self.periods[str(r.period)]
                mw = float(r.firm_mw + r.flexible_mw)
                beyond = max(last, mw - old)
                monthly, times, weight = self._annuity(self.rate, period, float(row["life_years"]))
                entry = ("interconnection", str(site), str(offer), period.name)
                if not connected and old > 0:
                    price = self.given(
                        "interconnections", key, row, "transfer_cost_usd", "Transfer"
                    )
                    yield Line(*entry, 1, "connection", price, monthly, times, weight)
                if not wide and (old == 0 or beyond > 1e-6 or float(r.flexible_mw) > 1e-6):
                    wide = True
                    price = self.given("interconnections", key, row, "upgrade_cost_usd", "Upgrades")
                    yield Line(*entry, 1, "connection", price, monthly, times, weight)
                    yield from self._split(row, entry, period)
                price = self.given("interconnections", key, row, "cost_usd_per_kw", "Substation")
                yield Line(*entry, 1000 * (beyond - last), "kW", price, monthly, times, weight)
                price = self.given("interconnections", key, row, "capacity_charge_usd_per_kw_year",
                                 "Grid capacity")  # fmt: skip
                yield Line(*entry, 1000 * mw, "kW", price, formula(1) / 12, *self.months(period))
                last, connected = beyond, True

    def _split(
        self, offer: Row, entry: tuple[str, str, str, str], period: Period
    ) -> Iterator[Line]:
        """An offer's share of an upgrade whose cost is split."""
        name = str(offer["shared_upgrade"])
        if not name or self.upgrades[name,]["rule"] != "split":
            return
        shares = float(self.upgrades[name,]["shares"])
        if np.isnan(shares):
            shares = float((self.input["interconnections"]["shared_upgrade"] == name).sum())
        yield self._shared(name, entry, period, 1 / shares)

    def _shared(
        self, name: str, entry: tuple[str, str, str, str], period: Period, share: float
    ) -> Line:
        row = self.upgrades[name,]
        price = self.given("shared_upgrades", name, row, "cost_usd", "Upgrade that is shared")
        return Line(*entry, share, "upgrade", price,
                    *self._annuity(self.rate, period, float(row["life_years"])))  # fmt: skip

    def _upgrades(self) -> Iterator[Line]:
        for r in self.tables.get("shared_upgrades", pd.DataFrame()).itertuples():
            name, period = str(r.shared_upgrade), self.periods[str(r.period)]
            entry = ("interconnection", str(r.site), name, period.name)
            yield self._shared(name, entry, period, float(r.paid_share))

    def _land(self) -> Iterator[Line]:
        used: dict[tuple[str, str], float] = {}
        for r in self.tables["campus"].itertuples():
            _, source = self._block(str(r.site), str(r.block))
            key = (str(r.site), str(r.period))
            used[key] = used.get(key, 0.0) + float(r.standing_it_mw * source["land_km2_per_mw"])
        for r in self.tables["capacity"].itertuples():
            key = (str(r.site), str(r.period))
            each = float(self.technologies[r.technology,]["land_km2_per_mw"])
            used[key] = used.get(key, 0.0) + float(r.standing_mw) * each
        for (site, name), km2 in used.items():
            price = self.given("sites", site, self.sites[site,], "land_price_usd_per_km2", "Land")
            yield Line("land", site, "land", name, km2, "km2", price, self.rate / 12,
                       *self.months(self.periods[name]))  # fmt: skip

    def _delay_price(self, workload: str) -> Formula:
        row = self.workloads[workload,]
        if not np.isnan(float(row["delay_price_usd_per_mw_month"])):
            return self.given("workloads", workload, row, "delay_price_usd_per_mw_month",
                            "Price of a MW-month that waits")  # fmt: skip
        name = str(row["accelerator"])
        unit = self.input["compute"].set_index("accelerator").loc[name]
        margin = self.given("compute", name, unit, "margin_usd_per_mw_month", "Margin of compute")
        capital = self.given("compute", name, unit, "capex_usd_per_mw", "Accelerators")
        rate = self.given("compute", name, unit, "real_rate", "Cost of capital of accelerators")
        return margin + capital * recovery(rate, float(unit["life_months"]) / 12) / 12

    def _compute(self) -> Iterator[Line]:
        for r in self.tables["backlog"].itertuples():
            yield Line("delay", "", str(r.workload), str(r.period), float(r.backlog_mw), "MW IT",
                       self._delay_price(str(r.workload)), formula(1),
                       *self.months(self.periods[str(r.period)]))  # fmt: skip
        given = by_key(self.input["placement"], "workload", "region", "site")
        for r in self.tables["placement"].itertuples():
            key = (str(r.workload), str(r.region), str(r.site))
            if key in given:
                price = self.given("placement", " / ".join(key), given[key],
                                 "cost_usd_per_mw_month", "Serving from there")  # fmt: skip
                yield Line("placement", key[2], key[0], str(r.period), float(r.it_mw), "MW IT",
                           price, formula(1), *self.months(self.periods[str(r.period)]))  # fmt: skip

    # -- operation ----------------------------------------------------------------------------

    def passes(self, period: Period) -> tuple[float, Formula]:
        """How often and with what weight the money of a pass counts."""
        paid = self._paid(period.month, period.month + period.months)
        return period.passes, paid / min(period.months, 12)

    def _grown(self, table: str, row: str, source: Any, period: Period) -> Formula:
        """Growth of a price from the money year to the period's year."""
        yearly = self.given(table, row, source, "price_growth_per_year", "Growth above inflation")
        return (1 + yearly) ** (period.year - self.money_year)

    def _operation(self) -> Iterator[Line]:
        # Row numbers alone are grouped: groups of rows would be a second copy of all hours.
        blocks = self.dispatch.groupby(["site", "period"], sort=False).indices
        for key, at in sorted(blocks.items(), key=lambda block: block[1][0]):
            site, period = str(key[0]), self.periods[str(key[1])]
            rows = self.dispatch.iloc[at]
            series = {str(c): rows[c].to_numpy() for c in rows.columns[3:]}
            hours = rows["hour"].to_numpy()
            if float(series["unserved_mw"].sum()) > 0:
                yield Line("unserved", site, "unserved", period.name,
                           float(series["unserved_mw"].sum()), "MWh", self._unserved_price(),
                           formula(1), *self.passes(period))  # fmt: skip
            yield from self._trade(site, period, series, hours)
            for column, values in series.items():
                what, _, name = column.partition(":")
                mwh = float(values.sum())
                if name and mwh > 0 and what in ("generation_mw", "discharge_mw"):
                    yield from self._running(site, period, name, what, values, hours)

    def _unserved_price(self) -> Formula:
        given = self.inputs.setting("unserved_price_usd_per_mwh")
        if given is None:
            highest = max(self._delay_price(str(w)).value
                          for w in self.input["workloads"]["workload"])  # fmt: skip
            peak = unserved_usd_per_mwh(self.input, self.money_year)
            given = max(10_000.0, 3 * highest / 730, peak)
        return self.assume("general", "", "unserved_price_usd_per_mwh", float(given), "USD/MWh",
                           "Energy that is not served")  # fmt: skip

    def _trade(
        self, site: str, period: Period, series: dict[str, np.ndarray], hours: np.ndarray
    ) -> Iterator[Line]:
        """Energy bought and sold, its part at a constant price and its part by the hour."""
        bought, sold = series["import_mw"], series["export_mw"]
        name = self.charges.tariff(site, period.name)
        delivered = sum(
            (v for c, v in series.items() if c.startswith("delivery_mw:")), 0.0 * bought
        )
        if not name or not (bought.any() or sold.any() or delivered.any()):
            return
        row = self.tariffs[name,]
        constant = self.given(
            "tariffs", name, row, "energy_price_usd_per_mwh", "Power, constant part"
        )
        growth = self._grown("tariffs", name, row, period)
        profile = str(row["price_profile"])
        hourly = self.inputs.profiles[profile][hours] if profile else np.zeros(len(hours))
        by_hour = self._hourly("tariffs", name, profile) if profile else formula(0)
        entry = (name, period.name)
        times = self.passes(period)
        yield Line("energy", site, *entry, float(bought.sum()), "MWh", constant, growth, *times)
        yield Line("energy", site, *entry, float(bought @ hourly), "USD by the hour", by_hour,
                   growth, *times)  # fmt: skip
        paying = sold * ((row["energy_price_usd_per_mwh"] + hourly) * growth.value > 0)
        if paying.any() and self.charges.exports_at_share(name):
            share = self.given("tariffs", name, row, "export_price_share", "Paid for export")
            yield Line("export", site, *entry, -float(paying.sum()), "MWh", constant,
                       growth * share, *times)  # fmt: skip
            yield Line("export", site, *entry, -float(paying @ hourly), "USD by the hour", by_hour,
                       growth * share, *times)  # fmt: skip
        rate = (self.inputs.profiles[str(row["co2_profile"])][hours] if row["co2_profile"]
                else np.full(len(hours), float(row["co2_t_per_mwh"])))  # fmt: skip
        yield from self._carbon(site, "grid", period, float((bought + delivered) @ rate),
                                onsite=False)  # fmt: skip

    def _bills(self) -> Iterator[Line]:
        """What bills hold beside the hourly price of energy."""
        for b in self.charges.rows():
            period, row = self.periods[b.period], self.tariffs[b.tariff,]
            growth = self._grown("tariffs", b.tariff, row, period)
            price, factor = formula(1), growth
            if b.table:
                meaning = f"{b.words} of tariff {b.tariff}"
                price = self.given(b.table, b.key, b.source, b.column, meaning)
                if not price.value:
                    continue
                # A yearly price is shared among its peaks; a tax is on money that has grown.
                ratio = b.rate / (price.value * (1.0 if b.is_tax else growth.value))
                factor = formula(ratio) if b.is_tax else growth * ratio
            quantity = b.quantity if b.table else b.usd / growth.value
            yield Line(b.category, b.site, b.tariff, period.name, quantity, b.unit, price, factor,
                       *self.passes(period))  # fmt: skip

    def _hourly(self, table: str, row: str, profile: str) -> Formula:
        return self.assume(table, row, "price_profile_multiplier", 1.0, "1",
                           f"On the hourly price {profile}")  # fmt: skip

    def _running(
        self, site: str, period: Period, name: str, what: str, values: np.ndarray,
        hours: np.ndarray,
    ) -> Iterator[Line]:  # fmt: skip
        """Fuel, variable upkeep and carbon of a technology in one pass."""
        tech, mwh = self.technologies[name,], float(values.sum())
        times = self.passes(period)
        price = self.given("technologies", name, tech, "vom_usd_per_mwh", "Variable upkeep")
        yield Line("vom", site, name, period.name, mwh, "MWh", price, formula(1), *times)
        if what == "discharge_mw":
            return
        co2, fuel = float(tech["co2_t_per_mwh"]), str(tech["fuel"] or "")
        heat = float(tech["heat_rate_mmbtu_per_mwh"])
        if fuel:
            row = self._fuel(fuel, str(self.sites[site,]["gas_hub"]))
            key = f"{fuel} / {row['hub']}"
            constant = self.given("fuels", key, row, "price_usd_per_mmbtu", "Fuel, constant part")
            growth = self._grown("fuels", key, row, period)
            yield Line("fuel", site, name, period.name, heat * mwh, "MMBtu", constant, growth,
                       *times)  # fmt: skip
            profile = str(row["price_profile"] or "")
            if profile:
                paid = heat * float(values @ self.inputs.profiles[profile][hours])
                by_hour = self._hourly("fuels", key, profile)
                yield Line("fuel", site, name, period.name, paid, "USD by the hour", by_hour,
                           growth, *times)  # fmt: skip
            if np.isnan(co2):
                co2 = heat * float(row["co2_t_per_mmbtu"])
        tons = mwh * (0.0 if np.isnan(co2) else co2)
        yield from self._carbon(site, name, period, tons, onsite=True)

    @once
    def _fuel(self, fuel: str, hub: str) -> Row:
        """Prices of a fuel at a hub, else at all."""
        rows = by_key(self.input["fuels"], "fuel", "hub")
        return rows[(fuel, hub) if (fuel, hub) in rows else (fuel, "*")]

    @once
    def _carbon_price(self, year: int) -> Mapping[Any, Any] | None:
        """The policy that sets the price of CO2 in a year."""
        table = self.input["policies"]
        table = table[table["kind"] == "co2_price"]
        own = table[table["year"] == year]
        rows = own if len(own) else table[table["year"].isna()]
        return None if rows.empty else rows.iloc[0].to_dict()

    def _carbon(
        self, site: str, item: str, period: Period, tons: float, *, onsite: bool
    ) -> Iterator[Line]:
        row = self._carbon_price(period.year)
        if row is None or (row["scope"] == "onsite" and not onsite):
            return
        year = "every year" if np.isnan(row["year"]) else str(int(row["year"]))
        price = self.assume("policies", f"{row['policy']} / {year}", "value", float(row["value"]),
                            "USD/t", "Price of CO2")  # fmt: skip
        yield Line("carbon", site, item, period.name, tons, "t", price, formula(1),
                   *self.passes(period))  # fmt: skip


def _summed(lines: list[Line]) -> list[Line]:
    """One line for all that a site pays of a category at one price.

    The price stays a formula; growth, annuity and discounting are in the quantity as planned.
    """
    groups: dict[tuple[str, str, str, str], list[Line]] = {}
    for line in lines:
        key = (line.category, line.site, line.unit, line.price.text)
        groups.setdefault(key, []).append(line)
    found = []
    for (category, site, unit, _), mine in groups.items():
        items = list(dict.fromkeys(line.item for line in mine))
        paid = sum(x.quantity * x.factor.value * x.weight.value for x in mine)
        times = sum(x.quantity * x.factor.value * x.times for x in mine)
        if paid:
            found.append(Line(category, site, items[0] if len(items) == 1 else "several", "", paid,
                              f"{unit}, discounted", mine[0].price, formula(1), times / paid,
                              formula(1)))  # fmt: skip
    return found


def _unit(name: str) -> str:
    """Unit of a column from its name: capex_usd_per_kw is in USD/kW."""
    if "usd" in name:
        tail = name[name.index("usd") :].removeprefix("usd")
        return "USD" + tail.replace("_per_", "/").replace("_year", "-year").replace(
            "_month", "-month"
        )
    return "1/year" if name.endswith(("per_year", "rate")) else "1"
