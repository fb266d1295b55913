"""Forty cases without a plan: what clashes in each is known by hand.

Unless said otherwise: 20 MW are wanted in February 2027 without fail; halls of 10 MW and engines
of 10 MW may be built at once at one site. A case marked whole is infeasible only because halls
and units are whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.support import HOURS, Rows, add_grid, base, profiles, technology

FEBRUARY = [("p0", "2027-02-01", 1)]
TWO = [("p0", "2027-01-01", 1), ("p1", "2027-02-01", 1)]
SERIES = profiles() | {"square": (HOURS % 24 < 12).astype(float)}


@dataclass(frozen=True)
class Infeasible:
    """A case and the groups of limits that clash in it."""

    rows: Callable[[], Rows]
    groups: frozenset[str]
    whole: bool


CASES: dict[str, Infeasible] = {}


def clashing(*groups: str, whole: bool = False) -> Callable[[Callable[[], Rows]], None]:
    """Enter a case under the name of its function."""

    def enter(rows: Callable[[], Rows]) -> None:
        CASES[rows.__name__] = Infeasible(rows, frozenset(("deadlines", *groups)), whole)

    return enter


def start(
    mw: float = 20, periods: list[tuple[str, str, int]] | None = None, sites: int = 1
) -> Rows:
    """The base case with all its demand a deadline."""
    rows = base(periods or FEBRUARY, sites)
    for row in rows["demand"]:
        row.update(it_mw=mw, max_backlog_mw=0)
    return rows


def component(
    rows: Rows, supply: list[tuple[str, float]], kind: str = "campus_block", stockable: bool = True,
    **use: float,
) -> Rows:  # fmt: skip
    """Slots of switchgear that a kind of user takes, one for each MW unless said otherwise."""
    rows["components"] = [{"component": "switchgear", "stockable": stockable}]
    rows["supply"] = [{"component": "switchgear", "date": d, "amount": a} for d, a in supply]
    rows["component_use"] = [
        {"component": "switchgear", "user_kind": kind, "user": "*", **(use or {"per_mw": 1})}
    ]
    return rows


def grid_only(rows: Rows, firm: float, flexible: float = 0.0, **offer: Any) -> Rows:
    """A grid offer, and engines nowhere."""
    rows["site_technologies"][0]["max_mw"] = 0
    add_grid(rows, firm, flexible, **offer)
    return rows


def policy(rows: Rows, kind: str, value: float, scope: str = "onsite") -> Rows:
    """A limit on the whole plan."""
    rows["policies"] = [{"policy": "the limit", "kind": kind, "value": value, "scope": scope}]
    return rows


def permit(rows: Rows, months: int = 0, nox: float = 0.0, **thresholds: float) -> Rows:
    """Engines need an air permit."""
    rows["technologies"][0].update(permit_kind="air", nox_kg_per_mwh=nox)
    rows["permits"] = [
        {"jurisdiction": "TX", "permit_kind": "air", "variant": "minor", "months": months,
         **thresholds}
    ]  # fmt: skip
    return rows


# -- component slots -----------------------------------------------------------------------


@clashing("slots")
def too_few_slots() -> Rows:
    return component(start(), [("2027-02-01", 15)])


@clashing("slots")
def slots_come_late() -> Rows:
    return component(start(), [("2027-02-01", 10), ("2027-03-01", 30)])


@clashing("slots")
def slots_cannot_be_stocked() -> Rows:
    rows = start(periods=TWO)
    rows["demand"][0]["it_mw"] = 10
    return component(rows, [("2027-01-01", 10), ("2027-02-01", 8)], stockable=False)


@clashing("slots")
def no_slot_is_ever_delivered() -> Rows:
    return component(start(), [])


@clashing("slots")
def two_sites_share_the_slots() -> Rows:
    return component(start(sites=2), [("2027-02-01", 12)])


@clashing("slots")
def engines_lack_slots() -> Rows:
    return component(start(), [("2027-02-01", 1)], "technology", per_unit=1)


@clashing("slots", whole=True)
def one_and_a_half_engines() -> Rows:
    return component(start(15), [("2027-02-01", 1.5)], "technology", per_unit=1)


@clashing("slots", "max_mw")
def a_connection_lacks_its_slot() -> Rows:
    rows = grid_only(start(), 20)
    return component(rows, [("2027-04-01", 1)], "interconnection", per_unit=1)


# -- sites ---------------------------------------------------------------------------------


def signed(rows: Rows, **terms: Any) -> Rows:
    """The offer needs an agreement."""
    rows["service_agreements"] = [
        {"site": "site0", "offer": "grid", "agreement": "large load", **terms}
    ]
    return rows


@clashing("contract MW", "max_mw")
def the_contract_is_too_small() -> Rows:
    return signed(grid_only(start(), 20), max_contract_mw=15)


@clashing("security", "max_mw")
def security_is_capped() -> Rows:
    # 100 $/kW for 20 MW is 2 M$.
    rows = signed(grid_only(start(), 20), security_usd_per_kw=100)
    return policy(rows, "security_cap", 1.5e6, scope="total")


@clashing("shared grid MW", "max_mw")
def a_group_of_offers_is_too_small() -> Rows:
    rows = grid_only(start(), 20, grid_group="west")
    rows["grid_groups"] = [{"grid_group": "west", "shared_mw": 12}]
    return rows


@clashing("grid dates", "max_mw")
def the_study_window_is_late() -> Rows:
    return grid_only(start(periods=TWO), 20, study_window_date="2027-02-01")


@clashing("grid dates", "max_mw")
def a_conditional_stage_ends() -> Rows:
    return grid_only(start(periods=TWO), 20, exit_date="2027-02-01")


@clashing("land_km2")
def halls_lack_land() -> Rows:
    rows = start()
    rows["sites"][0]["land_km2"] = 0.15
    rows["campus_blocks"][0]["land_km2_per_mw"] = 0.01
    return rows


@clashing("land_km2", whole=True)
def engines_lack_land() -> Rows:
    rows = start(15)
    rows["sites"][0]["land_km2"] = 0.15
    rows["technologies"][0]["land_km2_per_mw"] = 0.01
    return rows


@clashing("gas_limit_mmbtu_per_hour")
def too_little_gas() -> Rows:
    rows = start()
    rows["fuels"][0]["counts_against_gas_limit"] = True
    rows["sites"][0]["gas_limit_mmbtu_per_hour"] = 120
    return rows


@clashing("gas_limit_mmbtu_per_hour", whole=True)
def gas_for_one_and_a_half_engines() -> Rows:
    rows = start(15)
    rows["fuels"][0]["counts_against_gas_limit"] = True
    rows["sites"][0]["gas_limit_mmbtu_per_hour"] = 150
    return rows


@clashing("water_limit")
def cooling_lacks_water() -> Rows:
    rows = start()
    rows["sites"][0].update(cooling_water_m3_per_mwh=1.0, water_limit_m3_per_year=100_000)
    return rows


@clashing("water_limit")
def engines_lack_water() -> Rows:
    rows = start()
    rows["technologies"][0]["water_m3_per_mwh"] = 0.5
    rows["sites"][0]["water_limit_m3_per_year"] = 50_000
    return rows


@clashing("max_it_mw")
def the_site_is_too_small() -> Rows:
    rows = start()
    rows["sites"][0]["max_it_mw"] = 15
    return rows


@clashing("max_it_mw")
def two_sites_are_too_small() -> Rows:
    rows = start(30, sites=2)
    for site in rows["sites"]:
        site["max_it_mw"] = 10
    return rows


@clashing("opening")
def the_site_opens_late() -> Rows:
    rows = start()
    rows["sites"][0]["opening_months"] = 4
    return rows


@clashing("opening", "max_it_mw")
def one_site_opens_late_the_other_is_small() -> Rows:
    rows = start(sites=2)
    rows["sites"][0]["opening_months"] = 4
    rows["sites"][1]["max_it_mw"] = 10
    return rows


# -- halls ---------------------------------------------------------------------------------


@clashing("max_blocks")
def too_few_halls() -> Rows:
    rows = start()
    rows["campus_blocks"][0]["max_blocks"] = 1
    return rows


@clashing("hall lead times")
def halls_take_months() -> Rows:
    rows = start()
    rows["campus_blocks"][0].update(procurement_months=1, construction_months=3)
    return rows


@clashing("hall lead times", "max_blocks")
def the_small_hall_is_late() -> Rows:
    # Two halls of 10 MW would serve 15 MW, but one may be built; one of 7 MW comes later.
    rows = start(15)
    rows["campus_blocks"][0]["max_blocks"] = 1
    rows["campus_blocks"].append(
        {**rows["campus_blocks"][0], "block": "small", "it_mw": 7, "max_blocks": None,
         "construction_months": 2}
    )  # fmt: skip
    return rows


# -- power ---------------------------------------------------------------------------------


@clashing("max_mw")
def too_few_engines() -> Rows:
    rows = start()
    rows["site_technologies"][0]["max_mw"] = 10
    return rows


@clashing("max_mw", whole=True)
def room_for_one_and_a_half_engines() -> Rows:
    rows = start(15)
    rows["site_technologies"][0]["max_mw"] = 15
    return rows


@clashing("allowed technologies")
def engines_have_no_row() -> Rows:
    rows = start(sites=2)
    rows["technologies"].append(technology("battery", "storage", round_trip_efficiency=0.81))
    rows["site_technologies"] = [{"site": "*", "technology": "battery", "max_mw": 100}]
    return rows


@clashing("lead times")
def engines_take_months() -> Rows:
    rows = start()
    rows["technologies"][0].update(procurement_months=4, construction_months=2)
    return rows


@clashing("lead times")
def engines_take_months_at_the_high_end() -> Rows:
    rows = start()
    rows["settings"].append({"key": "lead_times", "value": "high"})
    rows["technologies"][0].update(procurement_months_high=3, construction_months=0)
    return rows


@clashing("months_added")
def engines_take_longer_here() -> Rows:
    rows = start()
    rows["site_technologies"][0]["months_added"] = 2
    return rows


# -- permits -------------------------------------------------------------------------------


@clashing("permits")
def the_permit_takes_months() -> Rows:
    return permit(start(), months=5)


@clashing("NOx threshold")
def the_permit_allows_too_little_nox() -> Rows:
    return permit(start(), nox=0.1, max_nox_short_tons_per_year=15)


@clashing("MW threshold", whole=True)
def the_permit_allows_one_and_a_half_engines() -> Rows:
    return permit(start(15), max_mw=15)


# -- grid ----------------------------------------------------------------------------------


@clashing("grid power", "max_mw")
def too_little_grid() -> Rows:
    return grid_only(start(), 15)


@clashing("grid dates", "max_mw")
def the_queue_is_long() -> Rows:
    return grid_only(start(), 40, queue_months=3, upgrade_months=2)


@clashing("grid dates", "max_mw")
def the_step_comes_late() -> Rows:
    rows = grid_only(start(), 40)
    rows["interconnection_steps"][0]["from_date"] = "2027-05-01"
    return rows


@clashing("grid power", "max_mw")
def the_step_is_late_and_small() -> Rows:
    rows = grid_only(start(), 15, queue_months=2)
    rows["interconnection_steps"][0]["from_date"] = "2027-05-01"
    return rows


# -- energy in every hour ------------------------------------------------------------------


@clashing("max_mw")
def sun_alone_at_night() -> Rows:
    rows = start()
    rows["site_technologies"][0]["max_mw"] = 10
    rows["technologies"].append(technology("sun", "variable"))
    rows["site_technologies"].append(
        {"site": "*", "technology": "sun", "max_mw": 500, "profile": "square"}
    )
    return rows


@clashing("max_mw", "max_mwh")
def the_battery_does_not_last_the_night() -> Rows:
    # 10 MW through 12 dark hours need 120 / 0.9 MWh.
    rows = start(10)
    rows["site_technologies"][0]["max_mw"] = 0
    rows["technologies"] += [
        technology("sun", "variable"),
        technology("battery", "storage", round_trip_efficiency=0.81),
    ]
    rows["site_technologies"] += [
        {"site": "*", "technology": "sun", "max_mw": 500, "profile": "square"},
        {"site": "*", "technology": "battery", "max_mw": 100, "max_mwh": 100},
    ]
    return rows


@clashing("grid power", "max_mw")
def flexible_power_is_cut() -> Rows:
    return grid_only(start(), 5, 20, curtailed_hours_per_year=8760)


# -- policies ------------------------------------------------------------------------------


@clashing("budget")
def too_little_money() -> Rows:
    return policy(start(), "budget", 30e6)


@clashing("budget", whole=True)
def money_for_one_and_a_half_engines() -> Rows:
    # Two halls and 1.5 engines cost 35 M$; two of each 40 M$.
    return policy(start(15), "budget", 36e6)


@clashing("co2_cap")
def too_much_carbon() -> Rows:
    return policy(start(), "co2_cap", 50_000)


@clashing("co2_cap")
def too_much_carbon_of_the_grid() -> Rows:
    # Engines would not help: they emit 0.5 t/MWh.
    rows = grid_only(start(), 40)
    rows["tariffs"][0]["co2_t_per_mwh"] = 0.4
    return policy(rows, "co2_cap", 60_000, "total")


# -- reach and several at once ---------------------------------------------------------------


@clashing("latency")
def the_site_is_too_far() -> Rows:
    rows = start()
    rows["regions"][0]["latitude"] = 32 + 500 / 111.195
    rows["workloads"][0]["max_latency_ms"] = 7.0
    return rows


@clashing("latency", "max_it_mw")
def the_near_site_is_too_small() -> Rows:
    rows = start(sites=2)
    rows["sites"][0]["max_it_mw"] = 10
    rows["sites"][1]["latitude"] = 32 + 500 / 111.195
    rows["workloads"][0]["max_latency_ms"] = 7.0
    return rows


@clashing("grid dates", "lead times")
def the_grid_is_late_and_so_are_engines() -> Rows:
    rows = start()
    add_grid(rows, 40, queue_months=3)
    rows["technologies"][0]["procurement_months"] = 4
    return rows


@clashing("slots", "gas_limit_mmbtu_per_hour")
def slots_and_gas_each_fall_short_later() -> Rows:
    # 10 MW in January are served; 20 MW in February need a slot, 30 MW would need gas as well.
    rows = start(periods=TWO)
    rows["demand"][0]["it_mw"] = 10
    rows["fuels"][0]["counts_against_gas_limit"] = True
    rows["sites"][0]["gas_limit_mmbtu_per_hour"] = 150
    rows["technologies"].append(technology("diesel", "thermal", unit_mw=10, capex_usd_per_kw=500))
    rows["site_technologies"].append({"site": "*", "technology": "diesel", "max_mw": 100})
    rows = component(rows, [("2027-01-01", 0)], "technology", per_unit=1)
    rows["component_use"][0]["user"] = "diesel"
    return rows


def series() -> dict[str, np.ndarray]:
    """Profiles of the cases."""
    return SERIES
