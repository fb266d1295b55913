"""Few sites and few stages, all hours: ``python -m benchmarks.stages FOLDER --sites 2 --stages 2``.

A case of :mod:`benchmarks.cases` with years as stages and no lead times: what is decided for a
stage is there when it begins, grid and deliveries of that year too. With lead times hardly anything
could be online in so few years, and little would be left to decide.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from benchmarks.cases import START, Size, tables
from optimizer.reading.inputs import Inputs
from optimizer.reading.writing import write_inputs
from optimizer.tables import BY_NAME

TIMED = ("sites", "technologies", "campus_blocks", "interconnections", "permits")
"""Tables with lead times."""


def staged(
    sites: int, stages: int, areas: int = 12, seed: int = 0, features: tuple[str, ...] = (),
    months: int = 0,
) -> Inputs:  # fmt: skip
    """A checked case; so many ``months`` come before the years.

    Raises
    ------
    ValueError : the case that is made has errors
    """
    made, series = tables(Size(sites, months, stages, areas, seed, features))
    if months:
        # Of quarters only their first months are planned, one after the other.
        dates = [START + pd.DateOffset(months=k) for k in range(months)]
        dates += [dates[-1] + pd.DateOffset(months=1 + 12 * k) for k in range(stages)]
        made["periods"] = made["periods"].assign(
            start=[date.date().isoformat() for date in dates], months=[1] * months + [12] * stages
        )
    for name in TIMED:
        columns = [c.name for c in BY_NAME[name].columns if "months" in c.name and not c.minimum]
        made[name] = made[name].assign(**dict.fromkeys(columns, 0))
    for name, column in (("supply", "date"), ("interconnection_steps", "from_date")):
        made[name] = made[name].assign(**{column: made[name][column].str[:4] + "-01-01"})
    supply = made["supply"].groupby(["component", "date"], as_index=False)["amount"].sum()
    made["supply"] = supply
    found, problems = Inputs.from_tables(made, series)
    if found is None:
        raise ValueError(problems.report("stages"))
    return found


def main() -> None:
    """Write a case."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stages", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sites", type=int, default=2)
    parser.add_argument("--stages", type=int, default=2)
    parser.add_argument("--areas", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    case = staged(given.sites, given.stages, given.areas, given.seed)
    write_inputs(case, given.folder)


if __name__ == "__main__":
    main()
