"""What can be wrong with the cluster, or with how we get there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cluster import FOLDER
from helpers import wait_until
from models import push_model

from assay.rollout.kubernetes import KubernetesTarget, kubernetes_target
from assay.rollout.release import read_release
from assay.stages import deploy
from assay.supervisor import supervise

if TYPE_CHECKING:
    from rollouts import Place

    from assay.context import Context, Outcome

HALF = 50

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("in_place")]


@pytest.fixture(autouse=True)
def _version_1(in_place: None, place: Place) -> None:  # noqa: ARG001 - first the environment, then the deploy
    place.begin()


def refused(place: Place, **settings: str) -> str:
    """What people read when version 2 cannot be deployed."""
    report = place.run(place.context(2, push_model(2), **settings))
    assert report.exit_code in {2, 5}
    return report.message


def test_no_kubectl(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        told = refused(place)
    assert "kubectl is not installed" in told
    place.serves(1)


def test_no_namespace(place: Place) -> None:
    told = refused(place, namespace="nowhere")
    assert "the namespace does not exist" in told
    assert "kubectl create namespace" in told
    place.serves(1)


def test_no_quota(place: Place) -> None:
    place.kubectl("create", "quota", "full", "--hard=pods=2")
    try:
        told = refused(place)
    finally:
        place.kubectl("delete", "quota", "full")
    assert "the namespace's quota is used up" in told
    assert "exceeded quota: full" in told
    place.serves(1)


def test_two_at_once(place: Place) -> None:
    first, second = (place.context(2, push_model(2)) for _ in range(2))
    # a target that is left without a promotion puts everything back
    with kubernetes_target(first, read_release(first), lambda: None):
        report = supervise(second, timeout=60)
    assert "another deploy of this model is at work" in report.message
    assert "lease/tiny-deploy: held by run-1/" in report.message
    place.serves(1)


def test_an_image_for_other_machines(place: Place) -> None:
    context = place.context(2, push_model(2))
    image = json.loads((context.inputs / "image.json").read_text(encoding="utf-8"))
    (context.inputs / "image.json").write_text(json.dumps(image | {"platforms": ["linux/s390x"]}), encoding="utf-8")
    report = place.run(context)
    assert report.exit_code == 2
    assert "the image was built for s390x alone" in report.message
    place.serves(1)


def test_an_api_server_that_restarts_in_the_middle(place: Place, tmp_path: Path) -> None:
    server, signalled, real = api_server(), tmp_path / "now", KubernetesTarget.shift

    def shift(self: KubernetesTarget, percent: int) -> None:
        real(self, percent)
        if percent == HALF:
            signalled.touch()
            assert wait_until(lambda: not Path(f"/proc/{server}").exists())

    def run(context: Context) -> Outcome:
        # in the stage's own process
        KubernetesTarget.shift = shift  # type: ignore[method-assign]
        return deploy.run(context)

    restart_once_there_is(signalled, server)
    report = supervise(place.context(2, push_model(2)), timeout=240, run=run)
    assert signalled.exists()
    assert report.summary.get("status") == "promoted", report.message
    place.serves(2)


def api_server() -> int:
    """Process id of the API server of the one-node cluster."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0] == str(FOLDER / "bin" / "kube-apiserver").encode():
            return int(folder.name)
    pytest.skip("only the API server of the one-node cluster can be restarted")


def restart_once_there_is(signalled: Path, process: int) -> None:
    """A process that kills the API server, waits, and starts it again as it was; it must be there before the stage is.

    The stage's supervisor ends whatever comes to be while the stage runs.
    """
    words = Path(f"/proc/{process}/cmdline").read_bytes().decode().split("\0")[:-1]
    holder = (FOLDER / "run" / "holder.pid").read_text(encoding="utf-8").strip()
    steps = [f"while [ ! -e {signalled} ]; do sleep 0.1; done", f"kill -9 {process}", "sleep 6"]
    log = f">>{FOLDER}/log/kube-apiserver.log 2>&1 </dev/null"
    steps.append(f"exec nsenter -t {holder} -m -n -p -- setsid {' '.join(words)} {log}")
    os.posix_spawn("/bin/sh", ["sh", "-c", "; ".join(steps)], os.environ, setsid=True)
