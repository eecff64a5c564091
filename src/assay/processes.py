"""A child process and everything that it started, also what left its session. Standard library only.

Linux lets a process adopt the orphans of its descendants; without that, only the child's session is known.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_SET_DEATH_SIGNAL, _SET_SUBREAPER = 1, 36
_PATIENCE = 2.0
_PAUSE = 0.005


@dataclass(frozen=True)
class Family:
    """A child that leads a session, and its descendants.

    Attributes:
        child: Its process id.
        strangers: Our other children, which are none of its.
    """

    child: int
    strangers: frozenset[int]

    def others(self) -> set[int]:
        """Process ids of all descendants of the child that are known, also those that we have adopted."""
        return _below(self.child) | _below(os.getpid(), but=self.strangers | {self.child})

    def resident(self) -> int:
        """Memory of them all that is in use now, bytes."""
        return sum(map(_resident, {self.child, *self.others()}))

    def end(self) -> None:
        """Kill them all; the child itself is left to be waited for."""
        # a session may be larger than what is known of it
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child, signal.SIGKILL)
        until = time.monotonic() + _PATIENCE
        while (rest := self.others()) and time.monotonic() < until:
            for process in rest:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(process, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(process, os.WNOHANG)
            time.sleep(_PAUSE)


@contextlib.contextmanager
def family(child: int) -> Iterator[Family]:
    """The family of `child`; while it is watched, its orphans become our children."""
    strangers = frozenset(_children(os.getpid()) - {child})
    _control(_SET_SUBREAPER, 1)
    try:
        yield Family(child, strangers)
    finally:
        _control(_SET_SUBREAPER, 0)


def die_with_parent() -> None:
    """Ask the kernel to end this process when its parent is killed (Linux)."""
    _control(_SET_DEATH_SIGNAL, signal.SIGKILL)


def _control(option: int, value: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(option, value)


def _below(process: int, but: frozenset[int] = frozenset()) -> set[int]:
    found: set[int] = set()
    todo = _children(process) - but
    while todo:
        one = todo.pop()
        found.add(one)
        todo |= _children(one) - found
    return found


def _children(process: int) -> set[int]:
    found: set[int] = set()
    # each thread has children of its own
    with contextlib.suppress(OSError):
        for thread in (_PROC / str(process) / "task").iterdir():
            with contextlib.suppress(OSError):
                found |= set(map(int, (thread / "children").read_text(encoding="ascii").split()))
    return found


def _resident(process: int) -> int:
    try:
        return int((_PROC / str(process) / "statm").read_text(encoding="ascii").split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0
