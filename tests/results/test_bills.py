"""Bills in a result: what each month sums to, the report, plan.xlsx, and lies that are caught."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from optimizer.api import Case, Plan, solve
from optimizer.errors import Problems
from optimizer.reading.inputs import read_inputs
from optimizer.results.live import LiveMoney
from optimizer.results.report.bills import bill_views, bill_words, peak_views
from optimizer.results.report.folder import read_result
from optimizer.results.report.html import write_report
from optimizer.results.verify import verify_plan
from optimizer.results.workbook import write_plan_workbook
from optimizer.results.write import load_result, write_result
from tests.results.test_live import assumption_cell, evaluate
from tests.support import Rows, add_grid, base, inputs, profiles, technology

INPUTS = Path(__file__).parents[2] / "inputs"


def billed_rows() -> Rows:
    """A small case in which every kind of charge is paid, and prices grow."""
    rows = base([("p0", "2027-01-01", 1), ("p1", "2027-02-01", 1)])
    rows["site_technologies"][0]["max_mw"] = 0
    rows["technologies"].append(technology("sun", "variable", capex_usd_per_kw=10))
    rows["site_technologies"].append(
        {"site": "*", "technology": "sun", "max_mw": 40, "profile": "sun"}
    )
    add_grid(rows, 30, cost_usd_per_kw=1, export_mw=20)
    rows["tariffs"][0].update(price_profile="price", price_growth_per_year=0.02, tax_share=0.05,
                              export_price_share=0.5, export_price_usd_per_mwh=0)  # fmt: skip
    rows["settings"].append({"key": "money_year", "value": 2025})
    tariff = {"tariff": "flat"}
    rows["tariff_charges"] = [
        {**tariff, "charge": "on-peak", "kind": "energy", "price_usd_per_mwh": 30, "hours": "14-20"},
        {**tariff, "charge": "demand", "kind": "demand", "price_usd_per_kw_month": 4,
         "tier_to_mw": 15, "ratchet_share": 0.8, "ratchet_months": 11, "peak_before_mw": 28},
        {**tariff, "charge": "demand", "tier": 2, "kind": "demand", "price_usd_per_kw_month": 6},
        {**tariff, "charge": "peak", "kind": "coincident_peak", "price_usd_per_kw_year": 70,
         "months": "1-2", "system_profile": "price", "candidate_hours": 4},
        {**tariff, "charge": "service", "kind": "fixed", "price_usd_per_month": 500},
        {**tariff, "charge": "least", "kind": "minimum_bill", "price_usd_per_month": 3_000_000,
         "months": "2"},
    ]  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def plan() -> Plan:
    return solve(Case(inputs(billed_rows()), Problems(), "rows"), gap=0.005, time_limit=120)


@pytest.fixture(scope="module")
def folder(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bills") / "run"
    write_result(plan.inner, plan.summary, made, options={}, overrides=[])
    return made


def test_lines_of_a_month_sum_to_what_it_costs(plan: Plan) -> None:
    bills = plan.tables["bills"]
    kinds = {"energy price", "on-peak", "demand / tier 1", "demand / tier 2", "peak", "service",
             "minimum bill", "tax", "export"}  # fmt: skip
    assert set(bills["charge"]) == kinds
    months = bills.groupby("month")["usd"].sum()
    export = bills[bills["charge"] == "export"].groupby("month")["usd"].sum()
    # Charges less credit reach the minimum of February, 3 M$ of the money year grown for two
    # years; tax is on the charges alone. Export earns nothing below it, but does in January.
    tax = bills[bills["charge"] == "tax"].groupby("month")["usd"].sum()
    assert (months - tax)[2] == pytest.approx(3e6 * 1.02**2)
    assert export[1] < 0
    demand = bills[bills["charge"].str.startswith("demand")].groupby("month")["quantity"].sum()
    assert (demand >= 0.8 * 28_000 - 1e-6).all()


def test_money_by_category_is_that_of_the_bills(plan: Plan) -> None:
    costs = plan.tables["costs"].groupby("category")["usd"].sum()
    money = LiveMoney(plan.inner.inputs, plan.tables, plan.dispatch)
    for category, usd in costs.items():
        lines = [line.usd for line in money.lines if line.category == category]
        assert sum(lines) == pytest.approx(usd, abs=1e-3), category
    assert {"demand_charge", "coincident_peak", "fixed_charge", "minimum_bill", "tax"} <= set(
        costs.index
    )


def test_formulas_follow_a_changed_price_of_demand(plan: Plan, tmp_path: Path) -> None:
    path = tmp_path / "plan.xlsx"
    write_plan_workbook(path, plan.tables, plan.summary, plan.inner.inputs, plan.dispatch)
    assert evaluate(path, {}) == pytest.approx(plan.summary["total_cost"], abs=1e-3)
    cell = assumption_cell(
        path, "tariff_charges", "price_usd_per_kw_month", "flat / demand / tier 1"
    )
    added = evaluate(path, {cell: 8.0}) - evaluate(path, {})
    demand = plan.tables["bills"].query("charge == 'demand / tier 1'")
    paid = plan.tables["costs"].query("category == 'demand_charge'")["usd"].sum()
    share = demand["usd"].sum() / plan.tables["bills"].query(
        "charge.str.startswith('demand')")["usd"].sum()  # fmt: skip
    assert added == pytest.approx(paid * share, rel=1e-3)  # as much again, by month's discount


def test_the_report_shows_bills_and_peaks(folder: Path) -> None:
    result = read_result(folder)
    (view,) = bill_views(result).values()
    assert {t.name for t in view.data} >= {"energy price", "demand", "peak", "minimum bill", "tax"}
    assert len(view.data[0].x) == 2
    (peaks,) = peak_views(result).values()
    billed = next(t for t in peaks.data if t.name == "billed: demand")
    assert min(billed.y) >= 22.4 - 1e-3
    assert "dearest month" in bill_words(result)
    page = (folder / "report.html").read_text("utf-8")
    assert "Bills by month" in page
    assert "Highest use and billed demand" in page


def test_the_report_leaves_bills_out_where_tariffs_have_no_charges(
    folder: Path, tmp_path: Path
) -> None:
    import shutil

    copied = tmp_path / "run"
    shutil.copytree(folder, copied)
    (copied / "inputs" / "tariff_charges.csv").unlink()
    assert "Bills by month" not in write_report(copied).read_text("utf-8")


def test_a_stored_result_is_verified_again(folder: Path) -> None:
    stored = load_result(folder)
    done = verify_plan(stored.inputs, stored.tables, stored.dispatch, stored.summary["objective"])
    assert done.passed, done.findings[:5]


def spoil(column: str, factor: float, charge: str) -> Any:
    """A lie about one line of a bill."""

    def change(tables: dict[str, pd.DataFrame]) -> None:
        bills = tables["bills"]
        at = bills.index[bills["charge"] == charge][0]
        bills.loc[at, column] *= factor

    return change


@pytest.mark.parametrize(
    "lie",
    [spoil("usd", 1 + 1e-6, "energy price"), spoil("quantity", 1.01, "demand / tier 1"),
     spoil("rate", 0.9, "peak"), spoil("usd", 0.5, "minimum bill"),
     lambda t: t.update(bills=t["bills"].drop(t["bills"].index[3])),
     lambda t: t["bills"].__setitem__("tariff", "other")],
)  # fmt: skip
def test_a_wrong_bill_is_found(plan: Plan, lie: Any) -> None:
    rows = billed_rows()
    rows["tariffs"].append({"tariff": "other", "market": "ERCOT", "energy_price_usd_per_mwh": 50})
    tables = copy.deepcopy(plan.tables)
    lie(tables)
    done = verify_plan(inputs(rows, profiles()), tables, plan.dispatch, None)
    assert not done.passed


def test_the_example_of_one_site() -> None:
    read, problems = read_inputs(INPUTS / "single_site_tariff")
    assert read is not None and not len(problems), problems.report()
    plan = solve(Case(read, problems, "single_site_tariff"), gap=0.04, time_limit=300)
    assert plan.verification.passed
    bills = plan.tables["bills"]
    assert set(bills["tariff"]) <= {"hourly", "time_of_use"}
    # Three quarters with power and a year: 21 bills, each the sum of its lines.
    months = bills.groupby(["period", "month"])["usd"].sum()
    assert len(months) == 21
    summer = bills[bills["charge"] == "transmission"]
    assert set(summer["month"]) == {6, 7, 8, 9}
    # The ratchet: from the first quarter on at least 80 % of the highest demand of 11 months.
    billed = bills[bills["charge"] == "distribution"]["quantity"].to_numpy()
    assert (billed[1:] >= 0.8 * np.maximum.accumulate(billed)[:-1] * (1 - 1e-9)).all()
