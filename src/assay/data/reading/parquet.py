"""Parquet, streamed: one file or many, in chunks with the same columns and dtypes each, never the whole."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from assay.data.reading.arrow import TEXT, Facts, Form, facts_of, fitted, form_of, simple, to_frame, together
from assay.data.reading.files import key_columns
from assay.data.reading.times import agreed, parse
from assay.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from assay.config import Data
    from assay.data.reading.files import File, Files

# column chunks are read piece by piece: a row group may be larger than memory
_BUFFER = 2**20
_STEP = 2**16
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


@dataclass(frozen=True)
class Table:
    """All files as one table.

    Attributes:
        parts: The files.
        forms: What each column becomes.
        missing: Texts that mean that a value is missing.
    """

    parts: tuple[Part, ...]
    forms: Mapping[str, Form]
    missing: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(part.rows for part in self.parts)

    @property
    def names(self) -> list[str]:
        """Names of the columns, in order."""
        return list(self.forms)

    def read(self, size: int, names: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """All rows in order, `size` at a time (the last may be fewer), with all columns or only `names`."""
        forms = {name: self.forms[name] for name in names or self.forms}
        start, rows, waiting = 0, 0, list[pa.RecordBatch]()
        for batch in self._batches(forms, size):
            for piece in (batch[: size - rows], batch[size - rows :]):
                waiting.append(piece)
                rows += len(piece)
                if rows == size:
                    yield to_frame(_drained(waiting), forms, start)
                    start, rows = start + size, 0
        if rows:
            yield to_frame(_drained(waiting), forms, start)

    def _batches(self, forms: Mapping[str, Form], size: int) -> Iterator[pa.RecordBatch]:
        for part in self.parts:
            for batch in _raw(part, list(forms), size):
                yield fitted(batch, forms, self.missing, part.file.name)


def open_parquet(files: Files, data: Data) -> Table:
    """The files as one table; a column that a file lacks is missing in its rows.

    The types of all files are brought together first (whole numbers here and fractions there are fractions). Categories
    of a dictionary column are those of all files, also the ones that no row has. Decimals become float64, dates become
    timestamps; what `form_of` says of missing values holds for all chunks alike. An index that pandas wrote without a
    name is left out.

    Raises:
        ProjectError: A file is damaged, files disagree, or a column holds what is no single value.
    """
    folders = key_columns(files.all, [name for name, rule in data.schema.items() if rule.type == "str"])
    parts, facts = [], dict[str, Facts]()
    for number, file in enumerate(files.all):
        with _opened(file) as opened:
            part = _part(file, opened, {key: values[number] for key, values in folders.items()})
            found = _facts(part, opened)
            parts.append(part)
        facts |= {name: facts.get(name, Facts()) | fact for name, fact in found.items()}
    # a file without rows has often no types either, and none that matter
    parts = [part for part in parts if part.rows] or parts
    kinds = together([(part.file.name, part.schema) for part in parts])
    for name in kinds:
        gaps = any(_lacks(part, name) for part in parts)
        facts[name] = facts.get(name, Facts()) | Facts(gaps)
    table = Table(tuple(parts), {name: form_of(kind, facts[name]) for name, kind in kinds.items()}, data.missing)
    return _with_times(_with_categories(table), data)


def _part(file: File, opened: pq.ParquetFile, keys: Mapping[str, int | str | None]) -> Part:
    schema = simple(opened.schema_arrow, file.name)
    both = [key for key in keys if key in schema]
    if both:
        what = f"{', '.join(both)} is a column of the file and a key of its folder"
        raise ProjectError(what, file.name, "one of them", "rename the folder or leave the column out")
    kept = {name: kind for name, kind in schema.items() if not name.startswith(_INDEX)}
    # a key without a value takes the type of the other folders
    folders = {key: pa.null() if v is None else pa.int64() if isinstance(v, int) else TEXT for key, v in keys.items()}
    return Part(file, opened.metadata.num_rows, kept | folders, keys)


def _lacks(part: Part, name: str) -> bool:
    return name not in part.schema or bool(types.is_null(part.schema[name]))


def _facts(part: Part, opened: pq.ParquetFile) -> dict[str, Facts]:
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
    for batch in opened.iter_batches(batch_size=_STEP, columns=[name]):
        column = batch.column(0)
        fact |= facts_of(column.dictionary_decode() if types.is_dictionary(column.type) else column)
    return fact


def _with_categories(table: Table) -> Table:
    names = [name for name, form in table.forms.items() if types.is_dictionary(form.kind)]
    found: dict[str, dict[str, None]] = {name: {} for name in names}
    for part in table.parts if names else ():
        for batch in _raw(part, names, _STEP):
            for name in batch.schema.names:
                if types.is_dictionary(batch.column(name).type):
                    found[name] |= dict.fromkeys(batch.column(name).dictionary.to_pylist())
    forms = dict(table.forms)
    for name, categories in found.items():
        kept = [category for category in categories if category is not None and category not in table.missing]
        forms[name] = replace(forms[name], categories=pa.array(kept, pa.string()))
    return replace(table, forms=forms)


def _with_times(table: Table, data: Data) -> Table:
    """Texts that `[tool.assay.data] times` names become times, of one dtype in all chunks."""
    forms = dict(table.forms)
    for name in set(data.times) & forms.keys():
        if forms[name].kind == TEXT:
            texts = (frame[name] for frame in table.read(_STEP, [name]))
            dtypes: list[Any] = [parse(part, lambda row: f"row {row}").dtype for part in texts]
            forms[name] = Form(TEXT, agreed(dtypes))
        elif not types.is_timestamp(forms[name].kind):
            what = f'column "{name}" holds {forms[name].kind}'
            raise ProjectError(what, "pyproject.toml tool.assay.data.times", "columns of texts or times")
    return replace(table, forms=forms)


def _raw(part: Part, names: Sequence[str], size: int) -> Iterator[pa.RecordBatch]:
    """The file's own columns among `names`, and those that its folders say, as they are."""
    inside = [name for name in names if name in part.schema and name not in part.keys]
    with _opened(part.file) as opened:
        for batch in opened.iter_batches(batch_size=min(size, _STEP), columns=inside):
            full = batch
            for key in [key for key in names if key in part.keys]:
                full = full.append_column(key, pa.repeat(pa.scalar(part.keys[key], part.schema[key]), len(batch)))
            yield full


@contextlib.contextmanager
def _opened(file: File) -> Iterator[pq.ParquetFile]:
    """The file, open; what the library says about a damaged one becomes an explanation."""
    try:
        with pq.ParquetFile(file.path, buffer_size=_BUFFER, pre_buffer=False) as opened:
            yield opened
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ProjectError(
            f"{file.name} is no whole Parquet file: {reason}", file.name, next="write it again"
        ) from error


def _drained(waiting: list[pa.RecordBatch]) -> pa.Table:
    """The batches as one table; the list lets go of them, so that nothing is in memory twice."""
    table = pa.Table.from_batches(waiting)
    waiting.clear()
    return table
