"""What model-validate leaves behind: evaluation.json, samples.json and the model card."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.evaluate.card import Card
from assay.evaluate.fairness import SMALL
from assay.models import learning, modelfolder, rows
from assay.reports import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from assay.evaluate.bootstrap import Interval
    from assay.evaluate.champion import Champion
    from assay.evaluate.fairness import Group
    from assay.evaluate.metrics import Measured, Task
    from assay.gates import GateResult

_SAMPLES = 500


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


@dataclass(frozen=True)
class Intervals:
    """How sure the metrics are: 95 % intervals by name.

    Attributes:
        metrics: Of the model's own.
        differences: Of the model's minus the champion's, on the same rows.
    """

    metrics: Mapping[str, Interval]
    differences: Mapping[str, Interval]


@dataclass(frozen=True)
class Evaluation:
    """Everything that was found out about a model, clocks left out.

    Attributes:
        subject: The model and its rows.
        measured: Its answers and metrics.
        champion: The model it was compared with.
        groups: Results by group of the sensitive columns.
        gates: Verdicts, without any time that was taken.
        digest: The model digest.
        sure: Intervals of the metrics.
    """

    subject: Subject
    measured: Measured
    champion: Champion
    groups: tuple[Group, ...]
    gates: tuple[GateResult, ...]
    digest: str
    sure: Intervals


def write(found: Evaluation, folder: Path, name: str, target: str) -> None:
    """Write evaluation.json, samples.json and model_card.md: the same bytes for the same evaluation.

    Args:
        found: The evaluation.
        folder: The artifact `evaluation`.
        name: Name of the model.
        target: The column it predicts.
    """
    subject, measured, champion = found.subject, found.measured, found.champion
    evaluation = {
        "passed": not any(gate.status.blocks for gate in found.gates),
        "model_digest": found.digest,
        "data_fingerprint": subject.facts["fingerprint"],
        "metrics": {name: rows.to_json(value) for name, value in measured.metrics.items()},
        "intervals": {name: [i.low, i.high] for name, i in found.sure.metrics.items()},
        "gates": [asdict(gate) for gate in found.gates],
        "rows": len(subject.x),
        "champion_version": champion.version,
        "champion_metrics": {name: rows.to_json(value) for name, value in champion.metrics.items()},
        "differences": {name: [i.low, i.high] for name, i in found.sure.differences.items()},
        "contract": list(measured.answers.violations),
        "groups": [group.to_dict() for group in found.groups],
    }
    write_json(folder / "evaluation.json", evaluation)
    write_json(folder / "samples.json", _samples(subject, measured))
    card = Card(
        name=name,
        estimator=learning.name_of(subject.model),
        target=target,
        task=subject.task,
        facts=subject.facts,
        digest=found.digest,
        metrics=measured.metrics,
        champion=champion,
        sure=found.sure,
        gates=found.gates,
        groups=found.groups,
        notes=_notes(found),
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


def _notes(found: Evaluation) -> list[str]:
    subject, measured = found.subject, found.measured
    notes = [f"Contract: {violation}." for violation in measured.answers.violations]
    given = measured.answers.predictions
    if given is not None and len(given) > 1 and len(set(given.tolist())) == 1:
        notes.append(f"The model predicts the same for every row: {given[0]}.")
    if subject.task.labels and measured.answers.probabilities is None:
        notes.append("There are no usable probabilities, so ROC AUC, log loss and Brier score are unknown.")
    small = [f"{g.column}={g.group}" for g in found.groups if g.rows < SMALL]
    if small:
        notes.append(f"Too few rows to judge: {', '.join(small)}.")
    if modelfolder.serialization(subject.folder) != "skops":
        notes.append("The model file is cloudpickle: whoever loads it runs any code that is in it.")
    return notes
