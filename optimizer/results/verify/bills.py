"""Every bill, written out again from the raw tables and what flowed through the meter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from optimizer.reading import windows
from optimizer.reading.once import once
from optimizer.results.verify.arithmetic import YEAR_HOURS, Row, Span, blank, by_key, records
from optimizer.results.verify.decisions import Decisions

CENT = 0.005
Hours = dict[str, np.ndarray]
Entry = tuple[float, float]
"""Quantity and US$ of a line."""


class Bills:
    """Recomputes the bills of all connected sites; money goes to the decisions' costs."""

    def __init__(self, decisions: Decisions) -> None:
        self.d = decisions
        self.out, self.calendar = decisions.out, decisions.calendar
        self.inputs, self.input = decisions.inputs, decisions.input
        self.profiles = decisions.inputs.profiles
        self.money_year = int(self.inputs.setting("money_year"))
        self.tariffs = by_key(self.input["tariffs"], "tariff")
        self.hours: dict[tuple[str, str], Hours] = {}
        self.operating_usd = 0.0
        self.peaks: dict[tuple[str, str, str], dict[int, float]] = defaultdict(dict)
        """Metered MW by site, tariff, charge / window and month of the plan."""
        stated = self.d.tables.get("bills")
        self.stated: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in records(stated) if stated is not None else ():
            self.stated[row["site"], row["period"]].append(row)

    # -- which tariff -----------------------------------------------------------------------

    def tariff(self, site: str, period: str) -> str:
        """The tariff that the bills of a period are under; without any bill the site's own."""
        rows = self.stated.get((site, period))
        return str(rows[0]["tariff"] if rows else self.d.sites[site]["tariff"])

    def _offered(self, site: str, name: str, span: Span) -> bool:
        table = self.input["site_tariffs"]
        own = table[(table["site"] == site) & (table["tariff"] == name)]
        if own.empty:
            return bool(name == self.d.sites[site]["tariff"])
        date = own["from_date"].iloc[0]
        return bool(pd.isna(date) or date <= span.start)

    # -- the clock on the wall --------------------------------------------------------------

    @once
    def wall(self, site: str) -> pd.DataFrame:
        """Month, hour and weekend of each hour of the year by the site's standard time."""
        year = int(self.inputs.setting("reference_year"))
        stamps = pd.date_range(f"{year}-01-01", f"{year + 1}-01-01", freq="h", inclusive="left")
        stamps = stamps[~((stamps.month == 2) & (stamps.day == 29))]
        ahead = 0.0
        own = float(self.d.sites[site]["utc_offset_hours"])
        if not blank(own):
            ahead = own - windows.standard_offset(str(self.inputs.setting("time_zone")))
        local = stamps[(np.arange(YEAR_HOURS) + round(ahead)) % YEAR_HOURS]
        return pd.DataFrame({
            "calendar": stamps.month, "month": local.month, "hour": local.hour,
            "weekend": local.day_of_week >= 5,
        })  # fmt: skip

    def _months(self, site: str, hours: np.ndarray) -> np.ndarray:
        """Month of the bill of each hour of a pass; edges count in the month next to them."""
        wall = self.wall(site).iloc[hours]
        inside = wall["month"].isin(set(wall["calendar"]))
        return np.asarray(wall["month"].where(inside, wall["calendar"]))

    @once
    def _charges(self, tariff: str) -> dict[tuple[str, str], list[Row]]:
        """Tiers of each charge and window."""
        table = self.input["tariff_charges"].sort_values("tier", kind="stable")
        found: dict[tuple[str, str], list[Row]] = {}
        order = self.input["tariff_charges"]
        for row in records(order[order["tariff"] == tariff]):
            found.setdefault((row["charge"], row["window"]), [])
        for row in records(table[table["tariff"] == tariff]):
            found[row["charge"], row["window"]].append(row)
        return found

    def _inside(self, site: str, row: Row) -> np.ndarray:
        """Whether a window holds in each hour of the year, its months left out."""
        if row["hours_profile"]:
            return np.asarray(self.profiles[row["hours_profile"]] > 0.5)
        wall = self.wall(site)
        days = {"all": (True, True), "weekday": (True, False), "weekend": (False, True)}
        week, end = days[row["weekdays"]]
        day = np.where(wall["weekend"], end, week)
        return np.asarray(wall["hour"].isin(windows.hours(row["hours"])) & day)

    # -- prices -----------------------------------------------------------------------------

    def _series(self, constant: float, profile: str) -> np.ndarray:
        return constant + (self.profiles[profile] if profile else np.zeros(YEAR_HOURS))

    def base(self, tariff: str) -> np.ndarray:
        """Price of energy without windows [USD/MWh]."""
        row = self.tariffs[tariff]
        return self._series(row["energy_price_usd_per_mwh"], row["price_profile"])

    def price(self, site: str, tariff: str, hours: np.ndarray) -> np.ndarray:
        """Price of energy in the hours of a pass, windows included [USD/MWh]."""
        found = self.base(tariff)[hours].copy()
        months = self._months(site, hours)
        for tiers in self._charges(tariff).values():
            row = tiers[0]
            if row["kind"] == "energy":
                here = self._inside(site, row)[hours]
                here = here & np.isin(months, list(windows.months(row["months"])))
                found[here] += row["price_usd_per_mwh"]
        return np.asarray(found)

    # -- all of them ------------------------------------------------------------------------

    def add(self, site: str, period: str, hours: Hours) -> None:
        """What flowed in the hours of a period."""
        self.hours[site, period] = hours

    def check(self) -> None:
        """Bills of all connected sites, in the order of the periods: ratchets look back."""
        for span in self.calendar.spans:
            for site in self.d.sites:
                if (site, span.name) in self.d.grid:
                    self._check(site, span)
        billed = {key for key, rows in self.stated.items() if rows}
        self.out.true("bills of connected sites only", billed <= set(self.d.grid), "bills")

    def _check(self, site: str, span: Span) -> None:
        name, where = self.tariff(site, span.name), f"{site} {span.name}"
        self.out.true("tariff is offered", self._offered(site, name, span), f"{where} {name}")
        stated = self.stated.get((site, span.name), [])
        one = all(r["tariff"] == name for r in stated)
        self.out.true("one tariff a period", one, where)
        growth = (1 + self.tariffs[name]["price_growth_per_year"]) ** (span.year - self.money_year)
        wanted: dict[tuple[int, str], Entry] = {}
        weight = self.calendar.pass_weight(span)
        for month, kind, charge, quantity, usd in self._lines(site, name, span):
            paid = usd * growth
            if kind == "tax":
                quantity *= growth
            before = wanted.get((month, charge), (0.0, 0.0))
            wanted[month, charge] = (before[0] + quantity, before[1] + paid)
            self.d.cost[kind] += paid * weight
            if kind != "fixed_charge":
                self.operating_usd += paid * span.repeats
        if stated:
            self._compare(stated, wanted, where)

    def _compare(self, stated: list[Row], wanted: dict[tuple[int, str], Entry], where: str) -> None:
        """Each line as it is stated, to the cent."""
        found: dict[tuple[int, str], Entry] = {}
        for row in stated:
            key = (int(row["month"]), str(row["charge"]))
            quantity, usd = found.get(key, (0.0, 0.0))
            found[key] = (quantity + float(row["quantity"]), usd + float(row["usd"]))
            paid = row["quantity"] * row["rate"]
            self.out.equal("rate of a bill", paid, row["usd"], f"{where} {key}")
        for key in sorted(set(found) | set(wanted)):
            mine, its = wanted.get(key, (0.0, 0.0)), found.get(key, (0.0, 0.0))
            place = f"{where} month {key[0]}, {key[1]}"
            self.out.equal("quantity of a bill", its[0], mine[0], place)
            self.out.true("bill to the cent", abs(its[1] - mine[1]) < CENT,
                          f"{place}: {its[1]:,.2f} USD, expected {mine[1]:,.2f}")  # fmt: skip

    # -- one period -------------------------------------------------------------------------

    def _lines(
        self, site: str, tariff: str, span: Span
    ) -> Iterator[tuple[int, str, str, float, float]]:
        """(month, category, charge, quantity, US$ of the money year) of every line."""
        nothing = np.zeros(len(span.hours))
        hours = self.hours.get((site, span.name), {})
        bought, sold = hours.get("import_mw", nothing), hours.get("export_mw", nothing)
        used = bought + sum((v for c, v in hours.items() if c.startswith("delivery_mw:")), nothing)
        months, price = self._months(site, span.hours), self.price(site, tariff, span.hours)
        row, base = self.tariffs[tariff], self.base(tariff)[span.hours]
        for month in sorted(set(months)):
            here = months == month
            lines = [("energy", "energy price", float(bought[here].sum()),
                      float(bought[here] @ base[here]))]  # fmt: skip
            billed: dict[str, float] = defaultdict(float)
            groups = self._charges(tariff)
            # Demand comes first: hours of use are counted for it.
            for (charge, window), tiers in sorted(
                groups.items(), key=lambda g: g[1][0]["kind"] != "demand"
            ):
                name = f"{charge} / {window}" if window else charge
                lines += self._charge(site, tariff, span, int(month), name, tiers, used, bought,
                                      months, billed)  # fmt: skip
            paid = sum(usd for *_, usd in lines)
            least = sum(
                tiers[0]["price_usd_per_month"]
                for tiers in groups.values()
                if tiers[0]["kind"] == "minimum_bill"
                and month in windows.months(tiers[0]["months"])
            )
            if row["tax_share"]:
                lines.append(("tax", "tax", paid, paid * row["tax_share"]))
            credit = 0.0
            if sold[here].sum() > 0:
                credit = self._worth(row, price[here], sold[here], span.hours[here])
                if row["net_billing"]:
                    above = sum(u for c, *_, u in lines if c == "energy") - float(
                        bought[here] @ price[here])  # fmt: skip
                    cap = float(bought[here] @ np.maximum(price[here], 0.0)) + above
                    credit = min(credit, cap)
                lines.append(("export", "export", float(sold[here].sum()), -credit))
            if least > 0:
                missing = max(0.0, least - paid + credit)
                lines.append(("minimum_bill", "minimum bill", 1.0, missing))
            for category, charge, quantity, usd in lines:
                yield int(month), category, charge, quantity, usd

    def _worth(self, row: Row, price: np.ndarray, sold: np.ndarray, hours: np.ndarray) -> float:
        """What export earns before net billing [USD]."""
        own = self._series(row["export_price_usd_per_mwh"], row["export_price_profile"])[hours]
        return float(sold @ (np.maximum(price, 0.0) * row["export_price_share"] + own))

    def _charge(
        self, site: str, tariff: str, span: Span, month: int, name: str, tiers: list[Row],
        used: np.ndarray, bought: np.ndarray, months: np.ndarray, billed: dict[str, float],
    ) -> Iterator[tuple[str, str, float, float]]:  # fmt: skip
        """Lines of one charge in one month."""
        row = tiers[0]
        kind, applies = row["kind"], month in windows.months(row["months"])
        inside = self._inside(site, row)[span.hours] & (months == month)
        contract = self._contract_mw(site, span)
        if kind == "demand":
            metered = float(np.max(used[inside], initial=0.0))
            at = span.first + (month - span.start.month)
            history = self.peaks[site, tariff, name]
            for later in range(at, span.end, 12):
                history[later] = metered
            if applies:
                mw = max(metered, row["minimum_share"] * contract)
                mw = max(mw, row["ratchet_share"] * self._looked_at(
                    site, tariff, name, row, span, at, used, months))  # fmt: skip
                billed[row["charge"]] += mw
                yield from _tiered("demand_charge", name, tiers, mw, "tier_to_mw", 1.0, 1000.0)
        elif kind == "energy" and applies:
            column, size = "tier_to_mwh", 1.0
            if any(not blank(float(r["tier_to_hours"])) for r in tiers):
                of = row["hours_of"]
                column, size = "tier_to_hours", contract if of == "contract" else billed[of]
            mwh = float(bought[inside].sum())
            yield from _tiered("energy", name, tiers, mwh, column, size, 1.0)
        elif kind == "fixed" and applies:
            yield "fixed_charge", name, 1.0, float(row["price_usd_per_month"])
        elif kind == "coincident_peak":
            for hours, usd_per_kw in self._events(site, row):
                calendar = int(self.wall(site)["calendar"].iloc[hours[0]])
                at_hours = np.isin(span.hours, hours)
                if calendar == month and at_hours.any():
                    mw = max(float(used[at_hours].max()), row["minimum_share"] * contract)
                    yield "coincident_peak", name, 1000 * mw, 1000 * mw * usd_per_kw

    def _contract_mw(self, site: str, span: Span) -> float:
        """MW of the agreement in force, else firm and flexible MW."""
        agreements = self.d.agreements
        if any(key[0] == site for key in agreements.rows):
            found = agreements.billing.get((site, span.name))
            return 0.0 if found is None else found[1]
        _, firm, flexible, _ = self.d.grid[site, span.name]
        return firm + flexible

    def _looked_at(
        self, site: str, tariff: str, name: str, row: Row, span: Span, at: int, used: np.ndarray,
        months: np.ndarray,
    ) -> float:  # fmt: skip
        """Highest metered MW of the months that a ratchet looks back at."""
        if not row["ratchet_share"]:
            return 0.0
        season = windows.months(row["ratchet_season"])
        back = 12 if blank(float(row["ratchet_months"])) else int(row["ratchet_months"])
        first = self.calendar.start.month - 1
        inside = self._inside(site, row)[span.hours]
        found = [0.0]
        for month in range(at - back, at):
            calendar = (first + month) % 12 + 1
            if calendar not in season:
                continue
            if span.months >= 12:
                # A year wraps: the months before January are those at its end.
                found.append(float(np.max(used[inside & (months == calendar)], initial=0.0)))
            elif month < 0:
                found.append(float(row["peak_before_mw"]))
            else:
                found.append(self.peaks[site, tariff, name].get(month, 0.0))
        return max(found)

    @once
    def _events_of(self, site: str, key: tuple[str, str, str]) -> list[tuple[np.ndarray, float]]:
        row = self._charges(key[0])[key[1], key[2]][0]
        calendar = self.wall(site)["calendar"].to_numpy()
        months = windows.months(row["months"])
        usable = self._inside(site, row) & np.isin(calendar, list(months))
        parts: list[list[int]] = []
        if row["system_profile"]:
            load = self.profiles[row["system_profile"]]
            order = sorted(np.flatnonzero(usable).tolist(), key=lambda t: (-load[t], t))
            count = int(row["candidate_hours"])
            if blank(float(row["peak_days"])):
                parts = [[t for t in order if calendar[t] == m][:count] for m in sorted(months)]
            else:
                days = list(dict.fromkeys(t // 24 for t in order))[: int(row["peak_days"])]
                parts = [[t for t in order if t // 24 == d][:count] for d in days]
        else:
            named = np.flatnonzero(usable).tolist()
            parts = [[t for t in named if calendar[t] == m] for m in sorted(months)]
        parts = [p for p in parts if p]
        monthly, yearly = (
            0.0 if blank(float(row[c])) else float(row[c])
            for c in ("price_usd_per_kw_month", "price_usd_per_kw_year")
        )
        return [(np.array(sorted(p)), monthly + yearly / len(parts)) for p in parts]

    def _events(self, site: str, row: Row) -> list[tuple[np.ndarray, float]]:
        """Hours of each coincident peak and its price [USD/kW]."""
        return self._events_of(site, (row["tariff"], row["charge"], row["window"]))


def _tiered(
    category: str, name: str, tiers: list[Row], total: float, column: str, size: float,
    units: float,
) -> Iterator[tuple[str, str, float, float]]:  # fmt: skip
    """A line for each tier; ``units`` of the line are one of ``total``."""
    price = {"energy": "price_usd_per_mwh"}.get(category, "price_usd_per_kw_month")
    begin = 0.0
    for row in tiers:
        end = np.inf if row is tiers[-1] else max(begin, float(row[column]) * size)
        inside = max(0.0, min(total, end) - begin) * units
        begin = end
        label: Any = name if len(tiers) == 1 else f"{name} / tier {int(row['tier'])}"
        yield category, label, inside, inside * float(row[price])
