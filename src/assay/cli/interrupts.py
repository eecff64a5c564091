"""How a command that has something to finish is told to end."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interrupted_once() -> Iterator[None]:
    """Whoever ends the run, a person or a CI system, gets a report of what was done; nohup means what it says."""
    before = {number: signal.getsignal(number) for number in _ENDS}
    heard = {number: handler for number, handler in before.items() if handler != signal.SIG_IGN}

    def interrupt(*_: object) -> None:
        # a second one would leave stages running, and the world as a killed deploy left it
        for number in heard:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in heard:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in heard.items():
            signal.signal(number, handler)
