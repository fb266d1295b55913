"""Tables of ``docs/grid_comparison.md``: the same site under other rules of the grid.

``python docs/make/grid_comparison.py`` plans ``inputs/single_site_tariff`` under four and twelve
coincident peaks, and under a large-load agreement with and without its minimum take. It writes the tables of the page between its marks.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from optimizer import Case, solve
from optimizer.reading.inputs import read_inputs

DOCS = Path(__file__).resolve().parents[1]
CASE = DOCS.parent / "inputs" / "single_site_tariff"
GAP, SECONDS = 0.001, 150.0
Tables = dict[str, pd.DataFrame]


def variant(change: Any) -> dict[str, Any]:
    """The plan of the case with its tables changed: what is told of it."""
    inputs, problems = read_inputs(CASE)
    assert inputs is not None, problems.report()
    tables = {name: table.copy() for name, table in inputs.tables.items() if len(table)}
    change(tables)
    plan = solve(Case.from_tables(tables, inputs.profiles), gap=GAP, time_limit=SECONDS)
    assert plan.verify().passed
    return told(plan)


def told(plan: Any) -> dict[str, Any]:
    """Money, sizes and peaks of a plan."""
    costs = plan.tables["costs"].groupby("category")["usd"].sum() / 1e6
    capacity = plan.tables["capacity"]
    last = capacity[capacity["period"] == capacity["period"].max()] if len(capacity) else capacity
    bills = plan.tables["bills"]
    summer = bills[(bills["charge"] == "transmission") & bills["month"].between(6, 9)]
    made = {
        "whole plan, M$": plan.summary["total_cost"] / 1e6,
        "proven within, %": 100 * plan.summary["gap"],
        "battery, MW / MWh": f"{last['standing_mw'].sum():.1f} / {last['standing_mwh'].sum():.1f}",
        "energy, M$": costs.get("energy", 0.0),
        "coincident peaks, M$": costs.get("coincident_peak", 0.0),
        "highest kW billed as a peak, June to September, MW": summer["quantity"].max() / 1e3,
        "highest kW of the year outside of these hours, MW": bills.loc[
            bills["charge"] == "distribution", "quantity"
        ].max() / 1e3,
    }  # fmt: skip
    signed = plan.tables["agreements"]
    if len(signed):
        made |= {
            "contract, MW": signed["contract_mw"].max(),
            "billed by the agreement, M$": costs.get("service_agreement", 0.0),
            "of it for MW not used, M$, not discounted": signed["minimum_usd"].sum() / 1e6,
            "security, deposits and fees, M$": sum(
                costs.get(c, 0.0) for c in ("security", "deposits", "agreement_fees")
            ),
        }
    return made


def peaks(months: str) -> Any:
    """The same yearly price shared among the peaks of these months."""

    def change(tables: Tables) -> None:
        charges = tables["tariff_charges"]
        charges.loc[charges["kind"] == "coincident_peak", "months"] = months

    return change


def agreement(minimum: float) -> Any:
    """A large-load agreement for more than the halls will need."""

    def change(tables: Tables) -> None:
        tables["service_agreements"] = pd.DataFrame(
            [{"site": "Abilene", "offer": "grid", "agreement": "large load",
              "min_contract_mw": 135, "ramp_year_1": 0.7, "ramp_year_2": 0.9,
              "demand_price_usd_per_kw_month": 5.0, "minimum_demand_share": minimum,
              "term_years": 10, "security_usd_per_kw": 75, "security_rate_per_year": 0.02,
              "deposit_usd_per_kw": 30, "deposit_refund_years": 2, "study_fee_usd": 100_000}]
        )  # fmt: skip

    return change


def table(columns: dict[str, dict[str, Any]]) -> str:
    """Markdown."""
    names = list(columns)
    rows = ["| | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for key in dict.fromkeys(k for made in columns.values() for k in made):
        cells = [made.get(key, "–") for made in columns.values()]
        shown = [c if isinstance(c, str) else f"{c:,.2f}" for c in cells]
        rows.append(f"| {key} | " + " | ".join(shown) + " |")
    return "\n".join(rows)


def main() -> None:
    """Write both tables."""
    page = DOCS / "grid_comparison.md"
    text = page.read_text()
    made = {
        "peaks": {"four peaks": variant(peaks("6-9")), "twelve peaks": variant(peaks(""))},
        "take": {
            "85 % of the contract": variant(agreement(0.85)),
            "no minimum": variant(agreement(0.0)),
        },
    }
    for name, columns in made.items():
        mark = rf"(<!-- {name} -->\n).*?(\n<!-- end of {name} -->)"
        text = re.sub(mark, lambda m, c=columns: m[1] + table(c) + m[2], text, flags=re.S)
    page.write_text(text)


if __name__ == "__main__":
    main()
