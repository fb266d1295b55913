"""A run that is taken up again goes on from what it knew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.stages import staged
from optimizer.errors import UsageError
from optimizer.preparing.case import prepare
from optimizer.settings import RunOptions
from optimizer.solving import checkpoint
from optimizer.solving.engine import Engine
from optimizer.solving.many.engine import ManySites
from optimizer.solving.run import Run
from optimizer.solving.solve import solve_case
from tests.solving.test_agreement import random_rows
from tests.support import case


@pytest.mark.parametrize("kind", [Engine, ManySites])
def test_plan_bound_and_cuts_are_taken_up(
    kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "EVERY_SECONDS", 0.0)
    prepared = prepare(staged(3, 2, areas=2))
    options = RunOptions(gap=1e-6, time_limit_s=60, checkpoint=tmp_path / "state")
    found: list[Run] = []
    first: Run = kind(prepared, options, None, lambda: bool(found and found[0].total < 1e30))
    found.append(first)
    first.search()  # type: ignore[attr-defined]
    # What was written on the way is of the whole, not of a part of it.
    assert set(first.checkpoint.load()) == set(first.state())
    first.checkpoint.save(first.state, now=True)
    again: Run = kind(prepared, replace(options, resume=True), None, lambda: True)
    again.search()  # type: ignore[attr-defined]
    assert again.total == pytest.approx(first.total, rel=1e-6)
    assert again.bound >= first.bound - 1e-6 * abs(first.bound)
    assert again.cuts >= first.cuts


def test_a_plan_from_an_earlier_result_is_taken_up_before_there_are_groups(tmp_path: Path) -> None:
    prepared = prepare(staged(3, 2, areas=2))
    options = RunOptions(gap=0.02, time_limit_s=20, checkpoint=tmp_path / "state")
    whole = ManySites(prepared, options)
    whole.search()
    stopped = ManySites(prepared, options)
    stopped.known.seed()
    stopped.offer(dict(whole.plans))
    stopped.checkpoint.save(stopped.state, now=True)
    again = ManySites(prepared, replace(options, resume=True))
    again.search()
    assert "the plans and the cuts of the run before are taken up" in "\n".join(again.report.log)
    # It has begun its search, with prices, and has kept the plan or found a better one.
    assert again.prices.any() and np.isfinite(again.bound)
    assert again.total <= whole.total * (1 + 1e-9)


def test_the_optimum_is_the_same_after_an_interruption(tmp_path: Path) -> None:
    prepared = case(random_rows(3))
    options = RunOptions(gap=1e-7, time_limit_s=60, engine="few", checkpoint=tmp_path / "state")
    whole = solve_case(prepared, replace(options, checkpoint=None))
    lines: list[float] = []
    stopped = solve_case(
        prepared, options, lambda line: lines.append(line.best),
        lambda: bool(lines and lines[-1] < 1e30),
    )  # fmt: skip
    resumed = solve_case(prepared, replace(options, resume=True))
    assert resumed.report.objective == pytest.approx(whole.report.objective, rel=1e-6)
    assert resumed.report.objective <= stopped.report.objective * (1 + 1e-9)


def test_a_checkpoint_belongs_to_its_case_and_engine(tmp_path: Path) -> None:
    rows = random_rows(3)
    options = RunOptions(gap=1e-4, time_limit_s=60, engine="few", checkpoint=tmp_path / "state")
    with pytest.raises(UsageError, match="nothing to resume"):
        Engine(case(rows), replace(options, resume=True))
    solve_case(case(rows), options)
    rows["fuels"][0]["price_usd_per_mmbtu"] = 9.0
    with pytest.raises(UsageError, match="another case"):
        Engine(case(rows), replace(options, resume=True))
    with pytest.raises(UsageError, match="another version or engine"):
        ManySites(case(random_rows(3)), replace(options, resume=True))
    (tmp_path / "state").write_bytes(b"PK not a file")
    with pytest.raises(UsageError, match="damaged"):
        Engine(case(random_rows(3)), replace(options, resume=True))
