"""A run as one self-contained HTML file."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from assay.render import trend
from assay.render.facts import compared, lineage
from assay.render.page import PICTURES, document, image, inside, table, tag
from assay.render.summary import listed, summary
from assay.render.text import (
    IN_BRACKETS,
    drift_rows,
    gate_limit,
    gates_word,
    number,
    stage_word,
    status_text,
    status_word,
    verdict,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from assay.gates import GateResult
    from assay.reports import Entry, RunReport

    Trends = Mapping[str, Sequence[GateResult]]


def run_html(run: RunReport, folder: Path) -> str:
    """The page for `run`; plots and pages are taken from the stages' folders below `folder`, trends from beside it."""
    origin = [f"run {run.id}", f"trigger {run.trigger}", run.started, f"commit {run.commit}" if run.commit else ""]
    over_time = trend.trends(run, folder)
    parts = (
        f"<h1>{escape(run.project)} {tag('failed' if run.exit_code else 'passed')}</h1>",
        f'<p class="sub">{escape(verdict(run))}<br>{escape(" · ".join(filter(None, origin)))}</p>',
        _overview(run),
        _blocking(run, over_time),
        _compared(folder),
        *(_stage(entry, folder / entry.report.stage, over_time) for entry in run.entries),
        _card("where it comes from", listed(lineage(run, folder))),
    )
    return document(f"{run.project}: {verdict(run)}", "".join(parts), trend.STYLE)


def _card(title: str, inner: str) -> str:
    return f'<section class="card"><h2 class="top">{escape(title)}</h2>{inner}</section>' if inner else ""


def _overview(run: RunReport) -> str:
    longest = max([0.001, *(e.report.seconds for e in run.entries if not e.cached)])
    rows = [_overview_row(entry, longest) for entry in run.entries]
    helpers = any(e.report.stage != stage_word(e.report.stage) for e in run.entries)
    note = f'<p class="sub note">{escape(IN_BRACKETS)}</p>' if helpers else ""
    inner = table("stages", ("stage", "status", "time", "", "gates", "why"), rows)
    return f'<section class="card" aria-label="stages">{inner}{note}</section>'


def _overview_row(entry: Entry, longest: float) -> tuple[str, ...]:
    report = entry.report
    seconds = 0.0 if entry.cached else report.seconds
    bar = f'<div class="bar" style="width:{100 * seconds / longest:.0f}%"></div>' if seconds else ""
    link = f'<a href="#{report.stage}">{stage_word(report.stage)}</a>'
    time = f"{seconds:.1f} s" if seconds else "-"
    return (link, _status(entry), time, bar, gates_word(entry), escape(entry.why))


def _status(entry: Entry) -> str:
    return tag(status_word(entry), status_text(entry))


def _blocking(run: RunReport, over_time: Trends) -> str:
    gates = [gate for entry in run.entries for gate in entry.report.blocking]
    return _card("what stopped it", gates_table(gates, over_time)) if gates else ""


def gates_table(gates: Sequence[GateResult], over_time: Trends | None = None) -> str:
    """A table of verdicts, with small pictures of what was observed before where `over_time` knows that."""
    pictures = {gate.gate: trend.sparkline((over_time or {}).get(gate.gate, ())) for gate in gates}
    head = ("gate", "observed", "limit", "verdict", *(("trend",) if any(pictures.values()) else ()), "message")
    return table("gates", head, [_gate(gate, pictures, head) for gate in gates])


def _gate(gate: GateResult, pictures: Mapping[str, str], head: Sequence[str]) -> tuple[str, ...]:
    picture = (pictures[gate.gate],) if "trend" in head else ()
    facts = (escape(gate.gate), number(gate.observed), escape(gate_limit(gate)), tag(gate.status))
    return (*facts, *picture, escape(gate.message))


def _compared(folder: Path) -> str:
    version, rows = compared(folder)
    head = ("metric", "this model", f"version {version}", "difference", "95 % interval")
    inner = table("this model and the one that serves", head, [tuple(map(escape, row)) for row in rows])
    return _card("beside the model that serves", inner) if rows else ""


def _stage(entry: Entry, folder: Path, over_time: Trends) -> str:
    report = entry.report
    memory = f"{report.peak_memory / 2**20:.0f} MiB" if report.peak_memory else ""
    facts = " · ".join(filter(None, (f"{report.seconds:.1f} s", memory)))
    opened = " open" if report.gates or report.status in {"failed", "error"} else ""
    said = "\n".join(filter(None, (report.message, entry.note)))
    message = f"<pre>{escape(said)}</pre>" if said else ""
    gates = gates_table(report.gates, over_time) if report.gates else ""
    return (
        f'<details class="card" id="{report.stage}"{opened}><summary><h2>{report.stage}</h2>{_status(entry)}'
        f'<span class="grow"></span><span class="sub facts">{facts}</span></summary>'
        f'<div class="body">{message}{gates}{summary(report)}{_drift(entry)}{_artifacts(folder)}</div>'
        "</details>"
    )


def _drift(entry: Entry) -> str:
    rows = [(escape(name), psi, escape(why)) for name, psi, why in drift_rows(entry)]
    return table("columns that drifted", ("drifted column", "psi", "why"), rows) if rows else ""


def _artifacts(folder: Path) -> str:
    """Its pages, and its pictures unless they are in one of them."""
    pages = [(path, inside(path)) for path in sorted(folder.glob("*/*.html"))]
    shown = {path.parent for path, inner in pages if inner}
    images = [
        image(path)
        for path in sorted(folder.glob("*/plots/*"))
        if path.suffix in PICTURES and path.parent.parent not in shown
    ]
    plots = f'<div class="plots">{"".join(images)}</div>' if images else ""
    return plots + "".join(_page(path, inner, folder) for path, inner in pages)


def _page(path: Path, inner: str, folder: Path) -> str:
    name = escape(path.stem.replace("_", " "))
    if not inner:
        return f'<p><a href="{escape(str(path.relative_to(folder.parent)))}">{name}</a></p>'
    return f'<details class="part"><summary><h3>{name}</h3></summary>{inner}</details>'
