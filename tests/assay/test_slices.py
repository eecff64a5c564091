"""Slices: against scikit-learn on the rows of each group, small and one-sided groups, drops against the champion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from assay.errors import ConfigError
from assay.evaluate import slices
from assay.evaluate.champion import Champion
from assay.evaluate.contract import Answers
from assay.evaluate.metrics import Task
from assay.evaluate.weighted import weighted_metrics
from assay.gates import Limit, Observed, Verdict, judge

if TYPE_CHECKING:
    from assay.evaluate.weighted import Metric

BINARY = Task(Path(), None, ("no", "yes"), "yes")
NUMBERS = Task(Path(), None)
DROP = Limit(max_drop=0.1)


def _binary(count: int = 600) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Rows, truth and probabilities of yes; good on town a, chance on town b."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"town": random.choice(["a", "b"], count), "age": random.integers(0, 90, count)})
    true = random.random(count) < 0.4
    noise = np.where(frame["town"] == "a", 0.2, 2.0)
    return frame, true, 1 / (1 + np.exp(-(true - 0.5 + random.normal(size=count) * noise) * 4))


def _drops(
    frame: pd.DataFrame, ours: dict[str, Metric], champion: Champion, limit: Limit, **more: Limit
) -> dict[str, Observed]:
    parts = slices.parts_of(frame, ["town"])
    return slices.observe_drops(parts, ours, champion, {"accuracy": limit, **more}, 100)


def _weighted(true: np.ndarray, p: np.ndarray) -> dict[str, Metric]:
    names = np.where(true, "yes", "no").astype(object)
    said = np.where(p > 0.5, "yes", "no").astype(object)
    answers = Answers(said, np.stack([1 - p, p], axis=1), ("no", "yes"))
    return weighted_metrics(names, answers, BINARY)


def test_each_slice_has_scikit_learns_values() -> None:
    frame, true, p = _binary()
    metrics = _weighted(true, p)
    found = slices.slices_of(slices.parts_of(frame, ["town", "age"]), metrics, true)
    assert [(one.column, one.group) for one in found][:2] == [("town", "a"), ("town", "b")]
    assert len(found) == 6, "numbers are cut into four ranges"
    for one in found:
        rows = (slices.group_names(frame[one.column]) == one.group).to_numpy()
        assert one.rows == rows.sum()
        assert one.metrics["accuracy"] == pytest.approx(sk.accuracy_score(true[rows], p[rows] > 0.5), abs=1e-6)
        assert one.metrics["roc_auc"] == pytest.approx(sk.roc_auc_score(true[rows], p[rows]), abs=1e-6)
        assert one.metrics["f1"] == pytest.approx(sk.f1_score(true[rows], p[rows] > 0.5), abs=1e-6)


def test_the_worst_group_is_the_one_at_the_gate() -> None:
    frame, true, p = _binary()
    metrics = _weighted(true, p)
    found = slices.slices_of(slices.parts_of(frame, ["town"]), metrics, true)
    seen = slices.observe(found, ["accuracy", "log_loss", "made_up"], 100)
    assert sorted(seen) == ["model.slice.accuracy", "model.slice.log_loss"]
    assert seen["model.slice.accuracy"].value == min(one.metrics["accuracy"] for one in found)
    assert seen["model.slice.log_loss"].value == max(one.metrics["log_loss"] for one in found)
    assert seen["model.slice.accuracy"].message.startswith("worst: town=b (")


def test_small_groups_are_counted_but_do_not_decide() -> None:
    frame, true, p = _binary()
    frame.loc[:9, "town"] = "tiny"
    p[:10] = np.where(true[:10], 0.01, 0.99)
    metrics = _weighted(true, p)
    found = slices.slices_of(slices.parts_of(frame, ["town"]), metrics, true)
    assert min(one.metrics["accuracy"] for one in found) == 0
    seen = slices.observe(found, ["accuracy"], 100)["model.slice.accuracy"]
    assert seen.value is not None
    assert seen.value > 0.4
    assert seen.message.endswith("; left out: 1 groups below 100 rows")


def test_without_a_large_group_it_is_inconclusive_and_without_columns_an_error() -> None:
    frame, true, p = _binary(60)
    metrics = _weighted(true, p)
    found = slices.slices_of(slices.parts_of(frame, ["town"]), metrics, true)
    limits = {"model.slice.accuracy": Limit(min=0.1)}
    (small,) = judge(limits, slices.observe(found, ["accuracy"], 100))
    assert (small.status, small.message) == (Verdict.INCONCLUSIVE, "no group has 100 rows to measure accuracy on")
    (none,) = judge(limits, slices.observe([], ["accuracy"], 100))
    assert none.status is Verdict.ERROR
    assert "tool.assay.evaluation.slices" in none.message


def test_what_a_one_sided_group_cannot_have_is_left_out() -> None:
    frame, true, p = _binary()
    true[frame["town"] == "b"] = False
    metrics = _weighted(true, p)
    a, b = slices.slices_of(slices.parts_of(frame, ["town"]), metrics, true)
    assert {"roc_auc", "recall", "f1"} <= a.metrics.keys()
    assert sorted(b.metrics) == ["accuracy", "brier", "log_loss"]


def test_regression_takes_the_largest_error_and_the_smallest_r2() -> None:
    frame = pd.DataFrame({"town": ["a"] * 100 + ["b"] * 100})
    true = np.tile(np.arange(100.0), 2)
    metrics = weighted_metrics(true, Answers(true + np.repeat([1.0, 30.0], 100)), NUMBERS)
    seen = slices.observe(slices.slices_of(slices.parts_of(frame, ["town"]), metrics, true), ["rmse", "r2"], 100)
    assert seen["model.slice.rmse"].value == pytest.approx(30.0)
    assert seen["model.slice.r2"].value == pytest.approx(1 - 900 / np.var(np.arange(100.0)), rel=1e-5)


def _drop(strength: float, limit: float, count: int = 6000) -> Verdict:
    """The verdict on a model that is like its champion but in town b, where a share of the answers is turned round."""
    frame, true, p = _binary(count)
    worse = p.copy()
    turned = (frame["town"] == "b").to_numpy() & (np.random.default_rng(1).random(count) < strength)
    worse[turned] = 1 - worse[turned]
    ours = _weighted(true, worse)
    theirs = _weighted(true, p)
    champion = Champion(3, {}, "", theirs)
    seen = _drops(frame, ours, champion, Limit(max_drop=limit))
    (verdict,) = judge({"model.slice.accuracy.vs_champion": Limit(max_drop=limit)}, seen)
    if strength:
        assert "most lost: town=b" in verdict.message
    return verdict.status


def test_a_model_that_got_worse_for_one_group_alone_is_refused() -> None:
    assert _drop(0.5, 0.01) is Verdict.FAIL
    assert _drop(0.0, 0.01) is Verdict.PASS
    assert _drop(0.02, 0.05) is Verdict.PASS


def test_a_drop_that_few_rows_may_have_made_is_inconclusive() -> None:
    assert _drop(0.03, 0.0, 500) is Verdict.INCONCLUSIVE


def test_without_a_champion_there_is_nothing_to_compare_with() -> None:
    frame, true, p = _binary()
    ours = _weighted(true, p)
    seen = _drops(frame, ours, Champion(), DROP)
    assert seen["model.slice.accuracy.vs_champion"].no_champion
    broken = Champion(4, {}, "version 4 cannot be compared with: no", {})
    seen = _drops(frame, ours, broken, DROP)
    assert seen["model.slice.accuracy.vs_champion"].message == "version 4 cannot be compared with: no"


def test_only_the_hundred_largest_groups_are_looked_at() -> None:
    frame = pd.DataFrame({"id": [f"id{n}" for n in range(150)] + ["id7"] * 5})
    parts = slices.parts_of(frame, ["id"])
    assert len(parts) == 100
    assert max(int(part.rows.sum()) for part in parts) == 6


def test_a_misspelt_metric_is_an_error_also_without_a_champion() -> None:
    frame, true, p = _binary()
    ours = _weighted(true, p)
    (verdict,) = judge({"model.slice.f2.vs_champion": DROP}, _drops(frame, ours, Champion(), DROP, f2=DROP))
    assert verdict.status is Verdict.ERROR


def test_a_drop_in_percent_is_judged_where_it_is_largest_in_percent() -> None:
    random, large = np.random.default_rng(0), np.arange(400) < 200
    true, side = np.where(large, 1000.0, 1.0), random.choice([-1.0, 1.0], 400)
    before, now = (
        weighted_metrics(true, Answers(true + side * error), NUMBERS)
        for error in (np.where(large, 100, 1), np.where(large, 110, 5))
    )
    parts = [slices.Part("size", "large", large), slices.Part("size", "small", ~large)]
    limit = Limit(max_rise_percent=20)
    champion = Champion(1, {}, "", before)
    seen = slices.observe_drops(parts, now, champion, {"rmse": limit}, 100)
    (verdict,) = judge({"model.slice.rmse.vs_champion": limit}, seen)
    assert verdict.status is Verdict.FAIL
    assert "size=small" in verdict.message


def test_a_group_of_positives_alone_counts_for_recall_and_not_for_the_area() -> None:
    frame = pd.DataFrame({"town": ["a"] * 200 + ["b"] * 200})
    true = np.array([True] * 200 + [True, False] * 100)
    p = np.where(true, 0.9, 0.1)
    p[:200] = 0.1
    found = slices.slices_of(slices.parts_of(frame, ["town"]), _weighted(true, p), true)
    seen = slices.observe(found, ["recall", "roc_auc"], 100)
    assert (seen["model.slice.recall"].value, seen["model.slice.roc_auc"].value) == (0.0, 1.0)
    assert seen["model.slice.recall"].message == "worst: town=a (200 rows)"
    assert seen["model.slice.roc_auc"].message.endswith("; left out: 1 groups without a roc_auc")


def test_a_group_with_few_of_the_classes_is_judged_on_those() -> None:
    labels = tuple("abcdefghij")
    task, random = Task(Path(), None, labels), np.random.default_rng(0)
    true = np.r_[random.choice(["a", "b"], 300), random.choice(labels, 700)]
    said = true.copy()
    said[:300] = random.choice(["a", "b"], 300)
    before, now = (weighted_metrics(true, Answers(one), task) for one in (true, said))
    parts = [slices.Part("town", "two", np.arange(1000) < 300)]
    gate = "model.slice.f1.vs_champion"
    seen = slices.observe_drops(parts, now, Champion(1, {}, "", before), {"f1": DROP}, 100)[gate]
    assert seen.baseline == 1.0
    assert seen.value == pytest.approx(sk.f1_score(true[:300], said[:300], average="macro"), abs=1e-6)
    (verdict,) = judge({gate: DROP}, {gate: seen})
    assert verdict.status is Verdict.FAIL


def test_an_area_that_no_group_has_is_inconclusive_not_passed() -> None:
    frame, _, p = _binary()
    ours = _weighted(np.ones(600, dtype=bool), p)
    limits = {"roc_auc": DROP}
    seen = slices.observe_drops(slices.parts_of(frame, ["town"]), ours, Champion(1, {}, "", ours), limits, 100)
    (verdict,) = judge({"model.slice.roc_auc.vs_champion": DROP}, seen)
    assert verdict.status is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("values", "groups"),
    [
        pytest.param(np.arange(40) + 20_240_000_000, 4, id="alike in six digits"),
        pytest.param([np.inf, *range(38), -np.inf], 4, id="infinite"),
        pytest.param([None] * 4 + list(range(36)), 5, id="gaps"),
        pytest.param([0] * 38 + list(range(1, 13)), 1, id="nearly always the same"),
    ],
)
def test_any_numbers_make_groups(values: Any, groups: int) -> None:
    found = slices.parts_of(pd.DataFrame({"q": values}), ["q"])
    assert sum(part.rows.sum() for part in found) == len(values)
    assert len({part.group for part in found}) == len(found) >= groups


def test_a_misspelt_column_is_explained() -> None:
    with pytest.raises(ConfigError, match='no column "twon"') as caught:
        slices.parts_of(pd.DataFrame({"town": ["a"]}), ["twon"])
    assert caught.value.next == 'did you mean "town"?'
