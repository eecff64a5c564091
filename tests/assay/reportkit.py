"""Runs to report on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.gates import GateResult, Verdict
from assay.reports import Entry, RunReport, StageReport, Status, skipped, write_json

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = '<script>alert("x")</script> | pipe\nline'
SKIPPED = Entry(report=skipped("register", "model-validate did not pass"), why="model-validate did not pass")


def run(*entries: Entry) -> RunReport:
    return RunReport(
        id="r1", project="tiny", trigger="push", started="2026-01-01T00:00:00", seconds=1.5, entries=entries
    )


def failed(gate: str = "model.accuracy", message: str = "") -> Entry:
    gates = (
        GateResult(gate, 0.8726, ">=", 0.95, Verdict.FAIL, message),
        GateResult("model.f1", 0.7, ">=", 0.5, Verdict.PASS),
    )
    report = StageReport(stage="model-validate", status=Status.FAILED, exit_code=3, gates=gates, seconds=1.25)
    return Entry(report=report, why="changed: config gates")


def moved(*rows: object) -> Entry:
    summary = {"rows": 5, "drift": list(rows)}
    return Entry(report=StageReport(stage="data-validate", status=Status.PASSED, summary=summary), why="ran")


def keep(runs: Path, one: RunReport) -> Path:
    (runs / one.id).mkdir(parents=True)
    write_json(runs / one.id / "run.json", one.to_dict())
    return runs / one.id
