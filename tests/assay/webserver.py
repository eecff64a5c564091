"""A small HTTP server on the loopback interface whose every answer a test decides."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Page:
    """What lies at one path.

    Attributes:
        body: The content.
        etag: Its ETag header, a star in it replaced by another number each time; none where empty.
        statuses: Answers to GET before the body is given: 500, 404, ...
        lost: Bytes that are promised and never sent, the first `lossy` times.
        delay: Seconds to wait before answering a GET.
        password: `user:password` in base64 that must be given.
        got: Number of GETs that were answered with the body.
    """

    body: bytes
    etag: str = ""
    statuses: list[int] = field(default_factory=list)
    lost: int = 0
    lossy: int = 0
    delay: float = 0.0
    password: str = ""
    got: int = 0


class Server(ThreadingHTTPServer):
    """Pages by path; `asked` counts requests of any kind."""

    daemon_threads = True
    pages: dict[str, Page]
    asked: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        self.server.asked += 1
        page = self.server.pages.get(self.path.partition("?")[0])
        if page is None:
            return self._refuse(404)
        if page.password and self.headers.get("Authorization") != f"Basic {page.password}":
            return self._refuse(401)
        if with_body:
            time.sleep(page.delay)
        if with_body and page.statuses:
            return self._refuse(page.statuses.pop(0))
        self.send_response(200)
        self.send_header("Content-Length", str(len(page.body)))
        if page.etag:
            self.send_header("ETag", page.etag.replace("*", str(self.server.asked)))
        self.end_headers()
        if with_body:
            self._send(page)
        return None

    def _send(self, page: Page) -> None:
        lost = page.lost if page.lossy > 0 else 0
        page.lossy -= 1
        page.got += not lost
        with contextlib.suppress(OSError):
            self.wfile.write(page.body[: len(page.body) - lost])
        self.close_connection = True

    def _refuse(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        pass


@contextlib.contextmanager
def serving(**pages: Page) -> Iterator[Server]:
    """Serve `pages` at `/<name>.csv` each."""
    with Server(("127.0.0.1", 0), _Handler) as server:
        server.pages = {f"/{name}.csv": page for name, page in pages.items()}
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
