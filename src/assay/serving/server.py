"""The model server's process: listens, serves, ends in order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from typing import TYPE_CHECKING

import uvicorn

from assay.errors import ConfigError
from assay.serving.app import make_app
from assay.serving.handover import Turn
from assay.serving.limits import GRACE_SECONDS, KEEP_ALIVE_SECONDS, LATE_SECONDS, PREDICT_SECONDS
from assay.serving.protocol import GuardedProtocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fastapi import FastAPI

    from assay.serving.logfiles import LogSettings

LOGGER = logging.getLogger("uvicorn.error")


def serve(
    bundle: Path,
    host: str,
    port: int,
    log: LogSettings | None,
    seconds: float = PREDICT_SECONDS,
    descriptor: int | None = None,
) -> None:
    """Serve the model in `bundle` until SIGTERM or SIGINT; what is in flight is finished first.

    Args:
        bundle: Folder that the package stage made.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one, which is named in the line "Uvicorn running on ...".
        log: Where and how predictions are logged; None keeps none.
        seconds: A request waits no longer than this for its prediction.
        descriptor: An inherited Unix socket over which the listening socket comes, in place of `host` and `port`.

    Raises:
        ArtifactError: The bundle is damaged, or the log cannot be written.
        ConfigError: The address cannot be listened on, or a limit makes no sense.
    """
    if not seconds > 0:
        raise ConfigError(f"a prediction cannot be made in {seconds:g} s", where="--timeout", allowed="more than 0")
    turn = None if descriptor is None else Turn(descriptor)
    app = _settled(bundle, log, seconds)
    config = uvicorn.Config(
        app,
        http=GuardedProtocol,
        ws="none",
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    listening = turn.wait() if turn else _listen(host, port)
    if listening is None:
        return
    LOGGER.info("Uvicorn running on http://%s:%d", *listening.getsockname()[:2])
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again after its shutdown; an orderly end must be exit code 0
        signal.signal(number, lambda *_: None)
    _Server(config, turn).run(sockets=[listening])


class _Server(uvicorn.Server):
    """Answers everybody whom the kernel let in before it stopped to listen; uvicorn would reset who still queues."""

    def __init__(self, config: uvicorn.Config, turn: Turn | None) -> None:
        super().__init__(config)
        self._turn = turn

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take in who queues, then stop."""
        loop = asyncio.get_running_loop()
        taken = [loop.connect_accepted_socket(self._protocol, one) for one in _queued(sockets or [])]
        late = asyncio.gather(*taken, return_exceptions=True)
        # those that are connected only after uvicorn told all others
        loop.call_later(LATE_SECONDS, self._tell)
        if self._turn:
            # right after uvicorn closed the sockets, which it does first
            loop.call_soon(self._turn.end)
        await super().shutdown(sockets)
        await late

    def _protocol(self) -> GuardedProtocol:
        return GuardedProtocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def _tell(self) -> None:
        for connection in list(self.server_state.connections):
            connection.shutdown()


def _queued(sockets: list[socket.socket]) -> Iterator[socket.socket]:
    for listening in sockets:
        with contextlib.suppress(OSError):
            while True:
                one = listening.accept()[0]
                one.setblocking(False)
                yield one


def _settled(bundle: Path, log: LogSettings | None, seconds: float) -> FastAPI:
    # what is loaded now stays: the collector's looks at it cost 0.3 s here, 0.4 s at the end, and pauses in between
    gc.disable()
    try:
        return make_app(bundle, log, seconds)
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
