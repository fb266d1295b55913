"""Facility load and unserved energy: the hourly balance."""

from __future__ import annotations

import numpy as np

from optimizer.model.blocks import links
from optimizer.model.blocks.assembly import Assembly
from optimizer.preparing.case import Case, Site


def add(block: Assembly, case: Case, site: Site) -> np.ndarray:
    """Balance rows, an equality in each hour, with unserved energy at its price.

    generation + import + discharge + unserved - charge - export = PUE(t) * IT load(t)
    """
    pue = site.pue[block.hours]
    balance = block.rows(
        "balance",
        {links.load(w.workload): pue * w.load[block.hours] for w in case.workloads.values()},
    )
    price = np.full(block.count, case.unserved_price)
    unserved = block.columns("unserved", None, lambda period: price)
    block.add(balance, unserved, 1.0)
    return balance
