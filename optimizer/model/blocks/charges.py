"""Monthly charges of a tariff on what flows through the meter: demand, peaks, tiers, minimum.

A month's billed quantities are columns of the block; prices of all of them grow by the tariff's
one rate, so that no row depends on the period. A row of a tariff that is not chosen is relaxed
by the service under the others: as one tariff is chosen, this is exact.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from optimizer.model.blocks import links
from optimizer.model.blocks.assembly import Assembly, Values
from optimizer.model.blocks.grid import group, growth, peak_price
from optimizer.preparing import ratchets
from optimizer.preparing.calendar import Period
from optimizer.preparing.case import Case, Site
from optimizer.preparing.tariffs import Charge, Tariff, Tier
from optimizer.tables.tariffs import COINCIDENT, CONTRACT, DEMAND, ENERGY

HOURS_PER_MONTH = 730.0
"""Rows of a month's energy are written in its mean MW, as the others are in MW."""

Upper = Mapping[str, Values]


def add(block: Assembly, case: Case, site: Site) -> None:
    """Columns and rows of every tariff whose bill is more than each hour's energy."""
    for tariff in site.tariffs if site.offers else ():
        if tariff.is_billed:
            _Bill(block, case, site, tariff).add()


class _Bill:
    """Adds the bill of one tariff; positions count the months of the pass from 0."""

    def __init__(self, block: Assembly, case: Case, site: Site, tariff: Tariff) -> None:
        self.block, self.case, self.site, self.tariff = block, case, site, tariff
        self.month = tariff.clock.months_in(block.hours)
        self.months = [int(m) for m in dict.fromkeys(self.month)]
        self.months.sort()
        self.position = np.searchsorted(self.months, self.month)
        self.own = next(c for name, c in block.meter if name == tariff.tariff)
        self.flows = [c for name, c in block.meter if name in (tariff.tariff, "")]
        self.service: dict[str, Values] = dict(links.service(site, tariff))
        self.others: dict[str, Values] = {}
        for other in site.tariffs:
            if other is not tariff:
                self.others |= links.service(site, other)
        self.taken = links.taken(tariff)
        self.money: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}
        """Columns of each position's charges with their prices, for the minimum bill."""
        self.surcharge: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}
        """Those of energy tiers, which net billing counts too."""
        self.credit: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        """Columns of each position's credit for export, with what they earn."""
        self.most_billed: dict[int, dict[str, float]] = {}
        """Upper bound of each column of billed demand, by link."""
        self.most_credit: dict[int, float] = {}
        """For each MW of export in all hours of a position [k$]."""

    def add(self) -> None:
        """Each kind of charge; the credit and the minimum bill come last, over the others."""
        billed = self._demand()
        for charge in self.tariff.of_kind(COINCIDENT):
            self._coincident(charge)
        for charge in self.tariff.of_kind(ENERGY):
            if charge.tiers:
                self._energy(charge, billed)
        if self.site.sells_energy:
            self._credits()
        self._minimum()

    # -- columns ----------------------------------------------------------------------------

    def _name(self, what: str, charge: Charge | None = None) -> str:
        """Name of a group: ``billed:tariff:charge``."""
        tail = "" if charge is None else f":{charge.name}"
        return f"{what}:{self.tariff.tariff}{tail}"

    def _columns(self, name: str, upper: Upper, prices: np.ndarray | float, count: int,
                 *, taxed: bool = True) -> np.ndarray:  # fmt: skip
        """Columns with prices in money of the money year [k$]."""
        paid = np.broadcast_to(np.asarray(prices, float), count)
        paid = paid * (1.0 + self.tariff.tax if taxed else 1.0)

        def running(period: Period) -> np.ndarray:
            return np.asarray(paid * growth(self.case, self.tariff.growth, period))

        return self.block.columns(name, upper, running, count=count)

    def _below(
        self, name: str, terms: list[tuple[np.ndarray, Values]], rhs: Mapping[str, Values],
        count: int,
    ) -> None:  # fmt: skip
        """Rows, one for each entry of the arrays: sum of value x column <= rhs."""
        rows = self.block.rows(name, rhs, count=count, equality=False)
        for columns, values in terms:
            self.block.add(rows, columns, values)

    def _row(
        self, name: str, terms: list[tuple[np.ndarray, Values]], rhs: Mapping[str, Values]
    ) -> None:
        """One row: sum of value x column over all columns of the terms <= rhs."""
        row = self.block.rows(name, rhs, count=1, equality=False)
        for columns, values in terms:
            self.block.add(np.broadcast_to(row, len(columns)), columns, values)

    def _enter(self, positions: list[int], columns: np.ndarray, prices: np.ndarray | float) -> None:
        """Enter columns into the charges of their months."""
        paid = np.broadcast_to(np.asarray(prices, float), len(columns))
        for k, position in enumerate(positions):
            entry = (columns[k : k + 1], paid[k : k + 1])
            self.money.setdefault(position, []).append(entry)

    # -- demand -----------------------------------------------------------------------------

    def _demand(self) -> dict[str, dict[int, int]]:
        """``metered >= import`` in each hour; ``billed`` as the charge says. Returns billed."""
        charges = self.tariff.of_kind(DEMAND)
        if not charges:
            return {}
        peaks = self._metered(charges)
        found = {}
        for charge, metered in zip(charges, peaks, strict=True):
            positions = [k for k, m in enumerate(self.months) if m in charge.months]
            if positions:
                found[charge.name] = self._billed(charge, metered, positions)
            self._handed_on(charge, metered)
        return found

    def _metered(self, charges: list[Charge]) -> list[dict[int, int]]:
        """For each charge the column of the highest use in its window, by position.

        Hours are sorted into cells that lie within the same windows, so that each hour has one
        row however many windows it is in.
        """
        wanted: dict[bytes, int] = {}
        number = [
            wanted.setdefault(c.within[self.block.hours].tobytes(), len(wanted)) for c in charges
        ]
        inside = np.zeros((self.block.count, len(wanted)), dtype=bool)
        for charge, n in zip(charges, number, strict=True):
            counts = np.isin(self.month, list(charge.months))
            if ratchets.has_ratchet(charge):
                counts |= np.isin(self.month, list(charge.season))
            inside[:, n] |= charge.within[self.block.hours] & counts
        hours = np.flatnonzero(inside.any(axis=1))
        if not len(hours):
            return [{} for _ in charges]
        keys = np.column_stack([self.position[hours], inside[hours]])
        cells, cell = np.unique(keys, axis=0, return_inverse=True)
        cell = cell.ravel()
        columns = self._columns(self._name("metered"), self.service, 0.0, len(cells))
        flows: list[tuple[np.ndarray, Values]] = [(f[hours], 1.0) for f in self.flows]
        name = self._name("metered_at_least_use")
        self._below(name, [*flows, (columns[cell], -1.0)], self.others, len(hours))
        of_window: list[dict[int, list[int]]] = [{} for _ in wanted]
        for k, (position, *windows) in enumerate(cells):
            for n, holds_here in enumerate(windows):
                if holds_here:
                    of_window[n].setdefault(int(position), []).append(int(columns[k]))
        highest = [self._highest(parts, n) for n, parts in enumerate(of_window)]
        return [highest[n] for n in number]

    def _highest(self, parts: dict[int, list[int]], number: int) -> dict[int, int]:
        """The column of the highest of several cells, by position."""
        several = [k for k, cells in parts.items() if len(cells) > 1]
        found = {k: cells[0] for k, cells in parts.items()}
        if several:
            name = self._name(f"highest {number}")
            columns = self._columns(name, self.service, 0.0, len(several))
            cells = np.array([c for k in several for c in parts[k]])
            over = np.repeat(columns, [len(parts[k]) for k in several])
            self._below(name, [(cells, 1.0), (over, -1.0)], {}, len(cells))
            found |= {k: int(c) for k, c in zip(several, columns, strict=True)}
        return found

    def _billed(
        self, charge: Charge, metered: dict[int, int], positions: list[int]
    ) -> dict[int, int]:
        """``billed`` >= metered, its ratchet and its minimum share; then its tiers."""
        floors = [
            k for k in positions
            if not self._is_year and k < ratchets.floor_positions(charge, self.case.periods)
        ]  # fmt: skip
        upper: dict[str, Values] = dict(self.service)
        for k in floors:
            upper[links.floor(self.tariff, charge, k)] = charge.ratchet_share * np.equal(
                positions, k
            )
        self._at_contract(upper, charge)
        name = self._name("billed", charge)
        columns = self._columns(name, upper, charge.price, len(positions))
        self._enter(positions, columns, charge.price)
        at = dict(zip(positions, (int(c) for c in columns), strict=True))
        for n, column in enumerate(at.values()):
            self.most_billed[column] = {
                link: float(np.broadcast_to(value, len(positions))[n])
                for link, value in upper.items()
            }
        terms = [(metered[k], at[k], 1.0) for k in positions if k in metered]
        terms += [
            (metered[i], at[k], charge.ratchet_share)
            for k in positions
            for i in ratchets.within(charge, self.months, k)
            if i in metered
        ]
        if terms:
            low, high, share = (np.array(v) for v in zip(*terms, strict=True))
            name = self._name("billed_at_least_metered", charge)
            self._below(name, [(low, share), (high, -1.0)], {}, len(terms))
        for k in floors:
            rhs = {links.floor(self.tariff, charge, k): -charge.ratchet_share}
            name = self._name(f"billed_at_least_earlier {k}", charge)
            self._below(name, [(np.array([at[k]]), -1.0)], rhs, 1)
        self._minimum_share(charge, columns)
        self._tiers(charge, columns, positions, upper)
        return at

    @property
    def _is_year(self) -> bool:
        """Whether the pass is a whole year, within which a ratchet wraps."""
        return len(self.months) == ratchets.YEAR

    def _handed_on(self, charge: Charge, metered: dict[int, int]) -> None:
        """Metered demand <= the plan's peak, at which later periods look, + what is above it.

        Above it costs as much as it could add to any later bill, so that a plan whose peak is
        too low is dear, not impossible, and the best plan has nothing above.
        """
        reach = range(ratchets.peak_positions(charge, self.case.periods))
        positions = [k for k in reach if k in metered]
        if not positions:
            return

        def running(period: Period) -> np.ndarray:
            return np.array([self._later(charge, period, k) for k in positions])

        name = self._name("above_peak", charge)
        above = self.block.columns(name, self.service, running, count=len(positions))
        for k, column in zip(positions, above, strict=True):
            rhs = {links.peak(self.tariff, charge, k): 1.0}
            terms: list[tuple[np.ndarray, Values]] = [
                (np.array([metered[k]]), 1.0), (np.array([column]), -1.0)
            ]  # fmt: skip
            self._below(self._name(f"metered_within_peak {k}", charge), terms, rhs, 1)

    def _later(self, charge: Charge, period: Period, position: int) -> float:
        """Most that one MW more in a month may add to the bills of later periods [k$/MW a pass]."""
        periods, paid = self.case.periods, 0.0
        for later in periods[period.index + 1 :]:
            grown = growth(self.case, self.tariff.growth, later) * later.pass_weight
            for k in range(later.months if later.months < ratchets.YEAR else 0):
                month = (later.start.month - 1 + k) % ratchets.YEAR
                looks = (period.index, position) in ratchets.earlier(
                    charge, periods, later.index, k
                )
                if looks and month in charge.months:
                    paid += charge.ratchet_share * charge.highest * grown * (1.0 + self.tariff.tax)
        return paid / period.pass_weight

    def _at_contract(self, upper: dict[str, Values], charge: Charge) -> None:
        """Room for the share of the contract MW that is billed at least."""
        if charge.minimum_share:
            for name in links.contract_basis(self.case, self.site, self.tariff):
                upper[name] = upper.get(name, 0.0) + charge.minimum_share

    def _minimum_share(self, charge: Charge, columns: np.ndarray) -> None:
        if charge.minimum_share:
            basis = links.contract_basis(self.case, self.site, self.tariff)
            rhs = dict.fromkeys(basis, -charge.minimum_share)
            name = self._name("billed_at_least_share", charge)
            self._below(name, [(columns, -1.0)], rhs, len(columns))

    def _tiers(
        self, charge: Charge, columns: np.ndarray, positions: list[int], upper: Upper
    ) -> None:
        """Billed demand above where a tier begins costs its rise more, or its fall less."""
        for number, tier in enumerate(charge.tiers, 2):
            if tier.rise < 0:
                size, none = {self.taken: 1.0}, np.empty(0, dtype=int)
                for k, column in zip(positions, columns, strict=True):
                    used = np.array([column])
                    self._cheaper(charge, tier, number, k, used, 1.0, size, none)
                continue
            name = self._name(f"tier {number}", charge)
            above = self._columns(name, upper, tier.rise, len(columns))
            self._enter(positions, above, tier.rise)
            rhs = {self.taken: tier.above}
            self._below(name, [(columns, 1.0), (above, -1.0)], rhs, len(columns))

    def _coincident(self, charge: Charge) -> None:
        """``billed`` >= import in every hour that may be the system's peak."""
        slot = {int(h): k for k, h in enumerate(self.block.hours)}
        priced = peak_price(self.site, self.tariff)
        events = [
            e
            for e in charge.events
            if int(e.hours[0]) in slot and not (len(e.hours) == 1 and priced[e.hours[0]] > 0)
        ]
        if not events:
            return
        positions = [self.months.index(e.month) for e in events]
        rates = np.array([e.rate for e in events])
        upper: dict[str, Values] = dict(self.service)
        self._at_contract(upper, charge)
        columns = self._columns(self._name("billed", charge), upper, rates, len(events))
        self._enter(positions, columns, rates)
        hours = np.array([slot[int(h)] for e in events for h in e.hours])
        over = np.repeat(columns, [len(e.hours) for e in events])
        flows: list[tuple[np.ndarray, Values]] = [(f[hours], 1.0) for f in self.flows]
        name = self._name("billed_at_least_use", charge)
        self._below(name, [*flows, (over, -1.0)], self.others, len(hours))
        self._minimum_share(charge, columns)

    # -- energy -----------------------------------------------------------------------------

    def _energy(self, charge: Charge, billed: dict[str, dict[int, int]]) -> None:
        """A month's energy above where a tier begins costs its rise more, or its fall less."""
        inside = charge.within[self.block.hours] & np.isin(self.month, list(charge.months))
        for number, tier in enumerate(charge.tiers, 2):
            for k, month in enumerate(self.months):
                at = np.flatnonzero(inside & (self.position == k))
                if month in charge.months and len(at):
                    self._energy_tier(charge, tier, number, k, at, billed)

    def _energy_tier(
        self, charge: Charge, tier: Tier, number: int, position: int, at: np.ndarray,
        billed: dict[str, dict[int, int]],
    ) -> None:  # fmt: skip
        size, demand = self._size(charge, tier, position, billed)
        if tier.rise < 0:
            hours = float(len(at))
            self._cheaper(charge, tier, number, position, self.own[at], hours, size, demand)
            return
        name = self._name(f"tier {number}.{position}", charge)
        upper = {link: share * float(len(at)) for link, share in self.service.items()}
        above = self._columns(name, upper, tier.rise, 1)
        self._enter([position], above, tier.rise)
        self.surcharge.setdefault(position, []).append((above, np.array([tier.rise])))
        scale = 1.0 / HOURS_PER_MONTH
        terms: list[tuple[np.ndarray, Values]] = [
            (self.own[at], scale), (above, -scale), (demand, -tier.above * scale)
        ]  # fmt: skip
        self._row(name, terms, {link: v * tier.above * scale for link, v in size.items()})

    def _size(
        self, charge: Charge, tier: Tier, position: int, billed: dict[str, dict[int, int]]
    ) -> tuple[dict[str, float], np.ndarray]:
        """What the beginning of a tier is counted for: links (1, or contract MW) and columns."""
        none = np.empty(0, dtype=int)
        if not tier.hours:
            return {self.taken: 1.0}, none
        if charge.hours_of == CONTRACT:
            basis = links.contract_basis(self.case, self.site, self.tariff)
            return dict.fromkeys(basis, 1.0), none
        demand = [
            found[position]
            for other, found in billed.items()
            if other.split(" / ")[0] == charge.hours_of and position in found
        ]
        return {}, np.array(demand, dtype=int)

    def _cheaper(
        self, charge: Charge, tier: Tier, number: int, position: int, used: np.ndarray,
        hours: float, size: Mapping[str, float], demand: np.ndarray,
    ) -> None:  # fmt: skip
        """What is ``above`` where a tier begins costs its fall less, in a month that reaches it.

        Such a month pays the fall for what is ``missing`` to there; one that does not reach the
        tier has neither: above - missing <= used - beginning.

        Parameters
        ----------
        used : columns of the month's use
        hours : of the month's window; 1 for demand
        size, demand : links and columns for which the tier's beginning is counted
        """
        most = dict(size)
        for column in demand:
            for link, share in self.most_billed[int(column)].items():
                most[link] = most.get(link, 0.0) + share
        name, missed = (
            self._name(f"{what} {number}.{position}", charge) for what in ("cheaper", "missing")
        )
        upper = {links.above(self.tariff, charge, number, position): hours}
        above = self._columns(name, upper, tier.rise, 1)
        upper = {link: share * tier.above for link, share in most.items()}
        missing = self._columns(missed, upper, -tier.rise, 1)
        for column, price in ((above, tier.rise), (missing, -tier.rise)):
            self._enter([position], column, price)
            if charge.kind == ENERGY:
                self.surcharge.setdefault(position, []).append((column, np.array([price])))
        scale = 1.0 / HOURS_PER_MONTH if charge.kind == ENERGY else 1.0
        begin = tier.above * scale
        terms: list[tuple[np.ndarray, Values]] = [
            (above, scale), (missing, -scale), (used, -scale), (demand, begin)
        ]  # fmt: skip
        rhs = {link: -share * begin for link, share in size.items()}
        rhs[links.unreached(self.tariff, charge, number, position)] = begin
        self._row(name, terms, rhs)

    def _minimum(self) -> None:
        """``topup`` fills a month's charges, less credit, up to the minimum bill; it is not taxed.

        With the credit in it, below the minimum one cannot gain by buying and selling at once.
        """
        least = np.maximum(self.tariff.minimum - self.tariff.fixed, 0.0)
        price = self.tariff.price_in(self.block.hours)
        for k, month in enumerate(self.months):
            if least[month] <= 0:
                continue
            at = np.flatnonzero(self.position == k)
            fall = sum(c.fall for c in self.tariff.of_kind(ENERGY) if month in c.months)
            paid = float(np.maximum(-price[at] - fall, 0.0).sum())
            upper: dict[str, Values] = {self.taken: float(least[month])}
            upper |= {link: paid for link in self.service if paid}
            sold, earned = self.credit.get(k, (np.empty(0, int), np.empty(0)))
            if len(sold):
                upper[links.under(self.site, links.EXPORT, self.tariff)] = self.most_credit[k]
            name = self._name(f"topup {k}")
            topup = self._columns(name, upper, 1.0, 1, taxed=False)
            row = self.block.rows(name, {self.taken: -float(least[month])}, count=1, equality=False)
            parts = [(topup, np.ones(1)), (self.own[at], price[at]), *self.money.get(k, [])]
            if len(sold):
                parts.append((sold, -earned))
            for columns, prices in parts:
                self.block.add(np.broadcast_to(row, len(columns)), columns, -prices)

    def _credits(self) -> None:
        """What each month's export earns; under net billing at most its energy charges."""
        earned = self.tariff.earned_in(self.block.hours)
        price = np.maximum(self.tariff.price_in(self.block.hours), 0.0)
        made = self.block.groups[group(self.site, "export", self.tariff)]
        sold = np.arange(made.start, made.stop)
        link = links.under(self.site, links.EXPORT, self.tariff)
        for k in range(len(self.months)):
            at = np.flatnonzero(self.position == k)
            self.most_credit[k] = float(earned[at].sum())
            self.credit[k] = (sold[at], earned[at])
            if not self.tariff.net_billing:
                continue
            name = self._name(f"credit {k}")
            credit = self._columns(name, {link: self.most_credit[k]}, -1.0, 1, taxed=False)
            rows = self.block.rows(name, {}, count=2, equality=False)
            charges = [(self.own[at], price[at]), *self.surcharge.get(k, [])]
            for row, parts in zip(rows, ([self.credit[k]], charges), strict=True):
                self.block.add(np.array([row]), credit, 1.0)
                for columns, prices in parts:
                    self.block.add(np.broadcast_to(row, len(columns)), columns, -prices)
            self.credit[k] = (credit, np.ones(1))
