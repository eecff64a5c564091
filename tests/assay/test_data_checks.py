import datetime as dt
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from assay.config import Column
from assay.data.checks import check


def _found(values: Any, rule: Column, **options: Any) -> dict[str, int]:
    checked = check(pd.DataFrame({"x": values}), {"x": rule}, strict=False, **options)
    return {finding.code: finding.count for finding in checked.findings}


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
        pytest.param(pd.array([1, None], dtype="Int64"), Column(type="int"), {}, id="nullable int"),
        pytest.param(pd.Categorical(["a", None]), Column(type="str"), {}, id="category of text"),
        pytest.param([1, 2], Column(type="str"), {"types": 2}, id="numbers are no text"),
        pytest.param([None, None], Column(type="str"), {}, id="nothing but gaps"),
        pytest.param(pd.Series([True, None], dtype=object), Column(type="bool"), {}, id="bool with gaps"),
        pytest.param([0, 1], Column(type="bool"), {"types": 2}, id="0 and 1 are no bool"),
        pytest.param([dt.datetime(2020, 1, 1), None], Column(type="datetime"), {}, id="datetime"),  # noqa: DTZ001
        pytest.param(["2020-01-01"], Column(type="datetime"), {"types": 1}, id="text is no datetime"),
        pytest.param([-1, 5, 11], Column(min=0, max=10), {"ranges": 2}, id="both bounds"),
        pytest.param([0, 10], Column(min=0, max=10), {}, id="bounds belong to the range"),
        pytest.param([None, 5.0], Column(min=0), {}, id="gaps are in every range"),
        pytest.param([np.inf, -np.inf], Column(max=5), {"ranges": 1}, id="infinity"),
        pytest.param(["old", "7"], Column(max=5), {"ranges": 1}, id="text that is no number is left to types"),
        pytest.param(["a", "b", None], Column(allowed=("a",)), {"categories": 1}, id="category"),
        pytest.param([1, 2], Column(allowed=("1", "2")), {"categories": 2}, id="numbers against text"),
        pytest.param(["ab1", "ab", None], Column(pattern=r"[a-z]+"), {"patterns": 1}, id="pattern matches in full"),
        pytest.param([1, 2, 2, None, None], Column(unique=True), {"unique": 1}, id="unique, gaps may repeat"),
        pytest.param([1, None, None, 4], Column(max_missing=0.5), {}, id="gaps allowed"),
        pytest.param([1, None, None, 4], Column(max_missing=0.4), {"missing": 2}, id="too many gaps"),
        pytest.param([None], Column(max_missing=0), {"missing": 1}, id="no gap allowed"),
        pytest.param(["x", -3], Column(type="int", min=0), {"types": 1, "ranges": 1}, id="all rules at once"),
    ],
)
def test_rules(values: Any, rule: Column, expected: dict[str, int]) -> None:
    assert _found(values, rule) == expected


def test_columns_missing_and_unexpected() -> None:
    frame = pd.DataFrame({"a": [1], "extra": [1]})
    checked = check(frame, {"a": Column(), "b": Column(type="int")}, strict=True)
    found = [(f.code, f.column, f.count, f.examples) for f in checked.findings]
    assert found == [
        ("columns", "b", 1, ("column is missing",)),
        ("columns", "extra", 1, ("column is not in the schema",)),
    ]


def test_codes_name_the_rules_there_are_broken_or_not() -> None:
    rules = {"x": Column(type="int", max_missing=0)}
    assert check(pd.DataFrame({"x": [1]}), rules, strict=False).codes == ("columns", "types", "missing")
    assert check(pd.DataFrame({"x": [1]}), {}, strict=False).codes == ()


def test_every_failing_value_is_kept_and_ten_are_shown() -> None:
    checked = check(pd.DataFrame({"x": [5, *range(100, 130), 100]}), {"x": Column(max=10)}, strict=False)
    (finding,) = checked.findings
    assert (finding.count, finding.share) == (31, round(31 / 32, 6))
    assert finding.examples == tuple(range(100, 110))
    assert json.dumps(finding.examples)
    assert checked.failures["row"].tolist() == list(range(1, 32))
    assert checked.failures["value"].tolist()[0] == "100"


def test_two_checks_of_the_same_frame_are_the_same() -> None:
    frame = pd.DataFrame({"x": ["b", "a", None], "y": [3, -1, 2]})
    rules = {"y": Column(min=0), "x": Column(allowed=("a",), max_missing=0)}
    first, second = (check(frame, rules, strict=False) for _ in range(2))
    assert first.findings == second.findings
    pd.testing.assert_frame_equal(first.failures, second.failures)
