"""The decision calendar: until when each step of the plan must be signed, and what a slip costs.

The plan is kept: builds, sizes and placement (``docs/readiness.md``). A decision that slips moves
the steps that follow it through the network of the schedule, and load waits until they are done.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from optimizer.preparing.case import Case
from optimizer.results.dates import Load, Sampled
from optimizer.results.network import CHAIN, Build
from optimizer.results.outlay import Key, Outlay

DAYS_AHEAD = 90
"""What must be signed within so many days of the plan's start is due."""
COLUMNS = (
    "site", "decision", "kind", "item", "variant", "period", "amount", "unit", "status",
    "planned_date", "sign_by", "safe_by", "online_date", "due_soon", "value_usd", "due_usd",
    "slip_months", "first_power_late_months", "full_power_late_months", "lost_mw_months",
    "lost_usd",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Decision:
    """One thing to sign, file or begin; months are from the plan's start.

    Parameters
    ----------
    site, kind, item, variant, period : what it is about, as in the table ``schedule``
    name : what is done
    step : step of the builds that begins with it; ``open`` for the opening of a site
    builds : what waits for it
    planned : month in which the plan does it
    latest : last month in which it moves no online date, at the planned months of all steps
    safe : the same if every later step takes its high months
    amount, unit : how much of it
    value : undiscounted price of what is ordered [US$]
    due : what of it is paid in the month of signing [US$]
    """

    site: str
    kind: str
    item: str
    variant: str
    period: str
    name: str
    step: str
    builds: tuple[Build, ...]
    planned: int
    latest: int
    safe: int
    amount: float
    unit: str
    value: float
    due: float

    @property
    def online(self) -> int:
        """Online month of the first build that waits for it."""
        return min(b.online for b in self.builds)


@dataclass(frozen=True)
class Times:
    """Planned months of a build's steps, and the latest month in which each may begin."""

    months: dict[str, int]
    excess: dict[str, int]
    latest: dict[str, int]

    @classmethod
    def of(cls, build: Build) -> Times:
        """From online backwards; procurement at risk does not wait for the permit."""
        months = {name: step.end - step.start for name, step in build.steps.items()}
        excess = {name: max(0, math.ceil(step.high - 1e-6) - months[name])
                  for name, step in build.steps.items()}  # fmt: skip
        latest = {"commissioning": build.online - months["commissioning"]}
        latest["construction"] = latest["commissioning"] - months["construction"]
        latest["procurement"] = latest["construction"] - months["procurement"]
        before = "construction" if build.at_risk else "procurement"
        latest["permit"] = latest[before] - months["permit"]
        if "upgrade" in months:
            latest["upgrade"] = build.online - months["upgrade"]
            latest["queue"] = latest["upgrade"] - months["queue"]
        return cls(months, excess, latest)

    def safe(self, step: str, *, at_risk: bool) -> int:
        """Latest month of a step if it and all that follow take their high months."""
        if step in ("queue", "upgrade"):
            following: tuple[str, ...] = ("queue", "upgrade") if step == "queue" else ("upgrade",)
        else:
            following = CHAIN[CHAIN.index(step) :]
            if step == "permit" and at_risk:
                following = ("permit", "construction", "commissioning")
        return self.latest[step] - sum(self.excess[name] for name in following)


def decisions(
    case: Case, tables: Mapping[str, pd.DataFrame], builds: list[Build], outlays: list[Outlay]
) -> list[Decision]:
    """Every decision of the plan, by the month in which it must be taken.

    Parameters
    ----------
    case : what was planned with
    tables : the plan's tables
    builds : the steps of what it builds
    outlays : what is paid for each build, permit and opening
    """
    amounts = _amounts(tables["schedule"])
    paid = {o.key: o for o in outlays}
    times = {id(b): Times.of(b) for b in builds}
    found = [*_permits(builds, times, paid), *_openings(case, tables, builds, times, paid)]
    for build in builds:
        amount, unit = amounts.get(_key(build), (math.nan, ""))
        found += _of_build(build, times[id(build)], amount, unit, paid.get(_key(build)))
    return sorted(found, key=lambda d: (d.latest, d.planned, d.site, d.item, d.name))


def _key(build: Build) -> Key:
    return build.site, build.kind, build.item, build.variant, build.period


def _amounts(schedule: pd.DataFrame) -> dict[Key, tuple[float, str]]:
    """Amount and unit of each build."""
    if "amount" not in schedule:
        return {}
    online = schedule[schedule["step"] == "online"]
    return {
        (str(r.site), str(r.kind), str(r.item), _text(r.variant), str(r.period)):
        (float(r.amount), str(r.unit)) for r in online.itertuples()
    }  # fmt: skip


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _permits(
    builds: list[Build], times: dict[int, Times], paid: dict[Key, Outlay]
) -> Iterator[Decision]:
    """Applications: a permit of one site, kind and variant is granted once for all its builds."""
    under: dict[tuple[str, str, str], list[Build]] = {}
    for build in builds:
        if build.permit[1] and build.steps["permit"].high > 0:
            under.setdefault(build.permit, []).append(build)
    for (site, kind, variant), waiting in under.items():
        planned = min(b.steps["permit"].start for b in waiting)
        latest = min(times[id(b)].latest["permit"] for b in waiting)
        safe = min(times[id(b)].safe("permit", at_risk=b.at_risk) for b in waiting)
        first = min(waiting, key=lambda b: b.online)
        outlay = paid.get((site, "permit", kind, variant, ""))
        yield Decision(site, "permit", kind, variant, first.period, "apply for permit", "permit",
                       tuple(waiting), planned, latest, safe, 1.0, "permit", *_value(outlay))  # fmt: skip


def _openings(
    case: Case, tables: Mapping[str, pd.DataFrame], builds: list[Build],
    times: dict[int, Times], paid: dict[Key, Outlay],
) -> Iterator[Decision]:  # fmt: skip
    """Sites open at the start of a period; construction needs them open only when it begins."""
    starts = {p.name: p.month for p in case.periods}
    opened = tables["sites"]
    if "open_period" not in opened:
        return
    of_site: dict[str, list[Build]] = {}
    for build in builds:
        of_site.setdefault(build.site, []).append(build)
    for r in opened[opened["opened"].astype(bool)].itertuples():
        site = str(r.site)
        waiting = of_site.get(site, [])
        if waiting:
            latest = min(times[id(b)].latest["construction"] for b in waiting)
            safe = min(times[id(b)].safe("construction", at_risk=b.at_risk) for b in waiting)
            outlay = paid.get((site, "opening", site, "", ""))
            yield Decision(site, "opening", site, "", str(r.open_period), "open site", "open",
                           tuple(waiting), starts[str(r.open_period)], latest, safe, 1.0, "site",
                           *_value(outlay))  # fmt: skip


def _value(outlay: Outlay | None) -> tuple[float, float]:
    """What is ordered and what of it is paid at once."""
    return (0.0, 0.0) if outlay is None else (outlay.total, outlay.first_payment)


def _of_build(
    build: Build, times: Times, amount: float, unit: str, outlay: Outlay | None
) -> Iterator[Decision]:
    """Grid request and agreement, order and start of construction of one build.

    The price stands at the first of them that binds: the agreement of a connection, else the
    order, or the start of construction where nothing is procured.
    """
    months, steps = times.months, build.steps
    value = _value(outlay)

    def made(name: str, step: str, money: tuple[float, float] = (0.0, 0.0)) -> Decision:
        return Decision(*_key(build), name, step, (build,), steps[step].start, times.latest[step],
                        times.safe(step, at_risk=build.at_risk), amount, unit, *money)  # fmt: skip

    if build.kind == "interconnection":
        if months["queue"] > 0:
            yield made("file grid request", "queue")
        first = "upgrade" if months["upgrade"] > 0 else "procurement"
        yield made("sign grid agreement", first, value)
        value = (0.0, 0.0)
    if months["procurement"] > 0 or (
        build.kind != "interconnection" and months["construction"] == 0
    ):
        yield made("order", "procurement", value)
        value = (0.0, 0.0)
    if months["construction"] > 0:
        yield made("start construction", "construction", value)


def ready(build: Build, granted: int, late: Mapping[str, int], opened: int) -> int:
    """Month in which a build serves when some steps begin late.

    Parameters
    ----------
    build : with its planned steps
    granted : month in which its permit is granted
    late : earliest month of a step, where that is not the planned one
    opened : month in which the site is open; later than planned only if that slips
    """
    steps = build.steps
    months = {name: step.end - step.start for name, step in steps.items()}

    def begun(step: str, *after: int) -> int:
        return max(steps[step].start, late.get(step, 0), *after)

    at = begun("procurement", 0 if build.at_risk else granted) + months["procurement"]
    at = begun("construction", at, granted, opened) + months["construction"]
    at = begun("commissioning", at) + months["commissioning"]
    if "queue" in steps:
        queued = begun("queue", 0) + months["queue"]
        at = max(at, begun("upgrade", queued) + months["upgrade"])
    return max(build.online, at)


def after_slip(decision: Decision, slip: int, build: Build, granted: dict[Any, int]) -> int:
    """When a build is ready if the decision is taken ``slip`` months after its latest month."""
    if build not in decision.builds:
        return build.online
    when, grant = decision.latest + slip, granted[build.permit]
    if decision.step == "permit":
        return ready(build, when + _permit_months(build), {}, 0)
    if decision.step == "open":
        return ready(build, grant, {}, when)
    return ready(build, grant, {decision.step: when}, 0)


def _permit_months(build: Build) -> int:
    return build.steps["permit"].end - build.steps["permit"].start


def calendar(
    case: Case, tables: dict[str, pd.DataFrame], builds: list[Build], found: list[Decision],
    status: Mapping[int, str],
) -> pd.DataFrame:  # fmt: skip
    """``tables/decisions.csv``.

    Parameters
    ----------
    found : the decisions
    status : open, part or done by place in ``found``; without one it is open
    """
    lost = _losses(case, tables, builds, found)
    soon = case.start + pd.Timedelta(days=DAYS_AHEAD)
    rows = []
    for k, (d, loss) in enumerate(zip(found, lost, strict=True)):
        by = _date(case, d.latest)
        state = status.get(k, "open")
        rows.append({
            "site": d.site, "decision": d.name, "kind": d.kind, "item": d.item,
            "variant": d.variant, "period": d.period, "amount": d.amount, "unit": d.unit,
            "status": state, "planned_date": _date(case, d.planned), "sign_by": by,
            "safe_by": _date(case, d.safe), "online_date": _date(case, d.online),
            "due_soon": by <= soon and state != "done", "value_usd": d.value, "due_usd": d.due,
            **loss})  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _date(case: Case, month: int) -> pd.Timestamp:
    return case.start + pd.DateOffset(months=month)


def slip_months(case: Case, month: int) -> int:
    """Length of the planning period in which a month lies."""
    later = [p for p in case.periods if p.month <= max(month, 0)]
    return later[-1].months


def _losses(
    case: Case, tables: dict[str, pd.DataFrame], builds: list[Build], found: list[Decision]
) -> list[dict[str, Any]]:
    """What each decision loses when it slips by one period, alone, after its latest month.

    A slip moves builds of its own site only: the others lose what they lose in the plan.
    """
    granted: dict[Any, int] = {}
    for b in builds:
        done = b.steps["permit"].start + _permit_months(b)
        granted[b.permit] = min(done, granted.get(b.permit, done))
    of_site: dict[str, list[Build]] = {}
    for b in builds:
        of_site.setdefault(b.site, []).append(b)
    places: dict[str, list[int]] = {}
    for k, d in enumerate(found):
        places.setdefault(d.site, []).append(k)
    slips = [slip_months(case, d.latest) for d in found]
    slipped = {
        site: [Sampled(b, np.array([after_slip(found[k], slips[k], b, granted) for k in mine]))
               for b in of_site.get(site, ())]
        for site, mine in places.items()
    }  # fmt: skip
    latest = max((s.latest for moved in slipped.values() for s in moved), default=0)
    planned = [Sampled(b, np.array([b.online])) for b in builds]
    load = Load(case.inputs, tables, planned, 1, latest)
    prices = _delay_prices(case, tables["placement"])
    kept = {site: _sums(lost.whole(), load.horizon, prices[site])
            for site, lost in load.site_lost.items()}  # fmt: skip
    everywhere = sum(kept.values(), np.zeros((1, 2)))
    losses: dict[int, dict[str, Any]] = {}
    for site, mine in places.items():
        lost, sums = load.lost.repeat(len(mine), axis=0), everywhere.repeat(len(mine), axis=0)
        if site in kept:
            own = load.lost_at(site, slipped[site], len(mine))
            lost = lost - load.site_lost[site].whole() + own
            sums = sums - kept[site] + _sums(own, load.horizon, prices[site])
        first, full = load.first_power(lost), load.full_power(lost)
        for at, k in enumerate(mine):
            losses[k] = {
                "slip_months": slips[k],
                "first_power_late_months": _later(first[at], load.planned_first, load.months),
                "full_power_late_months": _later(full[at], load.planned_full, load.months),
                "lost_mw_months": float(sums[at, 0]), "lost_usd": float(sums[at, 1])}  # fmt: skip
    return [losses[k] for k in range(len(found))]


def _sums(lost: np.ndarray, horizon: int, price: np.ndarray) -> np.ndarray:
    """MW-months and US$ lost within the horizon, shape (draws, 2)."""
    inside = lost[:, :horizon].astype(float)
    return np.column_stack([inside.sum(axis=1), inside @ price])


def _later(month: int, planned: int, end: int) -> float:
    """Months by which a milestone moves; missing where the plan never gets there."""
    return math.nan if planned >= end else float(month - planned)


def _delay_prices(case: Case, placement: pd.DataFrame) -> dict[str, np.ndarray]:
    """Mean price of a waiting MW-month of what is placed at each site, by month [US$]."""
    price = placement["workload"].map({w: 1e3 * v.delay_price for w, v in case.workloads.items()})
    sums = placement.assign(usd=placement["it_mw"] * price).groupby(["site", "period"])[
        ["it_mw", "usd"]].sum()  # fmt: skip
    mean = {(str(site), str(period)): usd / mw if mw > 0 else 0.0
            for (site, period), mw, usd in zip(sums.index, sums["it_mw"], sums["usd"], strict=True)}  # fmt: skip
    months = [p.months for p in case.periods]
    return {
        site: np.repeat([mean.get((site, p.name), 0.0) for p in case.periods], months)
        for site in dict.fromkeys(str(name) for name in placement["site"])
    }
