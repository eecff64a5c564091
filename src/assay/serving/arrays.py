"""Columns of records as NumPy arrays, which need no pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

INTEGERS = frozenset({"int8", "int16", "int32", "int64"})
FLOATS = frozenset({"float32", "float64"})


def floats(dtype: np.dtype[Any], values: Sequence[float | None]) -> np.ndarray:
    """Numbers of shape (rows,), None as NaN."""
    return np.array([np.nan if value is None else value for value in values], dtype=dtype)


def integers(dtype: np.dtype[Any], values: Sequence[int | None]) -> np.ndarray:
    """Whole numbers of shape (rows,); floats where one is missing, as pandas makes them when it reads a file.

    Raises:
        OverflowError: One is out of the range of `dtype`.
    """
    return floats(np.dtype("float64"), values) if None in values else np.array(values, dtype=dtype)
