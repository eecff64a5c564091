"""Whether the server takes requests, and whether it lives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# twice as long as any request waits: what is still not done then hangs, and only a new process helps
_TIMES = 2


@dataclass
class Health:
    """What probes are told.

    Attributes:
        busy: Gives the seconds that the model has been at its current call.
        patience: Longest that a request waits for its prediction, seconds.
        serving: The server takes requests.
    """

    busy: Callable[[], float]
    patience: float
    serving: bool = False

    def readiness(self) -> tuple[str, bool]:
        """In a word, and whether a request that comes now can be answered."""
        stuck = self.busy() > self.patience
        return ("stuck" if stuck else "ready" if self.serving else "stopping"), self.serving and not stuck

    def liveness(self) -> tuple[str, bool]:
        """In a word, and whether it may be left alone."""
        stuck = self.busy() > _TIMES * self.patience
        return "stuck" if stuck else "alive", not stuck
