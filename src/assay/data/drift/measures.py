"""How far two samples lie apart, from counts over the same bins: PSI, Jensen-Shannon, Wasserstein, KS, chi-square.

Definitions as in scipy and Evidently, so that the values are comparable. Counts are arrays of shape (bins,), the same
bins for both samples. Nothing here decides; `drift.py` does.
"""

from __future__ import annotations

import numpy as np


def psi(before: np.ndarray, now: np.ndarray) -> float:
    """Population stability index: sum of (now - before) * ln(now / before), in shares; 0.1 moved, 0.25 moved a lot.

    Both are smoothed by half a row a bin, those of now spread like those of before: a bin that is rare and by chance
    empty adds next to nothing, a bin that was never seen before adds a lot.
    """
    used = (before + now) > 0
    old, new = before[used].astype(float), now[used].astype(float)
    spread = 0.5 * len(old)
    expected = (old + 0.5) / (old.sum() + spread)
    actual = (new + spread * expected) / (new.sum() + spread)
    return float(((actual - expected) * np.log(actual / expected)).sum())


def chance_psi(bins: int, before: float, now: float) -> float:
    """PSI that two samples of the same population, of `before` and `now` rows, have on average."""
    return (bins - 1) * (1 / before + 1 / now)


def jensen_shannon(before: np.ndarray, now: np.ndarray) -> float:
    """Jensen-Shannon distance, 0 to 0.833 (scipy.spatial.distance.jensenshannon); 0 where a side is empty."""
    if not before.sum() or not now.sum():
        return 0.0
    p, q = before / before.sum(), now / now.sum()
    middle = (p + q) / 2
    return float(np.sqrt(max(0.0, (_divergence(p, middle) + _divergence(q, middle)) / 2)))


def wasserstein(before: np.ndarray, now: np.ndarray, places: np.ndarray) -> float:
    """Wasserstein-1 distance of values at `places`, ascending, in their unit (scipy.stats.wasserstein_distance)."""
    return float((np.abs(_apart(before, now))[:-1] * np.diff(places)).sum())


def kolmogorov_smirnov(before: np.ndarray, now: np.ndarray) -> float:
    """Largest difference of the two distribution functions, 0 to 1 (the statistic of scipy.stats.ks_2samp)."""
    return float(np.abs(_apart(before, now)).max())


def kolmogorov_smirnov_p(statistic: float, before: float, now: float) -> float:
    """Probability of so large a statistic by chance, for samples of these sizes (its limit for large ones)."""
    from scipy.special import kolmogorov

    return float(kolmogorov(np.sqrt(before * now / (before + now)) * statistic))


def chi_square(before: np.ndarray, now: np.ndarray) -> tuple[float, int]:
    """Statistic and degrees of freedom of the test of homogeneity (scipy.stats.chi2_contingency, no correction)."""
    used = (before + now) > 0
    table = np.stack([before[used], now[used]]).astype(float)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    return float(((table - expected) ** 2 / expected).sum()), int(used.sum()) - 1


def chi_square_p(statistic: float, freedom: int) -> float:
    """Probability of so large a statistic by chance."""
    from scipy.special import chdtrc

    return float(chdtrc(freedom, max(statistic, 0.0))) if freedom > 0 else 1.0


def cramers_v(statistic: float, rows: float) -> float:
    """Effect size of a chi-square statistic of two samples with `rows` rows together, 0 to 1.

    It is as scipy.stats.contingency.association has it, and so smaller the less alike the sizes of the samples are.
    """
    return float(np.sqrt(max(statistic, 0.0) / rows))


def same_p(before: np.ndarray, now: np.ndarray) -> float:
    """Probability of counts that differ so much by chance (the G-test; chi2_contingency with lambda_=0).

    Where rows are few it keeps what it promises far better than chi-square: there, one row in a bin in which a
    hundredth of a row is expected would already be a sensation.
    """
    n, m = before.sum(), now.sum()
    if not n or not m:
        return 1.0
    both = (before + now) / (n + m)
    statistic = 2 * (n * _divergence(before / n, both) + m * _divergence(now / m, both))
    return chi_square_p(statistic, int((both > 0).sum()) - 1)


def _apart(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    return np.asarray(np.cumsum(now) / now.sum() - np.cumsum(before) / before.sum())


def _divergence(p: np.ndarray, q: np.ndarray) -> float:
    used = p > 0
    return float((p[used] * np.log(p[used] / q[used])).sum())
