"""Drift of one column: its measures, and which of them say that it moved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from assay.data.drift import measures
from assay.data.drift.align import Aligned, align, grouped, places
from assay.data.drift.novelty import novel
from assay.data.profiles.histogram import histogram
from assay.wording import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.config import Drift
    from assay.data.profiles.profile import ColumnProfile

# what happens by chance less often than this does not happen: few enough for hundreds of columns every hour
CHANCE = 1e-4
_NAMED = 10
_GONE = "the column is missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """How far a column moved.

    Attributes:
        kind: number, time or category, as it was before.
        psi: Population stability index, missing values a bin of their own, less what chance adds; never below 0.
        jensen_shannon: Distance, 0 to 0.833, of the values that are there.
        wasserstein: Of numbers and times, in standard deviations of before; None without any spread.
        kolmogorov_smirnov: Of numbers and times, the largest difference of the distribution functions.
        ks_p: Probability of that by chance; shown, never decisive.
        cramers_v: Of categories, the effect size of the chi-square test, less what chance adds.
        chi_square_p: Probability of that by chance; shown, never decisive.
        missing_change: Share of missing values now minus before, -1 to 1.
        new: Categories never seen before that chance does not explain, the most frequent first, at most ten.
        new_share: Share of the values now that are in all of them.
        vanished: Categories that are gone and would not be by chance, the formerly most frequent first, at most ten.
        vanished_share: Share of the values before that were in all of them.
        drifted: None where there are too few rows to tell.
        why: Which measures reached which threshold, in words.
    """

    kind: str
    psi: float = 0.0
    jensen_shannon: float = 0.0
    wasserstein: float | None = None
    kolmogorov_smirnov: float | None = None
    ks_p: float | None = None
    cramers_v: float | None = None
    chi_square_p: float | None = None
    missing_change: float = 0.0
    new: tuple[str, ...] = ()
    new_share: float = 0.0
    vanished: tuple[str, ...] = ()
    vanished_share: float = 0.0
    drifted: bool | None = False
    why: str = ""


@dataclass(frozen=True)
class _Pair:
    """A column before and now over the same bins, and its missing values; counts of now are those that tell."""

    kind: str
    bins: Aligned
    missing: tuple[float, float]
    names: tuple[ColumnProfile, ColumnProfile]

    @property
    def rows(self) -> tuple[float, float]:
        """All rows, with values or without."""
        return float(self.bins.before.sum() + self.missing[0]), float(self.bins.now.sum() + self.missing[1])


def compare(before: ColumnProfile, now: ColumnProfile | None, limits: Drift, sample: int) -> ColumnDrift:
    """How far a column moved.

    Args:
        before: What it was.
        now: What it is; None where it is there no more.
        limits: From where on it has drifted.
        sample: How many rows of `now` count as drawn by chance.
    """
    if now is None:
        gone = replace(before, rows=sample, missing=sample, histogram=histogram(np.zeros(0, dtype=np.int64)), names={})
        return replace(_measured(before, gone, limits, sample)[0], drifted=True, why=_GONE)
    if before.kind != now.kind and now.histogram.total and before.histogram.total:
        return ColumnDrift(kind=before.kind, psi=1.0, drifted=True, why=f"it was {before.kind} and is {now.kind}")
    change, reasons = _measured(before, now, limits, sample)
    fewest = min(before.rows, sample)
    if fewest < limits.min_rows:
        return replace(change, drifted=None, why=f"{fewest} rows, at least {limits.min_rows} are needed to tell")
    if reasons and now.missing == now.rows:
        reasons = [_GONE]
    return replace(change, drifted=bool(reasons), why=", ".join(reasons))


def _measured(before: ColumnProfile, now: ColumnProfile, limits: Drift, sample: int) -> tuple[ColumnDrift, list[str]]:
    pair = _paired(before, now, sample)
    ordered = pair.kind != "category"
    old, new = grouped(pair.bins, ordered=ordered)
    change, reasons = _everywhere(pair, (np.append(old, pair.missing[0]), np.append(new, pair.missing[1])), limits)
    if old.sum() and new.sum():
        change, more = (_ordered if ordered else _categories)(pair, change, (old, new), limits)
        reasons += more
    return change, reasons


def _paired(before: ColumnProfile, now: ColumnProfile, sample: int) -> _Pair:
    part = sample / max(now.rows, 1)
    bins = align(before.histogram, now.histogram)
    bins = replace(bins, now=bins.now * part)
    return _Pair(before.kind, bins, (before.missing, now.missing * part), (before, now))


def _everywhere(pair: _Pair, counts: tuple[np.ndarray, np.ndarray], limits: Drift) -> tuple[ColumnDrift, list[str]]:
    """What every kind of column has: PSI and missing values, of `counts` with a bin for the latter."""
    change, (rows, here) = ColumnDrift(kind=pair.kind), pair.rows
    if not rows or not here:
        return change, []
    bins = int(((counts[0] + counts[1]) > 0).sum())
    psi = max(measures.psi(*counts) - measures.chance_psi(bins, rows, here), 0.0)
    shares = pair.missing[0] / rows, pair.missing[1] / here
    change = replace(change, psi=round(psi, 6), missing_change=round(shares[1] - shares[0], 6))
    reasons = _reasons([("psi", psi, limits.psi, _differ(*counts))])
    sides = [np.array([missing, whole - missing]) for missing, whole in zip(pair.missing, pair.rows, strict=True)]
    if abs(shares[1] - shares[0]) >= limits.missing and _differ(*sides):
        reasons.append(f"missing {shares[0]:.1%} -> {shares[1]:.1%}")
    return change, reasons


def _ordered(
    pair: _Pair, change: ColumnDrift, counts: tuple[np.ndarray, np.ndarray], limits: Drift
) -> tuple[ColumnDrift, list[str]]:
    before, now, moments = pair.bins.before, pair.bins.now, pair.names[0].moments
    js, ks = measures.jensen_shannon(*counts), measures.kolmogorov_smirnov(before, now)
    ks_p = measures.kolmogorov_smirnov_p(ks, before.sum(), now.sum())
    at = places(pair.bins, pair.kind, pair.names[0])
    far = measures.wasserstein(before, now, at) / moments.std if moments and moments.std else None
    real = ks_p < CHANCE or _differ(*counts)
    reasons = _reasons([
        ("Jensen-Shannon", js, limits.jensen_shannon, real),
        ("Wasserstein", far, limits.wasserstein, real),
        ("KS", ks, limits.kolmogorov_smirnov, ks_p < CHANCE),
    ])  # fmt: skip
    change = replace(change, jensen_shannon=round(js, 6), kolmogorov_smirnov=round(ks, 6), ks_p=_significant(ks_p))
    return replace(change, wasserstein=None if far is None else round(far, 6)), reasons


def _categories(
    pair: _Pair, change: ColumnDrift, counts: tuple[np.ndarray, np.ndarray], limits: Drift
) -> tuple[ColumnDrift, list[str]]:
    js = measures.jensen_shannon(*counts)
    # here categories below 1 % are told apart: with 200 of them there would be nothing to compare
    fine = grouped(pair.bins, ordered=False, rare=0.0)
    statistic, freedom = measures.chi_square(*fine)
    v = measures.cramers_v(statistic - freedom, fine[0].sum() + fine[1].sum())
    reasons = _reasons([
        ("Jensen-Shannon", js, limits.jensen_shannon, _differ(*counts)),
        ("Cramer's V", v, limits.cramers_v, _differ(*fine)),
    ])  # fmt: skip
    sides = pair.bins.before, pair.bins.now
    new, new_share = _news(pair, sides[1], sides[0], limits.categories)
    gone, gone_share = _news(pair, sides[0], sides[1], limits.categories)
    if new and new_share >= limits.categories:
        reasons.append(f"new {listed(new)} ({new_share:.1%} of rows)")
    if gone and gone_share >= limits.categories:
        reasons.append(f"vanished {listed(gone)} ({gone_share:.1%} of rows before)")
    change = replace(change, jensen_shannon=round(js, 6), cramers_v=round(v, 6))
    change = replace(change, chi_square_p=_significant(measures.chi_square_p(statistic, freedom)))
    change = replace(change, new=new[:_NAMED], new_share=round(new_share, 6))
    return replace(change, vanished=gone[:_NAMED], vanished_share=round(gone_share, 6)), reasons


def _differ(before: np.ndarray, now: np.ndarray) -> bool:
    return measures.same_p(before, now) < CHANCE


def _news(pair: _Pair, here: np.ndarray, there: np.ndarray, least: float) -> tuple[tuple[str, ...], float]:
    """Names of the categories that only one side has, the most frequent first, and their share of its values."""
    found = np.flatnonzero(novel(here, there, least, CHANCE))
    if not len(found):
        return (), 0.0
    names = _named(pair)
    told = sorted((-here[place], names.get(int(pair.bins.keys[place]), "(several)")) for place in found)
    return tuple(name for _, name in told), float(here[found].sum() / here.sum())


def _named(pair: _Pair) -> dict[int, str]:
    """Names of the common bins; one that holds several categories has none."""
    found: dict[int, set[str]] = {}
    for side in pair.names:
        shift = pair.bins.level - side.histogram.level
        for key, name in side.names.items():
            found.setdefault(key >> shift, set()).add(name)
    return {key: min(names) for key, names in found.items() if len(names) == 1}


def _reasons(tried: Sequence[tuple[str, float | None, float, bool]]) -> list[str]:
    return [
        f"{name} {value:.3g} >= {limit:g}"
        for name, value, limit, real in tried
        if real and value is not None and value >= limit
    ]


def _significant(p: float) -> float:
    return float(f"{p:.6g}")
