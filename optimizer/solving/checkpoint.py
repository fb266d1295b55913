"""What a solve knows, kept in a file so that it can be taken up again.

The file is written beside the result and renamed into place, so that a crash leaves the one
before. It belongs to one case: its tables and profiles but for the gap and the time asked.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from optimizer.errors import UsageError
from optimizer.reading.inputs import Inputs

EVERY_SECONDS = 20.0
FORMAT = 3
NOT_OF_THE_CASE = ("gap", "time_limit_s")
"""Settings that say how long to search, not what."""

State = dict[str, np.ndarray]


def fingerprint(inputs: Inputs) -> str:
    """What tells a case from others."""
    digest = hashlib.sha256()
    for name, table in sorted(inputs.tables.items()):
        if name == "settings":
            table = table[~table["key"].isin(NOT_OF_THE_CASE)]
        digest.update(f"{name}\n{table.to_csv(index=False)}".encode())
    for name, series in sorted(inputs.profiles.items()):
        digest.update(name.encode() + np.ascontiguousarray(series).tobytes())
    return digest.hexdigest()


def text(value: Any) -> np.ndarray:
    """Anything that JSON can hold as an array."""
    return np.frombuffer(json.dumps(value).encode(), dtype=np.uint8)


def value(array: np.ndarray) -> Any:
    """The reverse of :func:`text`."""
    return json.loads(array.tobytes().decode())


class Checkpoint:
    """The file of one run; without a path it does nothing."""

    def __init__(self, path: Path | None, inputs: Inputs, engine: str) -> None:
        self.path, self.engine = path, engine
        self._mark = fingerprint(inputs) if path is not None else ""
        self._saved = time.monotonic()

    def save(self, state: Callable[[], State], *, now: bool = False) -> None:
        """Write what is known, if it is time to."""
        if self.path is None or (not now and time.monotonic() - self._saved < EVERY_SECONDS):
            return
        beside = self.path.with_name(f".{self.path.name}-{os.getpid()}")
        head = text({"format": FORMAT, "engine": self.engine, "case": self._mark})
        try:
            with beside.open("wb") as stream:
                np.savez_compressed(stream, **{"head": head, **state()})  # type: ignore[arg-type]
            beside.replace(self.path)
        finally:
            beside.unlink(missing_ok=True)
        self._saved = time.monotonic()

    def load(self) -> State:
        """What the run before has left.

        Raises
        ------
        UsageError : there is nothing, it is damaged, or it is of another case or engine
        """
        if self.path is None or not self.path.exists():
            raise UsageError(f"There is nothing to resume: {self.path} does not exist. Run without "
                             "--resume, with the same --out.")  # fmt: skip
        try:
            with np.load(self.path, allow_pickle=False) as stored:
                state = {name: stored[name] for name in stored.files}
            head = value(state.pop("head"))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise UsageError(f"{self.path} is damaged ({error}). Run without --resume.") from error
        if head["format"] != FORMAT or head["engine"] != self.engine:
            raise UsageError(
                f"{self.path} was left by another version or engine ({head['engine']}, now "
                f"{self.engine}). Run without --resume."
            )
        if head["case"] != self._mark:
            raise UsageError(
                f"{self.path} is of another case: its inputs have changed since. Run without "
                "--resume; --start-from takes a result of a neighbouring case."
            )
        return state
