"""Dispatches a plan again without perfect foresight (``verification.rolling``).

The plan's hours know the whole year. Here the capacities of a written plan are kept, and the
year is run as an operator would. Every ``step_h`` hours a forecast of the next ``foresight_h``
hours comes in, off by a stated error; its cheapest dispatch says what storage is to keep. Then
each hour happens as it is: dispatchable sources, storage and the grid cover the difference in
the order of their cost, unserved energy last. Of the model's answers nothing is read but
capacities, placement, and what each block may emit and drink.

What is left in storage when the foresight ends is held to a target: the state of charge of that
hour in the year's own dispatch, which is solved here once more. A target, because a price alone
lets a storage swing between full and empty at equal cost, and because it carries the season,
which 36 hours cannot see. To fall short of it costs twice the shadow price of stored energy in
that hour, to be above it earns half of that. What the year ends with above or below its start, and
its quotas (CO2, water), are settled at the year's shadow prices. Operation is convex, so that the
cost settled in this way is never below the full-year cost.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.signal import lfilter

from optimizer.errors import MachineError
from optimizer.model import blocks
from optimizer.model.blocks import links
from optimizer.model.blocks.grid import growth
from optimizer.preparing.calendar import HOURS_PER_YEAR, Period
from optimizer.preparing.case import Case, Site
from optimizer.settings import RollingOptions
from optimizer.solving.highs import INFINITY, OPTIMAL, make_model, run_lp

WARN_SHARE = 0.03
"""Extra running cost above which a plan is warned of."""
PERSISTENCE = 0.9
"""Correlation of a forecast's error from one hour to the next: a dull day is dull all day."""
LOAD_SHARE = 0.2
"""Error of a load profile over that of sun and wind."""
AT_END, AT_HOUR = 1.0, 0.1
"""Spread of the worth of stored energy around its shadow price, below and above what is planned."""
LEAST = 1e-5
"""Worth of stored energy where its shadow price is none [k$/MWh]: full is better than empty."""
QUOTA_SLACK = 1e-7
TOLERANCE = 1e-9


@dataclass(frozen=True)
class RollingYear:
    """One site in one period, run without perfect foresight; money of one pass [k$]."""

    site: str
    period: Period
    cost: float
    ahead_cost: float
    unserved_mwh: float


@dataclass(frozen=True, eq=False)
class Ahead:
    """The dispatch that knows all hours: cost [k$], columns and prices of the rows."""

    cost: float
    values: np.ndarray
    prices: np.ndarray


# -- the plan's capacities ----------------------------------------------------------------------


def links_of_plan(
    case: Case, site: Site, period: Period, tables: dict[str, pd.DataFrame]
) -> np.ndarray:
    """Links of an operating block, from the written tables alone, in their order."""

    def here(name: str) -> pd.DataFrame:
        table = tables[name]
        return table[(table["site"] == site.site) & (table["period"] == period.name)]

    placed, stands, grid = here("placement"), here("capacity"), here("interconnection")
    ran = here("operation")
    generators = [a.technology for a in site.assets if not a.is_storage]

    def total(table: pd.DataFrame, by: str, name: str, column: str) -> float:
        return float(table.loc[table[by] == name, column].sum())

    def measured(metric: str, names: list[str]) -> float:
        rows = ran[(ran["metric"] == metric) & ran["technology"].isin(names)]
        return float(rows["value"].sum()) * (1 + QUOTA_SLACK)

    found = {links.load(w): total(placed, "workload", w, "it_mw") for w in case.workloads}
    for asset in site.assets:
        found[links.power(asset)] = total(stands, "technology", asset.technology, "standing_mw")
        if asset.is_storage:
            energy = total(stands, "technology", asset.technology, "standing_mwh")
            found[links.energy(asset)] = energy
    found[links.FIRM], found[links.EXPORT] = (
        float(grid[column].sum()) for column in ("firm_mw", "export_mw")
    )
    for offer in site.offers:
        found[links.flexible(offer)] = total(grid, "offer", offer.offer, "flexible_mw")
    counted = [*generators, *(["grid"] if case.co2_scope == "total" else [])]
    found[links.CO2] = measured("co2_t", counted) / blocks.T_PER_LINK
    found[links.WATER] = measured("water_m3", generators) / blocks.M3_PER_LINK
    return np.array([found[name] for name in links.names(case, site)])


def last_year(case: Case) -> list[Period]:
    """Periods of the last calendar year that the plan operates in full, else of the last one."""
    groups = list(case.groups)
    full = [g for g in groups if case.group_hours(g) >= HOURS_PER_YEAR]
    return [case.periods[p] for p in case.groups[(full or groups)[-1]]]


# -- one block ----------------------------------------------------------------------------------


class Block:
    """The hours of a site in a period at its capacities.

    Hourly columns and rows are seen as tables of (group, hour). A row holds columns of its own hour
    (``now``) and of the hour before (``before``), with the same entries in every hour.
    """

    def __init__(self, case: Case, site: Site, period: Period, x: np.ndarray) -> None:
        self.case, self.site, self.period, self.x = case, site, period, x
        self.shape = shape = blocks.make_shape(case, site, period.hours)
        self.count = len(period.hours)
        self.columns, self.rows = (_hourly(g, self.count) for g in (shape.groups, shape.rows))
        self.upper = shape.upper @ x
        self.upper[shape.unbounded] = INFINITY
        self.rhs = shape.rhs @ x
        self.cost = shape.cost(period)
        self.group = {name: k for k, name in enumerate(shape.groups)}
        self.stores = [a.technology for a in site.assets if a.is_storage]
        self.stored = np.array([self.group[f"soc:{n}"] for n in self.stores], dtype=int)
        self.store_rows = np.array(
            [list(shape.rows).index(f"soc:{n}") for n in self.stores], dtype=int
        )
        self.now, self.before = self._entries()
        self.equality = shape.equality[self.rows[:, 0]]

    def _entries(self) -> tuple[np.ndarray, np.ndarray]:
        """Entries of (row group, column group) in the same hour and from the hour before."""
        hourly = self.shape.matrix.tocsr()[self.rows.ravel()][:, self.columns.ravel()]
        first = hourly[1 :: self.count].toarray()
        now, before = first[:, 1 :: self.count], first[:, 0 :: self.count]
        same = sp.identity(self.count, format="csr")
        roll = sp.csr_matrix(np.roll(np.eye(2), 1, axis=0)) if self.count == 2 else sp.diags_array(
            [np.ones(self.count - 1), np.ones(1)], offsets=[-1, self.count - 1], format="csr"
        )  # fmt: skip
        if abs(hourly - sp.kron(now, same) - sp.kron(before, roll)).max() > 1e-12:
            raise NotImplementedError("rows of a block differ from hour to hour")
        return now, before

    def ahead(self) -> Ahead:
        """The cheapest dispatch of all hours at once."""
        lower = np.where(self.shape.equality, self.rhs, -INFINITY)
        model = make_model(
            self.cost, np.zeros(len(self.cost)), self.upper, self.shape.matrix, lower, self.rhs,
            primal_feasibility_tolerance=TOLERANCE, dual_feasibility_tolerance=TOLERANCE,
        )  # fmt: skip
        found = run_lp(model, 600.0)
        if found.x is None:
            raise _unsolved(self.site, self.period)
        return Ahead(found.value, found.x, found.row_dual)

    @property
    def quotas(self) -> np.ndarray:
        """Rows of the whole year."""
        return np.setdiff1d(np.arange(len(self.rhs)), self.rows.ravel())


def _unsolved(site: Site, period: Period) -> MachineError:
    return MachineError(
        f"HiGHS cannot dispatch {site.site} in {period.name} without foresight. Look for numbers "
        "in that site's rows that are far larger or smaller than others."
    )


def _hourly(groups: dict[str, slice], count: int) -> np.ndarray:
    """Positions of the groups that have one member an hour; shape (groups, hours)."""
    return np.array(
        [np.arange(g.start, g.stop) for g in groups.values() if g.stop - g.start == count]
    )


def worth(price: np.ndarray, spread: float, most: float) -> tuple[np.ndarray, np.ndarray]:
    """What a MWh stored is worth below and above what is wanted [k$/MWh].

    Around its shadow price, and never so much that load would be shed to store it.
    """
    gap = spread * np.abs(price)
    below, above = price + gap, price - gap / (1 + spread)
    below = np.minimum(below, np.maximum(price, most / 2))
    useful = price >= 0
    return (
        np.where(useful, np.maximum(below, 2 * LEAST), below),
        np.where(useful, np.maximum(above, LEAST), above),
    )


class Window:
    """A linear program of some hours of a block in a row, kept and moved through the year."""

    def __init__(self, block: Block, hours: int) -> None:
        self.block, self.hours = block, hours
        groups, rows, stores = len(block.columns), len(block.rows), len(block.stores)
        later = sp.diags_array([np.ones(hours - 1)], offsets=[-1], shape=(hours, hours))
        hourly = sp.kron(block.now, sp.identity(hours)) + sp.kron(block.before, later)
        last = sp.csr_matrix(
            (np.ones(stores), (np.arange(stores), block.stored * hours + hours - 1)),
            shape=(stores, groups * hours),
        )
        ends = sp.hstack([sp.identity(stores), -sp.identity(stores)])
        matrix = sp.block_array([[hourly, None], [last, ends]]) if stores else hourly
        self.lower = np.zeros(groups * hours + 2 * stores)
        self.free = np.full(2 * stores, INFINITY)
        self.equality = np.repeat(block.equality, hours)
        none = np.zeros(rows * hours + stores)
        self.model = make_model(
            self.lower, self.lower, self.lower, sp.csc_matrix(matrix), none, none,
            solver="simplex", primal_feasibility_tolerance=TOLERANCE,
            dual_feasibility_tolerance=TOLERANCE,
        )  # fmt: skip
        self.every_column = np.arange(len(self.lower), dtype=np.int32)
        self.every_row = np.arange(len(none), dtype=np.int32)

    def solve(
        self, upper: np.ndarray, rhs: np.ndarray, cost: np.ndarray, state: np.ndarray,
        target: np.ndarray, below: np.ndarray, above: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Columns (group, hour) and prices of the rows (row group, hour) of the cheapest dispatch.

        Parameters
        ----------
        upper, rhs, cost : of these hours, by (group, hour)
        state : MWh in each storage before the first hour
        target : MWh wanted in each storage after the last hour
        below, above : what each MWh below and above it is worth [k$/MWh]
        """
        block, model, hours = self.block, self.model, self.hours
        right = rhs.copy()
        right[:, 0] -= block.before[:, block.stored] @ state
        row_upper = np.concatenate([right.ravel(), target])
        row_lower = row_upper.copy()
        row_lower[: len(self.equality)][~self.equality] = -INFINITY
        columns, rows = len(self.lower), len(row_upper)
        model.changeColsBounds(
            columns, self.every_column, self.lower, np.concatenate([upper.ravel(), self.free])
        )
        model.changeRowsBounds(rows, self.every_row, row_lower, row_upper)
        model.changeColsCost(
            columns, self.every_column, np.concatenate([cost.ravel(), below, -above])
        )
        model.run()
        if model.getModelStatus() != OPTIMAL:
            model.clearSolver()
            model.run()
        if model.getModelStatus() != OPTIMAL:
            raise _unsolved(block.site, block.period)
        found = model.getSolution()
        values = np.array(found.col_value)[: upper.size].reshape(-1, hours)
        prices = np.array(found.row_dual)[: right.size].reshape(-1, hours)
        return values, prices


# -- forecasts ----------------------------------------------------------------------------------


class Forecasts:
    """Forecasts of a block, each off by errors that persist and grow with the hours ahead."""

    def __init__(self, block: Block, options: RollingOptions, stream: tuple[int, ...]) -> None:
        self.block, self.options = block, options
        self.random = np.random.default_rng((options.seed, *stream))
        case, site, period, shape = block.case, block.site, block.period, block.shape
        self.sources = [
            block.group[f"generation:{a.technology}"] for a in site.assets if a.kind == "variable"
        ]
        self.most = np.array([
            block.x[shape.links.index(links.power(a))] for a in site.assets if a.kind == "variable"
        ])  # fmt: skip
        shaped = np.array([np.ptp(w.load) > 0 for w in case.workloads.values()])
        at = np.where(shaped, block.x[: len(shaped)], 0.0)  # loads come first among the links
        self.load = shape.rhs[shape.balance][:, : len(shaped)] @ at
        self.balance = list(shape.rows).index("balance")
        price = site.price[period.hours] * growth(case, site.price_growth, period)
        self.price = price if site.offers else np.zeros(block.count)

    def issue(
        self, at: np.ndarray, upper: np.ndarray, rhs: np.ndarray, cost: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The bounds, right-hand sides and costs of these hours as they are forecast."""
        ahead = np.sqrt((np.arange(len(at)) + 1) / len(at))
        off = self.options.error * ahead * self._persistent(len(self.sources) + 2, len(at))
        upper, rhs, cost = upper.copy(), rhs.copy(), cost.copy()
        if self.sources:
            guess = upper[self.sources] * (1 + off[2:])
            upper[self.sources] = np.clip(guess, 0.0, self.most[:, None])
        rhs[self.balance] += np.maximum(LOAD_SHARE * off[0], -1) * self.load[at]
        site, group, price = self.block.site, self.block.group, self.price[at]
        guess = price * (1 + off[1])
        if "import" in group:
            cost[group["import"]] += guess - price
        if "export" in group:
            sold = np.maximum(guess, 0.0) - np.maximum(price, 0.0)
            cost[group["export"]] -= site.export_share * sold
        return upper, rhs, cost

    def _persistent(self, count: int, hours: int) -> np.ndarray:
        """Standard normal errors that persist from hour to hour; shape (count, hours)."""
        fresh = self.random.standard_normal((count, hours))
        fresh[:, 1:] *= np.sqrt(1 - PERSISTENCE**2)
        return np.asarray(lfilter([1.0], [1.0, -PERSISTENCE], fresh, axis=1))


# -- the year -----------------------------------------------------------------------------------


def run_year(block: Block, options: RollingOptions, stream: tuple[int, ...] = ()) -> RollingYear:
    """Run a block by forecasts; ``stream`` tells its errors from those of other blocks."""
    ahead, unserved = block.ahead(), block.group["unserved"]
    if not any(block.upper[block.columns[k]].any() for k in block.stored):
        # Without storage every hour decides for itself, and nothing hangs on a forecast.
        missing = float(ahead.values[block.columns[unserved]].sum())
        return RollingYear(block.site.site, block.period, ahead.cost, ahead.cost, missing)
    quotas, columns = block.quotas, block.columns
    priced = block.cost - block.shape.matrix.tocsr()[quotas].T @ ahead.prices[quotas]
    upper, cost, rhs = block.upper[columns], priced[columns], block.rhs[block.rows]
    planned = ahead.values[columns[block.stored]]
    price = -ahead.prices[block.rows[block.store_rows]]
    most = block.case.unserved_price
    far = min(options.foresight_h, block.count)
    window, hour = Window(block, far), Window(block, 1)
    forecasts = Forecasts(block, options, stream)
    state = start = planned[:, -1]
    done = np.empty_like(upper)
    for first in range(0, block.count, options.step_h):
        at = np.arange(first, first + far) % block.count
        guess = forecasts.issue(at, upper[:, at], rhs[:, at], cost[:, at])
        last = at[-1:]
        wanted = (planned[:, last[0]], *worth(price[:, last[0]], AT_END, most))
        plan, prices = window.solve(*guess, state, *wanted)
        for k, t in enumerate(range(first, min(first + options.step_h, block.count))):
            held = worth(-prices[block.store_rows, k], AT_HOUR, most)
            now, _ = hour.solve(
                upper[:, [t]], rhs[:, [t]], cost[:, [t]], state, plan[block.stored, k], *held
            )
            done[:, t] = now[:, 0]
            state = done[block.stored, t]
    kept = -block.before[block.store_rows, block.stored]
    settled = float(price[:, 0] @ (kept * (start - state)))
    settled += float(ahead.prices[quotas] @ block.rhs[quotas])
    total = float((cost * done).sum()) + settled
    return RollingYear(
        block.site.site, block.period, total, ahead.cost, float(done[unserved].sum())
    )


def rolling(
    case: Case, tables: dict[str, pd.DataFrame], options: RollingOptions, until: float | None = None
) -> dict[str, Any]:
    """The last full year of each opened site without perfect foresight, for ``summary.json``.

    Parameters
    ----------
    case, tables : what was planned with, and the written plan
    options : foresight, step, error and seed
    until : when to stop (monotonic) [s]; what is begun is ended, and one block is always run
    """
    years: list[RollingYear] = []
    todo = list(_operated(case, tables))
    for number, (site, period, x) in enumerate(todo):
        if years and until is not None and time.monotonic() > until:
            break
        stream = (case.sites[site.site].name_row, period.index)
        years.append(run_year(Block(case, site, period, x), options, stream))
    left_out = [f"{site.site} {period.name}" for site, period, _ in todo[len(years) :]]

    def whole(values: Iterator[float]) -> float:
        return float(sum(v * y.period.passes for v, y in zip(values, years, strict=True)))

    cost, ahead = (1e3 * whole(getattr(y, n) for y in years) for n in ("cost", "ahead_cost"))
    unserved = whole(y.unserved_mwh for y in years)
    share = (cost - ahead) / abs(ahead) if ahead else 0.0 if cost == ahead else None
    return {
        "operating_cost_usd": cost,
        "full_year_operating_cost_usd": ahead,
        "extra_usd": cost - ahead,
        "extra_share": share,
        "unserved_mwh": unserved,
        "foresight_hours": options.foresight_h,
        "step_hours": options.step_h,
        "forecast_error": options.error,
        "forecast_error_load": LOAD_SHARE * options.error,
        "seed": options.seed,
        "sites": sorted({y.site for y in years}),
        "periods": list(dict.fromkeys(y.period.name for y in years)),
        "by_site": [
            {"site": y.site, "period": y.period.name, "operating_cost_usd": 1e3 * y.cost,
             "full_year_operating_cost_usd": 1e3 * y.ahead_cost, "unserved_mwh": y.unserved_mwh,
             "passes": y.period.passes}
            for y in years
        ],
        "left_out": left_out,
        "warning": _warning(share, cost - ahead, unserved, options),
    }  # fmt: skip


def _operated(
    case: Case, tables: dict[str, pd.DataFrame]
) -> Iterator[tuple[Site, Period, np.ndarray]]:
    """Blocks of the last full year that the plan operates, with their links."""
    ran = set(zip(tables["operation"]["site"], tables["operation"]["period"], strict=True))
    for period in last_year(case):
        for site in case.sites.values():
            if (site.site, period.name) in ran:
                yield site, period, links_of_plan(case, site, period, tables)


def _warning(
    share: float | None, extra_usd: float, unserved_mwh: float, options: RollingOptions
) -> str | None:
    """What to say of a plan that leans on perfect foresight; None if it does not."""
    if share is not None and share <= WARN_SHARE:
        return None
    dearer = f"{share:.1%} dearer" if share is not None else f"{extra_usd:,.0f} USD dearer"
    short = f", with {unserved_mwh:,.1f} MWh unserved" if unserved_mwh > 0.05 else ""
    return (
        f"With {options.foresight_h} h of foresight and forecasts off by {options.error:.0%} the "
        f"plan runs {dearer} than its full-year dispatch says{short}: it leans on knowing the "
        "year ahead. More storage or firm power than planned is prudent."
    )
