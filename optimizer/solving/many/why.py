"""Why not the other sites, where they are too many to be asked one by one.

At the prices of what all sites share, a plan in which a site serves costs at least the proven bound
and what the site's own cheapest plan with one hall costs above the cheapest it could do: its
reduced cost. Of the sites with the least reduced cost a plan with the site is sought.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from optimizer.preparing.case import Case
from optimizer.solving.engine import Engine, Incumbent
from optimizer.solving.highs import INFINITY
from optimizer.solving.many.engine import ManySites
from optimizer.solving.many.pricing import Rows
from optimizer.solving.why import time_for
from optimizer.solving.why.sites import COLUMNS, LEAST_MW, told_by_input
from optimizer.solving.why.timing import of_site

NEAREST = 6
"""Sites of which a plan with them is sought."""
SHARE = 0.5
"""Time for the prices of sites, in that of all questions."""
AT_ONCE = 32


def kept_out(run: ManySites, seconds: float) -> dict[str, float]:
    """What a plan in which a site serves costs at least above the bound [k$], by site not used.

    Infinite where no hall of it can serve. Sites that are not asked in time are left out, those
    that pay least last. A bug here does not cost the plan.
    """
    found: dict[str, float] = {}
    try:
        for some in _priced_in_turn(run, time.monotonic() + seconds):
            found |= some
    except Exception as bug:
        run.note(f"why: prices of sites not told, {type(bug).__name__}: {bug}")
    return found


def _priced_in_turn(run: ManySites, end: float) -> Iterator[dict[str, float]]:
    used = set(run.used)
    asked = {s: rows for s in run.parts if s not in used and (rows := _serving(run, s)) is not None}
    order = sorted(asked, key=lambda s: run.worth.get(s, 0.0))
    for at in range(0, len(order), AT_ONCE):
        if time.monotonic() > end or run.interrupted:
            break
        some = order[at : at + AT_ONCE]
        with_it = run.pricing.forced(some, run.prices, asked)
        without = run.pricing.all(some, run.prices)
        yield {
            free.site: max(0.0, forced - min(free.bound, 0.0))
            for free, forced in zip(without, with_it, strict=True)
            if np.isfinite(free.bound) and forced > -INFINITY
        }


def seconds_of(run: ManySites) -> float:
    """Time for the prices of sites [s]."""
    return SHARE * time_for(run.seconds, run.limit - run.seconds, run.options.why_time_s)


def nearest(known: Mapping[str, float]) -> list[str]:
    """The sites of which a plan with them is sought."""
    near = sorted((s for s in known if np.isfinite(known[s])), key=lambda s: known[s])
    return near[:NEAREST]


def _serving(run: ManySites, name: str) -> Rows | None:
    """Rows of a site that is open, with one hall that serves, as soon as it can; None if never."""
    case = run.case
    soonest = of_site(case, case.sites[name])
    if soonest is None or soonest.period is None:
        return None
    wanted = [
        sum(d for (w, r, q), d in case.demand.items() if q == p and (w, r, name) in case.reach)
        for p in range(len(case.periods))
    ]
    later = [p for p in range(soonest.period, len(wanted)) if wanted[p] > LEAST_MW]
    if not later:
        return None
    size = {hall.block: hall.it_mw for hall in case.sites[name].halls}
    place: dict[Any, int] = {**run.place[name]}
    halls = [(key, k) for key, k in place.items() if key[0] == "halls" and key[1][2] == later[0]]
    least = min((size[key[1][0]] for key, _ in halls), default=0.0)
    rows = [([k for _, k in halls], 1.0)]
    for p in later:
        mine = [k for key, k in place.items() if key[0] == "place" and key[1][2] == p]
        rows += [([place["open", p]], 1.0)] if ("open", p) in place else []
        rows.append((mine, min(least, wanted[p])))
    made = sp.lil_matrix((len(rows), run.parts[name].count))
    for n, (columns, _) in enumerate(rows):
        made[n, columns] = 1.0
    return made.tocsr(), np.array([low for _, low in rows])


def why_not_sites(
    case: Case, told: pd.DataFrame, known: Mapping[str, float], engine: Engine, final: Incumbent
) -> pd.DataFrame:
    """``why_not_sites`` of all sites: those asked in ``told``, the others by their prices.

    Parameters
    ----------
    case : with all its sites
    told : of the sites in the engine's model
    known : what a plan in which a site serves costs at least above the bound [k$]
    """
    asked = {row["site"]: row for row in told.to_dict("records")}
    gap = max(0.0, final.truth.total - engine.bound)
    loads = len(engine.case.workloads)
    total = sum(final.x[engine.arrays.link[s][:loads]].sum(axis=0) for s in engine.case.sites)
    first = np.flatnonzero(np.asarray(total) > LEAST_MW)
    month = case.periods[int(first[0])].month if len(first) else None
    rows = []
    for site in case.sites:
        row = asked.get(site)
        if row is None and site in engine.case.sites:
            continue  # it serves
        if row is None or row["basis"] == "not asked":
            row = told_by_input(case, site, month)
            if row["basis"] != "input" and site in known:
                row.update(_priced(known[site], gap))
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _priced(more: float, gap: float) -> dict[str, object]:
    if not np.isfinite(more):
        return {"reason": "no plan", "basis": "prices"}
    reason = "within the gap" if more <= gap else "too dear"
    return {"reason": reason, "extra_usd": 1e3 * more, "basis": "prices"}


def _of_its_sites(case: Case) -> Case:
    """The case of some sites with the input's rows of these alone: limits are told by rows."""
    here = [*case.sites, "*", ""]
    tables = {
        name: table[table["site"].isin(here)] if "site" in table.columns else table
        for name, table in case.inputs.tables.items()
    }
    return replace(case, inputs=replace(case.inputs, tables=tables))


def told(
    engine: Engine, final: Incumbent, case: Case, known: Mapping[str, float]
) -> dict[str, pd.DataFrame]:
    """The tables that say why it is this plan; the log says of what nothing was asked."""
    planning = engine.planning
    engine.planning = replace(planning, case=_of_its_sites(planning.case))
    try:
        tables = engine.why(final)
    finally:
        engine.planning = planning
    if not tables:
        return {}
    sites = why_not_sites(case, tables["why_not_sites"], known, engine, final)
    basis = sites["basis"].value_counts()
    engine.note(
        f"why: of {len(sites)} sites that serve nothing {basis.get('prices', 0)} are told by the "
        "prices of what all sites share alone (costs at least so much above the bound), "
        f"{basis.get('not asked', 0)} are not asked; runner-ups and limits are asked among "
        f"{len(engine.case.sites)} sites, all others closed"
    )
    return {**tables, "why_not_sites": sites}
