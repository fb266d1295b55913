"""Results of grid service: the money in formulas, what is in the making, the report, the check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from optimizer.api import Case, Plan, solve
from optimizer.errors import Problems
from optimizer.results.live import LiveMoney
from optimizer.results.report.packs import write_pack
from optimizer.results.verify import verify_plan
from optimizer.results.write import load_result
from tests.support import Rows, add_grid, base, inputs, profiles

QUARTERS = [("q1", "2027-01-01", 3), ("q2", "2027-04-01", 3), ("q3", "2027-07-01", 3),
            ("q4", "2027-10-01", 3), ("y2", "2028-01-01", 12)]  # fmt: skip


def rows() -> Rows:
    """Two sites under agreements: one moves from a conditional stage to another offer."""
    made = base(QUARTERS, sites=2)
    made["settings"].append({"key": "money_year", "value": 2026})
    made["site_technologies"][0]["max_mw"] = 0
    made["demand"] = [{**row, "it_mw": 30} for row in made["demand"]]
    made["workloads"][0]["load_factor"] = 0.7
    made["sites"][0]["max_it_mw"] = made["sites"][1]["max_it_mw"] = 20
    add_grid(made, 25, 5, upgrade_cost_usd=1e6, cost_usd_per_kw=50, existing_mw=5,
             transfer_cost_usd=4e5, shared_upgrade="line", emergency_hours_per_year=20,
             emergency_share=1.0, system_load_profile="price", feeds=2, feed_outage_rate=0.01)  # fmt: skip
    bridge = {**made["interconnections"][0], "offer": "bridge", "exit_date": "2027-07-01",
              "shared_upgrade": "hub", "existing_mw": 0, "transfer_cost_usd": 0}  # fmt: skip
    made["interconnections"][0]["queue_months"] = 6
    made["interconnections"][0]["existing_mw"] = 0
    made["interconnections"][0]["transfer_cost_usd"] = 0
    made["interconnections"].append(bridge)
    made["interconnection_steps"].append({**made["interconnection_steps"][0], "offer": "bridge"})
    made["shared_upgrades"] = [
        {"shared_upgrade": "line", "cost_usd": 2e6},
        {"shared_upgrade": "hub", "cost_usd": 1e6, "rule": "split", "shares": 4},
    ]
    terms: dict[str, Any] = {
        "min_contract_mw": 22, "ramp_year_1": 0.9, "demand_price_usd_per_kw_month": 6,
        "minimum_demand_share": 0.95, "energy_price_usd_per_mwh": 12, "minimum_energy_share": 0.8,
        "price_growth_per_year": 0.02, "term_years": 1.5, "study_fee_usd": 1e5,
        "signing_months_before": 2, "deposit_usd_per_kw": 30, "deposit_months_after_signing": 1,
        "deposit_refund_years": 1, "deposit_refund_share": 0.9, "security_usd_per_kw": 80,
        "security_release_years": 2, "security_rate_per_year": 0.05, "contribution_usd_per_kw": 10,
    }  # fmt: skip
    made["service_agreements"] = [
        {"site": site, "offer": "grid", "agreement": "large load", **terms}
        for site in ("site0", "site1")
    ]
    made["service_agreements"].append(
        {"site": "site0", "offer": "bridge", "agreement": "short", "exit_fee_usd_per_kw": 15,
         "min_contract_mw": 12, "demand_price_usd_per_kw_month": 9, "minimum_demand_share": 1.0,
         "security_usd_per_kw": 40, "security_rate_per_year": 0.05}
    )  # fmt: skip
    return made


@pytest.fixture(scope="module")
def plan() -> Plan:
    made = Case(inputs(rows(), profiles()), Problems(), "rows")
    return solve(made, gap=1e-4, time_limit=60)


@pytest.fixture(scope="module")
def folder(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("service") / "result"
    plan.write(target)
    return target


def test_the_case_moves_from_its_conditional_stage(plan: Plan) -> None:
    table = plan.tables["interconnection"]
    assert plan.verification.passed, plan.verification.findings
    offers = table[table["site"] == "site0"].set_index("period")["offer"]
    assert list(offers[[name for name, *_ in QUARTERS]]) == ["bridge", "bridge", *["grid"] * 3]
    assert (plan.tables["agreements"]["minimum_usd"] > 0).any()


def test_all_money_is_in_formulas(plan: Plan) -> None:
    money = LiveMoney(plan.inner.inputs, plan.tables, plan.dispatch)
    by_category = plan.tables["costs"].groupby("category")["usd"].sum()
    told = pd.Series([x.usd for x in money.lines], index=[x.category for x in money.lines])
    told = told[told != 0]
    assert told.groupby(level=0).sum().to_dict() == pytest.approx(by_category.to_dict(), rel=1e-9)
    assert not any("not in formulas" in line.item for line in money.lines)


def test_the_result_is_read_back_and_passes_its_check(folder: Path) -> None:
    read = load_result(folder)
    total = float(read.tables["costs"]["usd"].sum())
    checked = verify_plan(read.inputs, read.tables, read.dispatch, total)
    assert checked.passed, checked.findings


def test_all_payments_are_in_the_making_or_in_service(folder: Path) -> None:
    tables = load_result(folder).tables
    paid = tables["cashflow"].groupby(["site", "date"])["usd"].sum()
    for site, mine in tables["exposure"].groupby("site"):
        table = mine.set_index("date")
        due = paid[site].reindex(table.index, fill_value=0.0).cumsum()
        told = table["paid_usd"] + table["in_service_usd"]
        assert told.tolist() == pytest.approx(due.tolist(), abs=1e-3)


def test_the_report_shows_contract_minimum_and_security(folder: Path) -> None:
    page = (folder / "report.html").read_text("utf-8")
    for words in ("Grid service against contract and use", "Minimum take and security",
                  "billed for the unused minimum", "security outstanding", "How the grid serves",
                  "20 h a year down to 100 % of firm power"):  # fmt: skip
        assert words in page


def test_the_letter_to_the_utility_names_what_is_signed(folder: Path, tmp_path: Path) -> None:
    path = write_pack("utility", folder, load_result(folder).inputs, tmp_path / "utility.html")
    page = path.read_text("utf-8")
    assert "Agreements to sign: short for 14 MW from Jan 2027 and large load for 22 MW" in page
    assert "In an emergency: 20 h a year down to 100 % of firm power" in page


def test_a_case_without_agreements_has_no_such_section(tmp_path: Path) -> None:
    plain = base()
    add_grid(plain, 20)
    made = solve(Case(inputs(plain), Problems(), "rows"), gap=0.02, time_limit=30)
    made.write(tmp_path / "result")
    page = (tmp_path / "result" / "report.html").read_text("utf-8")
    assert "Minimum take and security" not in page
    assert "How the grid serves" not in page


CORRUPTIONS = [
    ("agreements", "contract_mw", 1.02), ("agreements", "billed_usd", 1.001),
    ("agreements", "owed_mw", 0.9), ("agreements", "security_usd", 0.5),
    ("agreements", "deposit_paid_usd", 0.5), ("agreements", "minimum_usd", 0.5),
    ("shared_upgrades", "paid_share", 0.5), ("interconnection", "firm_mw", 1.5),
]  # fmt: skip


@pytest.mark.parametrize(("table", "column", "factor"), CORRUPTIONS)
def test_a_changed_figure_is_found(plan: Plan, table: str, column: str, factor: float) -> None:
    tables = {name: frame.copy() for name, frame in plan.tables.items()}
    tables[table][column] = tables[table][column] * factor
    total = float(plan.tables["costs"]["usd"].sum())
    assert not verify_plan(plan.inner.inputs, tables, plan.dispatch, total).passed


def test_an_agreement_that_is_left_out_is_found(plan: Plan) -> None:
    tables = dict(plan.tables)
    tables["agreements"] = tables["agreements"].query("site == 'site0'")
    total = float(plan.tables["costs"]["usd"].sum())
    assert not verify_plan(plan.inner.inputs, tables, plan.dispatch, total).passed
