from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest
from frames import people

from assay.config import Data
from assay.data.split import holdout_rows
from assay.errors import ProjectError


@dataclass(frozen=True)
class Split:
    train: pd.DataFrame
    holdout: pd.DataFrame


def split(frame: pd.DataFrame, data: Data) -> Split:
    marker = frame[data.holdout] if isinstance(data.holdout, str) else None
    held = holdout_rows(frame[data.target], marker, data)
    return Split(frame[~held], frame[held])


def _data(**values: Any) -> Data:
    return Data(target="rich", **values)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_share_is_kept_in_every_class(share: float) -> None:
    frame = people()
    rows = split(frame, _data(holdout=share))
    for label, count in frame["rich"].value_counts().items():
        assert (rows.holdout["rich"] == label).sum() == round(share * count)
    assert len(rows.train) + len(rows.holdout) == len(frame)


def test_rows_keep_their_order_and_no_row_is_on_both_sides() -> None:
    frame = people().assign(number=range(1000))
    rows = split(frame, _data())
    assert rows.train["number"].is_monotonic_increasing
    assert rows.holdout["number"].is_monotonic_increasing
    assert sorted([*rows.train["number"], *rows.holdout["number"]]) == list(range(1000))


def test_the_seed_decides() -> None:
    first, again, other = (split(people(), _data(seed=seed)).holdout for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_regression_is_not_stratified() -> None:
    rows = split(people(), Data(target="age", task="regression", holdout=0.2))
    assert (len(rows.train), len(rows.holdout)) == (800, 200)


def test_a_marker_column_decides() -> None:
    frame = people().assign(is_test=lambda f: f.index % 10 == 0)
    rows = split(frame, _data(holdout="is_test"))
    assert (rows.holdout.index % 10 == 0).all()
    assert (len(rows.train), len(rows.holdout)) == (900, 100)


@pytest.mark.parametrize(
    ("marker", "says"),
    [
        pytest.param([0, 1] * 5, "int64", id="numbers"),
        pytest.param([True, None] * 5, "5 missing values", id="gaps"),
        pytest.param([False] * 10, "holdout is left without rows", id="nothing marked"),
        pytest.param([True] * 10, "train is left without rows", id="all marked"),
    ],
)
def test_a_bad_marker_is_explained(marker: list[Any], says: str) -> None:
    frame = pd.DataFrame({"rich": ["yes", "no"] * 5, "is_test": marker})
    with pytest.raises(ProjectError, match=says):
        split(frame, _data(holdout="is_test"))


def test_a_share_that_rounds_to_nothing_is_explained() -> None:
    with pytest.raises(ProjectError, match="holdout is left without rows"):
        split(people(4), _data(holdout=0.01))


def test_a_class_that_train_lacks_is_named() -> None:
    frame = pd.DataFrame({"rich": ["yes", "no", "maybe"], "is_test": [False, False, True]})
    with pytest.raises(ProjectError, match="maybe"):
        split(frame, _data(holdout="is_test"))


def test_a_class_with_one_row_stays_in_train() -> None:
    frame = pd.DataFrame({"rich": ["yes"] * 50 + ["no"]})
    assert "no" in set(split(frame, _data()).train["rich"])
