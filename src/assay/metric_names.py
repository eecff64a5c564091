"""Metrics by name and which way they are better. Standard library only."""

from __future__ import annotations

LOWER_IS_BETTER = frozenset({"log_loss", "brier", "calibration_error", "rmse", "mae", "median_ae", "mape"})
HIGHER_IS_BETTER = frozenset(
    {"accuracy", "balanced_accuracy", "f1", "precision", "recall", "roc_auc", "average_precision", "r2"}
)


def worse_by(name: str, before: float, now: float) -> float | None:
    """How much worse `now` is than `before` in the metric's unit, negative where better; None for unknown metrics."""
    if name in LOWER_IS_BETTER:
        return now - before
    return before - now if name in HIGHER_IS_BETTER else None
