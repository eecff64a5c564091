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
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from types import FrameType

_POLL = 0.1
_GRACE = 2.0
_CLOSED = 0.0005
_PAGE = os.sysconf("SC_PAGE_SIZE")


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
        child: Process id; the child leads a session of its own.
        reader: File descriptor of the child's output, closed at the end.
        log: File for the output.
        timeout: Seconds after which the session is killed.
        memory: Resident bytes above which the session is killed; 0 means no limit.
    """
    started = time.monotonic()
    why, peak, status = "", 0, None
    previous = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with contextlib.ExitStack() as stack:
            file = _open(log, stack)
            while status is None:
                if _copy(reader, file, _POLL) is None:
                    time.sleep(_CLOSED)
                peak = max(peak, _resident(child)) if memory else peak
                why = _limit(time.monotonic() - started, timeout, peak, memory)
                if why:
                    break
                status = _ended(child)
            _kill(child)
            _drain(reader, file)
    except _Interrupted:
        why = "interrupted"
        _kill(child)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        os.close(reader)
    status = os.waitpid(child, 0)[1] if status is None else status
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    ended = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    return Death(max(ended, 0), max(-ended, 0), why, seconds, max(peak, used))


def die_with_parent() -> None:
    """Ask the kernel to end this process when its parent is killed (Linux)."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise _Interrupted


def _open(log: Path, stack: contextlib.ExitStack) -> BinaryIO | None:
    # on a full disk the stage still runs, and its output is still shown
    with contextlib.suppress(OSError):
        return stack.enter_context(log.open("wb"))
    return None


def _limit(seconds: float, timeout: float, used: int, memory: int) -> str:
    if seconds > timeout:
        return "timeout"
    return "memory" if memory and used > memory else ""


def _ended(child: int) -> int | None:
    done, status = os.waitpid(child, os.WNOHANG)
    return status if done else None


def _copy(reader: int, file: BinaryIO | None, wait: float) -> int | None:
    """Bytes copied; None once the child has closed its output."""
    if not select.select([reader], [], [], wait)[0]:
        return 0
    data = os.read(reader, 65536)
    if not data:
        return None
    for target in (sys.stdout.buffer, file):
        with contextlib.suppress(OSError, ValueError):
            if target is not None:
                target.write(data)
                target.flush()
    return len(data)


def _drain(reader: int, file: BinaryIO | None) -> None:
    until = time.monotonic() + _GRACE
    while time.monotonic() < until and _copy(reader, file, 0):
        pass


def _kill(child: int) -> None:
    # the whole session: servers and test runs that the stage started must not outlive it
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)


def _resident(child: int) -> int:
    total, todo = 0, [child]
    while todo:
        pid = todo.pop()
        with contextlib.suppress(OSError, IndexError):
            total += int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE
            todo += [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    return total
