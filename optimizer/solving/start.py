"""Before a solve the specialised oracle is held against HiGHS."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from optimizer.model.blocks import links
from optimizer.preparing.case import Case
from optimizer.solving import seeds
from optimizer.solving.oracles import BlockOracle, Task


def probes(case: Case, seed: int) -> Iterator[Task]:
    """Mixes of blocks drawn by the seed, to hold one oracle against another."""
    random = np.random.default_rng(seed)
    names = list(case.sites)
    while True:
        site = names[int(random.integers(len(names)))]
        period = int(random.integers(len(case.periods)))
        tasks = list(seeds.mixes(case, site, period, links.names(case, case.sites[site])))
        yield tasks[int(random.integers(len(tasks)))]


def check_oracle(case: Case, oracle: BlockOracle) -> str:
    """Hold the specialised oracle against HiGHS in a few blocks; what was found."""
    return oracle.check(probes(case, int(case.inputs.setting("seed"))))
