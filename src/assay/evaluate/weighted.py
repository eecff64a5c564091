"""The metrics of `metrics.py` as functions of row weights, many sets of weights at once: what resampling needs.

Weights have shape (sets, rows); every metric has shape (sets,). With weights of one it is scikit-learn's value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.evaluate.contract import Answers
    from assay.evaluate.metrics import Task

    Metric = Callable[[np.ndarray], np.ndarray]

_SMALLEST = 1e-15


def weighted_metrics(true: np.ndarray, answers: Answers, task: Task) -> dict[str, Metric]:
    """Functions of weights, by the names that `metrics.measure` uses; none where the answers cannot be used.

    Args:
        true: Target of shape (rows,).
        answers: What the model said.
        task: What is predicted.
    """
    if answers.predictions is None:
        return {}
    if not task.labels:
        return _regression(true.astype(float), answers.predictions.astype(float))
    truth = np.stack([true == label for label in task.labels], axis=1)
    said = np.stack([answers.predictions == label for label in task.labels], axis=1)
    found = _counted(truth, said, task)
    if answers.probabilities is not None and set(answers.labels) == set(task.labels):
        p = answers.probabilities[:, [answers.labels.index(label) for label in task.labels]]
        found |= _probabilistic(truth, p, task)
    return found


def _counted(truth: np.ndarray, said: np.ndarray, task: Task) -> dict[str, Metric]:
    hits, real, given = truth & said, truth.astype(float), said.astype(float)
    picked = (
        slice(task.labels.index(task.positive), task.labels.index(task.positive) + 1) if task.binary else slice(None)
    )

    def rate(top: np.ndarray, bottom: np.ndarray, columns: slice = slice(None)) -> Metric:
        return lambda w: _ratio(w @ top[:, columns], w @ bottom[:, columns]).mean(axis=1)

    present = truth.any(axis=0)
    right = hits.astype(float)
    return {
        "accuracy": _mean(hits.any(axis=1)),
        "balanced_accuracy": lambda w: _ratio(w @ right[:, present], w @ real[:, present]).mean(axis=1),
        "precision": rate(right, given, picked),
        "recall": rate(right, real, picked),
        "f1": rate(2 * right, real + given, picked),
    }


def _probabilistic(truth: np.ndarray, p: np.ndarray, task: Task) -> dict[str, Metric]:
    found = {"log_loss": _mean(-np.log(np.clip(p[truth], _SMALLEST, 1.0)))}
    if task.binary:
        side = task.labels.index(task.positive)
        hits, scores = truth[:, side], p[:, side]
        found["brier"] = _mean(np.square(scores - hits))
        return found | {"roc_auc": _roc_auc(hits, scores), "average_precision": _average_precision(hits, scores)}
    areas = [_roc_auc(truth[:, i], p[:, i]) for i in range(truth.shape[1])]
    found["brier"] = _mean(np.square(p - truth).sum(axis=1))
    return found | {"roc_auc": lambda w: np.mean([area(w) for area in areas], axis=0)}


def _regression(true: np.ndarray, predicted: np.ndarray) -> dict[str, Metric]:
    errors = np.abs(true - predicted)
    squared, order = np.square(errors), np.argsort(errors)
    mean_squared, mean = _mean(squared), _mean(true)

    def r2(w: np.ndarray) -> np.ndarray:
        spread = (w @ np.square(true)) - w.sum(axis=1) * mean(w) ** 2
        explained: np.ndarray = 1 - _ratio(w @ squared, spread)
        return explained

    def median(w: np.ndarray) -> np.ndarray:
        reached, half, ranked = np.cumsum(w[:, order], axis=1), w.sum(axis=1, keepdims=True) / 2, errors[order]
        middle: np.ndarray = (ranked[(reached >= half).argmax(axis=1)] + ranked[(reached > half).argmax(axis=1)]) / 2
        return middle

    found: dict[str, Metric] = {"rmse": lambda w: np.sqrt(mean_squared(w)), "mae": _mean(errors), "r2": r2}
    relative = {"mape": _mean(errors / np.abs(true))} if np.all(true != 0) else {}
    return found | {"median_ae": median} | relative


def _mean(values: np.ndarray) -> Metric:
    values = values.astype(float)

    def mean(w: np.ndarray) -> np.ndarray:
        found: np.ndarray = (w @ values) / w.sum(axis=1)
        return found

    return mean


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.divide(top, bottom, out=np.zeros_like(top, dtype=float), where=bottom != 0)
    return found


def _roc_auc(hits: np.ndarray, scores: np.ndarray) -> Metric:
    sums = _by_score(hits, scores, ascending=True)

    def area(w: np.ndarray) -> np.ndarray:
        positive, negative = sums(w)
        below = np.cumsum(negative, axis=1) - negative / 2
        return _ratio((positive * below).sum(axis=1), positive.sum(axis=1) * negative.sum(axis=1))

    return area


def _average_precision(hits: np.ndarray, scores: np.ndarray) -> Metric:
    sums = _by_score(hits, scores, ascending=False)

    def average(w: np.ndarray) -> np.ndarray:
        positive, negative = sums(w)
        found = np.cumsum(positive, axis=1)
        precision = _ratio(found, found + np.cumsum(negative, axis=1))
        return _ratio((positive * precision).sum(axis=1), found[:, -1])

    return average


def _by_score(
    hits: np.ndarray, scores: np.ndarray, *, ascending: bool
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Weights of positives and negatives at each distinct score, in its order."""
    order = np.argsort(scores if ascending else -scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.nan) != 0)
    ranked = hits[order]

    def sums(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sorted_weights = w[:, order]
        return (
            np.add.reduceat(sorted_weights * ranked, starts, axis=1),
            np.add.reduceat(sorted_weights * ~ranked, starts, axis=1),
        )

    return sums
