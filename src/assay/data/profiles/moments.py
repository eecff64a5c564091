"""Mean and squares of numbers, stable and mergeable (Chan, Golub and LeVeque, 1979)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROUNDING = 1e-12


@dataclass(frozen=True)
class Moments:
    """Of finite values: how many, mean, sum of squared distances from it, smallest, largest.

    Squares of what lies beyond about 1e154 have no float: `m2` is infinite then.
    """

    n: int
    mean: float
    m2: float
    min: float
    max: float

    @property
    def std(self) -> float:
        """Standard deviation of the population; 0 where it is no more than rounding, or has no float."""
        found = float(np.sqrt(self.m2 / self.n))
        return found if _ROUNDING * abs(self.mean) < found < np.inf else 0.0

    def merged(self, other: Moments) -> Moments:
        """Those of the values of both."""
        apart = other.mean - self.mean
        mean = merged_mean((self.n, self.mean), (other.n, other.mean))
        m2 = self.m2 + other.m2 + apart * apart * (self.n * other.n / (self.n + other.n))
        return Moments(self.n + other.n, mean, m2, min(self.min, other.min), max(self.max, other.max))

    def to_json(self) -> dict[str, Any]:
        """As plain values; infinite squares as None."""
        return {**vars(self), "m2": self.m2 if np.isfinite(self.m2) else None}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Moments:
        """What `to_json` gave."""
        return Moments(**{**data, "m2": np.inf if data["m2"] is None else data["m2"]})


def moments_of(values: np.ndarray) -> Moments | None:
    """The moments of the finite ones of `values`, shape (rows,); None where there are none."""
    known = np.isfinite(values)
    finite = values if known.all() else values[known]
    if not len(finite):
        return None
    mean, apart = centred(finite)
    return Moments(len(finite), mean, products(apart, apart), float(finite.min()), float(finite.max()))


def centred(values: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean of finite values, one at least, and the distance of each from it; of a constant exactly 0."""
    if values.min() == values.max():
        return float(values[0]), np.zeros(len(values))
    with np.errstate(over="ignore"):
        mean = float(values.mean())
        if not np.isfinite(mean):
            mean = float((values / len(values)).sum())
        return mean, values - mean


def products(one: np.ndarray, two: np.ndarray) -> float:
    """Sum of the products; not by BLAS, whose rounding depends on how many cores there are."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float((one * two).sum())


def merged_mean(one: tuple[float, float], two: tuple[float, float]) -> float:
    """Mean of two groups, each given as (how many, mean)."""
    share = two[0] / (one[0] + two[0])
    apart = two[1] - one[1]
    return one[1] + apart * share if np.isfinite(apart) else one[1] * (1 - share) + two[1] * share
