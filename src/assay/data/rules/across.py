"""What only all chunks together tell: values that came before, missing values and where they are, the newest time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from assay.data.rules.rules import times

if TYPE_CHECKING:
    from collections.abc import Iterator


def _hashes(column: pd.Series[Any]) -> np.ndarray:
    """A 64-bit hash of each value, the same in every chunk; missing values are 0. Shape (rows,).

    Values of mixed types count as the same where they are written the same. Among ten million different values two
    share a hash with a probability of about 3 in a million.
    """
    try:
        found = pd.util.hash_pandas_object(column, index=False, categorize=False).to_numpy()
    except (TypeError, ValueError):  # lists and the like, and text that is not valid Unicode
        texts = [str(value).encode("utf-8", "backslashreplace").decode() for value in column]
        found = pd.util.hash_array(np.array(texts, dtype=object), categorize=False)
    return np.where(column.isna().to_numpy(), np.uint64(0), found)


@dataclass
class Seen:
    """The hashes that came by, in a few sorted arrays of falling length: 8 bytes a value."""

    _runs: list[np.ndarray] = field(default_factory=list)

    def first_values(self, column: pd.Series[Any]) -> np.ndarray:
        """Which values did not come before, here or in an earlier call, missing ones aside; shape (rows,)."""
        there = column.notna().to_numpy()
        first = np.ones(len(column), dtype=bool)
        first[there] = ~self._repeated(_hashes(column)[there])
        return first

    def first_rows(self, frame: pd.DataFrame) -> np.ndarray:
        """Which rows did not come before, missing values like any other; booleans of shape (rows,)."""
        columns = {str(number): _hashes(column) for number, (_, column) in enumerate(frame.items())}
        return ~self._repeated(pd.util.hash_pandas_object(pd.DataFrame(columns), index=False).to_numpy())

    def _repeated(self, values: np.ndarray) -> np.ndarray:
        order = np.argsort(values, kind="stable")
        ordered = values[order]
        again = np.zeros(len(values), dtype=bool)
        again[1:] = ordered[1:] == ordered[:-1]
        for run in self._runs:
            places = np.minimum(np.searchsorted(run, ordered), len(run) - 1)
            again |= run[places] == ordered
        self._keep(ordered[~again])
        found = np.empty(len(values), dtype=bool)
        found[order] = again
        return found

    def _keep(self, values: np.ndarray) -> None:
        self._runs += [values] if len(values) else []
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            self._runs[-2:] = [np.sort(np.concatenate(self._runs[-2:]), kind="stable")]


@dataclass
class Gaps:
    """Where a column's values are missing, one bit a row.

    Attributes:
        most: Largest share that may be.
        count: Missing values so far.
    """

    most: float
    count: int = 0
    _bits: list[np.ndarray | None] = field(default_factory=list)

    def add(self, column: pd.Series[Any]) -> None:
        """Take note of the next chunk."""
        missing = column.isna().to_numpy()
        count = int(missing.sum())
        self.count += count
        self._bits.append(np.packbits(missing) if count else None)

    def rows(self, indexes: list[pd.Index[Any]]) -> Iterator[np.ndarray]:
        """The positions of the missing values, an array a chunk that has any; `indexes` are those of the chunks."""
        for index, bits in zip(indexes, self._bits, strict=True):
            if bits is not None:
                yield index.to_numpy()[np.unpackbits(bits, count=len(index)).astype(bool)]


@dataclass
class Newest:
    """The newest time of a column.

    Attributes:
        age: How old it may be.
        now: Time of the run, UTC.
        time: It, in UTC; None while there is none.
    """

    age: pd.Timedelta
    now: pd.Timestamp
    time: pd.Timestamp | None = None

    def add(self, column: pd.Series[Any]) -> None:
        """Take note of the next chunk."""
        here = times(column).max()
        if not pd.isna(here):
            self.time = here if self.time is None else max(self.time, here)

    def breach(self) -> str:
        """What is wrong, for people; empty where nothing is."""
        if self.time is None:
            return "no row has a time"
        return f"newest is {self.time.isoformat()}" if self.now - self.time > self.age else ""
