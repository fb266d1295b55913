"""The steps of a chosen plan as a network: planned months, ranges, and what each build gives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from optimizer.preparing.service import study_month
from optimizer.reading.inputs import Inputs
from optimizer.tables import BY_NAME

CHAIN = ("permit", "procurement", "construction", "commissioning")
TABLE_OF = {
    "technology": "technologies",
    "campus_block": "campus_blocks",
    "interconnection": "interconnections",
}
BUILD = ["site", "kind", "item", "variant", "period"]
Row = Mapping[Any, Any]
"""A row of a table by its columns."""


@dataclass(frozen=True)
class Step:
    """One step of a build.

    Parameters
    ----------
    start, end : planned months from the plan's start
    low, likely, high : how long it may last [months]
    basis : ``input`` (a range is stated), ``assumed`` (low or high is by this tool), ``fixed``
        (no range)
    factor : steps of the same factor share a draw
    """

    start: int
    end: int
    low: float
    likely: float
    high: float
    basis: str
    factor: str


@dataclass(frozen=True, eq=False)
class Build:
    """What comes online at once.

    Parameters
    ----------
    site, kind, item, variant, period : as in the table ``schedule``
    online : planned month from the plan's start
    steps : by name; permit, procurement, construction, commissioning always, of 0 months if none
    at_risk : procurement does not wait for the permit
    permit : site, kind and variant; the permit is granted once for all builds that share them
    gives : MW by what they are (halls, firm, second) as (month from which planned, MW)
    """

    site: str
    kind: str
    item: str
    variant: str
    period: str
    online: int
    steps: dict[str, Step]
    at_risk: bool
    permit: tuple[str, str, str]
    gives: dict[str, list[tuple[int, float]]]


def network(inputs: Inputs, tables: dict[str, pd.DataFrame]) -> list[Build]:
    """Every build of the plan's schedule with its steps."""
    schedule = tables["schedule"]
    schedule = schedule.assign(**{name: schedule[name].fillna("").astype(str) for name in BUILD})
    steps: dict[tuple[str, ...], list[Row]] = {}
    for row in schedule.to_dict("records"):
        if row["kind"] != "opening":
            steps.setdefault(tuple(row[name] for name in BUILD), []).append(row)
    reader = _Reader(inputs, tables)
    return [reader.build(key, rows) for key, rows in steps.items()]


def by_key(table: pd.DataFrame, *columns: str) -> dict[tuple[Any, ...], Row]:
    """The first row of each key."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in table.to_dict("records"):
        found.setdefault(tuple(row[name] for name in columns), row)
    return found


class _Reader:
    """Looks up ranges and sizes of builds."""

    def __init__(self, inputs: Inputs, tables: dict[str, pd.DataFrame]) -> None:
        self.input = inputs.tables
        self.start = pd.Timestamp(inputs.setting("plan_start"))
        self.sites = by_key(self.input["sites"], "site")
        self.technologies = by_key(self.input["technologies"], "technology")
        self.halls = by_key(self.input["campus_blocks"], "block", "site")
        self.offers = by_key(self.input["interconnections"], "offer", "site")
        self.upgrades = by_key(self.input["shared_upgrades"], "shared_upgrade")
        self.allowed = by_key(self.input["site_technologies"], "technology", "site")
        self.use = by_key(self.input["component_use"], "user_kind", "user")
        self.permits = by_key(self.input["permits"], "jurisdiction", "permit_kind", "variant")
        self.periods = [str(p) for p in self.input["periods"]["period"]]
        starts = [self._month(pd.Timestamp(d)) for d in self.input["periods"]["start"]]
        self.first_month = dict(zip(self.periods, starts, strict=True))
        self.sizes = _sizes(tables)
        self.grid = _grid_levels(tables["interconnection"], self.periods)

    def _month(self, date: pd.Timestamp) -> int:
        return int(12 * (date.year - self.start.year) + date.month - self.start.month)

    def build(self, key: tuple[str, ...], rows: list[Row]) -> Build:
        """One build from its rows of the schedule; ``key`` holds what ``BUILD`` names."""
        site, kind, item, variant, period = key
        at = {
            str(r["step"]): (self._month(pd.Timestamp(r["start"])),
                             self._month(pd.Timestamp(r["end"])))
            for r in rows
        }  # fmt: skip
        online = self.first_month[period]
        source = self._source(site, kind, item)
        permit_kind = str(source["permit_kind"] or "")
        ranges = self._ranges(site, kind, item, source) | {
            "permit": self._permit(site, permit_kind, variant)
        }
        steps: dict[str, Step] = {}
        following = online
        for name in reversed(CHAIN):
            begun, ended = at.get(name, (following, following))
            steps[name] = Step(begun, ended, *ranges[name])
            following = begun
        steps = {name: steps[name] for name in CHAIN}
        if kind == "interconnection":
            for name in ("queue", "upgrade"):
                begun, ended = at.get(name, (0, 0))
                steps[name] = Step(begun, ended, *ranges[name])
        at_risk = steps["permit"].end > steps["procurement"].start
        return Build(site, kind, item, variant, period, online, steps, at_risk,
                     (site, permit_kind, variant), self._gives(site, kind, item, variant, period))  # fmt: skip

    def _source(self, site: str, kind: str, item: str) -> Row:
        """The input row of what is built."""
        if kind == "technology":
            return self.technologies[item,]
        rows = self.offers if kind == "interconnection" else self.halls
        return rows[(item, site) if (item, site) in rows else (item, "*")]

    def _ranges(
        self, site: str, kind: str, item: str, source: Row
    ) -> dict[str, tuple[float, float, float, str, str]]:
        """Low, likely, high, basis and factor of the steps but the permit."""
        place = self.sites[site,]
        utility = str(place.get("utility") or place.get("market") or site)
        factors = {
            "procurement": f"market: {self._market(kind, item)}",
            "construction": f"site: {site}",
            "commissioning": f"build: {site} / {item}",
            "queue": f"queue: {utility}",
            "upgrade": f"upgrade: {utility}",
        }
        found = {}
        for name, factor in factors.items():
            if f"{name}_months" not in source:
                found[name] = (0.0, 0.0, 0.0, "fixed", factor)
                continue
            added = kind == "technology" and name == "construction"
            extra = self._added(site, item) if added else 0.0
            if kind == "interconnection" and name == "queue":
                if pd.notna(source["result_date"]):
                    month = float(max(0, self._month(pd.Timestamp(source["result_date"]))))
                    found[name] = (month, month, month, "fixed", factor)
                    continue
                extra = float(study_month(source, self.start))
            table = TABLE_OF[kind]
            if name == "upgrade" and source["shared_upgrade"]:
                shared = self.upgrades[str(source["shared_upgrade"]),]
                if shared["upgrade_months"] > source["upgrade_months"]:
                    source, table = shared, "shared_upgrades"
            found[name] = (*_range(table, source, f"{name}_months", extra), factor)
        return found

    def _added(self, site: str, technology: str) -> float:
        """Months that the site adds to construction."""
        row = self.allowed.get((technology, site), self.allowed.get((technology, "*")))
        return 0.0 if row is None else float(row["months_added"])

    def _market(self, kind: str, item: str) -> str:
        """The component that a build waits for, else the thing itself."""
        row = self.use.get((kind, item), self.use.get((kind, "*")))
        if row is not None:
            return str(row["component"])
        return item if kind == "technology" else kind.replace("_", " ")

    def _permit(self, site: str, kind: str, variant: str) -> tuple[float, float, float, str, str]:
        place = str(self.sites[site,]["jurisdiction"])
        factor = f"agency: {place} {kind}"
        row = self.permits.get((place, kind, variant))
        if not kind or row is None:
            return (0.0, 0.0, 0.0, "fixed", factor)
        return (*_range("permits", row, "months"), factor)

    def _gives(
        self, site: str, kind: str, item: str, variant: str, period: str
    ) -> dict[str, list[tuple[int, float]]]:
        """What is missing while the build is late.

        Later steps of a grid offer come with its connection: they are as late as it is.
        """
        month = self.first_month[period]
        if kind == "interconnection":
            levels = self.grid.get((site, item), {})
            return {"firm": [(self.first_month[p], mw) for p, mw in levels.items() if mw > 0]}
        mw = self.sizes.get((site, kind, item, variant, period), 0.0)
        if kind == "campus_block":
            return {"halls": [(month, mw * float(self._source(site, kind, item)["it_mw"]))]}
        row = self.technologies[item,]
        if row["class"] in ("storage", "variable"):
            return {"second": [(month, mw)]}
        share = (1 - float(row["forced_outage_rate"])) * (1 - float(row["planned_outage_rate"]))
        return {"firm": [(month, mw * share)]}


def _range(table: str, row: Row, name: str, extra: float = 0.0) -> tuple[float, float, float, str]:
    """Low, likely and high months, and the basis of the range.

    A blank low or high is what its column declares: a multiple of the likely months, which is an
    assumption of this tool and stamped as such, or as likely.
    """
    likely, was_assumed, ends = float(row[name]), False, []
    for end in ("low", "high"):
        column = BY_NAME[table].column(f"{name}_{end}")
        value: Any = row.get(column.name)
        if value is None or pd.isna(value):
            value = likely * (column.assumed or 1.0)
            was_assumed = was_assumed or value != likely
        ends.append(float(value) + extra)
    low, high = ends
    basis = "fixed" if high <= low else "assumed" if was_assumed else "input"
    return low, likely + extra, high, basis


def _sizes(tables: dict[str, pd.DataFrame]) -> dict[tuple[str, str, str, str, str], float]:
    """Blocks or MW added by site, kind, item, variant and period."""
    found: dict[tuple[str, str, str, str, str], float] = defaultdict(float)
    for name, kind, item, added in (
        ("campus", "campus_block", "block", "added_blocks"),
        ("capacity", "technology", "technology", "added_mw"),
    ):
        table = tables[name]
        variants = table["variant"].fillna("").astype(str)
        for site, what, variant, period, size in zip(
            table["site"], table[item], variants, table["period"], table[added], strict=True
        ):
            found[str(site), kind, str(what), variant, str(period)] += float(size)
    return found


def _grid_levels(
    table: pd.DataFrame, periods: list[str]
) -> dict[tuple[str, str], dict[str, float]]:
    """MW that each offer gains by period, firm and flexible."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    order = {p: k for k, p in enumerate(periods)}
    power = (table["firm_mw"] + table["flexible_mw"]).groupby(
        [table["site"], table["offer"], table["period"]], sort=False).sum()  # fmt: skip
    levels: dict[tuple[str, str], dict[str, float]] = {}
    for (site, offer, period), mw in power.items():
        levels.setdefault((str(site), str(offer)), {})[str(period)] = float(mw)
    for key, sums in levels.items():
        last, gained = 0.0, {}
        for name in sorted(sums, key=order.__getitem__):
            gained[name] = sums[name] - last
            last = sums[name]
        found[key] = gained
    return found
