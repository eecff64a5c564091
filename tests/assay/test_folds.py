"""Folds: groups stay together, time goes forward, classes keep their shares, and what cannot be done is explained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from assay.callables import Dataset
from assay.errors import ProjectError
from assay.training.folds import folds_of


def _rows(count: int = 200, **columns: Any) -> Dataset:
    x = pd.DataFrame({"a": np.arange(count)})
    return Dataset(x=x, y=pd.Series(np.where(np.arange(count) % 10 < 3, "yes", "no")), **columns)


def test_every_row_is_measured_once_and_never_learnt_from_then() -> None:
    folds = folds_of(_rows(), 4, labels=True, seed=0)
    assert sorted(np.concatenate([check for _, check in folds])) == list(range(200))
    assert not any(set(learn) & set(check) for learn, check in folds)


def test_classes_keep_their_shares() -> None:
    rows = _rows()
    for _, check in folds_of(rows, 4, labels=True, seed=0):
        assert (rows.y.iloc[check] == "yes").mean() == pytest.approx(0.3)


def test_the_seed_decides() -> None:
    first, again, other = (folds_of(_rows(), 3, labels=True, seed=seed)[0][1].tolist() for seed in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize("labels", [True, False])
def test_groups_stay_together(*, labels: bool) -> None:
    groups = pd.Series(np.arange(200) // 5)
    folds = folds_of(_rows(groups=groups), 4, labels=labels, seed=0)
    assert len(folds) == 4
    for learn, check in folds:
        assert not set(groups[learn]) & set(groups[check])


def test_time_goes_forward() -> None:
    random = np.random.default_rng(0)
    times = pd.Series(pd.Timestamp("2026-01-01") + pd.to_timedelta(random.permutation(200), unit="h"))
    folds = folds_of(_rows(times=times), 4, labels=True, seed=0)
    ends = [times[check].max() for _, check in folds]
    assert ends == sorted(ends)
    for learn, check in folds:
        assert times[learn].max() < times[check].min()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param(_rows(3), "3 rows|n_splits|cannot be made", id="few rows"),
        pytest.param(_rows(groups=pd.Series([0] * 100 + [1] * 100)), "number of groups|n_splits", id="few groups"),
        pytest.param(_rows(times=pd.Series([1] * 199 + [2])), "too few different times", id="few times"),
    ],
)
def test_what_cannot_be_folded_is_explained(rows: Dataset, message: str) -> None:
    with pytest.raises(ProjectError, match=message) as caught:
        folds_of(rows, 5, labels=True, seed=0)
    assert "cross_validation" in caught.value.where
