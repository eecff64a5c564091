from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import small

from assay.errors import ArtifactError, AssayError, ConfigError, GateFailed
from assay.single import stage_context
from assay.stages import register, resolve, rival
from assay.tracking.registry import Registry, store_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assay.context import Context, Outcome


@pytest.fixture
def made(inputs: Path, tmp_path: Path) -> Path:
    return shutil.copytree(inputs, tmp_path / "in")


@pytest.fixture
def context(made: Path, store: Path, tmp_path: Path) -> Callable[[str], Context]:
    small.project(store)
    return lambda stage: stage_context(stage, store, made, tmp_path / "out")


def _with_baseline(project: Path, name: str) -> None:
    toml = project / "pyproject.toml"
    toml.write_text(toml.read_text().replace("[tool.assay.data]", f'[tool.assay.data]\nbaseline = "{name}"'))


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_from_model_to_champion(context: Callable[[str], Context], tmp_path: Path, made: Path) -> None:
    first: Outcome = register.run(context("register"))
    digest = _read(made / "evaluation" / "evaluation.json")["model_digest"]
    registration = {"name": "tiny", "version": 1, "model_digest": digest, "alias": "staging"}
    assert _read(tmp_path / "out" / "registration.json") == registration
    assert (first.message, first.summary) == ("version 1 registered", {"version": 1, "alias": "staging"})
    assert resolve.run(context("resolve")).message == "no model serves yet"
    assert _read(tmp_path / "out" / "champion" / "champion.json") == {
        "name": "tiny",
        "version": None,
        "model_digest": None,
        "image": None,
        "metrics": {},
    }
    image = {"reference": None, "built": False}
    Registry(store_of(context("register").project)).set_champion("tiny", 1, image)
    assert resolve.run(context("resolve")).message == "version 1 serves"
    champion = _read(tmp_path / "out" / "champion" / "champion.json")
    assert (champion["version"], champion["model_digest"], champion["image"]) == (1, digest, image)
    assert champion["metrics"] == {"accuracy": 0.9, "unknown": None, "slice.sex=Female": 0.8}
    names = {path.name for path in (tmp_path / "out" / "champion").iterdir()}
    assert names == {"champion.json", "model", "profile.json", "evaluation.json", "samples.json"}


def test_drift_is_measured_against_the_committed_baseline_until_a_model_serves(
    context: Callable[[str], Context], store: Path, tmp_path: Path, made: Path
) -> None:
    _with_baseline(store, "baseline.json")
    (store / "baseline.json").write_text("the committed profile")
    resolve.run(context("resolve"))
    baseline = tmp_path / "out" / "baseline" / "profile.json"
    assert baseline.read_text() == "the committed profile"
    register.run(context("register"))
    Registry(store_of(store)).set_champion("tiny", 1, None)
    resolve.run(context("resolve"))
    old = (made / "data-report" / "profile.json").read_bytes()
    assert baseline.read_text() == "the committed profile", "the champion's is of another version"
    (store / "pyproject.toml").write_text((store / "pyproject.toml").read_text().replace("baseline =", "#"))
    resolve.run(context("resolve"))
    assert baseline.read_bytes() == old


def test_without_a_baseline_there_is_none(context: Callable[[str], Context], tmp_path: Path) -> None:
    resolve.run(context("resolve"))
    assert list((tmp_path / "out" / "baseline").iterdir()) == []


def test_a_baseline_that_is_not_there_is_explained(context: Callable[[str], Context], store: Path) -> None:
    _with_baseline(store, "gone.json")
    with pytest.raises(ConfigError, match="there is no"):
        resolve.run(context("resolve"))


@pytest.mark.parametrize(
    ("version", "changed", "expected", "told"),
    [
        pytest.param(None, False, None, "no model serves yet", id="nothing-serves"),
        pytest.param(3, False, None, "version 3 is this very model", id="the-same-model-serves"),
        pytest.param(3, True, 3, "version 3 is another model", id="another-model-serves"),
    ],
)
def test_only_another_model_is_a_rival(
    context: Callable[[str], Context],
    made: Path,
    tmp_path: Path,
    version: int | None,
    expected: int | None,
    told: str,
    *,
    changed: bool,
) -> None:
    champion = made / "champion"
    shutil.copytree(made / "model", champion / "model")
    (champion / "champion.json").write_text(json.dumps({"version": version}))
    if changed:
        (champion / "model" / "MLmodel").write_text("another")
    assert rival.run(context("rival")).message == told
    found = _read(tmp_path / "out" / "rival" / "champion.json")["version"]
    assert found == expected
    assert (tmp_path / "out" / "rival" / "model").exists() is (expected is not None)


def test_the_same_model_again_is_the_same_version(context: Callable[[str], Context], tmp_path: Path) -> None:
    register.run(context("register"))
    before = (tmp_path / "out" / "registration.json").read_bytes()
    again = register.run(context("register"))
    assert again.message == "version 1 already has this model"
    assert (tmp_path / "out" / "registration.json").read_bytes() == before


def test_the_run_knows_commit_data_and_packages(
    context: Callable[[str], Context], store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_COMMIT", "abc-dirty")
    register.run(context("register"))
    registry = Registry(store_of(store))
    run = registry._connected.search_runs(["1"])[0].data
    expected = {
        "mlflow.source.git.commit": "abc",
        "assay.dirty": "true",
        "data_fingerprint": "f00d",
        "lock_digest": "10c",
    }
    assert run.tags.items() >= (expected | {"assay.run_id": "by-hand"}).items()
    assert run.params == {"depth": "3"}
    # what could not be measured is left out, not made up
    assert run.metrics == {"loss": 0.1, "accuracy": 0.9, "slice.sex_Female": 0.8}


def test_a_version_is_of_the_commit_that_made_it(
    context: Callable[[str], Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = []
    for commit in ("abc", "def"):
        monkeypatch.setenv("ASSAY_COMMIT", commit)
        register.run(context("register"))
        registration = json.loads(context("register").output("registration").read_text())
        commits.append((registration["version"], registration["commit"]))
    assert commits == [(1, "abc"), (1, "abc")]


def test_the_run_holds_curves_trials_and_the_dataset(
    context: Callable[[str], Context], store: Path, made: Path
) -> None:
    trials = [
        {"number": 0, "params": {"depth": 1}, "value": 0.7, "state": "complete"},
        {"number": 1, "params": {"depth": 2}, "value": None, "state": "failed"},
    ]
    training = {
        "curves": {"validation_loss": [0.9, None, 0.5]},
        "search": {"metric": "auc", "best": {"depth": 1}, "trials": trials},
        "dataset": {"name": "income", "rows": 120, "source": "data/"},
    }
    small.change(made / "training" / "training.json", **training)
    register.run(context("register"))
    client = Registry(store_of(store))._connected
    version = client.get_model_version("tiny", "1")
    run = client.get_run(str(version.run_id))
    curve = client.get_metric_history(run.info.run_id, "validation_loss")
    assert [(point.step, point.value) for point in curve] == [(0, 0.9), (2, 0.5)]
    below = client.search_runs(["1"], f"tags.mlflow.parentRunId = '{run.info.run_id}'", order_by=["params.depth"])
    assert [(trial.info.status, trial.data.metrics) for trial in below] == [("FINISHED", {"auc": 0.7}), ("FAILED", {})]
    used = run.inputs.dataset_inputs[0].dataset
    assert (used.name, used.digest, used.profile) == ("income", "f00d", '{"num_rows": 120}')


def test_a_waiver_is_a_tag_of_run_and_version(
    context: Callable[[str], Context], store: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_COMMIT", "abc-dirty")
    monkeypatch.setenv("ASSAY_IMAGE", "sha256:1")
    register.run(context("register"))
    client = Registry(store_of(store))._connected
    assert not [tag for tag in client.get_model_version("tiny", "1").tags if "waiver" in tag]
    gates = [{"gate": "model.f1", "status": "waived", "message": "why " * 3000}, {"gate": "model.x", "status": "pass"}]
    small.change(made / "evaluation" / "evaluation.json", gates=gates)
    register.run(context("register"))
    waived = {"assay.waiver.model.f1": ("why " * 3000)[:5000]}
    told = {"assay.dirty": "true", "assay.image": "sha256:1"}
    assert client.get_model_version("tiny", "1").tags.items() >= (waived | told).items()
    client.delete_model_version("tiny", "1")
    register.run(context("register"))
    version = client.get_model_version("tiny", "2")
    assert version.tags.items() >= (waived | told).items()
    (run,) = client.search_runs(["1"])
    assert (run.info.run_id, run.data.tags.items() >= (waived | told).items()) == (version.run_id, True)


_FAILED = {"passed": False, "gates": [{"gate": "model.f1", "status": "fail"}, {"gate": "model.x", "status": "pass"}]}


@pytest.mark.parametrize(
    ("file", "values", "error", "expected"),
    [
        pytest.param("evaluation", _FAILED, GateFailed, "did not pass: model.f1$", id="failed"),
        pytest.param("evaluation", {"passed": None}, GateFailed, "did not pass$", id="unknown"),
        pytest.param("evaluation", {"passed": "true"}, GateFailed, "did not pass$", id="text"),
        pytest.param(
            "evaluation", {"model_digest": "0" * 64}, ArtifactError, "evaluation speaks of another", id="other"
        ),
        pytest.param("evaluation", {"model_digest": None}, ArtifactError, "evaluation speaks of another", id="none"),
        pytest.param(
            "training", {"model_digest": "0" * 64}, ArtifactError, "training speaks of another", id="training"
        ),
    ],
)
def test_refuses(
    context: Callable[[str], Context], made: Path, file: str, values: dict[str, Any], error: type, expected: str
) -> None:
    small.change(made / file / f"{file}.json", **values)
    with pytest.raises(error, match=f"(?m){expected}"):
        register.run(context("register"))
    assert Registry(store_of(context("register").project)).champion("tiny") is None


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        pytest.param(lambda i: (i / "model" / "MLmodel").write_text("{}"), "speaks of another model", id="model"),
        pytest.param(lambda i: (i / "data-report" / "profile.json").unlink(), "profile.json missing", id="profile"),
        pytest.param(lambda i: (i / "training" / "training.json").write_text("{"), "cannot be read", id="training"),
        pytest.param(lambda i: shutil.rmtree(i / "evaluation"), '"evaluation" is missing', id="evaluation"),
    ],
)
def test_refuses_damaged_inputs(
    context: Callable[[str], Context], made: Path, damage: Callable[[Path], object], expected: str
) -> None:
    damage(made)
    with pytest.raises(AssayError, match=expected):
        register.run(context("register"))
