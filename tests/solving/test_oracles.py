"""The specialised oracle against HiGHS: cost, cut, adequacy and emissions of random blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from optimizer import Case
from optimizer.model.blocks import T_PER_LINK, links
from optimizer.preparing.case import Case as Prepared
from optimizer.preparing.case import prepare
from optimizer.solving.oracles import ADEQUACY, COST, EMISSIONS, BlockOracle, Task

pytest.importorskip("numba")
INPUTS = Path(__file__).parents[2] / "inputs"


@pytest.fixture(scope="module")
def real() -> Prepared:
    return prepare(Case.load(INPUTS / "texas_southwest").inputs)


@pytest.fixture(scope="module")
def both(real: Prepared) -> tuple[BlockOracle, BlockOracle]:
    return (
        BlockOracle(real, 1, 1e-9, proof=1e-6, special=True),
        BlockOracle(real, 1, 1e-9, special=False),
    )


def random_task(case: Prepared, seed: int, purpose: str) -> Task:
    """A site in a quarter with random sizes; some are nothing, some water quotas bind."""
    rng = np.random.default_rng(seed)
    sites = [s for s in case.sites.values() if not s.deliveries]  # those are for HiGHS alone
    site = sites[seed % len(sites)]
    x = []
    for name in links.names(case, site):
        if name.startswith("it_mw:"):
            size = 60.0
        elif name == links.WATER:
            size = 3.0
        elif name == links.CO2:
            size = 50.0
        else:
            size = 500.0 if name.startswith("mwh:") else 80.0
        x.append(size * rng.random() * (rng.random() > 0.2))
    # What is signed carries the connection, and no more is owed than is signed.
    at = dict(zip(links.names(case, site), range(len(x)), strict=True))
    signed = sum(x[at[name]] for name in links.service(site, None)) if site.offers else 0.0
    for name, k in at.items():
        if name.startswith(links.CONTRACT):
            x[k] = 1.1 * signed
        elif name.startswith("owed_mw:"):
            x[k] = signed
    price = 0.0 if purpose != COST else float(rng.choice([0.0, 0.05]))
    return Task(site.site, int(rng.integers(0, 16)), np.array(x), price, purpose=purpose)


def promised(case: Prepared, cut: np.ndarray, task: Task, x: np.ndarray) -> float:
    """What a cut says of the cost with CO2 priced; the price stands for the quota's term."""
    quota = x[links.names(case, case.sites[task.site]).index(links.CO2)]
    return float(cut @ x) + (task.co2_price or 0.0) * T_PER_LINK * float(quota)


@pytest.mark.parametrize("purpose", [COST, ADEQUACY, EMISSIONS])
@pytest.mark.parametrize("seed", range(14))
def test_special_oracle_agrees_with_highs(
    real: Prepared, both: tuple[BlockOracle, BlockOracle], seed: int, purpose: str
) -> None:
    task = random_task(real, seed, purpose)
    (quick,), (exact,) = (oracle.evaluate([task]) for oracle in both)
    assert quick.priced == pytest.approx(exact.priced, rel=1e-5, abs=1e-4)
    # The cut is below the cost at the task's point and nearly reaches it.
    said = promised(real, quick.cut, task, task.x)
    assert said <= exact.priced * (1 + 1e-9) + 1e-4
    assert said >= exact.priced - 1e-4 * abs(exact.priced) - 1e-3


@pytest.mark.parametrize("seed", range(6))
def test_cuts_of_the_special_oracle_are_valid_elsewhere(
    real: Prepared, both: tuple[BlockOracle, BlockOracle], seed: int
) -> None:
    task = random_task(real, seed, COST)
    (quick,) = both[0].evaluate([task])
    rng = np.random.default_rng(seed)
    for _ in range(5):
        x = task.x * rng.uniform(0.3, 2.0, len(task.x))
        (there,) = both[1].evaluate([Task(task.site, task.period, x, task.co2_price)])
        assert promised(real, quick.cut, task, x) <= there.priced * (1 + 1e-7) + 1e-3


def test_the_special_oracle_solves_nearly_all(both: tuple[BlockOracle, BlockOracle]) -> None:
    counts = both[0].counts
    assert counts["special"] >= 9 * counts["reference"] > -1


@pytest.mark.parametrize("seed", range(14))
def test_a_kept_dispatch_holds_in_mw(
    real: Prepared, both: tuple[BlockOracle, BlockOracle], seed: int
) -> None:
    task = random_task(real, seed, COST)
    x = 5.0 * task.x
    (kept,) = both[0].evaluate([Task(task.site, task.period, x, 0.0, keep_dispatch=True)])
    shape, values = both[0].shape(task.site, task.period), kept.dispatch
    assert values is not None
    rows = [n for n in shape.rows if n == "balance" or n.startswith("soc:")]
    slack = shape.rhs @ x - shape.matrix @ values
    for row in rows:
        assert np.abs(slack[shape.rows[row]]).max() <= 1e-6
