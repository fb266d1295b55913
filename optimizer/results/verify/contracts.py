"""Contracts: what is signed, delivered and settled; and carbon-free matching of what runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from optimizer.results.verify.arithmetic import (
    YEAR_HOURS,
    Row,
    Span,
    blank,
    by_key,
    chosen,
    grouped,
    records,
)

if TYPE_CHECKING:
    from optimizer.results.verify.operation import Operation

HEDGES = ("hedged_share_min", "hedged_share_max", "counterparty_share_max")


class Contracts:
    """Checks the tables ``contracts`` and ``matching``; needs the dispatch block by block.

    Energy is that of one pass [MWh], by (site, period), matched energy by (policy, site, period).
    ``expected`` is served, matched and exported energy by (policy, scope, year).
    """

    def __init__(self, operation: Operation) -> None:
        self.o, self.d, self.out = operation, operation.d, operation.out
        self.input, self.profiles = operation.input, operation.profiles
        self.calendar = operation.calendar
        self.terms = by_key(self.input["contracts"], "contract")
        self.offered = by_key(self.input["site_contracts"], "site", "contract")
        self.tariffs = by_key(self.input["tariffs"], "tariff")
        self.policies = records(self.input["policies"])
        self.stands: dict[tuple[str, str, str], float] = {}
        self.load: dict[tuple[str, str], float] = defaultdict(float)
        self.unserved: dict[tuple[str, str], float] = defaultdict(float)
        self.exported: dict[tuple[str, str], float] = defaultdict(float)
        self.matched: dict[tuple[str, str, str], float] = defaultdict(float)
        self.delivered: dict[tuple[str, str, str], float] = defaultdict(float)
        self.paid: dict[tuple[str, str, str], float] = {}
        self.expected: dict[tuple[str, str, str], tuple[float, float, float]] = {}
        table = self.d.tables.get("contracts")
        self.rows: list[Row] = [] if table is None else records(table)

    # -- what is signed -----------------------------------------------------------------------

    def signed(self) -> None:
        """Dates, terms and MW of each contract, and what it costs whatever runs."""
        for (site, name), rows in grouped(self.rows, "site", "contract"):
            where = f"{site} {name}"
            offer, row = chosen(self.offered, site, name), self.terms.get(name)
            self.out.true("contract offered", offer is not None and row is not None, where)
            if offer is None or row is None:
                continue
            new = {r["period"]: float(r["signed_mw"]) for r in rows}
            stated = {r["period"]: float(r["standing_mw"]) for r in rows}
            for span in self.calendar.spans:
                mw = new.get(span.name, 0.0)
                if mw > 0:
                    self._start(row, offer, span, mw, where)
                ends = round(12 * row["term_years"])
                stand = sum(
                    v
                    for q, v in new.items()
                    if (at := self.calendar.by_name[q]).first <= span.first
                    and span.end <= at.first + ends
                )
                self.out.equal(
                    "standing", stated.get(span.name, 0.0), stand, f"{where} {span.name}"
                )
                self.out.at_most("contract MW", stand, offer["max_mw"], f"{where} {span.name}")
                if stand > 0:
                    self._open(site, span, where)
                self.stands[site, name, span.name] = stand
                self._fixed(site, row, span, stand)
            if offer["min_mw"] > 0:
                self.out.true("signed once", sum(v > 0 for v in new.values()) <= 1, where)

    def _open(self, site: str, span: Span, where: str) -> None:
        opened = self.d.open_at.get(site)
        self.out.true(
            "contract of an open site", opened is not None and opened <= span.first, where
        )

    def _start(self, row: Row, offer: Row, span: Span, mw: float, where: str) -> None:
        earliest = row["earliest_start"]
        if not pd.isna(earliest):
            month = self.calendar.month(pd.Timestamp(earliest))
            self.out.at_most("earliest start", month, span.first, f"{where} {span.name}")
        self.out.at_most("least of a contract", offer["min_mw"], mw, f"{where} {span.name}")

    def _fixed(self, site: str, row: Row, span: Span, mw: float) -> None:
        """Settlement, energy that must all be taken, security."""
        if not mw:
            return
        hours, volume = span.hours, self._volume(site, row)
        if row["kind"] == "financial":
            grown = self._dearer(row, span)
            paid = self._reference(site, row, span)[hours]
            low, high = (row[f"settlement_{e}_usd_per_mwh"] for e in ("floor", "cap"))
            if not blank(low):
                paid = np.maximum(paid, low * grown)
            if not blank(high):
                paid = np.minimum(paid, high * grown)
            usd = mw * float(((row["price_usd_per_mwh"] * grown - paid) * volume[hours]).sum())
            self.o.spend("contract_settlement", usd, span)
            self.paid[site, row["contract"], span.name] = usd
        elif row["minimum_take_share"] == 1:
            price = row["price_usd_per_mwh"] * self._dearer(row, span)
            self.o.spend("contract_energy", mw * price * float(volume[hours].sum()), span)
        yearly = row["credit_security_usd_per_kw"] * 1000 * row["security_rate_per_year"]
        here = self.calendar.discount_sum(span.first, span.end)
        self.d.cost["contract_security"] += yearly / 12 * mw * here

    def _dearer(self, row: Row, span: Span) -> float:
        """Real price of a year over that of the money year."""
        yearly = 1 + float(row["escalation_per_year"])
        if row["escalation"] == "nominal":
            yearly /= 1 + float(self.d.inputs.setting("inflation_per_year"))
        return float(yearly ** (span.year - self.o.money_year))

    def _site_price(self, site: str) -> tuple[np.ndarray, float]:
        """Energy price of a site [USD/MWh] by hour, and its growth."""
        tariff = self.d.sites[site]["tariff"]
        if not tariff:
            return np.zeros(YEAR_HOURS), 0.0
        row = self.tariffs[tariff]
        price = row["energy_price_usd_per_mwh"] + np.zeros(YEAR_HOURS)
        if row["price_profile"]:
            price = price + self.profiles[row["price_profile"]]
        return price, float(row["price_growth_per_year"])

    def _reference(self, site: str, row: Row, span: Span | None) -> np.ndarray:
        """Price at which a contract settles, with its growth to the period [USD/MWh]."""
        price, growth = self._site_price(site)
        if row["hub_price_profile"]:
            price = self.profiles[row["hub_price_profile"]]
            growth = float(row["hub_price_growth_per_year"])
        if not blank(row["basis_usd_per_mwh"]):
            price = price + row["basis_usd_per_mwh"]
        years = 0 if span is None else span.year - self.o.money_year
        return np.asarray(price * (1 + growth) ** years)

    def _volume(self, site: str, row: Row) -> np.ndarray:
        """MWh for each MW in each hour of a year."""
        volume = self.profiles[row["profile"]] if row["profile"] else np.ones(YEAR_HOURS)
        if row["no_payment_if_negative"]:
            volume = volume * (self._reference(site, row, None) >= 0)
        return np.asarray(volume)

    # -- what runs ----------------------------------------------------------------------------

    def delivery(self, a: dict[str, np.ndarray]) -> Any:
        """Sum of all deliveries of a pass in each hour."""
        return sum((v for c, v in a.items() if c.startswith("delivery_mw:")), np.zeros(1))

    def block(self, site: str, row: Row, span: Span, a: dict[str, np.ndarray], where: str) -> None:
        """Deliveries, their money and CO2, and what is matched in one pass."""
        total = self.delivery(a)
        self.load[site, span.name] = float(a["load_mw"].sum())
        self.unserved[site, span.name] = float(a["unserved_mw"].sum())
        self.exported[site, span.name] = float(a["export_mw"].sum())
        for column, made in a.items():
            name = column.partition(":")[2]
            if column.startswith("delivery_mw:") and made.any():
                self._delivered(site, name, span, made, where)
        for name, terms in self.terms.items():
            mw = self.stands.get((site, name, span.name), 0.0)
            if mw > 0 and terms["kind"] != "financial":
                made = a.get(f"delivery_mw:{name}", np.zeros(len(span.hours)))
                self._pay(site, terms, span, mw, float(made.sum()))
        if np.any(total):
            self._through_the_grid(site, row, span, a, total, where)
        for number, policy in enumerate(self.policies):
            if policy["kind"] in ("cfe_annual", "cfe_hourly") and site in self._sites(policy):
                self.matched[str(number), site, span.name] = self._match(site, row, span, policy, a)

    def _delivered(self, site: str, name: str, span: Span, made: np.ndarray, where: str) -> None:
        terms = self.terms.get(name)
        self.out.true("contract offered", terms is not None, f"{where} {name}")
        if terms is None:
            return
        self.out.true("financial delivers nothing", terms["kind"] != "financial", f"{where} {name}")
        mw = self.stands.get((site, name, span.name), 0.0)
        most = mw * self._volume(site, terms)[span.hours]
        self.out.at_most("delivery within contract", made, most, f"{where} {name}")
        self.delivered[site, name, span.name] = float(made.sum())

    def _pay(self, site: str, row: Row, span: Span, mw: float, taken: float) -> None:
        """What a pass pays for deliveries; all that is offered is in the fixed money if all is due."""
        price = row["price_usd_per_mwh"] * self._dearer(row, span)
        offered = mw * float(self._volume(site, row)[span.hours].sum())
        due = price * max(taken, row["minimum_take_share"] * offered)
        adder = row["adder_usd_per_mwh"] * taken if row["kind"] == "sleeved" else 0.0
        self.paid[site, row["contract"], span.name] = due + adder
        if row["minimum_take_share"] < 1:
            self.o.spend("contract_energy", due + adder, span)
        elif adder:
            self.o.spend("contract_energy", adder, span)

    def _through_the_grid(
        self, site: str, row: Row, span: Span, a: dict[str, np.ndarray], total: np.ndarray,
        where: str,
    ) -> None:  # fmt: skip
        """Deliveries share the connection with imports, are not sold on, and emit by location."""
        service: Any = 0.0
        if (site, span.name) in self.d.grid:
            name, firm, flexible, _ = self.d.grid[site, span.name]
            stays, kept = self.o.cuts(site, name)
            service = firm * kept[span.hours] + flexible * stays[span.hours]
        self.out.at_most("import within service", a["import_mw"] + total, service, where)
        own = sum((v for c, v in a.items() if c.startswith(("generation_mw:", "discharge_mw:"))),
                  np.zeros(len(total)))  # fmt: skip
        self.out.at_most("export from own", a["export_mw"], own, where)
        tariff = self.tariffs[row["tariff"]]
        rate = (self.profiles[tariff["co2_profile"]][span.hours] if tariff["co2_profile"]
                else tariff["co2_t_per_mwh"])  # fmt: skip
        tons = float((total * rate).sum())
        self.o.co2[site, span.group][1] += tons
        self.o.spend("carbon", tons * self.o.carbon_price(span.year, onsite=False), span)

    def _sites(self, policy: Row) -> list[str]:
        """Sites that a policy holds for."""
        if policy["applies_to"] in ("each site", "portfolio"):
            return list(self.d.sites)
        return [s for s, r in self.d.sites.items() if r["market"] == policy["applies_to"]]

    def _is_clean(self, site: str, name: str, policy: Row) -> bool:
        row = self.terms[name]
        near = row["market"] == self.d.sites[site]["market"]
        return bool(
            row["carbon_free"]
            and (row["additional"] or not policy["additional_only"])
            and (near or not policy["deliverable_only"])
        )

    def _match(
        self, site: str, row: Row, span: Span, policy: Row, a: dict[str, np.ndarray]
    ) -> float:
        """Clean energy of a pass in the sense of a target [MWh]."""
        clean: Any = 0.0
        tariff = self.tariffs.get(self.o.bills.tariff(site, span.name))
        if tariff is not None and policy["grid_counts"]:
            clean = (self.profiles[tariff["carbon_free_profile"]][span.hours]
                     if tariff["carbon_free_profile"] else tariff["carbon_free_share"])  # fmt: skip
        if policy["kind"] == "cfe_hourly":
            dirty = float(((1 - clean) * a["import_mw"]).sum())
            dirty += sum(float(v.sum()) for n, v in self._of(a, "generation_mw")
                         if self._emits(site, n) > 0)  # fmt: skip
            dirty += sum(float(v.sum()) for n, v in self._of(a, "delivery_mw")
                         if n in self.terms and not self._is_clean(site, n, policy))  # fmt: skip
            return float((a["load_mw"] - a["unserved_mw"]).sum()) - dirty
        found = float((clean * a["import_mw"]).sum())
        found += sum(float(v.sum()) for n, v in self._of(a, "generation_mw")
                     if self._emits(site, n) == 0)  # fmt: skip
        found += sum(float(v.sum()) for n, v in self._of(a, "delivery_mw")
                     if n in self.terms and self._is_clean(site, n, policy))  # fmt: skip
        for n, terms in self.terms.items():
            mw = self.stands.get((site, n, span.name), 0.0)
            if mw > 0 and terms["kind"] == "financial" and self._is_clean(site, n, policy):
                found += mw * float(self._volume(site, terms)[span.hours].sum())
        if not policy["exports_count"]:
            found -= float(a["export_mw"].sum())
        return found

    @staticmethod
    def _of(a: dict[str, np.ndarray], what: str) -> Iterator[tuple[str, np.ndarray]]:
        for column, values in a.items():
            head, _, name = column.partition(":")
            if head == what:
                yield name, values

    def _emits(self, site: str, name: str) -> float:
        """CO2 of a technology [t/MWh]."""
        tech = self.o.technologies[name]
        co2 = float(tech["co2_t_per_mwh"])
        if not blank(co2):
            return co2
        if not tech["fuel"]:
            return 0.0
        fuel = self.d.fuel_row(tech["fuel"], self.d.sites[site]["gas_hub"])
        return float(tech["heat_rate_mmbtu_per_mwh"] * fuel["co2_t_per_mmbtu"])

    # -- years --------------------------------------------------------------------------------

    def years(self) -> None:
        """Volume within load, hedged shares, carbon-free targets, and the tables that state them."""
        groups: dict[str, list[Span]] = defaultdict(list)
        for span in self.calendar.spans:
            groups[span.group].append(span)
        for group, spans in groups.items():
            for site in self.d.sites:
                capped = [n for n, r in self.terms.items() if not r["allow_long"]]
                volume = sum(self._bought(site, n, spans) for n in capped)
                load = sum(self.load[site, s.name] for s in spans)
                self.out.at_most("contracts within load", volume, load, f"{site} {group} MWh")
            for number, policy in self._in_year(spans[0].year):
                if policy["kind"] in HEDGES:
                    self._hedge(policy, group, spans)
                elif policy["kind"] in ("cfe_annual", "cfe_hourly"):
                    self._target(number, policy, group, spans)
        self._stated()

    def _in_year(self, year: int) -> Iterator[tuple[int, Row]]:
        """Policies that hold in a year; one for the year goes before one for every year."""
        own = {(p["kind"], p["applies_to"]) for p in self.policies if p["year"] == year}
        for number, policy in enumerate(self.policies):
            key = (policy["kind"], policy["applies_to"])
            if policy["year"] == year or (blank(policy["year"]) and key not in own):
                yield number, policy

    def _bought(self, site: str, name: str, spans: list[Span]) -> float:
        """Volume of a contract in a year [MWh]."""
        return sum(
            mw * float(self._volume(site, self.terms[name])[s.hours].sum())
            for s in spans
            if (mw := self.stands.get((site, name, s.name), 0.0))
        )

    def _parts(self, policy: Row) -> list[tuple[str, list[str]]]:
        """The scopes in which a policy holds: name and sites of each."""
        sites = self._sites(policy)
        if policy["applies_to"] == "each site":
            return [(s, [s]) for s in sites]
        return [(str(policy["applies_to"]), sites)]

    def _hedge(self, policy: Row, group: str, spans: list[Span]) -> None:
        for scope, sites in self._parts(policy):
            load = sum(self.load[s, p.name] for s in sites for p in spans)
            by_seller: dict[str, float] = defaultdict(float)
            for s in sites:
                for n, row in self.terms.items():
                    by_seller[str(row["counterparty"])] += self._bought(s, n, spans)
            where = f"{policy['policy']} {scope} {group} MWh"
            hedged, limit = sum(by_seller.values()), policy["value"] * load
            if policy["kind"] == "hedged_share_min":
                self.out.at_most("hedged share", limit, hedged, where)
            elif policy["kind"] == "hedged_share_max":
                self.out.at_most("hedged share", hedged, limit, where)
            else:
                most = max(by_seller.values(), default=0.0)
                self.out.at_most("counterparty share", most, limit, where)

    def _target(self, number: int, policy: Row, group: str, spans: list[Span]) -> None:
        for scope, sites in self._parts(policy):
            served, matched, exported = self._year(number, sites, spans)
            where = f"{policy['policy']} {scope} {group} MWh"
            self.out.at_most("carbon-free share", policy["value"] * served, matched, where)
            if not blank(policy["max_excess_share"]):
                limit = policy["max_excess_share"] * served
                self.out.at_most("exported share", exported, limit, where)
            self.expected[str(policy["policy"]), scope, group] = (served, matched, exported)
        for site in self._sites(policy):
            found = self._year(number, [site], spans)
            self.expected[str(policy["policy"]), site, group] = found

    def _year(self, number: int, sites: list[str], spans: list[Span]) -> tuple[float, float, float]:
        keys = [(s, p.name) for s in sites for p in spans]
        served = sum(self.load[k] - self.unserved[k] for k in keys)
        matched = sum(self.matched[str(number), *k] for k in keys)
        return served, matched, sum(self.exported[k] for k in keys)

    def _stated(self) -> None:
        """The tables say what was found."""
        for r in self.rows:
            key = (r["site"], r["contract"], r["period"])
            if r["contract"] not in self.terms:
                continue
            span, row = self.calendar.by_name[r["period"]], self.terms[r["contract"]]
            volume = self._bought(r["site"], r["contract"], [span])
            where = " ".join(map(str, key))
            self.out.equal("contract table", r["volume_mwh"], volume * span.repeats, where)
            taken = self.delivered.get(key, 0.0) * span.repeats
            self.out.equal("contract table", r["delivered_mwh"], taken, where)
            column = "settled_usd" if row["kind"] == "financial" else "paid_usd"
            usd = self.paid.get(key, 0.0) * span.repeats
            self.out.equal("contract table", r[column] / 1e3, usd / 1e3, f"{where} in 1000 USD")
        table = self.d.tables.get("matching")
        for r in [] if table is None else records(table):
            key = (str(r["policy"]), str(r["scope"]), str(r["year"]))
            wanted = self.expected.get(key)
            self.out.true("matching table", wanted is not None, " ".join(key))
            if wanted is not None:
                said = [r["served_mwh"], r["matched_mwh"], r["exported_mwh"]]
                self.out.equal("matching table", said, list(wanted), " ".join(key))
