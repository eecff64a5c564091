import datetime as dt
import sys
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.cli import main
from assay.config import Column, Data
from assay.data.rules.checks import Checks
from assay.data.rules.propose import HOW, Proposal, propose
from assay.data.rules.schema_text import can_write, to_toml
from assay.project import load_project
from assay.schema import Problem, build

ROOT = Path(__file__).parents[2]


def _chunks(frame: pd.DataFrame, size: int) -> Iterator[pd.DataFrame]:
    for start in range(0, len(frame), size):
        yield frame.iloc[start : start + size]


def _read(text: str) -> dict[str, Column]:
    problems: list[Problem] = []
    table = tomllib.loads(text)["tool"]["assay"]["data"]["schema"]
    data = build(Data, {"target": "t", "schema": table}, (), problems)
    assert problems == []
    return data.schema


def _passes(path: Path, schema: dict[str, Column], frame: pd.DataFrame, size: int) -> Proposal:
    """Write the proposal for `frame` as TOML, read it again, and hold the very data against it."""
    proposal = propose(_chunks(frame, size))
    read = _read(to_toml(proposal.schema, HOW))
    assert read == {name: rule for name, rule in proposal.schema.items() if can_write(name)}
    checks = Checks(Data(target="t", schema=schema or read, ordered=True), path / "failures.parquet", None)
    for chunk in _chunks(frame, size):
        checks.add(chunk)
    assert checks.result().findings == ()
    return proposal


def _column(values: Any, name: str = "x") -> Column:
    return propose([pd.DataFrame({name: values})]).schema[name]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([1, 5, 20], Column(type="int", min=1, max=20, max_missing=0), id="small range as it is"),
        pytest.param(
            [0, 1] * 200 + [2] * 40 + [7], Column(type="int", min=0, max=11, max_missing=0), id="a count has no end"
        ),
        pytest.param([0, 1, 2, 3, 4, 5] * 20, Column(type="int", min=0, max=5, max_missing=0), id="a grade has one"),
        pytest.param([17, 90], Column(type="int", min=0, max=100, max_missing=0), id="rounded outward, not below 0"),
        pytest.param([-17, 90], Column(type="int", min=-100, max=200, max_missing=0), id="both sides"),
        pytest.param([-90, -17], Column(type="int", min=-100, max=0, max_missing=0), id="not above 0"),
        pytest.param([0.13, 0.99], Column(type="float", min=0, max=1, max_missing=0), id="a share stays one"),
        pytest.param([0.5, 12.0], Column(type="float", min=0, max=20, max_missing=0), id="float"),
        pytest.param([3.5, 3.5], Column(type="float", min=3.5, max=3.5, max_missing=0), id="constant"),
        pytest.param([1.0, 2.0], Column(type="float", min=0, max=3, max_missing=0), id="whole floats are floats"),
        pytest.param([1.0, None, 2.0], Column(type="int", min=1, max=2, max_missing=0.37), id="but not with gaps"),
        pytest.param([1.0, -np.inf, 2.0], Column(type="float", max=3, max_missing=0), id="infinity"),
        pytest.param([np.inf, np.nan], Column(type="float", max_missing=0.55), id="nothing but infinity"),
        pytest.param([1e308, -1e308], Column(type="float", min=-1e308, max=1e308, max_missing=0), id="largest floats"),
        pytest.param([Decimal("1.5"), Decimal(9)], Column(type="float", min=0, max=10, max_missing=0), id="decimals"),
        pytest.param([True, False], Column(type="bool", max_missing=0), id="bool"),
        pytest.param(["b", "a", None], Column(type="str", max_missing=0.37, allowed=("a", "b")), id="text"),
        pytest.param([f"v{n}" for n in range(51)], Column(type="str", max_missing=0), id="much text"),
        pytest.param(
            pd.Categorical(["a"], categories=["b", "a"]),
            Column(type="str", max_missing=0, allowed=("a", "b")),
            id="categories without rows",
        ),
        pytest.param(
            pd.to_datetime(["2021-05-03 10:00", "2020-05-03 10:00"]),
            Column(type="datetime", min="2020-05-03", max_missing=0),
            id="times",
        ),
        pytest.param(
            [dt.date(9999, 1, 1), dt.date(1, 1, 1)],
            Column(type="datetime", min="0001-01-01", max_missing=0),
            id="dates of all ages",
        ),
        pytest.param([None, None], Column(), id="nothing"),
        pytest.param(pd.Series([1, "a"], dtype=object), Column(max_missing=0), id="several types"),
        pytest.param(pd.Series(["\ud800"], dtype=object), Column(type="str", max_missing=0), id="no valid Unicode"),
    ],
)
def test_proposed_rules(tmp_path: Path, values: Any, expected: Column) -> None:
    assert _column(values) == expected
    _passes(tmp_path, {"x": expected}, pd.DataFrame({"x": values}), 2)


@pytest.mark.parametrize(
    ("name", "values", "unique"),
    [
        pytest.param("x", range(1000, 1200), True, id="numbers without holes"),
        pytest.param("x", range(0, 1_000_000, 5000), False, id="numbers far apart"),
        pytest.param("customer_id", range(0, 1_000_000, 5000), True, id="numbers that are called ids"),
        pytest.param("userId", range(0, 1_000_000, 5000), True, id="camel case"),
        pytest.param("paid", range(0, 1_000_000, 5000), False, id="a word that ends like one"),
        pytest.param("x", range(99), False, id="few rows"),
        pytest.param("x", [*range(200), 7], False, id="one value twice"),
        pytest.param("x", [float(n) for n in range(200)], False, id="floats"),
        pytest.param("x", [f"{n:032x}" for n in range(200)], True, id="text of one length"),
        pytest.param("x", [f"name {n}" for n in range(200)], False, id="other text"),
        pytest.param("order-key", [f"name {n}" for n in range(200)], True, id="text that is called a key"),
    ],
)
def test_ids(tmp_path: Path, name: str, values: Any, unique: bool) -> None:  # noqa: FBT001
    rule = _column(list(values), name)
    assert rule.unique is unique
    assert not (unique and rule.max is not None)
    _passes(tmp_path, {}, pd.DataFrame({name: values}), 50)


def test_all_chunks_count(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [1] * 9 + [50], "t": ["a"] * 9 + ["b"], "gap": [1.0] * 9 + [None], "id": [1] * 9 + [1]})
    schema = _passes(tmp_path, {}, frame, 3).schema
    assert (schema["n"].max, schema["t"].allowed, schema["gap"].max_missing) == (60, ("a", "b"), 0.11)
    assert schema["n"] == propose([frame]).schema["n"]


def test_ids_are_told_apart_across_chunks() -> None:
    frame = pd.DataFrame({"id": [*range(150), 3]})
    assert not propose(_chunks(frame, 75)).schema["id"].unique


def test_notes_say_what_to_look_at() -> None:
    frame = pd.DataFrame(
        {
            "id": range(200),
            "same": 1,
            "empty": None,
            "free": [f"v{n}" for n in range(200)],
            "when": pd.Timestamp("2020-01-01"),
            "unwritable": range(0, 20000, 100),
            "mixed": pd.Series([1, "a"] * 100, dtype=object),
        }
    )
    frame.columns = pd.Index(["\ud800" if name == "unwritable" else name for name in frame], dtype=object)
    assert [note.rsplit(": ", 1)[1] for note in propose([frame]).notes] == [
        *("id", "same", "'\\ud800'", "empty", "mixed", "free", "when"),
    ]


def test_toml_is_valid_whatever_the_names_and_values_are() -> None:
    names = ["plain", "a.b", "", 'q"uote', "new\nline", "tab\t\x7f\x00", "ünï", "back\\slash", "# no", "\u202e", "😀"]
    rule = Column(type="str", allowed=tuple(sorted(names)), max_missing=0)
    text = to_toml(dict.fromkeys(names, rule), ("a comment",))
    assert _read(text) == dict.fromkeys(names, rule)
    assert text.isprintable() is False
    assert all(line.isprintable() for line in text.splitlines())


def test_lines_are_wrapped() -> None:
    rule = Column(type="str", allowed=tuple(f"value {n:03}" for n in range(50)), max_missing=0)
    text = to_toml({"a" * 40: rule, "b": Column(allowed=("x" * 200, "y"))}, HOW)
    assert _read(text)["a" * 40] == rule
    assert [len(line) for line in text.splitlines() if len(line) > 120] == [205]


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
CELLS = {
    "int": st.integers(-(2**63), 2**63 - 1),
    "small": st.integers(0, 30),
    "float": st.floats(width=64),
    "bool": st.booleans(),
    "text": TEXT,
    "few": st.sampled_from(["a", "b", '"', "\n"]),
    "time": st.datetimes(),
    "date": st.dates(),
    "decimal": st.decimals(allow_nan=False, places=3),
}


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(st.integers(1, 12))
    columns: dict[str, pd.Series[Any]] = {}
    for name in draw(st.lists(NAMES, min_size=1, max_size=4, unique=True)):
        cells = CELLS[draw(st.sampled_from(sorted(CELLS)))]
        gaps = draw(st.booleans())
        values = draw(st.lists(st.one_of(cells, st.none()) if gaps else cells, min_size=rows, max_size=rows))
        kind = "object" if draw(st.booleans()) else None
        columns[name] = pd.Series(values, dtype=kind)
    return pd.DataFrame(columns)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames(), st.integers(1, 12))
def test_a_proposal_passes_on_its_own_data(
    tmp_path_factory: pytest.TempPathFactory, frame: pd.DataFrame, size: int
) -> None:
    _passes(tmp_path_factory.getbasetemp(), {}, frame, size)


@given(st.lists(st.floats(allow_nan=False), min_size=1), st.lists(st.integers(-(2**70), 2**70), min_size=1))
def test_bounds_hold_all_numbers(floats: list[float], whole: list[int]) -> None:
    for values in (floats, whole):
        rule = _column(pd.Series(values, dtype=object))
        low, high = (None if bound is None else float(bound) for bound in (rule.min, rule.max))
        assert low is None or (np.isfinite(low) and low <= min(map(float, values)))
        assert high is None or (np.isfinite(high) and high >= max(map(float, values)))


LOAD = """
import pandas as pd


def load(path):
    print("reading", path)
    return pd.DataFrame({"a b": [1, 2, 3], "marked": [True, False, True], "y": ["n", "p", "n"]})
"""
CONFIG = """
[tool.assay]
name = "tiny"
load = "tiny_schema:load"
model = "tiny_schema:build"
[tool.assay.data]
target = "y"
holdout = "marked"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "tiny_schema", raising=False)
    (tmp_path / "data").mkdir()
    (tmp_path / "tiny_schema.py").write_text(LOAD, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(CONFIG, encoding="utf-8")
    return tmp_path


def test_command_prints_a_table_to_paste(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--project", str(project)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("# proposed by `assay schema` from 3 rows of data/")
    assert out.endswith(
        '[tool.assay.data.schema]\n"a b" = { type = "int", min = 1, max = 3, max_missing = 0 }\n'
        'y = { type = "str", max_missing = 0, allowed = ["n", "p"] }\n'
    )
    assert "reading" in err
    (project / "pyproject.toml").write_text(CONFIG + out, encoding="utf-8")
    assert list(load_project(project).config.data.schema) == ["a b", "y"]


def test_command_explains_failures(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "data").rmdir()
    assert main(["schema", "--project", str(project)]) == 2
    assert 'there is no "data/"' in capsys.readouterr().err
    (project / "pyproject.toml").write_text(CONFIG + 'path = "s3://bucket/rows"\n', encoding="utf-8")
    assert main(["schema", "--project", str(project)]) == 2
    assert "assay run --until fetch" in capsys.readouterr().err
    (project / "pyproject.toml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.delitem(sys.modules, "assay.data.rules.propose")
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert main(["schema", "--project", str(project)]) == 2
    assert "pandas is not installed" in capsys.readouterr().err


def test_the_example_project(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from income.data import load

    assert main(["schema", "--project", str(ROOT)]) == 0
    schema = _read(capsys.readouterr().out)
    frame = load(ROOT / "data").drop(columns="is_test")
    _passes(tmp_path, schema, frame, 10_000)
    assert schema["age"] == Column(type="int", min=0, max=100, max_missing=0)
    assert schema["income"].allowed == ("<=50K", ">50K")
    assert list(schema) == list(frame.columns)
