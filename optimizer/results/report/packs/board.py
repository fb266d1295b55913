"""For the board: the decision, what to approve now, how sure it is, what stopping would cost."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from optimizer.results.report import readiness, words
from optimizer.results.report.dates import milestone_table
from optimizer.results.report.marks import notes
from optimizer.results.report.packs.page import Block, Grid, Page, Stock
from optimizer.results.report.readiness import MONEY_SERIES, totals
from optimizer.results.report.sites import chosen_table
from optimizer.results.report.svg import Series, chart

BUILDS = ("campus_blocks", "technologies", "interconnections", "permits", "components", "supply")
MONEY = ("technologies", "campus_blocks", "fuels", "tariffs", "workloads", "compute")
ASKED = ["Decision", "Sign by", "Online", "Price", "Due at signing", "Or lose"]


def page(stock: Stock) -> Page:
    """The pack."""
    result = stock.result
    blocks = [
        Block("The decision", words.tiles(result), words.headline(result),
              tables=_grid("Chosen sites in the order they open", *chosen_table(result), 1, (4, 5))),
        _asked(stock),
        Block("How sure the dates are", tables=_grid(
            "Planned dates, and the month by which 10, 50 and 90 % of the draws are there",
            *milestone_table(result), 4), notes=notes(stock.marks, BUILDS)),
        Block("What stopping would cost", says=[readiness.exposure_words(result)],
              chart=_exposure(stock), notes=notes(stock.marks, MONEY)),
    ]  # fmt: skip
    lead = "For the board: what to decide, by when, and what hangs on it"
    filled = [b for b in blocks if b.says or b.tables or b.figures]
    return Page("Where to build AI compute, and in what order", lead, filled)


def _grid(
    caption: str, head: list[str], rows: list[list[str]], numbers: int,
    wrapped: tuple[int, ...] = (),
) -> list[Grid]:  # fmt: skip
    return [Grid(caption, head, rows, numbers, wrapped)] if rows else []


def _asked(stock: Stock) -> Block:
    """What must be approved within 90 days."""
    head, lines = readiness.due_table(stock.result)
    keep = [head.index(name) for name in ASKED]
    rows = [[line[k] for k in keep] for line in lines]
    said = [*readiness.decision_words(stock.result), readiness.readiness_words(stock.result)]
    return Block("What to approve in the next 90 days", says=[s for s in said if s],
                 tables=_grid("By the last date that moves nothing", ASKED, rows, 3, (1,)))  # fmt: skip


def _exposure(stock: Stock) -> Markup | None:
    """Money in the making by month, in B$."""
    sums = totals(stock.result)
    if sums.empty:
        return None
    spans = [(d, d + pd.DateOffset(months=1)) for d in sums.index]
    lines = [Series(name, (sums[column] / 1e9).tolist(), shade, dash, width)
             for column, name, shade, dash, width in MONEY_SERIES]  # fmt: skip
    return chart(spans, lines=lines, unit="B$, not discounted",
                 title="Money in the making at the end of each month")  # fmt: skip
