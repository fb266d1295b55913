"""The data dictionary ``docs/tables.md``, made from the declared tables."""

from __future__ import annotations

from optimizer.tables import SETTINGS_KEYS, TABLES, Column


def _line(column: Column) -> str:
    rules = []
    if column.required and column.default is None:
        rules.append("required")
    if column.required_for:
        rules.append(f"required for {', '.join(column.required_for)}")
    if column.default is not None:
        rules.append(f"blank: {column.default}")
    if column.minimum is not None or column.maximum is not None:
        low = "" if column.minimum is None else f"{column.minimum:g}"
        high = "" if column.maximum is None else f"{column.maximum:g}"
        rules.append(f"{low} … {high}")
    if column.allowed:
        rules.append(" / ".join(column.allowed))
    if column.references:
        rules.append(f"→ {column.references}" + (" or *" if column.wildcard else ""))
    if column.profile:
        rules.append("a series of profiles/")
    unit = column.unit or column.kind
    return f"| `{column.name}` | {unit} | {column.meaning} | {'; '.join(rules)} |"


def markdown() -> str:
    """The page."""
    head = ["| column | unit or kind | meaning | rules |", "|---|---|---|---|"]
    lines = [
        "# Tables and columns of the input",
        "",
        "Made from `optimizer/tables`; a test keeps it up to date. A column named `note` is allowed in",
        "every table and not read; any other unknown column is refused.",
        "",
    ]
    for table in TABLES:
        lines += [f"## {table.name}", "", f"{table.meaning}. One row is {table.row_is}.", "", *head]
        lines += [_line(c) for c in table.columns]
        if table.name == "settings":
            lines += ["", "Keys:", "", *head, *(_line(c) for c in SETTINGS_KEYS)]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown(), end="")
