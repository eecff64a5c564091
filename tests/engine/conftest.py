"""Finds a running engine and the dagger command by itself; without them these tests are skipped, and say why."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SOCKET = Path("/run/dagger/engine.sock")
HOST = "_EXPERIMENTAL_DAGGER_RUNNER_HOST"


def missing() -> str:
    """Why no engine test can run here; empty where they can."""
    if not shutil.which("dagger"):
        return "the dagger command is not installed"
    host = os.environ.get(HOST, f"unix://{SOCKET}")
    if not host.startswith("unix://"):
        return ""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(host.removeprefix("unix://"))
    except OSError as error:
        return f"no Dagger engine answers at {host} ({error.strerror or error})"
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = [item for item in items if "engine" in item.keywords]
    reason = missing() if here else ""
    for item in here:
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


@dataclass(frozen=True)
class Called:
    """What `dagger call` did."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Dagger:
    """The dagger command on a copy of this repository."""

    project: Path

    def call(self, *arguments: str, seconds: int = 900, **environment: str) -> Called:
        """Run `dagger call`; never without a time limit, because the command waits without end for a dead engine."""
        host = os.environ.get(HOST, f"unix://{SOCKET}")
        settings = os.environ | {HOST: host, "DAGGER_NO_NAG": "1"} | environment
        command = ["dagger", "--progress=plain", "call", *arguments]
        done = subprocess.run(
            command, cwd=self.project, env=settings, capture_output=True, text=True, timeout=seconds, check=False
        )
        return Called(done.returncode, done.stdout, done.stderr)

    def run(self, folder: Path, *arguments: str) -> dict[str, Any]:
        """`dagger call run export`; gives run.json."""
        done = self.call(*arguments, "run", "export", "--path", str(folder))
        assert done.code == 0, done.err[-4000:]
        found: dict[str, Any] = json.loads((folder / "run.json").read_text())
        return found


@pytest.fixture(scope="session")
def dagger(tmp_path_factory: pytest.TempPathFactory) -> Dagger:
    """A copy of the repository whose model has a name of its own, so that its registry starts empty."""
    folder = tmp_path_factory.mktemp("repository") / "project"
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    toml = folder / "pyproject.toml"
    name = f"income-{os.getpid()}-{folder.stat().st_ino}"
    toml.write_text(toml.read_text().replace('\nname = "income"', f'\nname = "{name}"'))
    subprocess.run(["git", "-C", folder, "init", "-q"], check=True)
    return Dagger(folder)
