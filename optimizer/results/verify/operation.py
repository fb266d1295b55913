"""Placement, every hourly balance and bound, emissions, water and running costs."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd

from optimizer.reading import windows
from optimizer.reading.once import once
from optimizer.results.verify.arithmetic import (
    YEAR_HOURS,
    Row,
    Span,
    blank,
    by_key,
    chosen,
    in_year,
    records,
    recovery,
)
from optimizer.results.verify.bills import Bills
from optimizer.results.verify.contracts import Contracts
from optimizer.results.verify.decisions import Decisions
from optimizer.results.verify.service import cuts

RADIUS_KM = 6371.0088


class Operation:
    """Checks what runs; needs the decisions' standing capacities."""

    def __init__(self, decisions: Decisions, dispatch: pd.DataFrame) -> None:
        self.d = decisions
        self.out, self.calendar = decisions.out, decisions.calendar
        self.input, self.profiles = decisions.input, decisions.inputs.profiles
        self.dispatch = dispatch
        self.placed: dict[tuple[str, str, str], float] = defaultdict(float)
        self.co2: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
        self.water: dict[tuple[str, str], float] = defaultdict(float)
        self.unserved_mwh = self.operating_usd = 0.0
        self.money_year = int(decisions.inputs.setting("money_year"))
        self.technologies = by_key(self.input["technologies"], "technology")
        self.tariffs = by_key(self.input["tariffs"], "tariff")
        self.offers = by_key(self.input["interconnections"], "site", "offer")
        self.workloads = by_key(self.input["workloads"], "workload")
        self.regions = by_key(self.input["regions"], "region")
        self.given = by_key(self.input["placement"], "workload", "region", "site")
        self.local = by_key(self.input["site_technologies"], "site", "technology")
        policy = self.input["policies"]
        allowed = float(policy.loc[policy["kind"] == "allowed_unserved_share", "value"].max())
        self.allowed_unserved = 0.0 if blank(allowed) else allowed
        self.unserved_price = self._unserved_price()
        self.contracts = Contracts(self)
        self.bills = Bills(decisions)

    def check(self) -> None:
        """All of them."""
        self._placement()
        self.contracts.signed()
        self._dispatch()
        self.bills.check()
        self.operating_usd += self.bills.operating_usd
        self._annual()
        self.contracts.years()

    # -- compute --------------------------------------------------------------------------

    def _placement(self) -> None:
        out, input_ = self.out, self.input
        sums: dict[tuple[str, str, str], float] = defaultdict(float)
        for r in records(self.d.tables["placement"]):
            key = (r["workload"], r["region"], r["site"])
            where = f"{' / '.join(key)} {r['period']}"
            out.at_most("nothing negative", -r["it_mw"], 0.0, where)
            self._latency(*key, where)
            self.placed[r["site"], r["period"], r["workload"]] += r["it_mw"]
            sums[r["workload"], r["region"], r["period"]] += r["it_mw"]
            unit = self.given.get(key)
            if unit is not None:
                span = self.calendar.by_name[r["period"]]
                here = self.calendar.discount_sum(span.first, span.end)
                self.d.cost["placement"] += unit["cost_usd_per_mw_month"] * r["it_mw"] * here
        hosted: dict[tuple[str, str], float] = defaultdict(float)
        for (site, period, _), mw in self.placed.items():
            hosted[site, period] += mw
        for (site, period), mw in hosted.items():
            out.at_most("load within halls", mw, self.d.it.get((site, period), 0.0),
                        f"{site} {period}")  # fmt: skip
        stated = by_key(self.d.tables["backlog"], "workload", "region", "period")
        prices = {n: self._delay_price(r) for n, r in self.workloads.items()}
        for r in records(input_["demand"]):
            key = (r["workload"], r["region"], r["period"])
            where = " / ".join(key)
            missing = r["it_mw"] - sums.get(key, 0.0)
            out.at_most("demand not exceeded", -missing, 0.0, where)
            most = r["it_mw"] if blank(r["max_backlog_mw"]) else r["max_backlog_mw"]
            out.at_most("max_backlog_mw", missing, most, where)
            out.equal("backlog", stated[key]["backlog_mw"], max(0.0, missing), where)
            span = self.calendar.by_name[r["period"]]
            here = self.calendar.discount_sum(span.first, span.end)
            self.d.cost["delay"] += prices[r["workload"]] * max(0.0, missing) * here

    def _latency(self, workload: str, region: str, site: str, where: str) -> None:
        limit = self.workloads[workload]["max_latency_ms"]
        if blank(float(limit)):
            return
        given = self.given.get((workload, region, site))
        latency = float("nan") if given is None else float(given["latency_ms"])
        if blank(latency):
            a, b = self.regions[region], self.d.sites[site]
            lat_a, lat_b = np.radians([a["latitude"], b["latitude"]])
            east = np.radians(b["longitude"] - a["longitude"])
            # Vincenty's form on a sphere: another formula than the model's.
            y = np.hypot(
                np.cos(lat_b) * np.sin(east),
                np.cos(lat_a) * np.sin(lat_b) - np.sin(lat_a) * np.cos(lat_b) * np.cos(east),
            )
            x = np.sin(lat_a) * np.sin(lat_b) + np.cos(lat_a) * np.cos(lat_b) * np.cos(east)
            km = RADIUS_KM * float(np.arctan2(y, x))
            per_km = float(self.d.inputs.setting("fibre_ms_per_km"))
            latency = km * per_km + float(b["fibre_latency_ms"])
        self.out.at_most("latency", latency, float(limit), where)

    def _delay_price(self, row: Row) -> float:
        if not blank(row["delay_price_usd_per_mw_month"]):
            return float(row["delay_price_usd_per_mw_month"])
        unit = self.input["compute"].set_index("accelerator").loc[row["accelerator"]]
        yearly = recovery(unit["real_rate"], unit["life_months"] / 12)
        return float(unit["margin_usd_per_mw_month"] + unit["capex_usd_per_mw"] * yearly / 12)

    def _unserved_price(self) -> float:
        given = self.d.inputs.setting("unserved_price_usd_per_mwh")
        if given is not None:
            return float(given)
        highest = max(self._delay_price(r) for r in self.workloads.values())
        return max(10_000.0, 3 * highest / 730, self._peak_money())

    def _peak_money(self) -> float:
        """1.5 x the most that one MW more in an hour adds to the bills of a tariff [USD]."""
        most = 0.0
        for name, tariff in self.tariffs.items():
            growth = [self._growth(tariff["price_growth_per_year"], s) for s in self.calendar.spans]
            by_charge: dict[str, float] = defaultdict(float)
            table = self.input["tariff_charges"]
            for r in records(table[table["tariff"] == name]):
                monthly, yearly = (
                    0.0 if blank(float(r[c])) else float(r[c])
                    for c in ("price_usd_per_kw_month", "price_usd_per_kw_year")
                )
                usd = 0.0
                if r["kind"] == "demand":
                    back = 12 if blank(float(r["ratchet_months"])) else r["ratchet_months"]
                    usd = monthly + monthly * r["ratchet_share"] * back
                elif r["kind"] == "coincident_peak":
                    days = r["peak_days"]
                    peaks = len(windows.months(r["months"])) if blank(float(days)) else days
                    usd = monthly + yearly / peaks
                by_charge[r["charge"]] = max(by_charge[r["charge"]], usd)
            total = 1000 * sum(by_charge.values()) * max(growth) * (1 + tariff["tax_share"])
            most = max(most, total)
        return 1.5 * most

    # -- hours ----------------------------------------------------------------------------

    def _dispatch(self) -> None:
        seen = set()
        named = [c for c in self.dispatch.columns if c not in ("site", "period")]
        series = {c: self.dispatch[c].to_numpy() for c in named}
        # Row numbers alone are grouped: groups of rows would be a second copy of all hours.
        for key, at in self.dispatch.groupby(["site", "period"], sort=False).indices.items():
            site, period = str(key[0]), str(key[1])
            seen.add((site, period))
            # Rows side by side are not copied: bills keep the hours of all blocks to the end.
            whole = at[-1] - at[0] + 1 == len(at)
            rows = slice(at[0], at[-1] + 1) if whole else at
            arrays = {c: values[rows] for c, values in series.items()}
            self._block(site, self.calendar.by_name[period], arrays)
        owing = [key for key, (_, _, owed) in self.d.agreements.billing.items() if owed > 1e-6]
        for site, period in sorted({*((s, p) for s, p, _ in self.placed), *owing}):
            self.out.true("hours are complete", (site, period) in seen, f"{site} {period}")

    def _series(self, constant: float, name: str, hours: np.ndarray) -> np.ndarray:
        profile = self.profiles[name][hours] if name else 0.0
        return np.asarray(constant + profile + np.zeros(len(hours)))

    def _growth(self, yearly: float, span: Span) -> float:
        return float((1 + yearly) ** (span.year - self.money_year))

    def _block(self, site: str, span: Span, a: dict[str, np.ndarray]) -> None:
        out, where = self.out, f"{site} {span.name}"
        complete = len(a["hour"]) == len(span.hours) and bool((a["hour"] == span.hours).all())
        out.true("hours are complete", complete, where)
        if not complete:
            return
        row, hours = self.d.sites[site], span.hours
        it = np.zeros(len(hours))
        for w in self.workloads.values():
            shape = self.profiles[w["load_profile"]][hours] if w["load_profile"] else 1.0
            it = it + self.placed.get((site, span.name, w["workload"]), 0.0) * w["load_factor"] * (
                shape * np.ones(len(hours))
            )
        pue = self.profiles[row["pue_profile"]][hours] if row["pue_profile"] else row["pue"]
        out.equal("IT load", a["it_mw"], it, where)
        out.equal("facility load", a["load_mw"], pue * it, where)
        zero = np.zeros(len(hours))
        supply = a["import_mw"] + a["unserved_mw"] - a["export_mw"] + self.contracts.delivery(a)
        for name in self.technologies:
            supply = supply + a.get(f"generation_mw:{name}", zero)
            supply = supply + a.get(f"discharge_mw:{name}", zero) - a.get(f"charge_mw:{name}", zero)
        out.equal("hourly balance", supply, pue * it, where)
        for column, values in a.items():
            if column != "hour":
                out.at_most("nothing negative", -values, 0.0, f"{where} {column}")
        missing = float(a["unserved_mw"].sum())
        load = float((pue * it).sum())
        out.at_most("unserved share", missing, (self.allowed_unserved + 1e-6) * load, where)
        self.unserved_mwh += missing * span.repeats
        self.spend("unserved", missing * self.unserved_price, span)
        self.water[site, span.group] += float(it.sum()) * row["cooling_water_m3_per_mwh"]
        self._grid(site, row, span, a, where)
        self.contracts.block(site, row, span, a, where)
        self._agreement(site, span, a)
        for name in self.technologies:
            self._technology(site, row, span, name, a, where)

    def spend(self, category: str, usd: float, span: Span) -> None:
        self.d.cost[category] += usd * self.calendar.pass_weight(span)
        self.operating_usd += usd * span.repeats

    @once
    def carbon_price(self, year: int, *, onsite: bool) -> float:
        table = self.input["policies"]
        row = in_year(table[table["kind"] == "co2_price"], year)
        if row is None or (row["scope"] == "onsite" and not onsite):
            return 0.0
        return float(row["value"])

    def _grid(self, site: str, row: Row, span: Span, a: dict[str, np.ndarray], where: str) -> None:
        out = self.out
        if (site, span.name) not in self.d.grid:
            out.at_most("import within service", a["import_mw"], 0.0, where)
            out.at_most("export within limit", a["export_mw"], 0.0, where)
            return
        name, firm, flexible, export = self.d.grid[site, span.name]
        hours = span.hours
        stays, kept = self.cuts(site, name)
        out.at_most("import within service", a["import_mw"], firm * kept[hours] + flexible *
                    stays[hours], where)  # fmt: skip
        out.at_most("export within limit", a["export_mw"], export, where)
        self.bills.add(site, span.name, a)
        tariff = self.tariffs[self.bills.tariff(site, span.name)]
        rate = self.profiles[tariff["co2_profile"]][hours] if tariff["co2_profile"] else tariff[
            "co2_t_per_mwh"] * np.ones(len(hours))  # fmt: skip
        tons = float(a["import_mw"] @ rate)
        self.co2[site, span.group][1] += tons
        self.spend("carbon", tons * self.carbon_price(span.year, onsite=False), span)

    def _agreement(self, site: str, span: Span, a: dict[str, np.ndarray]) -> None:
        """The bill of a service agreement, for all that flows through the connection."""
        signed = self.d.agreements
        through = [v for k, v in a.items() if k == "import_mw" or k.startswith("delivery_mw:")]
        growth = self._growth(signed.growth_rate(site, span), span)
        meter = np.sum(through, axis=0)
        self.spend("service_agreement", signed.bill(site, span, meter, growth), span)

    @once
    def cuts(self, site: str, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Share of flexible and of firm power of an offer that stays in each hour of a year."""
        dearest = self._dearest(site, self.d.sites[site]["tariff"])
        return cuts(self.offers[site, name], self.profiles, dearest)

    @once
    def _dearest(self, site: str, tariff: str) -> list[int]:
        """Hours of a tariff's year, the dearest first, the earlier first among equals."""
        price = self.bills.price(site, tariff, np.arange(YEAR_HOURS))
        return sorted(range(YEAR_HOURS), key=lambda t: (-price[t], t))

    def _technology(
        self, site: str, row: Row, span: Span, name: str, a: dict[str, np.ndarray], where: str
    ) -> None:
        out, where = self.out, f"{where} {name}"
        tech = self.technologies[name]
        mw, mwh = self.d.power.get((site, name, span.name), (0.0, 0.0))
        zero = np.zeros(len(span.hours))
        if tech["class"] == "storage":
            charge, discharge, soc = (
                a.get(f"{k}:{name}", zero) for k in ("charge_mw", "discharge_mw", "soc_mwh")
            )
            out.at_most("storage power", charge, mw, where)
            out.at_most("storage power", discharge, mw, where)
            out.at_most("storage energy", soc, mwh, where)
            eta = np.sqrt(tech["round_trip_efficiency"])
            before = np.concatenate([soc[-1:], soc[:-1]])
            wanted = (1 - tech["standing_loss_per_hour"]) * before + eta * charge - discharge / eta
            out.equal("state of charge", soc, wanted, where)
            self.spend("vom", float(discharge.sum()) * tech["vom_usd_per_mwh"], span)
            return
        made = a.get(f"generation_mw:{name}", zero)
        local = chosen(self.local, site, name)
        profile = "" if local is None else local["profile"]
        if profile:
            available = self.profiles[profile][span.hours]
            if tech["class"] == "variable":
                available = np.where(available < 1e-3, 0.0, available)
        else:
            share = (1 - tech["forced_outage_rate"]) * (1 - tech["planned_outage_rate"])
            available = share * np.ones(len(span.hours))
        out.at_most("generation within availability", made, mw * available, where)
        energy = float(made.sum())
        if energy == 0:
            return
        co2 = tech["co2_t_per_mwh"]
        if tech["fuel"]:
            fuel = self.d.fuel_row(tech["fuel"], row["gas_hub"])
            price = self._series(fuel["price_usd_per_mmbtu"], fuel["price_profile"], span.hours)
            price = price * self._growth(fuel["price_growth_per_year"], span)
            self.spend("fuel", tech["heat_rate_mmbtu_per_mwh"] * float(made @ price), span)
            if blank(float(co2)):
                co2 = tech["heat_rate_mmbtu_per_mwh"] * fuel["co2_t_per_mmbtu"]
        tons = energy * (0.0 if blank(float(co2)) else float(co2))
        self.co2[site, span.group][0] += tons
        self.spend("carbon", tons * self.carbon_price(span.year, onsite=True), span)
        self.spend("vom", energy * tech["vom_usd_per_mwh"], span)
        self.water[site, span.group] += energy * tech["water_m3_per_mwh"]

    # -- years ----------------------------------------------------------------------------

    def _annual(self) -> None:
        hours: dict[str, int] = defaultdict(int)
        years: dict[str, int] = {}
        for span in self.calendar.spans:
            hours[span.group] += len(span.hours)
            years.setdefault(span.group, span.year)
        for (site, group), used in self.water.items():
            limit = float(self.d.sites[site]["water_limit_m3_per_year"])
            if not blank(limit):
                share = hours[group] / YEAR_HOURS
                self.out.at_most("water", used, limit * share, f"{site} {group}")
        table = self.input["policies"]
        caps = table[table["kind"] == "co2_cap"]
        for group, count in hours.items():
            row = in_year(caps, years[group])
            if row is None:
                continue
            emitted = sum(
                v[0] + (v[1] if row["scope"] == "total" else 0.0)
                for (_, g), v in self.co2.items()
                if g == group
            )
            limit = float(row["value"]) * count / YEAR_HOURS
            self.out.at_most("CO2 cap", emitted, limit, f"{row['policy']} {group}")
