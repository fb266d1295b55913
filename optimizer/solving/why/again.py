"""The planning model solved again with something changed, on the cuts that are known.

A small case is solved with all its whole numbers free, and learns until the model's cost is the
true one. In a large case the whole numbers of most sites stay as in the plan, sizes do not: that
takes a second instead of minutes, and finds a plan, not the best one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyomo.environ as pyo
import scipy.sparse as sp

from optimizer.model.build import Planning
from optimizer.solving.highs import INFINITY, Solution, make_model, run_lp, run_mip
from optimizer.solving.learning import Learning
from optimizer.solving.planning_arrays import KINDS, PlanningArrays
from optimizer.solving.truth import Truth, quotas, true_cost

FEW_INTEGERS = 60
"""Up to here all whole numbers are free."""
TIGHT = 1e-3
"""Cuts that are nearer than this at the plan, in their scale, are there from the start."""
FIRST_CUTS = 4
"""Cuts of a block where nothing runs that are there from the start."""
CUT_ROUNDS, LEARN_ROUNDS = 12, 8
GAP, NEAR = 1e-6, 1e-6
"""Gap of a small case's solves, and how near its model comes to the true cost."""
LARGE_GAP = 5e-4
REFIT_ROUNDS = 6
NEAR_ENOUGH = 0.02
"""Share by which what a plan lacks may be understated."""
MOST_SECONDS = 3.0
"""Time of one solve of a large case [s]."""
FIRST_ROUNDS = 4
"""Rounds of cuts of a large case's linear program that only leads to another."""
SOLVE_SHARE = 0.03
"""The same as a share of the time of all questions."""
SHARED = ""
"""Owner of the columns that belong to no site."""

Serve = Callable[..., tuple[np.ndarray, Truth]]


@dataclass(frozen=True, eq=False)
class Found:
    """A plan of a changed case.

    Parameters
    ----------
    x : its point, with operating costs as they are known
    total : its cost [k$]
    truth : its operation over all hours; None: the cost is what the cuts say
    arrays : the changed case, where its sizes may yet be sought
    """

    x: np.ndarray
    total: float
    truth: Truth | None = None
    arrays: PlanningArrays | None = None

    @property
    def basis(self) -> str:
        """How its cost is known."""
        return "estimate" if self.truth is None else "checked"


class Again:
    """A settled plan, and what the solve has learnt, to ask further questions of.

    Parameters
    ----------
    x, truth : the plan and its true cost
    serve : mends a plan that leaves energy unserved; its point and true cost
    seconds : time after which nothing is asked any more [s]
    should_stop : True ends all questions
    """

    def __init__(
        self,
        planning: Planning,
        arrays: PlanningArrays,
        known: Learning,
        x: np.ndarray,
        truth: Truth,
        serve: Serve,
        *,
        seconds: float,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.planning, self.arrays, self.known = planning, arrays, known
        self.case, self.pool = planning.case, known.pool
        self._serve, self._should_stop = serve, should_stop
        self.until = time.monotonic() + seconds
        self.seconds = seconds
        self.truth = truth
        self.x = quotas(self.case, arrays, truth, x)
        self.small = int(arrays.integer.sum()) <= FEW_INTEGERS
        self.owner = np.array([_owner(v) for v in arrays.variables])
        self._place = {id(v): k for k, v in enumerate(arrays.variables)}
        self.local = [v.parent_component().local_name for v in arrays.variables]
        lifted = self.pool.tight_values(self.x)
        near = self.pool.slack(lifted) < TIGHT * self.pool.scale(lifted)
        # Where nothing runs all cuts say 0; a few of each block keep its cost from falling freely.
        runs = self.pool.active_load(self.x)
        self._cut_owner, first = self._look_at_cuts()
        self.cuts = np.flatnonzero((near & runs) | first)
        self._base: Found | None = None

    # -- clock --------------------------------------------------------------------------------

    @property
    def left(self) -> float:
        """Until no further question may be asked [s]."""
        return -1.0 if self._should_stop() else self.until - time.monotonic()

    # -- the plan -----------------------------------------------------------------------------

    @property
    def total(self) -> float:
        """True cost of the plan [k$]."""
        return self.truth.total

    @property
    def base(self) -> Found:
        """The plan with its sizes as the cuts see them: what estimates are held against."""
        if self._base is None:
            found = self.solve(self.kept())
            x = self.x if found.x is None else found.x
            self._base = Found(x, self.total if found.x is None else found.value)
        return self._base

    def against(self, found: Found) -> Found:
        """The plan on the same basis as another."""
        return self.base if found.truth is None else Found(self.x, self.total, self.truth)

    def columns(self, site: str, name: str) -> list[int]:
        """Columns of a variable of a site, in the order of its index."""
        variable = self.planning.model.site[site].find_component(name)
        found = [] if variable is None else list(variable.values())
        return [k for v in found if (k := self.column(v)) >= 0]

    def column(self, variable: Any) -> int:
        """Column of a variable; -1 if the model does not hold it."""
        return self._place.get(id(variable), -1)

    def value(self, expression: Any, x: np.ndarray) -> float:
        """An expression of the planning model at a point."""
        self.load(x)
        return float(pyo.value(expression))

    def load(self, x: np.ndarray) -> None:
        """Give the planning model's variables the values of a point."""
        for variable, v in zip(self.arrays.variables, x, strict=True):
            variable.set_value(float(v), skip_validation=True)

    def _look_at_cuts(self) -> tuple[np.ndarray, np.ndarray]:
        """Site of each known cut, and whether it is one of the first of its block's cost."""
        rows = self.pool.matrix(np.arange(len(self.pool))).tocoo()
        site = np.full(rows.shape[0], SHARED, dtype=self.owner.dtype)
        site[rows.row] = self.owner[rows.col]
        early = np.zeros(rows.shape[0], dtype=bool)
        costs = np.isin(rows.col, self.arrays.operating_columns)
        seen: dict[int, int] = {}
        for k, block in sorted(zip(rows.row[costs], rows.col[costs], strict=True)):
            seen[block] = seen.get(block, 0) + 1
            early[k] = seen[block] <= FIRST_CUTS
        return site, early

    def watch(self, sites: Collection[str]) -> None:
        """Have all known cuts of these sites in the models from now on."""
        mine = np.flatnonzero(np.isin(self._cut_owner, list(sites)))
        self.cuts = np.union1d(self.cuts, mine)

    # -- changed cases ------------------------------------------------------------------------

    def kept(
        self, arrays: PlanningArrays | None = None, *, free: Collection[str] = (),
        kinds: tuple[str, ...] = KINDS,
    ) -> PlanningArrays:  # fmt: skip
        """The whole numbers of these kinds as in the plan, but for those of the free sites."""
        arrays = self.arrays if arrays is None else arrays
        held = np.isin(arrays.kind, [KINDS.index(k) for k in kinds])
        held &= ~np.isin(self.owner, list(free))
        lower, upper = arrays.lower.copy(), arrays.upper.copy()
        lower[held] = upper[held] = np.round(self.x[held])
        return replace(arrays, lower=lower, upper=upper)

    # -- solving ------------------------------------------------------------------------------

    def model(self, arrays: PlanningArrays, cuts: np.ndarray, *, whole: bool) -> Any:
        """The planning rows with cuts as a model of HiGHS."""
        rows = len(cuts)
        model = make_model(
            arrays.cost, arrays.lower, arrays.upper,
            sp.vstack([arrays.matrix, self.pool.matrix(cuts)], format="csr"),
            np.append(arrays.row_lower, np.zeros(rows)),
            np.append(arrays.row_upper, np.full(rows, INFINITY)),
            arrays.integer if whole else None,
            mip_rel_gap=GAP if self.small else LARGE_GAP, mip_abs_gap=1e-6,
        )  # fmt: skip
        model.changeObjectiveOffset(arrays.constant)
        return model

    def solve(
        self, arrays: PlanningArrays, *, whole: bool = True, seconds: float = MOST_SECONDS
    ) -> Solution:
        """The optimum of a changed case over all known cuts, few of which are in the model."""
        free = arrays.integer & (arrays.lower < arrays.upper) & whole
        if not self.small:
            seconds = min(seconds, max(1.0, SOLVE_SHARE * self.seconds))
        rounds = CUT_ROUNDS if self.small or (whole and not free.any()) else FIRST_ROUNDS
        found = self._relaxed(arrays, rounds)
        if found.x is None or not free.any():
            return found
        for _ in range(CUT_ROUNDS if self.small else 1):
            if self.left <= 0:
                return replace(found, x=None)
            model = self.model(arrays, self.cuts, whole=True)
            found = run_mip(model, arrays.integer, min(seconds, self.left))
            if found.x is None or not len(self.extend(found.x)):
                return found
        if self.small or found.x is None:
            return found
        # Its sizes, to all cuts: few rounds of the linear program instead of more of the other.
        return self._relaxed(_whole(arrays, found.x))

    def _relaxed(self, arrays: PlanningArrays, rounds: int = CUT_ROUNDS) -> Solution:
        """The linear program, warm with the cuts that its points violate."""
        model = self.model(arrays, self.cuts, whole=False)
        for _ in range(rounds):
            found = run_lp(model, max(0.1, self.left), hard=True)
            new = np.empty(0) if found.x is None else self.extend(found.x)
            if not len(new):
                break
            self.add(model, new)
        return found

    def add(self, model: Any, cuts: np.ndarray) -> None:
        """More cuts in a model of HiGHS."""
        rows, count = self.pool.matrix(cuts), len(cuts)
        model.addRows(
            count, np.zeros(count), np.full(count, INFINITY), rows.nnz,
            rows.indptr[:-1].astype(np.int32), rows.indices.astype(np.int32), rows.data,
        )  # fmt: skip

    def extend(self, x: np.ndarray) -> np.ndarray:
        """Cuts that x violates and that were not in the models; from now on they are."""
        new = np.setdiff1d(self.pool.worst(x, 2), self.cuts)
        self.cuts = np.union1d(self.cuts, new)
        return new

    def cheapest(self, arrays: PlanningArrays) -> Found | None:
        """The cheapest plan of a changed case: checked if the case is small.

        None if there is none, or none within the time.
        """
        found = self.solve(arrays)
        if found.x is None or not self.small:
            return self._served(arrays, found)
        best: Found | None = None
        for _ in range(LEARN_ROUNDS):
            if not self.known.missing(found.x):
                checked = self.checked(found.x)
                if best is None or checked.total < best.total:
                    best = checked
                if checked.total - found.value <= NEAR * max(1.0, abs(checked.total)):
                    break
            if self.left <= 0:
                break
            found = self.solve(arrays)
            if found.x is None:
                break
        return best or (None if found.x is None else Found(found.x, found.value))

    def checked(self, x: np.ndarray, *, keep_dispatch: bool = False) -> Found:
        """A plan at its true cost over all hours."""
        truth = true_cost(
            self.case, self.arrays, self.known.oracle, x, dict(self.truth.co2_price),
            tolerance=NEAR, keep_dispatch=keep_dispatch,
        )  # fmt: skip
        self.known.learn(truth.outcomes)
        return Found(quotas(self.case, self.arrays, truth, x), truth.total, truth)

    def _served(self, arrays: PlanningArrays, found: Solution) -> Found | None:
        """A large case's plan whose energy has been asked for once: what is short is learnt."""
        if found.x is None:
            return None
        if self.left > 0 and self.known.missing(found.x, near=NEAR_ENOUGH):
            sized = self._relaxed(_whole(arrays, found.x))
            if sized.x is None and self.left > 0:
                # With these whole numbers the load cannot be served: with others.
                sized = self.solve(arrays)
            if sized.x is None:
                return None
            found = sized
        assert found.x is not None
        return Found(found.x, found.value, arrays=arrays)

    def refitted(self, found: Found) -> Found:
        """A large case's plan at its true cost, its sizes found in a few rounds first.

        What is still short is mended. As it was if the time does not suffice for a round.
        """
        assert found.arrays is not None
        fixed, x = _whole(found.arrays, found.x), found.x
        best = found
        for _ in range(REFIT_ROUNDS):
            if self.left <= 0:
                return best
            if not self.known.missing(x, near=NEAR_ENOUGH):
                true = self.checked(x)
                if best.truth is None or true.total < best.total:
                    best = true
            sized = self._relaxed(fixed)
            if sized.x is None:
                break
            x = sized.x
            if best.truth is not None and best.total - sized.value <= LARGE_GAP * abs(best.total):
                break
        if self.left <= 0:
            return best
        y, truth = self._serve(
            x if best.truth is None else best.x, dict(self.truth.co2_price), tolerance=1e-4,
            keep_dispatch=True,
        )  # fmt: skip
        return Found(quotas(self.case, self.arrays, truth, y), truth.total, truth)


def _whole(arrays: PlanningArrays, x: np.ndarray) -> PlanningArrays:
    """The arrays with all whole numbers as in a point."""
    lower, upper = arrays.lower.copy(), arrays.upper.copy()
    lower[arrays.integer] = upper[arrays.integer] = np.round(x[arrays.integer])
    return replace(arrays, lower=lower, upper=upper)


def _owner(variable: Any) -> str:
    block = variable.parent_block()
    return str(block.index()) if block.parent_component().local_name == "site" else SHARED
