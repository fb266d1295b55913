"""The Python interface: load or make a case, look at its problems, solve it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimizer.errors import InputError, Problem, Problems
from optimizer.settings import Engine, OnProgress, RollingOptions, RunOptions

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from optimizer.model.build import Planning
    from optimizer.reading.inputs import Inputs
    from optimizer.results import plan as plans
    from optimizer.results.verify import Verification


@dataclass(frozen=True)
class Case:
    """A case as tables and profiles, with whatever is wrong with it.

    Examples
    --------
    >>> case = Case.load("inputs/quickstart")
    >>> [problem.code for problem in case.problems()]
    []
    """

    inputs: Inputs | None
    found: Problems
    source: str

    @classmethod
    def load(cls, path: str | Path, *, overrides: Sequence[str] = ()) -> Case:
        """Read a workbook or a folder; problems are kept, not raised."""
        from optimizer.reading.inputs import read_inputs

        inputs, problems = read_inputs(path, overrides)
        return cls(inputs, problems, str(path))

    @classmethod
    def from_tables(
        cls, tables: Mapping[str, pd.DataFrame], profiles: Mapping[str, np.ndarray] | None = None
    ) -> Case:
        """A case from data frames named like the sheets; profiles are (8760,) by name."""
        from optimizer.reading.inputs import Inputs

        inputs, problems = Inputs.from_tables(tables, profiles)
        return cls(inputs, problems, "tables")

    def problems(self) -> list[Problem]:
        """Everything wrong with the case, errors and warnings."""
        return list(self.found)

    def checked(self) -> Inputs:
        """The inputs; InputError if there are errors."""
        if self.inputs is None:
            raise InputError(self.found, self.source)
        return self.inputs


@dataclass(frozen=True)
class Plan:
    """A solved plan with its tables, summary and independent check."""

    inner: plans.Plan
    verification: Verification
    summary: dict[str, Any]

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Result tables by name (``docs/results.md``)."""
        return self.inner.tables

    @property
    def dispatch(self) -> pd.DataFrame:
        """Hourly dispatch."""
        return self.inner.dispatch

    def verify(self) -> Verification:
        """Check the plan again, independently of the model."""
        from optimizer.results.verify import verify_plan

        objective = self.inner.report.objective
        return verify_plan(self.inner.inputs, self.tables, self.dispatch, objective)

    def rolling(self, options: RollingOptions | None = None) -> dict[str, Any]:
        """What the plan costs to run without perfect foresight (``docs/results.md``)."""
        from optimizer.preparing.case import prepare
        from optimizer.results.rolling import rolling

        return rolling(prepare(self.inner.inputs), self.tables, options or RollingOptions())

    def write(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write the result folder."""
        from optimizer.results.write import write_result

        write_result(self.inner, self.summary, Path(folder), options={}, overrides=[],
                     overwrite=overwrite)  # fmt: skip


def solve(
    case: Case,
    *,
    gap: float | None = None,
    time_limit: float | None = None,
    threads: int = 2,
    engine: Engine = "auto",
    gap_power: bool = False,
    why: bool = True,
    memory_limit: float | None = None,
    on_progress: OnProgress | None = None,
    start_from: str | Path | None = None,
    prefer: str | Path | None = None,
) -> Plan:
    """Solve a case.

    Parameters
    ----------
    case : a case without errors
    gap : proven relative gap at which to end; None: the case's
    time_limit : seconds for the search; None: the case's
    threads : number of threads
    engine : ``auto``, ``few``, ``many`` or ``monolith``
    gap_power : also prove the gap of all other cost at the plan's delay
    why : also tell why it is this plan (``docs/why_this.md``)
    memory_limit : MB of memory that operating blocks are dropped and rebuilt to keep
    on_progress : called with each :class:`optimizer.settings.Progress`
    start_from : folder of a result whose plan, made to fit this case, is the first plan
    prefer : folder of a result; of all plans within the gap the one that changes least of it

    Raises
    ------
    InputError, NoPlanError, StoppedError, UsageError, MachineError
    """
    from optimizer.preparing.case import prepare
    from optimizer.results.earlier import earlier
    from optimizer.results.summary import summarize
    from optimizer.results.verify import verify_plan
    from optimizer.solving.solve import solve_case

    options = RunOptions(gap=gap, time_limit_s=time_limit, threads=threads, engine=engine,
                         gap_power=gap_power, why=why, memory_limit_mb=memory_limit)  # fmt: skip
    inner = solve_case(
        prepare(case.checked()), options, on_progress, start_from=earlier(start_from),
        prefer=earlier(prefer),
    )  # fmt: skip
    verification = verify_plan(inner.inputs, inner.tables, inner.dispatch, inner.report.objective)
    return Plan(inner, verification, summarize(inner, verification))


def build(case: Case, *, monolith: bool = False) -> Planning:
    """The Pyomo model of a case, to read or to extend.

    With ``monolith`` every hour is written out; without it operation is one cost column a
    site and period.
    """
    from optimizer.model.build import build as build_planning
    from optimizer.model.monolith import build_monolith
    from optimizer.preparing.case import prepare

    prepared = prepare(case.checked())
    return build_monolith(prepared) if monolith else build_planning(prepared)


__all__ = ["Case", "Plan", "build", "solve"]
