"""Pages that are made from the code: ``python docs/make/pages.py`` writes them, a test compares.

- ``tables.md``: the data dictionary, from the declared tables;
- ``catalog.md``: the catalog of technologies with its sources, from its CSV files;
- ``command_line.md``: commands and options, from the command line itself.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import typer

from optimizer.cli import app
from optimizer.reading import catalog, dictionary
from optimizer.tables import BY_NAME

DOCS = Path(__file__).parents[1]
COST_YEARS = ("2026", "2028", "2030", "2035", "2040")
MONTHS = ("procurement", "construction", "commissioning")
EXIT_CODES = """\
| exit code | means |
|---|---|
| 0 | done: a plan within the asked gap whose check passed (`run`); no problem (`check`, `verify`, …) |
| 1 | a bug in the product; the log that it names tells more |
| 2 | wrong usage of the command line |
| 3 | problems in the input or in a stored result, all listed |
| 4 | no plan exists; the limits that clash are named |
| 5 | a checked plan whose proven gap is above the asked one |
| 6 | stopped early with no plan |
| 7 | the plan failed its independent check |
| 8 | the machine said no (disk, permission, memory) |
"""


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cell.replace('|', '∣') for cell in row)} |" for row in lines]


def catalog_page() -> str:
    """The catalog by entry, and what each number rests on."""
    entries = catalog.entries()
    declared = {c.name: c for c in BY_NAME["technologies"].columns}
    source = (files("optimizer") / "catalog" / "SOURCE.md").read_text(encoding="utf-8")
    lines = [
        "# The catalog of technologies",
        "",
        "A row of `technologies` that names an entry in its column `catalog` takes all its blank cells from",
        "there, and its costs by year from the catalog's curve unless `technology_costs` has rows of its own.",
        "Months of one's own are not mixed with the catalog's low and high. What you fill in always stands",
        "above the catalog. Made from `optimizer/catalog`; a test keeps this page up to date.",
        "",
        "## What it costs today, and how long it takes",
        "",
        "Cost is `capex_usd_per_kw` × `market_multiplier`; months are low / likely / high.",
        "",
    ]
    rows = []
    for name, row in entries.items():
        today = float(row["capex_usd_per_kw"]) * float(row["market_multiplier"])
        rows.append([
            f"[`{name}`](#{name})", row["class"], row["unit_mw"] or "any", f"{today:,.0f}",
            *(_low_likely_high(row, step) for step in MONTHS), row["permit_kind"],
        ])  # fmt: skip
    head = ("entry", "class", "unit MW", "USD/kW", *(f"{s}, months" for s in MONTHS), "permit")
    lines += [*_table(head, rows), "", "## Cost over the years", "",
              "Relative to 2026, by the year of coming online; linear between years.", ""]  # fmt: skip
    index = {(r["technology"], r["year"]): r["capex_index"] for r in catalog.cost_rows()}
    rows = [[f"`{n}`", *(index.get((n, y), "1") for y in COST_YEARS)] for n in entries]
    lines += [*_table(("entry", *COST_YEARS), rows), "", "## Every number, and where it comes from"]
    for name, row in entries.items():
        lines += ["", f"### {name}", "", f"Source: {row['source']}.", ""]
        cells = [
            [f"`{column}`", value, declared[column].unit]
            for column, value in row.items()
            if value and column not in ("technology", "source")
        ]
        lines += _table(("column", "value", "unit"), cells)
    return "\n".join(
        [*lines, "", source.replace("# Catalog of technologies", "## Sources").strip(), ""]
    )


def _low_likely_high(row: dict[str, str], step: str) -> str:
    return " / ".join(row[f"{step}_months{end}"] for end in ("_low", "", "_high"))


@dataclass(frozen=True)
class Parameter:
    """An argument (in capital letters) or option of a command."""

    names: tuple[str, ...]
    takes: str
    help: str


def commands() -> dict[str, Any]:
    """Registered commands by name."""
    return {c.callback.__name__: c for c in app.registered_commands if c.callback is not None}


def parameters(function: Callable[..., Any]) -> list[Parameter]:
    """What a command takes, from its annotations."""
    hints = get_type_hints(function, include_extras=True)
    hints.pop("return", None)
    found = []
    for name, parameter in inspect.signature(function).parameters.items():
        kind, info = get_args(hints[name])
        kinds = [k for k in get_args(kind) if k is not type(None)] if not is_literal(kind) else []
        kind = kinds[0] if len(kinds) == 1 else kind
        said = (info.help or "").rstrip(".")
        if isinstance(info, typer.models.ArgumentInfo):
            found.append(Parameter((name.upper(),), _takes(kind, info), said))
            continue
        if parameter.default not in (None, False):
            said += f" (default: {parameter.default})"
        # Within Annotated the first name stands where a default would.
        names = [d for d in (info.default, *(info.param_decls or ())) if isinstance(d, str)]
        names = [n for d in names for n in d.split("/")]
        names = names or [f"--{name.replace('_', '-')}"]
        found.append(Parameter(tuple(names), _takes(kind, info), said))
    return found


def is_literal(kind: Any) -> bool:
    """Whether only certain words are allowed."""
    return get_origin(kind) is Literal


def _takes(kind: Any, info: Any) -> str:
    if kind is bool:
        return ""
    if is_literal(kind):
        return " / ".join(get_args(kind))
    if info.min is not None:
        return f"a number ≥ {info.min:g}" if info.max is None else f"{info.min:g} … {info.max:g}"
    return "a path" if kind is Path or Path in get_args(kind) else "text"


def command_line_page() -> str:
    """Every command with its arguments, options and examples."""
    lines = ["# The command line", "",
             "Made from `optimizer/cli.py`; a test keeps it up to date. CASE is an `.xlsx` workbook or a folder of",
             "CSV files with the same tables, with `profiles/` beside or in it. Progress, hints and errors go to",
             "standard error, the answer to standard output. Colour is used on a terminal only, and not at all",
             "where `NO_COLOR` is set. `optimizer --version` says which version it is.", ""]  # fmt: skip
    for name, command in commands().items():
        rows = [[", ".join(f"`{n}`" for n in p.names), p.takes, p.help]
                for p in parameters(command.callback)]  # fmt: skip
        lines += [f"## optimizer {name}", "", inspect.cleandoc(command.callback.__doc__), "",
                  *_table(("argument or option", "takes", "is"), rows), "", "```"]  # fmt: skip
        lines += [e.strip() for e in command.epilog.split("\n\n")[1:]]
        lines += ["```", ""]
    return "\n".join([*lines, "## Exit codes", "", EXIT_CODES])


PAGES: dict[str, Callable[[], str]] = {
    "tables.md": dictionary.markdown,
    "catalog.md": catalog_page,
    "command_line.md": command_line_page,
}

if __name__ == "__main__":
    for page, make in PAGES.items():
        (DOCS / page).write_text(make(), encoding="utf-8")
        print(DOCS / page, file=sys.stderr)
