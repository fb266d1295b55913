"""The real case with other figures: ``python -m benchmarks.variants FOLDER --seed 1``.

A seed moves what a planner doesn't know well: queues by a quarter, grid capacity, opening costs
and fuel by a fifth, demand by a tenth. Everything else stays, all features too.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from optimizer.reading.inputs import Inputs, read_inputs
from optimizer.reading.writing import write_inputs

REAL = Path(__file__).parents[1] / "inputs" / "texas_southwest"
QUEUE = ("queue_months", "queue_months_low", "queue_months_high")
MOVED: dict[str, tuple[tuple[str, ...], list[str], float, float]] = {
    "sites": (("opening_cost_usd",), ["site"], 0.2, 1e5),
    "interconnections": (QUEUE, ["site", "offer"], 0.25, 1),
    "interconnection_steps": (("firm_mw", "flexible_mw"), ["site", "offer"], 0.2, 1),
    "fuels": (("price_usd_per_mmbtu",), ["fuel", "hub"], 0.2, 0.01),
    "demand": (("it_mw",), ["workload", "region"], 0.1, 10),
}
"""Table: columns, the rows that move together (dated steps stay in order), by how much they move
at most, and to what they are rounded."""


def variant(seed: int) -> Inputs:
    """The real case, moved by a seed.

    Raises
    ------
    ValueError : the case that is made has errors
    """
    real, problems = read_inputs(REAL)
    if real is None:
        raise ValueError(problems.report(str(REAL)))
    random = np.random.default_rng(seed)
    tables = {name: table.copy() for name, table in real.tables.items()}
    for name, (columns, owner, share, step) in MOVED.items():
        rows = tables[name]
        group = rows.groupby(owner, sort=False).ngroup().to_numpy()
        factor = random.uniform(1 - share, 1 + share, group.max() + 1)[group]
        for column in columns:
            rows[column] = (rows[column].astype(float) * factor / step).round() * step
    settings = tables["settings"]
    kept = settings[~settings["key"].isin(["seed", "case_name"])]
    name = f"{real.name}, variant {seed}"
    added = pd.DataFrame({"key": ["case_name", "seed"], "value": [name, seed]})
    tables["settings"] = pd.concat([kept, added], ignore_index=True)
    made, problems = Inputs.from_tables(tables, dict(real.profiles))
    if made is None:
        raise ValueError(problems.report("variant"))
    return made


def main() -> None:
    """Write a variant."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.variants", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    write_inputs(variant(given.seed), given.folder)


if __name__ == "__main__":
    main()
