"""Plots of an evaluation: those that fit the task, the slices, and what the model leans on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.evaluate import plots_labels as of_labels
from assay.evaluate.card_results import worst_first
from assay.evaluate.plots_labels import label
from assay.models.figures import BLUE, GREY, figure, save

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from assay.evaluate.contract import Answers
    from assay.evaluate.metrics import Task
    from assay.evaluate.slices import Slice

_POINTS = 5000
_SLICES, _COLUMNS = 30, 20


def plot(true: np.ndarray, answers: Answers, task: Task, folder: Path) -> None:
    """Draw what fits the task into `folder`.

    For labels confusion, and with probabilities ROC, precision and recall, calibration; for numbers residuals, and
    predicted against true values.

    Args:
        true: Target of shape (rows,).
        answers: Nothing is drawn where they cannot be used.
        task: What is predicted.
        folder: Made where it is missing.
    """
    if answers.predictions is None:
        return
    if not task.labels:
        _numbers(true, answers.predictions, folder)
        return
    of_labels.confusion(true, answers.predictions, task.labels, folder / "confusion.png")
    if answers.probabilities is not None:
        of_labels.probabilities(true, answers.probabilities, answers.labels, task, folder)


def _numbers(true: np.ndarray, predicted: np.ndarray, folder: Path) -> None:
    pick = np.linspace(0, len(true) - 1, min(len(true), _POINTS)).astype(int)
    true, predicted = true[pick].astype(float), predicted[pick].astype(float)
    made, axes = figure("Residuals", "predicted", "true minus predicted")
    axes.axhline(0, color=GREY, linewidth=0.8, linestyle="--")
    _cloud(axes, predicted, true - predicted)
    save(made, folder / "residuals.png")
    made, axes = figure("Predicted against true", "true", "predicted")
    axes.axline((true.mean(), true.mean()), slope=1, color=GREY, linewidth=0.8, linestyle="--")
    _cloud(axes, true, predicted)
    save(made, folder / "predicted.png")


def _cloud(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    axes.scatter(x, y, s=7, color=BLUE, alpha=max(0.25, min(0.6, 60 / len(x) ** 0.75)), linewidths=0)


def slices(found: Sequence[Slice], metrics: Mapping[str, float], smallest: int, folder: Path) -> None:
    """Draw `slices.png`: the first metric that they share with the whole, a dot a slice, the worst on top.

    Args:
        found: The slices; nothing is drawn without any.
        metrics: Of all rows together.
        smallest: A slice of fewer rows is drawn hollow.
        folder: Made where it is missing.
    """
    name = next((n for part in found for n in part.metrics if n in metrics), None)
    if name is None:
        return
    shown = worst_first([part for part in found if np.isfinite(part.metrics.get(name, np.nan))], name)[:_SLICES]
    title = f"Slices: {label(name)}" + (f", the worst {_SLICES} of {len(found)}" if len(found) > _SLICES else "")
    made, axes = figure(title, f"{label(name)}; line: all rows, hollow: fewer than {smallest} rows", "", _tall(shown))
    axes.axvline(metrics[name], color=GREY, linewidth=1)
    for place, part in enumerate(shown):
        fill = BLUE if part.rows >= smallest else "white"
        axes.plot(part.metrics[name], place, marker="o", markersize=6, color=BLUE, markerfacecolor=fill)
    _lines(axes, [f"{label(p.column)} = {label(p.group)} ({p.rows:,})" for p in shown])
    axes.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.6)
    save(made, folder / "slices.png")


def importance(found: Mapping[str, float], lost: str, folder: Path) -> None:
    """Draw `importance.png`: a bar a column, the most important on top.

    Args:
        found: What is lost when the column is shuffled, by column, the largest first; nothing is drawn without any.
        lost: The unit of what is lost, `accuracy`.
        folder: Made where it is missing.
    """
    shown = list(found.items())[:_COLUMNS]
    if not shown:
        return
    left = f", the first {_COLUMNS} of {len(found)}" if len(found) > _COLUMNS else ""
    made, axes = figure(f"What the model leans on{left}", f"{lost} lost when the column is shuffled", "", _tall(shown))
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.barh(range(len(shown)), [value for _, value in shown], color=BLUE, height=0.65)
    _lines(axes, [label(name) for name, _ in shown])
    save(made, folder / "importance.png")


def _tall(lines: Sequence[object]) -> tuple[float, float]:
    return 6.2, 1.1 + 0.24 * len(lines)


def _lines(axes: Axes, names: Sequence[str]) -> None:
    # by place and not by name: two long names may look the same once they are cut
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
