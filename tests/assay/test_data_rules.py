import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from checking import NOW, check, failures, found, rules

from assay.config import Column
from assay.data.rules.checks import Checks
from assay.errors import ConfigError


@pytest.mark.parametrize(
    ("values", "rule", "expected"),
    [
        pytest.param([1, 2, 3], Column(type="int"), {}, id="int"),
        pytest.param([1.0, None, 3.0], Column(type="int"), {}, id="int with gaps"),
        pytest.param([1.5, np.inf, 3.0], Column(type="int"), {"types": 2}, id="floats are no int"),
        pytest.param(["1", "2"], Column(type="int"), {"types": 2}, id="text is no int"),
        pytest.param([True, False], Column(type="int"), {"types": 2}, id="bool is no int"),
        pytest.param([True, False], Column(type="float"), {"types": 2}, id="bool is no float"),
        pytest.param([1, 2.5], Column(type="float"), {}, id="float"),
        pytest.param([Decimal("1.5"), Decimal(2)], Column(type="float"), {}, id="decimals are floats"),
        pytest.param(pd.array([1, None], dtype="Int64"), Column(type="int"), {}, id="nullable int"),
        pytest.param(pd.array([1.5, None], dtype="Float64"), Column(type="int"), {"types": 1}, id="nullable float"),
        pytest.param(pd.Categorical(["a", None]), Column(type="str"), {}, id="category of text"),
        pytest.param(pd.Categorical(["a", "b", "a"]), Column(type="int"), {"types": 3}, id="category of no number"),
        pytest.param([1, 2], Column(type="str"), {"types": 2}, id="numbers are no text"),
        pytest.param(pd.Series(["a", 1, None], dtype=object), Column(type="str"), {"types": 1}, id="mixed types"),
        pytest.param([None, None], Column(type="str"), {}, id="nothing but gaps"),
        pytest.param(pd.Series([True, None], dtype=object), Column(type="bool"), {}, id="bool with gaps"),
        pytest.param([0, 1], Column(type="bool"), {"types": 2}, id="0 and 1 are no bool"),
        pytest.param([dt.datetime(2020, 1, 1), None], Column(type="datetime"), {}, id="datetime"),
        pytest.param([dt.date(2020, 1, 1), None], Column(type="datetime"), {}, id="date"),
        pytest.param(["2020-01-01"], Column(type="datetime"), {"types": 1}, id="text is no datetime"),
        pytest.param(pd.to_timedelta([1]), Column(type="datetime"), {"types": 1}, id="a span is no datetime"),
        pytest.param([-1, 5, 11], Column(min=0, max=10), {"ranges": 2}, id="both bounds"),
        pytest.param([0, 10], Column(min=0, max=10), {}, id="bounds belong to the range"),
        pytest.param([None, 5.0], Column(min=0), {}, id="gaps are in every range"),
        pytest.param([np.inf, -np.inf], Column(max=5), {"ranges": 1}, id="infinity"),
        pytest.param([2**60, -(2**60)], Column(min=0), {"ranges": 1}, id="large whole numbers"),
        pytest.param(["old", "7"], Column(max=5), {"ranges": 1}, id="text that is no number is left to types"),
        pytest.param(["a", "b", None], Column(allowed=("a",)), {"categories": 1}, id="category"),
        pytest.param(
            pd.Categorical(["a", "b", None, "b"]), Column(allowed=("a",)), {"categories": 2}, id="categorical"
        ),
        pytest.param(
            pd.Categorical(["a"], categories=["a", "b"]), Column(allowed=("a",)), {}, id="a category without rows"
        ),
        pytest.param([1, 2], Column(allowed=("1", "2")), {"categories": 2}, id="numbers against text"),
        pytest.param([[1], [2], None], Column(allowed=([1], "a")), {"categories": 1}, id="allowed lists"),
        pytest.param(["ab1", "ab", None], Column(pattern=r"[a-z]+"), {"patterns": 1}, id="pattern matches in full"),
        pytest.param(["aa", "ab"], Column(pattern=r"(.)\1"), {"patterns": 1}, id="pattern of Python"),
        pytest.param(["é", "e"], Column(pattern=r"\w"), {}, id="pattern knows letters of all languages"),
        pytest.param(pd.Categorical(["ab1", None]), Column(pattern=r"[a-z]+"), {"patterns": 1}, id="pattern, category"),
        pytest.param([1, 2, 2, None, None], Column(unique=True), {"unique": 1}, id="unique, gaps may repeat"),
        pytest.param([0.0, -0.0], Column(unique=True), {"unique": 1}, id="unique, both zeros"),
        pytest.param([2**60, 2**60 + 1], Column(unique=True), {}, id="unique, large whole numbers"),
        pytest.param([1, None, None, 4], Column(max_missing=0.5), {}, id="gaps allowed"),
        pytest.param([1, None, None, 4], Column(max_missing=0.4), {"missing": 2}, id="too many gaps"),
        pytest.param([None], Column(max_missing=0), {"missing": 1}, id="no gap allowed"),
        pytest.param(["x", -3], Column(type="int", min=0), {"types": 1, "ranges": 1}, id="all rules at once"),
    ],
)
def test_rules(tmp_path: Path, values: Any, rule: Column, expected: dict[str, int]) -> None:
    assert found(tmp_path, values, rule) == expected


DAYS: Any = ["2019-12-31 23:00", "2020-01-01 00:00", "2020-06-30 15:00", "2020-07-01 00:00", None]


@pytest.mark.parametrize("kind", ["naive", "UTC", "objects", "arrow"])
@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        pytest.param(Column(min="2020-01-01"), [0], id="min"),
        pytest.param(Column(max="2020-06-30"), [3], id="max is all of its day"),
        pytest.param(Column(max="2020-06-30T15:00:00"), [3], id="max with a time"),
        pytest.param(Column(type="datetime", min="2020-01-01T00:00:00+01:00", max="2020-07-01"), [], id="zone"),
        pytest.param(Column(max="2020-06-30T16:30:00+02:00"), [2, 3], id="zones are told apart"),
    ],
)
def test_ranges_of_dates(tmp_path: Path, kind: str, rule: Column, broken: list[int]) -> None:
    times = pd.Series(pd.to_datetime(DAYS, utc=kind == "UTC"))
    times = times.astype(object) if kind == "objects" else times
    times = times.astype(pd.ArrowDtype(pa.timestamp("us"))) if kind == "arrow" else times
    check(tmp_path, rules({"x": rule}), pd.DataFrame({"x": times}))
    assert [row for _, _, row, _ in failures(tmp_path)] == broken


@pytest.mark.parametrize(
    ("rule", "where"),
    [
        pytest.param(Column(min="soon"), "min", id="no date"),
        pytest.param(Column(type="float", max="2020-01-01"), "max", id="a date for a number"),
        pytest.param(Column(type="datetime", max=3), "max", id="a number for a date"),
        pytest.param(Column(min=3, max="2020-01-01"), "min", id="one of each"),
        pytest.param(Column(type="int", max_age="1d"), "max_age", id="age of a number"),
    ],
)
def test_rules_that_make_no_sense(tmp_path: Path, rule: Column, where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(tmp_path, rules({"x": rule}))
    assert caught.value.where == f"pyproject.toml tool.assay.data.schema.x.{where}"


HOSTILE: dict[str, Any] = {
    "lists": [[1], {"a": 1}, None],
    "arrays": [np.array([1, 2]), np.array([]), None],
    "mixed": pd.Series([1, "1", 2.5, True, None], dtype=object),
    "infinities": [np.inf, -np.inf, np.nan],
    "large": [2**60, 2**60 + 1],
    "huge": pd.Series([10**30, -(10**40), None], dtype=object),
    "unsigned": np.array([2**64 - 1, 0], dtype="uint64"),
    "decimals": [Decimal("1.5"), Decimal("NaN"), Decimal("Infinity"), None],
    "zones": pd.Series([NOW, dt.datetime(2020, 1, 1), None, "2020"], dtype=object),
    "dates": [dt.date(1, 1, 1), dt.date(9999, 12, 31), None],
    "seconds": np.array(["0001-01-01", "9999-01-01", "NaT"], dtype="datetime64[s]"),
    "spans": pd.to_timedelta([1, None], unit="s"),
    "missing": [None, None],
    "no category": pd.Categorical([None, None]),
    "surrogates": pd.Series(["\ud800", "\x00", ""], dtype=object),
    "bytes": [b"a", b"\xff", None],
    "long": ["x" * 100_000, '"\n', None],
    "arrow dates": pd.Series([dt.date(2020, 1, 1), None], dtype=pd.ArrowDtype(pa.date32())),
    "arrow decimals": pd.Series([Decimal("1.5"), None], dtype=pd.ArrowDtype(pa.decimal128(5, 2))),
    "periods": pd.period_range("2020-01", "2020-03", freq="M"),
    "tuples": [(1, 2), (3,), None],
}
RULES = [
    *(Column(type=kind, max_missing=0) for kind in ("int", "float", "str", "bool", "datetime")),
    *(Column(min=0, max=1), Column(min="2020-06-01", max="2021-01-01"), Column(allowed=("a", 1, [1]))),
    *(Column(pattern="[a-z]"), Column(unique=True), Column(max_age="1d")),
]


@pytest.mark.parametrize("values", HOSTILE.values(), ids=HOSTILE)
def test_hostile_values_are_findings_at_most(tmp_path: Path, values: Any) -> None:
    frame = pd.DataFrame({"x": values})
    for rule in RULES:
        checks = Checks(rules({"x": rule}, identity=("x",)), tmp_path / "failures.parquet", NOW)
        checks.add(frame)
        checks.add(frame.set_axis([7] * len(frame), axis=0))
        found = checks.result().findings
        assert len(json.dumps([(f.examples, f.rows) for f in found])) < 5000
        assert len(failures(tmp_path)) == sum(f.count for f in found)
        assert sum(f.count for f in found if f.code == "identity") >= len(frame)
