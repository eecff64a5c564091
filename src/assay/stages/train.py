"""Stage train: choose parameters, fit the project's model, write it as an MLflow model folder."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from assay import artifacts
from assay.callables import add_to_path, packages, user_code
from assay.context import Context, Outcome
from assay.environment import toolkit_file
from assay.errors import ArtifactError, ProjectError
from assay.evaluate.contract import broken
from assay.evaluate.metrics import Task, labels_of
from assay.models import dataset, learning, modelfolder, signature
from assay.reports import write_json
from assay.tracking import live as tracking
from assay.training.choosing import Chosen, choose, metric_of, source_digest
from assay.training.fitting import Recipe
from assay.training.guard import out_of_reach

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.callables import Dataset
    from assay.training.search import Trial


def run(context: Context) -> Outcome:
    """Fit the model and write the artifacts model and training."""
    rows = dataset.read_side(context.input("dataset") / "train.parquet", context.config.data)
    facts = dataset.facts(context.input("dataset"))
    tags = {"data_fingerprint": str(facts["fingerprint"]), "lock_digest": _lock_digest(context)}
    with tracking.live(_started(context, rows, tags), context.run_id) as live:
        chosen, model = _trained(context, rows, live)
        report = _written(context, rows, model, chosen) | {"tags": tags, "dataset": _dataset(context, rows)}
        write_json(context.output("training") / "training.json", report)
        if live:
            live.params({name: chosen.params[name] for name in context.config.search.space})
            made = {"model": context.output("model"), "plots/training": context.output("training") / "plots"}
            folders = {path: folder for path, folder in made.items() if folder.exists()}
            curves, digest = report.get("curves", {}), report["model_digest"]
            live.finish(model_digest=digest, metrics=report["metrics"], curves=curves, folders=folders)
    message = _message(rows, model, report)
    print(message)
    shown = ("metrics", "params", "model_digest", "estimator", "serialization", "probabilities")
    return Outcome(message=message, summary={name: report[name] for name in shown})


def clean_up(context: Context) -> str:
    """End the run that a training which was killed left open on the tracking server; says so, empty for nothing.

    Raises:
        ServiceError: The server does not answer.
    """
    return tracking.killed(context.config.name, context.run_id)


def _started(context: Context, rows: Dataset, tags: Mapping[str, str]) -> tracking.Training:
    config, searched = context.config, context.config.search.space
    learnt = tracking.Dataset(digest=tags["data_fingerprint"], **_dataset(context, rows))
    # a parameter that was logged cannot change any more, so what is searched for is logged when it is known
    params = {name: value for name, value in config.params.items() if name not in searched}
    return tracking.Training(name=config.name, params=params, tags=tags, dataset=learnt)


def _dataset(context: Context, rows: Dataset) -> dict[str, Any]:
    return {"name": context.config.name, "rows": len(rows), "source": context.config.data.path}


def _trained(context: Context, rows: Dataset, live: tracking.Run | None) -> tuple[Chosen, Any]:
    add_to_path(context.project)
    recipe = Recipe(context.config, context.project)
    key = f"{dataset.facts(context.input('dataset'))['fingerprint']} {source_digest(context.project)}"
    chosen = choose(recipe, rows, _task(context, rows), key, partial(_tried, context, live))
    return chosen, recipe.fit(rows, chosen.params)


def _task(context: Context, rows: Dataset) -> Task:
    data, own = context.config.data, context.config.metrics
    if data.task != "classification":
        return Task(context.project, own)
    labels, positive = labels_of([rows.y], data.positive)
    return Task(context.project, own, labels, positive)


def _tried(context: Context, live: tracking.Run | None, trial: Trial) -> None:
    told = ", ".join(f"{name} {value}" for name, value in trial.params.items())
    came = f"failed, {trial.why}" if trial.value is None else f"{trial.value:.6g}"
    print(f"trial {trial.number + 1} of {context.config.search.trials}: {told}: {came}")
    if live:
        metrics = {metric_of(context.config): trial.value} if trial.value is not None else {}
        live.child(trial.number, trial.params, metrics, failed=trial.value is None)


def _written(context: Context, rows: Dataset, model: Any, chosen: Chosen) -> dict[str, Any]:  # noqa: ANN401
    """Write model and plots; what training.json tells."""
    labels = context.config.data.task == "classification"
    predictions = _predict(context, model, rows, labels=labels)
    folder = context.output("model")
    try:
        why = modelfolder.save(
            model, folder, example=rows.x, predictions=predictions, packages=packages(context.project)
        )
    except ArtifactError as error:
        then = "keep open files, locks, connections and generators out of it"
        raise ProjectError(
            error.what, learning.name_of(model), "a model that can be written to a file", then
        ) from error
    if why:
        print(f"written with cloudpickle, which runs any code in the file when it is loaded, because of {why}")
    curves = learning.curves(model) | tracking.logged()
    if curves:
        learning.plot_curves(curves, context.output("training") / "plots" / "learning-curve.png")
    return {
        **chosen.to_dict(),
        "metrics": _metrics(np.asarray(rows.y), predictions, chosen, labels=labels),
        "seed": context.config.training.seed,
        "model_digest": artifacts.digest(folder),
        "estimator": learning.name_of(model),
        "serialization": signature.serialization(folder),
        "probabilities": hasattr(model, "predict_proba"),
        **({"curves": curves} if curves else {}),
    }


def _lock_digest(context: Context) -> str:
    lock = toolkit_file(f"requirements/{context.stage.requirements}.lock")
    return artifacts.digest(lock) if lock.exists() else ""


def _predict(context: Context, model: Any, rows: Dataset, *, labels: bool) -> np.ndarray:  # noqa: ANN401
    raw_data = Recipe(context.config, context.project).raw_data
    # a model that looks its answers up in the raw data has not learnt them
    with out_of_reach(raw_data), user_code("model.predict", context.project):
        predictions = np.asarray(model.predict(rows.x.copy()))
    wrong = broken(predictions, len(rows), rows.y.unique().tolist() if labels else ())
    if wrong:
        allowed = "a label of the training rows for each" if labels else "a finite number for each row"
        raise ProjectError(wrong, f"model.predict of {learning.name_of(model)}", allowed)
    return predictions


def _metrics(true: np.ndarray, predictions: np.ndarray, chosen: Chosen, *, labels: bool) -> dict[str, float]:
    found = {"train_accuracy" if labels else "train_r2": learning.score(true, predictions, labels=labels)}
    return found | {f"cross_validation.{name}": about["mean"] for name, about in chosen.validated.items()}


def _message(rows: Dataset, model: Any, report: Mapping[str, Any]) -> str:  # noqa: ANN401
    told = ", ".join(f"{name} {value:.4f}" for name, value in list(report["metrics"].items())[:4])
    tried = f", best of {len(report['search']['trials'])} trials" if "search" in report else ""
    size = f"{len(rows)} rows and {rows.x.shape[1]} columns"
    return f"{learning.name_of(model)} on {size}{tried}: {told} on the rows it learned from"
