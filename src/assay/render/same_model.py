"""What a run knows and its stages do not: that the model which was not compared is the one that serves.

model-validate gets the same from `rival` whether no model serves or this one does: its result outlives the promotion.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from assay.gates import GateResult, Verdict
from assay.reports import SERVES, Entry

if TYPE_CHECKING:
    from collections.abc import Iterable


def knowing_champion(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """`entries` in which the gates that had nothing to compare with say so where this very model serves."""
    known = tuple(entries)
    version = next((e.report.summary.get(SERVES) for e in known if e.report.stage == "rival"), None)
    return known if version is None else tuple(_told(entry, f"version {version}") for entry in known)


def _told(entry: Entry, serving: str) -> Entry:
    if entry.report.stage != "model-validate":
        return entry
    message = entry.report.message.replace("no other model serves", f"it serves as {serving}")
    gates = tuple(_same(gate, serving) for gate in entry.report.gates)
    return replace(entry, report=replace(entry.report, gates=gates, message=message))


def _same(gate: GateResult, serving: str) -> GateResult:
    if gate.status is not Verdict.NO_CHAMPION:
        return gate
    told = f"this is the model that serves ({serving}): nothing to compare"
    return replace(gate, status=Verdict.SAME_MODEL, message=told)
