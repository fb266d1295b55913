"""Checks over rows and across tables, all before any model is built.

Each check is a small function (inputs, problems); ``CHECKS`` is their order. Checks append,
they never raise.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from optimizer.errors import Problems
from optimizer.reading import checks_contracts, checks_service
from optimizer.reading.checks_tariffs import tariffs_make_sense
from optimizer.reading.commitments import commitments_make_sense
from optimizer.reading.inputs import Inputs
from optimizer.reading.peak_money import unserved_usd_per_mwh
from optimizer.reading.plausibility import values_are_plausible
from optimizer.tables import BY_NAME, SETTINGS_KEYS, TABLES

Check = Callable[[Inputs, Problems], None]
Row = dict[Hashable, Any]
PRICE_LOW, PRICE_HIGH = -500.0, 10_000.0
FEW = 8
IGNORED: dict[str, tuple[str, ...]] = {
    "storage": ("heat_rate_mmbtu_per_mwh", "fuel", "co2_t_per_mwh", "nox_kg_per_mwh",
                "water_m3_per_mwh", "forced_outage_rate", "planned_outage_rate"),
    "thermal": ("capex_usd_per_kwh", "duration_h", "round_trip_efficiency",
                "standing_loss_per_hour"),
    "variable": ("capex_usd_per_kwh", "duration_h", "round_trip_efficiency",
                 "standing_loss_per_hour", "heat_rate_mmbtu_per_mwh", "fuel",
                 "forced_outage_rate", "planned_outage_rate"),
}  # fmt: skip


def near(name: str, known: Iterable[str]) -> str:
    """A remedy that names the closest known name."""
    found = difflib.get_close_matches(name, [k for k in known if k], 1, 0.5)
    return f'Closest: "{found[0]}".' if found else ""


def near_or_all(name: str, known: Iterable[str]) -> str:
    """The closest known name; if none is close, all of them where they are few."""
    names = sorted({k for k in known if k})
    if not names:
        return "It has no rows."
    listed = f"There {'is' if len(names) == 1 else 'are'} {', '.join(names)}."
    return near(name, names) or (listed if len(names) <= FEW else "")


def _rows(inputs: Inputs, table: str) -> Iterator[tuple[int, Row]]:
    """Sheet row and cells by column; plain dicts, because a Series a row takes ten times as long."""
    frame = inputs.tables[table]
    for number, row in zip(frame.index, frame.to_dict("records"), strict=True):
        yield int(number), row


def settings_are_known(inputs: Inputs, problems: Problems) -> None:
    """Keys are declared, required ones present, values of their kind."""
    from optimizer.reading.cells import CellReader, is_blank

    columns = {c.name: c for c in SETTINGS_KEYS}
    reader = CellReader("settings", problems)
    for number, row in _rows(inputs, "settings"):
        key = row["key"]
        if key not in columns:
            problems.add("unknown-setting", "settings", row=number, column="key", found=key,
                         expected="a known setting", remedy=near(key, columns))  # fmt: skip
        elif not is_blank(row["value"]):
            value = reader.read(columns[key], row["value"], number, "")
            allowed = columns[key].allowed
            if allowed and value not in allowed:
                problems.add("not-allowed", "settings", row=number, column=key, found=value,
                             expected=f"one of {', '.join(allowed)}")  # fmt: skip
    table = inputs.tables["settings"]
    present = {k for k, v in zip(table["key"], table["value"], strict=True) if not is_blank(v)}
    for key, column in columns.items():
        if column.required and key not in present:
            problems.add("missing-setting", "settings", column=key,
                         expected=column.meaning.lower(), remedy=f"Add a row {key}.")  # fmt: skip


def keys_are_unique(inputs: Inputs, problems: Problems) -> None:
    """No two rows with the same key."""
    for table in TABLES:
        frame = inputs.tables[table.name]
        twice = frame[frame.duplicated(list(table.key))]
        for number, row in twice.iterrows():
            key = " / ".join(str(row[k]) for k in table.key)
            problems.add("duplicate-row", table.name, row=int(str(number)), column=table.key[0],
                         found=key, expected=f"one row for each {' x '.join(table.key)}",
                         remedy="Remove one of the rows.")  # fmt: skip


def references_exist(inputs: Inputs, problems: Problems) -> None:
    """Names that refer to other tables occur there."""
    for table in TABLES:
        for column in table.columns:
            if not column.references:
                continue
            other, name = column.references.split(".")
            known = set(inputs.tables[other][name])
            for number, row in _rows(inputs, table.name):
                value = row[column.name]
                if value and value not in known and not (column.wildcard and value == "*"):
                    problems.add("unknown-reference", table.name, row=number, column=column.name,
                                 found=value, expected=f"{'an' if name[0] in 'aeio' else 'a'} {name} of the table {other}",
                                 remedy=near_or_all(value, known))  # fmt: skip


def profiles_exist(inputs: Inputs, problems: Problems) -> None:
    """Named series are there and their values plausible."""
    shares = {"load_profile", "profile", "curtailment_profile", "carbon_free_profile"}
    for table in TABLES:
        for column in (c for c in table.columns if c.profile):
            for number, row in _rows(inputs, table.name):
                name = row[column.name]
                if not name:
                    continue
                series = inputs.profiles.get(name)
                where: dict[str, Any] = {"row": number, "column": column.name, "found": name}
                if series is None:
                    problems.add("unknown-profile", table.name, **where,
                                 expected="a series in profiles/",
                                 remedy=near(name, inputs.profiles))  # fmt: skip
                    continue
                low, high = float(series.min()), float(series.max())
                span = f"it runs from {low:g} to {high:g}"
                if column.name in shares and (low < 0 or high > 1):
                    problems.add("profile-range", table.name, **where,
                                 expected="values from 0 to 1", remedy=f"{span.capitalize()}.")  # fmt: skip
                if column.name == "pue_profile" and low < 1:
                    problems.add("profile-range", table.name, **where,
                                 expected="values >= 1", remedy=f"{span.capitalize()}.")  # fmt: skip
                if column.name == "price_profile" and (low < PRICE_LOW or high > PRICE_HIGH):
                    problems.add("price-range", table.name, **where,
                                 expected="USD/MWh or USD/MMBtu", is_warning=True,
                                 remedy=f"{span.capitalize()}: is the unit right?")  # fmt: skip


def periods_follow_each_other(inputs: Inputs, problems: Problems) -> None:
    """Contiguous from the plan's start, within a calendar year or whole years."""
    expected = inputs.setting("plan_start")
    if expected is None or pd.isna(expected):
        return
    for number, row in _rows(inputs, "periods"):
        if row["start"] != expected:
            problems.add("period-gap", "periods", row=number, column="start",
                         found=f"{row['start']:%Y-%m-%d}", expected=f"{expected:%Y-%m-%d}",
                         remedy="Periods follow each other from plan_start.")  # fmt: skip
        start, months = row["start"], int(row["months"])
        if start.month - 1 + months > 12 and (start.month != 1 or months % 12):
            problems.add("period-across-years", "periods", row=number, column="months",
                         found=months, expected="a period within one calendar year, or whole "
                         "calendar years from January", remedy="Split it.")  # fmt: skip
        expected = start + pd.DateOffset(months=months)


def workloads_have_a_delay_price(inputs: Inputs, problems: Problems) -> None:
    """A price of delay, given or from an accelerator."""
    for number, row in _rows(inputs, "workloads"):
        if np.isnan(row["delay_price_usd_per_mw_month"]) and not row["accelerator"]:
            problems.add("no-delay-price", "workloads", row=number,
                         column="delay_price_usd_per_mw_month", expected="a price or an accelerator",
                         remedy="Fill one of the two: without it the cheapest plan is to wait.")  # fmt: skip


def unserved_price_is_high_enough(inputs: Inputs, problems: Problems) -> None:
    """At least max(10,000, 3 x delay price / 730), so that MW are not online without power.

    Nor may a peak on a bill be worth leaving load unserved.
    """
    given = inputs.setting("unserved_price_usd_per_mwh")
    delay = inputs.tables["workloads"]["delay_price_usd_per_mw_month"].max()
    least = max(10_000.0, 3 * (0.0 if np.isnan(delay) else float(delay)) / 730)
    money_year = inputs.setting("money_year")
    least = max(least, unserved_usd_per_mwh(inputs.tables, int(money_year or 2026)))
    if given is not None and given < least:
        problems.add("unserved-price-low", "settings", column="unserved_price_usd_per_mwh",
                     found=f"{given:g}", expected=f">= {least:,.0f}",
                     remedy="Leave it blank, or raise it.")  # fmt: skip


def markets_agree(inputs: Inputs, problems: Problems) -> None:
    """A site buys at a price of its own market, and offers need a tariff."""
    tariffs = inputs.tables["tariffs"].reset_index().set_index("tariff")
    offered = set(inputs.tables["interconnections"]["site"])
    for number, row in _rows(inputs, "sites"):
        name = row["tariff"]
        if name in tariffs.index and tariffs.loc[name, "market"] != row["market"]:
            other = tariffs.loc[name]
            problems.add("wrong-market", "sites", row=number, column="tariff", found=name,
                         expected=f"a tariff of the market {row['market']}",
                         remedy=f"tariffs!{other['index']} is a price of {other['market']}.")  # fmt: skip
        if row["site"] in offered and not name:
            problems.add("no-tariff", "sites", row=number, column="tariff",
                         expected="a tariff, because the site has offers of grid service",
                         remedy="Name one of the table tariffs.")  # fmt: skip


def technologies_make_sense(inputs: Inputs, problems: Problems) -> None:
    """Nothing that the class would ignore; fuel where there is a heat rate."""
    columns = {c.name: c for c in BY_NAME["technologies"].columns}
    for number, row in _rows(inputs, "technologies"):
        for name in IGNORED.get(row["class"], ()):
            value, default = row[name], columns[name].default
            blank = value == "" if isinstance(value, str) else np.isnan(value)
            if not blank and value != default:
                problems.add("ignored-value", "technologies", row=number, column=name, found=value,
                             expected=f"a blank: the class {row['class']} does not use it",
                             remedy="Empty the cell.")  # fmt: skip
        if row["class"] == "thermal" and row["heat_rate_mmbtu_per_mwh"] > 0 and not row["fuel"]:
            problems.add("no-fuel", "technologies", row=number, column="fuel",
                         expected="a fuel, because there is a heat rate")  # fmt: skip
        if row["order_at_risk"] and np.isnan(row["refusal_probability"]):
            problems.add("no-refusal-probability", "technologies", row=number,
                         column="refusal_probability", expected="a probability for order_at_risk",
                         remedy="Without it an order at risk would cost nothing.")  # fmt: skip


def months_are_in_order(inputs: Inputs, problems: Problems) -> None:
    """Low, likely and high months of every step; blank ones are in order."""
    for table in TABLES:
        names = set(table.column_names)
        steps = [n for n in table.column_names if {f"{n}_low", f"{n}_high"} <= names]
        for number, row in _rows(inputs, table.name) if steps else ():
            for name in steps:
                low, likely, high = row[f"{name}_low"], row[name], row[f"{name}_high"]
                if low > likely or likely > high or low > high:
                    shown = " / ".join("blank" if np.isnan(m) else f"{m:g}"
                                       for m in (low, likely, high))  # fmt: skip
                    problems.add("months-order", table.name, row=number, column=name, found=shown,
                                 expected="low <= likely <= high",
                                 remedy="Mend one of them; a blank low or high is allowed.")  # fmt: skip


def site_technologies_are_complete(inputs: Inputs, problems: Problems) -> None:
    """Variable generation has a profile, fuels have a price at the site's hub."""
    technologies = {row["technology"]: row for _, row in _rows(inputs, "technologies")}
    hubs_of: dict[str, set[str]] = {}
    for _, fuel in _rows(inputs, "fuels"):
        hubs_of.setdefault(fuel["fuel"], set()).add(fuel["hub"])
    hub_at = {row["site"]: row["gas_hub"] for _, row in _rows(inputs, "sites")}
    for number, row in _rows(inputs, "site_technologies"):
        tech = technologies.get(row["technology"])
        if tech is None:
            continue
        if tech["class"] == "variable" and not row["profile"] and row["max_mw"] > 0:
            problems.add("no-profile", "site_technologies", row=number, column="profile",
                         expected="an hourly capacity factor for variable generation")  # fmt: skip
        if tech["class"] == "storage" and row["profile"]:
            problems.add("ignored-value", "site_technologies", row=number, column="profile",
                         found=row["profile"], expected="a blank for storage")  # fmt: skip
        hubs = hubs_of.get(tech["fuel"], set())
        if tech["fuel"] and row["max_mw"] > 0 and "*" not in hubs:
            chosen = set(hub_at.values()) if row["site"] == "*" else {hub_at.get(row["site"])}
            for hub in sorted(h for h in chosen if h is not None and h not in hubs):
                problems.add("no-fuel-price", "site_technologies", row=number,
                             column="technology", found=row["technology"],
                             expected=f'a price of {tech["fuel"]} at the hub "{hub}" or "*"',
                             remedy="Add a row to fuels.")  # fmt: skip


def sites_can_have_power(inputs: Inputs, problems: Problems) -> None:
    """Grid service or a technology at every site: else nothing can run there."""
    powered = set(inputs.tables["interconnections"]["site"])
    allowed = inputs.tables["site_technologies"]
    powered |= set(allowed[allowed["max_mw"] > 0]["site"])
    for number, row in _rows(inputs, "sites"):
        if "*" not in powered and row["site"] not in powered and row["max_it_mw"] > 0:
            problems.add("no-power", "sites", row=number, column="site", found=row["site"],
                         expected="an offer in interconnections or a row in site_technologies",
                         remedy="Nothing can run there.", is_warning=True)  # fmt: skip


def permits_exist(inputs: Inputs, problems: Problems) -> None:
    """A permit kind that no jurisdiction knows is a slip; one that some lack is a warning."""
    permits = inputs.tables["permits"]
    known = set(zip(permits["jurisdiction"], permits["permit_kind"], strict=True))
    places = set(inputs.tables["sites"]["jurisdiction"])
    for table in ("technologies", "campus_blocks", "interconnections"):
        for number, row in _rows(inputs, table):
            kind = row["permit_kind"]
            if not kind:
                continue
            missing = sorted(p for p in places if (p, kind) not in known)
            if len(missing) == len(places):
                elsewhere = sorted({p for p, k in known if k == kind})
                problems.add("unknown-permit", table, row=number, column="permit_kind", found=kind,
                             expected=f"rows of permits with this kind for {', '.join(missing)}"
                             if elsewhere else "a permit_kind of the table permits",
                             remedy=f"It is there for {', '.join(elsewhere)} only; no site is there."
                             if elsewhere else near(kind, permits["permit_kind"]))  # fmt: skip
            elif missing:
                problems.add("permit-missing-somewhere", table, row=number, column="permit_kind",
                             found=kind, expected=f"rows for {', '.join(missing)} too",
                             remedy="It cannot be built there.", is_warning=True)  # fmt: skip


def staircases_never_fall(inputs: Inputs, problems: Problems) -> None:
    """Each offer has steps, of the same site, whose levels do not fall."""
    offers = inputs.tables["interconnections"]
    steps: dict[tuple[str, str], list[tuple[int, Row]]] = {
        pair: [] for pair in zip(offers["site"], offers["offer"], strict=True)
    }
    for number, row in _rows(inputs, "interconnection_steps"):
        pair = (row["site"], row["offer"])
        if pair in steps:
            steps[pair].append((number, row))
        else:
            problems.add("unknown-reference", "interconnection_steps", row=number, column="offer",
                         found=f"{row['site']} / {row['offer']}",
                         expected="an offer of the same site in interconnections")  # fmt: skip
    for number, row in _rows(inputs, "interconnections"):
        mine = sorted(steps[row["site"], row["offer"]], key=lambda step: step[1]["from_date"])
        if not mine:
            problems.add("no-steps", "interconnections", row=number, column="offer",
                         found=row["offer"], expected="at least one row in interconnection_steps")  # fmt: skip
        for (_, before), (at, step) in pairwise(mine):
            for name in ("firm_mw", "flexible_mw"):
                if step[name] < before[name]:
                    problems.add("staircase-falls", "interconnection_steps", row=at, column=name,
                                 found=f"{step[name]:g}", expected="not below the step before",
                                 remedy="Levels are cumulative and never fall.")  # fmt: skip


def component_users_exist(inputs: Inputs, problems: Problems) -> None:
    """Users of components are known, and components have deliveries."""
    known = {
        "technology": set(inputs.tables["technologies"]["technology"]),
        "campus_block": set(inputs.tables["campus_blocks"]["block"]),
        "interconnection": set(inputs.tables["interconnections"]["offer"]),
    }
    for number, row in _rows(inputs, "component_use"):
        names = known.get(row["user_kind"], set())
        if row["user"] != "*" and row["user"] not in names:
            problems.add("unknown-reference", "component_use", row=number, column="user",
                         found=row["user"], expected=f"a {row['user_kind']} of this case, or *",
                         remedy=near(row["user"], names))  # fmt: skip
    supplied = set(inputs.tables["supply"]["component"])
    for number, row in _rows(inputs, "components"):
        if row["component"] not in supplied:
            problems.add("no-supply", "components", row=number, column="component",
                         found=row["component"], expected="rows in supply", is_warning=True,
                         remedy="None is ever delivered: what needs it cannot be built.")  # fmt: skip


def policies_are_clear(inputs: Inputs, problems: Problems) -> None:
    """One limit of a kind for a year; one scope of CO2 caps; years inside the plan."""
    table = inputs.tables["policies"]
    years = {d.year for d in inputs.tables["periods"]["start"] if not pd.isna(d)}
    for number, row in table[table.duplicated(["kind", "year", "applies_to"])].iterrows():
        problems.add("duplicate-limit", "policies", row=int(str(number)), column="kind",
                     found=row["kind"], expected="one limit of a kind for a year",
                     remedy="Remove one of the rows.")  # fmt: skip
    caps = table[table["kind"] == "co2_cap"]
    if caps["scope"].nunique() > 1:
        problems.add("two-scopes", "policies", row=int(caps.index[1]), column="scope",
                     found=caps["scope"].iloc[1], expected="one scope for all CO2 caps")  # fmt: skip
    last = inputs.tables["periods"].iloc[-1] if len(inputs.tables["periods"]) else None
    for number, row in _rows(inputs, "policies"):
        if np.isnan(row["year"]) or last is None or not years:
            continue
        end = (last["start"] + pd.DateOffset(months=int(last["months"]) - 1)).year
        if not min(years) <= row["year"] <= end:
            problems.add("year-outside", "policies", row=number, column="year",
                         found=f"{row['year']:.0f}", expected=f"{min(years)} to {end}")  # fmt: skip
        if row["kind"] == "allowed_unserved_share" and row["value"] > 1:
            problems.add("out-of-range", "policies", row=number, column="value",
                         found=f"{row['value']:g}", expected="a share from 0 to 1")  # fmt: skip


def demand_is_covered(inputs: Inputs, problems: Problems) -> None:
    """Every workload x region has every period; someone can serve it within latency."""
    demand = inputs.tables["demand"]
    periods = list(inputs.tables["periods"]["period"])
    for (workload, region), rows in demand.groupby(["workload", "region"]):
        missing = [p for p in periods if p not in set(rows["period"])]
        if missing:
            problems.add("demand-gap", "demand", row=int(rows.index[0]), column="period",
                         found=f"{workload} / {region}", is_warning=True,
                         expected=f"rows for {', '.join(missing[:6])} too",
                         remedy="They are taken as 0 MW.")  # fmt: skip
        if not _someone_serves(inputs, str(workload), str(region)):
            problems.add("out-of-reach", "demand", row=int(rows.index[0]), column="region",
                         found=f"{workload} / {region}", is_warning=True,
                         expected="a site within the latency limit",
                         remedy="No site can serve it: all of it will be backlog.")  # fmt: skip


def _someone_serves(inputs: Inputs, workload: str, region: str) -> bool:
    limits = inputs.tables["workloads"].set_index("workload")["max_latency_ms"]
    if workload not in limits.index or np.isnan(limits[workload]):
        return True
    regions = inputs.tables["regions"].set_index("region")
    if region not in regions.index:
        return True
    placement = inputs.tables["placement"]
    given = placement[(placement["workload"] == workload) & (placement["region"] == region)]
    known = given.set_index("site")["latency_ms"].dropna()
    sites = inputs.tables["sites"]
    place = regions.loc[region]
    lat1, lat2 = np.radians(place["latitude"]), np.radians(sites["latitude"].to_numpy())
    east = np.radians(sites["longitude"].to_numpy() - place["longitude"])
    chord = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin(east / 2) ** 2
    far = 2 * 6371.0088 * np.arcsin(np.sqrt(chord)) * float(inputs.setting("fibre_ms_per_km"))
    latency = pd.Series(far + sites["fibre_latency_ms"].to_numpy(), index=sites["site"])
    latency.update(known)
    return bool((latency <= limits[workload]).any())


CHECKS: tuple[Check, ...] = (
    settings_are_known,
    keys_are_unique,
    references_exist,
    profiles_exist,
    periods_follow_each_other,
    workloads_have_a_delay_price,
    unserved_price_is_high_enough,
    markets_agree,
    technologies_make_sense,
    months_are_in_order,
    site_technologies_are_complete,
    sites_can_have_power,
    permits_exist,
    staircases_never_fall,
    *checks_service.CHECKS,
    component_users_exist,
    policies_are_clear,
    demand_is_covered,
    *checks_contracts.CHECKS,
    commitments_make_sense,
    tariffs_make_sense,
    values_are_plausible,
)
