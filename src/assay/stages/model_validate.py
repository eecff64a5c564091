"""Stage model-validate: contract, metrics, champion, slices, fairness, footprint, latency, the project's own tests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from assay import artifacts
from assay.callables import add_to_path, packages, user_code
from assay.context import Context, Outcome
from assay.evaluate import champion, fairness, footprint, latency, modeltests, overfit, plots, skill, slices
from assay.evaluate.findings import Findings, Subject, find
from assay.evaluate.metrics import Task, labels_of
from assay.evaluate.record import write
from assay.export.exporting import export
from assay.gates import GateResult, Observed
from assay.models import dataset, modelfolder, rows, signature
from assay.reports import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.callables import Dataset

# what differs from machine to machine and from run to run
_UNSTEADY = ("model.latency_ms.", "model.batch_latency_ms.", "model.memory_mb")
_MEASURED_ANEW = "measured anew in each run, so its value stands with the run's own gates"
_SLICE, _AGAINST = "model.slice.", ".vs_champion"


def run(context: Context) -> Outcome:
    """Evaluate the model and write the artifact evaluation."""
    files = (context.input("dataset") / "train.parquet", context.input("holdout") / "holdout.parquet")
    learnt, held = (dataset.read_side(file, context.config.data) for file in files)
    tests = modeltests.start(context.project, context.input("model"), files)
    subject, memory = _subject(context, learnt, held)
    found = find(subject, context.input("rival"), context.config)
    observed = _observed(context, found) | overfit.observe(subject, found.measured, learnt)
    observed |= footprint.observe(subject.folder, memory, context.config.evaluation.batch_rows)
    _plot(context, found)
    observed["model.tests"], output = modeltests.collect(tests)
    print(output, end="\n" if output else "")
    exported = _export(context, found)
    # the clock runs last, when nothing of ours competes with the model
    timed = _timed(context, subject) if found.measured.metrics else {}
    observed |= latency.observe(timed)
    gates = tuple(_steady(gate) for gate in context.judge(observed))
    write(found, gates, observed, exported, context.output("evaluation"), context.config)
    message = _message(found)
    print(message)
    return Outcome(observed=observed, message=message, summary=_summary(found, timed))


def _subject(context: Context, learnt: Dataset, held: Dataset) -> tuple[Subject, footprint.Memory]:
    add_to_path(context.project)
    folder = context.input("model")
    with footprint.memory() as memory:
        model = modelfolder.load(folder, packages(context.project))
        with user_code("model.predict", context.project):
            model.predict(held.x.head(context.config.evaluation.batch_rows).copy())
    facts = dataset.facts(context.input("dataset"))
    training = read_json(context.input("training") / "training.json")
    task = _task(context, learnt, held)
    return Subject(folder=folder, model=model, rows=held, facts=facts, training=training, task=task), memory


def _task(context: Context, learnt: Dataset, held: Dataset) -> Task:
    task = Task(context.project, context.config.metrics)
    if context.config.data.task != "classification":
        return task
    labels, positive = labels_of([held.y, learnt.y], context.config.data.positive)
    return replace(task, labels=labels, positive=positive)


def _observed(context: Context, found: Findings) -> dict[str, Observed]:
    answers, metrics, ours = found.measured.answers, found.measured.metrics, found.measured.ours
    # a broken promise or a metric that is not defined has no value, and what has none is an error at its gate
    unusable = {name: Observed(None, message=answers.why_unusable) for name in context.limits if answers.why_unusable}
    return {
        **unusable,
        # first, so that no metric of the project's takes the name of a gate that is measured here
        **{f"model.{name}": Observed(value) for name, value in metrics.items()},
        "model.contract": Observed(float(len(answers.violations)), message="; ".join(answers.violations)),
        **({"model.skill": skill.observe(ours, found.sure.metrics, found.subject.task)} if ours else {}),
        **champion.observe(metrics, found.champion, found.sure.differences, len(found.subject.rows)),
        **_cross_validation(found.subject.training),
        **_of_groups(context, found),
    }


def _cross_validation(training: Mapping[str, Any]) -> dict[str, Observed]:
    known = training.get("cross_validation", {}).items()
    told = {name: f"{len(about['folds'])} folds, std {about['std']:.4g}" for name, about in known}
    return {f"model.cross_validation.{name}": Observed(about["mean"], message=told[name]) for name, about in known}


def _of_groups(context: Context, found: Findings) -> dict[str, Observed]:
    config, answers = context.config, found.measured.answers
    missing = answers.why_unusable or _without_rates(found.subject.task)
    rates = fairness.observe(found.groups, config.data.sensitive, missing, config.evaluation.min_group_rows)
    if answers.why_unusable:
        return rates
    least = config.evaluation.min_slice_rows
    limits = {
        name.removeprefix(_SLICE).removesuffix(_AGAINST): limit
        for name, limit in context.limits.items()
        if name.startswith(_SLICE) and name.endswith(_AGAINST)
    }
    worst = slices.observe(found.slices, list(found.weighted), least)
    return rates | worst | slices.observe_drops(found.parts, found.weighted, found.champion, limits, least)


def _without_rates(task: Task) -> str:
    if not task.labels:
        return "a regression has no positive predictions to compare"
    many = "which of the labels is the positive one is not said: set `positive` in [tool.assay.data]"
    return many if task.positive is None else ""


def _plot(context: Context, found: Findings) -> None:
    folder, subject = context.output("evaluation") / "plots", found.subject
    plots.plot(np.asarray(subject.y), found.measured.answers, subject.task, folder)
    plots.slices(found.slices, found.measured.metrics, context.config.evaluation.min_slice_rows, folder)
    plots.importance(found.importance, "accuracy" if subject.task.labels else "R squared", folder)


def _export(context: Context, found: Findings) -> dict[str, str | None]:
    """Write model.onnx beside the evaluation, where ONNX Runtime may serve it; its digest, and why there is none."""
    subject, file = found.subject, context.output("evaluation") / signature.EXPORTED
    if not found.measured.metrics or not context.config.serving.onnx:
        return {"digest": None, "why": found.measured.answers.why_unusable or "onnx = false in [tool.assay.serving]"}
    exported = export(subject.model, signature.columns(subject.folder), subject.x)
    if exported.model is None:
        print(f"no export for ONNX Runtime: {exported.why}")
        return {"digest": None, "why": exported.why}
    file.write_bytes(exported.model)
    print(f"exported for ONNX Runtime: the same predictions for all {len(subject.rows)} rows")
    return {"digest": artifacts.file_digest(file), "why": ""}


def _timed(context: Context, subject: Subject) -> dict[str, latency.Latency]:
    size = context.config.evaluation.batch_rows
    return {
        "latency_ms": latency.single_row(subject.model, subject.x, context.project),
        "batch_latency_ms": latency.batch(subject.model, subject.x, size, context.project),
    }


def _steady(gate: GateResult) -> GateResult:
    # the same model must give the same artifact, however fast the machine was
    unsteady = gate.gate.startswith(_UNSTEADY)
    return replace(gate, observed=None, message=_MEASURED_ANEW) if unsteady else gate


def _message(found: Findings) -> str:
    metrics, version = found.measured.metrics, found.champion.version
    told = ", ".join(f"{name} {value:.4f}" for name, value in list(metrics.items())[:3])
    against = "no other model serves" if version is None else f"against version {version}"
    return f"{told or found.measured.answers.why_unusable} on {len(found.subject.rows)} rows; {against}"


def _summary(found: Findings, timed: Mapping[str, latency.Latency]) -> dict[str, Any]:
    return {
        "metrics": {name: rows.to_json(value) for name, value in found.measured.metrics.items()},
        "champion": {"version": found.champion.version, "problem": found.champion.problem},
        "latency": latency.facts(timed),
        "rows": len(found.subject.rows),
    }
