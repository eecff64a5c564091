"""The metrics of `metrics.py` as functions of row weights, many sets of weights at once: what resampling needs.

Weights have shape (sets, rows); every metric has shape (sets,). With weights of one it is scikit-learn's value. Where
the rows that count do not define it (a recall without positives), it is NaN; classes without it are left out of means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.evaluate.contract import Answers
    from assay.evaluate.task import Task

    Metric = Callable[[np.ndarray], np.ndarray]

_SMALLEST = 1e-15
_ROUNDING = 1e-12


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
        return lambda w: _mean_of_classes(_ratio(w @ top[:, columns], w @ bottom[:, columns]))

    def precision(w: np.ndarray) -> np.ndarray:
        said_so, is_so = w @ given[:, picked], w @ real[:, picked]
        found = _ratio(w @ right[:, picked], said_so)
        # a class that is there and never predicted is one that the model misses
        return _mean_of_classes(np.where((said_so == 0) & (is_so > 0), 0.0, found))

    right = hits.astype(float)
    return {
        "accuracy": _mean(hits.any(axis=1)),
        "balanced_accuracy": rate(right, real),
        "precision": precision,
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
    return found | {"roc_auc": lambda w: _mean_of_classes(np.stack([area(w) for area in areas], axis=1))}


def _regression(true: np.ndarray, predicted: np.ndarray) -> dict[str, Metric]:
    errors = np.abs(true - predicted)
    squared, order = np.square(errors), np.argsort(errors)
    # around their mean: squares of numbers far from 0, such as times, leave no digits for the spread
    centred = true - true.mean()
    mean_squared, mean = _mean(squared), _mean(centred)

    def r2(w: np.ndarray) -> np.ndarray:
        around = w @ np.square(centred)
        spread = around - w.sum(axis=1) * mean(w) ** 2
        explained: np.ndarray = 1 - _ratio(w @ squared, np.where(spread > _ROUNDING * around, spread, 0))
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
    found: np.ndarray = np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom != 0)
    return found


def _mean_of_classes(values: np.ndarray) -> np.ndarray:
    """The mean of each set over the classes that have a value; `values` has shape (sets, classes)."""
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0.0).sum(axis=1), known.sum(axis=1))


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
