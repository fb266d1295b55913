"""Each check of grid service, agreements and regimes blames the right row, and names the other."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from optimizer.errors import Problems
from optimizer.reading.checks_service import instruments_are_lawful
from optimizer.reading.inputs import Inputs
from tests.support import Rows, add_grid, base, profiles
from tests.support import inputs as read


def full() -> Rows:
    """Two sites with an offer each, one of them under an agreement; no problems."""
    rows = base(sites=2)
    add_grid(rows, 10, 5)
    rows["service_agreements"] = [
        {"site": "site0", "offer": "grid", "agreement": "large load", "ramp_year_1": 0.5,
         "ramp_year_2": 0.8, "demand_price_usd_per_kw_month": 8, "minimum_demand_share": 0.8}
    ]  # fmt: skip
    rows["shared_upgrades"] = [{"shared_upgrade": "line", "cost_usd": 1e6}]
    rows["interconnections"][0]["shared_upgrade"] = "line"
    rows["regimes"] = [{"market": "ERCOT", "co_location": "yes"}]
    return rows


def put(table: str, row: int, **values: object) -> Callable[[Rows], None]:
    return lambda rows: rows[table][row].update(values)


OFFER, SIGNED = "interconnections", "service_agreements"
MISTAKES: list[tuple[Callable[[Rows], None], str, str, str]] = [
    (put(OFFER, 0, result_date="2027-02-01", queue_months=3), "two-results", OFFER, "result_date"),
    (put(OFFER, 0, status="allocated", queue_months=3), "two-results", OFFER, "queue_months"),
    (put(OFFER, 0, study_window_months=3), "missing-value", OFFER, "study_window_date"),
    (put(OFFER, 0, study_window_date="2026-01-01"), "window-is-over", OFFER, "study_window_date"),
    (put(OFFER, 0, study_window_date="2027-02-01", status="filed"), "ignored-value", OFFER,
     "study_window_date"),
    (put(OFFER, 0, generation_study_months=3), "ignored-value", OFFER, "generation_study_months"),
    (put(OFFER, 0, kind="islanded", export_mw=5), "ignored-value", OFFER, "export_mw"),
    (put(OFFER, 0, transfer_cost_usd=3e6), "ignored-value", OFFER, "transfer_cost_usd"),
    (put(OFFER, 0, result_date="2027-02-01"), "step-before-result", "interconnection_steps",
     "from_date"),
    (put(OFFER, 0, exit_date="2027-01-01"), "exit-before-start", OFFER, "exit_date"),
    (put(OFFER, 0, curtailed_hours_per_year=10, curtailed_energy_share=0.1), "two-cuts", OFFER,
     "curtailed_hours_per_year"),
    (put(OFFER, 0, emergency_hours_per_year=10), "missing-value", OFFER, "system_load_profile"),
    (put(OFFER, 0, system_load_profile="price"), "ignored-value", OFFER, "system_load_profile"),
    (put(OFFER, 0, emergency_share=0.5), "ignored-value", OFFER, "emergency_share"),
    (put(OFFER, 0, firm_floor_share=0.5), "ignored-value", OFFER, "firm_floor_share"),
    (put(OFFER, 0, shared_upgrade="lien"), "unknown-reference", OFFER, "shared_upgrade"),
    (put(OFFER, 0, grid_group="west"), "unknown-reference", OFFER, "grid_group"),
    (put(SIGNED, 0, site="site1", offer="gird"), "unknown-reference", SIGNED, "offer"),
    (put(SIGNED, 0, ramp_year_2=0.4), "ramp-falls", SIGNED, "ramp_year_2"),
    (put(SIGNED, 0, ramp_year_2=1.2), "out-of-range", SIGNED, "ramp_year_2"),
    (put(SIGNED, 0, minimum_demand_share=85), "out-of-range", SIGNED, "minimum_demand_share"),
    (put(SIGNED, 0, min_contract_mw=9, max_contract_mw=5), "out-of-range", SIGNED,
     "max_contract_mw"),
    (put(SIGNED, 0, reducible_share=0.2, reducible_after_years=1), "reduced-in-ramp", SIGNED,
     "reducible_after_years"),
    (put(SIGNED, 0, demand_price_usd_per_kw_month=0), "missing-value", SIGNED,
     "demand_price_usd_per_kw_month"),
    (put(SIGNED, 0, energy_price_usd_per_mwh=30), "ignored-value", SIGNED,
     "energy_price_usd_per_mwh"),
    (put(SIGNED, 0, security_rate_per_year=0.05), "ignored-value", SIGNED,
     "security_rate_per_year"),
    (put(SIGNED, 0, reassignable="yes"), "ignored-value", SIGNED, "reassignable"),
    (put(SIGNED, 0, reassignable="yes", reducible_share=0.5, reduction_fee_usd_per_kw=5),
     "missing-value", SIGNED, "reassignable"),
    (put(SIGNED, 0, deposit_usd_per_kw=9, deposit_refund_years=1, deposit_months_after_signing=20),
     "refund-before-payment", SIGNED, "deposit_refund_years"),
    (put(SIGNED, 0, exit_fee_usd_per_kw=9), "no-exit", SIGNED, "exit_fee_usd_per_kw"),
    (put("shared_upgrades", 0, shares=3), "ignored-value", "shared_upgrades", "shares"),
    (put("shared_upgrades", 0, rule="split", shares=0), "out-of-range", "shared_upgrades", "shares"),
    (put("regimes", 0, market="ERCOTT"), "unknown-reference", "regimes", "market"),
    (put("regimes", 0, jurisdiction="TXX"), "unknown-reference", "regimes", "jurisdiction"),
]  # fmt: skip


def problems_of(rows: Rows) -> Problems:
    tables = {name: pd.DataFrame(r) for name, r in rows.items() if r}
    return Inputs.from_tables(tables, profiles())[1]


def test_the_case_without_mistakes() -> None:
    assert not list(problems_of(full()))


@pytest.mark.parametrize(("mistake", "code", "table", "column"), MISTAKES)
def test_the_cell_is_blamed(
    mistake: Callable[[Rows], None], code: str, table: str, column: str
) -> None:
    rows = full()
    mistake(rows)
    problems = problems_of(rows)
    assert (code, table, column) in {(p.code, p.table, p.column) for p in problems}, (
        problems.report()
    )
    assert all(p.expected for p in problems)


@pytest.mark.parametrize(
    ("flags", "change", "table", "column"),
    [
        ({"export": "no"}, put(OFFER, 1, export_mw=5), OFFER, "export_mw"),
        ({"co_location": "no"}, put(OFFER, 1, kind="co_located"), OFFER, "kind"),
        ({"parallel_self_supply": "no"}, put(OFFER, 1, kind="parallel"), OFFER, "kind"),
        ({"islanded_self_supply": "no"}, put(OFFER, 1, kind="islanded"), OFFER, "kind"),
        ({"islanded_self_supply": "no", "parallel_self_supply": "no"}, lambda rows: None,
         "site_technologies", "technology"),
    ],
)  # fmt: skip
def test_a_forbidden_instrument_names_both_rows(
    flags: dict[str, str], change: Callable[[Rows], None], table: str, column: str
) -> None:
    rows = full()
    change(rows)
    rows["regimes"][0].update(flags)
    found = [p for p in problems_of(rows) if p.code == "forbidden-instrument"]
    assert found
    assert {(p.table, p.column) for p in found} == {(table, column)}
    assert all("regimes!2" in p.expected for p in found)


def test_a_row_of_a_jurisdiction_goes_before_its_markets() -> None:
    rows = full()
    rows["interconnections"][1]["export_mw"] = 5
    rows["regimes"] = [{"market": "ERCOT", "export": "no"},
                       {"market": "ERCOT", "jurisdiction": "TX", "export": "yes"}]  # fmt: skip
    assert not list(problems_of(rows))


@pytest.mark.parametrize(
    ("kind", "flag"),
    [("physical", "third_party_physical_ppa"), ("physical", "retail_choice"),
     ("sleeved", "sleeved_ppa"), ("financial", "financial_ppa")],
)  # fmt: skip
def test_a_contract_of_a_forbidden_kind_is_blamed(kind: str, flag: str) -> None:
    rows = full()
    rows["regimes"][0][flag] = "no"
    made = read(rows)
    made.tables["contracts"] = pd.DataFrame([{"contract": "sun", "kind": kind}], index=[2])
    made.tables["site_contracts"] = pd.DataFrame([{"site": "*", "contract": "sun"}], index=[2])
    problems = Problems()
    instruments_are_lawful(made, problems)
    assert {(p.table, p.column, p.row) for p in problems} == {("site_contracts", "contract", 2)}
    assert all("regimes!2" in p.expected and flag in p.expected for p in problems)
