"""Each check of tariffs blames the right cell of its table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from optimizer.errors import Problem
from optimizer.reading import windows
from optimizer.reading.inputs import Inputs
from tests.support import Rows, add_grid, base, profiles


def full() -> Rows:
    """A tariff with charges of every kind, without problems."""
    rows = base()
    add_grid(rows, 30, export_mw=5)
    rows["sites"][0]["utc_offset_hours"] = -6
    rows["settings"].append({"key": "time_zone", "value": "America/Chicago"})
    tariff = {"tariff": "flat"}
    rows["tariff_charges"] = [
        {**tariff, "charge": "use", "window": "on", "kind": "energy", "price_usd_per_mwh": 60,
         "months": "6-9", "hours": "14-20", "weekdays": "weekday"},
        {**tariff, "charge": "use", "window": "off", "kind": "energy", "price_usd_per_mwh": 5,
         "months": "6-9", "hours": "20-14", "weekdays": "weekday"},
        {**tariff, "charge": "use", "window": "weekend", "kind": "energy", "price_usd_per_mwh": 5,
         "months": "6-9", "weekdays": "weekend"},
        {**tariff, "charge": "use", "window": "winter", "kind": "energy", "price_usd_per_mwh": 5,
         "months": "10-5"},
        {**tariff, "charge": "demand", "kind": "demand", "price_usd_per_kw_month": 4,
         "tier_to_mw": 15, "ratchet_share": 0.8, "ratchet_months": 11, "minimum_share": 0.5},
        {**tariff, "charge": "demand", "tier": 2, "kind": "demand", "price_usd_per_kw_month": 6},
        {**tariff, "charge": "peak", "kind": "coincident_peak", "price_usd_per_kw_year": 70,
         "months": "6-9", "system_profile": "price", "candidate_hours": 4},
        {**tariff, "charge": "service", "kind": "fixed", "price_usd_per_month": 500},
        {**tariff, "charge": "least", "kind": "minimum_bill", "price_usd_per_month": 500_000},
        {**tariff, "charge": "block", "kind": "energy", "price_usd_per_mwh": 1,
         "tier_to_hours": 300, "hours_of": "demand"},
        {**tariff, "charge": "block", "tier": 2, "kind": "energy", "price_usd_per_mwh": 5},
    ]  # fmt: skip
    rows["tariffs"].append({"tariff": "other", "market": "ERCOT", "energy_price_usd_per_mwh": 60})
    rows["site_tariffs"] = [{"site": "site0", "tariff": "other", "from_date": "2027-02-01"}]
    return rows


def problems(rows: Rows, **series: np.ndarray) -> list[Problem]:
    tables = {name: pd.DataFrame(r) for name, r in rows.items() if r}
    _, found = Inputs.from_tables(tables, profiles() | series)
    return list(found)


def put(row: int, table: str = "tariff_charges", **values: Any) -> Callable[[Rows], None]:
    """A change of some cells."""
    return lambda rows: rows[table][row].update(values)


def drop(row: int) -> Callable[[Rows], None]:
    """A row less."""
    return lambda rows: rows["tariff_charges"].pop(row)  # type: ignore[return-value]


MISTAKES: list[tuple[str, Callable[[Rows], None], str, str, str]] = [
    ("hours twice", put(1, hours="19-14"), "windows-overlap", "window", "19:00-20:00"),
    ("hours missing", put(1, hours="21-14"), "hours-missing", "window", "20:00-21:00"),
    ("a season missing", drop(3), "hours-missing", "window", "month 1"),
    ("never", put(6, months="6-9", system_profile="", hours_profile="never"),
     "window-never-occurs", "hours_profile", ""),
    ("share above 1", put(4, ratchet_share=1.2), "out-of-range", "ratchet_share", ""),
    ("share as per cent", put(4, minimum_share=50), "out-of-range", "minimum_share", ""),
    ("ratchet without months", put(4, ratchet_months=None), "ratchet-without-months",
     "ratchet_months", "11"),
    ("months without ratchet", put(4, ratchet_share=0), "ignored-value", "ratchet_months", ""),
    ("no such series", put(6, system_profile="prise"), "unknown-profile", "system_profile", "price"),
    ("not 0 and 1", put(7, kind="energy", price_usd_per_month=None, price_usd_per_mwh=1,
                        hours_profile="sun"), "profile-range", "hours_profile", ""),
    ("tiers have a hole", put(5, tier=3), "tier-order", "tier", ""),
    ("the last tier ends", put(5, tier_to_mw=20), "tier-order", "tier_to_mw", ""),
    ("a tier has no end", put(4, tier_to_mw=None), "tier-order", "tier_to_mw", ""),
    ("no price", put(7, price_usd_per_month=None), "no-price", "price_usd_per_month", ""),
    ("a price of another kind", put(7, price_usd_per_mwh=5), "ignored-value", "price_usd_per_mwh",
     ""),
    ("a date", put(0, months="2027-06-09"), "bad-window", "months", "6 to 9"),
    ("no months", put(0, months="summer"), "bad-window", "months", ""),
    ("hour 25", put(0, hours="14-25"), "bad-window", "hours", ""),
    ("demand that is not there", put(9, hours_of="demnd"), "unknown-reference", "hours_of", ""),
    ("hours of use that pay for more demand", put(4, price_usd_per_kw_month=0.5),
     "hours-of-use-not-convex", "hours_of", "contract"),
    ("peak without hours", put(6, system_profile="", candidate_hours=None), "no-peak-hours",
     "system_profile", ""),
    ("a name of the bill", put(7, charge="tax"), "reserved-name", "charge", ""),
    ("USD/MW", put(4, price_usd_per_kw_month=4000), "implausible", "price_usd_per_kw_month", ""),
    ("USD/kWh", put(0, price_usd_per_mwh=0.06), "implausible", "price_usd_per_mwh", ""),
]  # fmt: skip


def test_the_tariff_without_mistakes() -> None:
    assert problems(full()) == []


@pytest.mark.parametrize(
    ("mistake", "code", "column", "said"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_cell_is_blamed(mistake: Callable[[Rows], None], code: str, column: str, said: str) -> None:
    rows = full()
    mistake(rows)
    found = problems(rows, never=np.zeros(8760))
    mine = [p for p in found if (p.code, p.table, p.column) == (code, "tariff_charges", column)]
    assert mine, [str(p) for p in found]
    assert said in mine[0].remedy or not said
    assert all(p.expected for p in found)


def test_prices_in_cents_are_told_by_the_mean_of_the_year() -> None:
    rows = full()
    rows["tariffs"][0]["energy_price_usd_per_mwh"] = 0
    told = next(p for p in problems(rows) if p.table == "tariffs")
    assert told.is_warning
    assert "¢" in told.remedy


def test_export_above_the_price_of_import_is_a_problem() -> None:
    rows = full()
    rows["tariffs"][0]["export_price_usd_per_mwh"] = 55
    assert "export-above-import" in {p.code for p in problems(rows)}


def test_prices_may_fall_from_tier_to_tier() -> None:
    rows = full()
    rows["tariff_charges"][5]["price_usd_per_kw_month"] = 3
    rows["tariff_charges"][10]["price_usd_per_mwh"] = 0.5
    assert problems(rows) == []


def test_a_later_tier_that_falls_does_not_undo_what_more_demand_saves_before_it() -> None:
    # From 300 h on 17 USD/MWh more: a kW more of demand saves 5.1 USD, and costs 4, in a month
    # that does not get to the third tier.
    rows = full()
    rows["tariff_charges"][10] |= {"price_usd_per_mwh": 18, "tier_to_hours": 600}
    last = {"tariff": "flat", "charge": "block", "tier": 3, "kind": "energy",
            "price_usd_per_mwh": 1}  # fmt: skip
    rows["tariff_charges"].append(last)
    (told,) = (p for p in problems(rows) if p.code == "hours-of-use-not-convex")
    assert "5.1" in told.expected


@pytest.mark.parametrize(
    ("export", "column"),
    [({"export_price_share": 1}, "export_price_share"),
     ({"export_price_share": 0.99, "net_billing": "yes"}, "export_price_share"),
     ({"export_price_usd_per_mwh": 40.7}, "export_price_usd_per_mwh")],
)  # fmt: skip
def test_export_above_the_cheapest_tier_of_import_is_a_problem(
    export: dict[str, Any], column: str
) -> None:
    # Of the year's hours the cheapest cost 40 + 5 + 1 USD/MWh in the first tier of the block and
    # 40.5 in the second.
    rows = full()
    rows["tariffs"][0] |= export
    assert problems(rows) == []
    rows["tariff_charges"][10]["price_usd_per_mwh"] = -4.5
    (told,) = (p for p in problems(rows) if not p.is_warning)
    assert (told.code, told.table, told.column) == ("export-above-import", "tariffs", column)
    assert "40.5" in told.expected


def test_net_billing_whose_cheapest_tier_pays_is_a_problem() -> None:
    rows = full()
    rows["tariffs"][0]["net_billing"] = "yes"
    rows["tariff_charges"][10]["price_usd_per_mwh"] = -46
    (told,) = (p for p in problems(rows) if not p.is_warning)
    assert (told.code, told.column) == ("net-billing-below-zero", "net_billing")
    rows["tariff_charges"][10]["price_usd_per_mwh"] = -45
    assert not [p for p in problems(rows) if not p.is_warning]


def test_tariffs_of_another_market_and_zones_nobody_knows() -> None:
    rows = full()
    rows["tariffs"][1]["market"] = "SPP"
    rows["settings"][-1]["value"] = "Texas"
    assert {(p.code, p.table) for p in problems(rows)} == {
        ("wrong-market", "site_tariffs"), ("unknown-zone", "settings")}  # fmt: skip


def test_an_unserved_price_below_what_a_peak_costs_is_told() -> None:
    rows = full()
    rows["settings"].append({"key": "unserved_price_usd_per_mwh", "value": 20_000})
    told = next(p for p in problems(rows) if p.code == "unserved-price-low")
    # 6 USD/kW for 12 months by the ratchet of the first tier, 4 x (1 + 0.8 x 11), and a quarter
    # of 70 USD/kW-year, times 1.5 and 1,000 kW.
    assert told.expected == f">= {1500 * (4 * 9.8 + 70 / 4):,.0f}"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("6-9", {6, 7, 8, 9}), ("6 to 9", {6, 7, 8, 9}), ("11-2", {11, 12, 1, 2}), ("5", {5}),
     ("1,3;5", {1, 3, 5}), ("", set(range(1, 13)))],
)  # fmt: skip
def test_months_are_read(text: str, wanted: set[int]) -> None:
    assert windows.months(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("14-20", {14, 15, 16, 17, 18, 19}), ("22-2", {22, 23, 0, 1}), ("0-24", set(range(24))),
     ("7", {7}), ("7-9,17-18", {7, 8, 17})],
)  # fmt: skip
def test_hours_are_read(text: str, wanted: set[int]) -> None:
    assert windows.hours(text) == wanted


def test_standard_time_is_that_without_summer_time() -> None:
    assert windows.standard_offset("America/Chicago") == -6
    assert windows.standard_offset("Australia/Sydney") == 10
    assert windows.standard_offset("UTC") == 0
