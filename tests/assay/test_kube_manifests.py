"""What would be applied to a cluster, held against the published OpenAPI schema, and looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
import yaml
from helpers import MINIMAL, project

from assay.config import Deploy, Pod
from assay.errors import ConfigError
from assay.rollout import manifests
from assay.rollout.kubectl import Cluster
from assay.rollout.manifests import CANARY, STABLE, Served, dns_name
from assay.rollout.preview import preview
from assay.rollout.session import traffic_pod
from assay.rollout.site import Site, check_architecture, served_by

if TYPE_CHECKING:
    from pathlib import Path

    from assay.rollout.manifests import Track

SCHEMA = "1.36"
SERVED = Served(
    version=3,
    image="registry.example/tiny@sha256:" + "a" * 64,
    model_digest="b",
    run_id="r",
    platforms=("linux/arm64",),
)
GENEROUS = Deploy(
    target="kubernetes",
    namespace="ml",
    replicas=5,
    port=8000,
    service_account="scorer",
    pod=Pod(requests={"cpu": "1"}, limits={"nvidia.com/gpu": "1"}),
)
BARE = Deploy(target="kubernetes", pod=Pod(requests={}, limits={}))


def site(folder: Path, deploy: Deploy) -> Site:
    cluster = Cluster(kubeconfig="nowhere", namespace=deploy.namespace)
    return Site(cluster=cluster, name="tiny", deploy=deploy, project=folder)


def everything(folder: Path, deploy: Deploy) -> list[dict[str, Any]]:
    place = site(folder, deploy)
    objects = [place.front(STABLE), place.front(None), traffic_pod("tiny-traffic-1", SERVED, deploy)]
    tracks: tuple[Track, ...] = (STABLE, CANARY)
    return objects + [thing for track in tracks for thing in place.objects(track, SERVED, 2)]


@pytest.mark.parametrize("deploy", [Deploy(target="kubernetes"), GENEROUS, BARE], ids=["defaults", "generous", "bare"])
def test_every_object_fits_the_published_schema(tmp_path: Path, deploy: Deploy) -> None:
    objects = everything(tmp_path, deploy)
    assert {thing["kind"] for thing in objects} == {"Deployment", "Service", "PodDisruptionBudget", "Pod"}
    for thing in objects:
        kubernetes_validate.validate(thing, SCHEMA, strict=True)


def test_the_schema_would_notice(tmp_path: Path) -> None:
    thing = site(tmp_path, GENEROUS).objects(STABLE, SERVED, 2)[0]
    thing["spec"]["template"]["spec"]["containers"][0]["readinessProb"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(thing, SCHEMA, strict=True)


def test_no_pod_has_more_rights_than_it_needs(tmp_path: Path) -> None:
    pods = [t["spec"]["template"]["spec"] for t in everything(tmp_path, GENEROUS) if t["kind"] == "Deployment"]
    pods += [t["spec"] for t in everything(tmp_path, GENEROUS) if t["kind"] == "Pod"]
    assert len(pods) == 3
    for pod in pods:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        rights = pod["containers"][0]["securityContext"]
        assert (rights["readOnlyRootFilesystem"], rights["allowPrivilegeEscalation"]) == (True, False)
        assert rights["capabilities"] == {"drop": ["ALL"]}
        assert pod["containers"][0]["image"] == SERVED.image


def test_a_pod_ends_without_losing_requests(tmp_path: Path) -> None:
    deployment = site(tmp_path, GENEROUS).objects(STABLE, SERVED, 2)[0]
    pod = deployment["spec"]["template"]["spec"]
    lingers = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert 0 < lingers < pod["terminationGracePeriodSeconds"]
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_pods_go_where_the_image_runs(tmp_path: Path) -> None:
    pod = site(tmp_path, GENEROUS).objects(STABLE, SERVED, 2)[0]["spec"]["template"]["spec"]
    terms = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert terms == [{"matchExpressions": [{"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]}]}]
    anywhere = manifests.restricted_pod(replace(SERVED, platforms=()), GENEROUS)
    assert "affinity" not in anywhere


def test_the_service_stands_in_front_of_one_track_or_of_both(tmp_path: Path) -> None:
    place = site(tmp_path, GENEROUS)
    pods = {t: place.objects(t, SERVED, 1)[0]["spec"]["template"]["metadata"]["labels"] for t in (STABLE, CANARY)}
    for serves, behind in ((STABLE, {STABLE}), (CANARY, {CANARY}), (None, {STABLE, CANARY})):
        wanted = place.front(serves)["spec"]["selector"]
        assert {track for track, labels in pods.items() if wanted.items() <= labels.items()} == behind
    asker = traffic_pod("tiny-traffic-1", SERVED, GENEROUS)["metadata"]["labels"]
    assert not place.front(None)["spec"]["selector"].items() <= asker.items()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("income", "income"),
        ("Income_2", "income-2"),
        ("2nd", "model-2nd"),
        ("a--", "a"),
        ("__", "model"),
        ("é", "model"),
    ],
)
def test_a_name_that_kubernetes_allows(text: str, name: str) -> None:
    assert dns_name(text) == name


def test_long_names_stay_different_and_leave_room() -> None:
    one, other = dns_name("a" * 63), dns_name("a" * 62 + "b")
    assert one != other
    assert max(len(f"{name}-canary-0123456789-01234") for name in (one, other)) <= 63


TEMPLATE = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: "${name}-${track}", labels: {app.kubernetes.io/name: "${name}"}}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app.kubernetes.io/name: "${name}", app.kubernetes.io/instance: "${name}-${track}"}}
  template:
    metadata: {labels: {app.kubernetes.io/name: "${name}", app.kubernetes.io/instance: "${name}-${track}"}}
    spec: {containers: [{name: mine, image: "${image}"}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: "${name}-settings"}
data: {version: "${version}"}
"""


def templates(folder: Path, text: str) -> Site:
    (folder / "kube").mkdir()
    (folder / "kube" / "all.yaml").write_text(text, encoding="utf-8")
    return site(folder, replace(GENEROUS, templates="kube"))


def test_a_projects_own_yaml_takes_the_place_of_ours(tmp_path: Path) -> None:
    found = {(t["kind"], t["metadata"]["name"]): t for t in templates(tmp_path, TEMPLATE).objects(CANARY, SERVED, 2)}
    assert set(found) == {("Deployment", "tiny-canary"), ("Service", "tiny-canary"), ("ConfigMap", "tiny-settings")}
    deployment = found["Deployment", "tiny-canary"]["spec"]
    assert deployment["replicas"] == 2
    assert deployment["template"]["spec"]["containers"] == [{"name": "mine", "image": SERVED.image}]
    assert found["ConfigMap", "tiny-settings"]["data"] == {"version": "3"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TEMPLATE.replace("${version}", "${verion}"), "unknown placeholder 'verion'"),
        (
            TEMPLATE.replace('app.kubernetes.io/instance: "${name}-${track}"}}\n    spec', "}}\n    spec"),
            "lack the labels",
        ),
        (TEMPLATE.replace("${image}", "nginx"), "the first container is not the model"),
        ("a: [", "no YAML"),
        ("- 1", "no object of Kubernetes"),
    ],
    ids=["placeholder", "labels", "image", "yaml", "object"],
)
def test_yaml_that_cannot_be_used(tmp_path: Path, text: str, told: str) -> None:
    place = templates(tmp_path, text)
    with pytest.raises(ConfigError, match=told):
        place.objects(CANARY, SERVED, 2)


def test_the_preview_is_yaml_of_everything(tmp_path: Path) -> None:
    project(tmp_path, MINIMAL + '[tool.assay.deploy]\ntarget = "kubernetes"\nnamespace = "ml"\n')
    objects = list(yaml.safe_load_all(preview(tmp_path)))
    names = {(thing["kind"], thing["metadata"]["name"], thing["metadata"]["namespace"]) for thing in objects}
    assert ("Deployment", "tiny-stable", "ml") in names
    assert ("PodDisruptionBudget", "tiny", "ml") in names
    for thing in objects:
        kubernetes_validate.validate(thing, SCHEMA, strict=True)


def test_nothing_to_preview(tmp_path: Path) -> None:
    project(tmp_path)
    with pytest.raises(ConfigError, match='the target is "local"') as error:
        preview(tmp_path)
    assert error.value.next == 'set target = "kubernetes" in [tool.assay.deploy]'


@pytest.mark.parametrize(
    ("reference", "told"),
    [(None, "needs a published image"), ("registry.example/tiny:1", "has no digest")],
    ids=["never published", "only a tag"],
)
def test_only_images_by_digest(reference: str | None, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        served_by({"reference": reference, "model_digest": "b"}, 3, "r")


@pytest.mark.parametrize(
    ("platforms", "fits"),
    [(("linux/amd64",), True), (("linux/arm64/v8", "linux/amd64"), True), (("linux/arm64",), False), ((), True)],
    ids=["one", "two", "other", "unknown"],
)
def test_an_image_must_run_on_some_node(
    monkeypatch: pytest.MonkeyPatch, platforms: tuple[str, ...], *, fits: bool
) -> None:
    cluster = Cluster(kubeconfig="nowhere", namespace="here")
    node = {"status": {"nodeInfo": {"architecture": "amd64"}}}
    monkeypatch.setattr(Cluster, "list", lambda *_: [node])
    served = replace(SERVED, platforms=platforms)
    if fits:
        check_architecture(cluster, served)
    else:
        with pytest.raises(ConfigError, match="built for arm64 alone"):
            check_architecture(cluster, served)
