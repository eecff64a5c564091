"""Images of made-up models for the cluster: a base image with Python in it, and a server given as a command line."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from typing import Any

HOST = "localhost:5000"
BASE = ("library/python", "3.13-slim")
REPOSITORY = "assay-rollout"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"

SERVER = """
import json, os, random, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
set = lambda key, default: type(default)(os.environ.get(key, default))
version, fail, delay, shift = set("VERSION", 1), set("FAIL", 0.0), set("DELAY", 0.0), set("SHIFT", 0)
column, version = set("COLUMN", "x"), set("SAYS", version)
if set("CRASH", 0):
    sys.exit("the model file is damaged")
class Handler(BaseHTTPRequestHandler):
    protocol_version, wbufsize = "HTTP/1.1", -1
    def do_GET(self):
        self.reply(503 if self.path == "/readyz" and set("NEVER", 0) else 200, {})
    def do_POST(self):
        rows = json.loads(self.rfile.read(int(self.headers["content-length"])))["records"]
        time.sleep(delay)
        answer = [("yes" if row[column] > 0 or shift else "no") for row in rows]
        self.reply(500 if random.random() < fail else 200, {"predictions": answer, "probabilities": None})
    def reply(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.send_header("x-model-version", str(version))
        self.end_headers()
        self.wfile.write(data)
    def log_message(self, *_):
        pass
print("serving version", version, flush=True)
ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""


def push_model(version: int, **behaviour: float | str) -> str:
    """Push an image that serves `version`; gives its address by digest.

    Args:
        version: What it says it is.
        behaviour: FAIL (share of errors), DELAY (seconds), SHIFT, CRASH, NEVER (ready), COLUMN (the one it knows), SAYS
            (another version).
    """
    manifest = _get(f"{BASE[0]}/manifests/{BASE[1]}")
    config = _get(f"{BASE[0]}/blobs/{manifest['config']['digest']}")
    environment = {"VERSION": version, **behaviour}
    config["config"] = {
        **config.get("config", {}),
        "Env": [*config.get("config", {}).get("Env", []), *(f"{key}={value}" for key, value in environment.items())],
        "Cmd": ["python", "-u", "-c", SERVER],
    }
    manifest["config"] |= _put(json.dumps(config).encode())
    for layer in manifest["layers"]:
        _mount(layer["digest"])
    raw = json.dumps(manifest | {"mediaType": _MANIFEST}).encode()
    digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    _send("PUT", f"{REPOSITORY}/manifests/{digest}", raw, _MANIFEST)
    return f"{HOST}/{REPOSITORY}@{digest}"


def _get(path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_send("GET", path)[0])
    return found


def _put(content: bytes) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    where = _send("POST", f"{REPOSITORY}/blobs/uploads/", b"")[1]
    joint = "&" if "?" in where else "?"
    _send("PUT", f"{where}{joint}digest={digest}", content)
    return {"digest": digest, "size": len(content)}


def _mount(digest: str) -> None:
    _send("POST", f"{REPOSITORY}/blobs/uploads/?mount={digest}&from={BASE[0]}", b"")


def _send(
    method: str, path: str, data: bytes | None = None, kind: str = "application/octet-stream"
) -> tuple[bytes, str]:
    url = path if path.startswith("http") else f"http://{HOST}/v2/{path}"
    headers = {"Content-Type": kind, "Accept": _MANIFEST}
    request = urllib.request.Request(url, data=data, method=method, headers=headers)  # noqa: S310 - a registry nearby
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return answer.read(), answer.headers.get("Location", "")
