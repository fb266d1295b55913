"""Whether a plan exists while some of the limits hold and the others are gone.

The planning model is built without any limit of amount; each returns as a row *used <= given +
beyond*, with beyond fixed at 0 while the limit holds and free while it is gone. Limits that are
relaxed in steps (months) change what is possible at all: for them the case is prepared again.
A plan counts only if every hour is served within the CO2 caps: what a plan lacks is learnt as
cuts, which hold for all such models alike, because they share their operating blocks.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import pyomo.environ as pyo
import scipy.sparse as sp

from optimizer.model.blocks import links
from optimizer.model.build import PARTS, Planning, build
from optimizer.model.limits import Amounts, Edit, Group, Limit, Steps, apply, much_mw
from optimizer.preparing.case import Case, prepare
from optimizer.solving.highs import INFINITY, Solution, make_model, run_lp, run_mip
from optimizer.solving.learning import Learning
from optimizer.solving.oracles import BlockOracle
from optimizer.solving.planning_arrays import PlanningArrays, to_arrays

GROUPS: tuple[Group, ...] = tuple(g for part in PARTS for g in part.LIMITS)
"""All groups of limits that the parts of the model declare."""
SERVED_MW = 1e-5
"""MW that may be missing in a plan that counts as served."""
KEPT_KT = 1e-6
"""kt of CO2 above its quota in a plan that counts as within the caps."""
ROUNDS = 200
FEW_INTEGERS = 300
"""Up to here the mixed-integer model is asked at once, without its relaxation."""
EASY_GAP, LEAST_GAP = 0.5, 1e-4
"""Gap of a solve that only asks whether there is a plan, and of one that seeks the least."""
GENEROUS = 1e-4
"""Worth of all capacity that is allowed, in MW of load: plans with power to spare are served."""

Taken = tuple[tuple[Limit, float], ...]


@dataclass(frozen=True, eq=False)
class Variant:
    """A planning model and how its limits are switched.

    Parameters
    ----------
    beyond : columns of what is granted beyond each limit, in ``scale`` of the limit
    onto : matrix that turns a point into one of the model without any limit; None: none known
    """

    case: Case
    arrays: PlanningArrays
    beyond: dict[Limit, dict[Hashable, int]]
    cost: np.ndarray
    onto: sp.csr_matrix | None = None


def scale(limit: Limit) -> float:
    """Unit of what is granted beyond a limit, so that rows stay near 1."""
    return max(1.0, abs(limit.given)) if np.isfinite(limit.given) else 1.0


class Trials:
    """Plans of a case with limits taken away, within a time [s]."""

    def __init__(self, case: Case, seconds: float, threads: int = 2) -> None:
        self.case, self.threads = case, threads
        self.until = time.monotonic() + seconds
        self.group = {limit: g for g in GROUPS for limit in g.limits(case)}
        self.much = much_mw(case)
        self._variants: dict[Taken, Variant] = {}
        self._feasible: list[frozenset[Limit]] = []
        self._infeasible: list[frozenset[Limit]] = []
        steps = tuple((s, self._last(s)) for s in self.group if isinstance(self.group[s], Steps))
        self._free = self._variant(steps)
        # A limit of which nothing can be used cannot clash.
        self.limits = [
            limit
            for limit, group in self.group.items()
            if isinstance(group, Steps) or limit in self._free.beyond
        ]
        self._oracle = BlockOracle(self._free.case, threads, 1e-8)
        self.known = Learning(self._free.case, self._free.arrays, self._oracle)

    def close(self) -> None:
        """End the threads."""
        self._oracle.close()

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.until - time.monotonic()

    def of(self, group: Group) -> list[Limit]:
        """The limits of a group."""
        return [limit for limit in self.limits if self.group[limit] is group]

    # -- questions ------------------------------------------------------------------------

    def exists(self, held: Iterable[Limit], gone: Iterable[Limit] | None = None) -> bool | None:
        """Whether there is a plan while these limits hold and all others are gone.

        ``gone`` instead names those that are gone. None: not known within the time.
        """
        holds = frozenset(held) if gone is None else frozenset(self.limits) - frozenset(gone)
        if any(holds <= known for known in self._feasible):
            return True
        if any(holds >= known for known in self._infeasible):
            return False
        variant = self._variant(
            tuple(
                (limit, self._last(limit))
                for limit in self.limits
                if limit not in holds and isinstance(self.group[limit], Steps)
            )
        )
        free = [limit for limit in variant.beyond if limit not in holds]
        found, _ = self._solve(variant, free, variant.cost, EASY_GAP)
        if found is not None:
            (self._feasible if found else self._infeasible).append(holds)
        return found

    def exists_with(self, taken: Taken) -> bool | None:
        """Whether there is a plan within all limits once these steps are taken."""
        variant = self._variant(taken)
        return self._solve(variant, (), variant.cost, EASY_GAP)[0]

    def exists_after(self, edits: Iterable[Edit]) -> bool | None:
        """Whether the input with these edits has a plan: prepared and built anew."""
        tables = apply(self.case.inputs.tables, edits)
        case = prepare(replace(self.case.inputs, tables=tables))
        variant = self._switched(build(case), {})
        return self._solve(variant, (), variant.cost, EASY_GAP)[0]

    def least(self, limits: list[Limit]) -> dict[Limit, dict[Hashable, float]] | None:
        """The least that must be granted beyond these limits for a plan; None if nothing does."""
        variant = self._variant(())
        unit = max((scale(limit) for limit in limits), default=1.0)
        cost = 1e-2 * variant.cost / max(1.0, float(np.abs(variant.cost).sum()))
        for limit in limits:
            columns = variant.beyond.get(limit, {})
            for k, column in enumerate(columns.values()):
                # What is granted later is the lesser change.
                cost[column] = scale(limit) / unit * (1 - 1e-4 * k / max(1, len(columns)))
        found, x = self._solve(variant, limits, cost, LEAST_GAP)
        if not found or x is None:
            return None
        granted = {
            limit: {k: scale(limit) * x[c] for k, c in variant.beyond.get(limit, {}).items()}
            for limit in limits
        }
        return {
            limit: amounts
            for limit, amounts in granted.items()
            if max(amounts.values(), default=0.0) > 1e-6 * scale(limit)
        }

    def _last(self, limit: Limit) -> float:
        group = self.group[limit]
        assert isinstance(group, Steps)
        return group.steps(self.case, limit)[-1]

    # -- models ---------------------------------------------------------------------------

    def _variant(self, taken: Taken) -> Variant:
        """The model without limits of amount, with these steps taken; kept for the next time."""
        if taken not in self._variants:
            edits: list[Edit] = []
            uses: dict[Limit, Amounts] = {}
            for limit, group in self.group.items():
                if isinstance(group, Amounts):
                    edits += group.free(self.case, limit, self.much)
                    uses[limit] = group
            for limit, step in taken:
                group = self.group[limit]
                assert isinstance(group, Steps)
                edits += group.edits(self.case, limit, step)
            tables = apply(self.case.inputs.tables, edits)
            case = prepare(replace(self.case.inputs, tables=tables))
            self._variants[taken] = self._switched(build(case), uses)
        return self._variants[taken]

    def _switched(self, planning: Planning, uses: dict[Limit, Amounts]) -> Variant:
        """A planning model with a row for each use of a limit."""
        case, model = planning.case, planning.model
        model.beyond = pyo.VarList(domain=pyo.NonNegativeReals)
        model.within_limit = pyo.ConstraintList()
        granted: dict[Limit, dict[Hashable, object]] = {}
        for limit, group in uses.items():
            unit = scale(limit)
            for use in group.used(model, case, limit):
                if not pyo.is_potentially_variable(use.used):
                    continue
                mine = granted.setdefault(limit, {})
                for key in use.beyond:
                    if key not in mine:
                        mine[key] = model.beyond.add()
                more = pyo.quicksum(mine[key] for key in use.beyond)
                model.within_limit.add(use.used / unit - more <= use.given / unit)
        arrays = to_arrays(planning)
        place = {id(v): k for k, v in enumerate(arrays.variables)}
        beyond = {
            limit: {key: place[id(v)] for key, v in mine.items() if id(v) in place}
            for limit, mine in granted.items()
        }
        cost = np.zeros(arrays.count)
        for name, site in case.sites.items():
            for k, link in enumerate(links.names(case, site)):
                of_load = link.startswith("it_mw:")
                cost[arrays.link[name][k]] = 1.0 if of_load else -GENEROUS / self.much
        return Variant(case, arrays, beyond, cost, self._onto(case, arrays))

    def _onto(self, case: Case, arrays: PlanningArrays) -> sp.csr_matrix | None:
        """Links of a model among those of the model without any limit, which has them all."""
        if not self._variants:
            return None
        free, rows, columns = next(iter(self._variants.values())), [], []
        for name, site in case.sites.items():
            at = {link: k for k, link in enumerate(links.names(free.case, free.case.sites[name]))}
            for k, link in enumerate(links.names(case, site)):
                rows.extend(free.arrays.link[name][at[link]])
                columns.extend(arrays.link[name][k])
        shape = (free.arrays.count, arrays.count)
        return sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)

    # -- solving --------------------------------------------------------------------------

    def _solve(
        self, variant: Variant, free: Iterable[Limit], cost: np.ndarray, gap: float
    ) -> tuple[bool | None, np.ndarray | None]:
        """Whether there is a served plan of least cost with these limits gone; the plan."""
        arrays = variant.arrays
        lower, upper = arrays.lower.copy(), arrays.upper.copy()
        lower[arrays.operating_columns] = upper[arrays.operating_columns] = 0.0
        for columns in variant.beyond.values():
            upper[list(columns.values())] = 0.0
        for limit in free:
            upper[list(variant.beyond.get(limit, {}).values())] = INFINITY
        many = int(arrays.integer.sum()) > FEW_INTEGERS
        x: np.ndarray | None = None
        for whole in (False, True) if many else (True,):
            for _ in range(ROUNDS):
                if self.left <= 0:
                    return None, None
                found = self._optimum(variant, cost, lower, upper, gap, whole=whole)
                if found.infeasible:
                    return False, None
                if found.x is None:
                    return None, None
                x = found.x
                if not self._teach(variant, x):
                    break
            else:
                return None, None
        return True, x

    def _optimum(
        self, variant: Variant, cost: np.ndarray, lower: np.ndarray, upper: np.ndarray,
        gap: float, *, whole: bool,
    ) -> Solution:  # fmt: skip
        arrays = variant.arrays
        matrix, low, high = arrays.matrix, arrays.row_lower, arrays.row_upper
        count = len(self.known.pool)
        if count:
            cuts = self.known.pool.matrix(np.arange(count))
            if variant.onto is not None:
                cuts = cuts @ variant.onto
            matrix = sp.vstack([matrix, cuts], format="csr")
            low, high = np.append(low, np.zeros(count)), np.append(high, np.full(count, INFINITY))
        integer = arrays.integer & whole
        model = make_model(
            cost, lower, upper, matrix, low, high, integer if whole else None, mip_rel_gap=gap,
            mip_abs_gap=1e-7, mip_feasibility_tolerance=1e-7,
        )  # fmt: skip
        if integer.any():
            return run_mip(model, integer, self.left)
        return run_lp(model, min(60.0, self.left))

    def _teach(self, variant: Variant, x: np.ndarray) -> bool:
        """Learn what a plan lacks; whether it lacks anything."""
        y = x if variant.onto is None else variant.onto @ x
        short = self.known.missing(y)
        if max(short.values(), default=0.0) > SERVED_MW:
            return True
        if not variant.case.co2_caps:
            return False
        before = len(self.known.pool)
        self.known.require_quotas(y, set(variant.case.groups))
        new = np.arange(before, len(self.known.pool))
        return bool((self.known.pool.slack(y, new) < -KEPT_KT).any())
