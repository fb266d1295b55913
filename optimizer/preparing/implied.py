"""What a case implies before any solving: earliest power, and MW wanted against the most possible.

Everything here is read off the tables by the rules of ``docs/model.md`` (Lead times); nothing is
solved. The most that could be online is an upper bound: a plan may find less.
"""

from __future__ import annotations

import bisect
import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from optimizer.preparing.calendar import Period, make_periods, months_between
from optimizer.preparing.schedule import life_months
from optimizer.preparing.service import result_month, upgrade_months
from optimizer.reading.inputs import Inputs

Row = Mapping[Hashable, Any]
STEPS = ("procurement", "construction", "commissioning")
MOST_SITES_IN_FULL, MOST_LINES = 6, 60


@dataclass(frozen=True)
class Earliest:
    """When something can be online first at a site.

    Parameters
    ----------
    site, source : where, and which technology, offer or block
    kind : ``technology``, ``grid`` or ``hall``
    month : months from the plan's start, before rounding to periods
    date : that month's first day
    period : name of the first period in which it can be online; "" if none in the plan
    index : its position, -1 if none
    online : its start; NaT if none
    lost_months : months between the two; NaN if none
    step : what makes it so late: the longest step, or what the others wait for
    chain : all steps with their months
    """

    site: str
    source: str
    kind: str
    month: int
    date: pd.Timestamp
    period: str
    index: int
    online: pd.Timestamp
    lost_months: float
    step: str
    chain: str


@dataclass(frozen=True)
class Attainable:
    """MW of IT load wanted and the most that could be online in a period, limit by limit.

    ``by_halls``, ``by_sites`` (max_it_mw), ``by_land`` and ``by_power`` sum over the sites what
    that limit alone would allow; ``by_slots`` is what component deliveries allow for halls;
    ``possible_mw`` takes the least at each site, and then the slots.
    """

    period: str
    start: pd.Timestamp
    wanted_mw: float
    possible_mw: float
    by_halls: float
    by_sites: float
    by_land: float
    by_power: float
    by_slots: float

    @property
    def short_mw(self) -> float:
        """MW that no plan can place."""
        return max(0.0, self.wanted_mw - self.possible_mw)


@dataclass(frozen=True)
class Implied:
    """All that is implied; the rows in the order of the sites and of the periods."""

    start: pd.Timestamp
    earliest: tuple[Earliest, ...]
    attainable: tuple[Attainable, ...]

    def frames(self) -> dict[str, pd.DataFrame]:
        """Both as tables, by name."""
        columns = ["site", "source", "kind", "date", "online", "period", "lost_months", "step",
                   "chain"]  # fmt: skip
        return {
            "_earliest": pd.DataFrame([vars(e) for e in self.earliest], columns=["index", *columns])[
                columns
            ],
            "_possible": pd.DataFrame([{**vars(a), "short_mw": a.short_mw} for a in self.attainable]),
        }  # fmt: skip


def implied(inputs: Inputs) -> Implied:
    """Earliest power and attainable MW of checked inputs."""
    reckoning = _Reckoning(inputs)
    earliest = tuple(e for site in reckoning.sites for e in reckoning.of_site(site))
    return Implied(reckoning.start, earliest, reckoning.attainable(earliest))


def _records(frame: pd.DataFrame) -> list[dict[Hashable, Any]]:
    records: list[dict[Hashable, Any]] = frame.to_dict("records")
    return records


class _Reckoning:
    """Tables as plain rows, and what the rules make of them."""

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        tables = {name: _records(frame) for name, frame in inputs.tables.items()}
        self.start = pd.Timestamp(inputs.setting("plan_start"))
        self.which = str(inputs.setting("lead_times"))
        self.periods: tuple[Period, ...] = make_periods(inputs.tables["periods"], self.start, 0.0)
        self.first_months = [p.month for p in self.periods]
        self.sites = tables["sites"]
        self.technologies = {r["technology"]: r for r in tables["technologies"]}
        self.permits: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in tables["permits"]:
            self.permits[row["jurisdiction"], row["permit_kind"]].append(row)
        self.allowed = self._by_site(tables["site_technologies"], "technology")
        self.blocks = self._by_site(tables["campus_blocks"], "block")
        self.offers: dict[str, list[Row]] = defaultdict(list)
        for row in tables["interconnections"]:
            self.offers[row["site"]].append(row)
        self.steps: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in sorted(tables["interconnection_steps"], key=lambda r: r["from_date"]):
            self.steps[row["site"], row["offer"]].append(row)
        self.tables = tables
        self.shared_upgrades = inputs.tables["shared_upgrades"]
        self.dates: dict[int, pd.Timestamp] = {}
        self.means: dict[tuple[str, int], float] = {}
        self.limited = {
            r["fuel"] for r in tables["fuels"] if r["counts_against_gas_limit"]
        }  # fmt: skip

    def _by_site(self, rows: Sequence[Row], key: str) -> dict[str, dict[str, Row]]:
        """Rows of each site by key; a row that names the site goes before ``*``."""
        general = {r[key]: r for r in rows if r["site"] == "*"}
        made: dict[str, dict[str, Row]] = {s["site"]: dict(general) for s in self.sites}
        for row in rows:
            if row["site"] in made:
                made[row["site"]][row[key]] = row
        return made

    def months(self, row: Row, step: str) -> int:
        """Months of a step by the setting ``lead_times``."""
        chosen = row.get(f"{step}_{self.which}", math.nan)
        return int(row[step] if self.which == "likely" or math.isnan(chosen) else chosen)

    def opened(self, opening_months: int, month: int) -> bool:
        """Whether a site can be open at the last period that starts no later than a month."""
        last = bisect.bisect_right(self.first_months, month) - 1
        return last >= 0 and self.first_months[last] >= opening_months

    def of_site(self, site: Row) -> list[Earliest]:
        """Halls, grid offers and technologies of a site."""
        name = site["site"]
        found = [self._built(site, row, row["block"], "hall", 0, False)
                 for row in self.blocks[name].values()]  # fmt: skip
        found += [self._offered(site, row) for row in self.offers[name]]
        for technology, row in self.allowed[name].items():
            if row["max_mw"] > 0:
                tech = self.technologies[technology]
                found.append(
                    self._built(site, tech, technology, "technology", int(row["months_added"]),
                                bool(tech["order_at_risk"]))
                )  # fmt: skip
        return [e for e in found if e is not None]

    def _variants(self, site: Row, kind: str) -> list[tuple[str, int]]:
        if not kind:
            return [("", 0)]
        rows = self.permits[site["jurisdiction"], kind]
        return [(r["variant"], self.months(r, "months")) for r in rows]

    def _built(
        self, site: Row, row: Row, source: str, kind: str, added: int, may_risk: bool
    ) -> Earliest | None:
        """The variant that is online first; None if its permit is not to be had here."""
        procurement, construction, commissioning = (self.months(row, f"{s}_months") for s in STEPS)
        construction += added
        opening = int(site["opening_months"])
        best: Earliest | None = None
        for variant, permit in self._variants(site, row["permit_kind"]):
            before = max(permit, procurement) if may_risk else permit + procurement
            month = max(before, opening) + construction + commissioning
            named = {f"permit {variant}".strip(): permit, "procurement": procurement,
                     "construction": construction, "commissioning": commissioning}  # fmt: skip
            step = max(named, key=lambda n: named[n]) if any(named.values()) else "none"
            if opening > before:
                step = "opening of the site"
            chain = " + ".join(f"{n} {m}" for n, m in named.items() if m) or "no lead time"
            if opening > before:
                chain = f"opening {opening}, then " + " + ".join(
                    f"{n} {m}" for n, m in list(named.items())[2:] if m
                )
            life = life_months(float(row["life_years"]))
            fits = [
                p for p in self.periods
                if p.month - construction - commissioning >= before and p.months <= life
                and self.opened(opening, p.month - construction - commissioning)
            ]  # fmt: skip
            online = fits[0].month if fits else month
            if online - construction - commissioning < permit + procurement:
                chain += " (permit beside procurement, at risk)"
            found = self._earliest(site, source, kind, month, fits, step, chain)
            if best is None or _rank(found) < _rank(best):
                best = found
        return best

    def _offered(self, site: Row, row: Row) -> Earliest | None:
        """An offer of grid service: its queue, its substation, its first step."""
        steps = self.steps[row["site"], row["offer"]]
        variants = self._variants(site, row["permit_kind"])
        if not steps or not variants:
            return None
        permit = min(m for _, m in variants)
        procurement, construction = (
            self.months(row, f"{s}_months") for s in ("procurement", "construction")
        )

        def chosen(of: Row, name: str) -> int:
            return self.months(of, f"{name}_months")

        queue = result_month(row, self.start, chosen)
        upgrade = upgrade_months(row, self.shared_upgrades, chosen)
        opening = int(site["opening_months"])
        waits = {
            "queue and upgrades": queue + upgrade,
            "substation": permit + procurement + construction,
            "first step of the offer": max(0, months_between(self.start, steps[0]["from_date"])),
            "opening of the site": opening + construction,
        }
        if row["existing_mw"] > 0:
            transfer = {"transfer": int(row["transfer_months"]), "opening of the site": opening}
            waits = transfer if max(transfer.values()) < max(waits.values()) else waits
        month = max(waits.values())
        step = max(waits, key=lambda n: waits[n]) if month else "none"
        chain = ", ".join(f"{n} {m}" for n, m in waits.items() if m) or "no lead time"
        before = 0 if "transfer" in waits else construction
        first = self.start if "transfer" in waits else steps[0]["from_date"]
        fits = [
            p for p in self.periods
            if p.month >= max(list(waits.values())[:2]) and p.start >= first
            and self.opened(opening, p.month - before)
        ]  # fmt: skip
        return self._earliest(site, row["offer"], "grid", month, fits, step, chain)

    def _date(self, month: int) -> pd.Timestamp:
        if month not in self.dates:
            self.dates[month] = self.start + pd.DateOffset(months=month)
        return self.dates[month]

    def _earliest(
        self,
        site: Row,
        source: str,
        kind: str,
        month: int,
        fits: list[Period],
        step: str,
        chain: str,
    ) -> Earliest:
        first = fits[0] if fits else None
        return Earliest(
            site["site"], source, kind, month, self._date(month),
            first.name if first else "", first.index if first else -1,
            first.start if first else pd.NaT,
            float(first.month - month) if first else math.nan, step, chain,
        )  # fmt: skip

    def attainable(self, earliest: tuple[Earliest, ...]) -> tuple[Attainable, ...]:
        """For each period the MW wanted, and the most by each limit."""
        since: dict[tuple[str, str, str], int] = {
            (e.site, e.kind, e.source): e.index for e in earliest if e.index >= 0
        }
        wanted: dict[str, float] = defaultdict(float)
        for row in self.tables["demand"]:
            wanted[row["period"]] += float(row["it_mw"])
        made = []
        for p in self.periods:
            sums = {"halls": 0.0, "sites": 0.0, "land": 0.0, "power": 0.0, "all": 0.0}
            for site in self.sites:
                most = {
                    "halls": self._halls(site, p, since), "sites": float(site["max_it_mw"]),
                    "land": self._land(site), "power": self._power(site, p, since),
                }  # fmt: skip
                most["all"] = min(most.values())
                for name, value in most.items():
                    sums[name] += value
            slots = self._slots(p)
            made.append(
                Attainable(p.name, p.start, wanted[p.name], min(sums["all"], slots), sums["halls"],
                           sums["sites"], sums["land"], sums["power"], slots)
            )  # fmt: skip
        return tuple(made)

    def _halls(self, site: Row, p: Period, since: Mapping[tuple[str, str, str], int]) -> float:
        """MW of IT load of all halls that could stand."""
        total = 0.0
        for block, row in self.blocks[site["site"]].items():
            if since.get((site["site"], "hall", block), len(self.periods)) <= p.index:
                count = math.floor(site["max_it_mw"] / row["it_mw"] + 1e-9)
                if not math.isnan(row["max_blocks"]):
                    count = min(count, int(row["max_blocks"]))
                total += count * row["it_mw"]
        return total

    def _land(self, site: Row) -> float:
        """MW of IT load that the land holds without any power on it."""
        use = [float(r["land_km2_per_mw"]) for r in self.blocks[site["site"]].values()]
        least = min(use, default=0.0)
        return float(site["land_km2"]) / least if least > 0 else float(site["max_it_mw"])

    def _power(self, site: Row, p: Period, since: Mapping[tuple[str, str, str], int]) -> float:
        """MW of IT load that the year's energy of all grid and generation could serve."""
        name, never = site["site"], len(self.periods)
        grid = 0.0
        for row in self.offers[name]:
            if since.get((name, "grid", row["offer"]), never) <= p.index:
                level = [s for s in self.steps[name, row["offer"]] if s["from_date"] <= p.start]
                grid = max(grid, level[-1]["firm_mw"] + level[-1]["flexible_mw"]) if level else grid
                if row["existing_mw"] > 0 and row["transfer_months"] <= p.month:
                    flexible = level[-1]["flexible_mw"] if level else 0.0
                    grid = max(grid, row["existing_mw"] + flexible)
        fuelled, free, rates = 0.0, 0.0, []
        for technology, row in self.allowed[name].items():
            tech = self.technologies[technology]
            if tech["class"] == "storage" or (
                since.get((name, "technology", technology), never) > p.index
            ):  # fmt: skip
                continue
            share = (1 - tech["forced_outage_rate"]) * (1 - tech["planned_outage_rate"])
            if row["profile"]:
                share = self._mean(row["profile"], p)
            power = float(row["max_mw"]) * share
            if tech["fuel"] in self.limited and tech["heat_rate_mmbtu_per_mwh"] > 0:
                fuelled += power
                rates.append(float(tech["heat_rate_mmbtu_per_mwh"]))
            else:
                free += power
        limit = float(site["gas_limit_mmbtu_per_hour"])
        if rates and not math.isnan(limit):
            fuelled = min(fuelled, limit / min(rates))
        pue = self._mean(site["pue_profile"], p) if site["pue_profile"] else float(site["pue"])
        return (grid + fuelled + free) / (pue * self._load(p))

    def _load(self, p: Period) -> float:
        """Mean IT load of a placed MW, of the workload with the least."""
        loads = [
            float(w["load_factor"]) * (self._mean(w["load_profile"], p) if w["load_profile"] else 1)
            for w in self.tables["workloads"]
        ]
        return max(min(loads, default=1.0), 1e-6)

    def _mean(self, profile: str, p: Period) -> float:
        """Mean of a series in the hours of a period."""
        key = (profile, p.index)
        if key not in self.means:
            self.means[key] = float(np.mean(self.inputs.profiles[profile][p.hours]))
        return self.means[key]

    def _slots(self, p: Period) -> float:
        """MW of halls that the deliveries of the scarcest component allow; infinite if none is."""
        least = math.inf
        rows = self.tables["campus_blocks"]
        for component in {r["component"] for r in self.tables["components"]}:
            users = [r for r in self.tables["component_use"]
                     if r["component"] == component and r["user_kind"] == "campus_block"]  # fmt: skip
            if not users:
                continue
            most = 0.0
            for row in rows:
                use = next((u for u in users if u["user"] == row["block"]), None) or next(
                    (u for u in users if u["user"] == "*"), None
                )
                each = use["per_mw"] + use["per_unit"] / row["it_mw"] if use else 0.0
                lead = sum(self.months(row, f"{s}_months") for s in STEPS[1:])
                by = self.start + pd.DateOffset(months=p.month - lead)
                delivered = sum(s["amount"] for s in self.tables["supply"]
                                if s["component"] == component and s["date"] <= by)  # fmt: skip
                most = max(most, delivered / each if each > 0 else math.inf)
            least = min(least, most)
        return least


def _rank(found: Earliest) -> tuple[float, int]:
    return (found.index if found.index >= 0 else math.inf, found.month)


def report(found: Implied) -> str:
    """What is implied, as text; the first source of each site only where there are many sites."""
    lines = ["Before any solving, the case implies:", "", "Earliest power"]
    rows: list[tuple[str, ...]] = [
        ("site", "source", "ready", "online in", "months lost", "what makes it so")
    ]
    sites = list(dict.fromkeys(e.site for e in found.earliest))
    in_full = len(sites) <= MOST_SITES_IN_FULL
    for site in sites:
        own = [e for e in found.earliest if e.site == site]
        power = sorted((e for e in own if e.kind != "hall"), key=_rank)
        halls = sorted((e for e in own if e.kind == "hall"), key=_rank)
        shown = own if in_full else [*halls[:1], *power[:1]]
        rows += [_line(e) for e in shown]
        if not power:
            rows.append((site, "no source of power", "", "", "", "no row allows one"))
    lines += _aligned(rows[:MOST_LINES])
    if not in_full:
        lines.append(
            f"  (first hall and first source; {len(sites)} sites in all; --mark lists all)"
        )
    lines += ["", "IT load wanted, and the most that could be online [MW]"]
    table: list[tuple[str, ...]] = [
        ("period", "wanted", "possible", "short", "halls", "max_it_mw", "land", "power", "slots")
    ]
    for a in found.attainable:
        numbers = (a.wanted_mw, a.possible_mw, a.short_mw, a.by_halls, a.by_sites, a.by_land,
                   a.by_power, a.by_slots)  # fmt: skip
        table.append((a.period, *(_mw(n) for n in numbers)))
    return "\n".join([*lines, *_aligned(table)])


def _line(e: Earliest) -> tuple[str, ...]:
    lost = "" if math.isnan(e.lost_months) else f"{e.lost_months:.0f}"
    when = f"{e.period} ({e.online:%Y-%m})" if e.period else "not in this plan"
    why = e.step if e.chain.startswith(e.step) and "+" not in e.chain else f"{e.step}: {e.chain}"
    return (
        e.site,
        e.source,
        f"{e.date:%Y-%m}",
        when,
        lost,
        why if e.chain != "no lead time" else e.chain,
    )


def _mw(value: float) -> str:
    return "-" if math.isinf(value) else f"{value:,.0f}"


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(r[k]) for r in rows) for k in range(len(rows[0]))]
    return ["  " + "  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip()
            for r in rows]  # fmt: skip
