"""Whether a model keeps the contract of `callables.Model`: every promise that serving it relies on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.callables import user_code
from assay.models.rows import to_json

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    import pandas as pd

_ALONE = 20
_SUM_TOLERANCE = 1e-5
_TOLERANCE = 1e-6
_SHOWN = 3


@dataclass(frozen=True)
class Answers:
    """What a model said about some rows.

    Attributes:
        predictions: Shape (rows,); None where they cannot be used.
        probabilities: Shape (rows, labels); None where the model gives none or they cannot be used.
        labels: The labels that the columns of `probabilities` stand for.
        violations: Promises that the model broke, in words.
    """

    predictions: np.ndarray | None
    probabilities: np.ndarray | None = None
    labels: tuple[Any, ...] = ()
    violations: tuple[str, ...] = ()

    @property
    def why_unusable(self) -> str:
        """Why there are no predictions to measure; empty where there are."""
        return "" if self.predictions is not None else "; ".join(self.violations)


def examine(model: Any, x: pd.DataFrame, known: Collection[Any], project: Path) -> Answers:  # noqa: ANN401
    """Ask a model for predictions and check each promise.

    Args:
        model: A fitted estimator.
        x: Features of shape (rows, columns); never changed.
        known: The labels in the data; empty for regression.
        project: The project's folder, for messages.

    Raises:
        ProjectError: The model raised.
    """
    given = x.copy()
    with user_code("model.predict", project):
        first = np.asarray(model.predict(given))
        violations = [] if given.equals(x) else ["predict changes the rows that it is given"]
        again = np.asarray(model.predict(x.copy()))
    broken = _broken(first, len(x), known)
    if broken:
        return Answers(None, violations=(*violations, broken))
    if not _same(first, again):
        violations.append("the same rows get other predictions the second time")
    elif alone := _alone(model, x, first, project):
        violations.append(alone)
    probabilities, labels, wrong = _probabilities(model, x, project) if known else (None, (), "")
    return Answers(first, probabilities, labels, (*violations, *([wrong] if wrong else [])))


def _broken(predictions: np.ndarray, rows: int, known: Collection[Any]) -> str:
    if predictions.shape != (rows,):
        return f"predict gives shape {predictions.shape} for {rows} rows, not ({rows},)"
    numbers = predictions.dtype.kind in "fiub"
    missing = (
        ~np.isfinite(predictions.astype(float)) if numbers else np.array([to_json(p) is None for p in predictions])
    )
    if missing.any():
        return f"predict gives NaN, infinity or nothing for {int(missing.sum())} of {rows} rows"
    if not known:
        return "" if numbers else f"predict gives {predictions.dtype} values, not numbers"
    strange = sorted({str(label) for label in set(predictions.tolist()) - set(known)})
    return f"predict gives labels that are not in the data: {', '.join(strange[:_SHOWN])}" if strange else ""


def _same(first: np.ndarray, second: np.ndarray) -> bool:
    if first.shape != second.shape:
        return False
    if first.dtype.kind == "f" and second.dtype.kind == "f":
        return bool(np.allclose(first, second, rtol=_TOLERANCE, atol=0, equal_nan=True))
    return bool((first == second).all())


def _alone(model: Any, x: pd.DataFrame, predictions: np.ndarray, project: Path) -> str:  # noqa: ANN401
    for row in range(min(_ALONE, len(x))):
        with user_code("model.predict of a single row", project):
            alone = np.asarray(model.predict(x.iloc[[row]].copy()))
        if not _same(alone, predictions[row : row + 1]):
            return f"row {row} alone gets {alone.tolist()}, among the others {predictions[row]}"
    return ""


def _probabilities(model: Any, x: pd.DataFrame, project: Path) -> tuple[np.ndarray | None, tuple[Any, ...], str]:  # noqa: ANN401
    if not hasattr(model, "predict_proba"):
        return None, (), ""
    with user_code("model.predict_proba", project):
        found = np.asarray(model.predict_proba(x.copy()))
        labels = tuple(np.asarray(getattr(model, "classes_", ())).tolist())
    wrong = _wrong(found, len(x), len(labels))
    return (None, labels, wrong) if wrong else (found.astype(float), labels, "")


def _wrong(probabilities: np.ndarray, rows: int, labels: int) -> str:
    if not labels:
        return "the model has predict_proba but no classes_ that say what its columns stand for"
    if probabilities.shape != (rows, labels):
        return f"predict_proba gives shape {probabilities.shape}, not ({rows}, {labels})"
    if probabilities.dtype.kind not in "fiu" or not np.isfinite(probabilities).all():
        return "predict_proba gives NaN, infinity or no numbers"
    if probabilities.min() < 0 or probabilities.max() > 1 + _SUM_TOLERANCE:
        return f"predict_proba gives values from {probabilities.min():g} to {probabilities.max():g}, not from 0 to 1"
    off = np.abs(probabilities.sum(axis=1) - 1) > _SUM_TOLERANCE
    return f"the probabilities of {int(off.sum())} of {rows} rows do not sum to 1" if off.any() else ""
