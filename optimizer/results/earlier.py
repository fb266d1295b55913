"""A result folder as what a later solve starts from, or stays near to."""

from __future__ import annotations

from pathlib import Path

from optimizer.results.write import load_result
from optimizer.solving.nearby import Earlier


def earlier(folder: str | Path | None) -> Earlier | None:
    """Read a result folder; None if none is named.

    Raises
    ------
    InputError : it is no result, or does not match its manifest
    """
    if folder is None:
        return None
    stored = load_result(Path(folder), hours=False)
    periods = stored.inputs.tables["periods"]
    starts = dict(zip(periods["period"].astype(str), periods["start"], strict=True))
    return Earlier(Path(folder).name, starts, stored.tables)
