"""Plots of a classifier: confusion, ROC, precision and recall, calibration."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.font_manager import findfont, get_font
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_curve

from assay.evaluate.card_text import plain
from assay.models.figures import BLUE, GREY, INK, figure, save

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from assay.evaluate.metrics import Task

_MOST_LABELS, _MOST_CURVES, _PAIRS = 20, 6, 20
_POINTS, _BINS = 2000, 10
_LONGEST = 24
_SURE = 1.96
_COLORS = (BLUE, "#bf3989", "#1a7f37", "#bc4c00", "#8250df", GREY)


def label(value: object, longest: int = _LONGEST) -> str:
    """A name as it can be drawn: short, no formula, and a mark for each character that the font lacks."""
    drawn = "".join(c if ord(c) in _glyphs() else "\ufffd" for c in plain(value, longest))
    return drawn.replace("$", r"\$") or "(blank)"


@cache
def _glyphs() -> frozenset[int]:
    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def confusion(true: np.ndarray, predicted: np.ndarray, labels: Sequence[Any], path: Path) -> None:
    """Every true label against every predicted one; of more than 20 labels the pairs that are confused most.

    Args:
        true: Of shape (rows,).
        predicted: Of shape (rows,).
        labels: All of them.
        path: The PNG.
    """
    place, size = {name: at for at, name in enumerate(labels)}, len(labels)
    cells = [place[a] * size + place[b] for a, b in zip(true.tolist(), predicted.tolist(), strict=True)]
    counts = np.bincount(cells, minlength=size * size).reshape(size, size)
    draw = _matrix if len(labels) <= _MOST_LABELS else _pairs
    draw(counts, [label(name) for name in labels], path)


def _matrix(counts: np.ndarray, names: Sequence[str], path: Path) -> None:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.6 + 0.45 * len(names)
    made, axes = figure("Confusion", "predicted; rows, and share of the true label", "true", (side + 0.6, side))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    crowded = max(map(len, names)) > 9  # noqa: PLR2004 - letters that fit below a cell
    axes.set_xticks(range(len(names)), names, rotation=40 if crowded else 0, ha="right" if crowded else "center")
    axes.set_yticks(range(len(names)), names)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            color = "white" if shares[row, column] > 0.5 else INK  # noqa: PLR2004 - where the blue gets dark
            told = f"{count:,}\n{shares[row, column]:.0%}"
            axes.text(column, row, told, ha="center", va="center", color=color, fontsize=8 if len(names) < 9 else 6)  # noqa: PLR2004
    save(made, path)


def _pairs(counts: np.ndarray, names: Sequence[str], path: Path) -> None:
    wrong = counts * (1 - np.eye(len(counts), dtype=int))
    order = [divmod(int(i), len(names)) for i in np.argsort(-wrong, axis=None, kind="stable")[:_PAIRS]]
    shown = [(row, column) for row, column in order if wrong[row, column]]
    size = 6.2, 1.2 + 0.24 * len(shown)
    made, axes = figure(f"Confusion: worst pairs of {len(names)} labels", "rows", "true → predicted", size)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.barh(range(len(shown)), [wrong[pair] for pair in shown], color=BLUE, height=0.65)
    axes.set_yticks(range(len(shown)), [f"{names[row]} → {names[column]}" for row, column in shown])
    axes.set_ylim(max(len(shown), 1) - 0.4, -0.6)
    save(made, path)


def probabilities(true: np.ndarray, p: np.ndarray, labels: Sequence[Any], task: Task, folder: Path) -> None:
    """ROC, precision and recall, calibration: of the positive label, of many labels each against the rest.

    Args:
        true: Of shape (rows,).
        p: Probabilities of shape (rows, labels).
        labels: What the columns of `p` stand for.
        task: What is predicted.
        folder: Made where it is missing.
    """
    wanted = [task.positive] if task.binary else _largest(true, labels)
    sides = {name: (true == name, p[:, labels.index(name)]) for name in wanted if name in labels}
    sides = {name: side for name, side in sides.items() if 0 < side[0].sum() < len(true)}
    if not sides:
        return
    left = [name for name in labels if name not in sides] if not task.binary else []
    _roc(sides, left, folder / "roc.png")
    _precision_recall(sides, left, folder / "precision-recall.png")
    if task.binary:
        _calibration(*sides[task.positive], f"Calibration: {label(task.positive)}", folder / "calibration.png")
    else:
        right = np.array(labels, dtype=object)[p.argmax(axis=1)] == true
        _calibration(right, p.max(axis=1), "Calibration: the likeliest label", folder / "calibration.png")


def _largest(true: np.ndarray, labels: Sequence[Any]) -> list[Any]:
    return sorted(labels, key=lambda name: -int((true == name).sum()))[:_MOST_CURVES]


def _roc(sides: Mapping[Any, tuple[np.ndarray, np.ndarray]], left: Sequence[Any], path: Path) -> None:
    made, axes = figure(_title("ROC", left), "false positive rate", "true positive rate", (4.6, 4.2))
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--")
    for color, (name, (hits, p)) in zip(_COLORS, sides.items(), strict=False):
        wrong, right, _ = roc_curve(hits, p)
        axes.plot(*_thinned(wrong, right), color=color, label=f"{label(name)}: area {auc(wrong, right):.3f}")
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    save(made, path)


def _precision_recall(sides: Mapping[Any, tuple[np.ndarray, np.ndarray]], left: Sequence[Any], path: Path) -> None:
    made, axes = figure(_title("Precision and recall", left), "recall", "precision", (4.6, 4.2))
    for color, (name, (hits, p)) in zip(_COLORS, sides.items(), strict=False):
        precision, recall, _ = precision_recall_curve(hits, p)
        axes.axhline(float(hits.mean()), color=color, linewidth=0.6, linestyle="--")
        told = f"{label(name)}: average {average_precision_score(hits, p):.3f}"
        axes.plot(*_thinned(recall, precision), color=color, label=told)
    axes.set_ylim(0, 1.02)
    axes.legend(fontsize=8, frameon=False, loc="lower left")
    save(made, path)


def _title(what: str, left: Sequence[Any]) -> str:
    if not left:
        return what
    names = ", ".join(label(name, 12) for name in left[:3])
    more = f" and {len(left) - 3} more" if len(left) > 3 else ""  # noqa: PLR2004 - as many as fit on a line
    return f"{what}, each label against the rest\nwithout {names}{more}"


def _thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pick = np.linspace(0, len(x) - 1, min(len(x), _POINTS)).astype(int)
    return x[pick], y[pick]


def _calibration(hits: np.ndarray, p: np.ndarray, title: str, path: Path) -> None:
    bins = np.clip((p * _BINS).astype(int), 0, _BINS - 1)
    rows = np.bincount(bins, minlength=_BINS)
    full = rows > 0
    promised, came_true = (np.bincount(bins, weights=w, minlength=_BINS)[full] / rows[full] for w in (p, hits))
    low, high = _wilson(came_true, rows[full])
    made, axes = figure(title, "probability promised; bars: 95 %, dots: by rows", "share that came true", (4.6, 4.2))
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--")
    axes.plot(promised, came_true, color=BLUE, linewidth=0.8)
    axes.vlines(promised, low, high, color=BLUE, linewidth=1.2)
    axes.scatter(promised, came_true, s=12 + 110 * rows[full] / rows.max(), color=BLUE, zorder=3)
    save(made, path)


def _wilson(share: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % interval of a share of `rows`, sound at 0 and 1 too."""
    z = _SURE**2 / rows
    centre, half = share + z / 2, _SURE * np.sqrt(share * (1 - share) / rows + z / (4 * rows))
    return (centre - half) / (1 + z), (centre + half) / (1 + z)
