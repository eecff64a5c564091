"""What a deploy to Kubernetes would apply, as YAML; asks no cluster."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

from assay.errors import ArtifactError, ConfigError
from assay.local import newest
from assay.project import load_project
from assay.rollout.kubectl import Cluster
from assay.rollout.manifests import CANARY, STABLE, Served, dns_name, route
from assay.rollout.site import Site, served_by
from assay.rollout.splits import canary_replicas

if TYPE_CHECKING:
    from pathlib import Path

_SOME = Served(version=0, image="HOST/REPOSITORY@sha256:DIGEST", model_digest="DIGEST", run_id="RUN")


def preview(project: Path) -> str:
    """All objects: what serves, then what is there only while a candidate is tried.

    Raises:
        ConfigError: The target is not kubernetes, or a template is wrong.
    """
    config = load_project(project).config
    if config.deploy.target != "kubernetes":
        what = f'the target is "{config.deploy.target}": nothing is applied anywhere'
        raise ConfigError(what, next='set target = "kubernetes" in [tool.assay.deploy]')
    cluster = Cluster(kubeconfig="", namespace=config.deploy.namespace)
    site = Site(cluster=cluster, name=dns_name(config.name), deploy=config.deploy, project=project)
    served, steps = _newest(project), config.deploy.canary.steps
    routes = [route(site.name, config.deploy, 0)] if config.deploy.gateway else []
    things = [site.front(STABLE), *routes, *site.objects(STABLE, served, config.deploy.replicas)]
    things += site.objects(CANARY, served, canary_replicas(config.deploy.replicas, steps[0]))
    placed = [thing | {"metadata": {**thing["metadata"], "namespace": config.deploy.namespace}} for thing in things]
    text: str = yaml.safe_dump_all(placed, sort_keys=False, explicit_start=True)
    return text


def _newest(project: Path) -> Served:
    """The image that the newest run published; placeholders where there is none."""
    try:
        image = json.loads(newest(project, "image").read_text(encoding="utf-8"))
        registered = json.loads(newest(project, "registration").read_text(encoding="utf-8"))
        return served_by(image, registered["version"], "RUN")
    except (ArtifactError, ConfigError):
        return _SOME
