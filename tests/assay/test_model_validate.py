"""Model-validate: the whole stage, the project's tests, and a table of models that misbehave."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from modelkit import Kit, kit, rows
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier
from validatekit import LIMITS, judgeable, validated

from assay import artifacts
from assay.errors import ArtifactError, ProjectError
from assay.gates import Limit, Verdict
from assay.models.signature import EXPORTED
from assay.pipeline import GRAPH
from assay.stages import model_validate

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


def test_it_writes_the_whole_evaluation(tmp_path: Path) -> None:
    made = judgeable(tmp_path, top='metrics = "{module}:good_metrics"')
    verdicts, evaluation = validated(made)
    folder = tmp_path / "out" / "evaluation"
    assert {status for status, _ in verdicts.values()} == {Verdict.PASS, Verdict.NO_CHAMPION}
    assert evaluation["model_digest"] == artifacts.digest(tmp_path / "in" / "model")
    assert evaluation["data_fingerprint"] == "f" * 64
    assert (evaluation["rows"], evaluation["champion_version"]) == (100, None)
    assert evaluation["metrics"]["agreement"] == evaluation["metrics"]["accuracy"] > 0.8
    names = ["calibration.png", "confusion.png", "importance.png", "precision-recall.png", "roc.png", "slices.png"]
    assert sorted(path.name for path in (folder / "plots").iterdir()) == names
    card = (folder / "model_card.md").read_text()
    for part in ("# tiny", "## Intended use", "Not stated", "| accuracy |", "| sex | x |", "model.contract"):
        assert part in card


def test_the_same_inputs_give_the_same_bytes_whatever_the_clock_says(tmp_path: Path) -> None:
    made = judgeable(tmp_path)
    digests = {artifacts.digest(tmp_path / name) for name in ("one", "two") if validated(made, name)}
    assert len(digests) == 1
    gates = json.loads((tmp_path / "one" / "evaluation" / "evaluation.json").read_text())["gates"]
    (timed,) = [gate for gate in gates if gate["gate"] == "model.latency_ms.p95"]
    assert (timed["observed"], timed["status"]) == (None, "pass")


def _numbers(made: Kit) -> Path:
    steps = ColumnTransformer([("numbers", SimpleImputer(), ["a", "n"])])
    made.save(make_pipeline(steps, DecisionTreeClassifier(random_state=0, max_depth=3)).fit(*made.side("train")))
    return made.root / "out" / "evaluation" / EXPORTED


@pytest.mark.usefixtures("no_plots")
def test_a_model_that_can_be_exported_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = judgeable(tmp_path)
    file = _numbers(made)
    evaluation = validated(made)[1]
    assert evaluation["onnx"] == {"digest": artifacts.file_digest(file), "why": ""}
    assert "exported for ONNX Runtime: the same predictions for all 100 rows" in capsys.readouterr().out


@pytest.mark.usefixtures("no_plots")
def test_nothing_is_exported_where_that_is_not_wanted(tmp_path: Path) -> None:
    made = judgeable(tmp_path, rest=f"{LIMITS}\n[tool.assay.serving]\nonnx = false\n")
    file = _numbers(made)
    assert validated(made)[1]["onnx"] == {"digest": None, "why": "onnx = false in [tool.assay.serving]"}
    assert not file.exists()


@pytest.mark.usefixtures("no_plots")
def test_a_model_of_the_projects_own_is_served_by_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = judgeable(tmp_path)
    assert validated(made)[1]["onnx"] == {"digest": None, "why": "Odd cannot be exported"}
    assert "no export for ONNX Runtime: Odd cannot be exported" in capsys.readouterr().out


def by_heart(root: Path, frame: pd.DataFrame) -> str:
    """The limits in the card of a tree that learnt `frame` by heart."""
    made = kit(root, frame=frame)
    numbers = ColumnTransformer([("numbers", "passthrough", ["a", "n"])])
    made.save(make_pipeline(numbers, DecisionTreeClassifier(random_state=0)).fit(*made.side("train")))
    validated(made)
    card = (root / "out" / "evaluation" / "model_card.md").read_text()
    assert "To beat: who always answers `" in card
    return card.split("## Limits")[1].split("## ")[0]


@pytest.mark.usefixtures("no_plots")
def test_the_card_tells_a_model_that_only_knows_what_it_has_seen(tmp_path: Path) -> None:
    frame = rows()
    frame["y"] = frame["y"].sample(frac=1, random_state=0).to_numpy()
    told = by_heart(tmp_path, frame)
    assert re.search(
        r"learnt some of it by heart: accuracy 1 on the rows learnt from, 0\.\d+ on the holdout \(95", told
    )
    assert re.search(r"roc_auc 1 on the rows learnt from", told)
    assert re.search(r"off by 0\.\d+ on average \(calibration_error 0\.\d+, above 0\.05\)", told)


@pytest.mark.usefixtures("no_plots")
def test_the_card_tells_no_gap_that_chance_explains(tmp_path: Path) -> None:
    frame = rows()
    frame["y"] = np.where(frame["a"] > 0, "yes", "no")
    told = by_heart(tmp_path, frame)
    assert "by heart" not in told
    assert "calibration" not in told


@pytest.mark.usefixtures("no_plots")
def test_samples_are_rows_with_the_models_answers(tmp_path: Path) -> None:
    made = judgeable(tmp_path)
    validated(made)
    samples = json.loads((tmp_path / "out" / "evaluation" / "samples.json").read_text())
    x, _ = made.side("holdout")
    assert samples["columns"] == ["a", "n", "sex", "job"]
    assert len(samples["records"]) == len(samples["predictions"]) == len(samples["probabilities"]) == 100
    assert samples["records"][0][0] == x["a"][0]
    assert samples["labels"] == ["no", "yes"]
    assert samples["predictions"] == ["yes" if value > 0 else "no" for value in x["a"]]


# ---- models that misbehave: gate, verdict, what the message says ----

ERROR, FAIL, PASS = Verdict.ERROR, Verdict.FAIL, Verdict.PASS
MISBEHAVIOUR: dict[str, tuple[dict[str, Verdict], str]] = {
    "missing": (
        {"model.contract": FAIL, "model.accuracy": ERROR, "model.roc_auc": ERROR, "model.latency_ms.p95": ERROR},
        "NaN, infinity or nothing for 1 of 100 rows",
    ),
    "short": ({"model.contract": FAIL, "model.accuracy": ERROR}, "shape (99,) for 100 rows, not (100,)"),
    "two-dimensional": ({"model.contract": FAIL, "model.accuracy": ERROR}, "shape (100, 1) for 100 rows"),
    "strange": ({"model.contract": FAIL, "model.accuracy": ERROR}, "labels that are not in the data: maybe"),
    "mutates": ({"model.contract": FAIL, "model.accuracy": PASS}, "predict changes the rows"),
    "random": ({"model.contract": FAIL}, "other predictions the second time"),
    "batch": ({"model.contract": FAIL, "model.accuracy": PASS}, "alone gets"),
    "half": ({"model.contract": FAIL, "model.accuracy": PASS, "model.roc_auc": ERROR}, "do not sum to 1"),
    "nan probabilities": ({"model.contract": FAIL, "model.roc_auc": ERROR}, "predict_proba gives NaN"),
    "negative": ({"model.contract": FAIL, "model.roc_auc": ERROR}, "not from 0 to 1"),
    "three columns": ({"model.contract": FAIL, "model.roc_auc": ERROR}, "shape (100, 3), not (100, 2)"),
    "constant": ({"model.contract": PASS, "model.accuracy": FAIL, "model.balanced_accuracy": FAIL}, ""),
}


@pytest.mark.parametrize(("kind", "expected"), MISBEHAVIOUR.items(), ids=MISBEHAVIOUR)
@pytest.mark.usefixtures("no_plots")
def test_a_model_that_misbehaves(kind: str, expected: tuple[dict[str, Verdict], str], tmp_path: Path) -> None:
    verdicts, evaluation = validated(judgeable(tmp_path, kind))
    wanted, message = expected
    assert {name: verdicts[name][0] for name in wanted} == wanted
    assert message in verdicts["model.contract"][1]
    assert not evaluation["passed"]


@pytest.mark.usefixtures("no_plots")
def test_a_constant_predictor_is_named_in_the_card(tmp_path: Path) -> None:
    validated(judgeable(tmp_path, "constant"))
    card = (tmp_path / "out" / "evaluation" / "model_card.md").read_text()
    assert "The model predicts the same for every row: no." in card


def test_a_model_that_raises_is_the_projects_error(tmp_path: Path) -> None:
    made = judgeable(tmp_path, "raises")
    with pytest.raises(ProjectError, match=r"model\.predict raised KeyError") as caught:
        model_validate.run(made.context("model-validate"))
    assert caught.value.exit_code == 4


def test_a_damaged_model_is_an_artifact_error(tmp_path: Path) -> None:
    made = judgeable(tmp_path)
    (tmp_path / "in" / "model" / "model.skops").write_bytes(b"")
    with pytest.raises(ArtifactError, match="cannot be loaded"):
        model_validate.run(made.context("model-validate"))


@pytest.mark.usefixtures("no_plots")
def test_a_metric_that_is_nan_is_an_error_at_its_gate(tmp_path: Path) -> None:
    rest = "[tool.assay.gates.model-validate]\nagreement = { min = 0.5 }"
    verdicts, evaluation = validated(judgeable(tmp_path, top='metrics = "{module}:nan_metric"', rest=rest))
    assert verdicts["model.agreement"][0] is ERROR
    assert evaluation["metrics"]["agreement"] is None


@pytest.mark.usefixtures("no_plots")
def test_a_metric_of_another_task_is_an_error(tmp_path: Path) -> None:
    rest = "[tool.assay.gates.model-validate]\nrmse = { max = 0.5 }"
    verdicts, _ = validated(judgeable(tmp_path, rest=rest))
    assert verdicts["model.rmse"][0] is ERROR
    assert verdicts["model.rmse"][1].startswith("nothing observed; ")


def test_regression(tmp_path: Path) -> None:
    rest = "[tool.assay.gates.model-validate]\nr2 = { min = 0.5 }\nslice = { rmse = { max = 9 } }"
    made = kit(tmp_path, task="regression", build="build_level", data="", rest=rest)
    made.save(made.estimator("Level").fit(*made.side("train")))
    verdicts, evaluation = validated(made)
    assert verdicts["model.r2"][0] is PASS
    assert sorted(evaluation["metrics"]) == ["mae", "mape", "median_ae", "r2", "rmse"]
    drawn = sorted(path.stem for path in (tmp_path / "out" / "evaluation" / "plots").iterdir())
    assert drawn == ["importance", "predicted", "residuals", "slices"]


@pytest.mark.usefixtures("no_plots")
def test_fairness_of_many_classes_asks_for_the_positive_one(tmp_path: Path) -> None:
    frame = rows().assign(y=lambda f: np.where(f["n"] == 0, "perhaps", f["y"]))
    limit = "[tool.assay.gates.model-validate]\nfairness.demographic_parity_difference = { max = 0.5 }"
    made = kit(tmp_path, data="", frame=frame, rest=limit)
    made.save(made.estimator().fit(*made.side("train")))
    status, said = validated(made)[0]["model.fairness.demographic_parity_difference"]
    assert status is ERROR
    assert "set `positive` in [tool.assay.data]" in said


# ---- tests/model ----

TESTS: dict[str, tuple[str, Verdict, str]] = {
    "pass": (
        (
            "import os, pathlib\nfrom assay.models.modelfolder import load\n"
            "def test_model(): assert (pathlib.Path(os.environ['ASSAY_MODEL']) / 'MLmodel').exists()\n"
            "def test_data(): assert (pathlib.Path(os.environ['ASSAY_DATASET']) / 'holdout.parquet').exists()\n"
        ),
        PASS,
        "2 tests",
    ),
    "fail": ("def test_fine(): pass\ndef test_bad(): assert 0\n", FAIL, "test_bad"),
    "do not import": ("import no_such_module\n", FAIL, "test_it"),
    "none": ("x = 1\n", ERROR, "tests/model holds no tests"),
    "killed": ("import os\ndef test_it(): os._exit(9)\n", ERROR, "exit code 9"),
}


@pytest.mark.parametrize(("code", "verdict", "message"), TESTS.values(), ids=TESTS)
@pytest.mark.usefixtures("no_plots")
def test_the_projects_tests(code: str, verdict: Verdict, message: str, tmp_path: Path) -> None:
    made = judgeable(tmp_path)
    (made.project / "tests" / "model").mkdir(parents=True)
    (made.project / "tests" / "model" / "test_it.py").write_text(code)
    (made.project / "tests" / "conftest.py").write_text("raise RuntimeError('not for these tests')")
    before = artifacts.digest(made.project)
    status, said = validated(made)[0]["model.tests"]
    assert (status, message in said) == (verdict, True), said
    assert artifacts.digest(made.project) == before


@pytest.mark.usefixtures("no_plots")
def test_no_tests_is_said_and_passes(tmp_path: Path) -> None:
    assert validated(judgeable(tmp_path))[0]["model.tests"] == (PASS, "no tests/model")


def test_skill_contract_and_tests_are_limited_without_being_asked_for() -> None:
    defaults = {gate.name: gate.default for gate in GRAPH.stage("model-validate").gates if gate.default}
    assert defaults == {"model.skill": Limit(min=0.01), "model.contract": Limit(max=0), "model.tests": Limit(max=0)}
