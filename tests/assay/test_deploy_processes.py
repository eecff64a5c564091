"""The deploy stage with real servers, and with the worst that can happen to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from helpers import wait_until
from releases import FAST, read
from small import TOML

from assay.reports import write_json

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def project(bundle: Path, tmp_path: Path) -> Path:
    """A project whose first version, a real model, wants to serve; its smoke tests wait for ever."""
    (tmp_path / "pyproject.toml").write_text(TOML + FAST.replace('"1s"', '"30s"'), encoding="utf-8")
    inputs = tmp_path / "in"
    (inputs / "champion").mkdir(parents=True)
    (inputs / "bundle").symlink_to(bundle)
    about = read(bundle / "bundle.json")
    write_json(inputs / "registration.json", about)
    write_json(inputs / "image.json", {"model_digest": about["model_digest"]})
    write_json(inputs / "champion" / "champion.json", {"version": None, "model_digest": None, "image": None})
    smoke = tmp_path / "tests" / "smoke"
    smoke.mkdir(parents=True)
    (smoke / "test_waits.py").write_text("import time\ndef test_waits():\n    time.sleep(60)\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def stage(project: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The running stage under its supervisor."""
    folders = ["--inputs", str(project / "in"), "--outputs", str(project / "out"), "--project", str(project)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    argv = [sys.executable, "-m", "assay", "stage", "deploy", *folders]
    with subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        yield process
        process.kill()


def processes(word: str) -> set[int]:
    """Ids of the living processes with `word` in their command."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if word in (folder / "cmdline").read_text(encoding="utf-8", errors="replace"):
                found.add(int(folder.name))
        except OSError:
            continue
    return found


def servers(project: Path) -> set[int]:
    # the log folder is in the command of the server, and no other process has it there
    return processes(str(project / "out" / "deployment" / "traffic"))


def child_of(process: int) -> int:
    return int(Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()[0])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("victim", ["stage", "supervisor"])
def test_a_killed_deploy_leaves_no_server_behind(stage: subprocess.Popen[bytes], project: Path, victim: str) -> None:
    assert wait_until(lambda: len(servers(project)) == 1)
    (server,) = servers(project)
    record = project / "out" / "deployment" / "deployment.json"
    assert wait_until(lambda: bool(list(record.parent.glob("traffic/*.jsonl"))))
    os.kill(stage.pid if victim == "supervisor" else child_of(stage.pid), signal.SIGKILL)
    assert wait_until(lambda: server not in servers(project))
    assert read(record)["status"] == "interrupted"
    assert (stage.wait(5) == 4) is (victim == "stage")
