"""Makes ``inputs/texas_southwest`` again: ``python inputs/texas_southwest/make.py --data DIR``.

DIR holds the public data named in SOURCE.md: ``powergenome_profiles``, ``ercot_3zone_2040``
and ``weather_sites``. Everything else is written here, with its source or *assumption*.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from optimizer.reading.inputs import read_inputs
from optimizer.reading.writing import write_inputs

HERE = Path(__file__).parent
ASSUMED = "assumption"
UTC_TO_CST = -6
LEAP_DAY = slice(59 * 24, 60 * 24)
Row = dict[str, Any]

# site: (lon, lat, jurisdiction, market, utility, tariff, hub, profile region,
#        land km2, land k$/km2, opening M$, opening months, max IT MW, gas MMBtu/h, water Mm3)
SITES: dict[str, tuple[Any, ...]] = {
    "Abilene": (-99.73, 32.45, "TX", "ERCOT", "AEP Texas", "ercot", "waha", "ERC_WEST",
                30, 1500, 30, 3, 450, 3500, 2.5),
    "Sweetwater": (-100.41, 32.47, "TX", "ERCOT", "Oncor", "ercot", "waha", "ERC_WEST",
                   40, 1000, 28, 3, 350, 2500, 1.5),
    "Pecos": (-103.49, 31.42, "TX", "ERCOT", "AEP Texas", "ercot", "waha", "ERC_WEST",
              60, 500, 35, 3, 400, 4000, 1.0),
    "Odessa": (-102.37, 31.85, "TX", "ERCOT", "Oncor", "ercot", "waha", "ERC_WEST",
               40, 900, 30, 3, 350, 3500, 1.0),
    "Hill County": (-97.13, 32.01, "TX", "ERCOT", "Oncor", "ercot", "katy", "ERC_REST",
                    12, 4000, 30, 3, 300, 1800, 3.0),
    "Rockdale": (-97.00, 30.65, "TX", "ERCOT", "Oncor", "ercot", "katy", "ERC_REST",
                 15, 3000, 20, 0, 400, 2000, 6.0),
    "Bexar County": (-98.50, 29.30, "TX Bexar", "ERCOT", "CPS Energy", "ercot", "katy", "ERC_REST",
                     6, 9000, 35, 3, 250, 1500, 2.0),
    "Amarillo": (-101.83, 35.20, "TX", "SPP", "SPS", "sps", "waha", "SPP_SPS",
                 50, 900, 32, 3, 400, 3000, 1.5),
    "Clovis": (-103.20, 34.40, "NM", "SPP", "SPS", "sps", "waha", "SPP_SPS",
               50, 700, 30, 3, 300, 1500, 1.0),
    "El Paso": (-106.35, 31.90, "TX", "WECC-EPE", "El Paso Electric", "epe", "waha", "WECC_NM",
                25, 1500, 32, 3, 300, 2000, 1.0),
    "Los Lunas": (-106.73, 34.81, "NM", "WECC-PNM", "PNM", "pnm", "san_juan", "WECC_NM",
                  20, 2000, 30, 3, 250, 1000, 1.0),
    "San Juan": (-108.44, 36.80, "NM", "WECC-PNM", "PNM", "pnm", "san_juan", "WECC_NM",
                 30, 600, 22, 0, 350, 2500, 8.0),
    "Buckeye": (-112.58, 33.37, "AZ Maricopa", "WECC-APS", "APS", "aps", "phoenix", "WECC_AZ",
                25, 5000, 35, 3, 350, 800, 2.0),
    "Pima County": (-110.90, 32.10, "AZ Pima", "WECC-TEP", "TEP", "tep", "phoenix", "WECC_AZ",
                    20, 2500, 30, 3, 300, 800, 2.0),
}  # fmt: skip

# offer by site: (name, queue, upgrade months, M$, USD/kW, charge USD/kW-a, hours cut,
#                 [(date, firm MW, flexible MW)], source)
BATCH = "ERCOT first batch study, result 2027-04-09; months 18/30/48 assumption"
FILING = "new ERCOT filing 36/48/72 months, flexible 18-30 earlier, assumption"
OFFERS: dict[str, tuple[Any, ...]] = {
    "Abilene": ("batch", 3, 27, 40, 110, 70, 250,
                [("2029-07-01", 100, 150), ("2030-07-01", 250, 150), ("2033-01-01", 450, 0)], BATCH),
    "Sweetwater": ("batch", 3, 30, 35, 110, 70, 250,
                   [("2029-10-01", 80, 120), ("2031-01-01", 200, 150)], BATCH),
    "Pecos": ("filing", 12, 36, 60, 130, 70, 400,
              [("2031-01-01", 100, 150), ("2033-01-01", 300, 100)], FILING),
    "Odessa": ("filing", 12, 36, 45, 120, 70, 350,
               [("2031-01-01", 50, 150), ("2033-01-01", 250, 100)], FILING),
    "Hill County": ("batch", 3, 33, 50, 120, 70, 200,
                    [("2030-01-01", 150, 100), ("2031-01-01", 300, 50)], BATCH),
    "Rockdale": ("existing", 3, 12, 15, 80, 70, 200,
                 [("2028-04-01", 60, 120), ("2029-10-01", 200, 120), ("2031-01-01", 400, 60)],
                 "former smelter's substation; MW and months assumption"),
    "Bexar County": ("filing", 12, 36, 40, 130, 75, 200,
                     [("2031-01-01", 60, 90), ("2033-01-01", 200, 50)], FILING),
    "Amarillo": ("sps", 18, 30, 40, 110, 95, 150,
                 [("2031-01-01", 200, 100)], "30/48/72 months, assumption"),
    "Clovis": ("sps", 18, 30, 35, 110, 95, 150,
               [("2031-01-01", 120, 80)], "30/48/72 months, assumption"),
    "El Paso": ("epe", 12, 36, 35, 120, 110, 150,
                [("2031-01-01", 120, 80)], "24/48/72 months, assumption"),
    "Los Lunas": ("pnm", 18, 30, 40, 120, 105, 150,
                  [("2031-01-01", 150, 80)], "30/48/72 months, assumption"),
    "San Juan": ("pnm", 12, 12, 20, 90, 105, 150,
                 [("2029-01-01", 80, 100), ("2031-01-01", 250, 100)],
                 "former coal plant's switchyard; MW and months assumption"),
    "Buckeye": ("aps", 24, 30, 60, 140, 120, 100,
                [("2031-07-01", 50, 80), ("2033-01-01", 250, 80)], "36/54/84 months, assumption"),
    "Pima County": ("tep", 12, 24, 30, 120, 110, 100,
                    [("2030-01-01", 120, 100)],
                    "22/36/60 months, assumption; agreement of July 2025"),
}  # fmt: skip

WAIT_RANGE = {
    "batch": (3 + 18, 3 + 48), "filing": (36, 72), "sps": (30, 72), "epe": (24, 72),
    "pnm": (30, 72), "aps": (36, 84), "tep": (22, 60),
}  # fmt: skip
"""Low and high months from the plan's start to firm service by kind of offer, assumption; queue and
upgrade of an offer are the likely ones, with a batch three months around them. The batch study
counts from its result, three months in. What an existing substation or switchyard gives has no such
range: there the months stay blank."""
OWN_WAIT = ("Rockdale", "San Juan")

AGREEMENT = "large load"
DEMAND_CHARGED = ("sps", "epe", "pnm", "aps", "tep")
"""Utilities that bill demand by agreement; in ERCOT transmission is billed by coincident peak."""
TRANSMISSION_USD_PER_KW_YEAR = 70
LAWFUL: dict[str, tuple[bool, bool]] = {
    "ERCOT": (True, True), "SPP": (False, False), "WECC-EPE": (False, False),
    "WECC-PNM": (False, False), "WECC-APS": (False, False), "WECC-TEP": (False, False),
}  # fmt: skip
"""By market: retail choice, and delivery by a third party."""

WINDY = {"ERC_WEST": 400, "SPP_SPS": 400, "WECC_NM": 200}
ENGINES_ONLY = ("Buckeye", "Pima County")


def period_rows() -> list[Row]:
    """16 quarters, then two-year periods to 2036."""
    rows = [
        {"period": f"{y}-Q{q + 1}", "start": f"{y}-{3 * q + 1:02d}-01", "months": 3}
        for y in range(2027, 2031)
        for q in range(4)
    ]
    return rows + [
        {"period": f"{y}-{y + 1}", "start": f"{y}-01-01", "months": 24} for y in (2031, 2033, 2035)
    ]


def demand_rows(periods: list[Row]) -> list[Row]:
    """100 MW in 2028-Q2, 2,000 MW from 2030-Q4; training, and inference at two cities."""
    steps = [100, 250, 400, 600, 800, 1000, 1200, 1400, 1600, 1800, 2000]
    shares = {("training", "Dallas"): 0.7, ("inference", "Dallas"): 0.2,
              ("inference", "Phoenix"): 0.1}  # fmt: skip
    rows = []
    for k, period in enumerate(periods):
        total = 0 if k < 5 else steps[min(k - 5, len(steps) - 1)]
        rows += [
            {"workload": w, "region": r, "period": period["period"], "it_mw": total * share}
            for (w, r), share in shares.items()
        ]
    return rows


def permit_rows() -> list[Row]:
    """Months low/likely/high by jurisdiction (assumptions of November 2026)."""
    rows: list[Row] = []

    def add(place: str, kind: str, variant: str, months: str, usd: float, nox: float | None = None):
        low, likely, high = (int(v) for v in months.split("/"))
        rows.append(
            {"jurisdiction": place, "permit_kind": kind, "variant": variant, "months": likely,
             "months_low": low, "months_high": high, "cost_usd": usd,
             "max_nox_short_tons_per_year": nox, "source": ASSUMED}
        )  # fmt: skip

    add("TX", "air", "standard", "2/3/5", 3e5, 250)
    add("TX", "air", "major", "12/16/24", 3e6)
    add("TX Bexar", "air", "standard", "2/3/5", 3e5, 50)
    add("TX Bexar", "air", "major with offsets", "15/20/30", 2e7)
    add("NM", "air", "minor", "5/8/14", 4e5, 250)
    add("NM", "air", "minor expedited", "4/6/9", 2.5e6, 250)
    add("NM", "air", "major", "10/14/24", 3e6)
    add("AZ Maricopa", "air", "minor", "6/9/14", 5e5, 100)
    add("AZ Maricopa", "air", "major with offsets", "15/20/30", 2e7)
    add("AZ Pima", "air", "minor", "6/9/14", 5e5, 250)
    for place, zoning in (("TX", "3/4/9"), ("TX Bexar", "3/6/18"), ("NM", "3/6/18"),
                          ("AZ Maricopa", "4/8/18"), ("AZ Pima", "4/8/18")):  # fmt: skip
        add(place, "zoning", "standard", zoning, 2e5)
        add(place, "land_use", "standard", zoning, 2e5)
        add(place, "fuel_cell", "standard", "2/3/6", 2e5)
        add(place, "nuclear", "licence", "48/84/120", 1e8)
    add("NM", "zoning", "expedited", "2/3/6", 1.5e6)
    add("AZ Maricopa", "zoning", "expedited", "3/4/9", 2e6)
    return rows


def agreement_rows() -> list[Row]:
    """What each offer makes one sign."""
    rows = []
    for site, (offer, *_, charge, _, _, _) in OFFERS.items():
        row: Row = {"site": site, "offer": offer, "agreement": AGREEMENT}
        if offer in DEMAND_CHARGED:
            row |= {
                "ramp_year_1": 0.5, "ramp_year_2": 0.75, "ramp_year_3": 0.9, "ramp_year_4": 1.0,
                "demand_price_usd_per_kw_month": round(charge / 12, 2),
                "minimum_demand_share": 0.85, "term_years": 15, "study_fee_usd": 250_000,
                "signing_months_before": 18, "deposit_usd_per_kw": 30,
                "deposit_refund_years": 5, "security_usd_per_kw": 150,
                "security_release_years": 10, "security_rate_per_year": 0.015,
                "reducible_share": 0.2, "reducible_after_years": 5,
                "reduction_fee_usd_per_kw": 60,
                "source": "85 % of contract MW after a four-year ramp, and security as "
                          "AEP Ohio and TEP; figures assumption",
            }  # fmt: skip
        else:
            row |= {
                "term_years": 10, "study_fee_usd": 100_000, "signing_months_before": 18,
                "security_usd_per_kw": 75, "security_release_years": 5,
                "security_rate_per_year": 0.015,
                "source": "50-100 k$/MW in discussion in Texas; study fee assumption",
            }  # fmt: skip
        rows.append(row)
    return rows


def contract_rows() -> tuple[list[Row], list[Row]]:
    """Power contracts on offer and where they may be signed."""
    offered: list[Row] = []
    signed: list[Row] = []

    def add(name: str, sites: list[str], most: float, **terms: Any) -> None:
        offered.append({"contract": name, "term_years": 15, "carbon_free": "yes",
                        "additional": "yes", "source": ASSUMED} | terms)  # fmt: skip
        signed.extend(
            {"site": s, "contract": name, "max_mw": most, "source": ASSUMED} for s in sites
        )

    ercot = [s for s, row in SITES.items() if row[3] == "ERCOT"]
    add("west Texas wind", ercot, 300, kind="financial", market="ERCOT", counterparty="wind seller",
        profile="wind_ERC_WEST", price_usd_per_mwh=33, hub_price_profile="price_ercot",
        hub_price_growth_per_year=0.01, no_payment_if_negative="yes", earliest_start="2028-07-01",
        construction_begun="yes", credit_security_usd_per_kw=60)  # fmt: skip
    add("west Texas sun", ercot, 300, kind="financial", market="ERCOT", counterparty="solar seller",
        profile="solar_ERC_WEST", price_usd_per_mwh=36, hub_price_profile="price_ercot",
        hub_price_growth_per_year=0.01, no_payment_if_negative="yes", earliest_start="2029-07-01",
        construction_begun="no", chance_late=0.4, months_late=9,
        credit_security_usd_per_kw=60)  # fmt: skip
    add("Arizona sun, sleeved", ["Pima County"], 200, kind="sleeved", market="WECC-TEP",
        counterparty="TEP", profile="solar_WECC_AZ", price_usd_per_mwh=34, adder_usd_per_mwh=6,
        earliest_start="2030-01-01", construction_begun="no")  # fmt: skip
    return offered, signed


def supply_rows() -> list[Row]:
    """Deliveries by quarter: (component, first quarter, slots a quarter, later growth)."""
    rows = []
    for name, first, amount, growth in (
        ("transformer", "2027-07", 110, 1.06), ("switchgear", "2027-07", 130, 1.06),
        ("engine", "2028-01", 60, 1.08), ("turbine", "2029-01", 2, 1.0),
    ):  # fmt: skip
        for k, date in enumerate(pd.date_range(first, "2035-10-01", freq="QS")):
            rows.append({"component": name, "date": f"{date:%Y-%m-%d}",
                         "amount": round(amount * growth ** (k / 1.0)), "source": ASSUMED})  # fmt: skip
    return rows


def tables() -> dict[str, list[Row]]:
    """All tables."""
    periods = period_rows()
    built: list[Row] = []
    sites: list[Row] = []
    offers: list[Row] = []
    steps: list[Row] = []
    for name, (lon, lat, place, market, utility, tariff, hub, region, land, price, opening,
               months, mw, gas, water) in SITES.items():  # fmt: skip
        sites.append(
            {"site": name, "longitude": lon, "latitude": lat, "jurisdiction": place,
             "market": market, "utility": utility, "tariff": tariff, "gas_hub": hub,
             "land_km2": land, "land_price_usd_per_km2": price * 1e3,
             "opening_cost_usd": opening * 1e6, "opening_months": months, "max_it_mw": mw,
             "fibre_latency_ms": 1.0, "water_limit_m3_per_year": water * 1e6,
             "cooling_water_m3_per_mwh": 0.3, "gas_limit_mmbtu_per_hour": gas,
             "pue_profile": "pue_desert" if region.startswith("WECC") else "pue_plains",
             "source": "coordinates public; land, water, gas, cost assumption"}
        )  # fmt: skip
        menu = {"engine_high_speed": 250, "engine_medium_speed": 360, "fuel_cell": 150,
                "battery": 400}  # fmt: skip
        if name not in ENGINES_ONLY:
            menu |= {"turbine_aeroderivative": 288}
        if name in ("Pecos", "Odessa", "Abilene", "San Juan"):
            menu |= {"combined_cycle": 760}
        if name == "San Juan":
            menu |= {"nuclear_small": 320}
        for technology, most in menu.items():
            late = name in ENGINES_ONLY and technology.startswith("engine")
            built.append({"site": name, "technology": technology, "max_mw": most,
                          "months_added": 12 if late else None,
                          "source": "no new firm gas in Arizona before the end of 2029"
                          if late else ASSUMED})  # fmt: skip
        built.append({"site": name, "technology": "solar", "max_mw": 20 * land,
                      "profile": f"solar_{region}", "source": "PowerGenome profile"})  # fmt: skip
        if region in WINDY:
            built.append({"site": name, "technology": "wind", "max_mw": WINDY[region],
                          "profile": f"wind_{region}", "source": "PowerGenome profile"})  # fmt: skip
        offer, queue, upgrade, cost, per_kw, charge, hours, stairs, words = OFFERS[name]
        # Known is the range of the whole wait: the upgrade has all of it, the queue none.
        low, high = (0, 0) if name in OWN_WAIT else WAIT_RANGE[offer]
        offers.append(
            {"site": name, "offer": offer, "queue_months": queue,
             "queue_months_low": queue if low else "", "queue_months_high": queue if high else "",
             "upgrade_months": upgrade, "upgrade_months_low": low - queue if low else "",
             "upgrade_months_high": high - queue if high else "",
             "status": "filed",
             "procurement_months": 12, "construction_months": 3, "upgrade_cost_usd": cost * 1e6,
             "cost_usd_per_kw": per_kw,
             "capacity_charge_usd_per_kw_year": "" if offer in DEMAND_CHARGED
             else charge - TRANSMISSION_USD_PER_KW_YEAR + 8,
             "curtailed_hours_per_year": hours, "feeds": 2, "feed_outage_rate": 0.002,
             "source": words}
        )  # fmt: skip
        flexible = 0
        for date, firm_mw, flexible_mw in stairs:
            # What was granted as flexible stays so; firm power comes on top.
            flexible = max(flexible, flexible_mw)
            steps.append({"site": name, "offer": offer, "from_date": date, "firm_mw": firm_mw,
                          "flexible_mw": flexible, "source": words})  # fmt: skip
    technologies = sorted({r["technology"] for r in built})
    return {
        "settings": [
            {"key": "case_name", "value": "texas_southwest"},
            {"key": "plan_start", "value": "2027-01-01"},
            {"key": "reference_year", "value": 2012},
            {"key": "time_zone", "value": "Etc/GMT+6", "note": "Central Standard Time all year"},
            {"key": "money_year", "value": 2026},
            {"key": "real_discount_rate", "value": 0.07},
            {"key": "gap", "value": 0.01},
            {"key": "time_limit_s", "value": 600},
        ],
        "periods": periods,
        "regions": [
            {"region": "Dallas", "longitude": -96.80, "latitude": 32.78},
            {"region": "Phoenix", "longitude": -112.07, "latitude": 33.45},
        ],
        "compute": [
            {"accelerator": "gpu_2028", "capex_usd_per_mw": 35e6, "life_months": 60,
             "margin_usd_per_mw_month": 150_000, "real_rate": 0.10,
             "source": "35 M$/MW, assumption; margin assumption"}
        ],
        "workloads": [
            {"workload": "training", "load_profile": "load_ai", "accelerator": "gpu_2028"},
            {"workload": "inference", "max_latency_ms": 12, "load_profile": "load_ai",
             "accelerator": "gpu_2028"},
        ],
        "demand": demand_rows(periods),
        "sites": sites,
        "campus_blocks": [
            {"site": "*", "block": "hall", "it_mw": 50, "capex_usd_per_mw": 12.5e6,
             "fom_usd_per_mw_year": 250_000, "life_years": 25, "order_share": 0.1,
             "procurement_months": 6, "construction_months": 12, "commissioning_months": 0,
             "permit_kind": "zoning", "land_km2_per_mw": 0.004,
             "source": "11-14 M$/MW IT, assumption"}
        ],
        "technologies": [{"technology": t, "catalog": t} for t in technologies],
        "site_technologies": built,
        "fuels": [
            {"fuel": "gas", "hub": hub, "price_usd_per_mmbtu": price,
             "price_growth_per_year": growth, "co2_t_per_mmbtu": 0.0531,
             "counts_against_gas_limit": "yes", "source": words}
            for hub, price, growth, words in (
                ("waha", 1.9, 0.05, "Waha -1.5/1.5/3.0 plus 0.4 for transport, assumption"),
                ("katy", 3.9, 0.01, "Henry Hub 3.8, 2026"),
                ("san_juan", 3.0, 0.02, "assumption"),
                ("phoenix", 3.4, 0.03, "1.5 above Waha, assumption"),
            )
        ]
        + [{"fuel": "uranium", "hub": "*", "price_usd_per_mmbtu": 0.8, "source": ASSUMED}],
        "tariffs": [
            {"tariff": t, "market": m, "energy_price_usd_per_mwh": base, "price_profile": profile,
             "price_growth_per_year": 0.01, "co2_t_per_mwh": co2, "carbon_free_share": clean,
             "source": words}
            for t, m, base, profile, co2, clean, words in (
                ("ercot", "ERCOT", 4, "price_ercot", 0.33, 0.42,
                 "synthetic hourly price, mean 38 $/MWh (28-60), plus 4 for losses and fees"),
                ("sps", "SPP", 8, "price_spp", 0.42, 0.45, "synthetic hourly price, mean 34"),
                ("epe", "WECC-EPE", 62, "", 0.36, 0.45, ASSUMED),
                ("pnm", "WECC-PNM", 60, "", 0.34, 0.55, ASSUMED),
                ("aps", "WECC-APS", 65, "", 0.32, 0.5, "extra-large rate about 65, assumption"),
                ("tep", "WECC-TEP", 68, "", 0.42, 0.35, ASSUMED),
            )
        ],
        "tariff_charges": [
            {"tariff": "ercot", "charge": "transmission", "kind": "coincident_peak",
             "price_usd_per_kw_year": TRANSMISSION_USD_PER_KW_YEAR, "months": "6-9",
             "system_profile": "load_ercot",
             "source": "about 70 $/kW-year by four coincident peaks, known before, assumption"},
        ],
        "interconnections": offers,
        "interconnection_steps": steps,
        "service_agreements": agreement_rows(),
        "regimes": [
            {"market": market, "retail_choice": _yes(choice), "third_party_physical_ppa": _yes(third),
             "source": "utility territories: no physical contract with a third party"
             if not third else "retail choice"}
            for market, (choice, third) in LAWFUL.items()
        ],
        "contracts": contract_rows()[0],
        "site_contracts": contract_rows()[1],
        "permits": permit_rows(),
        "components": [
            {"component": "transformer", "unit": "MVA", "source": "100 MVA and more, 28/36/42 months"},
            {"component": "switchgear", "unit": "MVA", "source": ASSUMED},
            {"component": "engine", "unit": "unit", "source": ASSUMED},
            {"component": "turbine", "unit": "unit", "source": ASSUMED},
        ],
        "supply": supply_rows(),
        "component_use": [
            {"component": "transformer", "user_kind": "campus_block", "user": "*", "per_mw": 0.6},
            {"component": "transformer", "user_kind": "interconnection", "user": "*", "per_mw": 0.5},
            {"component": "switchgear", "user_kind": "campus_block", "user": "*", "per_mw": 1.2},
            {"component": "engine", "user_kind": "technology", "user": "engine_high_speed",
             "per_unit": 1},
            {"component": "engine", "user_kind": "technology", "user": "engine_medium_speed",
             "per_unit": 2},
            {"component": "turbine", "user_kind": "technology", "user": "turbine_aeroderivative",
             "per_unit": 1},
            {"component": "turbine", "user_kind": "technology", "user": "combined_cycle",
             "per_unit": 1},
        ],
        "policies": [
            {"policy": "yearly budget", "kind": "budget", "value": 11e9, "source": ASSUMED},
            *(
                {"policy": f"hedge {year}", "kind": "hedged_share_min", "applies_to": "portfolio",
                 "year": year, "value": 0.25, "source": "what lenders ask, assumption"}
                for year in (2031, 2033, 2035)
            ),
            *(
                {"policy": f"CO2 cap {year}", "kind": "co2_cap", "scope": "total", "year": year,
                 "value": value * 1e6, "source": ASSUMED}
                for year, value in ((2030, 5.6), (2031, 6.4), (2033, 6.1), (2035, 5.8))
            ),
        ],
    }  # fmt: skip


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"


def _central(values: np.ndarray) -> np.ndarray:
    """UTC hours of 2012 without 29 February, as Central Standard Time."""
    return np.delete(np.roll(values, UTC_TO_CST), np.arange(LEAP_DAY.start, LEAP_DAY.stop))


def merit_order_price(net_load: np.ndarray, mean: float) -> np.ndarray:
    """A synthetic price: marginal heat rate by rank of net load, scarcity, negative hours.

    The supply curve is 18 + 22 u + 40 u^6 for the rank u of the hour's net load (about 6 to
    20 MMBtu/MWh at 3 $/MMBtu), scaled to the mean; the lowest 2 % of hours are -8 $/MWh (wind
    at the margin), the highest 60 rise geometrically from 150 to 3,000 $/MWh.
    """
    rank = np.argsort(np.argsort(net_load)) / (len(net_load) - 1)
    price = 18 + 22 * rank + 40 * rank**6
    price[rank < 0.02] = -8.0
    dear = np.argsort(-net_load, kind="stable")[:60]
    scarcity = np.geomspace(3000, 150, 60)
    middle = np.ones(len(price), dtype=bool)
    middle[dear] = False
    middle[rank < 0.02] = False
    wanted = mean * len(price) - scarcity.sum() - price[rank < 0.02].sum()
    price[middle] *= wanted / price[middle].sum()
    price[dear] = scarcity
    return price


def profiles(data: Path) -> dict[str, np.ndarray]:
    """Hourly series in Central Standard Time."""
    folder = data / "powergenome_profiles"
    sun = pd.read_parquet(folder / "ipm_region_existing_solar_cf.parquet")
    wind = pd.read_parquet(folder / "ipm_region_existing_wind_cf.parquet")
    regions = sorted({row[7] for row in SITES.values()})
    made = {f"solar_{r}": _central(sun[r].to_numpy(float)) for r in regions}
    made |= {f"wind_{r}": _central(wind[r].to_numpy(float)) for r in regions if r in WINDY}
    load = pd.read_parquet(data / "ercot_3zone_2040" / "Load_data.parquet")
    # Its clock is not stated: the mean day is lowest at hour 1; three hours later is 04:00 CST.
    total = np.roll(load.filter(like="Load_MW").sum(axis=1).to_numpy(float), 3)
    total *= 50_000 / total.mean()
    west = made["wind_ERC_WEST"]
    net = total - 40_000 * west - 35_000 * made["solar_ERC_WEST"]
    made["price_ercot"] = merit_order_price(net, 38.0)
    made["price_spp"] = merit_order_price(
        total - 50_000 * made["wind_SPP_SPS"] - 12_000 * made["solar_SPP_SPS"], 34.0
    )
    made["load_ercot"] = total
    made["load_ai"] = _ai_load(data)
    for name, file, year in (("plains", "tx_amarillo_nsrdb2012_solar", 2012),
                             ("desert", "tx_pecos_nsrdb2013_solar", 2013)):  # fmt: skip
        made[f"pue_{name}"] = _pue(data / "weather_sites" / f"{file}.csv.gz", year)
    return {name: np.round(values, 4) for name, values in made.items()}


def _ai_load(data: Path) -> np.ndarray:
    """Shape of an AI hall (MIT, Newkirk), scaled to a mean of 0.8 of the placed MW."""
    frame = pd.read_parquet(data / "ai_dc_load_shape" / "hourly_load_data.parquet")
    shape = frame["it_load_norm"].to_numpy(float)[:8760]
    return np.minimum(0.8 * shape / shape.mean(), 1.0)


def _pue(path: Path, year: int) -> np.ndarray:
    """1.12 up to 10 degC, then 0.008 for each degree (assumption), from the site's dry bulb."""
    frame = pd.read_csv(path, skiprows=2)
    column = next(c for c in frame.columns if c.lower().startswith("temp"))
    temperature = frame[column].to_numpy(float)
    step = len(temperature) // 8760
    hourly = temperature[: 8760 * step].reshape(8760, step).mean(axis=1)
    return 1.12 + 0.008 * np.maximum(hourly - 10.0, 0.0)


def main() -> None:
    """Write CSV tables, profiles and the workbook."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    (HERE / "profiles").mkdir(exist_ok=True)
    frame = pd.DataFrame(profiles(data)).astype("float32")
    frame.to_parquet(HERE / "profiles" / "profiles.parquet", index=False, compression="zstd")
    for name, rows in tables().items():
        pd.DataFrame(rows).to_csv(HERE / f"{name}.csv", index=False)
    inputs, problems = read_inputs(HERE)
    print(problems.report("texas_southwest") or "no problems")
    if inputs is not None:
        write_inputs(inputs, HERE / "case.xlsx", profiles=False)


if __name__ == "__main__":
    main()
