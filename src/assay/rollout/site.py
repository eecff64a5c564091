"""A model's place in a cluster: what runs there, what should, and how all of it is put back to what it was."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.errors import ConfigError, ServiceError
from assay.rollout.kubectl import cluster_of
from assay.rollout.manifests import (
    CANARY,
    STABLE,
    VERSION,
    Served,
    architectures,
    budget,
    dns_name,
    route,
    service,
    track_name,
    track_objects,
)
from assay.rollout.pods import wait_available
from assay.rollout.session import traffic_labels
from assay.rollout.templates import with_templates
from assay.values import to_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from assay.config import Config, Deploy
    from assay.rollout.kubectl import Cluster, Object
    from assay.rollout.manifests import Track

# the nodes' rules follow what the API server knows by up to a second
_SETTLE = 1.0
_PATIENCE = 30.0


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where a model is deployed.

    Attributes:
        cluster: The namespace.
        name: The model's name there.
        deploy: `[tool.assay.deploy]`.
        project: The project's folder, for templates of its own.
    """

    cluster: Cluster
    name: str
    deploy: Deploy
    project: Path

    @property
    def seconds(self) -> float:
        """How long pods may take to get ready."""
        return float(to_seconds(self.deploy.ready_timeout))

    def objects(self, track: Track, served: Served, replicas: int) -> list[Object]:
        """Everything of a track, the project's own YAML included."""
        ours = track_objects(self.name, track, served, self.deploy, replicas)
        ours += [budget(self.name)] if track == STABLE else []
        return with_templates(self.project, self.deploy, self.name, track, served, ours)

    def front(self, serves: Track | None) -> Object:
        """The Service that people ask, in front of one track, or of both."""
        return service(self.name, self.deploy, serves=serves)

    def running(self, track: Track) -> Object | None:
        """The Deployment of a track, as the cluster has it."""
        return self.cluster.get("deployment", track_name(self.name, track))

    def put(self, track: Track, served: Served, replicas: int) -> None:
        """Apply a track and wait until all of it is ready.

        Raises:
            ConfigError: The cluster refuses a manifest.
            ServiceError: It does not get ready.
        """
        self.cluster.apply(*self.objects(track, served, replicas))
        wait_available(self.cluster, track_name(self.name, track), self.seconds)

    def serve(self, tracks: tuple[Track, ...]) -> None:
        """Let the Service stand in front of `tracks`, and wait until it does."""
        self.cluster.apply(*self._fronts(tracks))
        until = time.monotonic() + _PATIENCE
        while self._behind() != {track_name(self.name, track) for track in tracks}:
            if time.monotonic() > until:
                raise ServiceError("the Service does not follow its pods", where=f"service/{self.name}")
            time.sleep(_SETTLE / 4)
        time.sleep(_SETTLE)

    @property
    def has_gateway(self) -> bool:
        """True where the project names a Gateway and the cluster knows what that is."""
        return bool(self.deploy.gateway) and self.cluster.serves_api("gateway.networking.k8s.io/v1")

    def weigh(self, percent: int) -> None:
        """Let the Gateway send `percent` of the requests to the candidate."""
        self.cluster.apply(route(self.name, self.deploy, percent))
        time.sleep(_SETTLE)

    def _fronts(self, tracks: tuple[Track, ...]) -> list[Object]:
        front = self.front(tracks[0] if len(tracks) == 1 else None)
        # the candidate may be deleted next, so no route may lead there
        return [front, route(self.name, self.deploy, 0)] if tracks == (STABLE,) and self.has_gateway else [front]

    def _behind(self) -> set[str]:
        slices = self.cluster.list("endpointslices", {"kubernetes.io/service-name": self.name})
        ends = [end for piece in slices for end in piece["endpoints"] or [] if end["conditions"].get("ready")]
        # a pod is called <deployment>-<template>-<itself>
        return {end["targetRef"]["name"].rsplit("-", 2)[0] for end in ends}

    def remove(self, track: Track) -> None:
        """Delete a track."""
        for kind in ("deployment", "service"):
            self.cluster.delete(kind, track_name(self.name, track))

    def clear(self) -> None:
        """Delete the candidate, and the pods that asked it."""
        self.remove(CANARY)
        for pod in self.cluster.list("pods", traffic_labels(f"{self.name}-traffic")):
            self.cluster.delete("pod", pod["metadata"]["name"])

    def put_back(self, journal: Mapping[str, Any], champion_image: str | None) -> str:
        """Let what served before the deploy serve again, and nothing else.

        Args:
            journal: What the deploy wrote down when it began.
            champion_image: Image of the registry's champion; a stable track with it is a deploy that came to its end.

        Returns:
            What was done, for people.
        """
        now, before = self.running(STABLE), journal["stable"]
        if now and champion_image and image_of(now) == champion_image:
            before = plain(now)
        if before is None:
            for kind in ("service", "poddisruptionbudget", *(["httproute"] if self.has_gateway else [])):
                self.cluster.delete(kind, self.name)
            self.remove(STABLE)
            told = "nothing serves, as before"
        else:
            if now is None or plain(now)["spec"] != before["spec"]:
                self.cluster.apply(before)
                wait_available(self.cluster, track_name(self.name, STABLE), self.seconds)
            self.cluster.apply(*self._fronts((STABLE,)))
            told = f"all requests go to version {version_of(before)}"
        self.clear()
        return told


def site_of(config: Config, project: Path) -> Site:
    """Where the project's model is deployed.

    Raises:
        ConfigError: No kubeconfig.
    """
    return Site(cluster=cluster_of(config.deploy), name=dns_name(config.name), deploy=config.deploy, project=project)


def image_of(found: Mapping[str, Any]) -> str:
    """Image of a Deployment."""
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def version_of(found: Mapping[str, Any]) -> int:
    """Version of the model that a Deployment serves; 0 where it does not say."""
    text = found["spec"]["template"]["metadata"].get("annotations", {}).get(VERSION, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def plain(found: Mapping[str, Any]) -> Object:
    """A Deployment without what the cluster adds, so that it can be applied again."""
    meta = {key: found["metadata"][key] for key in ("name", "labels", "annotations") if key in found["metadata"]}
    meta["annotations"] = {
        key: text for key, text in meta.get("annotations", {}).items() if not key.startswith("deployment.kubernetes.io")
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": found["spec"]}


def served_by(image: Mapping[str, Any], version: int, run_id: str) -> Served:
    """What is to be deployed, from an image.json.

    Raises:
        ConfigError: The image was never published, or its address has no digest.
    """
    reference = image.get("reference") or ""
    if "@sha256:" not in reference:
        raise ConfigError(
            "the target kubernetes needs a published image" if not reference else "the image's address has no digest",
            where=f"image.json: {reference or 'reference is null'}",
            allowed="host/repository@sha256:...",
            next="publish it: dagger call --registry HOST/REPOSITORY full",
        )
    platforms = tuple(image.get("platforms") or ())
    digest = str(image["model_digest"])
    return Served(version=version, image=reference, model_digest=digest, run_id=run_id, platforms=platforms)


def check_architecture(cluster: Cluster, served: Served) -> None:
    """Refuse an image that no node can run.

    Raises:
        ConfigError: It was built for other machines than the cluster's.
    """
    machines = set(architectures(served.platforms))
    if not machines:
        return
    try:
        nodes = cluster.list("nodes", {"kubernetes.io/os": "linux"})
    except ServiceError:
        # whoever may only use one namespace may not look at nodes; the pods then tell that none fits
        return
    found = {node["status"]["nodeInfo"]["architecture"] for node in nodes}
    if found and not machines & found:
        raise ConfigError(
            f"the image was built for {', '.join(sorted(machines))} alone, which no node of the cluster is",
            where=served.image,
            allowed=", ".join(sorted(found)),
            next="publish it for the nodes: dagger call --platforms linux/" + ",linux/".join(sorted(found)),
        )
