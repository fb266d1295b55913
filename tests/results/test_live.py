"""plan.xlsx that lives: its formulas against the objective, the check, and LibreOffice."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

from optimizer.api import Case, Plan, solve
from optimizer.errors import Problems
from optimizer.preparing import finance
from optimizer.preparing.calendar import discount_factors
from optimizer.results import live
from optimizer.results.formulas import Formula, discount, discount_sum, interest, recovery
from optimizer.results.lines import Line
from optimizer.results.live import FIRST_ROW, LiveMoney
from optimizer.results.verify import verify_plan
from optimizer.results.workbook import write_plan_workbook
from tests.support import Rows, add_grid, base, inputs, technology

PERIODS = [("p0", "2027-10-01", 1), ("p1", "2027-11-01", 1), ("p2", "2027-12-01", 1),
           ("p3", "2028-01-01", 1)]  # fmt: skip


def rich_rows() -> Rows:
    """A small case in which nearly every kind of cost arises."""
    rows = base(PERIODS, sites=2)
    rows["settings"].append({"key": "money_year", "value": 2026})
    rows["demand"] = [{**row, "it_mw": 45} for row in rows["demand"]]
    rows["workloads"] = [{"workload": "training", "accelerator": "gpu"}]
    rows["compute"] = [{"accelerator": "gpu", "capex_usd_per_mw": 30e6, "life_months": 60,
                        "margin_usd_per_mw_month": 100_000, "real_rate": 0.1}]  # fmt: skip
    rows["placement"] = [{"workload": "training", "region": "north", "site": "site0",
                          "cost_usd_per_mw_month": 500}]  # fmt: skip
    rows["campus_blocks"][0].update({"fom_usd_per_mw_year": 20_000, "order_share": 0.1,
                                     "land_km2_per_mw": 0.01, "permit_kind": "zoning"})  # fmt: skip
    rows["permits"] = [
        {"jurisdiction": "TX", "permit_kind": kind, "variant": "std", "months": months,
         "cost_usd": 200_000} for kind, months in (("zoning", 0), ("air", 1))]  # fmt: skip
    for site in rows["sites"]:
        site.update({"opening_cost_usd": 300_000, "land_price_usd_per_km2": 400_000,
                     "max_it_mw": 30})  # fmt: skip
    rows["technologies"][0].update({
        "procurement_months": 1, "construction_months": 0, "permit_kind": "air",
        "order_at_risk": "yes", "refusal_probability": 0.1, "recovered_share": 0.5,
        "order_share": 0.3, "resale_loss": 0.1, "market_multiplier": 1.2, "vom_usd_per_mwh": 4,
        "fom_usd_per_kw_year": 15, "real_cost_of_capital": 0.09, "land_km2_per_mw": 0.001})  # fmt: skip
    rows["technologies"] += [
        technology("sun", "variable", capex_usd_per_kw=90, fom_usd_per_kw_year=10),
        technology("battery", "storage", capex_usd_per_kw=40, capex_usd_per_kwh=15, duration_h=2,
                   round_trip_efficiency=0.85, vom_usd_per_mwh=1)]  # fmt: skip
    rows["technology_costs"] = [
        {"technology": "engine", "year": year, "capex_index": index}
        for year, index in ((2026, 1.0), (2028, 0.9))]  # fmt: skip
    rows["site_technologies"] += [
        {"site": "*", "technology": "sun", "max_mw": 60, "profile": "sun",
         "capex_adder_usd_per_kw": 5},
        {"site": "*", "technology": "battery", "max_mw": 40}]  # fmt: skip
    rows["fuels"][0].update({"price_growth_per_year": 0.03, "price_profile": "flat"})
    add_grid(rows, 8, 2, curtailed_hours_per_year=100, export_mw=10, upgrade_cost_usd=2e6,
             cost_usd_per_kw=80, capacity_charge_usd_per_kw_year=50)  # fmt: skip
    rows["tariffs"][0].update({"price_profile": "price", "energy_price_usd_per_mwh": 5,
                               "price_growth_per_year": 0.02, "export_price_share": 0.8,
                               "co2_t_per_mwh": 0.4})  # fmt: skip
    rows["policies"] = [{"policy": "CO2 price", "kind": "co2_price", "scope": "total", "value": 20}]
    return rows


@pytest.fixture(scope="module")
def plan() -> Plan:
    return solve(Case(inputs(rich_rows()), Problems(), "rows"), gap=0.02, time_limit=60)


@pytest.fixture(scope="module")
def book(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("live") / "plan.xlsx"
    write_plan_workbook(path, plan.tables, plan.summary, plan.inner.inputs, plan.dispatch)
    return path


CHANGES: list[tuple[str, str, Any, float]] = [
    # assumption's table and name, the change of the input, the new value
    ("general", "real_discount_rate",
     lambda r: r["settings"].append({"key": "real_discount_rate", "value": 0.11}), 0.11),
    ("general", "real_discount_rate",
     lambda r: r["settings"].append({"key": "real_discount_rate", "value": 0}), 0.0),
    ("fuels", "price_usd_per_mmbtu",
     lambda r: r["fuels"][0].update({"price_usd_per_mmbtu": 6.5}), 6.5),
    ("fuels", "price_growth_per_year",
     lambda r: r["fuels"][0].update({"price_growth_per_year": 0.1}), 0.1),
    ("tariffs", "energy_price_usd_per_mwh",
     lambda r: r["tariffs"][0].update({"energy_price_usd_per_mwh": 25}), 25.0),
    ("technologies", "capex_usd_per_kw",
     lambda r: r["technologies"][0].update({"capex_usd_per_kw": 1500}), 1500.0),
    ("compute", "margin_usd_per_mw_month",
     lambda r: r["compute"][0].update({"margin_usd_per_mw_month": 1e6}), 1e6),
    ("policies", "value", lambda r: r["policies"][0].update({"value": 75}), 75.0),
]  # fmt: skip
IDS = [f"{table}.{name}={value:g}" for table, name, _, value in CHANGES]


def cells(path: Path, sheet: str) -> dict[str, tuple[str, str]]:
    """Formula and stored value of each numeric cell, read from the file itself."""
    with zipfile.ZipFile(path) as archive:
        text = archive.read(sheet_file(path, sheet)).decode()
    found = {}
    for at, body in re.findall(r'<c r="([A-Z]+\d+)"[^>]*?>(.*?)</c>', text):
        formula = re.search(r"<f>(.*?)</f>", body)
        value = re.search(r"<v>(.*?)</v>", body)
        found[at] = (formula[1] if formula else "", value[1] if value else "")
    return found


def sheet_file(path: Path, sheet: str) -> str:
    names = CalamineWorkbook.from_path(str(path)).sheet_names
    return f"xl/worksheets/sheet{names.index(sheet) + 1}.xml"


def assumption_cell(path: Path, table: str, name: str, row: str = "") -> str:
    """Address of an assumption's value."""
    rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_name("assumptions").to_python()
    for at, line in enumerate(rows, start=1):
        if line[0] == table and line[2] == name and (not row or line[1] == row):
            return f"D{at}"
    raise AssertionError(f"no assumption {table} {row} {name}")


def python_text(text: str) -> str:
    """A formula of ours as Python: powers, references, and IF without evaluating both sides."""
    text = text.replace("^", "**").replace("assumptions!", "").replace("$", "")
    while "IF(" in text:
        start = text.rindex("IF(")  # the innermost of those that begin last
        depth, parts, last = 0, [], start + 3
        for at in range(start + 3, len(text)):
            if text[at] == "(":
                depth += 1
            elif text[at] == "," and depth == 0:
                parts.append(text[last:at])
                last = at + 1
            elif text[at] == ")":
                if depth == 0:
                    break
                depth -= 1
        condition, yes, no = [*parts, text[last:at]]
        text = (
            f"{text[:start]}(({yes}) if {condition.replace('=', '==')} else ({no})){text[at + 1 :]}"
        )
    return text


def evaluate(path: Path, changed: dict[str, float]) -> float:
    """Sum of the lines of the cash flow, calculated here from the formulas' text."""
    held = cells(path, "assumptions")
    values: dict[str, float] = {}
    for at, (formula, value) in held.items():
        if re.fullmatch(r"D\d+", at) and int(at[1:]) >= FIRST_ROW:
            values[at] = changed.get(at, float(value) if not formula else np.nan)
    for at, (formula, _) in held.items():
        if at in values and np.isnan(values[at]):
            values[at] = eval(python_text(formula), {}, values)
    total, lines = 0.0, cells(path, "cashflow")
    for at, (formula, _) in lines.items():
        if at.startswith("L") and formula:
            row = at[1:]
            assert formula == f"E{row}*G{row}*H{row}*J{row}"
            usd = float(lines[f"E{row}"][1])
            for column in "GHJ":
                usd *= eval(python_text(lines[column + row][0]), {}, values)
            total += usd
    return total


def checked(plan: Plan, change: Any) -> float:
    """What the independent check says that the same plan costs at changed inputs."""
    rows = copy.deepcopy(rich_rows())
    change(rows)
    found = verify_plan(inputs(rows), plan.tables, plan.dispatch, None)
    return found.objective_recomputed


def test_the_case_has_nearly_every_category(plan: Plan) -> None:
    paid = {name for name, usd in plan.summary["costs"].items() if abs(usd) > 1}
    assert {"generation_capital", "generation_fom", "campus_capital", "campus_fom", "delay",
            "interconnection", "opening", "permits", "land", "risk", "placement", "energy",
            "fuel", "vom", "carbon"} <= paid  # fmt: skip


def test_lines_sum_to_each_category_and_to_the_total(plan: Plan) -> None:
    money = LiveMoney(plan.inner.inputs, plan.tables, plan.dispatch)
    for category, usd in plan.summary["costs"].items():
        lines = [line.usd for line in money.lines if line.category == category]
        assert sum(lines) == pytest.approx(usd, abs=1), category
    assert money.total == pytest.approx(plan.summary["total_cost"], abs=1)


def test_formulas_at_the_original_inputs_give_the_total_to_a_dollar(plan: Plan, book: Path) -> None:
    assert evaluate(book, {}) == pytest.approx(plan.summary["total_cost"], abs=1)
    shown = CalamineWorkbook.from_path(str(book)).get_sheet_by_name("cashflow").to_python()
    assert shown[3][3] == pytest.approx(plan.summary["total_cost"], abs=1)
    assert shown[5][3] == pytest.approx(0, abs=1)


def test_too_many_lines_are_summed_by_site_category_and_price(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = LiveMoney(plan.inner.inputs, plan.tables, plan.dispatch)
    monkeypatch.setattr(live, "MOST_LINES", len(whole.lines) - 1)
    money = LiveMoney(plan.inner.inputs, plan.tables, plan.dispatch)
    assert money.summed and not whole.summed and len(money.lines) < len(whole.lines)
    for category, usd in plan.summary["costs"].items():
        lines = [line.usd for line in money.lines if line.category == category]
        assert sum(lines) == pytest.approx(usd, abs=1), category
    path = tmp_path / "plan.xlsx"
    write_plan_workbook(path, plan.tables, plan.summary, plan.inner.inputs, plan.dispatch)
    assert evaluate(path, {}) == pytest.approx(plan.summary["total_cost"], abs=1)
    shown = CalamineWorkbook.from_path(str(path)).get_sheet_by_name("cashflow").to_python()
    assert "summed" in shown[1][0] and "Period" not in [row[0] for row in shown]
    # A price stays a formula: all of a category at twice the price costs twice as much.
    cell = assumption_cell(path, "fuels", "price_usd_per_mmbtu")
    fuel = [(x.usd, x.price.text) for x in money.lines if x.category == "fuel"]
    dearer = sum(usd for usd, text in fuel if text == f"assumptions!${cell[0]}${cell[1:]}")
    price = next(a.value.value for a in money.assumptions.values()
                 if a.name == "price_usd_per_mmbtu")  # fmt: skip
    found = evaluate(path, {cell: 2 * price})
    assert found == pytest.approx(plan.summary["total_cost"] + dearer, abs=1)


@pytest.mark.parametrize(("table", "name", "change", "value"), CHANGES, ids=IDS)
def test_a_changed_assumption_gives_what_the_check_finds(
    plan: Plan, book: Path, table: str, name: str, change: Any, value: float
) -> None:
    row = "engine" if table == "technologies" else ""
    found = evaluate(book, {assumption_cell(book, table, name, row): value})
    wanted = checked(plan, change)
    assert abs(wanted - plan.summary["total_cost"]) > 100
    if table == "tariffs":  # hours that only now have a price above 0 are sold at no price
        assert found == pytest.approx(wanted, rel=1e-4)
    else:
        assert found == pytest.approx(wanted, abs=1)


def recalculated(path: Path, changed: dict[str, float], folder: Path) -> list[list[Any]]:
    """The cash flow after LibreOffice has calculated everything anew."""
    office = shutil.which("soffice")
    if office is None:
        pytest.skip("LibreOffice is not installed")
    user = folder / "profile" / "user"
    user.mkdir(parents=True, exist_ok=True)
    (user / "registrymodifications.xcu").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<oor:items '
        'xmlns:oor="http://openoffice.org/2001/registry"><item '
        'oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode" '
        'oor:op="fuse"><value>0</value></prop></item></oor:items>', encoding="utf-8",
    )  # fmt: skip
    target, sheet = folder / "changed.xlsx", sheet_file(path, "assumptions")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == sheet:
                text = data.decode()
                for at, value in changed.items():
                    text, count = re.subn(
                        rf'(<c r="{at}"[^>]*><v>)[^<]*(</v>)', rf"\g<1>{value!r}\2", text
                    )
                    assert count == 1
                data = text.encode()
            new.writestr(name, data)
    subprocess.run(
        [office, f"-env:UserInstallation=file://{folder / 'profile'}", "--headless",
         "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", folder / "out", target],
        check=True, capture_output=True, timeout=180,
    )  # fmt: skip
    made = CalamineWorkbook.from_path(str(folder / "out" / "changed.xlsx"))
    return made.get_sheet_by_name("cashflow").to_python()


def test_libreoffice_recalculates_rate_gas_and_power_price(
    plan: Plan, book: Path, tmp_path: Path
) -> None:
    same = recalculated(book, {}, tmp_path / "same")
    assert same[3][3] == pytest.approx(plan.summary["total_cost"], abs=1)
    sums = {row[0]: row[3] for row in same[8:] if row[0] in plan.summary["costs"] and row[1] == ""}
    for category, usd in plan.summary["costs"].items():
        assert sums.get(category, 0.0) == pytest.approx(usd, abs=1), category
    changed = {
        assumption_cell(book, "general", "real_discount_rate"): 0.11,
        assumption_cell(book, "fuels", "price_usd_per_mmbtu"): 6.5,
        assumption_cell(book, "tariffs", "price_profile_multiplier"): 1.0,
    }
    found = recalculated(book, changed, tmp_path / "changed")

    def change(rows: Rows) -> None:
        rows["settings"].append({"key": "real_discount_rate", "value": 0.11})
        rows["fuels"][0]["price_usd_per_mmbtu"] = 6.5

    wanted = checked(plan, change)
    assert found[3][3] == pytest.approx(wanted, abs=1)
    assert found[5][3] == pytest.approx(wanted - plan.summary["total_cost"], abs=2)


def test_a_category_that_is_not_written_out_stands_as_a_figure(plan: Plan) -> None:
    more = pd.concat([plan.tables["costs"], pd.DataFrame([
        {"category": "new", "site": "", "item": "x", "period": "p0", "usd": 1234.0}])])  # fmt: skip
    money = LiveMoney(plan.inner.inputs, {**plan.tables, "costs": more}, plan.dispatch)
    assert money.total == pytest.approx(plan.summary["total_cost"] + 1234, abs=1)
    known = LiveMoney(plan.inner.inputs, plan.tables, plan.dispatch)
    assert all(line.item != "as planned, not in formulas" for line in known.lines)


def test_finance_in_formulas_is_the_models() -> None:
    share = Formula("s", 0.2)
    for value in (0.0, 0.07):
        rate = Formula("r", value)
        factors = discount_factors(value, 40)
        for made, wanted in (
            (discount(rate, 7), factors[7]),
            (discount_sum(rate, 3, 27), factors[3:27].sum()),
            (recovery(rate, 20), finance.capital_recovery_factor(value, 20)),
            (interest(rate, share, 9), finance.construction_interest(value, 0.2, 9)),
            (interest(rate, share, 0), 1.0),
        ):
            assert made.value == pytest.approx(wanted, rel=1e-12)
            again = eval(python_text(made.text), {}, {"r": value, "s": 0.2})
            assert again == pytest.approx(wanted, rel=1e-9)


def test_formulas_put_brackets_where_they_are_needed() -> None:
    a, b, c = Formula("a", 2.0), Formula("b", 3.0), Formula("c", 5.0)
    for made in (a - (b - c), a / (b / c), a * (b + c), (a + b) * c, (a * b) ** c, a ** (b - c),
                 a ** -2, 1 - (a + b) / c, a - -1, (a**b) ** 2):  # fmt: skip
        assert eval(made.text.replace("^", "**"), {}, {"a": 2.0, "b": 3.0, "c": 5.0}) == (
            pytest.approx(made.value)
        )


def test_a_plan_that_builds_nothing_has_a_cash_flow_of_delay(tmp_path: Path) -> None:
    case = inputs(rich_rows())
    tables = solve(Case(case, Problems(), "rows"), gap=0.5, time_limit=30).tables
    empty = {name: table.head(0) for name, table in tables.items()}
    empty["backlog"] = tables["backlog"].assign(backlog_mw=45.0)
    hourless = tables["operation"].head(0).assign(hour=0)[["site", "period", "hour"]]
    money = LiveMoney(case, empty, hourless)
    assert {line.category for line in money.lines} == {"delay"}
    assert all(isinstance(line, Line) for line in money.lines)
    summary = {"total_cost": money.total}
    write_plan_workbook(tmp_path / "x.xlsx", empty, summary, case, hourless)
    assert evaluate(tmp_path / "x.xlsx", {}) == pytest.approx(money.total, abs=1)
