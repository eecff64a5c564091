"""Progress as plain lines: for logs, CI and terminals that can do no more."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from assay.render.board import Board, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.reports import Entry

_FIRST, _MOST = 2.0, 30.0


@dataclass
class Lines(Board):
    """A line, with the time of day, when a stage starts and when it ends, and signs of life between them.

    The first sign comes after `patience` seconds of silence, each next one after twice as long, up to 30 s: the log of
    a training of hours stays short.
    """

    patience: float = _FIRST
    _silence: float = field(default=_FIRST, init=False)
    _said: float = field(default_factory=time.monotonic, init=False)
    _over: threading.Event = field(default_factory=threading.Event, init=False)

    def __enter__(self) -> Self:
        """From now on somebody watches the clock."""
        self._silence = self.patience
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """No sign comes any more."""
        self._over.set()

    def begin(self, run_id: str, stages: Sequence[str]) -> None:
        """Say what will run."""
        super().begin(run_id, stages)
        self._news(f"run {run_id}: {len(stages)} stages")

    def started(self, stage: str) -> None:
        """Say so."""
        super().started(stage)
        self._news(f"{stage:<15} running")

    def line(self, stage: str, text: str) -> None:
        """Pass it on where that is wanted."""
        super().line(stage, text)
        if self.verbose:
            self._news(f"{stage:<15} | {plain(text)}")

    def ended(self, entry: Entry) -> None:
        """Say how, after how long, and what came of it."""
        super().ended(entry)
        row = self.rows[entry.report.stage]
        self._news("  ".join(filter(None, (f"{entry.report.stage:<15} {row.word:<8}", row.clock, row.told))))

    def _watch(self) -> None:
        while not self._over.wait(max(0.01, self._said + self._silence - time.monotonic())):
            with self.lock:
                if time.monotonic() >= self._said + self._silence:
                    self._live_on()

    def _live_on(self) -> None:
        signs = [f"{stage:<15} {self._sign(stage)}" for stage, row in self.rows.items() if row.active]
        for sign in signs or ["still preparing"]:
            self._say(sign)
        self._silence = max(self.patience, min(2 * self._silence, _MOST))

    def _sign(self, stage: str) -> str:
        row = self.rows[stage]
        return f"still {row.word}, {row.clock}" + (f": {row.told}" if row.told else "")

    def _news(self, text: str) -> None:
        with self.lock:
            self._silence = self.patience
            self._say(text)

    def _say(self, text: str) -> None:
        self._said = time.monotonic()
        # nobody listens any more: that is no reason to end the run
        with contextlib.suppress(OSError, ValueError):
            self.to.write(f"{time.strftime('%H:%M:%S')} {text.rstrip()}\n")
            self.to.flush()
