"""Problems of the input, exit codes and exceptions.

::

    OptimizerError            base of what the product raises on purpose
    ├── InputError            problems of a case or a stored result  (exit 3)
    ├── NoPlanError           no plan meets all limits               (exit 4)
    ├── StoppedError          stopped before there was a plan        (exit 6)
    ├── UsageError            wrong use of the command line          (exit 2)
    └── MachineError          the machine said no                    (exit 8)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    """Exit codes of the command line, by cause."""

    DONE = 0
    BUG = 1
    USAGE = 2
    INPUT = 3
    NO_PLAN = 4
    GAP_OPEN = 5
    STOPPED = 6
    CHECK_FAILED = 7
    MACHINE = 8


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the input, told to an analyst.

    Parameters
    ----------
    code : short name of the kind of problem, such as ``unknown-reference``
    table : name of the table (sheet), or of a file
    row : row number in the sheet as a spreadsheet shows it (header = 1), or None
    column : name of the column, or None
    found : the value found, as text
    expected : what was expected, a phrase
    remedy : how to mend it, a sentence
    cell : cell address such as ``F7`` where it is known
    is_warning : True if the case can go on; ``expected`` then says what is assumed
    """

    code: str
    table: str
    row: int | None
    column: str | None
    found: str
    expected: str
    remedy: str
    cell: str = ""
    is_warning: bool = False

    def __str__(self) -> str:
        where = self.table
        if self.cell:
            where += f"!{self.cell}"
        elif self.row is not None:
            where += f"!{self.row}"
        column = f" {self.column}" if self.column else ""
        found = f" is {self.found};" if self.found else ":"
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{where}{column}{found} expected {self.expected}.{remedy}  [{self.code}]"


@dataclass
class Problems:
    """Collector: checks append, they never raise; all are shown at once."""

    items: list[Problem] = field(default_factory=list)

    def add(
        self,
        code: str,
        table: str,
        *,
        row: int | None = None,
        column: str | None = None,
        found: object = "",
        expected: str,
        remedy: str = "",
        cell: str = "",
        is_warning: bool = False,
    ) -> None:
        """Append one problem; ``found`` is shown as text in quotes if it is a text."""
        shown = f'"{found}"' if isinstance(found, str) and found else str(found)
        self.items.append(
            Problem(code, table, row, column, shown, expected, remedy, cell, is_warning)
        )

    def extend(self, others: Iterable[Problem]) -> None:
        """Append all problems of another collector."""
        self.items.extend(others)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def errors(self) -> list[Problem]:
        """Problems that the case cannot go on with."""
        return [p for p in self.items if not p.is_warning]

    @property
    def warnings(self) -> list[Problem]:
        """Problems that the case can go on with."""
        return [p for p in self.items if p.is_warning]

    def report(self, source: str = "", limit_per_column: int = 5) -> str:
        """All problems as text, errors first; repeats in one column are folded."""
        lines: list[str] = []
        for title, items in (("problem", self.errors), ("warning", self.warnings)):
            if not items:
                continue
            plural = "" if len(items) == 1 else "s"
            lines.append(f"{source + ': ' if source else ''}{len(items)} {title}{plural}")
            seen: dict[tuple[str, str, str | None], int] = {}
            for item in items:
                key = (item.code, item.table, item.column)
                seen[key] = seen.get(key, 0) + 1
                if seen[key] <= limit_per_column:
                    lines.append(f"  {item}")
            for (code, table, column), count in seen.items():
                if count > limit_per_column:
                    more = count - limit_per_column
                    lines.append(f"  {table} {column or ''}: and {more} more rows  [{code}]")
        return "\n".join(lines)


class OptimizerError(Exception):
    """Base of everything the product raises on purpose."""

    exit_code = ExitCode.BUG


class InputError(OptimizerError):
    """A case or a stored result has problems; ``problems`` lists all of them."""

    exit_code = ExitCode.INPUT

    def __init__(self, problems: Problems, source: str = "") -> None:
        self.problems = problems
        self.source = source
        super().__init__(problems.report(source))


class NoPlanError(OptimizerError):
    """No plan meets all limits; the message names the limits that clash.

    Parameters
    ----------
    clashes : for each limit of a smallest set that clashes its sheet, row, column, the limit in
        words and the change of its kind that mends the case
    changes : for each change that mends the case its words and its edits of the input
    """

    exit_code = ExitCode.NO_PLAN

    def __init__(
        self,
        message: str,
        clashes: Sequence[dict[str, Any]] = (),
        changes: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.clashes, self.changes = list(clashes), list(changes)
        super().__init__(message)


class StoppedError(OptimizerError):
    """A limit or an interruption came before the first plan."""

    exit_code = ExitCode.STOPPED


class UsageError(OptimizerError):
    """Wrong use of the command line or of an option."""

    exit_code = ExitCode.USAGE


class MachineError(OptimizerError):
    """Disk, memory or permission; the message says what to do."""

    exit_code = ExitCode.MACHINE
