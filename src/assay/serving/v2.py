"""The Open Inference Protocol (V2) over HTTP, in JSON: what KServe's and Triton's clients speak."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse
from starlette.routing import Route

from assay.serving.refusal import refused
from assay.serving.tensors import Tensors

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from assay.serving.batching import Answer
    from assay.serving.exchange import Exchange
    from assay.serving.health import Health
    from assay.serving.model import Served
    from assay.serving.schema import Records

PREFIX = "/v2"
_BINARY = "inference-header-content-length"
_MODEL = ("/v2/models/{name}", "/v2/models/{name}/versions/{version}")


def routes(served: Served, exchange: Exchange, health: Health) -> list[Route]:
    """The protocol's endpoints for `served`."""
    tensors = Tensors(served)

    def read(body: bytes) -> tuple[Records, Callable[[Answer], dict[str, Any]]]:
        records, asked = tensors.read(body)
        return records, lambda found: tensors.write(found, asked)

    async def server(_: Request) -> Response:
        return JSONResponse({"name": "assay", "version": str(served.version), "extensions": []})

    async def live(_: Request) -> Response:
        fine = health.liveness()[1]
        return JSONResponse({"live": fine}, 200 if fine else 503)

    async def ready(_: Request) -> Response:
        fine = health.readiness()[1]
        return JSONResponse({"ready": fine}, 200 if fine else 503)

    async def model(request: Request) -> Response:
        _check_model(request, served)
        return JSONResponse(tensors.metadata())

    async def model_ready(request: Request) -> Response:
        _check_model(request, served)
        fine = health.readiness()[1]
        return JSONResponse({"name": served.name, "ready": fine}, 200 if fine else 503)

    async def infer(request: Request) -> Response:
        _check_model(request, served)
        if _BINARY in request.headers:
            raise refused(415, "the extension for binary data is not spoken here, send JSON", _BINARY)
        return await exchange.answer(request, {"application/json": read})

    state = {"/v2": server, "/v2/health/live": live, "/v2/health/ready": ready}
    about = {"": model, "/ready": model_ready}
    return [
        *(Route(base + "/infer", infer, methods=["POST"]) for base in _MODEL),
        *(Route(path, endpoint) for path, endpoint in state.items()),
        *(Route(base + end, endpoint) for base in _MODEL for end, endpoint in about.items()),
    ]


def _check_model(request: Request, served: Served) -> None:
    for key, own in (("name", served.name), ("version", str(served.version))):
        given = request.path_params.get(key, own)
        if given != own:
            raise refused(404, f"there is no {given[:100]!r} here, but {own!r}", key)
