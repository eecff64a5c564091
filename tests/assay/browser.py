"""A real browser, asked over a pipe: how a page looks at a width, what it complains of and what it fetches."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
# a descriptor each for commands and answers is what --remote-debugging-pipe expects
_SHELL = 'exec 3<&0 4>&1 </dev/null >/dev/null 2>&1; exec "$@"'
_OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage")


@dataclass
class Page:
    """A tab with a page in it.

    Attributes:
        told: What the browser told about it: errors, warnings, what it fetched.
    """

    to: IO[bytes]
    out: IO[bytes]
    told: list[dict[str, Any]] = field(default_factory=list)
    session: str = ""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _rest: bytes = b""

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to one command of the Chrome DevTools protocol."""
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": parameters} | (
            {"sessionId": self.session} if self.session else {}
        )
        self.to.write(json.dumps(command).encode() + b"\0")
        self.to.flush()
        while (answer := self._read()).get("id") != number:
            self.told.append(answer)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def show(self, file: Path, width: int, *, dark: bool = False) -> None:
        """Load a file, in a window of this width."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.told.clear()
        self.ask("Page.navigate", url=file.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.told):
            self.told.append(self._read())

    def value(self, script: str) -> Any:
        """What a script gives in the page."""
        return self.ask("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def picture(self, file: Path) -> None:
        """Keep the whole page as a PNG."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        data = self.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=size | {"scale": 1})["data"]
        file.write_bytes(base64.b64decode(data))

    def events(self, method: str) -> list[dict[str, Any]]:
        """What was told under this name since the page was loaded."""
        return [event["params"] for event in self.told if event.get("method") == method]

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            data = os.read(self.out.fileno(), 1 << 20)
            assert data, "the browser is gone"
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


@contextmanager
def browser() -> Iterator[Page]:
    """A tab of a browser of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [PROGRAM, *_OPTIONS, "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"]
        with subprocess.Popen(["sh", "-c", _SHELL, "sh", *command], stdin=-1, stdout=-1) as program:
            assert program.stdin is not None
            assert program.stdout is not None
            page = Page(program.stdin, program.stdout)
            target = page.ask("Target.createTarget", url="about:blank")["targetId"]
            page.session = page.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Network", "Log"):
                page.ask(f"{domain}.enable")
            yield page
            program.terminate()
