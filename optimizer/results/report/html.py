"""report.html: one page with everything in it, built from a result folder alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from optimizer.results.report import words
from optimizer.results.report.capacity import capacity_chart, load_chart
from optimizer.results.report.cost import cash_chart, convergence_chart, cost_chart, cost_rows
from optimizer.results.report.dispatch import packed_dispatch
from optimizer.results.report.folder import Result, read_result, rows
from optimizer.results.report.gantt import gantt
from optimizer.results.report.map import site_map

POWER = ("technologies", "technology_costs", "site_technologies")
BUILDS = ("campus_blocks", "technologies", "interconnections", "permits")
MONEY = (*POWER, "sites", "campus_blocks", "fuels", "tariffs", "interconnections", "permits")
MOST_LIMITS = 400


@dataclass(frozen=True)
class Chart:
    """One chart of the page.

    Parameters
    ----------
    name : its id in the page
    title : heading
    alt : what it shows, for those who do not see it
    figure : plotly figure
    note : whether its data are assumed or synthetic, blank if neither
    """

    name: str
    title: str
    alt: str
    figure: go.Figure
    note: str


def write_report(folder: Path) -> Path:
    """Build ``report.html`` in a result folder from what the folder holds.

    Parameters
    ----------
    folder : result folder as in ``docs/results.md``; a missing file is shown as missing

    Returns
    -------
    path of the page written
    """
    result = read_result(folder)
    target = folder / "report.html"
    target.write_text(_page(result), encoding="utf-8")
    return target


def _charts(result: Result, marks: dict[str, dict[str, int]]) -> dict[str, Chart]:
    """The charts that there are data for, by name."""
    opened = words.listing(result.opened) or "none"
    plans: tuple[tuple[str, str, str, go.Figure | None, tuple[str, ...]], ...] = (
        ("map", "Sites", f"Map of all candidate sites. Opened: {opened}.", site_map(result),
         ("sites",)),
        ("gantt", "What happens when", "Steps of each build on a calendar, grouped by site. "
         "The table schedule holds the same dates.", gantt(result), BUILDS),
        ("capacity", "Power standing", "Stacked bars of MW standing in each period by technology. "
         "The table capacity holds the same figures.", capacity_chart(result),
         (*POWER, "interconnections", "interconnection_steps")),
        ("load", "Load placed and missing", "Stacked bars of IT load placed and missing in each "
         "period. The table backlog holds the same figures.", load_chart(result),
         ("campus_blocks", "compute")),
        ("cost", "Cost by category and site", "Stacked bars of discounted cost; the table below "
         "holds the same figures.", cost_chart(result), MONEY),
        ("cash", "Cash flow by quarter", "Bars of payments by quarter and category, not "
         "discounted. The table cashflow holds the same figures.", cash_chart(result), MONEY),
        ("convergence", "How the plan was found", f"Cost of the best plan and the proven lower "
         f"bound over time. {words.proof(result.summary)}", convergence_chart(result), ()),
    )  # fmt: skip
    return {
        name: Chart(name, title, alt, figure, words.note(marks, used))
        for name, title, alt, figure, used in plans
        if figure is not None
    }


def _script_json(value: Any) -> Markup:
    """JSON that cannot end the script element that holds it."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return Markup(  # every < is escaped
        text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    )


def _limit_rows(result: Result) -> tuple[list[dict[str, Any]], int]:
    """Rows of the table of limits, binding first, and how many were left out."""
    limits = result.tables["limits"].sort_values("binding", ascending=False, kind="stable")
    shown = [
        {
            "limit": r.limit, "scope": r.scope, "when": r.period_or_year,
            "used": words.amount(r.used), "limit_value": words.amount(r.limit_value),
            "unit": r.unit, "binding": r.binding,
            "share": words.percent(r.used / r.limit_value) if r.limit_value else "",
        }
        for r in rows(limits.head(MOST_LIMITS))
    ]  # fmt: skip
    return shown, max(0, len(limits) - MOST_LIMITS)


def _site_rows(result: Result) -> list[list[str]]:
    sites = result.tables["sites"].sort_values(["opened", "open_date"], ascending=[False, True])
    placed = result.tables["placement"].groupby(["site", "period"])["it_mw"].sum()
    most = placed.groupby(level="site").max().to_dict()
    return [
        [str(r.site), str(r.market), str(r.jurisdiction),
         words.day(r.open_date) if r.opened else "not chosen",
         words.amount(most.get(r.site, 0.0), "MW")]
        for r in rows(sites)
    ]  # fmt: skip


def _page(result: Result) -> str:
    marks = words.stamps(result.inputs)
    charts = _charts(result, marks)
    limits, limits_left = _limit_rows(result)
    cost_head, cost_table = cost_rows(result)
    sentences = words.decision(result)
    check = result.summary.get("verification")
    environment = Environment(
        loader=PackageLoader("optimizer.results.report"), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("report.html.j2").render(
        case=str(result.summary.get("case_name") or "Plan"),
        ending=words.ending(result.summary),
        sentences=sentences,
        failed=isinstance(check, dict) and check.get("passed") is False,
        figures=words.key_figures(result),
        charts=charts,
        figures_json=_script_json(
            "{" + ",".join(f'"{c.name}":{c.figure.to_json()}' for c in charts.values()) + "}"
        ),
        dispatch=(dispatch := packed_dispatch(result)),
        dispatch_json=_script_json(dispatch),
        dispatch_note=words.note(marks, (*POWER, "tariffs", "fuels", "sites")),
        site_rows=_site_rows(result),
        limits=limits,
        limits_left=limits_left,
        cost_head=cost_head,
        cost_table=cost_table,
        marks=marks,
        run=_run_rows(result.summary),
        plotly_js=Markup(get_plotlyjs()),  # the library's own text
    )


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
