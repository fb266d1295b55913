"""Lines of the bills beside the hourly price of energy, each with the input cell that prices it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from optimizer.reading.inputs import Inputs
from optimizer.results.network import Row, by_key

ENERGY_PRICE, EXPORT, TAX, LEAST = "energy price", "export", "tax", "minimum bill"
CATEGORY = {
    "energy": "energy", "demand": "demand_charge", "coincident_peak": "coincident_peak",
    "fixed": "fixed_charge",
}  # fmt: skip
PRICES = {
    "energy": ("price_usd_per_mwh",), "demand": ("price_usd_per_kw_month",),
    "coincident_peak": ("price_usd_per_kw_year", "price_usd_per_kw_month"),
    "fixed": ("price_usd_per_month",),
}  # fmt: skip


@dataclass(frozen=True)
class Billed:
    """A line of a bill.

    Parameters
    ----------
    table, key, source, column : the input cell of its price; ``table`` is "" if it has none
    usd : of one pass, grown, not discounted
    words : what it is, for the reader
    """

    category: str
    site: str
    period: str
    tariff: str
    quantity: float
    unit: str
    rate: float
    usd: float
    table: str
    key: str
    source: Row | None
    column: str
    words: str

    @property
    def is_tax(self) -> bool:
        """Whether it is a share of the others."""
        return self.category == TAX


class Charges:
    """Which tariff each bill is under, and what its lines are priced by."""

    def __init__(self, inputs: Inputs, tables: dict[str, pd.DataFrame]) -> None:
        self.bills = tables.get("bills", pd.DataFrame(columns=["site", "period", "tariff"]))
        keys = self.bills[["site", "period", "tariff"]].drop_duplicates()
        self._taken = {(str(r.site), str(r.period)): str(r.tariff) for r in keys.itertuples()}
        self._own = dict(inputs.tables["sites"][["site", "tariff"]].to_numpy())
        self._tariffs = by_key(inputs.tables["tariffs"], "tariff")
        self._rows: dict[tuple[str, str], Row] = {}
        self._hourly: set[str] = set()
        for row in inputs.tables["tariff_charges"].to_dict("records"):
            window = f" / {row['window']}" if row["window"] else ""
            name = f"{row['charge']}{window}"
            tier = f"{name} / tier {int(row['tier'])}"
            self._rows[row["tariff"], tier] = row
            if row["tier"] == 1:
                self._rows[row["tariff"], name] = row
            if row["kind"] == "energy":
                self._hourly.add(str(row["tariff"]))

    def tariff(self, site: str, period: str) -> str:
        """The tariff of a site in a period; its own where there is no bill."""
        return self._taken.get((site, period), str(self._own[site]))

    def exports_at_share(self, tariff: str) -> bool:
        """Whether export earns nothing but a share of the price of the table ``tariffs``."""
        row = self._tariffs[tariff,]
        priced = float(row["export_price_usd_per_mwh"]) or str(row["export_price_profile"])
        return not (priced or row["net_billing"] or tariff in self._hourly)

    def rows(self) -> Iterator[Billed]:
        """Lines with the money in them that the hourly price is not."""
        for r in self.bills.itertuples() if "usd" in self.bills else ():
            tariff, charge = str(r.tariff), str(r.charge)
            if charge == ENERGY_PRICE or not r.usd:
                continue
            if charge == EXPORT:
                if not self.exports_at_share(tariff):
                    yield self._line(r, "export", "USD")
            elif charge == LEAST:
                yield self._line(r, "minimum_bill", "USD")
            elif charge == TAX:
                yield self._line(r, TAX, str(r.unit), "tariffs", tariff,
                                 self._tariffs[tariff,], "tax_share")  # fmt: skip
            else:
                row = self._rows[tariff, charge]
                kind = str(row["kind"])
                column = next((c for c in PRICES[kind] if row[c] == row[c]), PRICES[kind][0])
                yield self._line(r, CATEGORY[kind], str(r.unit), "tariff_charges",
                                 f"{tariff} / {charge}", row, column)  # fmt: skip

    def _line(
        self, r: Any, category: str, unit: str, table: str = "", key: str = "",
        source: Row | None = None, column: str = "",
    ) -> Billed:  # fmt: skip
        return Billed(
            category, str(r.site), str(r.period), str(r.tariff), float(r.quantity), unit,
            float(r.rate), float(r.usd), table, key, source, column, str(r.charge),
        )  # fmt: skip
