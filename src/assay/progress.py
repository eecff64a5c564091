"""Tells people what a run is doing, line by line. Standard library only."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.reports import Entry


@dataclass
class Progress:
    """Prints one line when a stage starts and one when it ends; its output too where `verbose`.

    Attributes:
        quiet: Print nothing.
        verbose: Show each line that a stage prints, its name in front.
    """

    quiet: bool = False
    verbose: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def started(self, stage: str) -> None:
        """A stage begins."""
        self._say(f"{stage:<15} running")

    def line(self, stage: str, text: str) -> None:
        """A stage printed `text`."""
        if self.verbose:
            self._say(f"{stage:<15} | {text}")

    def ended(self, entry: Entry) -> None:
        """A stage is done."""
        report = entry.report
        status = "cached" if entry.cached else str(report.status)
        seconds = "" if entry.cached else f"{report.seconds:.1f} s  "
        self._say(f"{report.stage:<15} {status:<8} {seconds}{report.message.splitlines()[0] if report.message else ''}")

    def _say(self, text: str) -> None:
        if not self.quiet:
            with self._lock:
                sys.stdout.write(text + "\n")
                sys.stdout.flush()
