"""Stage model-validate: contract, metrics, champion, fairness, latency and the project's own tests of a model."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from assay import artifacts, dataset, modelfolder, rows
from assay.callables import add_to_path, packages
from assay.context import Context, Outcome
from assay.evaluate import champion as champions
from assay.evaluate import fairness, latency, modeltests, plots
from assay.evaluate.card import Card
from assay.evaluate.metrics import Measured, Task, labels_of, measure
from assay.gates import GateResult, Observed
from assay.reports import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

_SAMPLES = 500
_CLOCK = "model.latency_ms."


@dataclass(frozen=True)
class Subject:
    """The model under test and the rows it is tested on.

    Attributes:
        folder: The artifact `model`.
        model: The estimator in it.
        x: Holdout features of shape (rows, columns).
        y: Holdout target of shape (rows,).
        facts: dataset.json.
        task: What is predicted.
    """

    folder: Path
    model: Any
    x: pd.DataFrame
    y: pd.Series
    facts: Mapping[str, Any]
    task: Task


def run(context: Context) -> Outcome:
    """Evaluate the model and write the artifact evaluation."""
    tests = modeltests.start(context.project, context.input("model"), context.input("dataset"))
    subject = _subject(context)
    measured = measure(subject.model, subject.x, subject.y, subject.task)
    digest = artifacts.digest(subject.folder)
    champion = champions.measure_champion(
        context.input("champion"), subject.x, subject.y, subject.task, candidate=measured, digest=digest
    )
    groups = _groups(context, subject, measured)
    observed = _observed(context, measured, champion, groups)
    plots.plot(np.asarray(subject.y), measured.answers, subject.task, context.output("evaluation") / "plots")
    observed["model.tests"], output = modeltests.collect(tests)
    print(output, end="\n" if output else "")
    # the clock runs last, when nothing of ours competes with the model
    timed = latency.single_row(subject.model, subject.x, context.project) if measured.metrics else None
    observed |= _latency(timed)
    gates = tuple(_without_clock(gate) for gate in context.judge(observed))
    _write(context, subject, measured, champion, groups, gates, digest)
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


def _observed(
    context: Context, measured: Measured, champion: champions.Champion, groups: list[fairness.Group]
) -> dict[str, Observed]:
    answers = measured.answers
    # a broken promise or a metric that is not defined has no value, and what has none is an error at its gate
    unusable = {name: Observed(None, message=answers.why_unusable) for name in context.limits if answers.why_unusable}
    found = {f"model.{name}": Observed(value) for name, value in measured.metrics.items()}
    return {
        **unusable,
        "model.contract": Observed(float(len(answers.violations)), message="; ".join(answers.violations)),
        **found,
        **champions.observe(measured.metrics, champion),
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
    return replace(gate, observed=None, message="") if gate.gate.startswith(_CLOCK) else gate


def _write(
    context: Context,
    subject: Subject,
    measured: Measured,
    champion: champions.Champion,
    groups: list[fairness.Group],
    gates: tuple[GateResult, ...],
    digest: str,
) -> None:
    folder = context.output("evaluation")
    evaluation = {
        "passed": not any(gate.status.blocks for gate in gates),
        "model_digest": digest,
        "data_fingerprint": subject.facts["fingerprint"],
        "metrics": {name: rows.to_json(value) for name, value in measured.metrics.items()},
        "gates": [asdict(gate) for gate in gates],
        "rows": len(subject.x),
        "champion_version": champion.version,
        "champion_metrics": {name: rows.to_json(value) for name, value in champion.metrics.items()},
        "contract": list(measured.answers.violations),
        "groups": [group.to_dict() for group in groups],
    }
    write_json(folder / "evaluation.json", evaluation)
    write_json(folder / "samples.json", _samples(subject, measured))
    card = Card(
        name=context.config.name,
        estimator=type(subject.model).__name__,
        target=context.config.data.target,
        task=subject.task,
        facts=subject.facts,
        digest=digest,
        metrics=measured.metrics,
        champion=champion,
        gates=gates,
        groups=groups,
        notes=_notes(subject, measured, groups),
    )
    (folder / "model_card.md").write_text(card.render(), encoding="utf-8")


def _samples(subject: Subject, measured: Measured) -> dict[str, Any]:
    answers = measured.answers
    pick = np.linspace(0, len(subject.x) - 1, min(_SAMPLES, len(subject.x))).astype(int)
    if answers.predictions is None:
        pick = pick[:0]
    some = subject.x.iloc[pick]
    known = answers.predictions is not None and answers.probabilities is not None
    return {
        "columns": [str(name) for name in some.columns],
        "records": rows.records(some),
        "predictions": [] if answers.predictions is None else [rows.to_json(p) for p in answers.predictions[pick]],
        "probabilities": answers.probabilities[pick].tolist() if known and answers.probabilities is not None else None,
        "labels": [rows.to_json(label) for label in answers.labels] if known else None,
    }


def _notes(subject: Subject, measured: Measured, groups: list[fairness.Group]) -> list[str]:
    notes = [f"Contract: {violation}." for violation in measured.answers.violations]
    given = measured.answers.predictions
    if given is not None and len(given) > 1 and len(set(given.tolist())) == 1:
        notes.append(f"The model predicts the same for every row: {given[0]}.")
    if subject.task.labels and measured.answers.probabilities is None:
        notes.append("There are no usable probabilities, so ROC AUC, log loss and Brier score are unknown.")
    small = [f"{g.column}={g.group}" for g in groups if g.rows < fairness.SMALL]
    if small:
        notes.append(f"Too few rows to judge: {', '.join(small)}.")
    if modelfolder.serialization(subject.folder) != "skops":
        notes.append("The model file is cloudpickle: whoever loads it runs any code that is in it.")
    return notes


def _message(measured: Measured, champion: champions.Champion, count: int) -> str:
    told = ", ".join(f"{name} {value:.4f}" for name, value in list(measured.metrics.items())[:3])
    against = "no champion yet" if champion.version is None else f"against version {champion.version}"
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
