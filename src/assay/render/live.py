"""Progress as a table that is drawn anew as long as the run lasts: for terminals. Needs rich."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Self, TextIO

from assay.render.board import Board, clock_text, plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_COLOURS = {
    "running": "bold",
    "checking": "bold",
    "passed": "green",
    "cached": "green",
    "failed": "bold red",
    "error": "bold red",
}
_ROOM_FOR_WORDS = 60


def possible(to: TextIO) -> bool:
    """True where `to` is a terminal that can move its cursor, somebody may be watching, and rich is installed."""
    able = to.isatty() and os.environ.get("TERM", "dumb") not in {"", "dumb", "unknown"} and not os.environ.get("CI")
    return able and (to.encoding or "").lower().replace("-", "") == "utf8" and find_spec("rich") is not None


@dataclass
class Live(Board):
    """A line a stage, with running clocks; it vanishes at the end, where the run's own table takes its place."""

    _console: Console = field(init=False)
    _began: float = field(default_factory=time.monotonic, init=False)
    _open: ExitStack = field(default_factory=ExitStack, init=False)

    def __enter__(self) -> Self:
        """The cursor is hidden."""
        from rich.console import Console
        from rich.live import Live as Screen

        self._console = Console(file=self.to, highlight=False)
        screen = Screen(
            get_renderable=self.table,
            console=self._console,
            refresh_per_second=8,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._open.enter_context(screen)
        return self

    def __exit__(self, *_: object) -> None:
        """The table is gone and the cursor back, whatever happened."""
        # the terminal may have been closed
        with suppress(OSError):
            self._open.close()

    def line(self, stage: str, text: str) -> None:
        """Print it above the table where that is wanted."""
        super().line(stage, text)
        if self.verbose:
            from rich.text import Text

            self._console.print(Text(f"{stage:<15} | {plain(text)}"))

    def table(self) -> Table:
        """The table as it is now, for the width and height of the terminal."""
        from rich.table import Table
        from rich.text import Text

        with self.lock:
            rows = dict(self.rows)
        done = sum(not row.active and row.word != "waiting" for row in rows.values())
        if len(rows) + 1 >= self._console.height:
            rows = {stage: row for stage, row in rows.items() if row.active}
        grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
        for ratio in (None, None, None, 1):
            grid.add_column(no_wrap=True, overflow="ellipsis", ratio=ratio)
        wide = self._console.width >= _ROOM_FOR_WORDS
        for stage, row in rows.items():
            word = Text(row.word, _COLOURS.get(row.word.partition(" ")[0], "dim"))
            grid.add_row(Text(stage), word, Text(row.clock), Text(row.told if wide else "", "dim"))
        grid.add_row(Text(f"{done} of {len(self.rows)} done"), Text(""), clock_text(time.monotonic() - self._began))
        return grid
