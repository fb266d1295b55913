"""What a plan needs signed, and what of it exists: tables ``readiness``, ``decisions``, ``exposure``.

The plan does not know the table ``commitments``; here it is held against it
(``docs/readiness.md``). What the plan does not use is shown with its cost to cancel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from optimizer.preparing.case import Case, prepare
from optimizer.reading.inputs import Inputs
from optimizer.results.decisions import Decision, calendar, decisions
from optimizer.results.network import Build, network
from optimizer.results.outlay import NEVER, Held, exposure, outlays
from optimizer.tables.commitments import LAND

COLUMNS = (
    "site", "kind", "item", "variant", "needed", "unit", "held", "filed", "missing", "status",
    "needed_by", "expires", "paid_usd", "cancel_usd", "commitments",
)  # fmt: skip
SMALL = 1e-6
"""Of any unit: less than this is nothing."""
DECIDES = {
    "apply for permit": "permit", "order": "order", "file grid request": "interconnection",
    "sign grid agreement": "interconnection",
}  # fmt: skip
"""Kind of commitment by which a decision is already taken."""


@dataclass(eq=False)
class Need:
    """Something that the plan needs signed.

    Parameters
    ----------
    site, kind, item, variant, unit : what it is, kinds as in the table ``commitments``
    amount : how much is needed, in ``unit``
    month : from the plan's start, until when it must be signed; NEVER if the plan has no date
    until : month from which it serves in full; there is nothing left to cancel
    rows : commitments that cover it
    """

    site: str
    kind: str
    item: str
    variant: str
    unit: str
    amount: float
    month: int
    until: int
    rows: list[dict[Any, Any]] = field(default_factory=list)

    def of(self, status: str) -> float:
        """What is filed or held of it."""
        return sum(self.quantity(r) for r in self.rows if r["status"] == status)

    def quantity(self, row: Mapping[Any, Any]) -> float:
        """How much a commitment covers; a blank is all that is needed."""
        given = float(row["quantity"])
        return self.amount if math.isnan(given) else given

    def matches(self, row: Mapping[Any, Any]) -> bool:
        """Whether a commitment is for this."""
        same = (row["site"], row["kind"], row["item"]) == (self.site, self.kind, self.item)
        return same and row["variant"] in ("", self.variant)


def readiness_tables(
    inputs: Inputs, tables: Mapping[str, pd.DataFrame], case: Case | None = None
) -> dict[str, pd.DataFrame]:
    """The three tables of a plan.

    Parameters
    ----------
    inputs : what was planned with
    tables : the plan's tables, as written or as read back
    case : the inputs as prepared, where they are; None prepares them
    """
    case, known = case or prepare(inputs), dict(tables)
    builds = network(inputs, known)
    paid = outlays(case, known, builds)
    found = decisions(case, known, builds, paid)
    needs = list(_needs(case, known, builds, found))
    loose = _match(inputs, needs)
    dated = calendar(case, known, builds, found, _taken(found, needs))
    return {
        "readiness": _readiness(case, needs, loose),
        "decisions": dated,
        "exposure": exposure(case, paid, [*_held(needs), *map(_unused, loose)]),
    }


def _match(inputs: Inputs, needs: list[Need]) -> list[dict[Any, Any]]:
    """Give each commitment to what it covers; returns those that the plan does not use."""
    loose = []
    for row in inputs.tables["commitments"].to_dict("records"):
        need = next((n for n in needs if n.matches(row)), None)
        if need is None:
            loose.append(row)
        else:
            need.rows.append(row)
    return loose


# -- what is needed -----------------------------------------------------------------------------


def _needs(
    case: Case, tables: dict[str, pd.DataFrame], builds: list[Build], found: list[Decision]
) -> Iterator[Need]:
    """Site by site: land, permits, grid, orders, supply, and who takes the compute."""
    opened = tables["sites"]
    names = ("interconnection", "campus", "capacity", "placement")
    rows_of = {n: dict(list(tables[n].groupby("site", sort=False))) for n in names}
    for site in (str(r.site) for r in opened[opened["opened"].astype(bool)].itertuples()):
        mine = [d for d in found if d.site == site]
        here = [b for b in builds if b.site == site]
        own = {n: rows_of[n].get(site, tables[n].iloc[:0]) for n in names}
        yield from _land(site, mine, here)
        yield from _permits(site, mine)
        yield from _grid(site, own["interconnection"], mine)
        yield from _orders(site, own, mine, here)
        yield from _supply(case, site, own)


def _land(site: str, mine: list[Decision], here: list[Build]) -> Iterator[Need]:
    opening = [d.latest for d in mine if d.step == "open"]
    if opening:
        yield Need(site, "option", LAND, "", "site", 1.0, min(opening),
                   min(b.online for b in here))  # fmt: skip


def _permits(site: str, mine: list[Decision]) -> Iterator[Need]:
    for d in mine:
        if d.step == "permit":
            yield Need(site, "permit", d.item, d.variant, "permit", 1.0, d.latest, d.online)


def _grid(site: str, table: pd.DataFrame, mine: list[Decision]) -> Iterator[Need]:
    for offer, levels in table.groupby("offer", sort=False):
        signed = [d for d in mine if d.kind == "interconnection" and d.item == offer
                  and DECIDES.get(d.name) == "interconnection"]  # fmt: skip
        yield Need(
            site, "interconnection", str(offer), "", "MW",
            float((levels["firm_mw"] + levels["flexible_mw"]).max()),
            min((d.latest for d in signed), default=NEVER),
            min((d.online for d in signed), default=NEVER),
        )  # fmt: skip


def _orders(
    site: str, tables: dict[str, pd.DataFrame], mine: list[Decision], here: list[Build]
) -> Iterator[Need]:
    """Halls and units, all builds of one item together."""
    for name, kind, item, added, unit in (
        ("campus", "campus_block", "block", "added_blocks", "blocks"),
        ("capacity", "technology", "technology", "added_mw", "MW"),
    ):
        table = tables[name]
        sums = table.groupby(item, sort=False)[added].sum()
        for what, amount in sums.items():
            steps = [d for d in mine if d.kind == kind and d.item == what]
            online = [b.online for b in here if b.kind == kind and b.item == what]
            if amount > SMALL:
                yield Need(site, "order", str(what), "", unit, float(amount),
                           min((d.latest for d in steps), default=NEVER),
                           max(online, default=NEVER))  # fmt: skip


def _supply(case: Case, site: str, tables: dict[str, pd.DataFrame]) -> Iterator[Need]:
    """Fuel at full load of all units, power at the tariff, and who takes the compute."""
    start = {p.name: p.month for p in case.periods}
    assets = {a.technology: a for a in case.sites[site].assets if a.fuel}
    standing = tables["capacity"]
    standing = standing[standing["technology"].isin(list(assets))]
    burnt = standing.assign(
        fuel=[assets[str(t)].fuel for t in standing["technology"]],
        take=[assets[str(t)].heat_rate * mw for t, mw in
              zip(standing["technology"], standing["standing_mw"], strict=True)],
    )  # fmt: skip
    for fuel, rows in burnt.groupby("fuel", sort=False):
        first = min(start[str(p)] for p in rows["period"])
        take = float(rows.groupby("period")["take"].sum().max())
        if take > SMALL:
            yield Need(site, "contract", str(fuel), "", "MMBtu/h", take, first, NEVER)
    rows = tables["interconnection"]
    row = case.inputs.tables["sites"].loc[case.sites[site].name_row]
    if len(rows) and row["tariff"]:
        power = (rows["firm_mw"] + rows["flexible_mw"]).groupby(rows["period"]).sum()
        yield Need(site, "contract", str(row["tariff"]), "", "MW", float(power.max()),
                   min(start[str(p)] for p in power.index), NEVER)  # fmt: skip
    placed = tables["placement"]
    for workload, rows in placed.groupby("workload", sort=False):
        load = rows.groupby("period")["it_mw"].sum()
        yield Need(site, "contract", str(workload), "", "MW IT", float(load.max()),
                   min(start[str(p)] for p in load.index), NEVER)  # fmt: skip


# -- what exists --------------------------------------------------------------------------------


def cost_to_cancel(row: Mapping[Any, Any]) -> float:
    """What is lost when a commitment is cancelled: payments that stay lost, and the fee [US$]."""
    return float(row["paid_usd"] * (1 - row["recovered_share"]) + row["cancel_usd"])


def _status(need: Need, needed_by: pd.Timestamp) -> str:
    held, filed = need.of("held"), need.of("filed")
    tolerance = SMALL * max(1.0, need.amount)
    lasting = sum(need.quantity(r) for r in need.rows
                  if r["status"] == "held" and not r["expires"] <= needed_by)  # fmt: skip
    if lasting >= need.amount - tolerance:
        return "held"
    if held >= need.amount - tolerance:
        return "expires too early"
    if held + filed >= need.amount - tolerance:
        return "filed"
    return "part" if held + filed > tolerance else "missing"


def _readiness(case: Case, needs: list[Need], loose: list[dict[Any, Any]]) -> pd.DataFrame:
    """``tables/readiness.csv``: what the plan needs, then what it does not use."""
    rows = []
    for n in needs:
        by = pd.NaT if n.month >= NEVER else case.start + pd.DateOffset(months=n.month)
        held, filed = n.of("held"), n.of("filed")
        rows.append({
            "site": n.site, "kind": n.kind, "item": n.item, "variant": n.variant,
            "needed": n.amount, "unit": n.unit, "held": held, "filed": filed,
            "missing": max(0.0, n.amount - held), "status": _status(n, by), "needed_by": by,
            **_sums(n.rows)})  # fmt: skip
    for r in loose:
        quantity = 1.0 if math.isnan(r["quantity"]) else float(r["quantity"])
        rows.append({
            "site": r["site"], "kind": r["kind"], "item": r["item"], "variant": r["variant"],
            "needed": 0.0, "unit": "", "held": quantity * (r["status"] == "held"),
            "filed": quantity * (r["status"] == "filed"), "missing": 0.0,
            "status": "not used by the plan", "needed_by": pd.NaT, **_sums([r])})  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _sums(rows: list[dict[Any, Any]]) -> dict[str, Any]:
    """Money and names of commitments, and the first month in which one ends."""
    ends = [r["expires"] for r in rows if not pd.isna(r["expires"])]
    return {
        "expires": min(ends) if ends else pd.NaT,
        "paid_usd": float(sum(r["paid_usd"] for r in rows)),
        "cancel_usd": float(sum(cost_to_cancel(r) for r in rows)),
        "commitments": ", ".join(str(r["commitment"]) for r in rows),
    }


def _held(needs: list[Need]) -> Iterator[Held]:
    """Fees on what the plan uses: what was paid for it is part of the plan's own payments."""
    for n in needs:
        for r in n.rows:
            yield Held(n.site, n.until, 0.0, 0.0, float(r["cancel_usd"]))


def _unused(row: Mapping[Any, Any]) -> Held:
    return Held(str(row["site"]), NEVER, float(row["paid_usd"]), float(row["recovered_share"]),
                float(row["cancel_usd"]))  # fmt: skip


def _taken(found: list[Decision], needs: list[Need]) -> dict[int, str]:
    """Which decisions a commitment has taken already, by place: done or part.

    Orders cover the builds of their item in the order in which they must be signed.
    """
    taken: dict[int, str] = {}
    for n in (n for n in needs if n.rows):
        left = n.of("held") + n.of("filed")
        for k, d in enumerate(found):
            kind = DECIDES.get(d.name)
            if kind != n.kind or (d.site, d.item) != (n.site, n.item):
                continue
            if kind == "permit" and d.variant != n.variant:
                continue
            if kind == "order":
                share = min(left, d.amount)
                left -= share
                if share > SMALL:
                    taken[k] = "done" if share >= d.amount - SMALL else "part"
            elif d.name != "sign grid agreement" or n.of("held") > SMALL:
                taken[k] = "done"
    return taken
