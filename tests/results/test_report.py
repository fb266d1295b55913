"""The report: one safe, offline page from a result folder, whatever the folder lacks."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.errors import UsageError
from optimizer.reading.inputs import Inputs
from optimizer.results.geo import write_sites_geojson
from optimizer.results.report import dispatch, marks, style, words
from optimizer.results.report.capacity import looks
from optimizer.results.report.cost import convergence_chart
from optimizer.results.report.folder import read_result
from optimizer.results.report.gantt import OVERVIEW, gantt_views
from optimizer.results.report.html import all_charts, write_report
from optimizer.results.report.limits import limit_rows
from optimizer.results.report.map import _places
from tests.results.fake_result import (
    HOSTILE,
    PERIODS,
    SITES,
    many_sites,
    result_tables,
    write_fake_result,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = write_fake_result(tmp_path_factory.mktemp("results") / "run")
    write_report(made)
    return made


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "report.html").read_text("utf-8")


def section(page: str, name: str) -> str:
    """Text of the section with this id or heading id, without tags."""
    part = next(p for p in page.split("<section")[1:] if f'id="{name}"' in p)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", part)).replace("\u00a0", " ")


def test_first_screen_states_the_decision(page: str) -> None:
    said = section(page, "decision")
    for sentence in (
        "2 of 3 candidate sites open: Abilene (Jul 2027) and Cheyenne (Oct 2027).",
        "Not chosen: Memphis.",
        "First load runs from Jul 2027: Abilene on gas turbine (150 MW), solar (80 MW) "
        "and battery (40 MW). All demand is met from Oct 2027.",
        "of which delay 150 M$: load waits 1,500 MW-months at 100 k$ each; 120 M$ of delay no "
        "plan can avoid.",
        "No plan can be cheaper by more than 0.70 %",
        "Limits that bind: gas supply (Abilene and Cheyenne).",
        "The independent check passed",
    ):
        assert sentence in said
    assert "Cheyenne Oct 2027 2027-Q4" in said


def test_page_has_every_section(page: str) -> None:
    for name in ("decision", "map", "gantt", "capacity", "load", "dispatch", "cost", "cash",
                 "limits", "convergence", "figures", "data"):  # fmt: skip
        assert f'id="{name}-title"' in page
        assert name == "decision" or f'href="#{name}-title"' in page


def test_what_to_sign_and_by_when(page: str) -> None:
    said = section(page, "ready-title")
    for told in (
        "Within 90 days of the plan&#39;s start 1 decision must be taken, among them 1 with a price: "
        "250 k$ in all, 250 k$ of it due at signing.",
        "Abilene: apply for permit, air (expedited) open Jan 2027 too late Jul 2027 250 k$ 250 k$ "
        "3 months, 30.0 M$",
        "Abilene: order hall (1 block, for 2027-Q3) open Jan 2028",
        "no load waits",
        "Of 2 permits, options, orders and contracts that the plan needs, 1 exist and 1 are filed",
        "Memphis: contract, gas 2.00 M$ 3.00 M$",
    ):
        assert told in said, told
    money = section(page, "exposure-title")
    assert "Stopping costs most at the end of Jun 2027: 580 M$." in money
    assert "not yet granted: 10.0 M$ in Jan 2027" in money
    assert "end of Mar 2027 500 M$ 300 M$ 280 M$ 20.0 M$ –" in money


def test_why_this_plan_is_told_in_words_and_tables(page: str) -> None:
    said = section(page, "why-title")
    for sentence in (
        "Of the sites not chosen Memphis comes nearest: too dear by 20.0 M$, and 6 months later "
        "than the plan&#39;s first load.",
        "Load waits for queue (100 %).",
        "More would be worth most of transformer from Jul 2027 (9.00 M$ per MVA).",
        "Not asked within the time: 1 of 4 questions why (1 about sources); --why-time 10 is about "
        "enough for all in a further run.",
        "1 question not asked within the time",
        "grid at Abilene What would stand in for it, and from which price on?",
        "Cheyenne in the plan without it +1.20 M$ all hours",
        "Memphis not in the plan with it −200 k$ estimate",
        "energy +10.0 M$, the site itself +7.00 M$, power plant +4.00 M$ and 1 more",
        "engine at Abilene 40 MW",
        "site_technologies!2 capex_adder_usd_per_kw 0 250 USD/kW (+25 %) estimate",
        "90.0 M$ for 10 MVA all hours",
        "600 MW-months 100 % 60.0 M$",
    ):
        assert sentence in said, sentence


def test_first_screen_and_a_section_tell_what_changed_and_what_is_undecided(page: str) -> None:
    told = "Changed: 2 decisions of last year (1 halls, 1 grid); staying near it costs 642 k$."
    first = section(page, "decision")
    assert "As good, within the gap: a plan without Cheyenne and with Memphis." in first
    assert told in first
    said = section(page, "changes-title")
    for words_ in (
        "What has changed against last year", told,
        "Abilene halls hall block none 1 from Jul 2027, 2 from Apr 2028",
        "&lt;script&gt;alert(1)&lt;/script&gt; 1 from Jan 2028 none",
        "Abilene MW solar 60 from Jul 2027 80 from Jul 2027",
        "could not be kept: site Lubbock.",
    ):  # fmt: skip
        assert words_ in said, words_


def test_without_changes_and_ties_nothing_is_said_of_them(tmp_path: Path) -> None:
    made = write_fake_result(tmp_path / "run")
    summary = json.loads((made / "summary.json").read_text("utf-8"))
    summary |= {"tied_sites": [], "changed_decisions": None, "why": None}
    (made / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    said = write_report(made).read_text("utf-8")
    for gone in ("changes-title", "within the gap: a plan", "leaves undecided", "Changed:",
                 "Not asked within the time:"):  # fmt: skip
        assert gone not in said, gone


def test_a_result_without_reasons_has_no_section_on_them(tmp_path: Path) -> None:
    made = write_fake_result(tmp_path / "run")
    for name in ("why_not_sites", "runner_up", "worth", "delay_causes"):
        (made / "tables" / f"{name}.csv").unlink()
    summary = json.loads((made / "summary.json").read_text("utf-8"))
    (made / "summary.json").write_text(json.dumps({**summary, "tied_sites": []}), encoding="utf-8")
    assert "why-title" not in write_report(made).read_text("utf-8")


def test_candidates_are_compared_with_what_they_offer(page: str) -> None:
    assert re.search(
        r"Memphis not chosen ERCOT .* Jul 2029 3\.8 \$/MMBtu 200 MW 450 MW –",
        section(page, "map-title"),
    )


def test_convergence_is_drawn_from_the_progress_of_the_run(folder: Path) -> None:
    made = convergence_chart(read_result(folder))
    assert made is not None
    best, bound = made.data
    assert list(best.x) == list(bound.x) == [1.0, 9.0, 31.0]
    assert best.y[0] is None and best.y[2] > bound.y[2] > bound.y[0]
    assert made.layout.annotations[0].text == "gap 0.70 %"


def test_calendar_shows_first_builds_and_all_builds_of_each_site(folder: Path) -> None:
    result = read_result(folder)
    later = result.tables["schedule"].copy()
    for column in ("start", "end"):
        later[column] += pd.DateOffset(years=1)
    later["period"] = PERIODS[-1]
    whole = pd.concat([result.tables["schedule"], later[later["kind"] == "technology"]])
    result.tables["schedule"] = whole.reset_index(drop=True)
    views = gantt_views(result)
    lines = {name: list(view.layout.yaxis.ticktext) for name, view in views.items()}
    first = ["gas turbine", "hall", "grid, firm_2028"]
    assert lines == {
        OVERVIEW: ["<b>Abilene</b>", *first, "<b>Cheyenne</b>", *first],
        "Abilene: every build": ["<b>Abilene</b>", *(f"{name}, 2027-Q3" for name in first),
                                 "gas turbine, 2028-Q2"],
        "Cheyenne: every build": ["<b>Cheyenne</b>", *(f"{name}, 2027-Q4" for name in first),
                                  "gas turbine, 2028-Q2"],
    }  # fmt: skip


def test_no_two_technologies_look_the_same() -> None:
    names = ["solar", "solar_tracking", "wind", "battery", "grid", *(f"unit_{k}" for k in range(9))]
    drawn = {(look["color"], look["pattern"]["shape"]) for look in looks(names).values()}
    assert len(drawn) == len(names)


def test_names_on_the_map_keep_apart() -> None:
    points = [(-100.4, 32.5, "Sweetwater"), (-99.7, 32.5, "Abilene"), (-97.1, 32.0, "Hill County")]
    assert len(set(_places(points, [-114.0, -95.0]))) > 1


def test_limits_fold_to_one_row_where_they_are_closest(folder: Path) -> None:
    found = [(r["limit"], r["scope"], r["binding"]) for r in limit_rows(read_result(folder))]
    assert found == [("gas supply", "Abilene", "2027-Q3"), ("gas supply", "Cheyenne", "2027-Q4")]


def test_texts_of_the_case_are_escaped(page: str) -> None:
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "two &amp; a half sites" in page


def test_page_needs_no_network(page: str) -> None:
    ours = re.sub(r'id="library">.*?</script>', "", page, flags=re.DOTALL)
    assert len(page) - len(ours) > 1e6
    assert "src=" not in ours
    assert "http:" not in ours and "https:" not in ours
    assert "default-src 'none'" in ours
    assert len(page) < 3e6


def test_the_chart_library_is_the_one_named_and_draws_every_chart(folder: Path) -> None:
    place = Path(style.__file__).parent / "plotlyjs"
    source, library = (place / "SOURCE.md").read_text("utf-8"), style.chart_library()
    named = re.search(r"`plotly\.js-cartesian-dist-min` ([\d.]+)", source)
    assert named is not None and f"(cartesian - minified) v{named[1]}" in library[:200]
    assert hashlib.sha256(library.encode()).hexdigest() in source
    assert "MIT" in (place / "LICENSE").read_text("utf-8")
    traces = re.search(r"traces in it \| ([^|]+) \|", source)
    result = read_result(folder)
    drawn = {trace.type for chart in all_charts(result, marks.stamps(result.inputs)).values()
             for made in chart.figures.values() for trace in made.data}  # fmt: skip
    assert traces is not None and {"bar", "heatmap", "scatter"} == drawn
    assert drawn <= set(traces[1].split(", "))


def test_assumed_and_synthetic_rows_are_counted_and_noted(folder: Path, page: str) -> None:
    found = marks.stamps(read_result(folder).inputs)
    assert found["technologies"].counts == {"assumed": 1, "synthetic": 1}
    assert found.keys() == {"technologies"}
    stamped = section(page, "capacity-title")
    assert "assumed technologies (1 of 3 rows)" in stamped
    assert "synthetic technologies (battery)" in stamped


@pytest.mark.parametrize(
    "gone",
    ["summary.json", "dispatch.parquet", "inputs", "tables", "tables/costs.csv",
     "tables/schedule.csv", "tables/sites.csv", "tables/backlog.csv", "tables/limits.csv",
     "tables/placement.csv", "tables/capacity.csv"],
)  # fmt: skip
def test_a_missing_file_does_not_stop_the_report(tmp_path: Path, gone: str) -> None:
    folder = write_fake_result(tmp_path / "run")
    target = folder / gone
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    assert "The decision" in write_report(folder).read_text("utf-8")


def test_an_empty_table_does_not_stop_the_report(tmp_path: Path) -> None:
    folder = write_fake_result(tmp_path / "run")
    for path in (folder / "tables").glob("*.csv"):
        path.write_text(path.read_text().splitlines()[0] + "\n")
    assert "No site opens." in write_report(folder).read_text("utf-8")


def test_every_key_of_the_summary_may_be_missing_or_null(tmp_path: Path) -> None:
    folder = write_fake_result(tmp_path / "run")
    whole = json.loads((folder / "summary.json").read_text())
    result = read_result(folder)
    for key in whole:
        result.summary.clear()
        result.summary.update({**whole, key: None})
        assert words.decision(result) and words.key_figures(result)


def test_a_failed_check_is_said_plainly() -> None:
    assert "FAILED" in words.checked({"verification": {"passed": False, "max_violation": 0.2}})
    assert "not been checked" in words.checked({})


@pytest.mark.parametrize(
    ("usd", "shown"),
    [(2_810_000_000, "2.81 B$"), (999_600_000, "1.00 B$"), (999_000_000, "999 M$"),
     (12_340_000, "12.3 M$"), (-4_500_000, "−4.50 M$"), (0, "0 M$"), (None, "not stated"),
     (9_996_000, "10.0 M$"), (712_000, "712 k$"), (775, "775 $"), (float("nan"), "not stated")],
)  # fmt: skip
def test_money_has_three_significant_digits(usd: float | None, shown: str) -> None:
    assert words.money(usd) == shown


@given(st.lists(st.integers(-32_000, 32_000), min_size=1, max_size=300))
def test_packed_hours_unpack_to_the_same_megawatts(values: list[int]) -> None:
    packed = dispatch.pack(np.array(values, dtype=float))
    assert dispatch.unpack(packed).tolist() == values


def test_series_beyond_16_bits_keep_four_digits() -> None:
    values = np.array([0.0, 123_456.0, 64_000.0])
    assert dispatch.unpack(dispatch.pack(values)) == pytest.approx(values, abs=3)


def test_a_large_result_stays_small(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(dispatch, "MOST_BYTES", 2_000)
    packed = dispatch.packed_dispatch(read_result(folder))
    assert packed is not None and packed["hours_per_step"] > 1
    block = packed["blocks"][0]
    steps = -(-block["hours"] // packed["hours_per_step"])
    assert len(dispatch.unpack(block["series"]["load_mw"])) == steps
    week = packed["shown"]["load_mw"]
    assert len(week) == dispatch.WEEK // packed["hours_per_step"]
    assert week == dispatch.unpack(packed["blocks"][packed["start"]]["series"]["load_mw"])[:len(week)].tolist()  # fmt: skip


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result of 62 open sites of 963, with hours that pack badly."""
    made = write_fake_result(tmp_path_factory.mktemp("many") / "run", many_sites(60, 900))
    hours = pd.read_parquet(made / "dispatch.parquet")
    noise = np.random.default_rng(0).normal(0, 30, (len(hours), 3))
    columns = ["generation_mw:gas_turbine", "generation_mw:solar", "load_mw"]
    hours[columns] = np.abs(hours[columns] + noise)
    hours.to_parquet(made / "dispatch.parquet")
    return made


@pytest.fixture(scope="module")
def crowded(crowd: Path) -> Path:
    """Its report, which changes nothing else in the folder."""
    tables = {file: file.read_bytes() for file in (crowd / "tables").iterdir()}
    path = write_report(crowd)
    assert {file: file.read_bytes() for file in (crowd / "tables").iterdir()} == tables
    return path


def hours_shown(page: str) -> list[str]:
    """Sites whose hours are in the page."""
    data = re.search(r'id="dispatch-data">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    return list(dict.fromkeys(block["site"] for block in json.loads(data[1])["blocks"]))


def test_a_page_of_many_sites_stays_small_and_says_what_it_leaves_out(crowded: Path) -> None:
    assert crowded.stat().st_size < 8_000_000
    page = crowded.read_text("utf-8")
    shown = hours_shown(page)
    assert 0 < len(shown) < 62
    assert f"Hours of {len(shown)} of 62 sites" in section(page, "dispatch-title")
    assert "optimizer report RESULT --site NAME" in page
    assert "The first 300 of 963 rows; all are in plan.xlsx and tables/sites.csv." in page
    assert "38 other sites" in section(page, "cost-title")
    assert json.loads(re.search(r'id="figures">(.*?)</script>', page, re.DOTALL)[1])["load"]  # type: ignore[index]


def test_hours_of_a_site_are_shown_when_asked_for(
    crowd: Path, crowded: Path, tmp_path: Path
) -> None:
    last = "Site 059"
    assert last not in hours_shown(crowded.read_text("utf-8"))
    asked = write_report(crowd, tmp_path / "one.html", sites=[last])
    assert hours_shown(asked.read_text("utf-8"))[0] == last
    with pytest.raises(UsageError, match="Atlantis"):
        write_report(crowd, tmp_path / "none.html", sites=["Atlantis"])


def test_few_sites_are_shown_in_full(page: str) -> None:
    assert hours_shown(page) == [name for name, *_, first in SITES if first is not None]
    assert "other sites" not in page and "rows; all are in" not in page


def test_sites_are_written_as_points(tmp_path: Path) -> None:
    periods = pd.DataFrame({"period": PERIODS})
    inputs = Inputs(name="case", source="", tables={"periods": periods}, profiles={})
    write_sites_geojson(tmp_path / "sites.geojson", result_tables(), inputs)
    points = gpd.read_file(tmp_path / "sites.geojson").set_index("site")
    assert points.crs.to_epsg() == 4326
    assert points["opened"].tolist() == [True, True, False]
    assert points["gas_turbine_mw"].tolist() == [150.0, 150.0, 0.0]
    assert points.geometry["Abilene"].x == pytest.approx(-99.7)
    assert pd.isna(points["open_date"]["Memphis"])


def test_dates_are_told_with_how_sure_they_are(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(folder, copy)
    (copy / "tables" / "dates.csv").write_text(
        "site,kind,item,variant,period,step,factor,basis,low_months,likely_months,high_months,"
        "planned_date,p10_date,p50_date,p90_date,critical_first_share,critical_full_share\n"
        ",plan,,,,full power,,,,,,2027-10-01,2027-10-01,2028-01-01,2028-04-01,,\n"
        "Abilene,technology,gas_turbine,standard,2027-Q3,procurement,market: gas_turbine,input,"
        "4,5,12,2027-07-01,2027-07-01,2027-09-01,2027-12-01,0.25,0.75\n"
        "Abilene,technology,gas_turbine,standard,2027-Q3,commissioning,x,input,"
        "1,1,1,2027-07-01,2027-07-01,2027-09-01,2027-12-01,0,0\n",
        encoding="utf-8",
    )
    summary = json.loads((copy / "summary.json").read_text("utf-8"))
    summary |= {
        "first_power_p50": "2027-08-01", "first_power_p90": "2027-11-01",
        "full_power_p50": "2028-01-01", "full_power_p90": "2028-04-01",
        "delay_mw_months_p50": 1700.0, "delay_mw_months_p90": 2100.0, "date_draws": 10000,
        "full_power_on_time_share": 0.125, "date_basis": {"input": 2, "assumed": 3, "fixed": 0},
    }  # fmt: skip
    (copy / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    page = write_report(copy).read_text("utf-8")
    said = section(page, "decision")
    assert (
        "P50 (P90): first compute Aug 2027 (Nov 2027), full power Jan 2028 (Apr 2028), delay 1,700 "
        "(2,100) MW-months." in said
    )
    assert "Full power, P50 (P90) Jan 2028 (Apr 2028)" in said
    sure = section(page, "dates-title")
    assert "full power Oct 2027 Oct 2027 Jan 2028 Apr 2028" in sure
    assert "Abilene: gas turbine, 2027-Q3, procurement 4 / 5 / 12 input Jul 2027" in sure
    assert re.search(r"25 % 75 %", sure) and "commissioning" not in sure
    assert re.search(r"planned date in 1[23] % of the draws", sure)
    assert "3 take a range that this tool assumes" in sure
