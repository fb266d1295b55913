"""Plots and tables of ``docs/curtailed_service.md``: cost and months against curtailed hours.

``python docs/make/curtailed_service.py`` plans one site of 200 MW in West Texas where firm service
comes late and flexible service early, for each number of curtailed hours and each kind of supply of
its own, with the profiles of ``inputs/texas_southwest``. It writes
``docs/images/curtailed_service.svg`` and the tables of the page between its marks. It takes some
minutes.
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
from numpy.typing import NDArray

from optimizer import Case, solve

DOCS = Path(__file__).resolve().parents[1]
PROFILES = DOCS.parent / "inputs" / "texas_southwest" / "profiles" / "profiles.parquet"
SERIES = ("load_ercot", "price_ercot", "load_ai", "pue_plains")
IT_MW, GRID_MW = 200.0, 300.0
HOURS = (0, 22, 44, 88, 175, 438)
"""Curtailed hours of a year: 0, 0.25, 0.5, 1, 2 and 5 % of it."""
FIRM, EARLY = "2031-01-01", "2029-01-01"
DUKE_US = {0.25: 76.0, 0.5: 98.0, 1.0: 126.0, 5.0: 215.0}
"""Norris et al. 2025 (Duke): GW of new load by % of its energy that is curtailed, United States."""
DUKE_HOURS = {0.25: 85, 0.5: 177, 1.0: 366, 5.0: 1848}
"""Hours of a year in which some of it is curtailed, in the mean of its balancing authorities."""
DUKE_ERCOT = {0.5: 10.0}
"""GW in ERCOT alone, its figure 8."""
GAP, SECONDS = 2e-3, 150.0
STYLE = {"svg.hashsalt": "curtailed", "svg.fonttype": "none", "font.size": 10,
         "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
         "grid.alpha": 0.25}  # fmt: skip
SUPPLIES: dict[str, dict[str, float]] = {
    "batteries": {"battery": 300},
    "batteries, work that pauses": {"battery": 300, "pause": 240},
    "engines, batteries, work that pauses": {"battery": 300, "pause": 240, "engine": 280},
}
"""What may stand at the site beside the grid [MW]."""
COLORS = dict(zip(SUPPLIES, ("#7a4b9a", "#0b6e99", "#c4541d"), strict=True))
PERIODS = (("2027", "2027-01-01", 12), ("2028-H1", "2028-01-01", 6), ("2028-H2", "2028-07-01", 6),
           ("2029-H1", "2029-01-01", 6), ("2029-H2", "2029-07-01", 6), ("2030-H1", "2030-01-01", 6),
           ("2030-H2", "2030-07-01", 6), ("2031", "2031-01-01", 12), ("2032", "2032-01-01", 12),
           ("2033-2036", "2033-01-01", 48))  # fmt: skip
DELAY_USD_PER_MW_MONTH = 836_000.0
"""A MW of IT load that waits for a month: accelerators of 35 M$/MW over five years at 10 %, and a
margin of 100,000 USD a month."""


@dataclass(frozen=True)
class Point:
    """One plan: money discounted [M$], energy of the year 2029 in curtailed hours [MWh]."""

    hours: int
    offer: str
    cost: float
    delay: float
    waiting_mw_months: float
    full_power: str
    curtailed: dict[str, float]
    battery_mw: float
    battery_mwh: float
    engine_mw: float
    gap: float

    @property
    def without_delay(self) -> float:
        """What is paid: all but the price of delay [M$]."""
        return self.cost - self.delay

    def earlier(self, firm: Point) -> float:
        """Months by which a MW runs earlier than with firm service, in the mean of all MW."""
        return (firm.waiting_mw_months - self.waiting_mw_months) / IT_MW


def series() -> dict[str, NDArray[np.float64]]:
    """Hourly profiles of the study."""
    table = pq.read_table(PROFILES, columns=list(SERIES)).to_pandas()
    return {name: table[name].to_numpy(float) for name in SERIES}


def headroom(load: NDArray[np.float64], share: float) -> tuple[float, NDArray[np.float64]]:
    """MW of flat new load that leave the year's peak as it is, and the share of it cut by the hour.

    ``share`` of the new load's yearly energy is cut, only by what stands above the old peak.
    """
    low, high = 0.0, float(load.max())
    for _ in range(60):
        new = (low + high) / 2
        cut = np.maximum(load + new - load.max(), 0.0)
        low, high = (new, high) if cut.sum() <= share * new * len(load) else (low, new)
    return low, np.maximum(load + low - load.max(), 0.0) / low


def offers(hours: int | None, in_part: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Firm service late and, unless ``hours`` is None, flexible service early: two ways of it."""
    common = {"site": "site", "status": "filed", "cost_usd_per_kw": 110}
    firm = {**common, "queue_months": 12, "upgrade_months": 36, "upgrade_cost_usd": 40e6}
    rows = [{**firm, "offer": "firm"}]
    steps = [{"offer": "firm", "from_date": FIRM, "firm_mw": GRID_MW, "flexible_mw": 0}]
    if hours is not None:
        cut: dict[str, Any] = {}
        if in_part:
            cut = {"curtailment_profile": "cut_in_part"}
        elif hours:
            cut = {"curtailed_system_hours": hours, "system_load_profile": "load_ercot"}
        early = {**common, "queue_months": 12, "upgrade_months": 12, **cut}
        rows += [{**early, "offer": "flexible until firm", "upgrade_cost_usd": 40e6},
                 {**early, "offer": "flexible for good", "upgrade_cost_usd": 10e6}]  # fmt: skip
        steps += [
            {"offer": "flexible until firm", "from_date": EARLY, "firm_mw": 0, "flexible_mw": GRID_MW},
            {"offer": "flexible until firm", "from_date": FIRM, "firm_mw": GRID_MW,
             "flexible_mw": GRID_MW},
            {"offer": "flexible for good", "from_date": EARLY, "firm_mw": 0, "flexible_mw": GRID_MW},
        ]  # fmt: skip
    return rows, [{"site": "site", **step} for step in steps]


def make_case(supply: dict[str, float], hours: int | None, in_part: bool = False) -> Case:
    """The site with its own supply and its offers of grid service."""
    profiles = series()
    if in_part:
        profiles["cut_in_part"] = headroom(profiles["load_ercot"], (hours or 0) / 8760)[1]
    used = float(np.mean(profiles["load_ai"] * profiles["pue_plains"]))
    at_once = {"procurement_months": 0, "construction_months": 0, "commissioning_months": 0}
    interconnections, steps = offers(hours, in_part)
    wanted = {name: 0.0 if name < "2029" else IT_MW for name, _, _ in PERIODS}
    tables: dict[str, list[dict[str, Any]]] = {
        "settings": [{"key": "plan_start", "value": "2027-01-01"},
                     {"key": "case_name", "value": "curtailed_service"},
                     {"key": "time_zone", "value": "Etc/GMT+6"}],
        "periods": [{"period": p, "start": s, "months": m} for p, s, m in PERIODS],
        "regions": [{"region": "Dallas", "longitude": -96.8, "latitude": 32.78}],
        "workloads": [{"workload": "training", "load_profile": "load_ai",
                       "delay_price_usd_per_mw_month": DELAY_USD_PER_MW_MONTH}],
        "demand": [{"workload": "training", "region": "Dallas", "period": p, "it_mw": mw}
                   for p, mw in wanted.items()],
        "sites": [{"site": "site", "longitude": -99.73, "latitude": 32.45, "jurisdiction": "TX",
                   "market": "ERCOT", "tariff": "ercot", "gas_hub": "waha", "land_km2": 20,
                   "max_it_mw": IT_MW, "pue_profile": "pue_plains"}],
        "campus_blocks": [{"site": "*", "block": "hall", "it_mw": 25, "capex_usd_per_mw": 12.5e6,
                           "fom_usd_per_mw_year": 250_000, "procurement_months": 6,
                           "construction_months": 12}],
        "technologies": [
            {"technology": "battery", "catalog": "battery"},
            {"technology": "engine", "catalog": "engine_high_speed", "unit_mw": 10},
            # Work that pauses is a unit that costs nothing to build and, for each MWh, what idle
            # accelerators cost.
            {"technology": "pause", "class": "thermal", "capex_usd_per_kw": 0, "life_years": 30,
             "vom_usd_per_mwh": DELAY_USD_PER_MW_MONTH * 12 / (8760 * used), **at_once},
        ],
        "site_technologies": [{"site": "site", "technology": n, "max_mw": mw}
                              for n, mw in supply.items()],
        "fuels": [{"fuel": "gas", "hub": "waha", "price_usd_per_mmbtu": 1.9,
                   "price_growth_per_year": 0.05, "co2_t_per_mmbtu": 0.0531}],
        "tariffs": [{"tariff": "ercot", "market": "ERCOT", "energy_price_usd_per_mwh": 4,
                     "price_profile": "price_ercot"}],
        "tariff_charges": [{"tariff": "ercot", "charge": "transmission", "kind": "coincident_peak",
                            "price_usd_per_kw_year": 70, "months": "6-9",
                            "system_profile": "load_ercot"}],
        "permits": [{"jurisdiction": "TX", "permit_kind": "air", "variant": "standard", "months": 3,
                     "cost_usd": 3e5},
                    {"jurisdiction": "TX", "permit_kind": "land_use", "variant": "standard",
                     "months": 3, "cost_usd": 2e5}],
        "interconnections": interconnections,
        "interconnection_steps": steps,
    }  # fmt: skip
    if "engine" not in supply:
        del tables["fuels"]
        tables["technologies"] = [t for t in tables["technologies"] if t["technology"] != "engine"]
        tables["permits"] = tables["permits"][1:]
    if "pause" not in supply:
        tables["technologies"] = [t for t in tables["technologies"] if t["technology"] != "pause"]
    return Case.from_tables({n: pd.DataFrame(rows) for n, rows in tables.items()}, profiles)


def plan(supply: str, hours: int | None, in_part: bool = False) -> Point:
    """The cheapest plan under these offers; the curtailed hours are counted where there are any."""
    case = make_case(SUPPLIES[supply], hours, in_part)
    found = solve(case, gap=GAP, time_limit=SECONDS)
    assert found.verification is not None and found.verification.passed
    costs = found.tables["costs"].groupby("category")["usd"].sum() / 1e6
    capacity = found.tables["capacity"]
    built = capacity.groupby("technology")[["standing_mw", "standing_mwh"]].max()
    no_unit = pd.Series({"standing_mw": 0.0, "standing_mwh": 0.0})
    backlog = found.tables["backlog"].set_index("period")["backlog_mw"]
    load = series()["load_ercot"]
    cut = (headroom(load, (hours or 0) / 8760)[1] > 0 if in_part
           else np.isin(np.arange(8760), np.argsort(-load, kind="stable")[: hours or 0]))  # fmt: skip
    dispatch = found.dispatch
    year = dispatch[dispatch["period"].str.startswith("2029") & cut[dispatch["hour"]]]

    def energy(column: str) -> float:
        return float(year[column].sum()) if column in year else 0.0

    most = {n: built.loc[n] if n in built.index else no_unit for n in ("battery", "engine")}
    made = Point(
        hours=hours or 0,
        offer=str(found.tables["interconnection"]["offer"].iloc[0]),
        cost=float(costs.sum()),
        delay=float(costs.get("delay", 0.0)),
        waiting_mw_months=float(sum(m * backlog.get(p, 0.0) for p, _, m in PERIODS)),
        full_power=str(found.summary["full_power_date"]),
        curtailed={
            "battery": energy("discharge_mw:battery") - energy("charge_mw:battery"),
            "pause": energy("generation_mw:pause"),
            "engine": energy("generation_mw:engine"),
            "grid": energy("import_mw"),
        },
        battery_mw=float(most["battery"]["standing_mw"]),
        battery_mwh=float(most["battery"]["standing_mwh"]),
        engine_mw=float(most["engine"]["standing_mw"]),
        gap=float(found.summary["gap"]),
    )
    print(supply, made, flush=True)
    return made


def pays(point: Point, free: Point, firm: Point) -> float:
    """Months of head start that pay for the curtailment, by what a month is worth in these plans."""
    return (point.cost - free.cost) / ((firm.cost - free.cost) / free.earlier(firm))


Plans = dict[str, dict[int | None, Point]]


def draw(plans: Plans, path: Path) -> None:
    """Cost and months against curtailed hours, and headroom against curtailment as published."""
    figure = Figure(figsize=(12.0, 4.2), layout="constrained")
    cost, months, room = figure.subplots(1, 3)
    for name, color in COLORS.items():
        firm, free = plans[name][None], plans[name][0]
        points = [plans[name][h] for h in HOURS]
        cost.plot(HOURS, [p.cost for p in points], "o-", color=color, label=name)
        cost.plot(HOURS, [p.without_delay for p in points], ":", color=color)
        months.plot(HOURS, [p.earlier(firm) for p in points], "o-", color=color)
        if free.earlier(firm) > 1:
            months.plot(HOURS, [pays(p, free, firm) for p in points], "--", color=color)
        else:
            cost.axhline(firm.cost, color=color, linestyle="-.", linewidth=1)
            cost.annotate("firm service, engines before it", (HOURS[0], firm.cost), xytext=(4, 4),
                          textcoords="offset points", fontsize=8, color=color)  # fmt: skip
    cost.plot([], [], ":", color="#666666", label="without the price of delay")
    months.plot([], [], "-", color="#666666", label="earlier than firm service")
    months.plot([], [], "--", color="#666666", label="earlier by which it pays")
    late = ", ".join(f"{plans[n][None].cost / 1e3:.1f}" for n in list(SUPPLIES)[:2])
    cost.set(title="Cost of the plan, M$", ylim=(1850, None))
    cost.annotate(f"firm service without engines:\n{late} B$", (0.04, 0.66), fontsize=8,
                  xycoords="axes fraction", color="#444444")  # fmt: skip
    months.set(title="Months, mean of all MW", ylim=(-0.8, 26))
    for axes in (cost, months):
        axes.set_xscale("symlog", linthresh=22)
        axes.set_xlim(-2, 520)
        axes.set_xticks(HOURS, [str(h) for h in HOURS])
        axes.minorticks_off()
        axes.set_xlabel("hours a year without flexible service")
        axes.legend(frameon=False, fontsize=8)
    load = series()["load_ercot"]
    shares = np.array([h / 8760 for h in HOURS[1:]])
    room.plot(100 * shares, [headroom(load, s)[0] / 1e3 for s in shares], "o-", color="#4a7c3a",
              label="series of this study, one year")  # fmt: skip
    room.plot(list(DUKE_ERCOT), list(DUKE_ERCOT.values()), "*", color="#4a7c3a", markersize=13,
              label="ERCOT, Duke")  # fmt: skip
    room.plot(list(DUKE_US), list(DUKE_US.values()), "*", color="#666666", markersize=13,
              label="United States, Duke")  # fmt: skip
    room.set(xscale="log", yscale="log", title="Room for new load, GW",
             xlabel="its energy that is curtailed, %", ylim=(2, 400))  # fmt: skip
    room.set_xticks(100 * shares, [f"{100 * s:.2g}" for s in shares])
    room.set_yticks([3, 10, 30, 100, 300], ["3", "10", "30", "100", "300"])
    room.minorticks_off()
    room.legend(frameon=False, fontsize=8)
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def row(name: str, hours: str, point: Point, free: Point, firm: Point) -> str:
    """A line of the first table."""
    early = free.earlier(firm) > 1
    months = f"{pays(point, free, firm):.1f}" if early and point not in (free, firm) else "–"
    size = f"{point.battery_mw:,.0f} / {point.battery_mwh:,.0f}" if point.battery_mw > 1 else "–"
    filled = point.curtailed
    cells = [name, hours, point.offer, f"{point.cost:,.0f}", f"{point.without_delay:,.0f}",
             f"{point.earlier(firm):.1f}", months, size,
             f"{point.engine_mw:,.0f}" if point.engine_mw else "–",
             *(f"{filled[k] / 1e3:,.1f}" if filled[k] > 50 else "–"
               for k in ("battery", "pause", "engine", "grid")), f"{100 * point.gap:.2f}"]  # fmt: skip
    return f"| {' | '.join(cells)} |"


HEAD = (
    "| own supply | curtailed h | service taken | cost, M$ | without delay, M$ | months earlier | "
    "months that pay | battery, MW / MWh | engines, MW | GWh of 2029 from batteries | paused | "
    "from engines | from the grid | gap, % |"
)


def into_page(mark: str, head: str, rows: list[str]) -> None:
    """Replace the lines between two marks of the page."""
    page = DOCS / "curtailed_service.md"
    rule = "|" + "---|" * (head.count("|") - 1)
    body = "\n".join([f"<!-- {mark} -->", "", head, rule, *rows, "", f"<!-- end {mark} -->"])
    pattern = rf"<!-- {mark} -->.*?<!-- end {mark} -->"
    text = re.sub(pattern, lambda _: body, page.read_text("utf-8"), flags=re.DOTALL)
    page.write_text(text, encoding="utf-8")


def main() -> None:
    """All plans, the plot and the tables."""
    plans: Plans = {n: {h: plan(n, h) for h in (None, *HOURS)} for n in SUPPLIES}
    with mpl.rc_context(STYLE):
        draw(plans, DOCS / "images" / "curtailed_service.svg")
    into_page("plans", HEAD, [
        row(name, "firm" if h is None else str(h), p, points[0], points[None])
        for name, points in plans.items() for h, p in points.items()
    ])  # fmt: skip
    load, part = series()["load_ercot"], 88
    often = int((headroom(load, part / 8760)[1] > 0).sum())
    into_page("part", HEAD, [
        line for name, points in plans.items()
        for line in (row(name, f"{part}, whole", points[part], points[0], points[None]),
                     row(name, f"{often}, in part", plan(name, part, in_part=True), points[0],
                         points[None]))
    ])  # fmt: skip
    rooms = [(h, *headroom(load, h / 8760)) for h in HOURS[1:]]
    shares = {h: round(100 * h / 8760, 2) for h in HOURS}

    def published(values: dict[float, Any], hours: int) -> str:
        return f"{values[shares[hours]]:,}" if shares[hours] in values else "–"

    into_page("room", "| curtailed, % of its energy | the same as whole hours | GW in the series here | "
              "hours in which some is cut | GW in ERCOT, Duke | GW in the United States, Duke | "
              "hours in which some is cut, Duke |",
              [f"| {shares[h]:g} | {h} | {mw / 1e3:.1f} | {(cut > 0).sum():,} | "
               f"{published(DUKE_ERCOT, h)} | {published(DUKE_US, h)} | {published(DUKE_HOURS, h)} |"
               for h, mw, cut in rooms])  # fmt: skip


if __name__ == "__main__":
    main()
