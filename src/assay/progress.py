"""Tells what a run is doing, while it does it; how people see it is for `render`. Standard library only."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TextIO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.reports import Entry


class Progress:
    """Says nothing, as `--quiet` wants it; the others say more.

    A context manager around the run. Its methods may be called from any thread, and raise nothing.
    """

    def __enter__(self) -> Self:
        """The run is prepared."""
        return self

    def __exit__(self, *_: object) -> None:
        """The run is over, or was broken off."""

    def begin(self, run_id: str, stages: Sequence[str]) -> None:
        """The run has this name, and these stages."""

    def checking(self, stage: str) -> None:
        """Its suppliers are done: what it depends on is looked at."""

    def started(self, stage: str) -> None:
        """It was not to be reused, and runs."""

    def line(self, stage: str, text: str) -> None:
        """It printed `text`."""

    def ended(self, entry: Entry) -> None:
        """It is done, reused or skipped."""


@dataclass
class Events(Progress):
    """One JSON object a line, for programs.

    Attributes:
        people: How people are told beside it.
        to: Where the objects go.
        verbose: Tell what stages print too.
        quiet: Tell only what `tell` is asked for.
    """

    people: Progress = field(default_factory=Progress)
    to: TextIO = field(default_factory=lambda: sys.stdout)
    verbose: bool = False
    quiet: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __enter__(self) -> Self:
        """For people."""
        self.people.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        """For people."""
        self.people.__exit__(*error)

    def begin(self, run_id: str, stages: Sequence[str]) -> None:
        """`{"event": "begin", "run": ..., "stages": [...]}`."""
        self.people.begin(run_id, stages)
        self._event("begin", run=run_id, stages=list(stages))

    def checking(self, stage: str) -> None:
        """For people."""
        self.people.checking(stage)

    def started(self, stage: str) -> None:
        """`{"event": "started", "stage": ...}`."""
        self.people.started(stage)
        self._event("started", stage=stage)

    def line(self, stage: str, text: str) -> None:
        """`{"event": "line", "stage": ..., "text": ...}`."""
        self.people.line(stage, text)
        if self.verbose:
            self._event("line", stage=stage, text=text)

    def ended(self, entry: Entry) -> None:
        """`{"event": "ended", "stage": ..., "status": ..., "cached": ..., ...}`."""
        self.people.ended(entry)
        report = entry.report
        told = {"stage": report.stage, "status": report.status, "seconds": report.seconds, "message": report.message}
        self._event("ended", **told, cached=entry.cached, why=entry.why)

    def tell(self, event: str, **facts: Any) -> None:
        """Print one event, with the time in seconds since 1970."""
        text = json.dumps({"event": event, "at": round(time.time(), 3), **facts}, default=str)
        # nobody listens any more: that is no reason to end the run
        with self._lock, contextlib.suppress(OSError, ValueError):
            self.to.write(f"{text}\n")
            self.to.flush()

    def _event(self, event: str, **facts: Any) -> None:
        if not self.quiet:
            self.tell(event, **facts)
