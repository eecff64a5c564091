"""The gates of a stage: their limits, where each is set, and what was measured. Standard library only."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from assay.gates import Observed, Verdict, judge
from assay.lines import locate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from assay.gates import GateResult, Limit, Waiver
    from assay.project import Project

_FILE = "pyproject.toml"
# the first one that is found counts; a refusal may turn out inconclusive, or early, and is no pass then either
_WOULD = {
    Verdict.FAIL: "would not pass",
    Verdict.ERROR: "not judged yet",
    Verdict.WAIVED: "would be waived",
    Verdict.WARN: "would warn",
    Verdict.PASS: "would pass",
}


@dataclass(frozen=True)
class Rule:
    """A gate's limit.

    Attributes:
        gate: Name.
        limit: Bounds, as they are written.
        where: File and line, or that it is Assay's default.
        observed: What was measured; None where nothing was.
        status: The verdict on it, or what it would be by this limit: "would pass", "would warn", "would not pass",
            "would be waived", "not judged yet"; empty where nothing was judged at all.
    """

    gate: str
    limit: str
    where: str
    observed: float | None = None
    status: str = ""


def rules_of(project: Project, name: str, results: Sequence[GateResult], judged_by: Project | None) -> tuple[Rule, ...]:
    """The gates of the stage `name`.

    Args:
        project: Has the limits.
        name: The stage.
        results: What its gates said.
        judged_by: Has the limits and waivers by which they said so; None where these are not known.
    """
    return tuple(_rules(project, name, results, judged_by))


def _rules(project: Project, name: str, results: Sequence[GateResult], judged_by: Project | None) -> Iterator[Rule]:
    text = (project.root / _FILE).read_text(encoding="utf-8")
    for gate, limit in project.limits[name].items():
        found, waivers = _results(gate, results), _waivers(project, gate)
        same = judged_by and judged_by.limits[name].get(gate) == limit and _waivers(judged_by, gate) == waivers
        observed, status = _told(found) if same else _anew(found, limit, waivers)
        yield Rule(gate, _bounds(limit), _where(text, project, name, gate), observed, status if results else "")


def _results(gate: str, results: Sequence[GateResult]) -> list[GateResult]:
    family = gate[:-1] if gate.endswith("*") else None
    return [result for result in results if result.gate == gate or (family and result.gate.startswith(family))]


def _waivers(project: Project, gate: str) -> tuple[Waiver, ...]:
    return tuple(waiver for waiver in project.config.waivers if fnmatchcase(waiver.gate, gate))


def _told(found: Sequence[GateResult]) -> tuple[float | None, str]:
    # of a family, and of several bounds, the one that says most
    first = min(found, key=lambda result: result.status.urgency, default=None)
    return (first.observed, str(first.status)) if first else (None, "")


def _anew(found: Sequence[GateResult], limit: Limit, waivers: tuple[Waiver, ...]) -> tuple[float | None, str]:
    """What `limit` would say to what was found by another one."""
    verdicts = [(verdict, old.observed) for old in found for verdict in _judge_anew(old, limit, waivers)]
    order = list(_WOULD)
    verdict, observed = min(verdicts, key=lambda one: order.index(one[0]), default=(Verdict.ERROR, None))
    return observed, _WOULD[verdict]


def _judge_anew(old: GateResult, limit: Limit, waivers: tuple[Waiver, ...]) -> list[Verdict]:
    if old.status in {Verdict.ERROR, Verdict.NO_CHAMPION}:
        return [Verdict.ERROR]
    # a bound that starts from the champion's value is an error here: no report has that value
    verdicts = [result.status for result in judge({old.gate: limit}, {old.gate: Observed(old.observed)}, waivers)]
    # nor does a report say whether there was too little to judge by, but where there was nothing passed or failed
    certain = old.status in {Verdict.PASS, Verdict.FAIL}
    return [Verdict.ERROR if verdict is Verdict.PASS and not certain else verdict for verdict in verdicts]


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
