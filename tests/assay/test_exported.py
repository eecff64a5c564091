"""The way of an exported model: from the evaluation through the bundle into the server, checked at each step."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import small

from assay import artifacts
from assay.environment import toolkit_file
from assay.errors import ArtifactError, ConfigError
from assay.models.signature import EXPORTED
from assay.serving.bundle import make_bundle
from assay.serving.exported import Exported
from assay.serving.model import load
from assay.single import stage_context

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ("pandas", "sklearn", "scipy", "skops", "joblib", "mlflow", "onnx")


def test_the_bundle_holds_the_export_and_what_runs_it(exported_bundle: Path, exported_inputs: Path) -> None:
    about = json.loads((exported_bundle / "bundle.json").read_text())
    assert about["onnx"] == artifacts.file_digest(exported_bundle / EXPORTED)
    assert (exported_bundle / EXPORTED).read_bytes() == (exported_inputs / "evaluation" / EXPORTED).read_bytes()
    lock = (exported_bundle / "requirements.lock").read_text()
    assert lock == toolkit_file("requirements/serve-onnx.lock").read_text()
    assert "onnxruntime==" in lock
    assert not [name for name in ("pandas", "scikit-learn", "scipy") if f"\n{name}==" in f"\n{lock}"]
    # the model is there all the same: its digest is what the image is known by
    assert artifacts.digest(exported_bundle / "model") == about["model_digest"]


def test_its_image_needs_nothing_of_the_projects(exported_inputs: Path, tmp_path: Path) -> None:
    project = small.project(tmp_path / "project")
    text = small.TOML.replace("[tool.assay]\n", '[tool.assay]\nrequirements = "more.txt"\n')
    (project / "pyproject.toml").write_text(text)
    (project / "more.txt").write_text("xgboost\n")
    made = small.bundle_of(exported_inputs, tmp_path, project)
    assert not (made / "project-requirements.txt").exists()


def test_the_server_imports_nothing_heavy(exported_bundle: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from assay.serving.server import _settled
# as in the image, where they are not installed
sys.modules.update(dict.fromkeys({HEAVY}))
assert _settled(Path("."), None, 30.0)
print([name for name in {HEAVY} if sys.modules[name]], "onnxruntime" in sys.modules)
"""
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=exported_bundle, env=os.environ | {"PYTHONPATH": str(exported_bundle)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout.strip() == "[] True"


def _changed(bundle: Path, tmp_path: Path) -> tuple[Path, Path]:
    copy = shutil.copytree(bundle, tmp_path / "bundle")
    return copy, copy / EXPORTED


@pytest.mark.parametrize("damage", ["changed", "removed"])
def test_another_export_is_never_loaded(
    exported_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    copy, file = _changed(exported_bundle, tmp_path)
    if damage == "changed":
        file.write_bytes(file.read_bytes().replace(b"poor", b"pooh"))
    else:
        file.unlink()
    monkeypatch.setattr(Exported, "__init__", lambda *_: pytest.fail("it was loaded"))
    with pytest.raises(ArtifactError, match="the exported model is not the one that was packaged"):
        load(copy)


def test_an_export_that_is_none_is_told(exported_bundle: Path, tmp_path: Path) -> None:
    copy, file = _changed(exported_bundle, tmp_path)
    file.write_bytes(b"no model")
    small.change(copy / "bundle.json", onnx=artifacts.file_digest(file))
    with pytest.raises(ArtifactError, match="ONNX Runtime cannot load the model"):
        load(copy)


def test_without_onnx_runtime_it_says_what_to_do(exported_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match="for ONNX Runtime") as told:
        load(exported_bundle)
    assert "serve-onnx.lock" in str(told.value.next)


def test_an_export_that_was_not_validated_is_not_bundled(exported_inputs: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(exported_inputs, tmp_path / "in")
    context = stage_context("package", small.project(tmp_path / "project"), copy, tmp_path / "out")
    (copy / "evaluation" / EXPORTED).write_bytes(b"another")
    with pytest.raises(ArtifactError, match="not the one that was validated"):
        make_bundle(context)
    # left over from a model that could be exported
    small.change(copy / "evaluation" / "evaluation.json", onnx={"digest": None, "why": "SVC cannot be exported"})
    assert not (make_bundle(context) / EXPORTED).exists()


def test_many_rows_are_predicted_like_single_ones(exported_bundle: Path) -> None:
    served = load(exported_bundle)
    assert served.rows_are_independent
    records = json.loads((exported_bundle / "samples.json").read_text())
    rows = [dict(zip(records["columns"], row, strict=True)) for row in records["records"]]
    together = served.predictor.predict(rows)
    assert together["probabilities"] == [(served.predictor.predict([row])["probabilities"] or [])[0] for row in rows]
