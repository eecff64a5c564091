"""The model server's endpoints."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.routing import Route

from assay.serving import forms, v2
from assay.serving.batching import Batcher
from assay.serving.exchange import Exchange
from assay.serving.headers import Headers
from assay.serving.health import Health
from assay.serving.limits import PREDICT_SECONDS
from assay.serving.log import PredictionLog
from assay.serving.metrics import Meter
from assay.serving.refusal import Refused, refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from assay.serving.batching import Answer
    from assay.serving.logfiles import LogSettings
    from assay.serving.model import Served
    from assay.serving.schema import Records

_JSON, _CSV = "application/json", "text/csv"


def make_app(bundle: Path, log: LogSettings | None = None, seconds: float = PREDICT_SECONDS) -> FastAPI:
    """The server of the model in `bundle`, loaded and warmed up.

    Args:
        bundle: Folder that the package stage made.
        log: Where and how predictions are logged; None keeps none.
        seconds: A request waits no longer than this for its prediction.

    Raises:
        ArtifactError: A byte of the model changed, a file is missing, or the log cannot be written.
    """
    # threads inside one prediction fight with those of the others; read when scikit-learn is first imported
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from assay.serving.model import load

    served = load(bundle)
    journal = PredictionLog(log) if log else None
    meter = Meter(served, journal)
    kind = served.predictor.kind if served.rows_are_independent else None
    batcher = Batcher(served.predictor.predict, kind, meter.batch.observe)
    health = Health(batcher.busy, seconds)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with journal or nullcontext(), batcher:
            health.serving = True
            yield
            health.serving = False

    app = FastAPI(title=served.name, version=str(served.version), lifespan=lifespan, docs_url="/docs", redoc_url=None)
    app.add_middleware(Headers, version=str(served.version), meter=meter)
    app.add_exception_handler(Refused, _told)
    app.add_exception_handler(HTTPException, _told)
    exchange = Exchange(served, batcher, meter, journal, seconds)
    _add_state(app, served, meter, health)
    _add_predictions(app, served, exchange)
    app.router.routes += v2.routes(served, exchange, health)
    return app


def _add_state(app: FastAPI, served: Served, meter: Meter, health: Health) -> None:
    @app.get("/livez")
    async def livez() -> JSONResponse:
        """The process answers, and its model does not hang."""
        return _probed(*health.liveness())

    # the names that MLflow's clients and SageMaker ask for it
    @app.get("/ping", include_in_schema=False)
    @app.get("/health", include_in_schema=False)
    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        """The model is loaded and does not hang, and the server is not about to end."""
        return _probed(*health.readiness())

    @app.get("/metrics")
    async def metrics() -> Response:
        """What Prometheus reads."""
        return Response(meter.text(), media_type=CONTENT_TYPE_LATEST)

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
            "runtime": served.predictor.runtime,
        }


def _probed(word: str, fine: bool) -> JSONResponse:  # noqa: FBT001 - what Health gives
    return JSONResponse({"status": word}, 200 if fine else 503)


def _add_predictions(app: FastAPI, served: Served, exchange: Exchange) -> None:
    requests = served.requests

    def all_of(found: Answer) -> dict[str, Any]:
        return {**found, "version": served.version}

    predicting = {_JSON: _reader(requests.predict, all_of)}
    invoking = {
        _JSON: _reader(partial(forms.from_json, requests), _as_mlflow),
        _CSV: _reader(partial(forms.from_csv, requests), _as_mlflow),
    }
    body = {"required": True, "content": {_JSON: {"schema": requests.schema()}}}

    @app.post("/predict", openapi_extra={"requestBody": body})
    async def predict(request: Request) -> Response:
        """One prediction a row, of `records` or `columns`; null is a missing value."""
        return await exchange.answer(request, predicting)

    @app.post("/invocations")
    async def invocations(request: Request) -> Response:
        """The same for clients of MLflow's scoring server, in each of its forms; text/csv too."""
        return await exchange.answer(request, invoking)

    # FastAPI looks for dependencies in each request, a third of what HTTP costs; its own routes describe these two
    quick = {"/predict": predict, "/invocations": invocations}
    app.router.routes[:0] = [Route(path, endpoint, methods=["POST"]) for path, endpoint in quick.items()]


def _reader(
    read: Callable[[bytes], Records], write: Callable[[Answer], dict[str, Any]]
) -> Callable[[bytes], tuple[Records, Callable[[Answer], dict[str, Any]]]]:
    return lambda body: (read(body), write)


def _as_mlflow(found: Answer) -> dict[str, Any]:
    return {"predictions": found["predictions"]}


async def _told(request: Request, error: Exception) -> JSONResponse:
    headers: dict[str, str] = {}
    if isinstance(error, HTTPException):
        headers = dict(error.headers or {})
        error = refused(error.status_code, str(error.detail))
    assert isinstance(error, Refused)  # noqa: S101 - registered for nothing else
    if error.status == 408:  # noqa: PLR2004 - the rest of the body would be taken for the next request
        headers["connection"] = "close"
    about = {"id": request.state.id}
    if request.url.path.startswith(v2.PREFIX):
        return JSONResponse({"error": str(error), **about}, 400 if error.status == 422 else error.status, headers)  # noqa: PLR2004
    return JSONResponse({"detail": error.problems, **about}, error.status, headers)
