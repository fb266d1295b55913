"""What a result was made from: versions, options, hashes, times."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel

PACKAGES = ("optimizer", "pyomo", "highspy", "numpy", "scipy", "pandas", "pyarrow")


class Manifest(BaseModel):
    """Contents of ``manifest.json``; ``files`` maps relative paths to SHA-256."""

    case_name: str
    created: str
    options: dict[str, object]
    overrides: list[str]
    seed: int
    versions: dict[str, str]
    python: str
    platform: str
    files: dict[str, str]


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Installed versions of packages; by default of what decides a plan."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def hash_file(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_folder(folder: Path, leave_out: tuple[str, ...] = ("manifest.json",)) -> dict[str, str]:
    """SHA-256 of every file below a folder."""
    return {
        str(path.relative_to(folder)): hash_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in leave_out
    }


def python_and_platform() -> tuple[str, str]:
    """Versions of Python and of the machine's system."""
    return platform.python_version(), platform.platform()
