"""Packs: figures recomputed from the tables, pages that are safe and whole."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from optimizer import Case, cli, solve
from optimizer.errors import ExitCode, MachineError
from optimizer.preparing.case import prepare
from optimizer.results.report import figures
from optimizer.results.report.folder import read_result
from optimizer.results.report.marks import stamps
from optimizer.results.report.packs import PACKS, lender, permits, utility, write_pack
from optimizer.results.report.packs.page import Stock
from optimizer.results.report.svg import Series, chart, ticks
from optimizer.results.write import load_result
from tests.results.fake_result import HOSTILE, write_fake_result
from tests.support import base, inputs


@pytest.fixture(scope="module")
def folder(rough_result: Path) -> Path:
    return rough_result


@pytest.fixture(scope="module")
def stored(folder: Path) -> Any:
    return load_result(folder)


def stock(folder: Path, stored: Any, inflation: float = 0.0) -> Stock:
    result = read_result(folder)
    return Stock(result, stored.inputs, prepare(stored.inputs), stamps(result.inputs),
                 result.opened, inflation)  # fmt: skip


# -- lender ---------------------------------------------------------------------------------------


def test_capital_of_the_lender_is_the_cash_flow(folder: Path, stored: Any) -> None:
    flows = lender.nominal(stock(folder, stored))
    paid = stored.tables["cashflow"]
    by_year = paid.groupby([paid["category"], paid["date"].dt.year])["usd"].sum()
    for category, name in lender.CAPITAL.items():
        if category in by_year.index.get_level_values(0):
            for year, usd in by_year[category].items():
                assert flows.loc[year, name] == pytest.approx(usd, rel=1e-9), (category, year)


def test_running_cost_of_the_lender_is_the_objective_undiscounted(
    folder: Path, stored: Any
) -> None:
    """Each category's discounted dollars, divided by what its payments were discounted with."""
    case, tables = prepare(stored.inputs), stored.tables
    periods = {p.name: p for p in case.periods}
    costs = tables["costs"]
    wanted = 0.0
    for r in costs[costs["period"].isin(list(periods))].itertuples():
        period = periods[r.period]
        if r.category in ("energy", "fuel", "vom", "export", "carbon", "unserved"):
            wanted += r.usd / period.pass_weight * period.passes
        elif r.category in ("campus_fom", "generation_fom", "land"):
            wanted += r.usd / period.discounted_months * period.months
    offers = stored.inputs.tables["interconnections"].set_index(["site", "offer"])
    for r in tables["interconnection"].itertuples():
        charge = offers.loc[(r.site, r.offer), "capacity_charge_usd_per_kw_year"]
        wanted += 1e3 * (r.firm_mw + r.flexible_mw) * charge * periods[r.period].months / 12
    flows = lender.nominal(stock(folder, stored))
    running = [name for name in flows if name in set(lender.RUNNING.values()) - {"Grid"}]
    assert float(flows[running].to_numpy().sum()) == pytest.approx(wanted, rel=1e-9)
    assert wanted > 0


def test_nominal_dollars_grow_from_the_money_year(folder: Path, stored: Any) -> None:
    real = lender.nominal(stock(folder, stored)).sum(axis=1)
    dear = lender.nominal(stock(folder, stored, 0.1)).sum(axis=1)
    for year, ratio in (dear / real).items():
        assert 1.1 ** (year - 2026 - 0.5) <= ratio <= 1.1 ** (year - 2026 + 0.5)


# -- utility --------------------------------------------------------------------------------------


def test_facility_load_by_month_is_the_largest_hour(folder: Path, stored: Any) -> None:
    hours = stored.dispatch
    for site in hours["site"].unique():
        peaks = utility.monthly_peaks(stock(folder, stored), site, "load_mw")
        mine = hours[hours["site"] == site].set_index("period")
        months = pd.Timestamp(2011, 1, 1) + pd.to_timedelta(mine["hour"], unit="h")
        for period, start, count in stored.inputs.tables["periods"][
            ["period", "start", "months"]].itertuples(index=False):  # fmt: skip
            for date in pd.date_range(start, periods=int(count), freq="MS"):
                here = mine["load_mw"][
                    (mine.index == period) & (months.dt.month == date.month).to_numpy()
                ]
                assert peaks[date] == pytest.approx(here.max() if len(here) else 0.0, abs=1e-9)


def test_years_that_are_equal_stand_in_one_row() -> None:
    dates = pd.date_range("2027-07-01", "2030-12-01", freq="MS")
    peaks = pd.Series(np.where(dates.year == 2027, 5.0, 1234.4), dates)
    assert utility.yearly_rows(peaks) == [
        ["2027", *["–"] * 6, *["5"] * 6], ["2028–2030", *["1,234"] * 12]
    ]  # fmt: skip


def test_a_letter_is_for_one_site(folder: Path, stored: Any, tmp_path: Path) -> None:
    opened = read_result(folder).opened
    joined = stored.tables["interconnection"]
    site = next(s for s in opened if (joined["site"] == s).any())
    others = [s for s in opened if s != site]
    page = write_pack(
        "utility", folder, stored.inputs, tmp_path / "a.html", sites=[site]
    ).read_text()
    assert f"{site}, served by" in page
    assert others
    assert not any(name in page for name in others)
    top = joined[(joined["site"] == site) & (joined["period"] == joined["period"].iloc[-1])]
    assert f"{top['firm_mw'].sum():,.1f} firm" in page


# -- permits --------------------------------------------------------------------------------------


def test_potential_to_emit_is_all_units_in_all_hours(folder: Path, stored: Any) -> None:
    made = stock(folder, stored)
    technologies = stored.inputs.tables["technologies"].set_index("technology")
    capacity = stored.tables["capacity"]
    seen = 0
    for site in made.sites:
        assets = {a.technology: a for a in made.case.sites[site].assets}
        for (kind, variant), (nox, co2, mw) in permits.potential(made, site, assets).items():
            mine = capacity[(capacity["site"] == site) & (capacity["variant"] == variant)]
            mine = mine[mine["technology"].map(technologies["permit_kind"]) == kind]
            rate = mine["technology"].map(technologies["nox_kg_per_mwh"])
            tons = (
                (mine["standing_mw"] * rate * 8760 / 907.18474).groupby(mine["period"]).sum().max()
            )
            assert nox == pytest.approx(tons, rel=1e-9)
            assert mw == pytest.approx(mine.groupby("period")["standing_mw"].sum().max())
            if nox > 0:
                # 0.05306 t of CO2 for a MMBtu of gas, at the heat rate of each unit.
                fuel = stored.inputs.tables["fuels"]["co2_t_per_mmbtu"].iloc[0]
                heat = mine["technology"].map(technologies["heat_rate_mmbtu_per_mwh"])
                total = (
                    (mine["standing_mw"] * heat * fuel * 8760).groupby(mine["period"]).sum().max()
                )
                assert co2 == pytest.approx(total, rel=1e-9)
                seen += 1
    assert seen


# -- pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PACKS)
def test_pages_are_whole_without_scripts_and_stamped(
    folder: Path, stored: Any, tmp_path: Path, name: str
) -> None:
    page = write_pack(name, folder, stored.inputs, tmp_path / "page.html").read_text("utf-8")
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert len(page) < 100_000
    assert '<span class="stamp assumed">assumed</span>' in page
    assert "The independent check passed" in page
    assert ("power factor 0.95" in page) == (name == "utility")
    assert ("inflation 2.5 %" in page) == (name == "lender")


def test_names_from_the_inputs_stay_text(tmp_path: Path) -> None:
    rows = base([("a", "2027-01-01", 12), ("b", "2028-01-01", 12)])
    for row in rows["sites"]:
        row.update(site=HOSTILE, jurisdiction=HOSTILE, utility=HOSTILE)
    made = tmp_path / "result"
    case = Case.from_tables(inputs(rows).tables, inputs(rows).profiles)
    solve(case, engine="monolith").write(made)
    known = load_result(made).inputs
    for name in PACKS:
        page = write_pack(name, made, known).read_text("utf-8")
        assert HOSTILE not in page
        assert (HOSTILE.replace("<", "&lt;").replace(">", "&gt;") in page) == (name != "utility")


def test_a_result_without_the_tables_still_has_its_pages(
    folder: Path, stored: Any, tmp_path: Path
) -> None:
    """Results of before have no readiness, decisions and exposure."""
    old = tmp_path / "old"
    shutil.copytree(folder, old)
    for name in ("readiness", "decisions", "exposure", "dates"):
        (old / "tables" / f"{name}.csv").unlink()
    for name in PACKS:
        assert write_pack(name, old, stored.inputs).stat().st_size > 5_000


# -- charts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("low", "high", "expected"), [
    (0.0, 13.5, [0, 5, 10, 15]), (0.0, 0.07, [0, 0.02, 0.04, 0.06, 0.08]), (-3.0, 4.0, [-4, -2, 0, 2, 4]),
    (0.0, 0.0, None),
])  # fmt: skip
def test_ticks_are_round_and_span(low: float, high: float, expected: list[float] | None) -> None:
    marks = ticks(low, high)
    assert marks[0] <= low <= high <= marks[-1] + 1e-12
    assert expected is None or marks == pytest.approx(expected)


def test_bars_are_as_high_as_their_values() -> None:
    spans = [(pd.Timestamp(y, 1, 1), pd.Timestamp(y + 1, 1, 1)) for y in (2027, 2028)]
    text = chart(spans, bars=[Series("a", [2.0, 4.0], "#111"), Series("b", [1.0, -1.0], "#222")],
                 unit="MW", title="t & u")  # fmt: skip
    found = re.findall(r'height="([\d.]+)" fill="(#\d+)"', text)
    heights = [(float(h), c) for h, c in found if float(h) != 12.0]
    # From -1 to 4 in 216 px: 43.2 px for each.
    assert heights == [(86.4, "#111"), (43.2, "#222"), (172.8, "#111"), (43.2, "#222")]
    assert "t &amp; u" in text


def test_figures_need_a_browser(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures.shutil, "which", lambda name: None)
    with pytest.raises(MachineError, match="Chromium"):
        figures.write_figures(folder, tmp_path)


@pytest.mark.browser
@pytest.mark.skipif(not any(map(figures.shutil.which, figures.BROWSERS)), reason="no browser here")
def test_figures_are_the_charts_of_the_page(tmp_path: Path) -> None:
    from defusedxml import ElementTree

    written = figures.write_figures(write_fake_result(tmp_path / "run"), tmp_path / "figures")
    names = {p.name for p in written}
    assert {"map.png", "gantt.svg", "gantt-abilene-every-build.png", "cost.svg"} <= names
    for path in written:
        if path.suffix == ".png":
            assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        else:
            root = ElementTree.parse(path).getroot()
            assert root.get("width") == "1200"
            assert root.get("aria-label")
    # Stamps go with the figure.
    assert (
        "assumed: technologies (1 of 3 rows)" in (tmp_path / "figures" / "capacity.svg").read_text()
    )


# -- command line -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("options", "code"), [
    (["--pack", "board", "--out", "{tmp}/board.html"], ExitCode.DONE),
    (["--out", "{tmp}/report.html"], ExitCode.DONE),
    (["--pack", "bored"], ExitCode.USAGE),
    (["--pack", "board", "--site", "Amarillo"], ExitCode.USAGE),
    (["--pack", "permits", "--site", "Atlantis"], ExitCode.USAGE),
    (["--site", "Amarillo", "--out", "{tmp}/report.html"], ExitCode.DONE),
    (["--site", "Atlantis"], ExitCode.USAGE),
    (["--site", "Amarillo", "--figures", "{tmp}/figures"], ExitCode.USAGE),
    (["--pack", "board", "--out", "{tmp}/none/board.html"], ExitCode.MACHINE),
])  # fmt: skip
def test_command_line(
    folder: Path, tmp_path: Path, options: list[str], code: ExitCode, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    given = [word.replace("{tmp}", str(tmp_path)) for word in options]
    with pytest.raises(SystemExit) as ended:
        cli.main(["report", str(folder), *given])
    assert ended.value.code == code
    if code == ExitCode.DONE:
        assert Path(capsys.readouterr().out.strip()).is_file()
