"""Cases of any size from real profiles and a seed: ``python -m benchmarks.cases DIR --sites 50``.

Sun, wind, price and load come from ``inputs/texas_southwest``; the areas beyond the real ones
are blends of them, moved by whole days. Sites differ in size, grid, lead times, land, cost and
area. A fifth of what all sites could hold is wanted in the end, growing evenly, and slots of
engines, turbines and transformers grow with it. ``FEATURES`` adds what a plain case leaves out,
``SERVICE`` of :mod:`benchmarks.cases_service` tariffs, agreements, contracts and matching.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.cases_service import SERVICE, add
from optimizer.reading.inputs import Inputs

REAL = Path(__file__).parents[1] / "inputs" / "texas_southwest"
START = pd.Timestamp("2027-01-01")
HALL_MW = 50.0
FEATURES = ("carbon", "water", "land", "budget", "steps", "permits")
"""What a case may have besides: CO2 caps, water limits, scarce land, yearly budgets, grid offers
in steps, variants of permits."""


@dataclass(frozen=True)
class Size:
    """A case's size: ``quarters`` periods of three months, or ``years`` of twelve."""

    sites: int
    quarters: int = 0
    years: int = 0
    areas: int = 12
    seed: int = 0
    features: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Short name, such as ``200x20``."""
        return f"{self.sites}x{self.quarters + self.years}"


def periods(size: Size) -> pd.DataFrame:
    """Quarters, then years, from the start on."""
    rows, month = [], 0
    for months in [3] * size.quarters + [12] * size.years:
        start = START + pd.DateOffset(months=month)
        name = f"{start.year}" if months == 12 else f"{start.year}-Q{start.quarter}"
        rows.append({"period": name, "start": start.date().isoformat(), "months": months})
        month += months
    return pd.DataFrame(rows)


def real_profiles() -> dict[str, np.ndarray]:
    """The profiles of the real case; shape (8760,) each."""
    real = pd.read_parquet(REAL / "profiles" / "profiles.parquet").astype(float)
    return {name: real[name].to_numpy() for name in real.columns}


def profiles(
    areas: int, real: dict[str, np.ndarray], random: np.random.Generator
) -> dict[str, np.ndarray]:
    """Sun, wind, price and PUE of each area; shape (8760,) each."""

    def blend(prefix: str, area: int) -> np.ndarray:
        known = [values for name, values in real.items() if name.startswith(prefix)]
        if area < len(known):
            return np.asarray(known[area])
        weights = random.dirichlet(np.ones(len(known)))
        days = random.integers(-10, 11, len(known))
        moved = [w * np.roll(k, 24 * d) for w, k, d in zip(weights, known, days, strict=True)]
        return np.asarray(np.sum(moved, axis=0))

    made = {"load": real["load_ai"]}
    for area in range(areas):
        made[f"sun_{area}"] = np.clip(blend("solar_", area), 0, 1)
        made[f"wind_{area}"] = np.clip(blend("wind_", area), 0, 1)
        made[f"price_{area}"] = blend("price_", area)
        made[f"pue_{area}"] = blend("pue_", area)
    return made


def tables(size: Size) -> tuple[dict[str, pd.DataFrame], dict[str, np.ndarray]]:
    """The input tables and profiles of a case."""
    random = np.random.default_rng(size.seed)
    real = real_profiles()
    series = profiles(size.areas, real, random)
    when = periods(size)
    names = [f"s{k:04d}" for k in range(size.sites)]
    area = random.integers(0, size.areas, size.sites)
    halls = random.integers(2, 9, size.sites)
    most = HALL_MW * halls
    grid = random.uniform(0.2, 1.2, size.sites) * most
    on = {f: f in size.features for f in FEATURES}
    land = most * random.uniform(0.02, 0.06, size.sites) if on["land"] else np.full(size.sites, 1e3)
    water = most * 2500 if on["water"] else np.full(size.sites, np.nan)
    sites = pd.DataFrame(
        {
            "site": names,
            "longitude": random.uniform(-112, -96, size.sites).round(3),
            "latitude": random.uniform(30, 36, size.sites).round(3),
            "jurisdiction": "TX", "market": "ERCOT",
            "tariff": [f"tariff_{a}" for a in area],
            "land_km2": land.round(2), "land_price_usd_per_km2": 1.5e6,
            "opening_cost_usd": random.uniform(20e6, 80e6, size.sites).round(-5),
            "opening_months": random.integers(3, 13, size.sites), "max_it_mw": most,
            "water_limit_m3_per_year": water, "cooling_water_m3_per_mwh": 0.3,
            "pue_profile": [f"pue_{a}" for a in area],
        }
    )  # fmt: skip
    limits = {
        "engine_high_speed": 1.2, "turbine_aeroderivative": 0.8, "battery": 1.5, "solar": 2.5,
        "wind": 1.5,
    }  # fmt: skip
    share = random.uniform(0.4, 1.0, (size.sites, len(limits)))
    site_technologies = [
        {"site": n, "technology": t, "max_mw": round(most[k] * share[k, j] * top, 0),
         "profile": {"solar": f"sun_{area[k]}", "wind": f"wind_{area[k]}"}.get(t)}
        for k, n in enumerate(names)
        for j, (t, top) in enumerate(limits.items())
    ]  # fmt: skip
    end = pd.Timestamp(when["start"].iloc[-1]) + pd.DateOffset(months=int(when["months"].iloc[-1]))
    horizon = (end.year - START.year) * 12 + end.month - START.month
    queue = random.integers(3, max(6, int(0.8 * horizon)), size.sites)
    offers = pd.DataFrame(
        {"site": names, "offer": "grid", "queue_months": queue, "procurement_months": 0,
         "construction_months": 3, "upgrade_months": 0,
         "upgrade_cost_usd": random.uniform(1e7, 6e7, size.sites).round(-5),
         "cost_usd_per_kw": random.uniform(80, 140, size.sites).round(),
         "capacity_charge_usd_per_kw_year": random.uniform(60, 110, size.sites).round(),
         "curtailed_hours_per_year": 200}
    )  # fmt: skip
    steps = []
    for k, n in enumerate(names):
        first = 0.4 if on["steps"] else 1.0
        dated = [(0, first), (18, 0.7), (36, 1.0)] if on["steps"] else [(0, first)]
        for later, part in dated:
            date = START + pd.DateOffset(months=int(queue[k]) + later)
            steps.append({"site": n, "offer": "grid", "from_date": date.date().isoformat(),
                          "firm_mw": round(0.7 * part * grid[k]),
                          "flexible_mw": round(0.3 * part * grid[k])})  # fmt: skip
    wanted = HALL_MW * np.ceil(
        0.2 * most.sum() * np.arange(1, len(when) + 1) / len(when) / HALL_MW
    )  # fmt: skip
    top = float(wanted[-1])
    # Slots come evenly over the plan: engines for a quarter of the load, turbines for a third.
    quarters = horizon // 3
    supply, uses = [], []
    for component, total, user_kind, user, per_mw, per_unit in (
        ("engine slot", 0.35 * top, "technology", "engine_high_speed", 1.0, None),
        ("turbine slot", 0.30 * top, "technology", "turbine_aeroderivative", 1.0, None),
        ("transformer", 1.6 * top, "campus_block", "*", 1.0, None),
        ("transformer", None, "interconnection", "*", 0.5, None),
    ):
        uses.append({"component": component, "user_kind": user_kind, "user": user,
                     "per_mw": per_mw, "per_unit": per_unit})  # fmt: skip
        for q in range(quarters) if total is not None else ():
            date = START + pd.DateOffset(months=3 * q)
            supply.append({"component": component, "date": date.date().isoformat(),
                           "amount": round(total / quarters, 1)})  # fmt: skip
    permits = [
        {"jurisdiction": "TX", "permit_kind": k, "variant": "standard", "months": 3,
         "cost_usd": 3e5, "max_nox_short_tons_per_year": 250 if k == "air" else None}
        for k in ("air", "zoning", "land_use")
    ]  # fmt: skip
    if on["permits"]:
        permits.append({"jurisdiction": "TX", "permit_kind": "air", "variant": "major",
                        "months": 14, "cost_usd": 3e6})  # fmt: skip
    else:
        permits[0]["max_nox_short_tons_per_year"] = None
    policies: list[dict[str, Any]] = []
    if on["carbon"]:
        policies.append({"policy": "CO2 cap", "kind": "co2_cap", "value": round(2000 * top),
                         "scope": "total", "year": None})  # fmt: skip
    if on["budget"]:
        policies.append({"policy": "yearly budget", "kind": "budget", "scope": None,
                         "value": round(20e6 * top / (horizon / 12)), "year": None})  # fmt: skip
    technologies = pd.read_csv(REAL / "technologies.csv")
    technologies = technologies[technologies["technology"].isin(list(limits))]
    made = {
        "settings": pd.DataFrame(
            {"key": ["case_name", "plan_start", "reference_year", "money_year",
                     "real_discount_rate", "gap", "time_limit_s", "seed"],
             "value": [size.name, START.date().isoformat(), 2012, 2026, 0.07, 0.02, 600,
                       size.seed]}
        ),
        "periods": when,
        "regions": pd.DataFrame([{"region": "Dallas", "longitude": -96.8, "latitude": 32.78}]),
        "workloads": pd.DataFrame(
            [{"workload": "training", "load_profile": "load", "delay_price_usd_per_mw_month": 6e5}]
        ),
        "demand": pd.DataFrame(
            {"workload": "training", "region": "Dallas", "period": when["period"], "it_mw": wanted}
        ),
        "sites": sites,
        "campus_blocks": pd.read_csv(REAL / "campus_blocks.csv").drop(columns="source"),
        "technologies": technologies,
        "site_technologies": pd.DataFrame(site_technologies),
        "interconnections": offers,
        "interconnection_steps": pd.DataFrame(steps),
        "tariffs": pd.DataFrame(
            [{"tariff": f"tariff_{a}", "market": "ERCOT", "energy_price_usd_per_mwh": 4,
              "price_profile": f"price_{a}", "price_growth_per_year": 0.01,
              "co2_t_per_mwh": 0.33, "carbon_free_share": 0.42} for a in range(size.areas)]
        ),
        "fuels": pd.DataFrame(
            [{"fuel": "gas", "hub": "*", "price_usd_per_mmbtu": 3.5,
              "price_growth_per_year": 0.02, "co2_t_per_mmbtu": 0.0531}]
        ),
        "components": pd.DataFrame(
            [{"component": c, "unit": "MW"} for c in ("engine slot", "turbine slot", "transformer")]
        ),
        "supply": pd.DataFrame(supply),
        "component_use": pd.DataFrame(uses),
        "permits": pd.DataFrame(permits),
    }  # fmt: skip
    if policies:
        made["policies"] = pd.DataFrame(policies)
    add(size.features, size.seed, made, series, real)
    return made, series


def inputs(size: Size) -> Inputs:
    """A checked case of this size."""
    found, problems = Inputs.from_tables(*tables(size))
    if found is None:
        raise ValueError("\n".join(str(p) for p in list(problems)[:20]))
    return found


def write(size: Size, folder: Path) -> None:
    """The case as a folder of CSV files."""
    made, series = tables(size)
    (folder / "profiles").mkdir(parents=True)
    for name, table in made.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    pd.DataFrame(series).astype("float32").to_parquet(folder / "profiles" / "profiles.parquet")


def main() -> None:
    """Write a case."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cases", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sites", type=int, default=50)
    parser.add_argument("--quarters", type=int, default=20)
    parser.add_argument("--years", type=int, default=0)
    parser.add_argument("--areas", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--features", nargs="*", default=[], choices=[*FEATURES, *SERVICE])
    a = parser.parse_args()
    size = Size(a.sites, a.quarters, a.years, a.areas, a.seed, tuple(a.features))
    write(size, a.folder)


if __name__ == "__main__":
    main()
