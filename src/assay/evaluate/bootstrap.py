"""How sure a metric is: intervals by resampling the holdout rows, the same rows for both models of a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from assay.evaluate.weighted import Metric

RESAMPLES = 400
LEVEL = 0.95
_MOST_ROWS = 50_000
_CELLS = 4_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """The 95 % interval of a metric, or of a difference between two models, in the metric's unit."""

    low: float
    high: float


def intervals(metrics: Mapping[str, Metric], rows: int) -> dict[str, Interval]:
    """The interval of each metric."""
    return _intervals({name: (metric, None) for name, metric in metrics.items()}, rows)


def differences(
    metrics: Mapping[str, Metric],
    other: Mapping[str, Metric],
    rows: int,
    *,
    within: np.ndarray | None = None,
    level: float = LEVEL,
) -> dict[str, Interval]:
    """The interval of `metrics` minus `other` for each metric that both have, paired: on the same rows each time.

    Args:
        metrics: As functions of row weights.
        other: Those of the other model.
        rows: How many rows there are.
        within: Only these rows, booleans of shape (rows,).
        level: How sure the interval is.
    """
    pairs = {name: (metric, other[name]) for name, metric in metrics.items() if name in other}
    return _intervals(pairs, rows, within, level)


def _intervals(
    pairs: Mapping[str, tuple[Metric, Metric | None]],
    rows: int,
    within: np.ndarray | None = None,
    level: float = LEVEL,
) -> dict[str, Interval]:
    """Percentiles of 400 resamples; beyond 50,000 rows of a part of them, narrowed to the size of the whole.

    Resamples that do not define a metric, such as those without a rare class, say nothing about it.
    """
    only = np.ones(rows, dtype=np.float32) if within is None else within.astype(np.float32)
    whole = only[None]
    found: dict[str, Interval] = {}
    draws: dict[str, list[np.ndarray]] = {name: [] for name in pairs}
    for weights in _weights(rows):
        for name, pair in pairs.items():
            draws[name].append(_difference(pair, weights * only))
    narrowed = min(rows, _MOST_ROWS) / rows
    # 400 resamples have no thousandth: beyond 95 % the interval grows as a normal one does
    stretch = np.sqrt(narrowed) * _wide(level) / _wide(LEVEL)
    for name, pair in pairs.items():
        point, drawn = _difference(pair, whole)[0], np.concatenate(draws[name])
        values = drawn[~np.isnan(drawn)]
        if np.isfinite(point) and len(values) and np.isfinite(values).all():
            low, high = np.quantile(values, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
            centre = values.mean() if narrowed < 1 else point
            found[name] = Interval(float(point + stretch * (low - centre)), float(point + stretch * (high - centre)))
    return found


def _wide(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)


def _difference(pair: tuple[Metric, Metric | None], weights: np.ndarray) -> np.ndarray:
    metric, other = pair
    return metric(weights) if other is None else metric(weights) - other(weights)


def _weights(rows: int) -> Iterator[np.ndarray]:
    """How often each row was drawn, a batch of resamples at a time, shape (resamples, rows); seeded."""
    random = np.random.default_rng(0)
    drawn = min(rows, _MOST_ROWS)
    some = np.sort(random.permutation(rows)[:drawn])
    batch = max(1, min(RESAMPLES, _CELLS // rows))
    for start in range(0, RESAMPLES, batch):
        size = min(batch, RESAMPLES - start)
        weights = np.zeros((size, rows), dtype=np.float32)
        for row in weights:
            row[some] = np.bincount(random.integers(drawn, size=drawn), minlength=drawn)
        yield weights
