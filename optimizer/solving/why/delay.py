"""What the load that waits is waiting for: each MW-month traced to the step that holds it up.

Load that waits is served by what comes online next. Of the halls and power that this takes, the
one that could least be there earlier is followed back along its longest chain of steps: each
month of waiting belongs to the step under way in it. If the chain would allow it earlier, the
component whose slots are used up holds it up; if nothing does, it is cheaper to wait. So it is
for load that another plan would serve in that period, at a higher cost.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyomo.environ as pyo

from optimizer.model.blocks import links
from optimizer.model.parts.common import standing
from optimizer.preparing.case import Asset, Case, Hall, Offer, Site
from optimizer.preparing.schedule import Variant
from optimizer.solving.highs import Solution, run_mip
from optimizer.solving.planning_arrays import PlanningArrays
from optimizer.solving.why.again import Again
from optimizer.solving.why.grants import SHARED_SHEETS, Used
from optimizer.solving.why.timing import Soonest, of_asset, of_hall, of_offer

COLUMNS = (
    "period", "site", "kind", "item", "variant", "online_period", "cause", "chain", "mw",
    "mw_months", "usd",
)  # fmt: skip
CHEAPER, NEVER, TOGETHER = "cheaper to wait", "not served in the plan", "limits together"
LEAST_MW = 1e-6
NEAR = 1e-4
"""MW and kt by which a plan of least delay may miss what it needs, and share of its delay."""


@dataclass(frozen=True, eq=False)
class Next:
    """Something that comes online at a site in a period: how soon it could, and what it needs.

    ``slots`` are those of one more whole unit, or MW, by component; ``before`` the months from
    their delivery to the day it is online.
    """

    soonest: Soonest
    online: int
    slots: dict[str, float]
    before: int


@dataclass(frozen=True, eq=False)
class Piece:
    """Load that waits in a period and is served by the same builds."""

    period: int
    mw: float
    site: str
    online: int | None
    held_by: Soonest | None
    cause: str


class Tracing:
    """Follows the load that waits in each period of a plan."""

    def __init__(self, again: Again, limits: Sequence[Used]) -> None:
        self.again, self.case, self.limits = again, again.case, limits
        again.load(again.x)
        self.model = again.planning.model
        periods = range(len(self.case.periods))
        self.waits = np.zeros(len(self.case.periods))
        self.price = np.zeros(len(self.case.periods))
        for (w, _, p), v in self.model.backlog.items():
            self.waits[p] += float(v.value or 0.0)
            self.price[p] += float(v.value or 0.0) * self.case.workloads[w].delay_price
        self.price = np.divide(self.price, self.waits, where=self.waits > 0,
                               out=np.zeros(len(self.case.periods)))  # fmt: skip
        loads = {s: again.arrays.link[s][: len(self.case.workloads)] for s in self.case.sites}
        self.placed = {s: again.x[k].sum(axis=0) for s, k in loads.items()}
        self.builds = {s: list(self._builds(self.case.sites[s])) for s in self.case.sites}
        self.spare = {c.component: self._spare_slots(c.component) for c in self.case.components}
        self.least = [float("nan")] * len(periods)
        self.proven = False

    # -- the plan ------------------------------------------------------------------------------

    def _new(self, cumulative: Any, key: tuple[str, str], p: int) -> float:
        here = float(cumulative[(*key, p)].value or 0.0)
        return here - (float(cumulative[(*key, p - 1)].value or 0.0) if p else 0.0)

    def _builds(self, site: Site) -> Iterator[tuple[Next, str]]:
        """What comes online at a site, with what it gives: halls, firm or other power."""
        case, block = self.case, self.model.site[site.site]
        for p in range(len(case.periods)):
            for hall in site.halls:
                for v in hall.variants:
                    if self._new(block.halls, (hall.block, v.name), p) > 0.5:
                        made = of_hall(case, site, hall, v)
                        yield self._next(made, v, p, "campus_block", hall), "halls"
            for asset in site.assets:
                count = block.units if asset.unit_mw else block.built_mw
                for v in asset.variants:
                    if self._new(count, (asset.technology, v.name), p) > LEAST_MW:
                        made = of_asset(case, site, asset, v)
                        gives = "firm" if asset.kind == "thermal" else "other"
                        yield self._next(made, v, p, "technology", asset), gives
            for offer in site.offers:
                for v in offer.variants:
                    yield from self._levels(site, block, offer, v, p)

    def _levels(
        self, site: Site, block: Any, offer: Offer, variant: Variant, p: int
    ) -> Iterator[tuple[Next, str]]:
        """A connection, or more MW of it: only what the step before did not allow is late."""
        key = (offer.offer, variant.name)
        more = self._new(block.firm_mw, key, p) + self._new(block.flexible_mw, key, p)
        if more <= LEAST_MW:
            return
        before = 0.0
        if p:
            before = sum(float(v[(*key, p - 1)].value or 0.0)
                         for v in (block.firm_mw, block.flexible_mw))  # fmt: skip
        made = of_offer(self.case, site, offer, variant, before)
        yield self._next(made, variant, p, "interconnection", offer), "firm"

    def _next(
        self, soonest: Soonest, variant: Variant, p: int, user_kind: str, what: Hall | Asset | Offer
    ) -> Next:
        slots = {}
        unit_mw = what.it_mw if isinstance(what, Hall) else getattr(what, "unit_mw", 0.0) or 1.0
        for component in self.case.components:
            per_mw, per_unit = component.needs(user_kind, soonest.item)
            need = per_mw * unit_mw + per_unit
            if need > 0:
                slots[component.component] = need
        before = self.case.periods[p].month - int(variant.delivery[p])
        return Next(soonest, p, slots, before)

    def _spare_slots(self, name: str) -> tuple[bool, np.ndarray, np.ndarray]:
        """Whether slots keep, and what is delivered and due in each month of the plan."""
        component = next(c for c in self.case.components if c.component == name)
        delivered, due = np.zeros(self.case.horizon), np.zeros(self.case.horizon)
        for month, amount in component.supply.items():
            if month < self.case.horizon:
                delivered[max(month, 0)] += amount
        for site in self.model.site.values():
            for key, terms in site.joint.items():
                if key[0] == "slot" and key[1] == name and key[2] < self.case.horizon:
                    due[max(key[2], 0)] += sum(float(pyo.value(t)) for t in terms)
        return component.stockable, delivered, due

    # -- the chain -------------------------------------------------------------------------------

    def pieces(self) -> Iterator[Piece]:
        """Load that waits in each period, by what serves it next."""
        gains = self._gains()
        for p in np.flatnonzero(self.waits > LEAST_MW):
            left = float(self.waits[p])
            for q in range(int(p) + 1, len(self.case.periods)):
                total = sum(gains[q].values())
                taken = min(left, total)
                if taken <= LEAST_MW:
                    continue
                for site, mw in gains[q].items():
                    yield self._piece(int(p), taken * mw / total, site, q)
                left -= taken
            if left > LEAST_MW:
                yield Piece(int(p), left, "", None, None, NEVER)

    def _gains(self) -> list[dict[str, float]]:
        """By period what each site serves more than it ever did before [MW]."""
        gains: list[dict[str, float]] = []
        most = dict.fromkeys(self.case.sites, 0.0)
        for p in range(len(self.case.periods)):
            gains.append({})
            for site, placed in self.placed.items():
                if placed[p] - most[site] > LEAST_MW:
                    gains[-1][site] = float(placed[p] - most[site])
                    most[site] = float(placed[p])
        return gains

    def _piece(self, p: int, mw: float, site: str, online: int) -> Piece:
        needed = list(self._needed(p, mw, site, online))
        late = [n for n in needed if n.soonest.period is None or n.soonest.period > p]
        if late:
            last = max(late, key=lambda n: _when(self.case, n.soonest))
            month = self.case.periods[p].month
            return Piece(p, mw, site, online, last.soonest, last.soonest.step_at(month))
        for build in needed:
            for component, need in build.slots.items():
                if not self._has_slots(component, need, build, p):
                    return Piece(p, mw, site, online, build.soonest, f"slots: {component}")
        return Piece(p, mw, site, online, needed[0].soonest if needed else None, CHEAPER)

    def _needed(self, p: int, mw: float, site: str, online: int) -> Iterator[Next]:
        """What comes online until then without which the site could not serve more in p."""
        block, place = self.model.site[site], self.case.sites[site]
        between = [(n, gives) for n, gives in self.builds[site] if p < n.online <= online]
        load = float(self.placed[site][p]) + mw
        halls = sum(
            h.it_mw * float(pyo.value(standing(block.halls, (h.block, v.name), h.serves, p)))
            for h in place.halls for v in h.variants
        )  # fmt: skip
        if load > halls + LEAST_MW:
            yield from (n for n, gives in between if gives == "halls")
        need = load * self._peak(place, p)
        firm = self._firm(place, p)
        if need > firm + LEAST_MW:
            powers = [n for n, gives in between if gives == "firm"]
            yield from powers or [n for n, gives in between if gives == "other"]

    def _peak(self, site: Site, p: int) -> float:
        """Facility MW at the dearest hour for a MW of load."""
        hours = self.case.periods[p].hours
        shape = max(float((site.pue[hours] * w.load[hours]).max())
                    for w in self.case.workloads.values())  # fmt: skip
        return shape

    def _firm(self, site: Site, p: int) -> float:
        """Power of a site in a period that does not hang on the weather [MW]."""
        block, hours = self.model.site[site.site], self.case.periods[p].hours
        mw = sum(
            float(block.standing_mw[a.technology, p].value or 0.0)
            * float(a.availability[hours].min())
            for a in site.assets if a.kind == "thermal"
        )  # fmt: skip
        if site.offers:
            mw += float(block.link[links.FIRM, p].value or 0.0)
            mw += sum(float(block.link[links.flexible(o), p].value or 0.0)
                      * (1.0 - float(o.cut[hours].max())) for o in site.offers)  # fmt: skip
        return mw

    def _has_slots(self, component: str, need: float, build: Next, p: int) -> bool:
        """Whether slots that are not used yet could be delivered for a build online in p."""
        stockable, delivered, due = self.spare[component]
        periods = self.case.periods
        start = periods[p].month - build.before
        end = periods[build.online].month - build.before
        if start < 0:
            return False
        if not stockable:
            period = next(q for q in reversed(periods) if q.month <= start)
            window = slice(period.month, period.month + period.months)
            return bool(delivered[window].sum() - due[window].sum() >= need - LEAST_MW)
        left = np.cumsum(delivered) - np.cumsum(due)
        # Later deliveries, which the build takes in the plan, are free again from then on.
        return bool((left[start : max(end, start + 1)] >= need - LEAST_MW).all())

    # -- what another plan would serve -----------------------------------------------------------

    def ask(self, seconds: float) -> Iterator[str]:
        """Asks for the load that waits in a plan of least delay, whatever it costs.

        Found with the cuts that say what cannot be served, and from the plan on: the plan
        found may not be the one of least delay, but it is a plan.
        """
        again, arrays = self.again, self.again.arrays
        if not arrays.delay.any():
            return
        lower, upper = arrays.lower.copy(), arrays.upper.copy()
        lower[arrays.operating_columns] = upper[arrays.operating_columns] = 0.0
        variant = replace(arrays, cost=arrays.delay, constant=0.0, lower=lower, upper=upper)
        mine = float(arrays.delay @ again.x)
        while min(again.left, seconds) > 0:
            begun = time.monotonic()
            found = self._least(variant, min(again.left, seconds))
            x = found.x
            if x is None:
                return
            own = float(arrays.delay @ x) >= mine * (1 - NEAR)
            if own or self._is_served(x):
                self.least = [float(mw) for mw in self.waits] if own else self._waiting(x)
                self.proven = found.optimal
                return
            seconds -= time.monotonic() - begun
            yield "delay"

    def _is_served(self, x: np.ndarray) -> bool:
        """Whether all energy can be served, within the CO2 caps; what is short is learnt."""
        known = self.again.known
        short = known.missing(x)
        known.require_quotas(x, set(known.caps))
        return not short and not len(self._violated(x))

    def _capacity(self) -> np.ndarray:
        """The cuts that tell what cannot be served or not within the CO2 caps."""
        rows = self.again.pool.matrix(np.arange(len(self.again.pool)))
        costs = rows[:, self.again.arrays.operating_columns].getnnz(axis=1)
        return np.flatnonzero(costs == 0)

    def _violated(self, x: np.ndarray) -> np.ndarray:
        """Those of them that a plan violates."""
        cuts = self._capacity()
        return cuts[self.again.pool.slack(x, cuts) < -NEAR]

    def _least(self, variant: PlanningArrays, seconds: float) -> Solution:
        again = self.again
        model = again.model(variant, self._capacity(), whole=True)
        start = self.again.x.copy()
        start[variant.operating_columns] = 0.0
        return run_mip(model, variant.integer, max(0.1, seconds), start)

    def _waiting(self, x: np.ndarray) -> list[float]:
        waits = np.zeros(len(self.case.periods))
        for (_, _, p), v in self.model.backlog.items():
            if (k := self.again.column(v)) >= 0:
                waits[p] += float(x[k])
        return [float(mw) for mw in waits]

    # -- what is told ------------------------------------------------------------------------------

    def table(self) -> pd.DataFrame:
        """``tables/delay_causes.csv``; its sums are the plan's delay."""
        self.again.load(self.again.x)  # other questions have left other plans in the model
        rows: dict[tuple[Any, ...], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
        by_period: dict[int, list[Piece]] = defaultdict(list)
        for piece in self.pieces():
            by_period[piece.period].append(piece)
        for p, pieces in by_period.items():
            for piece, cause, mw in self._split(p, pieces):
                for month, share in self._months(p):
                    step = self._step(piece, cause, month)
                    key = self._key(piece, step)
                    rows[key][0] = max(rows[key][0], mw)
                    rows[key][1] += mw * share
                    rows[key][2] += 1e3 * mw * share * self.price[p] * self.case.factor[month]
        made = [dict(zip(COLUMNS, (*key, *values), strict=True)) for key, values in rows.items()]
        return pd.DataFrame(made, columns=list(COLUMNS))

    def _split(self, p: int, pieces: list[Piece]) -> Iterator[tuple[Piece, str, float]]:
        """Each piece by what no plan serves in p, and what another plan would."""
        free = sum(piece.mw for piece in pieces if piece.cause in (CHEAPER, NEVER))
        held = sum(piece.mw for piece in pieces) - free
        # NaN, where it was not asked: what the chain holds up is not to be avoided.
        avoidable = max(0.0, float(self.waits[p]) - self.least[p])
        share = kept = 0.0
        if avoidable - free > LEAST_MW and held > 0:
            share = min(1.0, (avoidable - free) / held)
        if self.proven and free - avoidable > LEAST_MW:
            kept = (free - avoidable) / free
        for piece in pieces:
            if piece.cause in (CHEAPER, NEVER):
                parts = ((piece.cause, 1.0 - kept), (self._limit(piece), kept))
            else:
                parts = ((piece.cause, 1.0 - share), (CHEAPER, share))
            yield from ((piece, c, k * piece.mw) for c, k in parts if k * piece.mw > LEAST_MW)

    def _limit(self, piece: Piece) -> str:
        """A limit that binds where nothing of the chain holds load up, and no plan serves it."""
        year = self.case.periods[piece.period].year
        own = [u for u in self.limits
               if piece.site in u.sites and u.limit.sheet not in SHARED_SHEETS]  # fmt: skip
        spent = [u for u in self.limits if u.limit.group == "budget" and year in u.limit.key]
        emitted = [u for u in self.limits if u.limit.group == "co2_cap"]
        return next((u.limit.group for u in (*spent, *own, *emitted)), TOGETHER)

    def _months(self, p: int) -> Iterator[tuple[int, float]]:
        period = self.case.periods[p]
        yield from ((m, 1.0) for m in range(period.month, period.month + period.months))

    def _step(self, piece: Piece, cause: str, month: int) -> str:
        """The step under way in a month; slots and what is cheaper have none."""
        held = piece.held_by
        if cause != piece.cause or held is None or cause in (CHEAPER, NEVER, TOGETHER):
            return cause
        return cause if cause.startswith("slots") else held.step_at(month)

    def _key(self, piece: Piece, cause: str) -> tuple[Any, ...]:
        held = piece.held_by
        online = "" if piece.online is None else self.case.periods[piece.online].name
        item = ("", "", "") if held is None else (held.kind, held.item, held.variant)
        chain = "" if held is None else held.words
        return (self.case.periods[piece.period].name, piece.site, *item, online, cause, chain)


def _when(case: Case, soonest: Soonest) -> tuple[int, int]:
    end = soonest.legs[-1].end if soonest.legs else 0
    return (len(case.periods) if soonest.period is None else soonest.period, end)
