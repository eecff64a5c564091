"""What is kept from one window to the next: refusals in a row, counters, history, the alarm that was sent."""

from __future__ import annotations

import datetime as dt
import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.artifacts import keep_from_git
from assay.reports import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STATE_VARIABLE = "ASSAY_MONITOR_STATE"
_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Past:
    """What the next window starts from.

    Attributes:
        streaks: Windows in a row that each gate refused; those that it let pass are left out.
        counters: Those of /metrics.
    """

    streaks: Mapping[str, int] = field(default_factory=dict)
    counters: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """An alarm that is not over.

    Attributes:
        gates: The gates that stopped the window.
        since: When it began, ISO.
        sent: When it was last told, ISO; empty where that has not worked yet.
        triggered: When it last asked for a retraining, ISO; empty where it did not.
    """

    gates: Sequence[str]
    since: str
    sent: str = ""
    triggered: str = ""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What is known of the windows before.

    Attributes:
        start: When the last window was first looked at, ISO; empty before the first one.
        version: The version that it judged.
        before: What that window started from.
        after: What it left.
        alarm: The alarm that is not over, if any.
        history: A record of each window, the oldest first.
    """

    start: str = ""
    version: int | None = None
    before: Past = field(default_factory=Past)
    after: Past = field(default_factory=Past)
    alarm: Alarm | None = None
    history: Sequence[Mapping[str, Any]] = ()

    def again(self, now: dt.datetime, every: float, version: int | None) -> bool:
        """Whether a run at `now` looks at the last window once more; `every` in seconds."""
        if not self.start or version != self.version:
            return False
        return abs((now - dt.datetime.fromisoformat(self.start)).total_seconds()) < every

    def base(self, now: dt.datetime, every: float, version: int | None) -> Past:
        """What the window at `now` starts from; another version starts anew."""
        if version != self.version:
            return Past(counters=self.after.counters)
        return self.before if self.again(now, every, version) else self.after


def state_file(project: Path, name: str) -> Path:
    """Where the state of model `name` lies: below ASSAY_MONITOR_STATE, else in `.assay/monitor/`."""
    return Path(os.environ.get(STATE_VARIABLE) or project / ".assay" / "monitor") / f"{name}.json"


def load(file: Path) -> tuple[Memory, str]:
    """The state, and what was wrong with it; a damaged one is begun anew."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        return _memory(data), ""
    except FileNotFoundError:
        return Memory(), ""
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        return Memory(), f"what is known of earlier windows cannot be read ({type(error).__name__}): begun anew"


def _memory(data: Mapping[str, Any]) -> Memory:
    if data["schema_version"] != _VERSION:
        raise ValueError("another version")
    start = data["start"]
    if start and dt.datetime.fromisoformat(start).tzinfo is None:
        raise ValueError("a time without zone")
    sides = {name: Past(**data[name]) for name in ("before", "after")}
    counts = [count for side in sides.values() for count in side.streaks.values()]
    if not all(isinstance(count, int) for count in counts) or not all("values" in entry for entry in data["history"]):
        raise ValueError("no counts")
    alarm = Alarm(**data["alarm"]) if data["alarm"] else None
    return Memory(start=start, version=data["version"], alarm=alarm, history=data["history"], **sides)


def save(file: Path, memory: Memory, keep: int) -> str:
    """Write the state with the newest `keep` windows.

    Returns:
        Why it could not be written; empty where it was.
    """
    data = asdict(replace(memory, history=list(memory.history)[-keep:]))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.parent.parent.name == ".assay":
            keep_from_git(file.parent.parent)
        write_json(file, {"schema_version": _VERSION, **data})
    except OSError as error:
        return f"the state cannot be written ({error.strerror}): each window is judged by itself"
    return ""


def remembered(memory: Memory, past: Past, record: Mapping[str, Any], *, again: bool, version: int | None) -> Memory:
    """`memory` after a window that left `past`; one that was looked at before takes its own place."""
    history = list(memory.history)
    if again:
        return replace(memory, after=past, history=[*history[:-1], record])
    return replace(
        memory, start=record["at"], version=version, before=memory.after, after=past, history=[*history, record]
    )
