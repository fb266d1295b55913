"""Each check blames the right cell of a workbook."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from optimizer.reading.checks import near_or_all
from tests.reading.books import read_book
from tests.support import Rows, add_grid, base


def full() -> Rows:
    """A case with an offer, a permit and a component, without problems."""
    rows = base(sites=2)
    add_grid(rows, 10, 5, permit_kind="substation")
    rows["interconnection_steps"].append(
        {"site": "site0", "offer": "grid", "from_date": "2027-02-01", "firm_mw": 20,
         "flexible_mw": 5}
    )  # fmt: skip
    rows["permits"] = [{"jurisdiction": "TX", "permit_kind": "substation", "months": 1}]
    rows["components"] = [{"component": "transformer", "unit": "MVA"}]
    rows["supply"] = [{"component": "transformer", "date": "2027-01-01", "amount": 10}]
    rows["component_use"] = [{"component": "transformer", "user_kind": "campus_block",
                              "user": "hall", "per_mw": 0.1}]  # fmt: skip
    rows["policies"] = [{"policy": "cap", "kind": "co2_cap", "value": 1e6, "year": 2027}]
    rows["commitments"] = [
        {"commitment": "order 1", "site": "site0", "kind": "order", "item": "engine",
         "quantity": 20, "date": "2026-06-01", "paid_usd": 1e6, "recovered_share": 0.5},
        {"commitment": "permit 1", "site": "site1", "kind": "permit", "item": "substation",
         "date": "2026-06-01"},
    ]  # fmt: skip
    for row in rows["sites"]:
        row["gas_hub"] = "waha"
    return rows


def put(table: str, row: int, **values: object) -> Callable[[Rows], None]:
    """A change of some cells."""
    return lambda rows: rows[table][row].update(values)


MISTAKES: list[tuple[Callable[[Rows], None], str, str, str]] = [
    (put("demand", 1, region="nort"), "unknown-reference", "demand", "B3"),
    (put("demand", 1, period="p0"), "duplicate-row", "demand", "A3"),
    (put("periods", 1, start="2027-03-01"), "period-gap", "periods", "B3"),
    (put("workloads", 0, delay_price_usd_per_mw_month=None, load_factor=1.0),
     "no-delay-price", "workloads", "B2"),
    (put("tariffs", 0, market="SPP"), "wrong-market", "sites", "I2"),
    (put("technologies", 0, duration_h=4), "ignored-value", "technologies", "K2"),
    (put("technologies", 0, fuel=None), "no-fuel", "technologies", "F2"),
    (put("technologies", 0, order_at_risk="yes", refusal_probability=None),
     "no-refusal-probability", "technologies", "L2"),
    (put("technologies", 0, construction_months=2, construction_months_low=3),
     "months-order", "technologies", "I2"),
    (put("campus_blocks", 0, construction_months=6, construction_months_high=5),
     "months-order", "campus_blocks", "E2"),
    (put("interconnections", 0, queue_months=6, queue_months_low=7),
     "months-order", "interconnections", "D2"),
    (put("fuels", 0, hub="katy"), "no-fuel-price", "site_technologies", "B2"),
    (put("site_technologies", 0, site="site9"), "unknown-reference", "site_technologies", "A2"),
    (put("interconnections", 1, permit_kind="substatoin"), "unknown-permit", "interconnections", "C3"),
    (put("interconnection_steps", 2, firm_mw=9), "staircase-falls", "interconnection_steps", "D4"),
    (put("interconnection_steps", 1, offer="gird"), "no-steps", "interconnections", "B3"),
    (put("component_use", 0, user="hal"), "unknown-reference", "component_use", "C2"),
    (put("policies", 0, year=2031), "year-outside", "policies", "D2"),
    (put("commitments", 0, item="engin"), "unknown-reference", "commitments", "D2"),
    (put("commitments", 0, quantity=None), "missing-value", "commitments", "E2"),
    (put("commitments", 0, paid_usd=0), "ignored-value", "commitments", "H2"),
    (put("commitments", 1, quantity=1), "ignored-value", "commitments", "E3"),
    (put("commitments", 1, date="2027-06-01"), "not-yet-taken", "commitments", "F3"),
    (put("settings", 1, key="case_nam"), "unknown-setting", "settings", "A3"),
    (put("settings", 0, value="soon"), "not-a-date", "settings", "B2"),
]  # fmt: skip


def test_the_case_without_mistakes(tmp_path: Path) -> None:
    inputs, problems = read_book(tmp_path, rows=full())
    assert inputs is not None
    assert [p.code for p in problems] == ["commitments-not-in-the-model"], problems.report()
    assert not problems.errors


@pytest.mark.parametrize(("mistake", "code", "table", "cell"), MISTAKES)
def test_cell_is_blamed(
    tmp_path: Path, mistake: Callable[[Rows], None], code: str, table: str, cell: str
) -> None:
    rows = full()
    mistake(rows)
    _, problems = read_book(tmp_path, rows=rows)
    assert (code, table, cell) in {(p.code, p.table, p.cell) for p in problems}, problems.report()
    assert all(p.expected for p in problems)


def test_a_site_without_any_power_is_a_warning(tmp_path: Path) -> None:
    rows = full()
    for name in ("interconnections", "interconnection_steps"):
        rows[name] = [row for row in rows[name] if row["site"] != "site1"]
    rows["site_technologies"][0]["site"] = "site0"
    rows["commitments"] = []
    inputs, problems = read_book(tmp_path, rows=rows)
    assert inputs is not None
    assert [(p.code, p.table, p.cell) for p in problems] == [("no-power", "sites", "A3")]


@pytest.mark.parametrize(
    ("known", "said"),
    [(["abc", "xyz"], 'Closest: "abc".'), (["xyz", "uvw"], "There are uvw, xyz."),
     (["xyz"], "There is xyz."), ([], "It has no rows."), ([f"n{k}" for k in range(20)], "")],
)  # fmt: skip
def test_a_name_that_is_not_there_is_told_what_is(known: list[str], said: str) -> None:
    assert near_or_all("abd", known) == said


def test_a_permit_that_is_there_for_other_places_only_is_told_so(tmp_path: Path) -> None:
    rows = full()
    for row in rows["sites"]:
        row["jurisdiction"] = "OH"
    _, problems = read_book(tmp_path, rows=rows)
    found = [p for p in problems if p.code == "unknown-permit"]
    assert found and all("for OH" in p.expected and "for TX only" in p.remedy for p in found)


def contracted() -> Rows:
    """A case with contracts and a target, without problems."""
    rows = full()
    rows["contracts"] = [
        {"contract": "base", "kind": "physical", "market": "ERCOT", "shape": "baseload",
         "price_usd_per_mwh": 30, "term_years": 10},
        {"contract": "swap", "kind": "financial", "market": "ERCOT", "shape": "baseload",
         "price_usd_per_mwh": 30, "term_years": 5, "basis_usd_per_mwh": 0},
    ]  # fmt: skip
    rows["site_contracts"] = [{"site": "*", "contract": "base", "max_mw": 20},
                              {"site": "site0", "contract": "swap", "max_mw": 20}]  # fmt: skip
    rows["policies"] = [{"policy": "cfe", "kind": "cfe_hourly", "value": 0.5}]
    return rows


CONTRACT_MISTAKES: list[tuple[Callable[[Rows], None], str, str, str]] = [
    (put("contracts", 0, term_years=0), "term-zero", "contracts", "term_years"),
    (put("contracts", 0, shape="as_produced"), "no-profile", "contracts", "profile"),
    (put("contracts", 0, market="SPP"), "wrong-market", "site_contracts", "contract"),
    (put("contracts", 1, basis_usd_per_mwh=None), "no-hub-price", "contracts", "hub_price_profile"),
    (put("contracts", 1, market="SPP"), "wrong-market", "contracts", "hub_price_profile"),
    (put("contracts", 0, escalation="nominal"), "no-inflation", "contracts", "escalation"),
    (put("contracts", 0, basis_usd_per_mwh=2), "ignored-value", "contracts", "basis_usd_per_mwh"),
    (put("contracts", 1, minimum_take_share=0.5), "ignored-value", "contracts",
     "minimum_take_share"),
    (put("contracts", 1, settlement_floor_usd_per_mwh=50, settlement_cap_usd_per_mwh=40),
     "collar-upside-down", "contracts", "settlement_floor_usd_per_mwh"),
    (put("contracts", 0, earliest_start="2026-01-01"), "starts-before-the-plan", "contracts",
     "earliest_start"),
    (put("site_contracts", 0, contract="bass"), "unknown-reference", "site_contracts", "contract"),
    (put("site_contracts", 0, min_mw=30), "out-of-range", "site_contracts", "min_mw"),
    (put("policies", 0, value=95), "out-of-range", "policies", "value"),
    (put("policies", 0, applies_to="ERCTO"), "unknown-reference", "policies", "applies_to"),
    (put("policies", 0, exports_count="no"), "ignored-value", "policies", "exports_count"),
    (put("policies", 0, kind="co2_cap", grid_counts="no"), "ignored-value", "policies",
     "grid_counts"),
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "code", "table", "column"), CONTRACT_MISTAKES)
def test_cells_of_contracts_are_blamed(
    mistake: Callable[[Rows], None], code: str, table: str, column: str, tmp_path: Path
) -> None:
    rows = contracted()
    mistake(rows)
    _, problems = read_book(tmp_path, rows=rows)
    found = {(p.code, p.table, p.column) for p in problems}
    assert (code, table, column) in found, problems.report()


def test_contracts_without_mistakes(tmp_path: Path) -> None:
    _, problems = read_book(tmp_path, rows=contracted())
    assert not problems.errors, problems.report()


def test_a_target_with_nothing_clean_is_a_warning(tmp_path: Path) -> None:
    rows = contracted()
    rows["contracts"][0]["carbon_free"] = "no"
    rows["tariffs"][0]["carbon_free_share"] = 0.2
    inputs, problems = read_book(tmp_path, rows=rows)
    assert inputs is not None
    said = next(p for p in problems if p.code == "target-out-of-reach")
    assert said.is_warning
    assert "the grid gives 20 %, 30 points less than asked" in said.remedy
