from __future__ import annotations

from typing import Any
from unittest.mock import Mock, patch

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from assay.serving import forest

ROWS = 700


@pytest.fixture
def frame() -> pd.DataFrame:
    random = np.random.default_rng(1)
    jobs = pd.Categorical(random.choice([f"job {number}" for number in range(200)], ROWS))
    numbers = random.normal(size=(ROWS, 3))
    numbers[random.random(numbers.shape) < 0.1] = np.nan
    return pd.DataFrame(numbers, columns=["a", "b", "c"]).assign(job=jobs, kind=random.integers(0, 5, ROWS))


def _target(frame: pd.DataFrame, classes: int) -> np.ndarray:
    score = frame["a"].fillna(0) + frame["job"].cat.codes % 7 - frame["kind"]
    return pd.qcut(score + frame["c"].fillna(0), classes, labels=False).to_numpy()


def _fitted(kind: str, frame: pd.DataFrame) -> Any:
    few = {"max_iter": 40, "random_state": 0, "categorical_features": ["job", "kind"]}
    if kind == "regression":
        return HistGradientBoostingRegressor(**few).fit(frame, frame["a"].fillna(3) * 1e6 + frame["kind"])
    if kind == "one tree":
        return HistGradientBoostingClassifier(**few | {"max_iter": 1}).fit(frame, _target(frame, 2))
    if kind == "pipeline":
        encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
        columns = ColumnTransformer([("job", encode, ["job"])], remainder="passthrough")
        return make_pipeline(columns, HistGradientBoostingClassifier(max_iter=60)).fit(frame, _target(frame, 2))
    return HistGradientBoostingClassifier(**few).fit(frame, _target(frame, {"two": 2, "four": 4}[kind]))


@pytest.mark.parametrize("kind", ["two", "four", "regression", "one tree", "pipeline"])
def test_predictions_of_few_rows_are_the_same_bit_for_bit(kind: str, frame: pd.DataFrame) -> None:
    model = _fitted(kind, frame)
    ask = getattr(model, "predict_proba", model.predict)
    rare = frame.assign(a=1e308, b=-np.inf, job=pd.Categorical([None] * ROWS, categories=frame["job"].cat.categories))
    expected = [ask(part) for whole in (frame, rare) for part in (whole[:1], whole[1:33], whole)]

    assert forest.quicken(model, frame)

    found = [ask(part) for whole in (frame, rare) for part in (whole[:1], whole[1:33], whole)]
    assert all(np.array_equal(one, other) for one, other in zip(expected, found, strict=True))


def test_a_row_walks_all_trees_in_one_call(frame: pd.DataFrame) -> None:
    model = _fitted("two", frame)
    forest.quicken(model, frame)
    kind = type(model._predictors[0][0])
    with patch.object(kind, "predict", autospec=True, side_effect=kind.predict) as walk:
        model.predict_proba(frame[:1])
        assert walk.call_count == 1
        model.predict_proba(frame)
        assert walk.call_count == 1 + 40


def test_a_way_that_differs_in_a_bit_is_not_taken(frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    model = _fitted("regression", frame)
    expected = model.predict(frame[:5])
    joined = forest._joined

    def wrong(*args: Any, **named: Any) -> tuple[np.ndarray, np.ndarray]:
        nodes, sets = joined(*args, **named)
        nodes["value"] *= 1 + 1e-12
        return nodes, sets

    monkeypatch.setattr(forest, "_joined", wrong)
    assert not forest.quicken(model, frame)
    assert np.array_equal(model.predict(frame[:5]), expected)


def test_another_scikit_learn_is_asked_as_before(frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    model = _fitted("two", frame)
    expected = model.predict_proba(frame[:5])
    monkeypatch.setattr(forest, "_joined", Mock(side_effect=AttributeError("raw_left_cat_bitsets")))

    assert not forest.quicken(model, frame)
    assert np.array_equal(model.predict_proba(frame[:5]), expected)


def test_other_models_stay_as_they_are(frame: pd.DataFrame) -> None:
    model = RandomForestClassifier(5).fit(frame[["kind"]], _target(frame, 2))
    assert not forest.quicken(model, frame[["kind"]])
