from pathlib import Path

import pandas as pd
import pytest

from income.data import CATEGORIES, NUMBERS, TARGET, load

ROW = dict.fromkeys(NUMBERS, 1) | dict.fromkeys(CATEGORIES, "a") | {TARGET: "<=50K"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pd.DataFrame([ROW, ROW | {"workclass": None}]).to_parquet(tmp_path / "train.parquet")
    pd.DataFrame([ROW | {"race": "b"}]).to_parquet(tmp_path / "test.parquet")
    return tmp_path


def test_the_test_file_is_marked(folder: Path) -> None:
    assert load(folder)["is_test"].tolist() == [False, False, True]


def test_categories_are_shared_by_both_files(folder: Path) -> None:
    assert load(folder)["race"].cat.categories.tolist() == ["a", "b"]


def test_missing_values_stay_missing(folder: Path) -> None:
    assert load(folder)["workclass"].isna().tolist() == [False, True, False]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"train\.parquet"):
        load(tmp_path)
