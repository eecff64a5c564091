"""A data profile: what the columns of a frame look like, as small versioned JSON without any single row.

Profiles of the parts of some data merge to the profile of the whole, so data larger than memory is profiled part by
part. Counts, bins and names are exactly those of the whole; means and squares agree to rounding.
"""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.data.profiles.association import NOTHING, Association, associate
from assay.data.profiles.columns import Values, name_keys, values_of
from assay.data.profiles.histogram import MOST_BINS, Histogram, histogram
from assay.data.profiles.moments import Moments, moments_of
from assay.errors import ArtifactError
from assay.pipeline import PROFILE_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from assay.data.profiles.columns import Kind

MOST_CATEGORIES = 1000
# least to most telling, for a column without any value
_KINDS: tuple[Kind, ...] = ("category", "time", "number")
_MOST_THREADS = 4


class OldProfile(ArtifactError):
    """A profile that another version of Assay made."""


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
        kind = _kind(self, other, name)
        both = self.histogram.merged(other.histogram, _most(kind))
        return ColumnProfile(
            kind=kind,
            rows=self.rows + other.rows,
            missing=self.missing + other.missing,
            histogram=both,
            names=_coarser(((self.histogram, self.names), (other.histogram, other.names)), both),
            moments=_both(self.moments, other.moments),
            target=self.target.merged(other.target) if self.target and other.target else None,
        )

    def to_json(self) -> dict[str, Any]:
        """As plain values; no keys for categories that all have a name, for they are hashes of the names."""
        found = {"kind": self.kind, "rows": self.rows, "missing": self.missing, **self.histogram.to_json()}
        if self.kind == "category":
            found["names"] = [self.names.get(key) for key in self.histogram.keys.tolist()]
            if np.array_equal(_keys(found["names"]), self.histogram.keys):
                found = {name: value for name, value in found.items() if name not in {"first", "unit", "gaps"}}
        if self.moments:
            found["moments"] = self.moments.to_json()
        return found | ({"target": self.target.to_json()} if self.target else {})

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> ColumnProfile:
        """What `to_json` gave."""
        names = data.get("names", ())
        if "gaps" in data:
            found = Histogram.from_json(data)
        else:
            found = Histogram(data["level"], _keys(names), np.array(data["counts"].split(), dtype=np.int64))
        if data["kind"] not in _KINDS or found.total + data["missing"] != data["rows"]:
            raise ValueError(f"the counts of a column do not add up to {data['rows']} rows")
        return ColumnProfile(
            kind=data["kind"],
            rows=data["rows"],
            missing=data["missing"],
            histogram=found,
            names={key: name for key, name in zip(found.keys.tolist(), names, strict=False) if name is not None},
            moments=Moments.from_json(data["moments"]) if "moments" in data else None,
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
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ArtifactError(
                f"a damaged data profile: {type(error).__name__} {error}", next="make it anew"
            ) from None


def profile_of(frame: pd.DataFrame, target: str, like: Profile | None = None) -> Profile:
    """The profile of all columns of `frame`, the same on any number of cores.

    Args:
        frame: Any number of rows.
        target: Name of the target, one of the columns.
        like: Its kinds are taken, for values that went through JSON (strings, objects, None); a column it lacks is
            left out, a column that `frame` lacks is missing throughout.

    Raises:
        ArtifactError: Two columns have the same name.
    """
    columns = _columns(frame)
    kinds = {name: column.kind for name, column in like.columns.items()} if like else {}
    truth = values_of(columns[target], kinds.get(target)) if target in columns else None

    def one(name: str) -> ColumnProfile:
        if name not in columns:
            return _absent(kinds[name], len(frame), target=name == target)
        if name == target and truth:
            return _column(truth, None)
        return _column(values_of(columns[name], kinds.get(name)), truth)

    names = list(kinds or columns)
    with ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS)) as pool:
        found = dict(zip(names, pool.map(one, names), strict=True))
    return Profile(rows=len(frame), target=target, columns=found)


def _columns(frame: pd.DataFrame) -> dict[str, pd.Series[Any]]:
    names = [str(name) for name in frame.columns]
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise ArtifactError(f'there are two columns "{twice[0]}"', allowed="one", next="rename or drop one in load")
    return {name: frame.iloc[:, place] for place, name in enumerate(names)}


def _column(values: Values, target: Values | None) -> ColumnProfile:
    found = histogram(values.keys, values.counts, _most(values.kind))
    return ColumnProfile(
        kind=values.kind,
        rows=values.rows,
        missing=values.missing,
        histogram=found,
        names=_alone(values, found),
        moments=None if values.numbers is None else moments_of(values.numbers),
        target=associate(values.side, target.side) if target else None,
    )


def _absent(kind: Kind, rows: int, *, target: bool) -> ColumnProfile:
    nothing = histogram(np.zeros(0, dtype=np.int64))
    related = None if target else NOTHING
    return ColumnProfile(kind=kind, rows=rows, missing=rows, histogram=nothing, names={}, moments=None, target=related)


def _alone(values: Values, found: Histogram) -> dict[int, str]:
    """Names of the bins of a column that hold a single category."""
    if values.names is None:
        return {}
    bins = np.searchsorted(found.keys, values.keys >> np.int64(found.level))
    single = np.flatnonzero((np.bincount(bins) == 1)[bins]).tolist()
    return {int(found.keys[bins[index]]): values.names[index] for index in single}


def _keys(names: Sequence[str | None]) -> np.ndarray:
    """Keys of categories by their names; of none where one has no name."""
    return name_keys(np.array([] if None in names else names, dtype=object))


def _kind(one: ColumnProfile, two: ColumnProfile, name: str) -> Kind:
    """The kind of the values that are there; where there are none, the one that says more."""
    found = {side.kind for side in (one, two) if side.histogram.total}
    if len(found) > 1:
        what = f'column "{name}" is {" in one part of the data and ".join(sorted(found))} in another'
        raise ArtifactError(what, allowed="one kind in all parts", next="convert it in load, or mend the data")
    return found.pop() if found else max(one.kind, two.kind, key=_KINDS.index)


def _both(one: Moments | None, two: Moments | None) -> Moments | None:
    return one.merged(two) if one and two else one or two


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
    return MOST_CATEGORIES if kind == "category" else MOST_BINS
