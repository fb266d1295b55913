"""What a person at the terminal sees: lines, colour, hints, progress; and how they stop a run."""

from __future__ import annotations

import difflib
import os
import signal
import sys
from pathlib import Path
from typing import TextIO

from optimizer.errors import ExitCode, Problems
from optimizer.settings import Progress

NAME = "optimizer"
STYLES = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "dim": "2"}


class Stop:
    """Set by Ctrl-C and SIGTERM; a second signal ends the process at once."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._take)

    def _take(self, number: int, frame: object) -> None:
        if self.asked:
            raise SystemExit(ExitCode.STOPPED)
        self.asked = True
        say("Stopping: the best plan so far is checked and written.")
        # Not imported here: the signal may come while the package is still being imported.
        highs = sys.modules.get("optimizer.solving.highs")
        if highs is not None and hasattr(highs, "cancel_all"):
            highs.cancel_all()

    def __call__(self) -> bool:
        """Whether a stop was asked for."""
        return self.asked


def say(text: str, style: str = "") -> None:
    """A line for people, on standard error."""
    sys.stdout.flush()  # so that the two streams read in order on one screen
    print(paint(text, style, sys.stderr), file=sys.stderr, flush=True)


def paint(text: str, style: str, stream: TextIO) -> str:
    """The text in a style, on a terminal that is not told to do without (``NO_COLOR``)."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    if not style or plain or not stream.isatty():
        return text
    return f"\033[{STYLES[style]}m{text}\033[0m"


def hint(text: str) -> None:
    """What one may do next, on standard error."""
    say(f"Hint: {text}", "yellow")


def only_answer_on_stdout() -> TextIO:
    """The real standard output; what else is written there is dropped from now on.

    HiGHS writes its banner from C when its first model is made, whatever its options say.
    """
    sys.stdout.flush()
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return answer


def show_progress(line: Progress) -> None:
    """Phase, bound, best plan and gap; or what else is told."""
    if line.text:
        say(f"{line.seconds:7.1f} s  {line.text}", "dim")
        return
    best = "-" if line.best == float("inf") else f"{line.best / 1e6:,.1f}"
    bound = "-" if line.bound == float("-inf") else f"{line.bound / 1e6:,.1f}"
    gap = "-" if line.gap == float("inf") else f"{line.gap:.2%}"
    say(
        f"{line.seconds:7.1f} s  {line.phase:<12} bound {bound:>11} M$  best {best:>11} M$  gap {gap}",
        "dim",
    )


def hint_on_input(path: Path, problems: Problems) -> None:
    """What one may do about a case or a result that cannot be read."""
    codes = {p.code for p in problems.errors}
    if codes & {"no-such-case", "no-result"}:
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, [n for n in beside if n != path.name], 1)
        said = [f"did you mean {path.parent / near[0]}?"] if near and not path.exists() else []
        if "no-such-case" in codes:
            said.append(f"{NAME} template my/case.xlsx writes a workbook to start with.")
        if said:
            hint(" ".join(said))
    elif path.exists() and any(p.row is not None for p in problems.errors):
        hint(f"{NAME} check {path} --mark marked.xlsx writes a copy with these cells marked.")
