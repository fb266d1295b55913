"""Dates with honesty: how late a chosen plan may be, by seeded sampling without a new solve.

The plan's builds, sizes and placement are kept; only the months of their steps vary
(``docs/results.md``, Dates). Each step has low, likely and high months and a *factor*: steps of
the same factor share one draw, so that a tight transformer market delays all who buy in it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from optimizer.reading.inputs import Inputs
from optimizer.results.network import Build, Step, network

DRAWS = 10_000
KEPT = 500
"""Steps whose draws are kept for the next build that shares them; bounds the memory."""
SMALL_MW = 0.01
"""Load below this is nothing; single precision tells this much of 10 GW apart."""
NEARLY = 0.99
"""Share of the demand from which power counts as full."""
EPSILON = 1e-6
"""Months; keeps rounding errors of sums from costing a month."""
COLUMNS = (
    "site", "kind", "item", "variant", "period", "step", "factor", "basis", "low_months",
    "likely_months", "high_months", "planned_date", "p10_date", "p50_date", "p90_date",
    "critical_first_share", "critical_full_share",
)  # fmt: skip


@dataclass(frozen=True)
class Dates:
    """What the sampling found.

    Parameters
    ----------
    table : ``tables/dates.csv``
    headline : fields of ``summary.json``
    """

    table: pd.DataFrame
    headline: dict[str, Any]


@dataclass(eq=False)
class Sampled:
    """One build in all draws; months from the plan's start, shape (draws,).

    Parameters
    ----------
    build : its steps and planned months
    ready : first month in which it serves, whole months, never before the planned one
    first, full : whether it is what first or full power waits for
    """

    build: Build
    ready: np.ndarray
    first: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    full: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))

    @property
    def latest(self) -> int:
        """Last month in which anything of it becomes available in any draw."""
        planned = [month for part in self.build.gives.values() for month, _ in part]
        late = int(self.ready.max()) - self.build.online
        return max([self.build.online, *planned]) + late


def triangular(uniform: np.ndarray, low: float, likely: float, high: float) -> np.ndarray:
    """Months of a step by the inverse of the triangular distribution.

    Examples
    --------
    >>> triangular(np.array([0.0, 0.25, 1.0]), 2.0, 4.0, 10.0).tolist()
    [2.0, 4.0, 10.0]
    """
    if high <= low:
        return np.full(uniform.shape, float(likely))
    rise, fall, width = likely - low, high - likely, high - low
    left = low + np.sqrt(uniform * width * rise)
    right = high - np.sqrt((1.0 - uniform) * width * fall)
    return np.asarray(np.where(uniform * width <= rise, left, right))


def uniforms(factor: str, seed: int, draws: int) -> np.ndarray:
    """Stratified draws of one factor; the same in every plan of the same seed."""
    digest = hashlib.sha256(factor.encode()).digest()[:8]
    generator = np.random.default_rng([seed, int.from_bytes(digest, "big")])
    return np.asarray((generator.permutation(draws) + generator.random(draws)) / draws)


def sample_dates(
    inputs: Inputs, tables: dict[str, pd.DataFrame], *, draws: int = DRAWS, seed: int | None = None
) -> Dates:
    """Sample the dates of a plan.

    Parameters
    ----------
    inputs : what was planned with
    tables : the plan's tables, as written or as read back
    draws : number of draws
    seed : of the generator; None: the case's setting
    """
    builds = network(inputs, tables)
    chosen = int(inputs.setting("seed")) if seed is None else seed
    drawn = Draws(builds, draws, chosen)
    sampled = [Sampled(b, drawn.ready(b)) for b in builds]
    load = Load(inputs, tables, sampled, draws)
    load.blame(sampled)
    rows = [*load.milestones(),
            *(row for s in sampled for row in _rows(s, drawn.ends(s.build), load))]  # fmt: skip
    return Dates(pd.DataFrame(rows, columns=list(COLUMNS)), load.headline(builds))


class Draws:
    """Months of all steps in all draws; a permit of one site, kind and variant is granted once.

    The ends of a build's steps are made when they are asked for: kept for all builds they would
    take more memory than all else.
    """

    def __init__(self, builds: list[Build], draws: int, seed: int) -> None:
        self.draws, self.seed = draws, seed
        self._drawn = lru_cache(KEPT)(self._draw)
        self.granted: dict[tuple[str, str, str], int] = {}
        for build in builds:
            start = build.steps["permit"].start
            self.granted[build.permit] = min(start, self.granted.get(build.permit, start))

    def _lasts(self, step: Step) -> np.ndarray:
        if step.high <= step.low:
            return np.full(self.draws, float(step.likely))
        return self._drawn(step.factor, step.low, step.likely, step.high)

    def _draw(self, factor: str, low: float, likely: float, high: float) -> np.ndarray:
        return triangular(uniforms(factor, self.seed, self.draws), low, likely, high)

    def ends(self, build: Build) -> dict[str, np.ndarray]:
        """When each step ends, months from the plan's start."""
        steps = build.steps
        ends = {"permit": self.granted[build.permit] + self._lasts(steps["permit"])}
        before = np.zeros(self.draws) if build.at_risk else ends["permit"]
        for name in ("procurement", "construction", "commissioning"):
            begun = np.maximum(steps[name].start, before)
            if name == "construction":
                begun = np.maximum(begun, ends["permit"])
            ends[name] = before = begun + self._lasts(steps[name])
        if "queue" in steps:
            ends["queue"] = steps["queue"].start + self._lasts(steps["queue"])
            begun = np.maximum(steps["upgrade"].start, ends["queue"])
            ends["upgrade"] = begun + self._lasts(steps["upgrade"])
        return ends

    def ready(self, build: Build) -> np.ndarray:
        """First month in which it serves, never before the planned one."""
        ends = self.ends(build)
        last = ends["commissioning"]
        if "upgrade" in ends:
            last = np.maximum(last, ends["upgrade"])
        return np.maximum(build.online, np.ceil(last - EPSILON)).astype(np.int32)


@dataclass(frozen=True)
class Lost:
    """Load of a site that does not run, without the months in which all of it does.

    Parameters
    ----------
    months : which months are kept, shape (months,)
    values : MW, shape (courses, months kept); draws in which all is ready alike share one
    course : row of ``values`` of each draw, shape (draws,)
    """

    months: np.ndarray
    values: np.ndarray
    course: np.ndarray

    @classmethod
    def of(cls, lost: np.ndarray, course: np.ndarray) -> Lost:
        """Of an array (courses, months)."""
        months: np.ndarray = np.asarray(lost.any(axis=0))
        return cls(months, lost[:, months], course)

    @property
    def kept(self) -> np.ndarray:
        """MW in the months kept, shape (draws, months kept)."""
        return np.asarray(self.values[self.course])

    def whole(self) -> np.ndarray:
        """MW, shape (draws, months)."""
        lost = np.zeros((len(self.course), len(self.months)), dtype=self.values.dtype)
        lost[:, self.months] = self.kept
        return lost


def courses(sampled: list[Sampled], draws: int) -> tuple[np.ndarray, np.ndarray]:
    """One draw of each set of months in which builds are ready, and the set of each draw."""
    ready = [s.ready for s in sampled if any(s.build.gives.values())]
    if not ready:
        return np.zeros(1, dtype=int), np.zeros(draws, dtype=np.int32)
    months = np.ascontiguousarray(np.stack(ready, axis=1))
    # A row as one value: rows are sorted several times faster than by their columns.
    rows = months.view(np.dtype((np.void, months.shape[1] * months.itemsize))).ravel()
    _, first, course = np.unique(rows, return_index=True, return_inverse=True)
    return first, course.astype(np.int32)


class Load:
    """Load that runs in each month of each draw, and when it first and fully does."""

    def __init__(
        self, inputs: Inputs, tables: dict[str, pd.DataFrame], sampled: list[Sampled], draws: int,
        latest: int = 0,
    ) -> None:  # fmt: skip
        self.start = pd.Timestamp(inputs.setting("plan_start"))
        periods = inputs.tables["periods"]
        lengths = [int(m) for m in periods["months"]]
        self.horizon = sum(lengths)
        self.months = 1 + max([self.horizon, latest, *(s.latest for s in sampled)])
        index = np.repeat(np.arange(len(lengths)), lengths)
        # After the horizon the plan stays as in its last period, so that every draw ends.
        self.period_of = np.append(index, np.full(self.months - self.horizon, len(lengths) - 1))
        self.names = [str(p) for p in periods["period"]]
        self.draws = draws
        self.sites = {s.name: s for s in _Site.all_of(inputs, tables, self.names)}
        self.site_lost: dict[str, Lost] = {}
        self.site_load: dict[str, np.ndarray] = {}
        for name, mine in self._by_site(sampled).items():
            placed = self._monthly(self.sites[name].placed).astype(np.float32)
            self.site_load[name] = placed.astype(float)
            first, course = courses(mine, draws)
            few = [Sampled(s.build, s.ready[first]) for s in mine]
            self.site_lost[name] = Lost.of(self.lost_at(name, few, len(first)), course)
        backlog = tables["backlog"].groupby("period")["backlog_mw"].sum()
        self.backlog = self._monthly([float(backlog.get(p, 0.0)) for p in self.names])
        self.plan_load = sum(self.site_load.values(), np.zeros(self.months))
        self.lost = np.zeros((draws, self.months), dtype=np.float32)
        for lost in self.site_lost.values():
            self.lost[:, lost.months] += lost.kept
        self.first = self.first_power(self.lost)
        wanted = self.backlog + self.plan_load
        self.at_peak = wanted >= NEARLY * wanted.max(initial=0.0)
        self.allowed = np.maximum(SMALL_MW, (1.0 - NEARLY) * wanted)
        self.full = self.full_power(self.lost)
        self.planned_first = self._first((self.plan_load > SMALL_MW)[None, :])[0]
        self.planned_full = self._full((self.backlog > self.allowed)[None, :])[0]
        inside = self.lost[:, : self.horizon].sum(axis=1, dtype=np.float64)
        self.delay = float(self.backlog[: self.horizon].sum()) + inside

    def _monthly(self, by_period: list[float]) -> np.ndarray:
        return np.asarray(np.array(by_period, dtype=float)[self.period_of])

    def _by_site(self, sampled: list[Sampled]) -> dict[str, list[Sampled]]:
        """Builds of each site with load."""
        found: dict[str, list[Sampled]] = {name: [] for name in self.sites}
        for s in sampled:
            if s.build.site in found:
                found[s.build.site].append(s)
        return found

    def lost_at(self, name: str, mine: list[Sampled], draws: int) -> np.ndarray:
        """Load of a site that late halls and power do not allow to run; (draws, months)."""
        site = self.sites[name]
        placed = self._monthly(site.placed).astype(np.float32)
        if not placed.any():
            return np.zeros((draws, self.months), dtype=np.float32)
        halls = self._monthly(site.halls) - self._late(mine, "halls", draws)
        firm = self._monthly(site.firm) - self._late(mine, "firm", draws)
        second = self._monthly(site.second)
        share = 1.0 - self._late(mine, "second", draws) / np.where(second > 0, second, 1.0)
        lean = self._monthly([max(0.0, n - f) for n, f in
                              zip(site.need, site.firm, strict=True)])  # fmt: skip
        need = self._monthly(site.need)
        power = np.maximum(firm, 0.0) + lean * np.clip(share, 0.0, 1.0)
        runs = placed * np.clip(power / np.where(need > 0, need, 1.0), 0.0, 1.0)
        runs = np.where(need > 0, runs, placed)
        lost = placed - np.minimum(runs, np.maximum(halls, 0.0))
        return np.where(lost > SMALL_MW, lost, 0.0).astype(np.float32)

    def _late(self, sampled: list[Sampled], what: str, draws: int) -> np.ndarray:
        """MW that the plan has in a month and a draw has not yet; shape (draws, months)."""
        late = np.zeros((draws, self.months + 1), dtype=np.float32)
        rows = np.arange(draws)
        for s in sampled:
            for month, mw in s.build.gives.get(what, ()):
                late[:, month] += mw
                until = np.minimum(self.months, month + s.ready - s.build.online)
                late[rows, until] -= mw
        return np.asarray(np.cumsum(late, axis=1)[:, : self.months])

    def _first(self, runs: np.ndarray) -> np.ndarray:
        """First month with load; ``months`` if there is none."""
        return np.where(runs.any(axis=1), runs.argmax(axis=1), self.months)

    def first_power(self, lost: np.ndarray) -> np.ndarray:
        """First month with load in each draw."""
        return self._first(self.plan_load - lost > SMALL_MW)

    def full_power(self, lost: np.ndarray) -> np.ndarray:
        """First month of each draw in which next to nothing waits."""
        return self._full(self.backlog + lost > self.allowed)

    def _full(self, short: np.ndarray) -> np.ndarray:
        """First month in which no load of the largest demand waits; ``months`` if some does.

        What is built later for cheaper or cleaner energy and is late then does not count.
        """
        return self._first(~short & self.at_peak)

    def blame(self, sampled: list[Sampled]) -> None:
        """For each build the draws in which first or full power is late and waits for it."""
        rows, none = np.arange(self.draws), np.zeros(self.draws, dtype=bool)
        for s in sampled:
            s.first = s.full = none
        for site, mine in self._by_site(sampled).items():
            lost = self.site_lost[site].whole()
            for name, at, planned in (
                ("first", self.first, self.planned_first), ("full", self.full, self.planned_full),
            ):  # fmt: skip
                if planned >= self.months:
                    continue
                eased = np.minimum(at, self.months - 1)
                before, after = lost[rows, np.maximum(at - 1, 0)], lost[rows, eased]
                eases = (at > planned) & (before > after + SMALL_MW)
                for s in mine:
                    late = s.ready - s.build.online
                    given = {m for part in s.build.gives.values() for m, _ in part}
                    if given:
                        ends = np.any([m + late == at for m in given], axis=0)
                        setattr(s, name, ends & (late > 0) & eases)

    def date(self, month: float) -> Any:
        """A month of the plan as a date; beyond what can be told: no date."""
        return pd.NaT if month >= self.months else self.start + pd.DateOffset(months=int(month))

    def spread(self, months: np.ndarray) -> list[Any]:
        """P10, P50 and P90 as dates that occur in a draw."""
        found = np.percentile(months, [10, 50, 90], method="inverted_cdf")
        return [self.date(m) for m in found]

    def milestones(self) -> list[dict[str, Any]]:
        """Rows of the whole plan and of the first load of each site."""
        rows = [
            _row("", "plan", "first power", self.date(self.planned_first), self.spread(self.first)),
            _row("", "plan", "full power", self.date(self.planned_full), self.spread(self.full)),
        ]
        for site, load in self.site_load.items():
            if load.any():
                begun = self._first(load - self.site_lost[site].whole() > SMALL_MW)
                planned = self.date(int((load > SMALL_MW).argmax()))
                rows.append(_row(site, "site", "first load", planned, self.spread(begun)))
        return rows

    def headline(self, builds: list[Build]) -> dict[str, Any]:
        """Fields of the summary."""
        said: dict[str, Any] = {}
        for name, months in (("first_power", self.first), ("full_power", self.full)):
            for quantile, date in zip(("p10", "p50", "p90"), self.spread(months), strict=True):
                said[f"{name}_{quantile}"] = None if pd.isna(date) else f"{date:%Y-%m-%d}"
        middle, late = np.percentile(self.delay, [50, 90])
        on_time = (self.full <= self.planned_full) & (self.planned_full < self.months)
        basis = [s.basis for b in builds for s in b.steps.values() if s.high > 0]
        return said | {
            "delay_mw_months_p50": float(middle),
            "delay_mw_months_p90": float(late),
            "full_power_on_time_share": float(on_time.mean()),
            "date_draws": self.draws,
            "date_basis": {name: basis.count(name) for name in ("input", "assumed", "fixed")},
        }


@dataclass(frozen=True)
class _Site:
    """What the plan has at a site in each period [MW].

    Parameters
    ----------
    placed : IT load
    halls : IT load that halls can hold
    firm : grid service, and units that run when asked, less their outage rates
    second : storage, sun and wind, which carry what firm power does not
    need : power for the load; what firm power alone gives where nothing else stands
    """

    name: str
    placed: list[float]
    halls: list[float]
    firm: list[float]
    second: list[float]
    need: list[float]

    @classmethod
    def all_of(
        cls, inputs: Inputs, tables: dict[str, pd.DataFrame], periods: list[str]
    ) -> list[_Site]:
        """The sites with load."""
        placed = _by_site(tables["placement"], "it_mw")
        halls = _by_site(tables["campus"], "standing_it_mw")
        technologies = inputs.tables["technologies"].set_index("technology")
        capacity = tables["capacity"]
        names = capacity["technology"]
        second = names.map(technologies["class"]).isin(["storage", "variable"])
        share = (1 - technologies["forced_outage_rate"]) * (1 - technologies["planned_outage_rate"])
        firm = capacity.assign(mw=capacity["standing_mw"] * names.map(share).astype(float))
        firm_mw = _by_site(firm[~second], "mw")
        second_mw = _by_site(capacity[second], "standing_mw")
        grid = tables["interconnection"]
        grid_mw = _by_site(grid.assign(mw=grid["firm_mw"] + grid["flexible_mw"]), "mw")
        ratio = _facility_ratio(tables["operation"])
        found = []
        for site in dict.fromkeys(str(name) for name in tables["placement"]["site"]):

            def series(table: dict[tuple[str, str], float], site: str = site) -> list[float]:
                return [table.get((site, p), 0.0) for p in periods]

            load, other = series(placed), series(second_mw)
            power = [a + b for a, b in zip(series(firm_mw), series(grid_mw), strict=True)]
            need = [mw * ratio.get((site, p), 1.0) for mw, p in zip(load, periods, strict=True)]
            need = [n if extra > 0 else min(n, f) for n, f, extra in
                    zip(need, power, other, strict=True)]  # fmt: skip
            found.append(cls(site, load, series(halls), power, other, need))
        return found


def _by_site(table: pd.DataFrame, column: str) -> dict[tuple[str, str], float]:
    sums = table.groupby(["site", "period"])[column].sum()
    return {(str(s), str(p)): float(v) for (s, p), v in sums.items()}


def _facility_ratio(operation: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Power for a MW of IT load, as a mean of the period."""
    load = operation[operation["technology"] == "load"]
    facility = _by_site(load[load["metric"] == "facility_mwh"], "value")
    it = _by_site(load[load["metric"] == "it_mwh"], "value")
    return {key: mwh / it[key] for key, mwh in facility.items() if it.get(key, 0.0) > 0}


def _row(site: str, kind: str, step: str, planned: Any, spread: list[Any]) -> dict[str, Any]:
    return {"site": site, "kind": kind, "item": "", "variant": "", "period": "", "step": step,
            "factor": "", "basis": "", "planned_date": planned,
            **dict(zip(("p10_date", "p50_date", "p90_date"), spread, strict=True))}  # fmt: skip


def _rows(s: Sampled, ends: dict[str, np.ndarray], load: Load) -> list[dict[str, Any]]:
    """One row for each step that takes time, and one for the day the build is ready."""
    build, rows = s.build, []
    own = {"item": build.item, "variant": build.variant, "period": build.period}
    critical = {name: _trace(s, ends, getattr(s, name)) for name in ("first", "full")}
    for name, step in build.steps.items():
        if step.high <= 0:
            continue
        planned, spread = load.date(step.end), load.spread(np.ceil(ends[name] - EPSILON))
        rows.append(_row(build.site, build.kind, name, planned, spread) | own | {
            "factor": step.factor, "basis": step.basis, "low_months": step.low,
            "likely_months": step.likely, "high_months": step.high,
            "critical_first_share": float(critical["first"][name].mean()),
            "critical_full_share": float(critical["full"][name].mean())})  # fmt: skip
    planned = load.date(build.online)
    rows.append(_row(build.site, build.kind, "online", planned, load.spread(s.ready)) | own | {
        "critical_first_share": float(s.first.mean()),
        "critical_full_share": float(s.full.mean())})  # fmt: skip
    return rows


def _trace(s: Sampled, ends: dict[str, np.ndarray], late: np.ndarray) -> dict[str, np.ndarray]:
    """The draws in which a longer step would have made the late build later still."""
    steps = s.build.steps

    def reaches(name: str, *others: Any) -> Any:
        return ends[name] >= np.maximum.reduce(np.broadcast_arrays(*others)) - EPSILON

    found = {}
    beside = ends.get("upgrade", np.zeros_like(ends["commissioning"]))
    found["commissioning"] = late & reaches("commissioning", beside)
    begun = steps["commissioning"].start
    found["construction"] = found["commissioning"] & reaches("construction", begun)
    begun = steps["construction"].start
    found["procurement"] = found["construction"] & reaches("procurement", begun, ends["permit"])
    direct = found["construction"] & reaches("permit", begun, ends["procurement"])
    found["permit"] = direct
    if not s.build.at_risk:
        found["permit"] = direct | (
            found["procurement"] & reaches("permit", steps["procurement"].start)
        )
    if "queue" in steps:
        found["upgrade"] = late & reaches("upgrade", ends["commissioning"])
        found["queue"] = found["upgrade"] & reaches("queue", steps["upgrade"].start)
    return found
