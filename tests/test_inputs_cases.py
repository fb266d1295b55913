"""The shipped cases: readable, plausible, and equal as workbook and as CSV."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from optimizer.reading.inputs import Inputs, read_inputs

INPUTS = Path(__file__).parents[1] / "inputs"
CST = -6


def load(name: str) -> Inputs:
    inputs, problems = read_inputs(INPUTS / name)
    assert inputs is not None, problems.report()
    return inputs


@pytest.mark.parametrize("name", ["quickstart", "single_site_tariff", "texas_southwest"])
def test_case_has_no_errors(name: str) -> None:
    load(name)


def test_workbook_equals_csv() -> None:
    folder, workbook = load("texas_southwest"), load("texas_southwest/case.xlsx")
    for name, table in folder.tables.items():
        # The index is the row in its sheet, and a workbook has a units row.
        other = workbook.tables[name].reset_index(drop=True)
        pd.testing.assert_frame_equal(table.reset_index(drop=True), other, obj=name)


def test_solar_noon_agrees_with_longitude() -> None:
    inputs = load("texas_southwest")
    longitude = inputs.tables["sites"].set_index("site")["longitude"]
    offered = inputs.tables["site_technologies"]
    for _, row in offered[offered["technology"] == "solar"].iterrows():
        day = inputs.profiles[row["profile"]].reshape(365, 24).mean(axis=0)
        center = float(day @ (np.arange(24) + 0.5) / day.sum())
        noon = 12 - longitude[row["site"]] / 15 + CST
        assert center == pytest.approx(noon, abs=1.0), row["site"]


def test_synthetic_prices_are_as_documented() -> None:
    profiles = load("texas_southwest").profiles
    for name, mean in (("price_ercot", 38.0), ("price_spp", 34.0)):
        price = profiles[name]
        assert price.mean() == pytest.approx(mean, abs=0.1)
        assert (price < 0).sum() == pytest.approx(0.02 * 8760, abs=2)
        assert price.max() == pytest.approx(3000, abs=1)


def test_every_number_of_the_catalog_has_a_source() -> None:
    folder = Path(__file__).parents[1] / "optimizer" / "catalog"
    for name in ("technologies.csv", "technology_costs.csv"):
        assert pd.read_csv(folder / name)["source"].notna().all()
