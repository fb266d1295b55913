"""What is asked of an operating block and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.model.blocks.assembly import Shape

COST, ADEQUACY, EMISSIONS = "cost", "adequacy", "emissions"


@dataclass(frozen=True, eq=False)
class Task:
    """Evaluate the block of a site in a period at the links x, with a CO2 price [k$/t].

    With ``co2_price`` None the quota in x holds; with a price the quota row is free and its
    emissions are priced. ``purpose`` says what is minimised: running cost [k$]; with ADEQUACY
    unserved energy [MWh]; with EMISSIONS what the CO2 cap counts [t], all load served. A cut
    may fall short of the answer by the share ``near``.
    """

    site: str
    period: int
    x: np.ndarray
    co2_price: float | None = None
    keep_dispatch: bool = False
    purpose: str = COST
    near: float = 0.0

    @property
    def block(self) -> tuple[str, int, str]:
        """What tells apart blocks that are warm-started separately."""
        return self.site, self.period, self.purpose


@dataclass(frozen=True, eq=False)
class Outcome:
    """A block's answer, for one pass.

    Parameters
    ----------
    cost : running cost without the CO2 price of the task [k$]
    priced : cost plus CO2 price x counted emissions [k$]
    co2 : counted emissions [t]
    unserved : unserved energy, and clean energy that is owed and not there [MWh]
    cut : coefficients over the links of a valid lower bound of the block's cost [k$]
    prices : row prices from which the cut is made, usable for other blocks
    dispatch : value of each column, if it was asked for [MW, MWh]
    """

    task: Task
    cost: float
    priced: float
    co2: float
    unserved: float
    cut: np.ndarray
    prices: np.ndarray
    dispatch: np.ndarray | None = None


def dot(a: np.ndarray, b: np.ndarray) -> float:
    """Sum of products, without BLAS: its own threads would wait on those of the blocks."""
    return float(np.einsum("i,i->", a.ravel(), b.ravel()))


def outcome(
    task: Task, shape: Shape, cost: np.ndarray, counted: np.ndarray,
    values: np.ndarray, prices: np.ndarray,
) -> Outcome:  # fmt: skip
    """The answer of a dispatch ``values`` with row prices ``prices``.

    Parameters
    ----------
    cost : of each column [k$/MWh]
    counted : emissions that the cap counts, of each column [t/MWh]
    """
    emitted, true = dot(counted, values), dot(cost, values)
    return Outcome(
        task=task,
        cost=true,
        priced=true + (task.co2_price or 0.0) * emitted,
        co2=emitted,
        unserved=float(sum(values[part].sum() for part in shape.short)),
        cut=shape.cut(cost, prices),
        prices=prices,
        dispatch=values if task.keep_dispatch else None,
    )
