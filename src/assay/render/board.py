"""How each stage of a run stands, for the forms of progress that people read."""

from __future__ import annotations

import re
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from assay.progress import Progress
from assay.render.text import refusals, status_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.reports import Entry

_OBEYED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?")
_MINUTE = 60


@dataclass
class Row:
    """A stage as it stands now.

    Attributes:
        word: waiting, checking, running, or how it ended.
        since: When it began, by the monotonic clock.
        seconds: How long it took, once it is done.
        told: The last line that it printed; in the end what stopped it, and its message.
    """

    word: str = "waiting"
    since: float = 0.0
    seconds: float = 0.0
    told: str = ""

    @property
    def active(self) -> bool:
        """True while it is looked at or runs."""
        return self.word in {"checking", "running"}

    @property
    def clock(self) -> str:
        """Its time so far, or in the end; empty where it took none."""
        return clock_text(time.monotonic() - self.since if self.active else self.seconds)


@dataclass
class Board(Progress):
    """Knows how each stage stands.

    Attributes:
        to: Where it is shown.
        verbose: Show each line that a stage prints, its name in front.
    """

    to: TextIO = field(default_factory=lambda: sys.stderr)
    verbose: bool = False
    run_id: str = field(default="", init=False)
    rows: dict[str, Row] = field(default_factory=dict, init=False)
    lock: threading.RLock = field(default_factory=threading.RLock, init=False)

    def begin(self, run_id: str, stages: Sequence[str]) -> None:
        """All of them wait."""
        with self.lock:
            self.run_id = run_id
            self.rows |= {stage: Row() for stage in stages}

    def checking(self, stage: str) -> None:
        """Its clock starts."""
        self._set(stage, Row("checking", time.monotonic()))

    def started(self, stage: str) -> None:
        """Its clock starts anew."""
        self._set(stage, Row("running", time.monotonic()))

    def line(self, stage: str, text: str) -> None:
        """The last one is remembered."""
        with self.lock:
            self.rows.setdefault(stage, Row()).told = plain(text)

    def ended(self, entry: Entry) -> None:
        """Its clock stands still."""
        word = status_text(entry)
        said = filter(None, (refusals(entry.report), entry.report.message.partition("\n")[0]))
        told = entry.why if entry.cached else plain("; ".join(said))
        self._set(entry.report.stage, Row(word, seconds=0.0 if entry.cached else entry.report.seconds, told=told))

    def _set(self, stage: str, row: Row) -> None:
        with self.lock:
            self.rows[stage] = row


def plain(text: str) -> str:
    """`text` without what a terminal would obey; of a line that was written over, only what it said last."""
    last = _OBEYED.sub("", text).rstrip("\r\n").rpartition("\r")[2]
    return "".join(letter if letter.isprintable() else " " for letter in last).rstrip()


def clock_text(seconds: float) -> str:
    """`4.2 s` or `3 min 05 s`; empty for none."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s" if seconds else ""
    minutes, rest = divmod(int(seconds), _MINUTE)
    return f"{minutes} min {rest:02d} s"
