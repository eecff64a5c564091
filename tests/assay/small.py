"""A small model with everything around it: what register, package and the server read."""

from __future__ import annotations

import importlib
import json
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from assay import artifacts
from assay.export.exporting import export
from assay.models import modelfolder, rows, signature
from assay.reports import write_json
from assay.serving.bundle import make_bundle
from assay.single import stage_context

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

TOML = """
[tool.assay]
name = "tiny"
load = "tiny:load"
model = "tiny:build"

[tool.assay.data]
target = "y"
positive = "rich"
"""
SLOW = """
import time
from sklearn.base import BaseEstimator

class Slow(BaseEstimator):
    def fit(self, x, y):
        self.fitted_ = True
        return self

    def predict(self, x):
        if (x["x"] == 13).any():
            raise RuntimeError("secret of the model")
        print("asked", flush=True)
        time.sleep(float(x["x"].max()) / 10)
        return x["x"].to_numpy() * 2
"""


def frame(count: int) -> pd.DataFrame:
    """Rows with a whole number, a number that may be missing, categories of texts and of numbers, a truth value."""
    random = np.random.default_rng(0)
    hours = random.uniform(20, 60, count).round(2)
    return pd.DataFrame(
        {
            "age": random.integers(18, 80, count),
            "hours": hours,
            "pay-rate": np.where(random.random(count) < 0.2, np.nan, hours * 2),
            "job": pd.Categorical(random.choice(["smith", "baker", "clerk"], count)),
            "level": pd.Categorical(random.choice([1, 2, 3], count)),
            "married": random.random(count) < 0.5,
        }
    )


def project(folder: Path, module: str = "") -> Path:
    """A project's folder, with the module `slowpoke` where its text is given."""
    (folder / "src").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(TOML, encoding="utf-8")
    (folder / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    if module:
        (folder / "src" / "slowpoke.py").write_text(textwrap.dedent(module), encoding="utf-8")
    return folder


def slow_model(folder: Path) -> tuple[Any, pd.DataFrame]:
    """The project's own estimator, fitted, and rows for it."""
    sys.path.insert(0, str(folder / "src"))
    rows_ = pd.DataFrame({"x": [0.0, 0.1]})
    model = importlib.import_module("slowpoke").Slow().fit(rows_, None)
    return model, rows_


def write_inputs(folder: Path, model: Any, x: pd.DataFrame, packages: Collection[str] = ()) -> Path:
    """The artifacts of data-validate, train, model-validate and register for `model`."""
    predictions = model.predict(x)
    modelfolder.save(model, folder / "model", example=x, predictions=predictions, packages=packages)
    model_digest = artifacts.digest(folder / "model")
    shares = model.predict_proba(x) if hasattr(model, "predict_proba") else None
    samples = {"columns": list(x.columns), "records": rows.records(x), "predictions": predictions.tolist()}
    samples["probabilities"] = None if shares is None else shares.tolist()
    samples["labels"] = None if shares is None else list(model.classes_)
    metrics = {"accuracy": 0.9, "unknown": None, "slice.sex=Female": 0.8}
    evaluation = {"passed": True, "model_digest": model_digest, "data_fingerprint": "f00d", "metrics": metrics}
    training = {"params": {"depth": 3}, "metrics": {"loss": 0.1}, "tags": {"lock_digest": "10c"}}
    _write(folder / "evaluation" / "evaluation.json", evaluation | {"gates": [], "rows": len(x)})
    _write(folder / "evaluation" / "samples.json", samples)
    _write(folder / "training" / "training.json", training | {"model_digest": model_digest})
    _write(folder / "data-report" / "profile.json", {"columns": {}})
    registration = {"name": "tiny", "version": 3, "model_digest": model_digest, "alias": "staging"}
    _write(folder / "registration.json", registration)
    return folder


def export_into(inputs: Path, content: bytes | None = None) -> Path:
    """Have model-validate's export of the model, or `content` in place of it, among the artifacts."""
    columns = signature.columns(inputs / "model")
    written = content or export(modelfolder.load(inputs / "model"), columns, frame(120)).model
    assert written
    file = inputs / "evaluation" / signature.EXPORTED
    file.write_bytes(written)
    change(file.with_name("evaluation.json"), onnx={"digest": artifacts.file_digest(file), "why": ""})
    return inputs


def bundle_of(inputs: Path, root: Path, project_: Path | None = None) -> Path:
    """The bundle that package makes of `inputs`."""
    return make_bundle(stage_context("package", project_ or project(root / "project"), inputs, root / "out"))


def change(path: Path, **values: object) -> None:
    """Set keys in a JSON file."""
    write_json(path, json.loads(path.read_text(encoding="utf-8")) | values)


def _write(path: Path, data: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, data)
