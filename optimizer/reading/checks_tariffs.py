"""Checks of `tariffs`, `tariff_charges` and `site_tariffs`: windows, tiers, ratchets, peaks."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pandas as pd

from optimizer.errors import Problems
from optimizer.reading import windows
from optimizer.reading.inputs import Inputs
from optimizer.tables import BY_NAME
from optimizer.tables.tariffs import (
    COINCIDENT,
    CONTRACT,
    DEMAND,
    ENERGY,
    FIXED,
    MINIMUM,
    TARIFF_CHARGES,
)

TABLE = "tariff_charges"
RESERVED = ("energy price", "export", "tax", "minimum bill")
"""Lines that every bill may have."""
PRICES = {
    ENERGY: ("price_usd_per_mwh",),
    DEMAND: ("price_usd_per_kw_month",),
    COINCIDENT: ("price_usd_per_kw_year", "price_usd_per_kw_month"),
    FIXED: ("price_usd_per_month",),
    MINIMUM: ("price_usd_per_month",),
}
WINDOW = ("months", "weekdays", "hours", "hours_profile")
RATCHET = ("ratchet_share", "ratchet_months", "ratchet_season", "peak_before_mw")
TIERS = {ENERGY: ("tier_to_mwh", "tier_to_hours"), DEMAND: ("tier_to_mw",)}
ALSO = {
    ENERGY: (*WINDOW, "hours_of"),
    DEMAND: (*WINDOW, *RATCHET, "minimum_share"),
    COINCIDENT: (*WINDOW, "minimum_share", "system_profile", "candidate_hours", "peak_days"),
    FIXED: ("months",),
    MINIMUM: ("months",),
}
MEAN_LOW, MEAN_HIGH = 10.0, 300.0
"""Mean price of energy of a year that is usual for a large customer [USD/MWh]."""
SHOWN = 4

Row = dict[Hashable, Any]
Rows = list[tuple[int, Row]]


def tariffs_make_sense(inputs: Inputs, problems: Problems) -> None:
    """All checks of the three tables."""
    table = inputs.tables[TABLE]
    rows = [(int(n), r) for n, r in zip(table.index, table.to_dict("records"), strict=True)]
    readable = [(n, r) for n, r in rows if _texts(n, r, inputs, problems)]
    for number, row in rows:
        _cells(number, row, problems)
    groups: dict[tuple[str, str, str], Rows] = {}
    for number, row in readable:
        key = (row["tariff"], row["charge"], row["window"])
        groups.setdefault(key, []).append((number, row))
    for group in groups.values():
        _tiers(sorted(group, key=lambda r: r[1]["tier"]), problems)
    firsts = [min(g, key=lambda r: r[1]["tier"]) for g in groups.values()]
    calendar = _calendar(inputs)
    for number, row in firsts:
        _occurs(number, row, inputs, calendar, problems)
        _ratchet(number, row, problems)
        _coincident(number, row, inputs, problems)
    _windows(firsts, inputs, calendar, problems)
    _hours_of_use(readable, problems)
    if not problems.errors:
        _prices(firsts, groups.values(), inputs, calendar, problems)
    _choices(inputs, problems)


# -- cells ----------------------------------------------------------------------------------


def _texts(number: int, row: Row, inputs: Inputs, problems: Problems) -> bool:
    """Whether months and hours can be read, and the series are there."""
    ok = True
    parsers: tuple[tuple[str, Callable[[str], frozenset[int]], str], ...] = (
        ("months", windows.months, "months from 1 to 12, such as 6-9 or 6,7,8,9"),
        ("ratchet_season", windows.months, "months from 1 to 12, such as 6-9 or 6,7,8,9"),
        ("hours", windows.hours, "hours of the day, such as 14-20 or 7-11,17-21"),
    )
    for column, parse, expected in parsers:
        try:
            parse(row[column])
        except ValueError:
            ok = False
            date = len(row[column]) == 10 and row[column].count("-") == 2
            remedy = ""
            if date:
                remedy = (
                    "The spreadsheet has made a date of it: write 6 to 9, or format it as text."
                )
            problems.add("bad-window", TABLE, row=number, column=column, found=row[column],
                         expected=expected, remedy=remedy)  # fmt: skip
    for column in ("hours_profile", "system_profile"):
        series = inputs.profiles.get(row[column])
        if row[column] and series is None:
            ok = False  # told by the check of profiles
        elif column == "hours_profile" and series is not None and not _is_flag(series):
            ok = False
            problems.add("profile-range", TABLE, row=number, column=column, found=row[column],
                         expected="a series of 0 and 1",
                         remedy=f"It runs from {series.min():g} to {series.max():g}.")  # fmt: skip
    return ok


def _is_flag(series: np.ndarray) -> bool:
    return bool(np.isin(series, (0.0, 1.0)).all())


def _filled(row: Row, column: str) -> bool:
    value, default = row[column], BY_NAME[TABLE].column(column).default
    if isinstance(value, str):
        return value not in ("", default)
    return bool(not pd.isna(value) and value != default)


def _cells(number: int, row: Row, problems: Problems) -> None:
    """A price of the kind, and nothing that the kind would ignore."""
    kind = row["kind"]
    if kind not in PRICES:
        return
    prices = [c for c in PRICES[kind] if not np.isnan(row[c])]
    if not prices:
        problems.add("no-price", TABLE, row=number, column=PRICES[kind][0],
                     expected=f"a price of the {kind} charge")  # fmt: skip
    if kind == COINCIDENT and not np.isnan(row["peak_days"]) and "price_usd_per_kw_month" in prices:
        problems.add("ignored-value", TABLE, row=number, column="price_usd_per_kw_month",
                     found=f"{row['price_usd_per_kw_month']:g}",
                     expected="a price a year, as the peaks are days of the year",
                     remedy="Fill price_usd_per_kw_year.")  # fmt: skip
    used = {"tariff", "charge", "window", "tier", "kind", "source", *PRICES[kind], *ALSO[kind],
            *TIERS.get(kind, ())}  # fmt: skip
    for column in TARIFF_CHARGES.column_names:
        if column not in used and _filled(row, column):
            problems.add("ignored-value", TABLE, row=number, column=column, found=row[column],
                         expected=f"a blank: a charge of kind {kind} does not use it",
                         remedy="Empty the cell.")  # fmt: skip
    if row["charge"].lower() in RESERVED:
        problems.add("reserved-name", TABLE, row=number, column="charge", found=row["charge"],
                     expected="another name: the bill has a line of this name already")  # fmt: skip


def _tiers(rows: Rows, problems: Problems) -> None:
    """Tiers 1, 2, … whose ends rise; only the last has no end."""
    kind = rows[0][1]["kind"]
    wanted = TIERS.get(kind, ())
    last = -np.inf
    for place, (number, row) in enumerate(rows, 1):
        at: dict[str, Any] = {"table": TABLE, "row": number}
        if row["tier"] != place:
            problems.add("tier-order", **at, column="tier", found=f"{row['tier']:.0f}",
                         expected=f"{place}: tiers are numbered from 1 without a hole")  # fmt: skip
            return
        if row["kind"] != kind:
            problems.add("tier-order", **at, column="kind", found=row["kind"],
                         expected=f"{kind}, as in tier 1")  # fmt: skip
            return
        if place > 1 and not wanted:
            problems.add("tier-order", **at, column="tier", found=place,
                         expected=f"one row: a charge of kind {kind} has no tiers")  # fmt: skip
            return
        ends = [(c, float(row[c])) for c in wanted if not np.isnan(row[c])]
        is_last = place == len(rows)
        if is_last and ends:
            problems.add("tier-order", **at, column=ends[0][0], found=f"{ends[0][1]:g}",
                         expected="a blank: the last tier has no end",
                         remedy="Add a row for what is above it.")  # fmt: skip
        elif not is_last and len(ends) != 1:
            problems.add("tier-order", **at, column=wanted[0], expected="where the tier ends, in "
                         f"one of {', '.join(wanted)}")  # fmt: skip
        elif not is_last and ends[0][1] <= last:
            problems.add("tier-order", **at, column=ends[0][0], found=f"{ends[0][1]:g}",
                         expected=f"more than the tier before, {last:g}")  # fmt: skip
        if not is_last and len(ends) == 1:
            last = ends[0][1]
    units = {c for _, r in rows[:-1] for c in wanted if not np.isnan(r[c])}
    if len(units) > 1:
        problems.add("tier-order", TABLE, row=rows[1][0], column=sorted(units)[1],
                     expected="tiers that all end in the same unit")  # fmt: skip


# -- windows --------------------------------------------------------------------------------


def _calendar(inputs: Inputs) -> pd.DataFrame:
    """Month, hour and weekend of each hour of the profiles."""
    year = inputs.setting("reference_year")
    year = 2012 if year is None or pd.isna(year) else int(year)
    stamps = pd.date_range(f"{year}-01-01", f"{year + 1}-01-01", freq="h", inclusive="left")
    stamps = stamps[~((stamps.month == 2) & (stamps.day == 29))]
    return pd.DataFrame({"month": stamps.month, "hour": stamps.hour,
                         "weekend": stamps.day_of_week >= 5})  # fmt: skip


def _inside(row: Row, inputs: Inputs, calendar: pd.DataFrame) -> np.ndarray:
    """Whether a window holds in each hour of the year."""
    found = calendar["month"].isin(windows.months(row["months"])).to_numpy()
    if row["hours_profile"]:
        return np.asarray(found & (inputs.profiles[row["hours_profile"]] > 0.5))
    found = found & calendar["hour"].isin(windows.hours(row["hours"])).to_numpy()
    if row["weekdays"] != "all":
        found = found & (calendar["weekend"] == (row["weekdays"] == "weekend")).to_numpy()
    return np.asarray(found)


def _said(inside: np.ndarray, calendar: pd.DataFrame) -> str:
    """The first few spans of hours, in words."""
    spans: list[str] = []
    rows = calendar[inside]
    kinds = rows.groupby(["month", "weekend"])["hour"].agg(lambda h: tuple(sorted(set(h))))
    for (month, weekend), hours in kinds.items():
        days = "weekends" if weekend else "weekdays"
        spans.append(f"month {month}, {days}, {_ranges(hours)}")
    more = f", and {len(spans) - SHOWN} more" if len(spans) > SHOWN else ""
    return "; ".join(spans[:SHOWN]) + more


def _ranges(hours: tuple[int, ...]) -> str:
    """Hours of the day as spans: 14:00-20:00."""
    found: list[list[int]] = []
    for hour in hours:
        if found and found[-1][1] == hour:
            found[-1][1] = hour + 1
        else:
            found.append([hour, hour + 1])
    return ", ".join(f"{a}:00-{b}:00" for a, b in found)


def _occurs(
    number: int, row: Row, inputs: Inputs, calendar: pd.DataFrame, problems: Problems
) -> None:
    """A window that never occurs is a mistake."""
    if row["kind"] in (ENERGY, DEMAND, COINCIDENT) and not _inside(row, inputs, calendar).any():
        column = "hours_profile" if row["hours_profile"] else "months"
        problems.add("window-never-occurs", TABLE, row=number, column=column, found=row[column],
                     expected="a window with at least one hour in a year")  # fmt: skip


def _windows(firsts: Rows, inputs: Inputs, calendar: pd.DataFrame, problems: Problems) -> None:
    """Windows of one charge do not overlap; those of energy cover every hour of the year."""
    charges: dict[tuple[str, str], Rows] = {}
    for number, row in firsts:
        charges.setdefault((row["tariff"], row["charge"]), []).append((number, row))
    for rows in charges.values():
        kinds = {r["kind"] for _, r in rows}
        if len(kinds) > 1:
            problems.add("mixed-kinds", TABLE, row=rows[1][0], column="kind",
                         found=rows[1][1]["kind"], expected=f"{rows[0][1]['kind']}, as in the other "
                         "windows of this charge")  # fmt: skip
            continue
        kind = kinds.pop()
        if len(rows) < 2 or kind not in (ENERGY, DEMAND):
            continue
        count = np.zeros(len(calendar), dtype=int)
        for number, row in rows:
            inside = _inside(row, inputs, calendar)
            twice = inside & (count > 0)
            if twice.any():
                problems.add("windows-overlap", TABLE, row=number, column="window",
                             found=row["window"], expected="hours that no other window of the "
                             "charge has", remedy=f"Twice: {_said(twice, calendar)}.")  # fmt: skip
            count += inside
        if kind == ENERGY and (count == 0).any():
            problems.add("hours-missing", TABLE, row=rows[0][0], column="window",
                         found=rows[0][1]["charge"], expected="windows that together have every "
                         "hour of the year", remedy=f"Missing: {_said(count == 0, calendar)}. A "
                         "charge in one window only is a row alone.")  # fmt: skip


# -- kinds ----------------------------------------------------------------------------------


def _ratchet(number: int, row: Row, problems: Problems) -> None:
    if row["kind"] != DEMAND:
        return
    share = row["ratchet_share"] > 0
    told = not np.isnan(row["ratchet_months"]) or row["ratchet_season"] != ""
    if share and not told:
        problems.add("ratchet-without-months", TABLE, row=number, column="ratchet_months",
                     expected="how many months it looks back, or which months (ratchet_season)",
                     remedy="Write 11 for the eleven months before.")  # fmt: skip
    for column in ("ratchet_months", "ratchet_season", "peak_before_mw"):
        if not share and _filled(row, column):
            problems.add("ignored-value", TABLE, row=number, column=column, found=row[column],
                         expected="a blank, as there is no ratchet_share",
                         remedy="Fill ratchet_share, or empty the cell.")  # fmt: skip


def _coincident(number: int, row: Row, inputs: Inputs, problems: Problems) -> None:
    if row["kind"] != COINCIDENT:
        return
    if not row["system_profile"] and not row["hours_profile"]:
        problems.add("no-peak-hours", TABLE, row=number, column="system_profile",
                     expected="a system_profile whose highest hours count, or an hours_profile")  # fmt: skip
    for column in ("candidate_hours", "peak_days"):
        if not row["system_profile"] and _filled(row, column):
            problems.add("ignored-value", TABLE, row=number, column=column,
                         found=f"{row[column]:g}", expected="a blank, as there is no "
                         "system_profile")  # fmt: skip


def _hours_of_use(rows: Rows, problems: Problems) -> None:
    """Tiers by hours of use name a demand charge that costs more than it could save."""
    by_charge: dict[tuple[str, str], Rows] = {}
    for number, row in rows:
        by_charge.setdefault((row["tariff"], row["charge"]), []).append((number, row))
    for (tariff, _), group in by_charge.items():
        tiers = [r for _, r in sorted(group, key=lambda r: r[1]["tier"])]
        used = [r for r in tiers if not np.isnan(r["tier_to_hours"])]
        number, row = group[0]
        if not used or row["hours_of"] == CONTRACT:
            continue
        demand = [r for n, r in by_charge.get((tariff, row["hours_of"]), ()) if r["kind"] == DEMAND]
        if not demand:
            problems.add("unknown-reference", TABLE, row=number, column="hours_of",
                         found=row["hours_of"], expected=f"{CONTRACT}, or a demand charge of the "
                         "tariff")  # fmt: skip
            continue
        saved = sum(
            _most_saved([r for r in tiers if r["window"] == window])
            for window in {r["window"] for r in tiers}
        )
        least = min(float(r["price_usd_per_kw_month"]) for r in demand)
        if saved > least + 1e-9:
            problems.add("hours-of-use-not-convex", TABLE, row=number, column="hours_of",
                         found=row["hours_of"],
                         expected=f"a demand charge of at least {saved:.4g} USD/kW-month: more "
                         f"demand would save more than its {least:.4g}",
                         remedy=f"Count hours of the contract MW (hours_of {CONTRACT}), or use "
                         "the mean price.")  # fmt: skip


def _most_saved(tiers: list[Row]) -> float:
    """What a kW more of demand saves at most, by making dearer tiers begin later [USD/kW-month]."""
    saved = accumulate(
        float(a["tier_to_hours"] * (b["price_usd_per_mwh"] - a["price_usd_per_mwh"])) / 1000
        for a, b in pairwise(tiers)
    )
    return max([0.0, *saved])


def _prices(
    firsts: Rows, groups: Iterable[Rows], inputs: Inputs, calendar: pd.DataFrame, problems: Problems
) -> None:
    """Mean price of energy of a tariff is usual; export never earns more than import costs.

    Parameters
    ----------
    groups : tiers of each charge and window
    """
    table = inputs.tables["tariffs"]
    for index, tariff in zip(table.index, table.to_dict("records"), strict=True):
        number = int(index)
        mine = [r for _, r in firsts if r["tariff"] == tariff["tariff"] and r["kind"] == ENERGY]
        price = _hourly(tariff, "energy_price_usd_per_mwh", "price_profile", inputs)
        for row in mine:
            price = price + row["price_usd_per_mwh"] * _inside(row, inputs, calendar)
        mean = float(price.mean())
        if mine and not MEAN_LOW <= mean <= MEAN_HIGH:
            problems.add("implausible", "tariffs", row=number, column="energy_price_usd_per_mwh",
                         found=f"{mean:.4g} USD/MWh in the mean, with the energy charges",
                         expected=f"usually {MEAN_LOW:g} to {MEAN_HIGH:g}", is_warning=True,
                         remedy="Are prices in USD/MWh? 6.5 ¢/kWh are 65, 0.065 $/kWh are 65.")  # fmt: skip
        usual = np.maximum(price, 0.0)
        fall = np.zeros(len(price))
        for tiers in groups:
            row = min((r for _, r in tiers), key=lambda r: r["tier"])
            if row["tariff"] == tariff["tariff"] and row["kind"] == ENERGY:
                lowest = min(r["price_usd_per_mwh"] for _, r in tiers)
                fall += (row["price_usd_per_mwh"] - lowest) * _inside(row, inputs, calendar)
        own = _hourly(tariff, "export_price_usd_per_mwh", "export_price_profile", inputs)
        earned = own + tariff["export_price_share"] * usual
        _export_in_cheap_tiers(number, tariff, earned, price - fall, fall > 0, problems)
        over = (earned > usual + 1e-9) & own.any()
        if over.any():
            first = int(np.argmax(over))
            problems.add("export-above-import", "tariffs", row=number,
                         column="export_price_usd_per_mwh", found=f"{own[first]:.4g} USD/MWh",
                         expected=f"at most the price of import, {usual[first]:.4g} in hour {first}",
                         remedy="Else one would buy and sell in the same hour; "
                         f"{int(over.sum())} hours are so.")  # fmt: skip


def _export_in_cheap_tiers(
    number: int, tariff: Row, earned: np.ndarray, least: np.ndarray, falls: np.ndarray,
    problems: Problems,
) -> None:  # fmt: skip
    """Where prices fall with use, export earns no more than import costs in the cheapest tier.

    Parameters
    ----------
    earned, least : by export, and price of import in the cheapest tiers, by hour [USD/MWh]
    falls : whether a tier in force is cheaper than the first, by hour
    """
    over = falls & (earned > np.maximum(least, 0.0) + 1e-9)
    if over.any():
        first = int(np.argmax(over))
        by_share = tariff["export_price_share"] > 0
        column = "export_price_share" if by_share else "export_price_usd_per_mwh"
        problems.add("export-above-import", "tariffs", row=number, column=column,
                     found=f"export at {earned[first]:.4g} USD/MWh in hour {first}",
                     expected=f"at most the price of import in the cheapest tier, "
                     f"{least[first]:.4g}",
                     remedy="Else one would buy and sell in the same hour once a month has reached "
                     f"that tier; {int(over.sum())} hours are so. Let export earn less, or write "
                     "one tier at the mean price.")  # fmt: skip
    elif tariff["net_billing"] and (falls & (least < -1e-9)).any():
        first = int(np.argmax(falls & (least < -1e-9)))
        problems.add("net-billing-below-zero", "tariffs", row=number, column="net_billing",
                     found=f"import at {least[first]:.4g} USD/MWh in the cheapest tier in hour "
                     f"{first}", expected="at least 0: credit stops at a month's energy charges, "
                     "which would fall below 0",
                     remedy="Raise the price of the last tier, or leave net billing out.")  # fmt: skip


def _hourly(row: Row, constant: str, profile: str, inputs: Inputs) -> np.ndarray:
    series = inputs.profiles.get(row[profile]) if row[profile] else None
    return float(row[constant]) + (np.zeros(8760) if series is None else series)


# -- which tariff ---------------------------------------------------------------------------


def _choices(inputs: Inputs, problems: Problems) -> None:
    """Tariffs that a site may choose are of its market, and one is offered from the start."""
    markets = dict(inputs.tables["tariffs"][["tariff", "market"]].to_numpy())
    sites = inputs.tables["sites"].drop_duplicates("site").set_index("site")
    for number, row in _numbered(inputs.tables["site_tariffs"]):
        if row["site"] not in sites.index or row["tariff"] not in markets:
            continue
        market = sites.loc[row["site"], "market"]
        if markets[row["tariff"]] != market:
            problems.add("wrong-market", "site_tariffs", row=number, column="tariff",
                         found=row["tariff"], expected=f"a tariff of the market {market}",
                         remedy=f"It is a price of {markets[row['tariff']]}.")  # fmt: skip
    zone = str(inputs.setting("time_zone"))
    for number, row in _numbered(inputs.tables["sites"]):
        if not np.isnan(row["utc_offset_hours"]):
            try:
                windows.standard_offset(zone)
            except ValueError:
                problems.add("unknown-zone", "settings", column="time_zone", found=zone,
                             expected="a time zone such as Etc/GMT+6 or America/Chicago, as a site "
                             "has utc_offset_hours")  # fmt: skip
                return
            if not float(row["utc_offset_hours"]).is_integer():
                problems.add("not-whole", "sites", row=number, column="utc_offset_hours",
                             found=f"{row['utc_offset_hours']:g}", expected="whole hours")  # fmt: skip


def _numbered(table: pd.DataFrame) -> Iterator[tuple[int, Row]]:
    for number, row in zip(table.index, table.to_dict("records"), strict=True):
        yield int(number), row
