"""Forecasts of sun, wind, load and price, off by errors that are drawn from a seed.

What a contract delivers as it is produced is forecast like own sun and wind; other shapes are agreed.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from optimizer.model.blocks import links
from optimizer.model.blocks.grid import growth
from optimizer.results.rolling.block import Block
from optimizer.settings import RollingOptions

PERSISTENCE = 0.9
"""Correlation of a forecast's error from one hour to the next: a dull day is dull all day."""
LOAD_SHARE = 0.2
"""Error of a load profile over that of sun and wind."""


class Forecasts:
    """Forecasts of a block, each off by errors that persist and grow with the hours ahead."""

    def __init__(self, block: Block, options: RollingOptions, stream: tuple[int, ...]) -> None:
        self.block, self.options = block, options
        self.random = np.random.default_rng(stream)
        case, site, period, shape = block.case, block.site, block.period, block.shape
        # What the weather gives: own sun and wind, and what contracts deliver as it is produced.
        given = {
            f"generation:{a.technology}": links.power(a)
            for a in site.assets if a.kind == "variable"
        } | {
            f"delivery:{c.contract}": links.contract(c) for c in site.deliveries if c.as_produced
        }  # fmt: skip
        self.sources = [block.group[name] for name in given]
        most = np.array([block.x[shape.links.index(name)] for name in given.values()])
        highest = block.upper[block.columns[self.sources]].max(axis=1) if given else most
        self.most = np.maximum(most, highest)
        shaped = np.array([np.ptp(w.load) > 0 for w in case.workloads.values()])
        at = np.where(shaped, block.x[: len(shaped)], 0.0)  # loads come first among the links
        self.load = shape.rhs[shape.balance][:, : len(shaped)] @ at
        self.balance = block.row["balance"]
        self.price = {
            tariff: tariff.price_in(period.hours) * growth(case, tariff.growth, period)
            for tariff in (site.tariffs if site.offers else ())
        }

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
        site, group = self.block.site, self.block.group
        for tariff, hourly in self.price.items():
            price = hourly[at]
            guess = price * (1 + off[1])
            cost[group[links.under(site, "import", tariff)]] += guess - price
            sold = links.under(site, "export", tariff)
            # Under net billing it is a month's credit that earns, not each MWh.
            if sold in group and not tariff.net_billing:
                dearer = np.maximum(guess, 0.0) - np.maximum(price, 0.0)
                cost[group[sold]] -= tariff.export_share * dearer
        return upper, rhs, cost

    def _persistent(self, count: int, hours: int) -> np.ndarray:
        """Standard normal errors that persist from hour to hour; shape (count, hours)."""
        fresh = self.random.standard_normal((count, hours))
        fresh[:, 1:] *= np.sqrt(1 - PERSISTENCE**2)
        return np.asarray(lfilter([1.0], [1.0, -PERSISTENCE], fresh, axis=1))
