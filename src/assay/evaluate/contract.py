"""Whether a model keeps the contract of `callables.Model`: every promise that serving it relies on."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from assay.callables import user_code
from assay.models.rows import to_json

if TYPE_CHECKING:
    from collections.abc import Collection

_ALONE = 20
_SUM_TOLERANCE = 1e-5
_TOLERANCE = 1e-6
_ROUNDING = 100
_TIES = 0.001
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
        first, violations = _first(model, given, project)
        again = np.asarray(model.predict(x.copy()))
    if not given.equals(x):
        violations.append("predict changes the rows that it is given; it must work on a copy")
    if wrong := broken(first, len(x), known):
        return Answers(None, violations=(*violations, wrong))
    if not _same(first, again):
        violations.append("the same rows get other predictions the second time; where it draws, it needs a seed")
    elif leaning := _alone(model, x, first, project) or _rearranged(model, x, first, project):
        violations.append(leaning)
    probabilities, labels, wrong = _probabilities(model, x, first, known, project) if known else (None, (), "")
    return Answers(first, probabilities, labels, (*violations, *([wrong] if wrong else [])))


def _first(model: Any, x: pd.DataFrame, project: Path) -> tuple[np.ndarray, list[str]]:  # noqa: ANN401
    """The predictions, and what is wrong about how they were given."""
    with contextlib.chdir(project):
        said = model.predict(x)
        moved = not Path.cwd().samefile(project)
    violations = ["predict changes the working directory"] if moved else []
    if isinstance(said, pd.Series) and not said.index.equals(x.index) and said.index.sort_values().equals(x.index):
        violations.append("predict gives a Series whose index is in another order than the rows; they go by position")
    return np.asarray(said), violations


def broken(predictions: np.ndarray, rows: int, known: Collection[Any]) -> str:
    """Why predictions cannot be used; empty where they can.

    Args:
        predictions: What `predict` gave; shape (rows,) where it kept its promise.
        rows: How many rows it was given.
        known: The labels in the data; empty for regression.
    """
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
    strange = _strange(predictions, known)
    return f"predict gives labels that are not in the data: {', '.join(strange[:_SHOWN])}" if strange else ""


def _strange(predictions: np.ndarray, known: Collection[Any]) -> list[str]:
    try:
        return sorted(str(label) for label in set(predictions.tolist()) - set(known))
    except TypeError:
        # lists and tables have no hash, and are no labels either
        return sorted({str(label) for label in predictions.tolist()})


def _same(first: np.ndarray, second: np.ndarray) -> bool:
    return first.shape == second.shape and bool(_close(first, second).all())


def _close(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Which predictions are equal but for rounding, which grows with the largest of them; shape (rows,)."""
    if first.dtype.kind == "f" and second.dtype.kind == "f" and len(first):
        precision = max(_TOLERANCE, _ROUNDING * float(np.finfo(first.dtype).eps))
        largest = float(np.abs(first).max())
        return np.asarray(np.isclose(first, second, rtol=precision, atol=precision * largest, equal_nan=True))
    return np.asarray(first == second)


def _alone(model: Any, x: pd.DataFrame, predictions: np.ndarray, project: Path) -> str:  # noqa: ANN401
    for row in range(min(_ALONE, len(x))):
        with user_code("model.predict of a single row", project):
            # a row that is served has no position: its index starts anew
            alone = np.asarray(model.predict(x.iloc[[row]].reset_index(drop=True)))
        if not _same(alone, predictions[row : row + 1]):
            return f"row {row} alone gets {alone.tolist()}, among the others {predictions[row]}"
    return ""


def _rearranged(model: Any, x: pd.DataFrame, predictions: np.ndarray, project: Path) -> str:  # noqa: ANN401
    with user_code("model.predict of the rows in another order", project):
        found = np.asarray(model.predict(x.iloc[::-1].reset_index(drop=True)))[::-1]
    apart = ~_close(predictions, found) if found.shape == predictions.shape else np.ones(len(x), dtype=bool)
    # a tie between two labels may fall to the other one when sums are taken in another order
    told = f"{int(apart.sum())} rows get other predictions in another order; it must look at each row by itself"
    return told if apart.mean() > _TIES else ""


def _probabilities(
    model: Any,  # noqa: ANN401
    x: pd.DataFrame,
    predictions: np.ndarray,
    known: Collection[Any],
    project: Path,
) -> tuple[np.ndarray | None, tuple[Any, ...], str]:
    given = x.copy()
    with user_code("model.predict_proba", project):
        if not hasattr(model, "predict_proba"):
            return None, (), ""
        found = np.asarray(model.predict_proba(given))
        labels = tuple(np.asarray(getattr(model, "classes_", ())).tolist())
    wrong = _wrong(found, len(x), labels, known) or _contradiction(found, labels, predictions)
    if not wrong and not given.equals(x):
        return found.astype(float), labels, "predict_proba changes the rows that it is given; it must work on a copy"
    return (None, labels, wrong) if wrong else (found.astype(float), labels, "")


def _wrong(probabilities: np.ndarray, rows: int, labels: tuple[Any, ...], known: Collection[Any]) -> str:
    if not labels:
        return "the model has predict_proba but no classes_ that say what its columns stand for"
    if not set(labels) & set(known):
        shown = ", ".join(map(str, labels[:_SHOWN]))
        return f"the model's classes_ are none of the data's labels: {shown}; they must stand as in the data"
    if probabilities.shape != (rows, len(labels)):
        return f"predict_proba gives shape {probabilities.shape}, not ({rows}, {len(labels)})"
    if probabilities.dtype.kind not in "fiu" or not np.isfinite(probabilities).all():
        return "predict_proba gives NaN, infinity or no numbers"
    if probabilities.min() < 0 or probabilities.max() > 1 + _SUM_TOLERANCE:
        return f"predict_proba gives values from {probabilities.min():g} to {probabilities.max():g}, not from 0 to 1"
    off = np.abs(probabilities.sum(axis=1) - 1) > _SUM_TOLERANCE
    return f"the probabilities of {int(off.sum())} of {rows} rows do not sum to 1" if off.any() else ""


def _contradiction(probabilities: np.ndarray, labels: tuple[Any, ...], predictions: np.ndarray) -> str:
    """Labels are less probable where they are predicted, which no threshold and no choice of the largest can cause."""
    chosen = predictions[:, None] == np.array(labels, dtype=object)[None]
    lift = float(((probabilities - probabilities.mean(axis=0)) * chosen).sum())
    against = "predict says the labels that predict_proba finds improbable: classes_ must name its columns in order"
    return against if lift < -_TOLERANCE * len(predictions) else ""
