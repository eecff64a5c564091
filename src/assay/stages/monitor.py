"""Stage monitor: the predictions of a window of time against the profile of the model that serves."""

from __future__ import annotations

import datetime as dt
import shutil
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.context import Context, Outcome
from assay.data.drift.drift import drift, drifted
from assay.data.drift.plots import drift_plots
from assay.monitoring import checks, memory
from assay.monitoring.labels import read_labels
from assay.monitoring.outcome import Judged, judge_alone, judge_in_a_row
from assay.monitoring.page import Page, page_html
from assay.monitoring.performance import performance
from assay.monitoring.places import label_files, logs_of
from assay.monitoring.scrape import scrape
from assay.monitoring.serving import Serving, serving_of
from assay.monitoring.textfile import write_textfile
from assay.monitoring.window import Question, Window, read_window
from assay.reports import write_json
from assay.values import to_seconds

if TYPE_CHECKING:
    from pathlib import Path

    from assay.data.drift.drift import ColumnDrift
    from assay.gates import Observed

    Moved = dict[str, ColumnDrift]

_REPORT = "monitor-report"


def run(context: Context) -> Outcome:
    """Measure volume, schema, drift, errors, latency and performance of the window, and tell who should know.

    Raises:
        ConfigError: The logs are not where the configuration says.
        ArtifactError: The model has no data profile, or labels cannot be read.
        ServiceError: An address cannot be read.
    """
    now, serving = dt.datetime.now(dt.UTC), serving_of(context)
    spare = context.outputs / ".live"
    try:
        logs = logs_of(context, spare)
        if logs is None:
            return _nothing(context, serving)
        window = _window(context, serving, logs, now, spare)
    finally:
        shutil.rmtree(spare, ignore_errors=True)
    moved = _moved(context, serving, window)
    observed = _observed(context, serving, window, moved)
    judged, notes = _judged(context, serving, observed, now)
    return _told(context, serving, window, moved, replace(judged, notes=(*notes, *judged.notes)))


def _nothing(context: Context, serving: Serving) -> Outcome:
    observed = checks.nothing(serves=serving.version is not None)
    message = next(iter(observed.values())).message
    print(message)
    write_json(context.output(_REPORT) / "monitor-report.json", {"message": message})
    return Outcome(observed=observed, message=message)


def _window(context: Context, serving: Serving, logs: Path, now: dt.datetime, spare: Path) -> Window:
    settings = context.config.monitor
    labels = read_labels(label_files(context, spare), settings)
    since = now - dt.timedelta(seconds=to_seconds(settings.window))
    question = Question(since=since, version=serving.version, profile=serving.profile, labels=labels)
    window = read_window(logs, question)
    unknown = len(labels.ids) - len(np.unique(window.known.found))
    if settings.labels:
        print(f"{len(labels.ids)} labels, {unknown} of requests that are not in the window")
    return window


def _moved(context: Context, serving: Serving, window: Window) -> Moved:
    if serving.profile is None or window.profile is None:
        return {}
    limits = replace(context.config.data.drift, min_rows=context.config.monitor.min_rows)
    moved = drift(serving.profile, window.profile, limits, window.distinct)
    drift_plots(serving.profile, window.profile, moved, context.output(_REPORT) / "plots")
    return moved


def _observed(context: Context, serving: Serving, window: Window, moved: Moved) -> dict[str, Observed]:
    settings = context.config.monitor
    known = {}
    if serving.profile:
        positive = context.config.data.positive
        known = performance(
            window.known, serving.profile, serving.metrics, settings.min_rows, positive, context.project
        )
    return {
        **checks.traffic(window, settings.window, settings.min_rows),
        **checks.schema(serving, window),
        **checks.drift(serving, moved, window.distinct, settings.min_rows),
        **known,
    }


def _judged(
    context: Context, serving: Serving, observed: dict[str, Observed], now: dt.datetime
) -> tuple[Judged, tuple[str, ...]]:
    settings = context.config.monitor
    if not settings.path:
        scraped = scrape(settings.metrics, {})
        return judge_alone(context, observed | dict(scraped.observed), serving, now), ()
    before, note = memory.load(memory.state_file(context.project, context.config.name))
    base = before.base(now, to_seconds(settings.every), serving.version)
    scraped = scrape(settings.metrics, base.counters)
    judged = judge_in_a_row(context, observed | dict(scraped.observed), serving, now, (before, scraped.counters))
    return judged, (note,) if note else ()


def _told(context: Context, serving: Serving, window: Window, moved: Moved, judged: Judged) -> Outcome:
    settings = context.config.monitor
    own = "" if settings.path else ", all of them of the deployment's own smoke test and canary"
    told = f"{window.requests:.0f} predictions in {settings.window}{own}, against {serving.name}"
    message = "; ".join([told, *judged.notes])
    print(f"{message}; {window.broken} broken lines, {window.older} older")
    _write(context, serving, window, moved, judged)
    values = {gate.removeprefix("monitor."): seen.value for gate, seen in judged.observed.items()}
    facts: dict[str, Any] = {"broken lines": window.broken, "drift": drifted(moved), "trigger": judged.decision.trigger}
    return Outcome(observed=judged.observed, message=message, summary=values | facts)


def _write(context: Context, serving: Serving, window: Window, moved: Moved, judged: Judged) -> None:
    folder, decision = context.output(_REPORT), judged.decision
    report = _report(context, serving, window, judged)
    write_json(folder / "monitor-report.json", report | {"drift": {n: asdict(c) for n, c in moved.items()}})
    page = Page(
        model=context.config.name,
        serving=serving.name,
        facts=[f"{report['requests']} predictions in {report['window']} until {report['at']}", *judged.notes],
        gates=judged.gates,
        history=judged.memory.history,
        drifted=drifted(moved),
        plots=folder / "plots",
    )
    (folder / "monitor.html").write_text(page_html(page), encoding="utf-8")
    state = memory.state_file(context.project, context.config.name)
    if context.config.monitor.path and state.is_file():
        # for whoever keeps nothing between runs but what they are given
        (folder / "state").mkdir(exist_ok=True)
        shutil.copyfile(state, folder / "state" / state.name)
    at = dt.datetime.fromisoformat(report["at"]).timestamp()
    facts = {
        "last_run_timestamp_seconds": ("When the window ended.", at),
        "alarm": ("1 where a gate stops, else 0.", float(any(gate.status.blocks for gate in judged.gates))),
    }
    about = context.config.name, str(serving.version)
    write_textfile(folder / "monitor.prom", about, judged.gates, facts)
    # what an earlier run left in the same folder asks for nothing
    (folder / "trigger.txt").unlink(missing_ok=True)
    if decision.retrain:
        (folder / "trigger.txt").write_text(f"{decision.trigger}\n", encoding="utf-8")


def _report(context: Context, serving: Serving, window: Window, judged: Judged) -> dict[str, Any]:
    decision = judged.decision
    return {
        "schema_version": 1,
        "at": judged.memory.history[-1]["at"],
        "model": serving.name,
        "window": context.config.monitor.window,
        "requests": round(window.requests),
        "failed": round(window.failed),
        "broken_lines": window.broken,
        "older_lines": window.older,
        "other_versions": dict(window.others),
        "labelled": len(window.known.truth),
        "new_columns": sorted(window.new),
        "gates": [asdict(gate) for gate in judged.gates],
        "alarm": asdict(decision.alarm) if decision.alarm else None,
        "news": decision.news,
        "trigger": decision.trigger or None,
        "retrain": decision.retrain,
        "notes": list(judged.notes),
    }
