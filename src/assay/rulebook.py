"""The gates of a stage: their limits, where each is set, and what the newest run measured. Standard library only."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from assay.lines import locate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from assay.gates import GateResult, Limit
    from assay.project import Project
    from assay.reports import Entry

_FILE = "pyproject.toml"


@dataclass(frozen=True)
class Rule:
    """A gate's limit.

    Attributes:
        gate: Name.
        limit: Bounds, as they are written.
        where: File and line, or that it is Assay's default.
        observed: What the newest run measured; None where it did not.
        status: The verdict then; empty where there was none.
    """

    gate: str
    limit: str
    where: str
    observed: float | None = None
    status: str = ""


def rules_of(project: Project, name: str, entry: Entry | None) -> tuple[Rule, ...]:
    """The gates of the stage `name`; `entry` is what happened in the newest run that had it."""
    return tuple(_rules(project, name, entry))


def _rules(project: Project, name: str, entry: Entry | None) -> Iterator[Rule]:
    results = {gate.gate: gate for gate in entry.report.gates} if entry else {}
    text = (project.root / _FILE).read_text(encoding="utf-8")
    for gate, limit in project.limits[name].items():
        found = _result(gate, results)
        observed, status = (found.observed, str(found.status)) if found else (None, "")
        yield Rule(gate, _bounds(limit), _where(text, project, name, gate), observed, status)


def _result(gate: str, results: Mapping[str, GateResult]) -> GateResult | None:
    if gate.endswith("*"):
        found = [result for name, result in results.items() if name.startswith(gate[:-1])]
        # of a family, the one that says most
        return next((result for result in found if result.status != "pass"), found[0] if found else None)
    return results.get(gate)


def _bounds(limit: Limit) -> str:
    bounds = {name: value for name, value in asdict(limit).items() if value is not None and name != "severity"}
    told = ", ".join(f"{name} {value:g}" for name, value in bounds.items())
    return told + (" (only told)" if limit.severity == "warn" else "")


def _where(text: str, project: Project, name: str, gate: str) -> str:
    keys = tuple(gate.split(".")[1:])
    table: Any = project.config.gates.get(name, {})
    for key in keys:
        if not isinstance(table, dict) or key not in table:
            return "Assay's default"
        table = table[key]
    return f"{_FILE}:{locate(text, ('tool', 'assay', 'gates', name, *keys))}"
