"""Stage monitor: the predictions of a window of time against the profile of the model that serves."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.context import Context, Outcome
from assay.data.drift.drift import ColumnDrift, drift, drifted, overview
from assay.data.drift.plots import drift_plots
from assay.data.logs import Logs, read_logs
from assay.data.profiles.columns import name_of, numbers
from assay.data.profiles.profile import OldProfile, Profile, profile_of
from assay.errors import ArtifactError, ConfigError
from assay.gates import Observed
from assay.reports import write_json
from assay.values import to_seconds

if TYPE_CHECKING:
    from pathlib import Path

_DRIFT = ("monitor.drift.columns", "monitor.drift.psi")
_OLD = "the data profile of the model that serves is of another version of Assay"
_NOTHING_SERVES = "no model serves and there are no prediction logs, nothing to look at"


@dataclass(frozen=True)
class Serving:
    """The model that serves now.

    Attributes:
        name: For people: "champion v3".
        profile: Data profile of its train rows; None where another version of Assay made it.
        metrics: Its metrics on the holdout, where they are known.
    """

    name: str
    profile: Profile | None
    metrics: dict[str, float]


def run(context: Context) -> Outcome:
    """Measure volume, drift, errors and performance of the window and write monitor-report."""
    serving, folder = _serving(context), _folder(context)
    if serving is None and folder is None:
        return _nothing(context)
    if folder is None:
        missing = Observed(None, message="no prediction logs: set path in [tool.assay.monitor], or run deploy")
        return Outcome(observed=dict.fromkeys(_always(), missing), message=missing.message)
    since = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=to_seconds(context.config.monitor.window))
    logs = read_logs(folder, since)
    # a thousand answers to the same forty rows tell as much about their distribution as the forty do
    distinct = len(logs.features.map(repr).drop_duplicates())
    profile = serving.profile if serving else None
    window = _window(profile, logs)
    least = context.config.monitor.min_rows
    limits = replace(context.config.data.drift, min_rows=least)
    moved = drift(profile, window, limits, distinct) if profile and window else {}
    observed = {
        "monitor.volume": Observed(logs.requests, message=_volume(logs, context.config.monitor.window)),
        "monitor.errors": _errors(logs),
        **_drift(serving, moved, distinct, least),
        **_performance(serving, logs, least),
    }
    if profile and window:
        drift_plots(profile, window, moved, context.output("monitor-report") / "plots")
    name = serving.name if serving else "no model"
    new = [column for column in logs.features.columns if profile and column not in profile.columns]
    _write(context, logs, {"drift": {n: asdict(c) for n, c in moved.items()}, "new_columns": new}, observed, name)
    message = f"{logs.requests} predictions in {context.config.monitor.window}, against {name}"
    print(f"{message}; {logs.broken} broken lines, {logs.older} older")
    values = {gate.removeprefix("monitor."): seen.value for gate, seen in observed.items()}
    facts = {"broken lines": logs.broken, "drift": drifted(moved)}
    return Outcome(observed=observed, message=message, summary=values | facts)


def _always() -> tuple[str, ...]:
    return "monitor.volume", "monitor.errors", *_DRIFT


def _nothing(context: Context) -> Outcome:
    print(_NOTHING_SERVES)
    write_json(context.output("monitor-report") / "monitor-report.json", {"message": _NOTHING_SERVES})
    nothing = Observed(None, no_champion=True, message=_NOTHING_SERVES)
    return Outcome(observed=dict.fromkeys(_always(), nothing), message=_NOTHING_SERVES)


def _serving(context: Context) -> Serving | None:
    champion = json.loads((context.input("champion") / "champion.json").read_text(encoding="utf-8"))
    if context.has("deployment") and (context.input("deployment") / "profile.json").exists():
        folder = context.input("deployment")
        deployed = json.loads((folder / "deployment.json").read_text(encoding="utf-8"))
        serves = deployed["previous"] if deployed["status"] == "rolled-back" else deployed["version"]
        # metrics of the champion that this run fetched first are those of the model before
        return Serving(f"version {serves}", _profile(folder / "profile.json"), {})
    if champion["version"] is None:
        return None
    profile = _profile(context.input("champion") / "profile.json")
    return Serving(f"champion v{champion['version']}", profile, champion.get("metrics") or {})


def _profile(path: Path) -> Profile | None:
    try:
        return Profile.from_json(json.loads(path.read_text(encoding="utf-8")))
    except OldProfile:
        return None
    except (OSError, ValueError, AttributeError) as error:
        raise ArtifactError(f"the model that serves has no data profile: {error}", where=path.name) from None


def _folder(context: Context) -> Path | None:
    path = context.config.monitor.path
    if path:
        if not (context.project / path).is_dir():
            where = "pyproject.toml tool.assay.monitor.path"
            raise ConfigError(f'there is no folder "{path}"', where, "a folder with prediction logs (*.jsonl)")
        return context.project / path
    traffic = context.input("deployment") / "traffic" if context.has("deployment") else None
    return traffic if traffic and traffic.is_dir() else None


def _window(profile: Profile | None, logs: Logs) -> Profile | None:
    """The profile of the answered predictions, the prediction in the place of the target."""
    if profile is None or not len(logs.features):
        return None
    return profile_of(logs.features.assign(**{profile.target: logs.predictions}), profile.target, like=profile)


def _volume(logs: Logs, window: str) -> str:
    skipped = [f"{logs.broken} broken lines"] if logs.broken else []
    skipped += [f"{logs.older} lines older than {window}"] if logs.older else []
    return ", ".join(skipped)


def _errors(logs: Logs) -> Observed:
    if not logs.requests:
        return Observed(0.0, inconclusive=True, message="no requests in the window")
    return Observed(logs.failed / logs.requests, message=f"{logs.failed} of {logs.requests} requests")


def _drift(serving: Serving | None, moved: dict[str, ColumnDrift], rows: int, least: int) -> dict[str, Observed]:
    if serving is None or serving.profile is None:
        why = "no model serves, there is no profile to compare with" if serving is None else _OLD
        return dict.fromkeys(_DRIFT, Observed(None, no_champion=True, message=why))
    if not moved:
        none = Observed(0.0, inconclusive=True, message=f"no answered predictions, at least {least} are needed")
        return dict.fromkeys(_DRIFT, none)
    few = f"{rows} different rows, at least {least} are needed; " if rows < least else f"against {serving.name}; "
    # the prediction is in the place of the target, and one column like any other
    seen = {f"monitor.drift.{name}": found for name, found in overview(moved).items()}
    return {gate: replace(seen[gate], message=(few + seen[gate].message).removesuffix("; ")) for gate in _DRIFT}


def _performance(serving: Serving | None, logs: Logs, least: int) -> dict[str, Observed]:
    known = logs.labels.notna()
    if serving is None or serving.profile is None or not known.any():
        return {}
    labels, predictions, rows = logs.labels[known], logs.predictions[known], int(known.sum())
    if serving.profile.columns[serving.profile.target].kind == "number":
        name, value = "mae", float(np.abs(numbers(labels) - numbers(predictions)).mean())
    else:
        name, value = "accuracy", float((labels.map(name_of) == predictions.map(name_of)).mean())
    few = rows < least
    message = f"{rows} labelled rows" + (f", at least {least} are needed" if few else "")
    seen = Observed(value, baseline=serving.metrics.get(name), message=message, inconclusive=few)
    return {f"monitor.performance.{name}": seen}


def _write(context: Context, logs: Logs, compared: dict[str, Any], observed: dict[str, Observed], name: str) -> None:
    report = {
        "model": name,
        "window": context.config.monitor.window,
        "requests": logs.requests,
        "failed": logs.failed,
        "broken_lines": logs.broken,
        "older_lines": logs.older,
        **compared,
        "gates": [asdict(verdict) for verdict in context.judge(observed)],
    }
    write_json(context.output("monitor-report") / "monitor-report.json", report)
