import filecmp
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from frames import people, stage_context

from assay.context import Outcome
from assay.data.profiles.profile import profile_of
from assay.errors import ArtifactError, ConfigError, ProjectError
from assay.stages.data_validate import run

CONFIG = """
[tool.assay]
name = "tiny"
load = "{module}:load"
model = "{module}:build"
[tool.assay.data]
target = "rich"
positive = "yes"
{data}
"""
LOAD = """
import pandas as pd


def load(data_dir):
    frame = pd.read_pickle(data_dir / "rows.pickle")
    {body}
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator["Made"]:
    yield (made := Made(tmp_path))
    sys.modules.pop(made.module, None)
    sys.path[:] = [path for path in sys.path if not path.startswith(str(tmp_path))]


class Made:
    """A project in a temporary folder and a run of data-validate on it."""

    def __init__(self, folder: Path) -> None:
        self.root, self.inputs, self.outputs = folder / "project", folder / "in", folder / "out"
        self.module = f"tiny_{abs(hash(folder))}"
        (self.root / "data").mkdir(parents=True)

    def run(
        self, frame: Any = None, *, data: str = "", body: str = "return frame", outputs: str = "", baseline: str = ""
    ) -> Outcome:
        (people() if frame is None else frame).to_pickle(self.root / "data/rows.pickle")
        (self.root / "pyproject.toml").write_text(CONFIG.format(module=self.module, data=data), encoding="utf-8")
        (self.root / f"{self.module}.py").write_text(LOAD.format(body=body), encoding="utf-8")
        (self.inputs / "baseline").mkdir(parents=True, exist_ok=True)
        if baseline:
            (self.inputs / "baseline/profile.json").write_text(baseline, encoding="utf-8")
        return run(stage_context("data-validate", self.root, self.inputs, Path(f"{self.outputs}{outputs}")))

    def json(self, name: str) -> Any:
        return json.loads((self.outputs / name).read_text(encoding="utf-8"))


def test_the_dataset_has_train_and_holdout_and_says_what_it_is(project: Made) -> None:
    project.run()
    files = ("dataset/train.parquet", "holdout/holdout.parquet")
    train, holdout = (pd.read_parquet(project.outputs / file) for file in files)
    facts = project.json("dataset/dataset.json")
    assert facts["rows"] == {"train": len(train), "holdout": len(holdout)} == {"train": 800, "holdout": 200}
    assert facts["columns"] == {"age": "float64", "children": "int64", "city": "category", "rich": "str"}
    assert (facts["target"], facts["task"], facts["positive"]) == ("rich", "classification", "yes")
    assert len(facts["fingerprint"]) == 64


def test_columns_that_are_no_features_are_kept_but_neither_profiled_nor_compared(project: Made) -> None:
    frame = people().assign(patient=lambda f: f.index // 4, importance=1.5, note="x")
    data = 'group = "patient"\nweight = "importance"\nexclude = ["note"]'
    project.run(frame, data=data)
    train = pd.read_parquet(project.outputs / "dataset/train.parquet")
    holdout = pd.read_parquet(project.outputs / "holdout/holdout.parquet")
    assert {"patient", "importance", "note"} <= set(train.columns)
    assert not set(train["patient"]) & set(holdout["patient"])
    assert list(project.json("data-report/profile.json")["columns"]) == ["age", "children", "city", "rich"]


@pytest.mark.parametrize("key", ["group", "time", "weight"])
def test_a_column_that_is_not_there_is_named(project: Made, key: str) -> None:
    with pytest.raises(ProjectError, match='the data has no column "ages"') as caught:
        project.run(data=f'{key} = "ages"')
    assert caught.value.where.endswith(f"tool.assay.data.{key}")


def test_categories_survive_even_those_that_no_row_has(project: Made) -> None:
    city = pd.Categorical(people()["city"], categories=["Rome", "Bonn", "Oslo"])
    project.run(people().assign(city=city))
    read = pd.read_parquet(project.outputs / "holdout/holdout.parquet")["city"]
    assert read.cat.categories.tolist() == ["Rome", "Bonn", "Oslo"]


def test_two_runs_write_the_same_bytes(project: Made) -> None:
    bad = people().assign(age=lambda f: f["age"].where(f.index > 5, -1))
    data = '[tool.assay.data.schema]\nage = { min = 0 }\nrich = { allowed = ["yes"] }'
    for number in ("1", "2"):
        project.run(bad, data=data, outputs=number)
    folders = [Path(f"{project.outputs}{number}") for number in ("1", "2")]
    names = [str(path.relative_to(folders[0])) for path in folders[0].rglob("*.*")]
    assert len(names) == 6
    assert filecmp.cmpfiles(folders[0], folders[1], names, shallow=False) == (names, [], [])


@pytest.mark.parametrize(
    ("change", "same"),
    [
        pytest.param(lambda f: f, True, id="nothing"),
        pytest.param(lambda f: f.set_axis(f.index + 7), True, id="index"),
        pytest.param(lambda f: f.assign(age=f["age"].where(f.index > 0, 0.5)), False, id="one value"),
        pytest.param(lambda f: f.rename(columns={"age": "years"}), False, id="a name"),
        pytest.param(lambda f: f.astype({"children": "int8"}), False, id="a type"),
        pytest.param(lambda f: f[["rich", "age", "children", "city"]], False, id="order of columns"),
    ],
)
def test_the_fingerprint_changes_with_the_content(project: Made, change: Any, same: bool) -> None:  # noqa: FBT001
    first = project.run().summary["fingerprint"]
    sys.modules.pop(project.module)
    assert (project.run(change(people())).summary["fingerprint"] == first) is same


def test_broken_rules_are_counted_and_listed(project: Made) -> None:
    frame = people().assign(age=lambda f: f["age"].where(f.index > 2, -1))
    seen = project.run(frame, data='[tool.assay.data.schema]\nage = { min = 0, type = "float" }\ngone = {}').observed
    assert {name: o.value for name, o in seen.items() if name.startswith("data.schema")} == {
        "data.schema.columns": 1,
        "data.schema.types": 0,
        "data.schema.ranges": 3,
        "data.schema.warnings": 0,
    }
    assert seen["data.schema.ranges"].message == "age 3 (-1.0)"
    assert seen["data.schema.columns"].message == "gone 1 (column is missing)"
    assert project.json("data-report/data-report.json")["checks"] == [
        {"code": "columns", "column": "gone", "count": 1, "share": 0.001, "examples": ["column is missing"]}
        | {"rows": [], "severity": "fail"},
        {"code": "ranges", "column": "age", "count": 3, "share": 0.003, "examples": [-1.0]}
        | {"rows": [0, 1, 2], "severity": "fail"},
    ]
    failures = pd.read_parquet(project.outputs / "data-report/failures.parquet")
    assert failures["row"].dropna().tolist() == [0, 1, 2]


def test_quality_is_measured(project: Made) -> None:
    frame = people().assign(city=None, age=range(1000))
    frame.loc[900:, :] = frame.loc[:99, :].to_numpy()
    seen = project.run(frame, data='holdout = "late"', body="return frame.assign(late=frame.index >= 900)").observed
    found = {name.removeprefix("data.quality."): o.value for name, o in seen.items() if ".quality." in name}
    assert found == {
        "rows": 1000, "duplicates": 0.1, "missing": 1.0, "overlap": 1.0, "class_share": 0.283, "leakage": 0.0,
    }  # fmt: skip


def test_drift_has_nothing_to_compare_with_at_first(project: Made) -> None:
    assert project.run().observed["data.drift.psi"].no_champion
    assert project.json("data-report/data-report.json")["drift"] == {}


def test_drift_against_the_baseline(project: Made) -> None:
    baseline = profile_of(people(seed=1).assign(age=lambda f: f["age"] + 30), "rich")
    seen = project.run(baseline=json.dumps(baseline.to_json())).observed["data.drift.psi"]
    assert seen.value is not None
    assert seen.value > 1
    assert seen.message.startswith("most: age")


def test_no_drift_against_a_baseline_of_the_same_kind(project: Made) -> None:
    seen = project.run(baseline=json.dumps(profile_of(people(seed=1), "rich").to_json())).observed["data.drift.psi"]
    assert seen.value == pytest.approx(0, abs=0.05)


def test_a_baseline_of_another_version_of_assay_blocks_nobody(project: Made) -> None:
    seen = project.run(baseline='{"schema_version": 1, "rows": 3}').observed["data.drift.psi"]
    assert seen.no_champion
    assert "version 1: drift is measured again once a newer model serves" in seen.message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("{", "not JSON", id="not JSON"),
        pytest.param("[]", "not an object but a list", id="not a profile"),
        pytest.param("{}", "version None", id="no version"),
        pytest.param('{"schema_version": 2}', "damaged data profile", id="no columns"),
    ],
)
def test_a_bad_baseline_is_explained(project: Made, text: str, says: str) -> None:
    with pytest.raises(ArtifactError, match=says):
        project.run(baseline=text)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param("pass", "load returned NoneType", id="nothing returned"),
        pytest.param("return [1]", "load returned list", id="a list"),
        pytest.param("return frame[:0]", "0 rows", id="no rows"),
        pytest.param("return frame[[]]", "0 columns", id="no columns"),
        pytest.param("return frame.rename(columns={'age': 3})", "no strings: 3", id="name is a number"),
        pytest.param("return frame.rename(columns={'age': 'city'})", "more than one column .* city", id="name twice"),
        pytest.param("return frame.rename(columns={'rich': 'rish'})", 'did you mean "rish"', id="target misspelt"),
        pytest.param("return frame[['rich']]", "no features", id="only the target"),
        pytest.param("return frame.assign(rich=None)", "missing in 1000 of 1000 rows", id="target missing"),
        pytest.param("return frame.assign(rich=frame.rich.mask(frame.index == 4))", r"\(index 4\)", id="target gap"),
        pytest.param("return frame.assign(rich='yes')", "always 'yes'", id="one class"),
        pytest.param("return frame.replace({'rich': {'yes': 'Yes'}})", "no row has the label 'yes'", id="no positive"),
        pytest.param("return frame.assign(x=[[1]] * 1000)", 'column "x" holds list', id="lists"),
        pytest.param("return frame.assign(x=[1, 'a'] * 500)", 'column "x" holds int, str', id="mixed types"),
        pytest.param("return frame.astype({'children': 'category'})", "categories that are no strings", id="int codes"),
        pytest.param("raise KeyError('gone')", "load raised KeyError", id="raises"),
        pytest.param("import sys; sys.exit(0)", "load raised SystemExit", id="exits"),
    ],
)
def test_each_breach_of_loads_contract_is_explained(project: Made, body: str, says: str) -> None:
    with pytest.raises(ProjectError) as caught:
        project.run(body=body)
    assert re.search(says, str(caught.value)), str(caught.value)


def test_data_that_is_not_there_is_a_matter_of_configuration(project: Made) -> None:
    with pytest.raises(ConfigError, match='there is no "nowhere/"'):
        project.run(data='path = "nowhere/"')


@pytest.mark.parametrize("key", ['sensitive = ["sex"]', 'holdout = "is_test"'])
def test_a_column_that_the_configuration_names_must_be_there(project: Made, key: str) -> None:
    with pytest.raises(ProjectError, match="has no column"):
        project.run(data=key)


def test_regression_needs_numbers(project: Made) -> None:
    with pytest.raises(ProjectError, match="numbers to regress"):
        project.run(data='task = "regression"')


def test_rules_that_only_warn_are_counted_apart(project: Made) -> None:
    rules = '[tool.assay.data.schema]\nage = { max = 0, severity = "warn" }\n'
    rules += '[tool.assay.data.expressions]\nyoung = { rule = "age < children", severity = "warn" }'
    seen = project.run(data=rules).observed
    assert (seen["data.schema.ranges"].value, seen["data.schema.expressions"].value) == (0, 0)
    assert (seen["data.schema.warnings"].value or 0) > 1900


def test_a_feature_that_gives_the_target_away_is_named(project: Made) -> None:
    frame = people().assign(paid=lambda f: (f["rich"] == "yes").astype(int))
    seen = project.run(frame).observed["data.quality.leakage"]
    assert seen.value == pytest.approx(1.0)
    assert seen.message.startswith("most: paid 1")


def test_the_domain_classifier_runs_where_it_has_a_limit(project: Made) -> None:
    limit = "[tool.assay.gates.data-validate]\ndrift = { classifier = { max = 0.7 } }"
    seen = project.run(data=limit).observed["data.drift.classifier"]
    assert (seen.value, seen.message) == (None, "set classifier = true in [tool.assay.data.drift]")
    limit = f"[tool.assay.data.drift]\nclassifier = true\n{limit}"
    assert project.run(data=limit).observed["data.drift.classifier"].no_champion
    before = people(500, seed=5).drop(columns="rich").assign(age=lambda f: f["age"] + 50)
    samples = {"columns": list(before.columns), "records": json.loads(before.to_json(orient="values"))}
    (project.inputs / "baseline/samples.json").write_text(json.dumps(samples))
    seen = project.run(data=limit).observed["data.drift.classifier"]
    assert (seen.value or 0) > 0.95
    assert seen.message == "500 against 200 rows"


def test_age_of_the_data_is_told_by_the_clock_that_resolve_left(project: Made) -> None:
    frame = people().assign(seen=pd.Timestamp("2026-01-01"))
    rule = '[tool.assay.data.schema]\nseen = { type = "datetime", max_age = "7d" }'
    for now, stale in (("2026-01-05T00:00:00+00:00", 0), ("2026-02-01T00:00:00+00:00", 1)):
        (project.inputs / "baseline").mkdir(parents=True, exist_ok=True)
        (project.inputs / "baseline/clock.json").write_text(json.dumps({"now": now}))
        assert project.run(frame, data=rule).observed["data.schema.freshness"].value == stale


def test_chunks_leave_no_trace(project: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    baseline = json.dumps(profile_of(people(seed=1), "rich").to_json())
    whole = project.run(outputs="1", baseline=baseline)
    monkeypatch.setattr("assay.data.scan._CHUNK", 77)
    cut = project.run(outputs="2", baseline=baseline)
    assert cut.summary == whole.summary
    assert cut.observed == whole.observed
