import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from checking import NOW, check, failures, found, rules
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.config import ValidationDepth, config_context

from assay.config import Column, Expression
from assay.data.rules import checks as module
from assay.errors import ConfigError, ProjectError


def test_columns_missing_and_unexpected(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1], "extra": [1]})
    checked = check(tmp_path, rules({"a": Column(), "b": Column(type="int")}, strict=True), frame, frame)
    found = [(f.code, f.column, f.count, f.examples, f.rows) for f in checked.findings]
    assert found == [
        ("columns", "b", 1, ("column is missing",), ()),
        ("columns", "extra", 1, ("column is not in the schema",), ()),
    ]
    assert sorted(failures(tmp_path)) == [
        ("columns", "b", None, "column is missing"),
        ("columns", "extra", None, "column is not in the schema"),
    ]


def test_a_column_that_only_a_later_chunk_lacks_is_seen(tmp_path: Path) -> None:
    checked = check(tmp_path, rules({"a": Column()}), pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]}))
    assert [(f.code, f.column) for f in checked.findings] == [("columns", "a")]


@pytest.mark.parametrize(
    ("columns", "out_of_order"),
    [
        pytest.param(["a", "b", "c"], [], id="in order"),
        pytest.param(["a", "other", "b", "c"], [], id="others between"),
        pytest.param(["a", "c"], [], id="one missing"),
        pytest.param(["b", "a", "c"], ["a", "b"], id="two exchanged"),
    ],
)
def test_order(tmp_path: Path, columns: list[str], out_of_order: list[str]) -> None:
    data = rules({name: Column() for name in "abc"}, ordered=True)
    checked = check(tmp_path, data, pd.DataFrame({name: [1] for name in columns}))
    assert [f.column for f in checked.findings if f.code == "order"] == out_of_order
    assert checked.codes == ("columns", "order")


def test_codes_name_the_rules_there_are_broken_or_not(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [1], "when": [NOW]})
    assert check(tmp_path, rules({"x": Column(type="int", max_missing=0)}), frame).codes == (
        *("columns", "types", "missing"),
    )
    everything = rules(
        {"x": Column(type="int", min=0, allowed=(1,), pattern="1", unique=True), "when": Column(max_age="1d")},
        ordered=True,
        identity=("x",),
        expressions={"e": Expression(rule="x > 0")},
    )
    checked = check(tmp_path, everything, frame)
    assert checked.codes == (
        *("columns", "order", "types", "ranges", "categories", "patterns", "unique", "freshness"),
        *("identity", "expressions"),
    )
    assert checked.findings == ()
    assert check(tmp_path, rules(), frame).codes == ()


def test_every_failing_value_is_kept_and_ten_are_shown(tmp_path: Path) -> None:
    first, second = pd.DataFrame({"x": [5, *range(100, 130), 100]}), pd.DataFrame({"x": [300, 1]})
    (finding,) = check(tmp_path, rules({"x": Column(max=10)}), first, second).findings
    assert (finding.count, finding.share) == (32, round(32 / 34, 6))
    assert finding.examples == tuple(range(100, 110))
    assert finding.rows == tuple(range(1, 11))
    assert json.dumps([finding.examples, finding.rows])
    kept = failures(tmp_path)
    assert [row for _, _, row, _ in kept] == list(range(1, 33))
    assert kept[0] == ("ranges", "x", 1, "100")
    assert kept[-1] == ("ranges", "x", 32, "300")


def test_examples_are_different_values_wherever_they_stand(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": ["b"] * 5000 + ["c"]})
    (finding,) = check(tmp_path, rules({"x": Column(allowed=("a",))}), frame, frame).findings
    assert finding.examples == ("b", "c")
    assert finding.rows == (0, 5000, 1, 2, 3, 4, 5, 6, 7, 8)


def test_failures_file_is_valid_without_failures(tmp_path: Path) -> None:
    check(tmp_path, rules({"x": Column(type="int")}), pd.DataFrame({"x": [1]}))
    kept = pd.read_parquet(tmp_path / "failures.parquet")
    assert [f"{name} {kind}" for name, kind in kept.dtypes.items()] == [
        "code str",
        "column str",
        "row Int64",
        "value str",
    ]
    assert kept.empty


def test_unique_and_missing_span_chunks(tmp_path: Path) -> None:
    data = rules({"x": Column(unique=True, max_missing=0.3)})
    chunks = [pd.DataFrame({"x": values}) for values in (["a", "b"], ["c", "a"], [None, None], ["c", "a"])]
    checked = check(tmp_path, data, *chunks)
    assert {f.code: (f.count, f.examples, f.rows) for f in checked.findings} == {
        "unique": (3, ("a", "c"), (3, 6, 7)),
    }
    checked = check(tmp_path, data, *chunks[:3])
    found = [(f.code, f.count, f.examples, f.rows) for f in checked.findings]
    assert found == [("missing", 2, (None,), (4, 5)), ("unique", 1, ("a",), (3,))]
    assert failures(tmp_path) == [("unique", "x", 3, "a"), ("missing", "x", 4, None), ("missing", "x", 5, None)]


def test_identity_spans_columns_and_chunks(tmp_path: Path) -> None:
    first = pd.DataFrame({"id": [1, 1, 2], "day": ["mo", "tu", None], "v": [1, 1, 1]})
    second = pd.DataFrame({"id": [1, 2, 3], "day": ["tu", None, None], "v": [1, 2, 3]})
    (finding,) = check(tmp_path, rules(identity=("id", "day")), first, second).findings
    assert (finding.code, finding.column, finding.count) == ("identity", "id, day", 2)
    assert finding.examples == ("id=1, day=tu", "id=2, day=missing")
    assert finding.rows == (3, 4)


def test_identity_of_columns_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match='no column "idd"') as caught:
        check(tmp_path, rules(identity=("idd",)), pd.DataFrame({"id": [1]}))
    assert caught.value.where == "pyproject.toml tool.assay.data.identity"
    assert "id" in caught.value.next


@pytest.mark.parametrize(
    ("times", "what"),
    [
        pytest.param(["2024-03-09 12:00"], None, id="just fresh enough"),
        pytest.param(["2024-03-09 11:59"], "newest is 2024-03-09T11:59:00+00:00", id="too old"),
        pytest.param(["2024-03-09 11:59", None, "2024-03-10"], None, id="the newest counts"),
        pytest.param([None], "no row has a time", id="no time at all"),
    ],
)
@pytest.mark.parametrize("utc", [True, False], ids=["UTC", "naive"])
def test_freshness(tmp_path: Path, times: list[Any], what: str | None, *, utc: bool) -> None:
    chunks = [pd.DataFrame({"x": pd.to_datetime([time], utc=utc)}) for time in times]
    checked = check(tmp_path, rules({"x": Column(max_age="1d")}), *chunks)
    assert [f.examples for f in checked.findings] == ([(what,)] if what else [])
    assert failures(tmp_path) == ([("freshness", "x", None, what)] if what else [])


def test_freshness_of_text_is_none(tmp_path: Path) -> None:
    assert found(tmp_path, ["2024-03-10"], Column(max_age="1d")) == {"freshness": 1}


def test_freshness_needs_a_clock(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no clock"):
        check(tmp_path, rules({"x": Column(max_age="1d")}), now=None)


def test_severity_goes_with_the_rule(tmp_path: Path) -> None:
    data = rules(
        {"x": Column(max=1, severity="warn", max_missing=0), "y": Column(max=1), "gone": Column(severity="warn")},
        expressions={"soft": Expression(rule="x < y", severity="warn"), "hard": Expression(rule="x < y")},
    )
    checked = check(tmp_path, data, pd.DataFrame({"x": [2, None, 2], "y": [2, 0, 2]}))
    assert {(f.code, f.column, f.severity) for f in checked.findings} == {
        ("columns", "gone", "warn"),
        ("expressions", "hard", "fail"),
        ("expressions", "soft", "warn"),
        ("missing", "x", "warn"),
        ("ranges", "x", "warn"),
        ("ranges", "y", "fail"),
    }


@pytest.mark.parametrize("name", ["dask", "pandera", "index", "", "a.b", 'é"\n', "shape", "class"])
def test_any_column_name_will_do(tmp_path: Path, name: str) -> None:
    data = rules({name: Column(type="str")}, strict=True, ordered=True, identity=(name,))
    (finding,) = check(tmp_path, data, pd.DataFrame({name: [1, 2]})).findings
    assert (finding.code, finding.column, finding.count) == ("types", name, 2)


def test_the_data_is_left_as_it_was(tmp_path: Path) -> None:
    frame = pd.DataFrame({"low": [1, 5], "high": pd.Categorical([2, 4], ordered=True)})
    before = frame.copy()
    check(tmp_path, rules({"low": Column(type="str")}, expressions={"e": Expression(rule="low < high")}), frame)
    pd.testing.assert_frame_equal(frame, before)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 5)), min_size=1, max_size=30), st.integers(1, 30))
def test_chunks_do_not_matter(tmp_path_factory: pytest.TempPathFactory, values: list[int | None], size: int) -> None:
    path = tmp_path_factory.mktemp("checks")
    frame = pd.DataFrame({"x": pd.array(values, dtype="Int64"), "y": [value or 0 for value in values]})
    data = rules(
        {"x": Column(min=1, unique=True, max_missing=0.3)},
        identity=("x", "y"),
        expressions={"e": Expression(rule="x < y + 1")},
    )
    whole = check(path, data, frame).findings, sorted(map(str, failures(path)))
    parts = [frame.iloc[start : start + size] for start in range(0, len(frame), size)]
    assert (check(path, data, *parts).findings, sorted(map(str, failures(path)))) == whole
    again = frame["x"].dropna().duplicated().sum()
    assert sum(finding.count for finding in whole[0] if finding.code == "unique") == again


def test_two_checks_of_the_same_data_are_the_same(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": ["b", "a", None], "y": [3, -1, 2]})
    data = rules({"y": Column(min=0), "x": Column(allowed=("a",), max_missing=0)})
    results = [(check(tmp_path, data, frame), (tmp_path / "failures.parquet").read_bytes()) for _ in range(2)]
    assert results[0] == results[1]


def test_a_crash_in_a_check_is_no_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("assay.data.rules.rules.numbers", crash)
    with pytest.raises(RuntimeError, match="the check ranges of x crashed: ZeroDivisionError"):
        check(tmp_path, rules({"x": Column(min=0)}), pd.DataFrame({"x": [1]}))


def test_pandera_cannot_be_switched_off(tmp_path: Path) -> None:
    with config_context(validation_enabled=False, validation_depth=ValidationDepth.SCHEMA_ONLY):
        assert found(tmp_path, [1], Column(type="str")) == {"types": 1}


def test_no_environment_variable_switches_pandera_off(tmp_path: Path) -> None:
    code = (
        "import pandas as pd, pathlib, sys\n"
        "from assay.config import Column, Data\n"
        "from assay.data.rules.checks import Checks\n"
        "data = Data(target='t', schema={'x': Column(type='str'), 'y': Column()})\n"
        "checks = Checks(data, pathlib.Path(sys.argv[1]), None)\n"
        "checks.add(pd.DataFrame({'x': [1]}))\n"
        "print([f.code for f in checks.result().findings])\n"
    )
    off = {"PANDERA_VALIDATION_ENABLED": "False", "PANDERA_VALIDATION_DEPTH": "SCHEMA_ONLY"}
    source = str(Path(module.__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "failures.parquet")],
        env={**os.environ, **off, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "['columns', 'types']"


def test_checks_that_did_not_run_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def off(**_: object) -> Any:
        return config_context(validation_depth=ValidationDepth.SCHEMA_ONLY)

    monkeypatch.setattr(module, "config_context", off)
    with pytest.raises(RuntimeError, match="pandera ran 0 of 1 checks"):
        check(tmp_path, rules({"x": Column(type="str")}), pd.DataFrame({"x": [1]}))
