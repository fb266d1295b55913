"""Rates of the public Utility Rate Database (OpenEI) as rows of `tariffs` and `tariff_charges`.

The format is that of the API, versions 3 to 8: a JSON object with ``items``, or one rate; also as
a JSON string, in which some programs keep the answer. The database's bulk file names its fields
otherwise (``ALIASES``). Rates are in USD/kWh and USD/kW; schedules give the number of a period for
each month and hour.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from optimizer.errors import UsageError
from optimizer.reading.sheets import write_workbook
from optimizer.tables import BY_NAME

Row = dict[str, Any]
Hours = frozenset[int]
MONTHS, DAY = 12, frozenset(range(24))
DAYS = 365 / MONTHS
"""Days of a mean month, of what the database counts by the day."""
ALIASES = {
    "ratename": "name", "utilityname": "utility", "energyratestrux": "energyratestructure",
    "energyweekdaysched": "energyweekdayschedule", "energyweekendsched": "energyweekendschedule",
    "demandratestrux": "demandratestructure", "demandweekdaysched": "demandweekdayschedule",
    "demandweekendsched": "demandweekendschedule", "flatdemandstrux": "flatdemandstructure",
    "coincidentratestrux": "coincidentratestructure", "coincidentsched": "coincidentschedule",
    "flatdemandunits": "flatdemandunit", "demandrateunits": "demandrateunit",
    "coincidentrateunits": "coincidentrateunit", "demandmin": "peakkwcapacitymin",
    "demandmax": "peakkwcapacitymax", "mindemand": "peakkwcapacitymin",
    "maxdemand": "peakkwcapacitymax", "demandreactpwrcharge": "demandreactivepowercharge",
    "energykeyvals": "energyattrs", "demandkeyvals": "demandattrs", "fixedkeyvals": "fixedattrs",
}  # fmt: skip
"""Names of the bulk file, in small letters, and those of the API."""
BLOCKS = {"kwh": (False, False), "kwh daily": (False, True), "kwh/kw": (True, False),
          "kwh/kw daily": (True, True)}  # fmt: skip
"""Units of energy tiers: whether they are hours of use, and whether they are of a day."""
LARGE = ("commercial", "industrial", "")
"""Sectors whose rates a large load may take."""
UNKNOWN = {
    "demandreactivepowercharge": "the charge for reactive power",
    "annualmincharge": "the minimum charge of a year",
    "energyattrs": "attributes of energy charges", "demandattrs": "attributes of demand charges",
    "fixedattrs": "attributes of fixed charges",
    "fixedchargeeaaddl": "fixed charges of further meters",
}  # fmt: skip
"""Fields that cost money and have no column here."""


@dataclass
class Converted:
    """Rows of both tables, hourly series by name, and what could not be expressed."""

    tariffs: list[Row] = field(default_factory=list)
    charges: list[Row] = field(default_factory=list)
    series: dict[str, np.ndarray] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_rates(path: Path, reference_year: int = 2012) -> Converted:
    """All rates of a file.

    Parameters
    ----------
    reference_year : whose weekdays windows follow that only an hourly series can tell

    Raises
    ------
    UsageError : the file is not of that format
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}.") from error
    except json.JSONDecodeError as error:
        raise UsageError(
            f"{path} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}. Save the "
            "answer of the rate's API page as it is."
        ) from error
    if isinstance(data, str):
        try:
            data = json.loads(data)
        except json.JSONDecodeError:
            data = None
    items = data.get("items", [data]) if isinstance(data, dict) else data
    if not isinstance(items, list) or not items or not all(isinstance(i, dict) for i in items):
        raise UsageError(f"{path} has no rates: expected an object with items, or one rate.")
    found = Converted()
    for number, item in enumerate(items, 1):
        rate = _fields(item)
        if not any(key.endswith(("structure", "firstmeter", "monthlycharge")) for key in rate):
            raise UsageError(
                f"{path}: item {number} is not a rate of the Utility Rate Database: it has neither "
                "energyratestructure nor another charge."
            )
        try:
            _Rate(rate, found, reference_year).convert()
        except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
            raise UsageError(
                f"{path}: item {number} ({rate.get('name', 'without a name')}) has a field of "
                f"another form than the Utility Rate Database's: {error}."
            ) from error
    return found


class _Rate:
    """One rate."""

    def __init__(self, rate: Row, out: Converted, reference_year: int) -> None:
        self.rate, self.out, self.year = rate, out, reference_year
        wanted = str(rate.get("name") or rate.get("label") or "rate").strip()
        taken = {row["tariff"] for row in out.tariffs}
        count = 2
        self.name = wanted
        while self.name in taken:
            self.name, count = f"{wanted} ({count})", count + 1
        self.slug, count = _slug(self.name), 2
        while any(key.startswith(f"{self.slug}_") for key in out.series):
            self.slug, count = f"{_slug(self.name)}_{count}", count + 1

    def note(self, text: str) -> None:
        """Tell what is not expressed."""
        self.out.notes.append(f"{self.name}: {text}")

    def convert(self) -> None:
        """Rows of the rate, in the order of a bill."""
        self._tariff()
        self._energy()
        self._fuel()
        self._flat_demand()
        self._demand()
        self._coincident()
        self._monthly("fixed", ("fixedchargefirstmeter", "fixedmonthlycharge"), "fixedchargeunits")
        self._monthly("minimum_bill", ("mincharge", "minmonthlycharge"), "minchargeunits")
        for key, words in UNKNOWN.items():
            if self.rate.get(key):
                self.note(f"left out: {words} ({key})")
        self._who()

    def _who(self) -> None:
        """Tell whom and when the rate is for: nothing of it is a column."""
        size = [self.rate.get(k) for k in ("peakkwcapacitymin", "peakkwcapacitymax")]
        if any(size):
            self.note(f"it is for customers of {size[0] or 0} to {size[1] or 'any'} kW: check that "
                      "your load is")  # fmt: skip
        sector = str(self.rate.get("sector") or "")
        if sector.lower() not in LARGE:
            self.note(f"it is for the sector {sector}: check that your load may take it")
        service = str(self.rate.get("servicetype") or "Bundled")
        if service.lower() != "bundled":
            self.note(f"its service is {service}, not bundled: add what is bought elsewhere")
        ended = self.rate.get("enddate")
        if isinstance(ended, int | float) and ended > 0:
            day = datetime.fromtimestamp(ended, UTC).date()
            self.note(f"it ends on {day:%Y-%m-%d}: look for the rate that followed")
        window = _number(self.rate.get("demandwindow"))
        if window and window != 60:
            self.note(f"demand is metered over {window:g} minutes; here the hour's mean is billed")

    def _charge(self, **cells: Any) -> None:
        self.out.charges.append({"tariff": self.name, **cells, "source": self._source()})

    def _source(self) -> str:
        label = self.rate.get("label") or self.rate.get("uri") or "without a label"
        return f"OpenEI Utility Rate Database, {label}"

    def _tariff(self) -> None:
        row: Row = {"tariff": self.name, "market": str(self.rate.get("utility") or "?"),
                    "source": self._source()}  # fmt: skip
        self.note(f'market is set to "{row["market"]}": write the market of your sites')
        rules = str(self.rate.get("dgrules") or "")
        sells = {float(t["sell"]) for p in self.rate.get("energyratestructure") or [] for t in p
                 if t.get("sell") is not None}  # fmt: skip
        if len(sells) == 1 and min(sells) > 0:
            row["export_price_usd_per_mwh"] = round(1000 * sells.pop(), 6)
        elif len(sells) > 1:
            self.note("prices of export that differ by period are left out: give an "
                      "export_price_profile")  # fmt: skip
        if "net billing" in rules.lower():
            row["net_billing"] = "yes"
        elif "net metering" in rules.lower():
            row |= {"export_price_share": 1, "net_billing": "yes"}
            self.note("net metering is taken as credit at the price of import, up to the month's "
                      "energy charges")  # fmt: skip
        self.out.tariffs.append(row)

    # -- energy -----------------------------------------------------------------------------

    def _energy(self) -> None:
        structure = self.rate.get("energyratestructure")
        if not structure:
            return
        plan = self._schedule("energyweekdayschedule", "energyweekendschedule", len(structure))
        windows = [(p, w) for p in plan.periods for w in plan.windows(p, split=True)]
        tiered = any(len(structure[p]) > 1 for p, _ in windows)
        if tiered and any(plan.shares_month(p) for p, _ in windows):
            self.note("tiers are counted within each window; the database counts them over all of "
                      "a month's energy")  # fmt: skip
        for number, (period, window) in enumerate(windows, 1):
            cells = {"charge": "energy", "kind": "energy", **window}
            if len(windows) > 1:
                cells["window"] = f"period {period} ({number})"
            self._energy_tiers(structure[period], cells)

    def _energy_tiers(self, tiers: list[Row], cells: Row) -> None:
        prices = [round(1000 * _price(t), 6) for t in tiers]
        units = {str(t.get("unit") or "kWh").strip().lower() for t in tiers[:-1]}
        ends = [_number(t.get("max")) for t in tiers[:-1]]
        if units - set(BLOCKS) or len(units) > 1:
            self.note(f"tiers in {', '.join(sorted(units))} are left out: the last tier's price "
                      "holds")  # fmt: skip
            prices, ends = prices[-1:], []
        by_use, daily = BLOCKS[units.pop()] if ends else (False, False)
        if daily:
            ends = [end * DAYS for end in ends]
            self.note(f"tiers by the day are taken as those of a month of {DAYS:.1f} days")
        if by_use and any(b < a for a, b in pairwise(prices)):
            self._falling_use(ends, prices, cells)
            prices, ends = prices[-1:], []
        if by_use and ends:
            self.note("tiers by hours of use count each kW of the contract; the database counts "
                      "each kW of the month's peak: see hours_of")  # fmt: skip
        if self.out.tariffs[-1].get("export_price_share") and min(prices) < prices[0]:
            self.note("export at the price of import would earn the first tier's price, which is "
                      "above a later one's: lower export_price_share")  # fmt: skip
        for number, price in enumerate(prices, 1):
            end: Row = {}
            if number < len(prices):
                most = ends[number - 1]
                end = {"tier_to_hours": most} if by_use else {"tier_to_mwh": round(most / 1000, 9)}
            self._charge(**cells, tier=number, price_usd_per_mwh=price, **end)

    def _falling_use(self, ends: list[float], prices: list[float], cells: Row) -> None:
        """Prices that fall with hours of use: a demand charge says the same above the last tier.

        What the lower tiers cost more is due for each kW of the month's peak, whatever else is used.
        """
        where = cells.get("window", "energy")
        if set(cells) & {"hours", "weekdays"}:
            self.note(f"prices of {where} fall with use: the last tier's price holds for all of it")
            return
        months = {"months": cells["months"]} if "months" in cells else {}
        self._charge(charge=f"lower tiers of {where}", kind="demand",
                     price_usd_per_kw_month=round(_more(ends, prices) / 1000, 6), **months)  # fmt: skip
        self.note(f"prices of {where} fall with hours of use: the last tier's price holds, and "
                  "the difference of the lower ones is a demand charge; exact from "
                  f"{ends[-1]:,.0f} hours of use a month")  # fmt: skip

    def _fuel(self) -> None:
        monthly = self.rate.get("fueladjustmentsmonthly")
        if not monthly or not any(_number(v) for v in monthly):
            return
        groups: dict[float, list[int]] = {}
        for month, value in enumerate(monthly, 1):
            groups.setdefault(round(1000 * _number(value), 6), []).append(month)
        for number, (price, months) in enumerate(groups.items(), 1):
            cells: Row = {"charge": "fuel adjustment", "kind": "energy", "price_usd_per_mwh": price}
            if len(groups) > 1:
                cells |= {"window": f"months {number}", "months": _listed(months)}
            self._charge(**cells)

    # -- demand -----------------------------------------------------------------------------

    def _unit(self, key: str, words: str) -> None:
        unit = str(self.rate.get(key) or "kW")
        if unit != "kW":
            self.note(f"{words} is by {unit} and taken as by kW a month")

    def _flat_demand(self) -> None:
        structure, months = self.rate.get("flatdemandstructure"), self.rate.get("flatdemandmonths")
        if not structure:
            return
        self._unit("flatdemandunit", "the demand charge")
        number_of = [int(v) for v in (months or [0] * MONTHS)]
        groups = {p: [m for m in range(1, 13) if number_of[m - 1] == p] for p in
                  dict.fromkeys(number_of)}  # fmt: skip
        for period, members in groups.items():
            cells: Row = {"charge": "demand", "kind": "demand"}
            if len(groups) > 1:
                cells |= {"window": f"period {period}", "months": _listed(members)}
            self._demand_tiers(structure[period], cells, members)

    def _demand(self) -> None:
        structure = self.rate.get("demandratestructure")
        if not structure:
            return
        self._unit("demandrateunit", "the demand charge by time of use")
        plan = self._schedule("demandweekdayschedule", "demandweekendschedule", len(structure))
        for period in plan.periods:
            if not any(map(_price, structure[period])):
                continue
            windows = list(plan.windows(period, split=False))
            for number, window in enumerate(windows, 1):
                cells = {"charge": f"demand, period {period}", "kind": "demand", **window}
                if len(windows) > 1:
                    cells["window"] = f"months {number}"
                self._demand_tiers(structure[period], cells, None)

    def _demand_tiers(self, tiers: list[Row], cells: Row, months: list[int] | None) -> None:
        prices = [round(_price(t), 6) for t in tiers]
        if not any(prices):
            return
        ratchet = self._ratchet(months)
        for number, (tier, price) in enumerate(zip(tiers, prices, strict=True), 1):
            end = {"tier_to_mw": round(float(tier["max"]) / 1000, 9)} if number < len(tiers) else {}
            first = ratchet if number == 1 else {}
            self._charge(**cells, tier=number, price_usd_per_kw_month=price, **end, **first)

    def _ratchet(self, months: list[int] | None) -> Row:
        """A ratchet by lookback (share, months), else by the shares of each month."""
        share = _number(self.rate.get("lookbackpercent"))
        if share > 0:
            share = share / 100 if share > 1 else share
            row: Row = {"ratchet_share": share}
            named = [m for m, on in enumerate(self.rate.get("lookbackmonths") or [], 1) if on]
            span = int(_number(self.rate.get("lookbackrange")))
            if named and len(named) < MONTHS:
                row["ratchet_season"] = _listed(named)
            row["ratchet_months"] = span or 11
            return row
        shares = [_number(v) for v in self.rate.get("demandratchetpercentage") or []]
        here = shares if months is None else [shares[m - 1] for m in months if shares]
        if not any(here):
            return {}
        share = max(here)
        if len(set(here)) > 1:
            self.note(f"ratchet shares differ by month: the highest, {share:g}, holds for all")
        share = share / 100 if share > 1 else share
        return {"ratchet_share": share, "ratchet_months": 11}

    def _coincident(self) -> None:
        structure = self.rate.get("coincidentratestructure")
        if not structure:
            return
        key = next(
            (k for k in ("coincidentrateschedule", "coincidentschedule") if self.rate.get(k)), ""
        )
        if not key:
            self.note("the coincident peak charge has no schedule and is left out")
            return
        plan = _Schedule(self.rate[key], self.rate[key], len(structure))
        self._unit("coincidentrateunit", "the coincident peak charge")
        for period in plan.periods:
            tiers = structure[period]
            price = round(_price(tiers[-1]), 6)
            if not price:
                continue
            for number, window in enumerate(plan.windows(period, split=False), 1):
                name = f"coincident peak, period {period} ({number})"
                series = f"{self.slug}_coincident_{period}_{number}"
                self._series(series, partial(plan.holds, period))
                cells = {k: v for k, v in window.items() if k == "months"}
                self._charge(charge=name, kind="coincident_peak", price_usd_per_kw_month=price,
                             hours_profile=series, **cells)  # fmt: skip
            self.note("the coincident peak is billed on the highest use in all hours of its "
                      "schedule: name the system's hours if you know them")  # fmt: skip

    # -- months -----------------------------------------------------------------------------

    def _monthly(self, kind: str, keys: tuple[str, ...], unit_key: str) -> None:
        value = next((_number(self.rate[k]) for k in keys if self.rate.get(k)), 0.0)
        if not value:
            return
        unit = str(self.rate.get(unit_key) or "$/month").lower()
        per_month = {"$/month": 1.0, "$/day": 365 / 12, "$/year": 1 / 12}.get(unit)
        words = "fixed charge" if kind == "fixed" else "least"
        if per_month is None:
            self.note(f"the {words} in {unit} is left out")
            return
        self._charge(charge=words, kind=kind, price_usd_per_month=round(value * per_month, 6))

    # -- windows ----------------------------------------------------------------------------

    def _schedule(self, week: str, end: str, periods: int) -> _Schedule:
        plain = [[0] * 24 for _ in range(MONTHS)]
        days = self.rate.get(week) or plain
        plan = _Schedule(days, self.rate.get(end) or days, periods)
        plan.series = self._named_series
        return plan

    def _named_series(self, period: int, plan: _Schedule) -> str:
        name = f"{self.slug}_demand_{period}"
        self._series(name, partial(plan.holds, period))
        return name

    def _series(self, name: str, holds: Callable[[int, int, bool], bool]) -> None:
        """A 0/1 series of the reference year."""
        stamps = pd.date_range(f"{self.year}-01-01", f"{self.year + 1}-01-01", freq="h",
                               inclusive="left")  # fmt: skip
        stamps = stamps[~((stamps.month == 2) & (stamps.day == 29))]
        self.out.series[name] = np.array(
            [holds(s.month - 1, s.hour, s.day_of_week >= 5) for s in stamps], dtype=float
        )


@dataclass
class _Schedule:
    """Number of the period in each month and hour, of weekdays and of weekends."""

    week: list[list[int]]
    end: list[list[int]]
    count: int
    series: Callable[[int, _Schedule], str] | None = None

    def __post_init__(self) -> None:
        for table in (self.week, self.end):
            if len(table) != MONTHS or any(len(month) != 24 for month in table):
                raise ValueError("a schedule is not 12 months of 24 hours")
            if any(not 0 <= int(p) < self.count for month in table for p in month):
                raise ValueError("a schedule names a period that has no rates")

    @property
    def periods(self) -> list[int]:
        """Periods that occur."""
        return sorted({int(p) for table in (self.week, self.end) for month in table for p in month})

    def holds(self, period: int, month: int, hour: int, is_weekend: bool) -> bool:
        """Whether an hour is in a period; months from 0."""
        return int((self.end if is_weekend else self.week)[month][hour]) == period

    def _hours(self, table: list[list[int]], period: int) -> list[Hours]:
        return [frozenset(h for h, p in enumerate(month) if int(p) == period) for month in table]

    def shares_month(self, period: int) -> bool:
        """Whether a period has some hours of a month and not all of them."""
        both = zip(self._hours(self.week, period), self._hours(self.end, period), strict=True)
        return any((w or e) and (w != DAY or e != DAY) for w, e in both)

    def windows(self, period: int, *, split: bool) -> Iterator[Row]:
        """Cells of the windows of a period.

        ``split``: weekdays and weekends may be windows of their own, as for energy; demand is the
        highest over both, so that other hours at weekends need a series.
        """
        week, end = self._hours(self.week, period), self._hours(self.end, period)
        groups: dict[tuple[Hours, Hours], list[int]] = {}
        for month, key in enumerate(zip(week, end, strict=True), 1):
            if any(key):
                groups.setdefault(key, []).append(month)
        for (on_week, on_end), months in groups.items():
            cells: Row = {} if len(months) == MONTHS else {"months": _listed(months)}
            if on_week == on_end:
                yield cells | _hours_cell(on_week)
            elif split or not on_week or not on_end:
                for days, hours in (("weekday", on_week), ("weekend", on_end)):
                    if hours:
                        yield cells | {"weekdays": days} | _hours_cell(hours)
            else:
                assert self.series is not None
                yield cells | {"hours_profile": self.series(period, self)}


def _fields(item: Row) -> Row:
    """Fields of a rate by the API's names in small letters, and tiers as plain lists."""
    rate: Row = {}
    for key, value in item.items():
        name = str(key).lower()
        name = ALIASES.get(name, name)
        if name.endswith("structure") and isinstance(value, list):
            # In the bulk file a period is an object that holds its tiers.
            value = [next(iter(p.values())) if isinstance(p, dict) else p for p in value]
        rate.setdefault(name, value)
    return rate


def _price(tier: Row) -> float:
    """Rate of a tier with its adjustment [USD/kWh, USD/kW]."""
    return _number(tier.get("rate")) + _number(tier.get("adj"))


def _more(ends: list[float], prices: list[float]) -> float:
    """What all of the lower tiers costs above the last tier's price."""
    begins = [0.0, *ends[:-1]]
    above = (price - prices[-1] for price in prices[:-1])
    return sum(p * (end - begin) for p, begin, end in zip(above, begins, ends, strict=True))


def _hours_cell(hours: Hours) -> Row:
    return {} if hours == DAY else {"hours": _spans(sorted(hours), closed=False)}


def _listed(months: list[int]) -> str:
    return _spans(sorted(months), closed=True)


def _spans(values: list[int], *, closed: bool) -> str:
    """Numbers as ranges: 6-9; open ones end where the next hour begins."""
    found: list[list[int]] = []
    for value in values:
        if found and found[-1][1] == value - 1:
            found[-1][1] = value
        else:
            found.append([value, value])
    if closed:
        return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in found)
    return ",".join(f"{a}-{b + 1}" for a, b in found)


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name.lower()).strip("_")[:40]


def _number(value: Any) -> float:
    return 0.0 if value in (None, "") else float(value)


def write_rates(found: Converted, target: Path) -> list[Path]:
    """Write both tables as a workbook, or as CSV files of a folder; series go to ``profiles/``.

    Returns
    -------
    what was written
    """
    tables = {"tariffs": found.tariffs, "tariff_charges": found.charges}
    folder = target.parent if target.suffix == ".xlsx" else target
    written = []
    folder.mkdir(parents=True, exist_ok=True)
    if target.suffix == ".xlsx":
        write_workbook(target, tables, found.series, title="Rates")
        written.append(target)
    else:
        for name, rows in tables.items():
            known = [c for c in BY_NAME[name].column_names if any(c in r for r in rows)]
            path = folder / f"{name}.csv"
            pd.DataFrame(rows, columns=known).to_csv(path, index=False)
            written.append(path)
    if found.series:
        path = folder / "profiles" / "rates.csv"
        path.parent.mkdir(exist_ok=True)
        pd.DataFrame(found.series).to_csv(path, index=False)
        written.append(path)
    return written
