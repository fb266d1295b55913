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
from optimizer.results.verify import verify_plan
from optimizer.settings import RunOptions
from optimizer.solving.solve import solve_case
from tests.support import add_grid, base, case, inputs, profiles

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
    found = convert(tmp_path, rate)
    assert any("export_price_share" in note for note in found.notes)
    # Hours of use that fall are a charge on each kW of the peak, exact above the last tier.
    rate["energyratestructure"][0][0] |= {"max": 300, "unit": "kWh/kW"}
    found = convert(tmp_path, rate)
    first, last = (1000 * tier["rate"] for tier in rate["energyratestructure"][0])
    (energy,) = rows_of(found, "energy")
    assert energy["price_usd_per_mwh"] == pytest.approx(last)
    (lower,) = rows_of(found, "lower tiers of energy")
    assert lower["price_usd_per_kw_month"] == pytest.approx(0.3 * (first - last))
    assert any("hours of use" in note for note in found.notes)


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


REAL = Path(__file__).parent / "urdb"
"""Records of the database itself; see SOURCE.md there."""


def bill(name: str, month: str) -> tuple[Converted, dict[str, float]]:
    """US$ by line of a month in which 20 MW run in every hour under a real rate."""
    found = read_rates(REAL / name)
    rows = base([("month", month, 1)])
    add_grid(rows, 30, cost_usd_per_kw=1)
    rows["site_technologies"][0]["max_mw"] = 0
    rows["tariffs"] = [{**found.tariffs[0], "market": "ERCOT"}]
    rows["sites"][0]["tariff"] = found.tariffs[0]["tariff"]
    rows["tariff_charges"] = found.charges
    plan = solve_case(case(rows, profiles() | found.series), RunOptions(gap=1e-7, time_limit_s=60))
    assert verify_plan(plan.inputs, plan.tables, plan.dispatch, plan.report.objective).passed
    bills = plan.tables["bills"]
    return found, dict(bills.groupby("charge")["usd"].sum())


def test_hours_of_use_that_fall_are_a_demand_charge() -> None:
    # January: 20,000 kW for 744 h. 300 h of each kW at 0.042, the rest at 0.029 USD/kWh; 100 kW
    # at 13.5 and 19,900 kW at 12.1 USD/kW. The file is a JSON string that holds the answer.
    found, paid = bill("south_central_lp1.json", "2027-01-01")
    energy = 20_000 * (300 * 0.042 + 444 * 0.029)
    assert sum(paid.values()) == pytest.approx(energy + 100 * 13.5 + 19_900 * 12.1)
    (summer,) = [r for r in found.charges if r["charge"].startswith("lower tiers of period 0")]
    assert (summer["kind"], summer["months"]) == ("demand", "6-9")
    assert summer["price_usd_per_kw_month"] == pytest.approx(300 * (0.049 - 0.033))
    assert any("exact from 300 hours of use" in note for note in found.notes)


def test_a_real_rate_with_a_ratchet() -> None:
    # January: 14,880 MWh at 0.0619 + 0.008376 USD/kWh, 20,000 kW at 10.5 USD and 275 USD a month.
    found, paid = bill("wallingford_primary.json", "2027-01-01")
    assert sum(paid.values()) == pytest.approx(14_880_000 * 0.070276 + 20_000 * 10.5 + 275)
    demand = rows_of(found, "demand")
    assert {(r["months"], r["price_usd_per_kw_month"]) for r in demand} == {
        ("1-4,11-12", 10.5), ("5-10", 11.5)}  # fmt: skip
    assert {r["ratchet_share"] for r in demand} == {0.35}
    said = " ".join(found.notes)
    assert "reactive power" in said and "400 to any kW" in said and "ends on 2013-10-31" in said


def test_a_real_time_of_use_rate() -> None:
    # July 2012 has 22 weekdays and 9 days of weekends: 132 h on peak, 198 h between, 414 h off it.
    # The peak of the month, that on peak and that between are each billed for 20,000 kW.
    found, paid = bill("sce_gs2_tou_b.json", "2027-07-01")
    assert not found.series  # the hours that cost nothing need none
    energy = 20_000 * (132 * 0.1355 + 198 * 0.08888 + 414 * 0.066)
    assert sum(paid.values()) == pytest.approx(energy + 20_000 * (13.2 + 18.11 + 5.3) + 259.2)


def test_long_names_that_begin_alike_keep_their_series(tmp_path: Path) -> None:
    rates = [industrial() | {"name": "Time of Use, General Service, Demand Metered, Option B: " + n}
             for n in ("Single Phase", "Three Phase")]  # fmt: skip
    for rate, hours in zip(rates, ([18], [19, 20]), strict=True):
        rate["demandweekendschedule"] = schedule(hours)
    found = convert(tmp_path, *rates)
    peaks = [found.series[r["hours_profile"]].sum() for r in rows_of(found, "demand, period 1")]
    assert len(peaks) == len(found.series) == 2
    assert peaks[1] > peaks[0]


def test_names_of_the_bulk_file(tmp_path: Path) -> None:
    plain, other = industrial(), industrial()
    for name, bulk in (("name", "rateName"), ("utility", "utilityName"),
                       ("energyweekdayschedule", "energyWeekdaySched"),
                       ("energyweekendschedule", "energyWeekendSched"),
                       ("demandweekdayschedule", "demandWeekdaySched"),
                       ("demandweekendschedule", "demandWeekendSched"),
                       ("flatdemandunit", "flatDemandUnits"), ("demandrateunit", "demandRateUnits"),
                       ("demandreactivepowercharge", "demandReactPwrCharge")):  # fmt: skip
        other[bulk] = other.pop(name)
    for name, bulk, tiers in (("energyratestructure", "energyRateStrux", "energyRateTiers"),
                              ("demandratestructure", "demandRateStrux", "demandRateTiers"),
                              ("flatdemandstructure", "flatDemandStrux", "flatDemandTiers")):  # fmt: skip
        other[bulk] = [{tiers: period} for period in other.pop(name)]
    wanted, found = convert(tmp_path, plain), convert(tmp_path, other)
    assert (found.tariffs, found.charges, found.notes) == (
        wanted.tariffs, wanted.charges, wanted.notes)  # fmt: skip


def test_tiers_by_the_day_and_demand_that_falls(tmp_path: Path) -> None:
    rate = declining()
    rate["energyratestructure"] = [[{"rate": 0.1, "max": 12, "unit": "kWh daily"}, {"rate": 0.2}]]
    rate["flatdemandstructure"] = [[{"rate": 9, "max": 100}, {"rate": 5}]]
    rate |= {"sector": "Residential", "servicetype": "Delivery", "demandwindow": 15}
    found = convert(tmp_path, rate)
    assert rows_of(found, "energy")[0]["tier_to_mwh"] == pytest.approx(12 * 365 / 12 / 1000)
    lower, upper = (r for r in found.charges if r["kind"] == "demand" and "tier" in r)
    assert (lower["price_usd_per_kw_month"], lower["tier_to_mw"]) == (9, 0.1)
    assert upper["price_usd_per_kw_month"] == 5
    said = " ".join(found.notes)
    for word in ("Residential", "Delivery", "15 minutes", "by the day"):
        assert word in said
