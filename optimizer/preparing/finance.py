"""Annuities, interest during construction and spending (``docs/model.md``, section Money)."""

from __future__ import annotations

import numpy as np


def capital_recovery_factor(real_rate: float, life_years: float) -> float:
    """Yearly payment that repays one dollar over an asset's life.

    Parameters
    ----------
    real_rate : real discount rate [1/year], >= 0
    life_years : economic life [year], > 0

    Returns
    -------
    payment for each dollar invested [1/year]

    Raises
    ------
    ValueError : an argument is out of its range

    Notes
    -----
    r / (1 - (1 + r)**-n), and 1/n at r = 0. NREL/TP-462-5173 (1995).

    Examples
    --------
    >>> round(capital_recovery_factor(0.07, 20), 5)
    0.09439
    """
    if real_rate < 0 or life_years <= 0:
        raise ValueError("real_rate must be >= 0 and life_years > 0")
    if real_rate == 0:
        return 1.0 / life_years
    return float(real_rate / -np.expm1(-life_years * np.log1p(real_rate)))


def construction_interest(real_rate: float, order_share: float, months: int) -> float:
    """Value at the online date of one dollar spent by the spending profile [1].

    ``order_share`` is paid at order, ``months`` before online; the rest in equal parts in
    the middle of each month.

    Examples
    --------
    >>> construction_interest(0.07, 0.2, 0)
    1.0
    """
    if months == 0:
        return 1.0
    middle = (np.arange(1, months + 1) - 0.5) / 12.0
    growth = 1.0 + real_rate
    return float(
        order_share * growth ** (months / 12.0)
        + (1.0 - order_share) / months * (growth**middle).sum()
    )


def spending(order_share: float, months: int, online: int) -> dict[int, float]:
    """Share of the overnight cost paid in each month from the plan's start; sums to 1."""
    if months == 0:
        return {online: 1.0}
    monthly = (1.0 - order_share) / months
    paid = {online - months + k: monthly for k in range(months)}
    paid[online - months] += order_share
    return paid


def discounted_annuity(
    factor: np.ndarray, online: int, life_months: int, real_rate: float, life_years: float
) -> float:
    """Discounted payments within the horizon for one dollar invested [1].

    ``factor`` are the discount factors of all months of the horizon. What is due after the
    horizon is left out: this is the residual value.
    """
    due = factor[online : online + life_months].sum()
    return float(capital_recovery_factor(real_rate, life_years) / 12.0 * due)
