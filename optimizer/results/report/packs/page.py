"""A short page for one room: title, blocks of words, tables and charts, stamps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from optimizer.preparing.case import Case
from optimizer.reading.inputs import Inputs
from optimizer.results.report import words
from optimizer.results.report.folder import Result
from optimizer.results.report.marks import Marks

Note = tuple[str, str]
"""Kind of stamp (assumed, synthetic) and what it is about."""


@dataclass(frozen=True)
class Stock:
    """What all packs are made from.

    Parameters
    ----------
    result : the result folder, as the report reads it
    inputs, case : what was planned with, as read and prepared
    marks : what the inputs say of themselves
    sites : opened sites that the pack is about
    inflation : for nominal dollars [1/year]
    """

    result: Result
    inputs: Inputs
    case: Case
    marks: dict[str, Marks]
    sites: list[str]
    inflation: float

    def table(self, name: str) -> pd.DataFrame:
        """Rows of a result table that are about the pack's sites."""
        table = self.result.tables[name]
        return table[table["site"].isin(self.sites)]


@dataclass(frozen=True)
class Grid:
    """A table of a page; the last ``numbers`` columns are numbers, ``wrapped`` ones wrap (from 1)."""

    caption: str
    head: list[str]
    rows: list[list[str]]
    numbers: int = 0
    wrapped: tuple[int, ...] = ()


@dataclass(frozen=True)
class Block:
    """A part of a page: heading, figures, sentences, chart, tables, notes, in this order."""

    title: str
    figures: list[tuple[str, str]] = field(default_factory=list)
    says: list[str] = field(default_factory=list)
    chart: Markup | None = None
    tables: list[Grid] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


@dataclass(frozen=True)
class Page:
    """A pack.

    Parameters
    ----------
    title : what it is
    lead : one line below the title
    blocks : in order
    whole : a block is not split between sheets of paper
    """

    title: str
    lead: str
    blocks: list[Block]
    whole: bool = False


def rendered(page: Page, stock: Stock) -> str:
    """The page as one self-contained HTML text, without scripts."""
    environment = Environment(
        loader=PackageLoader("optimizer.results.report"), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    summary: dict[str, Any] = stock.result.summary
    return environment.get_template("pack.html.j2").render(
        page=page, case=str(summary.get("case_name") or "Plan"), ending=words.ending(summary),
        check=words.checked(summary), proof=words.proof(summary),
        money_year=int(stock.inputs.setting("money_year")),
    )  # fmt: skip
