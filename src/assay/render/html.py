"""A run as one self-contained HTML file: no script, no address outside, readable on a phone."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING, Any

from assay.render.text import gate_limit, gates_word, number, status_word, verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from assay.gates import GateResult
    from assay.reports import Entry, RunReport

_STYLE = """
:root{--ink:#1c2430;--soft:#5b6675;--line:#dfe4ea;--bg:#f6f7f9;--card:#fff;--ok:#18794e;--bad:#c62a2f;--warn:#ad5700;--idle:#687076;--bar:#3e63dd}
@media (prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#9ba4b0;--line:#2d3540;--bg:#12161c;--card:#1a2028;--ok:#4cc38a;--bad:#ff6369;--warn:#ffb224;--idle:#9ba1a6;--bar:#849dff}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:64rem;margin:0 auto;padding:1.5rem 1rem 4rem}h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:0}
.sub{color:var(--soft);margin:.25rem 0 1.25rem;overflow-wrap:anywhere}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;margin:0 0 1rem;overflow:hidden}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.45rem .9rem;border-top:1px solid var(--line);vertical-align:top}
th{color:var(--soft);font-weight:600;font-size:.8rem;border-top:0;white-space:nowrap}td.n{font-variant-numeric:tabular-nums;white-space:nowrap}
.tag{display:inline-block;padding:0 .55rem;border-radius:1rem;font-size:.8rem;font-weight:600;border:1px solid currentColor;white-space:nowrap}
.passed,.pass{color:var(--ok)}.cached,.skipped,.none{color:var(--idle)}.failed,.error,.fail,.inconclusive{color:var(--bad)}.warn,.waived{color:var(--warn)}
.bar{height:.5rem;border-radius:.25rem;background:var(--bar);min-width:2px}details>summary{cursor:pointer;padding:.8rem .9rem;display:flex;gap:.7rem;align-items:center;flex-wrap:wrap}
details>summary .grow{flex:1}.body{padding:0 .9rem .9rem}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--bg);border-radius:6px;padding:.7rem;font-size:.85rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:.5rem 0}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(16rem,1fr));gap:.8rem}.plots img{width:100%;border-radius:6px;background:#fff}
a{color:inherit}
"""


def run_html(run: RunReport, folder: Path) -> str:
    """The page for `run`; plots are taken from the stages' folders below `folder`."""
    origin = [f"run {run.id}", f"trigger {run.trigger}", run.started, f"commit {run.commit}" if run.commit else ""]
    stages = "".join(_stage(entry, folder / entry.report.stage) for entry in run.entries)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(run.project)}: {escape(verdict(run))}</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{escape(run.project)} {_tag('failed' if run.exit_code else 'passed')}</h1>"
        f'<p class="sub">{escape(verdict(run))}<br>{escape(" · ".join(filter(None, origin)))}</p>'
        f"{_overview(run)}{_blocking(run)}{stages}</main></body></html>\n"
    )


def _tag(word: str, text: str = "") -> str:
    kind = "none" if word == "no champion yet" else word
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
        f'<tr><td><a href="#{report.stage}">{report.stage}</a></td><td>{_tag(word)}</td><td class="n">{time}</td>'
        f'<td style="width:25%">{bar}</td><td class="n">{gates_word(entry)}</td><td>{escape(entry.why)}</td></tr>'
    )


def _blocking(run: RunReport) -> str:
    gates = [gate for entry in run.entries for gate in entry.report.blocking]
    return f'<div class="card scroll">{_gates(gates)}</div>' if gates else ""


def _gates(gates: list[GateResult]) -> str:
    head = "<tr><th>gate</th><th>observed</th><th>limit</th><th>verdict</th><th></th></tr>"
    return f"<table>{head}{''.join(map(_gate, gates))}</table>"


def _gate(gate: GateResult) -> str:
    return (
        f'<tr><td>{escape(gate.gate)}</td><td class="n">{number(gate.observed)}</td>'
        f'<td class="n">{escape(gate_limit(gate))}</td><td>{_tag(gate.status)}</td><td>{escape(gate.message)}</td></tr>'
    )


def _stage(entry: Entry, folder: Path) -> str:
    report = entry.report
    memory = f"{report.peak_memory / 2**20:.0f} MiB" if report.peak_memory else ""
    facts = " · ".join(filter(None, (f"{report.seconds:.1f} s", memory)))
    opened = " open" if report.status in {"failed", "error"} else ""
    message = f"<pre>{escape(report.message)}</pre>" if report.message else ""
    gates = f'<div class="scroll">{_gates(list(report.gates))}</div>' if report.gates else ""
    return (
        f'<details class="card" id="{report.stage}"{opened}><summary><h2>{report.stage}</h2>{_tag(status_word(entry))}'
        f'<span class="grow"></span><span class="sub" style="margin:0">{facts}</span></summary>'
        f'<div class="body">{message}{gates}{_summary(report.summary)}{_plots(folder)}</div></details>'
    )


def _summary(values: Mapping[str, Any]) -> str:
    def show(value: object) -> str:
        if isinstance(value, float):
            return number(value)
        if isinstance(value, dict):
            return ", ".join(f"{name} {show(item)}" for name, item in value.items())
        return ", ".join(map(show, value)) if isinstance(value, (list, tuple)) else str(value)

    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(show(value))}</dd>" for name, value in values.items())
    return f"<dl>{items}</dl>" if items else ""


def _plots(folder: Path) -> str:
    images = [_image(path) for path in sorted(folder.glob("*/plots/*.png"))]
    return f'<div class="plots">{"".join(images)}</div>' if images else ""


def _image(path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<img alt="{escape(path.stem.replace("_", " "))}" src="data:image/png;base64,{data}">'
