"""How far the model's probabilities can be trusted, beyond the metrics that Assay computes for every classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

_BINS = 10
_SMALLEST = 1e-15


def compute(model: Pipeline, x: pd.DataFrame, y: pd.Series) -> dict[str, float]:
    """Log loss and calibration error of a fitted model.

    Args:
        model: Fitted; its second class is the one whose probability counts.
        x: Features of shape (rows, columns).
        y: Labels of shape (rows,).

    Returns:
        `log_loss` in nats a row, and `calibration_error`: over ten bins of equal width, the mean distance between the
        probability promised and the share that came true, weighted by rows; 0 is perfect, 1 the worst.
    """
    promised = model.predict_proba(x)[:, 1]
    true = (y == model.classes_[1]).to_numpy()
    right = np.clip(np.where(true, promised, 1 - promised), _SMALLEST, 1)
    return {"log_loss": float(-np.log(right).mean()), "calibration_error": _calibration_error(promised, true)}


def _calibration_error(promised: np.ndarray, true: np.ndarray) -> float:
    bins = np.minimum((promised * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(bins, weights=promised - true, minlength=_BINS)
    return float(np.abs(gaps).sum() / len(promised))
