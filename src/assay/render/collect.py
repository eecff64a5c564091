"""Puts a run together from the folders that its stages left, and writes what people read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.render.html import run_html
from assay.render.markdown import run_markdown
from assay.reports import Entry, RunReport, read_report, skipped, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from assay.plan import Plan


def collect(plan: Plan, folder: Path, run_id: str) -> tuple[Entry, ...]:
    """An entry for each step of `plan` from `folder/<stage>/report.json`; a step without one was skipped.

    A report that carries another run's id was served from a cache.
    """
    entries: dict[str, Entry] = {}
    for step in plan.steps:
        report = read_report(folder / step.stage)
        if report is None:
            blocked = [need for need in step.needs if not entries[need].report.passed]
            reason = f"{', '.join(blocked) or 'an earlier stage'} did not pass"
            entries[step.stage] = Entry(report=skipped(step.stage, reason, run_id), why=reason)
        else:
            cached = report.run_id != run_id
            why = "nothing changed" if cached else f"{step.world} the world" if step.world != "none" else "ran"
            entries[step.stage] = Entry(report=report, cached=cached, why=why)
    return tuple(entries.values())


def write_run(run: RunReport, folder: Path) -> None:
    """Leave run.json, run.md and report.html in `folder`."""
    write_json(folder / "run.json", run.to_dict())
    (folder / "run.md").write_text(run_markdown(run), encoding="utf-8")
    (folder / "report.html").write_text(run_html(run, folder), encoding="utf-8")
