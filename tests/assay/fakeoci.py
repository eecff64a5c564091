"""A registry as no program here is one: with the referrers API, or without any artifacts. In memory."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGE = b'{"schemaVersion": 2}'
DIGEST = f"sha256:{hashlib.sha256(IMAGE).hexdigest()}"


@contextlib.contextmanager
def registry(*, takes_artifacts: bool) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Its address, and the manifests that were pushed so far."""
    pushed: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, IMAGE if self.path.endswith(DIGEST) else b"{}")

        def do_HEAD(self) -> None:
            self._answer(404)

        def do_POST(self) -> None:
            self._answer(202, Location="/upload")

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if "/manifests/" not in self.path:
                self._answer(201)
            elif takes_artifacts:
                pushed.append(json.loads(body))
                self._answer(201, **{"OCI-Subject": pushed[-1]["subject"]["digest"]})
            else:
                self._answer(400, b'{"errors": [{"code": "MANIFEST_INVALID"}]}')

        def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", pushed
        server.shutdown()
