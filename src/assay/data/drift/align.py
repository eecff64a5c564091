"""Two profiles of a column over the same bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.data.profiles.histogram import Histogram, key_bounds, number_bounds

if TYPE_CHECKING:
    from assay.data.profiles.profile import ColumnProfile

_GROUPS = 10
_FEW = 5
RARE = 0.01


@dataclass(frozen=True, kw_only=True)
class Aligned:
    """Counts over the same bins, in the order of the values.

    Attributes:
        keys: The bins, int64 of shape (bins,).
        level: Their level.
        before: Rows of the one profile in each.
        now: Rows of the other.
    """

    keys: np.ndarray
    level: int
    before: np.ndarray
    now: np.ndarray


def align(before: Histogram, now: Histogram) -> Aligned:
    """Both over the bins that either occupies, at the coarser level of the two."""
    level = max(before.level, now.level)
    one, two = before.at(level), now.at(level)
    keys = np.union1d(one.keys, two.keys)
    return Aligned(keys=keys, level=level, before=_spread(one, keys), now=_spread(two, keys))


def _spread(found: Histogram, keys: np.ndarray) -> np.ndarray:
    counts = np.zeros(len(keys), dtype=np.int64)
    counts[np.searchsorted(keys, found.keys)] = found.counts
    return counts


def places(aligned: Aligned, kind: str, column: ColumnProfile) -> np.ndarray:
    """One value for each bin: its middle, or the value itself; infinities at the ends of what is finite."""
    bins = Histogram(aligned.level, aligned.keys, aligned.before)
    low, high = number_bounds(bins) if kind == "number" else key_bounds(bins)
    moments = column.moments
    ends = (moments.min, moments.max) if moments else (0.0, 0.0)
    finite = np.isfinite(low) & np.isfinite(high)
    middle = np.where(finite, low / 2 + high / 2, np.where(low > 0, low, high))
    edge = [middle[np.isfinite(middle)].min(initial=ends[0]), middle[np.isfinite(middle)].max(initial=ends[1])]
    return np.asarray(np.clip(np.nan_to_num(middle, posinf=edge[1], neginf=edge[0]), *edge))


def grouped(aligned: Aligned, *, ordered: bool, rare: float = RARE) -> tuple[np.ndarray, np.ndarray]:
    """Counts over the few bins of PSI.

    Ordered values: ten bins that hold about a tenth of `before` each, fewer where values repeat; what lies on an edge
    belongs below it. Categories: each its own; those below the share `rare` of all rows, or too rare for five rows of
    the smaller sample, share one bin with those that `before` lacks.
    """
    group = _tenths(aligned.before) if ordered else _common(aligned, rare)
    size = int(group.max(initial=0)) + 1
    old, new = (np.bincount(group, weights=side, minlength=size) for side in (aligned.before, aligned.now))
    return old, new


def _tenths(before: np.ndarray) -> np.ndarray:
    reached = np.cumsum(before)
    wanted = np.ceil(np.arange(1, _GROUPS) * before.sum() / _GROUPS)
    edges = np.unique(np.searchsorted(reached, wanted))
    return np.searchsorted(edges[edges < len(reached) - 1], np.arange(len(reached)), side="left")


def _common(aligned: Aligned, rare: float) -> np.ndarray:
    # both samples have a say: what is common in before alone is partly so by luck, and would be rarer now by chance
    both, smaller = aligned.before + aligned.now, min(aligned.before.sum(), aligned.now.sum())
    common = (both >= max(rare, _FEW / max(smaller, 1)) * both.sum()) & (aligned.before > 0)
    return np.where(common, np.cumsum(common) - 1, common.sum())
