"""One Parquet file: its columns, what its statistics say of them, and its rows batch by batch."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from assay.data.reading.arrow import TEXT, Facts, check_texts, facts_of, simple
from assay.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from assay.data.reading.files import File

# column chunks are read piece by piece: a row group may be larger than memory
_BUFFER = 2**20
STEP = 2**16
_INDEX = "__index_level_"


@dataclass(frozen=True)
class Part:
    """One file.

    Attributes:
        file: Which.
        rows: How many rows it holds.
        schema: Its columns, in simple types.
        keys: What its folders say.
    """

    file: File
    rows: int
    schema: Mapping[str, pa.DataType]
    keys: Mapping[str, int | str | None]


def part_of(file: File, opened: pq.ParquetFile, keys: Mapping[str, int | str | None]) -> Part:
    """What `opened` is; `keys` are what its folders say.

    Raises:
        ProjectError: A column holds what is no single value, or is a key of the folder too.
    """
    schema = simple(opened.schema_arrow, file.name)
    both = [key for key in keys if key in schema]
    if both:
        what = f"{', '.join(both)} is a column of the file and a key of its folder"
        raise ProjectError(what, file.name, "one of them", "rename the folder or leave the column out")
    kept = {name: kind for name, kind in schema.items() if not name.startswith(_INDEX)}
    # a key without a value takes the type of the other folders
    folders = {key: pa.null() if v is None else pa.int64() if isinstance(v, int) else TEXT for key, v in keys.items()}
    return Part(file, opened.metadata.num_rows, kept | folders, keys)


def facts_in(part: Part, opened: pq.ParquetFile) -> dict[str, Facts]:
    """Facts of whole numbers and truth values, from the file's statistics; read where it has none."""
    names = [name for name, kind in part.schema.items() if types.is_integer(kind) or types.is_boolean(kind)]
    places = {name: number for number, name in enumerate(opened.schema_arrow.names)}
    return {name: _fact(opened, name, places[name]) for name in names if name in places}


def _fact(opened: pq.ParquetFile, name: str, place: int) -> Facts:
    fact = Facts()
    for number in range(opened.metadata.num_row_groups):
        known = opened.metadata.row_group(number).column(place).statistics
        told = known is not None and known.has_null_count and (known.has_min_max or known.num_values == 0)
        if not told:
            return _read_fact(opened, name)
        ends = [abs(int(end)) for end in (known.min, known.max)] if known.has_min_max else [0]
        fact |= Facts(known.null_count > 0, max(ends))
    return fact


def _read_fact(opened: pq.ParquetFile, name: str) -> Facts:
    fact = Facts()
    for batch in opened.iter_batches(batch_size=STEP, columns=[name]):
        column = batch.column(0)
        fact |= facts_of(column.dictionary_decode() if types.is_dictionary(column.type) else column)
    return fact


def raw_batches(part: Part, names: Sequence[str], size: int) -> Iterator[pa.RecordBatch]:
    """The file's own columns among `names`, and those that its folders say, as they are."""
    inside = [name for name in names if name in part.schema and name not in part.keys]
    with opened_parquet(part.file) as opened:
        for batch in opened.iter_batches(batch_size=min(size, STEP), columns=inside):
            for name in inside:
                check_texts(batch.column(name), name, part.file.name)
            full = batch
            for key in [key for key in names if key in part.keys]:
                full = full.append_column(key, pa.repeat(pa.scalar(part.keys[key], part.schema[key]), len(batch)))
            yield full


@contextlib.contextmanager
def opened_parquet(file: File) -> Iterator[pq.ParquetFile]:
    """The file, open; what the library says about a damaged one becomes an explanation."""
    try:
        with pq.ParquetFile(file.path, buffer_size=_BUFFER, pre_buffer=False) as opened:
            yield opened
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise OSError(error.errno, os.strerror(error.errno), str(file.path)) from None
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ProjectError(
            f"{file.name} is no whole Parquet file: {reason}", file.name, next="write it again"
        ) from error
