"""Parquet, streamed: one file or many, in chunks with the same columns and dtypes each, never the whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import types

from assay.data.reading.arrow import TEXT, Facts, Form, fitted, form_of, to_frame, together
from assay.data.reading.files import key_columns
from assay.data.reading.parquet_file import STEP, Part, facts_in, opened_parquet, part_of, raw_batches
from assay.data.reading.times import agreed, parse
from assay.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from assay.config import Data
    from assay.data.reading.files import Files


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
            for batch in raw_batches(part, list(forms), size):
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
        with opened_parquet(file) as opened:
            part = part_of(file, opened, {key: values[number] for key, values in folders.items()})
            found = facts_in(part, opened)
            parts.append(part)
        facts |= {name: facts.get(name, Facts()) | fact for name, fact in found.items()}
    # a file without rows has often no types either, and none that matter
    parts = [part for part in parts if part.rows] or parts
    kinds = together([(part.file.name, part.schema) for part in parts])
    for name in kinds:
        gaps = any(_lacks(part, name) for part in parts)
        facts[name] = facts.get(name, Facts()) | Facts(gaps)
    table = Table(tuple(parts), {name: form_of(kind, facts[name]) for name, kind in kinds.items()}, data.missing)
    return _with_categories(_with_times(table, data))


def _lacks(part: Part, name: str) -> bool:
    return name not in part.schema or bool(types.is_null(part.schema[name]))


def _with_categories(table: Table) -> Table:
    names = [name for name, form in table.forms.items() if types.is_dictionary(form.kind)]
    found: dict[str, dict[str, None]] = {name: {} for name in names}
    for part in table.parts if names else ():
        for batch in raw_batches(part, names, STEP):
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
        if forms[name].kind == TEXT or types.is_dictionary(forms[name].kind):
            texts = replace(table, forms={name: Form(TEXT)}).read(STEP)
            parts = (parse(frame[name], partial(_place, number * STEP)) for number, frame in enumerate(texts))
            forms[name] = Form(TEXT, agreed(name, parts))
        elif not types.is_timestamp(forms[name].kind):
            what = f'column "{name}" holds {forms[name].kind}'
            raise ProjectError(what, "pyproject.toml tool.assay.data.times", "columns of texts or times")
    return replace(table, forms=forms)


def _place(start: int, row: int) -> str:
    return f"row {start + row}"


def _drained(waiting: list[pa.RecordBatch]) -> pa.Table:
    """The batches as one table; the list lets go of them, so that nothing is in memory twice."""
    table = pa.Table.from_batches(waiting)
    waiting.clear()
    return table
