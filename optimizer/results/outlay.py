"""What the plan pays for each build, permit and opening, and money at risk by month.

Undiscounted, real US$. The sum over all outlays is the table ``cashflow``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from optimizer.model.parts.agreements import cash
from optimizer.preparing.case import Case
from optimizer.results.network import Build

Key = tuple[str, str, str, str, str]
"""Site, kind, item, variant and period."""
COLUMNS = ("date", "site", "committed_usd", "paid_usd", "recoverable_usd", "at_risk_usd",
           "cancel_usd", "in_service_usd")  # fmt: skip
NEVER = 10_000
"""Month that does not come."""


@dataclass(frozen=True)
class Outlay:
    """Payments for one thing; months are from the plan's start.

    Parameters
    ----------
    key : what it is
    payments : by month [US$]
    signed : month from which it is committed
    granted : month from which its permit is held; 0 if it needs none
    delivered : month from which nothing comes back: construction begins
    online : month from which it serves and is no longer in the making
    recovered_share : of payments, comes back when cancelled before it is delivered
    """

    key: Key
    payments: dict[int, float]
    signed: int
    granted: int
    delivered: int
    online: int
    recovered_share: float = 0.0

    @property
    def total(self) -> float:
        """All payments [US$]."""
        return sum(self.payments.values())

    @property
    def first_payment(self) -> float:
        """What is paid in the month of signing [US$]."""
        return self.payments.get(self.signed, 0.0)


@dataclass(frozen=True)
class Held:
    """A commitment that exists when the plan starts.

    Parameters
    ----------
    until : month in which all that it covers serves; later there is nothing to cancel
    paid : before the plan, for what the plan does not use [US$]; the plan's own payments cover
        the rest in full
    recovered_share : of ``paid``
    fee : owed on cancelling [US$]
    """

    site: str
    until: int
    paid: float
    recovered_share: float
    fee: float


def outlays(case: Case, tables: Mapping[str, pd.DataFrame], builds: list[Build]) -> list[Outlay]:
    """Every outlay of a plan.

    Parameters
    ----------
    case : what was planned with
    tables : its tables ``campus``, ``capacity``, ``interconnection``, ``permits``, ``sites``
    builds : the steps of what it builds
    """
    by_key = {(b.site, b.kind, b.item, b.variant, b.period): b for b in builds}
    granted: dict[tuple[str, str, str], int] = {}
    for b in builds:
        start = b.steps["permit"].start
        end = b.steps["permit"].end
        granted[b.permit] = min(end, granted.get(b.permit, end)) if end > start else 0
    shares = case.inputs.tables["technologies"].set_index("technology")["recovered_share"]
    found = []
    for key, payments in _build_payments(case, tables):
        build = by_key[key]
        share = float(shares[key[2]]) if key[1] == "technology" else 0.0
        found.append(_of_build(key, build, payments, granted[build.permit], share))
    found += _grid(case, tables, by_key, granted)
    found += _agreements(case, tables, by_key)
    found += _permits(case, tables, builds, granted)
    found += _openings(case, tables, builds)
    return found


def _of_build(
    key: Key, build: Build, payments: dict[int, float], granted: int, share: float
) -> Outlay:
    steps = build.steps
    return Outlay(key, payments, steps["procurement"].start, granted, steps["construction"].start,
                  build.online, share)  # fmt: skip


def _build_payments(
    case: Case, tables: Mapping[str, pd.DataFrame]
) -> Iterator[tuple[Key, dict[int, float]]]:
    """Capital of halls and units by the spending profile."""
    place = {p.name: p.index for p in case.periods}
    campus = tables["campus"]
    for r in campus[campus["added_blocks"] > 0].itertuples():
        hall = next(h for h in case.sites[str(r.site)].halls if h.block == r.block)
        v = _variant(hall, r.variant)
        money = hall.money[v].payments(place[str(r.period)])
        yield (
            (str(r.site), "campus_block", hall.block, hall.variants[v].name, str(r.period)),
            {m: 1e3 * k * float(r.added_blocks) for m, k in money.items()},
        )
    for r in tables["capacity"].itertuples():
        mwh = float(getattr(r, "added_mwh", 0.0))
        if not (r.added_mw > 0 or mwh > 0):
            continue
        asset = next(a for a in case.sites[str(r.site)].assets if a.technology == r.technology)
        v, q = _variant(asset, r.variant), place[str(r.period)]
        paid = {m: 1e3 * k * float(r.added_mw) for m, k in asset.money_mw[v].payments(q).items()}
        if asset.chooses_energy:
            for m, k in asset.money_mwh[v].payments(q).items():
                paid[m] = paid.get(m, 0.0) + 1e3 * k * mwh
        yield (
            (str(r.site), "technology", asset.technology, asset.variants[v].name, str(r.period)),
            paid,
        )


def _variant(built: Any, name: Any) -> int:
    wanted = "" if pd.isna(name) else str(name)
    return next(k for k, variant in enumerate(built.variants) if variant.name == wanted)


def _grid(
    case: Case, tables: Mapping[str, pd.DataFrame], by_key: dict[Key, Build],
    granted: dict[tuple[str, str, str], int],
) -> Iterator[Outlay]:  # fmt: skip
    """Connections, paid when they are energized; what is added later is paid then."""
    place = {p.name: p for p in case.periods}
    table = tables["interconnection"]
    names = table["variant"].fillna("").astype(str)
    for (site, name, variant), rows in table.groupby(["site", "offer", names], sort=False):
        offer = next(o for o in case.sites[str(site)].offers if o.offer == name)
        build, last, wide = None, 0.0, False
        for r in sorted(rows.itertuples(), key=lambda r: place[str(r.period)].index):
            period = place[str(r.period)]
            key = (str(site), "interconnection", str(name), str(variant), period.name)
            # Of an existing connection only what goes beyond it is built.
            taken = float(r.firm_mw + r.flexible_mw)
            mw = max(last, taken - offer.existing_mw)
            widens = offer.existing_mw == 0 or mw > 1e-6 or float(r.flexible_mw) > 1e-6
            usd = 1e3 * float(offer.mw_money.overnight[period.index]) * (mw - last)
            if widens and not wide:
                usd += 1e3 * float(offer.fixed_money.overnight[period.index])
            if build is None:
                build = by_key[key]
                usd += 1e3 * float(offer.transfer_money.overnight[period.index])
                signed = _signed(build)
            last, wide = mw, wide or widens
            if usd:
                yield Outlay(key, {period.month: usd}, signed, granted[build.permit],
                             build.steps["construction"].start, period.month)  # fmt: skip


def _signed(build: Build) -> int:
    """Month from which a connection is committed: upgrades begin, or the substation is ordered."""
    upgrade = build.steps["upgrade"]
    return build.steps["upgrade" if upgrade.end > upgrade.start else "procurement"].start


def _agreements(
    case: Case, tables: Mapping[str, pd.DataFrame], by_key: dict[Key, Build]
) -> Iterator[Outlay]:
    """Deposits, security, contributions and fees of agreements; upgrades that are shared."""
    place = {p.name: p for p in case.periods}
    builds: dict[tuple[str, str], Build] = {}
    for (site, kind, item, _, _), b in by_key.items():
        if kind == "interconnection":
            builds.setdefault((site, item), b)
    table = tables.get("agreements", pd.DataFrame())
    for r in table.itertuples():
        build = builds[str(r.site), str(r.offer)]
        period, first = place[str(r.period)], place[build.period]
        offer = next(o for o in case.sites[str(r.site)].offers if o.offer == r.offer)
        terms = next(a for a in offer.agreements if a.agreement == r.agreement)
        key = (str(r.site), "interconnection", f"{r.offer}/{r.agreement}", "", period.name)
        paid: dict[int, float] = {}
        if period.name == first.name:
            if terms.study_fee:
                paid[terms.study_month] = 1e3 * terms.study_fee
            for month, _, usd in cash(terms, first.index, case):
                paid[month] = paid.get(month, 0.0) + 1e3 * usd * float(r.contract_mw)
        before = table[(table["site"] == r.site) & (table["agreement"] == r.agreement)
                       & (table["offer"] == r.offer)]  # fmt: skip
        earlier = [float(x.reduced_mw) for x in before.itertuples()
                   if place[str(x.period)].index < period.index]  # fmt: skip
        fee = (
            1e3
            * terms.reduction_fee
            * (float(r.reduced_mw) - max(earlier, default=0.0) - float(r.reassigned_mw))
        )
        if fee:
            paid[period.month] = paid.get(period.month, 0.0) + fee
        if paid:
            signed = min(int(terms.signed[first.index]), min(paid))
            yield Outlay(key, paid, signed, 0, signed, build.online)
    for r in tables.get("shared_upgrades", pd.DataFrame()).itertuples():
        period, upgrade = place[str(r.period)], case.shared_upgrades[str(r.shared_upgrade)]
        mine = [builds[k] for k in upgrade.users if k in builds and k[0] == r.site]
        usd = upgrade.usd * float(r.paid_share)
        yield Outlay((str(r.site), "interconnection", upgrade.name, "", period.name),
                     {period.month: usd}, min(_signed(b) for b in mine), 0, period.month,
                     period.month)  # fmt: skip


def _permits(
    case: Case, tables: Mapping[str, pd.DataFrame], builds: list[Build],
    granted: dict[tuple[str, str, str], int],
) -> Iterator[Outlay]:  # fmt: skip
    """Fees, paid at the plan's start; nothing of them comes back."""
    table = tables.get("permits")
    for r in () if table is None else table.itertuples():
        permit = (str(r.site), str(r.permit_kind), str(r.variant))
        online = min((b.online for b in builds if b.permit == permit), default=NEVER)
        if r.cost_usd:
            yield Outlay((permit[0], "permit", *permit[1:], ""), {0: float(r.cost_usd)}, 0,
                         granted.get(permit, 0), 0, online)  # fmt: skip


def _openings(
    case: Case, tables: Mapping[str, pd.DataFrame], builds: list[Build]
) -> Iterator[Outlay]:
    """Openings of sites; they serve with the first hall."""
    start = {p.name: p.month for p in case.periods}
    table = tables["sites"]
    if "open_period" not in table:
        return
    for r in table[table["opened"].astype(bool)].itertuples():
        site, month = str(r.site), start[str(r.open_period)]
        halls = [b.online for b in builds if b.site == site and b.kind == "campus_block"]
        usd = case.sites[site].opening_usd
        if usd:
            yield Outlay((site, "opening", site, "", ""), {month: usd}, month, 0, month,
                         min(halls, default=NEVER))  # fmt: skip


def exposure(case: Case, found: list[Outlay], held: list[Held]) -> pd.DataFrame:
    """``tables/exposure.csv``: money of what is in the making at the end of each month, by site.

    ``paid_usd`` and ``in_service_usd`` together are all payments until then, and what was paid
    before the plan for commitments that it does not use.
    """
    last = max([case.periods[0].month, *(o.online for o in found if o.online < NEVER),
                *(m for o in found for m in o.payments)])  # fmt: skip
    months = np.arange(last + 1)
    names = dict.fromkeys([*(o.key[0] for o in found), *(h.site for h in held)])
    sums = {site: {c: np.zeros(last + 1) for c in COLUMNS[2:]} for site in names}
    for outlay in found:
        _add(sums[outlay.key[0]], outlay, months)
    for h in held:
        mine, going = sums[h.site], months < h.until
        mine["committed_usd"] += going * h.paid
        mine["paid_usd"] += going * h.paid
        mine["recoverable_usd"] += going * h.paid * h.recovered_share
        mine["cancel_usd"] += going * (h.paid * (1 - h.recovered_share) + h.fee)
    dates = [case.start + pd.DateOffset(months=int(m)) for m in months]
    frames = [pd.DataFrame({"date": dates, "site": site, **columns})
              for site, columns in sums.items()]  # fmt: skip
    if not frames:
        return pd.DataFrame(columns=list(COLUMNS))
    made = pd.concat(frames, ignore_index=True)[list(COLUMNS)]
    return made.sort_values(["date", "site"], kind="stable", ignore_index=True)


def _add(sums: dict[str, np.ndarray], outlay: Outlay, months: np.ndarray) -> None:
    """One outlay in all months."""
    paid = np.zeros(len(months))
    for month, usd in outlay.payments.items():
        paid[month:] += usd
    making = months < outlay.online
    back = np.where(months < outlay.delivered, outlay.recovered_share, 0.0) * paid * making
    sums["committed_usd"] += outlay.total * (making & (months >= outlay.signed))
    sums["paid_usd"] += paid * making
    sums["in_service_usd"] += paid * ~making
    sums["recoverable_usd"] += back
    sums["cancel_usd"] += paid * making - back
    sums["at_risk_usd"] += np.where(months < outlay.granted, paid * making - back, 0.0)
