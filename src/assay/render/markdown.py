"""A run as Markdown: job summaries and pull-request comments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.render.text import (
    drift_rows,
    gate_limit,
    gates_word,
    notes,
    number,
    problems,
    status_text,
    status_word,
    verdict,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.reports import RunReport

_MARKS = {"passed": "✅", "cached": "♻️", "failed": "❌", "error": "💥", "skipped": "⏭️"}


def run_markdown(run: RunReport) -> str:
    """Stages, all gates and what went wrong."""
    stages = [
        (
            f"{_MARKS[status_word(e)]} {e.report.stage}",
            status_text(e),
            f"{e.report.seconds:.1f} s",
            gates_word(e),
            e.why,
        )
        for e in run.entries
    ]
    gates = [
        (f"`{g.gate}`", number(g.observed), gate_limit(g), str(g.status), g.message)
        for entry in run.entries
        for g in entry.report.gates
    ]
    parts = [f"## {run.project}: {verdict(run)}", _table(("stage", "status", "time", "gates", "why"), stages)]
    if gates:
        parts.append(_table(("gate", "observed", "limit", "verdict", "message"), gates))
    parts += [
        _table((f"{entry.report.stage}: drifted column", "psi", "why"), rows)
        for entry in run.entries
        if (rows := drift_rows(entry))
    ]
    said = "\n\n".join(filter(None, (problems(run), notes(run))))
    if said:
        parts.append(f"```text\n{said}\n```")
    origin = f"run `{run.id}`, trigger `{run.trigger}`" + (f", commit `{run.commit}`" if run.commit else "")
    return "\n\n".join([*parts, origin]) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([line(head), line(["---"] * len(head)), *map(line, rows)])
