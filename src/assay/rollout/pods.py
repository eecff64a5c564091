"""Waits for the pods of a Deployment, and finds out early, from the pods themselves, where they will never be ready."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from assay.errors import AssayError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.rollout.kubectl import Cluster, Object

_POLL = 0.5
_LINES = 12
_NO_IMAGE = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
_NO_CONTAINER = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
# once can be a node that went away; a model that ended twice will go on to do so
_RESTARTS = 2


def wait_available(cluster: Cluster, name: str, seconds: float) -> None:
    """Wait until the Deployment `name` is what was applied last, all of it ready, nothing of before left.

    Raises:
        ServiceError: No image, a crash loop, no quota; or not ready within `seconds`.
    """
    until = time.monotonic() + seconds
    while True:
        found = cluster.get("deployment", name)
        if found is None:
            raise ServiceError("the Deployment is gone", where=f"deployment/{name}")
        if _complete(found):
            return
        pods = _own_pods(cluster, found)
        for trouble in _troubles(cluster, found, pods):
            raise trouble
        if time.monotonic() > until:
            raise _never_ready(cluster, found, pods, seconds)
        time.sleep(_POLL)


def wait_running(cluster: Cluster, name: str, seconds: float) -> None:
    """Wait until the pod `name` runs.

    Raises:
        ServiceError: It cannot, or does not within `seconds`.
    """
    until = time.monotonic() + seconds
    while True:
        pod = cluster.get("pod", name) or {"metadata": {"name": name}, "status": {"phase": "gone"}}
        if pod["status"]["phase"] == "Running":
            return
        for trouble in _pod_troubles(cluster, pod):
            raise trouble
        if time.monotonic() > until or pod["status"]["phase"] != "Pending":
            raise ServiceError("a pod does not run", where=f"pod/{name}: {_reason(cluster, pod)}")
        time.sleep(_POLL)


def _complete(found: Object) -> bool:
    status, wanted = found.get("status", {}), found["spec"]["replicas"]
    counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
    return status.get("observedGeneration", 0) >= found["metadata"]["generation"] and counts == [wanted] * 3


def _own_pods(cluster: Cluster, found: Object) -> list[Object]:
    """The pods that are what the Deployment says now."""
    image = found["spec"]["template"]["spec"]["containers"][0]["image"]
    pods = cluster.list("pods", found["spec"]["selector"]["matchLabels"])
    alive = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    return [pod for pod in alive if pod["spec"]["containers"][0]["image"] == image]


def _troubles(cluster: Cluster, found: Object, pods: list[Object]) -> Iterator[AssayError]:
    for condition in found.get("status", {}).get("conditions", []):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            from assay.rollout.kubectl import translated

            yield translated("apply", f"{condition['reason']}: {condition['message']}")
    for pod in pods:
        yield from _pod_troubles(cluster, pod)


def _pod_troubles(cluster: Cluster, pod: Object) -> Iterator[ServiceError]:
    where = f"pod/{pod['metadata']['name']}"
    for status in pod["status"].get("containerStatuses", []):
        waiting = status["state"].get("waiting", {})
        reason, told = waiting.get("reason", ""), waiting.get("message", "")
        if reason in _NO_IMAGE:
            what = "the nodes cannot pull the image"
            yield ServiceError(what, f"{where}: {reason}: {told}", next="publish it where the nodes may pull it")
        elif reason in _NO_CONTAINER:
            yield ServiceError("the container cannot be made", where=f"{where}: {reason}: {told}")
        elif status["restartCount"] >= _RESTARTS or reason == "CrashLoopBackOff":
            yield _crashed(cluster, pod, status)


def _crashed(cluster: Cluster, pod: Object, status: Object) -> ServiceError:
    name = pod["metadata"]["name"]
    ended = (status.get("lastState") or status["state"]).get("terminated", {})
    how = f"{ended.get('reason', 'ended')}, exit code {ended.get('exitCode', '?')}"
    after = "raise limits.memory in [tool.assay.deploy.pod]" if ended.get("reason") == "OOMKilled" else ""
    error = ServiceError(f"the container ends again and again: {how}", where=f"pod/{name}", next=after)
    error.trace = last_lines(cluster, name, previous=True) or last_lines(cluster, name)
    return error


def _never_ready(cluster: Cluster, found: Object, pods: list[Object], seconds: float) -> ServiceError:
    name = found["metadata"]["name"]
    have, wanted = found.get("status", {}).get("availableReplicas", 0), found["spec"]["replicas"]
    sick = next((pod for pod in pods if not _ready(pod)), None)
    where = f"deployment/{name}: {have} of {wanted} pods are ready"
    then = "read its log, or raise ready_timeout in [tool.assay.deploy]"
    error = ServiceError(f"not ready within {seconds:g} s", where=where, next=then)
    if sick:
        error.where += f"; pod/{sick['metadata']['name']}: {_reason(cluster, sick)}"
        error.trace = last_lines(cluster, sick["metadata"]["name"])
    return error


def _ready(pod: Object) -> bool:
    conditions = {c["type"]: c["status"] for c in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True"


def _reason(cluster: Cluster, pod: Object) -> str:
    for condition in pod["status"].get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] != "True":
            return f"no node has room for it: {condition.get('message', '')}"
    selector = f"--field-selector=involvedObject.name={pod['metadata']['name']},type=Warning"
    events = json.loads(cluster.call("get", "events", selector, "--output=json"))["items"]
    return str(events[-1]["message"]) if events else str(pod["status"].get("phase", "unknown"))


def last_lines(cluster: Cluster, pod: str, *, previous: bool = False) -> str:
    """What the pod printed last; empty where nothing is to be had."""
    flags = ["--previous"] if previous else []
    try:
        return cluster.call("logs", pod, f"--tail={_LINES}", *flags, patience=0).rstrip()
    except AssayError:
        return ""
