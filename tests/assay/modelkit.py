"""A tiny project with a model that can misbehave, its dataset, and the contexts of train and model-validate."""

from __future__ import annotations

import importlib
import itertools
import json
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from assay.callables import add_to_path, packages
from assay.context import Context
from assay.models import modelfolder
from assay.pipeline import GRAPH
from assay.project import load_project
from assay.reports import write_json

if TYPE_CHECKING:
    from pathlib import Path

_COUNTER = itertools.count()

FRAME = pd.DataFrame(
    {
        "number": [1, 2, 3, 4, 5, 6, 7, 8],
        "real": [0.1, None, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
        "text": ["a", "b", None, "d", "e", "f", "g", "h"],
        "truth": [True, False] * 4,
        "day": pd.date_range("2024-01-01", periods=8),
        "kind": pd.Categorical(["x", "y"] * 4, categories=["y", "x", "unused"]),
        "grade": pd.Categorical([1, 2] * 4, categories=[3, 2, 1], ordered=True),
        "maybe": pd.array([1, None] * 4, dtype="Int64"),
    }
)
LABELS = np.array(["no", "yes"] * 4)

MODULE = """
import numpy as np
from sklearn.base import BaseEstimator

class Odd(BaseEstimator):
    def __init__(self, kind="good"):
        self.kind = kind

    def fit(self, x, y):
        self.classes_ = np.array(["no", "yes"], dtype=object)
        return self

    def predict(self, x):
        a = x["a"].to_numpy()
        said = np.where(a > 0, "yes", "no").astype(object)
        if self.kind == "missing": said[0] = None
        if self.kind == "constant": said[:] = "no"
        if self.kind == "short": said = said[:-1]
        if self.kind == "strange": said[0] = "maybe"
        if self.kind == "two-dimensional": said = said[:, None]
        if self.kind == "mutates": x["a"] = 0.0
        if self.kind == "raises": raise KeyError("no such thing")
        if self.kind == "random": said = np.random.default_rng().choice(["yes", "no"], len(x)).astype(object)
        if self.kind == "batch": said = np.where(a > a.mean(), "yes", "no").astype(object)
        return said

    def predict_proba(self, x):
        p = 1 / (1 + np.exp(-x["a"].to_numpy()))
        if self.kind == "half": p = p / 2
        if self.kind == "nan probabilities": p = p * np.nan
        if self.kind == "negative": p = p - 1
        if self.kind == "three columns": return np.stack([1 - p, p, p], axis=1)
        return np.stack([1 - p, p], axis=1) if self.kind != "half" else np.stack([p, p], axis=1)

class Level(BaseEstimator):
    def fit(self, x, y):
        self.scale_ = float(y.mean()) if len(y) else 0.0
        return self

    def predict(self, x):
        return x["a"].to_numpy() * 2

def build(params):
    return Odd(**params)

def build_level(params):
    return Level()

def good_metrics(model, x, y):
    return {"agreement": float((model.predict(x) == y).mean()), "constant": 1}

def nan_metric(model, x, y):
    return {"agreement": float("nan")}

def text_metric(model, x, y):
    return {"agreement": "good"}

def list_metric(model, x, y):
    return [1.0]

def raising_metric(model, x, y):
    return 1 / 0
"""

TOML = """
[tool.assay]
name = "tiny"
load = "{module}:load"
model = "{module}:{build}"
{top}
[tool.assay.data]
target = "y"
task = "{task}"
sensitive = ["sex"]
{data}
{rest}
"""


@dataclass(frozen=True)
class Kit:
    """A project and the folder of a run."""

    root: Path
    module: str

    @property
    def project(self) -> Path:
        return self.root / "project"

    def estimator(self, name: str = "Odd", **params: Any) -> Any:
        add_to_path(self.project)
        return getattr(importlib.import_module(self.module), name)(**params)

    def context(self, stage: str, outputs: str = "out") -> Context:
        found = GRAPH.stage(stage)
        loaded = load_project(self.project)
        return Context(
            stage=found,
            config=loaded.config,
            project=self.project,
            inputs=self.root / "in",
            outputs=self.root / outputs,
            run_id="run-1",
            limits=loaded.limits[stage],
        )

    def save(self, model: Any, folder: str = "in/model") -> Path:
        x, y = self.side("train")
        modelfolder.save(
            model, self.root / folder, example=x, predictions=np.asarray(y), packages=packages(self.project)
        )
        return self.root / folder

    def side(self, name: str) -> tuple[pd.DataFrame, pd.Series]:
        folder = "dataset" if name == "train" else "holdout"
        frame = pd.read_parquet(self.root / "in" / folder / f"{name}.parquet")
        return frame.drop(columns="y"), frame["y"]


def kit(
    root: Path,
    *,
    top: str = "",
    data: str = 'positive = "yes"',
    rest: str = "",
    task: str = "classification",
    build: str = "build",
    frame: pd.DataFrame | None = None,
) -> Kit:
    """A project, a dataset of 400 rows (300 to learn from) and no champion."""
    made = Kit(root, f"kit{next(_COUNTER)}")
    (made.project / "src").mkdir(parents=True)
    (made.project / "src" / f"{made.module}.py").write_text(textwrap.dedent(MODULE), encoding="utf-8")
    text = TOML.format(
        module=made.module, build=build, task=task, top=top.format(module=made.module), data=data, rest=rest
    )
    (made.project / "pyproject.toml").write_text(text, encoding="utf-8")
    write_dataset(root / "in", rows(task) if frame is None else frame)
    champion(root, None)
    return made


def rows(task: str = "classification", count: int = 400) -> pd.DataFrame:
    """`a` decides about `y`, with some noise; `sex` has a tiny third group; `job` has an unused category."""
    random = np.random.default_rng(0)
    a = random.normal(size=count)
    noisy = a + random.normal(scale=0.5, size=count)
    sex = np.where(random.random(count) < 0.6, "f", "m")
    sex[-3:] = "x"
    return pd.DataFrame(
        {
            "a": a,
            "n": random.integers(0, 9, count),
            "sex": sex,
            "job": pd.Categorical(random.choice(["smith", "baker"], count), categories=["baker", "smith", "never"]),
            "y": np.where(noisy > 0, "yes", "no") if task == "classification" else 2 * noisy,
        }
    )


def write_dataset(folder: Path, frame: pd.DataFrame) -> None:
    """The artifacts `dataset` and `holdout`, the last quarter of the rows; and a training.json."""
    for name in ("dataset", "holdout", "training"):
        (folder / name).mkdir(parents=True)
    cut = len(frame) * 3 // 4
    frame.iloc[:cut].to_parquet(folder / "dataset" / "train.parquet", index=False)
    frame.iloc[cut:].reset_index(drop=True).to_parquet(folder / "holdout" / "holdout.parquet", index=False)
    write_json(folder / "training" / "training.json", {"params": {}, "metrics": {}, "seed": 0, "tags": {}})
    columns = {name: str(kind) for name, kind in frame.dtypes.items()}
    counts = {"train": cut, "holdout": len(frame) - cut}
    write_json(
        folder / "dataset" / "dataset.json",
        {"fingerprint": "f" * 64, "rows": counts, "columns": columns, "target": "y"},
    )


def champion(root: Path, version: int | None) -> Path:
    """champion.json of `version`; the caller puts the model beside it."""
    folder = root / "in" / "rival"
    folder.mkdir(parents=True, exist_ok=True)
    facts: dict[str, Any] = {"name": "tiny", "version": version, "model_digest": None, "image": None, "metrics": {}}
    (folder / "champion.json").write_text(json.dumps(facts), encoding="utf-8")
    return folder
