"""What one more MW in a single hour may add to bills, which unserved energy must not save."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from optimizer.reading import windows
from optimizer.tables.tariffs import COINCIDENT, DEMAND

MARGIN = 1.5
YEAR = 12


def unserved_usd_per_mwh(tables: Mapping[str, pd.DataFrame], money_year: int) -> float:
    """Least price of unserved energy at which no bill is worth leaving load unserved.

    Parameters
    ----------
    tables : the inputs' tables ``tariffs``, ``tariff_charges`` and ``periods``
    money_year : year of the dollars
    """
    starts = tables["periods"]["start"].dropna()
    years = {date.year for date in starts} or {money_year}
    tariffs = tables["tariffs"].drop_duplicates("tariff").set_index("tariff")
    highest = 0.0
    for name, rows in tables["tariff_charges"].groupby("tariff", sort=False):
        if name not in tariffs.index:
            continue
        row = tariffs.loc[name]
        grown = max((1 + row["price_growth_per_year"]) ** (y - money_year) for y in years)
        usd_per_kw = sum(
            max(_usd_per_kw(r) for r in windows_of.to_dict("records"))
            for _, windows_of in rows.groupby("charge", sort=False)
        )
        highest = max(highest, 1000 * usd_per_kw * grown * (1 + row["tax_share"]))
    return MARGIN * highest


def _usd_per_kw(row: Mapping[object, object]) -> float:
    """What a kW in one hour adds to a charge, with the months that a ratchet carries it to."""
    values: dict[str, float] = {
        str(k): 0.0 if np.isnan(v) else float(v)
        for k, v in row.items()
        if isinstance(v, int | float)
    }
    if row["kind"] == DEMAND:
        back = values["ratchet_months"] or YEAR
        return values["price_usd_per_kw_month"] * (1 + values["ratchet_share"] * back)
    if row["kind"] == COINCIDENT:
        try:
            months = len(windows.months(str(row["months"])))
        except ValueError:
            months = 1
        peaks = values["peak_days"] or months
        return values["price_usd_per_kw_month"] + values["price_usd_per_kw_year"] / peaks
    return 0.0
