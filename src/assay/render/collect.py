"""Puts a run together from the folders that its stages left, and writes what people read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from assay.errors import Exit
from assay.render.html import run_html
from assay.render.markdown import run_markdown
from assay.reports import ORIGIN_FILE, Entry, RunReport, StageReport, Status, read_report, skipped, write_json
from assay.supply.provenance import write_provenance

if TYPE_CHECKING:
    from pathlib import Path

    from assay.plan import Plan, Step


def collect(plan: Plan, folder: Path, run_id: str) -> tuple[Entry, ...]:
    """An entry for each step of `plan`, from `folder/<stage>/report.json`.

    A report that carries another run's id was served from a cache. A stage without one was skipped where a supplier of
    it did not pass, and is an error otherwise: nothing that is missing counts as passed.
    """
    entries: dict[str, Entry] = {}
    for step in plan.steps:
        report = read_report(folder / step.stage)
        blocked = [need for need in step.needs if not entries[need].report.passed]
        entry = _entry(step, report, run_id) if report else _missing(step.stage, blocked, run_id)
        entries[step.stage] = _with_origin(entry, folder / step.stage)
    return tuple(entries.values())


def _entry(step: Step, report: StageReport, run_id: str) -> Entry:
    if report.run_id != run_id:
        return Entry(report=report, cached=True, why="nothing changed")
    return Entry(report=report, why="ran" if step.world == "none" else f"{step.world} the world")


def _with_origin(entry: Entry, folder: Path) -> Entry:
    """`entry` with what the executor noted about where the result came from; whether it passed is not up to that."""
    try:
        noted = json.loads((folder / ORIGIN_FILE).read_text(encoding="utf-8"))
        return replace(entry, source=str(noted["source"]), note=str(noted["note"]))
    except (OSError, ValueError, KeyError, TypeError):
        return entry


def _missing(stage: str, blocked: list[str], run_id: str) -> Entry:
    if blocked:
        reason = f"{', '.join(blocked)} did not pass"
        return Entry(report=skipped(stage, reason, run_id), why=reason)
    message, code = "it left no report that can be read", int(Exit.BUG)
    report = StageReport(stage=stage, status=Status.ERROR, exit_code=code, message=message, run_id=run_id)
    return Entry(report=report, why=message)


def write_run(run: RunReport, folder: Path, builder: str = "local") -> None:
    """Leave run.json, run.md and report.html in `folder`, and provenance.json where the run made a bundle."""
    write_json(folder / "run.json", run.to_dict())
    (folder / "run.md").write_text(run_markdown(run, folder), encoding="utf-8")
    (folder / "report.html").write_text(run_html(run, folder), encoding="utf-8")
    write_provenance(run, folder, builder)
