"""The monitor report as one self-contained HTML page: no script, no address outside, readable on a phone."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from assay.monitoring.timeline import STYLE, Point, timeline
from assay.render.html import gates_table, image, tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from assay.gates import GateResult

# on a phone each row of a table is a block: its name, its numbers side by side, its message
_NARROW = (
    "@media(max-width:40rem){th{display:none}td{border:0;padding:0}td:empty{display:none}"
    "tr{display:flex;flex-wrap:wrap;gap:.1rem .8rem;padding:.5rem .9rem}tr+tr{border-top:1px solid var(--line)}"
    "td:first-child,td:last-child{flex-basis:100%}}"
)
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
    style = files("assay.render").joinpath("report.css").read_text(encoding="utf-8") + STYLE + _NARROW
    pictures = "".join(image(path) for path in sorted(page.plots.glob("*.svg")))
    columns = f'<div class="card"><div class="body"><div class="plots">{pictures}</div></div></div>' if pictures else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(page.model)}: monitor</title><style>{style}</style></head><body><main>"
        f"<h1>{escape(page.model)} {tag('failed' if stops else 'passed', 'alarm' if stops else 'no alarm')}</h1>"
        f'<p class="sub">{"<br>".join(escape(fact) for fact in (page.serving, *page.facts) if fact)}</p>'
        f'<div class="card scroll">{gates_table(sorted(page.gates, key=_calm))}</div>'
        f"{_over_time(page)}{_drifted(page)}{columns}</main></body></html>\n"
    )


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
    rows = "".join(
        f'<tr><td>{escape(row["column"])}</td><td class="n">{row["psi"]:.3f}</td><td>{escape(row["why"])}</td></tr>'
        for row in page.drifted
    )
    head = "<tr><th>drifted column</th><th>psi</th><th>why</th></tr>"
    return f'<div class="card scroll"><table>{head}{rows}</table></div>' if rows else ""
