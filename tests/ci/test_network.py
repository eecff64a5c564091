"""How the module's containers reach the outside where a company has its own index, authorities and proxy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from dagger import dag

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay_ci.main import Assay
    from fake_engine import FakeEngine

anyio = pytest.mark.anyio
INDEX = "https://mirror.example/simple"
PIP = "/root/.config/pip/pip.conf"


def secrets_of(engine: FakeEngine) -> dict[str, str]:
    """Every secret that the module made: its name and what it holds."""
    made = [chain[0][1] for chain in engine.ids.values() if chain[0][0] == "setSecret"]
    return {secret["name"]: secret["plaintext"] for secret in made}


def builds(engine: FakeEngine) -> list[dict[str, Any]]:
    """The arguments of each build of an image."""
    return [a for chain in engine.ids.values() for name, a in chain if name == "dockerBuild"]


@anyio
async def test_base_image_and_index_are_those_given(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    await assay(base_image="mirror.example/python:3.13-slim", index_url=INDEX).full()
    assert {e.image for e in engine.execs} == {"mirror.example/python:3.13-slim"}
    assert secrets_of(engine) == {"pip.conf": f"[global]\nindex-url = {INDEX}\n"}
    assert all(json.loads(engine.describe(e.secrets[PIP])) == "secret pip.conf" for e in engine.execs)


@anyio
async def test_an_image_is_built_with_the_same_index(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    await assay(index_url=INDEX, ca_bundle=dag.directory().with_new_file("a", "CERTIFICATE").file("a")).full()
    assert builds(engine)
    for arguments in builds(engine):
        assert sorted(json.loads(engine.describe(key)) for key in arguments["secrets"]) == [
            "secret ca.pem",
            "secret pip.conf",
        ]


@anyio
async def test_a_password_of_the_index_is_only_in_a_secret(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    password = dag.set_secret("index", "p@ss/word:1%")
    await assay(index_url=INDEX, index_username="ada@corp", index_password=password).history()
    assert secrets_of(engine)["pip.conf"] == (
        "[global]\nindex-url = https://ada%40corp:p%40ss%2Fword%3A1%25@mirror.example/simple\n"
    )
    assert all("p%40ss" not in json.dumps([e.env, e.args, e.installs]) for e in engine.execs)


@anyio
async def test_authorities_hold_for_pip_and_for_all_else(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    await assay(ca_bundle=dag.directory().with_new_file("a", "CERTIFICATE").file("a")).history()
    assert secrets_of(engine) == {"ca.pem": "CERTIFICATE", "pip.conf": "[global]\ncert = /run/secrets/ca.pem\n"}
    for done in engine.execs:
        assert {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE"} <= done.env.keys()
        assert done.env["SSL_CERT_FILE"] == "/run/secrets/ca.pem"
        assert "/run/secrets/ca.pem" in done.secrets


@anyio
async def test_a_proxy_is_used_but_for_neighbours(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    proxy = dag.set_secret("proxy", "http://ada:pw@proxy.example:3128")
    await assay(proxy=proxy, no_proxy="registry.example").history()
    assert secrets_of(engine)["pip.conf"] == "[global]\nproxy = http://ada:pw@proxy.example:3128\n"
    for done in engine.execs:
        assert {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} <= done.secrets.keys()
        assert done.env["NO_PROXY"] == "registry.example,localhost,127.0.0.1,candidate,stable"
        assert "proxy.example" not in json.dumps([done.env, done.args, done.installs])


@anyio
async def test_without_any_of_it_nothing_is_set(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    await assay().full()
    assert secrets_of(engine) == {}
    assert all(PIP not in e.secrets and "SSL_CERT_FILE" not in e.env for e in engine.execs)
    assert all(not arguments.get("secrets") for arguments in builds(engine))
