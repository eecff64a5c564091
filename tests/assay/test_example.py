"""The example project as it lies here: the data is what SOURCE.md says, and the model keeps its promise."""

import hashlib
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from income.data import MARKER, TARGET, load
from income.model import build

ROOT = Path(__file__).parents[2]
DATA = ROOT / "data"


@pytest.mark.parametrize("name", ["train.parquet", "test.parquet"])
def test_source_md_names_the_digest(name: str) -> None:
    assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() in (DATA / "SOURCE.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return load(DATA)


def test_the_original_split_is_kept(frame: pd.DataFrame) -> None:
    assert frame[MARKER].value_counts().to_dict() == {False: 32_561, True: 16_281}
    assert frame[TARGET].value_counts().to_dict() == {"<=50K": 37_155, ">50K": 11_687}


def test_accuracy_beats_the_best_published_result(frame: pd.DataFrame) -> None:
    params = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["assay"]["params"]
    train, test = frame[~frame[MARKER]], frame[frame[MARKER]]
    model = build(params).fit(train, train[TARGET])
    assert (model.predict(test) == test[TARGET]).mean() > 0.87
