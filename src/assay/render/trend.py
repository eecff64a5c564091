"""How the gates' values went over the last runs, as small pictures in the page's colours."""

from __future__ import annotations

import json
import math
from html import escape
from typing import TYPE_CHECKING

from assay.gates import GateResult, Verdict
from assay.render.text import gate_limit, number
from assay.reports import RunReport

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

STYLE = (
    "svg.trend{width:7rem;height:1.6rem;display:block;overflow:visible}.trend polyline{fill:none;stroke:var(--bar);"
    "stroke-width:1.5}.trend path{fill:none;stroke:var(--bad);stroke-dasharray:3 3}.trend circle{fill:var(--bar)}"
    ".trend .stop{fill:var(--bad)}"
)
_WIDTH, _HEIGHT, _EDGE = 112.0, 26.0, 4.0
_RUNS = 20


def trends(run: RunReport, folder: Path) -> dict[str, list[GateResult]]:
    """What was observed at each gate, the oldest first, this run last.

    Args:
        run: This run.
        folder: Its folder; the folders of earlier runs lie beside it. A result that was reused counts once. Where there
            are none, as in a container, what the champion reached when it was made comes first.
    """
    earlier = list(_earlier(run, folder))
    found: dict[str, dict[str, GateResult]] = {}
    for gate in () if earlier else _of_champion(folder):
        found[gate.gate] = {"": gate}
    for one in (*earlier, run):
        for entry in one.entries:
            for gate in entry.report.gates:
                found.setdefault(gate.gate, {})[entry.report.run_id] = gate
    return {name: list(values.values()) for name, values in found.items()}


def _earlier(run: RunReport, folder: Path) -> Iterator[RunReport]:
    files = sorted(file for file in folder.parent.glob("*/run.json") if file.parent.name < run.id)
    for file in files[-_RUNS:]:
        try:
            one = RunReport.from_dict(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        if one.project == run.project and not file.parent.is_symlink():
            yield one


def _of_champion(folder: Path) -> list[GateResult]:
    file = folder / "resolve" / "champion" / "evaluation.json"
    try:
        gates = json.loads(file.read_text(encoding="utf-8"))["gates"]
        return [GateResult(**{**gate, "status": Verdict(gate["status"])}) for gate in gates]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def sparkline(gates: Sequence[GateResult]) -> str:
    """The picture for one gate's results; empty where there are not two values to compare."""
    told = [gate for gate in gates if gate.observed is not None and math.isfinite(gate.observed)]
    if len(told) < 2:  # noqa: PLR2004 - one value has no trend
        return ""
    values = [float(gate.observed or 0) for gate in told]
    limits = [gate.limit if _near(gate.limit, min(values), max(values)) else None for gate in told]
    every = [*values, *(limit for limit in limits if limit is not None)]
    low, high = min(every), max(every)

    def y(value: float) -> float:
        share = (value - low) / (high - low) if high > low else 0.5
        return _HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * share

    step = (_WIDTH - 2 * _EDGE) / (len(values) - 1)
    points = [(_EDGE + step * place, y(value)) for place, value in enumerate(values)]
    line = " ".join(f"{x:.1f},{height:.1f}" for x, height in points)
    dots = "".join(_dot(*point, gate) for point, gate in zip(points, told, strict=True) if _marked(gate, told[-1]))
    steps = _steps([None if limit is None else y(limit) for limit in limits], step)
    dashed = f'<path d="{steps}"/>' if steps else ""
    words = f"{len(values)} results: {', '.join(map(number, values))}; limit {_limits(told)}"
    head = f'<svg class="trend" role="img" aria-label="{escape(words)}" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}">'
    return f'{head}<title>{escape(words)}</title>{dashed}<polyline points="{line}"/>{dots}</svg>'


def _steps(heights: Sequence[float | None], step: float) -> str:
    """The limit that each result was held against: level around it, up or down halfway to the next."""
    parts, before = [], None
    for place, height in enumerate(heights):
        start = max(0.0, _EDGE + step * (place - 0.5))
        end = min(_WIDTH, _EDGE + step * (place + 0.5))
        if height is not None and height != before:
            parts.append(f"M{start:.1f} {height:.1f}" if before is None else f"V{height:.1f}")
        if height is not None:
            parts.append(f"H{end:.1f}")
        before = height
    return "".join(parts)


def _limits(gates: Sequence[GateResult]) -> str:
    """All limits that were in force, each once where it did not change."""
    told = list(map(gate_limit, gates))
    return ", ".join(now for before, now in zip(["", *told], told, strict=False) if now != before)


def _near(limit: float | None, low: float, high: float) -> bool:
    """Whether the line of the values would still be more than flat beside the limit."""
    if limit is None or not math.isfinite(limit):
        return False
    spread = high - low
    return not spread or max(high, limit) - min(low, limit) <= 20 * spread


def _marked(gate: GateResult, last: GateResult) -> bool:
    return gate is last or gate.status.blocks


def _dot(x: float, y: float, gate: GateResult) -> str:
    kind = ' class="stop"' if gate.status.blocks else ""
    return f'<circle{kind} cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>'
