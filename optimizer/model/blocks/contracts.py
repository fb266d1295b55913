"""Energy that physical contracts deliver through the grid connection."""

from __future__ import annotations

from functools import partial

import numpy as np

from optimizer.model.blocks import links
from optimizer.model.blocks.assembly import Assembly
from optimizer.model.blocks.grid import carbon_price, growth, peak_price
from optimizer.preparing.calendar import Period
from optimizer.preparing.case import Case, Site
from optimizer.preparing.contracts import Contract


def add(block: Assembly, case: Case, site: Site, balance: np.ndarray) -> None:
    """0 <= delivery(t) <= volume(t) * contract MW; import + delivery <= service(t).

    What is offered is paid for in the plan if all of it must be taken; else what is taken is
    paid here, and what is short of the minimum take.
    """
    if not site.deliveries:
        return
    hours = block.hours
    within = block.rows("import_within_service", links.service(site, None, hours), equality=False)
    for _, taken in block.meter:
        block.add(within, taken, 1.0)
    for contract in site.deliveries:
        delivered = block.columns(
            f"delivery:{contract.contract}",
            {links.contract(contract): contract.volume[hours]},
            partial(_cost, case, site, contract, hours),
        )
        block.add(balance, delivered, 1.0)
        block.add(within, delivered, 1.0)
        block.measure("co2_grid", delivered, site.grid_co2[hours])
        block.meter.append(("", delivered))
        if contract.take_share < 1:
            _minimum_take(block, contract, delivered)


def _cost(
    case: Case, site: Site, contract: Contract, hours: np.ndarray, period: Period
) -> np.ndarray:
    """What a MWh costs when it is taken [k$/MWh]; CO2 is by location."""
    paid = contract.price[period.index] if contract.take_share < 1 else 0.0
    carbon = site.grid_co2[hours] * carbon_price(case, period, onsite=False)
    tariff = site.tariff
    peak = peak_price(site, tariff)[hours] * (1.0 + tariff.tax)
    return np.asarray(paid + contract.adder + carbon + peak * growth(case, tariff.growth, period))


def _minimum_take(block: Assembly, contract: Contract, delivered: np.ndarray) -> None:
    """Energy taken + what is paid for without it >= share of the energy offered in the pass."""
    least = contract.take_share * float(contract.volume[block.hours].sum())
    link = links.contract(contract)

    def price(period: Period) -> np.ndarray:
        return np.full(1, contract.price[period.index])

    short = block.columns(f"not_taken:{contract.contract}", {link: least}, price, count=1)
    row = block.rows(f"minimum_take:{contract.contract}", {link: -least}, count=1, equality=False)
    block.add(row, delivered, -1.0)
    block.add(row, short, -1.0)


def limit_export(block: Assembly, site: Site) -> None:
    """Export <= own generation + discharge: what a contract delivers is not sold on."""
    if not site.deliveries or not site.sells_energy:
        return
    rows = block.rows("export_from_own", {}, equality=False)
    for name, part in block.groups.items():
        if name.startswith(("export", "generation:", "discharge:")):
            columns = np.arange(part.start, part.stop)
            block.add(rows, columns, 1.0 if name.startswith("export") else -1.0)
