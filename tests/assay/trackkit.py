"""An MLflow server, and a way to it that can be cut."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from assay import artifacts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlflow.entities import Run as Entity
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking.client import MlflowClient

    from assay.context import Context


@contextlib.contextmanager
def mlflow_server(database: Path, artifacts: Path) -> Iterator[int]:
    """A server with this database, on the port that is given back."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    stores = ("--backend-store-uri", f"sqlite:///{database}", "--artifacts-destination", str(artifacts))
    argv = (sys.executable, "-m", "mlflow", "server", *stores, "--port", str(port), "--workers", "1")
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    log = (database.parent / "server.log").open("wb")
    # a session of its own: the server's workers have to go with it
    process = subprocess.Popen(argv, env=os.environ | quiet, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait(port, process)
        yield port
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait(10)
        log.close()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(300):
        assert process.poll() is None, "the MLflow server did not start"
        with contextlib.suppress(OSError), opener.open(f"http://127.0.0.1:{port}/health", timeout=5):
            return
        time.sleep(0.2)
    raise TimeoutError("the MLflow server did not start")


class Way:
    """A proxy before a server: it hands requests on, or answers `status`, or is gone; it remembers what was sent.

    What stands in `before` is done once, before a request whose path has that part is handed on.
    """

    def __init__(self, target: int) -> None:
        self.target, self.status, self.body, self.seen = target, 0, b"no", list[str]()
        self.credentials, self.before = set[str](), dict[str, Callable[[], object]]()
        way = self

        class Handler(_Handler):
            def handle_one(self) -> None:
                way._handle(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def cut(self) -> None:
        """Be gone: connections are refused."""
        self._server.shutdown()
        self._server.server_close()

    def _handle(self, request: _Handler) -> None:
        body = request.rfile.read(int(request.headers.get("content-length", 0)))
        self.seen.append(f"{request.command} {request.path}")
        self.credentials.add(request.headers.get("authorization", ""))
        for path in [path for path in self.before if path in request.path]:
            self.before.pop(path)()
        if self.status and request.path != "/health":
            request.answer(self.status, self.body)
            return
        server = http.client.HTTPConnection("127.0.0.1", self.target, timeout=30)
        kept = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        server.request(request.command, request.path, body, kept)
        response = server.getresponse()
        request.answer(response.status, response.read(), response.getheader("content-type", ""))
        server.close()


class _Handler(BaseHTTPRequestHandler):
    def handle_one(self) -> None:
        raise NotImplementedError

    def answer(self, status: int, body: bytes, kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = lambda self: self.handle_one()  # noqa: N815


def runs(client: MlflowClient, filter_: str = "") -> list[Entity]:
    """The runs of the model, the newest first."""
    found = client.get_experiment_by_name("tiny")
    return list(client.search_runs([found.experiment_id], filter_)) if found else []


def versions(client: MlflowClient, context: Context) -> list[ModelVersion]:
    """The versions of the model that `context` registers."""
    digest = artifacts.digest(context.input("model"))
    return list(client.search_model_versions(f"name='tiny' and tags.model_digest='{digest}'"))


def staging(client: MlflowClient) -> str:
    """The version with the alias staging; empty where there is none."""
    found = client.search_registered_models("name='tiny'")
    return str(found[0].aliases.get("staging", "")) if found else ""
