"""Makes ``inputs/quickstart`` again from the profiles of ``inputs/texas_southwest``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

HERE = Path(__file__).parent
SERIES = ("solar_ERC_WEST", "solar_SPP_SPS", "wind_ERC_WEST", "wind_SPP_SPS", "price_ercot",
          "price_spp", "load_ai")  # fmt: skip
ASSUMED = "assumption"
Row = dict[str, Any]


def months(procurement: int, construction: int, commissioning: int) -> Row:
    """Likely months; low and high are left blank."""
    return {"procurement_months": procurement, "construction_months": construction,
            "commissioning_months": commissioning}  # fmt: skip


TABLES: dict[str, list[Row]] = {
    "settings": [
        {"key": "case_name", "value": "quickstart"},
        {"key": "plan_start", "value": "2027-01-01"},
        {"key": "reference_year", "value": 2012},
        {"key": "time_zone", "value": "Etc/GMT+6"},
        {"key": "gap", "value": 0.02},
        {"key": "time_limit_s", "value": 60},
    ],
    "periods": [
        {"period": "2027-H1", "start": "2027-01-01", "months": 6},
        {"period": "2027-H2", "start": "2027-07-01", "months": 6},
        {"period": "2028", "start": "2028-01-01", "months": 12},
        {"period": "2029-2030", "start": "2029-01-01", "months": 24},
    ],
    "regions": [{"region": "Dallas", "longitude": -96.80, "latitude": 32.78}],
    "compute": [
        {"accelerator": "gpu", "capex_usd_per_mw": 35e6, "life_months": 60,
         "margin_usd_per_mw_month": 100_000, "real_rate": 0.1, "source": ASSUMED}
    ],
    "workloads": [{"workload": "training", "load_profile": "load_ai", "accelerator": "gpu"}],
    "demand": [
        {"workload": "training", "region": "Dallas", "period": p, "it_mw": mw}
        for p, mw in (("2027-H1", 0), ("2027-H2", 60), ("2028", 150), ("2029-2030", 250))
    ],
    "sites": [
        {"site": name, "longitude": lon, "latitude": lat, "jurisdiction": "TX", "market": market,
         "utility": utility, "tariff": tariff, "gas_hub": hub, "land_km2": land,
         "land_price_usd_per_km2": 1e6, "opening_cost_usd": opening, "opening_months": 0,
         "max_it_mw": 200, "water_limit_m3_per_year": 1.5e6, "cooling_water_m3_per_mwh": 0.3,
         "gas_limit_mmbtu_per_hour": 2000, "pue": pue, "source": ASSUMED}
        for name, lon, lat, market, utility, tariff, hub, land, opening, pue in (
            ("Abilene", -99.73, 32.45, "ERCOT", "AEP Texas", "ercot", "waha", 15, 25e6, 1.2),
            ("Rockdale", -97.00, 30.65, "ERCOT", "Oncor", "ercot", "katy", 8, 20e6, 1.22),
            ("Amarillo", -101.83, 35.20, "SPP", "SPS", "sps", "waha", 20, 22e6, 1.18),
        )
    ],
    "campus_blocks": [
        {"site": "*", "block": "hall", "it_mw": 25, "capex_usd_per_mw": 12e6,
         "fom_usd_per_mw_year": 250_000, "procurement_months": 0, "construction_months": 6,
         "permit_kind": "zoning", "land_km2_per_mw": 0.004, "source": ASSUMED}
    ],
    "technologies": [
        {"technology": "engine", "catalog": "engine_high_speed", "unit_mw": 10,
         **months(5, 1, 0), "source": "catalog; months shortened, assumption"},
        {"technology": "solar", "catalog": "solar", **months(9, 6, 0)},
        {"technology": "wind", "catalog": "wind", **months(12, 9, 0)},
        {"technology": "battery", "catalog": "battery", **months(9, 3, 0)},
    ],
    "site_technologies": [
        {"site": "*", "technology": "engine", "max_mw": 300, "source": ASSUMED},
        {"site": "*", "technology": "battery", "max_mw": 200, "source": ASSUMED},
        *(
            {"site": s, "technology": t, "max_mw": mw, "profile": f"{t}_{region}",
             "source": "PowerGenome profile"}
            for s, region, sun, wind in (("Abilene", "ERC_WEST", 300, 200),
                                         ("Rockdale", "ERC_WEST", 150, 0),
                                         ("Amarillo", "SPP_SPS", 400, 300))
            for t, mw in (("solar", sun), ("wind", wind))
            if mw
        ),
    ],
    "fuels": [
        {"fuel": "gas", "hub": hub, "price_usd_per_mmbtu": price, "co2_t_per_mmbtu": 0.0531,
         "counts_against_gas_limit": "yes", "source": ASSUMED}
        for hub, price in (("waha", 2.0), ("katy", 3.9))
    ],
    "tariffs": [
        {"tariff": "ercot", "market": "ERCOT", "energy_price_usd_per_mwh": 4,
         "price_profile": "price_ercot", "co2_t_per_mwh": 0.33, "carbon_free_share": 0.42,
         "source": "synthetic hourly price"},
        {"tariff": "sps", "market": "SPP", "energy_price_usd_per_mwh": 8,
         "price_profile": "price_spp", "co2_t_per_mwh": 0.42, "carbon_free_share": 0.45,
         "source": "synthetic hourly price"},
    ],
    "interconnections": [
        {"site": s, "offer": "grid", "queue_months": 6, "upgrade_months": u,
         "construction_months": 3, "upgrade_cost_usd": usd, "cost_usd_per_kw": 110,
         "capacity_charge_usd_per_kw_year": charge, "curtailed_hours_per_year": 200,
         "source": ASSUMED}
        for s, u, usd, charge in (("Abilene", 18, 30e6, 70), ("Rockdale", 6, 12e6, 70),
                                  ("Amarillo", 18, 25e6, 95))
    ],
    "interconnection_steps": [
        {"site": s, "offer": "grid", "from_date": d, "firm_mw": firm, "flexible_mw": flex,
         "source": ASSUMED}
        for s, d, firm, flex in (("Abilene", "2028-07-01", 150, 80),
                                 ("Rockdale", "2028-01-01", 50, 60),
                                 ("Rockdale", "2029-01-01", 120, 60),
                                 ("Amarillo", "2029-01-01", 100, 80))
    ],
    "permits": [
        {"jurisdiction": "TX", "permit_kind": kind, "variant": variant, "months": m,
         "months_low": low, "months_high": high, "cost_usd": usd,
         "max_nox_short_tons_per_year": nox, "source": ASSUMED}
        for kind, variant, low, m, high, usd, nox in (
            ("air", "standard", 2, 3, 5, 3e5, 250), ("air", "expedited", 0, 0, 2, 4e6, 250),
            ("zoning", "standard", 0, 0, 6, 2e5, None),
            ("land_use", "standard", 2, 3, 6, 2e5, None),
        )
    ],
    "components": [
        {"component": "transformer", "unit": "MVA", "source": ASSUMED},
        {"component": "engine", "unit": "unit", "source": ASSUMED},
    ],
    "supply": [
        {"component": c, "date": d, "amount": a, "source": ASSUMED}
        for c, d, a in (("transformer", "2027-01-01", 60), ("transformer", "2027-07-01", 70),
                        ("transformer", "2028-01-01", 80), ("transformer", "2028-07-01", 150),
                        ("engine", "2027-06-01", 10), ("engine", "2027-12-01", 10),
                        ("engine", "2028-06-01", 20))
    ],
    "component_use": [
        {"component": "transformer", "user_kind": "campus_block", "user": "*", "per_mw": 1.0},
        {"component": "engine", "user_kind": "technology", "user": "engine", "per_unit": 1},
    ],
    "policies": [
        {"policy": "yearly budget", "kind": "budget", "value": 3e9, "source": ASSUMED},
        {"policy": "CO2 cap", "kind": "co2_cap", "scope": "total", "value": 1_000_000,
         "source": ASSUMED},
    ],
}  # fmt: skip


def main() -> None:
    """Write the CSV tables and the profiles."""
    series = pd.read_parquet(HERE.parent / "texas_southwest" / "profiles" / "profiles.parquet")
    (HERE / "profiles").mkdir(exist_ok=True)
    series[list(SERIES)].to_parquet(
        HERE / "profiles" / "profiles.parquet", index=False, compression="zstd"
    )
    for name, rows in TABLES.items():
        pd.DataFrame(rows).to_csv(HERE / f"{name}.csv", index=False)


if __name__ == "__main__":
    main()
