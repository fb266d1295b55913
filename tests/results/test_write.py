"""A result is complete or absent, and a bug in a page for people does not cost the plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from optimizer import Plan
from optimizer.results import write
from optimizer.results.write import load_result


def test_a_bug_in_the_report_keeps_the_plan(
    rough_plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: Path) -> None:
        raise ValueError("a bug in a chart")

    monkeypatch.setattr(write, "write_report", broken)
    with pytest.raises(ValueError, match="a bug in a chart"):
        rough_plan.write(tmp_path / "result")
    assert not load_result(tmp_path / "result").tables["costs"].empty
    assert [p.name for p in tmp_path.iterdir()] == ["result"]
