"""Billed demand and contracts that share a connection, in the specialised oracle.

Against HiGHS, and against what can be worked out by hand.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from optimizer.model.blocks import links
from optimizer.preparing.case import Case
from optimizer.solving.oracles.blocks import Blocks
from optimizer.solving.oracles.one_storage import OneStorageOracle
from optimizer.solving.oracles.reference import HighsOracle
from optimizer.solving.oracles.task import ADEQUACY, Task
from tests.support import add_grid, base, case, technology

PEAK: dict[str, Any] = {
    "charge": "transmission", "kind": "coincident_peak", "price_usd_per_kw_month": 9,
    "system_profile": "wind", "candidate_hours": 40,
}  # fmt: skip


def block(
    minimum_share: float = 0.0, *, battery: bool = True, contracts: int = 0, billed: bool = True
) -> Case:
    """A quarter of one site: grid, dear engines, sun.

    With a battery, contracts that deliver through the connection, cheaper and dearer than it,
    and a charge on its use in forty hours a month.
    """
    rows = base([("q1", "2027-01-01", 3)])
    add_grid(rows, 30.0, 0.0)
    rows["technologies"].append(technology("sun", "variable"))
    rows["site_technologies"].append(
        {"site": "*", "technology": "sun", "max_mw": 50, "profile": "sun"}
    )
    if battery:
        rows["technologies"].append(technology("battery", "storage", round_trip_efficiency=0.86))
        rows["site_technologies"].append({"site": "*", "technology": "battery", "max_mw": 20})
    rows["tariffs"][0]["energy_price_usd_per_mwh"] = 40
    name = rows["tariffs"][0]["tariff"]
    if billed:
        rows["tariff_charges"] = [PEAK | {"tariff": name, "minimum_share": minimum_share}]
    # All that is offered must be paid: in the hours only the adder counts, against 40 or less.
    rows["tariffs"][0]["price_profile"] = "price"
    rows["contracts"] = [
        {"contract": f"c{k}", "kind": "sleeved", "market": "ERCOT", "profile": profile,
         "price_usd_per_mwh": 30, "term_years": 10, "adder_usd_per_mwh": adder}
        for k, (profile, adder) in enumerate([("wind", 3), ("sun", 75)][:contracts])
    ]  # fmt: skip
    rows["site_contracts"] = [
        {"site": "*", "contract": c["contract"], "max_mw": 40} for c in rows["contracts"]
    ]
    return case(rows)


def task(prepared: Case, seed: int, purpose: str = "cost", connection_mw: float = 25.0) -> Task:
    """The site's block with sizes drawn by the seed; 25 MW of connection can carry its load."""
    random = np.random.default_rng(seed)
    (site,) = prepared.sites.values()
    sizes = {
        "it_mw:": 15.0,
        "ppa_mw:": 30.0,
        "mw:battery": 6.0,
        "mwh:battery": 20.0,
        "mw:sun": 25.0,
        "mw:": 5.0,
    }
    x = []
    for name in links.names(prepared, site):
        size = next((s for start, s in sizes.items() if name.startswith(start)), 0.0)
        x.append(connection_mw if name == links.FIRM else size * random.uniform(0.4, 1.0))
        if name.startswith(links.TAKEN):
            x[-1] = 1.0
    return Task(site.site, 0, np.array(x), 0.0, purpose=purpose, keep_dispatch=True)


@pytest.mark.parametrize("minimum_share", [0.0, 0.7])
@pytest.mark.parametrize("battery", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_billed_demand_costs_what_highs_finds(
    seed: int, battery: bool, minimum_share: float
) -> None:
    prepared = block(minimum_share, battery=battery)
    blocks, asked = Blocks(prepared), task(prepared, seed)
    quick = OneStorageOracle(blocks, 1e-4).solve(asked)
    exact = HighsOracle(blocks, 1e-9).solve(asked)
    assert quick is not None
    assert quick.priced == pytest.approx(exact.priced, rel=5e-5)
    # Its cut is valid there, and nearly reaches the cost.
    assert quick.cut @ asked.x <= exact.priced * (1 + 1e-9)
    assert quick.cut @ asked.x >= exact.priced * (1 - 1e-4)


@pytest.mark.parametrize("contracts", [1, 2])
@pytest.mark.parametrize("billed", [True, False])
@pytest.mark.parametrize("purpose", ["cost", ADEQUACY])
@pytest.mark.parametrize("seed", range(2))
def test_deliveries_share_the_connection_as_in_highs(
    seed: int, purpose: str, billed: bool, contracts: int
) -> None:
    prepared = block(0.5, contracts=contracts, billed=billed)
    blocks, asked = Blocks(prepared), task(prepared, seed, purpose, connection_mw=9.0)
    quick = OneStorageOracle(blocks, 1e-7).solve(asked)
    exact = HighsOracle(blocks, 1e-9).solve(asked)
    assert quick is not None and quick.dispatch is not None
    near = 2e-4 if billed else 1e-6
    assert quick.priced == pytest.approx(exact.priced, rel=near, abs=1e-4)
    assert quick.cut @ asked.x <= exact.priced * (1 + 1e-9) + 1e-6
    assert quick.cut @ asked.x == pytest.approx(exact.priced, rel=near, abs=1e-4)
    groups = blocks.shape(asked.site, 0).groups
    through = sum(quick.dispatch[g] for n, g in groups.items() if n.startswith(("import", "deliv")))
    # More is contracted than the connection carries, so that in some hours it must choose.
    assert np.max(through) == pytest.approx(9.0)


def test_a_minimum_above_all_use_is_billed_and_nothing_is_saved_by_holding_back() -> None:
    # 25 MW of contract x 0.9 are billed whatever runs: 22.5 MW x 3 months x 9 USD/kW.
    prepared = block(0.9, battery=False)
    blocks, asked = Blocks(prepared), task(prepared, 1)
    found = OneStorageOracle(blocks, 1e-4).solve(asked)
    assert found is not None and found.dispatch is not None
    shape = blocks.shape(asked.site, 0)
    (billed,) = (part for name, part in shape.groups.items() if name.startswith("billed:"))
    assert found.dispatch[billed] == pytest.approx(22.5)
    cost = blocks.cost(asked.site, 0)[billed] @ found.dispatch[billed]
    assert cost == pytest.approx(22.5 * 3 * 9)


def test_what_cannot_be_served_is_found_without_a_price_of_peaks() -> None:
    prepared = block()
    blocks, asked = Blocks(prepared), task(prepared, 2, ADEQUACY)
    quick = OneStorageOracle(blocks, 1e-4).solve(asked)
    exact = HighsOracle(blocks, 1e-9).solve(asked)
    assert quick is not None
    assert quick.priced == pytest.approx(exact.priced, abs=1e-4)
