"""A program on a terminal of a given size, and what a person sees there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from typing import TYPE_CHECKING

import pyte

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def _own_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # a shell without job control lets what it runs in the background ignore it
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """Runs `command` on a pseudo terminal; all its output is on the screen."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], columns: int, lines: int = 24) -> None:
        self.screen = pyte.Screen(columns, lines)
        self.raw = b""
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._program = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
            preexec_fn=_own_terminal,  # noqa: PLW1509 - no other way to get Ctrl-C
        )
        os.close(slave)

    def until(self, seen: Callable[[list[str]], bool], seconds: float = 20) -> list[str]:
        """The lines of the screen as soon as `seen` holds for them."""
        end = time.monotonic() + seconds
        while not seen(self.lines):
            if time.monotonic() > end or not self._read():
                # what is left over would fail another test
                self._program.kill()
                self.end()
                raise AssertionError("\n".join(self.lines))
        return self.lines

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._master, keys.encode())

    def end(self) -> int:
        """The exit code, once everything has been read."""
        while self._read():
            pass
        os.close(self._master)
        return self._program.wait(20)

    @property
    def lines(self) -> list[str]:
        """What is on the screen, without the empty space at the right."""
        return [line.rstrip() for line in self.screen.display]

    def _read(self) -> bool:
        data = b""
        # Linux says EIO when nobody has the terminal open any more
        with contextlib.suppress(OSError):
            if not select.select([self._master], [], [], 0.2)[0]:
                return True
            data = os.read(self._master, 65536)
        self.raw += data
        self._stream.feed(data)
        return bool(data)
