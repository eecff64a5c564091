"""A run as Markdown: job summaries and pull-request comments, whose size CI systems limit."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from assay.render.facts import compared
from assay.render.text import (
    by_urgency,
    drift_rows,
    gate_limit,
    gates_word,
    notes,
    number,
    problems,
    stage_word,
    status_text,
    status_word,
    time_word,
    verdict,
)
from assay.reports import RUN_URL_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from assay.gates import GateResult
    from assay.reports import RunReport

_MARKS = {"passed": "✅", "cached": "♻️", "failed": "❌", "error": "💥", "skipped": "⏭️"}
# a comment on GitHub may have 65,536 characters, a job summary 1 MiB
_MOST, _CELL, _ROWS = 60_000, 300, 200
_LEFT_OUT = "The rest is left out here; report.html has all of it."
_ADDRESS = re.compile(r"https?://[^\s<>()\"]+")


def run_markdown(run: RunReport, folder: Path | None = None) -> str:
    """Stages, gates (those that stopped the run first), what went wrong, the champion, columns that drifted.

    Args:
        run: The run.
        folder: Its folder, where the comparison with the champion lies.
    """
    stages = [
        (f"{_MARKS[status_word(e)]} {stage_word(e.report.stage)}", status_text(e), time_word(e), gates_word(e), e.why)
        for e in run.entries
    ]
    parts = [
        f"## {run.project}: {verdict(run)}",
        _table(("stage", "status", "time", "gates", "why"), stages),
        _block("\n\n".join(filter(None, (problems(run), notes(run))))),
        _table(("gate", "observed", "limit", "verdict", "message"), list(map(_gate, by_urgency(run)))),
        _champion(folder) if folder else "",
        *(_table((f"{e.report.stage}: drifted column", "psi", "why"), drift_rows(e)) for e in run.entries),
    ]
    return _within([part for part in parts if part], _origin(run))


def _gate(gate: GateResult) -> tuple[str, ...]:
    return (f"`{gate.gate}`", number(gate.observed), gate_limit(gate), str(gate.status), gate.message)


def _champion(folder: Path) -> str:
    version, rows = compared(folder)
    return _table(("metric", "this model", f"version {version}, which serves", "difference", "95 % interval"), rows)


def _block(text: str) -> str:
    inner = _short(text, 10_000).replace("```", "'''")
    return f"```text\n{inner}\n```" if text else ""


def _origin(run: RunReport) -> str:
    found = _ADDRESS.fullmatch(os.environ.get(RUN_URL_VARIABLE, ""))
    facts = (
        f"run `{run.id}`",
        f"trigger `{run.trigger}`",
        f"commit `{run.commit}`" if run.commit else "",
        f"[CI run, with report.html]({found[0]})" if found else "",
    )
    return ", ".join(filter(None, facts))


def _within(parts: Sequence[str], last: str) -> str:
    """As many of `parts` as there is room for, the first ones before all others, then `last`."""
    kept, room = [], _MOST - len(last) - len(_LEFT_OUT) - 8
    for part in parts:
        if len(part) + 2 > room:
            kept.append(_LEFT_OUT)
            break
        kept.append(part)
        room -= len(part) + 2
    return "\n\n".join([*kept, last]) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(_short(cell, _CELL).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    if not rows:
        return ""
    more = f"\n\n{len(rows) - _ROWS} more in report.html" if len(rows) > _ROWS else ""
    return "\n".join([line(head), line(["---"] * len(head)), *map(line, rows[:_ROWS])]) + more


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
