"""report.html: one page with everything in it, built from a result folder alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from optimizer.errors import MachineError, UsageError
from optimizer.results.report import words
from optimizer.results.report.bills import bill_views, bill_words, peak_views, peak_words
from optimizer.results.report.capacity import (
    capacity_chart,
    capacity_words,
    load_chart,
    load_words,
)
from optimizer.results.report.contracts import (
    contract_charts,
    contract_words,
    matched_charts,
    matched_words,
)
from optimizer.results.report.cost import (
    cash_chart,
    cash_words,
    convergence_chart,
    cost_chart,
    cost_rows,
    cost_words,
)
from optimizer.results.report.dates import critical_table, dates_words, milestone_table
from optimizer.results.report.dispatch import MOST_SITES, packed_dispatch
from optimizer.results.report.folder import Result, read_result
from optimizer.results.report.gantt import OVERVIEW, gantt_views
from optimizer.results.report.limits import limit_rows, limits_chart
from optimizer.results.report.map import site_map
from optimizer.results.report.marks import Marks, notes, sources, stamps
from optimizer.results.report.readiness import (
    FIRST_DECISIONS,
    decision_words,
    detail_table,
    due_table,
    exposure_chart,
    exposure_table,
    exposure_words,
    later_table,
    readiness_table,
    readiness_words,
    unused_table,
)
from optimizer.results.report.service import (
    contract_views,
    service_table,
    service_words,
    take_chart,
    take_words,
)
from optimizer.results.report.sites import candidate_table, chosen_table
from optimizer.results.report.style import chart_library
from optimizer.results.report.why import change_tables, why_sections

POWER = ("technologies", "technology_costs", "site_technologies")
GRID = ("interconnections", "interconnection_steps")
SERVICE = (*GRID, "service_agreements", "shared_upgrades", "grid_groups")
BUILDS = ("campus_blocks", "technologies", "interconnections", "permits", "components", "supply")
MONEY = (*POWER, "sites", "campus_blocks", "fuels", "tariffs", "interconnections", "permits",
         "service_agreements", "shared_upgrades")  # fmt: skip
OPERATION = (*POWER, *GRID, "tariffs", "fuels", "sites", "workloads")
PAGE_BYTES, TEXT_BYTES = 7_900_000, 700_000
"""Most bytes of the page, and of it for words and tables; the hours take what charts leave."""
MOST_ROWS = 300
"""Rows of a table in the page; the workbook and the tables as CSV have all."""
FIRST_LIMITS = 15
"""Rows of the table of limits that are shown unfolded."""


@dataclass(frozen=True)
class Chart:
    """One chart of the page.

    Parameters
    ----------
    name : its id in the page
    title : heading
    says : what is to be read from it, one sentence
    alt : what it shows, for those who do not see it
    figures : plotly figures by the name to choose them by, the first is shown
    notes : stamps and texts on the nature of its data
    """

    name: str
    title: str
    says: str
    alt: str
    figures: dict[str, go.Figure]
    notes: list[tuple[str, str]]


def write_report(folder: Path, target: Path | None = None, *, sites: Sequence[str] = ()) -> Path:
    """Build ``report.html`` in a result folder from what the folder holds.

    Parameters
    ----------
    folder : result folder as in ``docs/results.md``; a missing file is shown as missing
    target : file to write; None: ``report.html`` in the folder
    sites : whose hours are shown before those of others, where not all fit

    Returns
    -------
    path of the page written

    Raises
    ------
    UsageError : a site is not in the result
    MachineError : the target cannot be written
    """
    result = read_result(folder, hours_of=MOST_SITES, first=sites)
    unknown = [s for s in sites if s not in set(result.tables["sites"]["site"])]
    if unknown:
        raise UsageError(f"The result has no site {words.listing(unknown)}.")
    path = folder / "report.html" if target is None else target
    text = _page(result, sites)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        if target is None:
            raise
        raise MachineError(f"{path} cannot be written ({error.strerror}). Choose another "
                           "--out.") from error  # fmt: skip
    return path


def all_charts(result: Result, marks: dict[str, Marks]) -> dict[str, Chart]:
    """The charts that there are data for, by name."""
    opened = words.listing(result.opened) or "none"
    views = gantt_views(result)
    plans: tuple[tuple[str, str, str, str, Any, tuple[str, ...]], ...] = (
        ("map", "Where", "", f"Map of all candidate sites. Opened: {opened}.", site_map(result),
         ("sites", "regions")),
        ("gantt", "What happens when", "Bars are steps, a diamond is the day a build is energized.",
         f"Steps of builds on a calendar. {OVERVIEW}; the table schedule holds all dates.",
         views, BUILDS),
        ("capacity", "Power standing", capacity_words(result), "Stacked bars of MW standing in "
         "each period by technology; the table capacity holds them.", capacity_chart(result),
         (*POWER, *GRID)),
        ("load", "Load by site, and backlog", load_words(result), "Stacked bars of IT load placed "
         "at each site and waiting in each period; the tables placement and backlog hold them.",
         load_chart(result), ("demand", "workloads", "campus_blocks", "compute")),
        ("service", "Grid service against contract and use", service_words(result), "Lines of MW "
         "offered, signed, owed, taken and used by period; the table agreements holds them.",
         contract_views(result), SERVICE),
        ("take", "Minimum take and security", take_words(result), "Bars of what agreements bill in "
         "each period and a line of security outstanding; the table agreements holds them.",
         take_chart(result), SERVICE),
        ("cost", "Cost by category and site", cost_words(result), "Stacked bars of discounted "
         "cost; the table below holds them.", cost_chart(result), MONEY),
        ("cash", "Cash flow by quarter", cash_words(result), "Bars of payments by quarter and "
         "category; the table cashflow holds them.", cash_chart(result), MONEY),
        ("exposure", "Money at risk, and what stopping would cost", exposure_words(result), "Lines "
         "of money in the making at the end of each month; the table below holds each quarter.",
         exposure_chart(result), MONEY),
        ("contracts", "Power contracts", contract_words(result), "Stacked bars of energy and money "
         "of each contract by period; the table contracts holds them.", contract_charts(result),
         ("contracts", "site_contracts")),
        ("matched", "Carbon-free share by month and hour of day", matched_words(result), "Shares "
         "of served energy by month and hour of day; the table matched_hours holds them.",
         matched_charts(result), ("policies", "tariffs", "contracts")),
        ("bills", "Bills by month", bill_words(result), "Stacked bars of each month's bill by "
         "charge; the table bills holds every line.", bill_views(result),
         ("tariffs", "tariff_charges")),
        ("peaks", "Highest use and billed demand", peak_words(result), "Bars of the highest import "
         "of each month with lines of billed demand and the contract; the table bills holds what "
         "is billed.", peak_views(result), ("tariffs", "tariff_charges", *GRID)),
        ("limits", "What binds", f"{words.binding_limits(result)} Darker: more of the limit is in "
         "use. A dot: it binds.", "Shares of limits in use by "
         "period; the table below holds the largest.", limits_chart(result),
         ("sites", "components", "supply", "policies")),
        ("convergence", "How the plan was found", words.proof(result.summary), "Cost of the best "
         "plan and the proven lower bound over seconds.", convergence_chart(result), ()),
    )  # fmt: skip
    return {
        name: Chart(name, title, says, f"{alt} {says}".strip(),
                    made if isinstance(made, dict) else {title: made}, notes(marks, used))
        for name, title, says, alt, made, used in plans
        if made
    }  # fmt: skip


def script_json(value: Any) -> Markup:
    """JSON that cannot end the script element that holds it."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return Markup(  # every < is escaped
        text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    )


def _figures_json(charts: dict[str, Chart]) -> Markup:
    """All figures by chart and by the name to choose them by."""
    parts = []
    for chart in charts.values():
        views = ",".join(f"{json.dumps(name)}:{made.to_json()}"
                         for name, made in chart.figures.items())  # fmt: skip
        parts.append(f'"{chart.name}":{{{views}}}')
    return script_json("{" + ",".join(parts) + "}")


def _page(result: Result, sites: Sequence[str]) -> str:
    marks = stamps(result.inputs)
    charts = all_charts(result, marks)
    limits = limit_rows(result)
    check = result.summary.get("verification")
    figures_json, library = _figures_json(charts), chart_library()
    room = PAGE_BYTES - TEXT_BYTES - len(library.encode()) - len(figures_json.encode())
    dispatch = packed_dispatch(result, room, sites)
    environment = Environment(
        loader=PackageLoader("optimizer.results.report"), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("report.html.j2").render(
        case=str(result.summary.get("case_name") or "Plan"),
        ending=words.ending(result.summary),
        sentences=words.headline(result),
        failed=isinstance(check, dict) and check.get("passed") is False,
        tiles=words.tiles(result),
        figures=words.key_figures(result),
        charts=charts,
        figures_json=figures_json,
        most_rows=MOST_ROWS,
        asked=bool(sites),
        dispatch=dispatch,
        dispatch_json=script_json(dispatch),
        dispatch_notes=notes(marks, OPERATION),
        chosen=chosen_table(result),
        service=service_table(result),
        milestones=milestone_table(result),
        critical=critical_table(result),
        dates_words=dates_words(result),
        dates_notes=notes(marks, BUILDS),
        ready=_ready(result),
        candidates=candidate_table(result),
        why=why_sections(result),
        changes=change_tables(result),
        first_limits=limits[:FIRST_LIMITS],
        other_limits=limits[FIRST_LIMITS:],
        costs=cost_rows(result),
        marks=marks,
        sources=sources(result.inputs),
        run=_run_rows(result.summary),
        plotly_js=Markup(library),  # the library's own text
    )


def _ready(result: Result) -> dict[str, Any]:
    """What the section on readiness and decisions holds."""
    head, lines = later_table(result)
    return {
        "words": readiness_words(result), "decisions": decision_words(result),
        "sites": readiness_table(result), "details": detail_table(result),
        "unused": unused_table(result), "due": due_table(result), "head": head,
        "any": not result.tables["decisions"].empty,
        "first": lines[:FIRST_DECISIONS], "other": lines[FIRST_DECISIONS:],
        "exposure": exposure_table(result),
    }  # fmt: skip


def _run_rows(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Size of the problem, times and memory."""
    said = []
    for group, unit in (("problem", ""), ("timing", "s")):
        values = summary.get(group)
        if isinstance(values, dict):
            said += [(f"{group}: {key}".replace("_", " "), words.amount(value, unit))
                     for key, value in values.items()]  # fmt: skip
    if words.number(summary.get("peak_memory_mb")) is not None:
        said.append(("peak memory", words.amount(summary["peak_memory_mb"], "MB")))
    return said
