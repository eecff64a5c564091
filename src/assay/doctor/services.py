"""Looks at what a run talks to: Dagger and its engine, registry, cluster, tracking server."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import urllib.error
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from assay.doctor.examination import Finding, asked, fail, ok, warn
from assay.environment import toolkit_file
from assay.errors import Exit, ServiceError
from assay.rollout.kubectl import cluster_of, no_kubectl
from assay.tracking.store import STORE_VARIABLE, prepare, served, without_password

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.config import Deploy

_HOST = "_EXPERIMENTAL_DAGGER_RUNNER_HOST"
_SECONDS = 4.0
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
_SETTINGS, _FRAME_TYPE = 4, 3
_LOCAL = re.compile(r"^(localhost|127\.|\[?::1)")
_ALL = ("get", "list", "create", "patch", "update", "delete")
_RIGHTS = (
    *(("apps", "deployments", verb) for verb in _ALL),
    *(("", kind, verb) for kind in ("services", "pods") for verb in _ALL),
    *(("policy", "poddisruptionbudgets", verb) for verb in _ALL),
    *(("coordination.k8s.io", "leases", verb) for verb in _ALL),
    ("discovery.k8s.io", "endpointslices", "list"),
    ("", "events", "list"),
    ("", "pods/log", "get"),
    ("", "pods/exec", "create"),
    ("", "pods/portforward", "create"),
)


def dagger() -> Iterator[Finding]:
    """The command, in the version that the module is made for."""
    wanted = _wanted()
    then = f"install {wanted}: https://docs.dagger.io/install (only `dagger call` needs it)"
    if not shutil.which("dagger"):
        yield warn("dagger", "not installed; `assay run` works without", then)
        return
    found = re.search(r"v\d+\.\d+\.\d+\S*", asked("dagger", "version").stdout)
    if not found:
        yield warn("dagger", "`dagger version` tells no version", then)
    elif found.group() != wanted:
        yield warn("dagger", f"{found.group()}, where the module is made for {wanted}", then)
    else:
        yield ok("dagger", found.group())


def _wanted() -> str:
    return str(json.loads(toolkit_file("dagger.json").read_text(encoding="utf-8"))["engineVersion"])


def engine() -> Iterator[Finding]:
    """Whether an engine answers, or can be started."""
    host = os.environ.get(_HOST, "")
    if host.startswith(("unix://", "tcp://")):
        why = _answers(host)
        then = f"start the engine, or unset {_HOST}"
        yield warn("dagger engine", f"{host}: {why}", then) if why else ok("dagger engine", f"answers at {host}")
        return
    tool = next((name for name in ("docker", "podman", "nerdctl") if shutil.which(name)), "")
    if not tool:
        then = f"install Docker or Podman, or name a running engine by {_HOST}"
        yield warn("dagger engine", "nothing here that could run it; `assay run` works without", then)
        return
    if asked(tool, "info").returncode:
        yield warn("dagger engine", f"{tool} does not answer", f"start {tool}; dagger starts its engine there")
    else:
        yield ok("dagger engine", f"{tool} answers; dagger starts its engine there")


def _answers(host: str) -> str:
    """Why no engine answers at `host`; empty where one does."""
    address = urlsplit(host)
    try:
        with socket.socket(socket.AF_UNIX if address.scheme == "unix" else socket.AF_INET) as channel:
            channel.settimeout(_SECONDS)
            path = host.removeprefix("unix://")
            channel.connect(path if address.scheme == "unix" else (address.hostname or "", address.port or 0))
            # a socket that is listened at is not yet an engine: it has to speak HTTP/2, as gRPC does
            channel.sendall(_PREFACE)
            said = channel.recv(9)
    except (OSError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error)
    return "" if len(said) > _FRAME_TYPE and said[_FRAME_TYPE] == _SETTINGS else "something else answers there"


def registry(reference: str) -> Iterator[Finding]:
    """The container registry that the image is to be published to."""
    host = reference.partition("/")[0]
    scheme = "http" if _LOCAL.match(host) else "https"
    try:
        with urllib.request.urlopen(f"{scheme}://{host}/v2/", timeout=_SECONDS) as answer:  # noqa: S310 - http(s) only
            yield ok("registry", f"{host} answers ({answer.status}), without login")
    except urllib.error.HTTPError as error:
        if error.code == 401:  # noqa: PLR2004 - it wants to know who we are
            yield ok("registry", f"{host} answers, and asks for a login")
        else:
            yield fail("registry", f"{host} answers {error.code}", "is that a container registry?", Exit.SERVICE)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        yield fail("registry", f"{host} does not answer: {reason}", "check name, network and proxy", Exit.SERVICE)


def tracking() -> Iterator[Finding]:
    """The MLflow store."""
    store = os.environ.get(STORE_VARIABLE) or "SQLite below .assay/mlflow"
    prepare(store)
    if served(store):
        yield ok("tracking", f"{without_password(store)} answers")
    else:
        yield ok("tracking", f"embedded, {without_password(store)}")


def cluster(deploy: Deploy) -> Iterator[Finding]:
    """kubectl, kubeconfig, namespace and rights."""
    if not shutil.which("kubectl"):
        raise no_kubectl()
    there = cluster_of(deploy)
    quick = {"seconds": _SECONDS / 2, "patience": 0.0}
    said = there.call("create", "--filename=-", "--output=json", data=_review(deploy.namespace), **quick)
    rules = json.loads(said)["status"]
    with contextlib.suppress(ServiceError):
        # who may only work within the namespace may not look at it
        there.call("get", "namespace", deploy.namespace, "--output=name", **quick)
    missing = [f"{verb} {kind}" for group, kind, verb in _RIGHTS if not _allowed(rules, group, kind, verb)]
    if missing and not rules.get("incomplete"):
        told = f"these credentials may not {', '.join(missing[:4])}" + (" and more" if len(missing) > 4 else "")  # noqa: PLR2004
        yield fail("cluster", told, f"grant them in namespace {deploy.namespace}", Exit.SERVICE)
    else:
        yield ok("cluster", f"namespace {deploy.namespace}; the credentials may deploy there")


def _review(namespace: str) -> dict[str, object]:
    kind = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview"}
    return {**kind, "spec": {"namespace": namespace}}


def _allowed(rules: dict[str, object], group: str, kind: str, verb: str) -> bool:
    found = rules.get("resourceRules", [])
    assert isinstance(found, list)  # noqa: S101 - as the API promises
    return any(
        {group, "*"} & set(rule.get("apiGroups", ()))
        and {kind, "*"} & set(rule["resources"])
        and {verb, "*"} & set(rule["verbs"])
        for rule in found
        if not rule.get("resourceNames")
    )
