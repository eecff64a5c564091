"""A feature that has seen the target is told from one that only helps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from assay.data.leakage import leakage

N = 4000


@pytest.fixture
def rows() -> pd.DataFrame:
    random = np.random.default_rng(0)
    x = random.normal(size=N)
    y = np.where(x + random.normal(size=N) > 0, "yes", "no")
    return pd.DataFrame({"x": x, "id": [f"row {n}" for n in range(N)], "noise": random.normal(size=N), "y": y})


def test_honest_features_score_low_and_identifiers_nothing(rows: pd.DataFrame) -> None:
    scores = leakage(rows, "y", regression=False)
    assert next(iter(scores)) == "x"
    assert 0.3 < scores["x"] < 0.6
    assert scores["id"] == 0
    assert scores["noise"] < 0.1


@pytest.mark.parametrize(
    "leak",
    [
        pytest.param(lambda y: y.map({"yes": 1, "no": 0}), id="number"),
        pytest.param(lambda y: y.str.upper().astype("category"), id="category"),
        pytest.param(lambda y: y.map({"yes": "paid", "no": None}), id="missing for one class"),
        pytest.param(lambda y: np.random.default_rng(1).normal(size=N) + 20 * (y == "yes"), id="two clouds"),
        pytest.param(lambda y: pd.Series([b"a" if v == "yes" else b"b" for v in y], dtype=object), id="bytes"),
    ],
)
def test_leaks_of_a_class(rows: pd.DataFrame, leak: object) -> None:
    scores = leakage(rows.assign(leak=leak(rows["y"])), "y", regression=False)  # type: ignore[operator]
    assert next(iter(scores)) == "leak"
    assert scores["leak"] > 0.99


def test_leaks_of_a_number(rows: pd.DataFrame) -> None:
    target = np.random.default_rng(2).gamma(2, 100, size=N)
    frame = rows[["x", "id"]].assign(cents=target * 100, y=target)
    scores = leakage(frame, "y", regression=True)
    assert scores["cents"] > 0.99
    assert scores["x"] < 0.1
    assert scores["id"] < 0.1


@pytest.mark.parametrize("count", [60, 4000])
def test_a_number_in_another_unit(count: int) -> None:
    random = np.random.default_rng(3)
    celsius, heavy = random.normal(15, 8, count), random.lognormal(0, 2, count)
    gaps = np.where(random.random(count) < 0.3, np.nan, celsius)
    features = {"fahrenheit": (celsius * 1.8 + 32).round(1), "gaps": gaps, "nothing": np.full(count, np.nan)}
    features |= {"noise": random.normal(size=count), "near": celsius + random.normal(0, 2, count)}
    scores = leakage(pd.DataFrame(features | {"y": celsius}), "y", regression=True)
    assert min(scores["fahrenheit"], scores["gaps"]) > 0.99
    assert scores["nothing"] == 0
    assert scores["near"] < 0.97
    assert scores["noise"] < 0.2
    frame = pd.DataFrame({"cents": (heavy * 100).round(), "endless": np.where(heavy > 9, np.inf, 1), "y": heavy})
    scores = leakage(frame, "y", regression=True)
    assert scores["cents"] > 0.99
    assert scores["endless"] < 0.9


def test_a_rare_class_alone_does_not_make_a_constant_look_good() -> None:
    y = pd.Series(["no"] * 990 + ["yes"] * 10)
    assert leakage(pd.DataFrame({"constant": 1, "y": y}), "y", regression=False) == {"constant": 0}


def test_two_rows() -> None:
    assert leakage(pd.DataFrame({"x": [1, 2], "y": ["a", "b"]}), "y", regression=False)["x"] == 0
