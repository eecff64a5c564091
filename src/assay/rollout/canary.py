"""What the replies of a rollout say of the candidate: success, latency, predictions against the stable version."""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from assay.data.drift import measures
from assay.gates import Observed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from assay.rollout.traffic import Reply

SUCCESS_RATE = "deploy.canary.success_rate"
LATENCY_RATIO = "deploy.canary.latency_ratio"
PREDICTION_PSI = "deploy.canary.prediction_psi"

_NO_NUMBER = -1


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What one version did.

    Attributes:
        requests: Requests that it answered or failed to answer.
        success_rate: Share of them that brought a prediction; None without requests.
        p50_ms: Median time of the successful ones, milliseconds; None without any.
        p95_ms: 95th percentile of the same.
    """

    requests: int
    success_rate: float | None
    p50_ms: float | None
    p95_ms: float | None


def tally(replies: Iterable[Reply], version: int | None) -> Tally:
    """Count the replies that `version` answered, or was asked for and failed to answer."""
    own = [reply for reply in replies if reply.by == version] if version is not None else []
    times = sorted(reply.ms for reply in own if reply.ok)
    return Tally(
        requests=len(own),
        success_rate=len(times) / len(own) if own else None,
        p50_ms=percentile(times, 50),
        p95_ms=percentile(times, 95),
    )


def percentile(ordered: Sequence[float], percent: int) -> float | None:
    """The smallest of `ordered` that `percent` of them do not exceed; None of nothing."""
    return ordered[math.ceil(len(ordered) * percent / 100) - 1] if ordered else None


def observe(
    replies: Sequence[Reply],
    paired: Sequence[Reply],
    candidate: int,
    stable: int | None,
    *,
    regression: bool,
    missing: str = "",
) -> dict[str, Observed]:
    """Values for the gates of the canary.

    Args:
        replies: All replies so far.
        paired: Those of times when both versions were asked: a machine is not equally fast at all times.
        candidate: Version of the candidate.
        stable: Version that serves now; None where there is none, and nothing to compare with.
        regression: The predictions are numbers, not labels.
        missing: Why there are too few requests to judge by; empty where there are enough.
    """
    new = tally(replies, candidate)
    lost = sum(not reply.ok for reply in replies if reply.by == candidate)
    text = missing or f"{lost} of {new.requests} requests failed"
    seen = {SUCCESS_RATE: Observed(new.success_rate, message=text, inconclusive=bool(missing))}
    if stable is None:
        return seen | dict.fromkeys((LATENCY_RATIO, PREDICTION_PSI), Observed(None, no_champion=True))
    shift = psi(predictions(replies, stable), predictions(replies, candidate), regression=regression)
    note = missing or "too few predictions to compare" * (shift is None)
    return seen | {
        LATENCY_RATIO: _ratio(tally(paired, candidate), tally(paired, stable), missing),
        PREDICTION_PSI: Observed(shift, message=note, inconclusive=bool(missing)),
    }


def _ratio(new: Tally, old: Tally, missing: str) -> Observed:
    if not new.p95_ms or not old.p95_ms:
        who = "candidate" if not new.p95_ms else "stable version"
        return Observed(None, message=f"the {who} brought no prediction, so there is no latency to compare")
    text = missing or f"p95 {new.p95_ms:.1f} ms, stable version {old.p95_ms:.1f} ms"
    if old.success_rate != 1:
        text += f", which answered only {old.success_rate:.1%} of its requests"
    return Observed(new.p95_ms / old.p95_ms, message=text, inconclusive=bool(missing))


def predictions(replies: Iterable[Reply], version: int) -> list[Any]:
    """What `version` predicted, in order."""
    return [reply.prediction for reply in replies if reply.ok and reply.by == version]


def psi(expected: Sequence[Any], actual: Sequence[Any], *, regression: bool) -> float | None:
    """Population stability index of two sets of predictions, less what chance alone gives with so few; at least 0.

    Args:
        expected: Predictions of the stable version.
        actual: Predictions of the candidate.
        regression: Compare over deciles of `expected`, else over labels.

    Returns:
        None where one of them is empty.
    """
    if not expected or not actual:
        return None
    edges = _deciles(expected) if regression else []
    old, new = (
        Counter(_bin(value, edges) if regression else str(value) for value in side) for side in (expected, actual)
    )
    bins = sorted({*old, *new}, key=str)
    before, now = (np.array([side[name] for name in bins]) for side in (old, new))
    return max(0.0, measures.psi(before, now) - measures.chance_psi(len(bins), len(expected), len(actual)))


def _deciles(values: Sequence[Any]) -> list[float]:
    numbers = [value for value in values if _is_number(value)]
    return sorted(set(statistics.quantiles(numbers, n=10))) if len(numbers) > 1 else []


def _bin(value: object, edges: Sequence[float]) -> int:
    # an edge is a bin of its own, or a model that predicts one number alone would look like any that predicts more
    return bisect_left(edges, value) + bisect_right(edges, value) if _is_number(value) else _NO_NUMBER


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and math.isfinite(value)
