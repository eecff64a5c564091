"""Whether to tell somebody: an alarm once, again after a while, and that it is over."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from assay.monitoring.memory import Alarm

if TYPE_CHECKING:
    from collections.abc import Sequence

News = Literal["", "alarm", "still", "resolved"]
_CHANGED_WORLD = ("monitor.drift.", "monitor.performance.")
TRIGGER = "data"


@dataclass(frozen=True)
class Decision:
    """What follows from a window.

    Attributes:
        alarm: The alarm that is not over; None where there is none.
        news: What to tell; empty where everybody knows.
        trigger: `data` where the gates that stop ask for a model of newer data, else empty.
        retrain: Whether a run of that trigger is asked for now.
    """

    alarm: Alarm | None
    news: News
    trigger: str = ""
    retrain: bool = False


def decide(before: Alarm | None, gates: Sequence[str], now: dt.datetime, repeat: float, *, retrain: bool) -> Decision:
    """What follows from the gates that stop.

    Args:
        before: The alarm so far.
        gates: Names of the gates that stop now.
        now: The time.
        repeat: Seconds after which an alarm that lasts is told again.
        retrain: Whether the project lets drift start a run.
    """
    if not gates:
        # an alarm that nobody was told of need not be called off
        told = before is not None and bool(before.sent)
        return Decision(before if told else None, "resolved" if told else "")
    alarm = replace(before, gates=gates) if before else Alarm(gates=gates, since=now.isoformat())
    more = not before or bool(set(gates) - set(before.gates))
    due = _due(alarm.sent, now, repeat)
    news: News = "alarm" if more or not alarm.sent else "still" if due else ""
    wanted = any(gate.startswith(_CHANGED_WORLD) for gate in gates)
    asks = retrain and wanted and _due(alarm.triggered, now, repeat)
    alarm = replace(alarm, triggered=now.isoformat()) if asks else alarm
    return Decision(alarm, news, TRIGGER if wanted else "", asks)


def after_sending(decision: Decision, now: dt.datetime, *, sent: bool) -> Alarm | None:
    """The alarm to be kept, once its news were sent or were not."""
    if decision.alarm is None or not decision.news or not sent:
        return decision.alarm
    return None if decision.news == "resolved" else replace(decision.alarm, sent=now.isoformat())


def _due(last: str, now: dt.datetime, repeat: float) -> bool:
    return not last or (now - dt.datetime.fromisoformat(last)).total_seconds() >= repeat
