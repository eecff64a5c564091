"""A column of any dtype as what a profile counts: numbers, times or categories, missing values apart."""

from __future__ import annotations

import datetime as dt
import decimal
import hashlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from assay.data.profiles.association import Classes, Numbers, Side
from assay.data.profiles.histogram import number_keys

Kind = Literal["number", "time", "category"]
_NUMBERS = {"decimal", "integer", "floating", "mixed-integer-float"}
_TIMES = {"datetime", "datetime64", "date"}
_MIXED = {"mixed", "mixed-integer"}
_ALIKE = {"string", "boolean", "empty"}
_LONGEST = 200
_NO_TIME = np.iinfo(np.int64).min
_LAST_SECOND = np.iinfo(np.int64).max // 1_000_000


@dataclass(frozen=True, kw_only=True)
class Values:
    """The values of a column.

    Attributes:
        kind: What they are.
        rows: Rows in all.
        missing: Rows without a value.
        keys: 64-bit keys, int64: of each number or time, in their order; of each category its hash.
        counts: How often each key occurs; None: once.
        names: Category of each key, str of the same shape; None for numbers and times.
        numbers: float64 of shape (rows,), NaN where missing; times as microseconds; None for categories.
        side: The column row by row, for its association with the target.
    """

    kind: Kind
    rows: int
    missing: int
    keys: np.ndarray
    counts: np.ndarray | None = None
    names: np.ndarray | None = None
    numbers: np.ndarray | None = None
    side: Side


def kind_of(column: pd.Series[Any]) -> Kind:
    """number: every real dtype but bool, and objects that are all numbers; time: dates and times; else category."""
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_complex_dtype(column):
        return "category"
    if pd.api.types.is_numeric_dtype(column):
        return "number"
    if pd.api.types.is_datetime64_any_dtype(column):
        return "time"
    if column.dtype == object:
        inside = pd.api.types.infer_dtype(column, skipna=True)
        if inside in _NUMBERS or (inside in _MIXED and all(map(_is_number, column.dropna()))):
            return "number"
        return "time" if inside in _TIMES else "category"
    return "category"


def values_of(column: pd.Series[Any], kind: Kind | None = None) -> Values:
    """The values of `column`; what is not of `kind` counts as missing."""
    kind = kind or kind_of(column)
    if kind == "category":
        return _categories(column)
    if kind == "time":
        micros = _times(column)
        known = micros != _NO_TIME
        floats = np.where(known, micros.astype(float), np.nan)
    else:
        floats = numbers(column)
        known = ~np.isnan(floats)
    everywhere = slice(None) if known.all() else known
    keys = micros[everywhere] if kind == "time" else number_keys(floats[everywhere])
    missing = len(known) - int(np.count_nonzero(known))
    return Values(kind=kind, rows=len(column), missing=missing, keys=keys, numbers=floats, side=Numbers(floats))


def numbers(column: pd.Series[Any]) -> np.ndarray:
    """The column as floats of shape (rows,); NaN where a value is missing or is no number."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column):
        return column.to_numpy(dtype=float, na_value=np.nan)
    try:
        found = pd.to_numeric(column.astype(object), errors="coerce")
    except (TypeError, ValueError, OverflowError):
        return np.array([_number(value) for value in column], dtype=float)
    if pd.api.types.is_complex_dtype(found):
        return np.full(len(column), np.nan)
    return found.to_numpy(dtype=float, na_value=np.nan)


def name_of(value: object) -> str:
    """The name of a category: 3, 3.0 and "3" are the same, as they are once they went through JSON.

    Of a text of more than 200 characters the first ones and a digest of all.
    """
    if isinstance(value, (bool, np.bool_)):
        return str(value).lower()
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    # half a character, which JSON can bring in, has no bytes and so no hash
    text = str(value).encode("utf-8", "replace")
    name = text.decode("utf-8")
    if len(name) <= _LONGEST:
        return name
    return f"{name[:_LONGEST]}... {hashlib.sha256(text).hexdigest()[:16]}"


def name_keys(names: np.ndarray) -> np.ndarray:
    """64-bit keys of categories, int64: hashes of their names, the same on every machine."""
    return pd.util.hash_array(names, categorize=False).view(np.int64)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, decimal.Decimal, np.number)) and not isinstance(
        value, (bool, np.complexfloating)
    )


def _number(value: float) -> float:
    """A number as a float; what is too large for one is infinite, what is no number is NaN."""
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf
    except (TypeError, ValueError):
        return np.nan


def _times(column: pd.Series[Any]) -> np.ndarray:
    """Microseconds since 1970, UTC; the smallest int64 where there is no time, or one beyond the year 290000."""
    if not pd.api.types.is_datetime64_any_dtype(column):
        column = column.astype(object)
        dates = column.map(lambda value: isinstance(value, (str, dt.date, np.datetime64))).astype(bool)
        column = pd.to_datetime(column.where(dates), errors="coerce", utc=True, format="ISO8601")
    times = pd.to_datetime(column, utc=True)
    try:
        micros = times.dt.as_unit("us")
    except pd.errors.OutOfBoundsDatetime:
        seconds = times.dt.as_unit("s").astype("int64")
        micros = times.where(seconds.between(-_LAST_SECOND, _LAST_SECOND)).dt.as_unit("us")
    return micros.astype("int64").to_numpy()


def _categories(column: pd.Series[Any]) -> Values:
    codes, distinct = _factorized(column)
    names = _names(distinct)
    # 3 and "3" are one category, and so are two whose hashes are the same, which is no more likely than a broken disk
    keys, codes, names = _united(name_keys(names), codes, names)
    counts = np.bincount(codes[codes >= 0], minlength=len(names)).astype(np.int64)
    seen = counts > 0
    return Values(
        kind="category",
        rows=len(column),
        missing=len(codes) - int(counts.sum()),
        keys=keys[seen],
        counts=counts[seen],
        names=names[seen],
        side=Classes(codes, names),
    )


def _factorized(column: pd.Series[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Position of each row's value among the distinct ones, -1 where missing, and those."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy().astype(np.intp), column.cat.categories.to_numpy(dtype=object)
    # True, 1 and 1.0 are equal, yet their names are not: what is mixed is told apart by name
    if column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) not in _ALIKE:
        column = column.map(name_of, na_action="ignore")
    try:
        codes, distinct = pd.factorize(column)
    except pa.ArrowException:  # lists and structs, which Arrow does not factorize
        codes, distinct = pd.factorize(column.astype(object).map(name_of, na_action="ignore"))
    return codes, np.asarray(distinct, dtype=object)


def _names(distinct: np.ndarray) -> np.ndarray:
    if pd.api.types.infer_dtype(distinct, skipna=False) == "string" and max(map(len, distinct)) <= _LONGEST:
        try:
            "".join(distinct).encode()
        except UnicodeEncodeError:
            pass
        else:
            return distinct
    return np.array([name_of(value) for value in distinct], dtype=object)


def _united(keys: np.ndarray, codes: np.ndarray, names: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if len(pd.unique(keys)) == len(keys):
        return keys, codes, names
    order, first, place = np.unique(keys, return_index=True, return_inverse=True)
    return order, np.append(place, -1)[codes], names[first]
