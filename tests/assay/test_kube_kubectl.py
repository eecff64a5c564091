"""kubectl as it behaves and as it complains: limits, second tries, and words that help."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from assay.config import Deploy
from assay.errors import AssayError, ConfigError, ServiceError
from assay.rollout.kubectl import Away, Cluster, Conflict, Stranger, cluster_of, translated

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CLUSTER = Cluster(kubeconfig="the/config", namespace="ml", context="prod")
KUBECTL = Deploy(target="kubernetes", namespace="ml", context="prod")


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a script in kubectl's place; gives the folder where it may leave something."""

    def put(script: str) -> Path:
        program = tmp_path / "kubectl"
        program.write_text(f"#!/bin/sh\ncd {tmp_path}\n{script}\n", encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return tmp_path

    return put


def test_what_is_called(kubectl: Callable[[str], Path]) -> None:
    kubectl('echo "$KUBECONFIG $@"; cat')
    said = CLUSTER.call("apply", "--filename=-", data={"kind": "Pod"}, seconds=7)
    assert said == 'the/config --context=prod --namespace=ml --request-timeout=7s apply --filename=-\n{"kind": "Pod"}'


@pytest.mark.parametrize(
    ("said", "error", "told"),
    [
        (
            'Error from server (Forbidden): pods "a" is forbidden: exceeded quota: full, used: pods=2, limited: pods=2',
            ServiceError,
            "quota is used up",
        ),
        ('Error from server (NotFound): namespaces "ml" not found', ConfigError, "the namespace does not exist"),
        ("error: You must be logged in to the server (Unauthorized)", Stranger, "not accept these credentials"),
        (
            "Unable to connect to the server: tls: failed to verify certificate: x509: certificate has expired",
            ServiceError,
            "the API server's certificate is not trusted, or has expired",
        ),
        (
            'Error from server (Forbidden): leases.coordination.k8s.io "a" is forbidden: User "b" cannot get resource',
            ServiceError,
            "may not do this",
        ),
        ('error: context "prod" does not exist', ConfigError, "no such context"),
        ("The connection to the server 10.0.0.1:6443 was refused - did you specify the right host", Away, "not answer"),
        ("Unable to connect to the server: dial tcp: lookup nowhere: no such host", Away, "does not answer"),
        ("Unable to connect to the server: net/http: TLS handshake timeout", Away, "does not answer"),
        ("error: the server is currently unable to handle the request", Away, "does not answer"),
        ("Error from server: etcdserver: request timed out", Away, "does not answer"),
        ('Error from server (AlreadyExists): leases "a" already exists', Conflict, "somebody else was faster"),
        (
            "Error from server (Conflict): Operation cannot be fulfilled: the object has been modified",
            Conflict,
            "somebody else was faster",
        ),
        ('The Deployment "a" is invalid: spec.replicas: Invalid value: -1', ConfigError, "refuses a manifest"),
        ("error: something that nobody has seen before", ServiceError, "kubectl failed"),
        ("", ServiceError, "kubectl failed"),
    ],
    ids=[
        "quota", "namespace", "unauthorized", "expired", "forbidden", "context", "refused", "no host", "handshake",
        "unavailable", "etcd", "exists", "modified", "invalid", "unknown", "silent",
    ],
)  # fmt: skip
def test_what_kubectl_says_is_told_in_words_that_help(said: str, error: type[AssayError], told: str) -> None:
    found = translated("get lease a", f"Warning: something else\n{said}\n")
    assert type(found) is error
    assert told in found.what
    assert found.where.startswith("kubectl get lease a: ")
    assert "Warning" not in found.where


def test_a_server_that_comes_back_is_waited_for(kubectl: Callable[[str], Path]) -> None:
    folder = kubectl('echo x >> tries; [ "$(wc -l < tries)" -gt 1 ] && exit 0; echo "connection refused" >&2; exit 1')
    assert CLUSTER.call("get", "pods") == ""
    assert (folder / "tries").read_text(encoding="utf-8") == "x\nx\n"


def test_a_server_that_stays_away_is_given_up(kubectl: Callable[[str], Path]) -> None:
    kubectl('echo "connection refused" >&2; exit 1')
    with pytest.raises(Away):
        CLUSTER.call("get", "pods", patience=0)


def test_a_call_that_hangs_is_ended(kubectl: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.rollout.kubectl.OVERTIME", 0.2)
    kubectl("exec sleep 30")
    started = time.monotonic()
    with pytest.raises(Away, match="does not answer"):
        CLUSTER.call("get", "pods", seconds=0.1, patience=0)
    assert time.monotonic() - started < 20


def test_no_kubectl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="kubectl is not installed"):
        CLUSTER.call("get", "pods")


def test_nothing_there_is_no_error(kubectl: Callable[[str], Path]) -> None:
    kubectl("exit 0")
    assert CLUSTER.get("lease", "a") is None


def test_the_kubeconfig_is_a_file_that_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ASSAY_KUBECONFIG", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="needs a kubeconfig"):
        cluster_of(KUBECTL)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="no such kubeconfig"):
        cluster_of(KUBECTL)
    own = tmp_path / "own"
    own.touch()
    monkeypatch.setenv("ASSAY_KUBECONFIG", str(own))
    assert cluster_of(KUBECTL) == Cluster(kubeconfig=str(own), namespace="ml", context="prod")
