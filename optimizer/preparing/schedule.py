"""When things can come online, and the dates of their steps (``docs/model.md``, Lead times)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.preparing.calendar import Period


@dataclass(frozen=True)
class LeadTime:
    """Months of the steps before an asset is online."""

    permit: int
    procurement: int
    construction: int
    commissioning: int

    @property
    def spending_months(self) -> int:
        """Months over which the cost is paid: from order to online."""
        return self.procurement + self.construction + self.commissioning


@dataclass(frozen=True, eq=False)
class Variant:
    """One way to build something at a site: under one permit variant, or none (name "").

    Arrays have one entry a period q of coming online.

    Parameters
    ----------
    name : permit variant
    lead : months of its steps
    possible : it can come online in q
    at_risk : procurement runs beside the permit
    open_by : index of the last period that starts no later than construction; -1 if none
    delivery : month at which components are delivered, when construction starts
    """

    name: str
    lead: LeadTime
    possible: np.ndarray
    at_risk: np.ndarray
    open_by: np.ndarray
    delivery: np.ndarray


def life_months(life_years: float) -> int:
    """Whole months of a lifetime."""
    return round(12 * life_years)


def serves(periods: tuple[Period, ...], life: int) -> np.ndarray:
    """Whether what comes online in q (row) stands in p (column); shape (P, P)."""
    start = np.array([p.month for p in periods])
    end = start + np.array([p.months for p in periods])
    begun = start[:, None] <= start[None, :]
    return np.asarray(begun & (end[None, :] <= start[:, None] + life))


def open_by(periods: tuple[Period, ...], month: np.ndarray) -> np.ndarray:
    """Index of the last period that starts no later than each month; -1 if none."""
    start = np.array([p.month for p in periods])
    return np.searchsorted(start, month, side="right") - 1


def make_variant(
    name: str,
    lead: LeadTime,
    periods: tuple[Period, ...],
    life: int,
    *,
    may_risk: bool,
) -> Variant:
    """Possible periods and dates of a build with these lead times."""
    start = np.array([p.month for p in periods])
    construction = start - lead.commissioning - lead.construction
    in_sequence = construction - lead.procurement - lead.permit >= 0
    beside = construction - max(lead.procurement, lead.permit) >= 0
    at_risk = ~in_sequence & beside if may_risk else np.zeros(len(periods), dtype=bool)
    stands = np.diag(serves(periods, life))
    return Variant(
        name=name,
        lead=lead,
        possible=(in_sequence | at_risk) & stands,
        at_risk=at_risk,
        open_by=open_by(periods, construction),
        delivery=construction,
    )
