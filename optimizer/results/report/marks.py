"""What the inputs say of themselves: assumed or synthetic, and every stated source."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from optimizer.results.report.words import listing, plain

KINDS = {"assumed": "assum", "synthetic": "synthetic"}
"""What a source must contain to be of a kind."""


@dataclass(frozen=True)
class Marks:
    """Rows of one input table that are marked.

    Parameters
    ----------
    rows : rows of the table
    counts : marked rows by kind
    names : what the marked rows are about, by kind, without repeats
    """

    rows: int
    counts: dict[str, int]
    names: dict[str, list[str]] = field(default_factory=dict)


def stamps(inputs: dict[str, pd.DataFrame]) -> dict[str, Marks]:
    """Marked rows of each input table that has any."""
    found: dict[str, Marks] = {}
    for name, table in inputs.items():
        if "source" not in table:
            continue
        source = table["source"].astype(str).str.lower()
        marked = {kind: source.str.contains(part, regex=False) for kind, part in KINDS.items()}
        counts = {kind: int(rows.sum()) for kind, rows in marked.items()}
        if any(counts.values()):
            first = table[table.columns[0]].astype(str)
            names = {kind: list(dict.fromkeys(first[rows])) for kind, rows in marked.items()}
            found[name] = Marks(len(table), counts, names)
    return found


def notes(marks: dict[str, Marks], used: tuple[str, ...]) -> list[tuple[str, str]]:
    """Stamp and text to stand under a chart that these tables drive.

    A table that is wholly marked is only named; else its marked rows are counted. Synthetic rows
    are few and matter most: what they are about is said.
    """
    said = []
    for kind in KINDS:
        parts = []
        for name in used:
            mark = marks.get(name)
            if mark is None or not mark.counts[kind]:
                continue
            whole = mark.counts[kind] == mark.rows
            detail = "" if whole else f" ({mark.counts[kind]} of {mark.rows} rows)"
            if kind == "synthetic":
                detail = f" ({listing(mark.names[kind], 5)})"
            parts.append(plain(name) + detail)
        if parts:
            said.append((kind, listing(parts)))
    return said


def sources(inputs: dict[str, pd.DataFrame]) -> list[tuple[str, str, str]]:
    """Table, rows and what their source says, one line a source."""
    lines = []
    for name, table in inputs.items():
        if "source" not in table or table.empty:
            continue
        first = table.columns[0]
        for source, rows in table.groupby("source", sort=False):
            about = list(dict.fromkeys(rows[first].astype(str)))
            lines.append((plain(name), listing(about, 6), str(source) or "not stated"))
    return lines
