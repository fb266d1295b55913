"""A stored result as the report reads it; what is missing is empty."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

PIECE = 50_000
"""Rows of the hourly series that are read at once."""
TABLES: dict[str, tuple[str, ...]] = {
    "sites": ("site", "longitude", "latitude", "market", "jurisdiction", "opened", "open_period",
              "open_date"),
    "campus": ("site", "block", "variant", "period", "added_blocks", "standing_blocks",
               "standing_it_mw"),
    "capacity": ("site", "technology", "variant", "period", "added_units", "added_mw", "added_mwh",
                 "standing_mw", "standing_mwh", "at_risk"),
    "interconnection": ("site", "offer", "variant", "period", "connected", "firm_mw",
                        "flexible_mw", "export_mw"),
    "agreements": ("site", "offer", "agreement", "period", "in_force", "contract_mw", "ramped_mw",
                   "owed_mw", "reduced_mw", "reassigned_mw", "peak_mw", "billed_usd", "minimum_usd",
                   "security_usd", "deposit_paid_usd", "deposit_refunded_usd"),
    "shared_upgrades": ("shared_upgrade", "site", "period", "paid_share"),
    "permits": ("site", "permit_kind", "variant", "cost_usd"),
    "placement": ("workload", "region", "site", "period", "it_mw"),
    "backlog": ("workload", "region", "period", "demand_mw", "placed_mw", "backlog_mw"),
    "schedule": ("site", "kind", "item", "variant", "period", "amount", "unit", "step", "start",
                 "end"),
    "operation": ("site", "period", "technology", "metric", "value", "passes"),
    "bills": ("site", "period", "month", "tariff", "charge", "quantity", "unit", "rate", "usd",
              "passes"),
    "costs": ("category", "site", "item", "period", "usd"),
    "cashflow": ("date", "site", "category", "item", "usd"),
    "dates": ("site", "kind", "item", "variant", "period", "step", "factor", "basis",
              "low_months", "likely_months", "high_months", "planned_date", "p10_date", "p50_date",
              "p90_date", "critical_first_share", "critical_full_share"),
    "readiness": ("site", "kind", "item", "variant", "needed", "unit", "held", "filed", "missing",
                  "status", "needed_by", "expires", "paid_usd", "cancel_usd", "commitments"),
    "decisions": ("site", "decision", "kind", "item", "variant", "period", "amount", "unit",
                  "status", "planned_date", "sign_by", "safe_by", "online_date", "due_soon",
                  "value_usd", "due_usd", "slip_months", "first_power_late_months",
                  "full_power_late_months", "lost_mw_months", "lost_usd"),
    "exposure": ("date", "site", "committed_usd", "paid_usd", "recoverable_usd", "at_risk_usd",
                 "cancel_usd", "in_service_usd"),
    "contracts": ("site", "contract", "kind", "counterparty", "period", "signed_mw", "standing_mw",
                  "volume_mwh", "delivered_mwh", "paid_usd", "settled_usd", "security_cost_usd"),
    "matching": ("policy", "kind", "scope", "year", "target", "served_mwh", "matched_mwh", "share",
                 "exported_mwh"),
    "matched_hours": ("site", "year", "month", "hour_of_day", "served_mwh", "matched_mwh"),
    "limits": ("limit", "scope", "period_or_year", "used", "limit_value", "unit", "binding"),
    "why_not_sites": ("site", "reason", "earliest_date", "months_later", "waits_for",
                      "forced_date", "it_mw", "extra_usd", "halls_usd", "power_usd", "grid_usd",
                      "energy_usd", "delay_usd", "site_usd", "instead_of", "basis"),
    "runner_up": ("site", "kind", "item", "mw", "runner_up", "extra_usd", "halls_usd",
                  "power_usd", "grid_usd", "energy_usd", "delay_usd", "site_usd", "sheet", "row",
                  "column", "unit", "price", "switch_price", "rise", "switch_share", "basis"),
    "worth": ("limit", "sheet", "row", "column", "said", "from_date", "used", "limit_value",
              "unit", "usd_per_unit", "basis", "kept_usd", "divisible_usd", "free_usd", "grant",
              "grant_usd"),
    "delay_causes": ("period", "site", "kind", "item", "variant", "online_period", "cause",
                     "chain", "mw", "mw_months", "usd"),
}  # fmt: skip
"""Columns that the report needs, by result table."""

NUMBERS = frozenset({
    "longitude", "latitude", "added_blocks", "standing_blocks", "standing_it_mw", "added_units",
    "added_mw", "added_mwh", "standing_mw", "standing_mwh", "connected", "firm_mw", "flexible_mw",
    "export_mw", "cost_usd", "it_mw", "demand_mw", "placed_mw", "backlog_mw", "amount", "value",
    "passes", "usd", "month", "quantity", "rate", "used", "limit_value", "low_months", "likely_months", "high_months",
    "critical_first_share", "critical_full_share", "needed", "held", "filed", "missing",
    "paid_usd", "cancel_usd", "value_usd", "due_usd", "slip_months", "first_power_late_months",
    "full_power_late_months", "lost_mw_months", "lost_usd", "committed_usd", "recoverable_usd",
    "at_risk_usd", "in_service_usd", "mw", "mw_months", "signed_mw", "volume_mwh",
    "delivered_mwh", "settled_usd", "security_cost_usd", "served_mwh", "matched_mwh",
    "exported_mwh",
    "hour_of_day", "contract_mw", "ramped_mw", "owed_mw", "reduced_mw", "reassigned_mw",
    "peak_mw", "billed_usd", "minimum_usd", "security_usd", "deposit_paid_usd",
    "deposit_refunded_usd", "paid_share",
})  # fmt: skip
UNKNOWN = frozenset({
    "months_later", "extra_usd", "halls_usd", "power_usd", "grid_usd", "energy_usd", "delay_usd",
    "site_usd", "row", "price", "switch_price", "rise", "switch_share", "usd_per_unit", "kept_usd",
    "divisible_usd", "free_usd", "grant", "grant_usd", "target", "share",
})  # fmt: skip
"""Numbers that a blank cell leaves unknown; of others it is 0."""

FLAGS = frozenset({"opened", "in_force", "binding", "at_risk", "due_soon"})
DATES = frozenset({
    "start", "end", "date", "open_date", "planned_date", "p10_date", "p50_date", "p90_date",
    "sign_by", "safe_by", "online_date", "needed_by", "expires", "earliest_date", "forced_date",
    "from_date",
})  # fmt: skip


@dataclass(frozen=True)
class Result:
    """What a result folder holds.

    Parameters
    ----------
    summary : ``summary.json``
    tables : result tables by name, all columns present, texts as str, numbers as float
    inputs : input tables by name, all cells as text
    dispatch : hourly series, may be empty
    """

    summary: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    inputs: dict[str, pd.DataFrame]
    dispatch: pd.DataFrame

    @property
    def periods(self) -> list[str]:
        """Names of the periods in the order of the calendar."""
        table = self.inputs.get("periods", pd.DataFrame())
        if "period" in table:
            return [str(name) for name in table["period"]]
        return list(dict.fromkeys(self.tables["backlog"]["period"]))

    @property
    def spans(self) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
        """Start and end of each period; empty if the inputs do not tell."""
        table = self.inputs.get("periods", pd.DataFrame())
        if not {"start", "months"} <= set(table.columns):
            return []
        starts = pd.to_datetime(table["start"], errors="coerce")
        months = pd.to_numeric(table["months"], errors="coerce")
        if starts.isna().any() or months.isna().any():
            return []
        return [(start, start + pd.DateOffset(months=round(count)))
                for start, count in zip(starts, months, strict=True)]  # fmt: skip

    @property
    def opened(self) -> list[str]:
        """Sites that open, first the earliest."""
        sites = self.tables["sites"]
        return [str(s) for s in sites[sites["opened"]].sort_values("open_date")["site"]]


def most_placed(placement: pd.DataFrame) -> dict[str, float]:
    """Most IT load that a site ever serves [MW], largest first."""
    placed = placement.groupby(["site", "period"])["it_mw"].sum()
    most = placed.groupby(level="site").max().sort_values(ascending=False, kind="stable")
    return {str(site): float(mw) for site, mw in most.items()}


def read_result(folder: Path, *, hours_of: int | None = None, first: Sequence[str] = ()) -> Result:
    """Read a result folder; a file that is not there is taken as empty.

    Parameters
    ----------
    folder : result folder
    hours_of : read the hours of so many sites only, the largest; None: of all
    first : sites whose hours are read before those of others
    """
    summary_file = folder / "summary.json"
    summary = json.loads(summary_file.read_text("utf-8")) if summary_file.exists() else {}
    tables = {name: _table(folder / "tables" / f"{name}.csv", name) for name in TABLES}
    inputs = {path.stem: _text_table(path) for path in sorted((folder / "inputs").glob("*.csv"))}
    hourly = folder / "dispatch.parquet"
    wanted = list(dict.fromkeys([*first, *most_placed(tables["placement"])]))
    dispatch = pd.DataFrame()
    if hourly.exists():
        few = hours_of is not None and len(wanted) > hours_of
        dispatch = _hours(hourly, wanted[:hours_of]) if few else pd.read_parquet(hourly)
    return Result(summary, tables, inputs, dispatch)


def _hours(path: Path, sites: list[str]) -> pd.DataFrame:
    """Hours of some sites, read piece by piece: all of them may not fit into memory."""
    # Not buffered ahead, and group by group: the reader would keep the whole file.
    file = pq.ParquetFile(path, pre_buffer=False)
    schema = file.schema_arrow
    wanted = pa.array(sites, schema.field("site").type)

    def pieces(columns: list[str]) -> Iterator[pa.RecordBatch]:
        for group in range(file.num_row_groups):
            for piece in file.iter_batches(PIECE, [group], columns, use_threads=False):
                kept = piece.filter(pc.is_in(piece["site"], wanted))
                if kept.num_rows:
                    yield kept

    # Counted first, so that each column is there once and never in parts as well.
    rows = sum(kept.num_rows for kept in pieces(["site"]))
    texts: dict[str, list[pa.Array]] = {name: [] for name in ("site", "period")}
    columns: dict[str, Any] = {
        field.name: None if field.name in texts else np.empty(rows, field.type.to_pandas_dtype())
        for field in schema
    }
    at = 0
    for kept in pieces(schema.names):
        for name, values in zip(schema.names, kept.columns, strict=True):
            if name in texts:
                texts[name].append(values)
            else:
                columns[name][at : at + kept.num_rows] = values.to_numpy(zero_copy_only=False)
        at += kept.num_rows
    for name in list(texts):
        found = pa.chunked_array(texts.pop(name), schema.field(name).type)
        columns[name] = found.dictionary_encode().to_pandas()
    del found
    pa.default_memory_pool().release_unused()
    return pd.DataFrame(columns, copy=False)


def _text_table(path: Path) -> pd.DataFrame:
    """All cells as text: a site may be called NA."""
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except pd.errors.EmptyDataError:
        return pd.DataFrame()


def _table(path: Path, name: str) -> pd.DataFrame:
    read = _text_table(path) if path.exists() else pd.DataFrame()
    return as_read(read.rename(columns={"limit.1": "limit_value"}), name)


def as_read(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """A result table with all the columns that the report needs, each of its own type."""
    frame = pd.DataFrame(index=table.index)
    for column in TABLES[name]:
        cells = table[column] if column in table else pd.Series("", index=table.index, dtype=object)
        if column in NUMBERS:
            frame[column] = pd.to_numeric(cells, errors="coerce").fillna(0.0).astype(float)
        elif column in UNKNOWN:
            frame[column] = pd.to_numeric(cells, errors="coerce").astype(float)
        elif column in FLAGS:
            frame[column] = cells.astype(str).str.lower().isin(["true", "1", "1.0"]).astype(bool)
        elif column in DATES:
            frame[column] = pd.to_datetime(cells, errors="coerce")
        else:
            frame[column] = cells.astype(object).where(cells.notna(), "").astype(str)
    return frame


def rows(table: pd.DataFrame) -> Iterator[Any]:
    """Rows as tuples with a field a column; their types are those of :func:`as_read`."""
    return iter(table.itertuples(index=False))
