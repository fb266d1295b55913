"""Collects checks and what they find."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

TOLERANCE = 1e-6


@dataclass(frozen=True)
class Verification:
    """Result of the independent check.

    ``max_violation`` is the largest violation / max(1, |limit|) in MW, MWh, t, km2, m3 or
    thousand US$; it passes at 1e-6, and ``objective_error`` (relative) too. ``checks`` are
    (name, number of comparisons, largest violation, where).
    """

    passed: bool
    max_violation: float
    objective_recomputed: float
    objective_error: float
    costs_recomputed: dict[str, float]
    full_year: dict[str, float]
    checks: list[tuple[str, int, float, str]]
    findings: list[str]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "passed": self.passed,
            "max_violation": self.max_violation,
            "objective_recomputed": self.objective_recomputed,
            "objective_error": self.objective_error,
            "costs_recomputed": self.costs_recomputed,
            "full_year": self.full_year,
            "checks": [
                {"name": n, "count": c, "max_violation": v, "where": w}
                for n, c, v, w in self.checks
            ],
            "findings": self.findings[:100],
        }


@dataclass
class Findings:
    """All comparisons made so far, by name of the check."""

    counts: dict[str, int] = field(default_factory=dict)
    worst: dict[str, float] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def _note(self, check: str, count: int, violation: float, where: str) -> None:
        self.counts[check] = self.counts.get(check, 0) + count
        if violation > self.worst.get(check, -1.0):
            self.worst[check], self.where[check] = violation, where
        if not violation <= TOLERANCE:
            self.worst[check] = float("inf") if np.isnan(violation) else self.worst[check]
            self.failures.append(f"{check}: {where}")

    def at_most(self, check: str, used: object, limit: object, where: str) -> None:
        """used <= limit, elementwise; arrays name their worst position."""
        used_, limit_ = np.atleast_1d(np.asarray(used, float)), np.asarray(limit, float)
        with np.errstate(invalid="ignore"):
            over = (used_ - limit_) / np.maximum(1.0, np.abs(limit_))
        over = np.where(np.isinf(limit_) & np.isfinite(used_), 0.0, over)
        at = int(np.argmax(np.where(np.isnan(over), np.inf, over)))
        worst = float(over[at])
        place = f"{where} (position {at})" if len(over) > 1 else where
        limit_at = _value(limit_, at)
        text = f"{place}: {used_[at]:.9g} against {limit_at:.9g}"
        self._note(check, len(over), worst if np.isnan(worst) else max(0.0, worst), text)

    def equal(self, check: str, found: object, wanted: object, where: str) -> None:
        """found == wanted, elementwise."""
        found_, wanted_ = np.asarray(found, float), np.asarray(wanted, float)
        difference = np.abs(found_ - wanted_) / np.maximum(1.0, np.abs(wanted_))
        flat = np.atleast_1d(difference)
        at = int(np.argmax(np.where(np.isnan(flat), np.inf, flat)))
        place = f"{where} (position {at})" if len(flat) > 1 else where
        one, other = _value(found_, at), _value(wanted_, at)
        self._note(check, len(flat), float(flat[at]), f"{place}: {one:.9g}, expected {other:.9g}")

    def true(self, check: str, holds: bool, where: str) -> None:
        """A condition that holds or not."""
        self._note(check, 1, 0.0 if holds else 1.0, where)


def _value(values: np.ndarray, at: int) -> float:
    """The value at a position; one value alone stands at all of them."""
    return float(values.reshape(-1)[at if values.size > 1 else 0])
