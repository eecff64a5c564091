"""A histogram of parts, merged, is bin for bin the histogram of the whole."""

from __future__ import annotations

import functools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from assay.data.profiles.histogram import MOST_BINS, Histogram, histogram, key_bounds, number_bounds, number_keys

FLOATS = st.floats(allow_nan=False)
KEYS = hnp.arrays(np.int64, st.integers(0, 60), elements=st.integers(-(2**63), 2**63 - 1))


@settings(max_examples=300, deadline=None)
@given(keys=KEYS, cuts=st.lists(st.integers(0, 60), max_size=4), most=st.integers(2, 12))
def test_parts_merge_to_the_whole(keys: np.ndarray, cuts: list[int], most: int) -> None:
    parts = np.split(keys, sorted(min(cut, len(keys)) for cut in cuts))
    whole = histogram(keys, most=most)
    for order in (parts, parts[::-1]):
        merged = histogram(order[0], most=most)
        for part in order[1:]:
            merged = merged.merged(histogram(part, most=most), most)
        assert merged == whole
    later = functools.reduce(lambda one, two: histogram(two, most=most).merged(one, most), parts, histogram(keys[:0]))
    assert later == whole


@settings(max_examples=200, deadline=None)
@given(keys=KEYS.filter(len), most=st.integers(2, 12))
def test_the_level_is_the_finest_that_fits(keys: np.ndarray, most: int) -> None:
    found = histogram(keys, most=most)
    assert len(found.keys) <= most
    assert found.total == len(keys)
    if found.level:
        assert len(np.unique(keys >> np.int64(found.level - 1))) > most
    low, high = key_bounds(found)
    place = np.searchsorted(low, np.sort(keys), side="right") - 1
    assert (np.sort(keys) >= low[place]).all()
    assert (np.sort(keys) <= high[place]).all()


@settings(max_examples=200, deadline=None)
@given(keys=KEYS, most=st.integers(2, 12))
def test_json_keeps_everything(keys: np.ndarray, most: int) -> None:
    found = histogram(keys, most=most)
    assert Histogram.from_json(json.loads(json.dumps(found.to_json()))) == found


@settings(max_examples=200, deadline=None)
@given(values=hnp.arrays(np.float64, st.integers(1, 40), elements=FLOATS))
def test_keys_keep_the_order_and_bounds_hold_the_values(values: np.ndarray) -> None:
    keys = number_keys(values)
    order = np.argsort(values, kind="stable")
    values, keys = values[order], keys[order]
    assert ((values[1:] > values[:-1]) == (keys[1:] > keys[:-1])).all()
    assert ((values[1:] == values[:-1]) == (keys[1:] == keys[:-1])).all()
    for most in (2, 100):
        low, high = number_bounds(histogram(keys, most=most))
        assert low[0] <= values.min() <= high[0]
        assert low[-1] <= values.max() <= high[-1]


def test_exact_values_stay_exact() -> None:
    ages = np.repeat([17.0, 18.0, 90.0], [3, 1, 2])
    found = histogram(number_keys(ages))
    assert found.level == 0
    assert [bound.tolist() for bound in number_bounds(found)] == [[17, 18, 90], [17, 18, 90]]
    assert found.counts.tolist() == [3, 1, 2]


@pytest.mark.parametrize(
    ("values", "largest"),
    [
        pytest.param(np.random.default_rng(0).normal(size=200_000), 0.02, id="normal"),
        pytest.param(1.7e9 + np.random.default_rng(0).random(200_000) * 1e6, 0.02, id="far from zero"),
        pytest.param(np.append(np.random.default_rng(0).normal(size=200_000), [1e300, -np.inf]), 0.02, id="outliers"),
        pytest.param(np.random.default_rng(0).lognormal(0, 5, 200_000), 0.02, id="heavy tail"),
    ],
)
def test_no_bin_holds_much(values: np.ndarray, largest: float) -> None:
    assert histogram(number_keys(values)).counts.max() / len(values) < largest


def test_weights_are_counts() -> None:
    assert histogram(np.array([5, 3]), np.array([2, 7])) == histogram(np.repeat([3, 5], [7, 2]))


def test_nothing() -> None:
    nothing = histogram(np.zeros(0, dtype=np.int64))
    some = histogram(np.array([1, 2]))
    assert nothing.total == 0
    assert nothing.merged(some) == some == some.merged(nothing)
    assert nothing != some
    assert isinstance(nothing.at(3), Histogram)


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(np.random.default_rng(0).integers(-(2**63), 2**63 - 1, 50_000), id="wide"),
        pytest.param(np.arange(50_000), id="ascending"),
        pytest.param(np.repeat([7, -(2**63), 2**63 - 1], 20_000), id="ends"),
        pytest.param(np.tile(np.append(np.zeros(9, dtype=np.int64), 1 << np.arange(40)), 1000), id="regular"),
    ],
)
def test_a_sample_of_the_keys_decides_nothing(keys: np.ndarray) -> None:
    found = histogram(keys)
    for level in (found.level, max(found.level - 1, 0)):
        bins, counts = np.unique(keys >> np.int64(level), return_counts=True)
        assert (len(bins) <= MOST_BINS) == (level == found.level)
        if level == found.level:
            assert found == Histogram(level, bins, counts)


def test_zero_has_no_sign() -> None:
    assert number_keys(np.array([0.0])) == number_keys(np.array([-0.0]))
