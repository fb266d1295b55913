"""The catalog of technologies in the package, which fills blank cells of a case."""

from __future__ import annotations

import csv
import difflib
from functools import cache
from importlib.resources import files
from typing import Any

from optimizer.errors import Problems


@cache
def entries() -> dict[str, dict[str, str]]:
    """Catalog rows by entry name, as text."""
    return {row["technology"]: row for row in _rows("technologies.csv")}


@cache
def cost_rows() -> tuple[dict[str, str], ...]:
    """Rows of ``technology_costs`` of the catalog."""
    return tuple(_rows("technology_costs.csv"))


def _rows(name: str) -> list[dict[str, str]]:
    with (files("optimizer") / "catalog" / name).open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def fill(row: dict[str, Any], number: int, address: str, problems: Problems) -> dict[str, Any]:
    """A row of ``technologies`` with blank cells taken from its catalog entry."""
    name = str(row.get("catalog") or "").strip()
    if not name:
        return row
    if name not in entries():
        near = difflib.get_close_matches(name, entries(), 1)
        problems.add(
            "unknown-catalog-entry", "technologies", row=number, column="catalog", found=name,
            expected="an entry of the catalog", cell=address,
            remedy=f'Closest: "{near[0]}".' if near else f"Entries: {', '.join(entries())}.",
        )  # fmt: skip
        return row
    blank = (None, "")

    def own_months(column: str) -> bool:
        """Months of one's own are not mixed with the catalog's low and high."""
        likely = column.removesuffix("_low").removesuffix("_high")
        return likely.endswith("_months") and row.get(likely) not in blank

    return {
        **row,
        **{
            k: v
            for k, v in entries()[name].items()
            if k != "technology" and row.get(k) in blank and not own_months(k)
        },
    }
