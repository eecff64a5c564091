"""The cluster is a real one: its node is ready, pulls images by digest and holds pods to their security context."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tinyimage import push

if TYPE_CHECKING:
    from pathlib import Path

    from cluster import Kubectl

pytestmark = pytest.mark.cluster

RESTRICTED = {
    "runAsNonRoot": True,
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod(name: str, image: str, **security: Any) -> dict[str, Any]:
    """A pod that runs `image` once."""
    container = {"name": "main", "image": image, "securityContext": RESTRICTED | security}
    spec = {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def test_a_node_is_ready(kubectl: Kubectl) -> None:
    (node, *_) = kubectl.get("nodes")["items"]
    assert {one["type"]: one["status"] for one in node["status"]["conditions"]}["Ready"] == "True"


def test_a_pod_runs_without_rights(kubectl: Kubectl, registry: str, probe: Path) -> None:
    image = push(registry, "assay-probe", probe)
    kubectl.apply(pod("probe", image))
    kubectl("wait", "pod/probe", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    assert kubectl("logs", "probe") == "user 65535, root Read-only file system\n"
    (status,) = kubectl.get("pod", "probe")["status"]["containerStatuses"]
    assert status["imageID"].endswith(image.rpartition("@")[2])


def test_root_is_refused(kubectl: Kubectl, registry: str, probe: Path) -> None:
    kubectl.apply(pod("root", push(registry, "assay-probe", probe), runAsUser=0))
    waiting = "jsonpath={.status.containerStatuses[0].state.waiting.reason}=CreateContainerConfigError"
    kubectl("wait", "pod/root", f"--for={waiting}", "--timeout=60s")
