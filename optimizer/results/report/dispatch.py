"""Hourly dispatch packed into the page: each site and period once, as whole MW."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from optimizer.results.report.capacity import looks, technologies
from optimizer.results.report.folder import Result, most_placed
from optimizer.results.report.style import GREY, INK, PALETTE, label
from optimizer.results.report.words import plain

MOST_BYTES = 2_600_000
"""Room in the page for packed series; with more hours they are averaged over 2, 4, … hours.

The page is to open at once on a slow machine: with charts and their library about 5 MB."""
MOST_SITES = 40
"""With more sites the hours are of the largest, as many as fit at means of COARSEST hours."""
COARSEST = 4
LARGEST = 32_000
WEEK = 168
"""Hours."""


def _series(column: str, look: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    """How a column is drawn: name, sign, colour and whether it is stacked; None if it is not."""
    head, _, technology = column.partition(":")
    shade = look.get(technology, {}).get("color", GREY)
    shown = label(plain(technology))
    drawn: dict[str, dict[str, Any]] = {
        "load_mw": {"name": "facility load", "kind": "line", "colour": INK},
        "import_mw": {"name": "grid import", "kind": "up", "colour": look["grid"]["color"]},
        "export_mw": {"name": "grid export", "kind": "down", "colour": "#000000"},
        "unserved_mw": {"name": "unserved", "kind": "up", "colour": "#E00000"},
        "generation_mw": {"name": shown, "kind": "up", "colour": shade},
        "discharge_mw": {"name": f"{shown} discharge", "kind": "up", "colour": shade},
        "delivery_mw": {
            "name": f"{shown} by contract",
            "kind": "up",
            "colour": PALETTE[sum(map(ord, technology)) % len(PALETTE)],
        },
        "charge_mw": {"name": f"{shown} charge", "kind": "down", "colour": shade},
        "unused_mw": {"name": f"{shown} not used", "kind": "dots", "colour": shade},
    }
    return drawn.get(head)


def pack(values: np.ndarray) -> dict[str, Any]:
    """Whole numbers as differences, low bytes then high bytes, deflated, in base64.

    Differences of a steady series are mostly zero, and its high bytes nearly all: both pack well.
    Values beyond 16 bits are stored as multiples of ``scale``.
    """
    peak = float(np.abs(values).max(initial=0.0))
    scale = max(1.0, peak / LARGEST)
    whole = np.round(values / scale).astype(np.int64)
    steps = np.diff(whole, prepend=0).astype(np.int64).astype("<u2")
    planes = steps.view(np.uint8).reshape(-1, 2).T.copy()
    return {"scale": round(scale, 6), "data": base64.b64encode(
        zlib.compress(planes.tobytes(), 9)).decode("ascii")}  # fmt: skip


def unpack(packed: dict[str, Any]) -> np.ndarray:
    """The inverse of :func:`pack`, as the page does it."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(packed["data"])), dtype=np.uint8)
    steps = planes.reshape(2, -1).T.copy().view("<i2").ravel()
    whole: np.ndarray = np.cumsum(steps, dtype=np.int64).astype(np.int16).astype(float)
    return whole * float(packed["scale"])


def _averaged(values: np.ndarray, hours: int) -> np.ndarray:
    """Means over so many hours; the last may have fewer."""
    starts = np.arange(0, len(values), hours)
    sums: np.ndarray = np.add.reduceat(values, starts)
    means: np.ndarray = sums / np.diff(np.append(starts, len(values)))
    return means


def _unused(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """What sun and wind could have made and did not, by technology, MW."""
    columns = {}
    for column in map(str, rows.columns):
        head, _, technology = column.partition(":")
        made = f"generation_mw:{technology}"
        if head == "available_mw" and made in rows:
            left = rows[column].fillna(0.0) - rows[made].fillna(0.0)
            columns[f"unused_mw:{technology}"] = left.clip(lower=0.0).to_numpy(dtype=float)
    return columns


def _columns(dispatch: pd.DataFrame, look: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """How each column is drawn, those of what is not used behind the others."""
    names = [*map(str, dispatch.columns), *_unused(dispatch.iloc[:0])]
    return {name: drawn for name in names if (drawn := _series(name, look))}


def _block(rows: pd.DataFrame, drawn: dict[str, dict[str, Any]], hours: int) -> dict[str, Any]:
    """The packed series of one site and period."""
    unused, series = _unused(rows), {}
    for column in drawn:
        values = unused.get(column)
        if values is None:
            values = rows[column].fillna(0.0).to_numpy(dtype=float)
        if np.abs(values).max(initial=0.0) >= 0.5:
            series[column] = pack(_averaged(values, hours))
    first = int(rows["hour"].iloc[0]) if "hour" in rows else 0
    return {"site": str(rows["site"].iloc[0]), "period": str(rows["period"].iloc[0]),
            "first_hour": first, "hours": len(rows), "series": series}  # fmt: skip


def _size(blocks: list[dict[str, Any]]) -> int:
    return sum(120 + sum(len(s["data"]) + 60 for s in b["series"].values()) for b in blocks)


def _packed(
    parts: dict[str, list[pd.DataFrame]], drawn: dict[str, dict[str, Any]], hours: int, room: int
) -> tuple[list[dict[str, Any]], list[str]]:
    """Blocks of the sites that fit, at least of the first, and these sites."""
    blocks: list[dict[str, Any]] = []
    shown: list[str] = []
    for site, periods in parts.items():
        made = [_block(rows, drawn, hours) for rows in periods]
        room -= _size(made)
        if room < 0 and shown:
            break
        blocks += made
        shown.append(site)
    return blocks, shown


def _first_week(series: dict[str, Any], hours: int) -> dict[str, list[int]]:
    """Whole MW of the first week of a block, as they stand in its packed series."""
    return {name: np.round(unpack(packed)[: WEEK // hours]).astype(int).tolist()
            for name, packed in series.items()}  # fmt: skip


def packed_dispatch(
    result: Result, room: int | None = None, first: Sequence[str] = ()
) -> dict[str, Any] | None:
    """Series of the page's dispatch chart, None if there is no dispatch.

    Parameters
    ----------
    result : what is shown
    room : bytes that they may take; what does not fit is averaged over 2, 4, … hours, and above
        COARSEST the sites with least load are left out
    first : sites that are not left out before others
    """
    dispatch = result.dispatch
    if dispatch.empty or not {"site", "period"} <= set(dispatch.columns):
        return None
    room = MOST_BYTES if room is None else min(room, MOST_BYTES)
    most = most_placed(result.tables["placement"])
    drawn = _columns(dispatch, looks(technologies(result)))
    found: dict[str, list[pd.DataFrame]] = {}
    blocks_at = dispatch.groupby(["site", "period"], sort=False).indices
    for (site, _), at in sorted(blocks_at.items(), key=lambda block: block[1][0]):
        whole = at[-1] - at[0] + 1 == len(at)  # rows side by side are not copied
        rows = dispatch.iloc[at[0] : at[-1] + 1] if whole else dispatch.iloc[at]
        found.setdefault(str(site), []).append(rows)
    named = dict.fromkeys([*first, *most, *found])
    parts = {site: found[site] for site in named if site in found}
    many, hours = len(set(most) | set(found)), 1
    blocks, shown = _packed(parts, drawn, hours, room)
    while (len(shown) < len(parts) or _size(blocks) > room) and hours < (
        COARSEST if many > MOST_SITES else 24
    ):
        hours *= 2
        blocks, shown = _packed(parts, drawn, hours, room)
    places = {site: k for k, site in enumerate(dict.fromkeys([*first, *result.opened]))}
    blocks.sort(key=lambda block: places.get(block["site"], len(places)))
    # Where the most kinds of power meet is where hours are worth seeing first.
    start = max(range(len(blocks)), key=lambda k: (len(blocks[k]["series"]), k), default=0)
    packed: dict[str, Any] = {
        "hours_per_step": hours, "start": start, "drawn": drawn, "blocks": blocks,
        "sites": len(shown), "of_sites": many,
        "shown": _first_week(blocks[start]["series"], hours) if blocks else {},
    }  # fmt: skip
    year = next(
        (row["value"] for _, row in result.inputs.get("settings", pd.DataFrame()).iterrows()
         if row.get("key") == "reference_year"), "")  # fmt: skip
    packed["year"] = int(float(year)) if str(year).replace(".", "").isdigit() else 2012
    return packed
