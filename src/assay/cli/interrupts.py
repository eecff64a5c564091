"""How a command that has something to finish is told to end."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

from assay.signals import raised_once

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interrupted_once() -> Iterator[None]:
    """Whoever ends the run, a person or a CI system, gets a report of what was done; nohup means what it says."""
    heard = [number for number in _ENDS if signal.getsignal(number) != signal.SIG_IGN]
    # a second one would leave stages running, and the world as a killed deploy left it
    with raised_once(heard, KeyboardInterrupt):
        yield
