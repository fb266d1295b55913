"""How soon something can be online: the longest chain of steps from the plan's start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.preparing.case import Asset, Case, Hall, Offer, Site
from optimizer.preparing.schedule import Variant


@dataclass(frozen=True)
class Leg:
    """A step of a chain; months from the plan's start."""

    step: str
    start: int
    end: int


@dataclass(frozen=True)
class Soonest:
    """The soonest period in which something can be online, and the chain that it waits for.

    ``period`` is None if that is not within the plan.
    """

    site: str
    kind: str
    item: str
    variant: str
    period: int | None
    legs: tuple[Leg, ...]

    def step_at(self, month: int) -> str:
        """What is under way in a month; the last step until its period begins."""
        for leg in self.legs:
            if leg.start <= month < leg.end:
                return leg.step
        return self.legs[-1].step if self.legs else ""

    @property
    def words(self) -> str:
        """The chain in words."""
        named = ", ".join(f"{leg.step} {leg.end - leg.start}" for leg in self.legs)
        unit = "month" if named.endswith(" 1") else "months"
        return f"{self.item}: {named} {unit}" if named else self.item


def opening_period(site: Site) -> int | None:
    """First period in which the site can open."""
    can = np.flatnonzero(site.can_open)
    return int(can[0]) if len(can) else None


def _chain(case: Case, site: Site, variant: Variant) -> tuple[Leg, ...]:
    """Permit, procurement and opening, of which the last one lets construction begin."""
    lead, first = variant.lead, opening_period(site)
    opened = case.periods[first].month if first is not None else 0
    beside = bool(variant.at_risk.any())
    begun = 0 if beside else lead.permit
    ordered = begun + lead.procurement
    start = max(ordered, lead.permit, opened)
    if opened > max(ordered, lead.permit):
        legs = [Leg("opening", 0, opened)]
    elif beside and lead.permit > ordered:
        legs = [Leg("permit", 0, lead.permit)]
    else:
        legs = [Leg("permit", 0, begun), Leg("procurement", begun, ordered)]
    built = start + lead.construction
    legs += [
        Leg("construction", start, built),
        Leg("commissioning", built, built + lead.commissioning),
    ]
    return tuple(leg for leg in legs if leg.end > leg.start)


def _first(case: Case, site: Site, variant: Variant, there: np.ndarray | None = None) -> int | None:
    opened = opening_period(site)
    for p in range(len(case.periods)):
        possible = bool(variant.possible[p]) and (there is None or bool(there[p]))
        if possible and opened is not None and int(variant.open_by[p]) >= opened:
            return p
    return None


def of_hall(case: Case, site: Site, hall: Hall, variant: Variant) -> Soonest:
    """The soonest of a hall under a permit variant."""
    return Soonest(site.site, "campus_block", hall.block, variant.name,
                   _first(case, site, variant), _chain(case, site, variant))  # fmt: skip


def of_asset(case: Case, site: Site, asset: Asset, variant: Variant) -> Soonest:
    """The soonest of a technology under a permit variant."""
    return Soonest(site.site, "technology", asset.technology, variant.name,
                   _first(case, site, variant), _chain(case, site, variant))  # fmt: skip


def of_offer(case: Case, site: Site, offer: Offer, variant: Variant, mw: float = 0.0) -> Soonest:
    """The soonest of a grid offer with more than so many MW."""
    there = offer.firm_mw + offer.flexible_mw > mw + 1e-9
    period = _first(case, site, variant, there)
    legs = _chain(case, site, variant)
    served = offer.queue_months + offer.upgrade_months
    if served >= (legs[-1].end if legs else 0):
        waits = (Leg("queue", 0, offer.queue_months), Leg("upgrade", offer.queue_months, served))
        legs = tuple(leg for leg in waits if leg.end > leg.start)
    step = case.periods[int(np.argmax(there))].month if there.any() else case.horizon
    end = legs[-1].end if legs else 0
    if step > end and not _same_period(case, step, end):
        legs = (*legs, Leg("grid step", end, step))
    return Soonest(site.site, "interconnection", offer.offer, variant.name, period, legs)


def _same_period(case: Case, month: int, other: int) -> bool:
    """Whether what is ready in one month waits for the period that begins in the other."""
    return not any(other <= p.month < month for p in case.periods)


def of_site(case: Case, site: Site) -> Soonest | None:
    """What the first load at a site waits for longest: a hall or its power. None: neither."""
    halls = [of_hall(case, site, h, v) for h in site.halls for v in h.variants]
    firm = [of_asset(case, site, a, v) for a in site.assets if a.kind == "thermal"
            for v in a.variants]  # fmt: skip
    firm += [of_offer(case, site, o, v) for o in site.offers for v in o.variants]
    if not firm:
        firm = [of_asset(case, site, a, v) for a in site.assets for v in a.variants]
    if not halls or not firm:
        return None

    def when(soonest: Soonest) -> int:
        return len(case.periods) if soonest.period is None else soonest.period

    return max((min(halls, key=when), min(firm, key=when)), key=when)
