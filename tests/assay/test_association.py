"""Associations agree with scipy and numpy, and those of parts merge to that of the whole."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from assay.data.profiles.association import MOST_CLASSES, NOTHING, Association, Classes, Numbers, Side, associate

NUMBERS = st.one_of(
    st.just(np.nan), st.sampled_from([0.1, -3.0, np.inf]), st.integers(-50_000, 50_000).map(lambda n: n / 100)
)
CODES = st.integers(-1, 3)
ROWS = st.lists(st.tuples(NUMBERS, NUMBERS, CODES, CODES), min_size=1, max_size=30)
KINDS = ["pearson", "correlation_ratio", "reversed", "cramers_v"]


def classes(codes: Any, size: int = 4) -> Classes:
    return Classes(np.array(codes, dtype=np.intp), np.array([f"c{i}" for i in range(size)], dtype=object))


def sides(rows: list[Any], kind: str) -> tuple[Side, Side]:
    x, y, a, b = zip(*rows, strict=True)
    numbers = Numbers(np.array(x)), Numbers(np.array(y))
    groups = classes(a), classes(b)
    pairs: dict[str, tuple[Side, Side]] = {
        "pearson": numbers,
        "correlation_ratio": (numbers[0], groups[1]),
        "reversed": (groups[0], numbers[1]),
        "cramers_v": groups,
    }
    return pairs[kind]


def the_same(one: Association | None, two: Association | None) -> None:
    assert one
    assert two
    assert one.measure == two.measure
    assert one.cells.keys() == two.cells.keys()
    for key, cell in one.cells.items():
        assert cell == pytest.approx(two.cells[key], rel=1e-9, abs=1e-9)
    assert (one.value is None) == (two.value is None)
    assert one.value is None or one.value == pytest.approx(two.value, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=80, deadline=None)
@given(rows=ROWS, cuts=st.lists(st.integers(0, 30), max_size=3))
def test_parts_merge_to_the_whole_in_any_order(kind: str, rows: list[Any], cuts: list[int]) -> None:
    ends = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    parts = [associate(*sides(rows[a:b], kind)) for a, b in itertools.pairwise(ends) if b > a]
    whole = associate(*sides(rows, kind))
    for order in (parts, parts[::-1]):
        merged: Association | None = NOTHING
        for part in order:
            assert merged
            assert part
            merged = merged.merged(part)
        the_same(merged, whole)


@pytest.fixture(name="drawn")
def _drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    x = random.normal(1e6, 1, 5000)
    return x, 0.3 * x + random.normal(size=5000), np.digitize(x - 1e6 + random.normal(size=5000), [-1, 0, 1])


def test_pearson_agrees_with_scipy(drawn: tuple[np.ndarray, ...]) -> None:
    x, y, _ = drawn
    found = associate(Numbers(x), Numbers(y))
    assert found
    assert found.value == pytest.approx(stats.pearsonr(x, y).statistic, rel=1e-9)


def test_correlation_ratio_agrees_with_analysis_of_variance(drawn: tuple[np.ndarray, ...]) -> None:
    x, _, codes = drawn
    f = stats.f_oneway(*(x[codes == code] for code in range(4))).statistic
    eta = np.sqrt(3 * f / (3 * f + len(x) - 4))
    for pair in ((Numbers(x), classes(codes)), (classes(codes), Numbers(x))):
        found = associate(*pair)
        assert found
        assert found.value == pytest.approx(eta, rel=1e-9)


def test_cramers_v_agrees_with_scipy(drawn: tuple[np.ndarray, ...]) -> None:
    x, _, codes = drawn
    halves = (x > 1e6).astype(int)
    table = np.array([[np.sum((codes == a) & (halves == b)) for b in range(2)] for a in range(4)])
    found = associate(classes(codes), classes(halves))
    assert found
    assert found.value == pytest.approx(stats.contingency.association(table, method="cramer"), rel=1e-9)


@pytest.mark.parametrize(
    ("column", "target"),
    [
        pytest.param(Numbers(np.full(7, 0.1)), Numbers(np.arange(7.0)), id="constant numbers"),
        pytest.param(Numbers(np.full(7, 0.1)), classes([0, 1, 2, 0, 0, 0, 0]), id="constant number of classes"),
        pytest.param(Numbers(np.arange(7.0)), classes([0] * 7), id="one class"),
        pytest.param(classes([0] * 7), classes([0, 1, 2, 0, 0, 0, 0]), id="one class of classes"),
        pytest.param(Numbers(np.array([np.nan, 1.0])), Numbers(np.array([1.0, np.nan])), id="never both"),
        pytest.param(classes([]), Numbers(np.zeros(0)), id="no rows"),
        pytest.param(Numbers(np.array([0.0, 5e-324])), Numbers(np.array([0.0, 1.0])), id="too small to square"),
    ],
)
def test_what_does_not_vary_has_no_value(column: Side, target: Side) -> None:
    found = associate(column, target)
    assert found
    assert found.value in {None, 0.0}
    twice = found.merged(found)
    assert twice
    assert twice.value == found.value


def test_numbers_whose_squares_have_no_float_say_nothing() -> None:
    huge = Numbers(np.array([1e200, -1e200, 0.0]))
    assert associate(huge, Numbers(np.arange(3.0))) is None
    assert associate(huge, classes([0, 0, 1])) is None


def test_tiny_numbers_have_a_correlation() -> None:
    x = np.arange(5) * 1e-150
    found = associate(Numbers(x), Numbers(x * 1e-5))
    assert found
    assert found.value == pytest.approx(1)


@pytest.mark.parametrize("many", [MOST_CLASSES, MOST_CLASSES + 1])
def test_too_many_classes_say_nothing_in_the_whole_and_in_parts(many: int) -> None:
    codes = np.arange(200) % many
    y = Numbers(np.arange(200.0))
    expected = many <= MOST_CLASSES
    assert (associate(classes(codes, many), y) is not None) == expected
    one = associate(classes(codes[:30], many), Numbers(y.values[:30]))
    two = associate(classes(codes[30:60], many), Numbers(y.values[30:60]))
    assert one
    assert two
    assert (one.merged(two) is not None) == expected


def test_only_classes_in_the_rows_where_both_are_known_count() -> None:
    codes = np.arange(60)
    y = np.where(codes < 40, 1.0 * codes, np.nan)
    found = associate(classes(codes, 100_000), Numbers(y))
    assert found
    assert len(found.cells) == 40
    assert found.value == pytest.approx(1)


@pytest.mark.parametrize("kind", KINDS)
def test_json_keeps_everything(kind: str) -> None:
    rows = [(1.5, 2.0, 0, 1), (2.5, -1.0, 1, 1), (0.0, 3.0, 2, 0), (np.nan, 3.0, -1, -1)]
    for found in (associate(*sides(rows, kind)), NOTHING):
        assert found
        text = json.dumps(found.to_json(), allow_nan=False)
        the_same(Association.from_json(json.loads(text)), found)


def test_a_full_table_is_small() -> None:
    codes = np.arange(2500)
    found = associate(classes(codes // 50, 50), classes(codes % 50, 50))
    assert found
    assert len(json.dumps(found.to_json())) < 10_000
