"""What one more unit of each limit that binds is worth, by solving again with it granted."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from optimizer.model.limits import Limit
from optimizer.solving.highs import run_lp
from optimizer.solving.planning_arrays import PlanningArrays
from optimizer.solving.why.again import Again, Found
from optimizer.solving.why.grants import SHARED_SHEETS, Grants, Used
from optimizer.tables import BY_NAME

COLUMNS = (
    "limit", "sheet", "row", "column", "said", "from_date", "used", "limit_value", "unit",
    "usd_per_unit", "basis", "kept_usd", "divisible_usd", "free_usd", "grant", "grant_usd",
)  # fmt: skip
PLACES = ("open", "permit", "connected")
"""Whole numbers that stay when halls and units count as divisible."""
LP_ROUNDS = 8
"""Rounds of adding cuts to a linear program that is changed and solved again."""
PROBE = 1e-4
"""Share of a limit that is granted where one unit (a dollar, a tonne) would be lost in rounding."""
NOISE = 1e-3
"""Worth of a unit below this is rounding [US$]."""


class _Warm:
    """A linear program with some whole numbers kept, solved again warm with other limits."""

    def __init__(self, again: Again, arrays: PlanningArrays) -> None:
        self.again, self.arrays = again, arrays
        self.held = arrays.lower == arrays.upper
        self.model = again.model(arrays, again.cuts, whole=False)
        self.base, self.known = self._value(), len(again.pool)

    def _value(self) -> float:
        """The optimum over all known cuts [k$]; NaN if there is none."""
        value = math.nan
        for _ in range(LP_ROUNDS):
            found = run_lp(self.model, max(0.1, self.again.left), hard=True)
            if found.x is None:
                return math.nan
            value = found.value
            new = self.again.extend(found.x)
            if not len(new):
                break
            self.again.add(self.model, new)
        return value

    def saved(self, changed: PlanningArrays) -> float:
        """What changed rows and bounds save [k$]; whole numbers stay kept."""
        if self.known != len(self.again.pool):
            self.base, self.known = self._value(), len(self.again.pool)
        self._pose(changed, self.arrays)
        value = self._value()
        self._pose(self.arrays, changed)
        return self.base - value

    def _pose(self, arrays: PlanningArrays, instead_of: PlanningArrays) -> None:
        """Hand over where two cases differ."""
        there = instead_of
        sides = (arrays.row_upper != there.row_upper) | (arrays.row_lower != there.row_lower)
        for row in np.flatnonzero(sides):
            self.model.changeRowBounds(int(row), arrays.row_lower[row], arrays.row_upper[row])
        bounds = (arrays.upper != there.upper) | (arrays.lower != there.lower)
        for k in np.flatnonzero(bounds & ~self.held):
            self.model.changeColBounds(int(k), arrays.lower[k], arrays.upper[k])
        if arrays.matrix is not there.matrix:
            change = (arrays.matrix - there.matrix).tocoo()
            for row, k, by in zip(change.row, change.col, change.data, strict=True):
                if by:
                    self.model.changeCoeff(int(row), int(k), float(arrays.matrix[row, k]))


class Worth:
    """Asks what more of each limit that binds is worth.

    ``kept_usd``: all whole numbers as in the plan, sizes free; ``divisible_usd``: halls and
    units may be built in parts; ``free_usd``: another plan altogether (small cases);
    ``grant_usd``: of as much as one more whole unit needs, with another plan altogether, in
    large cases with halls and units in parts.
    """

    def __init__(self, again: Again, limits: list[Used]) -> None:
        self.again, self.limits = again, limits
        self.rows = [_row(again, used) for used in self.limits]

    def ask(self) -> Iterator[str]:
        """Yields after each question that takes long; those of what all sites share do not."""
        again = self.again
        if not self.limits or again.left <= 0:
            return
        grants = Grants(again)
        kept = _Warm(again, again.kept())
        divisible = _Warm(again, again.kept(kinds=PLACES))
        for used, row in zip(self.limits, self.rows, strict=True):
            amount = max(1.0, PROBE * abs(used.given))
            changed = grants.more(used, amount) if again.left > 0 else None
            if changed is None:
                continue
            row["kept_usd"] = _usd(kept.saved(changed) / amount)
            row["divisible_usd"] = _usd(divisible.saved(changed) / amount)
            row.update(usd_per_unit=row["divisible_usd"], basis="estimate")
            if not again.small:
                row.update(_divisible_step(grants, divisible, used))
            else:
                found = again.cheapest(changed)
                if found is not None and found.truth is not None:
                    row["free_usd"] = _usd((again.total - found.total) / amount)
                    row.update(usd_per_unit=row["free_usd"], basis=found.basis)
                row.update(_step(again, grants, used))
            if used.limit.sheet not in SHARED_SHEETS:
                yield used.limit.said

    def table(self) -> pd.DataFrame:
        """``tables/worth.csv``."""
        return pd.DataFrame(self.rows, columns=list(COLUMNS))


def _room(used: Used) -> float:
    """What more must be granted for one more whole hall, unit or connection; 0: sizes are free."""
    if used.whole <= 0:
        return 0.0
    step = used.whole - (used.given - used.used)
    integer = BY_NAME[used.limit.sheet].column(used.limit.column).kind == "integer"
    return float(math.ceil(step - 1e-9)) if integer else step


def _divisible_step(grants: Grants, divisible: _Warm, used: Used) -> dict[str, float]:
    """The same in a large case, of the plan with halls and units in parts."""
    step = _room(used)
    changed = grants.more(used, step) if step > 0 else None
    if changed is None:
        return {}
    return {"grant": step, "grant_usd": _usd(divisible.saved(changed))}


def _step(again: Again, grants: Grants, used: Used) -> dict[str, float]:
    """What as much more is worth as one more whole hall, unit or connection needs."""
    step = _room(used)
    changed = grants.more(used, step) if step > 0 else None
    found: Found | None = None if changed is None else again.cheapest(changed)
    if found is None or found.truth is None:
        return {}
    return {"grant": step, "grant_usd": _usd(again.total - found.total)}


def _usd(kilo: float) -> float:
    """k$ -> US$; a limit that is granted never costs."""
    return 0.0 if kilo * 1e3 < NOISE else kilo * 1e3


def _row(again: Again, used: Used) -> dict[str, Any]:
    limit = used.limit
    row = dict.fromkeys(COLUMNS, math.nan)
    return row | {
        "limit": limit.group, "sheet": limit.sheet,
        "row": math.nan if limit.row is None else float(limit.row), "column": limit.column,
        "said": limit.said, "from_date": _date(again, used.when), "used": used.used,
        "limit_value": used.given, "unit": _unit(again, limit), "basis": "not asked",
    }  # fmt: skip


def _date(again: Again, when: Hashable) -> Any:
    """Month from which a delivery is granted; none for what is no delivery."""
    if isinstance(when, int):
        return again.case.start + pd.DateOffset(months=when)
    return pd.NaT


def _unit(again: Again, limit: Limit) -> str:
    column = BY_NAME[limit.sheet].column(limit.column)
    if limit.sheet == "supply":
        components = again.case.inputs.tables["components"].set_index("component")
        return str(components.at[limit.key[0], "unit"] or "slots")
    if limit.sheet == "policies":
        return "t a year" if limit.group == "co2_cap" else "USD"
    return str(column.unit or "units")
