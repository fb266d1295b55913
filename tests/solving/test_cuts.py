"""Cuts are valid: below the block's true cost at random points, for any hourly prices."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.solving.oracles import BlockOracle, Task
from tests.solving.test_agreement import random_rows
from tests.support import case


@pytest.mark.parametrize("seed", [0, 5, 12])
def test_cuts_are_below_the_true_cost(seed: int) -> None:
    prepared = case(random_rows(seed))
    oracle = BlockOracle(prepared, 1, 1e-9)
    random = np.random.default_rng(seed)
    site = next(iter(prepared.sites))
    shape, cost = oracle.shape(site, 0), oracle.cost(site, 0)

    def point() -> np.ndarray:
        return random.uniform(0, 40, len(shape.links))

    outcome = oracle.evaluate([Task(site, 0, point())])[0]
    assert outcome.cut @ outcome.task.x == pytest.approx(outcome.cost, rel=1e-6, abs=1e-6)
    noise = random.normal(0, 0.05, len(outcome.prices))
    cuts = [outcome.cut, shape.cut(cost, outcome.prices + noise), shape.cut(cost, noise)]
    for _ in range(20):
        x = point()
        true = oracle.evaluate([Task(site, 0, x)])[0].cost
        assert max(cut @ x for cut in cuts) <= true + 1e-6 * max(1.0, abs(true))
    oracle.close()
