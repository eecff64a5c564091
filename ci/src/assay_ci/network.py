"""The way out of a company's network: its package index, its certificate authorities, its proxy."""

from dataclasses import replace
from urllib.parse import quote

import dagger
from dagger import dag

from assay_ci.settings import Settings

_CA = "/run/secrets/ca.pem"
# pip's file for the user goes before what the base image has in /etc, and leaves the rest of that in force
_PIP = "/root/.config/pip/pip.conf"
_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")
_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
_HERE = "localhost,127.0.0.1,candidate,stable"


async def prepared(settings: Settings) -> Settings:
    """`settings` with the files for pip and TLS that follow from them, as secrets: an index may ask for a password."""
    secrets: dict[str, dagger.Secret] = {}
    if settings.ca_bundle:
        secrets["ca.pem"] = dag.set_secret("ca.pem", await settings.ca_bundle.contents())
    lines = await _pip_lines(settings)
    if lines:
        secrets["pip.conf"] = dag.set_secret("pip.conf", "\n".join(["[global]", *lines, ""]))
    return replace(settings, network=secrets)


async def _pip_lines(settings: Settings) -> list[str]:
    lines = []
    if settings.index_url:
        # pip expands ${NAME} there, and quoting leaves no such thing in a password
        lines.append(f"index-url = {await _with_login(settings)}")
    if settings.ca_bundle:
        lines.append(f"cert = {_CA}")
    if settings.proxy:
        lines.append(f"proxy = {await settings.proxy.plaintext()}")
    return lines


async def _with_login(settings: Settings) -> str:
    scheme, mark, rest = settings.index_url.partition("://")
    if not (mark and settings.index_password):
        return settings.index_url
    password = quote(await settings.index_password.plaintext(), safe="")
    return f"{scheme}://{quote(settings.index_username, safe='')}:{password}@{rest}"


def reaching(settings: Settings, container: dagger.Container) -> dagger.Container:
    """`container` with that way out, for pip and for everything else that it will run."""
    for name, path in (("ca.pem", _CA), ("pip.conf", _PIP)):
        if name in settings.network:
            container = container.with_mounted_secret(path, settings.network[name])
    if settings.ca_bundle:
        for name in _CA_VARIABLES:
            container = container.with_env_variable(name, _CA)
    if settings.proxy:
        for name in _PROXY_VARIABLES:
            container = container.with_secret_variable(name, settings.proxy)
        # the model's servers are neighbours, which no proxy knows
        around = ",".join(filter(None, [settings.no_proxy, _HERE]))
        container = container.with_env_variable("NO_PROXY", around).with_env_variable("no_proxy", around)
    return container
