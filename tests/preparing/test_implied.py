"""What a case implies: by hand on small ones, and never contradicting the prepared case."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from optimizer.preparing.case import Case, Site, prepare
from optimizer.preparing.implied import Earliest, implied, report
from optimizer.preparing.schedule import Variant
from optimizer.reading.inputs import read_inputs
from tests.support import Rows, add_grid, base, inputs

INPUTS = Path(__file__).parents[2] / "inputs"
QUARTERS = [(f"q{k}", f"{2027 + k // 4}-{3 * (k % 4) + 1:02d}-01", 3) for k in range(8)]


def engine(rows: Rows, **months: int) -> Earliest:
    """The engine's row of the first site."""
    rows["technologies"][0].update({f"{step}_months": m for step, m in months.items()})
    return next(e for e in implied(inputs(rows)).earliest if e.source == "engine")


def test_steps_in_sequence_by_hand() -> None:
    """Permit 4 + procurement 5 + construction 3 + commissioning 1 = 13; next quarter is 15."""
    rows = base(QUARTERS)
    rows["technologies"][0]["permit_kind"] = "air"
    rows["permits"] = [{"jurisdiction": "TX", "permit_kind": "air", "months": 4}]
    found = engine(rows, procurement=5, construction=3, commissioning=1)
    assert (found.month, found.period, found.lost_months) == (13, "q5", 2)
    assert f"{found.date:%Y-%m}" == "2028-02"
    assert found.step == "procurement"
    assert "permit standard 4 + procurement 5" in found.chain


def test_order_at_risk_runs_beside_the_permit_by_hand() -> None:
    """max(4, 5) + 3 + 1 = 9, on a quarter."""
    rows = base(QUARTERS)
    rows["technologies"][0].update(permit_kind="air", order_at_risk="yes", refusal_probability=0.1)
    rows["permits"] = [{"jurisdiction": "TX", "permit_kind": "air", "months": 4}]
    found = engine(rows, procurement=5, construction=3, commissioning=1)
    assert (found.month, found.period, found.lost_months) == (9, "q3", 0)
    assert "at risk" in found.chain


def test_opening_of_the_site_by_hand() -> None:
    """Construction from month 7; the site opens with q3 (month 9), so 9 + 3 = 12."""
    rows = base(QUARTERS)
    rows["sites"][0]["opening_months"] = 7
    found = engine(rows, procurement=1, construction=3)
    assert (found.month, found.period, found.lost_months) == (10, "q4", 2)
    assert found.step == "opening of the site"


def test_beyond_the_plan() -> None:
    found = engine(base(QUARTERS), procurement=40)
    assert (found.month, found.period, found.index) == (40, "", -1)
    assert np.isnan(found.lost_months)


def test_grid_waits_for_the_slowest_of_queue_substation_and_step() -> None:
    rows = base(QUARTERS)
    add_grid(rows, 10, queue_months=4, upgrade_months=3, construction_months=2)
    found = next(e for e in implied(inputs(rows)).earliest if e.kind == "grid")
    assert (found.month, found.period, found.lost_months) == (7, "q3", 2)
    assert found.step == "queue and upgrades"
    rows["interconnection_steps"][0]["from_date"] = "2028-01-01"
    found = next(e for e in implied(inputs(rows)).earliest if e.kind == "grid")
    assert (found.month, found.step) == (12, "first step of the offer")


def test_most_that_could_be_online_by_hand() -> None:
    """Wanted 20; halls 100, land 50 / 2 = 25, power (8 of the grid + 4 of engines) / PUE 1.2 = 10."""
    rows = base(QUARTERS)
    rows["demand"] = [{"workload": "training", "region": "north", "period": n, "it_mw": 20}
                      for n, _, _ in QUARTERS]  # fmt: skip
    rows["campus_blocks"][0]["land_km2_per_mw"] = 2.0
    rows["sites"][0]["pue"] = 1.2
    rows["site_technologies"][0]["max_mw"] = 4
    add_grid(rows, 5, 3)
    first = implied(inputs(rows)).attainable[0]
    assert (first.by_halls, first.by_sites, first.by_land) == (100, 100, 25)
    assert first.by_power == pytest.approx(10)
    assert (first.wanted_mw, first.short_mw) == (20, pytest.approx(10))
    assert np.isinf(first.by_slots)
    rows["components"] = [{"component": "transformer"}]
    rows["supply"] = [{"component": "transformer", "date": "2027-04-01", "amount": 6}]
    rows["component_use"] = [{"component": "transformer", "user_kind": "campus_block",
                              "user": "*", "per_mw": 2.0}]  # fmt: skip
    found = implied(inputs(rows)).attainable
    assert [a.by_slots for a in found[:2]] == [0, 3]
    assert [a.possible_mw for a in found[:2]] == [0, 3]


def test_report_says_it_in_words() -> None:
    text = report(implied(inputs(base(QUARTERS, sites=8))))
    assert "first hall and first source; 8 sites" in text
    assert "IT load wanted" in text
    full = report(implied(inputs(base(QUARTERS))))
    assert "site0" in full


def possible(case: Case, site: Site, variants: tuple[Variant, ...]) -> int:
    """First period in which the prepared case lets it come online at an open site; -1 if none."""
    found = [
        q
        for v in variants
        for q in np.flatnonzero(v.possible)
        if v.open_by[q] >= 0 and site.can_open[v.open_by[q]]
    ]
    return int(min(found, default=-1))


@pytest.mark.parametrize("lead_times", ["low", "likely", "high"])
@pytest.mark.parametrize("name", ["quickstart", "texas_southwest"])
def test_earliest_periods_are_those_of_the_prepared_case(name: str, lead_times: str) -> None:
    read, problems = read_inputs(INPUTS / name, [f"settings.lead_times={lead_times}"])
    assert read is not None, problems.report()
    found = {(e.site, e.kind, e.source): e.index for e in implied(read).earliest}
    case = prepare(read)
    for site in case.sites.values():
        things = [("technology", a.technology, a.variants) for a in site.assets]
        things += [("grid", o.offer, o.variants) for o in site.offers]
        things += [("hall", h.block, h.variants) for h in site.halls]
        for kind, source, variants in things:
            expected = possible(case, site, variants)
            assert found.pop((site.site, kind, source)) == expected, (site.site, source)
    assert all(index == -1 for index in found.values())  # what the case drops cannot be online
