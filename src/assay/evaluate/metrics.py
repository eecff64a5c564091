"""Metrics of a model on rows whose answers are known, and the project's own."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn import metrics as sk

from assay.callables import resolve, user_code
from assay.errors import ConfigError, ProjectError
from assay.evaluate.contract import Answers, examine
from assay.evaluate.task import Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

__all__ = ["Measured", "Task", "calibration_error", "labels_of", "measure"]

_TWO = 2
_SMALLEST = 1e-15
_BINS = 10


@dataclass(frozen=True)
class Measured:
    """A model's answers and its metrics by name; no metrics where the answers cannot be used.

    Attributes:
        answers: What it said.
        ours: The metrics that Assay computes.
        own: Those that the project computes; one of the same name takes the place of ours.
    """

    answers: Answers
    ours: Mapping[str, float] = field(default_factory=dict)
    own: Mapping[str, float] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, float]:
        """All metrics by name."""
        return {**self.ours, **self.own}


def labels_of(target: Sequence[pd.Series], positive: object) -> tuple[tuple[Any, ...], Any]:
    """All labels, sorted, and the positive one: the one given, or the last of two.

    Raises:
        ConfigError: `positive` is not among them.
    """
    labels = tuple(
        sorted({label for side in target for label in side.unique().tolist()}, key=lambda x: (str(type(x)), x))
    )
    if positive is None:
        return labels, labels[-1] if len(labels) == _TWO else None
    if positive not in labels:
        allowed = ", ".join(map(repr, labels))
        raise ConfigError(
            f"the label {positive!r} is not in the data", "pyproject.toml tool.assay.data.positive", allowed
        )
    return labels, positive


def measure(model: Any, x: pd.DataFrame, y: pd.Series, task: Task) -> Measured:  # noqa: ANN401 - any estimator
    """Predict and measure.

    Args:
        model: A fitted estimator.
        x: Features of shape (rows, columns).
        y: Target of shape (rows,).
        task: What is predicted.

    Raises:
        ProjectError: The model or the project's metrics raised or broke their contract.
    """
    answers = examine(model, x, task.labels, task.project)
    if answers.predictions is None:
        return Measured(answers)
    true = np.asarray(y)
    with warnings.catch_warnings():
        # undefined metrics warn and become NaN, which no gate lets pass
        warnings.simplefilter("ignore")
        found = _classification(true, answers, task) if task.labels else _regression(true, answers.predictions)
    return Measured(answers, found, _own(model, x, y, task))


def _classification(true: np.ndarray, answers: Answers, task: Task) -> dict[str, float]:
    predicted = answers.predictions
    how: dict[str, Any] = {"pos_label": task.positive} if task.binary else {"average": "macro"}
    found = {
        "accuracy": sk.accuracy_score(true, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(true, predicted),
        "f1": sk.f1_score(true, predicted, zero_division=np.nan, **how),
        "precision": sk.precision_score(true, predicted, zero_division=0, **how),
        "recall": sk.recall_score(true, predicted, zero_division=np.nan, **how),
    }
    return {name: float(value) for name, value in (found | _probabilistic(true, answers, task)).items()}


def _probabilistic(true: np.ndarray, answers: Answers, task: Task) -> dict[str, float]:
    p = answers.probabilities
    # where the model never saw a label of the data, there is no probability to measure it by
    if p is None or set(answers.labels) != set(task.labels):
        return {}
    p = p[:, [answers.labels.index(label) for label in task.labels]]
    hits = np.stack([true == label for label in task.labels], axis=1)
    right = np.clip(p[hits], _SMALLEST, 1.0)
    found = {"log_loss": -np.log(right).mean()}
    if task.binary:
        side = task.labels.index(task.positive)
        found["brier"] = np.square(p[:, side] - hits[:, side]).mean()
        found["calibration_error"] = calibration_error(hits[:, side], p[:, side])
        found["roc_auc"] = sk.roc_auc_score(hits[:, side], p[:, side])
        return found | {"average_precision": sk.average_precision_score(hits[:, side], p[:, side])}
    found["brier"] = np.square(p - hits).sum(axis=1).mean()
    top = p.argmax(axis=1)
    found["calibration_error"] = calibration_error(hits[np.arange(len(p)), top], p.max(axis=1))
    # a class that no holdout row has, has no area
    areas = [sk.roc_auc_score(hits[:, i], p[:, i]) for i in np.flatnonzero(hits.any(axis=0))]
    return found | {"roc_auc": np.mean(areas)}


def calibration_error(hits: np.ndarray, p: np.ndarray) -> float:
    """Expected calibration error: how far probability and frequency lie apart, over ten bins with a tenth of the rows.

    Args:
        hits: Whether it happened, of shape (rows,).
        p: Probability that it would, of shape (rows,).
    """
    bins = np.array_split(np.argsort(p, kind="stable"), min(_BINS, len(p)))
    return float(sum(abs(hits[rows].sum() - p[rows].sum()) for rows in bins) / len(p))


def _regression(true: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    found = {
        "rmse": sk.root_mean_squared_error(true, predicted),
        "mae": sk.mean_absolute_error(true, predicted),
        "median_ae": sk.median_absolute_error(true, predicted),
        "r2": sk.r2_score(true, predicted),
        # a percentage of nothing is no number
        "mape": sk.mean_absolute_percentage_error(true, predicted) if np.all(true != 0) else np.nan,
    }
    return {name: float(value) for name, value in found.items()}


def _own(model: Any, x: pd.DataFrame, y: pd.Series, task: Task) -> dict[str, float]:  # noqa: ANN401 - any estimator
    if task.own is None:
        return {}
    compute = resolve(task.own, task.project, "metrics")
    with user_code("metrics", task.project):
        found = compute(model, x.copy(), y.copy())
    where = f'pyproject.toml tool.assay.metrics = "{task.own}"'
    if not isinstance(found, Mapping):
        raise ProjectError(f"metrics gave {type(found).__name__}", where, "a dictionary of numbers by name")
    wrong = [f"{n!r}: {v!r}" for n, v in found.items() if not isinstance(n, str) or not _number(v)]
    if wrong:
        raise ProjectError(f"metrics gave {', '.join(wrong)}", where, "a dictionary of numbers by name")
    return {name: float(value) for name, value in found.items()}


def _number(value: object) -> bool:
    return isinstance(value, (Real, np.number)) and not isinstance(value, (bool, np.bool_))
