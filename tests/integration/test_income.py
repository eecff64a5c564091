"""Data, model and metrics together, on files made for it: code-test has the code, not the data."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from income.data import CATEGORIES, MARKER, NUMBERS, TARGET, load
from income.metrics import compute
from income.model import build


def _people(rows: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    numbers = {name: random.integers(1, 17, rows) for name in NUMBERS}
    texts = {name: random.choice(np.array(["a", "b", None]), rows) for name in CATEGORIES}
    rich = (numbers["education_num"] + 6 * (texts["occupation"] == "a") > 12) ^ (random.random(rows) < 0.1)
    return pd.DataFrame(numbers | texts | {TARGET: np.where(rich, ">50K", "<=50K")})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    _people(1000, 0).to_parquet(tmp_path / "train.parquet")
    _people(500, 1).to_parquet(tmp_path / "test.parquet")
    return tmp_path


def test_from_files_to_metrics(folder: Path) -> None:
    frame = load(folder)
    train, test = (side.drop(columns=MARKER) for side in (frame[~frame[MARKER]], frame[frame[MARKER]]))
    model = build({"max_iter": 30}).fit(train.drop(columns=TARGET), train[TARGET])
    x, y = test.drop(columns=TARGET), test[TARGET]
    found = compute(model, x, y)
    assert (model.predict(x) == y).mean() > 0.85
    assert found["lift_top_tenth"] > 2
