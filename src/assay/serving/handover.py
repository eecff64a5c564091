"""How a listening socket gets to the server whose turn it is: over a Unix socket that the server inherits.

One process at a time takes connections in, so that nobody hears two versions in turns. Who comes while none does
waits in the kernel's queue, which belongs to the listening socket and outlives every server.
"""

from __future__ import annotations

import socket

from assay.errors import ConfigError

READY = b"R"
_GO = b"G"


class Turn:
    """The server's side."""

    def __init__(self, descriptor: int) -> None:
        """Take over the inherited Unix socket.

        Raises:
            ConfigError: It is none.
        """
        try:
            self._channel = socket.socket(fileno=descriptor)
        except OSError as error:
            raise ConfigError(f"no inherited socket: {error}", where=f"--fd {descriptor}") from None

    def wait(self) -> socket.socket | None:
        """Tell that all is loaded, then wait for the listening socket; None where it never will be our turn."""
        self._channel.sendall(READY)
        descriptors = socket.recv_fds(self._channel, 1, 1)[1]
        return socket.socket(fileno=descriptors[0]) if descriptors else None

    def end(self) -> None:
        """Tell that no connection is taken in any more; the kernel tells it for a server that was killed."""
        self._channel.close()


def give(channel: socket.socket, listening: socket.socket) -> None:
    """Hand `listening` to the server at the other end of `channel`: it is its turn."""
    socket.send_fds(channel, [_GO], [listening.fileno()])
