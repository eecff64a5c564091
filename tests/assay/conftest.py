"""Models, bundles and stores that several tests share; making one takes seconds, so each is made once."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pandas as pd
import pytest
import small
from sklearn.ensemble import HistGradientBoostingClassifier

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What register and package read, of a small classifier."""
    frame = small.frame(120)
    labels = pd.Series(["rich" if hours > 40 else "poor" for hours in frame["hours"]])
    model = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype").fit(frame, labels)
    return small.write_inputs(tmp_path_factory.mktemp("inputs"), model, frame)


@pytest.fixture(scope="session")
def bundle(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of that classifier; not to be changed."""
    return small.bundle_of(inputs, tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="session")
def exported_inputs(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with the model's export."""
    return small.export_into(shutil.copytree(inputs, tmp_path_factory.mktemp("exported") / "in"))


@pytest.fixture(scope="session")
def exported_bundle(exported_inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of that classifier for ONNX Runtime; not to be changed."""
    return small.bundle_of(exported_inputs, tmp_path_factory.mktemp("exported_bundle"))


@pytest.fixture(scope="module", params=["its own library", "ONNX Runtime"])
def either_bundle(request: pytest.FixtureRequest, bundle: Path, exported_bundle: Path) -> Path:
    """One after the other: whatever serves, a client sees the same."""
    return exported_bundle if request.param == "ONNX Runtime" else bundle


@pytest.fixture(scope="session")
def slow_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a regressor of the project's own, which takes its time and raises for x = 13."""
    root = tmp_path_factory.mktemp("slow")
    project = small.project(root / "project", small.SLOW)
    model, frame = small.slow_model(project)
    return small.bundle_of(small.write_inputs(root / "in", model, frame, packages=("slowpoke",)), root, project)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database with all its tables, to be copied."""
    from assay.tracking.registry import Registry

    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    assert Registry(f"sqlite:///{file}")._connected
    return file


@pytest.fixture
def store(migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with an embedded store of its own."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = tmp_path / "project" / ".assay" / "mlflow"
    folder.mkdir(parents=True)
    shutil.copy(migrated, folder / "mlflow.db")
    return tmp_path / "project"


@pytest.fixture
def no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Model-validate draws nothing, which is most of its time."""
    from assay.evaluate import plots

    for name in ("plot", "slices", "importance"):
        monkeypatch.setattr(plots, name, lambda *_: None)
