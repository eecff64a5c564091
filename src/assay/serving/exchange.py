"""The way of a request for predictions: read, asked, answered, counted, logged."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from assay.serving import bodies
from assay.serving.limits import PREDICT_SECONDS
from assay.serving.log import failed_line, lines_of
from assay.serving.refusal import Refused, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from assay.serving.batching import Answer, Batcher
    from assay.serving.log import PredictionLog
    from assay.serving.metrics import Meter
    from assay.serving.model import Served
    from assay.serving.schema import Records

    # from a body to its records, and to how their answer is written
    Reader = Callable[[bytes], tuple[Records, Callable[[Answer], dict[str, Any]]]]

LOGGER = logging.getLogger("uvicorn.error")
_OK, _WENT_AWAY = 200, 499


class Exchange:
    """Answers requests for predictions, in whatever form they come."""

    def __init__(
        self,
        served: Served,
        batcher: Batcher,
        meter: Meter,
        journal: PredictionLog | None,
        seconds: float = PREDICT_SECONDS,
    ) -> None:
        """Ask `batcher`; a request waits `seconds` for its prediction at most."""
        self._version = served.version
        self._batcher = batcher
        self._meter = meter
        self._journal = journal
        self._seconds = seconds

    async def answer(self, request: Request, readers: Mapping[str, Reader]) -> Response:
        """The answer to `request`, which one of `readers`, by content type, can read.

        Raises:
            Refused: It cannot be answered.
        """
        request_id, start = request.state.id, time.perf_counter()
        status = 500
        records: Records = []
        found: Answer | None = None
        try:
            reader = bodies.reader_for(request, readers)
            records, write = reader(await bodies.read(request))
            found = await self._ask(records)
            response, status = _json(write(found)), _OK
        except Refused as refusal:
            status = refusal.status
            raise
        except ClientDisconnect:
            status = _WENT_AWAY
            return Response(None, status)
        except Exception:
            LOGGER.exception("request %s: the model raised", request_id)
            return JSONResponse({"error": "the model raised an error; see the server's log", "id": request_id}, 500)
        finally:
            self._note(request_id, status, records, found if status == _OK else None, time.perf_counter() - start)
        return response

    async def _ask(self, records: Records) -> Answer:
        limit = asyncio.timeout(self._seconds)
        try:
            async with limit:
                return await self._batcher.ask(records)
        except TimeoutError:
            if not limit.expired():
                raise
            raise refused(504, f"the model did not answer within {self._seconds:g} s") from None

    def _note(self, request_id: str, status: int, records: Records, found: Answer | None, seconds: float) -> None:
        if found:
            self._meter.predicted(found["predictions"] or ())
        if self._journal and self._journal.keeps(request_id):
            about = request_id, self._version
            lines = lines_of(*about, records, found, seconds * 1e3) if found else []
            self._journal.add(lines or [failed_line(*about, status, seconds * 1e3)])


def _json(content: Mapping[str, Any]) -> Response:
    # not a number is no JSON: an error of the model, told as one
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text, media_type="application/json")
