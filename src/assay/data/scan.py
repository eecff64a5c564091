"""One pass over a source: every chunk is checked, profiled, counted and written, and then forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from assay.data.profiles.profile import Profile, profile_of
from assay.data.split import deciding, holdout_rows
from assay.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.config import Data
    from assay.data.dataset import DatasetWriter
    from assay.data.reading.sources import Source
    from assay.data.rules.checks import Checks

_SAMPLE = 50_000
_CHUNK = 250_000


@dataclass(frozen=True, kw_only=True)
class Scanned:
    """What the chunks add up to.

    Attributes:
        train: Profile of the train rows: features and target.
        holdout: Profile of the holdout rows.
        classes: Rows by class; None for regression.
        sample: Evenly spaced rows of all, about 50,000 at most: features and target.
        held: Those of the sample that are in the holdout.
    """

    train: Profile
    holdout: Profile
    classes: pd.Series[int] | None
    sample: pd.DataFrame
    held: pd.DataFrame

    @property
    def missing(self) -> dict[str, float]:
        """Share of missing values by column, 0 to 1."""
        rows = self.train.rows + self.holdout.rows
        other = self.holdout.columns
        return {name: (c.missing + other[name].missing) / rows for name, c in self.train.columns.items()}


def scan(source: Source, data: Data, checks: Checks, writer: DatasetWriter) -> Scanned:
    """Read `source` once; `checks` and `writer` see every row.

    Raises:
        ProjectError: The split is not possible, or the data changed meanwhile.
    """
    target = source.column(data.target)
    marker = data.holdout if isinstance(data.holdout, str) else None
    held = holdout_rows(target, {name: source.column(name) for name in deciding(data)}, data)
    aside = [name for name in data.aside if name != marker]
    step = max(1, source.rows // _SAMPLE)
    profiles: dict[str, list[Profile]] = {"train": [], "holdout": []}
    samples: list[pd.DataFrame] = []
    for chunk in source.chunks(_CHUNK):
        rows = chunk.drop(columns=marker) if marker else chunk
        checks.add(rows)
        features = rows.drop(columns=aside)
        samples.append(features[rows.index % step == 0])
        here = held[rows.index]
        for side, picked in (("train", ~here), ("holdout", here)):
            if picked.any():
                profiles[side].append(profile_of(features[picked], data.target))
                writer.add(side, rows[picked])
    _check_whole(sum(p.rows for side in profiles.values() for p in side), source)
    sample = pd.concat(samples)
    classes = None if data.task == "regression" else target.value_counts()
    return Scanned(
        train=_merged(profiles["train"]),
        holdout=_merged(profiles["holdout"]),
        classes=classes,
        sample=sample,
        held=sample[held[sample.index]],
    )


def _merged(profiles: Sequence[Profile]) -> Profile:
    whole = profiles[0]
    for profile in profiles[1:]:
        whole = whole.merged(profile)
    return whole


def _check_whole(seen: int, source: Source) -> None:
    if seen != source.rows:
        what = f"{source.where} gave {seen} rows after it had announced {source.rows}"
        raise ProjectError(what, source.where, next="it changed while it was read: run again")
