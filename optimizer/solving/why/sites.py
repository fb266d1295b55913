"""Why each site that the plan does not open is not opened: what opening it costs, and when."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from optimizer.preparing.case import Case
from optimizer.solving.highs import INFINITY
from optimizer.solving.planning_arrays import KINDS, PlanningArrays
from optimizer.solving.why.again import SHARED, Again, Found
from optimizer.solving.why.money import PARTS, Money
from optimizer.solving.why.timing import Soonest, of_site

COLUMNS = (
    "site", "reason", "earliest_date", "months_later", "waits_for", "forced_date", "it_mw",
    "extra_usd", *PARTS, "instead_of", "basis",
)  # fmt: skip
UNITS_FEWER = 6
"""Units that a site may lose when it makes room for a hall elsewhere in a large case."""
LEAST_MW = 0.5
MOST_PARTNERS = 3
"""Chosen sites of which is asked what a hall fewer costs."""
JOINT_WORDS = {
    "slots_delivered": "no slots", "spending_within_budget": "no budget",
    "co2_within_cap": "CO2 cap", "matched_in_scope": "carbon-free target",
    "hedged_in_scope": "hedged share", "water_within_limit": "no water", "land_within_site": "no land or gas",
    "permit_rows": "permit threshold",
}  # fmt: skip
"""What is told when no plan opens a site unless these rows go."""


def told_by_input(case: Case, name: str, first_month: int | None) -> dict[str, Any]:
    """What months and latencies alone tell of a site; ``first_month`` is that of the first load."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS, math.nan)
    row |= {"site": name, "reason": "not asked", "earliest_date": pd.NaT, "waits_for": "",
            "forced_date": pd.NaT, "instead_of": "", "basis": "not asked"}  # fmt: skip
    soonest = of_site(case, case.sites[name])
    if soonest is None:
        row.update(reason="nothing can be built", basis="input")
    elif soonest.period is None:
        row.update(reason="too late", waits_for=soonest.words, basis="input")
    else:
        month = case.periods[soonest.period].month
        row["earliest_date"] = case.start + pd.DateOffset(months=month)
        row["waits_for"] = soonest.words
        if first_month is not None:
            row["months_later"] = float(month - first_month)
    if not any(s == name for _, _, s in case.reach):
        row.update(reason="latency", basis="input")
    return row


class WhyNotSites:
    """Asks about the sites that are not opened, those questions first that take least time."""

    def __init__(self, again: Again, money: Money, gap_usd: float) -> None:
        self.again, self.money, self.gap_usd = again, money, gap_usd
        self.case = again.case
        self.placed = {s: self._placed(s, again.x) for s in self.case.sites}
        # A site that may be open at no cost but serves nothing is not chosen.
        self.chosen = [s for s, mw in self.placed.items() if mw.max() > LEAST_MW]
        self.rows = {s: self._row(s) for s in self.case.sites if s not in self.chosen}
        self.found: dict[str, Found] = {}
        self.bases: dict[str, Found] = {}
        self.partner: dict[str, str] = {}

    def _placed(self, site: str, x: np.ndarray) -> np.ndarray:
        """IT load at a site by period [MW]."""
        loads = self.again.arrays.link[site][: len(self.case.workloads)]
        return np.asarray(x[loads].sum(axis=0))

    @property
    def first_month(self) -> int | None:
        """Month of the plan's first load."""
        total = sum(self.placed.values())
        found = np.flatnonzero(np.asarray(total) > LEAST_MW)
        return self.case.periods[int(found[0])].month if len(found) else None

    # -- what is known without solving ---------------------------------------------------------

    def _row(self, name: str) -> dict[str, Any]:
        return told_by_input(self.case, name, self.first_month)

    def _asked(self, name: str) -> bool:
        return bool(self.rows[name]["basis"] != "input")

    # -- what is asked -----------------------------------------------------------------------

    def ask(self) -> Iterator[str]:
        """Yields after each question, so that others may be asked in between.

        In a large case the site is opened beside the plan or instead of a hall at the
        chosen site that gives it up most easily. Then the true costs, those of the cheapest first.
        """
        for name in self.rows:
            if self._asked(name) and self.again.left > 0:
                self._open(name)
                yield name
        if self.again.small:
            return
        for name in sorted(self.found, key=lambda s: self.found[s].total):
            if self.again.left > 0:
                self._keep(name, self.again.refitted(self.found[name]))
                yield name

    def _open(self, name: str) -> None:
        again = self.again
        soonest = of_site(self.case, self.case.sites[name])
        assert soonest is not None and soonest.period is not None
        forced = self._opened(name, soonest)
        if forced is None:
            self.rows[name].update(reason="no load", basis="input")
            return
        arrays, first = forced
        if not again.small:
            again.watch([name])
            partner = self.partner[name] = self._partner(name, arrays, first)
            arrays = self._instead(name, arrays, partner)
            if partner not in self.bases:
                # The same freedom without the site: else the plan's own gap would be taken off.
                free = self._instead(SHARED, again.arrays, partner)
                self.bases[partner] = again.cheapest(free) or again.base
        found = again.cheapest(arrays)
        if found is not None:
            self._keep(name, found)
        elif again.left > 0:
            self.rows[name].update(
                reason=self._barrier(arrays), basis="checked" if again.small else "estimate"
            )

    def _instead(self, name: str, arrays: PlanningArrays, *partners: str) -> PlanningArrays:
        """Whole numbers as in the plan but the site's own; a hall fewer at other sites."""
        held = self.again.kept(arrays, free=[name])
        lower, mine = held.lower.copy(), np.isin(self.again.owner, partners)
        for kind, fewer in (("halls", 1.0), ("units", float(UNITS_FEWER))):
            columns = mine & (arrays.kind == KINDS.index(kind))
            lower[columns] = np.maximum(0.0, held.lower[columns] - fewer)
        return replace(held, lower=lower)

    def _opened(self, name: str, soonest: Soonest) -> tuple[PlanningArrays, int] | None:
        """Arrays in which one hall of the site serves as soon as it can; from which period on."""
        again, case, arrays = self.again, self.case, self.again.arrays
        assert soonest.period is not None
        wanted = self._reachable(name)
        later = [p for p in range(soonest.period, len(case.periods)) if wanted[p] > LEAST_MW]
        if not later:
            return None
        block = again.planning.model.site[name]
        rows: list[tuple[dict[int, float], float]] = []
        halls = {k: v for k, v in block.halls.items() if k[2] == later[0] and again.column(v) >= 0}
        size = {h.block: h.it_mw for h in case.sites[name].halls}
        least = min((size[k[0]] for k in halls), default=0.0)
        rows.append(({again.column(v): 1.0 for v in halls.values()}, 1.0))
        for p in later:
            places = {again.column(v): 1.0 for k, v in block.place.items() if k[2] == p}
            rows.append((places, min(least, wanted[p])))
        lower = arrays.lower.copy()
        opened = [again.column(block.open[p]) for p in range(later[0], len(case.periods))]
        lower[[k for k in opened if k >= 0]] = 1.0
        made = sp.lil_matrix((len(rows), arrays.count))
        for n, (terms, _) in enumerate(rows):
            for k, c in terms.items():
                made[n, k] = c
        forced = replace(
            arrays, lower=lower, matrix=sp.vstack([arrays.matrix, made], format="csr"),
            row_lower=np.append(arrays.row_lower, [least for _, least in rows]),
            row_upper=np.append(arrays.row_upper, np.full(len(rows), INFINITY)),
        )  # fmt: skip
        return forced, later[0]

    def _reachable(self, name: str) -> list[float]:
        """Demand that latency lets the site serve, by period [MW]."""
        case = self.case
        return [
            sum(d for (w, r, q), d in case.demand.items() if q == p and (w, r, name) in case.reach)
            for p in range(len(case.periods))
        ]

    def _partner(self, name: str, arrays: PlanningArrays, first: int) -> str:
        """The chosen site at which a hall fewer costs least, with sizes in parts; "": none may be.

        Asked of the few that give up most in the period of the forced hall, if all may.
        """
        again = self.again
        found = again.solve(self._instead(name, arrays, *self.chosen), whole=False)
        if found.x is None:
            return ""
        given = {}
        for site in self.chosen:
            halls = again.planning.model.site[site].halls
            now = [again.column(v) for k, v in halls.items() if k[2] == first]
            given[site] = float((again.x - found.x)[now].sum())
        cost = {}
        for site in sorted(given, key=lambda site: -given[site])[:MOST_PARTNERS]:
            if again.left > 0:
                one = again.solve(self._instead(name, arrays, site), whole=False)
                cost[site] = one.value if one.x is not None else math.inf
        best = min(cost, key=lambda site: cost[site], default="")
        return best if best and cost[best] < math.inf else ""

    def _barrier(self, arrays: PlanningArrays) -> str:
        """Of the rows that could forbid the site those without which it can be opened."""
        owners = np.array([*arrays.row_owner,
                           *[""] * (arrays.matrix.shape[0] - len(arrays.row_owner))])  # fmt: skip
        for owner, words in JOINT_WORDS.items():
            gone = owners == owner
            if gone.any():
                upper = np.where(gone, INFINITY, arrays.row_upper)
                if self.again.solve(replace(arrays, row_upper=upper)).x is not None:
                    return words
        return "no plan"

    # -- what is told ------------------------------------------------------------------------

    def _keep(self, name: str, found: Found) -> None:
        self.found[name] = found
        base = self.again.against(found)
        if found.truth is None:
            base = self.bases.get(self.partner.get(name, SHARED), base)
        parts = self.money.more(found.x, base.x)
        extra = 1e3 * (found.total - base.total)
        # What the cuts say of operation differs from the total by the model's tolerance.
        parts["energy_usd"] += extra - sum(parts.values())
        mine = self._placed(name, found.x)
        served = np.flatnonzero(mine > LEAST_MW)
        date = pd.NaT if not len(served) else self.case.periods[int(served[0])].start
        self.rows[name].update(
            extra_usd=extra, it_mw=float(mine.max()), forced_date=date, basis=found.basis,
            instead_of=self._instead_of(name, found.x, base.x),
            reason=self._reason(extra, parts, self.rows[name]["months_later"]), **parts,
        )  # fmt: skip

    def _reason(self, extra: float, parts: dict[str, float], later: float) -> str:
        if extra <= self.gap_usd:
            return "within the gap"
        largest = max(parts, key=lambda part: parts[part])
        return "too late" if largest == "delay_usd" and later > 0 else "too dear"

    def _instead_of(self, name: str, x: np.ndarray, base: np.ndarray) -> str:
        """Sites that serve less at most in some period, with how much."""
        less = {
            s: float((self._placed(s, base) - self._placed(s, x)).max())
            for s in self.chosen if s != name
        }  # fmt: skip
        named = sorted((s for s, mw in less.items() if mw > LEAST_MW), key=lambda s: -less[s])
        return ", ".join(f"{less[s]:.0f} MW at {s}" for s in named)

    def table(self) -> pd.DataFrame:
        """``tables/why_not_sites.csv``."""
        return pd.DataFrame(list(self.rows.values()), columns=list(COLUMNS))
