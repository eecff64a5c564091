"""The model that serves, measured beside the candidate: better, worse, broken, fed with other columns."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from modelkit import Kit, champion
from validatekit import judgeable, validated

from assay.errors import ArtifactError
from assay.gates import Verdict
from assay.models import modelfolder
from assay.stages import model_validate

if TYPE_CHECKING:
    from pathlib import Path


def _with_champion(root: Path, kind: str) -> Kit:
    made = judgeable(root)
    folder = champion(root, 7)
    made.save(made.estimator(kind=kind).fit(*made.side("train")), folder="in/rival/model")
    assert folder.exists()
    return made


@pytest.mark.usefixtures("no_plots")
def test_a_better_candidate_passes(tmp_path: Path) -> None:
    verdicts, evaluation = validated(_with_champion(tmp_path, "constant"))
    assert verdicts["model.accuracy.vs_champion"][0] is Verdict.PASS
    assert evaluation["champion_version"] == 7
    assert evaluation["champion_metrics"]["accuracy"] < 0.6


@pytest.mark.usefixtures("no_plots")
def test_a_worse_candidate_fails(tmp_path: Path) -> None:
    made = _with_champion(tmp_path, "good")
    made.save(made.estimator(kind="random").fit(*made.side("train")))
    verdicts, _ = validated(made)
    assert verdicts["model.accuracy.vs_champion"][0] is Verdict.FAIL
    assert verdicts["model.accuracy.vs_champion"][1].startswith("version 7 reaches 0.8")


def _broken_champion(root: Path) -> None:
    (root / "in" / "rival" / "model" / "model.skops").write_bytes(b"")


def _no_champion_model(root: Path) -> None:
    shutil.rmtree(root / "in" / "rival" / "model")


def _champion_of_other_columns(root: Path) -> None:
    file = root / "in" / "rival" / "model" / "dtypes.json"
    facts = json.loads(file.read_text())
    facts["columns"]["height"] = {"dtype": "float64"}
    file.write_text(json.dumps(facts))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_broken_champion, "version 7 cannot be compared with: the model cannot be loaded"),
        (_no_champion_model, "version 7 cannot be compared with: there is no model folder"),
        (_champion_of_other_columns, 'column "height" is missing'),
    ],
)
@pytest.mark.usefixtures("no_plots")
def test_a_champion_that_cannot_be_fed_is_an_error(spoil: Any, message: str, tmp_path: Path) -> None:
    made = _with_champion(tmp_path, "constant")
    spoil(tmp_path)
    status, said = validated(made)[0]["model.accuracy.vs_champion"]
    assert status is Verdict.ERROR
    assert message in said


@pytest.mark.parametrize(("kind", "message"), [("raises", "raised KeyError"), ("short", "shape (99,)")])
@pytest.mark.usefixtures("no_plots")
def test_a_champion_that_misbehaves_is_an_error_too(kind: str, message: str, tmp_path: Path) -> None:
    status, said = validated(_with_champion(tmp_path, kind))[0]["model.accuracy.vs_champion"]
    assert status is Verdict.ERROR
    assert message in said


@pytest.mark.usefixtures("no_plots")
def test_a_champion_gets_columns_that_the_candidate_does_not(tmp_path: Path) -> None:
    made = _with_champion(tmp_path, "constant")
    file = made.project / "pyproject.toml"
    text = file.read_text(encoding="utf-8").replace("[tool.assay.data]", '[tool.assay.data]\nexclude = ["n"]')
    file.write_text(text, encoding="utf-8")
    x, y = made.side("train")
    model = made.estimator().fit(x, y)
    modelfolder.save(
        model, tmp_path / "in" / "model", example=x.drop(columns="n"), predictions=np.asarray(y), packages=()
    )
    verdicts, evaluation = validated(made)
    assert verdicts["model.accuracy.vs_champion"][0] is Verdict.PASS
    assert evaluation["champion_metrics"]["accuracy"] < 0.6


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": "x"}'])
@pytest.mark.usefixtures("no_plots")
def test_a_damaged_champion_file_is_an_artifact_error(text: str, tmp_path: Path) -> None:
    made = judgeable(tmp_path)
    (tmp_path / "in" / "rival" / "champion.json").write_text(text)
    with pytest.raises(ArtifactError, match="what serves now cannot be read"):
        model_validate.run(made.context("model-validate"))
