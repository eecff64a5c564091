"""What a window of logged predictions holds, added up chunk by chunk: of each row only some bytes are kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from assay.data.logs import OK, read_chunks
from assay.data.profiles.columns import name_of, numbers
from assay.data.profiles.profile import profile_of
from assay.monitoring.labels import NO_LABELS, Labels
from assay.monitoring.performance import NOTHING_KNOWN, Known, known_of

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from assay.data.logs import Chunk
    from assay.data.profiles.profile import Profile

_REFUSED = range(400, 500)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is looked for.

    Attributes:
        since: Start of the window, with a time zone.
        version: The version that serves; lines of others only count. None: all are judged.
        profile: Its data profile; None where there is none to compare with.
        labels: What turned out to be true, for requests whose log line does not say so.
    """

    since: dt.datetime
    version: int | None = None
    profile: Profile | None = None
    labels: Labels = NO_LABELS


@dataclass(frozen=True, kw_only=True)
class Window:
    """What the lines say, those of one version but for the counts of what was left out.

    Attributes:
        requests: Predictions asked for, answered or not; of a sample, how many it stands for.
        failed: Of these, how many the server failed to answer: status 500 and above, or 0 for no answer at all.
        broken: Lines that are no log line, whatever their time.
        older: Lines from before the window.
        others: Lines in the window of each other version.
        rows: Answered predictions.
        profile: Data profile of those, the prediction in the place of the target; None where nothing was asked for.
        hashes: One for each different row of each chunk, uint64.
        mistyped: Values of each column that are there and not of its kind.
        new: Columns that the profile lacks.
        milliseconds: Of each answered prediction, where it was logged.
        known: Predictions whose label is known.
    """

    requests: float = 0
    failed: float = 0
    broken: int = 0
    older: int = 0
    others: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    profile: Profile | None = None
    hashes: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    mistyped: Counter[str] = field(default_factory=Counter)
    new: frozenset[str] = frozenset()
    milliseconds: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    known: Known = NOTHING_KNOWN

    @property
    def distinct(self) -> int:
        """Different rows: a thousand answers to the same forty tell as much about their distribution as the forty."""
        return len(np.unique(self.hashes))

    def merged(self, other: Window) -> Window:
        """Both together."""
        profiles = [side.profile for side in (self, other) if side.profile]
        return Window(
            requests=self.requests + other.requests,
            failed=self.failed + other.failed,
            broken=self.broken + other.broken,
            older=self.older + other.older,
            others=self.others + other.others,
            rows=self.rows + other.rows,
            profile=reduce(lambda one, two: one.merged(two), profiles) if profiles else None,
            hashes=np.concatenate([self.hashes, other.hashes]),
            mistyped=self.mistyped + other.mistyped,
            new=self.new | other.new,
            milliseconds=np.concatenate([self.milliseconds, other.milliseconds]),
            known=self.known.merged(other.known),
        )


def read_window(path: Path, question: Question) -> Window:
    """Everything in `path`, a file or folder, that `question` asks for."""
    kinds = {name: column.kind for name, column in question.profile.columns.items()} if question.profile else {}
    # `map`, as a loop would keep each chunk in memory until the next one is made
    parts = map(partial(_part, question=question), read_chunks(path, kinds))
    return reduce(Window.merged, parts, Window())


def _part(chunk: Chunk, question: Question) -> Window:
    fields = chunk.fields.drop_columns(["id", "probabilities"]).to_pandas()
    times = pd.to_datetime(fields["ts"], utc=True, format="ISO8601", errors="coerce")
    status, version, sample = fields["status"], fields["version"], fields["sample"].fillna(1)
    answered = status.isin(OK)
    sound = times.notna() & status.notna() & sample.between(0, 1, inclusive="right")
    sound &= ~answered | (chunk.whole & fields["prediction"].notna())
    late = sound & (times >= question.since)
    # a line without a version is of a server that does not know its own
    ours = late & (version.isna() | (version == question.version)) if question.version is not None else late
    others = Counter(name_of(number) for number in version[late & ~ours])
    failed = ours & ~answered & ~status.isin(_REFUSED)
    found = Window(
        requests=float((1 / sample[ours]).sum()),
        failed=float((1 / sample[failed]).sum()),
        broken=chunk.broken + int((~sound).sum()),
        older=int((sound & ~late).sum()),
        others=others,
    )
    rows = ours & answered
    return found.merged(_answered(chunk, fields, rows, question)) if rows.any() else found


def _answered(chunk: Chunk, fields: pd.DataFrame, rows: pd.Series[bool], question: Question) -> Window:
    whole = bool(rows.all())
    features = chunk.features if whole else chunk.features[rows]
    milliseconds = fields["ms"][rows].dropna().to_numpy(dtype=np.float32)
    found = Window(rows=int(rows.sum()), milliseconds=milliseconds, known=known_of(chunk, rows, question.labels))
    if question.profile is None:
        return found
    profile = question.profile
    frame = features.assign(**{profile.target: fields["prediction"][rows]})
    seen = profile_of(frame, profile.target, like=profile)
    wrong = {name: _wrong(frame[name], seen, name) for name in seen.columns if name in frame}
    compared = Window(
        profile=seen,
        hashes=_hashes(features, profile),
        mistyped=Counter({name: count for name, count in wrong.items() if count}),
        new=frozenset(set(map(str, features.columns)) - set(profile.columns)),
    )
    return found.merged(compared)


def _wrong(column: pd.Series[Any], seen: Profile, name: str) -> int:
    return int(column.notna().sum()) - (seen.columns[name].rows - seen.columns[name].missing)


def _hashes(features: pd.DataFrame, profile: Profile) -> np.ndarray:
    """The same for the same row, however its chunk was read."""
    alike = {str(name): _alike(features[name], profile, str(name)) for name in sorted(features.columns, key=str)}
    return np.unique(pd.util.hash_pandas_object(pd.DataFrame(alike), index=False).to_numpy())


def _alike(column: pd.Series[Any], profile: Profile, name: str) -> pd.Series[Any]:
    if name in profile.columns and profile.columns[name].kind == "number":
        return pd.Series(numbers(column), index=column.index)
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column
    return column.map(name_of, na_action="ignore").astype(object).astype("category")
