from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from frames import people

from assay.config import Data
from assay.data.reading.loading import check_weights
from assay.data.split import deciding, holdout_rows
from assay.errors import ProjectError


@dataclass(frozen=True)
class Split:
    train: pd.DataFrame
    holdout: pd.DataFrame


def split(frame: pd.DataFrame, data: Data) -> Split:
    held = holdout_rows(frame[data.target], {name: frame[name] for name in deciding(data)}, data)
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


# ---- by groups and by time ----


def _sales(count: int = 500) -> pd.DataFrame:
    random = np.random.default_rng(0)
    sold = pd.Timestamp("2026-01-01") + pd.to_timedelta(random.permutation(count), unit="D")
    return pd.DataFrame(
        {"rich": random.choice(["yes", "no"], count), "shop": random.integers(0, 40, count), "sold": sold}
    )


def test_groups_stay_on_one_side() -> None:
    rows = split(_sales(), _data(group="shop"))
    assert not set(rows.train["shop"]) & set(rows.holdout["shop"])
    assert len(rows.holdout) / 500 == pytest.approx(0.2, abs=0.03)
    other = split(_sales(), _data(group="shop", seed=1))
    assert set(other.holdout["shop"]) != set(rows.holdout["shop"])


def test_groups_may_be_texts() -> None:
    frame = _sales().assign(shop=lambda f: "shop " + f["shop"].astype(str))
    rows = split(frame, _data(group="shop"))
    assert not set(rows.train["shop"]) & set(rows.holdout["shop"])


def test_the_newest_rows_are_held_out() -> None:
    rows = split(_sales(), _data(time="sold"))
    assert len(rows.holdout) == 100
    assert rows.train["sold"].max() < rows.holdout["sold"].min()


def test_rows_of_one_moment_stay_together() -> None:
    frame = _sales().assign(sold=lambda f: f["sold"].dt.to_period("M").dt.start_time)
    rows = split(frame, _data(time="sold"))
    assert rows.train["sold"].max() < rows.holdout["sold"].min()
    assert len(rows.holdout) >= 100


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        pytest.param("group", [1, None] * 250, '"shop" is missing in 250 of 500 rows', id="no group"),
        pytest.param("group", [1] * 500, "train is left without rows", id="one group"),
        pytest.param("time", [None, *range(499)], '"shop" is missing in 1 of 500 rows', id="no time"),
        pytest.param("time", ["monday"] * 500, 'the column "shop" holds no times', id="times as text"),
        pytest.param("time", [7] * 500, "train is left without rows", id="one moment"),
    ],
)
def test_a_column_that_cannot_decide_is_explained(column: str, values: list[Any], says: str) -> None:
    frame = _sales().assign(shop=values)
    with pytest.raises(ProjectError, match=says):
        split(frame, _data(**{column: "shop"}))


def test_a_marker_that_tears_groups_apart_is_refused() -> None:
    frame = _sales().assign(is_test=lambda f: f.index % 5 == 0)
    with pytest.raises(ProjectError, match=r'37 groups of "shop" stand on both sides: 0, 1, 10'):
        split(frame, _data(holdout="is_test", group="shop"))
    fine = frame.assign(is_test=frame["shop"] < 8)
    assert set(split(fine, _data(holdout="is_test", group="shop")).holdout["shop"]) == set(range(8))


BAD_WEIGHTS = {
    "texts": (["heavy"] * 10, 'the weights "w" are no numbers'),
    "negative": ([-1.0, *[1.0] * 9], "1 of 10 weights"),
    "missing": ([None, *[1.0] * 9], "1 of 10 weights"),
    "infinite": ([float("inf"), *[1.0] * 9], "1 of 10 weights"),
    "nothing": ([0.0] * 10, "0 of 10 weights"),
}


@pytest.mark.parametrize(("weights", "says"), BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
def test_weights_that_cannot_be_used_are_refused(weights: list[Any], says: str) -> None:
    with pytest.raises(ProjectError, match=says):
        check_weights(pd.Series(weights, name="w"))


def test_weights_may_be_nothing_for_some_rows() -> None:
    check_weights(pd.Series([0, 1, 2.5]))


# ---- rows that are appended ----


@pytest.mark.parametrize("how", [{"task": "classification"}, {"group": "shop"}], ids=["by chance", "groups"])
def test_appended_rows_leave_the_others_on_their_side(how: dict[str, Any]) -> None:
    frame = _sales(2000)
    before = split(frame.iloc[:1800], _data(**how)).holdout.index
    after = split(frame, _data(**how)).holdout.index
    moved = set(after[after < 1800]) - set(before)
    # drawn anew, four in five of them would have been learnt from before
    assert len(moved) < 0.1 * len(before)


def test_a_new_group_leaves_the_others_on_their_side() -> None:
    frame = _sales(2000)
    more = pd.concat([frame, frame.iloc[:40].assign(shop=-1)], ignore_index=True)
    before, after = (set(split(rows, _data(group="shop")).holdout["shop"]) for rows in (frame, more))
    assert len((after - before) - {-1}) <= 1
