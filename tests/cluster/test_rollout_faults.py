"""What can be wrong with a candidate or with the cluster: what people read, where requests go, what the alias says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from models import push_model
from releases import read

from assay.reports import Status

if TYPE_CHECKING:
    from rollouts import Place

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("in_place")]


@pytest.fixture(autouse=True)
def _version_1(in_place: None, place: Place) -> None:  # noqa: ARG001 - first the environment, then the deploy
    place.begin()


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        ({"CRASH": 1}, "the container ends again and again: Error, exit code 1|the model file is damaged"),
        ({"NEVER": 1}, "not ready within 12 s|0 of 1 pods are ready|statuscode: 503"),
        ({"image": "localhost:5000/assay-rollout@sha256:" + "0" * 64}, "the nodes cannot pull the image|not found"),
    ],
    ids=["crash loop", "readiness never", "bad image"],
)
def test_a_candidate_that_never_gets_ready(place: Place, behaviour: dict[str, Any], told: str) -> None:
    report = place.deploy(2, ready="12s" if "NEVER" in behaviour else "60s", **behaviour)
    assert (report.status, report.exit_code) == (Status.ERROR, 5)
    assert all(part in report.message for part in told.split("|")), report.message
    place.serves(1)


@pytest.mark.parametrize(
    ("behaviour", "gate"),
    [
        ({"FAIL": 0.05}, "deploy.canary.success_rate"),
        ({"DELAY": 0.15}, "deploy.canary.latency_ratio"),
        ({"SHIFT": 1}, "deploy.canary.prediction_psi"),
    ],
    ids=["errors", "slow", "shifted"],
)
def test_a_candidate_that_is_ready_and_bad(place: Place, behaviour: dict[str, Any], gate: str) -> None:
    report = place.deploy(2, **behaviour)
    assert report.status is Status.FAILED, report.message
    assert gate in {found.gate for found in report.blocking}
    assert report.summary["status"] == "rolled-back"
    place.serves(1)
    deployment = read(next(place.folder.glob("*-2/out/deployment/deployment.json")).parent / "deployment.json")
    assert deployment["target"] == "kubernetes"


def test_a_candidate_that_nobody_reaches(place: Place) -> None:
    # its pods say that they are the other version: as far as anybody can see no request gets to the candidate
    report = place.deploy(2, SAYS=1)
    assert report.exit_code == 3
    rate = next(gate for gate in report.blocking if gate.gate == "deploy.canary.success_rate")
    assert rate.status == "inconclusive"
    assert "version 2 answered 0 of 20 requests, others: 1" in rate.message
    assert report.summary["status"] == "rolled-back"
    place.serves(1)


def test_smoke_tests_that_fail_keep_people_away(place: Place) -> None:
    context = place.context(2, push_model(2))
    folder = context.project / "tests" / "smoke"
    folder.mkdir(parents=True)
    text = """
import os, urllib.request

def test_no():
    assert urllib.request.urlopen(os.environ["ASSAY_ENDPOINT"] + "/readyz").status == 200
    assert 1 == 2
"""
    (folder / "test_smoke.py").write_text(text, encoding="utf-8")
    report = place.run(context)
    assert {gate.gate: str(gate.status) for gate in report.blocking}["deploy.smoke"] == "fail"
    assert report.summary["steps"] == []
    place.serves(1)
