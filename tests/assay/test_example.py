"""The example project as it lies here: the data is what SOURCE.md says, and the model keeps its promise."""

import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from test_projects import assay

from assay.models import modelfolder
from income.data import MARKER, TARGET, load

ROOT = Path(__file__).parents[2]
DATA = ROOT / "data"


@pytest.mark.parametrize("name", ["train.parquet", "test.parquet"])
def test_source_md_names_the_digest(name: str) -> None:
    assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() in (DATA / "SOURCE.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return load(DATA)


def test_the_original_split_is_kept(frame: pd.DataFrame) -> None:
    assert frame[MARKER].value_counts().to_dict() == {False: 32_561, True: 16_281}
    assert frame[TARGET].value_counts().to_dict() == {"<=50K": 37_155, ">50K": 11_687}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with nothing that a run has left, as a fresh clone has it."""
    folder = tmp_path_factory.mktemp("example")
    for name in ("src", "data", "tests/unit", "tests/integration", "tests/model", "tests/smoke"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "Dockerfile"):
        shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.mark.slow
def test_end_to_end_and_again(copy: Path, frame: pd.DataFrame) -> None:
    first = assay(copy, "run")
    assert first.code == 0, first.text
    assert set(first.statuses.values()) == {"passed"}
    assert "8 of 8 stages passed" in first.text
    assert first.gate("model.accuracy")["observed"] >= 0.87
    assert first.gate("model.roc_auc")["observed"] >= 0.925
    assert first.gate("image.predicts_same")["observed"] < 1e-12
    about = json.loads((copy / ".assay/runs/latest/package/bundle/bundle.json").read_text())
    assert about["onnx"], "the example's model is served by ONNX Runtime"
    # counted once more, by nothing of ours: better than the best published result
    test = frame[frame[MARKER]]
    model = modelfolder.load(copy / ".assay/runs/latest/train/model", ("income",))
    right = (model.predict(test.drop(columns=[MARKER, TARGET])) == test[TARGET]).mean()
    assert right == pytest.approx(first.gate("model.accuracy")["observed"])
    again = assay(copy, "run")
    assert again.code == 0, again.text
    cached = {entry["report"]["stage"] for entry in again.run["entries"] if entry["cached"]}
    assert cached == {"code-test", "data-validate", "train", "model-validate", "package"}
    # 8 s on two quiet cores
    assert again.run["seconds"] < 30
