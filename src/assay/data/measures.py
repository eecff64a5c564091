"""How far two samples lie apart, from counts over the same bins: PSI, Jensen-Shannon, Wasserstein, KS, chi-square.

Definitions as in scipy and Evidently, so that the values are comparable. Counts are arrays of shape (bins,), the same
bins for both samples. Nothing here decides; `drift.py` does.
"""

from __future__ import annotations

import numpy as np

# what chance alone exceeds once in ten thousand samples: as standard deviations, and for Kolmogorov-Smirnov
_ALPHA = 1e-4
_Z = 3.719
_KS = 2.225


def psi(before: np.ndarray, now: np.ndarray) -> float:
    """Population stability index: sum of (now - before) * ln(now / before), in shares; customary: 0.1 moved, 0.25 a lot.

    Both are smoothed by half a row a bin, those of now spread like those of before: a bin that is rare and by chance
    empty adds next to nothing, a bin that was never seen before adds a lot.
    """
    used = (before + now) > 0
    old, new = before[used].astype(float), now[used].astype(float)
    spread = 0.5 * len(old)
    expected = (old + 0.5) / (old.sum() + spread)
    actual = (new + spread * expected) / (new.sum() + spread)
    return float(((actual - expected) * np.log(actual / expected)).sum())


def jensen_shannon(before: np.ndarray, now: np.ndarray) -> float:
    """Jensen-Shannon distance, 0 to 0.833 (scipy.spatial.distance.jensenshannon); 0 where a side is empty."""
    if not before.sum() or not now.sum():
        return 0.0
    p, q = before / before.sum(), now / now.sum()
    middle = (p + q) / 2
    return float(np.sqrt(max(0.0, (_entropy(p, middle) + _entropy(q, middle)) / 2)))


def wasserstein(before: np.ndarray, now: np.ndarray, places: np.ndarray) -> float:
    """Wasserstein-1 distance of values at `places`, ascending, in their unit (scipy.stats.wasserstein_distance)."""
    return float((np.abs(_cdf(before) - _cdf(now))[:-1] * np.diff(places)).sum())


def kolmogorov_smirnov(before: np.ndarray, now: np.ndarray) -> float:
    """Largest difference of the two distribution functions, 0 to 1 (the statistic of scipy.stats.ks_2samp)."""
    return float(np.abs(_cdf(before) - _cdf(now)).max())


def kolmogorov_smirnov_p(statistic: float, before: int, now: int) -> float:
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

    return float(chdtrc(freedom, statistic)) if freedom else 1.0


def cramers_v(statistic: float, rows: int) -> float:
    """Effect size of a chi-square statistic of two samples with `rows` rows together, 0 to 1."""
    return float(np.sqrt(statistic / rows))


def chance_psi(bins: int, before: int, now: int) -> float:
    """PSI that two samples of the same population have on average."""
    return (bins - 1) * (1 / before + 1 / now)


def beyond_chance(statistic: float, freedom: int) -> bool:
    """True where a chi-square statistic is larger than chance makes it once in ten thousand times."""
    from scipy.special import chdtrc

    return freedom > 0 and float(chdtrc(freedom, statistic)) < _ALPHA


def ks_beyond_chance(statistic: float, before: int, now: int) -> bool:
    """The same for a Kolmogorov-Smirnov statistic."""
    return statistic > _KS * np.sqrt((before + now) / (before * now))


def share_beyond_chance(before: tuple[int, int], now: tuple[int, int]) -> bool:
    """The same for two shares, each given as (rows, of how many)."""
    all_rows = before[1] + now[1]
    share = (before[0] + now[0]) / all_rows
    error = np.sqrt(share * (1 - share) * (1 / before[1] + 1 / now[1]))
    return bool(abs(now[0] / now[1] - before[0] / before[1]) > _Z * error)


def _cdf(counts: np.ndarray) -> np.ndarray:
    return np.cumsum(counts) / counts.sum()


def _entropy(p: np.ndarray, q: np.ndarray) -> float:
    used = p > 0
    return float((p[used] * np.log(p[used] / q[used])).sum())
