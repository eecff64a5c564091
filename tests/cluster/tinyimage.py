"""Pushes an image of one static program, without any builder. Standard library only: the cluster's scripts run it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import sys
import tarfile
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

_OCI = "application/vnd.oci.image."


def push(host: str, name: str, program: Path, tag: str = "1") -> str:
    """Push an image that runs `program` as a user without rights; gives `host/name@sha256:...`."""
    layer = _layer(program)
    about: dict[str, Any] = {"architecture": "amd64", "os": "linux"}
    about["config"] = {"Entrypoint": [f"/{program.name}"], "User": "65535:65535"}
    about["rootfs"] = {"type": "layers", "diff_ids": [_digest(layer)]}
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}manifest.v1+json",
        "config": _blob(host, name, json.dumps(about).encode(), "config.v1+json"),
        "layers": [_blob(host, name, gzip.compress(layer, mtime=0), "layer.v1.tar+gzip")],
    }
    raw = json.dumps(manifest).encode()
    _send("PUT", f"http://{host}/v2/{name}/manifests/{tag}", raw, manifest["mediaType"])
    return f"{host}/{name}@{_digest(raw)}"


def _layer(program: Path) -> bytes:
    content, buffer = program.read_bytes(), io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(program.name)
        entry.size, entry.mode = len(content), 0o755
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _blob(host: str, name: str, content: bytes, kind: str) -> dict[str, Any]:
    begun = f"http://{host}/v2/{name}/blobs/uploads/"
    where = urljoin(begun, _send("POST", begun, b""))
    _send("PUT", f"{where}{'&' if '?' in where else '?'}digest={_digest(content)}", content)
    return {"mediaType": _OCI + kind, "digest": _digest(content), "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _send(method: str, url: str, body: bytes, kind: object = "application/octet-stream") -> str:
    """The address that the registry answers with."""
    request = urllib.request.Request(url, body, {"Content-Type": str(kind)}, method=method)  # noqa: S310 - http, as written above
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return str(answer.headers.get("Location", ""))


if __name__ == "__main__":
    print(push(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
