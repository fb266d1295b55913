"""Evaluates blocks with at most one storage by merit order and the value of stored energy.

Every answer proves itself on the block's own arrays: the dispatch must satisfy all rows and
bounds, and the cut made from its prices must reach its cost. What does not is left to HiGHS.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.model.blocks import links
from optimizer.model.blocks.assembly import Shape
from optimizer.preparing.case import Asset
from optimizer.solving.oracles import connection, kernel, peaks
from optimizer.solving.oracles.blocks import Blocks
from optimizer.solving.oracles.connection import SERVICE_ROW, Connection
from optimizer.solving.oracles.task import ADEQUACY, COST, Outcome, Task, dot, outcome

PASSES = 10
QUOTA_ROUNDS, PEAK_ROUNDS = 16, 16
BILLED_NEAR = 3e-5
"""Relative distance of cut and cost at which an answer with billed peaks is proven, unless much
better is asked: the last digits cost more than HiGHS."""
MOST_UNDERSTATED = 0.01
"""Share by which an answer may fall short at a quota's price, whatever was asked."""
LEAST = 1e-7
"""A storage of less than this share of the block's largest link is none."""
PROBE = 1e-5
"""Power or energy of the storage whose prices stand for one that is not there."""
FEASIBLE, KEPT_MW = 1e-7, 2e-7
SEGMENTS = 1 << 19


@dataclass(frozen=True, eq=False)
class _Plain:
    """A shape in this oracle's terms: columns of each supply, the storage, the links in MW.

    ``supplies`` are all that serve load, ``grid`` those of them through the connection.
    ``quotas`` are rows of carbon-free targets with what a MWh of each column uses of them;
    ``peaks`` is billed demand, ``zones`` the part of the block to which each hour belongs.
    """

    shape: Shape
    sizes: np.ndarray
    supplies: tuple[slice, ...]
    grid: Connection | None
    export: slice | None
    storage: Asset | None
    quotas: tuple[tuple[int, np.ndarray], ...]
    peaks: tuple[peaks.Peak, ...]
    zones: np.ndarray


@dataclass(frozen=True, eq=False)
class _Posed:
    """A task in this oracle's terms, scaled: bounds, right-hand sides, running cost.

    ``near`` is the relative distance at which a price of a quota is good enough.
    """

    key: tuple[str, int, str]
    plain: _Plain
    upper: np.ndarray
    rhs: np.ndarray
    priced: np.ndarray
    near: float


class _Work:
    """Arrays that evaluations of one thread use again."""

    def __init__(self) -> None:
        self.slopes, self.lengths = np.empty(SEGMENTS), np.empty(SEGMENTS)

    def grow(self) -> None:
        self.slopes, self.lengths = (np.empty(2 * len(self.slopes)) for _ in range(2))


class OneStorageOracle:
    """Blocks with at most one storage and at most one quota that binds."""

    def __init__(self, blocks: Blocks, tolerance: float) -> None:
        self.blocks, self.tolerance = blocks, tolerance
        self._plain: dict[tuple[str, str], _Plain | None] = {}
        self._around: dict[tuple[str, int, str], tuple[int, float, float]] = {}
        self._quota_price: dict[tuple[str, int, str, int], float] = {}
        self._levels: dict[tuple[str, int, str], np.ndarray] = {}
        self._work: list[_Work] = []
        self.solved = self.declined = 0

    def tolerate(self, tolerance: float) -> None:
        """Change the relative distance of cut and cost at which an answer is proven."""
        self.tolerance = tolerance

    def drop(self, key: tuple[str, str]) -> None:
        """Forget what is kept of the arrays of a name."""
        self._plain.pop(key, None)

    def _describe(self, site: str, period: int) -> _Plain | None:
        key = self.blocks.key(site, period)
        before = self._plain.get(key)
        if before is not None or key in self._plain:
            return before
        shape = self.blocks.arrays(key)
        assets = {a.technology: a for a in self.blocks.case.sites[site].assets if a.is_storage}
        known = {"balance", "co2_within_quota", "water_within_quota"}
        known |= {f"soc:{name}" for name in assets}
        plain: _Plain | None = None
        quotas = _quotas(shape)
        known |= set(quotas)
        grid = connection.find(shape)
        if grid is not None and grid.service is not None:
            known.add(SERVICE_ROW)
        billed = peaks.find(shape, known, grid)
        if len(assets) <= 1 and billed is not None:
            plain = _Plain(
                shape=shape,
                sizes=np.array(
                    [not n.startswith((links.CO2, links.WATER, *links.MATCHED))
                     for n in shape.links]
                ),
                supplies=tuple(
                    part
                    for name, part in shape.groups.items()
                    if _is_supply(name) and name != "export"
                ),
                grid=grid,
                export=shape.groups.get("export"),
                storage=next(iter(assets.values()), None),
                quotas=tuple(quotas.values()),
                peaks=billed,
                zones=peaks.zones(billed, len(shape.hours)),
            )  # fmt: skip
        self._plain[key] = plain
        return plain

    def solve(self, task: Task) -> Outcome | None:
        """The block's least cost at the task's links; None if it cannot be proven."""
        answer = self._solve(task)
        if answer is None:
            self.declined += 1
        else:
            self.solved += 1
        return answer

    def _solve(self, task: Task) -> Outcome | None:
        key = (task.site, task.period)
        plain = self._describe(*key)
        if plain is None:
            return None
        shape, cost = plain.shape, self.blocks.cost(*key, task.purpose)
        counted = self.blocks.counted(*key)
        priced = cost + task.co2_price * counted if task.co2_price else cost
        scale = max(float(task.x[plain.sizes].max(initial=0.0)), 1e-9)
        x = task.x / scale
        quota_near = max(0.2 * self.tolerance, min(0.5 * task.near, MOST_UNDERSTATED))
        posed = _Posed(task.block, plain, shape.upper @ x, shape.rhs @ x, priced, quota_near)
        rows = [(shape.water_row, shape.water)]
        if task.co2_price is None:
            rows.append((shape.co2_row, counted))
        rows = [(row, used) for row, used in (*rows, *plain.quotas) if row >= 0]
        solved = self._dispatch(posed, priced)
        over = [
            (row, used) for row, used in rows
            if solved is not None and dot(used, solved[0]) > posed.rhs[row] + 0.1 * FEASIBLE
        ]  # fmt: skip
        if solved is not None and len(over) == 1:
            solved = self._within(posed, *over[0], solved)
        # A dispatch that is kept is a result: its rows must hold in MW, not only relatively.
        feasible = min(FEASIBLE, KEPT_MW / scale) if task.keep_dispatch else FEASIBLE
        if solved is None or not self._feasible(task, posed, solved[0], feasible):
            return None
        values, prices = solved
        if task.co2_price is not None and shape.co2_row >= 0:
            prices[shape.co2_row] = -task.co2_price
        answer = outcome(task, shape, cost, counted, values * scale, prices)
        promised = float(answer.cut @ task.x)
        if task.co2_price is not None and shape.co2_row >= 0:
            # The price stands for the quota: its term in the cut is not part of this value.
            quota = float((shape.rhs[shape.co2_row] @ task.x)[0])
            promised += task.co2_price * quota
        # How much is missing need not be known as exactly as what is paid.
        if task.purpose == ADEQUACY and answer.priced <= FEASIBLE * scale:
            return answer
        near = max(self._near(plain), task.near)
        if answer.priced - promised > near * max(abs(answer.priced), scale * 1e-3):
            return None
        return answer

    def _near(self, plain: _Plain) -> float:
        """Relative distance of cut and cost at which an answer is proven."""
        if not plain.peaks:
            return self.tolerance
        return max(self.tolerance, min(BILLED_NEAR, 1e3 * self.tolerance))

    def _feasible(self, task: Task, posed: _Posed, values: np.ndarray, near: float) -> bool:
        """Whether a dispatch satisfies all rows and bounds of the block."""
        shape = posed.plain.shape
        slack = posed.rhs - shape.matrix @ values
        if task.co2_price is not None and shape.co2_row >= 0:
            slack[shape.co2_row] = 0.0
        upper = np.where(shape.unbounded, np.inf, posed.upper)
        off = np.where(shape.equality, np.abs(slack), -slack)
        return bool(off.max() <= near and values.min() >= 0.0 and (values - upper).max() <= near)

    def _within(
        self, posed: _Posed, row: int, used: np.ndarray, free: tuple[np.ndarray, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """A dispatch whose use of a quota is its limit: a mix of two at one price of the quota.

        ``free`` is the answer without the quota, which uses more. Cost less price x what is left
        of the quota is concave in the price; the next price is where the lines of a dispatch
        within the quota and one above it meet.
        """
        limit = max(float(posed.rhs[row]), 0.0)
        most = float(used.max(initial=0.0))
        dearest = float(posed.priced[posed.plain.shape.groups["unserved"]][0])
        values, best = free
        reached = dot(posed.priced, values)
        sides = {False: (reached, dot(used, values), values)}
        highest = 1.01 * dearest / max(float(used[used > 0].min(initial=most)), 1e-9)
        price = self._quota_price.get((*posed.key, row), 0.01 * dearest / most)
        for _ in range(QUOTA_ROUNDS):
            solved = self._dispatch(posed, posed.priced + price * used)
            if solved is None:
                return None
            values, prices = solved
            cost, amount = dot(posed.priced, values), dot(used, values)
            promised = cost + price * (amount - limit)
            if promised > reached:
                reached, best = promised, prices
                best[row] = -price
                self._quota_price[*posed.key, row] = price
            sides[amount <= limit] = (cost, amount, values)
            if True not in sides:
                # At the highest price nothing that uses the quota is worth its while.
                price = min(max(8.0 * price, 0.02 * dearest / most), highest)
            else:
                (c_in, u_in, _), (c_out, u_out, _) = sides[True], sides[False]
                if u_out - u_in <= 1e-12 * max(1.0, limit):
                    break
                share = (limit - u_in) / (u_out - u_in)
                mixed = c_in + share * (c_out - c_in)
                least = FEASIBLE if posed.key[2] == ADEQUACY else 0.0
                if mixed - reached <= max(posed.near * abs(mixed), least):
                    break
                price = (c_in - c_out) / (u_out - u_in)
        if True not in sides:
            return None
        values = sides[True][2]
        if sides[False][1] > sides[True][1]:
            share = (limit - sides[True][1]) / (sides[False][1] - sides[True][1])
            values = values + share * (sides[False][2] - values)
        return values, best

    def _dispatch(self, posed: _Posed, priced: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Value of each column and price of each row at these running costs, quotas left out."""
        if posed.plain.peaks:
            return self._billed(posed, priced)
        return self._unbilled(posed, priced)

    def _billed(self, posed: _Posed, priced: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """A dispatch whose peaks cost least with what they save, and prices that prove it."""
        plain, shape, grid = posed.plain, posed.plain.shape, posed.plain.grid
        assert grid is not None
        own = grid.most(posed.upper, posed.rhs)
        columns = [p.column for p in plain.peaks]
        floor = np.array([max(0.0, -posed.rhs[p.floors].min(initial=0.0)) for p in plain.peaks])
        highest, rates = posed.upper[columns], priced[columns]
        if not (rates > 0.0).any():
            return self._free(posed, priced, floor)
        known = np.where(rates > 0.0, self._levels.get(posed.key, highest), highest)
        searches = [peaks.Search(*of) for of in zip(floor, highest, known, strict=True)]
        best: np.ndarray | None = None
        least = np.inf
        for _ in range(PEAK_ROUNDS):
            caps = own.copy()
            for peak, search in zip(plain.peaks, searches, strict=True):
                caps[peak.hours] = np.minimum(caps[peak.hours], search.level)
            solved = self._unbilled(posed, priced, caps, probe=False)
            if solved is None:
                return None
            values, prices = solved
            _bill(plain, values, floor)
            cost = dot(priced, values)
            if cost < least:
                least, best = cost, values
            near = max(0.2 * self._near(plain), posed.near) * abs(cost) / len(searches)
            by_zone = self._by_zone(plain, priced, values, prices)
            saved = grid.worth(posed.upper, priced, caps, prices[shape.balance])
            for peak, search, rate in zip(plain.peaks, searches, rates, strict=True):
                at = peak.hours
                binds = (caps[at] >= search.level) & (search.level < own[at])
                worth = np.where(binds, saved[at], 0.0)
                if not search.done:
                    cost = by_zone[plain.zones[at[0]]] + rate * search.level
                    side = peaks.Side(search.level, cost, rate - float(worth.sum()), worth)
                    search.take(side, near)
                    search.done |= rate <= 0.0
            if all(search.done for search in searches):
                break
        proof = self._proof(posed, priced, searches)
        if best is None or proof is None:
            return None
        self._levels[posed.key] = best[columns]
        return best, proof

    def _free(
        self, posed: _Posed, priced: np.ndarray, floor: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """A dispatch whose peaks cost nothing: they only bound what the connection carries."""
        plain = posed.plain
        assert plain.grid is not None
        most = plain.grid.most(posed.upper, posed.rhs).copy()
        for peak in plain.peaks:
            most[peak.hours] = np.minimum(most[peak.hours], posed.upper[peak.column])
        solved = self._unbilled(posed, priced, most)
        if solved is not None:
            _bill(plain, solved[0], floor)
        return solved

    @staticmethod
    def _by_zone(
        plain: _Plain, priced: np.ndarray, values: np.ndarray, prices: np.ndarray
    ) -> np.ndarray:
        """What the hours of each zone cost, with what the store gains or loses in them."""
        spent = np.zeros(len(plain.zones))
        for part in plain.shape.groups.values():
            if part.stop - part.start == len(spent):
                spent += priced[part] * values[part]
        if plain.storage is not None:
            name, keep = plain.storage.technology, 1.0 - plain.storage.loss_per_hour
            state = values[plain.shape.groups[f"soc:{name}"]]
            worth = -prices[plain.shape.rows[f"soc:{name}"]]
            spent += keep * (np.roll(state, 1) * worth - state * np.roll(worth, -1))
        return np.bincount(plain.zones, weights=spent)

    def _proof(
        self, posed: _Posed, priced: np.ndarray, searches: list[peaks.Search]
    ) -> np.ndarray | None:
        """Row prices under which the hours of each peak together bear its charge.

        With what each hour bears added to the price of import, nothing needs to be billed.
        """
        plain = posed.plain
        assert plain.grid is not None
        dearer = priced.copy()
        shares = [search.share() for search in searches]
        for peak, share in zip(plain.peaks, shares, strict=True):
            if share is not None:
                for part in plain.grid.parts:
                    np.add.at(dearer, part.start + peak.hours, share)
        solved = self._unbilled(posed, dearer)
        if solved is None:
            return None
        prices = solved[1]
        for peak, share in zip(plain.peaks, shares, strict=True):
            borne = 0.0 if share is None else share
            prices[peak.rows] = -borne
            if len(peak.floors):
                tight = peak.floors[np.argmin(posed.rhs[peak.floors])]
                prices[tight] = min(0.0, float(np.sum(borne)) - float(priced[peak.column]))
        return prices

    def _unbilled(
        self, posed: _Posed, priced: np.ndarray, most: np.ndarray | None = None, *,
        probe: bool = True,
    ) -> tuple[np.ndarray, np.ndarray] | None:  # fmt: skip
        """The same with nothing billed; the connection carries ``most``, or all that it can.

        Without ``probe`` prices do not tell what a store would be worth that is not there.
        """
        plain, upper, grid = posed.plain, posed.upper, posed.plain.grid
        shape = plain.shape
        load = posed.rhs[shape.balance]
        bounds = {part.start: upper[part] for part in plain.supplies}
        if grid is not None:
            most = grid.most(upper, posed.rhs) if most is None else most
            shared = grid.bounds(upper, priced, most)
            bounds |= {part.start: b for part, b in zip(grid.parts, shared, strict=True)}
        caps = [bounds[part.start] for part in plain.supplies]
        dear = [priced[part] for part in plain.supplies]
        if plain.export is not None:
            # Selling is a load that any supply dearer than the price may decline.
            load = load + upper[plain.export]
            caps.append(upper[plain.export])
            dear.append(-priced[plain.export])
        if not caps:
            caps, dear = [np.zeros(len(load))], [np.zeros(len(load))]
        # The kernel leaves load unserved last; a supply that is dearer than that is never used.
        dearest = float(posed.priced[shape.groups["unserved"]][0])
        cost = np.array(dear)
        caps_used = np.where(cost < dearest, caps, 0.0)
        solved = self._operate(posed, load, caps_used, cost, probe=probe)
        if solved is None:
            return None
        made, unserved, charge, discharge, state, price, worth = solved
        values, prices = np.zeros(shape.matrix.shape[1]), np.zeros(shape.matrix.shape[0])
        prices[shape.balance] = price
        for k, part in enumerate(plain.supplies):
            values[part] = made[k]
        if grid is not None and grid.service is not None:
            assert most is not None
            prices[grid.service] = -grid.worth(upper, priced, most, price)
        if plain.export is not None:
            values[plain.export] = np.maximum(upper[plain.export] - made[-1], 0.0)
        values[shape.groups["unserved"]] = unserved
        if plain.storage is not None:
            name = plain.storage.technology
            prices[shape.rows[f"soc:{name}"]] = -worth
            values[shape.groups[f"charge:{name}"]] = charge
            values[shape.groups[f"discharge:{name}"]] = discharge
            values[shape.groups[f"soc:{name}"]] = state
        return values, prices

    def _operate(
        self, posed: _Posed, load: np.ndarray, caps: np.ndarray, dear: np.ndarray, *, probe: bool
    ) -> tuple[np.ndarray, ...] | None:
        plain, groups, key = posed.plain, posed.plain.shape.groups, posed.key
        order = np.empty((len(load), len(caps)), dtype=np.int8)
        kernel.merit_order(dear, order)
        dearest = float(posed.priced[groups["unserved"]][0])
        if plain.storage is None:
            return self._run(load, caps, dear, order, dearest, None, 0.0, 0.0, key)
        name = plain.storage.technology
        power = float(posed.upper[groups[f"charge:{name}"]][0])
        energy = float(posed.upper[groups[f"soc:{name}"]][0])
        if min(power, energy) >= LEAST:
            return self._run(load, caps, dear, order, dearest, plain.storage, power, energy, key)
        alone = self._run(load, caps, dear, order, dearest, None, 0.0, 0.0, key)
        if alone is None or not probe:
            return alone
        # Without power or energy there is no storage, but a very small one tells its worth.
        power, energy = max(power, PROBE), max(energy, PROBE)
        small = self._run(load, caps, dear, order, dearest, plain.storage, power, energy, key)
        return alone if small is None else (*alone[:5], *small[5:])

    def _run(
        self, load: np.ndarray, caps: np.ndarray, dear: np.ndarray, order: np.ndarray,
        dearest: float, storage: Asset | None, power: float, energy: float,
        key: tuple[str, int, str],
    ) -> tuple[np.ndarray, ...] | None:  # fmt: skip
        """A year that ends with the charge it began with, at the least cost.

        The year is cut at an hour at which the store is empty or full, if there is one. With
        the charge s at the cut, the year's cost is convex in s; what a MWh is worth after the
        cut less what it is worth before it says where the best s lies.
        """
        hours = len(load)
        made, offset = np.empty_like(caps), np.empty(hours + 2, dtype=np.int64)
        unserved, charge, discharge, state, price, worth = (np.empty(hours) for _ in range(6))
        eta = keep = 1.0
        vom = np.inf
        if storage is not None:
            eta = float(np.sqrt(storage.efficiency))
            keep, vom = 1.0 - storage.loss_per_hour, float(storage.vom) if key[2] == COST else 0.0
        work = self._work.pop() if self._work else _Work()

        def back(first: int, value: float, forced: float) -> None:
            while not kernel.backward(
                load, caps, dear, order, dearest, power, energy, eta, vom, keep, first, value,
                forced, work.slopes, work.lengths, offset,
            ):  # fmt: skip
                work.grow()

        def forth(first: int, value: float, begin: float) -> tuple[float, float]:
            return kernel.forward(  # type: ignore[no-any-return]
                load, caps, dear, order, dearest, power, energy, eta, vom, keep, first, value,
                begin, work.slopes, work.lengths, offset,
                made, unserved, charge, discharge, state, price, worth,
            )  # fmt: skip

        closed = False
        if storage is None:
            back(0, 0.0, -1.0)
            forth(0, 0.0, -1.0)
            closed = True
        else:
            cut = self._around.get(key)
            if cut is None:
                value = float(np.median(dear))
                back(0, value, -1.0)
                forth(0, value, -1.0)
                cut = self._cut_of_the_year(state, worth, keep, energy)
            first, share, value = cut
            low, high = 0.0, energy
            far = 4.0 * dearest / eta
            sides: dict[bool, tuple[float, np.ndarray, np.ndarray]] = {}
            for number in range(PASSES):
                back(first, far, share * energy)
                begin, end = forth(first, value, share * energy)
                last = worth[first - 1] / keep
                if abs(worth[first] - last) > 1e-12 and abs(value - last) > 1e-12:
                    begin, end = forth(first, last, share * energy)
                    last = worth[first - 1] / keep
                value = last
                closed = abs(begin - end) <= 1e-9 * max(1.0, energy)
                gain = (worth[first] - last) * energy
                cost = dot(dear, made) + dearest * float(unserved.sum())
                if closed and abs(gain) <= 0.1 * self.tolerance * abs(cost) + 1e-9:
                    break
                if number < 2:
                    # Far from the cut the path is right: look there for a better hour.
                    found = self._cut_of_the_year(state, worth, keep, energy)
                    if found[0] != first or found[1] != share:
                        first, share, value = found
                        low, high = 0.0, energy
                        sides.clear()
                        continue
                sides[gain > 0.0] = (gain, price.copy(), worth.copy())
                if gain > 0.0 and share < 1.0:
                    low = share * energy
                elif gain < 0.0 and share > 0.0:
                    high = share * energy
                else:
                    break
                if number < PASSES - 1:
                    share = 0.5 * (low + high) / energy
            if len(sides) == 2:
                # Between the two sides of a kink of the year's cost: prices that meet there.
                (more, p_low, w_low), (less, p_high, w_high) = sides[True], sides[False]
                theta = -less / max(more - less, 1e-300)
                price = theta * p_low + (1.0 - theta) * p_high
                worth = theta * w_low + (1.0 - theta) * w_high
            self._around[key] = (first, share, value)
        self._work.append(work)
        return (made, unserved, charge, discharge, state, price, worth) if closed else None

    @staticmethod
    def _cut_of_the_year(
        state: np.ndarray, worth: np.ndarray, keep: float, energy: float
    ) -> tuple[int, float, float]:
        """(hour, share of the energy charged before it, worth of a MWh then).

        The hour before which the store is most surely empty or full; else the year's first.
        """
        after = keep * np.roll(worth, -1)
        empty = np.where(state <= 1e-9, worth - after, -np.inf)
        full = np.where(state >= energy - 1e-9, after - worth, -np.inf)
        best = int(np.argmax(np.maximum(empty, full)))
        value = 0.5 * float(worth[best] + after[best])
        if not max(empty[best], full[best]) > 0:
            return 0, 0.5, float(worth[0])
        return (best + 1) % len(state), float(full[best] >= empty[best]), value


def _bill(plain: _Plain, values: np.ndarray, floor: np.ndarray) -> None:
    """Set billed demand to the highest use of the connection, or to its floor."""
    assert plain.grid is not None
    used = sum((values[part] for part in plain.grid.parts), start=np.zeros(len(plain.zones)))
    for peak, low in zip(plain.peaks, floor, strict=True):
        values[peak.column] = max(float(used[peak.hours].max()), low)


def _quotas(shape: Shape) -> dict[str, tuple[int, np.ndarray]]:
    """Rows of carbon-free targets that are like one of CO2: use of supplies and of export."""
    found = {}
    for name, part in shape.rows.items():
        if name.startswith(("unmatched_within_quota:", "excess_within_quota:")):
            used = np.asarray(shape.matrix[part].todense()).ravel()
            others = [k for n, k in shape.groups.items() if not _is_supply(n)]
            if used.min() >= 0 and not any(used[k].any() for k in others):
                found[name] = (part.start, used)
    return found


def _is_supply(name: str) -> bool:
    return name in ("import", "export") or name.startswith(("generation:", "delivery:"))
