"""Stage model-validate: contract, metrics, champion, fairness, latency and the project's own tests of a model."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from assay import artifacts
from assay.callables import add_to_path, packages
from assay.context import Context, Outcome
from assay.evaluate import bootstrap, fairness, latency, modeltests, overfit, plots
from assay.evaluate import champion as champions
from assay.evaluate.metrics import Measured, Task, labels_of, measure
from assay.evaluate.record import Evaluation, Intervals, Subject, write
from assay.evaluate.weighted import weighted_metrics
from assay.gates import GateResult, Observed
from assay.models import dataset, modelfolder, rows

_CLOCK = "model.latency_ms."


def run(context: Context) -> Outcome:
    """Evaluate the model and write the artifact evaluation."""
    tests = modeltests.start(context.project, context.input("model"), context.input("dataset"))
    subject = _subject(context)
    measured = measure(subject.model, subject.x, subject.y, subject.task)
    digest = artifacts.digest(subject.folder)
    champion = champions.measure_champion(context.input("rival"), subject.x, subject.y, subject.task)
    sure = _intervals(subject, measured, champion)
    groups = _groups(context, subject, measured)
    observed = _observed(context, measured, groups)
    observed |= champions.observe(measured.metrics, champion, sure.differences, len(subject.x))
    observed |= overfit.observe(subject, measured, context.input("dataset"), context.config.data.target)
    plots.plot(np.asarray(subject.y), measured.answers, subject.task, context.output("evaluation") / "plots")
    observed["model.tests"], output = modeltests.collect(tests)
    print(output, end="\n" if output else "")
    # the clock runs last, when nothing of ours competes with the model
    timed = latency.single_row(subject.model, subject.x, context.project) if measured.metrics else None
    observed |= _latency(timed)
    gates = tuple(_without_clock(gate) for gate in context.judge(observed))
    evaluation = Evaluation(subject, measured, champion, tuple(groups), gates, digest, sure)
    write(evaluation, context.output("evaluation"), context.config.name, context.config.data.target)
    message = _message(measured, champion, len(subject.x))
    print(message)
    return Outcome(observed=observed, message=message, summary=_summary(measured, champion, timed, len(subject.x)))


def _subject(context: Context) -> Subject:
    data, folder = context.config.data, context.input("dataset")
    x, y = dataset.read_side(folder, "holdout", data.target)
    add_to_path(context.project)
    task = Task(context.project, context.config.metrics)
    if data.task == "classification":
        labels, positive = labels_of([y, dataset.read_side(folder, "train", data.target)[1]], data.positive)
        task = replace(task, labels=labels, positive=positive)
    model = modelfolder.load(context.input("model"), packages(context.project))
    return Subject(context.input("model"), model, x, y, dataset.facts(folder), task)


def _intervals(subject: Subject, measured: Measured, champion: champions.Champion) -> Intervals:
    weighted = weighted_metrics(np.asarray(subject.y), measured.answers, subject.task)
    rows = len(subject.x)
    return Intervals(bootstrap.intervals(weighted, rows), bootstrap.differences(weighted, champion.weighted, rows))


def _groups(context: Context, subject: Subject, measured: Measured) -> list[fairness.Group]:
    if measured.answers.predictions is None:
        return []
    return fairness.groups_of(
        subject.x,
        context.config.data.sensitive,
        np.asarray(subject.y),
        measured.answers.predictions,
        positive=subject.task.positive,
        labels=bool(subject.task.labels),
    )


def _observed(context: Context, measured: Measured, groups: list[fairness.Group]) -> dict[str, Observed]:
    answers = measured.answers
    # a broken promise or a metric that is not defined has no value, and what has none is an error at its gate
    unusable = {name: Observed(None, message=answers.why_unusable) for name in context.limits if answers.why_unusable}
    found = {f"model.{name}": Observed(value) for name, value in measured.metrics.items()}
    return {
        **unusable,
        "model.contract": Observed(float(len(answers.violations)), message="; ".join(answers.violations)),
        **found,
        **fairness.observe(groups, context.config.data.sensitive, _no_rates(context, answers.why_unusable)),
        **fairness.observe_slices(groups, "accuracy" if context.config.data.task == "classification" else "rmse"),
    }


def _no_rates(context: Context, unusable: str) -> str:
    if context.config.data.task != "classification":
        return "a regression has no positive predictions to compare"
    return unusable


def _latency(timed: latency.Latency | None) -> dict[str, Observed]:
    if timed is None:
        return {}
    note = f"{timed.count} predictions of one row"
    return {f"{_CLOCK}{name}": Observed(getattr(timed, name), message=note) for name in ("p50", "p95", "p99")}


def _without_clock(gate: GateResult) -> GateResult:
    # the same model must give the same artifact, however fast the machine was
    return (
        replace(gate, observed=None, message="the time is in the stage's report")
        if gate.gate.startswith(_CLOCK)
        else gate
    )


def _message(measured: Measured, champion: champions.Champion, count: int) -> str:
    told = ", ".join(f"{name} {value:.4f}" for name, value in list(measured.metrics.items())[:3])
    against = "no other model serves" if champion.version is None else f"against version {champion.version}"
    return f"{told or measured.answers.why_unusable} on {count} rows; {against}"


def _summary(
    measured: Measured, champion: champions.Champion, timed: latency.Latency | None, count: int
) -> dict[str, Any]:
    return {
        "metrics": {name: rows.to_json(value) for name, value in measured.metrics.items()},
        "champion": {"version": champion.version, **({"problem": champion.problem} if champion.problem else {})},
        "latency_ms": {name: round(value, 3) for name, value in asdict(timed).items()} if timed else None,
        "rows": count,
    }
