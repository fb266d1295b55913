"""How a table and its columns are declared: once, for validation, template, docs and types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "number", "integer", "flag", "date", "any"]
BUILDING, WAITING = (0.9, 1.3), (0.8, 1.6)
"""Assumed low and high, over the likely months: what one builds oneself (halls, substations), and
the utility's queue and upgrades. An assumption of this tool, stamped wherever it is used."""


@dataclass(frozen=True)
class Column:
    """One column of an input table.

    Parameters
    ----------
    name : snake_case, unit last
    meaning : one line for the analyst
    kind : what a cell holds; dates are the first of a month unless ``any_day``
    unit : unit of a number, ``""`` if it has none
    required : a blank cell is a problem
    required_for : values of the table's ``class`` column for which a blank is a problem
    default : what a blank cell becomes; None leaves it blank (NaN, NaT or "")
    minimum, maximum : inclusive bounds of a number
    allowed : the values a text may take
    references : ``"table.column"`` that the value must occur in
    wildcard : ``*`` is allowed and stands for every row of the referenced table
    profile : the text names an hourly series in ``profiles/``
    from_catalog : the text names an entry of the catalog of technologies
    usual : what is plausible, in the column's unit; outside of it is a warning
    assumed : what a blank low or high is taken as where dates are sampled, over the likely value
    example : a value for the notes
    """

    name: str
    meaning: str
    kind: Kind = "number"
    unit: str = ""
    required: bool = False
    required_for: tuple[str, ...] = ()
    default: float | str | bool | None = None
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str, ...] = ()
    references: str = ""
    wildcard: bool = False
    profile: bool = False
    from_catalog: bool = False
    usual: tuple[float, float] | None = None
    assumed: float | None = None
    example: str = ""


@dataclass(frozen=True)
class Table:
    """One input table: a sheet of the workbook or a CSV file of the same name.

    ``needed_for`` says what needs the table; ``key`` are the columns that name a row.
    """

    name: str
    meaning: str
    row_is: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    required: bool = False
    needed_for: str = "every case"

    def column(self, name: str) -> Column:
        """The declared column; KeyError if there is none."""
        return next(c for c in self.columns if c.name == name)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in the order in which they are written."""
        return tuple(c.name for c in self.columns)


def text(name: str, meaning: str, **options: object) -> Column:
    """A text column."""
    return Column(name, meaning, kind="text", **options)  # type: ignore[arg-type]


def months_range(
    name: str, meaning: str, *, assumed: tuple[float, float] | None = None, **likely: object
) -> tuple[Column, ...]:
    """Likely, low and high months of a step; the setting lead_times says which the plan uses.

    Parameters
    ----------
    name : of the likely months, such as ``queue_months``; the others end in ``_low``, ``_high``
    assumed : multiples of the likely months that sampled dates take for a blank low and high;
        None: as likely
    likely : further options of the likely column
    """
    whole: dict[str, object] = {"unit": "months", "kind": "integer", "minimum": 0}
    columns = [Column(name, f"{meaning}, likely", **whole, **likely)]  # type: ignore[arg-type]
    for end, factor in zip(("low", "high"), assumed or (None, None), strict=True):
        blank = f"as likely; sampled dates assume {factor:g} x likely" if factor else "as likely"
        columns.append(
            Column(f"{name}_{end}", f"{meaning}, {end}; blank: {blank}", assumed=factor, **whole)  # type: ignore[arg-type]
        )
    return tuple(columns)


def source() -> Column:
    """Where the row's numbers come from; carried to the report, not used by the model."""
    return text("source", "Where the numbers come from, or 'assumption'; shown in the report")
