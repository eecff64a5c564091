"""A small project for each kind of model, through data-validate, train and model-validate as users have them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from assay import artifacts
from assay.callables import packages
from assay.errors import ProjectError
from assay.models import dataset, learning, modelfolder
from assay.reports import write_json
from assay.serving import model as served
from assay.serving.bundle import make_bundle
from assay.single import stage_context
from assay.stages import data_validate, model_validate, train
from assay.training.fitting import Recipe, apart

if TYPE_CHECKING:
    from assay.callables import Dataset
    from assay.config import Config
    from assay.context import Context
    from assay.gates import Verdict

# about type hints in the signature of a PythonModel's predict
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow.*", "ignore:.*type hint.*:UserWarning")

PROJECTS = Path(__file__).parents[1] / "projects/models"
FEATURES = ["region", "amount", "age"]
# what each needs beside the toolkit, and how its model is written
NEEDS = {
    "xgboost_regression": "xgboost",
    "lightgbm_classes": "lightgbm",
    "catboost_binary": "catboost",
    "pipeline": "lightgbm",
    "python_model": "mlflow",
    "plain_numpy": "numpy",
    "pytorch": "torch",
}


@cache
def orders() -> pd.DataFrame:
    """600 orders of 60 customers in order of time; the first half followed another rule, and is hardly trusted."""
    random, count = np.random.default_rng(7), 600
    old = np.arange(count) < count / 2
    region = random.choice(["north", "south", "east"], count)
    amount, age = random.gamma(3, 20, count).round(2), random.integers(18, 80, count)
    price = 3 * amount + 60 * (region == "south") + age + 60 * old + random.normal(0, 15, count)
    size = amount / 40 + (region == "east") + 0.4 * old + random.normal(0, 0.2, count)
    years = age + 5 * (region == "north") + 6 * old + random.normal(0, 6, count)
    return pd.DataFrame(
        {
            "day": pd.date_range("2024-01-01", periods=count, freq="6h").strftime("%Y-%m-%d %H:%M"),
            "customer": random.integers(0, 60, count),
            "region": pd.Series(region).mask(random.random(count) < 0.05),
            "amount": np.where(random.random(count) < 0.05, np.nan, amount),
            "age": age,
            "trust": np.where(old, 0.05, 1.0),
            "price": price.round(2),
            "channel": np.select([size < 1.2, size < 2], ["shop", "phone"], "web"),
            "returned": np.where(years > 50, "yes", "no"),
        }
    )


@dataclass(frozen=True)
class Ran:
    """A project and what the three stages made of it."""

    root: Path
    library: str
    verdicts: dict[str, Verdict]
    skill: float

    @property
    def project(self) -> Path:
        return self.root / "project"

    @property
    def config(self) -> Config:
        return self.context("train").config

    @property
    def recipe(self) -> Recipe:
        return Recipe(self.config, self.project)

    @property
    def training(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.root / "training/training.json").read_text())
        return found

    def context(self, stage: str, outputs: str = ".") -> Context:
        return stage_context(stage, self.project, self.root, self.root / outputs)

    def rows(self, side: str) -> Dataset:
        folder = "dataset" if side == "train" else "holdout"
        return dataset.read_side(self.root / folder / f"{side}.parquet", self.config.data)

    def model(self) -> Any:
        return modelfolder.load(self.root / "model", packages(self.project))


@pytest.fixture(scope="module", params=NEEDS, ids=str)
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run(request.param, tmp_path_factory.mktemp(request.param))


def run(name: str, root: Path) -> Ran:
    pytest.importorskip(NEEDS[name], reason=f"{NEEDS[name]} is not installed", exc_type=ImportError)
    shutil.copytree(PROJECTS / name, root / "project")
    about = tomllib.loads((root / "project/pyproject.toml").read_text())["tool"]["assay"]["data"]
    beside = [about[key] for key in ("time", "group", "weight", "target") if key in about]
    (root / "project/data").mkdir()
    orders()[[*FEATURES, *beside]].to_csv(root / "project/data/orders.csv", index=False)
    for folder in ("baseline", "rival"):
        (root / folder).mkdir()
    write_json(root / "rival/champion.json", {"version": None})
    verdicts: dict[str, Verdict] = {}
    for stage, module in {"data-validate": data_validate, "train": train, "model-validate": model_validate}.items():
        context = stage_context(stage, root / "project", root, root)
        outcome = module.run(context)
        verdicts |= {gate.gate: gate.status for gate in context.judge(outcome.observed)}
    return Ran(root, NEEDS[name], verdicts, outcome.observed["model.skill"].value or 0)


def only(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("ran", names, ids=names, indirect=True)


def answers(model: Any, x: pd.DataFrame) -> np.ndarray:
    found: np.ndarray = np.asarray(
        (model.predict_proba if hasattr(model, "predict_proba") else model.predict)(x.copy())
    )
    return found


def test_it_passes_every_gate(ran: Ran) -> None:
    assert {gate: status for gate, status in ran.verdicts.items() if status.blocks} == {}
    # 0 is a constant model, 1 a perfect one
    assert ran.skill > 0.25


def test_it_is_written_with_skops_unless_torch_is_in_it(ran: Ran) -> None:
    assert ran.training["serialization"] == ("cloudpickle" if ran.library == "torch" else "skops")


def test_its_library_is_among_the_requirements(ran: Ran) -> None:
    needed = (ran.root / "model/requirements.txt").read_text().splitlines()
    assert ran.library in {line.partition("==")[0] for line in needed}


def test_two_trainings_give_the_same_bytes(ran: Ran) -> None:
    train.run(ran.context("train", "again"))
    for artifact in ("model", "training"):
        assert artifacts.digest(ran.root / "again" / artifact) == artifacts.digest(ran.root / artifact)


def test_the_loaded_model_predicts_the_same_from_json(ran: Ran) -> None:
    samples = json.loads((ran.root / "evaluation/samples.json").read_text())
    frame = modelfolder.coerce(pd.DataFrame(samples["records"], columns=samples["columns"]), ran.root / "model")
    assert len(frame) > 20
    assert ran.model().predict(frame).tolist() == samples["predictions"]
    held = ran.rows("holdout").x
    assert (answers(ran.model(), held) == answers(ran.recipe.fit(ran.rows("train"), ran.config.params), held)).all()


def test_the_server_predicts_the_same(ran: Ran, tmp_path: Path) -> None:
    samples = json.loads((ran.root / "evaluation/samples.json").read_text())
    records = [dict(zip(samples["columns"], record, strict=True)) for record in samples["records"]]
    predictor = served.load(bundle(ran, tmp_path)).predictor
    said = predictor.predict(records)
    exported = ran.library == "lightgbm"
    assert predictor.runtime == ("onnxruntime" if exported else "python")
    assert said["predictions"] == samples["predictions"]
    # another program adds up in another order
    assert said["probabilities"] == (
        pytest.approx(np.array(samples["probabilities"]), abs=1e-12) if exported else samples["probabilities"]
    )


def bundle(ran: Ran, outputs: Path) -> Path:
    registration = {"name": "tiny", "version": 1, "model_digest": ran.training["model_digest"]}
    write_json(ran.root / "registration.json", registration)
    return make_bundle(stage_context("package", ran.project, ran.root, outputs))


@only("python_model")
def test_the_image_holds_what_its_model_needs(ran: Ran, tmp_path: Path) -> None:
    folder = bundle(ran, tmp_path)
    asks = "print(type(load(Path()).predictor.model).__name__)"
    program = f"from pathlib import Path; from assay.serving.model import load; {asks}"
    environment = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, check=False
    )
    assert done.stdout.split() == [b"Pyfunc"], done.stderr.decode()


@only("xgboost_regression", "pipeline", "plain_numpy", "pytorch")
def test_rows_that_weigh_more_are_predicted_better(ran: Ran) -> None:
    learnt, held = ran.rows("train"), ran.rows("holdout")
    assert learnt.weights is not None
    assert held.weights is not None
    alike = ran.recipe.fit(replace(learnt, weights=learnt.weights * 0 + 1), ran.config.params)
    trusted = held.take(held.weights.to_numpy() == 1)
    labels = ran.config.data.task == "classification"
    weighed, unweighed = (
        learning.score(trusted.y.to_numpy(), model.predict(trusted.x), labels=labels) for model in (ran.model(), alike)
    )
    assert weighed > unweighed


@only("xgboost_regression", "pipeline")
def test_early_stopping_stops_early(ran: Ran) -> None:
    model = ran.model()
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    best = getattr(last, "best_iteration_", None) or last.best_iteration
    assert 5 < best < ran.config.params["n_estimators"] / 2
    (watched,) = learning.curves(model).values()
    assert watched[best - 1] < watched[0]
    assert len(watched) < ran.config.params["n_estimators"]


@only("xgboost_regression", "lightgbm_classes", "catboost_binary", "pytorch")
def test_another_seed_is_another_model(ran: Ran) -> None:
    config = replace(ran.config, training=replace(ran.config.training, seed=1))
    held = ran.rows("holdout").x
    other = Recipe(config, ran.project).fit(ran.rows("train"), config.params)
    assert (answers(other, held) != answers(ran.model(), held)).any()


@only("xgboost_regression")
def test_the_holdout_is_newer_than_what_was_learnt_from(ran: Ran) -> None:
    learnt, held = ran.rows("train"), ran.rows("holdout")
    assert (len(learnt), len(held)) == (480, 120)
    assert learnt.times is not None
    assert held.times is not None
    assert learnt.times.max() < held.times.min()
    watched = apart(learnt, ran.config, 0.2)
    assert learnt.times[~watched].max() < learnt.times[watched].min()


@only("lightgbm_classes")
def test_no_group_is_on_both_sides(ran: Ran) -> None:
    learnt, held = ran.rows("train"), ran.rows("holdout")
    assert learnt.groups is not None
    assert held.groups is not None
    assert not set(learnt.groups) & set(held.groups)
    assert {str(label) for label in ran.model().classes_} == {"phone", "shop", "web"}
    assert isinstance(learnt.x["region"].dtype, pd.CategoricalDtype)


@only("xgboost_regression")
def test_labels_that_xgboost_cannot_count_get_a_hint(ran: Ran, tmp_path: Path) -> None:
    shutil.copytree(ran.project / "src", tmp_path / "src")
    (tmp_path / "src/labels.py").write_text(
        "from xgboost import XGBClassifier\n\ndef build(params):\n    return XGBClassifier()\n"
    )
    rows = replace(ran.rows("train"), weights=None)
    texts = replace(rows, x=rows.x[["amount"]], y=(rows.y > 300).map({True: "high", False: "low"}))
    config = replace(ran.config, model="labels:build", training=replace(ran.config.training, early_stopping=0.0))
    with pytest.raises(ProjectError, match="Invalid classes inferred") as caught:
        Recipe(config, tmp_path).fit(texts, {})
    assert "number the labels in `load`" in caught.value.next
