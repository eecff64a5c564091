"""Profiles of any frame: exact counts, mergeable, plain JSON."""

from __future__ import annotations

import copy
import datetime as dt
import functools
import itertools
import json
import os
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.data.profiles.profile import OldProfile, Profile, profile_of
from assay.errors import ArtifactError

TEXTS = st.one_of(st.none(), st.sampled_from(["a", "b", "", "ä\n", "x" * 500]), st.integers(0, 2000).map("c{}".format))
FLOATS = st.one_of(
    st.none(), st.integers(-90_000, 90_000).map(lambda n: n / 100), st.sampled_from([np.inf, -np.inf, 0.1])
)
ANY = st.one_of(st.none(), st.floats(allow_nan=False))
TIMES = st.one_of(st.none(), st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)))
WHOLE = st.one_of(st.none(), st.integers(-5, 5), st.sampled_from([2**53 + 1, 2**63 - 1]))
FLAGS = st.sampled_from([True, False, None])
ROW = st.tuples(FLOATS, ANY, WHOLE, TEXTS, TIMES, FLAGS, st.sampled_from(["yes", "no", None]))
NAMES = ["x", "wild", "n", "s", "t", "flag", "y"]


def frame_of(rows: list[Any]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=NAMES, dtype=object)
    return frame.astype({"x": float, "wild": float, "s": "str", "t": "datetime64[us]", "y": "str"})


def part_of(frame: pd.DataFrame) -> pd.DataFrame:
    """A part as a reader would give it: whole numbers that are all there are integers, else floats."""
    whole = frame["n"].astype(float if frame["n"].isna().any() else "int64")
    return frame.assign(n=whole, flag=frame["flag"] if frame["flag"].isna().any() else frame["flag"].astype(bool))


def agree(one: Profile, two: Profile) -> None:
    assert one.rows == two.rows
    assert one.columns.keys() == two.columns.keys()
    for name, a in one.columns.items():
        b = two.columns[name]
        assert (a.kind, a.rows, a.missing) == (b.kind, b.rows, b.missing)
        assert (a.histogram, a.names) == (b.histogram, b.names)
        assert (a.moments is None) == (b.moments is None)
        if a.moments and b.moments:
            assert (a.moments.n, a.moments.min, a.moments.max) == (b.moments.n, b.moments.min, b.moments.max)
            if name != "wild":
                scale = max(abs(a.moments.min), abs(a.moments.max), 1)
                assert a.moments.mean == pytest.approx(b.moments.mean, rel=1e-9, abs=1e-12 * scale)
                assert a.moments.m2 == pytest.approx(b.moments.m2, rel=1e-9, abs=1e-18 * scale**2)
        if name not in {"wild", "n"}:
            known = [side.target and (side.target.measure, side.target.value or 0.0) for side in (a, b)]
            assert known[0] == (known[1] and (known[1][0], pytest.approx(known[1][1], rel=1e-9, abs=1e-9)))


@pytest.mark.parametrize("target", ["y", "x"])
@settings(max_examples=60, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=30), cuts=st.lists(st.integers(0, 30), max_size=3))
def test_parts_merge_to_the_whole_in_any_order(target: str, rows: list[Any], cuts: list[int]) -> None:
    frame = frame_of(rows)
    ends = [0, *sorted(min(cut, len(frame)) for cut in cuts), len(frame)]
    parts = [profile_of(part_of(frame[a:b]), target) for a, b in itertools.pairwise(ends) if b > a]
    whole = profile_of(part_of(frame), target)
    agree(functools.reduce(Profile.merged, parts), whole)
    agree(functools.reduce(Profile.merged, reversed(parts)), whole)
    agree(functools.reduce(lambda one, two: two.merged(one), parts), whole)
    agree(Profile.from_json(json.loads(json.dumps(whole.to_json(), allow_nan=False))), whole)


def test_many_categories_merge_too() -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"s": random.integers(0, 20_000, 60_000).astype(str), "y": random.random(60_000)})
    parts = [profile_of(frame[a:b], "y") for a, b in itertools.pairwise([0, 10, 30_000, 60_000])]
    merged = functools.reduce(Profile.merged, parts)
    agree(merged, profile_of(frame, "y"))
    assert len(merged.columns["s"].histogram.keys) <= 1000


@pytest.mark.parametrize("categories", [100_000, 300_000])
def test_many_categories_are_small_json(categories: int) -> None:
    ids = pd.Series(np.random.default_rng(0).permutation(300_000) % categories).map("id-{}".format).astype("str")
    found = profile_of(pd.DataFrame({"id": ids, "y": ids}), "y")
    assert found.columns["id"].histogram.total == 300_000
    assert found.columns["id"].target is None
    assert len(json.dumps(found.to_json())) < 50_000


def test_fifty_columns_are_small_json() -> None:
    random = np.random.default_rng(0)
    frame = {f"n{i}": random.lognormal(0, 1 + i / 4, 20_000) for i in range(40)}
    names = np.array([f"quite a long name {i}" for i in range(900)])
    frame |= {f"c{i}": names[random.integers(0, 900, 20_000)] for i in range(10)}
    found = profile_of(pd.DataFrame(frame | {"y": random.integers(0, 40, 20_000).astype(str)}), "y")
    assert len(json.dumps(found.to_json())) < 1_000_000


def test_the_number_of_cores_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({f"n{i}": random.normal(size=20_000) for i in range(9)} | {"y": random.random(20_000)})
    many = profile_of(frame, "y").to_json()
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert json.dumps(profile_of(frame, "y").to_json()) == json.dumps(many)


def test_constants_have_no_spread_whatever_the_rounding() -> None:
    found = profile_of(pd.DataFrame({"x": [0.1] * 3, "big": [1.7e308] * 3, "y": [1, 2, 3]}), "y").columns
    assert [c.moments and (c.moments.mean, c.moments.m2) for c in found.values()][:2] == [(0.1, 0), (1.7e308, 0)]


def test_squares_without_a_float_are_null_and_stay_so() -> None:
    one, two = (profile_of(pd.DataFrame({"x": values, "y": [1, 2]}), "y") for values in ([1e300, -1e300], [1.0, 2.0]))
    for found in (one, one.merged(two), two.merged(one)):
        again = Profile.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))
        moments = again.columns["x"].moments
        assert moments
        assert (moments.m2, moments.std, moments.max) == (np.inf, 0.0, 1e300)


def test_what_was_numbers_and_went_through_json_is_the_same() -> None:
    times = pd.to_datetime(["2020-01-01", "", "2021-01-01T10:00:00.5"], format="ISO8601")
    frame = pd.DataFrame(
        {"x": [1.5, None, 3.0], "flag": [True, False, True], "n": [1, 2, 2], "t": times, "y": ["a", "b", "a"]}
    )
    before = profile_of(frame, "y")
    back = frame.astype(object).assign(x=np.array(["1.5", None, "3"], dtype=object), n=["1", 2.0, 2], odd="more")
    back["t"] = np.array(["2020-01-01", None, "2021-01-01T12:00:00.5+02:00"], dtype=object)
    agree(profile_of(back, "y", like=before), before)


def test_values_of_another_kind_count_as_missing() -> None:
    before = profile_of(pd.DataFrame({"x": [1, 2], "t": pd.to_datetime(["2020", "2021"]), "y": ["a", "b"]}), "y")
    odd = pd.DataFrame({"x": ["many", [1]], "t": [12, "yesterday"], "y": [None, {"a": 1}]}, dtype=object)
    now = profile_of(odd, "y", like=before).columns
    assert {name: column.missing for name, column in now.items()} == {"x": 2, "t": 2, "y": 1}


def test_a_column_that_is_gone_is_missing_throughout() -> None:
    before = profile_of(pd.DataFrame({"x": [1, 2], "y": ["a", "b"]}), "y")
    now = profile_of(pd.DataFrame({"y": ["a", "b", "a"]}), "y", like=before)
    assert (now.columns["x"].missing, now.columns["x"].kind) == (3, "number")
    agree(Profile.from_json(now.to_json()), now)
    assert before.merged(now).columns["x"].target == before.columns["x"].target


@pytest.mark.parametrize("empty", [[None, None], [np.nan, np.nan], [pd.NaT, pd.NaT]], ids=["none", "nan", "nat"])
def test_a_part_without_values_takes_the_kind_of_the_other(empty: list[Any]) -> None:
    nothing, number = (profile_of(pd.DataFrame({"x": x, "y": ["a", "b"]}), "y") for x in (empty, [1, 2]))
    for merged in (nothing.merged(number), number.merged(nothing)):
        assert (merged.columns["x"].kind, merged.columns["x"].missing) == ("number", 2)
    unnamed = profile_of(pd.DataFrame({"x": [3, 4], "y": pd.Series(empty, dtype=object)}), "y")
    for merged in (unnamed.merged(number), number.merged(unnamed)):
        assert merged.columns["x"].target == number.columns["x"].target


def test_a_conflict_of_kinds_is_told_the_same_way_round() -> None:
    number, text = (profile_of(pd.DataFrame({"x": x, "y": ["a", "b"]}), "y") for x in ([1, 2], ["u", "v"]))
    for one, two in ((number, text), (text, number)):
        with pytest.raises(ArtifactError, match='column "x" is category in one part of the data and number in another'):
            one.merged(two)


def test_parts_with_other_columns_are_told() -> None:
    one, two = (profile_of(pd.DataFrame({name: [1], "y": [1]}), "y") for name in ("a", "b"))
    with pytest.raises(ArtifactError, match="other columns: a, b"):
        one.merged(two)


def test_two_columns_of_one_name_are_told() -> None:
    with pytest.raises(ArtifactError, match='two columns "a"'):
        profile_of(pd.DataFrame([[1, 2, 3]], columns=["a", "a", "y"]), "y")


@pytest.mark.parametrize(
    ("frame", "columns"),
    [
        pytest.param(pd.DataFrame({"x": [], "y": []}), ["x", "y"], id="no rows"),
        pytest.param(pd.DataFrame(index=[0, 1]), [], id="no columns"),
        pytest.param(pd.DataFrame({"x": [1]}), ["x"], id="no target"),
        pytest.param(pd.DataFrame([[1, 2]], columns=[0, "y"]), ["0", "y"], id="a number as name"),
    ],
)
def test_odd_frames(frame: pd.DataFrame, columns: list[str]) -> None:
    found = profile_of(frame, "y")
    assert list(found.columns) == columns
    agree(Profile.from_json(json.loads(json.dumps(found.to_json()))), found)


def test_association_with_the_target() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=5000)
    frame = pd.DataFrame({"x": x, "noise": random.normal(size=5000), "c": np.where(x > 0, "p", "n")})
    of_classes = profile_of(frame.assign(y=np.where(x > 0, "yes", "no")), "y").columns
    of_numbers = profile_of(frame.assign(y=2 * x + random.normal(size=5000)), "y").columns
    measures = {name: column.target.measure if column.target else None for name, column in of_classes.items()}
    assert measures == {"x": "correlation_ratio", "noise": "correlation_ratio", "c": "cramers_v", "y": None}
    values = {name: column.target.value for name, column in of_classes.items() if column.target}
    assert values == pytest.approx({"x": np.sqrt(2 / np.pi), "noise": 0, "c": 1}, abs=0.05)
    values = {name: column.target.value for name, column in of_numbers.items() if column.target}
    assert values == pytest.approx({"x": 2 / np.sqrt(5), "noise": 0, "c": 0.714}, abs=0.05)


GOOD = profile_of(pd.DataFrame({"x": [1.5, 2, 7], "s": ["u", "v", "u"], "y": ["a", "b", "a"]}), "y").to_json()


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        pytest.param({"schema_version": 1}, OldProfile, "version 1", id="old"),
        pytest.param({"schema_version": "two"}, ArtifactError, "version two", id="no version"),
        pytest.param({"columns": {"x": {}}}, ArtifactError, "damaged", id="damaged"),
        pytest.param({"columns": None}, ArtifactError, "damaged", id="no columns"),
        pytest.param({"columns": {"x": {**GOOD["columns"]["x"], "rows": 4}}}, ArtifactError, "add up to 4", id="rows"),
    ],
)
def test_other_json_is_refused(change: dict[str, Any], error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        Profile.from_json(GOOD | change)


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


@pytest.mark.parametrize("wrong", [None, "x", -1, [], {}, [[]], "9" * 30], ids=repr)
def test_no_damage_to_json_is_a_traceback(wrong: Any) -> None:
    for path in places(GOOD)[1:]:
        data = copy.deepcopy(GOOD)
        functools.reduce(lambda inner, key: inner[key], path[:-1], data)[path[-1]] = wrong
        try:
            Profile.from_json(data)
        except ArtifactError as error:
            assert error.what  # noqa: PT017 - some damage cannot be told from data


def test_no_single_row_of_a_continuous_column_stands_in_a_large_profile() -> None:
    secret = np.random.default_rng(0).normal(size=5000) * 1000 + 0.123456789
    text = json.dumps(profile_of(pd.DataFrame({"x": secret, "y": 1.0}), "y").to_json())
    inner = np.sort(secret)[1:-1]
    assert not any(repr(float(value)) in text for value in inner)
    assert len(text) < 20_000
