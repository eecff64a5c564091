"""Stage train: build and fit the project's model, check its contract, write it as an MLflow model folder."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np

from assay import artifacts
from assay.cache import toolkit_file
from assay.callables import packages, resolve, user_code
from assay.context import Context, Outcome
from assay.errors import ProjectError
from assay.models import dataset, learning, modelfolder
from assay.reports import write_json

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

_CLASSIFICATION = "classification"


def run(context: Context) -> Outcome:
    """Fit the model and write the artifacts model and training."""
    data = context.config.data
    labels = data.task == _CLASSIFICATION
    facts = dataset.facts(context.input("dataset"))
    x, y = dataset.read_side(context.input("dataset"), "train", data.target)
    model = fit(context, x, y)
    predictions = _predict(context, model, x, y, labels=labels)
    metrics = _metrics(np.asarray(y), predictions, labels=labels)
    folder = context.output("model")
    why = modelfolder.save(model, folder, example=x, predictions=predictions, packages=packages(context.project))
    if why:
        print(f"written with cloudpickle, which runs any code in the file when it is loaded, because of {why}")
    found = _plots(context, model, x, y, labels=labels)
    written = {
        "model_digest": artifacts.digest(folder),
        "estimator": learning.name_of(model),
        "serialization": modelfolder.serialization(folder),
        "probabilities": hasattr(model, "predict_proba"),
    }
    lock = toolkit_file(f"requirements/{context.stage.requirements}.lock")
    tags = {"data_fingerprint": facts["fingerprint"], "lock_digest": artifacts.digest(lock) if lock.exists() else ""}
    report = {"params": context.config.params, "metrics": metrics, "tags": tags, "importance": found, **written}
    write_json(context.output("training") / "training.json", report)
    told = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
    message = f"{learning.name_of(model)} on {len(x)} rows and {x.shape[1]} columns: {told} on the rows it learned from"
    print(message)
    return Outcome(message=message, summary={"metrics": metrics, **written, "params": context.config.params})


def fit(context: Context, x: pd.DataFrame, y: pd.Series) -> Any:  # noqa: ANN401 - any estimator
    """The project's model, built and fitted with the same random numbers every time.

    Raises:
        ProjectError: The project's code raised, or what it built is no estimator.
    """
    build = resolve(context.config.model, context.project, "model")
    random.seed(0)
    # the project's code may draw from the global generator, and only a fixed seed makes it the same each time
    np.random.seed(0)  # noqa: NPY002
    with user_code("model", context.project):
        model = build(dict(context.config.params))
    missing = [name for name in ("fit", "predict") if not callable(getattr(model, name, None))]
    if missing:
        what = f"it gave {type(model).__name__}, which has no {' and no '.join(missing)}"
        where = f'pyproject.toml tool.assay.model = "{context.config.model}"'
        raise ProjectError(what, where, "an estimator with fit and predict")
    with user_code("model.fit", context.project):
        fitted = model.fit(x.copy(), y.copy())
    return fitted if callable(getattr(fitted, "predict", None)) else model


def _predict(context: Context, model: Any, x: pd.DataFrame, y: pd.Series, *, labels: bool) -> np.ndarray:  # noqa: ANN401
    with user_code("model.predict", context.project):
        predictions = np.asarray(model.predict(x.copy()))
    where = f"model.predict of {learning.name_of(model)}"
    if predictions.shape != (len(y),):
        raise ProjectError(f"shape {predictions.shape} for {len(y)} rows", where, f"shape ({len(y)},)")
    if labels:
        strange = sorted({str(label) for label in set(predictions.tolist()) - set(y.unique().tolist())})
        wrong = f"labels that are not in the data: {', '.join(strange[:3])}" if strange else ""
    else:
        finite = predictions.dtype.kind in "fiu" and bool(np.isfinite(predictions).all())
        wrong = "" if finite else "values that are no finite numbers"
    if wrong:
        raise ProjectError(wrong, where, "labels of the training rows" if labels else "finite numbers")
    return predictions


def _metrics(true: np.ndarray, predictions: np.ndarray, *, labels: bool) -> dict[str, float]:
    return {"train_accuracy" if labels else "train_r2": learning.score(true, predictions, labels=labels)}


def _plots(context: Context, model: Any, x: pd.DataFrame, y: pd.Series, *, labels: bool) -> dict[str, float]:  # noqa: ANN401
    plots: Path = context.output("training") / "plots"
    with user_code("model.predict", context.project):
        found = learning.importance(model, x, y, labels=labels)
    learning.plot_importance(found, plots / "importance.png", labels=labels)
    if known := learning.curves(model):
        learning.plot_curves(known, plots / "learning-curve.png")
    return found
