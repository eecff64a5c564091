"""Deploys to a real cluster that go well, the same again, and the way back."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest
from models import push_model
from releases import change, read

if TYPE_CHECKING:
    from rollouts import Place

FEWEST = 20

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("in_place")]


class Caller(threading.Thread):
    """Asks the Service over and over, each time by a new connection, and remembers what came back."""

    def __init__(self, place: Place) -> None:
        super().__init__(daemon=True)
        self.url = f"http://{place.kubectl.get('service', 'tiny')['spec']['clusterIP']}/predict"
        self.over, self.bad, self.versions = threading.Event(), list[str](), list[int]()

    def run(self) -> None:
        while not self.over.wait(0.01):
            try:
                body = json.dumps({"records": [{"x": 1, "kind": None}]}).encode()
                request = urllib.request.Request(self.url, data=body)  # noqa: S310 - a Service nearby
                with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                    self.versions.append(int(answer.headers["x-model-version"]))
            except OSError as error:
                self.bad.append(f"{time.strftime('%X')} {error}")


def test_one_version_after_the_other_and_no_request_is_lost(place: Place) -> None:
    place.begin()
    caller = Caller(place)
    caller.start()
    context = place.context(2, push_model(2))
    report = place.run(context)
    caller.over.set()
    caller.join()
    assert report.summary["status"] == "promoted", report.message
    place.serves(2)
    assert caller.bad == []
    assert set(caller.versions) == {1, 2}
    assert caller.versions[-1] == 2
    deployment = read(context.outputs / "deployment" / "deployment.json")
    assert deployment["way"].startswith("replica ratio")
    # one pod beside two, two beside two, and then alone
    observed = [step["observed_percent"] for step in deployment["steps"]]
    assert observed == [pytest.approx(33, abs=15), pytest.approx(50, abs=10), 100]


def test_the_same_deploy_again_changes_nothing(place: Place) -> None:
    place.begin()
    champion = place.aliases.champion("tiny")
    assert champion
    assert champion.image
    before = place.kubectl.get("deployment", "tiny-stable")["metadata"]
    report = place.deploy(champion.version, image=str(champion.image["reference"]))
    assert report.summary["status"] == "unchanged", report.message
    after = place.kubectl.get("deployment", "tiny-stable")["metadata"]
    assert (after["generation"], after["annotations"]) == (before["generation"], before["annotations"])
    place.serves(champion.version)


def test_where_nobody_asks_rows_of_the_holdout_do(place: Place) -> None:
    place.begin()
    serving = place.aliases.read()["champion"]
    context = place.context(serving + 1, push_model(serving + 1))
    report = place.run(context)
    assert report.summary["status"] == "promoted", report.message
    # with no request of anybody else's, each step has as many as it needs to judge by
    steps = read(context.outputs / "deployment" / "deployment.json")["steps"]
    assert [step["requests"]["candidate"] >= FEWEST for step in steps] == [True, True, True]


def test_versions_with_other_columns_are_asked_apart(place: Place) -> None:
    place.begin()
    serving = place.aliases.read()["champion"]
    caller = Caller(place)
    caller.start()
    # a server that knows no other column than "z" fails where it is asked about "x"
    context = place.context(9, push_model(9, COLUMN="z"))
    change(context.inputs / "bundle" / "samples.json", columns=["z", "kind"])
    report = place.run(context)
    caller.over.set()
    caller.join()
    assert report.summary["status"] == "promoted", report.message
    deployment = read(context.outputs / "deployment" / "deployment.json")
    assert deployment["way"].startswith("each version by its own Service: they know different columns")
    assert [step["success_rate"] for step in deployment["steps"]] == [1, 1, 1]
    # people who ask with the old columns are not sent to the candidate before it is all there is
    assert set(caller.versions) == {serving}
    assert set(place.answers(column="z")) == {9}
    place.roll_back()
    place.serves(serving)


def test_back_and_forth(place: Place) -> None:
    place.begin()
    before = place.aliases.read()["champion"]
    place.deploy(before + 1)
    place.serves(before + 1)
    images = place.aliases.read()["images"]
    assert f"version {before} is champion again" in place.roll_back()
    place.serves(before)
    found = place.kubectl.get("deployment", "tiny-stable")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert found == images[str(before)]["reference"]
