"""Placement, every hourly balance and bound, emissions, water and running costs."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd

from optimizer.results.verify.arithmetic import YEAR_HOURS, Span, blank, chosen, recovery
from optimizer.results.verify.decisions import Decisions, fuel_row, in_year

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
        self.technologies = self.input["technologies"].set_index("technology")
        self.tariffs = self.input["tariffs"].set_index("tariff")
        self.offers = {(r["site"], r["offer"]): r
                       for _, r in self.input["interconnections"].iterrows()}  # fmt: skip
        self._local: dict[tuple[str, str], pd.Series | None] = {}
        self._cut: dict[tuple[str, int], np.ndarray] = {}

    def check(self) -> None:
        """All of them."""
        self._placement()
        self._dispatch()
        self._annual()

    # -- compute --------------------------------------------------------------------------

    def _placement(self) -> None:
        out, input_ = self.out, self.input
        sums: dict[tuple[str, str, str], float] = defaultdict(float)
        for _, r in self.d.tables["placement"].iterrows():
            key = (r["workload"], r["region"], r["site"])
            where = f"{' / '.join(key)} {r['period']}"
            out.at_most("nothing negative", -r["it_mw"], 0.0, where)
            self._latency(*key, where)
            self.placed[r["site"], r["period"], r["workload"]] += r["it_mw"]
            sums[r["workload"], r["region"], r["period"]] += r["it_mw"]
            unit = self._given(*key)
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
        stated = self.d.tables["backlog"].set_index(["workload", "region", "period"])
        prices = {n: self._delay_price(r) for n, r in input_["workloads"].set_index(
            "workload").iterrows()}  # fmt: skip
        for _, r in input_["demand"].iterrows():
            key = (r["workload"], r["region"], r["period"])
            where = " / ".join(key)
            missing = r["it_mw"] - sums.get(key, 0.0)
            out.at_most("demand not exceeded", -missing, 0.0, where)
            most = r["it_mw"] if blank(r["max_backlog_mw"]) else r["max_backlog_mw"]
            out.at_most("max_backlog_mw", missing, most, where)
            out.equal("backlog", stated.loc[key, "backlog_mw"], max(0.0, missing), where)
            span = self.calendar.by_name[r["period"]]
            here = self.calendar.discount_sum(span.first, span.end)
            self.d.cost["delay"] += prices[r["workload"]] * max(0.0, missing) * here

    def _given(self, workload: str, region: str, site: str) -> pd.Series | None:
        table = self.input["placement"]
        rows = table[
            (table["workload"] == workload) & (table["region"] == region) & (table["site"] == site)
        ]
        return rows.iloc[0] if len(rows) else None

    def _latency(self, workload: str, region: str, site: str, where: str) -> None:
        limit = self.input["workloads"].set_index("workload").loc[workload, "max_latency_ms"]
        if blank(float(limit)):
            return
        given = self._given(workload, region, site)
        latency = float("nan") if given is None else float(given["latency_ms"])
        if blank(latency):
            a = self.input["regions"].set_index("region").loc[region]
            b = self.d.sites.loc[site]
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

    def _delay_price(self, row: pd.Series) -> float:
        if not blank(row["delay_price_usd_per_mw_month"]):
            return float(row["delay_price_usd_per_mw_month"])
        unit = self.input["compute"].set_index("accelerator").loc[row["accelerator"]]
        yearly = recovery(unit["real_rate"], unit["life_months"] / 12)
        return float(unit["margin_usd_per_mw_month"] + unit["capex_usd_per_mw"] * yearly / 12)

    def _unserved_price(self) -> float:
        given = self.d.inputs.setting("unserved_price_usd_per_mwh")
        if given is not None:
            return float(given)
        highest = max(self._delay_price(r) for _, r in self.input["workloads"].iterrows())
        return max(10_000.0, 3 * highest / 730)

    # -- hours ----------------------------------------------------------------------------

    def _dispatch(self) -> None:
        seen = set()
        columns = {c: k for k, c in enumerate(self.dispatch.columns)}
        for key, rows in self.dispatch.groupby(["site", "period"], sort=False):
            site, period = str(key[0]), str(key[1])
            seen.add((site, period))
            arrays = {c: rows[c].to_numpy() for c in columns if c not in ("site", "period")}
            self._block(site, self.calendar.by_name[period], arrays)
        for site, period, _ in self.placed:
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
        row, hours = self.d.sites.loc[site], span.hours
        it = np.zeros(len(hours))
        for _, w in self.input["workloads"].iterrows():
            shape = self.profiles[w["load_profile"]][hours] if w["load_profile"] else 1.0
            it = it + self.placed.get((site, span.name, w["workload"]), 0.0) * w["load_factor"] * (
                shape * np.ones(len(hours))
            )
        pue = self.profiles[row["pue_profile"]][hours] if row["pue_profile"] else row["pue"]
        out.equal("IT load", a["it_mw"], it, where)
        out.equal("facility load", a["load_mw"], pue * it, where)
        zero = np.zeros(len(hours))
        supply = a["import_mw"] + a["unserved_mw"] - a["export_mw"]
        for name in self.input["technologies"]["technology"]:
            supply = supply + a.get(f"generation_mw:{name}", zero)
            supply = supply + a.get(f"discharge_mw:{name}", zero) - a.get(f"charge_mw:{name}", zero)
        out.equal("hourly balance", supply, pue * it, where)
        for column, values in a.items():
            if column != "hour":
                out.at_most("nothing negative", -values, 0.0, f"{where} {column}")
        missing = float(a["unserved_mw"].sum())
        policy = self.input["policies"]
        allowed = policy.loc[policy["kind"] == "allowed_unserved_share", "value"].max()
        allowed = 0.0 if blank(float(allowed)) else float(allowed)
        load = float((pue * it).sum())
        out.at_most("unserved share", missing, (allowed + 1e-6) * load, where)
        self.unserved_mwh += missing * span.repeats
        self._spend("unserved", missing * self._unserved_price(), span)
        self.water[site, span.group] += float(it.sum()) * row["cooling_water_m3_per_mwh"]
        self._grid(site, row, span, a, where)
        for name in self.input["technologies"]["technology"]:
            self._technology(site, row, span, name, a, where)

    def _spend(self, category: str, usd: float, span: Span) -> None:
        self.d.cost[category] += usd * self.calendar.pass_weight(span)
        self.operating_usd += usd * span.repeats

    def _carbon_price(self, span: Span, *, onsite: bool) -> float:
        table = self.input["policies"]
        row = in_year(table[table["kind"] == "co2_price"], span.year)
        if row is None or (row["scope"] == "onsite" and not onsite):
            return 0.0
        return float(row["value"])

    def _grid(
        self, site: str, row: pd.Series, span: Span, a: dict[str, np.ndarray], where: str
    ) -> None:
        out = self.out
        if (site, span.name) not in self.d.grid:
            out.at_most("import within service", a["import_mw"], 0.0, where)
            out.at_most("export within limit", a["export_mw"], 0.0, where)
            return
        name, firm, flexible, export = self.d.grid[site, span.name]
        tariff = self.tariffs.loc[row["tariff"]]
        year = self._series(
            tariff["energy_price_usd_per_mwh"], tariff["price_profile"], np.arange(YEAR_HOURS)
        )
        offer = self.offers[site, name]
        if offer["curtailment_profile"]:
            cut = self.profiles[offer["curtailment_profile"]]
        else:
            cut = self._dearest(row["tariff"], year, int(offer["curtailed_hours_per_year"]))
        hours = span.hours
        out.at_most("import within service", a["import_mw"], firm + flexible * (1 - cut[hours]),
                    where)  # fmt: skip
        out.at_most("export within limit", a["export_mw"], export, where)
        price = year[hours] * self._growth(tariff["price_growth_per_year"], span)
        self._spend("energy", float(a["import_mw"] @ price), span)
        earned = np.maximum(price, 0) * tariff["export_price_share"]
        self._spend("export", -float(a["export_mw"] @ earned), span)
        rate = self.profiles[tariff["co2_profile"]][hours] if tariff["co2_profile"] else tariff[
            "co2_t_per_mwh"] * np.ones(len(hours))  # fmt: skip
        tons = float(a["import_mw"] @ rate)
        self.co2[site, span.group][1] += tons
        self._spend("carbon", tons * self._carbon_price(span, onsite=False), span)

    def _dearest(self, tariff: str, price: np.ndarray, count: int) -> np.ndarray:
        """1 in the dearest hours of a tariff's year, the earlier first among equals."""
        if (tariff, count) not in self._cut:
            ranked = sorted(range(YEAR_HOURS), key=lambda t: (-price[t], t))
            cut = np.zeros(YEAR_HOURS)
            cut[ranked[:count]] = 1.0
            self._cut[tariff, count] = cut
        return self._cut[tariff, count]

    def _technology(
        self, site: str, row: pd.Series, span: Span, name: str, a: dict[str, np.ndarray],
        where: str,
    ) -> None:  # fmt: skip
        out, where = self.out, f"{where} {name}"
        tech = self.technologies.loc[name]
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
            self._spend("vom", float(discharge.sum()) * tech["vom_usd_per_mwh"], span)
            return
        made = a.get(f"generation_mw:{name}", zero)
        if (site, name) not in self._local:
            self._local[site, name] = chosen(self.input["site_technologies"], site, technology=name)
        local = self._local[site, name]
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
            fuel = fuel_row(self.input["fuels"], tech["fuel"], row["gas_hub"])
            price = self._series(fuel["price_usd_per_mmbtu"], fuel["price_profile"], span.hours)
            price = price * self._growth(fuel["price_growth_per_year"], span)
            self._spend("fuel", tech["heat_rate_mmbtu_per_mwh"] * float(made @ price), span)
            if blank(float(co2)):
                co2 = tech["heat_rate_mmbtu_per_mwh"] * fuel["co2_t_per_mmbtu"]
        tons = energy * (0.0 if blank(float(co2)) else float(co2))
        self.co2[site, span.group][0] += tons
        self._spend("carbon", tons * self._carbon_price(span, onsite=True), span)
        self._spend("vom", energy * tech["vom_usd_per_mwh"], span)
        self.water[site, span.group] += energy * tech["water_m3_per_mwh"]

    # -- years ----------------------------------------------------------------------------

    def _annual(self) -> None:
        hours: dict[str, int] = defaultdict(int)
        years: dict[str, int] = {}
        for span in self.calendar.spans:
            hours[span.group] += len(span.hours)
            years.setdefault(span.group, span.year)
        for (site, group), used in self.water.items():
            limit = float(self.d.sites.loc[site, "water_limit_m3_per_year"])
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
