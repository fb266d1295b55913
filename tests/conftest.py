"""What several modules of tests look at: made once a session, and not to be changed by any."""

from __future__ import annotations

from pathlib import Path

import pytest

from optimizer import Case, Plan, solve

QUICKSTART = Path(__file__).parents[1] / "inputs" / "quickstart"


@pytest.fixture(scope="session")
def rough_plan() -> Plan:
    """A plan of the example case, as good as is soon found."""
    return solve(Case.load(QUICKSTART), gap=0.3)


@pytest.fixture(scope="session")
def rough_result(rough_plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its result folder; pages may be added to it."""
    folder = tmp_path_factory.mktemp("rough") / "result"
    rough_plan.write(folder)
    return folder
