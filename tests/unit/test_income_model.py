from typing import Any

import numpy as np
import pandas as pd
import pytest

from income.data import CATEGORIES, NUMBERS, TARGET
from income.model import RISING, USED_CATEGORIES, USED_NUMBERS, build

ROWS = 400


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    random = np.random.default_rng(0)
    numbers = {name: random.integers(1, 17, ROWS) for name in NUMBERS}
    texts = {name: pd.Categorical(random.choice(["a", "b", "c"], ROWS)) for name in CATEGORIES}
    rich = (numbers["education_num"] > 8) ^ (random.random(ROWS) < 0.1)
    return pd.DataFrame(numbers | texts | {TARGET: np.where(rich, ">50K", "<=50K")})


@pytest.fixture(scope="module")
def model(frame: pd.DataFrame) -> Any:
    return build({"max_iter": 20}).fit(frame.drop(columns=TARGET), frame[TARGET])


def test_it_learns(model: Any, frame: pd.DataFrame) -> None:
    assert (model.predict(frame) == frame[TARGET]).mean() > 0.85


@pytest.mark.parametrize("kind", ["object", "str"])
def test_text_as_a_request_brings_it_predicts_the_same(model: Any, frame: pd.DataFrame, kind: str) -> None:
    texts = frame.astype(dict.fromkeys(CATEGORIES, kind))
    assert np.array_equal(model.predict_proba(texts), model.predict_proba(frame))


def test_single_rows_predict_the_same(model: Any, frame: pd.DataFrame) -> None:
    records = frame.head(20).astype(object).to_dict("records")
    single = [model.predict_proba(pd.DataFrame([record]))[0, 1] for record in records]
    assert single == model.predict_proba(frame.head(20))[:, 1].tolist()


@pytest.mark.parametrize("column", [*USED_CATEGORIES, *USED_NUMBERS])
def test_a_null_is_accepted(model: Any, frame: pd.DataFrame, column: str) -> None:
    record = frame.astype(object).iloc[0].to_dict() | {column: None}
    assert 0 < model.predict_proba(pd.DataFrame([record]))[0, 1] < 1


def test_a_category_never_seen_counts_as_missing(model: Any, frame: pd.DataFrame) -> None:
    record = frame.astype(object).iloc[0].to_dict()
    unseen, missing = (pd.DataFrame([record | {"occupation": value}]) for value in ("Astronaut", None))
    assert np.array_equal(model.predict_proba(unseen), model.predict_proba(missing))


def test_more_education_never_lowers_the_probability(model: Any, frame: pd.DataFrame) -> None:
    assert RISING == ("education_num",)
    steps = [model.predict_proba(frame.assign(education_num=years))[:, 1] for years in range(1, 17)]
    assert (np.diff(steps, axis=0) >= 0).all()


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(TypeError, match="depth"):
        build({"depth": 3})


def test_two_fits_are_the_same(model: Any, frame: pd.DataFrame) -> None:
    again = build({"max_iter": 20}).fit(frame.drop(columns=TARGET), frame[TARGET])
    assert np.array_equal(again.predict_proba(frame), model.predict_proba(frame))
