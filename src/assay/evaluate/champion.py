"""The model that serves now, measured on the same rows as the candidate."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from assay.callables import packages
from assay.errors import ArtifactError, AssayError
from assay.evaluate.metrics import Task, measure
from assay.evaluate.weighted import weighted_metrics
from assay.gates import Observed
from assay.models import modelfolder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from assay.evaluate.bootstrap import Interval
    from assay.evaluate.weighted import Metric

FEWEST = 30
"""With fewer rows two models cannot be compared."""
_NEXT = "give the data the labels and columns that it knows, or drop vs_champion in the commit that replaces it"


@dataclass(frozen=True)
class Champion:
    """What the champion reaches.

    Attributes:
        version: Its version; None where no other model serves.
        metrics: Its metrics on the candidate's rows.
        problem: Why there are none although a model serves.
        weighted: The same metrics as functions of row weights, for intervals.
    """

    version: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    problem: str = ""
    weighted: Mapping[str, Metric] = field(default_factory=dict)


def measure_champion(folder: Path, x: pd.DataFrame, y: pd.Series, task: Task) -> Champion:
    """Measure the champion in `folder`; one that cannot be loaded or fed is a finding, not a failure.

    Args:
        folder: The artifact `rival`.
        x: Features and what the candidate does not get, shape (rows, columns): the champion may have learnt from it.
        y: Target of shape (rows,).
        task: What is predicted.

    Raises:
        ArtifactError: champion.json is missing or damaged.
    """
    version = _version(folder / "champion.json")
    if version is None:
        return Champion()
    model = folder / "model"
    try:
        rows = modelfolder.coerce(x, model)
        measured = measure(modelfolder.load(model, packages(task.project)), rows, y, task)
    except AssayError as error:
        return Champion(version, problem=f"version {version} cannot be compared with: {error.what}; {_NEXT}")
    broken = measured.answers.why_unusable
    weighted = weighted_metrics(np.asarray(y), measured.answers, task)
    return Champion(version, measured.metrics, f"version {version}: {broken}; {_NEXT}" if broken else "", weighted)


def _version(file: Path) -> int | None:
    try:
        version = json.loads(file.read_text(encoding="utf-8"))["version"]
        return None if version is None else int(version)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"what serves now cannot be read: {error}", where=str(file)) from None


def observe(
    metrics: Mapping[str, float], champion: Champion, apart: Mapping[str, Interval], rows: int
) -> dict[str, Observed]:
    """The gates `model.<metric>.vs_champion` for every metric of the candidate.

    Args:
        metrics: What the candidate reaches.
        champion: What the champion reaches on the same rows.
        apart: Intervals of the candidate's metrics minus the champion's.
        rows: How many rows they were measured on; fewer than 30 tell nothing.
    """
    return {f"model.{n}.vs_champion": _observe(n, value, champion, apart.get(n), rows) for n, value in metrics.items()}


def _observe(name: str, value: float, champion: Champion, apart: Interval | None, rows: int) -> Observed:
    if champion.version is None:
        return Observed(value, no_champion=True)
    baseline = champion.metrics.get(name)
    if baseline is None:
        return Observed(None, message=champion.problem or f"version {champion.version} has no {name}")
    told = f"version {champion.version} reaches {baseline:.6g}"
    if apart is None:
        return Observed(value, baseline, message=told, inconclusive=rows < FEWEST)
    told += f", difference {value - baseline:+.4f} (95 %: {apart.low:+.4f} to {apart.high:+.4f})"
    interval = baseline + apart.low, baseline + apart.high
    return Observed(value, baseline, message=told, inconclusive=rows < FEWEST, interval=interval)
