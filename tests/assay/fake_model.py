"""A model server for tests that can be told how to misbehave."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def sign(row: dict[str, Any]) -> str:
    return "yes" if row["x"] > 0 else "no"


@dataclass
class FakeModel:
    """How a server behaves, and how many predictions it was asked for.

    Attributes:
        version: What it says in x-model-version; None says nothing.
        predict: Features of a row to prediction.
        fail: Numbers of requests (from 1) to status 500.
        delay: Seconds before each answer.
        dies_after: It closes every connection without a word after this many requests.
        ready: What /readyz says.
        body: Sent as it is instead of an answer.
        trickle: The body comes byte by byte, this many seconds apart.
    """

    version: int | None = 1
    predict: Callable[[dict[str, Any]], Any] = sign
    fail: Callable[[int], bool] = lambda _number: False
    delay: float = 0.0
    dies_after: int = 10**9
    ready: bool = True
    body: bytes | None = None
    trickle: float = 0.0
    asked: int = 0

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve on a free port and give the URL."""
        model = self

        class Handler(_Handler):
            fake = model

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    fake: FakeModel
    protocol_version = "HTTP/1.1"
    # head and body in one packet, or the kernel makes every answer wait 40 ms for an acknowledgement
    wbufsize = -1
    timeout = 5

    def do_GET(self) -> None:
        self._send(200 if self.fake.ready else 503, b"{}")

    def do_POST(self) -> None:
        fake = self.fake
        fake.asked += 1
        number = fake.asked
        rows = json.loads(self.rfile.read(int(self.headers["content-length"])))["records"]
        if number > fake.dies_after:
            self.close_connection = True
            return
        time.sleep(fake.delay)
        answer = {"predictions": [fake.predict(row) for row in rows], "probabilities": None, "version": fake.version}
        body = fake.body if fake.body is not None else json.dumps(answer).encode()
        self._send(500 if fake.fail(number) else 200, body)

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        if self.fake.version is not None:
            self.send_header("x-model-version", str(self.fake.version))
        self.end_headers()
        try:
            self._write(body)
        except OSError:
            self.close_connection = True

    def _write(self, body: bytes) -> None:
        if not self.fake.trickle:
            self.wfile.write(body)
            return
        for byte in body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(self.fake.trickle)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""
