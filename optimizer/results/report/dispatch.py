"""Hourly dispatch packed into the page: each site and period once, as whole MW."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
import pandas as pd

from optimizer.results.report.capacity import looks, technologies
from optimizer.results.report.folder import Result
from optimizer.results.report.style import GREY, INK, label
from optimizer.results.report.words import plain

MOST_BYTES = 2_600_000
"""Room in the page for packed series; with more hours they are averaged over 2, 4, … hours.

The chart library takes 4.8 MB, and the whole page is to stay below 8 MB."""
LARGEST = 32_000


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


def _unused(dispatch: pd.DataFrame) -> pd.DataFrame:
    """What sun and wind could have made and did not, by technology, MW."""
    columns = {}
    for column in map(str, dispatch.columns):
        head, _, technology = column.partition(":")
        made = f"generation_mw:{technology}"
        if head == "available_mw" and made in dispatch:
            left = dispatch[column].fillna(0.0) - dispatch[made].fillna(0.0)
            columns[f"unused_mw:{technology}"] = left.clip(lower=0.0)
    return dispatch.assign(**columns)


def _packed(
    dispatch: pd.DataFrame, look: dict[str, dict[str, Any]], order: list[str], hours: int
) -> dict[str, Any]:
    drawn = {c: s for c in dispatch.columns if (s := _series(str(c), look))}
    places = {site: k for k, site in enumerate(order)}
    blocks: list[dict[str, Any]] = []
    for (site, period), rows in dispatch.groupby(["site", "period"], sort=False):
        series = {}
        for column in drawn:
            values = rows[column].fillna(0.0).to_numpy(dtype=float)
            if np.abs(values).max(initial=0.0) >= 0.5:
                series[column] = pack(_averaged(values, hours))
        first = int(rows["hour"].iloc[0]) if "hour" in rows else 0
        blocks.append({"site": str(site), "period": str(period), "first_hour": first,
                       "hours": len(rows), "series": series})  # fmt: skip
    blocks.sort(key=lambda block: places.get(block["site"], len(places)))
    # Where the most kinds of power meet is where hours are worth seeing first.
    start = max(range(len(blocks)), key=lambda k: (len(blocks[k]["series"]), k), default=0)
    return {"hours_per_step": hours, "start": start, "drawn": drawn, "blocks": blocks}


def _size(packed: dict[str, Any]) -> int:
    return sum(len(s["data"]) for b in packed["blocks"] for s in b["series"].values())


def packed_dispatch(result: Result) -> dict[str, Any] | None:
    """All series of the page's dispatch chart, None if there is no dispatch."""
    dispatch = result.dispatch
    if dispatch.empty or not {"site", "period"} <= set(dispatch.columns):
        return None
    dispatch, look = _unused(dispatch), looks(technologies(result))
    hours = 1
    packed = _packed(dispatch, look, result.opened, hours)
    while _size(packed) > MOST_BYTES and hours < 24:
        hours *= 2
        packed = _packed(dispatch, look, result.opened, hours)
    year = next(
        (row["value"] for _, row in result.inputs.get("settings", pd.DataFrame()).iterrows()
         if row.get("key") == "reference_year"), "")  # fmt: skip
    packed["year"] = int(float(year)) if str(year).replace(".", "").isdigit() else 2012
    return packed
