"""A project with logged predictions and a champion, for the tests of monitor."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from frames import people, stage_context

from assay.data.profiles.profile import profile_of
from assay.stages.monitor import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd

    from assay.context import Outcome

CONFIG = """
[tool.assay]
name = "tiny"
load = "tiny:load"
model = "tiny:build"
[tool.assay.data]
target = "rich"
[tool.assay.monitor]
"""
NOW = dt.datetime.now(dt.UTC)
PROFILE = profile_of(people(2000, seed=1), "rich").to_json()


def lines_of(frame: pd.DataFrame, **more: Any) -> list[dict[str, Any]]:
    """Log lines that predict what `rich` says."""
    rows = json.loads(frame.to_json(orient="records"))
    return [
        {"ts": NOW.isoformat(), "status": 200, "prediction": row.pop("rich"), "features": row, **more} for row in rows
    ]


def write(folder: Path, *lines: Any, name: str = "log.jsonl") -> None:
    """A log file; strings are written as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (folder / name).write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")


def configure(folder: Path, settings: str) -> None:
    """`[tool.assay.monitor]` with these lines."""
    (folder / "pyproject.toml").write_text(f"{CONFIG}{settings}\n", encoding="utf-8")


def monitor(folder: Path) -> Outcome:
    """Run the stage on the project in `folder`."""
    return run(stage_context("monitor", folder, folder / "in", folder / "out"))


def report(folder: Path) -> Any:
    """What the last run left."""
    return json.loads((folder / "out/monitor-report/monitor-report.json").read_text(encoding="utf-8"))


def verdicts(folder: Path) -> dict[str, str]:
    """The verdict of each gate in the last run."""
    return {gate["gate"]: gate["status"] for gate in report(folder)["gates"]}


@dataclass
class Hook:
    """A webhook.

    Attributes:
        url: Its address.
        statuses: Its answers, one after the other; 200 once they are used up.
        delay: Seconds before it answers.
        got: Headers and body of each request.
    """

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    delay: float = 0.0
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def bodies(self) -> list[Any]:
        """What was sent."""
        return [json.loads(body) for _, body in self.got]


@contextlib.contextmanager
def hooked() -> Iterator[Hook]:
    """A webhook on the loopback interface."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            time.sleep(hook.delay)
            self.send_response(hook.statuses.pop(0) if hook.statuses else 200)
            self.send_header("Location", f"{hook.url}/elsewhere")
            self.send_header("Content-Length", "0")
            with contextlib.suppress(OSError):
                self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        hook.url = f"http://127.0.0.1:{server.server_address[1]}/services/T0/hidden-path"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield hook
        server.shutdown()
