"""Contracts and matching in formulas, report, accounts of CO2, and a check that catches lies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from optimizer.api import Case, Plan, solve
from optimizer.errors import Problems
from optimizer.results.live import LiveMoney
from optimizer.results.report.contracts import (
    contract_charts,
    contract_words,
    matched_charts,
    matched_words,
)
from optimizer.results.report.folder import read_result
from optimizer.results.verify import verify_plan
from tests.cases.test_contracts_by_hand import DAYS, SERIES, offer, rows, suns, target
from tests.support import inputs


@pytest.fixture(scope="module")
def plan() -> Plan:
    # 20 MW: 8 by a clean PPA at all hours, 4 by one that is not and of which half is due, a swap
    # for 6. The grid emits 0.4 t/MWh, 0.6 at the margin; 60 % is matched with sun by day.
    made = rows()
    made["settings"].append({"key": "inflation_per_year", "value": 0.02})
    made["tariffs"][0] |= {"co2_t_per_mwh": 0.4, "marginal_co2_profile": "margin"}
    offer(made, "clean", 8, 8, shape="baseload", price_usd_per_mwh=30, counterparty="A",
          escalation="nominal", credit_security_usd_per_kw=50, chance_late=0.3, months_late=6)  # fmt: skip
    offer(made, "brown", 4, 4, kind="sleeved", shape="baseload", price_usd_per_mwh=25,
          adder_usd_per_mwh=2, carbon_free=False, co2_t_per_mwh=0.9, minimum_take_share=0.5)  # fmt: skip
    offer(made, "swap", 6, 6, kind="financial", shape="baseload", price_usd_per_mwh=35,
          hub_price_profile="hub")  # fmt: skip
    suns(made, day=9_000)
    target(made, "cfe_hourly", 0.6)
    read = inputs(made, SERIES | {"margin": SERIES["flat"] + 0.1})
    return solve(Case(read, Problems(), "rows"), gap=1e-6, time_limit=60)


def test_the_objective_in_formulas(plan: Plan) -> None:
    money = LiveMoney(plan.inner.inputs, plan.tables, plan.dispatch)
    assert money.total == pytest.approx(plan.inner.report.objective, abs=1e-6)
    lines = {line.category for line in money.lines if line.item != "as planned, not in formulas"}
    assert {"contract_energy", "contract_settlement", "contract_security"} <= lines


def test_three_accounts_of_co2(plan: Plan) -> None:
    # 60 % of 480 MWh a day is 288: 192 by contract and 96 of sun. The other 192 are brown or of
    # the grid, brown first because it is cheaper: 96, less none; 96 are imported.
    operation = plan.tables["operation"].groupby(["technology", "metric"])["value"].sum()
    brown, imported = operation["brown", "delivered_mwh"], operation["grid", "import_mwh"]
    assert brown + imported == pytest.approx(192 * DAYS, rel=1e-5)
    bought = 192 * DAYS + brown + imported
    assert plan.summary["co2_t"] == pytest.approx(0.4 * bought, rel=1e-5)
    assert plan.summary["co2_marginal_t"] == pytest.approx(0.6 * bought, rel=1e-5)
    # The swap covers 144 MWh a day, more than what is imported.
    assert plan.summary["co2_market_t"] == pytest.approx(0.9 * brown, rel=1e-5)
    assert plan.summary["cfe_share"] == pytest.approx(0.6, rel=1e-5)


def test_the_report_tells_them(plan: Plan, tmp_path: Path) -> None:
    plan.write(tmp_path / "result")
    result = read_result(tmp_path / "result")
    assert "8 MW of clean at site0" in contract_words(result)
    assert "clean (not begun) is late with a chance of 30 %" in contract_words(result)
    assert matched_words(result) == "cfe at site0 in 2027: 60 % of 60 % asked."
    charts = contract_charts(result)
    assert charts is not None
    assert list(charts) == ["Energy", "Money"]
    heat = matched_charts(result)
    assert heat is not None
    shown = heat["site0, 2027"].data[0].z
    assert shown[15][0] == pytest.approx(40)  # by night 8 of 20 MW are clean
    page = (tmp_path / "result" / "report.html").read_text("utf-8")
    assert 'id="contracts-title"' in page
    assert 'id="matched-title"' in page


Tables = dict[str, pd.DataFrame]


def _column(table: str, column: str, factor: float) -> Callable[[Tables], None]:
    def change(tables: Tables) -> None:
        tables[table][column] = tables[table][column] * factor

    return change


@pytest.mark.parametrize(
    ("lie", "check"),
    [
        (_column("contracts", "signed_mw", 1.5), "contract MW"),
        (_column("contracts", "paid_usd", 0.9), "contract table"),
        (_column("contracts", "settled_usd", 1.1), "contract table"),
        (_column("matching", "matched_mwh", 1.1), "matching table"),
        (_column("dispatch", "delivery_mw:clean", 1.1), "delivery within contract"),
        (_column("dispatch", "delivery_mw:clean", 0.5), "hourly balance"),
    ],
)
def test_a_plan_that_lies_is_caught(plan: Plan, lie: Callable[[Tables], None], check: str) -> None:
    tables = {name: table.copy() for name, table in plan.tables.items()}
    tables["dispatch"] = plan.dispatch.copy()
    lie(tables)
    dispatch = tables.pop("dispatch")
    found = verify_plan(plan.inner.inputs, tables, dispatch, plan.inner.report.objective)
    assert not found.passed
    assert any(said.startswith(check) for said in found.findings), found.findings
