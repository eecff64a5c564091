"""Columns of Arrow as columns of pandas: what they become is settled once, so that every chunk comes out the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from assay.data.reading.times import as_dtype, parse
from assay.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from assay.data.reading.times import Dtype

    Schema = Mapping[str, pa.DataType]

EXACT = 2**53
TEXT = pa.large_string()
_ALLOWED = "numbers, texts, true/false, dates and times: single values"
_UNITS = ("s", "ms", "us", "ns")


@dataclass(frozen=True)
class Facts:
    """What a column of whole numbers or truth values holds, as far as its type depends on it.

    Attributes:
        missing: True where a value is missing.
        largest: Largest size of a number.
    """

    missing: bool = False
    largest: int = 0

    def __or__(self, other: Facts) -> Facts:
        """The facts of both together."""
        return Facts(self.missing or other.missing, max(self.largest, other.largest))


@dataclass(frozen=True)
class Form:
    """What a column becomes.

    Attributes:
        kind: Arrow type of each batch.
        dtype: pandas' dtype, where that does not follow from `kind`.
        categories: All categories, in order, of a categorical column.
    """

    kind: pa.DataType
    dtype: pd.api.extensions.ExtensionDtype | Dtype | None = None
    categories: pa.Array | None = None


def simple(schema: pa.Schema, where: str) -> dict[str, pa.DataType]:
    """Column types as they are used here: decimals are float64, dates are timestamps, there is one type of text.

    Raises:
        ProjectError: A name stands twice, or a column holds what is no single value.
    """
    names = schema.names
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise ProjectError(f"more than one column is called {', '.join(twice)}", where, "each name once")
    if "" in names:
        raise ProjectError(f"column {names.index('') + 1} has no name", where, "a name for each column")
    kinds = {field.name: _simple(field.type) for field in schema}
    for name, kind in kinds.items():
        if kind is None:
            what = f'column "{name}" holds {str(schema.field(name).type)[:60]}'
            raise ProjectError(what, where, _ALLOWED, "leave it out of the file, or read it with a `load` of your own")
    return kinds


def _simple(kind: pa.DataType) -> pa.DataType | None:
    if types.is_dictionary(kind):
        inner = _simple(kind.value_type)
        return pa.dictionary(pa.int32(), pa.string(), kind.ordered) if inner == TEXT else inner
    if types.is_decimal(kind):
        return pa.float64()
    if types.is_float16(kind):
        return pa.float32()
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return TEXT
    if types.is_date(kind):
        return pa.timestamp("us")
    kept = (types.is_boolean, types.is_integer, types.is_floating, types.is_timestamp, types.is_time, types.is_duration)
    return kind if types.is_null(kind) or any(is_kind(kind) for is_kind in kept) else None


def together(schemas: Iterable[tuple[str, Schema]]) -> dict[str, pa.DataType]:
    """The types of all columns of several files, named by file; a file may lack a column.

    Raises:
        ProjectError: Two files disagree.
    """
    known: dict[str, tuple[pa.DataType, str]] = {}
    for where, schema in schemas:
        for name, kind in schema.items():
            before, first = known.get(name, (kind, where))
            both = _common(before, kind)
            if both is None:
                what = f'column "{name}" is {before} in {first} and {kind} in {where}'
                raise ProjectError(what, where, "one type in all files")
            known[name] = (both, where if types.is_null(before) else first)
    return {name: kind for name, (kind, _) in known.items()}


def _common(one: pa.DataType, two: pa.DataType) -> pa.DataType | None:
    if one == two or types.is_null(one) or types.is_null(two):
        return two if types.is_null(one) else one
    if _is_number(one) and _is_number(two):
        return pa.from_numpy_dtype(np.promote_types(one.to_pandas_dtype(), two.to_pandas_dtype()))
    if _is_text(one) and _is_text(two):
        # two dictionaries that differ do so in their order
        return TEXT if TEXT in {one, two} else pa.dictionary(pa.int32(), pa.string())
    if types.is_timestamp(one) and types.is_timestamp(two) and (one.tz is None) == (two.tz is None):
        unit = max(one.unit, two.unit, key=_UNITS.index)
        return pa.timestamp(unit, one.tz if one.tz == two.tz else "UTC")
    return None


def _is_number(kind: pa.DataType) -> bool:
    return bool(types.is_integer(kind) or types.is_floating(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(types.is_dictionary(kind) or kind == TEXT)


def facts_of(column: pa.Array | pa.ChunkedArray) -> Facts:
    """The facts of whole numbers or truth values."""
    if not types.is_integer(column.type):
        return Facts(column.null_count > 0)
    ends = pc.min_max(column).as_py()
    return Facts(column.null_count > 0, max(abs(end or 0) for end in ends.values()))


def form_of(kind: pa.DataType, facts: Facts) -> Form:
    """What a column of this type becomes, given what it holds.

    Whole numbers of which some are missing become float64, or Int64 where that would round them; truth values of which
    some are missing become "boolean"; a column without any value becomes float64.
    """
    if types.is_null(kind):
        return Form(pa.float64())
    if types.is_boolean(kind) and facts.missing:
        return Form(kind, pd.BooleanDtype())
    if types.is_integer(kind) and facts.missing:
        wide = pd.UInt64Dtype() if types.is_unsigned_integer(kind) else pd.Int64Dtype()
        return Form(pa.float64()) if facts.largest <= EXACT else Form(kind, wide)
    return Form(kind)


def fitted(batch: pa.RecordBatch, forms: Mapping[str, Form], missing: Sequence[str], where: str) -> pa.RecordBatch:
    """`batch` with exactly the columns and types of `forms`; the texts in `missing` become nulls.

    Raises:
        ProjectError: A value does not fit its column.
    """
    columns = []
    for name, form in forms.items():
        try:
            columns.append(_fit(batch, name, form, missing))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            what = f'column "{name}" cannot be read as {form.kind}: {str(error).splitlines()[0]}'
            raise ProjectError(what, where, "values that this type holds exactly") from None
    return pa.RecordBatch.from_arrays(columns, names=list(forms))


def _fit(batch: pa.RecordBatch, name: str, form: Form, missing: Sequence[str]) -> pa.Array:
    if name not in batch.schema.names:
        return pa.nulls(batch.num_rows, form.kind)
    column = batch.column(name)
    if form.categories is not None:
        return _recoded(column, form)
    fit = column.cast(form.kind)
    if form.kind == TEXT and missing:
        marked = pc.is_in(fit, value_set=pa.array(missing, TEXT))
        return pc.if_else(marked, None, fit) if marked.true_count else fit
    return fit


def check_texts(column: pa.Array, name: str, where: str) -> None:
    """Refuse texts that are no texts: not every writer looks at what it writes.

    Raises:
        ProjectError: Bytes are no UTF-8.
    """
    texts = column.dictionary if types.is_dictionary(column.type) else column
    if _simple(texts.type) != TEXT:
        return
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid as error:
        raise ProjectError(f'column "{name}" holds texts that are no UTF-8: {error}', where, "texts in UTF-8") from None


def _recoded(column: pa.Array, form: Form) -> pa.Array:
    if types.is_null(column.type):
        return pa.nulls(len(column), form.kind)
    codes = pc.index_in(column.dictionary.cast(pa.string()), value_set=form.categories)
    return pa.DictionaryArray.from_arrays(codes.take(column.indices), form.categories, ordered=form.kind.ordered)


def to_frame(table: pa.Table, forms: Mapping[str, Form], start: int = 0) -> pd.DataFrame:
    """`table`, as `fitted` made its batches, as a frame.

    Args:
        table: The columns of `forms`.
        forms: What they become.
        start: Position of its first row in the whole data, for messages.

    Raises:
        ProjectError: A text is no time.
    """
    frame: pd.DataFrame = table.to_pandas(split_blocks=True, ignore_metadata=True)
    for name, form in forms.items():
        if form.dtype is None:
            continue
        if isinstance(form.dtype, pd.DatetimeTZDtype | np.dtype):
            frame[name] = as_dtype(parse(frame[name], lambda row: f"row {start + row}"), form.dtype)
        else:
            dtype: Any = form.dtype
            frame[name] = dtype.__from_arrow__(table.column(name))
    return frame
