"""Deploys to a real cluster, good ones."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from rollouts import Aliases, Place, fake_registry

if TYPE_CHECKING:

    from cluster import Kubectl

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def place(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("place")
    return Place(kubectl, tmp_path_factory.mktemp("runs"), Aliases(folder / "aliases.json"))


@pytest.fixture(autouse=True)
def environment(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_KUBECONFIG", str(place.kubectl.kubeconfig))
    monkeypatch.setitem(sys.modules, "assay.tracking.registry", fake_registry(place.aliases))


def test_first_deployment(place: Place) -> None:
    report = place.deploy(1)
    assert report.summary.get("status") == "promoted", report.message
    assert place.answers() == {1: 40}


def test_second_deployment(place: Place) -> None:
    report = place.deploy(2)
    assert report.summary.get("status") == "promoted", report.message
    assert place.answers() == {2: 40}
