"""Drift of a frame against a profile: the population stability index (PSI) of every column.

PSI = sum over bins of (actual - expected) * ln(actual / expected), in shares. Bins come from the profile; missing
values are a bin of their own; categories below 1 %, or too rare for the size of the sample, share one with those
never seen. Customary reading: below 0.1 stable, above 0.25 shifted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from assay.data.profile import SCHEMA_VERSION, bin_counts, category_counts, numbers
from assay.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_RARE = 0.01
_FEW = 5


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """How far a column moved.

    Attributes:
        psi: Population stability index, less what chance alone adds in a sample of this size; never below 0.
        missing_change: Share of missing values now minus the share in the profile, -1 to 1.
    """

    psi: float
    missing_change: float


def drift(profile: Mapping[str, Any], frame: pd.DataFrame, sample: int | None = None) -> dict[str, ColumnDrift]:
    """Drift of every column of `profile`; one that `frame` lacks counts as missing throughout.

    Args:
        profile: What `profile_of` gave.
        frame: At least one row; values may have gone through JSON (strings, objects, None).
        sample: How many rows of `frame` count as drawn by chance; fewer than all where rows repeat. Absent: all.

    Raises:
        ArtifactError: The profile has another version or no columns.
    """
    if profile.get("schema_version") != SCHEMA_VERSION:
        seen = profile.get("schema_version")
        raise ArtifactError(f"a data profile of version {seen}", allowed=str(SCHEMA_VERSION), next="make it anew")
    nothing = pd.Series([None] * len(frame), dtype=object)
    columns: dict[str, dict[str, Any]] = profile.get("columns") or {}
    if not columns:
        raise ArtifactError("a data profile without columns", next="make it anew")
    size = sample or len(frame)
    return {name: _column(column, frame.get(name, nothing), size) for name, column in columns.items()}


def psi(expected: Sequence[int], actual: Sequence[int]) -> float:
    """PSI of two counts over the same bins, finite also where a bin is empty on one side.

    Both are smoothed by half a row a bin, the actual ones spread like the expected: a bin that is rare and by chance
    empty adds next to nothing, a bin that was never seen before adds a lot.
    """
    counts = np.array([expected, actual], dtype=float)
    counts = counts[:, counts.sum(axis=0) > 0]
    spread = 0.5 * counts.shape[1]
    before = (counts[0] + 0.5) / (counts[0].sum() + spread)
    now = (counts[1] + spread * before) / (counts[1].sum() + spread)
    return float(((now - before) * np.log(now / before)).sum())


def worst(columns: Mapping[str, ColumnDrift]) -> tuple[float, str]:
    """The largest PSI, and the three columns that moved most, in words; `columns` must hold one or more."""
    ranked = sorted(columns.items(), key=lambda item: (-item[1].psi, item[0]))[:3]
    return ranked[0][1].psi, "most: " + ", ".join(f"{name} {moved.psi:.3f}" for name, moved in ranked)


def _column(column: Mapping[str, Any], values: pd.Series[Any], sample: int) -> ColumnDrift:
    before, now = _counts(column, values)
    bins = sum(1 for pair in zip(before, now, strict=True) if any(pair))
    # two samples of the same population differ by this much on average, so a short window is no drift by itself
    chance = (bins - 1) * (1 / sum(before) + 1 / sample)
    change = now[-1] / sum(now) - before[-1] / sum(before)
    return ColumnDrift(round(max(psi(before, now) - chance, 0.0), 6), round(change, 6))


def _counts(column: Mapping[str, Any], values: pd.Series[Any]) -> tuple[list[int], list[int]]:
    """Counts in the profile and now, over the same bins, the missing ones last."""
    missing = int(column["missing"])
    if column["kind"] == "number":
        floats = numbers(values)
        present = floats[~np.isnan(floats)]
        return [*column["counts"], missing], [*bin_counts(present, column["edges"]), len(floats) - len(present)]
    gone = int(values.isna().sum())
    if column["kind"] == "category":
        return _categories(column, category_counts(values), missing, gone)
    return [int(column["present"]), missing], [len(values) - gone, gone]


def _categories(
    column: Mapping[str, Any], seen: Mapping[str, int], missing: int, gone: int
) -> tuple[list[int], list[int]]:
    known: dict[str, int] = column["counts"]
    total = sum(known.values()) + column["other"]
    # where five rows or fewer are expected, chance rules: the customary bound of the chi-squared test
    least = max(_RARE, _FEW / max(sum(seen.values()), 1)) * total
    common = [name for name, count in known.items() if count >= least]
    before, now = [known[name] for name in common], [seen.get(name, 0) for name in common]
    return [*before, total - sum(before), missing], [*now, sum(seen.values()) - sum(now), gone]
