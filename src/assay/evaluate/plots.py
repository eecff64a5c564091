"""Plots of an evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from assay.models.figures import BLUE, GREY, INK, figure, save

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from assay.evaluate.contract import Answers
    from assay.evaluate.metrics import Task

_MOST_LABELS = 20
_POINTS = 5000
_BINS = 10


def plot(true: np.ndarray, answers: Answers, task: Task, folder: Path) -> None:
    """Draw what fits the task into `folder`: confusion, ROC, precision and recall, calibration; or residuals.

    Args:
        true: Target of shape (rows,).
        answers: Usable ones.
        task: What is predicted.
        folder: Made where it is missing.
    """
    if answers.predictions is None:
        return
    if not task.labels:
        _residuals(true, answers.predictions, folder / "residuals.png")
        return
    if len(task.labels) <= _MOST_LABELS:
        _confusion(true, answers.predictions, [str(label) for label in task.labels], task, folder / "confusion.png")
    if answers.probabilities is not None and task.binary and task.positive in answers.labels:
        hits = true == task.positive
        p = answers.probabilities[:, answers.labels.index(task.positive)]
        if 0 < hits.sum() < len(hits):
            _curves(hits, p, folder)
            _calibration(hits, p, folder / "calibration.png")


def _confusion(true: np.ndarray, predicted: np.ndarray, names: Sequence[str], task: Task, path: Path) -> None:
    counts = confusion_matrix(true, predicted, labels=list(task.labels))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.6 + 0.45 * len(names)
    made, axes = figure("Confusion", "predicted", "true", (side + 0.6, side))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(names))
    axes.set_xticks(ticks, names)
    axes.set_yticks(ticks, names)
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if shares[row, column] > 0.5 else INK  # noqa: PLR2004 - where the blue gets dark
        axes.text(column, row, f"{count}\n{shares[row, column]:.0%}", ha="center", va="center", color=color, fontsize=8)
    save(made, path)


def _curves(hits: np.ndarray, p: np.ndarray, folder: Path) -> None:
    wrong, right, _ = roc_curve(hits, p)
    made, axes = figure("ROC", "false positive rate", "true positive rate")
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--")
    axes.plot(*_thinned(wrong, right), color=BLUE)
    save(made, folder / "roc.png")
    precision, recall, _ = precision_recall_curve(hits, p)
    made, axes = figure("Precision and recall", "recall", "precision")
    axes.axhline(float(hits.mean()), color=GREY, linewidth=0.8, linestyle="--")
    axes.plot(*_thinned(recall, precision), color=BLUE)
    axes.set_ylim(0, 1.02)
    save(made, folder / "precision-recall.png")


def _thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pick = np.linspace(0, len(x) - 1, min(len(x), _POINTS)).astype(int)
    return x[pick], y[pick]


def _calibration(hits: np.ndarray, p: np.ndarray, path: Path) -> None:
    bins = np.minimum((p * _BINS).astype(int), _BINS - 1)
    rows = np.bincount(bins, minlength=_BINS)
    full = rows > 0
    promised = np.bincount(bins, weights=p, minlength=_BINS)[full] / rows[full]
    came_true = np.bincount(bins, weights=hits, minlength=_BINS)[full] / rows[full]
    made, axes = figure("Calibration", "probability promised", "share that came true")
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--")
    axes.plot(promised, came_true, color=BLUE, marker="o", markersize=4)
    save(made, path)


def _residuals(true: np.ndarray, predicted: np.ndarray, path: Path) -> None:
    predicted, true = _thinned(predicted, true)
    made, axes = figure("Residuals", "predicted", "true minus predicted")
    axes.axhline(0, color=GREY, linewidth=0.8, linestyle="--")
    axes.scatter(predicted, true - predicted, s=5, color=BLUE, alpha=0.4, linewidths=0)
    save(made, path)
