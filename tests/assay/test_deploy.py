from __future__ import annotations

import json
import os
import signal
import sys
import threading
import types
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from fake_model import FakeModel
from helpers import wait_until
from releases import change, read, release_context, serves_nothing, serves_the_candidate

from assay.artifacts import digest
from assay.errors import Exit, ServiceError
from assay.gates import Verdict
from assay.reports import Status
from assay.stages import deploy
from assay.supervisor import supervise

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from assay.context import Context


@dataclass
class Registry:
    """Stands in for the real one, and remembers who became champion."""

    calls: list[tuple[str, int, Any]] = field(default_factory=list)
    error: Exception | None = None

    def set_champion(self, name: str, version: int, image: object = None) -> None:
        if self.error:
            raise self.error
        self.calls.append((name, version, image))


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    fake, module = Registry(), types.ModuleType("assay.tracking.registry")
    vars(module).update(Registry=lambda _store: fake, store_of=str)
    monkeypatch.setitem(sys.modules, "assay.tracking.registry", module)
    return fake


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return release_context(tmp_path)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Lets services run before the stage starts, as in the Dagger module."""
    with ExitStack() as stack:

        def serve(candidate: FakeModel, stable: FakeModel | None = None) -> None:
            monkeypatch.setenv("ASSAY_CANDIDATE_URL", stack.enter_context(candidate.serving()) + "/")
            if stable:
                monkeypatch.setenv("ASSAY_STABLE_URL", stack.enter_context(stable.serving()))

        yield serve


def deployment(context: Context) -> dict[str, Any]:
    return read(context.outputs / "deployment" / "deployment.json")


def profile(context: Context) -> str:
    return str(read(context.outputs / "deployment" / "profile.json")["of"])


def traffic(context: Context) -> list[dict[str, Any]]:
    files = (context.outputs / "deployment" / "traffic").glob("*.jsonl")
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def test_a_healthy_candidate_is_promoted(context: Context, registry: Registry, served: Any) -> None:
    served(FakeModel(2), FakeModel(1))
    outcome = deploy.run(context)
    assert not any(gate.status.blocks for gate in context.judge(outcome.observed))
    assert registry.calls == [
        ("tiny", 2, {"model_digest": digest(context.inputs / "bundle/model"), "bundle_digest": "b", "reference": None})
    ]
    found = deployment(context)
    assert (found["status"], found["version"], found["previous"], found["target"]) == ("promoted", 2, 1, "local")
    assert [step["percent"] for step in found["steps"]] == [10, 50, 100]
    assert found["steps"][0]["requests"] == {"stable": 180, "candidate": 20}
    assert profile(context) == "new"
    lines = traffic(context)
    assert sum(line["version"] == 2 for line in lines) >= 300
    assert set(lines[0]) == {"ts", "id", "version", "features", "prediction", "probabilities", "ms", "status"}
    assert len({line["id"] for line in lines}) == len(lines)


@pytest.mark.parametrize(
    ("candidate", "gate"),
    [
        (FakeModel(2, fail=lambda n: n % 20 == 0), "deploy.canary.success_rate"),
        (FakeModel(2, predict=lambda _row: "yes"), "deploy.canary.prediction_psi"),
        (FakeModel(2, dies_after=30), "deploy.canary.success_rate"),
        (FakeModel(1), "deploy.canary.success_rate"),
    ],
    ids=["errors", "shifted", "dies", "is the stable version"],
)
def test_a_bad_candidate_is_rolled_back(
    context: Context, registry: Registry, served: Any, candidate: FakeModel, gate: str
) -> None:
    served(candidate, FakeModel(1))
    outcome = deploy.run(context)
    assert gate in [result.gate for result in context.judge(outcome.observed) if result.status.blocks]
    assert registry.calls == []
    found = deployment(context)
    assert found["status"] == "rolled-back"
    assert gate in found["reason"]
    assert found["steps"][-1]["verdict"] in {"fail", "error"}
    assert profile(context) == "old"


def test_first_deployment(context: Context, registry: Registry, served: Any) -> None:
    serves_nothing(context)
    served(FakeModel(2))
    outcome = deploy.run(context)
    verdicts = {gate.gate: gate.status for gate in context.judge(outcome.observed)}
    assert verdicts["deploy.canary.latency_ratio"] is Verdict.NO_CHAMPION
    assert verdicts["deploy.canary.prediction_psi"] is Verdict.NO_CHAMPION
    assert verdicts["deploy.canary.success_rate"] is Verdict.PASS
    assert [call[1] for call in registry.calls] == [2]
    assert deployment(context)["previous"] is None
    assert len(traffic(context)) == 300


def test_first_deployment_that_fails_leaves_nothing_serving(context: Context, registry: Registry, served: Any) -> None:
    serves_nothing(context)
    (context.inputs / "champion" / "profile.json").unlink()
    served(FakeModel(2, fail=lambda n: n % 2 == 0))
    deploy.run(context)
    assert registry.calls == []
    assert not (context.outputs / "deployment" / "profile.json").exists()


def test_what_serves_already_is_only_looked_after(context: Context, registry: Registry, served: Any) -> None:
    serves_the_candidate(context)
    registry.error = AssertionError("the registry must not be touched")
    served(FakeModel(2))
    outcome = deploy.run(context)
    assert not any(gate.status.blocks for gate in context.judge(outcome.observed))
    assert deployment(context)["status"] == "unchanged"
    assert len(traffic(context)) == 150
    assert profile(context) == "new"


def test_another_image_of_the_same_model_is_told_to_the_registry(
    context: Context, registry: Registry, served: Any
) -> None:
    serves_the_candidate(context)
    change(context.inputs / "image.json", bundle_digest="another")
    served(FakeModel(2))
    deploy.run(context)
    assert [call[2]["bundle_digest"] for call in registry.calls] == ["another"]
    assert deployment(context)["status"] == "promoted"


def test_what_serves_already_and_is_sick_stops_the_run(context: Context, registry: Registry, served: Any) -> None:
    serves_the_candidate(context)
    served(FakeModel(2, fail=lambda n: n > 50))
    outcome = deploy.run(context)
    assert any(gate.status is Verdict.FAIL for gate in context.judge(outcome.observed))
    assert registry.calls == []


def test_a_registry_that_fails_is_no_promotion(context: Context, registry: Registry, served: Any) -> None:
    registry.error = ServiceError("the store is down")
    served(FakeModel(2), FakeModel(1))
    with pytest.raises(ServiceError):
        deploy.run(context)
    found = deployment(context)
    assert (found["status"], found["reason"]) == ("rolled-back", "the store is down")


def test_a_candidate_that_is_never_ready(context: Context, registry: Registry, served: Any) -> None:
    served(FakeModel(2, ready=False), FakeModel(1))
    report = supervise(context, timeout=20, run=deploy.run)
    assert (report.status, report.exit_code) == (Status.ERROR, Exit.SERVICE)
    assert "not ready within 1 s" in report.message
    assert registry.calls == []
    assert deployment(context)["status"] == "rolled-back"


def smoke(context: Context, text: str) -> None:
    folder = context.project / "tests" / "smoke"
    folder.mkdir(parents=True)
    (folder / "test_smoke.py").write_text(text, encoding="utf-8")


def test_a_failed_smoke_test_is_no_promotion(context: Context, registry: Registry, served: Any) -> None:
    smoke(context, "def test_no():\n    assert 1 == 2\n")
    served(FakeModel(2), FakeModel(1))
    outcome = deploy.run(context)
    assert outcome.observed["deploy.smoke"].value == 1
    assert registry.calls == []
    assert deployment(context)["reason"] == "deploy.smoke"
    # the other gates are measured all the same
    assert outcome.observed["deploy.canary.success_rate"].value == 1


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> dict[int, FakeModel]:
    """Servers that the stage starts itself, by version; notes the bundles in `seen`."""
    models = {1: FakeModel(1), 2: FakeModel(2)}

    @contextmanager
    def serving(bundle: Path, *, log: Path, timeout: float) -> Iterator[str]:
        about = read(bundle / "bundle.json")
        assert digest(bundle / "model") == about["model_digest"]
        assert (bundle / "Dockerfile").exists()
        assert log.is_dir()
        assert timeout == 1
        with models[about["version"]].serving() as url:
            yield url

    module = types.ModuleType("assay.serving.server_process")
    vars(module).update(serving=serving)
    monkeypatch.setitem(sys.modules, "assay.serving.server_process", module)
    return models


def test_starts_both_versions_itself(context: Context, registry: Registry, processes: dict[int, FakeModel]) -> None:
    deploy.run(context)
    assert len(registry.calls) == 1
    assert all(model.asked > 100 for model in processes.values())
    assert traffic(context) == []
    assert not (context.outputs / ".stable").exists()


def test_killed_in_the_middle(context: Context, registry: Registry, served: Any, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    smoke(
        context,
        f"import os, pathlib, time\npathlib.Path({str(pid_file)!r}).write_text(str(os.getppid()))\ntime.sleep(60)\n",
    )
    served(FakeModel(2), FakeModel(1))

    def kill() -> None:
        assert wait_until(lambda: pid_file.exists() and pid_file.read_text(encoding="utf-8") != "")
        os.kill(int(pid_file.read_text(encoding="utf-8")), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    report = supervise(context, timeout=20, run=deploy.run)
    killer.join()
    assert report.status is Status.ERROR
    assert "SIGKILL" in report.message
    assert deployment(context)["status"] == "interrupted"
    assert registry.calls == []
