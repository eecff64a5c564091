"""Fairness: against values worked out by hand, small and missing groups, undefined rates."""

from __future__ import annotations

from typing import Any

import fairlearn.metrics
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
    found = fairness.observe(_groups(*_rows(*groups)), ["sex"], "", 30)
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
    seen = fairness.observe(groups, ["even", "sex"], "", 30)["model.fairness.equalized_odds_difference"]
    assert seen.message == "worst: sex"


@pytest.mark.parametrize(
    ("columns", "missing", "message"),
    [
        ([], "", "no sensitive columns in tool.assay.data.sensitive"),
        (["sex"], "a reason", "a reason"),
    ],
)
def test_what_cannot_be_measured_has_no_value(columns: list[str], missing: str, message: str) -> None:
    groups = _groups(*_rows(("f", 20, 20, 20, 40), ("m", 40, 0, 20, 40)))
    for seen in fairness.observe(groups, columns, missing, 30).values():
        assert seen.value is None
        assert seen.message == message


def test_the_measures_are_those_of_fairlearn() -> None:
    names, true, said = _rows(("f", 10, 30, 5, 60), ("m", 30, 10, 12, 48), ("d", 21, 9, 9, 31))
    found = _observe(("f", 10, 30, 5, 60), ("m", 30, 10, 12, 48), ("d", 21, 9, 9, 31))
    for name in ("demographic_parity", "equalized_odds", "equal_opportunity"):
        for how in ("difference", "ratio"):
            theirs = getattr(fairlearn.metrics, f"{name}_{how}")
            wanted = theirs((true == "yes").astype(int), (said == "yes").astype(int), sensitive_features=names)
            assert found[f"{name}_{how}"].value == pytest.approx(wanted), (name, how)


def test_four_fifths() -> None:
    # 30 % and 40 % are selected: 0.75 is below four fifths, whichever group is the larger one
    seen = _observe(("f", 30, 10, 0, 60), ("m", 80, 40, 0, 80))["demographic_parity_ratio"]
    assert seen.value == pytest.approx(0.75)


def test_the_smallest_group_that_counts_is_a_setting() -> None:
    groups = _groups(*_rows(("f", 20, 20, 20, 40), ("x", 30, 0, 0, 0)))
    seen = fairness.observe(groups, ["sex"], "", 50)["model.fairness.demographic_parity_difference"]
    assert seen.inconclusive
    assert "left out, below 50 rows: sex=x (30 rows)" in seen.message


def test_equalized_odds_are_not_told_by_one_rate_alone() -> None:
    # nobody in group m is positive, so how often positives are found there is not known
    seen = _observe(("f", 20, 20, 10, 50), ("m", 0, 0, 10, 50))
    assert seen["equalized_odds_difference"].inconclusive
    assert seen["equalized_odds_ratio"].inconclusive
    assert not seen["demographic_parity_difference"].inconclusive
