"""How the search of few sites saves time: plans at the sites of a bound's plan, bounds that suffice."""

from __future__ import annotations

import highspy
import numpy as np
import pytest
import scipy.sparse as sp

from optimizer.settings import RunOptions
from optimizer.solving import engine as engines
from optimizer.solving.engine import Engine
from optimizer.solving.highs import make_model, run_mip
from optimizer.solving.planning_arrays import KINDS
from optimizer.solving.solve import solve_case
from tests.solving.test_agreement import random_rows
from tests.support import case

GAP = 1e-4


@pytest.mark.parametrize("seed", [1, 4, 8])
def test_halls_and_units_are_found_anew_at_the_sites_of_a_plan(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    optimum = solve_case(
        case(random_rows(seed)), RunOptions(gap=1e-9, engine="monolith")
    ).report.objective
    monkeypatch.setattr(engines, "FEW_INTEGERS", 0)  # it counts as large
    engine = Engine(case(random_rows(seed)), RunOptions(gap=GAP, time_limit_s=120))
    engine.seed()
    relaxed = engine.relax(engines.FIRST_ROUNDS)
    # The one site opened from the start, as in the best plan, and nothing else decided.
    plan, kind = relaxed.x.copy(), engine.arrays.kind
    plan[kind >= 0] = 0.0
    plan[kind == KINDS.index("open")] = 1.0
    arrays = engine.small_sites(plan)
    assert arrays is not None
    engine.at_its_sites(plan, arrays)
    assert engine.best is not None and engine.holds(engine.best.x)
    assert optimum * (1 - 1e-9) <= 1e3 * engine.total <= optimum * (1 + GAP)
    # Once looked into, the same sites are no news.
    assert engine.small_sites(plan) is None


def test_sites_with_many_integers_are_not_planned_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "FEW_INTEGERS", 0)
    monkeypatch.setattr(engines, "SITES_INTEGERS", 0)
    engine = Engine(case(random_rows(1)), RunOptions(gap=GAP))
    engine.seed()
    plan = engine.relax(engines.FIRST_ROUNDS).x
    plan[engine.arrays.kind == KINDS.index("open")] = 1.0
    assert engine.small_sites(plan) is None


def test_a_mixed_integer_solve_ends_when_its_bound_is_enough() -> None:
    count, rows = 60, 8
    whole = np.ones(count, dtype=bool)

    def model() -> highspy.Highs:
        """A knapsack with several rows, whose bound takes many nodes to close."""
        draw = np.random.default_rng(1)
        weights = draw.integers(10, 60, (rows, count)).astype(float)
        worth = weights.mean(axis=0) + draw.uniform(0, 5, count)
        return make_model(
            -worth, np.zeros(count), np.ones(count), sp.csr_matrix(weights),
            np.full(rows, -np.inf), weights.sum(axis=1) // 2, whole, mip_rel_gap=0.0,
        )  # fmt: skip

    closed = run_mip(model(), whole, 2.0)
    # Less than the first run has proven.
    enough = closed.value - 0.02 * abs(closed.value)
    found = run_mip(model(), whole, 5.0, enough=enough)
    assert found.bound >= enough and not found.optimal and not closed.bound < enough
    assert found.x is None or found.bound <= found.value + 1e-6
