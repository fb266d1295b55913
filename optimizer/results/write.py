"""Writes a result folder in one piece, and reads it back."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from optimizer.errors import InputError, MachineError, Problems, UsageError
from optimizer.preparing.case import Case
from optimizer.reading.inputs import Inputs, read_inputs
from optimizer.reading.writing import write_inputs
from optimizer.results import manifest as manifests
from optimizer.results.dates import sample_dates
from optimizer.results.geo import write_sites_geojson
from optimizer.results.plan import Plan
from optimizer.results.readiness import readiness_tables
from optimizer.results.report.html import write_report
from optimizer.results.workbook import write_plan_workbook
from optimizer.solving.memory import let_go

PIECE = 100_000
"""Rows of the hourly series that are written at once."""


@dataclass(frozen=True)
class StoredResult:
    """A result folder read back."""

    folder: Path
    inputs: Inputs
    tables: dict[str, pd.DataFrame]
    dispatch: pd.DataFrame
    summary: dict[str, Any]


def check_target(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that exists and is not empty, before any work is done.

    Raises
    ------
    UsageError : the folder is not empty and ``overwrite`` is not set
    MachineError : it cannot be written
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not overwrite:
        raise UsageError(f"{folder} exists and is not empty. Add --overwrite to replace it.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent):
            pass
    except OSError as error:
        raise MachineError(
            f"{folder.parent} cannot be written ({error.strerror}). Choose another --out."
        ) from error


def write_result(
    plan: Plan,
    summary: dict[str, Any],
    folder: Path,
    *,
    options: Mapping[str, object],
    overrides: list[str],
    overwrite: bool = False,
    case: Case | None = None,
) -> None:
    """Write everything beside the target, then rename it into place; ``case`` saves preparing it.

    Raises
    ------
    MachineError : disk full or no permission; nothing half-written is left at the target

    A bug in the pages for people (workbook, report, map) does not cost the plan: the rest is
    written and in place before it is raised.
    """
    folder = folder.absolute()
    check_target(folder, overwrite=overwrite)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        bug = _fill(beside, plan, summary, options, overrides, case)
        _into_place(beside, folder)
        if bug is not None:
            raise bug
    except OSError as error:
        raise MachineError(
            f"The result could not be written to {folder} ({error.strerror or error}). "
            "Free some space or choose another --out."
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _into_place(beside: Path, folder: Path) -> None:
    """The old result is moved away only when the new one is complete."""
    os.chmod(beside, 0o755)
    old = folder.with_name(f".{folder.name}-old-{os.getpid()}")
    if folder.exists():
        os.replace(folder, old)
    os.replace(beside, folder)
    shutil.rmtree(old, ignore_errors=True)


def _fill(
    folder: Path, plan: Plan, summary: dict[str, Any], options: Mapping[str, object],
    overrides: list[str], case: Case | None,
) -> Exception | None:  # fmt: skip
    """All files; a bug in a page for people is returned, so that the plan is kept."""
    bug: Exception | None = None
    write_inputs(plan.inputs, folder / "inputs")
    (folder / "tables").mkdir()
    tables = dict(plan.tables)
    if "dates" not in tables:
        tables["dates"] = sample_dates(plan.inputs, tables).table
    try:
        tables |= readiness_tables(plan.inputs, tables, case)
    except Exception as found:
        bug = found
    for name, table in tables.items():
        table.to_csv(folder / "tables" / f"{name}.csv", index=False, date_format="%Y-%m-%d")
    _write_hours(folder / "dispatch.parquet", plan.dispatch)
    write_json(folder / "summary.json", summary)
    (folder / "solver.log").write_text("\n".join(plan.report.log) + "\n", encoding="utf-8")
    for page in (
        lambda: write_sites_geojson(folder / "sites.geojson", plan.tables, plan.inputs),
        lambda: write_plan_workbook(
            folder / "plan.xlsx", tables, summary, plan.inputs, plan.dispatch
        ),
        lambda: write_report(folder),
    ):
        let_go()
        try:
            page()
        except OSError:
            raise
        except Exception as found:
            bug = bug or found
    python, system = manifests.python_and_platform()
    made = manifests.Manifest(
        case_name=plan.inputs.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        options=dict(options),
        overrides=overrides,
        seed=int(plan.inputs.setting("seed")),
        versions=manifests.versions(),
        python=python,
        platform=system,
        files=manifests.hash_folder(folder),
    )
    (folder / "manifest.json").write_text(made.model_dump_json(indent=1), encoding="utf-8")
    return bug


def _write_hours(path: Path, dispatch: pd.DataFrame) -> None:
    """The hourly series in pieces: no second copy of them in memory, and sites can be read alone."""
    text = {c: str for c in ("site", "period")}
    schema = pa.Schema.from_pandas(dispatch.iloc[:PIECE].astype(text), preserve_index=False)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for at in range(0, max(1, len(dispatch)), PIECE):
            piece = dispatch.iloc[at : at + PIECE].astype(text)
            writer.write_table(pa.Table.from_pandas(piece, schema, preserve_index=False))


def write_json(path: Path, value: object) -> None:
    """A value as indented JSON."""
    path.write_text(json.dumps(value, indent=1, allow_nan=False), encoding="utf-8")


def load_result(folder: Path, *, hours: bool = True) -> StoredResult:
    """Read a result folder; every file must match the manifest.

    Without ``hours`` the dispatch is left empty: of many sites it takes more than all else.

    Raises
    ------
    InputError : a file is missing, changed or unreadable
    """
    problems = Problems()
    path = folder / "manifest.json"
    if not path.is_file():
        problems.add("no-result", str(folder), expected="a result folder with manifest.json",
                     remedy="Name the --out folder of a run.")  # fmt: skip
        raise InputError(problems, str(folder))
    try:
        made = manifests.Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except ValueError:
        problems.add("bad-manifest", str(path), expected="a manifest of this product")
        raise InputError(problems, str(folder)) from None
    for name, wanted in made.files.items():
        file = folder / name
        if name == "report.html":
            continue
        if not file.is_file():
            problems.add("missing-file", name, expected="the file of the manifest",
                         remedy="Run the case again.")  # fmt: skip
        elif manifests.hash_file(file) != wanted:
            problems.add("changed-file", name, expected="the file as it was written",
                         remedy="It was changed after the run: run the case again.")  # fmt: skip
    if problems.errors:
        raise InputError(problems, str(folder))
    inputs, found = read_inputs(folder / "inputs")
    if inputs is None:
        raise InputError(found, str(folder / "inputs"))
    return StoredResult(
        folder=folder,
        inputs=inputs,
        tables=read_tables(folder / "tables"),
        dispatch=pd.read_parquet(folder / "dispatch.parquet") if hours else pd.DataFrame(),
        summary=json.loads((folder / "summary.json").read_text(encoding="utf-8")),
    )


TEXT_COLUMNS = (
    "site", "market", "jurisdiction", "open_period", "block", "variant", "period", "technology",
    "offer", "permit_kind", "workload", "region", "kind", "item", "unit", "step", "metric",
    "category", "limit", "scope", "period_or_year", "factor", "basis", "decision", "status",
    "commitments", "reason", "waits_for", "instead_of", "runner_up", "sheet", "column", "said",
    "online_period", "cause", "chain", "tariff", "charge",
)  # fmt: skip
DATE_COLUMNS = (
    "date",
    "start",
    "end",
    "open_date",
    "planned_date",
    "p10_date",
    "p50_date",
    "p90_date",
    "sign_by",
    "safe_by",
    "online_date",
    "needed_by",
    "expires",
    "earliest_date",
    "forced_date",
    "from_date",
)


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Result tables by name; text stays text, also where it looks like a number."""
    tables = {}
    for file in sorted(folder.glob("*.csv")):
        header = pd.read_csv(file, nrows=0).columns
        text = {c: str for c in header if c in TEXT_COLUMNS}
        frame = pd.read_csv(file, dtype=text, keep_default_na=False, na_values={
            c: [""] for c in header if c not in TEXT_COLUMNS})  # fmt: skip
        for column in header:
            if column in DATE_COLUMNS:
                frame[column] = pd.to_datetime(frame[column])
        tables[file.stem] = frame
    return tables
