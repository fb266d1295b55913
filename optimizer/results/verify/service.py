"""Grid service: dates, the staircase, transfers, exits, upgrades that are shared, hours of cuts."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from optimizer.results.verify.arithmetic import (
    YEAR_HOURS,
    Row,
    Span,
    by_key,
    grouped,
    records,
    recovery,
)

if TYPE_CHECKING:
    from optimizer.results.verify.decisions import Decisions

Grid = dict[tuple[str, str], tuple[str, float, float, float]]
"""(offer, firm, flexible, export MW) by site and period."""
JUST = 1e-6


class Service:
    """Checks the table ``interconnection``; adds its money, payments and slots."""

    def __init__(self, decisions: Decisions) -> None:
        self.d, self.out, self.calendar = decisions, decisions.out, decisions.calendar
        self.input = decisions.input
        self.offers = by_key(self.input["interconnections"], "site", "offer")
        self.upgrades = by_key(self.input["shared_upgrades"], "shared_upgrade")
        self.stairs = dict(grouped(records(self.input["interconnection_steps"]), "site", "offer"))
        self.grid: Grid = {}
        self.begun: dict[tuple[str, str], Span] = {}
        self.needed: dict[str, list[Span]] = defaultdict(list)

    def check(self) -> Grid:
        """All of it; what is connected where and when."""
        table = self.d.tables["interconnection"]
        for site, rows in grouped(records(table), "site"):
            of_period = dict(grouped(rows, "period"))
            for period, mine in of_period.items():
                self.out.true("one offer", len(mine) == 1, f"{site} {period}")
            for offer, mine in grouped(rows, "offer"):
                variants = {r["variant"] for r in mine}
                self.out.true("one offer", len(variants) == 1, f"{site} {offer}")
                self._offer(site, self.offers[site, offer], {r["period"]: r for r in mine})
        self._groups(records(table))
        self._shared()
        return self.grid

    # -- one offer ----------------------------------------------------------------------------

    def _offer(self, site: str, offer: Row, rows: dict[str, Row]) -> None:
        """An offer from its first period to its exit date, or the end."""
        last, first, beyond, wide = (0.0, 0.0), True, 0.0, False
        for span in self.calendar.spans:
            r = rows.get(span.name)
            where = f"{site} {offer['offer']} {span.name}"
            over = pd.notna(offer["exit_date"]) and span.end > self.calendar.month(
                offer["exit_date"]
            )
            if r is None:
                self.out.true("stays connected", first or over, where)
                continue
            self.out.true("exit date", not over, where)
            firm, flexible = float(r["firm_mw"]), float(r["flexible_mw"])
            old = float(offer["existing_mw"])
            self._level(site, offer, span, firm, flexible, where)
            self.out.at_most("grid never falls", last, np.array([firm, flexible]), where)
            self.out.at_most("export limit", r["export_mw"], offer["export_mw"], where)
            more = max(beyond, firm + flexible - old)
            widens = not wide and (old == 0 or more > JUST or flexible > JUST)
            if first:
                self.begun[site, offer["offer"]] = span
            if first and old > 0:
                self._transfer(site, offer, span, where)
            self._connect(site, r, offer, span, more - beyond, widens, where)
            wide, beyond = wide or widens, more
            charge = offer["capacity_charge_usd_per_kw_year"] * 1000 / 12
            here = self.calendar.discount_sum(span.first, span.end)
            self.d.cost["interconnection"] += charge * (firm + flexible) * here
            self.grid[site, span.name] = (r["offer"], firm, flexible, float(r["export_mw"]))
            last, first = (firm, flexible), False

    def _level(
        self, site: str, offer: Row, span: Span, firm: float, flexible: float, where: str
    ) -> None:
        begun = [s for s in self.stairs.get((site, offer["offer"]), ())
                 if s["from_date"] <= span.start]  # fmt: skip
        limit = [0.0, 0.0]
        if begun:
            level = sorted(begun, key=lambda s: s["from_date"])[-1]
            limit = [float(level["firm_mw"]), float(level["flexible_mw"])]
        if offer["existing_mw"] > 0 and span.first >= offer["transfer_months"]:
            limit[0] = max(limit[0], float(offer["existing_mw"]))
        else:
            self.out.true("a step has begun", len(begun) > 0, where)
        self.out.at_most("grid staircase", [firm, flexible], limit, where)

    def _transfer(self, site: str, offer: Row, span: Span, where: str) -> None:
        self.out.at_most("lead times", offer["transfer_months"], span.first, where)
        self.d.check_open(site, span.first, where)
        self.repay(float(offer["transfer_cost_usd"]), offer["life_years"], span)

    def repay(self, usd: float, life_years: float, span: Span) -> None:
        """Paid when service begins, an annuity in the objective."""
        due = self.calendar.discount_sum(span.first, span.first + round(12 * life_years))
        yearly = recovery(self.calendar.rate, life_years)
        self.d.cost["interconnection"] += usd * yearly / 12 * due
        self.d.cash[span.first] += usd

    def result_month(self, offer: Row) -> int:
        """When the studies of an offer have their result."""
        if pd.notna(offer["result_date"]):
            month = max(0, self.calendar.month(offer["result_date"]))
        else:
            month = self.study_month(offer) + self.d.months(offer, "queue_months")
        if offer["kind"] == "parallel":
            month = max(month, int(offer["generation_study_months"]))
        return month

    def study_month(self, offer: Row) -> int:
        """The first study window at or after the plan's start, for a new filing."""
        if offer["status"] != "new" or pd.isna(offer["study_window_date"]):
            return 0
        month = self.calendar.month(offer["study_window_date"])
        while month < 0:
            month += int(offer["study_window_months"])
        return month

    def _connect(
        self, site: str, r: Row, offer: Row, span: Span, new_mw: float, first: bool, where: str
    ) -> None:
        procurement, construction = (
            self.d.months(offer, f"{s}_months") for s in ("procurement", "construction")
        )
        month = span.first - construction
        if first:
            upgrade = self.d.months(offer, "upgrade_months")
            if offer["shared_upgrade"]:
                shared = self.upgrades[offer["shared_upgrade"]]
                upgrade = max(upgrade, self.d.months(shared, "upgrade_months"))
                self.needed[offer["shared_upgrade"]].append(span)
            permit = self.d.permit_months(site, offer["permit_kind"], r["variant"], where)
            wait = max(self.result_month(offer) + upgrade, permit + procurement + construction)
            self.out.at_most("lead times", wait, span.first, where)
            self.d.check_open(site, month, where)
        usd = offer["cost_usd_per_kw"] * 1000 * new_mw + (offer["upgrade_cost_usd"] if first else 0)
        self.repay(usd, offer["life_years"], span)
        if new_mw or first:
            self.d.take("interconnection", r["offer"], month, new_mw, 1.0 if first else 0.0)

    # -- several sites ------------------------------------------------------------------------

    def _shared(self) -> None:
        """Who connects first pays all; with a split each pays one share."""
        stated = self.d.tables.get("shared_upgrades", pd.DataFrame())
        for name, spans in self.needed.items():
            row = self.upgrades[name]
            if row["rule"] == "first_pays":
                first = min(spans, key=lambda s: s.first)
                self.repay(float(row["cost_usd"]), row["life_years"], first)
                mine = stated[stated["shared_upgrade"] == name]
                self.out.equal("shared upgrade", mine["paid_share"].sum(), 1.0, name)
                whole = set(mine["period"]) == {first.name}
                self.out.true("shared upgrade", whole, f"{name}: paid in {first.name}")
                continue
            shares = row["shares"]
            if np.isnan(shares):
                offers = self.input["interconnections"]
                shares = (offers["shared_upgrade"] == name).sum()
            for span in spans:
                self.repay(float(row["cost_usd"]) / shares, row["life_years"], span)

    def _groups(self, rows: list[Row]) -> None:
        groups = by_key(self.input["grid_groups"], "grid_group")
        taken: dict[tuple[str, str], float] = defaultdict(float)
        for r in rows:
            name = self.offers[r["site"], r["offer"]]["grid_group"]
            if name:
                taken[name, r["period"]] += r["firm_mw"] + r["flexible_mw"]
        for (name, period), mw in taken.items():
            most = groups[name]["shared_mw"]
            self.out.at_most("offers that do not add up", mw, most, f"{name} {period}")

    def self_supply(self) -> None:
        """Own units stand only where the regime allows it: islanded, or in parallel."""
        regimes = by_key(self.input["regimes"], "market", "jurisdiction")
        classes = by_key(self.input["technologies"], "technology")
        for (site, name, period), (mw, _) in self.d.power.items():
            if classes[name]["class"] == "storage" or mw <= JUST:
                continue
            row = self.d.sites[site]
            place = (row["market"], row["jurisdiction"])
            regime = regimes.get(place, regimes.get((row["market"], "")))
            if regime is not None:
                offer = self.grid.get((site, period), ("",))[0]
                on_grid = bool(offer) and self.offers[site, offer]["kind"] != "islanded"
                way = "parallel" if on_grid else "islanded"
                lawful = bool(regime[f"{way}_self_supply"])
                self.out.true("self-supply is lawful", lawful, f"{site} {name} {period}: {way}")


def cuts(
    offer: Row, profiles: dict[str, np.ndarray], dearest: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Share of flexible and firm power that stays in each hour."""
    stays, firm = np.ones(YEAR_HOURS), np.ones(YEAR_HOURS)
    floor = float(offer["firm_floor_share"])
    worst: list[int] = []
    if offer["system_load_profile"]:
        load = profiles[offer["system_load_profile"]]
        worst = sorted(range(YEAR_HOURS), key=lambda t: (-load[t], t))
    if offer["curtailment_unlimited"]:
        stays[:] = floor
    elif offer["curtailment_profile"]:
        stays = 1 - profiles[offer["curtailment_profile"]] * (1 - floor)
    elif offer["curtailed_energy_share"] > 0:
        left = float(offer["curtailed_energy_share"]) * YEAR_HOURS
        for t in dearest:
            part = min(1.0, left)
            if part <= 0:
                break
            stays[t] = 1 - part * (1 - floor)
            left -= part
    else:
        few = int(offer["curtailed_system_hours"])
        hours = worst[:few] if few else dearest[: int(offer["curtailed_hours_per_year"])]
        stays[hours] = floor
    emergency = worst[: int(offer["emergency_hours_per_year"])]
    stays[emergency] = 0.0
    firm[emergency] = float(offer["emergency_share"])
    return stays, firm
