"""Fixtures around one MLflow server for the whole session: it takes seconds to start."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import small
import trackkit

from assay import artifacts
from assay.single import stage_context
from assay.tracking.store import connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlflow.tracking.client import MlflowClient

    from assay.context import Context


@pytest.fixture(scope="session")
def server(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "mlflow.db").write_bytes(migrated.read_bytes())
    with trackkit.mlflow_server(folder / "mlflow.db", folder / "artifacts") as port:
        yield port


@pytest.fixture
def way(server: int, monkeypatch: pytest.MonkeyPatch) -> trackkit.Way:
    way = trackkit.Way(server)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", way.url)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    return way


@pytest.fixture
def client(server: int, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    monkeypatch.setenv("no_proxy", "*")
    return connect(f"http://127.0.0.1:{server}")


@pytest.fixture
def registering(inputs: Path, tmp_path: Path) -> Context:
    """The stage register of a model of its own, with a gate that was waived."""
    made = shutil.copytree(inputs, tmp_path / "in")
    (made / "model" / "note").write_text(tmp_path.name)
    digest = artifacts.digest(made / "model")
    gate = {"gate": "model.slice.job=smith & co", "status": "waived", "message": "waived until 2027-01-01 by me: so"}
    small.change(made / "evaluation" / "evaluation.json", model_digest=digest, gates=[gate])
    small.change(made / "training" / "training.json", model_digest=digest)
    return stage_context("register", small.project(tmp_path / "project"), made, tmp_path / "out")
