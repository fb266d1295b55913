"""Budget, storage, flexible service, carbon, land, water and thresholds, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.cases.test_schedule_by_hand import backlog, cost, permit_rows, solve
from tests.support import HOURS, add_grid, base, case, profiles, technology

JANUARY = 744
HOURS_2 = 744 + 672


def test_spending_stays_within_the_budget_of_its_year() -> None:
    # A hall and an engine for 10 MW cost 10 + 10 M$, all paid when they come online.
    # 20.5 M$ a year: 10 MW in December 2027, 10 more in January 2028.
    rows = base([("p0", "2027-12-01", 1), ("p1", "2028-01-01", 1)])
    rows["policies"] = [{"policy": "budget", "kind": "budget", "value": 20.5e6}]
    plan = solve(rows)
    assert backlog(plan) == [10, 0]
    paid = plan.tables["cashflow"].groupby("date")["usd"].sum()
    assert list(paid) == pytest.approx([20e6, 20e6])


def test_storage_is_sized_for_the_night() -> None:
    # Sun 12 h at 1, 12 h at 0; 10 MW; efficiency 0.81, so 0.9 each way.
    # Night: 120 MWh discharged = 133.3 MWh stored = 148.1 MWh charged in 12 h = 12.35 MW.
    series = profiles() | {"square": (HOURS % 24 < 12).astype(float)}
    rows = base()
    rows["demand"][0]["it_mw"] = rows["demand"][1]["it_mw"] = 10
    rows["site_technologies"][0]["max_mw"] = 0
    rows["technologies"] += [
        technology("sun", "variable"),
        technology("battery", "storage", capex_usd_per_kw=100, capex_usd_per_kwh=100,
                   round_trip_efficiency=0.81),
    ]  # fmt: skip
    rows["site_technologies"] += [
        {"site": "*", "technology": "sun", "max_mw": 100, "profile": "square"},
        {"site": "*", "technology": "battery", "max_mw": 100},
    ]
    from optimizer.settings import RunOptions
    from optimizer.solving.solve import solve_case

    plan = solve_case(case(rows, series), RunOptions(gap=1e-7, time_limit_s=60))
    first = plan.tables["capacity"].query("period == 'p0'").set_index("technology")
    assert first.loc["battery", "standing_mwh"] == pytest.approx(120 / 0.9, rel=1e-4)
    assert first.loc["battery", "standing_mw"] == pytest.approx(120 / 0.81 / 12, rel=1e-4)
    assert first.loc["sun", "standing_mw"] == pytest.approx(10 + 120 / 0.81 / 12, rel=1e-4)
    assert backlog(plan) == pytest.approx([0, 0], abs=1e-4)


def test_flexible_service_is_cut_in_the_dearest_hours() -> None:
    # 20 MW flexible, cut in the 100 dearest hours, all in January; engines run only then.
    price = np.full(8760, 10.0)
    price[100:200] = 90.0
    rows = base()
    add_grid(rows, 0, 20, curtailed_hours_per_year=100)
    rows["tariffs"][0].update(energy_price_usd_per_mwh=0, price_profile="dear")
    rows["fuels"][0]["price_usd_per_mmbtu"] = 3  # 30 $/MWh: dearer than 10, cheaper than 90
    from optimizer.settings import RunOptions
    from optimizer.solving.solve import solve_case

    plan = solve_case(
        case(rows, profiles() | {"dear": price}), RunOptions(gap=1e-7, time_limit_s=60)
    )
    operation = plan.tables["operation"]
    made = operation.query("technology == 'engine' and metric == 'generation_mwh'")["value"]
    assert made.sum() == pytest.approx(20 * 100)
    assert cost(plan, "energy") == pytest.approx(
        10 * 20 * ((JANUARY - 100) + 672) * 1.07 ** (-0.5 / 12), rel=0.01
    )


def test_carbon_cap_moves_energy_to_the_clean_and_dear_grid() -> None:
    # Engine 10 MMBtu/MWh x 0.05 t = 0.5 t/MWh. A cap of 1,000 t for the two months lets it
    # make 2,000 MWh; the grid (no CO2, 200 $/MWh) serves the rest of 20 MW x 1,416 h.
    rows = base()
    add_grid(rows, 20)
    rows["tariffs"][0]["energy_price_usd_per_mwh"] = 200
    rows["policies"] = [
        {"policy": "cap", "kind": "co2_cap", "scope": "onsite", "value": 1000 * 8760 / HOURS_2}
    ]
    plan = solve(rows)
    operation = plan.tables["operation"].set_index(["technology", "metric"])["value"]
    assert operation["engine", "generation_mwh"].sum() == pytest.approx(2000, rel=1e-6)
    assert operation["grid", "import_mwh"].sum() == pytest.approx(20 * HOURS_2 - 2000, rel=1e-6)


def test_land_limits_what_stands() -> None:
    # 0.1 km2 at 0.02 km2/MW: at most 5 MW of sun, though it would save fuel.
    rows = base()
    rows["sites"][0]["land_km2"] = 0.1
    rows["technologies"].append(
        technology("sun", "variable", capex_usd_per_kw=1, land_km2_per_mw=0.02)
    )
    rows["site_technologies"].append(
        {"site": "*", "technology": "sun", "max_mw": 100, "profile": "sun"}
    )
    capacity = solve(rows).tables["capacity"]
    assert capacity.query("technology == 'sun'")["standing_mw"].max() == pytest.approx(5)


def test_water_limits_cooling() -> None:
    # 1 m3/MWh and 10 MW x 1,416 h = 14,160 m3 in the two months: half of 20 MW can run.
    rows = base()
    rows["sites"][0].update(
        cooling_water_m3_per_mwh=1.0, water_limit_m3_per_year=14_160 * 8760 / HOURS_2
    )
    plan = solve(rows)
    # January is shorter in MW-months of delay avoided per m3 than February: 744 against 672 h.
    placed = plan.tables["backlog"]["placed_mw"].to_numpy()
    assert placed @ [744, 672] == pytest.approx(14_160, rel=1e-6)
    assert placed[1] == pytest.approx(20, rel=1e-6)


def test_nox_threshold_of_a_permit() -> None:
    # 0.1 kg/MWh x 8,760 h = 876 kg = 0.9656 short tons for each MW: 10 MW emit 9.66 t/a.
    # A threshold of 15 lets one unit of 10 MW stand; the other 10 MW wait.
    rows = base()
    rows["technologies"][0].update(permit_kind="air", nox_kg_per_mwh=0.1)
    rows["permits"] = permit_rows(("minor", 0, 0))
    rows["permits"][0]["max_nox_short_tons_per_year"] = 15
    plan = solve(rows)
    assert plan.tables["capacity"]["standing_mw"].max() == 10
    assert backlog(plan) == [10, 10]


def test_gas_limit_counts_full_load() -> None:
    # 10 MMBtu/MWh: 150 MMBtu/h feed 15 MW, so one unit of 10 MW.
    rows = base()
    rows["fuels"][0]["counts_against_gas_limit"] = True
    rows["sites"][0]["gas_limit_mmbtu_per_hour"] = 150
    plan = solve(rows)
    assert plan.tables["capacity"]["standing_mw"].max() == 10


def test_latency_decides_who_may_serve() -> None:
    # The site is 500 km away: 7.5 ms round trip at 0.015 ms/km. 7 ms is too strict, 8 ms is not.
    rows = base()
    rows["regions"][0]["latitude"] = 32 + 500 / 111.195
    for limit, waits in ((7.0, [20, 20]), (8.0, [0, 0])):
        rows["workloads"][0]["max_latency_ms"] = limit
        assert backlog(solve(rows)) == waits
