"""Runs commands as fresh processes and tells what they took; what they ran on.

Nothing heavy is imported here: a child's peak memory is never below that of its parent when it
was started, so this process has to stay small.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from optimizer.results import manifest

ROOT = Path(__file__).parents[1]
PACKAGES = ("optimizer", "highspy", "numba", "pyomo", "numpy", "scipy", "pandas", "linopy", "pypsa")
PER_MB = 1024.0 * (1024.0 if sys.platform == "darwin" else 1.0)
GRACE_S = 60.0
"""Seconds after its limit at which a process is ended."""


@dataclass(frozen=True)
class Measured:
    """A finished process.

    Parameters
    ----------
    exit_code : negative if a signal ended it
    wall_s, cpu_s : seconds; CPU is user and system, of its own children too
    peak_mb : largest resident memory of the process, or of one of its children if that is more
    stdout, stderr : what it wrote
    overdue : whether it was ended because it did not end itself
    """

    exit_code: int
    wall_s: float
    cpu_s: float
    peak_mb: float
    stdout: str
    stderr: str
    overdue: bool

    def figures(self) -> dict[str, Any]:
        """Exit code, seconds and memory as part of a record."""
        return {
            "exit_code": self.exit_code,
            "wall_s": round(self.wall_s, 4),
            "cpu_s": round(self.cpu_s, 4),
            "peak_mb": round(self.peak_mb, 1),
            "overdue": self.overdue,
        }

    def answer(self) -> dict[str, Any] | None:
        """The JSON of the last line of standard output, None if there is none."""
        lines = self.stdout.strip().splitlines()
        if not lines or not lines[-1].startswith("{"):
            return None
        found: dict[str, Any] = json.loads(lines[-1])
        return found


def python(module: str, *arguments: object, limit_s: float | None = None) -> Measured:
    """Run ``python -m module`` in the repository; ended if it is long over its limit."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        begin = time.monotonic()
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=err)
        overdue = threading.Event()

        def end() -> None:
            overdue.set()
            process.kill()

        timer = threading.Timer((limit_s or 1e7) + GRACE_S, end)
        timer.daemon = True
        timer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        finally:
            timer.cancel()
        wall = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return Measured(
            exit_code=process.returncode,
            wall_s=wall,
            cpu_s=usage.ru_utime + usage.ru_stime,
            peak_mb=usage.ru_maxrss / PER_MB,
            stdout=out.read(),
            stderr=err.read(),
            overdue=overdue.is_set(),
        )


def versions() -> dict[str, str]:
    """Installed versions of the product and its peers."""
    return {"python": platform.python_version(), **manifest.versions(PACKAGES)}


def machine() -> dict[str, Any]:
    """Cores, memory and processor."""
    model = platform.processor() or platform.machine()
    told = Path("/proc/cpuinfo")
    if told.exists():
        names = [line for line in told.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1024**3, 1),
        "cpu": model,
        "system": f"{platform.system()} {platform.release()}",
    }


def now() -> str:
    """Date and time, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def stamp() -> dict[str, Any]:
    """When and on what runs begin; ``load`` is how many processes were busy before them."""
    return {
        "begun": now(),
        "load": round(os.getloadavg()[0], 2),
        "versions": versions(),
        "machine": machine(),
    }
