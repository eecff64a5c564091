"""Cross-validation over the train rows: groups stay together, time goes forward, classes keep their shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from assay.errors import ProjectError
from assay.evaluate.metrics import measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from assay.callables import Dataset
    from assay.evaluate.metrics import Task
    from assay.training.fitting import Recipe

Fold = tuple[np.ndarray, np.ndarray]


def folds_of(dataset: Dataset, count: int, *, labels: bool, seed: int) -> list[Fold]:
    """Positions to learn from and to measure on, `count` times.

    Args:
        dataset: The train rows.
        count: How many folds, at least 2.
        labels: True for classification.
        seed: Of the shuffle.

    Raises:
        ProjectError: There are too few rows, groups or members of a class for that many.
    """
    try:
        return list(_folds(dataset, count, labels=labels, seed=seed))
    except ValueError as error:
        where = "pyproject.toml tool.assay.training.cross_validation"
        raise ProjectError(f"{count} folds cannot be made: {error}", where, "fewer folds") from None


def _folds(dataset: Dataset, count: int, *, labels: bool, seed: int) -> Iterator[Fold]:
    if dataset.groups is not None:
        kind: Any = StratifiedGroupKFold if labels else GroupKFold
        splitter = kind(n_splits=count, shuffle=True, random_state=seed)
        return iter(splitter.split(dataset.x, dataset.y, dataset.groups))
    if dataset.times is not None:
        return _forward(dataset.times.to_numpy(), count)
    kind = StratifiedKFold if labels else KFold
    return iter(kind(n_splits=count, shuffle=True, random_state=seed).split(dataset.x, dataset.y))


def _forward(times: np.ndarray, count: int) -> Iterator[Fold]:
    """Each fold learns from everything before the moment at which the rows that it is measured on begin."""
    starts = np.quantile(np.sort(times), np.arange(1, count + 1) / (count + 1), method="nearest")
    if len(np.unique(starts)) < count or starts[0] == times.min():
        raise ValueError(f"there are too few different times for {count} steps")
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        later = times >= start if end is None else (times >= start) & (times < end)
        yield np.flatnonzero(times < start), np.flatnonzero(later)


def cross_validate(
    recipe: Recipe, dataset: Dataset, params: Mapping[str, Any], task: Task, folds: list[Fold]
) -> dict[str, list[float]]:
    """Each metric on each fold, by name; metrics that some fold has not are left out.

    Raises:
        ProjectError: A model could not be fitted, or its predictions cannot be used.
    """
    found: list[Mapping[str, float]] = []
    for learn, check in folds:
        model = recipe.fit(dataset.take(learn), params)
        held = dataset.take(check)
        measured = measure(model, held.x, held.y, task)
        if not measured.metrics:
            raise ProjectError(f"in cross-validation: {measured.answers.why_unusable}")
        found.append(measured.metrics)
    common = [name for name in found[0] if all(name in metrics for metrics in found)]
    return {name: [float(metrics[name]) for metrics in found] for name in common}


def summary(scores: Mapping[str, list[float]]) -> dict[str, dict[str, Any]]:
    """Mean, standard deviation and the folds themselves, by metric."""
    return {
        name: {"mean": float(np.mean(values)), "std": float(np.std(values)), "folds": values}
        for name, values in scores.items()
    }
