"""Imports go one way; the check shares nothing with the model; public names are declared."""

from __future__ import annotations

import ast
from pathlib import Path

import optimizer

PACKAGE = Path(optimizer.__file__).parent
ORDER = ("errors", "settings", "tables", "catalog", "reading", "preparing", "model", "results.plan",
         "solving", "results", "pipeline", "api", "terminal", "cli")  # fmt: skip


def layer(module: str) -> int:
    """Position of a module of the package in the order; the longest name that fits."""
    names = [n for n in ORDER if module == n or module.startswith(n + ".")]
    return ORDER.index(max(names, key=len))


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("optimizer."):
            module = (node.module or "").removeprefix("optimizer.")
            names = {f"{module}.{a.name}" for a in node.names}
            known = {n for n in names if (PACKAGE / (n.replace(".", "/") + ".py")).exists()}
            found |= known or {module}
    return found


def modules() -> dict[str, Path]:
    return {
        str(p.relative_to(PACKAGE).with_suffix("")).replace("/", ".").removesuffix(".__init__"): p
        for p in PACKAGE.rglob("*.py")
    }


def test_imports_go_one_way() -> None:
    upward = [
        f"{name} imports {other}"
        for name, path in modules().items()
        if name not in ("__init__", "__main__")
        for other in imports(path)
        if layer(other) > layer(name)
    ]
    assert not upward


def test_the_check_imports_only_errors_tables_and_reading() -> None:
    allowed = ("errors", "tables", "reading", "results.verify")
    for name, path in modules().items():
        if name.startswith("results.verify"):
            for other in imports(path):
                assert other.startswith(allowed), f"{name} imports {other}"


def test_public_names_are_all_there() -> None:
    for name in optimizer.__all__:
        assert hasattr(optimizer, name)
