"""Credentials that have ended are told with their date, and whatever else they are is nobody's crash."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from assay.rollout.credentials import expired
from assay.rollout.kubectl import Cluster, Stranger

if TYPE_CHECKING:
    from pathlib import Path

NOW = dt.datetime(2026, 11, 28, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def certificate(end: dt.datetime) -> str:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, end - 10 * HOUR, end).sign(key, SHA256())
    return base64.b64encode(made.public_bytes(Encoding.PEM)).decode()


def token(**claims: Any) -> str:
    text = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{text}.c2lnbmVk"


@pytest.mark.parametrize(
    ("user", "told"),
    [
        (
            {"client-certificate-data": certificate(NOW - HOUR)},
            "the kubeconfig's client certificate expired at 2026-11-28 11:00:00 UTC",
        ),
        ({"client-certificate-data": certificate(NOW + HOUR)}, ""),
        (
            {"token": token(exp=int((NOW - HOUR).timestamp()))},
            "the kubeconfig's token expired at 2026-11-28 11:00:00 UTC",
        ),
        ({"token": token(exp=int((NOW + HOUR).timestamp()))}, ""),
        ({"token": token(sub="me")}, ""),
        ({"token": token(exp="soon")}, ""),
        ({"token": token(exp=1e300)}, ""),
        ({"token": token(exp=None)}, ""),
        ({"token": "just letters"}, ""),
        ({"token": "a.ü.c"}, ""),
        ({"token": None}, ""),
        ({"client-certificate-data": "no certificate"}, ""),
        ({"client-certificate-data": base64.b64encode(b"nor this").decode()}, ""),
        ({"exec": {"command": "login"}}, ""),
        ({}, ""),
    ],
)
def test_what_is_past_its_end(user: dict[str, Any], told: str) -> None:
    assert expired(user, NOW) == told


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (json.dumps({"users": [{"user": {"token": token(exp=0)}}]}), "the kubeconfig's token expired at 1970-01-01"),
        (json.dumps({"users": []}), "they are wrong, expired or revoked"),
        ("nothing to read", "they are wrong, expired or revoked"),
    ],
)
def test_a_cluster_that_does_not_know_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, what: str) -> None:
    program = tmp_path / "kubectl"
    script = f"case \"$*\" in *'config view'*) echo '{said}';; *) echo Unauthorized >&2; exit 1;; esac"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(Stranger) as caught:
        Cluster(kubeconfig="the/config", namespace="ml").call("get", "pods")
    assert what in caught.value.what
    assert caught.value.next == "get a fresh kubeconfig"
