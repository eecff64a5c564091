"""How large a model is: on disk, and in memory while it is loaded and predicts."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assay import artifacts
from assay.gates import Observed

if TYPE_CHECKING:
    from collections.abc import Iterator

_MB = 1e6
_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


@dataclass
class Memory:
    """What a block of code took.

    Attributes:
        taken: Bytes between the resident memory before and the largest during the block; None where the system does
            not tell (it takes Linux).
    """

    taken: int | None = None


@contextlib.contextmanager
def memory() -> Iterator[Memory]:
    """Measure the memory that a block takes: what it keeps and what it needed for a moment, libraries included."""
    found = Memory()
    before = _resident("VmRSS")
    try:
        # 5 sets the high-water mark back to what is resident now, see proc(5)
        _RESET.write_text("5", encoding="ascii")
    except OSError:
        before = None
    yield found
    peak = _resident("VmHWM")
    if before is not None and peak is not None:
        found.taken = max(0, peak - before)


def _resident(name: str) -> int | None:
    try:
        match = re.search(rf"^{name}:\s+(\d+) kB", _STATUS.read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        return None
    return int(match.group(1)) * 1024 if match else None


def observe(model: Path, memory_taken: Memory, rows: int) -> dict[str, Observed]:
    """The gates `model.size_mb` and `model.memory_mb`, in millions of bytes.

    Args:
        model: The model folder.
        memory_taken: By loading it and predicting.
        rows: How many rows were predicted.
    """
    taken = memory_taken.taken
    told = "it takes Linux to tell" if taken is None else f"loaded, and {rows} rows predicted"
    return {
        "model.size_mb": Observed(artifacts.size(model) / _MB),
        "model.memory_mb": Observed(None if taken is None else taken / _MB, message=told),
    }
