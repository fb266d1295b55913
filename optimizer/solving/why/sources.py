"""The runner-up of each chosen source of power, and the price at which it would be as good.

The plan and the plan without the source are two fixed plans, and the cost of a fixed plan is
linear in each price: where the two lines meet is the switch point. Between them lie plans that
take less of the source, so the plan may begin to change before it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from optimizer.model.blocks import links
from optimizer.model.blocks.grid import growth
from optimizer.model.limits import rows_of, sites_of
from optimizer.preparing.case import KILO, Asset, Offer
from optimizer.solving.truth import Truth
from optimizer.solving.why.again import Again, Found
from optimizer.solving.why.money import PARTS, Money

COLUMNS = (
    "site", "kind", "item", "mw", "runner_up", "extra_usd", *PARTS, "sheet", "row", "column",
    "unit", "price", "switch_price", "rise", "switch_share", "basis",
)  # fmt: skip
LEAST_MW = 0.5
MOST_NAMED = 3
BUILT = ("units", "built_mw", "built_mwh", "standing_mw")
TAKEN = ("connected", "firm_mw", "flexible_mw")


@dataclass(frozen=True, eq=False)
class Source:
    """A technology or a grid offer that the plan takes at a site."""

    site: str
    kind: str
    item: str
    mw: float
    columns: list[int]


@dataclass(frozen=True, eq=False)
class Price:
    """A price of the input.

    Parameters
    ----------
    sheet, row, column, unit : its place
    value : as it is [unit]
    of : what its share of rise is counted in: with what else is paid for the same [unit]
    sites : sites that it holds for
    by_energy : whether what is paid depends on the dispatch
    """

    sheet: str
    row: int
    column: str
    unit: str
    value: float
    of: float
    sites: tuple[str, ...]
    by_energy: bool


class RunnerUp:
    """Asks for the plan without each source."""

    def __init__(self, again: Again, money: Money, gap_usd: float) -> None:
        self.again, self.money, self.gap_usd, self.case = again, money, gap_usd, again.case
        self.sources = list(self._sources())
        self.found: dict[int, Found] = {}
        self.asked: set[int] = set()
        self.bases: dict[str, Found] = {}

    # -- what stands --------------------------------------------------------------------------

    def _levels(self, x: np.ndarray) -> dict[tuple[str, str, str], np.ndarray]:
        """MW of each source of each site by period."""
        again, periods = self.again, range(len(self.case.periods))
        levels = {}
        for name, site in self.case.sites.items():
            block = again.planning.model.site[name]
            for asset in site.assets:
                mw = [x[again.column(block.standing_mw[asset.technology, p])] for p in periods]
                levels[name, "technology", asset.technology] = np.array(mw)
            for offer in site.offers:
                levels[name, "interconnection", offer.offer] = sum(
                    (np.array([x[again.column(v[offer.offer, k.name, p])] for p in periods])
                     for k in offer.variants for v in (block.firm_mw, block.flexible_mw)),
                    np.zeros(len(periods)),
                )  # fmt: skip
        return levels

    def _sources(self) -> Iterator[Source]:
        again = self.again
        for (site, kind, item), mw in self._levels(again.x).items():
            if mw.max() <= LEAST_MW:
                continue
            block = again.planning.model.site[site]
            columns = [
                k
                for name in (BUILT if kind == "technology" else TAKEN)
                for index, v in block.find_component(name).items()
                if index[0] == item and (k := again.column(v)) >= 0
            ]
            yield Source(site, kind, item, float(mw.max()), columns)

    # -- what is asked --------------------------------------------------------------------------

    def ask(self) -> Iterator[str]:
        """Yields after each question: the largest sources first, then their true costs."""
        order = sorted(range(len(self.sources)), key=lambda n: -self.sources[n].mw)
        for n in order:
            if self.again.left > 0:
                source = self.sources[n]
                self.asked.add(n)
                found = self._without(source)
                if found is not None:
                    self.found[n] = found
                yield f"{source.item} at {source.site}"
        for n in order:
            if n in self.found and self.again.left > 0:
                self.found[n] = self._checked(self.found[n])
                yield self.sources[n].item

    def _without(self, source: Source) -> Found | None:
        again = self.again
        arrays = again.arrays if again.small else again.kept(free=[source.site])
        if not again.small and source.site not in self.bases:
            # The same freedom without the ban: else the plan's own gap would be taken off.
            self.bases[source.site] = again.cheapest(arrays) or again.base
        upper, lower = arrays.upper.copy(), arrays.lower.copy()
        upper[source.columns] = lower[source.columns] = 0.0
        return again.cheapest(replace(arrays, lower=lower, upper=upper))

    def _checked(self, found: Found) -> Found:
        """With dispatch, which tells how much energy a price is paid for."""
        if self.again.small:
            return self.again.checked(found.x, keep_dispatch=True)
        return self.again.refitted(found)

    # -- what is told ---------------------------------------------------------------------------

    def table(self) -> pd.DataFrame:
        """``tables/runner_up.csv``: a row for each price of each source."""
        rows = [row for n in range(len(self.sources)) for row in self._rows(n)]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def _rows(self, n: int) -> Iterator[dict[str, Any]]:
        source, found = self.sources[n], self.found.get(n)
        row: dict[str, Any] = dict.fromkeys(COLUMNS, math.nan)
        row |= {"site": source.site, "kind": source.kind, "item": source.item, "mw": source.mw,
                "runner_up": "", "sheet": "", "column": "", "unit": "",
                "basis": "no plan without it" if n in self.asked else "not asked"}  # fmt: skip
        if n in self.asked and found is None and self.again.left <= 0:
            row["basis"] = "not asked"
        if found is None:
            yield row
            return
        base = self.again.against(found)
        if found.truth is None:
            base = self.bases.get(source.site, base)
        extra = 1e3 * (found.total - base.total)
        parts = self.money.more(found.x, base.x)
        parts["energy_usd"] += extra - sum(parts.values())
        row |= {"runner_up": self._grown(source, found.x, base.x), "extra_usd": extra,
                "basis": found.basis, **parts}  # fmt: skip
        for price in self._prices(source):
            yield row | self._switch(price, found, base, extra)

    def _grown(self, source: Source, x: np.ndarray, base: np.ndarray) -> str:
        """What stands in for the source: what there is more of, at most in some period."""
        there, here = self._levels(x), self._levels(base)
        more = {
            f"{item} at {site}": float((there[site, kind, item] - here[site, kind, item]).max())
            for site, kind, item in there
            if (site, kind, item) != (source.site, source.kind, source.item)
        }
        waits = [(k, v) for k, v in self.again.planning.model.backlog.items()]
        later: dict[int, float] = {}
        for (_, _, p), v in waits:
            if (k := self.again.column(v)) >= 0:
                later[p] = later.get(p, 0.0) + float(x[k] - base[k])
        more["waiting"] = max(later.values(), default=0.0)
        named = sorted((k for k, mw in more.items() if mw > LEAST_MW), key=lambda k: -more[k])
        return ", ".join(f"{more[k]:.0f} MW {k}" for k in named[:MOST_NAMED])

    def _switch(self, price: Price, found: Found, base: Found, extra: float) -> dict[str, float]:
        told: dict[str, Any] = {
            "sheet": price.sheet, "row": float(price.row), "column": price.column,
            "unit": price.unit, "price": price.value,
        }  # fmt: skip
        mine = self._paid(price, base.x, base.truth)
        other = self._paid(price, found.x, found.truth)
        if mine is None or other is None or mine - other <= 1e-9 * max(1.0, abs(mine)):
            return told
        rise = extra * KILO / (mine - other)
        share = rise / price.of if price.of > 0 else math.nan
        return told | {"switch_price": price.value + rise, "rise": rise, "switch_share": share}

    # -- prices ---------------------------------------------------------------------------------

    def _prices(self, source: Source) -> Iterator[Price]:
        """The prices of the input that a source is paid by."""
        case, site = self.case, self.case.sites[source.site]
        told = next(r for _, r in rows_of(case, "sites") if r["site"] == source.site)
        if source.kind == "interconnection":
            for n, row in rows_of(case, "interconnections"):
                if (row["site"], row["offer"]) == (source.site, source.item):
                    charge = float(row["capacity_charge_usd_per_kw_year"])
                    yield Price("interconnections", n, "capacity_charge_usd_per_kw_year",
                                "USD/kW/year", charge, charge, (source.site,), False)  # fmt: skip
            for n, row in rows_of(case, "tariffs"):
                if row["tariff"] == told["tariff"]:
                    same = tuple(r["site"] for _, r in rows_of(case, "sites")
                                 if r["tariff"] == row["tariff"])  # fmt: skip
                    yield Price("tariffs", n, "energy_price_usd_per_mwh", "USD/MWh",
                                float(row["energy_price_usd_per_mwh"]),
                                float(site.price.mean()) / KILO, same, True)  # fmt: skip
            return
        asset = next(a for a in site.assets if a.technology == source.item)
        holds = sites_of(case, "site_technologies", "technology")
        for n, row in rows_of(case, "site_technologies"):
            if row["technology"] == source.item and source.site in holds[n]:
                overnight = float(asset.money_mw[0].overnight[0])
                yield Price("site_technologies", n, "capex_adder_usd_per_kw", "USD/kW",
                            float(row["capex_adder_usd_per_kw"]), overnight, tuple(holds[n]), False)  # fmt: skip
        if asset.fuel:
            rows = [(n, r) for n, r in rows_of(case, "fuels") if r["fuel"] == asset.fuel]
            own = [(n, r) for n, r in rows if r["hub"] == told["gas_hub"]]
            number, row = (own or [(n, r) for n, r in rows if r["hub"] == "*"])[0]
            hubs = {r["hub"] for _, r in rows}
            same = tuple(
                r["site"] for _, r in rows_of(case, "sites")
                if (r["gas_hub"] if r["gas_hub"] in hubs else "*") == row["hub"]
            )  # fmt: skip
            yield Price("fuels", number, "price_usd_per_mmbtu", "USD/MMBtu",
                        float(row["price_usd_per_mmbtu"]),
                        float(site.fuel_price[asset.fuel].mean()) / KILO, same, True)  # fmt: skip

    def _paid(self, price: Price, x: np.ndarray, truth: Truth | None) -> float | None:
        """What a plan pays more for each unit that a price rises [k$]; None: not known."""
        if price.by_energy:
            return None if truth is None else self._energy(price, truth)
        paid = 0.0
        for name in price.sites:
            site, block = self.case.sites[name], self.again.planning.model.site[name]
            if price.sheet == "interconnections":
                item = self._item(price)
                paid += sum(self._charged(block, o, x) for o in site.offers if o.offer == item)
            else:
                item = self._item(price)
                paid += sum(self._capital(block, a, x) for a in site.assets if a.technology == item)
        return paid

    def _item(self, price: Price) -> str:
        row = next(r for n, r in rows_of(self.case, price.sheet) if n == price.row)
        return str(row["offer" if price.sheet == "interconnections" else "technology"])

    def _charged(self, block: Any, offer: Offer, x: np.ndarray) -> float:
        """Discounted kW-years of an offer, in thousands."""
        return sum(
            float(x[self.again.column(level[offer.offer, v.name, p.index])])
            * p.discounted_months / 12
            for v in offer.variants
            for level in (block.firm_mw, block.flexible_mw)
            for p in self.case.periods
        )  # fmt: skip

    def _capital(self, block: Any, asset: Asset, x: np.ndarray) -> float:
        """Discounted annuities, and losses at risk, of a dollar for each kW built [k$]."""
        count, size = (block.units, asset.unit_mw) if asset.unit_mw else (block.built_mw, 1.0)
        paid = 0.0
        for v, money in zip(asset.variants, asset.money_mw, strict=True):
            built = [float(x[self.again.column(count[asset.technology, v.name, p])]) * size
                     for p in range(len(self.case.periods))]  # fmt: skip
            new = np.diff(built, prepend=0.0)
            for q in np.flatnonzero(np.abs(new) > 1e-9):
                if money.overnight[q] > 0:
                    paid += new[q] * (money.capital[q] + money.risk[q]) / money.overnight[q]
        return float(paid)

    def _energy(self, price: Price, truth: Truth) -> float | None:
        """Discounted energy that is bought at a price, grown as it grows [1000 MWh or MMBtu]."""
        paid = 0.0
        for (name, p), operated in truth.operating.items():
            if name not in price.sites:
                continue
            if operated.dispatch is None:
                return None
            site, period = self.case.sites[name], self.case.periods[p]
            groups = self.again.known.oracle.shape(name, p).groups
            weight = period.pass_weight * KILO
            if price.sheet == "tariffs":
                tariff = site.tariff
                if tariff.net_billing or tariff.minimum.any():
                    return None
                bought = 0.0
                taken, sent = (links.under(site, n, tariff) for n in ("import", "export"))
                if taken in groups:
                    bought = (1 + tariff.tax) * operated.dispatch[groups[taken]].sum()
                if sent in groups:
                    sold = operated.dispatch[groups[sent]]
                    hours = self.again.known.oracle.shape(name, p).hours
                    paying = tariff.price_in(hours) > 0
                    bought -= tariff.export_share * float(sold[paying].sum())
                paid += weight * growth(self.case, tariff.growth, period) * float(bought)
                continue
            fuel = next(r["fuel"] for n, r in rows_of(self.case, "fuels") if n == price.row)
            for asset in site.assets:
                if asset.fuel == fuel and f"generation:{asset.technology}" in groups:
                    made = operated.dispatch[groups[f"generation:{asset.technology}"]].sum()
                    grown = growth(self.case, site.fuel_growth[fuel], period)
                    paid += weight * grown * asset.heat_rate * float(made)
        return paid
