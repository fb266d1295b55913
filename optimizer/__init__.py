"""Where to build AI compute, what power to buy or build, and in what order."""

from optimizer.api import Case, Plan, build, solve
from optimizer.errors import (
    ExitCode,
    InputError,
    MachineError,
    NoPlanError,
    OptimizerError,
    Problem,
    Problems,
    StoppedError,
    UsageError,
)

__all__ = [
    "Case",
    "ExitCode",
    "InputError",
    "MachineError",
    "NoPlanError",
    "OptimizerError",
    "Plan",
    "Problem",
    "Problems",
    "StoppedError",
    "UsageError",
    "build",
    "solve",
]
