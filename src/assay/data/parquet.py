"""Reads Parquet batch by batch, every batch with the same columns and types, however many files there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assay.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from assay.data.files import Files

_EXACT = 2**53


@dataclass(frozen=True)
class Part:
    """One file.

    Attributes:
        path: Where it is.
        rows: How many rows it holds.
        schema: Its columns.
        keys: What its folders say, `key=value`, by key.
    """

    path: Path
    rows: int
    schema: pa.Schema
    keys: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """Several files as one table.

    Attributes:
        parts: The files that hold rows.
        types: Arrow type of each column in every batch.
    """

    parts: tuple[Part, ...]
    types: Mapping[str, pa.DataType]

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(part.rows for part in self.parts)

    def batches(self, size: int, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """All rows in their order, at most `size` at a time."""
        names = list(columns or self.types)
        for part in self.parts:
            with _explained(part.path), pq.ParquetFile(part.path) as file:
                inside = [name for name in names if name in part.schema.names]
                for batch in file.iter_batches(batch_size=size, columns=inside):
                    yield self._frame(batch, part, names)

    def _frame(self, batch: pa.RecordBatch, part: Part, names: Sequence[str]) -> pd.DataFrame:
        arrays = [self._column(batch, part, name) for name in names]
        return pa.table(arrays, names=list(names)).to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)

    def _column(self, batch: pa.RecordBatch, part: Part, name: str) -> pa.Array:
        wanted = self.types[name]
        if name in part.schema.names:
            return pc.cast(batch.column(name), wanted, safe=False)
        if name in part.keys:
            return pa.array([part.keys[name]] * batch.num_rows, pa.string()).cast(wanted)
        return pa.nulls(batch.num_rows, wanted)


def open_parquet(files: Files) -> Table:
    """The files as one table.

    Whole numbers with missing values, and decimals, become float64; dates become timestamps; dictionaries become
    text; a column without any value becomes float64.

    Raises:
        ProjectError: A file is damaged, columns do not fit together, or hold what is no single value.
    """
    parts = [_part(path, files.root) for path in files.paths]
    parts = [part for part in parts if part.rows]
    if not parts:
        raise ProjectError(f"no file in {files.root.name} holds a row", files.root.name, "at least one row")
    for part in parts:
        _check_names(part)
    schema = _together(parts)
    types = {field.name: _readable(field, parts) for field in schema}
    keys = {key: [part.keys[key] for part in parts if key in part.keys] for part in parts for key in part.keys}
    return Table(tuple(parts), types | {k: _key_type(v) for k, v in keys.items() if k not in types})


def _part(path: Path, root: Path) -> Part:
    with _explained(path):
        found = pq.read_metadata(path)
        schema = found.schema.to_arrow_schema().remove_metadata()
    folders = path.relative_to(root).parts[:-1] if path != root else ()
    keys = dict(folder.split("=", 1) for folder in folders if "=" in folder)
    return Part(path, found.num_rows, schema, keys)


class _explained:  # noqa: N801 - reads like a function, as context managers do
    """Turns what the library says about a damaged file into an explanation."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (pa.ArrowException, OSError)):
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            what = f"{self._path.name} cannot be read as Parquet: {reason}"
            raise ProjectError(what, self._path.name, next="is the file whole?") from error


def _check_names(part: Part) -> None:
    names = part.schema.names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ProjectError(f"more than one column is called {', '.join(twice)}", part.path.name, "each name once")


def _together(parts: Sequence[Part]) -> pa.Schema:
    schema = parts[0].schema
    for part in parts[1:]:
        try:
            schema = pa.unify_schemas([schema, part.schema], promote_options="permissive")
        except pa.ArrowException:
            _refuse(schema, part, parts[0])
    return schema


def _refuse(schema: pa.Schema, part: Part, first: Part) -> None:
    for field in part.schema:
        here = schema.field(field.name).type if field.name in schema.names else field.type
        try:
            pa.unify_schemas([pa.schema([(field.name, here)]), pa.schema([field])], promote_options="permissive")
        except pa.ArrowException:
            what = f'column "{field.name}" is {here} in {first.path.name} and {field.type} in {part.path.name}'
            raise ProjectError(what, part.path.name, "one type in all files") from None


def _readable(field: pa.Field, parts: Sequence[Part]) -> pa.DataType:
    """The type that `field` has in every batch."""
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    t = pa.types
    if t.is_integer(kind):
        return _whole(field, kind, parts)
    if t.is_decimal(kind) or t.is_null(kind) or t.is_float16(kind):
        return pa.float64()
    if t.is_date(kind):
        return pa.timestamp("us")
    if t.is_string(kind) or t.is_large_string(kind) or t.is_string_view(kind):
        return pa.string()
    if t.is_floating(kind) or t.is_boolean(kind) or t.is_timestamp(kind):
        return kind
    allowed = "numbers, text, true/false, dates and times"
    raise ProjectError(f'column "{field.name}" holds {kind}', "Parquet", allowed, "convert it in load")


def _whole(field: pa.Field, kind: pa.DataType, parts: Sequence[Part]) -> pa.DataType:
    missing, largest = False, 0
    for part in parts:
        if field.name not in part.schema.names:
            missing = True
            continue
        gaps, size = _statistics(part, field.name)
        missing, largest = missing or gaps, max(largest, size)
    if missing and largest > _EXACT:
        what = f'column "{field.name}" holds whole numbers beyond 2**53 ({largest}) beside missing values'
        raise ProjectError(what, "Parquet", "numbers that float64 holds exactly", "store them as text, or fill the gaps")
    return pa.float64() if missing else kind


def _statistics(part: Part, name: str) -> tuple[bool, int]:
    """Whether values are missing, and the largest size of a value; read where the file does not say."""
    with _explained(part.path), pq.ParquetFile(part.path) as file:
        place = part.schema.names.index(name)
        found = [file.metadata.row_group(i).column(place).statistics for i in range(file.metadata.num_row_groups)]
        if all(s is not None and s.has_null_count and (s.has_min_max or s.null_count) for s in found):
            ends = [abs(int(end)) for s in found if s.has_min_max for end in (s.min, s.max)]
            return any(s.null_count for s in found), max(ends, default=0)
        values = file.read(columns=[name]).column(0)
        ends = pc.min_max(values).as_py()
        return values.null_count > 0, max((abs(end) for end in ends.values() if end is not None), default=0)


def _key_type(values: Sequence[str]) -> pa.DataType:
    return pa.int64() if all(value.lstrip("-").isdigit() for value in values) else pa.string()


