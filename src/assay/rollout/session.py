"""Requests from inside the cluster: a pod of its own asks them, and kubectl carries them there and back.

A port-forward would not do: it sees one pod only, whatever the Service does.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import subprocess
import time
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from assay.errors import ServiceError
from assay.rollout.manifests import PORT, head, restricted_container, restricted_pod
from assay.rollout.pods import wait_running
from assay.rollout.traffic import Reply, first_prediction

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from assay.config import Deploy
    from assay.rollout.kubectl import Cluster, Object
    from assay.rollout.manifests import Served
    from assay.rollout.splits import Address

TIMEOUT = 10.0

_LONGEST = 3600
_TRIES = 5


def traffic_pod(name: str, served: Served, deploy: Deploy) -> Object:
    """A pod that waits to be told what to ask; the cluster ends it after an hour, whatever becomes of us."""
    container = {"name": "traffic", **restricted_container(served)}
    container["command"] = ["python", "-c", f"import time; time.sleep({_LONGEST})"]
    container["resources"] = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}}
    spec = {**restricted_pod(served, deploy), "containers": [container], "restartPolicy": "Never"}
    spec |= {"activeDeadlineSeconds": _LONGEST, "terminationGracePeriodSeconds": 0}
    return head("v1", "Pod", name, traffic_labels(name.rpartition("-")[0])) | {"spec": spec}


def traffic_labels(name: str) -> dict[str, str]:
    """Labels of the pods that ask; no Service may take them for a model."""
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/managed-by": "assay"}


@dataclass
class Session:
    """The asker in its pod.

    Attributes:
        cluster: Where the pod is.
        pod: Its name.
    """

    cluster: Cluster
    pod: str
    _process: subprocess.Popen[bytes] | None = None
    _rest: bytes = field(default=b"", init=False)

    def ask(self, address: Address, rows: Sequence[Mapping[str, Any]], asked: int) -> list[Reply]:
        """Ask at `address` about each row; a reply that says no version counts for the version `asked`.

        Raises:
            ServiceError: The pod cannot be reached any more.
        """
        named = {"host": address.name} if address.name else {}
        fixed = {"host": address.host, "port": address.port, "headers": named, "timeout": TIMEOUT}
        lines = [json.dumps({**fixed, "record": row}) + "\n" for row in rows]
        for _ in range(_TRIES):
            # a connection to the pod may break at any time: the same questions are then asked again
            with contextlib.suppress(OSError):
                return [_reply(json.loads(answer), asked) for answer in self._exchange(lines)]
            self.close()
            wait_running(self.cluster, self.pod, TIMEOUT)
        what, then = "the pod that sends the requests cannot be reached", "see whether the image has python in it"
        raise ServiceError(what, where=f"pod/{self.pod}", next=then)

    def _exchange(self, lines: Sequence[str]) -> list[bytes]:
        process = self._process = self._process or self._start()
        assert process.stdin is not None  # noqa: S101 - it was started with a pipe
        process.stdin.write("".join(lines).encode())
        process.stdin.flush()
        return [self._line(process) for _ in lines]

    def _start(self) -> subprocess.Popen[bytes]:
        source = (files("assay.rollout") / "asker.py").read_text(encoding="utf-8")
        command = self.cluster.argv("exec", "--stdin", self.pod, "--", "python", "-u", "-c", source)
        pipe, environment = subprocess.PIPE, self.cluster.environment
        return subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)

    def _line(self, process: subprocess.Popen[bytes]) -> bytes:
        assert process.stdout is not None  # noqa: S101 - it was started with a pipe
        until = time.monotonic() + 2 * TIMEOUT
        while b"\n" not in self._rest:
            left = until - time.monotonic()
            readable = left > 0 and select.select([process.stdout], [], [], left)[0]
            part = os.read(process.stdout.fileno(), 2**16) if readable else b""
            if not part:
                raise BrokenPipeError
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def close(self) -> None:
        """End the connection to the pod."""
        if self._process:
            self._process.kill()
            self._process.communicate()
        self._process, self._rest = None, b""


@contextlib.contextmanager
def session_in(cluster: Cluster, name: str, served: Served, deploy: Deploy, seconds: float) -> Iterator[Session]:
    """A session in a new pod beside the model `name`; the pod stays until the deploy is over.

    Raises:
        ServiceError: It does not run within `seconds`.
    """
    pod = f"{name}-traffic-{secrets.token_hex(3)}"
    cluster.apply(traffic_pod(pod, served, deploy))
    wait_running(cluster, pod, seconds)
    session = Session(cluster, pod)
    try:
        yield session
    finally:
        session.close()


def _reply(answer: Mapping[str, Any], asked: int) -> Reply:
    said = answer["version"] or ""
    version = int(said) if said.isascii() and said.isdigit() else None
    prediction, probabilities = first_prediction(answer["body"])
    return Reply(asked, version, answer["status"], answer["ms"], prediction, probabilities)


@contextlib.contextmanager
def forwarded(cluster: Cluster, what: str) -> Iterator[str]:
    """The address of `what` (`deployment/name`) on this machine, while it is needed.

    Raises:
        ServiceError: kubectl does not get through.
    """
    command = cluster.argv("port-forward", what, f":{PORT}")
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=cluster.environment, stdout=pipe, stderr=subprocess.STDOUT) as process:
        try:
            yield f"http://{_forwarded_to(process, what)}"
        finally:
            process.kill()


def _forwarded_to(process: subprocess.Popen[bytes], what: str) -> str:
    assert process.stdout is not None  # noqa: S101 - it was started with a pipe
    ready = select.select([process.stdout], [], [], TIMEOUT)[0]
    said = process.stdout.readline().decode(errors="replace").split() if ready else []
    if said[:2] != ["Forwarding", "from"]:
        raise ServiceError("kubectl port-forward does not get through", where=f"{what}: {' '.join(said)}")
    return said[2]
