"""What a fitted model has learned: how its loss fell, which features it leans on, as numbers and as plots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from assay.models.figures import figure, save
from assay.models.pyfunc import last_step

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

_ROWS = 1000
_REPEATS = 2
_COLUMNS = 60
_CURVES = ("loss_curve_", "train_score_", "validation_score_", "validation_scores_")


def name_of(model: object) -> str:
    """The estimator's class, and that of the last step of a pipeline; of a wrapper of ours what is in it."""
    if type(model).__module__ == "assay.models.pyfunc":
        model = getattr(model, "model", None) or last_step(model)
    last = last_step(model)
    return type(model).__name__ if last is model else f"{type(model).__name__} of {type(last).__name__}"


def importance(model: Any, x: pd.DataFrame, y: pd.Series, *, labels: bool) -> dict[str, float]:  # noqa: ANN401
    """How much worse the model gets when one column is shuffled, by column, the largest first.

    In points of accuracy for classification, else in units of R squared. At most 1000 rows and 60 columns are used.

    Args:
        model: A fitted estimator.
        x: Features of shape (rows, columns).
        y: Target of shape (rows,).
        labels: True for classification.
    """
    random = np.random.default_rng(0)
    rows = np.sort(random.permutation(len(x))[:_ROWS])
    some, true = x.iloc[rows].reset_index(drop=True), np.asarray(y)[rows]
    base = score(true, model.predict(some), labels=labels)
    found = {}
    for column in some.columns[:_COLUMNS]:
        shuffled = [some[column].iloc[random.permutation(len(some))].reset_index(drop=True) for _ in range(_REPEATS)]
        worse = [score(true, model.predict(some.assign(**{column: s})), labels=labels) for s in shuffled]
        found[str(column)] = float(base - np.mean(worse))
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def score(true: np.ndarray, predicted: Any, *, labels: bool) -> float:  # noqa: ANN401 - whatever predict gives
    """Accuracy for classification, else R squared; 0 where the target does not vary."""
    predicted = np.asarray(predicted)
    if labels:
        return float((true == predicted).mean())
    spread = float(np.square(true - true.mean()).sum())
    return 1 - float(np.square(true - predicted).sum()) / spread if spread else 0.0


def curves(model: Any) -> dict[str, list[float]]:  # noqa: ANN401 - any estimator
    """The losses or scores by iteration that the model, or the last step of a pipeline, kept while it was fitted."""
    last = last_step(model)
    found: dict[str, list[float]] = {}
    for name in _CURVES:
        values = np.asarray(getattr(last, name, None), dtype=object)
        if values.ndim == 1 and len(values) > 1 and all(isinstance(value, float) for value in values):
            found[name.strip("_").replace("_", " ")] = [float(value) for value in values]
    return found | _watched(last)


def _watched(model: Any) -> dict[str, list[float]]:  # noqa: ANN401
    """What a boosting library measured on its `eval_set`, as XGBoost, LightGBM and CatBoost keep it."""
    known = getattr(model, "evals_result_", None) or next(
        (getattr(model, name) for name in ("evals_result", "get_evals_result") if hasattr(model, name)), None
    )
    try:
        by_set = known() if callable(known) else known
    except Exception:  # noqa: BLE001 - each has an error of its own for a model that watched nothing
        by_set = None
    return {
        f"{side} {metric}": [float(value) for value in values]
        for side, metrics in (by_set or {}).items()
        for metric, values in metrics.items()
    }


def plot_curves(found: dict[str, list[float]], path: Path) -> None:
    """One line a curve."""
    made, axes = figure("Learning curve", "iteration", "")
    for name, values in found.items():
        axes.plot(values, label=name)
    axes.legend(fontsize=8, frameon=False)
    save(made, path)
