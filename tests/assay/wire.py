"""A client that sends bytes as they are, which no well-behaved client does."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable


def connect(url: str, timeout: float = 20) -> socket.socket:
    """A connection to the server at `url`."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout)


def head(path: str = "/predict", method: str = "POST", **headers: object) -> bytes:
    """Request line and headers; underscores in their names are hyphens."""
    lines = [f"{method} {path} HTTP/1.1", "host: x", *(f"{n.replace('_', '-')}: {v}" for n, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def post(body: bytes, path: str = "/predict", **headers: object) -> bytes:
    """A whole request; JSON unless said otherwise."""
    given = {"content_type": "application/json", "content_length": len(body)} | headers
    return head(path, "POST", **{name: value for name, value in given.items() if value is not None}) + body


def ask(url: str, *parts: bytes) -> tuple[int, Any]:
    """Status and JSON body of the answer to what is sent; (0, None) where the connection ends without any."""
    with connect(url) as wire:
        try:
            for part in parts:
                wire.sendall(part)
        except OSError:
            # it may have been answered, and closed, before everything was sent
            pass
        return answer(wire)


def answer(wire: socket.socket) -> tuple[int, Any]:
    """Status and JSON body of the next answer; (0, None) where the connection ends without any."""
    return answer_and_end(wire)[:2]


def answer_and_end(wire: socket.socket) -> tuple[int, Any, bool]:
    """The same, and whether it is the last one on this connection."""
    received = b""
    try:
        while b"\r\n\r\n" not in received:
            received += _more(wire)
        top, _, body = received.partition(b"\r\n\r\n")
        length = int(top.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += _more(wire)
    except OSError:
        return 0, None, True
    return int(top.split()[1]), json.loads(body), b"connection: close" in top.lower()


def is_closed(wire: socket.socket) -> bool:
    """Whether the server ends the connection, after whatever it still sends."""
    try:
        while True:
            _more(wire)
    except OSError as error:
        return not isinstance(error, TimeoutError)


def _more(wire: socket.socket) -> bytes:
    data = wire.recv(65536)
    if not data:
        raise ConnectionError
    return data


def process_of(url: str) -> psutil.Process:
    """The child of ours that listens at `url`."""
    port = urlsplit(url).port
    children: Iterable[psutil.Process] = psutil.Process().children(recursive=True)
    return next(child for child in children if any(end.laddr.port == port for end in child.net_connections()))
