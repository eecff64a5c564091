"""What every request gets: an id, the model's version in its answer, and a place in the count."""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from assay.serving.metrics import Meter

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class Headers:
    """Gives each request an id, and each answer that id and the model's version."""

    def __init__(self, app: ASGIApp, version: str, meter: Meter) -> None:
        """Wrap `app`."""
        self._app = app
        self._version = (b"x-model-version", version.encode())
        self._meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 - ASGI's
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        # it goes into a header and the log: anything but a plain id is replaced
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["id"] = request_id

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], self._version, (b"x-request-id", request_id.encode())]
                self._meter.answered(_endpoint(scope), message["status"], time.perf_counter() - start)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _endpoint(scope: Scope) -> str:
    # the name of what answers, not the path, which can be any of endlessly many
    return str(getattr(scope.get("endpoint"), "__name__", "other"))
