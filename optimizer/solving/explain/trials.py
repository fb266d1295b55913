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

from optimizer.model.blocks import M3_PER_LINK, T_PER_LINK, links
from optimizer.model.build import PARTS, Planning, build
from optimizer.model.limits import MUCH, Amounts, Edit, Group, Limit, Steps, apply, much_mw
from optimizer.preparing.case import Case, prepare
from optimizer.solving.cuts import CutPool
from optimizer.solving.highs import INFINITY, Solution, make_model, run_lp, run_mip
from optimizer.solving.learning import Learning
from optimizer.solving.oracles import EMISSIONS, BlockOracle, Task
from optimizer.solving.planning_arrays import PlanningArrays, to_arrays

GROUPS: tuple[Group, ...] = tuple(g for part in PARTS for g in part.LIMITS)
"""All groups of limits that the parts of the model declare."""
SERVED_MW = 1e-5
"""MW that may be missing in a plan that counts as served."""
NEAR, WITHIN = 1e-4, 1e-6
"""Share by which emissions may be overstated, and by which rows of CO2 may be exceeded."""
PLENTY = 1e12
ROUNDS = 200
FEW_INTEGERS = 300
"""Up to here the mixed-integer model is asked at once, without its relaxation."""
EASY_GAP, LEAST_GAP = 1e-3, 1e-4
"""Gap of a solve that only asks whether there is a plan, and of one that seeks the least."""
SHARE, SHORT = 0.25, 5.0
"""Of the time that is left a question may take this share, or so many seconds."""
LATER = 2e-3
"""By how much less counts what is granted last than what is granted first."""
GENEROUS = 1e-4
"""Worth of any capacity that is allowed: plans with power to spare are served."""

NEAR_GAP, NEAR_ROUNDS, LONG = 5e-3, 8, 30.0
"""Gap and rounds at which what is least is near enough in a large case, and seconds of a solve."""
FIRM_ROUNDS = 6
"""Solves that look for a plan with firm power for every peak, which differ by CO2 alone."""
MARGIN = 0.05
"""Share of load by which cuts ask for more where any plan will do: it is served sooner."""
UNKNOWN = Solution(None, INFINITY, -INFINITY, np.empty(0), "no time left", False, False)

Taken = tuple[tuple[Limit, float], ...]


@dataclass(frozen=True, eq=False)
class Variant:
    """A planning model and how its limits are switched.

    Parameters
    ----------
    beyond : columns of what is granted beyond each limit, in ``scale`` of the limit
    cost : load and CO2, less a little for capacity
    firm : rows, firm power >= peak load of each site and period
    quota : columns of the CO2 quota of each site and period
    onto : matrix that turns a point into one of the model without any limit; None: none known
    """

    case: Case
    arrays: PlanningArrays
    beyond: dict[Limit, dict[Hashable, int]]
    cost: np.ndarray
    firm: sp.csr_matrix
    quota: dict[tuple[str, int], np.ndarray]
    onto: sp.csr_matrix | None = None

    @property
    def grants(self) -> np.ndarray:
        """Which columns are granted beyond a limit."""
        mask = np.zeros(self.arrays.count, dtype=bool)
        mask[[c for columns in self.beyond.values() for c in columns.values()]] = True
        return mask


@dataclass(frozen=True, eq=False)
class _Bounded:
    """A variant with some limits held, what is minimised to which gap, and until when."""

    variant: Variant
    cost: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    gap: float
    until: float

    @property
    def left(self) -> float:
        """Seconds that are left for this question."""
        return self.until - time.monotonic()


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

    def take(self, arrays: PlanningArrays, pool: CutPool) -> None:
        """Take the cuts of adequacy and CO2 that a solve of the case has learnt."""
        rows = pool.matrix(np.arange(len(pool)))
        rows = rows[rows[:, arrays.operating_columns].getnnz(axis=1) == 0]
        for name, site in self.case.sites.items():
            free = self._free.case
            if links.names(self.case, site) != links.names(free, free.sites[name]):
                continue  # more may be built there without limits than the cuts know
            for p in range(len(self.case.periods)):
                mine = rows[:, arrays.link[name][:, p]].toarray()
                for row in mine[np.any(mine != 0, axis=1)]:
                    self.known.pool.add(name, p, -row, cost=False)

    @property
    def is_large(self) -> bool:
        """Whether showing that a plan exists takes much longer than that none does."""
        return int(self._free.arrays.integer.sum()) > FEW_INTEGERS

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.until - time.monotonic()

    def of(self, group: Group) -> list[Limit]:
        """The limits of a group."""
        return [limit for limit in self.limits if self.group[limit] is group]

    # -- questions ------------------------------------------------------------------------

    def exists(
        self, held: Iterable[Limit], gone: Iterable[Limit] | None = None, *, rounds: int = ROUNDS
    ) -> bool | None:
        """Whether there is a plan while these limits hold and all others are gone.

        ``gone`` instead names those that are gone. None: not known within the time, or within
        so many rounds of learning what plans lack.
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
        found, _ = self._solve(variant, free, variant.cost, EASY_GAP, rounds)
        if found is not None:
            (self._feasible if found else self._infeasible).append(holds)
        return found

    def exists_with(self, taken: Taken, free: Iterable[Limit] = ()) -> bool | None:
        """Whether there is a plan once these steps are taken and these limits are gone."""
        variant = self._variant(taken)
        return self._solve(variant, free, variant.cost, EASY_GAP)[0]

    def exists_after(self, edits: Iterable[Edit]) -> bool | None:
        """Whether the input with these edits has a plan: prepared and built anew."""
        tables = apply(self.case.inputs.tables, edits)
        case = prepare(replace(self.case.inputs, tables=tables))
        variant = self._switched(build(case), {})
        return self._solve(variant, (), variant.cost, EASY_GAP)[0]

    def least(
        self, limits: list[Limit], taken: Taken = ()
    ) -> dict[Limit, dict[Hashable, float]] | None:
        """The least that must be granted beyond these limits for a plan; None if none is found.

        Limits of a group count by their amounts, those of several groups in shares of the
        largest of their group.
        """
        variant = self._variant(taken)
        units = {self.group[limit].name: 1.0 for limit in limits}
        for limit in limits:
            name = self.group[limit].name
            units[name] = max(units[name], scale(limit))
        cost = 1e-2 * variant.cost / max(1.0, float(np.abs(variant.cost).sum()))
        for limit in limits:
            columns, unit = variant.beyond.get(limit, {}), units[self.group[limit].name]
            for k, column in enumerate(columns.values()):
                cost[column] = scale(limit) / unit * (1 - LATER * k / max(1, len(columns)))
        gap, rounds = (NEAR_GAP, NEAR_ROUNDS) if self.is_large else (LEAST_GAP, ROUNDS)
        found, x = self._solve(variant, limits, cost, gap, rounds)
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
        quota = {
            (name, p): np.array([place[id(v)], place[id(model.site[name].link[links.CO2, p])]])
            for name in case.sites if links.limits_co2(case)
            for p, v in model.site[name].co2_quota.items()
        }  # fmt: skip
        return Variant(
            case, arrays, beyond, self._cost(case, arrays), _firm_rows(case, arrays), quota,
            self._onto(case, arrays),
        )  # fmt: skip

    def _cost(self, case: Case, arrays: PlanningArrays) -> np.ndarray:
        """Load and CO2 in shares of what is wanted and allowed, less a little for capacity."""
        cost = np.zeros(arrays.count)
        capped = sum(cap.value for cap in self.case.co2_caps) / T_PER_LINK
        for name, site in case.sites.items():
            for k, link in enumerate(links.names(case, site)):
                worth = MUCH if link.startswith("it_mw:") else -GENEROUS
                cost[arrays.link[name][k]] = worth / self.much
                if link == links.CO2:
                    cost[arrays.link[name][k]] = 1.0 / max(1e-3, capped)
        return cost

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
        self,
        variant: Variant,
        free: Iterable[Limit],
        cost: np.ndarray,
        gap: float,
        rounds: int = ROUNDS,
    ) -> tuple[bool | None, np.ndarray | None]:
        """Whether there is a served plan of least cost with these limits gone; the plan."""
        arrays = variant.arrays
        lower, upper = arrays.lower.copy(), arrays.upper.copy()
        lower[arrays.operating_columns] = upper[arrays.operating_columns] = 0.0
        for columns in variant.beyond.values():
            upper[list(columns.values())] = 0.0
        for limit in free:
            upper[list(variant.beyond.get(limit, {}).values())] = INFINITY
        until = min(self.until, time.monotonic() + max(SHORT, SHARE * self.left))
        model = _Bounded(variant, cost, lower, upper, gap, until)
        many = int(arrays.integer.sum()) > FEW_INTEGERS
        x: np.ndarray | None = None
        for whole in (False, True) if many else (True,):
            spare = many and whole and gap == EASY_GAP and rounds == ROUNDS
            margin = MARGIN if spare else 0.0
            for number in range(rounds):
                found = self._optimum(model, whole=whole, margin=margin)
                if margin and found.x is None:
                    # More than the load cannot be served; the load itself may be.
                    margin = 0.0
                    continue
                if found.infeasible or found.x is None:
                    return (False if found.infeasible else None), None
                x = found.x
                if not self._teach(model, x):
                    break
                if gap == EASY_GAP and number == 0 and rounds == ROUNDS and not (many and whole):
                    margin = MARGIN
                    firm = self._firm(model)
                    if firm is not None:
                        return True, firm
            else:
                # What is least may stay a little too low: it is checked and raised afterwards.
                if gap == EASY_GAP and (whole or rounds == ROUNDS):
                    return None, None
        return True, x

    def _firm(self, model: _Bounded) -> np.ndarray | None:
        """A plan whose every peak is met by firm power, which is served whatever the hour."""
        for _ in range(FIRM_ROUNDS):
            found = self._optimum(model, whole=True, firm=True)
            if found.x is None or not self._teach(model, found.x):
                return found.x
        return None

    def _optimum(
        self, model: _Bounded, *, whole: bool, firm: bool = False, margin: float = 0.0
    ) -> Solution:
        variant, arrays = model.variant, model.variant.arrays
        parts, count = [arrays.matrix], len(self.known.pool)
        if count:
            more = np.full(self.known.pool.blocks, margin) if margin else None
            cuts = self.known.pool.matrix(np.arange(count), more)
            parts.append(cuts if variant.onto is None else cuts @ variant.onto)
        if firm:
            parts.append(variant.firm)
        rows = sum(part.shape[0] for part in parts) - arrays.matrix.shape[0]
        integer = arrays.integer & whole
        highs = make_model(
            model.cost, model.lower, model.upper, sp.vstack(parts, format="csr"),
            np.append(arrays.row_lower, np.zeros(rows)),
            np.append(arrays.row_upper, np.full(rows, INFINITY)),
            integer if whole else None, mip_rel_gap=model.gap, mip_abs_gap=1e-7,
            mip_feasibility_tolerance=1e-7,
        )  # fmt: skip
        if model.left <= 0:
            return UNKNOWN
        if integer.any():
            return run_mip(highs, integer, min(LONG, model.left) if self.is_large else model.left)
        return run_lp(highs, min(60.0, model.left))

    def _teach(self, model: _Bounded, x: np.ndarray) -> bool:
        """Learn what a plan lacks; whether it lacks anything."""
        variant = model.variant
        y = x if variant.onto is None else variant.onto @ x
        short = self.known.missing(y)
        if max(short.values(), default=0.0) > SERVED_MW:
            return True
        if not variant.quota or variant.case.allowed_unserved_share > 0:
            return False
        # Quotas may be shared out anew: what counts is whether all emissions fit the caps.
        outcomes = self._oracle.evaluate(
            [
                Task(site, p, at, 0.0, purpose=EMISSIONS, near=NEAR)
                for site, p, at in self.known.operating(y)
            ]
        )
        self.known.learn(outcomes, y)
        z = np.where(np.isinf(model.upper) & variant.grants, PLENTY, x)
        z[np.concatenate(list(variant.quota.values()))] = 0.0
        for outcome in outcomes:
            z[variant.quota[outcome.task.site, outcome.task.period]] = outcome.co2 / T_PER_LINK
        upper = variant.arrays.row_upper
        over = variant.arrays.matrix @ z - upper > WITHIN * (1 + np.abs(upper))
        return bool(over.any())


def _firm_rows(case: Case, arrays: PlanningArrays) -> sp.csr_matrix:
    """Rows >= 0 of each (site, period) that are enough to serve it in every hour.

    Firm power less peak load [MW]; where water is limited its quota less what the thirstiest
    unit would need for all energy [1000 m3].
    """
    rows: list[dict[int, float]] = []
    for name, site in case.sites.items():
        at = {n: arrays.link[name][k] for k, n in enumerate(links.names(case, site))}
        for period in case.periods:
            hours, p = period.hours, period.index
            power = {at[links.FIRM][p]: 1.0} if site.offers else {}
            for offer in site.offers:
                power[at[links.flexible(offer)][p]] = 1.0 - float(offer.cut[hours].max())
                if offer.sheds_firm:
                    power[at[links.shed(offer)][p]] = -float(offer.shed[hours].max())
            for asset in site.assets:
                if asset.kind == "thermal":
                    power[at[links.power(asset)][p]] = float(asset.availability[hours].min())
            thirst = max((a.water_m3_per_mwh for a in site.assets), default=0.0)
            water = {at[links.WATER][p]: 1.0} if links.limits_water(site) else {}
            for w, work in case.workloads.items():
                load = site.pue[hours] * work.load[hours]
                power[at[links.load(w)][p]] = -float(load.max())
                if water:
                    used = float(load.sum()) * thirst / M3_PER_LINK
                    water[at[links.load(w)][p]] = -used
            rows += [power, water] if water else [power]
    number = [k for k, row in enumerate(rows) for _ in row]
    columns = [c for row in rows for c in row]
    values = [v for row in rows for v in row.values()]
    return sp.csr_matrix((values, (number, columns)), shape=(len(rows), arrays.count))
