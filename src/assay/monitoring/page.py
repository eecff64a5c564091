"""The monitor report as one self-contained HTML page: no script, no address outside, readable on a phone."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from assay.monitoring.timeline import STYLE, Point, timeline
from assay.render.html import gates_table
from assay.render.page import document, image, table, tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from assay.gates import GateResult

_FIRST = ("monitor.volume", "monitor.errors", "monitor.drift.psi", "monitor.drift.columns")


@dataclass(frozen=True, kw_only=True)
class Page:
    """What is shown.

    Attributes:
        model: Name of the model.
        serving: The version that was looked at, for people.
        facts: Lines below the title.
        gates: The verdicts on this window.
        history: The windows so far, the oldest first, this one among them.
        drifted: The columns that drifted: `column`, `psi`, `why`.
        plots: Folder with a picture for each column.
    """

    model: str
    serving: str
    facts: Sequence[str]
    gates: Sequence[GateResult]
    history: Sequence[Mapping[str, Any]]
    drifted: Sequence[Mapping[str, Any]]
    plots: Path


def page_html(page: Page) -> str:
    """The whole page."""
    stops = any(gate.status.blocks for gate in page.gates)
    pictures = "".join(image(path) for path in sorted(page.plots.glob("*.svg")))
    columns = f'<div class="card"><div class="body"><div class="plots">{pictures}</div></div></div>' if pictures else ""
    body = (
        f"<h1>{escape(page.model)} {tag('failed' if stops else 'passed', 'alarm' if stops else 'no alarm')}</h1>"
        f'<p class="sub">{"<br>".join(escape(fact) for fact in (page.serving, *page.facts) if fact)}</p>'
        f'<div class="card">{gates_table(sorted(page.gates, key=_calm))}</div>'
        f"{_over_time(page)}{_drifted(page)}{columns}"
    )
    return document(f"{page.model}: monitor", body, STYLE)


def _calm(gate: GateResult) -> int:
    """What stops comes first, then what warns, else the order of the checks."""
    return 0 if gate.status.blocks else 1 if gate.status == "warn" else 2


def _over_time(page: Page) -> str:
    found = {name for record in page.history for name in record["values"]}
    names = [*(name for name in _FIRST if name in found), *sorted(found.difference(_FIRST))]
    pictures = [_timeline(name, page) for name in names]
    inside = "".join(f"<div>{picture}</div>" for picture in pictures if picture)
    return f'<div class="card"><div class="body"><div class="plots">{inside}</div></div></div>' if inside else ""


def _timeline(name: str, page: Page) -> str:
    points = [point for record in page.history if (point := _point(name, record))]
    limits = [gate.limit for gate in page.gates if gate.gate == name and gate.limit is not None]
    return timeline(name.removeprefix("monitor."), points, limits) if points else ""


def _point(name: str, record: Mapping[str, Any]) -> Point | None:
    value = record["values"].get(name)
    if value is None or not math.isfinite(value):
        return None
    low, high = record["intervals"].get(name) or (value, value)
    refused = name in record["refused"]
    return Point(at=dt.datetime.fromisoformat(record["at"]), value=value, low=low, high=high, refused=refused)


def _drifted(page: Page) -> str:
    rows = [(escape(row["column"]), f"{row['psi']:.3f}", escape(row["why"])) for row in page.drifted]
    inner = table("columns that drifted", ("drifted column", "psi", "why"), rows)
    return f'<div class="card">{inner}</div>' if rows else ""
