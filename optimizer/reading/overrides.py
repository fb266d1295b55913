"""What-ifs from the command line: ``TABLE.COLUMN[KEY]=VALUE``."""

from __future__ import annotations

import difflib
import re
from typing import Any

from optimizer.errors import Problems
from optimizer.reading.cells import is_blank, parse_number, to_text
from optimizer.tables import BY_NAME, Table

_FORM = re.compile(
    r"(?P<table>\w+)\.(?P<column>\w+)(?:\[(?P<key>[^\]]*)\])?(?P<how>\*|\+)?=(?P<value>.*)"
)


def apply(override: str, tables: dict[str, list[dict[str, Any]]], problems: Problems) -> None:
    """Change raw rows in place; ``*=`` and ``+=`` change the number found in each row."""
    match = _FORM.fullmatch(override.strip())
    if not match:
        problems.add("bad-override", "--set", found=override,
                     expected="TABLE.COLUMN[KEY]=VALUE",
                     remedy="Such as fuels.price_usd_per_mmbtu[gas/waha]*=2.")  # fmt: skip
        return
    name, column, key = match["table"], match["column"], match["key"]
    if name == "settings" and key is None:
        name, column, key = "settings", "value", column
    table = BY_NAME.get(name)
    if table is None or column not in table.column_names:
        known = list(BY_NAME) if table is None else list(table.column_names)
        near = difflib.get_close_matches(name if table is None else column, known, 1)
        problems.add("unknown-name", "--set", found=override, expected="a table and column",
                     remedy=f'Closest: "{near[0]}".' if near else "")  # fmt: skip
        return
    rows = [r for r in tables.setdefault(name, []) if _matches(r, table, key)]
    if name == "settings" and not rows and key:
        rows = [{"key": key}]
        tables[name].append(rows[0])
    if not rows:
        problems.add("no-such-row", "--set", found=override,
                     expected=f"a row of {name} with the key {'/'.join(table.key)}",
                     remedy="Write the key columns joined by '/', or * for all.")  # fmt: skip
    for row in rows:
        row[column] = _changed(row.get(column), match["how"], match["value"], table, column)


def _matches(row: dict[str, Any], table: Table, key: str | None) -> bool:
    if key in (None, "*", ""):
        return True
    wanted = str(key).split("/")
    found = [to_text(row.get(k, "")) for k in table.key]
    return len(wanted) <= len(found) and all(
        w in ("*", f) for w, f in zip(wanted, found, strict=False)
    )


def _changed(old: Any, how: str | None, value: str, table: Table, column: str) -> Any:
    change = parse_number(value)
    if how is None or change is None:
        return value
    default = table.column(column).default
    before = parse_number(default if is_blank(old) else old)
    if before is None:
        return old
    after = before * change if how == "*" else before + change
    whole = table.column(column).kind == "integer"
    return float(round(after)) if whole else after
