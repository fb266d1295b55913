"""Makes ``inputs/single_site_tariff`` again from the profiles of ``inputs/texas_southwest``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

HERE = Path(__file__).parent
SERIES = ("price_ercot", "load_ai", "pue_plains")
ASSUMED = "assumption"
Row = dict[str, Any]

QUARTERS = [(f"2027-Q{k}", f"2027-{3 * k - 2:02d}-01", 3) for k in range(1, 5)]
PERIODS = [*QUARTERS, ("2028-2029", "2028-01-01", 24)]
WANTED_MW = (0, 50, 75, 75, 100)


def months(procurement: int, construction: int, commissioning: int) -> Row:
    """Likely months; low and high are left blank."""
    return {"procurement_months": procurement, "construction_months": construction,
            "commissioning_months": commissioning}  # fmt: skip


def wires(tariff: str) -> list[Row]:
    """What the network charges under either tariff."""
    told = {"tariff": tariff, "source": ASSUMED}
    return [
        {**told, "charge": "transmission", "kind": "coincident_peak", "price_usd_per_kw_year": 70,
         "months": "6-9", "system_profile": "price_ercot", "candidate_hours": 6,
         "source": "about 70 USD/kW-year by four coincident peaks; the hours that may be the peak "
                   "are an assumption"},
        {**told, "charge": "distribution", "kind": "demand", "price_usd_per_kw_month": 2.2,
         "ratchet_share": 0.8, "ratchet_months": 11, "minimum_share": 0.3},
        {**told, "charge": "customer", "kind": "fixed", "price_usd_per_month": 5_000},
    ]  # fmt: skip


def energy(window: str, usd: float, **cells: str) -> Row:
    """A window of the time-of-use tariff's energy."""
    return {"tariff": "time_of_use", "charge": "energy", "window": window, "kind": "energy",
            "price_usd_per_mwh": usd, "source": ASSUMED, **cells}  # fmt: skip


TABLES: dict[str, list[Row]] = {
    "settings": [
        {"key": "case_name", "value": "single_site_tariff"},
        {"key": "plan_start", "value": "2027-01-01"},
        {"key": "reference_year", "value": 2012},
        {"key": "time_zone", "value": "Etc/GMT+6"},
        {"key": "gap", "value": 0.01},
        {"key": "time_limit_s", "value": 60},
    ],
    "periods": [{"period": p, "start": s, "months": n} for p, s, n in PERIODS],
    "regions": [{"region": "Dallas", "longitude": -96.80, "latitude": 32.78}],
    "compute": [
        {"accelerator": "gpu", "capex_usd_per_mw": 35e6, "life_months": 60,
         "margin_usd_per_mw_month": 100_000, "real_rate": 0.1, "source": ASSUMED}
    ],
    "workloads": [{"workload": "training", "load_profile": "load_ai", "accelerator": "gpu"}],
    "demand": [
        {"workload": "training", "region": "Dallas", "period": p, "it_mw": mw}
        for (p, _, _), mw in zip(PERIODS, WANTED_MW, strict=True)
    ],
    "sites": [
        {"site": "Abilene", "longitude": -99.73, "latitude": 32.45, "jurisdiction": "TX",
         "market": "ERCOT", "utility": "AEP Texas", "tariff": "hourly",
         "utc_offset_hours": -6, "land_km2": 10, "land_price_usd_per_km2": 1.5e6,
         "opening_cost_usd": 20e6, "max_it_mw": 100, "pue_profile": "pue_plains",
         "source": ASSUMED}
    ],
    "campus_blocks": [
        {"site": "*", "block": "hall", "it_mw": 25, "capex_usd_per_mw": 12e6,
         "fom_usd_per_mw_year": 250_000, **months(0, 3, 0), "land_km2_per_mw": 0.004,
         "source": ASSUMED}
    ],
    "technologies": [
        {"technology": "battery", "catalog": "battery", **months(3, 3, 0),
         "source": "catalog; months shortened, assumption"},
    ],
    "site_technologies": [
        {"site": "Abilene", "technology": "battery", "max_mw": 60, "source": ASSUMED},
    ],
    "tariffs": [
        {"tariff": "hourly", "market": "ERCOT", "energy_price_usd_per_mwh": 4,
         "price_profile": "price_ercot", "tax_share": 0.02,
         "co2_t_per_mwh": 0.33, "carbon_free_share": 0.42, "source": "synthetic hourly price"},
        {"tariff": "time_of_use", "market": "ERCOT", "tax_share": 0.02, "co2_t_per_mwh": 0.33,
         "carbon_free_share": 0.42, "source": ASSUMED},
    ],
    "tariff_charges": [
        *wires("hourly"),
        energy("summer on-peak", 85, months="6-9", weekdays="weekday", hours="14-20"),
        energy("summer off-peak", 43, months="6-9", weekdays="weekday", hours="20-14"),
        energy("summer weekend", 43, months="6-9", weekdays="weekend"),
        energy("winter", 40, months="10-5"),
        *wires("time_of_use"),
        {"tariff": "time_of_use", "charge": "least", "kind": "minimum_bill",
         "price_usd_per_month": 600_000, "source": ASSUMED},
    ],
    "site_tariffs": [
        {"site": "Abilene", "tariff": "time_of_use", "from_date": "2027-07-01", "source": ASSUMED}
    ],
    "permits": [
        {"jurisdiction": "TX", "permit_kind": kind, "variant": "standard", "months": m,
         "cost_usd": usd, "source": ASSUMED}
        for kind, m, usd in (("land_use", 2, 2e5),)
    ],
    "interconnections": [
        {"site": "Abilene", "offer": "grid", "construction_months": 3, "upgrade_cost_usd": 12e6,
         "cost_usd_per_kw": 110, "source": ASSUMED}
    ],
    "interconnection_steps": [
        {"site": "Abilene", "offer": "grid", "from_date": d, "firm_mw": mw, "source": ASSUMED}
        for d, mw in (("2027-01-01", 70), ("2027-07-01", 100), ("2028-01-01", 140))
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
