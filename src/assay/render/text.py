"""Plain-text tables for terminals and logs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from assay.errors import Exit
from assay.gates import Verdict
from assay.pipeline import STAGES
from assay.reports import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.gates import GateResult
    from assay.plan import Plan
    from assay.reports import Entry, RunReport, StageReport

DRIFT = "drift"
_AGAINST = ".vs_champion"
_SHOWN, _LONGEST, _NAMED = 10, 160, 3
_EIGHT = {stage.name for stage in STAGES}
IN_BRACKETS = "in brackets: not one of the eight stages, but needed by one of them"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned to their widest cell, one header line."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def plan_table(plan: Plan) -> str:
    """What a plan will do, one line a step."""
    rows = [
        (
            f"({step.stage})" if step.supporting else step.stage,
            ", ".join(slot.name for slot in step.inputs) or "-",
            ", ".join(slot.name for slot in step.outputs),
            str(step.world),
            ", ".join(step.gates) or "-",
        )
        for step in plan.steps
    ]
    note = "\n(in brackets: not asked for, needed by another stage)" if any(s.supporting for s in plan.steps) else ""
    return table(("stage", "reads", "writes", "world", "gates"), rows) + note


def number(value: float | None) -> str:
    """A value as short as it can be read: whole numbers in full, else four significant digits, a dash for none."""
    if value is None:
        return "-"
    return f"{int(value):,}" if math.isfinite(value) and value == int(value) else f"{value:.4g}"


def gate_limit(gate: GateResult) -> str:
    """`>= 0.85`, or a dash where the gate has no limit to show."""
    return "-" if gate.limit is None else f"{gate.operator} {number(gate.limit)}"


def stage_word(stage: str) -> str:
    """A stage's name, in brackets where it is none of the eight and only helps them."""
    return stage if stage in _EIGHT else f"({stage})"


def status_word(entry: Entry) -> str:
    """`cached` for a reused result that passed, else the status: a red one must look red."""
    return "cached" if entry.cached and entry.report.passed else str(entry.report.status)


def status_text(entry: Entry) -> str:
    """The same with where a reused result came from: `cached (registry)`."""
    word = status_word(entry)
    return f"{word} ({entry.source})" if entry.source and word == "cached" else word


def time_word(entry: Entry) -> str:
    """`4.2 s`, or a dash for a stage that did not run now."""
    return "-" if entry.cached or entry.report.status is Status.SKIPPED else f"{entry.report.seconds:.1f} s"


def gates_word(entry: Entry) -> str:
    """`4/5`: gates that let the stage pass, of all."""
    gates = entry.report.gates
    return f"{len(gates) - len(entry.report.blocking)}/{len(gates)}" if gates else "-"


def run_table(run: RunReport) -> str:
    """The run: a line a stage, then the gates that stopped it or need a look, then what went wrong."""
    rows = [
        (stage_word(e.report.stage), status_text(e), time_word(e), gates_word(e), e.why or "-") for e in run.entries
    ]
    parts = [table(("stage", "status", "time", "gates", "why"), rows)]
    parts += [text for text in (gates_table(run), *map(drift_table, run.entries), problems(run), notes(run)) if text]
    return "\n\n".join([*parts, verdict(run)])


def by_urgency(run: RunReport) -> list[GateResult]:
    """All gates: those that stopped the run, those that need a look, those that passed."""
    gates = [gate for entry in run.entries for gate in entry.report.gates]
    return sorted(gates, key=lambda gate: gate.status.urgency)


def refusals(report: StageReport) -> str:
    """The gates that stopped a stage, in a line; empty where none did."""
    told, more = list(map(_refusal, report.blocking[:_NAMED])), len(report.blocking) - _NAMED
    return "; ".join(told) + (f" and {more} more" if more > 0 else "")


def _refusal(gate: GateResult) -> str:
    if gate.limit is None:
        return f"{gate.gate} {gate.status}" + (f": {gate.message}" if gate.message else "")
    word = "" if gate.status is Verdict.FAIL else f" ({gate.status})"
    return f"{gate.gate} {number(gate.observed)}, limit {gate_limit(gate)}{word}"


def gates_table(run: RunReport) -> str:
    """The gates that did not simply pass, and what was compared with the champion; empty where there is neither."""
    gates = by_urgency(run)
    compared = {gate.gate for gate in gates if gate.gate.endswith(_AGAINST)}
    rows = [
        (g.gate, number(g.observed), gate_limit(g), str(g.status), g.message or "-")
        for g in gates
        if g.status != "pass" or g.gate in compared or g.gate + _AGAINST in compared
    ]
    return table(("gate", "observed", "limit", "verdict", "message"), rows) if rows else ""


def drift_rows(entry: Entry) -> list[tuple[str, str, str]]:
    """Name, population stability index and reason of each column that a stage saw drift, the worst first."""
    found = entry.report.summary.get(DRIFT)
    rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    return [(_line(row.get("column")), number(row.get("psi")), _line(row.get("why") or "-")) for row in rows]


def _line(text: object) -> str:
    """On one line and without what a terminal would obey: names of columns and categories come from the data."""
    return "".join(letter if letter.isprintable() else " " for letter in str(text))


def drift_table(entry: Entry) -> str:
    """The columns that drifted, at most ten; empty where none did."""
    rows = drift_rows(entry)
    shown = [
        (name, psi, why if len(why) <= _LONGEST else f"{why[: _LONGEST - 1]}…") for name, psi, why in rows[:_SHOWN]
    ]
    more = f"\n{len(rows) - _SHOWN} more, all of them in report.html" if len(rows) > _SHOWN else ""
    return table((f"{entry.report.stage}: drifted", "psi", "why"), shown) + more if rows else ""


def problems(run: RunReport) -> str:
    """The message of each stage that ended in an error, in full."""
    errors = [e.report for e in run.entries if e.report.status is Status.ERROR]
    return "\n\n".join(f"{report.stage}: {report.message}" for report in errors)


def notes(run: RunReport) -> str:
    """What people should know beside the results, a line each."""
    return "\n".join(f"note: {e.report.stage}: {_line(e.note)}" for e in run.entries if e.note)


def verdict(run: RunReport) -> str:
    """The last line: how many stages passed, and the exit code with its meaning."""
    stages = [entry for entry in run.entries if entry.report.stage in _EIGHT]
    passed = sum(entry.report.passed for entry in stages)
    total = f"{passed} of {len(stages)} stages passed in {run.seconds:.1f} s"
    return f"{total} (exit {run.exit_code}: {meaning(run.exit_code)})" if run.exit_code else total


def meaning(code: int) -> str:
    """An exit code in words."""
    words = {
        Exit.BUG: "a bug in Assay",
        Exit.USAGE: "configuration or usage",
        Exit.GATE: "a gate said no",
        Exit.PROJECT: "the project's code failed",
        Exit.SERVICE: "a service outside failed",
        Exit.INTERRUPTED: "interrupted",
    }
    return words.get(Exit(code), "unknown") if code in list(Exit) else "unknown"
