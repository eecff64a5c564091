"""Every value that breaks a rule, on its way to failures.parquet, and what is told of them in the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pathlib import Path

_EXAMPLES = 10
_LONGEST = 200
_GROUP = 2**17
_EMPTY = {"code": "str", "column": "str", "row": "Int64", "value": "str"}
_SCHEMA = pa.schema(
    [("code", pa.string()), ("column", pa.string()), ("row", pa.int64()), ("value", pa.string())],
    # so that pandas reads rows as whole numbers even where one is null
    metadata=pa.Schema.from_pandas(pd.DataFrame({n: pd.Series(dtype=t) for n, t in _EMPTY.items()})).metadata,
)


@dataclass(frozen=True, slots=True, order=True)
class Broken:
    """Which rule: its code, the column (or the expression's name), and fail or warn."""

    code: str
    column: str
    severity: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule.

    Attributes:
        code: See `checks`.
        column: The column, the columns of an identity, or the name of an expression.
        count: Values that break the rule; 1 where the whole column does.
        share: `count` divided by the number of rows.
        examples: Up to ten different values, as JSON.
        rows: Up to ten positions of such values in the whole data, those of `examples` first; none for a whole column.
        severity: fail or warn.
    """

    code: str
    column: str
    count: int
    share: float
    examples: tuple[Any, ...]
    rows: tuple[int, ...]
    severity: str


@dataclass
class _Tally:
    count: int = 0
    examples: dict[Any, int | None] = field(default_factory=dict)
    first: list[int] = field(default_factory=list)


class Failures:
    """Failures as they come; failures.parquet is complete once `close` was called.

    It has one row a failure: `code`, `column`, `row` (position in the whole data, null for a whole column) and `value`
    (as text), in the order in which they were found.
    """

    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(path, _SCHEMA, compression="zstd")
        self._waiting: list[pa.Table] = []
        self._found: dict[Broken, _Tally] = {}

    def add(self, broken: Broken, rows: np.ndarray, values: pd.Series[Any]) -> None:
        """Values that break a rule; `rows` are their positions, both of shape (failures,)."""
        text = texts(values)
        tally = self._found.setdefault(broken, _Tally())
        tally.count += len(rows)
        tally.first += [int(row) for row in rows[: _EXAMPLES - len(tally.first)]]
        if len(tally.examples) < _EXAMPLES:
            for place in _firsts(text)[: 2 * _EXAMPLES]:
                tally.examples.setdefault(plain(values.iloc[place]), int(rows[place]))
        self._write(broken, pa.array(rows, pa.int64()), text)

    def add_whole(self, broken: Broken, what: str) -> None:
        """A rule that the column as a whole breaks, once."""
        if broken not in self._found:
            self._found[broken] = _Tally(1, {what: None})
            self._write(broken, pa.nulls(1, pa.int64()), pa.array([what]))

    def findings(self, rows: int) -> tuple[Finding, ...]:
        """The broken rules by code and column; `rows` is the number of rows of the data."""
        return tuple(_finding(broken, tally, rows) for broken, tally in sorted(self._found.items()))

    def close(self) -> None:
        """Finish failures.parquet."""
        self._flush()
        self._writer.close()

    def _write(self, broken: Broken, rows: pa.Array, text: pa.Array) -> None:
        names = [pa.repeat(pa.scalar(clean(name)), len(rows)) for name in (broken.code, broken.column)]
        self._waiting.append(pa.Table.from_arrays([*names, rows, text], schema=_SCHEMA))
        if sum(len(table) for table in self._waiting) >= _GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting).combine_chunks(), row_group_size=_GROUP)
        self._waiting = []


def _finding(broken: Broken, tally: _Tally, rows: int) -> Finding:
    shown = dict(list(tally.examples.items())[:_EXAMPLES])
    places = dict.fromkeys(row for row in (*shown.values(), *tally.first) if row is not None)
    share = round(tally.count / max(rows, 1), 6)
    return Finding(
        code=broken.code,
        column=broken.column,
        count=tally.count,
        share=share,
        examples=tuple(shown),
        rows=tuple(places)[:_EXAMPLES],
        severity=broken.severity,
    )


def _firsts(text: pa.StringArray) -> np.ndarray:
    """Where each different text stands first."""
    codes = pc.fill_null(text.dictionary_encode().indices, -1).to_numpy(zero_copy_only=False)
    # codes are given in the order of appearance: a new text is a new maximum
    return np.flatnonzero(np.diff(np.maximum.accumulate(codes), prepend=-2))


def texts(column: pd.Series[Any]) -> pa.StringArray:
    """The values as text, null where missing; shape (rows,)."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy()
        return texts(pd.Series(column.cat.categories)).take(pa.array(codes, mask=codes < 0))
    if pd.api.types.is_datetime64_any_dtype(column):
        column = column.astype("str")
    if len(column) and (column.dtype != object or isinstance(column.iloc[0], str)):
        try:
            kind = pa.string() if column.dtype == object else None
            found = pa.array(column, kind, from_pandas=True).cast(pa.string())
        except (TypeError, ValueError, OverflowError, pa.ArrowException):
            pass  # of mixed types, or of one that Arrow does not know
        else:
            return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    return pa.array([_text(value) for value in column], pa.string())


def joined(frame: pd.DataFrame) -> pd.Series[Any]:
    """Each row as one text, `start=3, end=1`; shape (rows,)."""
    parts: list[Any] = []
    for number, (name, column) in enumerate(frame.items()):
        parts += [f"{', ' if number else ''}{clean(str(name))}=", pc.fill_null(texts(column), "missing")]
    text = pc.binary_join_element_wise(*parts, "")
    return pd.Series(text.to_pandas().to_numpy(), index=frame.index, dtype="str")


def clean(text: str) -> str:
    """`text` as valid Unicode."""
    return text.encode("utf-8", "backslashreplace").decode()


def plain(value: Any) -> Any:  # noqa: ANN401 - any cell of a frame
    """The value as JSON knows it, cut where it is very long."""
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, (int, float)) and abs(value) < np.inf:
        return value
    text = clean(str(value))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _text(value: Any) -> str | None:  # noqa: ANN401 - any cell of a frame
    return None if pd.api.types.is_scalar(value) and pd.isna(value) else clean(str(value))
