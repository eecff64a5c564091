"""Everything that is found out about a model before any gate is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.callables import user_code
from assay.evaluate import bootstrap, fairness, slices
from assay.evaluate.champion import measure_champion
from assay.evaluate.metrics import measure
from assay.evaluate.weighted import weighted_metrics
from assay.models import learning

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from assay.callables import Dataset
    from assay.config import Config
    from assay.evaluate.bootstrap import Interval
    from assay.evaluate.champion import Champion
    from assay.evaluate.metrics import Measured, Task
    from assay.evaluate.weighted import Metric


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The model under test and the rows it is tested on.

    Attributes:
        folder: The artifact `model`.
        model: The estimator in it.
        rows: The holdout rows.
        facts: dataset.json.
        training: training.json.
        task: What is predicted.
    """

    folder: Path
    model: Any
    rows: Dataset
    facts: Mapping[str, Any]
    training: Mapping[str, Any]
    task: Task

    @property
    def x(self) -> pd.DataFrame:
        """Holdout features of shape (rows, columns)."""
        return self.rows.x

    @property
    def y(self) -> pd.Series:
        """Holdout target of shape (rows,)."""
        return self.rows.y

    @property
    def frame(self) -> pd.DataFrame:
        """Features and what the model does not get, shape (rows, columns)."""
        aside = self.rows.aside
        return self.x if aside is None else self.x.join(aside)


@dataclass(frozen=True)
class Intervals:
    """How sure the metrics are: 95 % intervals by name.

    Attributes:
        metrics: Of the model's own.
        differences: Of the model's minus the champion's, on the same rows.
    """

    metrics: Mapping[str, Interval]
    differences: Mapping[str, Interval]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What was found out, clocks left out.

    Attributes:
        subject: The model and its rows.
        measured: Its answers and metrics.
        weighted: Its metrics as functions of row weights.
        champion: The model it was compared with.
        sure: Intervals of the metrics.
        groups: Rates by group of the sensitive columns.
        parts: The rows of each slice.
        slices: Metrics by slice.
        importance: How much worse the model gets when a column is shuffled, by column.
    """

    subject: Subject
    measured: Measured
    weighted: Mapping[str, Metric]
    champion: Champion
    sure: Intervals
    groups: tuple[fairness.Group, ...]
    parts: tuple[slices.Part, ...]
    slices: tuple[slices.Slice, ...]
    importance: Mapping[str, float]


def find(subject: Subject, rival: Path, config: Config) -> Findings:
    """Measure the model and, on the same rows, the champion.

    Args:
        subject: The model and its rows.
        rival: The artifact `rival`.
        config: `[tool.assay]` as model-validate sees it.

    Raises:
        ProjectError: The model or the project's metrics raised.
        ArtifactError: The champion is damaged.
    """
    task, true, frame = subject.task, np.asarray(subject.y), subject.frame
    measured = measure(subject.model, subject.x, subject.y, task)
    ours = weighted_metrics(true, measured.answers, task)
    # what the project computes itself cannot be resampled, and our interval would be that of another number
    weighted = {name: metric for name, metric in ours.items() if name not in measured.own}
    champion = measure_champion(rival, frame, subject.y, task)
    columns = tuple(dict.fromkeys((*config.data.sensitive, *config.evaluation.slices)))
    parts = slices.parts_of(frame, columns)
    rows = len(subject.rows)
    return Findings(
        subject=subject,
        measured=measured,
        weighted=weighted,
        champion=champion,
        sure=Intervals(bootstrap.intervals(weighted, rows), bootstrap.differences(weighted, champion.weighted, rows)),
        groups=_groups(subject, measured, config),
        parts=tuple(parts),
        slices=tuple(slices.slices_of(parts, weighted, true)) if weighted else (),
        importance=_importance(subject) if weighted else {},
    )


def _groups(subject: Subject, measured: Measured, config: Config) -> tuple[fairness.Group, ...]:
    predicted, task = measured.answers.predictions, subject.task
    if predicted is None:
        return ()
    columns, true = config.data.sensitive, np.asarray(subject.y)
    labels = bool(task.labels)
    return tuple(fairness.groups_of(subject.frame, columns, true, predicted, positive=task.positive, labels=labels))


def _importance(subject: Subject) -> dict[str, float]:
    with user_code("model.predict", subject.task.project):
        return learning.importance(subject.model, subject.x, subject.y, labels=bool(subject.task.labels))
