"""A data profile: what the columns of a frame look like, as small versioned JSON without any single row.

Profiles of the parts of some data merge to the profile of the whole, so data larger than memory is profiled part by
part. Counts, bins and names are exactly those of the whole; means and squares agree to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.data.association import Association, associate
from assay.data.columns import Values, values_of
from assay.data.histogram import Histogram, histogram
from assay.errors import ArtifactError
from assay.pipeline import PROFILE_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from assay.data.columns import Kind

MOST_CATEGORIES = 1000
_ROUNDING = 1e-12


class OldProfile(ArtifactError):
    """A profile that another version of Assay made."""


@dataclass(frozen=True)
class Moments:
    """Of the finite values: how many, mean, sum of squared distances from it, smallest, largest."""

    n: int
    mean: float
    m2: float
    min: float
    max: float

    @property
    def std(self) -> float:
        """Standard deviation of the population; 0 where it is no more than rounding."""
        found = float(np.sqrt(self.m2 / self.n)) if self.n else 0.0
        return found if found > _ROUNDING * abs(self.mean) else 0.0

    def merged(self, other: Moments) -> Moments:
        """Those of the values of both."""
        n, apart = self.n + other.n, other.mean - self.mean
        mean = self.mean + apart * other.n / n
        m2 = self.m2 + other.m2 + apart * apart * self.n * other.n / n
        return Moments(n, mean, m2, min(self.min, other.min), max(self.max, other.max))


@dataclass(frozen=True, kw_only=True)
class ColumnProfile:
    """One column.

    Attributes:
        kind: number, time (microseconds since 1970, UTC) or category.
        rows: Rows in all.
        missing: Rows without a value.
        histogram: Of the keys of the values, see `columns.Values`.
        names: Category by key, for each bin that holds a single one; below 1000 categories that is every bin.
        moments: Of numbers, and of times as microseconds; None without any finite value.
        target: How the column goes together with the target; None for the target itself and for many classes.
    """

    kind: Kind
    rows: int
    missing: int
    histogram: Histogram
    names: Mapping[int, str]
    moments: Moments | None
    target: Association | None

    def merged(self, other: ColumnProfile, name: str) -> ColumnProfile:
        """The column in the rows of both.

        Raises:
            ArtifactError: One holds numbers, the other something else.
        """
        one, two = (self, other) if self.histogram.total else (other, self)
        if two.histogram.total and one.kind != two.kind:
            what = f'column "{name}" is {one.kind} in one part of the data and {two.kind} in another'
            raise ArtifactError(what, allowed="one kind in all parts", next="convert it in load, or mend the data")
        most = _most(one.kind)
        both = one.histogram.merged(two.histogram, most) if two.histogram.total else one.histogram
        associations = [side.target for side in (one, two) if side.histogram.total]
        return ColumnProfile(
            kind=one.kind,
            rows=one.rows + two.rows,
            missing=one.missing + two.missing,
            histogram=both,
            names=_coarser(((one.histogram, one.names), (two.histogram, two.names)), both),
            moments=_both(one.moments, two.moments),
            target=associations[0].merged(associations[-1]) if _two(associations) else _only(associations),
        )

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        keys = self.histogram.keys
        found: dict[str, Any] = {"kind": self.kind, "rows": self.rows, "missing": self.missing}
        found |= {"level": self.histogram.level, **_packed(keys), "counts": _line(self.histogram.counts)}
        if self.kind == "category":
            found["names"] = [self.names.get(int(key)) for key in keys]
        if self.moments:
            found["moments"] = vars(self.moments)
        return found | ({"target": self.target.to_json()} if self.target else {})

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> ColumnProfile:
        """What `to_json` gave."""
        counts = np.array(data["counts"].split(), dtype=np.int64)
        gaps = np.array(data["gaps"].split(), dtype=np.int64) << np.int64(data["unit"])
        keys = np.cumsum([data["first"], *gaps], dtype=np.int64)[: len(counts)]
        names = {int(key): name for key, name in zip(keys, data.get("names", ()), strict=False) if name is not None}
        return ColumnProfile(
            kind=data["kind"],
            rows=data["rows"],
            missing=data["missing"],
            histogram=Histogram(data["level"], keys, counts),
            names=names,
            moments=Moments(**data["moments"]) if "moments" in data else None,
            target=Association.from_json(data["target"]) if "target" in data else None,
        )


@dataclass(frozen=True, kw_only=True)
class Profile:
    """All columns of some data, the target among them."""

    rows: int
    target: str
    columns: Mapping[str, ColumnProfile]

    def merged(self, other: Profile) -> Profile:
        """The profile of the rows of both.

        Raises:
            ArtifactError: They have other columns, or a column is of another kind.
        """
        if set(self.columns) != set(other.columns):
            different = sorted(set(self.columns) ^ set(other.columns))
            raise ArtifactError(f"the parts of the data have other columns: {', '.join(different[:5])}")
        columns = {name: column.merged(other.columns[name], name) for name, column in self.columns.items()}
        return Profile(rows=self.rows + other.rows, target=self.target, columns=columns)

    def to_json(self) -> dict[str, Any]:
        """As plain values, with the version of their schema."""
        columns = {name: column.to_json() for name, column in self.columns.items()}
        return {"schema_version": PROFILE_VERSION, "rows": self.rows, "target": self.target, "columns": columns}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Profile:
        """What `to_json` gave.

        Raises:
            OldProfile: Another version wrote it.
            ArtifactError: It is damaged.
        """
        version = data.get("schema_version")
        if version != PROFILE_VERSION:
            kind = OldProfile if isinstance(version, int) else ArtifactError
            raise kind(f"a data profile of version {version}", allowed=str(PROFILE_VERSION), next="make it anew")
        try:
            columns = {name: ColumnProfile.from_json(column) for name, column in data["columns"].items()}
            return Profile(rows=data["rows"], target=data["target"], columns=columns)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ArtifactError(f"a damaged data profile: {type(error).__name__} {error}", next="make it anew") from None


def profile_of(frame: pd.DataFrame, target: str, like: Profile | None = None) -> Profile:
    """The profile of all columns of `frame`.

    Args:
        frame: Any number of rows.
        target: Name of the target, one of the columns.
        like: Its kinds are taken, for values that went through JSON (strings, objects, None); a column it lacks is
            left out, a column that `frame` lacks is missing throughout.
    """
    kinds = {name: column.kind for name, column in like.columns.items()} if like else {}
    names = list(kinds) if like else [str(name) for name in frame.columns]
    truth = values_of(frame[target], kinds.get(target)) if target in frame.columns else None

    def one(name: str) -> ColumnProfile:
        if name not in frame.columns:
            return _absent(kinds[name], len(frame))
        values = truth if name == target and truth is not None else values_of(frame[name], kinds.get(name))
        return _column(values, None if name == target else truth)

    return Profile(rows=len(frame), target=target, columns={name: one(name) for name in names})


def _packed(keys: np.ndarray) -> dict[str, int | str]:
    """Keys as the first one and the gaps between them, counted in powers of two that divide them all."""
    gaps = np.diff(keys)
    together = int(np.bitwise_or.reduce(gaps)) if len(gaps) else 0
    unit = (together & -together).bit_length() - 1 if together else 0
    return {"first": int(keys[0]) if len(keys) else 0, "unit": unit, "gaps": _line(gaps >> np.int64(unit))}


def _line(numbers: np.ndarray) -> str:
    return " ".join(map(str, numbers.tolist()))


def _column(values: Values, target: Values | None) -> ColumnProfile:
    found = histogram(values.keys, values.counts, _most(values.kind))
    return ColumnProfile(
        kind=values.kind,
        rows=values.rows,
        missing=values.missing,
        histogram=found,
        names=_alone(values, found.level),
        moments=_moments(values.numbers),
        target=associate(values.side, target.side) if target else None,
    )


def _absent(kind: Kind, rows: int) -> ColumnProfile:
    nothing = histogram(np.zeros(0, dtype=np.int64))
    return ColumnProfile(
        kind=kind, rows=rows, missing=rows, histogram=nothing, names={}, moments=None, target=None
    )


def _moments(values: np.ndarray | None) -> Moments | None:
    if values is None:
        return None
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    # squares of what lies beyond 1e154 have no float
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(finite.mean())
        apart = finite - mean
        m2 = float(apart @ apart)
    return Moments(len(finite), mean, m2, float(finite.min()), float(finite.max())) if np.isfinite(m2) else None


def _both(one: Moments | None, two: Moments | None) -> Moments | None:
    return one.merged(two) if one and two else one or two


def _two(found: list[Association | None]) -> bool:
    return len(found) > 1 and all(found)


def _only(found: list[Association | None]) -> Association | None:
    return found[0] if len(found) == 1 else None


def _alone(values: Values, level: int) -> dict[int, str]:
    """Names of the bins of a column that hold a single category."""
    if not values.names:
        return {}
    places, first, held = np.unique(values.keys >> np.int64(level), return_index=True, return_counts=True)
    single = held == 1
    return {int(place): values.names[index] for place, index in zip(places[single], first[single], strict=True)}


def _coarser(parts: tuple[tuple[Histogram, Mapping[int, str]], ...], whole: Histogram) -> dict[int, str]:
    """Names of the bins of a merged histogram that hold a single category."""
    found: dict[int, str] = {}
    mixed: set[int] = set()
    for part, names in parts:
        shift = whole.level - part.level
        for key in part.keys.tolist():
            name, place = names.get(key), key >> shift
            if name is None or found.setdefault(place, name) != name:
                mixed.add(place)
    return {place: name for place, name in sorted(found.items()) if place not in mixed}


def _most(kind: Kind) -> int:
    return MOST_CATEGORIES if kind == "category" else 1024
