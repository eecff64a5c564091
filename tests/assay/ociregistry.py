"""A real registry of its own for a test: Debian's docker-registry on a free port of this machine."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING, Any

import bcrypt
import pytest
import requests
from helpers import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = b'{"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers"}}'
ACCEPT = {"Accept": f"{MANIFEST}, {INDEX}"}


@contextlib.contextmanager
def registry(folder: Path, user: str = "", password: str = "") -> Iterator[str]:
    """The address of a running registry, which asks for a password where one is given."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("docker-registry is not installed")
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    config: dict[str, Any] = {"version": 0.1, "log": {"level": "error"}, "http": {"addr": host}}
    config["storage"] = {"filesystem": {"rootdirectory": str(folder / "blobs")}}
    if user:
        (folder / "users").write_text(f"{user}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()}\n")
        config["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "users")}}
    (folder / "config.yml").write_text(json.dumps(config))
    command = [program, "serve", str(folder / "config.yml")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            assert wait_until(lambda: _answers(host)), "the registry does not answer"
            yield host
        finally:
            process.terminate()


def _answers(host: str) -> bool:
    try:
        return requests.get(f"http://{host}/v2/", timeout=1).status_code in {200, 401}
    except requests.ConnectionError:
        return False


def push_image(host: str, name: str, auth: tuple[str, str] | None = None, *, config: bytes = CONFIG) -> str:
    """Push a small image; gives `host/name@sha256:...`."""
    about = _push(host, name, config, auth)
    layer = _push(host, name, b"layer", auth)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **about},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **layer}],
    }
    return push_manifest(host, name, json.dumps(manifest).encode(), MANIFEST, auth)


def push_manifest(host: str, name: str, raw: bytes, kind: str, auth: tuple[str, str] | None = None) -> str:
    """Push a manifest or an index; gives `host/name@sha256:...`."""
    digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    url = f"http://{host}/v2/{name}/manifests/{digest}"
    requests.put(url, data=raw, headers={"Content-Type": kind}, auth=auth, timeout=5).raise_for_status()
    return f"{host}/{name}@{digest}"


def _push(host: str, name: str, content: bytes, auth: tuple[str, str] | None) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    begun = requests.post(f"http://{host}/v2/{name}/blobs/uploads/", auth=auth, timeout=5)
    where = begun.headers["Location"]
    requests.put(where, params={"digest": digest}, data=content, auth=auth, timeout=5).raise_for_status()
    return {"digest": digest, "size": len(content)}


def manifest_of(host: str, name: str, reference: str) -> dict[str, Any]:
    """A manifest or an index, as the registry has it."""
    answer = requests.get(f"http://{host}/v2/{name}/manifests/{reference}", headers=ACCEPT, timeout=5)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def blob_of(host: str, name: str, digest: str) -> bytes:
    """A blob's bytes."""
    answer = requests.get(f"http://{host}/v2/{name}/blobs/{digest}", timeout=5)
    answer.raise_for_status()
    return answer.content
