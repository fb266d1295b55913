"""Many sites: prices of the joint rows give the bound, groups of sites the plan.

1. a few sites with their share of demand and slots stand for all: prices of the joint rows;
2. at these prices every site is solved by itself: a proven bound, and which sites pay;
3. those that pay, and some more, in groups, each with its share of the joint rows, are solved
   like a small case: together they make a plan;
4. the bound again at the groups' prices; then some sites at a time are planned anew while the
   others stand, first those that cost most above what they would cost at the prices.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from optimizer.errors import OptimizerError
from optimizer.model.blocks import T_PER_LINK
from optimizer.preparing.case import Case
from optimizer.settings import OnProgress, RunOptions, ShouldStop
from optimizer.solving.checkpoint import State, text, value
from optimizer.solving.engine import Engine, Given, Incumbent, make_oracle
from optimizer.solving.highs import INFINITY
from optimizer.solving.many.clash import find as find_clash
from optimizer.solving.many.known import Known
from optimizer.solving.many.parts import Key, split
from optimizer.solving.many.pool import SharedPool
from optimizer.solving.many.pricing import Priced, Pricing
from optimizer.solving.many.shares import (
    SitePlan,
    backlog_cost,
    bound_together,
    broken,
    remaining,
    scaled,
)
from optimizer.solving.memory import let_go
from optimizer.solving.run import Run
from optimizer.solving.truth import Truth

SAMPLE, GROUP = 12, 16
"""Sites that stand for all at first, and about as many as are planned together."""
SAMPLE_ROUNDS, SAMPLE_TOLERANCE = 10, 5e-3
FIRST_SHARE = 0.4
"""First price of a placed MW, in what its delay costs."""
EXPLORE_ROUNDS, EXPLORED, PER_KIND = 6, 0.02, 2
SPARE = 1.6
"""IT MW of the sites that are planned in groups, in the largest demand."""
RISE = 1.02
"""Factor of the price of demand at which further sites are looked for."""
GROUP_SECONDS, NEIGHBOUR_SECONDS = 75.0, 60.0
"""Time for one group, and for one set of sites anew: the gap of the whole is looked at after."""
CLASH_SHARE, CLASH_SECONDS = 0.3, 10.0
"""Time for a proof that there is no plan, as a share of what is left, and at least [s]."""
STALLED, FEW_STALLED = 12, 2
"""Passes without gain after which the search ends."""


@dataclass(frozen=True)
class _Told:
    """What is told of a search whose models are gone: bound anew [k$], size and cuts."""

    bound: float
    size: dict[str, int]
    cuts: int


def _of_another(key: Key, case: Case) -> bool:
    """Whether a row says that a site which is not in the case needs a shared upgrade."""
    owner, index = key
    return (
        owner == "shared_upgrade_paid" and isinstance(index, tuple) and index[1] not in case.sites
    )


class ManySites(Run):
    """One solve of a case with many sites."""

    engine = "many"

    def __init__(
        self, case: Case, options: RunOptions, on_progress: OnProgress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> None:  # fmt: skip
        super().__init__(case, options, on_progress, should_stop)
        self.threads = max(1, options.threads)
        self.parts, self.joint = split(case, self.threads, self.note)
        self.oracle = make_oracle(case, options, self.gap)
        self.known = Known(case, self.oracle)
        self.pricing = Pricing(self.parts, self.known, self.threads)
        self.random = np.random.default_rng(int(case.inputs.setting("seed")))
        self.prices = np.zeros(self.joint.rows)
        self.needed: dict[int, set[int]] = {}
        """Numbers of the cuts by kind that prove the bound at the prices."""
        self.worth: dict[str, float] = {}
        """What each site earns at the prices, <= 0 [k$]."""
        self.plans: dict[str, SitePlan] = {}
        self.waiting: list[list[str]] = []
        """Groups that are still to be planned, each with its share of what all share."""
        self.grouped: list[str] = []
        """Sites of all groups; none before there are groups."""
        self.built: dict[str, SitePlan] = {}
        """Plans of the groups that are done, while others wait."""
        self._told: _Told | None = None
        place: dict[tuple[Key, ...], dict[Key, int]] = {}
        for part in self.parts.values():
            if part.names not in place:
                place[part.names] = {key: k for k, key in enumerate(part.names)}
        self.place = {name: place[part.names] for name, part in self.parts.items()}
        self.note(f"{len(self.parts)} sites, {self.joint.rows} joint rows, "
                  f"{len(self.known.of)} kinds of blocks")  # fmt: skip

    @property
    def _own(self) -> RunOptions:
        """Options of engines for some sites, which leave the checkpoint to the whole."""
        return replace(self.options, checkpoint=None, resume=False)

    @property
    def cuts(self) -> int:
        """Cuts known so far."""
        return len(self.known.pool) if self._told is None else self._told.cuts

    def size(self) -> dict[str, int]:
        """Rows, columns, nonzeros and integers of all sites' planning models and joint rows."""
        if self._told is not None:
            return self._told.size
        all_ = [part.arrays for part in self.parts.values()]
        return {
            "rows": sum(a.matrix.shape[0] for a in all_) + self.joint.rows,
            "columns": sum(a.count for a in all_) + len(self.joint.cost),
            "nonzeros": sum(a.matrix.nnz for a in all_)
            + sum(part.joint.nnz for part in self.parts.values()) + self.joint.own.nnz,
            "integers": sum(int(a.integer.sum()) for a in all_),
        }  # fmt: skip

    # -- prices and bound -----------------------------------------------------------------

    def _uniform(self, share: float) -> np.ndarray:
        """Prices at which a placed MW is worth a share of its delay, and nothing else counts."""
        prices = np.zeros(self.joint.rows)
        delay = dict(zip((index for _, index in self.joint.names), self.joint.cost, strict=True))
        for k in np.flatnonzero(self.joint.owned("demand_met")):
            prices[k] = share * delay[self.joint.keys[k][1]]
        return prices

    def co2(self, prices: np.ndarray) -> dict[str, float]:
        """Price of each group's cap [k$/t, discounted]."""
        return {g: max(0.0, -float(prices[k])) / 1000 for g, k in self.joint.co2_row.items()}

    def price(self, prices: np.ndarray) -> list[Priced]:
        """Every site by itself at these prices; raises the bound."""
        prices = self.joint.signed(prices)
        found = self.pricing.all(list(self.parts), prices)
        bound = self.joint.bound(prices, sum(min(f.bound, 0.0) for f in found))
        if bound > self.bound:
            self.prices, self.needed = prices, self.pricing.needed()
            self.worth = {f.site: min(f.bound, 0.0) for f in found}
        self.raise_bound(bound)
        return found

    def explore(self, prices: np.ndarray, rounds: int) -> list[Priced]:
        """Learn what blocks cost at the plans that pay, until cuts tell nearly all of it."""
        found: list[Priced] = []
        for _ in range(rounds):
            found = self.pricing.all(list(self.parts), prices)
            if self.stopping():
                break
            before, after = self.known.learn(self._points(found), self.co2(prices))
            if after - before <= EXPLORED * abs(after):
                break
        return found

    def _points(self, found: Sequence[Priced]) -> dict[str, np.ndarray]:
        """Links of the plans that pay most, few of each kind of blocks."""
        asked: dict[str, list[Priced]] = {}
        for f in sorted(found, key=lambda f: f.value):
            if f.x is not None and f.value < -1e-3:
                asked.setdefault(self.oracle.like[f.site], []).append(f)
        return {
            f.site: np.maximum(f.x[self.parts[f.site].arrays.link[f.site]], 0.0)
            for some in asked.values()
            for f in some[:PER_KIND]
            if f.x is not None
        }

    # -- some sites by themselves -----------------------------------------------------------

    def _engine(self, case: Case, used: dict[Key, float], seconds: float, gap: float) -> Engine:
        options = replace(self._own, gap=gap, time_limit_s=max(1.0, seconds))
        cuts = self.known.cuts_of(list(case.sites))
        given = Given(self.oracle, cuts, used)
        return Engine(case, options, None, self.stopping, given)

    def keep_cuts(self, engine: Engine) -> None:
        """Take over what an engine has learnt since it was seeded."""
        for site, period, row, cost in engine.known.pool.since(engine.seeded):
            kind = int(self.known.kinds[site][period])
            self.known.pool.add(kind, row[: len(self.known.names[site])], cost=cost)

    def _duals(self, engine: Engine, row_dual: np.ndarray) -> np.ndarray:
        """Duals of an engine's planning rows as prices of the joint rows; nan: it has no such row."""
        number = self.joint.number
        prices = np.full(self.joint.rows, np.nan)
        keys = zip(engine.arrays.row_owner, engine.arrays.row_index, strict=True)
        for row, key in enumerate(keys):
            if key in number and not _of_another(key, engine.case):
                prices[number[key]] = row_dual[row]
        return prices

    def sample(self, sites: Sequence[str]) -> np.ndarray:
        """Prices of the joint rows at the relaxed optimum of a few sites with their share."""
        case = scaled(self.case, sites, list(self.parts))
        engine = self._engine(case, {}, self.left, self.gap)
        engine.seed()
        arrays = engine.arrays
        # Rounding a small share of the demand to whole blocks would say nothing of all of it.
        rounded = np.array([owner == "demand_in_blocks" for owner in arrays.row_owner])
        plain = replace(arrays, row_lower=np.where(rounded, -INFINITY, arrays.row_lower))
        relaxed = engine.master.relax(
            plain, rounds=SAMPLE_ROUNDS, tolerance=SAMPLE_TOLERANCE,
            deadline=time.monotonic() + 0.2 * self.left,
        )  # fmt: skip
        self.keep_cuts(engine)
        if relaxed is None:
            return self._uniform(1.0)
        duals = self._duals(engine, relaxed.row_dual)
        return np.where(np.isnan(duals), self._of_upgrades(), duals)

    def _of_upgrades(self) -> np.ndarray:
        """Prices of shared upgrades at which each offer that needs one pays an equal part of it.

        Who pays for an upgrade gets as much as it costs. All other prices are 0.
        """
        prices = np.zeros(self.joint.rows)
        for k in np.flatnonzero(self.joint.owned("shared_upgrade_paid")):
            index = self.joint.keys[k][1]
            assert isinstance(index, tuple)
            name, _, _, p = index
            upgrade = self.case.shared_upgrades[name]
            later = upgrade.capital[p + 1] if p + 1 < len(upgrade.capital) else 0.0
            users = sum(site in self.parts for site, _ in upgrade.users)
            prices[k] = -max(0.0, upgrade.capital[p] - later) / max(1, users)
        return prices

    def _capacity(self, sites: Sequence[str]) -> float:
        return sum(self.case.sites[s].max_it_mw for s in sites)

    def taken(self, engine: Engine) -> dict[str, SitePlan]:
        """The plans of an engine's sites from its best plan."""
        assert engine.best is not None
        x, truth = engine.best.x, engine.best.truth
        chosen: dict[str, dict[Key, float]] = {s: {} for s in engine.case.sites}
        for v, at in zip(engine.arrays.variables, x, strict=True):
            block = v.parent_block()
            if block.index() is not None:
                chosen[block.index()][v.parent_component().local_name, v.index()] = float(at)
        plans = {}
        for site, by_key in chosen.items():
            part = self.parts[site]
            own = np.array([by_key.get(key, 0.0) for key in part.names])
            for p in range(len(self.case.periods)):
                operated = truth.operating.get((site, p))
                own[part.arrays.operating[site][p]] = operated.cost if operated else 0.0
                if operated is not None and ("co2_quota", p) in self.place[site]:
                    own[self.place[site]["co2_quota", p]] = operated.co2 / T_PER_LINK
            for p, kind in enumerate(self.known.kinds[site]):
                at = np.maximum(own[part.arrays.link[site][:, p]], 0.0)
                if at.any():
                    self.known.pool.visit(int(kind), at)
            plans[site] = SitePlan(
                site, own, float(part.arrays.cost @ own) + part.arrays.constant, part.joint @ own
            )
        return plans

    def value(self, plans: dict[str, SitePlan]) -> float:
        """Whole cost of a set of plans [k$]."""
        return sum(p.cost for p in plans.values()) + backlog_cost(self.case, self.joint, plans)

    def bound_again(self) -> float:
        """Every site solved from scratch at the best prices with the stored cuts [k$]."""
        if self._told is not None:
            return self._told.bound
        self.pricing.forget()
        found = self.pricing.all(list(self.parts), self.prices)
        return self.joint.bound(self.prices, sum(min(f.bound, 0.0) for f in found))

    # -- groups -----------------------------------------------------------------------------

    def promising(self, found: Sequence[Priced]) -> list[str]:
        """Sites that pay at the prices, best first, and more at higher ones until there is room.

        All sites where they make one group: IT MW say nothing of power, which one site may lack.
        """
        need = SPARE * max(
            (sum(d for (_, _, q), d in self.case.demand.items() if q == p)
             for p in range(len(self.case.periods))), default=0.0,
        )  # fmt: skip
        ranked = sorted(found, key=lambda f: f.value)
        if len(ranked) <= GROUP:
            return [f.site for f in ranked]
        chosen = [f.site for f in ranked if f.value < -1e-3]
        prices, demand = self.prices.copy(), self.joint.owned("demand_met")
        for _ in range(30):
            if self._capacity(chosen) >= need or len(chosen) == len(self.parts):
                break
            prices[demand] *= RISE
            rest = [s for s in self.parts if s not in set(chosen)]
            more = self.pricing.all(rest, prices)
            chosen += [f.site for f in sorted(more, key=lambda f: f.value) if f.value < -1e-3]
        # Not many more than needed: the last ones hardly pay.
        enough = np.cumsum([self.case.sites[s].max_it_mw for s in chosen])
        return chosen[: int(np.searchsorted(enough, need)) + 1]

    def groups(self, sites: Sequence[str]) -> list[list[str]]:
        """Sites dealt out, best first, so that groups are alike; none if no site can pay."""
        if not sites:
            return []
        count = max(1, round(len(sites) / GROUP))
        dealt: list[list[str]] = [[] for _ in range(count)]
        for some in bound_together(self.case, sites):
            for at in range(0, len(some), GROUP):
                min(dealt, key=len).extend(some[at : at + GROUP])
        return [group for group in dealt if group]

    def plan_groups(self, seconds: float) -> list[np.ndarray]:
        """Plan each group that waits with its share of the joint rows; returns their prices."""
        groups = list(self.waiting)
        prices: list[np.ndarray] = []

        def work(group: Sequence[str]) -> Engine:
            case = scaled(self.case, group, self.grouped)
            engine = self._engine(case, {}, min(seconds, self.left), 0.5 * self.gap)
            try:
                engine.search(patience=1)
            except OptimizerError as no_plan:
                self.note(f"a group has no plan by itself: {str(no_plan).splitlines()[0]}")
            return engine

        at_once = self.threads if len(groups) > 1 else 1
        with ThreadPoolExecutor(at_once) as threads:
            for number, engine in enumerate(threads.map(work, groups)):
                if engine.best is not None:
                    self.built.update(self.taken(engine))
                    self.offer(dict(self.built))
                if engine.relaxed is not None:
                    prices.append(self._duals(engine, engine.relaxed.row_dual))
                self.keep_cuts(engine)
                self.note(f"group {number + 1} of {len(groups)}: bound {engine.bound / 1e3:,.1f} "
                          f"best {engine.total / 1e3:,.1f} after {engine.seconds:.0f} s")  # fmt: skip
                self.waiting = [g for g in self.waiting if g is not groups[number]]
                self.tell("groups")
        self.built = {}
        return prices

    def offer(self, plans: dict[str, SitePlan]) -> bool:
        """Keep the plans of some sites as the best plan if they cost less, all others closed."""
        if not self._holds(plans):
            return False
        best = self.value(self.plans)
        if self.plans and np.isfinite(best) and self.value(plans) >= best:
            return False
        self.plans = plans
        self._publish()
        return True

    def _holds(self, plans: dict[str, SitePlan]) -> bool:
        """Whether plans of sites keep the joint rows together; a note says which they do not."""
        over = broken(self.joint, plans)
        if over:
            names = ", ".join(dict.fromkeys(owner for owner, _ in over))
            self.note(f"plans of {len(plans)} sites do not fit together: {names}")
        return not over

    # -- better plans -----------------------------------------------------------------------

    def regret(self) -> dict[str, float]:
        """What each site costs at the prices above the least that it could [k$]."""
        return {
            s: (self.plans[s].cost - float(self.prices @ self.plans[s].use) if s in self.plans
                else 0.0) - self.worth.get(s, 0.0)
            for s in self.parts
        }  # fmt: skip

    def neighbours(self, count: int, tried: dict[str, int]) -> list[list[str]]:
        """Sets of sites to plan anew: those with the highest regret, least often tried first."""
        regret = self.regret()
        open_ = {s for s, p in self.plans.items() if p.use.any()}
        pool = [s for s in self.parts if s in open_ or regret[s] > 1e-3]
        noise = dict(zip(pool, self.random.uniform(0.5, 1.5, len(pool)), strict=True))
        pool.sort(key=lambda s: -noise[s] * regret[s] / 2.0 ** tried.get(s, 0))
        if len(pool) < GROUP:
            # Others may be needed though they do not pay: prices do not know whole numbers.
            others = sorted(set(self.parts) - set(pool), key=lambda s: (tried.get(s, 0), s))
            pool += others[: GROUP - len(pool)]
        size = min(GROUP, max(1, -(-len(pool) // count)))
        return [g for k in range(count) if (g := pool[k : k + count * size : count])]

    def improve(self, sets: Sequence[Sequence[str]], seconds: float) -> float:
        """Plan these sets of sites anew, each while all other sites stand; returns the gain [k$]."""
        share = 1.0 / len(sets)
        before = self.value(self.plans)

        def work(sites: Sequence[str]) -> tuple[Engine, dict[str, SitePlan]]:
            case, used = remaining(self.case, self.joint, self.plans, sites, share)
            engine = self._engine(case, used, min(seconds, self.left), 0.25 * self.gap)
            engine.seed()
            engine.consider(self._point(engine, sites))
            try:
                engine.again()
            except OptimizerError as no_plan:
                self.note(f"a neighbourhood has no plan: {str(no_plan).splitlines()[0]}")
            return engine, {} if engine.best is None else self.taken(engine)

        with ThreadPoolExecutor(len(sets)) as threads:
            done = list(threads.map(work, sets))
        for engine, plans in done:
            self.keep_cuts(engine)
            self.note(f"{len(engine.case.sites)} sites anew after {engine.seconds:.0f} s: "
                      f"bound {engine.bound / 1e3:,.1f} best {engine.total / 1e3:,.1f}")  # fmt: skip
            changed = {**self.plans, **plans}
            if plans and self.value(changed) < self.value(self.plans) and self._holds(changed):
                self.plans = changed
        return before - self.value(self.plans)

    def _point(self, engine: Engine, sites: Sequence[str]) -> np.ndarray:
        """The plans of these sites as a point of an engine's planning model."""
        x = np.zeros(engine.arrays.count)
        for k, v in enumerate(engine.arrays.variables):
            site = v.parent_block().index()
            if site is not None and site in self.plans:
                at = self.place[site].get((v.parent_component().local_name, v.index()))
                if at is not None:
                    x[k] = self.plans[site].x[at]
        return x

    # -- taken up again ---------------------------------------------------------------------

    def state(self) -> State:
        """Cuts, prices, bound, the plans of sites and the groups that wait."""
        kinds = range(len(self.known.of))
        rows = [self.known.pool.rows(k) for k in kinds]
        width = max(r.shape[1] for r in rows)
        plans, built = list(self.plans.values()), list(self.built.values())
        return {
            "kind": np.repeat(np.array(kinds), [len(r) for r in rows]),
            "rows": np.vstack([np.pad(r, ((0, 0), (0, width - r.shape[1]))) for r in rows]),
            "costs": np.concatenate([self.known.pool.costs(k) for k in kinds]),
            "prices": self.prices, "bound": np.array(self.bound),
            "plans": text([[p.site, p.cost] for p in plans]),
            "x": np.concatenate([p.x for p in plans]) if plans else np.empty(0),
            "built": text([[p.site, p.cost] for p in built]),
            "built_x": np.concatenate([p.x for p in built]) if built else np.empty(0),
            "waiting": text([self.waiting, self.grouped]),
        }  # fmt: skip

    def _restore(self, state: State) -> None:
        for kind, row, cost in zip(state["kind"], state["rows"], state["costs"], strict=True):
            width = len(self.known.names[self.known.of[int(kind)][0]])
            self.known.pool.add(int(kind), row[:width], cost=bool(cost))
        for plans, said, points in (
            (self.plans, state["plans"], state["x"]), (self.built, state["built"], state["built_x"])
        ):  # fmt: skip
            at = 0
            for site, cost in value(said):
                x = points[at : at + self.parts[site].count]
                at += self.parts[site].count
                plans[site] = SitePlan(site, x, cost, self.parts[site].joint @ x)
        self.waiting, self.grouped = value(state["waiting"])
        self._publish()
        # The bound is not taken on trust: it comes again from the prices.
        self.price(state["prices"])
        self.note("the plans and the cuts of the run before are taken up")
        self.tell("resume")

    # -- the whole --------------------------------------------------------------------------

    def search(self, begin: Callable[[Sequence[str]], bool] | None = None) -> str:
        """Run the steps; returns why the search ended.

        ``begin`` may offer a first plan, with the help of the sites that it is given; if it
        has none without any, it is asked once more when it is known which sites pay.
        """
        if self.resumed is not None:
            self._restore(self.resumed)
        groups = self._begin(begin) if not self.grouped else [list(self.plans), *self.waiting]
        if self.gap_now() > self.gap:
            share = self.threads / max(self.threads, len(self.waiting))
            seconds = min(GROUP_SECONDS, 0.5 * self.left * share)
            self.better_prices(self.plan_groups(seconds))
            if not np.isfinite(self.total) and not self.interrupted:
                self._look_for_clash()
        return self._improve_until_done(several=len(groups) > 1)

    def _begin(self, begin: Callable[[Sequence[str]], bool] | None) -> list[list[str]]:
        """First prices and bound; the groups to be planned."""
        self.known.seed()
        self.tell("seed")
        begun = begin is None or begin(())
        first = self._uniform(FIRST_SHARE)
        found = {f.site: f.value for f in self.explore(first, 3)}
        rank = sorted(self.parts, key=lambda s: found[s] / max(self.case.sites[s].max_it_mw, 1.0))
        count = min(SAMPLE, len(rank))
        prices = self.sample([rank[int((k + 0.5) * len(rank) / count)] for k in range(count)])
        self.tell("sample")
        self.explore(prices, EXPLORE_ROUNDS)
        priced = self.price(prices)
        self.tell("prices")
        promising = self.promising(priced)
        if begin is not None and not begun:
            begin(promising[:GROUP])
        groups = self.groups(promising)
        self.waiting = list(groups)
        self.grouped = [s for g in groups for s in g]
        return groups

    def _look_for_clash(self) -> None:
        """NoPlanError if the limits that all sites share are proven to leave no plan."""

        def learn(found: Sequence[Priced]) -> None:
            self.known.learn(self._points(found), {})

        seconds = max(CLASH_SECONDS, CLASH_SHARE * self.left)
        clash = find_clash(self.case, self.joint, self.pricing, learn, seconds)
        if clash is not None:
            raise clash.error(len(self.parts))
        self.note("no plan yet: no limits that all sites share are proven to clash")

    def _improve_until_done(self, *, several: bool) -> str:
        """Plan some sites at a time anew; returns why it ended."""
        tried: dict[str, int] = {}
        stalled, patience = 0, STALLED if several else FEW_STALLED
        self._publish()
        while self.gap_now() > self.gap:
            if self.stopping():
                return "interrupted" if self.interrupted else "time_limit"
            sets = self.neighbours(self.threads if several else 1, tried)
            if not sets:
                return "exhausted"
            for s in (s for some in sets for s in some):
                tried[s] = tried.get(s, 0) + 1
            gain = self.improve(sets, NEIGHBOUR_SECONDS)
            self._publish()
            self.tell("improve")
            stalled = 0 if gain > 1e-6 * self.total else stalled + 1
            if stalled >= patience:
                return "exhausted"
        return "gap"

    def _age(self) -> None:
        """Forget cuts that no longer matter."""
        if self.known.pool.age(self.needed):
            self.pricing.forget()

    def better_prices(self, candidates: Sequence[np.ndarray]) -> None:
        """The bound at the mean of the groups' prices, and between it and the best so far."""
        self._age()
        if not candidates or self.stopping():
            return
        # A row that few groups have is priced by these; one that none has as before.
        known = ~np.isnan(candidates)
        told = np.where(known, candidates, 0.0).sum(axis=0)
        count = known.sum(axis=0)
        mean = np.where(count > 0, told / np.maximum(count, 1), self.prices)
        self.explore(mean, 2)
        self.price(mean)
        for share in (0.5, 0.25):
            if not self.stopping():
                self.price(self.prices + share * (mean - self.prices))
        self.tell("prices")

    def _publish(self) -> None:
        self.total = self.value(self.plans)

    @property
    def used(self) -> list[str]:
        """The sites of the best plan."""
        return [s for s, plan in self.plans.items() if plan.use.any()]

    def whole(self, others: Sequence[str] = (), *, learnt: bool = False) -> Engine:
        """The sites that are used, and some others, as one planning model with the best plan.

        Its bound is that of this search, which ends here: the models of all sites and their cuts
        are let go of, since this model and its dispatch need the memory.
        """
        wanted = {*self.used, *others}
        chosen = [s for s in self.parts if s in wanted] or list(self.parts)[:1]
        self._release(learnt=learnt)
        engine = self.model(chosen, self._asked_to_stop, learnt=learnt)
        engine.raise_bound(self.bound)
        truth = Truth(total=self.total, co2_price=self.co2(self.prices))
        engine.best = Incumbent(self._point(engine, chosen), truth)
        self.place.clear()
        self.plans.clear()
        self.known.pool = self.pricing.pool = SharedPool([])
        let_go()
        return engine

    def model(self, sites: Sequence[str], should_stop: ShouldStop, *, learnt: bool) -> Engine:
        """Some sites as one planning model, all others closed, with the clock and log of this search.

        With ``learnt`` it knows the cuts of these sites, and keeps the first of each block, which
        bounds its cost from below.
        """
        case = self.case.of_sites(sites)
        engine = Engine(case, self._own, None, should_stop, Given(self.oracle, (), {}))
        engine.started, engine.report, engine.limit = self.started, self.report, self.limit
        first: dict[tuple[str, int], int] = {}
        cuts = self.known.cuts_of(sites) if learnt else iter(())
        for number, (site, period, row, cost) in enumerate(cuts):
            first.setdefault((site, period), number)
            engine.known.pool.add(site, period, row, cost=cost)
        engine.seeded, engine.keep = engine.cuts, np.array(list(first.values()), dtype=int)
        return engine

    def _release(self, *, learnt: bool) -> None:
        """Let go of the models of all sites, and of their cuts unless they are asked for."""
        self._told = _Told(self.bound_again(), self.size(), self.cuts)
        self.pricing.close()
        self.parts.clear()
        if not learnt:
            self.known.pool = self.pricing.pool = SharedPool([])
        self.pricing.forget()
        self.resumed = None
        let_go()
