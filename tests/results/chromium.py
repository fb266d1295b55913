"""A headless Chromium to be asked: pages of any width, real keys, what the console says."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
AXE = Path(os.environ.get("AXE_CORE") or (
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    / "optimizer/axe/node_modules/axe-core/axe.min.js"))  # fmt: skip
"""Where ``.ci/run`` puts axe-core; AXE_CORE names another file."""
SECONDS = 60.0
PHONE, DESKTOP = (390, 844), (1440, 900)


class Chromium:
    """A browser with one page, spoken to over its debugging pipe.

    Parameters
    ----------
    profile : empty folder for its profile
    size : width and height of the page [px]
    """

    def __init__(self, profile: Path, size: tuple[int, int]) -> None:
        assert BROWSER is not None
        self.console: list[str] = []
        self.requests: list[str] = []
        self._buffer, self._last, self._session = b"", 0, ""
        hears, self._out = os.pipe()
        self._in, says = os.pipe()

        def wire() -> None:
            # 3 is what the browser reads, 4 what it writes; first out of the way of each other.
            a, b = os.dup(hears), os.dup(says)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self._process = subprocess.Popen(
            [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--remote-debugging-pipe", f"--user-data-dir={profile}"],
            preexec_fn=wire, close_fds=False, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(hears)
        os.close(says)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1],
                  deviceScaleFactor=1, mobile=size[0] < 600)  # fmt: skip

    def __enter__(self) -> Chromium:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._process.terminate()
        self._process.wait(timeout=SECONDS)
        os.close(self._in)
        os.close(self._out)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Answer to a command of the protocol."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._write(json.dumps(message).encode() + b"\0")
        end = time.monotonic() + SECONDS
        while True:
            told = self._next(end)
            if told.get("id") == self._last:
                assert "error" not in told, told["error"]
                return dict(told["result"])
            self._event(told)

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._out, data) :]

    def _next(self, end: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0.0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            part = os.read(self._in, 1 << 20)
            assert part, "the browser is gone"
            self._buffer += part
        line, self._buffer = self._buffer.split(b"\0", 1)
        return dict(json.loads(line))

    def _event(self, told: dict[str, Any]) -> None:
        method, values = told.get("method"), told.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.console.append(str(values["exceptionDetails"]))
        elif method == "Log.entryAdded":
            self.console.append(str(values["entry"]))
        elif method == "Runtime.consoleAPICalled":
            self.console.append(str(values["args"]))
        elif method == "Network.requestWillBeSent":
            self.requests.append(str(values["request"]["url"]))

    def ask(self, expression: str) -> Any:
        """Value of an expression in the page; a promise is awaited."""
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                         awaitPromise=True)  # fmt: skip
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def open(self, page: Path, ready: str = "document.readyState === 'complete'") -> float:
        """Open a file; seconds until it is ready."""
        begun = time.monotonic()
        self.call("Page.navigate", url=page.resolve().as_uri())
        while self.ask(f"location.protocol === 'file:' && Boolean({ready})") is not True:
            assert time.monotonic() - begun < SECONDS, "the page is never ready"
        return time.monotonic() - begun

    def press(self, key: str, code: int) -> None:
        """A key that is pressed and let go."""
        text = {"Enter": "\r", " ": " "}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key if key != " " else "Space",
                      windowsVirtualKeyCode=code, **({"text": text} if text and kind == "keyDown" else {}))  # fmt: skip

    def violations(self) -> list[str]:
        """What axe-core finds serious or critical: rule, impact and the elements."""
        self.ask(AXE.read_text("utf-8") + "; true")
        found = self.ask("axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map("
                         "v => [v.impact, v.id, v.nodes.slice(0, 3).map(n => n.html.slice(0, 200))]))")  # fmt: skip
        return [f"{impact}: {rule}: {nodes}" for impact, rule, nodes in found
                if impact in ("serious", "critical")]  # fmt: skip
