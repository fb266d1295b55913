"""What a comparison of results holds: facts, tables of facts, and all of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Value = float | str | None
LETTERS = "ABCDEFGH"
NEAR = 1e-6
"""Relative difference below which two figures are the same."""


def same(a: Value, b: Value) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= NEAR * max(1.0, abs(a), abs(b))
    return a == b


@dataclass(frozen=True)
class Row:
    """One fact of every result.

    Parameters
    ----------
    keys : what it is about
    unit : of its figures; ``date`` and ``text`` are words, ``USD`` is money
    values : one a result; None where it does not apply
    """

    keys: tuple[str, ...]
    unit: str
    values: tuple[Value, ...]

    @property
    def differs(self) -> bool:
        """Whether any result has another value than the first."""
        return any(not same(self.values[0], v) for v in self.values[1:])


@dataclass(frozen=True)
class Part:
    """One table of the comparison; ``rows`` hold what is the same as well if ``whole``."""

    name: str
    title: str
    heads: tuple[str, ...]
    rows: list[Row]
    whole: bool = False

    @property
    def shown(self) -> list[Row]:
        """Rows to tell: those that differ, or all."""
        return self.rows if self.whole else [row for row in self.rows if row.differs]


@dataclass(frozen=True)
class Comparison:
    """All that differs.

    Parameters
    ----------
    folders : the results, in the order A, B, …
    parts : tables in the order in which one asks for them
    why : sentences that compare each result with the first
    """

    folders: list[str]
    parts: list[Part]
    why: list[str] = field(default_factory=list)

    @property
    def letters(self) -> list[str]:
        """A, B, … one a result."""
        return list(LETTERS[: len(self.folders)])

    def part(self, name: str) -> Part:
        """The table of this name."""
        return next(p for p in self.parts if p.name == name)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "results": dict(zip(self.letters, self.folders, strict=True)),
            "why": self.why,
            **{
                part.name: [
                    dict(zip(part.heads, row.keys, strict=True))
                    | {"unit": row.unit, "differs": row.differs}
                    | dict(zip(self.letters, row.values, strict=True))
                    for row in part.shown
                ]
                for part in self.parts
            },
        }
