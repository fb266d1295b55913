"""The page of the mathematics names every row and variable of the models, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pyomo.environ as pyo

from optimizer.model.monolith import build_monolith
from tests.support import add_grid, base, case, technology

PAGE = (Path(__file__).parents[2] / "docs" / "mathematics.md").read_text("utf-8")
ROWS = (pyo.Constraint, pyo.ConstraintList, pyo.Objective)


def everything() -> pyo.ConcreteModel:
    """A case in which every part of the model applies."""
    rows = base(sites=2)
    add_grid(rows, 10, 5, export_mw=5, permit_kind="air", existing_mw=5, shared_upgrade="line",
             grid_group="west")  # fmt: skip
    rows["shared_upgrades"] = [{"shared_upgrade": "line", "cost_usd": 1e6}]
    rows["grid_groups"] = [{"grid_group": "west", "shared_mw": 15}]
    rows["regimes"] = [{"market": "ERCOT", "parallel_self_supply": "no"}]
    rows["service_agreements"] = [
        {"site": "site0", "offer": "grid", "agreement": name, "security_usd_per_kw": 100,
         "demand_price_usd_per_kw_month": 5, "minimum_demand_share": 0.8,
         "energy_price_usd_per_mwh": 5, "minimum_energy_share": 0.5, "reducible_share": 0.2,
         "reducible_after_years": 0, "reduction_fee_usd_per_kw": 5, "reassignable": "yes"} for name in ("short", "long")]  # fmt: skip
    rows["tariffs"][0] |= {"export_price_share": 0.5, "co2_t_per_mwh": 0.4}
    engine = rows["technologies"][0]
    engine |= {"permit_kind": "air", "water_m3_per_mwh": 0.1, "nox_kg_per_mwh": 0.1,
               "land_km2_per_mw": 0.001}  # fmt: skip
    rows["technologies"] += [technology("battery", "storage", round_trip_efficiency=0.9)]
    rows["site_technologies"] += [{"site": "*", "technology": "battery", "max_mw": 50}]
    rows["permits"] = [{"jurisdiction": "TX", "permit_kind": "air", "variant": "standard",
                        "months": 0, "max_nox_short_tons_per_year": 100, "max_mw": 50}]  # fmt: skip
    for site in rows["sites"]:
        site |= {"utility": "one", "water_limit_m3_per_year": 1e6, "cooling_water_m3_per_mwh": 0.3,
                 "gas_limit_mmbtu_per_hour": 1000}  # fmt: skip
    rows["components"] = [{"component": "transformer", "unit": "MVA"}]
    rows["supply"] = [{"component": "transformer", "date": "2027-01-01", "amount": 100}]
    rows["component_use"] = [{"component": "transformer", "user_kind": "campus_block",
                              "user": "*", "per_mw": 1}]  # fmt: skip
    rows["policies"] = [
        {"policy": "cap", "kind": "co2_cap", "value": 1e6, "scope": "total"},
        {"policy": "budget", "kind": "budget", "value": 1e9},
        {"policy": "annual", "kind": "cfe_annual", "value": 0.5, "max_excess_share": 0.1},
        {"policy": "hourly", "kind": "cfe_hourly", "value": 0.5, "applies_to": "portfolio",
         "max_excess_share": 0.1},
        {"policy": "hedge", "kind": "hedged_share_max", "value": 0.9},
        {"policy": "both", "kind": "hedged_share_max", "value": 0.8, "applies_to": "portfolio"},
        {"policy": "bank", "kind": "security_cap", "value": 1e7},
    ]  # fmt: skip
    rows["contracts"] = [{"contract": "base", "kind": "physical", "market": "ERCOT",
                          "shape": "baseload", "price_usd_per_mwh": 30, "term_years": 10,
                          "minimum_take_share": 0.5}]  # fmt: skip
    rows["site_contracts"] = [{"site": "*", "contract": "base", "min_mw": 1, "max_mw": 9}]
    return build_monolith(case(rows)).model


def names(model: pyo.ConcreteModel, *kinds: type) -> set[str]:
    """Names of the components without the blocks that they are in."""
    return {c.local_name for kind in kinds for c in model.component_objects(kind)}


def test_every_row_has_its_formula() -> None:
    titled = re.findall(r"^### `(\w+)`$", PAGE, re.MULTILINE)
    assert len(titled) == len(set(titled))
    assert set(titled) == names(everything(), *ROWS)
    for title in titled:
        section = PAGE.split(f"### `{title}`\n")[1].split("\n#")[0]
        assert section.count("$$") >= 2, f"{title} has no formula"


def test_every_variable_has_its_symbol() -> None:
    listed: set[str] = set()
    for line in PAGE.splitlines():
        if line.startswith("| `"):
            listed |= set(re.findall(r"`(\w+)`", line.split("|")[1]))
    assert listed == names(everything(), pyo.Var, pyo.Expression)
