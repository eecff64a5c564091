"""The domain classifier sees what no single column shows, and nothing where there is nothing."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from frames import people

from assay.data.domain import classifier_auc


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
