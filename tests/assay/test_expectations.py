"""The stage that runs a project's Great Expectations suite."""

from __future__ import annotations

import json
import logging
import socket
from typing import TYPE_CHECKING, Any

import pytest
from frames import people, stage_context

from assay.errors import ConfigError
from assay.gates import Limit, Verdict, judge
from assay.stages.expectations import run

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from assay.context import Outcome

pytest.importorskip("great_expectations", reason="requirements/suite.lock is not installed")
BETWEEN, UNIQUE, VALUES = (f"expect_column_values_to_be_{what}" for what in ("between", "unique", "in_set"))


def expect(kind: str, severity: str = "critical", **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": kwargs, "meta": {}, "severity": severity}


class Made:
    """A project with a suite, and the dataset that data-validate made of `people`."""

    def __init__(self, folder: Path) -> None:
        self.root, self.inputs, self.outputs = folder / "project", folder / "in", folder / "out"
        for name in ("dataset", "holdout"):
            (self.inputs / name).mkdir(parents=True)
        self.root.mkdir()
        config = '[tool.assay]\nname = "tiny"\nload = "a:b"\nmodel = "a:c"\n[tool.assay.data]\ntarget = "rich"\n'
        (self.root / "pyproject.toml").write_text(config + 'suite = "suite.json"\n', encoding="utf-8")

    def run(self, *expectations: Any, text: str | None = None, rows: pd.DataFrame | None = None) -> Outcome:
        suite: dict[str, Any] = {"name": "s", "id": None, "expectations": expectations, "meta": {}, "notes": None}
        (self.root / "suite.json").write_bytes(
            (json.dumps(suite) if text is None else text).encode(errors="surrogateescape")
        )
        frame = people() if rows is None else rows
        frame[:800].to_parquet(self.inputs / "dataset/train.parquet")
        frame[800:].to_parquet(self.inputs / "holdout/holdout.parquet")
        return run(stage_context("expectations", self.root, self.inputs, self.outputs))

    def written(self) -> bytes:
        return (self.outputs / "expectations/expectations.json").read_bytes()


@pytest.fixture
def project(tmp_path: Path) -> Made:
    return Made(tmp_path)


def test_train_and_holdout_are_judged_together_with_the_suites_own_numbers(project: Made) -> None:
    frame = people().assign(age=lambda f: f["age"].mask(f.index == 5, -1).mask(f.index.isin([6, 900]), -2))
    seen = project.run(
        expect(BETWEEN, column="age", min_value=0), expect(BETWEEN, column="children", max_value=3), rows=frame
    )
    assert [(name, o.value) for name, o in seen.observed.items()] == [
        (f"expectations.{BETWEEN}.age", 1),
        (f"expectations.{BETWEEN}.children", 0),
    ]
    said = seen.observed[f"expectations.{BETWEEN}.age"].message
    assert said == "3 of 1000 unexpected (0.3 %), such as -1.0, -2.0; asked for min_value 0.0"
    assert seen.summary == {"met": 1, "not met": 1, "broken": 0}


@pytest.mark.parametrize(
    ("one", "name"),
    [
        (expect(UNIQUE, column="city"), f"{UNIQUE}.city"),
        (expect("expect_table_row_count_to_equal", value=1), "expect_table_row_count_to_equal"),
        (expect("expect_table_columns_to_match_set", column_set=["age"]), "expect_table_columns_to_match_set"),
        (
            expect("expect_column_pair_values_to_be_equal", column_A="age", column_B="children"),
            "expect_column_pair_values_to_be_equal.age,children",
        ),
        (
            expect("expect_compound_columns_to_be_unique", column_list=["city", "rich"]),
            "expect_compound_columns_to_be_unique.city,rich",
        ),
        (expect("expect_column_mean_to_be_between", column="age", max_value=1), "expect_column_mean_to_be_between.age"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_gate_has_the_expectations_own_name(project: Made, one: Any, name: str) -> None:
    observed = project.run(one).observed
    assert {gate: o.value for gate, o in observed.items()} == {f"expectations.{name}": 1}
    assert observed[f"expectations.{name}"].message


def test_two_of_the_same_name_stay_two(project: Made) -> None:
    observed = project.run(*(expect(BETWEEN, column="age", max_value=most) for most in (1000, 0, 1000))).observed
    start = f"expectations.{BETWEEN}.age"
    assert {name: o.value for name, o in observed.items()} == {start: 0, f"{start}#2": 1, f"{start}#3": 0}


def test_what_raises_is_an_error_and_the_others_are_judged(project: Made) -> None:
    broken = [
        expect(BETWEEN, column="gone", min_value=0),
        expect(BETWEEN, column="age", min_value={"$PARAMETER": "low"}),
        expect("expect_column_values_to_match_regex", column="rich", regex="("),
        expect(BETWEEN, column="age", min_value=0, row_condition="children >", condition_parser="pandas"),
    ]
    fine = [expect(UNIQUE, column="city"), expect(BETWEEN, column="children", min_value=0)]
    observed = project.run(broken[0], fine[0], *broken[1:], fine[1]).observed
    assert [o.value for o in observed.values()] == [None, 1, None, None, None, 0]
    words = ['"gone"', "", "$PARAMETER low", "missing )", "invalid syntax", ""]
    for word, seen in zip(words, observed.values(), strict=True):
        assert word in seen.message
        assert "Traceback" not in seen.message
    verdicts = [gate.status for gate in judge({"expectations.*": Limit(max=0)}, observed)]
    assert verdicts == [Verdict.ERROR, Verdict.FAIL, Verdict.ERROR, Verdict.ERROR, Verdict.ERROR, Verdict.PASS]


@pytest.mark.parametrize("severity", ["warning", "info"])
def test_what_is_not_critical_is_a_gate_of_its_own_family(project: Made, severity: str) -> None:
    observed = project.run(expect(UNIQUE, severity, column="city"), expect(UNIQUE, column="city")).observed
    assert list(observed) == [f"expectations.warning.{UNIQUE}.city", f"expectations.{UNIQUE}.city"]
    assert f"severity {severity}" in observed[f"expectations.warning.{UNIQUE}.city"].message
    limits = {"expectations.*": Limit(max=0), "expectations.warning.*": Limit(max=0, severity="warn")}
    assert [gate.status for gate in judge(limits, observed)] == [Verdict.WARN, Verdict.FAIL]


def test_a_suite_from_before_version_1_is_read(project: Made) -> None:
    old = {"expectation_type": VALUES, "kwargs": {"column": "rich", "value_set": ["yes"], "mostly": 0.1}, "meta": {}}
    suite = {"expectation_suite_name": "s", "ge_cloud_id": None, "data_asset_type": None, "expectations": [old]}
    assert {n: o.value for n, o in project.run(text=json.dumps(suite)).observed.items()} == {
        f"expectations.{VALUES}.rich": 0
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "not a suite"),
        ("{}", "not a suite"),
        ('{"expectations": {"a": 1}}', "not a suite"),
        ('{"expectations": [3]}', "not a suite"),
        ('{"expectations": []}', "no expectations"),
        ('{"expectations": [{}]}', 'unknown expectation "None"'),
        (
            json.dumps({"expectations": [expect("expect_column_values_to_be_betwen", column="a")]}),
            f'did you mean "{BETWEEN}"',
        ),
        (json.dumps({"expectations": [expect(BETWEEN, min_value=1)]}), "column: field required"),
        (json.dumps({"expectations": [expect(BETWEEN, column="a", min_value=1, foo=2)]}), "foo: extra fields"),
        (json.dumps({"expectations": [expect(UNIQUE, "urgent", column="a")]}), "Invalid severity 'urgent'"),
        (json.dumps({"expectations": [{"type": UNIQUE, "kwargs": [1]}]}), "kwargs must be a dict"),
        (json.dumps({"expectations": [expect("a"), expect("b")]}), "2 configuration errors"),
        ("\udcff", "not JSON"),
    ],
)
def test_a_wrong_suite_is_explained(project: Made, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        project.run(text=text)
    assert says in str(caught.value)
    assert "tool.assay.data.suite" in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_a_missing_suite_is_explained(project: Made) -> None:
    project.run(expect(UNIQUE, column="city"))
    (project.root / "suite.json").unlink()
    with pytest.raises(ConfigError, match="No such file"):
        run(stage_context("expectations", project.root, project.inputs, project.outputs))


def test_two_runs_write_the_same_bytes_and_every_result(project: Made) -> None:
    frame = people().assign(age=lambda f: f["age"].where(f.index > 3, float("inf")))
    suite = [
        expect(UNIQUE, column="city"),
        expect(BETWEEN, column="age", max_value=60),
        expect(BETWEEN, column="gone", max_value=1),
    ]
    project.run(*suite, rows=frame)
    first = project.written()
    project.run(*suite, rows=frame)
    assert project.written() == first
    results = json.loads(first, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))["results"]
    gates = [f"expectations.{BETWEEN}.age", f"expectations.{BETWEEN}.gone", f"expectations.{UNIQUE}.city"]
    assert [result["gate"] for result in results] == gates
    assert [result["met"] for result in results] == [False, None, False]
    assert results[0]["result"]["unexpected_count"] > 4


def test_nothing_is_sent_printed_or_written_in_the_project(
    project: Made, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("HOME", str(project.root))
    monkeypatch.chdir(project.root)
    project.run(expect(UNIQUE, column="city"), expect(BETWEEN, column="gone", max_value=1))
    assert {path.name for path in project.root.iterdir()} == {"pyproject.toml", "suite.json"}
    told = capfd.readouterr()
    assert (told.out, told.err) == ("2 expectations on 1000 rows: 0 met, 1 not met, 1 broken\n", "")
    assert not logging.getLogger("great_expectations").isEnabledFor(logging.CRITICAL)
