"""Deploys to a real cluster with an MLflow server as registry, which then refuses to move the alias."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import trackkit
from models import push_model
from rollouts import Aliases

from assay import artifacts
from assay.tracking.registry import FETCHED, Candidate, Registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rollouts import Place

    from assay.tracking.versions import Version

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

NAME = "tiny"


@dataclass(frozen=True)
class Served(Aliases):
    """The aliases as the server has them; nothing is kept in a file."""

    registry: Registry

    def champion(self, name: str) -> Version | None:
        return self.registry.champion(name)

    def previous(self, name: str) -> Version | None:
        return self.registry.previous(name)

    def rollback(self, name: str) -> tuple[int, int]:
        return self.registry.rollback(name)

    def read(self) -> dict[str, Any]:
        now = {"champion": self.champion(NAME), "previous": self.previous(NAME)}
        return {alias: found and found.version for alias, found in now.items()}


@pytest.fixture
def way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[trackkit.Way]:
    """The way to a server, which can be cut."""
    monkeypatch.setenv("no_proxy", "*")
    with trackkit.mlflow_server(tmp_path / "mlflow.db", tmp_path / "artifacts") as port:
        way = trackkit.Way(port)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", way.url)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        yield way
        way.cut()


def register(registry: Registry, folder: Path, text: str) -> None:
    """A version of the model, with `text` in it."""
    model = folder / text
    model.mkdir(parents=True)
    (model / "MLmodel").write_text(text, encoding="utf-8")
    for name in FETCHED[1:]:
        (folder / name).write_text(json.dumps({"of": text}), encoding="utf-8")
    files = {"model": model} | {name: folder / name for name in FETCHED[1:]}
    digest = artifacts.digest(model)
    registry.register(Candidate(name=NAME, model_digest=digest, artifacts=files, params={}, metrics={}, tags={}))


def test_the_server_knows_what_serves(
    place: Place, way: trackkit.Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_KUBECONFIG", str(place.kubectl.kubeconfig))
    registry = Registry(way.url)
    for text in ("one", "two"):
        register(registry, tmp_path / "models", text)
    place.aliases = Served(tmp_path, registry)
    for version in (1, 2):
        report = place.deploy(version)
        assert report.summary.get("status") == "promoted", report.message
        place.serves(version)
    assert place.aliases.read() == {"champion": 2, "previous": 1}
    champion, container = registry.champion(NAME), place.kubectl.get("deployment", "tiny-stable")["spec"]["template"]
    assert champion
    assert champion.image
    assert champion.image["reference"] == container["spec"]["containers"][0]["image"]
    assert "version 1 is champion again" in place.roll_back()
    place.serves(1)
    context = place.context(2, push_model(2))
    way.status = 503
    refused = place.run(context)
    way.status = 0
    assert refused.exit_code == 5
    assert "the MLflow store failed" in refused.message
    assert "503" in refused.message
    place.serves(1)
