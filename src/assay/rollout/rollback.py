"""Going back to the previous version: image and alias together, and first of all what a deploy that died has left."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from assay.errors import ArtifactError
from assay.rollout.half_done import lead_back
from assay.rollout.lease import held
from assay.rollout.local_serving import serve_again
from assay.rollout.manifests import STABLE
from assay.rollout.site import plain, served_by, site_of

if TYPE_CHECKING:
    from pathlib import Path

    from assay.config import Config
    from assay.rollout.lease import Lease
    from assay.rollout.site import Site
    from assay.tracking.registry import Registry


def roll_back(config: Config, project: Path, registry: Registry) -> str:
    """Let the previous version serve again, and say what was done.

    A deploy that died half-way never moved the alias: then only what it left is put right, and nothing further back.

    Raises:
        ArtifactError: There is no previous version.
        ConfigError: No kubectl, kubeconfig or namespace, or the version before has no image.
        ServiceError: The cluster or the registry fails, or another deploy runs; then all is as it was.
    """
    if config.deploy.target == "local":
        return _locally(config, project, registry)
    site = site_of(config, project)
    champion = registry.champion(config.name)
    image = champion.image.get("reference") if champion and champion.image else None
    with held(site.cluster, site.name, f"rollback/{socket.gethostname()}/{os.getpid()}") as lease:
        told = f"a deploy died half-way: {site.put_back(lease.left, image)}" if lease.left else ""
        told = told or _swap(site, lease, config.name, registry)
        lease.release()
    return told


def _locally(config: Config, project: Path, registry: Registry) -> str:
    told = lead_back(config, project, registry)
    if told:
        champion = registry.champion(config.name)
        return f"{told}\n{config.name}: version {champion and champion.version} is champion"
    previous, swapped = registry.previous(config.name), list[tuple[int, int]]()
    number = previous.version if previous else None
    serving = serve_again(project, config.deploy, number, lambda: swapped.append(registry.rollback(config.name)))
    return f"{_told(config.name, *swapped[0])}\n{serving}".rstrip()


def _swap(site: Site, lease: Lease, name: str, registry: Registry) -> str:
    previous, now = registry.previous(name), site.running(STABLE)
    if previous is None:
        lease.release()
        raise ArtifactError("there is no previous version to go back to", where=name)
    served = served_by(previous.image or {}, previous.version, lease.thing["spec"]["holderIdentity"])
    journal = {"stable": plain(now) if now else None}
    lease.note(journal)
    try:
        site.put(STABLE, served, site.deploy.replicas)
        site.serve((STABLE,))
        return _told(name, *registry.rollback(name))
    except BaseException:
        site.put_back(journal, None)
        lease.release()
        raise


def _told(name: str, now: int, before: int) -> str:
    return f"{name}: version {now} is champion again, version {before} is previous"
