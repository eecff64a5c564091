"""The HTTP side of the model server: endpoints, limits, shutdown."""

from __future__ import annotations

import gc
import logging
import os
import re
import signal
import socket
import time
import uuid
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect
from starlette.routing import Route

from assay.errors import ConfigError
from assay.serving.batching import Batcher
from assay.serving.log import PredictionLog, failed_line, lines_of
from assay.serving.schema import MAX_BYTES, Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from assay.serving.model import Served

LOGGER = logging.getLogger("uvicorn.error")
_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_GRACE_SECONDS = 30
_WENT_AWAY = 499


def serve(bundle: Path, host: str, port: int, log: Path | None) -> None:
    """Serve the model in `bundle` until SIGTERM or SIGINT; what is in flight is finished first.

    Args:
        bundle: Folder that the package stage made.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one, which is named in the line "Uvicorn running on ...".
        log: Folder for prediction logs; None keeps none.

    Raises:
        ArtifactError: The bundle is damaged, or the log cannot be written.
        ConfigError: The address cannot be listened on.
    """
    app = _settled(bundle, log)
    config = uvicorn.Config(app, access_log=False, timeout_graceful_shutdown=_GRACE_SECONDS)
    listening = _listen(host, port)
    LOGGER.info("Uvicorn running on http://%s:%d", *listening.getsockname()[:2])
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again after its shutdown; an orderly end must be exit code 0
        signal.signal(number, lambda *_: None)
    uvicorn.Server(config).run(sockets=[listening])


def _settled(bundle: Path, log: Path | None) -> FastAPI:
    # what is loaded now stays: the collector's looks at it cost 0.3 s here, 0.4 s at the end, and pauses in between
    gc.disable()
    try:
        return make_app(bundle, log)
    finally:
        gc.freeze()
        gc.enable()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        where, then = f"--host {host} --port {port}", "choose another port, or 0 for a free one"
        raise ConfigError(f"cannot listen: {error}", where=where, next=then) from None


def make_app(bundle: Path, log: Path | None = None) -> FastAPI:
    """The server of the model in `bundle`, loaded and warmed up.

    Raises:
        ArtifactError: A byte of the model changed, a file is missing, or the log cannot be written.
    """
    # threads inside one prediction fight with those of the others; read when scikit-learn is first imported
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from assay.serving.model import load

    served = load(bundle)
    journal = PredictionLog(log) if log else None
    batcher = Batcher(served.predict, served.frames.kind if served.rows_are_independent else None)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with journal or nullcontext(), batcher:
            app.state.ready = True
            yield
            app.state.ready = False

    app = FastAPI(title=served.name, version=str(served.version), lifespan=lifespan, docs_url="/docs", redoc_url=None)
    app.state.ready = False
    app.add_middleware(_Headers, version=str(served.version))
    app.add_exception_handler(Refused, _refused)
    _add_state(app, served)
    _add_predictions(app, served, batcher, journal)
    return app


def _add_state(app: FastAPI, served: Served) -> None:
    @app.get("/livez")
    async def livez() -> dict[str, str]:
        """The process answers."""
        return {"status": "alive"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        """The model is loaded, and the server is not about to end."""
        ready = app.state.ready
        return JSONResponse({"status": "ready" if ready else "stopping"}, 200 if ready else 503)

    @app.get("/metadata")
    async def metadata() -> dict[str, Any]:
        """What serves here."""
        columns = served.requests.columns
        return {
            "name": served.name,
            "version": served.version,
            "model_digest": served.model_digest,
            "columns": columns,
            "labels": served.labels,
        }


def _add_predictions(app: FastAPI, served: Served, batcher: Batcher, journal: PredictionLog | None) -> None:
    async def answer(request: Request, read: Callable[[bytes], list[dict[str, Any]]]) -> JSONResponse:
        request_id, start = request.state.id, time.perf_counter()
        lines: list[dict[str, Any]] = []
        status = _WENT_AWAY
        try:
            records = read(await _body(request))
            result = await batcher.ask(records)
            status = 200
            lines = lines_of(request_id, served.version, records, result, (time.perf_counter() - start) * 1e3)
        except Refused as refused:
            status = refused.status
            raise
        except ClientDisconnect:
            return JSONResponse(None, status)
        except Exception:
            status = 500
            LOGGER.exception("request %s: the model raised", request_id)
            return JSONResponse({"error": "the model raised an error; see the server's log", "id": request_id}, 500)
        finally:
            took = (time.perf_counter() - start) * 1e3
            if journal:
                journal.add(lines or [failed_line(request_id, served.version, status, took)])
        return JSONResponse(result | {"version": served.version})

    body = {"required": True, "content": {"application/json": {"schema": served.requests.schema()}}}

    @app.post("/predict", openapi_extra={"requestBody": body})
    async def predict(request: Request) -> JSONResponse:
        """One prediction a record; null is a missing value."""
        return await answer(request, served.requests.predict)

    @app.post("/invocations")
    async def invocations(request: Request) -> JSONResponse:
        """The same for clients of MLflow's scoring server: `dataframe_records` or `dataframe_split`."""
        return await answer(request, served.requests.invocations)

    # FastAPI looks for dependencies in each request, a third of what HTTP costs; its own routes describe these two
    quick = {"/predict": predict, "/invocations": invocations}
    app.router.routes[:0] = [Route(path, endpoint, methods=["POST"]) for path, endpoint in quick.items()]


async def _body(request: Request) -> bytes:
    too_large = Refused(413, [{"field": "", "problem": f"the body is larger than {MAX_BYTES:_} bytes"}])
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise too_large
    return bytes(body)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)  # noqa: S101 - registered for nothing else
    return JSONResponse({"detail": error.problems, "id": request.state.id}, error.status)


class _Headers:
    """Gives each request an id, and each answer that id and the model's version."""

    def __init__(self, app: ASGIApp, version: str) -> None:
        self._app = app
        self._version = (b"x-model-version", version.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        # it goes into a header and the log: anything but a plain id is replaced
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["id"] = request_id

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], self._version, (b"x-request-id", request_id.encode())]
            await send(message)

        await self._app(scope, receive, send_with_headers)
