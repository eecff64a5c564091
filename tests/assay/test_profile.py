"""Profiles of any frame: exact counts, mergeable, plain JSON."""

from __future__ import annotations

import decimal
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.data.columns import name_of, numbers
from assay.data.profile import OldProfile, Profile, profile_of
from assay.errors import ArtifactError

TEXTS = st.one_of(st.none(), st.sampled_from(["a", "b", "", "ä\n", "x" * 50]), st.integers(0, 2000).map("c{}".format))
ROW = st.tuples(st.one_of(st.none(), st.floats(-1e6, 1e6)), st.integers(-5, 5), TEXTS, st.sampled_from(["yes", "no"]))


def frame_of(rows: list[Any]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["x", "n", "s", "y"])
    return frame.astype({"x": float, "n": "int64", "s": "str", "y": "str"})


def agree(one: Profile, two: Profile) -> None:
    assert one.rows == two.rows
    for name, a in one.columns.items():
        b = two.columns[name]
        assert (a.kind, a.missing, a.histogram, dict(a.names)) == (b.kind, b.missing, b.histogram, dict(b.names))
        if a.moments is None or b.moments is None:
            assert a.moments == b.moments
        else:
            assert vars(a.moments) == pytest.approx(vars(b.moments), rel=1e-9, abs=1e-6)
        known = [c.target.value if c.target else None for c in (a, b)]
        assert (known[0] is None) == (known[1] is None)
        assert known[0] is None or known[0] == pytest.approx(known[1], rel=1e-5, abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=40), cuts=st.lists(st.integers(0, 40), max_size=3))
def test_parts_merge_to_the_whole(rows: list[Any], cuts: list[int]) -> None:
    frame = frame_of(rows)
    ends = [0, *sorted(min(cut, len(frame)) for cut in cuts), len(frame)]
    parts = [profile_of(frame[a:b], "y") for a, b in zip(ends, ends[1:], strict=False) if b > a]
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merged(part)
    agree(merged, profile_of(frame, "y"))


def test_many_categories_merge_too() -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"s": random.integers(0, 20_000, 60_000).astype(str), "y": random.random(60_000)})
    merged = profile_of(frame[:10], "y").merged(profile_of(frame[10:30_000], "y")).merged(profile_of(frame[30_000:], "y"))
    agree(merged, profile_of(frame, "y"))
    assert len(merged.columns["s"].histogram.keys) <= 1000


@pytest.mark.parametrize(
    ("values", "kind", "missing"),
    [
        pytest.param([1, 2, 3], "number", 0, id="int"),
        pytest.param([1.5, None, np.inf], "number", 1, id="float"),
        pytest.param(pd.array([1, None, 3], dtype="Int64"), "number", 1, id="nullable"),
        pytest.param([decimal.Decimal("1.1"), None, decimal.Decimal(2)], "number", 1, id="decimal"),
        pytest.param([2**60, 2**60 + 1, 5], "number", 0, id="beyond 2**53"),
        pytest.param([True, False, True], "category", 0, id="bool"),
        pytest.param(pd.array([True, None, False], dtype="boolean"), "category", 1, id="nullable bool"),
        pytest.param(["a", None, "b"], "category", 1, id="text"),
        pytest.param(pd.Categorical(["a", None, "a"], categories=["a", "unused"]), "category", 1, id="categorical"),
        pytest.param([None, None, None], "category", 3, id="nothing"),
        pytest.param(pd.to_datetime(["2020-01-01", None, "2021-01-01"]), "time", 1, id="time"),
        pytest.param(pd.to_datetime(["2020-01-01"] * 3, utc=True).tz_convert("Asia/Tokyo"), "time", 0, id="zone"),
        pytest.param(pd.date_range("0001-01-01", periods=3, unit="us"), "time", 0, id="year one"),
        pytest.param([1e300, -1e300, 5e-324], "number", 0, id="extremes"),
        pytest.param([0.0, -0.0, 0.0], "number", 0, id="zeros"),
    ],
)
def test_every_dtype(values: Any, kind: str, missing: int) -> None:
    found = profile_of(pd.DataFrame({"x": values, "y": [1.0, 2.0, 4.0]}), "y").columns["x"]
    assert (found.kind, found.missing, found.histogram.total) == (kind, missing, 3 - missing)
    text = json.dumps(found.to_json(), allow_nan=False)
    assert type(found).from_json(json.loads(text)).to_json() == found.to_json()


def test_what_was_numbers_and_went_through_json_is_the_same() -> None:
    frame = pd.DataFrame({"x": [1.5, None, 3.0], "flag": [True, False, True], "n": [1, 2, 2], "y": ["a", "b", "a"]})
    before = profile_of(frame, "y")
    back = pd.DataFrame(json.loads(frame.to_json(orient="records"))).astype(object)
    back = back.assign(x=["1.5", None, "3"], odd="more")
    agree(profile_of(back, "y", like=before), before)


def test_a_column_that_is_gone_is_missing_throughout() -> None:
    before = profile_of(pd.DataFrame({"x": [1, 2], "y": ["a", "b"]}), "y")
    now = profile_of(pd.DataFrame({"y": ["a", "b", "a"]}), "y", like=before)
    assert (now.columns["x"].missing, now.columns["x"].kind) == (3, "number")


def test_a_part_without_values_takes_the_kind_of_the_other_and_a_conflict_is_told() -> None:
    nothing, number, text = (
        profile_of(pd.DataFrame({"x": values, "y": ["a", "b"]}), "y") for values in ([None, None], [1, 2], ["u", "v"])
    )
    for merged in (nothing.merged(number), number.merged(nothing)):
        assert (merged.columns["x"].kind, merged.columns["x"].missing) == ("number", 2)
    with pytest.raises(ArtifactError, match='column "x" is category in one part of the data and number in another'):
        number.merged(text)


def test_association_with_the_target() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=5000)
    frame = pd.DataFrame({"x": x, "noise": random.normal(size=5000), "c": np.where(x > 0, "p", "n")})
    classes = profile_of(frame.assign(y=np.where(x > 0, "yes", "no")), "y").columns
    assert {name: column.target and column.target.measure for name, column in classes.items()} == {
        "x": "correlation_ratio", "noise": "correlation_ratio", "c": "cramers_v", "y": None,
    }  # fmt: skip
    number = profile_of(frame.assign(y=2 * x + random.normal(size=5000)), "y").columns
    truth = np.corrcoef(x, 2 * x + 0)[0, 1]
    assert truth == pytest.approx(1)
    values = {name: column.target.value for name, column in {**classes, "r": number["x"]}.items() if column.target}
    assert values["c"] == pytest.approx(1)
    assert values["x"] == pytest.approx(np.sqrt(2 / np.pi), abs=0.02)
    assert abs(values["noise"] or 0) < 0.05
    assert values["r"] == pytest.approx(2 / np.sqrt(5), abs=0.02)


@pytest.mark.parametrize(
    ("value", "name"), [(3, "3"), (3.0, "3"), (3.5, "3.5"), ("3", "3"), (True, "true"), (np.bool_(False), "false")]
)
def test_names_of_categories(value: Any, name: str) -> None:
    assert name_of(value) == name


def test_numbers() -> None:
    assert numbers(pd.Series(["1", 2, None, "x"], dtype=object)).tolist()[:2] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        pytest.param({"schema_version": 1}, OldProfile, "version 1", id="old"),
        pytest.param({"columns": {"x": {}}}, ArtifactError, "damaged", id="damaged"),
        pytest.param({"columns": None}, ArtifactError, "damaged", id="no columns"),
    ],
)
def test_other_json_is_refused(change: dict[str, Any], error: type[Exception], told: str) -> None:
    good = profile_of(pd.DataFrame({"x": [1, 2], "y": ["a", "b"]}), "y").to_json()
    assert Profile.from_json(good).to_json() == good
    with pytest.raises(error, match=told):
        Profile.from_json(good | change)


def test_no_single_row_of_a_continuous_column_stands_in_a_large_profile() -> None:
    secret = np.random.default_rng(0).normal(size=5000) * 1000 + 0.123456789
    text = json.dumps(profile_of(pd.DataFrame({"x": secret, "y": 1.0}), "y").to_json())
    inner = np.sort(secret)[1:-1]
    assert not any(repr(float(value)) in text for value in inner)
    assert len(text) < 20_000
