"""Columns of every dtype become numbers, times or categories, and what is missing is counted."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from assay.data.profiles.columns import name_of, numbers
from assay.data.profiles.profile import profile_of


def arrow(values: list[Any], kind: pa.DataType) -> pd.Series[Any]:
    return pd.Series(values, dtype=pd.ArrowDtype(kind))


UTC = dt.timezone(dt.timedelta(hours=3))
D = decimal.Decimal


@pytest.mark.parametrize(
    ("values", "kind", "missing"),
    [
        pytest.param([1, 2, 3], "number", 0, id="int"),
        pytest.param([1.5, None, np.inf], "number", 1, id="float"),
        pytest.param(pd.array([1, None, 3], dtype="Int64"), "number", 1, id="nullable"),
        pytest.param(arrow([2**64 - 1, None, 3], pa.uint64()), "number", 1, id="arrow int"),
        pytest.param(arrow([1.0, None, np.nan], pa.float64()), "number", 2, id="arrow float"),
        pytest.param([D("1.1"), None, D(2)], "number", 1, id="decimal"),
        pytest.param([D("1.1"), 2, 2.5], "number", 0, id="decimals, integers and floats"),
        pytest.param([D("NaN"), D("sNaN"), D("Infinity")], "number", 2, id="decimals that are no numbers"),
        pytest.param(arrow([D("1.1"), None, D(2)], pa.decimal128(9, 2)), "number", 1, id="arrow decimal"),
        pytest.param([2**60, 2**60 + 1, 5], "number", 0, id="beyond 2**53"),
        pytest.param([10**400, -(10**400), None], "number", 1, id="beyond any float"),
        pytest.param(np.array([1, 2, 3], dtype="float16"), "number", 0, id="half"),
        pytest.param(pd.arrays.SparseArray([0.0, 1.0, np.nan]), "number", 1, id="sparse"),
        pytest.param([True, False, True], "category", 0, id="bool"),
        pytest.param([True, None, False], "category", 1, id="bool objects"),
        pytest.param(pd.array([True, None, False], dtype="boolean"), "category", 1, id="nullable bool"),
        pytest.param(arrow([True, None, False], pa.bool_()), "category", 1, id="arrow bool"),
        pytest.param(["a", None, "b"], "category", 1, id="text"),
        pytest.param(pd.Series(["\ud800", "\0", "x" * 10_000], dtype=object), "category", 0, id="odd text"),
        pytest.param(arrow(["a", None, "b"], pa.large_string()), "category", 1, id="arrow text"),
        pytest.param(
            arrow(["a", None, "b"], pa.dictionary(pa.int8(), pa.string())), "category", 1, id="arrow dictionary"
        ),
        pytest.param(arrow([[1], None, [1, 2]], pa.list_(pa.int64())), "category", 1, id="arrow list"),
        pytest.param(pd.Categorical(["a", None, "a"], categories=["a", "unused"]), "category", 1, id="categorical"),
        pytest.param(pd.Categorical([1, None, 1]), "category", 1, id="categorical of numbers"),
        pytest.param([1, "a", True], "category", 0, id="mixed"),
        pytest.param([[1], {"a": 1}, None], "category", 1, id="unhashable"),
        pytest.param([b"a", b"\xff", None], "category", 1, id="bytes"),
        pytest.param([1 + 2j, 2, 3], "category", 0, id="complex"),
        pytest.param(pd.to_timedelta([1, None, 2], unit="s"), "category", 1, id="durations"),
        pytest.param(pd.period_range("2020", periods=3, freq="Y"), "category", 0, id="periods"),
        pytest.param([None, None, None], "category", 3, id="nothing"),
        pytest.param([pd.NaT, None, np.nan], "time", 3, id="no time"),
        pytest.param(pd.to_datetime(["2020-01-01", "", "2021-01-01"]), "time", 1, id="time"),
        pytest.param(pd.to_datetime(["2020-01-01"] * 3, utc=True).tz_convert("Asia/Tokyo"), "time", 0, id="zone"),
        pytest.param(
            [dt.datetime(2020, 1, 1, tzinfo=dt.UTC), None, dt.datetime(2020, 1, 1, tzinfo=UTC)], "time", 1, id="zones"
        ),
        pytest.param([dt.date(1, 1, 1), None, dt.date(9999, 1, 1)], "time", 1, id="dates"),
        pytest.param(arrow([dt.date(1, 1, 1), None, dt.date(9999, 1, 1)], pa.date32()), "time", 1, id="arrow dates"),
        pytest.param(np.array(["300000-01-01", "2020-01-01", "NaT"], dtype="M8[s]"), "time", 2, id="year 300000"),
        pytest.param([1e300, -1e300, 5e-324], "number", 0, id="extremes"),
        pytest.param([0.0, -0.0, 0.0], "number", 0, id="zeros"),
    ],
)
def test_every_dtype(values: Any, kind: str, missing: int) -> None:
    frame = pd.DataFrame({"x": values, "y": [1.0, 2.0, 4.0]})
    whole = profile_of(frame, "y")
    found = whole.columns["x"]
    assert (found.kind, found.missing, found.histogram.total) == (kind, missing, 3 - missing)
    text = json.dumps(found.to_json(), allow_nan=False)
    assert json.dumps(type(found).from_json(json.loads(text)).to_json()) == text
    as_category = profile_of(frame, "x").columns["y"].target
    assert as_category is None or as_category.value is None or -1 <= as_category.value <= 1


def test_true_is_not_one_in_a_mixed_column() -> None:
    column = profile_of(pd.DataFrame({"x": [True, 1, "1", 1.0], "y": 0}), "y").columns["x"]
    assert sorted(column.names.values()) == ["1", "true"]


@pytest.mark.parametrize(
    ("value", "name"), [(3, "3"), (3.0, "3"), (3.5, "3.5"), ("3", "3"), (True, "true"), (np.bool_(False), "false")]
)
def test_names_of_categories(value: Any, name: str) -> None:
    assert name_of(value) == name


def test_long_names_are_cut_and_stay_different() -> None:
    one, two = name_of("x" * 1000), name_of("x" * 1000 + "y")
    assert one != two
    assert len(one) < 250
    assert name_of(one[:200]) == one[:200]


def test_numbers() -> None:
    values = pd.Series(["1", 2, None, "x", [1], 10**400, 1j], dtype=object)
    assert numbers(values).tolist() == pytest.approx([1, 2, np.nan, np.nan, np.nan, np.inf, np.nan], nan_ok=True)
