"""Fairness: against values worked out by hand, small and missing groups, undefined rates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from assay.evaluate import fairness


def _rows(*groups: tuple[Any, int, int, int, int]) -> tuple[pd.Series, np.ndarray, np.ndarray]:
    """Rows by group: name, true positives, false negatives, false positives, true negatives."""
    names, true, said = [], [], []
    for name, tp, fn, fp, tn in groups:
        names += [name] * (tp + fn + fp + tn)
        true += ["yes"] * (tp + fn) + ["no"] * (fp + tn)
        said += ["yes"] * tp + ["no"] * fn + ["yes"] * fp + ["no"] * tn
    return pd.Series(names), np.array(true, dtype=object), np.array(said, dtype=object)


def _groups(names: pd.Series, true: np.ndarray, said: np.ndarray, column: str = "sex") -> list[fairness.Group]:
    x = pd.DataFrame({column: names})
    return fairness.groups_of(x, [column], true, said, positive="yes", labels=True)


def _observe(*groups: tuple[Any, int, int, int, int]) -> dict[str, Any]:
    found = fairness.observe(_groups(*_rows(*groups)), ["sex"], "")
    return {name.removeprefix("model.fairness."): seen for name, seen in found.items()}


def test_rates_of_two_groups() -> None:
    found = _observe(("f", 10, 30, 0, 60), ("m", 30, 10, 12, 48))
    assert found["demographic_parity_difference"].value == pytest.approx(0.42 - 0.10)
    assert found["demographic_parity_ratio"].value == pytest.approx(0.10 / 0.42)
    assert found["equalized_odds_difference"].value == pytest.approx(0.75 - 0.25)
    assert found["demographic_parity_difference"].message == "worst: sex"


def test_the_rows_of_a_group_are_told_in_full() -> None:
    f, m = _groups(*_rows(("f", 10, 30, 0, 60), ("m", 30, 10, 12, 48)))
    assert (f.group, f.rows) == ("f", 100)
    assert f.metric == pytest.approx(0.7)
    assert (m.selected, m.true_positive, m.false_positive) == pytest.approx((0.42, 0.75, 0.2))


def test_small_groups_are_named_but_do_not_decide() -> None:
    found = _observe(("f", 20, 20, 20, 40), ("m", 20, 20, 20, 40), ("x", 29, 0, 0, 0))
    seen = found["demographic_parity_difference"]
    assert seen.value == pytest.approx(0.0)
    assert "left out, below 30 rows: sex=x (29 rows)" in seen.message


def test_a_group_of_thirty_rows_counts() -> None:
    assert _observe(("f", 20, 20, 20, 40), ("x", 30, 0, 0, 0))["demographic_parity_difference"].value == pytest.approx(
        0.6
    )


def test_one_group_alone_is_inconclusive() -> None:
    seen = _observe(("f", 20, 20, 20, 40), ("x", 5, 0, 0, 0))["demographic_parity_difference"]
    assert seen.inconclusive
    assert "fewer than two groups to compare in sex" in seen.message


def test_a_rate_of_rows_that_do_not_exist_is_undefined_not_zero() -> None:
    f, m = _groups(*_rows(("f", 0, 0, 20, 40), ("m", 40, 0, 0, 0)))
    assert f.true_positive is None
    assert m.false_positive is None
    seen = _observe(("f", 0, 0, 20, 40), ("m", 40, 0, 0, 0))["equalized_odds_difference"]
    assert seen.inconclusive


def test_missing_is_a_group_of_its_own() -> None:
    names = pd.Series(["f"] * 50 + [None] * 50)
    true = np.array(["yes", "no"] * 50, dtype=object)
    assert [(g.group, g.rows) for g in _groups(names, true, true)] == [("f", 50), ("missing", 50)]


def test_categories_nobody_has_are_no_groups() -> None:
    names = pd.Series(pd.Categorical(["f", "m"] * 40, categories=["f", "m", "never"]))
    true = np.array(["yes", "no"] * 40, dtype=object)
    assert [g.group for g in _groups(names, true, true)] == ["f", "m"]


def test_numbers_are_cut_into_quarters() -> None:
    ages = pd.Series(range(200))
    true = np.array(["yes", "no"] * 100, dtype=object)
    assert [g.rows for g in _groups(ages, true, true, "age")] == [50, 50, 50, 50]


def test_the_worst_column_is_named() -> None:
    names, true, said = _rows(("f", 20, 20, 20, 40), ("m", 40, 0, 20, 40))
    x = pd.DataFrame({"even": ["a", "b"] * 100, "sex": names})
    groups = fairness.groups_of(x, ["even", "sex"], true, said, positive="yes", labels=True)
    assert (
        fairness.observe(groups, ["even", "sex"], "")["model.fairness.equalized_odds_difference"].message
        == "worst: sex"
    )


@pytest.mark.parametrize(
    ("columns", "missing", "message"),
    [
        ([], "", "no sensitive columns in tool.assay.data.sensitive"),
        (["sx"], "", "not among the features: sx"),
        (["sex"], "a reason", "a reason"),
    ],
)
def test_what_cannot_be_measured_has_no_value(columns: list[str], missing: str, message: str) -> None:
    groups = _groups(*_rows(("f", 20, 20, 20, 40), ("m", 40, 0, 20, 40)))
    for seen in fairness.observe(groups, columns, missing).values():
        assert seen.value is None
        assert seen.message == message


def test_the_worst_slice_has_at_least_a_hundred_rows() -> None:
    groups = _groups(*_rows(("f", 40, 10, 10, 40), ("m", 50, 0, 0, 50), ("x", 0, 49, 50, 0)))
    seen = fairness.observe_slices(groups, "accuracy")["model.slice.accuracy"]
    assert seen.value == pytest.approx(0.8)
    assert seen.message == "worst: sex=f (100 rows)"


def test_no_slice_is_large_enough() -> None:
    groups = _groups(*_rows(("f", 10, 10, 10, 10)))
    assert fairness.observe_slices(groups, "accuracy")["model.slice.accuracy"].value is None


def test_regression_slices_take_the_largest_error() -> None:
    x = pd.DataFrame({"sex": ["f"] * 100 + ["m"] * 100})
    true, said = np.zeros(200), np.repeat([1.0, 3.0], 100)
    groups = fairness.groups_of(x, ["sex"], true, said, positive=None, labels=False)
    seen = fairness.observe_slices(groups, "rmse")["model.slice.rmse"]
    assert seen.value == pytest.approx(3.0)
    assert seen.message == "worst: sex=m (100 rows)"
