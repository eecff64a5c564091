"""Train: what is fitted and written, the same bytes every time, and how a model that breaks the contract ends."""

from __future__ import annotations

import contextlib
import json
import random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from modelkit import kit, rows
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline

from assay import artifacts
from assay.errors import ArtifactError, ProjectError
from assay.models import dataset, learning, modelfolder, signature
from assay.stages import train
from assay.training.fitting import Recipe

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from assay.context import Context

BUILD = """
import random
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

class Wrong(BaseEstimator):
    answer = None
    def __init__(self, kind=""):
        self.kind = kind
    def fit(self, x, y):
        if self.kind == "fit raises": raise ValueError("cannot learn this")
        if self.kind == "exits": raise SystemExit(3)
        self.seen_ = list(x.columns)
        return None if self.kind == "fit gives nothing" else self
    def predict(self, x):
        if self.kind == "predict raises": raise ValueError("cannot say")
        if self.kind == "short": return np.zeros(3)
        if self.kind == "strange": return np.array(["maybe"] * len(x))
        return np.array(["yes"] * len(x), dtype=object)

def build(params):
    kind = params.get("kind")
    if kind == "build raises": raise RuntimeError("no model today")
    if kind == "dictionary": return {"fit": 1}
    if kind == "none": return None
    if kind == "no predict": return type("Half", (), {"fit": lambda self, x, y: self})()
    return Wrong(kind or "")

class Lucky(BaseEstimator):
    def fit(self, x, y):
        self.number_ = float(np.random.random()) + random.random()
        return self
    def predict(self, x):
        return np.array(["yes"] * len(x), dtype=object)

def lucky(params):
    return Lucky()

class Nan(BaseEstimator):
    def fit(self, x, y):
        return self
    def predict(self, x):
        return np.full(len(x), np.nan)

def nan(params):
    return Nan()
"""


def _project(root: Path, build: str = "build", **options: str) -> Context:
    made = kit(root, build=build, **options)  # type: ignore[arg-type]
    (made.project / "src" / f"{made.module}.py").write_text(BUILD, encoding="utf-8")
    return made.context("train")


def test_it_writes_model_and_training(tmp_path: Path) -> None:
    context = kit(tmp_path, rest='[tool.assay.params]\nkind = "good"').context("train")
    outcome = train.run(context)
    model = context.output("model")
    report = json.loads((context.output("training") / "training.json").read_text())
    assert report["params"] == {"kind": "good"}
    assert report["tags"]["data_fingerprint"] == "f" * 64
    assert len(report["tags"]["lock_digest"]) == 64
    assert report["model_digest"] == artifacts.digest(model)
    assert 0.8 < report["metrics"]["train_accuracy"] < 1
    assert report["serialization"] == "skops"
    assert outcome.summary["metrics"] == report["metrics"]
    assert list(signature.columns(model)) == ["a", "n", "sex", "job"]


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    made = kit(tmp_path)
    for name in ("one", "two"):
        train.run(made.context("train", name))
    assert artifacts.digest(tmp_path / "one") == artifacts.digest(tmp_path / "two")


def test_the_global_generators_are_seeded(tmp_path: Path) -> None:
    context = _project(tmp_path, "lucky")
    rows_ = dataset.read_side(context.input("dataset") / "train.parquet", context.config.data)
    recipe = Recipe(context.config, context.project)
    first = recipe.fit(rows_, {}).number_
    random.random()  # noqa: S311
    assert recipe.fit(rows_, {}).number_ == first


def test_the_data_is_not_changed_by_a_model_that_changes_it(tmp_path: Path) -> None:
    context = kit(tmp_path, rest='[tool.assay.params]\nkind = "mutates"').context("train")
    train.run(context)
    columns = modelfolder.coerce(rows().drop(columns="y"), context.output("model"))
    assert columns["a"].abs().sum() > 0


def test_a_model_without_curves_is_logged_to_a_server_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Path]] = []

    class Run:
        def params(self, params: dict[str, object]) -> None:
            assert params == {}

        def finish(self, *, folders: dict[str, Path], **_: object) -> None:
            seen.append(folders)

    monkeypatch.setattr("assay.tracking.live.live", lambda *_: contextlib.nullcontext(Run()))
    train.run(kit(tmp_path).context("train"))
    assert [list(folders) for folders in seen] == [["model"]], "there are no plots, so none are promised"
    assert seen[0]["model"].is_dir()


LOGGING = """
import mlflow
from sklearn.dummy import DummyClassifier

def train(dataset, params):
    for step, loss in enumerate([0.9, 0.5, 0.4]):
        mlflow.log_metric("loss", loss, step)
    return DummyClassifier().fit(dataset.x, dataset.y)
"""


def test_what_the_project_logs_itself_is_not_lost_without_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "77")
    made = kit(tmp_path, build="train")
    toml = made.project / "pyproject.toml"
    toml.write_text(toml.read_text().replace("\nmodel =", "\ntrain ="))
    (made.project / "src" / f"{made.module}.py").write_text(LOGGING, encoding="utf-8")
    context = made.context("train")
    train.run(context)
    report = json.loads((context.output("training") / "training.json").read_text())
    assert report["curves"] == {"loss": [0.9, 0.5, 0.4]}
    assert (context.output("training") / "plots" / "learning-curve.png").exists()
    assert sorted(path.name for path in made.project.iterdir()) == ["pyproject.toml", "src"]


def test_a_regression_is_measured_by_r_squared(tmp_path: Path) -> None:
    context = kit(tmp_path, task="regression", build="build_level", data="").context("train")
    assert train.run(context).summary["metrics"]["train_r2"] > 0.5


BROKEN = {
    "build raises": "model raised RuntimeError: no model today",
    "dictionary": "it gave dict, which has no fit and no predict",
    "none": "it gave NoneType, which has no fit and no predict",
    "no predict": "it gave Half, which has no predict",
    "fit raises": "model.fit raised ValueError: cannot learn this",
    "exits": "model.fit raised SystemExit: 3",
    "predict raises": "model.predict raised ValueError: cannot say",
    "short": r"shape \(3,\) for 300 rows",
    "strange": "labels that are not in the data: maybe",
}


@pytest.mark.parametrize(("kind", "message"), BROKEN.items(), ids=BROKEN)
def test_a_broken_contract_is_the_projects_error(kind: str, message: str, tmp_path: Path) -> None:
    context = _project(tmp_path, rest=f'[tool.assay.params]\nkind = "{kind}"')
    with pytest.raises(ProjectError, match=message) as caught:
        train.run(context)
    assert caught.value.exit_code == 4
    assert not (context.outputs / "model").exists() or not list((context.outputs / "model").iterdir())


def test_the_traceback_shows_only_the_projects_frames(tmp_path: Path) -> None:
    context = _project(tmp_path, rest='[tool.assay.params]\nkind = "fit raises"')
    with pytest.raises(ProjectError) as caught:
        train.run(context)
    assert "in fit" in caught.value.trace
    assert "assay" not in caught.value.trace


def test_fit_need_not_give_the_model_back(tmp_path: Path) -> None:
    context = _project(tmp_path, rest='[tool.assay.params]\nkind = "fit gives nothing"')
    train.run(context)
    assert (context.output("model") / "MLmodel").exists()


def test_numbers_must_be_finite(tmp_path: Path) -> None:
    context = _project(tmp_path, "nan", task="regression", data="")
    with pytest.raises(ProjectError, match="NaN, infinity or nothing for 300 of 300 rows"):
        train.run(context)


def _gap(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(y=frame["y"].where(frame.index > 1))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (_gap(rows()), '2 of 300 train rows have no value in the target "y"'),
        (rows().rename(columns={"y": "yy"}), 'no column "y"'),
        (rows().iloc[:0], "there are no train rows"),
    ],
    ids=["gap in the target", "no target", "no rows"],
)
def test_a_dataset_that_cannot_be_used(frame: pd.DataFrame, message: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=message):
        train.run(kit(tmp_path, frame=frame).context("train"))


@pytest.mark.parametrize("name", ["train.parquet", "dataset.json"])
def test_a_damaged_dataset_names_the_file(name: str, tmp_path: Path) -> None:
    context = kit(tmp_path).context("train")
    (context.input("dataset") / name).write_bytes(b"nothing")
    with pytest.raises(ArtifactError) as caught:
        train.run(context)
    assert caught.value.where.endswith(name)


def test_importance_finds_the_column_that_decides() -> None:
    frame = rows("regression")
    x, y = frame[["a", "n"]], frame["y"]
    found = learning.importance(LinearRegression().fit(x, y), x, y, labels=False)
    assert list(found) == ["a", "n"]
    assert found["a"] > 0.5
    assert abs(found["n"]) < 0.05


def test_curves_of_the_last_step_are_found() -> None:
    frame = rows()
    network = MLPClassifier((2,), max_iter=5, random_state=0, early_stopping=True, n_iter_no_change=9)
    with pytest.warns(UserWarning, match="converged"):
        model = make_pipeline(network).fit(frame[["a"]], frame["y"])
    found = learning.curves(model)
    assert sorted(found) == ["loss curve", "validation scores"]
    assert len(found["loss curve"]) == 5


def test_there_are_no_curves_of_a_model_that_kept_none() -> None:
    assert learning.curves(LinearRegression()) == {}


def test_a_target_that_does_not_vary_scores_zero() -> None:
    assert learning.score(np.ones(3), np.ones(3), labels=False) == 0.0
