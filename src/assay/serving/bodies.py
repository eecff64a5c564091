"""Reads the body of a request, within limits of type, size and time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from assay.serving.limits import MAX_BYTES, REQUEST_SECONDS
from assay.serving.refusal import refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeVar

    from starlette.requests import Request

    Reader = TypeVar("Reader")


def reader_for(request: Request, readers: Mapping[str, Reader]) -> Reader:
    """The one for the request's content type; the first where it names none.

    Raises:
        Refused: There is none for it.
    """
    given = request.headers.get("content-type", "")
    kind = given.partition(";")[0].strip().lower() or next(iter(readers))
    if kind not in readers:
        raise refused(415, f"the content type {given[:100]!r} is not read here, allowed: {', '.join(readers)}")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise refused(415, "compressed bodies are not read here, send it without Content-Encoding")
    return readers[kind]


async def read(request: Request) -> bytes:
    """The whole body.

    Raises:
        Refused: It is too large, or comes too slowly.
        ClientDisconnect: Its sender went away.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BYTES:
        raise _too_large()
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            return await _read(request)
    except TimeoutError:
        raise refused(408, f"the body did not come within {REQUEST_SECONDS:g} s") from None


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise _too_large()
    return bytes(body)


def _too_large() -> Exception:
    return refused(413, f"the body is larger than {MAX_BYTES:_} bytes")
