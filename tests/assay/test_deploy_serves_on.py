"""Two deploys in a row under load, with real servers and real sockets: no request is lost."""

from __future__ import annotations

import json
import shutil
import socket
import sys
import time
import types
from typing import TYPE_CHECKING

import pytest
import wire
from load import Load
from releases import change
from small import TOML

from assay.artifacts import digest
from assay.reports import write_json
from assay.rollout.local_serving import down, start_keeper
from assay.single import stage_context
from assay.stages import deploy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


def take_live(project: Path, version: int) -> str:
    """Deploy `version`; afterwards it is the champion. What the stage says."""
    inputs = project / "in"
    model_digest = digest(inputs / "bundle" / "model")
    about = {"version": version, "model_digest": model_digest}
    change(inputs / "bundle" / "bundle.json", **about)
    write_json(inputs / "registration.json", {"name": "tiny", **about})
    write_json(inputs / "image.json", {"model_digest": model_digest, "bundle_digest": str(version)})
    outcome = deploy.run(stage_context("deploy", project, inputs, project / "out"))
    for name in ("model", "samples.json", "profile.json"):
        copy = shutil.copytree if (inputs / "bundle" / name).is_dir() else shutil.copyfile
        if not (inputs / "champion" / name).exists():
            copy(inputs / "bundle" / name, inputs / "champion" / name)
    write_json(inputs / "champion" / "champion.json", {**about, "image": None})
    return outcome.message


@pytest.mark.slow
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
