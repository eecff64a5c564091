"""Asks the keeper: over its Unix socket, a line of JSON there and one back."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay import errors
from assay.errors import AssayError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONTROL, LOG = "keeper.sock", "keeper.log"
KEEP = "keep"
_CONNECT_SECONDS = 5.0
_POLL_SECONDS = 0.05
_TAIL = 5


@contextlib.contextmanager
def conversation(folder: Path, patience: float = _CONNECT_SECONDS) -> Iterator[Callable[[object], dict[str, Any]]]:
    """A conversation with the keeper of `folder`, which talks to nobody else meanwhile.

    Args:
        folder: The keeper's.
        patience: Seconds to wait for a keeper that is about to start.

    Yields:
        Something to ask with: a request, KEEP after one that has to be confirmed, or None for the contrary. It raises
        what the keeper answers with, and ServiceError where it does not answer.
    """
    with contextlib.ExitStack() as stack:
        with _told(folder):
            channel = stack.enter_context(_connected(folder, patience))
        lines = stack.enter_context(channel.makefile(encoding="utf-8"))

        def ask(request: object) -> dict[str, Any]:
            with _told(folder):
                tell(channel, request)
                return _answer(lines.readline())

        yield ask


def tell(channel: socket.socket, what: object) -> None:
    """Say KEEP, or `what` in JSON, to the other side."""
    # a file would try again when it is closed, and so raise something else than what ended the conversation
    channel.sendall(f"{what if what == KEEP else json.dumps(what)}\n".encode())


@contextlib.contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        what = f"the process that serves on after deploy does not answer: {error}"
        told = "\n".join(_last_lines(folder / LOG))
        raise ServiceError(what, where=f"{folder / LOG}\n{told}", next="run deploy again: it is started anew") from None


def _connected(folder: Path, patience: float) -> socket.socket:
    until = time.monotonic() + patience
    while True:
        try:
            return _connect(folder)
        except OSError:
            # another process may be starting it right now
            if time.monotonic() > until:
                raise
            time.sleep(_POLL_SECONDS)


def _connect(folder: Path) -> socket.socket:
    opened = os.open(folder, os.O_RDONLY)
    channel = socket.socket(socket.AF_UNIX)
    try:
        # the path of a Unix socket must not be longer than 107 bytes
        short = Path(f"/proc/self/fd/{opened}")
        channel.connect(str((short if short.exists() else folder) / CONTROL))
    except OSError:
        channel.close()
        raise
    finally:
        os.close(opened)
    return channel


def _answer(line: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line)
    if "error" in found:
        kind: type[AssayError] = getattr(errors, found["error"])
        raise kind(**found["facts"])
    return found


def _last_lines(log: Path) -> list[str]:
    try:
        return [f"    {line}" for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL:]]
    except OSError:
        return []
