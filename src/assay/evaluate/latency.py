"""How long a model takes for one row and for a batch, and on which machine that was."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.callables import user_code
from assay.gates import Observed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

_WARM_UP = 10
_WARM_UP_SECONDS = 0.5
_MOST = 300
_LEAST = 20
_SECONDS = 2.0
_DISTINCT = 50
_BATCHES = 30
_FEWEST_BATCHES = 3
_BATCH_SECONDS = 1.0
_CPU = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Latency:
    """Percentiles of the time of one prediction, milliseconds; how many were timed, and of how many rows each."""

    p50: float
    p95: float
    p99: float
    count: int
    rows: int = 1


def single_row(model: Any, x: pd.DataFrame, project: Path) -> Latency:  # noqa: ANN401 - any estimator
    """Time predictions of one row each, after a warm-up that does not count.

    At most 300 are timed, and no further ones after two seconds once there are 20. The warm-up ends after ten or half a
    second.

    Args:
        model: A fitted estimator.
        x: Rows to take turns with, shape (rows, columns).
        project: The project's folder, for messages.

    Raises:
        ProjectError: The model raised.
    """
    frames = [x.iloc[[row]] for row in range(min(_DISTINCT, len(x)))]
    with user_code("model.predict of a single row", project):
        _times(model, frames, _WARM_UP_SECONDS, least=1, most=_WARM_UP)
        times = _times(model, frames, _SECONDS, least=_LEAST, most=_MOST)
    return _percentiles(times, 1)


def batch(model: Any, x: pd.DataFrame, rows: int, project: Path) -> Latency:  # noqa: ANN401 - any estimator
    """Time predictions of `rows` rows at once, after one that does not count: at most 30, or for a second.

    Args:
        model: A fitted estimator.
        x: Rows, repeated where there are fewer.
        rows: Size of the batch.
        project: The project's folder, for messages.

    Raises:
        ProjectError: The model raised.
    """
    whole = x.iloc[np.arange(rows) % len(x)].reset_index(drop=True)
    with user_code(f"model.predict of {rows} rows", project):
        _times(model, [whole], 0, least=1, most=1)
        times = _times(model, [whole], _BATCH_SECONDS, least=_FEWEST_BATCHES, most=_BATCHES)
    return _percentiles(times, rows)


def _percentiles(times: list[float], rows: int) -> Latency:
    p50, p95, p99 = (float(value) for value in np.percentile(times, (50, 95, 99)))
    return Latency(p50, p95, p99, len(times), rows)


def _times(model: Any, frames: list[pd.DataFrame], seconds: float, *, least: int, most: int) -> list[float]:  # noqa: ANN401
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < most and (len(times) < least or time.perf_counter() < until):
        before = time.perf_counter()
        model.predict(frames[len(times) % len(frames)])
        times.append(1000 * (time.perf_counter() - before))
    return times


def observe(timed: Mapping[str, Latency]) -> dict[str, Observed]:
    """The gates `model.<name>.p50`, `.p95` and `.p99`, in milliseconds."""
    return {
        f"model.{name}.{percentile}": Observed(
            getattr(found, percentile), message=f"{found.count} predictions of {found.rows} rows"
        )
        for name, found in timed.items()
        for percentile in ("p50", "p95", "p99")
    }


def facts(timed: Mapping[str, Latency]) -> dict[str, Any]:
    """The times and the machine that they hold for, as plain JSON values."""
    rounded = {name: {key: round(value, 3) for key, value in asdict(found).items()} for name, found in timed.items()}
    return {**rounded, "machine": machine()} if rounded else {}


def machine() -> dict[str, Any]:
    """Processor, cores that this process may use, and how busy they were."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": _processor(),
        "cores": cores,
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = _CPU.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
