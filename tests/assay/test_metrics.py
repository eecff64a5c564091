"""Metrics: against values worked out by hand, undefined ones, and the project's own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from modelkit import kit

from assay.errors import ConfigError, ProjectError
from assay.evaluate.metrics import Task, labels_of, measure

if TYPE_CHECKING:
    from pathlib import Path


class Fixed:
    """Answers with what it was given, row by row by the index of the rows."""

    def __init__(self, said: list[Any], p: list[list[float]] | None = None, classes: list[Any] | None = None) -> None:
        self.said = np.array(said, dtype=object if isinstance(said[0], str) else None)
        self.classes_ = np.array(classes or [])
        if p is not None:
            self.predict_proba = lambda x: np.array(p)[x.index]

    def predict(self, x: pd.DataFrame) -> np.ndarray:
        return self.said[x.index]


def _measure(model: Any, y: list[Any], tmp_path: Path, *, positive: Any = None, regression: bool = False) -> Any:
    target = pd.Series(y)
    labels, positive = ((), None) if regression else labels_of([target], positive)
    x = pd.DataFrame({"a": range(len(y))})
    return measure(model, x, target, Task(tmp_path, None, labels, positive)).metrics


def test_two_classes(tmp_path: Path) -> None:
    y = ["no", "no", "no", "yes", "yes"]
    p = [0.1, 0.2, 0.8, 0.7, 0.4]
    model = Fixed(["no", "no", "yes", "yes", "no"], [[1 - v, v] for v in p], ["no", "yes"])
    found = _measure(model, y, tmp_path)
    assert found == pytest.approx(
        {
            "accuracy": 3 / 5,
            "balanced_accuracy": (2 / 3 + 1 / 2) / 2,
            "f1": 1 / 2,
            "precision": 1 / 2,
            "recall": 1 / 2,
            "log_loss": -(math.log(0.9) + math.log(0.8) + math.log(0.2) + math.log(0.7) + math.log(0.4)) / 5,
            "brier": (0.01 + 0.04 + 0.64 + 0.09 + 0.36) / 5,
            "roc_auc": 4 / 6,
            "average_precision": 0.5 * (1 / 2) + 0.5 * (2 / 3),
            "calibration_error": (0.1 + 0.2 + 0.6 + 0.3 + 0.8) / 5,
        }
    )


def test_the_positive_label_can_be_chosen(tmp_path: Path) -> None:
    y = [0, 0, 0, 1]
    model = Fixed([0, 0, 1, 1])
    assert _measure(model, y, tmp_path)["precision"] == pytest.approx(1 / 2)
    assert _measure(model, y, tmp_path, positive=0)["precision"] == pytest.approx(1.0)


def test_the_order_of_the_models_classes_does_not_matter(tmp_path: Path) -> None:
    y, said = ["no", "yes", "no"], ["no", "yes", "yes"]
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    one = _measure(Fixed(said, p.tolist(), ["no", "yes"]), y, tmp_path)
    assert _measure(Fixed(said, p[:, ::-1].tolist(), ["yes", "no"]), y, tmp_path) == pytest.approx(one)


def test_three_classes_are_averaged(tmp_path: Path) -> None:
    y = ["a", "b", "c", "a"]
    p = [[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [0.3, 0.4, 0.3]]
    found = _measure(Fixed(["a", "b", "c", "b"], p, ["a", "b", "c"]), y, tmp_path)
    assert found["accuracy"] == 3 / 4
    assert found["f1"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert found["recall"] == pytest.approx((1 / 2 + 1 + 1) / 3)
    assert found["log_loss"] == pytest.approx(-np.log([0.8, 0.5, 0.8, 0.3]).mean())
    assert found["roc_auc"] == pytest.approx(1.0)
    assert "average_precision" not in found


def test_regression(tmp_path: Path) -> None:
    found = _measure(Fixed([1.0, 2.0, 5.0]), [1.0, 4.0, 4.0], tmp_path, regression=True)
    assert found == pytest.approx(
        {"rmse": math.sqrt(5 / 3), "mae": 1.0, "median_ae": 1.0, "r2": 1 - 5 / 6, "mape": (0 + 0.5 + 0.25) / 3}
    )


def test_a_percentage_of_nothing_is_not_a_number(tmp_path: Path) -> None:
    assert math.isnan(_measure(Fixed([1.0, 1.0]), [0.0, 1.0], tmp_path, regression=True)["mape"])


def test_a_constant_predictor_gets_numbers_that_show_it(tmp_path: Path) -> None:
    model = Fixed(["no"] * 4, [[0.5, 0.5]] * 4, ["no", "yes"])
    found = _measure(model, ["no", "no", "no", "yes"], tmp_path)
    assert (found["accuracy"], found["balanced_accuracy"], found["f1"], found["roc_auc"]) == (0.75, 0.5, 0.0, 0.5)


def test_holdout_rows_of_a_single_class_leave_the_area_undefined(tmp_path: Path) -> None:
    x, y = pd.DataFrame({"a": range(2)}), pd.Series(["no", "no"])
    model = Fixed(["no", "no"], [[0.9, 0.1], [0.8, 0.2]], ["no", "yes"])
    found = measure(model, x, y, Task(tmp_path, None, ("no", "yes"), "yes")).metrics
    assert math.isnan(found["roc_auc"])
    assert found["accuracy"] == 1.0


def test_a_label_the_model_never_saw_leaves_no_probabilities_to_measure(tmp_path: Path) -> None:
    found = _measure(Fixed(["a", "a", "b"], [[1, 0], [1, 0], [0, 1]], ["a", "b"]), ["a", "b", "c"], tmp_path)
    assert "log_loss" not in found
    assert found["accuracy"] == pytest.approx(1 / 3)


def test_certainty_that_was_wrong_has_a_finite_loss(tmp_path: Path) -> None:
    found = _measure(Fixed(["a", "a"], [[1, 0], [1, 0]], ["a", "b"]), ["a", "b"], tmp_path)
    assert math.isfinite(found["log_loss"])


@pytest.mark.parametrize(
    ("values", "positive", "expected"),
    [
        (["b", "a"], None, (("a", "b"), "b")),
        (["b", "a"], "a", (("a", "b"), "a")),
        ([1, 0, 1], None, ((0, 1), 1)),
        ([True, False], None, ((False, True), True)),
        (["a", "b", "c"], None, (("a", "b", "c"), None)),
        (["a", "b", "c"], "c", (("a", "b", "c"), "c")),
    ],
)
def test_labels_and_the_positive_one(values: list[Any], positive: Any, expected: Any) -> None:
    assert labels_of([pd.Series(values)], positive) == expected


def test_a_positive_label_that_is_not_in_the_data_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match="'>50k' is not in the data") as caught:
        labels_of([pd.Series([">50K", "<=50K"])], ">50k")
    assert caught.value.allowed == "'<=50K', '>50K'"


def _own(tmp_path: Path, name: str) -> Any:
    made = kit(tmp_path)
    x, y = made.side("holdout")
    task = Task(made.project, f"{made.module}:{name}", ("no", "yes"), "yes")
    return measure(made.estimator().fit(x, y), x, y, task).metrics


def test_the_projects_metrics_are_added(tmp_path: Path) -> None:
    found = _own(tmp_path, "good_metrics")
    assert found["agreement"] == found["accuracy"]
    assert found["constant"] == 1.0


def test_nan_of_the_project_passes_on_to_the_gate(tmp_path: Path) -> None:
    assert math.isnan(_own(tmp_path, "nan_metric")["agreement"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("text_metric", "metrics gave 'agreement': 'good'"),
        ("list_metric", "metrics gave list"),
        ("raising_metric", "metrics raised ZeroDivisionError"),
        ("god_metrics", 'has no "god_metrics"'),
    ],
)
def test_metrics_that_break_their_contract(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=message):
        _own(tmp_path, name)
