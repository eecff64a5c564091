"""What is put back after a deploy that failed, who may deploy at a time, requests through a pod; without a cluster."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from fake_model import FakeModel
from fakecluster import FakeCluster
from helpers import PYTHON

from assay.config import Deploy
from assay.errors import ServiceError
from assay.rollout import lease
from assay.rollout.kubectl import Cluster, Conflict
from assay.rollout.manifests import CANARY, STABLE, Served
from assay.rollout.session import Session
from assay.rollout.site import Site, image_of, plain, version_of
from assay.rollout.splits import Address, canary_replicas

if TYPE_CHECKING:
    from pathlib import Path

OLD = Served(version=1, image="registry.example/tiny@sha256:old", model_digest="a", run_id="r1")
NEW = replace(OLD, version=2, image="registry.example/tiny@sha256:new", run_id="r2")


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
def site(cluster: FakeCluster, tmp_path: Path) -> Site:
    deploy = Deploy(target="kubernetes", ready_timeout="1s")
    return Site(cluster=cast("Cluster", cluster), name="tiny", deploy=deploy, project=tmp_path)


def serving(site: Site, served: Served = OLD) -> dict[str, Any]:
    """Version 1 serves; gives the journal of a deploy that begins now."""
    site.put(STABLE, served, 2)
    site.cluster.apply(site.front(STABLE))
    found = site.running(STABLE)
    assert found
    return {"stable": plain(found)}


def selected(cluster: FakeCluster) -> str | None:
    found = cluster.get("service", "tiny")
    return found["spec"]["selector"].get("app.kubernetes.io/instance", "both") if found else None


@pytest.mark.parametrize("changed", [False, True], ids=["only the candidate", "stable changed too"])
def test_all_is_put_back(site: Site, cluster: FakeCluster, changed: bool) -> None:  # noqa: FBT001
    journal = serving(site)
    site.put(CANARY, NEW, 1)
    site.cluster.apply(site.front(None))
    if changed:
        site.put(STABLE, NEW, 2)
    cluster.calls.clear()
    assert site.put_back(journal, None) == "all requests go to version 1"
    stable = site.running(STABLE)
    assert stable
    assert (image_of(stable), version_of(stable)) == (OLD.image, 1)
    assert ("apply deployment tiny-stable" in cluster.calls) == changed
    assert selected(cluster) == "tiny-stable"
    assert site.running(CANARY) is None


def test_a_deploy_that_came_to_its_end_is_not_undone(site: Site, cluster: FakeCluster) -> None:
    journal = serving(site)
    site.put(STABLE, NEW, 2)
    site.put(CANARY, NEW, 2)
    assert site.put_back(journal, NEW.image) == "all requests go to version 2"
    assert image_of(site.running(STABLE) or {}) == NEW.image
    assert site.running(CANARY) is None
    assert selected(cluster) == "tiny-stable"


def test_after_a_first_deploy_that_failed_there_is_nothing(site: Site, cluster: FakeCluster) -> None:
    site.put(CANARY, NEW, 1)
    site.cluster.apply(site.front(CANARY))
    assert site.put_back({"stable": None}, None) == "nothing serves, as before"
    assert cluster.objects == {}


@pytest.mark.parametrize(
    ("stable", "percent", "pods"),
    [(2, 10, 1), (9, 10, 1), (18, 10, 2), (2, 50, 2), (3, 50, 3), (2, 90, 4), (1, 99, 2), (4, 100, 4)],
)
def test_pods_of_a_candidate(stable: int, percent: int, pods: int) -> None:
    assert canary_replicas(stable, percent) == pods


def held(cluster: FakeCluster, holder: str, **options: str) -> Any:
    return lease.held(cast("Cluster", cluster), "tiny", holder, **options)


def renewed(cluster: FakeCluster, ago: float) -> None:
    """The lease was renewed `ago` seconds ago, for the last time."""
    then = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=ago)
    cluster.objects["lease", "tiny-deploy"]["spec"]["renewTime"] = then.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_a_lease_that_is_let_go_leaves_nothing(cluster: FakeCluster) -> None:
    with held(cluster, "one") as mine:
        assert mine.left is None
        mine.note({"stable": None})
        mine.release()
    assert cluster.objects == {}


def test_a_lease_that_nobody_renews_is_taken_with_what_it_tells(cluster: FakeCluster) -> None:
    with held(cluster, "one") as mine:
        mine.note({"stable": 1})
    renewed(cluster, lease.SECONDS + 1)
    with held(cluster, "two") as other:
        assert other.left == {"stable": 1}
        with pytest.raises(Conflict):
            mine.renew()
        with pytest.raises(Conflict, match="another deploy has taken over"):
            mine.check()
        other.check()


def test_a_lease_that_is_renewed_is_respected(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_POLL", 0.02)
    monkeypatch.setattr(lease, "_EVERY", 0.05)
    second = held(cluster, "two")
    with held(cluster, "one"), pytest.raises(ServiceError, match="another deploy of this model is at work") as told:
        second.__enter__()
    assert "held by one" in str(told.value)


def test_a_lease_is_waited_for_until_it_ends(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_POLL", 0.02)
    with held(cluster, "one") as mine:
        mine.note("left")
    renewed(cluster, lease.SECONDS - 0.2)
    with held(cluster, "two") as other:
        assert other.left == "left"


def test_the_lease_of_one_who_is_known_to_be_dead_need_not_end(cluster: FakeCluster) -> None:
    with held(cluster, "one") as mine:
        mine.note("left")
    with held(cluster, "one", even_from="one") as again:
        assert again.left == "left"


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session whose pod is this machine: `kubectl exec` runs what stands behind `--`, and the pod runs."""
    program = tmp_path / "kubectl"
    exec_it = f'echo x >> {tmp_path}/execs; while [ "$1" != -- ]; do shift; done; shift; exec "$@"'
    running = """echo '{"status": {"phase": "Running"}}'"""
    program.write_text(f'#!/bin/sh\ncase "$*" in *exec*) {exec_it};; *) {running};; esac\n', encoding="utf-8")
    program.chmod(0o755)
    (tmp_path / "python").write_text(f'#!/bin/sh\nexec {PYTHON} "$@"\n', encoding="utf-8")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return Session(Cluster(kubeconfig="nowhere", namespace="here"), "tiny-traffic-1")


ROWS = [{"x": x, "kind": None} for x in (-2, -1, 1, 2)]


def at(url: str) -> Address:
    host, port = url.removeprefix("http://").split(":")
    return Address(host, int(port))


def test_requests_through_a_pod(pod: Session) -> None:
    model = FakeModel(2, fail=lambda number: number == 4)
    with model.serving() as url:
        address = at(url)
        replies = pod.ask(address, ROWS, 2)
        pod.close()
    assert [reply.prediction for reply in replies[:3]] == ["no", "no", "yes"]
    assert [(reply.status, reply.version, reply.ok) for reply in replies[2:]] == [(200, 2, True), (500, 2, False)]
    assert all(0 < reply.ms < 5000 for reply in replies)


def test_who_does_not_answer_counts_against_the_one_who_was_meant(pod: Session) -> None:
    with FakeModel(2, dies_after=0).serving() as url:
        address = at(url)
        replies = pod.ask(address, ROWS, 2)
    pod.close()
    assert [(reply.status, reply.version, reply.by, reply.ok) for reply in replies] == [(0, None, 2, False)] * 4


def test_a_connection_to_the_pod_that_breaks_is_made_anew(pod: Session, tmp_path: Path) -> None:
    with FakeModel(2).serving() as url:
        address = at(url)
        assert all(reply.ok for reply in pod.ask(address, ROWS, 2))
        assert pod._process
        pod._process.kill()
        assert all(reply.ok for reply in pod.ask(address, ROWS, 2))
        pod.close()
    assert (tmp_path / "execs").read_text(encoding="utf-8") == "x\nx\n"
