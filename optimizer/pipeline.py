"""The main job: read -> check -> prepare -> solve -> verify -> write."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optimizer.errors import ExitCode, InputError, Problems
from optimizer.preparing.case import prepare
from optimizer.reading.inputs import Inputs, read_inputs
from optimizer.results.dates import sample_dates
from optimizer.results.earlier import earlier
from optimizer.results.plan import Plan
from optimizer.results.rolling import rolling
from optimizer.results.summary import summarize
from optimizer.results.verify import Verification, verify_plan
from optimizer.results.write import check_target, write_result
from optimizer.settings import OnProgress, RunOptions, ShouldStop
from optimizer.solving.memory import let_go
from optimizer.solving.solve import solve_case

KEPT_SHARE, KEPT_SECONDS = 0.15, 3.0
"""What of the time limit is kept for checking and writing."""


@dataclass(frozen=True)
class Outcome:
    """A finished run."""

    plan: Plan
    verification: Verification
    summary: dict[str, Any]
    warnings: Problems

    @property
    def exit_code(self) -> ExitCode:
        """0, 5 or 7 by status and check."""
        if not self.verification.passed:
            return ExitCode.CHECK_FAILED
        return ExitCode.DONE if self.plan.report.status == "optimal" else ExitCode.GAP_OPEN


def read(path: Path, overrides: Sequence[str]) -> tuple[Inputs, Problems]:
    """Inputs without errors, and their warnings; InputError otherwise."""
    inputs, problems = read_inputs(path, overrides)
    if inputs is None:
        raise InputError(problems, str(path))
    return inputs, problems


def run(
    path: Path,
    folder: Path,
    options: RunOptions,
    *,
    overrides: Sequence[str] = (),
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    started: float | None = None,
) -> Outcome:
    """Run a case and write its result; ``started`` is when the command began (monotonic)."""
    begin = time.monotonic() if started is None else started
    overwrite = overwrite or options.resume
    check_target(folder, overwrite=overwrite)
    kept = folder.with_name(f"{folder.name}.checkpoint")
    start_from, prefer = earlier(options.start_from), earlier(options.prefer)
    read_at = time.monotonic()
    inputs, warnings = read(path, overrides)
    prepare_at = time.monotonic()
    case = prepare(inputs)
    limit = options.time_limit_s or float(inputs.setting("time_limit_s"))
    now = time.monotonic()
    budget = limit - max(KEPT_SECONDS, KEPT_SHARE * limit) - (now - begin)
    budgeted = dataclasses.replace(options, time_limit_s=max(1.0, budget), checkpoint=kept)
    plan = solve_case(case, budgeted, on_progress, should_stop, start_from, prefer)
    let_go()
    plan.report.timing.update(read=prepare_at - read_at, prepare=now - prepare_at)
    verify_at = time.monotonic()
    verification = verify_plan(inputs, plan.tables, plan.dispatch, plan.report.objective)
    plan.report.timing["verify"] = time.monotonic() - verify_at
    let_go()
    asked = options.rolling
    rolled = None if asked is None else rolling(case, plan.tables, asked, until=begin + limit)
    dates_at = time.monotonic()
    dates = sample_dates(inputs, plan.tables)
    plan = dataclasses.replace(plan, tables={**plan.tables, "dates": dates.table})
    plan.report.timing["dates"] = time.monotonic() - dates_at
    let_go()
    plan.report.timing["until_written"] = time.monotonic() - begin
    summary = summarize(plan, verification, dates, rolled)
    write_result(plan, summary, folder, options=dataclasses.asdict(options),
                 overrides=list(overrides), overwrite=overwrite, case=case)  # fmt: skip
    outcome = Outcome(plan, verification, summary, warnings)
    if outcome.exit_code == ExitCode.DONE:
        kept.unlink(missing_ok=True)
    return outcome
