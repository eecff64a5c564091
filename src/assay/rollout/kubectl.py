"""kubectl, the only way to the cluster: every call ends in time, and what it says is told in words that help."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.errors import AssayError, ConfigError, ServiceError
from assay.rollout.credentials import expired

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.config import Deploy

VARIABLES = ("ASSAY_KUBECONFIG", "KUBECONFIG")
MANAGER = "assay"

_SECONDS = 30.0
_PATIENCE = 60.0
OVERTIME = 5.0
_PAUSE = 1.0

Object = dict[str, Any]


class Away(ServiceError):
    """The API server does not answer; it may come back."""


class Stranger(ServiceError):
    """The cluster does not know, or no longer knows, who we are."""


class Conflict(ServiceError):
    """Somebody else has written the object in between, or made it first."""


@dataclass(frozen=True)
class _Trouble:
    pattern: str
    error: type[AssayError]
    what: str
    next: str = ""


# the first that fits counts: a refusal by quota, for instance, says "forbidden" as well
_TROUBLES = (
    _Trouble("exceeded quota", ServiceError, "the namespace's quota is used up", "raise the quota, or ask for less"),
    _Trouble(
        r'namespaces? "[^"]*" not found',
        ConfigError,
        "the namespace does not exist",
        "kubectl create namespace NAME, or correct namespace in [tool.assay.deploy]",
    ),
    _Trouble(
        r"certificate signed by unknown|x509:",
        ServiceError,
        "the API server's certificate is not trusted, or has expired",
        "get a fresh kubeconfig, or have the server's certificate renewed",
    ),
    _Trouble(
        r"Unauthorized|must be logged in|has expired|provide credentials",
        Stranger,
        "the cluster does not accept these credentials: they are wrong, expired or revoked",
        "get a fresh kubeconfig",
    ),
    _Trouble(
        "orbidden",
        ServiceError,
        "these credentials may not do this",
        "grant them the role that Assay's docs/kubernetes.md names",
    ),
    _Trouble(
        r'context "[^"]*" does not exist|context was not found',
        ConfigError,
        "the kubeconfig has no such context",
        "correct context in [tool.assay.deploy]",
    ),
    _Trouble(r"AlreadyExists|the object has been modified|Conflict", Conflict, "somebody else was faster"),
    _Trouble(
        r"is invalid|strict decoding|BadRequest|unknown field|no matches for kind|denied the request|cannot unmarshal",
        ConfigError,
        "the cluster refuses a manifest",
        "look at it with `assay deploy --dry-run`",
    ),
    _Trouble(
        r"refused|timed? ?out|no such host|no route to host|unreachable|deadline|EOF|reset by peer|ServiceUnavailable"
        r"|currently unable|connection lost|broken pipe|etcdserver|handling your request|leader changed|try again",
        Away,
        "the cluster's API server does not answer",
        "check the server's address in the kubeconfig, and whether the cluster is up",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A namespace of a cluster.

    Attributes:
        kubeconfig: File that says where the cluster is and who we are.
        namespace: The namespace that all calls are about.
        context: Context of the kubeconfig; empty for its current one.
    """

    kubeconfig: str
    namespace: str
    context: str = ""

    def argv(self, *arguments: str) -> list[str]:
        """A command line of kubectl."""
        context = [f"--context={self.context}"] if self.context else []
        return ["kubectl", *context, f"--namespace={self.namespace}", *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """The environment that kubectl needs."""
        return os.environ | {"KUBECONFIG": self.kubeconfig}

    def call(self, *arguments: str, data: object = None, seconds: float = _SECONDS, patience: float = _PATIENCE) -> str:
        """What kubectl prints.

        Args:
            arguments: Command and flags; it may be run again, so it must be one that can.
            data: Given to it as JSON.
            seconds: Time limit of one try.
            patience: How long to try again while the API server is away, in seconds.

        Raises:
            ConfigError: Something that the project or the kubeconfig says is wrong.
            ServiceError: The cluster refuses, or does not answer (`Away`); `Conflict` where somebody else was faster.
        """
        until = time.monotonic() + patience
        while True:
            try:
                return self._try(arguments, data, seconds)
            except Away:
                if time.monotonic() > until:
                    raise
                time.sleep(_PAUSE)

    def _try(self, arguments: tuple[str, ...], data: object, seconds: float) -> str:
        command = self.argv(f"--request-timeout={seconds:g}s", *arguments)
        text = "" if data is None else json.dumps(data)
        try:
            done = subprocess.run(
                command,
                env=self.environment,
                input=text,
                capture_output=True,
                text=True,
                timeout=seconds + OVERTIME,
                check=False,
            )
        except FileNotFoundError:
            raise no_kubectl() from None
        except subprocess.TimeoutExpired:
            raise translated(" ".join(arguments[:3]), f"timed out after {seconds:g} s") from None
        if done.returncode:
            raise self._dated(translated(" ".join(arguments[:3]), done.stderr))
        return done.stdout

    def _dated(self, error: AssayError) -> AssayError:
        """The same; where the cluster does not know us, with the date on which our credentials ended."""
        if isinstance(error, Stranger):
            with contextlib.suppress(OSError, ValueError, LookupError, subprocess.SubprocessError):
                told = expired(self._user(), dt.datetime.now(dt.UTC))
                error.what = f"the cluster does not accept these credentials: {told}" if told else error.what
        return error

    def _user(self) -> Object:
        command = self.argv("config", "view", "--raw", "--minify", "--flatten", "--output=json")
        shown = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=OVERTIME, check=True
        )
        user: Object = json.loads(shown.stdout)["users"][0]["user"]
        return user

    def get(self, kind: str, name: str) -> Object | None:
        """An object; None where there is none."""
        text = self.call("get", kind, name, "--ignore-not-found", "--output=json")
        found: Object | None = json.loads(text) if text.strip() else None
        return found

    def list(self, kinds: str, labels: Mapping[str, str]) -> list[Object]:
        """All objects of these kinds (`deployments,pods`) with these labels."""
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        found: list[Object] = json.loads(self.call("get", kinds, f"--selector={selector}", "--output=json"))["items"]
        return found

    def serves_api(self, version: str) -> bool:
        """True where the cluster knows the API group and version."""
        return version in self.call("api-versions").split()

    def apply(self, *objects: Object, dry_run: bool = False) -> None:
        """Make or change objects, server-side; only told what would happen where `dry_run`."""
        flags = ["--server-side", f"--field-manager={MANAGER}", "--force-conflicts", "--filename=-"]
        flags += ["--dry-run=server"] if dry_run else []
        self.call("apply", *flags, data={"apiVersion": "v1", "kind": "List", "items": list(objects)})

    def put(self, verb: str, thing: Object) -> Object:
        """Create or replace `thing`, and give it as it is then.

        Raises:
            Conflict: It was there already, or is no longer what it was when its resourceVersion was read.
        """
        found: Object = json.loads(self.call(verb, "--filename=-", "--output=json", data=thing))
        return found

    def delete(self, kind: str, name: str) -> None:
        """Delete an object, if it is there; it may take a while to go."""
        self.call("delete", kind, name, "--ignore-not-found", "--wait=false")


def cluster_of(deploy: Deploy) -> Cluster:
    """The cluster that ASSAY_KUBECONFIG or KUBECONFIG leads to.

    Raises:
        ConfigError: Neither is set, or there is no such file.
    """
    where = next((os.environ[name] for name in VARIABLES if os.environ.get(name)), "")
    if not where:
        raise ConfigError(
            'the target "kubernetes" needs a kubeconfig',
            where="environment",
            allowed=" or ".join(VARIABLES) + ": the path of one",
        )
    if not any(Path(part).is_file() for part in where.split(os.pathsep)):
        raise ConfigError("there is no such kubeconfig", where=where, allowed="the path of a file")
    return Cluster(kubeconfig=where, namespace=deploy.namespace, context=deploy.context or "")


def no_kubectl() -> ConfigError:
    """The error where the program is missing."""
    what = "kubectl is not installed"
    return ConfigError(what, where="PATH", next="install kubectl, at most one minor version from the cluster's")


def translated(command: str, said: str) -> AssayError:
    """The error that fits what kubectl said."""
    lines = [line for line in said.strip().splitlines() if line and not line.startswith(("Warning:", "E0", "E1", "I1"))]
    last = lines[-1].removeprefix("error: ").removeprefix("Error from server ") if lines else "no reason given"
    where = f"kubectl {command}: {last}"
    for trouble in _TROUBLES:
        if re.search(trouble.pattern, said, re.IGNORECASE):
            return trouble.error(trouble.what, where=where, next=trouble.next)
    return ServiceError("kubectl failed", where=where)
