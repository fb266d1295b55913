"""The units row: what is written in other units reads as in the declared ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from optimizer.errors import Problems
from optimizer.reading.inputs import Inputs, read_inputs
from optimizer.reading.units import ALTERNATIVES, UnitError, alternatives, conversion
from optimizer.tables import SETTINGS_KEYS, TABLES
from tests.reading.books import only, write_book
from tests.support import base


@pytest.mark.parametrize(
    ("written", "declared", "factor"),
    [
        ("kW", "MW", 1e-3),
        ("mw", "MW", 1.0),
        ("$/MW", "USD/kW", 1e-3),
        ("$M/MW", "USD/MW", 1e6),
        ("million USD / MW", "USD/MW", 1e6),
        ("$/kW-mo", "USD/kW-year", 12.0),
        ("acres", "km2", 0.0040468564224),
        ("square miles", "km2", 2.589988110336),
        ("$/acre", "USD/km2", 247.105381467165),
        ("¢/kWh", "USD/MWh", 10.0),
        ("gallons/yr", "m3/year", 0.003785411784),
        ("gal per day", "m3/year", 365 * 0.003785411784),
        ("acre-feet/year", "m3/year", 1233.48183754752),
        ("t/year", "short tons/year", 1 / 0.90718474),
        ("lb/MMBtu", "t/MMBtu", 0.45359237e-3),
        ("g/bhp-h", "kg/MWh", 1.34102208959503),
        ("Btu/kWh", "MMBtu/MWh", 1e-3),
        ("Btu/kWh (HHV)", "MMBtu/MWh", 1e-3),
        ("kJ/kWh", "MMBtu/MWh", 0.947817e-3),
        ("%", "", 0.01),
        ("% / year", "1/year", 0.01),
        ("years", "months", 12.0),
        ("ft", "m", 0.3048),
    ],
)
def test_conversions(written: str, declared: str, factor: float) -> None:
    assert conversion(written, declared).factor == pytest.approx(factor, rel=1e-6)


@pytest.mark.parametrize(
    ("written", "declared", "words"),
    [
        ("MWW", "MW", 'Closest: "MW"'),
        ("USD/kWW", "USD/kW", 'Closest: "USD/kW"'),
        ("MWh", "MW", "such as kW"),
        ("tons/year", "short tons/year", "short tons or t"),
        ("GJ", "MWh", "energy of fuel"),
        ("€/kW", "USD/kW", "docs/workbook.md"),
        ("LHV", "MW", "heat rates"),
        ("/", "MW", "such as kW"),
    ],
)
def test_unusable_units_say_what_to_write(written: str, declared: str, words: str) -> None:
    with pytest.raises(UnitError) as caught:
        conversion(written, declared)
    assert words in str(caught.value)


def test_every_declared_unit_is_in_the_vocabulary() -> None:
    for column in (*SETTINGS_KEYS, *(c for t in TABLES for c in t.columns)):
        assert column.unit in (*alternatives(column.unit), column.unit)
    for unit in ALTERNATIVES:
        assert conversion(unit.upper(), unit).factor == pytest.approx(1.0)


def with_units(folder: Path, units: dict[str, dict[str, str]], rows: Any = None,
               *, mark: str = "units") -> tuple[Inputs | None, Problems]:  # fmt: skip
    """The base case as a workbook with a units row in some sheets."""
    rows = rows or base()
    for name, given in units.items():
        first = next(iter(rows[name][0]))
        rows[name].insert(0, {**dict.fromkeys(rows[name][0]), first: mark or None, **given})
    return read_inputs(write_book(folder / "case.xlsx", rows))


def test_units_row_in_a_workbook(tmp_path: Path) -> None:
    rows = base()
    rows["sites"][0].update(land_km2="12,000", max_it_mw=100_000)
    inputs, problems = with_units(
        tmp_path, {"sites": {"land_km2": "acres", "max_it_mw": "kW", "pue": ""}}, rows
    )
    assert inputs is not None, problems.report()
    site = inputs.tables["sites"].iloc[0]
    assert site["land_km2"] == pytest.approx(12_000 * 0.0040468564224)
    assert site["max_it_mw"] == 100
    assert list(inputs.tables["sites"].index) == [3]


def test_units_row_is_known_without_its_mark(tmp_path: Path) -> None:
    inputs, problems = with_units(tmp_path, {"sites": {"max_it_mw": "kW"}}, mark="")
    assert inputs is not None, problems.report()
    assert inputs.tables["sites"]["max_it_mw"].iloc[0] == pytest.approx(0.1)


def test_units_row_in_csv(tmp_path: Path) -> None:
    for name, rows in base().items():
        pd.DataFrame(rows).to_csv(tmp_path / f"{name}.csv", index=False)
    header, *rest = (tmp_path / "sites.csv").read_text().splitlines()
    (tmp_path / "sites.csv").write_text("\n".join([header, "units,,,,,acres,,", *rest]))
    inputs, problems = read_inputs(tmp_path)
    assert inputs is not None, problems.report()
    assert inputs.tables["sites"]["land_km2"].iloc[0] == pytest.approx(50 * 0.0040468564224)


def test_wrong_dimension_and_misspelt(tmp_path: Path) -> None:
    found = only(with_units(tmp_path, {"sites": {"land_km2": "MW"}})[1])
    assert (found.code, found.table, found.cell) == ("bad-unit", "sites", "F2")
    assert "acres" in found.expected
    found = only(with_units(tmp_path, {"sites": {"land_km2": "arces"}})[1])
    assert found.remedy == 'Closest: "acres".'


def test_unit_of_a_text_column(tmp_path: Path) -> None:
    found = only(with_units(tmp_path, {"sites": {"market": "MW"}})[1])
    assert (found.code, found.cell) == ("bad-unit", "E2")


def test_bounds_hold_in_the_declared_unit_and_show_what_was_written(tmp_path: Path) -> None:
    rows = base()
    rows["workloads"][0]["load_factor"] = 162
    found = only(with_units(tmp_path, {"workloads": {"load_factor": "%"}}, rows)[1])
    assert (found.code, found.found) == ("out-of-range", '"162 %"')


def test_whole_months_from_years(tmp_path: Path) -> None:
    rows = base()
    rows["campus_blocks"][0]["construction_months"] = 1.5
    inputs, problems = with_units(
        tmp_path, {"campus_blocks": {"construction_months": "years"}}, rows
    )
    assert inputs is not None, problems.report()
    assert inputs.tables["campus_blocks"]["construction_months"].iloc[0] == 18


def test_heat_rate_on_the_lower_heating_value_is_flagged(tmp_path: Path) -> None:
    rows = base()
    rows["technologies"][0]["heat_rate_mmbtu_per_mwh"] = 8000
    inputs, problems = with_units(
        tmp_path, {"technologies": {"heat_rate_mmbtu_per_mwh": "Btu/kWh LHV"}}, rows
    )
    assert inputs is not None, problems.report()
    assert only(problems).is_warning
    rate = inputs.tables["technologies"]["heat_rate_mmbtu_per_mwh"].iloc[0]
    assert rate == pytest.approx(8.0 * 1.108)


def test_emission_of_fuel_goes_through_the_heat_rate(tmp_path: Path) -> None:
    """0.02 lb/MMBtu at 8 MMBtu/MWh = 0.16 lb/MWh = 0.0726 kg/MWh; the catalog's rate elsewhere."""
    rows = base()
    rows["technologies"][0].update(heat_rate_mmbtu_per_mwh=8000, nox_kg_per_mwh=0.02)
    rows["technologies"].append(
        {"technology": "catalog one", "catalog": "engine_high_speed", "nox_kg_per_mwh": 0.02}
    )
    rows["technologies"][0]["catalog"] = None
    rows["permits"] = [{"jurisdiction": "TX", "permit_kind": "air", "months": 1}]
    inputs, problems = with_units(
        tmp_path,
        {"technologies": {"heat_rate_mmbtu_per_mwh": "Btu/kWh", "nox_kg_per_mwh": "lb/MMBtu"}},
        rows,
    )
    assert inputs is not None, problems.report()
    nox = inputs.tables["technologies"]["nox_kg_per_mwh"]
    assert nox.iloc[0] == pytest.approx(0.02 * 8 * 0.45359237)
    assert nox.iloc[1] == pytest.approx(0.02 * 8.7 * 0.45359237)
