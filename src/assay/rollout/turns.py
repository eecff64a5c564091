"""A server process of the keeper's, which gets the listening socket when it is its turn."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from assay.errors import ConfigError
from assay.serving.handover import READY, give
from assay.serving.server_process import failure, is_ready, log_option, start, stop
from assay.values import to_address

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

# uvicorn looks for a signal ten times a second; a server that is slower than this is stuck
_LAST_TURN_SECONDS = 5.0
_FIRST_ANSWER_SECONDS = 10.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Server:
    """A server that is loaded, and takes connections in once it has its turn.

    Attributes:
        bundle: The folder that it serves.
        process: Its process.
        channel: Our end of the Unix socket between us: at its end where the server takes no connection in any more.
        output: File with what it prints.
    """

    bundle: Path
    process: subprocess.Popen[bytes]
    channel: socket.socket
    output: Path

    @classmethod
    def load(cls, bundle: Path, log: Path, seconds: float) -> Self:
        """Start a server and wait until its model is loaded.

        Raises:
            ArtifactError: It ended, or took longer than `seconds`.
        """
        ours, theirs = socket.socketpair()
        output = bundle.with_suffix(".out")
        with theirs:
            number = theirs.fileno()
            process = start(bundle, ["--fd", str(number), *log_option(log)], output, [number])
        server = cls(bundle, process, ours, output)
        try:
            told = "" if _next(ours, seconds) == READY else "the server ended before it was ready"
        except TimeoutError:
            told = f"the server was not ready after {seconds:g} s"
        if told:
            server.end()
            raise failure(told, output, bundle)
        return server

    def begin(self, listening: socket.socket, url: str) -> None:
        """Give it its turn, and wait until it answers.

        Raises:
            ArtifactError: It does not; it was ended.
        """
        give(self.channel, listening)
        until = time.monotonic() + _FIRST_ANSWER_SECONDS
        while not is_ready(url):
            if self.process.poll() is not None or time.monotonic() > until:
                self.end()
                raise failure(f"the server does not answer at {url}", self.output, self.bundle)
            time.sleep(_POLL_SECONDS)

    def finish(self) -> None:
        """Tell it to stop, and wait until it takes no connection in any more; it still answers those it has."""
        self.process.terminate()
        try:
            _next(self.channel, _LAST_TURN_SECONDS)
        except TimeoutError:
            self.process.kill()
        self.channel.close()

    def end(self) -> None:
        """Stop it, and wait until it has answered whom it let in."""
        self.channel.close()
        stop(self.process)


def bound(address: str) -> socket.socket:
    """A socket that listens at `address`, for servers to take connections from.

    Raises:
        ConfigError: Somebody else has it.
    """
    host, port = to_address(address)
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        # with a queue of its own only the first of those who bind an address may have it
        listening.listen(0)
    except OSError as error:
        listening.close()
        where, then = 'pyproject.toml [tool.assay.deploy] "address"', "choose another, or end what has this one"
        raise ConfigError(f"{address} cannot be listened on: {error.strerror or error}", where, next=then) from None
    return listening


def url_of(address: str) -> str:
    """Where a server that listens at `address` is asked from this machine."""
    host, port = to_address(address)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - a wildcard is nobody's address
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _next(channel: socket.socket, seconds: float) -> bytes:
    """What the server says next, empty at its end."""
    channel.settimeout(seconds)
    try:
        return channel.recv(1)
    except ConnectionError:
        return b""
