"""Short pages for one room each: ``optimizer report RESULT --pack board|utility|lender|permits``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from optimizer.errors import MachineError, UsageError
from optimizer.preparing.case import prepare
from optimizer.reading.inputs import Inputs
from optimizer.results.report.folder import read_result
from optimizer.results.report.marks import stamps
from optimizer.results.report.packs import board, lender, permits, utility
from optimizer.results.report.packs.page import Page, Stock, rendered

PACKS: dict[str, Callable[[Stock], Page]] = {
    "board": board.page, "utility": utility.page, "lender": lender.page, "permits": permits.page,
}  # fmt: skip
BY_SITE = ("utility", "permits")
"""Packs that may be about some of the sites: others are nobody's business in that room."""
INFLATION = 0.025


def write_pack(
    name: str, folder: Path, inputs: Inputs, target: Path | None = None, *,
    sites: Sequence[str] = (), inflation: float = INFLATION,
) -> Path:  # fmt: skip
    """Write one pack.

    Parameters
    ----------
    name : one of ``PACKS``
    folder : result folder, whose tables are shown
    inputs : what was planned with
    target : file to write; None: ``NAME.html`` in the folder
    sites : only these, where the pack goes by site; none: all that open
    inflation : for nominal dollars [1/year]

    Raises
    ------
    UsageError : a site is not opened by the plan, or the pack does not go by site
    MachineError : the file cannot be written
    """
    result = read_result(folder)
    unknown = [s for s in sites if s not in result.opened]
    if unknown:
        raise UsageError(f"The plan does not open {', '.join(unknown)}. It opens: "
                         f"{', '.join(result.opened) or 'none'}.")  # fmt: skip
    if sites and name not in BY_SITE:
        raise UsageError(f"--site is for the packs {' and '.join(BY_SITE)}; {name} is about the "
                         "whole plan.")  # fmt: skip
    chosen = [s for s in result.opened if s in sites] if sites else result.opened
    stock = Stock(result, inputs, prepare(inputs), stamps(result.inputs), chosen, inflation)
    path = folder / f"{name}.html" if target is None else target
    text = rendered(PACKS[name](stock), stock)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MachineError(f"{path} cannot be written ({error.strerror}). Choose another "
                           "--out.") from error  # fmt: skip
    return path
