"""Drift: how far each column moved between two profiles, and whether that is more than chance.

Effect sizes decide. A column has drifted where one of its measures reaches the threshold of `[tool.assay.data.drift]`
and chance would do that less than once in ten thousand times; a p-value alone would flag everything at a million rows,
an effect size alone would flag everything at fifty. With fewer rows than `min_rows` nobody can tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.data import measures
from assay.data.align import FEW, Aligned, align, grouped, places
from assay.gates import Observed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.config import Drift
    from assay.data.profile import ColumnProfile, Profile

_NAMED = 10


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
        cramers_v: Of categories, the effect size of the chi-square test.
        chi_square_p: Probability of that by chance; shown, never decisive.
        missing_change: Share of missing values now minus before, -1 to 1.
        new: Categories never seen before, the most frequent first, at most ten.
        new_share: Share of the values now that are in new categories.
        vanished: Categories that are gone, the formerly most frequent first, at most ten.
        vanished_share: Share of the values before that were in them.
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


def drift(before: Profile, now: Profile, limits: Drift, sample: int | None = None) -> dict[str, ColumnDrift]:
    """Drift of every column of `before`; one that `now` lacks has drifted.

    Args:
        before: The baseline.
        now: What is compared with it.
        limits: From where on a column has drifted.
        sample: How many rows of `now` count as drawn by chance; fewer than all where rows repeat. Absent: all.
    """
    size = now.rows if sample is None else sample
    return {name: _column(column, now.columns.get(name), limits, size) for name, column in before.columns.items()}


def overview(moved: Mapping[str, ColumnDrift], target: str) -> dict[str, Observed]:
    """What the gates on drift hold their limits against: `columns`, `share`, `psi` and `target`."""
    features = {name: change for name, change in moved.items() if name != target}
    gone = sorted(name for name, change in features.items() if change.drifted)
    unknown = sum(change.drifted is None for change in moved.values())
    few = unknown > 0
    note = f"too few rows to tell for {unknown} of {len(moved)} columns" if few else ""
    told = note or _listed(tuple(gone), _NAMED)
    ranked = sorted(moved.items(), key=lambda item: (-item[1].psi, item[0]))[:3]
    worst = "most: " + ", ".join(f"{name} {change.psi:.3f}" for name, change in ranked)
    found = {
        "columns": Observed(len(gone), message=told, inconclusive=few),
        "share": Observed(len(gone) / max(len(features), 1), message=told, inconclusive=few),
        "psi": Observed(ranked[0][1].psi if ranked else 0.0, message=note or worst, inconclusive=few),
    }
    if target in moved:
        change = moved[target]
        found["target"] = Observed(change.jensen_shannon, message=change.why, inconclusive=change.drifted is None)
    return found


def drifted(moved: Mapping[str, ColumnDrift]) -> list[dict[str, object]]:
    """The columns that drifted, for people: `column`, `psi` and `why`, the worst first."""
    worst = sorted((item for item in moved.items() if item[1].drifted), key=lambda item: (-item[1].psi, item[0]))
    return [{"column": name, "psi": change.psi, "why": change.why} for name, change in worst]


def _column(before: ColumnProfile, now: ColumnProfile | None, limits: Drift, sample: int) -> ColumnDrift:
    if now is None:
        return ColumnDrift(kind=before.kind, missing_change=1 - _missing(before), drifted=True, why="the column is gone")
    if before.kind != now.kind and now.histogram.total and before.histogram.total:
        return ColumnDrift(kind=before.kind, psi=1.0, drifted=True, why=f"it was {before.kind} and is {now.kind}")
    pair = _Pair(before, now, align(before.histogram, now.histogram), sample)
    change, reasons = _measured(pair, limits)
    if sample < limits.min_rows or not before.rows:
        few = f"{sample} rows, at least {limits.min_rows} are needed to tell"
        return ColumnDrift(**{**_fields(change), "drifted": None, "why": few})
    return ColumnDrift(**{**_fields(change), "drifted": bool(reasons), "why": ", ".join(reasons)})


def _fields(change: ColumnDrift) -> dict[str, object]:
    return {name: getattr(change, name) for name in ColumnDrift.__dataclass_fields__}


@dataclass(frozen=True)
class _Pair:
    before: ColumnProfile
    now: ColumnProfile
    bins: Aligned
    sample: int

    @property
    def sizes(self) -> tuple[int, int]:
        """Values before, and values now that count as drawn by chance."""
        share = self.now.histogram.total / max(self.now.rows, 1)
        return self.before.histogram.total, max(1, round(share * self.sample))


def _measured(pair: _Pair, limits: Drift) -> tuple[ColumnDrift, list[str]]:
    ordered = pair.before.kind != "category"
    old, new = grouped(pair.bins, ordered=ordered)
    psi, psi_real = _psi(pair, old, new)
    found: dict[str, object] = {"kind": pair.before.kind, "psi": psi}
    found["missing_change"] = change = round(_missing(pair.now) - _missing(pair.before), 6)
    reasons = [_reason("psi", psi, limits.psi)] if psi >= limits.psi and psi_real else []
    if all(pair.sizes) and pair.now.histogram.total and pair.before.histogram.total:
        more, because = (_ordered if ordered else _categories)(pair, old, new, limits)
        found |= more
        reasons += because
    gone = (pair.before.missing, pair.before.rows), (round(_missing(pair.now) * pair.sample), pair.sample)
    if abs(change) >= limits.missing and pair.sample and measures.share_beyond_chance(*gone):
        reasons.append(f"missing {_missing(pair.before):.1%} -> {_missing(pair.now):.1%}")
    return ColumnDrift(**found), reasons  # type: ignore[arg-type]


def _psi(pair: _Pair, old: np.ndarray, new: np.ndarray) -> tuple[float, bool]:
    before, now = np.append(old, pair.before.missing), np.append(new, pair.now.missing)
    if not before.sum() or not now.sum():
        return 0.0, False
    bins = int(((before + now) > 0).sum())
    sample = max(pair.sample, 1)
    value = measures.psi(before, now)
    chance = measures.chance_psi(bins, int(before.sum()), sample)
    # by chance PSI is distributed like chi-square, times 1/before + 1/now
    real = measures.beyond_chance(value / (1 / before.sum() + 1 / sample), bins - 1)
    return round(max(value - chance, 0.0), 6), bool(real)


def _ordered(pair: _Pair, old: np.ndarray, new: np.ndarray, limits: Drift) -> tuple[dict[str, object], list[str]]:
    bins, sizes = pair.bins, pair.sizes
    js = measures.jensen_shannon(old, new)
    ks = measures.kolmogorov_smirnov(bins.before, bins.now)
    moments = pair.before.moments
    where = places(bins, pair.before.kind, pair.before)
    far = measures.wasserstein(bins.before, bins.now, where) / moments.std if moments and moments.std else None
    ks_real = measures.ks_beyond_chance(ks, *sizes)
    real = ks_real or _differ(pair, old, new)
    tried = (
        ("Jensen-Shannon", js, limits.jensen_shannon, real),
        ("Wasserstein", far, limits.wasserstein, real),
        ("KS", ks, limits.kolmogorov_smirnov, ks_real),
    )
    found: dict[str, object] = {"jensen_shannon": round(js, 6), "kolmogorov_smirnov": round(ks, 6)}
    found |= {"wasserstein": None if far is None else round(far, 6)}
    found |= {"ks_p": float(f"{measures.kolmogorov_smirnov_p(ks, *sizes):.6g}")}
    return found, _reasons(tried)


def _categories(pair: _Pair, old: np.ndarray, new: np.ndarray, limits: Drift) -> tuple[dict[str, object], list[str]]:
    js, real = measures.jensen_shannon(old, new), _differ(pair, old, new)
    statistic, freedom = measures.chi_square(pair.bins.before, pair.bins.now)
    v = measures.cramers_v(statistic, int(old.sum() + new.sum()))
    (before, now), total = pair.sizes, pair.now.histogram.total
    fresh, fresh_rows = _only_in(pair, pair.bins.now, pair.bins.before, before)
    gone, gone_rows = _only_in(pair, pair.bins.before, pair.bins.now, now)
    fresh_share, gone_share = fresh_rows / total, gone_rows / before
    tried = [("Jensen-Shannon", js, limits.jensen_shannon, real), ("Cramer's V", v, limits.cramers_v, real)]
    reasons = _reasons(tried)
    if fresh_share >= limits.categories and measures.share_beyond_chance((0, before), (round(fresh_share * now), now)):
        reasons.append(f"new {_listed(fresh)} ({fresh_share:.1%} of rows)")
    if gone_share >= limits.categories and measures.share_beyond_chance((gone_rows, before), (0, now)):
        reasons.append(f"vanished {_listed(gone)} ({gone_share:.1%} of rows before)")
    found: dict[str, object] = {"jensen_shannon": round(js, 6), "cramers_v": round(v, 6)}
    found |= {"chi_square_p": float(f"{measures.chi_square_p(statistic, freedom):.6g}")}
    found |= {"new": fresh[:_NAMED], "new_share": round(fresh_share, 6)}
    return found | {"vanished": gone[:_NAMED], "vanished_share": round(gone_share, 6)}, reasons


def _differ(pair: _Pair, old: np.ndarray, new: np.ndarray) -> bool:
    """True where the counts differ by more than chance, for as many values as were really drawn."""
    scaled = new * (pair.sizes[1] / max(new.sum(), 1))
    return measures.beyond_chance(*measures.chi_square(old, scaled))


def _only_in(pair: _Pair, here: np.ndarray, there: np.ndarray, size: int) -> tuple[tuple[str, ...], int]:
    """Categories that only one side has, the most frequent first, and their rows.

    One that is so rare that fewer than five rows of the other side's `size` would have it is no news there.
    """
    names = {**pair.before.names, **pair.now.names}
    alone = np.flatnonzero((here * size >= FEW * here.sum()) & (here > 0) & (there == 0))
    ranked = sorted(alone, key=lambda place: (-here[place], names.get(int(pair.bins.keys[place]), "")))
    told = [names.get(int(pair.bins.keys[place]), "(several)") for place in ranked]
    return tuple(told), int(here[alone].sum())


def _reasons(tried: list[tuple[str, float | None, float, bool]] | tuple[tuple[str, float | None, float, bool], ...]) -> list[str]:
    return [_reason(name, value, limit) for name, value, limit, real in tried if value is not None and real and value >= limit]


def _reason(name: str, value: float, limit: float) -> str:
    return f"{name} {value:.3g} >= {limit:g}"


def _listed(names: tuple[str, ...], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _missing(column: ColumnProfile) -> float:
    return column.missing / column.rows if column.rows else 0.0
