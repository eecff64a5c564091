from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trackkit
from helpers import context

import assay
from assay.callables import user_code
from assay.context import Outcome
from assay.errors import ProjectError, ServiceError
from assay.pipeline import GRAPH
from assay.supervisor import CLEAN_UP_LOG, supervise
from assay.tracking.entities import Dataset
from assay.tracking.live import Training, live

if TYPE_CHECKING:
    from mlflow.tracking.client import MlflowClient

    from assay.context import Context


pytest_plugins = ("trackfixtures",)
TRAINING = Training(
    name="tiny",
    params={"depth": 3, "long": "x" * 9000},
    tags={"data_fingerprint": "f00d" * 16},
    dataset=Dataset(name="income", digest="f00d" * 16, rows=120, source="data/"),
)
_ERROR = b'{"error_code": "INTERNAL_ERROR", "message": "database or disk is full"}'
USERS = """
def train(values):
    import mlflow
    for step, value in enumerate(values):
        mlflow.log_metric("loss", value, step)
"""


@pytest.fixture
def users(tmp_path: Path) -> Path:
    """A project's folder whose code logs with MLflow's own functions."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "theirs.py").write_text(USERS)
    return tmp_path / "project"


def _train(project: Path, values: list[float]) -> None:
    space: dict[str, Any] = {}
    exec(compile((project / "theirs.py").read_text(), str(project / "theirs.py"), "exec"), space)  # noqa: S102
    with user_code("model.fit", project):
        space["train"](values)


def _model(folder: Path) -> Path:
    (folder / "model").mkdir()
    (folder / "model" / "MLmodel").write_text("a model")
    return folder / "model"


@pytest.mark.usefixtures("way")
def test_a_training_is_logged_while_it_goes_on(
    client: MlflowClient, users: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_COMMIT", "abc-dirty")
    address = os.environ["MLFLOW_TRACKING_URI"]
    with live(TRAINING, "run-1") as run:
        assert run is not None
        _train(users, [0.9, 0.5])
        now = client.get_run(run.run_id)
        assert (now.info.status, now.data.metrics, now.data.params["depth"]) == ("RUNNING", {"loss": 0.5}, "3")
        run.metrics({"fold": 0.7, "missing": float("nan")}, step=4)
        files = {"model": _model(tmp_path)}
        run.finish(model_digest="d1", metrics={"train_accuracy": 0.9}, curves={"lr": [0.1, 0.2]}, folders=files)
    assert "MLFLOW_RUN_ID" not in os.environ
    assert os.environ["MLFLOW_TRACKING_URI"] == address
    done = client.get_run(run.run_id)
    assert done.info.status == "FINISHED"
    assert done.data.metrics == {"loss": 0.5, "fold": 0.7, "train_accuracy": 0.9, "lr": 0.2}
    assert [(m.step, m.value) for m in client.get_metric_history(run.run_id, "loss")] == [(0, 0.9), (1, 0.5)]
    tags = {"mlflow.source.git.commit": "abc", "assay.dirty": "true", "assay.run_id": "run-1", "model_digest": "d1"}
    assert done.data.tags.items() >= (tags | dict(TRAINING.tags)).items()
    assert [file.path for file in client.list_artifacts(run.run_id, "model")] == ["model/MLmodel"]
    (used,) = done.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("income", ("f00d" * 16)[:36])
    assert json.loads(used.dataset.profile) == {"num_rows": 120}


@pytest.mark.usefixtures("way")
def test_trials_are_runs_below_it(client: MlflowClient) -> None:
    with live(TRAINING, "run-2") as run:
        assert run is not None
        run.child(0, {"depth": 1}, {"accuracy": 0.8})
        run.child(1, {"depth": 2}, {}, failed=True)
    below = trackkit.runs(client, f"tags.mlflow.parentRunId = '{run.run_id}'")
    found = {child.info.run_name: (child.info.status, child.data.params, child.data.metrics) for child in below}
    assert found == {
        "trial 0": ("FINISHED", {"depth": "1"}, {"accuracy": 0.8}),
        "trial 1": ("FAILED", {"depth": "2"}, {}),
    }


@pytest.mark.usefixtures("way")
def test_a_training_that_raises_is_a_failed_run(client: MlflowClient, users: Path) -> None:
    (users / "theirs.py").write_text("def train(values):\n    import mlflow; mlflow.log_metric('x', 1); 1 / 0\n")
    with pytest.raises(ProjectError, match="ZeroDivisionError"), live(TRAINING, "run-3") as run:
        _train(users, [])
    assert run is not None
    assert client.get_run(run.run_id).info.status == "FAILED"
    assert "MLFLOW_RUN_ID" not in os.environ


@pytest.mark.usefixtures("way")
def test_a_training_that_is_killed_is_a_killed_run(client: MlflowClient, tmp_path: Path) -> None:
    def dies(context: Context) -> Outcome:
        with live(TRAINING, context.run_id):
            os.kill(os.getpid(), signal.SIGKILL)
        return Outcome()

    train = replace(context(tmp_path), stage=GRAPH.stage("train"), artifacts=GRAPH.by_artifact, run_id="run-8")
    with live(TRAINING, "run-9") as other:
        report = supervise(train, timeout=60, run=dies)
        assert other is not None
        assert client.get_run(other.run_id).info.status == "RUNNING"
    (killed,) = trackkit.runs(client, "tags.`assay.run_id` = 'run-8'")
    assert (killed.info.status, report.exit_code) == ("KILLED", 4)
    assert f"ended as KILLED: run {killed.info.run_id} on" in (train.outputs / CLEAN_UP_LOG).read_text()


@pytest.mark.parametrize(
    ("status", "body", "advice"),
    [
        pytest.param(
            401,
            b"You are not authenticated",
            "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
            id="credentials",
        ),
        pytest.param(
            403, b"Permission denied", "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD", id="forbidden"
        ),
        pytest.param(500, _ERROR, "the server is in trouble: look at its log", id="broken"),
        pytest.param(507, b"Insufficient storage", "the server is in trouble: look at its log", id="full"),
        pytest.param(0, b"", "check that the server runs", id="down"),
    ],
)
def test_no_training_starts_without_the_server(
    way: trackkit.Way, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, advice: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", way.url.replace("://", "://user:hunter2%21@"))
    way.status, way.body = status, body
    if not status:
        way.cut()
    reached = False
    with pytest.raises(ServiceError, match=advice) as caught, live(TRAINING, "run-4"):
        reached = True
    assert not reached
    assert "hunter2" not in str(caught.value)
    assert status == 0 or "Basic dXNlcjpodW50ZXIyIQ==" in way.credentials


@pytest.mark.parametrize("how", ["cut", "deleted", "broken"])
@pytest.mark.parametrize("who", ["the-project", "the-end"])
def test_a_server_lost_in_the_middle(
    way: trackkit.Way, client: MlflowClient, users: Path, tmp_path: Path, how: str, who: str
) -> None:
    advice = {"cut": "(?s): no answer.*check that", "deleted": "restore it in MLflow", "broken": "is in trouble"}[how]
    lose = {"cut": lambda _: way.cut(), "deleted": client.delete_run, "broken": lambda _: setattr(way, "status", 500)}
    model = _model(tmp_path)

    def train() -> None:
        with live(TRAINING, "run-5") as run:
            assert run is not None
            lose[how](run.run_id)
            if who == "the-project":
                _train(users, [0.1])
            run.finish(model_digest="lost", metrics={"a": 1}, curves={}, folders={"model": model})

    with pytest.raises(ServiceError, match=advice) as caught:
        train()
    assert ("the model lies in the stage's output folder" in str(caught.value)) is (who == "the-end")
    assert trackkit.runs(client, "tags.model_digest = 'lost'") == []


def test_a_lost_server_hides_no_mistake_of_the_project(way: trackkit.Way, users: Path) -> None:
    (users / "theirs.py").write_text("def train(values):\n    1 / 0\n")

    def train() -> None:
        with live(TRAINING, "run-6"):
            way.cut()
            _train(users, [])

    with pytest.raises(ProjectError, match="ZeroDivisionError"):
        train()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param("mlflow.log_metric('a//b', 1)", "RestException: INVALID_PARAMETER_VALUE", id="name"),
        pytest.param(
            "mlflow.set_experiment('mine'); mlflow.log_metric('a', 1)", "leave out mlflow.set_experiment", id="place"
        ),
    ],
)
@pytest.mark.usefixtures("way")
def test_a_mistake_with_mlflow_stays_the_projects(
    users: Path, code: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlflow.tracking.fluent._active_experiment_id", None)
    (users / "theirs.py").write_text(f"def train(values):\n    import mlflow; {code}\n")
    with pytest.raises(ProjectError, match=expected), live(TRAINING, "run-7"):
        _train(users, [])


_ALONE = """
import sys, time
from pathlib import Path
from assay.tracking.live import Training, live
start = time.monotonic()
with live(Training(name="tiny"), "run") as run:
    print(run, "mlflow" in sys.modules, time.monotonic() - start < 0.5)
    import mlflow
    mlflow.log_metric("loss", 0.5, 1)
    mlflow.log_text("text", "a/b.txt")
print(mlflow.active_run())
"""


@pytest.mark.parametrize("given", [{}, {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}], ids=["nothing", "sqlite"])
def test_without_a_server_nothing_is_imported_and_nothing_left_behind(given: dict[str, str], tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW")}
    (tmp_path / "tmp").mkdir()
    places = {"PYTHONPATH": str(Path(assay.__file__).parents[1]), "TMPDIR": str(tmp_path / "tmp")}
    argv = [sys.executable, "-W", "error::ResourceWarning", "-c", textwrap.dedent(_ALONE)]
    run = subprocess.run(argv, env=kept | given | places, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "None False True\nNone\n"), run.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["tmp"]


def test_a_store_that_is_neither_is_left_to_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks")
    with live(TRAINING, "run") as run:
        assert (run, os.environ["MLFLOW_TRACKING_URI"]) == (None, "databricks")


def test_logging_costs_little(way: trackkit.Way) -> None:
    with live(TRAINING, "run-8") as run:
        assert run is not None
        way.seen.clear()
        start = time.monotonic()
        run.metrics({f"m{n}": n for n in range(2500)})
        assert (len(way.seen), time.monotonic() - start < 20) == (3, True)
