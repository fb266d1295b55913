"""Why two results differ: what changed in the inputs, what it moved, and what is proven."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from optimizer.results.difference import Comparison, Part, Row
from optimizer.results.live import LiveMoney
from optimizer.results.report.words import amount, category, listing, money, month, percent, plain
from optimizer.results.write import StoredResult

LARGEST = 4
"""Categories of money that are named."""
MOST_NAMED = 6
MANY = 40
"""Differing inputs above which only tables are named: the cases are not of one kind."""
SEARCH = {"case_name", "gap", "time_limit_s", "seed"}
"""Settings that no plan's cost depends on: they only name the case or steer the search."""
SMALL_SHARE = 0.02
"""Share of the largest movement below which a category is not named."""


def why(comparison: Comparison, results: Sequence[StoredResult]) -> list[str]:
    """Sentences about each result against the first."""
    said = []
    for at in range(1, len(results)):
        pair = f"{comparison.letters[at]} against {comparison.letters[0]}"
        lines = [
            *_inputs(comparison, at), *_sites(comparison, at), *_power(comparison, at),
            *_linked(comparison, results, at), *_dates(comparison, at), _money(comparison, at),
            *_split(comparison, results, at), *_waits(results, at),
            *_proof(comparison, results, at), *_limits(results, at),
        ]  # fmt: skip
        said += [f"{pair}: {line}" for line in lines]
    return said


def _changed(part: Part, at: int) -> list[Row]:
    """Rows in which a result differs from the first."""
    return [r for r in part.rows if Row(r.keys, r.unit, (r.values[0], r.values[at])).differs]


def _changed_inputs(comparison: Comparison, at: int) -> list[Row]:
    """Inputs that differ and that a plan depends on."""
    return [row for row in _changed(comparison.part("inputs"), at)
            if not (row.keys[0] == "settings" and row.keys[1] in SEARCH)]  # fmt: skip


def shown(value: Any, unit: str = "") -> str:
    """A value of a comparison in words."""
    if value is None:
        return "–"
    if unit == "date":
        return month(value) if value[:1].isdigit() else str(value)
    if unit == "USD":
        return money(value)
    if unit == "share":
        return percent(value)
    if isinstance(value, float):
        return amount(value, unit) if unit else f"{value:,.10g}"
    return plain(str(value)) if unit == "text" else str(value)


def _inputs(comparison: Comparison, at: int) -> list[str]:
    changed = _changed_inputs(comparison, at)
    if not changed:
        return ["the inputs are the same."]
    named = [f"{t} {c} [{r}] {shown(row.values[0])} → {shown(row.values[at])}"
             for row in changed for t, r, c in [row.keys]]  # fmt: skip
    if len(changed) > MANY:
        tables = Counter(plain(row.keys[0]) for row in changed)
        named = [f"{table} ({count})" for table, count in tables.most_common()]
    count = "1 input differs" if len(changed) == 1 else f"{len(changed)} inputs differ"
    return [f"{count}: {listing(named, MOST_NAMED)}."]


def _linked(comparison: Comparison, results: Sequence[StoredResult], at: int) -> list[str]:
    """Differing inputs of the sites and technologies that the plans treat differently."""
    names: dict[str, list[str]] = {}
    if len(_changed_inputs(comparison, at)) > MANY:
        return []
    for part, place in (("sites", 0), ("halls", 0), ("grid", 0), ("power", 1)):
        for row in _changed(comparison.part(part), at):
            name = row.keys[place]
            if name != "all sites" and name not in names:
                names[name] = _touching(comparison, results, at, name)
    said = [f"{plain(name)} ({listing(cells, LARGEST)})" for name, cells in names.items() if cells]
    if not said:
        return []
    return [f"inputs that bear on what is decided otherwise: {listing(said, MOST_NAMED)}."]


def _touching(
    comparison: Comparison, results: Sequence[StoredResult], at: int, name: str
) -> list[str]:
    """Differing inputs of a site or technology: its own rows, hub, tariff, jurisdiction, fuel."""
    about = {name}
    for result in (results[0], results[at]):
        sites = result.inputs.tables["sites"].set_index("site")
        if name in sites.index:
            about |= {str(sites.at[name, c]) for c in ("gas_hub", "tariff", "jurisdiction")}
        technologies = result.inputs.tables["technologies"].set_index("technology")
        if name in technologies.index:
            about.add(str(technologies.at[name, "fuel"]))
    about -= {"", "nan"}
    return [f"{table} {column} [{key}]" for table, key, column in
            (row.keys for row in _changed_inputs(comparison, at))
            if about & set(key.split(" / "))]  # fmt: skip


def _sites(comparison: Comparison, at: int) -> list[str]:
    added, dropped, moved = [], [], []
    for row in _changed(comparison.part("sites"), at):
        (site,), before, after = row.keys, row.values[0], row.values[at]
        if after in ("not opened", None) and before in ("not opened", None):
            continue  # a candidate of one case only
        if before in ("not opened", None):
            added.append(f"{site} ({shown(after, 'date')})")
        elif after in ("not opened", None):
            dropped.append(f"{site} ({shown(before, 'date')})")
        else:
            moved.append(f"{site} ({shown(before, 'date')} → {shown(after, 'date')})")
    parts = [f"{verb} {listing(names)}" for verb, names in (
        ("opens also", added), ("does not open", dropped), ("opens at other dates", moved))
        if names]  # fmt: skip
    return [f"{'; '.join(parts)}."] if parts else ["the same sites open at the same dates."]


def _power(comparison: Comparison, at: int) -> list[str]:
    named = []
    for name, unit in (("halls", "IT MW"), ("power", "MW")):
        for row in _changed(comparison.part(name), at):
            if row.keys[0] != "all sites" or row.unit != "MW":
                continue
            before, after = row.values[0] or 0.0, row.values[at] or 0.0
            what = "halls" if name == "halls" else plain(row.keys[1])
            named.append((abs(float(after) - float(before)),
                          f"{what} {float(before):,.0f} → {float(after):,.0f} {unit}"))  # fmt: skip
    grid = [0.0, 0.0]
    for row in comparison.part("grid").rows:
        if row.unit == "MW":
            grid[0] += float(row.values[0] or 0.0)
            grid[1] += float(row.values[at] or 0.0)
    if abs(grid[1] - grid[0]) > 0.5:
        named.append((abs(grid[1] - grid[0]), f"grid {grid[0]:,.0f} → {grid[1]:,.0f} MW"))
    named = sorted((n for n in named if n[0] > 0.5), reverse=True)
    return [f"builds {listing([text for _, text in named], MOST_NAMED)}."] if named else []


def _dates(comparison: Comparison, at: int) -> list[str]:
    rows = {r.keys: r for r in _changed(comparison.part("dates"), at)}
    named = []
    for what in ("first power", "full power"):
        for figure in ("planned", "P50", "P90"):
            row = rows.get((what, figure))
            if row:
                dates = [shown(row.values[k], "date") if row.values[k] else "never"
                         for k in (0, at)]  # fmt: skip
                named.append(f"{what} ({figure}) {dates[0]} → {dates[1]}")
    row = rows.get(("delay", "planned"))
    if row and abs(float(row.values[at] or 0.0) - float(row.values[0] or 0.0)) >= 1:
        named.append(f"delay {amount(row.values[0])} → {amount(row.values[at])} MW-months")
    return [f"{listing(named)}."] if named else ["power comes at the same dates."]


def _signed(usd: float) -> str:
    return ("+" if usd > 0 else "") + money(usd)


def _money(comparison: Comparison, at: int) -> str:
    rows = comparison.part("money").rows
    before, after = (float(rows[0].values[k] or 0.0) for k in (0, at))
    if not Row((), "", (before, after)).differs:
        return f"both cost {money(before)}."
    moved = [(float(r.values[at] or 0.0) - float(r.values[0] or 0.0), r.keys[0]) for r in rows[1:]]
    moved.sort(key=lambda m: -abs(m[0]))
    least = SMALL_SHARE * abs(moved[0][0]) if moved else 0.0
    named = [f"{category(n)} {_signed(usd)}" for usd, n in moved[:LARGEST] if abs(usd) > least]
    word = "more" if after > before else "less"
    return (f"costs {money(abs(after - before))} {word} ({money(before)} → {money(after)}): "
            f"{listing(named)}.")  # fmt: skip


def _split(comparison: Comparison, results: Sequence[StoredResult], at: int) -> list[str]:
    """What of the difference is other prices for the same plan, and what is another plan."""
    if not _changed_inputs(comparison, at):
        return []
    first, other = results[0], results[at]
    before, after = (float(r.summary["total_cost"]) for r in (first, other))
    held = first_at_others_prices(first, other)
    if held is None:
        return []
    said = (f"the plan of {comparison.letters[0]} would cost {money(held)} at the prices and rates "
            f"of {comparison.letters[at]} ({_signed(held - before)}), whether or not the limits "
            f"there allow it; deciding otherwise makes {_signed(after - held)} of the "
            "difference")  # fmt: skip
    return [f"{said}."]


def first_at_others_prices(first: StoredResult, other: StoredResult) -> float | None:
    """Cost of one plan at the prices of another case; None if that case lacks what it uses.

    Delay is that of the plan: a demand that differs is not asked again.
    """
    names = ["period", "start", "months"]
    calendars = [r.inputs.tables["periods"][names].reset_index(drop=True) for r in (first, other)]
    if not calendars[0].equals(calendars[1]):
        return None
    try:
        return LiveMoney(other.inputs, first.tables, first.dispatch).total
    except (KeyError, IndexError):  # a site, technology, offer or permit that is not there
        return None


def _proof(comparison: Comparison, results: Sequence[StoredResult], at: int) -> list[str]:
    """Whether the difference is more than the two searches left open."""
    first, other = results[0].summary, results[at].summary
    bounds = (first.get("bound"), other.get("bound"))
    if bounds[0] is None or bounds[1] is None:
        return []
    costs = (float(first["total_cost"]), float(other["total_cost"]))
    if not _changed_inputs(comparison, at):
        best = max(float(bounds[0]), float(bounds[1]))
        cheaper = min(costs)
        return [f"the inputs are the same, so the search made the difference; the cheaper plan is "
                f"at most {money(cheaper - best)} above the best there is."]  # fmt: skip
    # The best plan of each case costs between its bound and its plan.
    least, most = float(bounds[1]) - costs[0], costs[1] - float(bounds[0])
    if least > 0 or most < 0:
        return [f"that the inputs make it {'dearer' if least > 0 else 'cheaper'} is proven: "
                f"between the best plans lie {_signed(least)} to {_signed(most)}."]  # fmt: skip
    return [f"the gaps are too wide to prove which case is dearer: between the best plans lie "
            f"{_signed(least)} to {_signed(most)}. A smaller --gap would tell."]  # fmt: skip


def _waits(results: Sequence[StoredResult], at: int) -> list[str]:
    """What load waits for, where that differs; nothing if a run was not asked."""
    causes = [dict((r.summary.get("why") or {}).get("delay_causes") or {})
              for r in (results[0], results[at])]  # fmt: skip
    if not all(r.summary.get("why") for r in (results[0], results[at])):
        return []
    moved = [
        (abs(causes[1].get(c, 0.0) - causes[0].get(c, 0.0)), c) for c in {**causes[0], **causes[1]}
    ]
    named = [
        f"{cause.replace('slots: ', 'slots of ')} {amount(round(causes[0].get(cause, 0.0)))} → "
        f"{amount(round(causes[1].get(cause, 0.0)), 'MW-months')}"
        for by, cause in sorted(moved, key=lambda m: (-m[0], m[1])) if by >= 1
    ]  # fmt: skip
    return [f"load waits for {listing(named, LARGEST)}."] if named else []


def _limits(results: Sequence[StoredResult], at: int) -> list[str]:
    """Limits that bind in one of the two only."""
    bound = [{(str(b["limit"]), str(b["scope"])) for b in r.summary.get("binding") or []}
             for r in (results[0], results[at])]  # fmt: skip
    said = []
    for text, pairs in (
        ("binds now", bound[1] - bound[0]),
        ("no longer binds", bound[0] - bound[1]),
    ):
        if pairs:
            named = [f"{limit} ({scope})" for limit, scope in sorted(pairs)]
            said.append(f"{text}: {listing(named, MOST_NAMED)}.")
    return said
