"""How the gates' values went over the last runs, as small pictures in the page's colours."""

from __future__ import annotations

import json
import math
from html import escape
from typing import TYPE_CHECKING

from assay.render.text import gate_limit, number
from assay.reports import RunReport

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from assay.gates import GateResult

STYLE = (
    "svg.trend{width:7rem;height:1.6rem;display:block;overflow:visible}.trend polyline{fill:none;stroke:var(--bar);"
    "stroke-width:1.5}.trend path{stroke:var(--bad);stroke-dasharray:3 3}.trend circle{fill:var(--bar)}"
    ".trend .stop{fill:var(--bad)}"
)
_WIDTH, _HEIGHT, _EDGE = 112.0, 26.0, 4.0
_RUNS = 20


def trends(run: RunReport, folder: Path) -> dict[str, list[GateResult]]:
    """What was observed at each gate, the oldest first, this run last.

    Args:
        run: This run.
        folder: Its folder; the folders of earlier runs lie beside it. A result that was reused counts once.
    """
    found: dict[str, dict[str, GateResult]] = {}
    for one in (*_earlier(run, folder), run):
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


def sparkline(gates: Sequence[GateResult]) -> str:
    """The picture for one gate's results; empty where there are not two values to compare."""
    told = [gate for gate in gates if gate.observed is not None and math.isfinite(gate.observed)]
    limit = gates[-1].limit if gates else None
    if len(told) < 2:  # noqa: PLR2004 - one value has no trend
        return ""
    values = [float(gate.observed or 0) for gate in told]
    low, high = min(values), max(values)
    shown = limit is not None and math.isfinite(limit) and _near(limit, low, high)
    low, high = (min(low, limit), max(high, limit)) if shown and limit is not None else (low, high)

    def y(value: float) -> float:
        share = (value - low) / (high - low) if high > low else 0.5
        return _HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * share

    step = (_WIDTH - 2 * _EDGE) / (len(values) - 1)
    points = [(_EDGE + step * place, y(value)) for place, value in enumerate(values)]
    line = " ".join(f"{x:.1f},{height:.1f}" for x, height in points)
    dots = "".join(_dot(*point, gate) for point, gate in zip(points, told, strict=True) if _marked(gate, told[-1]))
    dashed = f'<path d="M0 {y(limit):.1f}H{_WIDTH:g}"/>' if shown and limit is not None else ""
    words = f"{len(values)} results: {', '.join(map(number, values))}; limit {gate_limit(gates[-1])}"
    head = f'<svg class="trend" role="img" aria-label="{escape(words)}" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}">'
    return f'{head}<title>{escape(words)}</title>{dashed}<polyline points="{line}"/>{dots}</svg>'


def _near(limit: float, low: float, high: float) -> bool:
    """Whether the line of the values would still be more than flat beside the limit."""
    spread = high - low
    return not spread or max(high, limit) - min(low, limit) <= 20 * spread


def _marked(gate: GateResult, last: GateResult) -> bool:
    return gate is last or gate.status.blocks


def _dot(x: float, y: float, gate: GateResult) -> str:
    kind = ' class="stop"' if gate.status.blocks else ""
    return f'<circle{kind} cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>'
