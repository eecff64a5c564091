"""A column of any dtype as what a profile counts: numbers, times or categories, missing values apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from assay.data.association import Side
from assay.data.histogram import number_keys

if TYPE_CHECKING:
    from collections.abc import Hashable

Kind = Literal["number", "time", "category"]
_NUMBERS = {"decimal", "integer", "floating", "mixed-integer-float"}
_TIMES = {"datetime", "datetime64", "date"}


@dataclass(frozen=True, kw_only=True)
class Values:
    """The values of a column.

    Attributes:
        kind: What they are.
        rows: Rows in all.
        missing: Rows without a value.
        keys: 64-bit keys, int64: of each number or time, in their order; of each category its hash.
        counts: How often each key occurs; None: once.
        names: Category of each key; empty for numbers and times.
        numbers: float64 of shape (rows,), NaN where missing; times as microseconds; None for categories.
        side: The column row by row, for its association with the target.
    """

    kind: Kind
    rows: int
    missing: int
    keys: np.ndarray
    counts: np.ndarray | None = None
    names: tuple[str, ...] = ()
    numbers: np.ndarray | None = None
    side: Side


def kind_of(column: pd.Series[Any]) -> Kind:
    """number: every numeric dtype but bool, and objects that are all numbers; time: dates and times; else category."""
    if pd.api.types.is_bool_dtype(column):
        return "category"
    if pd.api.types.is_numeric_dtype(column):
        return "number"
    if pd.api.types.is_datetime64_any_dtype(column):
        return "time"
    if column.dtype == object:
        inside = pd.api.types.infer_dtype(column, skipna=True)
        return "number" if inside in _NUMBERS else "time" if inside in _TIMES else "category"
    return "category"


def values_of(column: pd.Series[Any], kind: Kind | None = None) -> Values:
    """The values of `column`; what is not of `kind` counts as missing."""
    kind = kind or kind_of(column)
    if kind == "category":
        return _categories(column)
    numbers_ = numbers(column) if kind == "number" else None
    micros = None if numbers_ is not None else _times(column)
    floats = numbers_ if numbers_ is not None else _as_floats(micros)
    known = ~np.isnan(floats)
    everywhere = bool(known.all())
    if micros is not None:
        keys = micros if everywhere else micros[known]
    else:
        keys = number_keys(floats if everywhere else floats[known])
    missing = 0 if everywhere else int(len(floats) - known.sum())
    return Values(kind=kind, rows=len(column), missing=missing, keys=keys, numbers=floats, side=Side(numbers=floats))


def numbers(column: pd.Series[Any]) -> np.ndarray:
    """The column as floats of shape (rows,); NaN where a value is missing or is no number."""
    values = column if pd.api.types.is_numeric_dtype(column) else pd.to_numeric(column.astype(object), errors="coerce")
    return values.to_numpy(dtype=float, na_value=np.nan)


def name_of(value: Hashable) -> str:
    """The name of a category: 3, 3.0 and "3" are the same, as they are once they went through JSON."""
    if isinstance(value, (bool, np.bool_)):
        return str(value).lower()
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    # half a character, which JSON can bring in, has no bytes and so no hash
    return str(value).encode("utf-8", "replace").decode("utf-8")


_NOTHING = np.iinfo(np.int64).min


def _times(column: pd.Series[Any]) -> np.ndarray:
    """Microseconds since 1970, UTC; the smallest int64 where a time is missing."""
    times = pd.to_datetime(column, errors="coerce", utc=True)
    return times.dt.as_unit("us").astype("int64").to_numpy()


def _as_floats(micros: np.ndarray | None) -> np.ndarray:
    if micros is None:
        return np.zeros(0)
    return np.where(micros == _NOTHING, np.nan, micros.astype(float))


def _categories(column: pd.Series[Any]) -> Values:
    codes, distinct = _factorized(column)
    names = [name_of(value) for value in distinct]
    # 3 and "3" are one category, and so are two whose hashes are the same, which is no more likely than a broken disk
    keys, codes, names = _united(pd.util.hash_array(np.array(names, dtype=object)).view(np.int64), codes, names)
    counts = np.bincount(codes[codes >= 0], minlength=len(names)).astype(np.int64)
    seen = counts > 0
    missing = int((codes < 0).sum())
    kept = tuple(name for name, here in zip(names, seen, strict=True) if here)
    side = Side(codes=codes, classes=tuple(names))
    return Values(
        kind="category", rows=len(column), missing=missing, keys=keys[seen], counts=counts[seen], names=kept, side=side
    )


def _factorized(column: pd.Series[Any]) -> tuple[np.ndarray, list[Any]]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy().astype(np.int64), column.cat.categories.tolist()
    try:
        codes, distinct = pd.factorize(column)
    except TypeError:
        codes, distinct = pd.factorize(column.map(repr, na_action="ignore"))
    return codes.astype(np.int64), list(distinct)


def _united(keys: np.ndarray, codes: np.ndarray, names: list[str]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    order, first, place = np.unique(keys, return_index=True, return_inverse=True)
    if len(order) == len(keys):
        return keys, codes, names
    united = np.append(place, -1)[codes]
    return order, united, [names[index] for index in first]
