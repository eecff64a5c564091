"""uvicorn's HTTP, with limits for what comes before the application sees it, and a shutdown that loses nothing."""

from __future__ import annotations

import http
import json
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from assay.serving.limits import LAST_CALL_SECONDS, MAX_HEAD_BYTES, REQUEST_SECONDS

if TYPE_CHECKING:
    import asyncio

_HEAD_TOO_LARGE = http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


class GuardedProtocol(HttpToolsProtocol):
    """Ends connections whose request is not there in time, or whose head is too large."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clock: asyncio.TimerHandle | None = None
        self._head = 0
        self._in_head = True
        self._stopping = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock: the first request is awaited from now on."""
        super().connection_made(transport)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what a head has so far."""
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        if self._in_head and self._head > MAX_HEAD_BYTES:
            self._refuse(_HEAD_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Start the clock of this request."""
        super().on_message_begin()
        self._in_head = True
        self._start_clock()

    def on_headers_complete(self) -> None:
        """Hand the request to the application."""
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD_BYTES:
            self._refuse(_HEAD_TOO_LARGE)
            raise ValueError("the parser goes no further")
        self._in_head, self._head = False, 0
        super().on_headers_complete()
        if self._stopping:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Stop the clock: the request is there."""
        super().on_message_complete()
        self._in_head = True
        self._stop_clock()

    def shutdown(self) -> None:
        """Answer what is on its way over a connection that looks idle, then close it."""
        self._stopping = True
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(LAST_CALL_SECONDS, super().shutdown)
        else:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Tell what is no HTTP in the form of all our errors."""
        self._refuse(http.HTTPStatus.BAD_REQUEST, msg)

    def _start_clock(self) -> None:
        self._stop_clock()
        self._clock = self.loop.call_later(REQUEST_SECONDS, self._too_slow)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _too_slow(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            # the application reads it, or answers the one before, and has limits of its own
            self._start_clock()
        elif self._in_head and self._head:
            self._refuse(http.HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def _refuse(self, status: http.HTTPStatus, problem: str = "") -> None:
        if self.transport.is_closing():
            return
        detail = [{"field": "", "problem": problem or status.phrase}]
        body = json.dumps({"detail": detail}).encode()
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\nconnection: close\r\n"
        self.transport.write(head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body)
        self.transport.close()
