"""Watches a child process: streams its output, measures it, and kills it at its limits. Standard library only."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Self

from assay.processes import die_with_parent, family
from assay.signals import raised_once

if TYPE_CHECKING:
    from pathlib import Path

    from assay.processes import Family

__all__ = ["INTERRUPTS", "Death", "die_with_parent", "watch"]

INTERRUPTS = (signal.SIGTERM, signal.SIGINT)
"""What ends a stage in order: the child is killed and the report says so."""

_POLL = 0.1
_GRACE = 2.0
_CLOSED = 0.0005
_MOST = 4 * 2**20
_END = 2**16


@dataclass(frozen=True)
class Death:
    """How a child ended.

    Attributes:
        code: Exit code, when it ended by itself.
        signal: Number of the signal that ended it, else 0.
        why: `timeout`, `memory` or `interrupted` where the supervisor killed it, else empty.
        seconds: How long it lived.
        peak_memory: Largest resident set, bytes.
    """

    code: int
    signal: int
    why: str
    seconds: float
    peak_memory: int


class _Interrupted(Exception):
    pass


def watch(child: int, reader: int, log: Path, timeout: float, memory: int) -> Death:
    """Copy what arrives at `reader` to our own output and `log` until `child` ends.

    Args:
        child: Process id; the child leads a session of its own. `INTERRUPTS` may be blocked until it is watched.
        reader: File descriptor of the child's output, closed at the end.
        log: File for the output.
        timeout: Seconds after which the child and everything that it started is killed.
        memory: Resident bytes of them all above which they are killed; 0 means no limit.
    """
    started = time.monotonic()
    why, peak, status = "", 0, None
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, reader)
        members = stack.enter_context(family(child))
        output = stack.enter_context(_Output(_open(log, stack)))
        # a second one must not break off what ends the child
        stack.enter_context(raised_once(INTERRUPTS, _Interrupted))
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
            while status is None:
                if _copy(reader, output, _POLL) is None:
                    time.sleep(_CLOSED)
                peak = max(peak, members.resident()) if memory else peak
                why = _limit(time.monotonic() - started, timeout, peak, memory)
                if why:
                    break
                status = _ended(child)
            _finish(members, reader, output)
        except _Interrupted:
            why = "interrupted"
            _finish(members, reader, output)
    status = os.waitpid(child, 0)[1] if status is None else status
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    ended = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    return Death(max(ended, 0), max(-ended, 0), why, seconds, max(peak, used))


class _Output:
    """Our own output and the log; beyond 4 MiB both get only the end, so that they stay readable."""

    def __init__(self, log: BinaryIO | None) -> None:
        self.targets = [target for target in (sys.stdout.buffer, log) if target]
        self.seen, self.end = 0, b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        left = self.seen - _MOST - len(self.end)
        if left > 0:
            self._put(f"\n... {left / 2**20:.1f} MiB left out ...\n".encode())
        self._put(self.end)

    def write(self, data: bytes) -> None:
        """Pass on what there is room for, keep the rest for the end."""
        room = max(0, _MOST - self.seen)
        self.seen += len(data)
        self._put(data[:room])
        if 0 < room < len(data):
            self._put(b"\n... more than 4 MiB were printed; of what follows, only the end is kept ...\n")
        self.end = (self.end + data[room:])[-_END:]

    def _put(self, data: bytes) -> None:
        for target in self.targets:
            with contextlib.suppress(OSError, ValueError):
                target.write(data)
                target.flush()


def _open(log: Path, stack: contextlib.ExitStack) -> BinaryIO | None:
    # on a full disk the stage still runs, and its output is still shown
    with contextlib.suppress(OSError):
        return stack.enter_context(log.open("wb", buffering=0))
    return None


def _limit(seconds: float, timeout: float, used: int, memory: int) -> str:
    if seconds > timeout:
        return "timeout"
    return "memory" if memory and used > memory else ""


def _ended(child: int) -> int | None:
    done, status = os.waitpid(child, os.WNOHANG)
    return status if done else None


def _copy(reader: int, output: _Output, wait: float) -> int | None:
    """Bytes copied; None once the child has closed its output."""
    if not select.select([reader], [], [], wait)[0]:
        return 0
    data = os.read(reader, 65536)
    if not data:
        return None
    output.write(data)
    return len(data)


def _finish(members: Family, reader: int, output: _Output) -> None:
    # everything: servers, test runs and daemons that the stage started must not outlive it
    members.end()
    until = time.monotonic() + _GRACE
    while time.monotonic() < until and _copy(reader, output, 0):
        pass
