"""Intervals: the metrics behind them are scikit-learn's, they cover the truth, and comparisons are paired."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from assay.evaluate.bootstrap import differences, intervals
from assay.evaluate.contract import Answers
from assay.evaluate.metrics import Task, _classification, _regression
from assay.evaluate.weighted import weighted_metrics

HERE = Path()


def case(
    labels: tuple[Any, ...], rows: int = 500, seed: int = 0, skill: float = 1.0
) -> tuple[np.ndarray, Answers, Task]:
    random = np.random.default_rng(seed)
    if not labels:
        true = random.normal(10, 3, rows)
        return true, Answers(true + random.normal(0, 1, rows)), Task(HERE, None)
    true = random.choice(labels, rows)
    raw = random.random((rows, len(labels))).round(2) + skill * (true[:, None] == np.array(labels))
    p = raw / raw.sum(axis=1, keepdims=True)
    positive = labels[-1] if len(labels) == 2 else None
    return true, Answers(np.array(labels)[p.argmax(axis=1)], p, labels), Task(HERE, None, labels, positive)


@pytest.mark.parametrize("labels", [(), ("no", "yes"), (0, 1), ("a", "b", "c", "d")], ids=str)
def test_with_weights_of_one_they_are_scikit_learns(labels: tuple[Any, ...]) -> None:
    true, answers, task = case(labels)
    assert answers.predictions is not None
    expected = _classification(true, answers, task) if labels else _regression(true, answers.predictions)
    found = {name: metric(np.ones((1, len(true))))[0] for name, metric in weighted_metrics(true, answers, task).items()}
    assert set(expected) - set(found) <= {"calibration_error"}
    assert found == pytest.approx({name: expected[name] for name in found})


@pytest.mark.parametrize("labels", [(), ("no", "yes"), ("a", "b", "c")], ids=str)
def test_with_whole_weights_they_are_those_of_repeated_rows(labels: tuple[Any, ...]) -> None:
    true, answers, task = case(labels)
    weights = np.random.default_rng(1).integers(0, 4, len(true))
    again = np.repeat(np.arange(len(true)), weights)
    assert answers.predictions is not None
    p = None if answers.probabilities is None else answers.probabilities[again]
    repeated = Answers(answers.predictions[again], p, answers.labels)
    one, other = weighted_metrics(true, answers, task), weighted_metrics(true[again], repeated, task)
    for name, metric in one.items():
        assert metric(weights[None, :])[0] == pytest.approx(other[name](np.ones((1, len(again))))[0]), name


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    covered = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        true = random.integers(0, 2, 400)
        predicted = np.where(random.random(400) < 0.8, true, 1 - true)
        found = intervals(weighted_metrics(true, Answers(predicted), Task(HERE, None, (0, 1), 1)), 400)["accuracy"]
        covered += found.low <= 0.8 <= found.high
    assert 0.90 <= covered / 200 <= 0.99


def test_a_paired_difference_is_surer_than_its_parts() -> None:
    true, answers, task = case(("no", "yes"), rows=2000, skill=0.5)
    assert answers.predictions is not None
    other = answers.predictions.copy()
    other[:20] = np.where(other[:20] == "yes", "no", "yes")
    one, two = (weighted_metrics(true, Answers(predicted), task) for predicted in (answers.predictions, other))
    apart, alone = differences(one, two, 2000)["accuracy"], intervals(one, 2000)["accuracy"]
    assert apart.high - apart.low < (alone.high - alone.low) / 2
    assert differences(one, one, 2000)["accuracy"].low == differences(one, one, 2000)["accuracy"].high == 0


def test_many_rows_are_resampled_in_part_and_stay_as_sure() -> None:
    true, answers, task = case(("no", "yes"), rows=200_000, skill=0.3)
    found = intervals({"accuracy": weighted_metrics(true, answers, task)["accuracy"]}, 200_000)["accuracy"]
    share = float(np.mean(answers.predictions == true))
    error = 1.96 * np.sqrt(share * (1 - share) / 200_000)
    assert (found.high - found.low) / 2 == pytest.approx(error, rel=0.2)
    assert found.low < share < found.high


def test_the_same_twice() -> None:
    true, answers, task = case(("no", "yes"))
    metrics = weighted_metrics(true, answers, task)
    assert intervals(metrics, 500) == intervals(metrics, 500)


def test_resamples_without_the_rare_class_say_nothing_about_it() -> None:
    true = np.array([0] * 200 + [1] * 2)
    p = np.where(true, 0.9, 0.1)
    perfect = Answers(true.copy(), np.stack([1 - p, p], axis=1), (0, 1))
    found = intervals(weighted_metrics(true, perfect, Task(HERE, None, (0, 1), 1)), 202)
    for name in ("recall", "f1", "balanced_accuracy", "roc_auc", "average_precision"):
        assert (found[name].low, found[name].high) == pytest.approx((1.0, 1.0)), name


def test_a_class_that_the_holdout_lacks_leaves_the_metrics_of_the_others() -> None:
    true, answers, _ = case(("a", "b"))
    assert answers.probabilities is not None
    p = np.pad(answers.probabilities, ((0, 0), (0, 1)))
    wider = Answers(answers.predictions, p, ("a", "b", "c"))
    three = Task(HERE, None, ("a", "b", "c"))
    expected = _classification(true, wider, three)
    found = {name: metric(np.ones((1, len(true))))[0] for name, metric in weighted_metrics(true, wider, three).items()}
    assert np.isfinite(list(expected.values())).all()
    assert found == pytest.approx({name: expected[name] for name in found})
    assert {"roc_auc", "f1"} <= intervals(weighted_metrics(true, wider, three), len(true)).keys()
    assert expected["f1"] == pytest.approx(sk.f1_score(true, answers.predictions, average="macro"))


def test_r2_far_from_zero_keeps_its_digits() -> None:
    random = np.random.default_rng(0)
    true = 1.7e9 + random.normal(size=1000)
    said = true + random.normal(scale=0.1, size=1000)
    metric = weighted_metrics(true, Answers(said), Task(HERE, None))["r2"]
    assert metric(np.ones((1, 1000), dtype=np.float32))[0] == pytest.approx(sk.r2_score(true, said), abs=1e-6)
    found = intervals({"r2": metric}, 1000)["r2"]
    assert 0.98 < found.low < sk.r2_score(true, said) < found.high < 0.995


def test_a_surer_interval_is_wider_by_as_much_as_a_normal_one() -> None:
    true, answers, task = case(("no", "yes"), rows=2000, skill=0.5)
    metrics, nothing = weighted_metrics(true, answers, task), {"accuracy": lambda w: np.zeros(len(w))}
    plain = differences(metrics, nothing, 2000)["accuracy"]
    surer = differences(metrics, nothing, 2000, level=1 - 0.05 / 40)["accuracy"]
    # quantiles of the normal distribution at 0.975 and at 1 - 0.025 / 40
    assert (surer.high - surer.low) / (plain.high - plain.low) == pytest.approx(3.2272 / 1.95996, rel=1e-3)
