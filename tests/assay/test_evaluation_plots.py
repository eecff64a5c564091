"""Plots of an evaluation: which ones are drawn, that they can be, and that they are the same bytes each time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.axes import Axes

from assay.evaluate import plots, plots_labels
from assay.evaluate.contract import Answers
from assay.evaluate.metrics import Task
from assay.evaluate.slices import Slice

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 400
CURVES = {"calibration.png", "confusion.png", "precision-recall.png", "roc.png"}
HOSTILE = ["$\\frac{", "a\nb", "日本語", "👩\u200d🔬", "\u202eevil", "x" * 300, "", "<b>", "\ud800", "עברית"]


def answers(labels: tuple[Any, ...], seed: int = 0) -> tuple[np.ndarray, Answers]:
    """Labels by chance and a model that is right more often than not."""
    random = np.random.default_rng(seed)
    true = random.integers(len(labels), size=ROWS)
    p = random.random((ROWS, len(labels)))
    p[np.arange(ROWS), true] += 0.7
    p /= p.sum(axis=1, keepdims=True)
    named = np.array(labels, dtype=object)
    return named[true], Answers(named[p.argmax(axis=1)], p, labels)


def drawn(labels: tuple[Any, ...], folder: Path, positive: Any = None) -> set[str]:
    true, said = answers(labels)
    plots.plot(true, said, Task(Path(), None, labels, positive), folder)
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Titles, lengths of bars and names beside lines, as they are drawn."""
    found: list[str] = []

    def watched(name: str, told: Callable[..., list[str]]) -> None:
        original = getattr(Axes, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            found.extend(told(*args[1:]))
            return original(*args, **kwargs)

        monkeypatch.setattr(Axes, name, call)

    watched("set_title", lambda title: [title])
    watched("barh", lambda _, widths: [f"bars {np.asarray(widths).tolist()}"])
    watched("set_yticks", lambda _, names: list(names))
    return found


@pytest.mark.parametrize(
    ("labels", "positive"),
    [(("no", "yes"), "yes"), ((False, True), True), (("a", "b", "c"), None), (tuple(range(25)), None)],
    ids=["two", "booleans", "three", "twenty-five"],
)
def test_classification(labels: tuple[Any, ...], positive: Any, tmp_path: Path) -> None:
    assert drawn(labels, tmp_path, positive) == CURVES


def test_without_probabilities_there_is_only_confusion(tmp_path: Path) -> None:
    true, said = answers(("a", "b"))
    plots.plot(true, Answers(said.predictions), Task(Path(), None, ("a", "b"), "b"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["confusion.png"]


def test_unusable_answers_are_not_drawn(tmp_path: Path) -> None:
    plots.plot(np.array([1.0]), Answers(None), Task(Path(), None), tmp_path / "plots")
    assert not (tmp_path / "plots").exists()


@pytest.mark.parametrize(
    "true", [np.linspace(0, 9, ROWS), np.full(ROWS, 3.0), np.arange(ROWS), np.array([2.0])], ids=str
)
def test_regression(true: np.ndarray, tmp_path: Path) -> None:
    plots.plot(true, Answers(true + 0.5), Task(Path(), None), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"predicted.png", "residuals.png"}


def test_one_class_in_the_holdout_draws_no_curves(tmp_path: Path) -> None:
    _, said = answers(("a", "b"))
    plots.plot(np.full(ROWS, "a"), said, Task(Path(), None, ("a", "b"), "b"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["confusion.png"]


def test_of_many_classes_six_are_drawn_and_the_rest_is_named(tmp_path: Path, texts: list[str]) -> None:
    drawn(tuple("abcdefgh"), tmp_path)
    (title,) = [text for text in texts if text.startswith("ROC")]
    named, rest = title.split("\nwithout ")
    assert named == "ROC, each label against the rest"
    assert len(rest.split(", ")) == 2


def test_of_too_many_classes_the_pairs_confused_most_are_drawn(tmp_path: Path, texts: list[str]) -> None:
    true = np.repeat(np.arange(30), 10)
    said = true.copy()
    said[:4], said[10:16], said[20] = 7, 9, 8
    plots_labels.confusion(true, said, range(30), tmp_path / "confusion.png")
    assert texts == ["Confusion: worst pairs of 30 labels", "bars [6, 4, 1]", "1 → 9", "0 → 7", "2 → 8"]


def test_slices_are_drawn_worst_first_with_their_rows(tmp_path: Path, texts: list[str]) -> None:
    values = (("a", 900, 0.3), ("b", 50, 0.9), ("c", 70, 0.5))
    found = [Slice(column="x", group=g, rows=n, metrics={"own": 1.0, "rmse": v}) for g, n, v in values]
    plots.slices(found, {"rmse": 0.4}, 60, tmp_path)
    assert texts == ["Slices: rmse", "x = b (50)", "x = c (70)", "x = a (900)"]
    assert (tmp_path / "slices.png").exists()


def test_importance_is_drawn_largest_first(tmp_path: Path, texts: list[str]) -> None:
    plots.importance({f"c{i}": 1 / (i + 1) for i in range(30)}, "accuracy", tmp_path)
    assert texts[0] == "What the model leans on, the first 20 of 30"
    assert texts[2:] == [f"c{i}" for i in range(20)]


def test_nothing_to_draw_makes_no_folder(tmp_path: Path) -> None:
    plots.slices([], {"accuracy": 1.0}, 100, tmp_path / "plots")
    plots.importance({}, "accuracy", tmp_path / "plots")
    assert not (tmp_path / "plots").exists()


def test_hostile_names_can_be_drawn(tmp_path: Path) -> None:
    assert drawn(tuple(HOSTILE), tmp_path) == CURVES
    assert drawn((HOSTILE[0], HOSTILE[2]), tmp_path, HOSTILE[0]) == CURVES
    plots.importance(dict.fromkeys(HOSTILE, 0.1), "accuracy", tmp_path)
    parts = [Slice(column=name, group=name, rows=5, metrics={"f1": 0.5}) for name in HOSTILE]
    plots.slices(parts, {"f1": 0.6}, 100, tmp_path)
    assert len(list(tmp_path.iterdir())) == 6


def test_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        drawn(("a", "b", "c"), tmp_path / name)
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in CURVES)


@pytest.mark.parametrize(
    ("share", "rows", "low", "high"), [(0.5, 100, 0.404, 0.596), (0.0, 10, 0.0, 0.278), (1.0, 10, 0.722, 1.0)]
)
def test_the_interval_of_a_share(share: float, rows: int, low: float, high: float) -> None:
    # Wilson score intervals as published for these counts
    found = plots_labels._wilson(np.array([share]), np.array([rows]))
    assert (found[0][0], found[1][0]) == pytest.approx((low, high), abs=5e-4)
