"""What a model is in Kubernetes: plain data, and nothing that changes between two looks at the same input.

The Service `<name>` is where people ask. `<name>-stable` and `<name>-canary` are the two tracks behind it, each a
Deployment with a Service of its own.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from assay.config import Deploy
    from assay.rollout.kubectl import Object

Track = Literal["stable", "canary"]
STABLE: Track = "stable"
CANARY: Track = "canary"

VERSION, DIGEST, RUN = "assay/model-version", "assay/model-digest", "assay/run-id"
NAME, INSTANCE = "app.kubernetes.io/name", "app.kubernetes.io/instance"
PORT = 8080

_USER = 10001
# a pod is asked for a moment after it was told to end: whoever balances hears of it later than the pod itself
_LINGER = 5
_DRAIN = 30
# a pod's name is the Deployment's with 17 characters behind it, cut where that makes more than 63
_LONGEST = 39


@dataclass(frozen=True, kw_only=True)
class Served:
    """A version of the model, as an image.

    Attributes:
        version: Its number in the registry.
        image: Its address, by digest.
        model_digest: Digest of the model folder.
        run_id: The run that deploys it.
        platforms: What it was built for (`linux/amd64`); empty where that is not known.
    """

    version: int
    image: str
    model_digest: str
    run_id: str
    platforms: tuple[str, ...] = ()


def dns_name(text: str) -> str:
    """`text` as Kubernetes allows it in names: lower-case letters, digits, hyphens, a letter first, not too long."""
    clean = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    clean = clean if clean[:1].isalpha() else f"model-{clean}".rstrip("-")
    if len(clean) <= _LONGEST:
        return clean
    return f"{clean[: _LONGEST - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def track_name(name: str, track: Track) -> str:
    """Name of a track's Deployment and Service."""
    return f"{name}-{track}"


def selector(name: str, track: Track | None = None) -> dict[str, str]:
    """Labels of the pods of a track; of both where none is given."""
    return {NAME: name} | ({INSTANCE: track_name(name, track)} if track else {})


def labels(name: str, track: Track | None = None) -> dict[str, str]:
    """Labels of an object."""
    common = {"app.kubernetes.io/component": "model-server", "app.kubernetes.io/managed-by": "assay"}
    return selector(name, track) | common


def head(api: str, kind: str, name: str, own: dict[str, str], annotations: dict[str, str] | None = None) -> Object:
    """An object without its spec."""
    meta: Object = {"name": name, "labels": own} | ({"annotations": annotations} if annotations else {})
    return {"apiVersion": api, "kind": kind, "metadata": meta}


def deployment(name: str, track: Track, served: Served, deploy: Deploy, replicas: int) -> Object:
    """The pods of a track."""
    about = {VERSION: str(served.version), DIGEST: served.model_digest}
    meta = {"labels": labels(name, track), "annotations": about}
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": selector(name, track)},
        # what serves never gets fewer while it is changed
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "50%"}},
        "revisionHistoryLimit": 3,
        "template": {"metadata": meta, "spec": _pod(name, track, served, deploy)},
    }
    own = head("apps/v1", "Deployment", track_name(name, track), labels(name, track), about | {RUN: served.run_id})
    return own | {"spec": spec}


def _pod(name: str, track: Track, served: Served, deploy: Deploy) -> Object:
    spread = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    volumes = [{"name": "log", "emptyDir": {"sizeLimit": "1Gi"}}, {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}}]
    return {
        **restricted_pod(served, deploy),
        "terminationGracePeriodSeconds": _LINGER + _DRAIN,
        "topologySpreadConstraints": [spread | {"labelSelector": {"matchLabels": selector(name, track)}}],
        "volumes": volumes,
        "containers": [_container(served, deploy)],
    }


def restricted_pod(served: Served, deploy: Deploy) -> Object:
    """What every pod of ours has: no root, no token of the cluster's, nodes that can run the image."""
    user = {"runAsNonRoot": True, "runAsUser": _USER, "runAsGroup": _USER, "fsGroup": _USER}
    account = {"serviceAccountName": deploy.service_account} if deploy.service_account else {}
    pod: Object = {
        "automountServiceAccountToken": False,
        "securityContext": user | {"seccompProfile": {"type": "RuntimeDefault"}},
        "nodeSelector": {"kubernetes.io/os": "linux"},
    }
    return pod | account | _affinity(served)


def _affinity(served: Served) -> Object:
    machines = architectures(served.platforms)
    if not machines:
        return {}
    fits = {"key": "kubernetes.io/arch", "operator": "In", "values": machines}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [fits]}]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}


def architectures(platforms: tuple[str, ...]) -> list[str]:
    """`linux/arm64/v8` as Kubernetes names it: `arm64`."""
    return sorted({platform.split("/")[1] for platform in platforms if platform.startswith("linux/")})


def restricted_container(served: Served) -> Object:
    """What every container of ours has: the image, and no way to more rights."""
    rights: Any = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    return {"image": served.image, "imagePullPolicy": "IfNotPresent", "securityContext": rights}


def _container(served: Served, deploy: Deploy) -> Object:
    asked = {"requests": dict(deploy.pod.requests), "limits": dict(deploy.pod.limits)}
    return {
        "name": "model",
        **restricted_container(served),
        "ports": [{"name": "http", "containerPort": PORT}],
        "resources": {key: value for key, value in asked.items() if value},
        "volumeMounts": [{"name": "log", "mountPath": "/var/log/assay"}, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - the container's own
        "lifecycle": {"preStop": {"sleep": {"seconds": _LINGER}}},
        # a large model may take its time; only then is it asked whether it lives
        "startupProbe": _probe("/livez", periodSeconds=1, failureThreshold=600),
        "readinessProbe": _probe("/readyz", periodSeconds=2, failureThreshold=2),
        "livenessProbe": _probe("/livez", periodSeconds=10, failureThreshold=3),
    }


def _probe(path: str, **times: int) -> Object:
    return {"httpGet": {"path": path, "port": "http"}, "timeoutSeconds": 3, **times}


def service(name: str, deploy: Deploy, *, own: Track | None = None, serves: Track | None = None) -> Object:
    """The Service `<name>`, in front of the track that `serves` (None: both); with `own`, that of one track alone."""
    thing = head("v1", "Service", track_name(name, own) if own else name, labels(name, own))
    ports = [{"name": "http", "port": deploy.port, "targetPort": "http"}]
    return thing | {"spec": {"selector": selector(name, own or serves), "ports": ports}}


def route(name: str, deploy: Deploy, percent: int) -> Object:
    """The Gateway's HTTPRoute with `percent` for the candidate."""
    shares = {STABLE: 100 - percent, CANARY: percent}
    ends = [
        {"name": track_name(name, track), "port": deploy.port, "weight": weight}
        for track, weight in shares.items()
        if weight
    ]
    hosts = {"hostnames": [deploy.host]} if deploy.host else {}
    spec = {"parentRefs": [{"name": deploy.gateway}], **hosts, "rules": [{"backendRefs": ends}]}
    return head("gateway.networking.k8s.io/v1", "HTTPRoute", name, labels(name)) | {"spec": spec}


def budget(name: str) -> Object:
    """At most one pod of what serves may be taken away at a time when a node is emptied."""
    thing = head("policy/v1", "PodDisruptionBudget", name, labels(name))
    return thing | {"spec": {"maxUnavailable": 1, "selector": {"matchLabels": selector(name, STABLE)}}}


def track_objects(name: str, track: Track, served: Served, deploy: Deploy, replicas: int) -> list[Object]:
    """Everything of one track."""
    return [deployment(name, track, served, deploy, replicas), service(name, deploy, own=track)]
