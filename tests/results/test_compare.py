"""Comparison of results: two real ones of a small case, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from optimizer.api import Case, solve
from optimizer.errors import InputError, UsageError
from optimizer.reading.writing import write_inputs
from optimizer.results.compare import compare, input_rows, load_results
from optimizer.results.compare_out import (
    as_text,
    change,
    check_targets,
    write_page,
    write_workbook,
)
from optimizer.results.difference import Comparison, Row
from optimizer.results.verify import verify_plan
from optimizer.results.why import first_at_others_prices
from optimizer.results.write import StoredResult
from tests.support import Rows, add_grid, base, inputs, profiles

HOSTILE = "<b>=1+1</b>"


def rows_of(price: float = 3.0, sites: int = 2, engine_months: int = 0) -> Rows:
    rows = base(sites=sites)
    rows["demand"] = [{**row, "it_mw": 40} for row in rows["demand"]]
    rows["sites"][1]["opening_cost_usd"] = 5_000_000
    add_grid(rows, 10, 5, curtailed_hours_per_year=200)
    rows["fuels"][0]["price_usd_per_mmbtu"] = price
    rows["technologies"][0]["procurement_months"] = engine_months
    rows["technologies"][0]["source"] = f"stated at {price}"
    return rows


def stored(folder: Path, rows: Rows) -> Path:
    write_inputs(inputs(rows), folder / "case")
    plan = solve(Case.load(folder / "case"), gap=0.001, time_limit=60)
    plan.write(folder / "result")
    return folder / "result"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("compare")
    return [
        stored(root / "base", rows_of()),
        stored(root / "gas", rows_of(price=9.0)),
        stored(root / "late", rows_of(engine_months=1)),
    ]


@pytest.fixture(scope="module")
def results(folders: list[Path]) -> list[StoredResult]:
    return load_results(folders)


@pytest.fixture(scope="module")
def pair(results: list[StoredResult]) -> Comparison:
    return compare(results[:2])


def test_only_the_differing_input_is_named(pair: Comparison) -> None:
    assert pair.part("inputs").rows == [
        Row(("fuels", "gas / *", "price_usd_per_mmbtu"), "", (3.0, 9.0))
    ]
    assert "1 input differs: fuels price_usd_per_mmbtu [gas / *] 3 → 9." in pair.why[0]


def test_money_is_that_of_the_summaries(pair: Comparison, results: list[StoredResult]) -> None:
    for row in pair.part("money").rows[1:]:
        wanted = tuple(r.summary["costs"].get(row.keys[0], 0.0) for r in results[:2])
        assert row.values == pytest.approx(wanted)
    total = pair.part("money").rows[0]
    sums = [sum(float(r.values[k] or 0) for r in pair.part("money").rows[1:]) for k in (0, 1)]
    assert total.values == pytest.approx(sums)
    by_site = [sum(float(r.values[k] or 0) for r in pair.part("money_by_site").rows)
               for k in (0, 1)]  # fmt: skip
    assert total.values == pytest.approx(by_site)


def test_decisions_are_those_of_the_tables(pair: Comparison, results: list[StoredResult]) -> None:
    for row in pair.part("sites").rows:
        for value, result in zip(row.values, results[:2], strict=True):
            sites = result.tables["sites"].set_index("site")
            assert (value != "not opened") == sites.at[row.keys[0], "opened"]
    built = [r for r in pair.part("power").rows if r.keys[0] == "all sites" and r.unit == "MW"]
    for row in built:
        for value, result in zip(row.values, results[:2], strict=True):
            rows = result.tables["capacity"]
            mine = rows.loc[rows["technology"] == row.keys[1], "added_mw"].sum()
            assert (value or 0.0) == pytest.approx(mine)


def test_why_says_what_is_proven(pair: Comparison, results: list[StoredResult]) -> None:
    text = "\n".join(pair.why)
    assert "grid energy" in text or "fuel" in text
    assert "that the inputs make it dearer is proven" in text
    same = compare([results[0], results[0]])
    assert all(not part.shown for part in same.parts if not part.whole)
    assert "the inputs are the same" in same.why[0]
    assert any("search made the difference" in line for line in same.why)


def test_the_difference_is_split_into_prices_and_decisions(results: list[StoredResult]) -> None:
    first, dear = results[:2]
    held = first_at_others_prices(first, dear)
    check = verify_plan(dear.inputs, first.tables, first.dispatch, None)
    assert held == pytest.approx(check.objective_recomputed, abs=1)
    # At three times the gas price the plan that knows of it is no dearer than the one that does not.
    assert held is not None and held >= dear.summary["bound"] - 1
    assert first_at_others_prices(first, first) == pytest.approx(first.summary["total_cost"], abs=1)
    assert any("the plan of A would cost" in line for line in compare(results[:2]).why)
    lacking = inputs({**rows_of(), "site_technologies": [
        {"site": "*", "technology": "other", "max_mw": 1}], "technologies": [
        {**rows_of()["technologies"][0], "technology": "other"}]})  # fmt: skip
    bare = StoredResult(dear.folder, lacking, dear.tables, dear.dispatch, dear.summary)
    assert first_at_others_prices(first, bare) is None


def test_a_later_engine_delays_and_is_named_as_the_cause(results: list[StoredResult]) -> None:
    made = compare(results)
    about = [line for line in made.why if line.startswith("C against A")]
    # Two sites have 10 MW of firm grid power each; 20 of 40 MW wait a month for engines.
    assert any("load waits for procurement 0 → 20 MW-months" in line for line in about)
    assert any("technologies procurement_months [engine] 0 → 1" in line for line in about)
    assert any("engine (technologies procurement_months [engine])" in line for line in about)
    delay = next(r for r in made.part("dates").rows if r.keys == ("delay", "planned"))
    assert float(delay.values[2] or 0) > float(delay.values[0] or 0)
    assert made.letters == ["A", "B", "C"]


def test_rows_and_profiles_of_one_case_only_are_named() -> None:
    one, other = rows_of(), rows_of(sites=2)
    other["sites"][1]["site"] = "elsewhere"
    for table in ("interconnections", "interconnection_steps"):
        other[table][1]["site"] = "elsewhere"
    wind = profiles()
    wind["wind"] = wind["wind"][::-1].copy()
    found = {r.keys: r.values for r in input_rows([inputs(one), inputs(other, wind)])}
    assert found["sites", "site1", "the row"] == ("there", "not there")
    assert found["sites", "elsewhere", "the row"] == ("not there", "there")
    # The same values in another order have the same mean, and yet are another series.
    first, second = found["profiles", "wind", "series"]
    assert first != second
    assert not any(keys[0] == "technologies" for keys in found)


def test_a_setting_that_is_not_given_counts_with_its_default() -> None:
    one, other = rows_of(), rows_of()
    default = inputs(one).setting("real_discount_rate")
    other["settings"].append({"key": "real_discount_rate", "value": default})
    assert input_rows([inputs(one), inputs(other)]) == []
    other["settings"][-1]["value"] = 0.11
    assert input_rows([inputs(one), inputs(other)]) == [
        Row(("settings", "real_discount_rate", "value"), "", (default, 0.11))
    ]


def test_text_workbook_and_page_hold_the_same(pair: Comparison, tmp_path: Path) -> None:
    text = as_text(pair)
    assert pair.why[0] in text and "fuels: gas / *: price_usd_per_mmbtu" in text
    write_workbook(pair, tmp_path / "both.xlsx")
    book = CalamineWorkbook.from_path(str(tmp_path / "both.xlsx"))
    assert book.sheet_names == ["why", *(p.name for p in pair.parts)]
    money = book.get_sheet_by_name("money").to_python()
    assert money[0] == ["category", "unit", "A", "B", "B − A"]
    for cells, row in zip(money[1:], pair.part("money").rows, strict=True):
        assert cells[2:4] == pytest.approx(list(row.values))
        assert cells[4] == pytest.approx(change(row, 1))
    write_page(pair, tmp_path / "both.html")
    page = (tmp_path / "both.html").read_text("utf-8")
    assert "http:" not in page and "https:" not in page and "<script" not in page
    for part in pair.parts:
        assert f'id="{part.name}-title"' in page
    assert json.loads(json.dumps(pair.as_dict(), allow_nan=False))["inputs"] == [
        {"table": "fuels", "row": "gas / *", "column": "price_usd_per_mmbtu", "unit": "",
         "differs": True, "A": 3.0, "B": 9.0}]  # fmt: skip


def test_names_are_escaped_on_the_page_and_texts_in_the_workbook(tmp_path: Path) -> None:
    from optimizer.results.difference import Part

    made = Comparison(["a", HOSTILE], [
        Part("inputs", "Inputs", ("table",), [Row((HOSTILE,), "text", ("=1+1", None))])],
        [HOSTILE])  # fmt: skip
    write_page(made, tmp_path / "x.html")
    page = (tmp_path / "x.html").read_text("utf-8")
    assert HOSTILE not in page and "&lt;b&gt;" in page
    write_workbook(made, tmp_path / "x.xlsx")
    cells = CalamineWorkbook.from_path(str(tmp_path / "x.xlsx")).get_sheet_by_name("inputs")
    assert cells.to_python()[1] == [HOSTILE, "text", "=1+1", "", ""]


def test_results_without_sampled_dates_are_sampled(
    pair: Comparison, results: list[StoredResult]
) -> None:
    old = []
    for r in results[:2]:
        tables = {name: table for name, table in r.tables.items() if name != "dates"}
        summary = {k: v for k, v in r.summary.items() if not k.endswith(("p50", "p90"))}
        old.append(StoredResult(r.folder, r.inputs, tables, r.dispatch, summary))
    assert compare(old).part("dates").rows == pair.part("dates").rows


def test_what_is_no_result_is_refused_and_all_of_it_named(
    folders: list[Path], tmp_path: Path
) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(folders[0], changed)
    (changed / "tables" / "costs.csv").write_text("category,usd\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_results([folders[1], changed, tmp_path / "nowhere"])
    text = str(caught.value.problems.report())
    assert f"{changed}: tables/costs.csv" in text and "changed-file" in text
    assert "nowhere" in text and "no-result" in text
    for count in (1, 9):
        with pytest.raises(UsageError, match="2 to 8"):
            load_results([folders[0]] * count)


def test_targets_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    check_targets(tmp_path / "x.xlsx", tmp_path / "x.html")
    with pytest.raises(UsageError, match=r"ends in \.xlsx"):
        check_targets(tmp_path / "x.csv", None)
    with pytest.raises(UsageError, match="no folder to write in"):
        check_targets(None, tmp_path / "not there" / "x.html")
