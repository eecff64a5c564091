"""Counts over dyadic bins: a sketch of a distribution that merges exactly.

Values become 64-bit keys that keep their order. A bin of level L holds all keys with the same `key >> L`. A histogram
starts exact (level 0) and becomes coarser, halving its bins, until few enough are occupied. How many are occupied
never falls when rows are added, so two parts, merged and made coarser until they fit, give the histogram of the whole,
bin for bin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_BINS = 1024
_SAMPLE = 20_000
_SIGN = np.int64(0x7FFF_FFFF_FFFF_FFFF)
_TOP = 63


@dataclass(frozen=True, eq=False)
class Histogram:
    """Occupied bins and how many values each holds.

    Attributes:
        level: Every bin spans 2**level keys; 0: one exact value a bin.
        keys: The bins, ascending, int64 of shape (bins,): keys shifted right by `level`.
        counts: Values in each, int64 of shape (bins,), all above 0.
    """

    level: int
    keys: np.ndarray
    counts: np.ndarray

    def __eq__(self, other: object) -> bool:
        """The same bins with the same counts."""
        return (
            isinstance(other, Histogram)
            and self.level == other.level
            and np.array_equal(self.keys, other.keys)
            and np.array_equal(self.counts, other.counts)
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def total(self) -> int:
        """Number of values."""
        return int(self.counts.sum())

    def at(self, level: int) -> Histogram:
        """The same values in the coarser bins of `level`."""
        if level <= self.level or not len(self.keys):
            return Histogram(max(level, self.level), self.keys, self.counts)
        keys = self.keys >> np.int64(min(level - self.level, _TOP))
        starts = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
        return Histogram(level, keys[starts], np.add.reduceat(self.counts, starts))

    def merged(self, other: Histogram, most: int = MOST_BINS) -> Histogram:
        """The histogram of the values of both."""
        level = max(self.level, other.level)
        one, two = self.at(level), other.at(level)
        keys, where = np.unique(np.concatenate([one.keys, two.keys]), return_inverse=True)
        counts = np.zeros(len(keys), dtype=np.int64)
        np.add.at(counts, where, np.concatenate([one.counts, two.counts]))
        both = Histogram(level, keys, counts)
        return both.at(level + _too_fine(keys, most))

    def to_json(self) -> dict[str, Any]:
        """As plain values: the first key, then the gaps, counted in the largest power of two that divides them all."""
        gaps = np.diff(self.keys)
        together = int(np.bitwise_or.reduce(gaps)) if len(gaps) else 0
        unit = (together & -together).bit_length() - 1 if together else 0
        first = int(self.keys[0]) if len(self.keys) else 0
        packed = {"first": first, "unit": unit, "gaps": _line(gaps >> np.int64(unit))}
        return {"level": self.level, **packed, "counts": _line(self.counts)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Histogram:
        """What `to_json` gave."""
        counts = np.array(data["counts"].split(), dtype=np.int64)
        gaps = np.array(data["gaps"].split(), dtype=np.int64) << np.int64(data["unit"])
        return Histogram(data["level"], np.cumsum([data["first"], *gaps], dtype=np.int64)[: len(counts)], counts)


def _line(numbers: np.ndarray) -> str:
    return " ".join(map(str, numbers.tolist()))


def histogram(keys: np.ndarray, counts: np.ndarray | None = None, most: int = MOST_BINS) -> Histogram:
    """The histogram of 64-bit keys, in any order, in at most `most` bins.

    Args:
        keys: int64 of shape (values,).
        counts: How often each key occurs, shape (values,); absent: once.
        most: Largest number of occupied bins.
    """
    if not len(keys):
        return Histogram(0, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    # a part never needs coarser bins than the whole, so a sample tells how far the keys can be cut before counting
    level = _too_fine(np.sort(keys[:: len(keys) // _SAMPLE + 1]), most)
    bins, held = _counted(keys >> np.int64(level), counts)
    return Histogram(level, bins, held).at(level + _too_fine(bins, most))


def _counted(bins: np.ndarray, counts: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The distinct bins, ascending, and how many values each holds."""
    low, high = int(bins.min()), int(bins.max())
    if high - low < 2 * len(bins):
        found = np.bincount(bins - low, weights=counts, minlength=1)
        used = np.flatnonzero(found)
        return used + low, found[used].astype(np.int64)
    codes, distinct = pd.factorize(bins)
    found = np.bincount(codes, weights=counts).astype(np.int64)
    order = np.argsort(distinct)
    return distinct[order], found[order]


def _too_fine(ranked: np.ndarray, most: int) -> int:
    """By how many levels sorted keys are too fine to occupy at most `most` bins."""
    # two neighbours share a bin from the level on at which the highest bit that tells them apart is shifted out
    apart = (ranked[1:] ^ ranked[:-1]).view(np.uint64)
    if len(apart) < most:
        return 0
    # the signs differ between at most one pair, and no shift of a signed number brings those together
    return min(int(np.partition(apart, len(apart) - most)[len(apart) - most]).bit_length(), _TOP)


def number_keys(values: np.ndarray) -> np.ndarray:
    """Keys of floats without NaN, in the order of the values; 0.0 and -0.0 are the same.

    Args:
        values: float64 of shape (values,).
    """
    return _flipped((values + 0.0).view(np.int64))


def number_bounds(found: Histogram) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest float that each bin of a histogram of `number_keys` can hold."""
    low, high = key_bounds(found)
    return _values(low), _values(high)


def key_bounds(found: Histogram) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest key of each bin."""
    low = found.keys << np.int64(found.level)
    return low, low + np.int64((1 << found.level) - 1)


def _values(keys: np.ndarray) -> np.ndarray:
    values = _flipped(keys).view(np.float64)
    # beyond infinity lie the bit patterns of NaN, which no value has
    return np.where(np.isnan(values), np.where(keys > 0, np.inf, -np.inf), values)


def _flipped(bits: np.ndarray) -> np.ndarray:
    """Bits of floats with their order turned into that of integers, and back: those of negative ones are inverted."""
    flips = bits >> np.int64(_TOP)
    flips &= _SIGN
    flips ^= bits
    return flips
