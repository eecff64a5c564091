"""Whether a model knows more than a constant: the one gate that every project has, whatever limits it sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from assay.gates import Observed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from assay.evaluate.bootstrap import Interval
    from assay.evaluate.metrics import Task


class Constant(NamedTuple):
    """What the best constant answer reaches.

    Attributes:
        metric: Accuracy, or RMSE for a regression.
        value: What it reaches there, in the metric's unit.
        answer: The answer; None for the mean of the target.
    """

    metric: str
    value: float
    answer: object = None


def constant(y: pd.Series, task: Task) -> Constant:
    """What a model reaches that always answers the largest class, or the mean.

    Args:
        y: Target of the holdout, of shape (rows,).
        task: What is predicted.
    """
    if not task.labels:
        return Constant("rmse", float(y.std(ddof=0)))
    shares = y.value_counts(normalize=True)
    return Constant("accuracy", float(shares.iloc[0]), shares.index[0])


def observe(metrics: Mapping[str, float], sure: Mapping[str, Interval], task: Task) -> Observed:
    """The gate `model.skill`: 0 is a constant model, 1 a perfect one, below 0 one that is worse than a constant.

    Args:
        metrics: What the model reaches on the holdout.
        sure: Their intervals.
        task: What is predicted.

    Returns:
        R squared for a regression, 2 ROC AUC - 1 for a classifier with probabilities, else the balanced accuracy
        between chance and 1 (scikit-learn's `adjusted`).
    """
    name, scale, shift = "r2", 1.0, 0.0
    if task.labels:
        name, scale, shift = "roc_auc", 2.0, -1.0
    if name not in metrics and task.labels:
        chance = 1 / len(task.labels)
        name, scale, shift = "balanced_accuracy", 1 / (1 - chance), -chance / (1 - chance)
    if name not in metrics:
        return Observed(None, message="there are no predictions to measure")
    interval = sure.get(name)
    around = (scale * interval.low + shift, scale * interval.high + shift) if interval else None
    return Observed(scale * metrics[name] + shift, message=f"from {name} {metrics[name]:.4g}", interval=around)
