"""Two deploys in a row under load, with real servers and real sockets: no request is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import wire
from load import Load
from releases import change, read
from small import TOML

from assay.artifacts import digest
from assay.errors import ConfigError
from assay.reports import write_json
from assay.rollout.local_serving import CANDIDATE_VARIABLE, down, start_keeper
from assay.serving.server_process import is_ready, serving
from assay.single import stage_context
from assay.stages import deploy
from assay.supervisor import supervise

if TYPE_CHECKING:
    from collections.abc import Iterator

RATE = 200
OK = {"age": 30, "hours": 41.5, "pay-rate": 80.0, "job": "smith", "level": 2, "married": True}
# what is looked at here is what becomes of requests; the load takes its share of the processors from the canary
SETTINGS = """
[tool.assay.deploy]
address = "127.0.0.1:{port}"
ready_timeout = "60s"
canary = {{ steps = [50, 100], min_requests = 20 }}
[tool.assay.gates.deploy]
canary = {{ latency_ratio = {{ max = 100 }} }}
"""


def assay(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "assay", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def project(bundle: Path, tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with a real model and a registry that agrees to everything."""
    module = types.ModuleType("assay.tracking.registry")
    agrees = types.SimpleNamespace(set_champion=lambda *_: None)
    vars(module).update(Registry=lambda _store: agrees, store_of=str)
    monkeypatch.setitem(sys.modules, "assay.tracking.registry", module)
    (tmp_path / "pyproject.toml").write_text(TOML + SETTINGS.format(port=port), encoding="utf-8")
    inputs = tmp_path / "in"
    shutil.copytree(bundle, inputs / "bundle")
    (inputs / "champion").mkdir()
    write_json(inputs / "champion" / "champion.json", {"version": None, "model_digest": None, "image": None})
    start_keeper(tmp_path)
    yield tmp_path
    down(tmp_path)


def wants_to_serve(project: Path, version: int) -> Path:
    """The stage's inputs with `version` as the candidate; gives their folder."""
    inputs = project / "in"
    about = {"version": version, "model_digest": digest(inputs / "bundle" / "model")}
    change(inputs / "bundle" / "bundle.json", **about)
    write_json(inputs / "registration.json", {"name": "tiny", **about})
    write_json(inputs / "image.json", {"model_digest": about["model_digest"], "bundle_digest": "b"})
    return inputs


def serves(inputs: Path) -> None:
    """The candidate becomes the champion."""
    shutil.rmtree(inputs / "champion")
    shutil.copytree(inputs / "bundle", inputs / "champion")
    write_json(inputs / "champion" / "champion.json", read(inputs / "registration.json") | {"image": None})
    write_json(inputs / "champion" / "evaluation.json", {"metrics": {}})


def take_live(project: Path, version: int) -> str:
    """Deploy `version`; afterwards it is the champion. What the stage says."""
    inputs = wants_to_serve(project, version)
    outcome = deploy.run(stage_context("deploy", project, inputs, project / "out"))
    serves(inputs)
    return outcome.message


def test_a_stage_that_is_killed_once_the_alias_moved_is_cleaned_up_after(project: Path, port: int) -> None:
    registry = sys.modules["assay.tracking.registry"]
    vars(registry)["Registry"] = lambda _store: types.SimpleNamespace(
        set_champion=lambda *_: os.kill(os.getpid(), signal.SIGKILL),
        champion=lambda _name: types.SimpleNamespace(version=1),
    )
    context = stage_context("deploy", project, wants_to_serve(project, 1), project / "out")
    report = supervise(context, timeout=60)
    assert "by signal 9 (SIGKILL)" in report.message
    assert wire.ask(f"http://127.0.0.1:{port}", wire.head("/metadata", "GET"))[1]["version"] == 1
    deployment = read(project / "out/deployment/deployment.json")
    assert deployment["status"] == "interrupted"
    assert f"version 1 was to serve: it serves at http://127.0.0.1:{port}" in deployment["reason"]


@pytest.mark.slow  # three canaries at 200 requests a second
def test_two_deploys_in_a_row_under_load_lose_no_request(project: Path, port: int) -> None:
    assert take_live(project, 1) == "version 1 promoted"
    load = Load(("127.0.0.1", port), wire.post(json.dumps({"records": [OK]}).encode()), RATE)
    with load.running():
        assert take_live(project, 2) == "version 2 promoted"
        assert take_live(project, 3) == "version 3 promoted"
        # every client meets the last version too
        time.sleep(1)
    answers = [answer for client in load.clients for answer in client.answers]
    waits = [wait for client in load.clients for wait in client.waits]
    print(f"{len(answers)} requests in {load.seconds:.1f} s, longest wait {max(waits):.2f} s")
    assert {status for status, _ in answers} == {200}
    assert [client.versions for client in load.clients] == [["1", "2", "3"]] * len(load.clients)
    assert len(answers) > 0.95 * RATE * load.seconds


def test_what_serves_outlives_the_stage_and_its_supervisor(project: Path, port: int) -> None:
    # the very version that is the champion: the registry is not asked
    inputs = wants_to_serve(project, 1)
    serves(inputs)
    change(inputs / "champion" / "champion.json", image=read(inputs / "image.json"))
    ended = assay("stage", "deploy", "--project", project, "--inputs", inputs, "--outputs", project / "out")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"version 1 serves at http://127.0.0.1:{port}" in ended.stdout
    assert read(project / "out/report.json")["message"] == "version 1 unchanged"
    assert wire.ask(f"http://127.0.0.1:{port}", wire.head("/metadata", "GET"))[0] == 200
    stopped = assay("down", "--project", project)
    assert stopped.stdout == f"version 1 serves no more at 127.0.0.1:{port}\n"


def test_an_address_that_somebody_has_is_told_before_the_canary(project: Path, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)), pytest.raises(ConfigError, match="cannot be listened on"):
        take_live(project, 1)
    assert not list((project / "out/deployment").glob("traffic"))


def test_services_of_somebody_else_are_not_kept(
    project: Path, bundle: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(bundle) as url:
        monkeypatch.setenv(CANDIDATE_VARIABLE, url)
        assert take_live(project, 3) == "version 3 promoted"
    assert not is_ready(f"http://127.0.0.1:{port}")
