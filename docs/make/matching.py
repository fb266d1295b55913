"""Plots and table of ``docs/matching.md``: cost against the share matched by the hour.

``python docs/make/matching.py`` plans one site of 100 MW in West Texas with sun, wind, batteries and
the grid for each target, and one in Arizona with sun and batteries alone, with the profiles of
``inputs/texas_southwest``. It writes ``docs/images/matching_cost.svg``, ``matching_sun.svg`` and the
tables of the page between its marks. It takes some minutes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from matplotlib.figure import Figure

from optimizer import Case, solve

DOCS = Path(__file__).resolve().parents[1]
PROFILES = DOCS.parent / "inputs" / "texas_southwest" / "profiles" / "profiles.parquet"
IT_MW = 100.0
WEST, SUN = (0.0, 0.8, 0.9, 0.95, 0.98, 1.0), (0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99)
EMBER = {"share": 97.0, "sun": 6.0, "battery": 17.0, "usd_per_mwh": 104.0}
"""Ember 2025, Las Vegas: GW of sun and GWh of batteries for 1 GW of load, and their cost."""
STYLE = {"svg.hashsalt": "matching", "svg.fonttype": "none", "font.size": 10,
         "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
         "grid.alpha": 0.25}  # fmt: skip


@dataclass(frozen=True)
class Point:
    """One plan: shares in %, sizes for each MW of load, cost of power [USD/MWh served]."""

    target: float
    share: float
    usd_per_mwh: float
    clean_usd_per_mwh: float
    sun: float
    wind: float
    battery_mwh: float
    gap: float


def technologies() -> list[dict[str, Any]]:
    """Prices of 2026: assumptions of the real case."""
    quick = {"procurement_months": 0, "construction_months": 0, "commissioning_months": 0}
    return [
        {"technology": "solar", "class": "variable", "capex_usd_per_kw": 1250, "life_years": 30,
         "fom_usd_per_kw_year": 15, **quick},
        {"technology": "wind", "class": "variable", "capex_usd_per_kw": 1600, "life_years": 30,
         "fom_usd_per_kw_year": 30, **quick},
        {"technology": "battery", "class": "storage", "capex_usd_per_kw": 200,
         "capex_usd_per_kwh": 250, "life_years": 15, "fom_usd_per_kw_year": 10,
         "round_trip_efficiency": 0.86, **quick},
    ]  # fmt: skip


def make_case(target: float, sources: dict[str, str]) -> Case:
    """A site for a year; ``sources`` are its technologies with their profiles."""
    tables = {
        "settings": [{"key": "plan_start", "value": "2027-01-01"},
                     {"key": "case_name", "value": "matching"}],
        "periods": [{"period": "2027", "start": "2027-01-01", "months": 12}],
        "regions": [{"region": "west", "longitude": -100, "latitude": 32}],
        "workloads": [{"workload": "training", "delay_price_usd_per_mw_month": 2e6}],
        "demand": [{"workload": "training", "region": "west", "period": "2027", "it_mw": IT_MW,
                    "max_backlog_mw": 0}],
        "sites": [{"site": "site", "longitude": -100, "latitude": 32, "jurisdiction": "TX",
                   "market": "ERCOT", "tariff": "energy", "land_km2": 500, "max_it_mw": IT_MW,
                   "pue": 1.0}],
        "campus_blocks": [{"site": "*", "block": "hall", "it_mw": IT_MW, "capex_usd_per_mw": 0,
                           "construction_months": 0}],
        "technologies": technologies(),
        "site_technologies": [{"site": "*", "technology": n, "max_mw": 4000, "profile": profile}
                              for n, profile in sources.items()],
        "tariffs": [{"tariff": "energy", "market": "ERCOT", "energy_price_usd_per_mwh": 4,
                     "price_profile": "price_ercot"}],
        "interconnections": [{"site": "site", "offer": "grid"}],
        "interconnection_steps": [{"site": "site", "offer": "grid", "from_date": "2027-01-01",
                                   "firm_mw": IT_MW}],
        "policies": [{"policy": "cfe", "kind": "cfe_hourly", "value": target,
                      "grid_counts": False}],
    }  # fmt: skip
    series = pq.read_table(PROFILES).to_pandas()
    used = {"price_ercot", *(p for p in sources.values() if p)}
    profiles = {name: series[name].to_numpy(float) for name in used}
    return Case.from_tables({n: pd.DataFrame(rows) for n, rows in tables.items()}, profiles)


def plan(target: float, sources: dict[str, str]) -> Point:
    """The cheapest plan that matches this share by the hour."""
    found = solve(make_case(target, sources), gap=2e-3, time_limit=240)
    assert found.verification is not None and found.verification.passed
    size = found.tables["capacity"].set_index("technology")[["standing_mw", "standing_mwh"]]
    costs = found.tables["costs"].groupby("category")["usd"].sum()
    row = found.tables["matching"].iloc[0]
    served = float(row["served_mwh"])
    weight = float(np.sum(1.07 ** (-(np.arange(12) + 0.5) / 12)) / 12)
    paid = float(costs.sum()) / weight
    grid = float(costs.get("energy", 0.0)) / weight

    def standing(name: str, column: str = "standing_mw") -> float:
        return float(size[column].get(name, 0.0)) / IT_MW

    made = Point(
        100 * target, 100 * float(row["share"]), paid / served,
        (paid - grid) / max(float(row["matched_mwh"]), 1e-9), standing("solar"), standing("wind"),
        standing("battery", "standing_mwh"), float(found.summary["gap"]),
    )  # fmt: skip
    print(made, flush=True)
    return made


def draw_west(points: list[Point], path: Path) -> None:
    """Cost, and sizes, against the share that is asked."""
    figure = Figure(figsize=(9.6, 4.0), layout="constrained")
    cost, sizes = figure.subplots(1, 2)
    asked = [p for p in points if p.target > 0]
    x = [p.target for p in asked]
    cost.plot(x, [p.usd_per_mwh for p in asked], "o-", color="#0b6e99")
    cost.axhline(points[0].usd_per_mwh, color="#666666", linestyle="--", linewidth=1)
    cost.annotate("without a target", (x[0], points[0].usd_per_mwh), xytext=(0, 4),
                  textcoords="offset points", fontsize=9)  # fmt: skip
    cost.set(xlabel="matched by the hour, %", ylabel="USD/MWh served", title="Cost of power")
    cost.set_ylim(bottom=0)
    for name, color, values in (
        ("sun, MW", "#c4541d", [p.sun for p in asked]),
        ("wind, MW", "#4a7c3a", [p.wind for p in asked]),
        ("battery, MWh", "#7a4b9a", [p.battery_mwh for p in asked]),
    ):
        sizes.plot(x, values, "o-", color=color, label=name)
    sizes.set(xlabel="matched by the hour, %", title="For each MW of load")
    sizes.legend(frameon=False)
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def draw_sun(points: list[Point], path: Path) -> None:
    """Overbuild, battery and cost of sun and batteries, beside Ember's figure."""
    figure = Figure(figsize=(9.6, 4.0), layout="constrained")
    sizes, cost = figure.subplots(1, 2)
    x = [p.target for p in points]
    sizes.plot(x, [p.sun for p in points], "o-", color="#c4541d", label="sun, MW")
    sizes.plot(x, [p.battery_mwh for p in points], "o-", color="#7a4b9a", label="battery, MWh")
    sizes.plot(EMBER["share"], EMBER["sun"], "*", color="#c4541d", markersize=13,
               label="sun, Ember")  # fmt: skip
    sizes.plot(EMBER["share"], EMBER["battery"], "*", color="#7a4b9a", markersize=13,
               label="battery, Ember")  # fmt: skip
    sizes.set(xlabel="share served by sun, %", title="For each MW of load")
    sizes.legend(frameon=False)
    cost.plot(x, [p.clean_usd_per_mwh for p in points], "o-", color="#0b6e99", label="Arizona")
    cost.plot(EMBER["share"], EMBER["usd_per_mwh"], "*", color="#0b6e99", markersize=13,
              label="Las Vegas, Ember")  # fmt: skip
    cost.set(xlabel="share served by sun, %", ylabel="USD/MWh served by sun", title="Cost")
    cost.set_ylim(bottom=0)
    cost.legend(frameon=False)
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def into_page(mark: str, head: str, rows: list[str]) -> None:
    """Replace the lines between two marks of the page."""
    page = DOCS / "matching.md"
    text = page.read_text("utf-8")
    body = "\n".join([f"<!-- {mark} -->", "", head, *rows, "", f"<!-- end {mark} -->"])
    pattern = rf"<!-- {mark} -->.*?<!-- end {mark} -->"
    page.write_text(re.sub(pattern, lambda _: body, text, flags=re.DOTALL), encoding="utf-8")


def main() -> None:
    """All plans, plots and tables."""
    west = {"solar": "solar_ERC_WEST", "wind": "wind_ERC_WEST", "battery": ""}
    points = [plan(target, west) for target in WEST]
    with mpl.rc_context(STYLE):
        draw_west(points, DOCS / "images" / "matching_cost.svg")
    head = ("| asked | USD/MWh served | sun, MW | wind, MW | battery, MWh | proven gap |\n"
            "|---|---|---|---|---|---|")  # fmt: skip
    into_page("west", head, [
        f"| {f'{p.target:.0f} %' if p.target else 'nothing'} | {p.usd_per_mwh:.1f} | {p.sun:.2f} | "
        f"{p.wind:.2f} | {p.battery_mwh:.2f} | {100 * p.gap:.2f} % |" for p in points
    ])  # fmt: skip
    points = [plan(t, {"solar": "solar_WECC_AZ", "battery": ""}) for t in SUN]
    with mpl.rc_context(STYLE):
        draw_sun(points, DOCS / "images" / "matching_sun.svg")
    head = ("| share served | USD/MWh served by sun | sun, MW | battery, MWh | proven gap |\n"
            "|---|---|---|---|---|")  # fmt: skip
    into_page("sun", head, [
        f"| {p.target:.0f} % | {p.clean_usd_per_mwh:.0f} | {p.sun:.1f} | {p.battery_mwh:.1f} | "
        f"{100 * p.gap:.2f} % |" for p in points
    ])  # fmt: skip


if __name__ == "__main__":
    main()
