"""`assay init`: what it guesses, what it refuses, and that the project it writes passes its own tests."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from assay.cli import main
from assay.context import Context
from assay.errors import AssayError, ConfigError
from assay.pipeline import GRAPH
from assay.project import load_project
from assay.scaffold import code
from assay.scaffold.project import Wanted, make_project
from assay.scaffold.roles import Roles, roles_of
from assay.scaffold.target import goal_of
from assay.scaffold.trial import _build
from assay.stages import code_test

COUNT = 240


@cache
def flowers() -> pd.DataFrame:
    """Numbers, a category, and a target that follows from them."""
    random = np.random.default_rng(3)
    length, width = random.normal(size=COUNT).round(3), random.normal(size=COUNT).round(3)
    kind = random.choice(["rot", "grün", "blau"], COUNT)
    frame = pd.DataFrame({"Länge in cm": length, "width": width, "kind": kind})
    bought = length + (kind == "rot") + random.normal(0, 0.3, COUNT) > 0.3
    return frame.assign(bought=np.where(bought, "yes", "no"))


def write(frame: pd.DataFrame, folder: Path, name: str = "flowers.csv", **how: Any) -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    frame.to_csv(folder / name, index=False, **how)
    return folder / name


@dataclass(frozen=True)
class Done:
    """A project that was made."""

    root: Path
    table: dict[str, Any]
    notes: tuple[str, ...]
    guesses: dict[str, str]


def make(tmp_path: Path, data: Path | str, **wanted: Any) -> Done:
    root = tmp_path / "shop"
    made = make_project(root, Wanted(data=str(data), **wanted), lambda _: None)
    load_project(root)
    table = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["assay"]
    return Done(root, table, made.notes, {fact: value for fact, value, _ in made.guesses})


def excluded(done: Done) -> set[str]:
    return set(done.table["data"].get("exclude", ()))


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


def few(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.head(30)


def gaps(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(bought=frame["bought"].mask(frame.index < 3))


def ids_last(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(number=range(COUNT))


def one_label(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(bought="no")


@pytest.mark.parametrize(
    ("change", "wanted", "told"),
    [
        pytest.param(few, {}, ("30 rows are too few", "50 rows or more"), id="few rows"),
        pytest.param(gaps, {}, ("missing in 3 of 240 rows", "--target COLUMN"), id="gaps in the target"),
        pytest.param(ids_last, {}, ("which column is to be predicted?", "assay init"), id="an id is the last column"),
        pytest.param(one_label, {"target": "bought"}, ("always 'no'",), id="one label"),
        pytest.param(None, {"target": "bougt"}, ('did you mean "bought"?',), id="a misspelt target"),
        pytest.param(None, {"task": "regression"}, ("holds no numbers", "--task classification"), id="no numbers"),
        pytest.param(None, {"name": "No Name"}, ("no name for a model",), id="a bad name"),
    ],
)
def test_what_cannot_be_guessed_is_asked_for(tmp_path: Path, change: Any, wanted: Any, told: tuple[str, ...]) -> None:
    frame = change(flowers()) if change else flowers()
    with pytest.raises(AssayError) as error:
        make(tmp_path, write(frame, tmp_path), **wanted)
    assert all(text in str(error.value) for text in told), str(error.value)
    assert not (tmp_path / "shop").exists()


def test_a_file_without_names(tmp_path: Path) -> None:
    with pytest.raises(AssayError, match="holds values, no names of columns"):
        make(tmp_path, write(flowers(), tmp_path, header=False))


def test_what_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(bytes(range(256)))
    with pytest.raises(AssayError, match="no text in UTF-8"):
        make(tmp_path, tmp_path / "a.csv")


def test_no_such_data(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no"):
        make(tmp_path, tmp_path / "nothing.csv")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    data = write(flowers(), tmp_path)
    root = tmp_path / "shop"
    (root / "src/shop").mkdir(parents=True)
    (root / "src/shop/model.py").write_text("mine = 1\n")
    (root / "README.md").write_text("mine\n")
    with pytest.raises(ConfigError, match=r"already there: src/shop/model\.py") as error:
        make(tmp_path, data)
    assert "--force" in error.value.next
    assert not (root / "pyproject.toml").exists()
    make(tmp_path, data, force=True)
    assert (root / "src/shop/model.py.before").read_text() == "mine = 1\n"
    assert (root / "README.md").read_text() == "mine\n"


def test_another_file_in_the_place_of_the_data(tmp_path: Path) -> None:
    write(flowers().head(60), tmp_path / "shop/data")
    with pytest.raises(ConfigError, match=r"another data/flowers\.csv already"):
        make(tmp_path, write(flowers(), tmp_path), force=True)


def test_infinite_values_and_categories_without_rows(tmp_path: Path) -> None:
    frame = flowers().assign(ratio=np.where(np.arange(COUNT) % 50 == 0, np.inf, np.arange(COUNT) / 7))
    frame["bought"] = pd.Categorical(frame["bought"], categories=["yes", "no", "perhaps"])
    frame.to_parquet(tmp_path / "flowers.parquet")
    done = make(tmp_path, tmp_path / "flowers.parquet", target="bought")
    assert done.table["data"]["positive"] == "yes"
    assert "5 infinite values" in done.notes[0]


def test_values_that_are_neither_numbers_nor_texts(tmp_path: Path) -> None:
    frame = flowers().assign(took=pd.to_timedelta(np.arange(COUNT) % 5, unit="h"))
    frame.to_parquet(tmp_path / "flowers.parquet")
    done = make(tmp_path, tmp_path / "flowers.parquet", target="bought")
    assert excluded(done) == {"took"}


def test_a_training_that_fails_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Path) -> None:
        raise ValueError("no such thing")

    monkeypatch.setattr("assay.scaffold.trial._build", broken)
    with pytest.raises(AssayError, match="a first training on this data failed: ValueError: no such thing") as error:
        make(tmp_path, write(flowers(), tmp_path))
    assert "--model" in error.value.next
    assert not (tmp_path / "shop").exists()


def test_what_was_begun_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, rename = write(flowers(), tmp_path), Path.rename

    def full(path: Path, target: Path) -> Path:
        if target.name == "model.py":
            raise OSError(28, "No space left on device", str(target))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(AssayError, match="No space left on device"):
        make(tmp_path, data)
    assert list((tmp_path / "shop").iterdir()) == []


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


def test_an_address_with_a_password_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    address = "https://ada:hunter2@example.com/rows.csv"
    assert main(["init", address, "--project", str(tmp_path / "shop")]) == 2
    said = "".join(capsys.readouterr())
    assert "would get into pyproject.toml" in said
    assert "hunter2" not in said
