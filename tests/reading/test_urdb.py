"""Rates of the Utility Rate Database, written here in its public format, as rows of tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from optimizer.cli import main
from optimizer.errors import ExitCode, UsageError
from optimizer.reading.urdb import Converted, read_rates
from tests.support import add_grid, base, inputs, profiles

SUMMER = range(5, 9)


def schedule(week_on: list[int], other: int = 0, on: int = 1) -> list[list[int]]:
    """``on`` in some hours of June to September."""
    return [[on if m in SUMMER and h in week_on else other for h in range(24)] for m in range(12)]


def industrial() -> dict[str, Any]:
    """Time of use in summer, two kinds of demand charge with a ratchet, a fixed charge by day."""
    return {
        "label": "0123", "name": "Large Power", "utility": "Example Electric", "dgrules": "Net Billing",
        "energyratestructure": [[{"rate": 0.03, "adj": 0.005}], [{"rate": 0.09, "sell": 0.02}]],
        "energyweekdayschedule": schedule(list(range(14, 20))),
        "energyweekendschedule": schedule([]),
        "demandrateunit": "kW",
        "demandratestructure": [[{"rate": 0}], [{"rate": 8.5}]],
        "demandweekdayschedule": schedule(list(range(14, 20))),
        "demandweekendschedule": schedule([]),
        "flatdemandunit": "kW",
        "flatdemandstructure": [[{"rate": 4}], [{"rate": 6, "max": 5000}, {"rate": 7}]],
        "flatdemandmonths": [0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0],
        "lookbackPercent": 0.8, "lookbackMonths": [0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0],
        "lookbackRange": 11, "fixedchargefirstmeter": 100, "fixedchargeunits": "$/day",
        "mincharge": 5000, "minchargeunits": "$/month", "demandreactivepowercharge": 0.3,
    }  # fmt: skip


def declining() -> dict[str, Any]:
    """A block rate of an older version of the format, with monthly fuel adjustments; demand too."""
    return {
        "name": "General Service",
        "energyratestructure": [[{"rate": 0.1, "max": 10_000, "unit": "kWh"}, {"rate": 0.06}]],
        "energyweekdayschedule": [[0] * 24 for _ in range(12)],
        "energyweekendschedule": [[0] * 24 for _ in range(12)],
        "fueladjustmentsmonthly": [0.01] * 6 + [0.02] * 6, "fixedmonthlycharge": 25,
        "coincidentratestructure": [[{"rate": 0}], [{"rate": 3}]],
        "coincidentrateschedule": schedule([16, 17]), "flatdemandunit": "kW",
        "flatdemandstructure": [[{"rate": 9, "max": 500}, {"rate": 5}]],
    }  # fmt: skip


def convert(tmp_path: Path, *rates: dict[str, Any]) -> Converted:
    path = tmp_path / "rates.json"
    path.write_text(json.dumps({"items": list(rates)}))
    return read_rates(path)


def rows_of(found: Converted, charge: str) -> list[dict[str, Any]]:
    return [r for r in found.charges if r["charge"] == charge]


def test_an_industrial_rate(tmp_path: Path) -> None:
    found = convert(tmp_path, industrial())
    assert found.tariffs[0]["export_price_usd_per_mwh"] == 20
    assert found.tariffs[0]["net_billing"] == "yes"
    energy = rows_of(found, "energy")
    assert {r["price_usd_per_mwh"] for r in energy} == {35, 90}
    on = next(r for r in energy if r["price_usd_per_mwh"] == 90)
    assert (on["months"], on["hours"], on["weekdays"]) == ("6-9", "14-20", "weekday")
    (peak,) = rows_of(found, "demand, period 1")
    assert (peak["price_usd_per_kw_month"], peak["hours"], peak["weekdays"]) == (
        8.5, "14-20", "weekday")  # fmt: skip
    assert not rows_of(found, "demand, period 0")  # costs nothing
    flat = rows_of(found, "demand")
    assert [r["price_usd_per_kw_month"] for r in flat] == [4, 6, 7]
    assert flat[1]["tier_to_mw"] == 5
    assert flat[0]["ratchet_share"] == 0.8
    assert (flat[0]["ratchet_season"], flat[0]["ratchet_months"]) == ("6-9", 11)
    (fixed,) = rows_of(found, "fixed charge")
    assert fixed["price_usd_per_month"] == pytest.approx(100 * 365 / 12)
    assert rows_of(found, "least")[0]["price_usd_per_month"] == 5000
    assert any("reactive" in note for note in found.notes)


def test_declining_blocks_are_tiers(tmp_path: Path) -> None:
    found = convert(tmp_path, declining())
    first, last = rows_of(found, "energy")
    assert (first["price_usd_per_mwh"], first["tier_to_mwh"]) == (100, 10)
    assert (last["price_usd_per_mwh"], last["tier"]) == (60, 2)
    assert "tier_to_mwh" not in last
    demand = rows_of(found, "demand")
    assert [r["price_usd_per_kw_month"] for r in demand] == [9, 5]
    assert demand[0]["tier_to_mw"] == 0.5
    assert not any("tier" in note or "fall" in note for note in found.notes)
    fuel = rows_of(found, "fuel adjustment")
    assert [(r["price_usd_per_mwh"], r["months"]) for r in fuel] == [(10, "1-6"), (20, "7-12")]
    (peak,) = [r for r in found.charges if r["kind"] == "coincident_peak"]
    assert found.series[peak["hours_profile"]].sum() == 122 * 2


def test_what_declining_blocks_leave_to_the_reader(tmp_path: Path) -> None:
    rate = declining() | {"dgrules": "Net Metering"}
    rate["energyratestructure"][0][0] |= {"max": 300, "unit": "kWh/kW"}
    found = convert(tmp_path, rate)
    assert rows_of(found, "energy")[0]["tier_to_hours"] == 300
    assert any("hours_of" in note for note in found.notes)
    assert any("export_price_share" in note for note in found.notes)


def test_converted_rates_are_a_valid_input(tmp_path: Path) -> None:
    for rate in (industrial(), declining()):
        found = convert(tmp_path, rate)
        rows = base()
        add_grid(rows, 10)
        rows["tariffs"] = [{**found.tariffs[0], "market": "ERCOT"}]
        rows["sites"][0]["tariff"] = found.tariffs[0]["tariff"]
        rows["tariff_charges"] = found.charges
        read = inputs(rows, profiles() | found.series)
        assert len(read.tables["tariff_charges"]) == len(found.charges)


def test_demand_with_other_hours_at_weekends_is_a_series(tmp_path: Path) -> None:
    rate = industrial()
    rate["demandweekendschedule"] = schedule([18, 19])
    (peak,) = rows_of(convert(tmp_path, rate), "demand, period 1")
    assert "hours" not in peak
    series = convert(tmp_path, rate).series[peak["hours_profile"]]
    assert 122 * 2 < series.sum() < 122 * 6


def test_the_command_writes_tables_and_tells_what_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rate.json"
    path.write_text(json.dumps(industrial()))
    with pytest.raises(SystemExit) as done:
        main(["convert", str(path), str(tmp_path / "out")])
    assert done.value.code == ExitCode.DONE
    told = capsys.readouterr()
    assert "not expressed" in told.err
    assert "reactive" in told.err
    charges = pd.read_csv(tmp_path / "out" / "tariff_charges.csv")
    assert set(charges["kind"]) == {"energy", "demand", "fixed", "minimum_bill"}
    with pytest.raises(SystemExit) as done:
        main(["convert", str(path), str(tmp_path / "out.xlsx")])
    assert done.value.code == ExitCode.DONE
    assert (tmp_path / "out.xlsx").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "not JSON"), ("[]", "no rates"), ('{"a": 1}', "not a rate"),
     ('{"energyratestructure": [[{"rate": "x"}]]}', "another form"),
     ('{"energyratestructure": [[{"rate": 1}]], "energyweekdayschedule": [[1]]}', "12 months")],
)  # fmt: skip
def test_other_files_are_refused_in_words(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "rate.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        read_rates(path)
