"""Check of the table `commitments`: each row says what it is about, and when it was taken."""

from __future__ import annotations

import difflib
from typing import Any

import numpy as np
import pandas as pd

from optimizer.errors import Problems
from optimizer.reading.inputs import Inputs
from optimizer.tables.commitments import LAND


def commitments_make_sense(inputs: Inputs, problems: Problems) -> None:
    """Items are known, nothing is ignored silently, and no row is a decision still to be taken."""
    table = inputs.tables["commitments"]
    start = inputs.setting("plan_start")
    for number, row in zip(table.index, table.to_dict("records"), strict=True):
        at: dict[str, Any] = {"table": "commitments", "row": int(number)}
        known = _known(inputs, row)
        if row["item"] not in known:
            near = difflib.get_close_matches(row["item"], known, 1, 0.5)
            problems.add("unknown-reference", **at, column="item", found=row["item"],
                         expected=f"what a commitment of kind {row['kind']} can be about: "
                         f"{', '.join(known) or 'there is nothing of it at this site'}",
                         remedy=f'Closest: "{near[0]}".' if near else "")  # fmt: skip
        elif row["kind"] == "permit" and row["variant"]:
            _variant(inputs, row, at, problems)
        _ignored(row, at, problems)
        if row["kind"] in ("order", "contract") and not row["quantity"] > 0:
            problems.add("missing-value", **at, column="quantity", expected="how much is ordered or "
                         "contracted", remedy="Without it nobody knows how much is missing.")  # fmt: skip
        if pd.notna(start) and pd.notna(row["date"]) and row["date"] > start:
            problems.add("not-yet-taken", **at, column="date", found=f"{row['date']:%Y-%m-%d}",
                         expected=f"a month up to the plan's start, {start:%Y-%m-%d}",
                         remedy="A decision still to be taken is the plan's to take.")  # fmt: skip
        if pd.notna(row["expires"]) and row["expires"] <= row["date"]:
            problems.add("expires-before-it-begins", **at, column="expires",
                         found=f"{row['expires']:%Y-%m-%d}", expected="a month after date")  # fmt: skip
    if len(table):
        problems.add("commitments-not-in-the-model", "commitments", is_warning=True,
                     expected="readiness only: the plan is chosen and costed as if there were "
                     "no commitments", remedy="What the plan does not use is shown with its cost "
                     "to cancel.")  # fmt: skip


def _known(inputs: Inputs, row: dict[Any, Any]) -> list[str]:
    """What a commitment of this kind can be about at its site."""
    tables, site = inputs.tables, row["site"]
    kind = row["kind"]
    if kind == "option":
        return [LAND]
    if kind == "permit":
        places = set(tables["sites"].loc[tables["sites"]["site"] == site, "jurisdiction"])
        found = tables["permits"][tables["permits"]["jurisdiction"].isin(places)]["permit_kind"]
    elif kind == "interconnection":
        offers = tables["interconnections"]
        found = offers.loc[offers["site"] == site, "offer"]
    elif kind == "order":
        found = pd.concat([tables["technologies"]["technology"], tables["campus_blocks"]["block"]])
    else:
        found = pd.concat([tables["fuels"]["fuel"], tables["tariffs"]["tariff"],
                           tables["workloads"]["workload"]])  # fmt: skip
    return list(dict.fromkeys(str(name) for name in found))


def _variant(inputs: Inputs, row: dict[Any, Any], at: dict[str, Any], problems: Problems) -> None:
    permits, sites = inputs.tables["permits"], inputs.tables["sites"]
    here = permits["jurisdiction"].isin(sites.loc[sites["site"] == row["site"], "jurisdiction"])
    names = list(permits.loc[here & (permits["permit_kind"] == row["item"]), "variant"])
    if row["variant"] not in names:
        problems.add("unknown-reference", **at, column="variant", found=row["variant"],
                     expected=f"one of {', '.join(dict.fromkeys(names))}, or blank")  # fmt: skip


def _ignored(row: dict[Any, Any], at: dict[str, Any], problems: Problems) -> None:
    """Cells that say nothing for this kind."""
    if row["kind"] != "permit" and row["variant"]:
        problems.add("ignored-value", **at, column="variant", found=row["variant"],
                     expected=f"a blank for the kind {row['kind']}", remedy="Empty the cell.")  # fmt: skip
    if row["kind"] in ("permit", "option") and not np.isnan(row["quantity"]):
        problems.add("ignored-value", **at, column="quantity", found=f"{row['quantity']:g}",
                     expected=f"a blank: one {row['kind']} is one", remedy="Empty the cell.")  # fmt: skip
    if row["recovered_share"] > 0 and row["paid_usd"] == 0:
        problems.add("ignored-value", **at, column="recovered_share",
                     found=f"{row['recovered_share']:g}", expected="a blank, as nothing is paid",
                     remedy="Fill paid_usd, or empty the cell.")  # fmt: skip
