"""Sampled dates: against closed forms, against a plain loop, and with shared draws."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

from optimizer.reading.inputs import Inputs
from optimizer.results.dates import sample_dates, triangular, uniforms
from optimizer.results.words import sampled_dates
from tests.results.hand_plan import hand_plan, hand_rows
from tests.support import add_grid

RANGE = {"procurement_months_low": 4, "procurement_months_high": 12}


def quantile(low: float, likely: float, high: float, share: float) -> float:
    """Inverse of the triangular distribution, from its area."""
    if share <= (likely - low) / (high - low):
        return low + math.sqrt(share * (high - low) * (likely - low))
    return high - math.sqrt((1 - share) * (high - low) * (high - likely))


def month(months: int) -> str:
    return f"{pd.Timestamp('2028-01-01') + pd.DateOffset(months=months):%Y-%m-%d}"


def step(table: pd.DataFrame, site: str, item: str, name: str) -> Any:
    rows = table[(table["site"] == site) & (table["item"] == item) & (table["step"] == name)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_without_ranges_the_dates_are_the_plans() -> None:
    found = sample_dates(*hand_plan(hand_rows(2)), draws=200)
    for name in ("first_power", "full_power"):
        assert {found.headline[f"{name}_{q}"] for q in ("p10", "p50", "p90")} == {"2028-01-01"}
    assert found.headline["delay_mw_months_p50"] == found.headline["delay_mw_months_p90"] == 480
    assert found.headline["full_power_on_time_share"] == 1
    assert (found.table["critical_full_share"].dropna() == 0).all()
    assert found.headline["date_basis"] == {"input": 0, "assumed": 0, "fixed": 4}


def test_one_uncertain_step_has_its_closed_form() -> None:
    found = sample_dates(*hand_plan(hand_rows(**RANGE)))
    for name, share in (("p10", 0.1), ("p50", 0.5), ("p90", 0.9)):
        late = max(0, math.ceil(quantile(4, 5, 12, share) - 5))
        assert found.headline[f"full_power_{name}"] == month(late)
        assert found.headline[f"first_power_{name}"] == month(late)
    # Late by k months costs 20 MW each of them, beside the year that the plan itself waits.
    for name, share in (("p50", 0.5), ("p90", 0.9)):
        late = math.ceil(quantile(4, 5, 12, share) - 5)
        assert found.headline[f"delay_mw_months_{name}"] == pytest.approx(240 + 20 * late)
    on_time = (5 - 4) / (12 - 4)
    assert found.headline["full_power_on_time_share"] == pytest.approx(on_time, abs=1e-3)
    engine = step(found.table, "site0", "engine", "procurement")
    assert engine["critical_full_share"] == pytest.approx(1 - on_time, abs=1e-3)
    assert engine["basis"] == "input" and engine["factor"] == "market: engine"
    assert (engine["low_months"], engine["likely_months"], engine["high_months"]) == (4, 5, 12)
    assert step(found.table, "site0", "hall", "online")["critical_full_share"] == 0


def test_quantiles_are_those_of_the_triangular_distribution() -> None:
    middle = (np.arange(1000) + 0.5) / 1000
    drawn = triangular(middle, 3.0, 4.0, 9.0)
    assert drawn == pytest.approx([quantile(3, 4, 9, u) for u in middle])
    assert (triangular(middle, 2.0, 2.0, 2.0) == 2).all()
    assert triangular(np.array([0.0, 1.0]), 0.0, 0.0, 6.0).tolist() == [0.0, 6.0]


def test_sites_of_one_market_are_late_together_and_else_apart() -> None:
    rows = hand_rows(2, **RANGE)
    together = sample_dates(*hand_plan(rows)).headline
    # Both buy from one market: the later of two equal dates is no later than one alone.
    alone = sample_dates(*hand_plan(hand_rows(**RANGE))).headline
    assert together["full_power_p50"] == alone["full_power_p50"]
    apart_rows = hand_rows(2, construction_months_low=2, construction_months_high=12)
    apart = sample_dates(*hand_plan(apart_rows))
    single = sample_dates(*hand_plan(hand_rows(construction_months_low=2,
                                               construction_months_high=12)))  # fmt: skip
    assert apart.headline["full_power_p50"] > single.headline["full_power_p50"]
    assert apart.headline["first_power_p50"] < single.headline["first_power_p50"]
    shared = step(apart.table, "site1", "engine", "construction")
    assert shared["factor"] == "site: site1"


def test_factors_name_the_component_the_agency_and_the_utility() -> None:
    rows = hand_rows(2, permit_kind="air", **RANGE)
    rows["permits"] = [{"jurisdiction": "TX", "permit_kind": "air", "variant": "std", "months": 2,
                        "months_low": 1, "months_high": 4}]  # fmt: skip
    rows["components"] = [{"component": "transformer", "unit": "MVA"}]
    rows["component_use"] = [{"component": "transformer", "user_kind": "technology",
                              "user": "*", "per_mw": 1}]  # fmt: skip
    table = sample_dates(*hand_plan(rows, "std", 2), draws=200).table
    for site in ("site0", "site1"):
        assert step(table, site, "engine", "procurement")["factor"] == "market: transformer"
        assert step(table, site, "engine", "permit")["factor"] == "agency: TX air"


def test_a_plain_loop_over_the_draws_finds_the_same() -> None:
    rows = hand_rows(
        2, permit_kind="air", **RANGE, construction_months_low=2, construction_months_high=7,
        commissioning_months=1, commissioning_months_high=3,
    )  # fmt: skip
    rows["permits"] = [{"jurisdiction": "TX", "permit_kind": "air", "variant": "std", "months": 2,
                        "months_low": 1, "months_high": 4}]  # fmt: skip
    draws, seed = 400, 7
    found = sample_dates(*hand_plan(rows, "std", 2), draws=draws, seed=seed)
    permit, order = (uniforms(f, seed, draws) for f in ("agency: TX air", "market: engine"))
    dates, delays, decided = [], [], 0
    for k in range(draws):
        ready, late_permit = [], []
        for site in ("site0", "site1"):
            granted = 1 + quantile(1, 2, 4, permit[k])
            ordered = max(3.0, granted) + quantile(4, 5, 12, order[k])
            crews = uniforms(f"site: {site}", seed, draws)[k]
            tests = uniforms(f"build: {site} / engine", seed, draws)[k]
            built = max(8.0, ordered) + quantile(2, 3, 7, crews)
            done = max(11.0, built) + quantile(1, 1, 3, tests)
            ready.append(max(12, math.ceil(done - 1e-6)))
            late_permit.append(granted >= 3 and ordered >= 8 and built >= 11)
        last = max(ready)
        dates.append(last)
        delays.append(480 + sum(20 * (r - 12) for r in ready))
        decided += any(r == last and last > 12 and p
                       for r, p in zip(ready, late_permit, strict=True))  # fmt: skip
    for name, share in (("p10", 10), ("p50", 50), ("p90", 90)):
        wanted = int(np.percentile(dates, share, method="inverted_cdf"))
        assert found.headline[f"full_power_{name}"] == month(wanted - 12)
    assert found.headline["delay_mw_months_p90"] == pytest.approx(np.percentile(delays, 90))
    # Of the sites' permits at least one decides whenever the loop says so.
    shares = [step(found.table, s, "engine", "permit")["critical_full_share"]
              for s in ("site0", "site1")]  # fmt: skip
    assert max(shares) <= decided / draws + 1e-9 <= sum(shares) + 1e-9


def hall_plan(**months: int) -> tuple[Inputs, dict[str, pd.DataFrame]]:
    """A hall whose construction takes ten months, from March to the end of the year."""
    rows = hand_rows()
    rows["campus_blocks"][0].update({"construction_months": 10, **months})
    case, tables = hand_plan(rows)
    start = pd.Timestamp("2027-03-01")
    tables["schedule"] = pd.concat([tables["schedule"], pd.DataFrame([
        {"site": "site0", "kind": "campus_block", "item": "hall", "variant": "", "period": "b",
         "step": "construction", "start": start, "end": pd.Timestamp("2028-01-01")}])],
        ignore_index=True)  # fmt: skip
    return case, tables


def test_halls_without_a_range_take_the_assumed_one_and_say_so() -> None:
    found = sample_dates(*hall_plan())
    hall = step(found.table, "site0", "hall", "construction")
    assert hall["basis"] == "assumed"
    assert (hall["low_months"], hall["high_months"]) == pytest.approx((9, 13))
    assert hall["critical_full_share"] > 0.7
    assert found.headline["date_basis"]["assumed"] == 1


def test_halls_take_the_range_of_the_input() -> None:
    stated = {"construction_months_low": 8, "construction_months_high": 22}
    found = sample_dates(*hall_plan(**stated))
    hall = step(found.table, "site0", "hall", "construction")
    assert hall["basis"] == "input"
    assert (hall["low_months"], hall["high_months"]) == (8, 22)
    for name, share in (("p50", 0.5), ("p90", 0.9)):
        late = math.ceil(quantile(8, 10, 22, share) - 10)
        assert found.headline[f"full_power_{name}"] == month(late)
    assert found.headline["date_basis"]["assumed"] == 0
    # Only one of the two: the other is assumed, and so the range is.
    half = sample_dates(*hall_plan(construction_months_high=22))
    hall = step(half.table, "site0", "hall", "construction")
    assert (hall["low_months"], hall["high_months"], hall["basis"]) == (9, 22, "assumed")
    fixed = sample_dates(*hall_plan(construction_months_low=10, construction_months_high=10))
    assert step(fixed.table, "site0", "hall", "construction")["basis"] == "fixed"
    assert fixed.headline["full_power_p90"] == "2028-01-01"


@pytest.mark.parametrize(
    ("stated", "expected", "basis"),
    [({}, (9.6, 19.2), "assumed"),
     ({"queue_months_low": 6, "queue_months_high": 40}, (6, 40), "input")],
)  # fmt: skip
def test_offers_take_the_range_of_the_input_else_the_assumed_one(
    stated: dict[str, int], expected: tuple[float, float], basis: str
) -> None:
    rows = hand_rows()
    add_grid(rows, 20, queue_months=12, **stated)
    case, tables = hand_plan(rows)
    plan_start, online = pd.Timestamp("2027-01-01"), pd.Timestamp("2028-01-01")
    grid = {"site": "site0", "kind": "interconnection", "item": "grid", "variant": "",
            "period": "b", "end": online}  # fmt: skip
    tables["schedule"] = pd.concat([tables["schedule"], pd.DataFrame([
        grid | {"step": "queue", "start": plan_start}, grid | {"step": "online", "start": online},
    ])], ignore_index=True)  # fmt: skip
    tables["interconnection"] = pd.DataFrame([
        {"site": "site0", "offer": "grid", "variant": "", "period": p, "firm_mw": 20.0,
         "flexible_mw": 0.0} for p in "bc"])  # fmt: skip
    tables["capacity"] = tables["capacity"].head(0)  # the grid is all the power there is
    found = sample_dates(case, tables)
    queue = step(found.table, "site0", "grid", "queue")
    assert (queue["low_months"], queue["high_months"]) == pytest.approx(expected)
    assert queue["basis"] == basis
    late = math.ceil(quantile(expected[0], 12, expected[1], 0.9) - 12)
    assert found.headline["full_power_p90"] == month(late)


def test_late_second_source_matters_only_where_firm_power_is_short() -> None:
    rows = hand_rows()
    rows["technologies"].append({
        "technology": "sun", "class": "variable", "capex_usd_per_kw": 1000, "life_years": 20,
        "procurement_months": 6, "procurement_months_high": 18, "construction_months": 0,
        "commissioning_months": 0})  # fmt: skip
    rows["site_technologies"].append({"site": "*", "technology": "sun", "max_mw": 50,
                                      "profile": "sun"})  # fmt: skip
    case, tables = hand_plan(rows)
    sun = {"site": "site0", "kind": "technology", "item": "sun", "variant": "", "period": "b"}
    tables["schedule"] = pd.concat([tables["schedule"], pd.DataFrame([
        sun | {"step": "procurement", "start": pd.Timestamp("2027-07-01"),
               "end": pd.Timestamp("2028-01-01")},
        sun | {"step": "online", "start": pd.Timestamp("2028-01-01"),
               "end": pd.Timestamp("2028-01-01")}])], ignore_index=True)  # fmt: skip
    added = pd.DataFrame([{"site": "site0", "technology": "sun", "variant": "", "period": p,
                           "added_mw": 30.0 * (p == "b"), "standing_mw": 30.0} for p in "bc"])  # fmt: skip
    engines = tables["capacity"]
    tables["capacity"] = pd.concat([engines, added], ignore_index=True)
    assert sample_dates(case, tables).headline["full_power_p90"] == "2028-01-01"
    # With 10 of the 20 MW firm, the sun carries the rest, and its delay holds back that half.
    halved = engines.assign(added_mw=engines["added_mw"] / 2, standing_mw=10.0)
    tables["capacity"] = pd.concat([halved, added], ignore_index=True)
    found = sample_dates(case, tables).headline
    assert found["first_power_p90"] == "2028-01-01" < found["full_power_p50"]
    late = math.ceil(quantile(6, 6, 18, 0.5) - 6)
    assert found["delay_mw_months_p50"] == pytest.approx(240 + 10 * late)


def test_a_plan_that_builds_nothing_has_no_dates() -> None:
    case, tables = hand_plan(hand_rows())
    empty = {name: table.head(0) for name, table in tables.items()}
    empty["backlog"] = tables["backlog"].assign(backlog_mw=20.0, placed_mw=0.0)
    found = sample_dates(case, empty, draws=100).headline
    assert found["first_power_p50"] is None and found["full_power_p90"] is None
    assert found["delay_mw_months_p50"] == 720
    assert sampled_dates(found) == []


def test_the_seed_decides_and_ten_thousand_draws_are_quick() -> None:
    plan = hand_plan(hand_rows(4, **RANGE, construction_months_high=9))
    begin = time.perf_counter()
    first = sample_dates(*plan, seed=1)
    assert time.perf_counter() - begin < 5
    assert first.headline["date_draws"] >= 10_000
    pd.testing.assert_frame_equal(first.table, sample_dates(*plan, seed=1).table)
    other = sample_dates(*plan, seed=2)
    shares = "critical_full_share"
    assert not np.array_equal(other.table[shares].dropna(), first.table[shares].dropna())
    for name in ("delay_mw_months_p50", "delay_mw_months_p90"):
        assert other.headline[name] == pytest.approx(first.headline[name], rel=0.02)


def test_final_words_print_p50_and_p90() -> None:
    said = sampled_dates(sample_dates(*hand_plan(hand_rows(**RANGE))).headline)
    assert said == ["With lead times sampled, P50 (P90): first compute Mar 2028 (Jun 2028), full "
                    "power Mar 2028 (Jun 2028), delay 280 (340) MW-months."]  # fmt: skip
