"""How long a model takes for one row."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.callables import user_code

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

_WARM_UP = 10
_WARM_UP_SECONDS = 0.5
_MOST = 300
_LEAST = 20
_SECONDS = 2.0
_DISTINCT = 50


@dataclass(frozen=True)
class Latency:
    """Percentiles of the time of one single-row prediction, milliseconds, and how many were timed."""

    p50: float
    p95: float
    p99: float
    count: int


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
    p50, p95, p99 = (float(value) for value in np.percentile(times, (50, 95, 99)))
    return Latency(p50, p95, p99, len(times))


def _times(model: Any, frames: list[pd.DataFrame], seconds: float, *, least: int, most: int) -> list[float]:  # noqa: ANN401
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < most and (len(times) < least or time.perf_counter() < until):
        before = time.perf_counter()
        model.predict(frames[len(times) % len(frames)])
        times.append(1000 * (time.perf_counter() - before))
    return times
