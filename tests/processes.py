"""Commands and scripts in processes of their own that start with everything imported.

Each call is a fork of one process that has read the packages and done nothing else: its exit
code, streams, folder and memory are its own, and a second or two of imports is saved. Tests of
starting, terminals and signals start Python itself.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]


def command(
    *arguments: object, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """``optimizer ARGUMENTS``: exit code and what was written to both streams."""
    return _started(["-m", "optimizer", *map(str, arguments)], cwd, environment)


def script(text: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """``python -c TEXT``: exit code and what was written to both streams."""
    return _started(["-c", text], cwd, {})


def _started(
    words: list[str], cwd: Path | None, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Python with these words."""
    here = Path.cwd() if cwd is None else cwd
    if not hasattr(os, "fork"):
        return subprocess.run(
            [sys.executable, *words],
            capture_output=True,
            text=True,
            cwd=here,
            env={**os.environ, **environment},
        )
    server = _server()
    assert server.stdin is not None and server.stdout is not None
    with tempfile.TemporaryDirectory() as scratch:
        streams = [f"{scratch}/{name}" for name in ("out", "err")]
        server.stdin.write(json.dumps([words, str(here), environment, *streams]) + "\n")
        server.stdin.flush()
        answer = server.stdout.readline()
        assert answer, "the process that is forked is gone"
        out, err = (Path(stream).read_text("utf-8") for stream in streams)
    return subprocess.CompletedProcess(words, int(answer), out, err)


@cache
def _server() -> subprocess.Popen[str]:
    """The process that is forked; it ends with the tests."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.processes"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    atexit.register(server.kill)
    return server


def _serve() -> None:
    """Fork for each line of standard input, and answer with the exit code."""
    import optimizer.pipeline
    import optimizer.reading.mark
    import optimizer.reading.template
    import optimizer.results.compare
    import optimizer.results.write
    import optimizer.solving.solve  # noqa: F401

    for line in sys.stdin:
        arguments, cwd, environment, out, err = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(arguments, cwd, environment, out, err)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(arguments: list[str], cwd: str, environment: dict[str, str], out: str, err: str) -> None:
    """The child: its own streams and folder, then what Python does with these words."""
    from optimizer import cli

    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    for stream, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), stream)
    os.chdir(cwd)
    os.environ.update(environment)
    cli.STARTED = time.monotonic()
    code = 1
    try:
        if arguments[0] == "-c":
            exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
            code = 0
        else:
            cli.main(arguments[2:])
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else 0 if done.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
