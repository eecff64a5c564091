"""A namespace of a real cluster for each module; where no cluster can be had the tests are skipped, and say why."""

from __future__ import annotations

import os
import shutil
import subprocess
import urllib.request
from typing import TYPE_CHECKING

import pytest
from cluster import HERE, Kubectl, running
from models import BASE
from rollouts import in_place, place  # noqa: F401 - fixtures of those who deploy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REGISTRY = "localhost:5000"


@pytest.fixture(scope="session")
def kubeconfig() -> Iterator[Path]:
    """The kubeconfig of a cluster that answers."""
    with running() as (found, reason):
        if found is None:
            pytest.skip(reason)
        yield found


@pytest.fixture(scope="module")
def kubectl(kubeconfig: Path, request: pytest.FixtureRequest) -> Iterator[Kubectl]:
    """The kubectl command in a namespace of the module's own."""
    name = f"{request.module.__name__.rpartition('.')[2].replace('_', '-')}-{os.getpid()}"
    command = Kubectl(kubeconfig, name)
    command("create", "namespace", name)
    # pods are refused before it is there
    command("wait", "--for=create", "serviceaccount/default", "--timeout=30s")
    yield command
    command("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def registry(kubeconfig: Path) -> str:  # noqa: ARG001 - the one-node cluster starts a registry
    """Where images are pushed to, and pulled from by the cluster."""
    try:
        urllib.request.urlopen(f"http://{REGISTRY}/v2/", timeout=2).close()
    except OSError:
        pytest.skip(f"no registry answers at {REGISTRY}, from which the cluster's node could pull")
    return REGISTRY


@pytest.fixture(scope="session")
def models(registry: str) -> None:
    """Images of models can be made: what they are made of is there."""
    repository, tag = BASE
    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    where = f"http://{registry}/v2/{repository}/manifests/{tag}"
    try:
        urllib.request.urlopen(urllib.request.Request(where, headers=accept), timeout=10).close()
    except OSError as error:
        pytest.skip(f"the registry at {registry} has no image {repository}:{tag} to make models of: {error}")


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A static program that prints who it is and whether it may write to its root."""
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    program = tmp_path_factory.mktemp("program") / "probe"
    subprocess.run(["gcc", "-static", "-Os", "-s", "-o", program, HERE / "modules" / "probe.c"], check=True)
    return program
