"""`assay init`: what it guesses, what it refuses, and that the project it writes passes its own tests."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from initkit import COUNT, excluded, flowers, make, write

from assay.cli import main
from assay.context import Context
from assay.pipeline import GRAPH
from assay.project import load_project
from assay.scaffold import code
from assay.scaffold.roles import Roles, roles_of
from assay.scaffold.target import goal_of
from assay.scaffold.trial import _build
from assay.stages import code_test

if TYPE_CHECKING:
    from pathlib import Path


def test_two_labels(tmp_path: Path) -> None:
    done = make(tmp_path, write(flowers(), tmp_path))
    data = done.table["data"]
    assert (data["path"], data["target"], data["positive"]) == ("data/flowers.csv", "bought", "yes")
    assert data["schema"]["Länge in cm"]["type"] == "float"
    limits = done.table["gates"]["model-validate"]
    assert 0.5 < limits["roc_auc"]["min"] < 0.99
    assert set(limits) == {"roc_auc", "accuracy", "latency_ms", "size_mb"}
    assert (done.root / "data/flowers.csv").read_bytes() == (tmp_path / "flowers.csv").read_bytes()


@pytest.mark.parametrize(("kind", "task"), [("boosting", "classification"), ("linear", "regression")])
def test_what_is_written_passes_code_test(tmp_path: Path, kind: str, task: str) -> None:
    """Its tests, ruff with the project's own rules, mypy, and the coverage that its gate asks for."""
    frame = (
        flowers() if task == "classification" else flowers().drop(columns="bought")[["kind", "width", "Länge in cm"]]
    )
    done = make(tmp_path, write(frame, tmp_path), kind=kind)
    assert done.guesses["task"] == task
    outputs = tmp_path / "out"
    outputs.mkdir()
    project = load_project(done.root)
    context = Context(
        stage=GRAPH.stage("code-test"),
        config=project.config,
        project=done.root,
        inputs=tmp_path,
        outputs=outputs,
        run_id="run",
        limits=project.limits["code-test"],
        artifacts=GRAPH.by_artifact,
    )
    seen = code_test.run(context).observed
    assert {name: observed.value for name, observed in seen.items()} == {
        "code.tests": 0,
        "code.coverage": 100,
        "code.lint": 0,
        "code.types": 0,
    }, [observed.message for observed in seen.values()]
    whole = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=concise", "."]
    checked = subprocess.run(whole, cwd=done.root, check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_columns_that_tell_nothing_or_too_much_are_left_out(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = flowers().assign(
        order_id=range(1000, 1000 + COUNT),
        nothing="",
        always=1,
        answer=flowers()["bought"].map({"yes": "y1", "no": "n1"}),
        remark=[f"free text number {number}" for number in random.permutation(COUNT)],
        delivered="31.12.2024",
    )
    frame.loc[::2, "delivered"] = "30.12.2024"
    done = make(tmp_path, write(frame, tmp_path), target="bought")
    assert excluded(done) == {"order_id", "nothing", "always", "answer", "remark", "delivered"}
    text = (done.root / "pyproject.toml").read_text(encoding="utf-8")
    for reason in ("a value of its own", "no value in any row", "the same value", "by itself", "not written as 2026"):
        assert reason in text
    assert len(done.notes) == 6


def test_the_target_in_another_unit_is_left_out(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    price = (100 + 10 * flowers()["width"] + random.normal(size=COUNT)).round(2)
    frame = flowers().drop(columns="bought").assign(cents=100 * price, price=price)
    assert excluded(make(tmp_path, write(frame, tmp_path))) == {"cents"}


def test_too_few_holdout_rows_are_compared_with_no_champion(tmp_path: Path) -> None:
    many = make(tmp_path, write(flowers(), tmp_path)).table["gates"]["model-validate"]
    assert many["roc_auc"]["vs_champion"]["max_drop"] > 0.05
    few_rows = make(tmp_path / "few", write(flowers().head(60), tmp_path)).table["gates"]["model-validate"]
    assert set(few_rows["roc_auc"]) == {"min"}


def test_a_date_holds_the_newest_rows_out(tmp_path: Path) -> None:
    days = pd.date_range("2024-01-01", periods=COUNT).strftime("%Y-%m-%d")
    done = make(tmp_path, write(flowers().assign(created=days), tmp_path), target="bought")
    data = done.table["data"]
    assert (data["time"], data["times"], data["exclude"]) == ("created", ["created"], ["created"])


def test_a_date_by_which_one_side_has_but_one_label_does_not(tmp_path: Path) -> None:
    frame = (
        flowers().sort_values("bought").assign(created=pd.date_range("2024-01-01", periods=COUNT).strftime("%Y-%m-%d"))
    )
    done = make(tmp_path, write(frame, tmp_path), target="bought")
    assert "time" not in done.table["data"]
    assert excluded(done) == {"created"}


def test_customers_stay_together(tmp_path: Path) -> None:
    done = make(tmp_path, write(flowers().assign(customer_id=np.arange(COUNT) // 8), tmp_path), target="bought")
    assert done.table["data"]["group"] == "customer_id"
    assert "customer_id" not in (done.root / "src/shop/model.py").read_text(encoding="utf-8")


def test_semicolons_commas_and_an_old_encoding(tmp_path: Path) -> None:
    frame = flowers().drop(columns="bought").assign(price=flowers()["width"] * 2 + flowers()["Länge in cm"])
    done = make(tmp_path, write(frame.round(2), tmp_path, sep=";", decimal=",", encoding="cp1252"))
    assert done.table["data"]["csv"] == {"delimiter": ";", "encoding": "cp1252", "decimal": ","}
    assert done.table["data"]["task"] == "regression"
    assert done.table["gates"]["model-validate"]["r2"]["min"] > 0.3


def test_marks_for_missing_values(tmp_path: Path) -> None:
    frame = flowers().astype({"width": object})
    frame.loc[::9, "width"] = "NA"
    frame.loc[::11, "kind"] = "?"
    frame["country"] = np.where(np.arange(COUNT) % 3, "NA", "DE")
    done = make(tmp_path, write(frame, tmp_path), target="bought")
    assert done.table["data"]["missing"] == ["", "?", "NA"]
    # where most are numbers, nobody can tell whether the others are faults
    frame = flowers().astype({"width": object})
    frame.loc[::9, "width"] = "12a"
    mixed = make(tmp_path / "mixed", write(frame, tmp_path), target="bought")
    assert mixed.table["data"]["schema"]["width"]["type"] == "str"
    assert any("most of its values are numbers" in note for note in mixed.notes)


def test_a_rare_label(tmp_path: Path) -> None:
    frame = pd.concat([flowers()] * 4, ignore_index=True)
    frame["bought"] = np.where(frame["Länge in cm"] > 2, "fraud", "fine")
    done = make(tmp_path, write(frame, tmp_path))
    assert done.table["data"]["positive"] == "fraud"
    assert {"roc_auc", "average_precision"} < set(done.table["gates"]["model-validate"])


@pytest.mark.parametrize("ending", ["jsonl", "parquet", "folder"])
def test_other_files(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"flowers.{ending}"
    if ending == "jsonl":
        flowers().to_json(path, orient="records", lines=True)
    elif ending == "parquet":
        flowers().to_parquet(path)
    else:
        write(flowers()[:100], path, "a.csv")
        write(flowers()[100:], path, "b.csv")
    done = make(tmp_path, path)
    assert done.table["data"]["path"] == f"data/flowers.{ending}" + ("/" if ending == "folder" else "")
    assert done.guesses["features"] == "2 numbers, 1 categories"


def test_data_in_the_project_stays_where_it_is(tmp_path: Path) -> None:
    done = make(tmp_path, write(flowers(), tmp_path / "shop/data"))
    assert [path.name for path in (done.root / "data").iterdir()] == ["flowers.csv"]


def test_the_target_by_its_name() -> None:
    frame = pd.DataFrame({"Churn": ["a", "b"] * 30, "x": range(60), "y2": range(60)})
    assert goal_of(frame, "f.csv", None, None).target == "Churn"


@pytest.mark.parametrize(
    ("values", "task"),
    [
        pytest.param([0, 1], "classification", id="two whole numbers"),
        pytest.param([1, 2, 3], "classification", id="few whole numbers"),
        pytest.param(range(60), "regression", id="many whole numbers"),
        pytest.param([0.5, 1.5], "regression", id="fractions"),
        pytest.param([True, False], "classification", id="true and false"),
        pytest.param(["a", "b", "c"], "classification", id="texts"),
    ],
)
def test_the_task(values: Any, task: str) -> None:
    frame = pd.DataFrame({"x": range(120), "target": [*values] * (120 // len(values))})
    assert goal_of(frame, "f.csv", None, None).task == task


@pytest.mark.parametrize("kind", code.KINDS)
def test_the_model_takes_truth_values_whole_numbers_and_gaps(kind: str, tmp_path: Path) -> None:
    frame = flowers().assign(
        flag=np.arange(COUNT) % 2 == 0,
        maybe=pd.array([True, None, False] * (COUNT // 3), dtype="boolean"),
        count=pd.array([1, None, 3] * (COUNT // 3), dtype="Int64"),
    )
    roles = Roles(("width", "flag", "maybe", "count"), ("kind",), {})
    (tmp_path / "model.py").write_text(code.model_py(kind, "classification", roles), encoding="utf-8")
    model = _build(tmp_path / "model.py")(code.params_of(kind, "classification", COUNT))
    x = frame[list(roles.features)]
    model.fit(x, frame["bought"])
    for name in roles.features:
        empty = pd.Series([None] * COUNT, dtype="str" if name == "kind" else object)
        assert len(model.predict(x.assign(**{name: empty}))) == COUNT


def test_only_one_date_can_be_the_time() -> None:
    from assay.data.rules.propose import propose

    days = pd.date_range("2024-01-01", periods=COUNT)
    frame = flowers().assign(birthday=days, created=days)
    found = roles_of(frame, "bought", propose([frame]), regression=False)
    assert (found.time, set(found.excluded)) == ("created", {"birthday", "created"})
    both = frame.assign(shipped=days)
    assert roles_of(both, "bought", propose([both]), regression=False).time is None


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write(flowers(), tmp_path)
    assert main(["init", str(data), "--project", str(tmp_path / "shop")]) == 0
    out = capsys.readouterr().out
    assert "guessed" in out
    assert f"assay run --project {tmp_path / 'shop'}" in out
    assert main(["init", str(data), "--project", str(tmp_path / "shop")]) == 2
    assert "already there: pyproject.toml" in capsys.readouterr().err
    assert "no git repository here" in out
    (tmp_path / ".git").mkdir()
    assert main(["init", str(data), "--project", str(tmp_path / "shop"), "--force"]) == 0
    assert "git" not in capsys.readouterr().out.partition("next:")[2]


def test_an_address_with_a_password_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    address = "https://ada:hunter2@example.com/rows.csv"
    assert main(["init", address, "--project", str(tmp_path / "shop")]) == 2
    said = "".join(capsys.readouterr())
    assert "would get into pyproject.toml" in said
    assert "hunter2" not in said
