"""A run as one self-contained HTML file: no script, no address outside, readable on a phone."""

from __future__ import annotations

import base64
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from assay.render.text import DRIFT, drift_rows, gate_limit, gates_word, number, status_word, verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from assay.gates import GateResult
    from assay.reports import Entry, RunReport


_IMAGES = {".png": "image/png", ".svg": "image/svg+xml"}


def run_html(run: RunReport, folder: Path) -> str:
    """The page for `run`; plots are taken from the stages' folders below `folder`."""
    origin = [f"run {run.id}", f"trigger {run.trigger}", run.started, f"commit {run.commit}" if run.commit else ""]
    style = files("assay.render").joinpath("report.css").read_text(encoding="utf-8")
    stages = "".join(_stage(entry, folder / entry.report.stage) for entry in run.entries)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(run.project)}: {escape(verdict(run))}</title><style>{style}</style></head><body><main>"
        f"<h1>{escape(run.project)} {tag('failed' if run.exit_code else 'passed')}</h1>"
        f'<p class="sub">{escape(verdict(run))}<br>{escape(" · ".join(filter(None, origin)))}</p>'
        f"{_overview(run)}{_blocking(run)}{stages}</main></body></html>\n"
    )


def tag(word: str, text: str = "") -> str:
    """A verdict or status in its colour."""
    kind = "none" if word == "no champion" else word
    return f'<span class="tag {escape(kind)}">{escape(text or word)}</span>'


def _overview(run: RunReport) -> str:
    longest = max([0.001, *(e.report.seconds for e in run.entries if not e.cached)])
    rows = "".join(_overview_row(entry, longest) for entry in run.entries)
    head = "<tr><th>stage</th><th>status</th><th>time</th><th></th><th>gates</th><th>why</th></tr>"
    return f'<div class="card scroll"><table>{head}{rows}</table></div>'


def _overview_row(entry: Entry, longest: float) -> str:
    report, word = entry.report, status_word(entry)
    seconds = 0.0 if entry.cached else report.seconds
    bar = f'<div class="bar" style="width:{100 * seconds / longest:.0f}%"></div>' if seconds else ""
    time = f"{seconds:.1f} s" if seconds else "-"
    return (
        f'<tr><td><a href="#{report.stage}">{report.stage}</a></td><td>{tag(word)}</td><td class="n">{time}</td>'
        f'<td style="width:25%">{bar}</td><td class="n">{gates_word(entry)}</td><td>{escape(entry.why)}</td></tr>'
    )


def _blocking(run: RunReport) -> str:
    gates = [gate for entry in run.entries for gate in entry.report.blocking]
    return f'<div class="card scroll">{gates_table(gates)}</div>' if gates else ""


def gates_table(gates: Sequence[GateResult]) -> str:
    """A table of verdicts."""
    head = "<tr><th>gate</th><th>observed</th><th>limit</th><th>verdict</th><th></th></tr>"
    return f"<table>{head}{''.join(map(_gate, gates))}</table>"


def _gate(gate: GateResult) -> str:
    return (
        f'<tr><td>{escape(gate.gate)}</td><td class="n">{number(gate.observed)}</td>'
        f'<td class="n">{escape(gate_limit(gate))}</td><td>{tag(gate.status)}</td><td>{escape(gate.message)}</td></tr>'
    )


def _stage(entry: Entry, folder: Path) -> str:
    report = entry.report
    memory = f"{report.peak_memory / 2**20:.0f} MiB" if report.peak_memory else ""
    facts = " · ".join(filter(None, (f"{report.seconds:.1f} s", memory)))
    opened = " open" if report.gates or report.status in {"failed", "error"} else ""
    message = f"<pre>{escape(report.message)}</pre>" if report.message else ""
    gates = f'<div class="scroll">{gates_table(report.gates)}</div>' if report.gates else ""
    return (
        f'<details class="card" id="{report.stage}"{opened}><summary><h2>{report.stage}</h2>{tag(status_word(entry))}'
        f'<span class="grow"></span><span class="sub" style="margin:0">{facts}</span></summary>'
        f'<div class="body">{message}{gates}{_summary(report.summary)}{_drift(entry)}'
        f"{_pages(folder)}{_plots(folder)}</div></details>"
    )


def _summary(values: Mapping[str, Any]) -> str:
    def show(value: object) -> str:
        if isinstance(value, float):
            return number(value)
        if isinstance(value, dict):
            return ", ".join(f"{name} {show(item)}" for name, item in value.items())
        return ", ".join(map(show, value)) if isinstance(value, (list, tuple)) else str(value)

    facts = {name: value for name, value in values.items() if name != DRIFT}
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(show(value))}</dd>" for name, value in facts.items())
    return f"<dl>{items}</dl>" if items else ""


def _drift(entry: Entry) -> str:
    rows = "".join(
        f'<tr><td>{escape(name)}</td><td class="n">{psi}</td><td>{escape(why)}</td></tr>'
        for name, psi, why in drift_rows(entry)
    )
    head = "<tr><th>drifted column</th><th>psi</th><th>why</th></tr>"
    return f'<div class="scroll"><table>{head}{rows}</table></div>' if rows else ""


def _pages(folder: Path) -> str:
    pages = sorted(folder.glob("*/*.html"))
    links = (f'<a href="{page.relative_to(folder.parent)}">{escape(page.stem.replace("_", " "))}</a>' for page in pages)
    return f"<p>{', '.join(links)}</p>" if pages else ""


def _plots(folder: Path) -> str:
    images = [image(path) for path in sorted(folder.glob("*/plots/*")) if path.suffix in _IMAGES]
    return f'<div class="plots">{"".join(images)}</div>' if images else ""


def image(path: Path) -> str:
    """A picture, inside the page."""
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<img alt="{escape(path.stem.replace("_", " "))}" src="data:{_IMAGES[path.suffix]};base64,{data}">'
