"""From what was observed to an alarm: windows in a row, the state that is kept, and who is told."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from assay.gates import Verdict
from assay.monitoring import memory as state
from assay.monitoring.alarm import Decision, after_sending, decide
from assay.monitoring.memory import Memory, Past
from assay.monitoring.webhook import Message, send
from assay.reports import RUN_URL_VARIABLE
from assay.values import to_seconds

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from assay.context import Context
    from assay.gates import GateResult, Observed
    from assay.monitoring.serving import Serving

_REFUSED = {Verdict.FAIL, Verdict.INCONCLUSIVE}


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A window among others.

    Attributes:
        observed: What was observed; a refusal that does not stop yet says so.
        gates: The verdicts.
        memory: What is known now, this window included.
        decision: What follows.
        notes: What did not work on the way, for people.
    """

    observed: Mapping[str, Observed]
    gates: Sequence[GateResult]
    memory: Memory
    decision: Decision
    notes: Sequence[str]


def judge_alone(context: Context, observed: Mapping[str, Observed], serving: Serving, now: dt.datetime) -> Judged:
    """The traffic of one deployment: a window by itself, judged at once, of which nothing is kept."""
    gates = context.judge(observed)
    record = _record(observed, gates, serving, now)
    stops = _stops(gates)
    decision = decide(None, stops, now, 0, retrain=context.config.monitor.retrain)
    return Judged(observed=observed, gates=gates, memory=Memory(history=[record]), decision=decision, notes=())


def judge_in_a_row(
    context: Context,
    observed: Mapping[str, Observed],
    serving: Serving,
    now: dt.datetime,
    known: tuple[Memory, Mapping[str, float]],
) -> Judged:
    """A window of live predictions, which stops only where the windows before were refused too.

    Args:
        context: The stage's.
        observed: What was observed.
        serving: The model that serves.
        now: End of the window.
        known: What is known of the windows before, and the counters of /metrics now.
    """
    settings, (memory, counters) = context.config.monitor, known
    file = state.state_file(context.project, context.config.name)
    every = to_seconds(settings.every)
    again = memory.again(now, every, serving.version)
    gates = context.judge(observed)
    before = memory.base(now, every, serving.version).streaks
    streaks = {gate.gate: before.get(gate.gate, 0) + 1 for gate in gates if gate.status in _REFUSED}
    record, past = _record(observed, gates, serving, now), Past(streaks=streaks, counters=counters)
    memory = state.remembered(memory, past, record, again=again, version=serving.version)
    note = state.save(file, memory, settings.history)
    # where nothing can be kept, no window would ever be the second one
    observed = observed if note else _graced(observed, streaks, settings.consecutive)
    gates = context.judge(observed)
    repeat = to_seconds(settings.repeat_after)
    decision = decide(memory.alarm, _stops(gates), now, repeat, retrain=settings.retrain)
    failure = _tell(context, decision, gates, serving, now)
    memory = replace(memory, alarm=after_sending(decision, now, sent=settings.alert is not None and not failure))
    state.save(file, memory, settings.history)
    told = f"nobody was told: {failure}" if failure else ""
    notes = tuple(filter(None, (note, told)))
    return Judged(observed=observed, gates=gates, memory=memory, decision=decision, notes=notes)


def _graced(observed: Mapping[str, Observed], streaks: Mapping[str, int], enough: int) -> dict[str, Observed]:
    early = {gate: f"{count} of {enough} windows" for gate, count in streaks.items() if count < enough}
    return {gate: replace(seen, grace=early.get(gate, "")) for gate, seen in observed.items()}


def _stops(gates: Sequence[GateResult]) -> list[str]:
    return sorted({gate.gate for gate in gates if gate.status.blocks})


def _record(
    observed: Mapping[str, Observed], gates: Sequence[GateResult], serving: Serving, now: dt.datetime
) -> dict[str, Any]:
    known = {name: seen for name, seen in observed.items() if seen.value is not None and math.isfinite(seen.value)}
    return {
        "at": now.isoformat(timespec="seconds"),
        "version": serving.version,
        "values": {name: seen.value for name, seen in known.items()},
        "intervals": {name: seen.interval for name, seen in known.items() if seen.interval},
        "refused": sorted({gate.gate for gate in gates if gate.status.blocks}),
    }


def _tell(context: Context, decision: Decision, gates: Sequence[GateResult], serving: Serving, now: dt.datetime) -> str:
    """Why nobody was told; empty where somebody was, or there was nothing to tell."""
    settings = context.config.monitor
    if settings.alert is None or not decision.news or decision.alarm is None:
        return ""
    message = Message(
        status=decision.news,
        model=context.config.name,
        serving=serving.name,
        window=settings.window,
        at=now.isoformat(timespec="seconds"),
        since=decision.alarm.since,
        gates=[_plain(gate) for gate in gates if gate.status.blocks],
        trigger=decision.trigger,
        retrain=decision.retrain,
        run=os.environ.get(RUN_URL_VARIABLE, ""),
    )
    return send(message, settings.alert, now)


def _plain(gate: GateResult) -> dict[str, Any]:
    observed = gate.observed if gate.observed is not None and math.isfinite(gate.observed) else None
    facts = {"gate": gate.gate, "observed": observed, "operator": gate.operator, "limit": gate.limit}
    return {**facts, "status": str(gate.status), "message": gate.message}
