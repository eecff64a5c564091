"""The domain classifier sees what no single column shows, and nothing where there is nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from frames import people

from assay.data.drift.domain import classifier_auc


def through_json(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(json.loads(frame.to_json(orient="records", date_format="iso")))


def test_the_same_population_cannot_be_told_apart() -> None:
    assert classifier_auc(through_json(people(500, seed=1)), people(500, seed=2)) == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize("column", ["age", "city"])
def test_a_changed_column_can(column: str) -> None:
    now = people(500, seed=2)
    changed = now["age"] + 15 if column == "age" else now["city"].astype(str).replace("Bonn", "Oslo")
    assert classifier_auc(through_json(people(500, seed=1)), now.assign(**{column: changed})) > 0.7


def test_a_relation_that_no_single_column_shows() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(1000, 2))
    before = pd.DataFrame({"a": x[:500, 0], "b": x[:500, 0] + 0.1 * x[:500, 1]})
    now = pd.DataFrame({"a": x[500:, 0], "b": -x[500:, 0] + 0.1 * x[500:, 1]})
    assert classifier_auc(before, now) > 0.9


def test_times_missing_values_and_columns_of_one_side_only() -> None:
    times = pd.DataFrame({"when": pd.date_range("2020-01-01", periods=300, freq="D"), "old": 1, "gap": None})
    now = times.drop(columns="old").assign(when=times["when"] + pd.Timedelta(days=1000), new="x")
    assert classifier_auc(through_json(times), now) > 0.99


def test_the_same_twice() -> None:
    sides = people(200, seed=1), people(200, seed=2)
    assert classifier_auc(*sides) == classifier_auc(*sides)


def test_identifiers_of_the_same_kind_cannot_be_told_apart() -> None:
    """Each occurs once, so an order by first appearance would be an order by side."""
    sides = [pd.DataFrame({"id": np.random.default_rng(seed).integers(0, 10**9, 500).astype(str)}) for seed in (1, 2)]
    assert classifier_auc(*(side.assign(id="u" + side["id"]) for side in sides)) == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param([1, "a", None, True, [1], {"a": 2}] * 20, ["a", 2.5, None, False, {"b": 1}, [2]] * 20, id="mixed"),
        pytest.param(["1", "2", "x", None] * 30, [1.0, 2.0, 3.0, 4.0] * 30, id="text was number"),
        pytest.param([1.0, 2.0, 3.0, 4.0] * 30, ["1", "2", "3", "4"] * 30, id="number became text"),
        pytest.param([np.inf, 1.0] * 60, [-np.inf, 1.0] * 60, id="infinities"),
        pytest.param([2**70, 1] * 60, [2**53 + 1, 2**60] * 60, id="large"),
        pytest.param([True, None] * 60, pd.array([True, None] * 60, dtype="boolean"), id="truth"),
        pytest.param([1, None] * 60, pd.array([1, None] * 60, dtype="Int64"), id="gaps"),
    ],
)
def test_odd_values_are_told_apart_or_not_but_never_fatal(before: Any, now: Any) -> None:
    assert 0 <= classifier_auc(pd.DataFrame({"x": before}), pd.DataFrame({"x": now})) <= 1


@pytest.mark.parametrize("name", ["b", "a"], ids=["no common column", "a constant"])
def test_nothing_to_tell_by(name: str) -> None:
    assert classifier_auc(pd.DataFrame({"a": [1] * 100}), pd.DataFrame({name: [1] * 100})) == 0.5


def test_missing_times_are_missing() -> None:
    """A gap is told from a time; where both sides have as many gaps there is nothing to tell."""
    days = pd.Series(pd.date_range("2020-01-01", periods=400, tz="UTC")).sample(frac=1, random_state=0)
    sides = [days.iloc[start::2].reset_index(drop=True) for start in (0, 1)]
    full, gaps = (pd.DataFrame({"t": side}) for side in (sides[0], sides[1].where(sides[1].index % 2 == 0)))
    assert classifier_auc(through_json(full), gaps) > 0.65
    assert classifier_auc(through_json(full.where(full.index.to_numpy()[:, None] % 2 == 0)), gaps) < 0.62


def test_scikit_learn_is_imported_only_where_it_is_needed() -> None:
    code = "import sys, assay.data.drift.domain, assay.data.drift.drift as _\n"
    code += "print(sorted({'sklearn', 'scipy'} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
