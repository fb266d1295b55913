"""Makes the catalog again: ``python -m optimizer.catalog.make --data DIR``.

DIR holds ``reeds/plant_characteristics`` with the ATB 2024 files of ReEDS. Levels are the
ATB's 2026 cost (in its own 2022 dollars) times a dated market multiplier that brings it to
today's quotes in 2026 dollars; the *shape* over time is the ATB's.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from optimizer.tables import BY_NAME

HERE = Path(__file__).parent
AS_OF = "2026-11-01"
YEARS = range(2026, 2041)

# Entry: (file, row of the file, level wanted in 2026 USD/kW, note on the level).
ATB = {
    "engine_high_speed": ("gas", "Gas-CT", 1400, "1,300-1,700 assumption"),
    "engine_medium_speed": ("gas", "Gas-CT", 1500, "El Paso 366 MW at 1,292 $/kW, 2026"),
    "turbine_aeroderivative": ("gas", "Gas-CT_aero", 1900, "assumption"),
    "turbine_frame": ("gas", "Gas-CT", 1500, "assumption"),
    "combined_cycle": ("gas", "Gas-CC", 2400, "developers' quotes 2026"),
    "fuel_cell": (None, None, 4000, "3,500-4,500 assumption; no curve"),
    "nuclear_large": ("nuclear", None, 9500, "assumption on ATB 2024"),
    "nuclear_small": ("nuclear-smr", None, 10500, "10,000 and more, assumption"),
    "geothermal_enhanced": ("geo", "egs", 8000, "assumption on ATB 2024 class 1"),
    "solar": ("upv", None, 1250, "assumption, per kWac"),
    "wind": ("ons-wind", None, 1700, "assumption on ATB 2024"),
    "battery": ("battery", None, 350, "4 h at 1,250 $/kW in all, assumption"),
}

COMMON: dict[str, Any] = {"market_multiplier_as_of": AS_OF, "order_share": 0.2}
THERMAL = {**COMMON, "class": "thermal", "fuel": "gas"}
RISK = {"order_at_risk": "yes", "refusal_probability": 0.1, "recovered_share": 0.6}


def months(procurement: str, construction: str, commissioning: str) -> dict[str, int]:
    """Columns from ``low/likely/high`` texts."""
    columns: dict[str, int] = {}
    for step, text in (
        ("procurement", procurement), ("construction", construction),
        ("commissioning", commissioning),
    ):  # fmt: skip
        low, likely, high = (int(v) for v in text.split("/"))
        columns |= {f"{step}_months": likely, f"{step}_months_low": low,
                    f"{step}_months_high": high}  # fmt: skip
    return columns


ROWS: dict[str, dict[str, Any]] = {
    "engine_high_speed": {
        **THERMAL, **RISK, "unit_mw": 5, "fom_usd_per_kw_year": 18, "vom_usd_per_mwh": 9,
        "heat_rate_mmbtu_per_mwh": 8.7, "nox_kg_per_mwh": 0.094, "water_m3_per_mwh": 0.005,
        "land_km2_per_mw": 0.0002, "life_years": 20, "forced_outage_rate": 0.03,
        "planned_outage_rate": 0.03, "permit_kind": "air", **months("9/15/24", "3/4/6", "1/1/2"),
    },
    "engine_medium_speed": {
        **THERMAL, **RISK, "unit_mw": 18, "fom_usd_per_kw_year": 20, "vom_usd_per_mwh": 7,
        "heat_rate_mmbtu_per_mwh": 8.3, "nox_kg_per_mwh": 0.094, "water_m3_per_mwh": 0.005,
        "land_km2_per_mw": 0.0003, "life_years": 25, "forced_outage_rate": 0.025,
        "planned_outage_rate": 0.03, "permit_kind": "air", **months("24/30/36", "6/9/12", "1/2/3"),
    },
    "turbine_aeroderivative": {
        **THERMAL, **RISK, "unit_mw": 48, "fom_usd_per_kw_year": 18, "vom_usd_per_mwh": 5,
        "heat_rate_mmbtu_per_mwh": 9.3, "nox_kg_per_mwh": 0.1, "water_m3_per_mwh": 0.1,
        "land_km2_per_mw": 0.0002, "life_years": 25, "forced_outage_rate": 0.03,
        "planned_outage_rate": 0.03, "permit_kind": "air", **months("24/30/42", "6/8/12", "1/2/3"),
    },
    "turbine_frame": {
        **THERMAL, "unit_mw": 230, "fom_usd_per_kw_year": 15, "vom_usd_per_mwh": 5,
        "heat_rate_mmbtu_per_mwh": 9.7, "nox_kg_per_mwh": 0.1, "water_m3_per_mwh": 0.05,
        "land_km2_per_mw": 0.0002, "life_years": 30, "forced_outage_rate": 0.04,
        "planned_outage_rate": 0.05, "permit_kind": "air",
        **months("48/60/84", "12/18/24", "2/3/4"),
    },
    "combined_cycle": {
        **THERMAL, "unit_mw": 380, "fom_usd_per_kw_year": 32, "vom_usd_per_mwh": 2.2,
        "heat_rate_mmbtu_per_mwh": 6.4, "nox_kg_per_mwh": 0.03, "water_m3_per_mwh": 0.7,
        "land_km2_per_mw": 0.0003, "life_years": 30, "forced_outage_rate": 0.04,
        "planned_outage_rate": 0.06, "permit_kind": "air",
        **months("48/60/84", "24/30/36", "3/4/6"),
    },
    "fuel_cell": {
        **THERMAL, "unit_mw": 5, "fom_usd_per_kw_year": 45, "vom_usd_per_mwh": 8,
        "heat_rate_mmbtu_per_mwh": 6.9, "nox_kg_per_mwh": 0.002, "water_m3_per_mwh": 0.0,
        "land_km2_per_mw": 0.0001, "life_years": 15, "forced_outage_rate": 0.02,
        "planned_outage_rate": 0.02, "permit_kind": "fuel_cell",
        **months("6/12/18", "2/3/5", "1/1/2"),
    },
    "nuclear_large": {
        **THERMAL, "fuel": "uranium", "unit_mw": 1000, "fom_usd_per_kw_year": 175,
        "vom_usd_per_mwh": 3, "heat_rate_mmbtu_per_mwh": 10.5, "water_m3_per_mwh": 2.5,
        "land_km2_per_mw": 0.003, "life_years": 60, "forced_outage_rate": 0.03,
        "planned_outage_rate": 0.06, "permit_kind": "nuclear",
        **months("24/36/48", "60/84/120", "6/9/12"),
    },
    "nuclear_small": {
        **THERMAL, "fuel": "uranium", "unit_mw": 80, "fom_usd_per_kw_year": 150,
        "vom_usd_per_mwh": 3, "heat_rate_mmbtu_per_mwh": 10.5, "water_m3_per_mwh": 2.5,
        "land_km2_per_mw": 0.001, "life_years": 60, "forced_outage_rate": 0.04,
        "planned_outage_rate": 0.05, "permit_kind": "nuclear",
        **months("18/24/36", "36/48/72", "6/9/12"),
    },
    "geothermal_enhanced": {
        **COMMON, "class": "thermal", "unit_mw": 25, "fom_usd_per_kw_year": 170,
        "land_km2_per_mw": 0.004, "water_m3_per_mwh": 0.5, "life_years": 30,
        "forced_outage_rate": 0.05, "planned_outage_rate": 0.04, "permit_kind": "land_use",
        **months("9/12/18", "18/24/36", "2/3/6"),
    },
    "solar": {
        **COMMON, "class": "variable", "fom_usd_per_kw_year": 22, "land_km2_per_mw": 0.025,
        "life_years": 30, "permit_kind": "land_use", **months("8/12/18", "6/9/12", "1/1/2"),
    },
    "wind": {
        **COMMON, "class": "variable", "fom_usd_per_kw_year": 32, "land_km2_per_mw": 0.01,
        "life_years": 30, "permit_kind": "land_use", **months("12/18/24", "9/12/15", "1/2/3"),
    },
    "battery": {
        **COMMON, "class": "storage", "capex_usd_per_kwh": 225, "fom_usd_per_kw_year": 25,
        "vom_usd_per_mwh": 0.5, "round_trip_efficiency": 0.86, "land_km2_per_mw": 0.0002,
        "life_years": 15, "permit_kind": "land_use", **months("8/12/18", "3/5/8", "1/1/2"),
    },
}  # fmt: skip


def curve(folder: Path, file: str, row: str | None) -> pd.Series:
    """Cost by year of the ATB's moderate case [$/kW]."""
    frame = pd.read_csv(folder / f"{file}_ATB_2024_moderate.csv")
    if file == "geo":
        frame = frame[(frame["Tech"] == row) & (frame["Geo class"] == 1)]
        return frame.groupby("Year")["Cap cost 1000$/MW"].first()
    if row is not None:
        frame = frame[frame["i"] == row]
    elif "i" in frame:
        frame = frame[frame["i"] == frame["i"].iloc[0]]
    year = "t" if "t" in frame else "Year"
    cost = next(c for c in frame.columns if "cap" in c.lower() and "energy" not in c.lower())
    values = frame.groupby(year)[cost].mean()
    return values / 1000 if values.max() > 50_000 else values


def main() -> None:
    """Write technologies.csv and technology_costs.csv beside this file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    folder = parser.parse_args().data / "reeds" / "plant_characteristics"
    table, costs = [], []
    for name, values in ROWS.items():
        file, row, level, note = ATB[name]
        base, words = float(level), f"level {note}; months and rates assumption"
        if file:
            by_year = curve(folder, file, row)
            base = float(by_year.loc[2026])
            words = f"ATB 2024 moderate 2026 = {base:,.0f} $/kW; {words}"
            for year in YEARS:
                index = float(by_year.loc[year]) / base
                costs.append({"technology": name, "year": year, "capex_index": round(index, 4),
                              "source": "ATB 2024 moderate via ReEDS, relative to 2026"})  # fmt: skip
        table.append(
            {"technology": name, "capex_usd_per_kw": round(base, 1),
             "market_multiplier": round(level / base, 3), **values, "source": words}
        )  # fmt: skip
        if name == "battery":
            # Energy carries its own cost today; the multiplier applies to both.
            table[-1]["capex_usd_per_kwh"] = round(225 / (level / base), 1)
    columns = [c for c in BY_NAME["technologies"].column_names if c != "catalog"]
    pd.DataFrame(table).reindex(columns=columns).to_csv(HERE / "technologies.csv", index=False)
    pd.DataFrame(costs).to_csv(HERE / "technology_costs.csv", index=False)


if __name__ == "__main__":
    main()
