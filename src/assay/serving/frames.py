"""Makes the frame that a model expects from records, column by column: ten times as fast as by pandas' own ways."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from assay.models import rows
from assay.serving.arrays import FLOATS, INTEGERS, floats, integers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from assay.models.signature import Column

_Values = list[Any]
_ROOMY = ("category", "float", "datetime")


class Frames:
    """Makes frames with fixed columns and dtypes; what it makes equals what `rows.coerce` makes."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        """Prepare for `columns`, as `signature.columns` gives them."""
        self._builders = {name: _builder(name, column) for name, column in columns.items()}
        # a missing value changes no dtype where there is room for it
        self._wavering = [name for name, column in columns.items() if not str(column["dtype"]).startswith(_ROOMY)]

    def kind(self, records: Sequence[Mapping[str, Any]]) -> tuple[bool, ...]:
        """Equal for records that one frame can hold with the same dtypes as a frame for each of them."""
        return tuple([any(record[name] is None for record in records) for name in self._wavering])

    def build(self, records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
        """One row a record.

        Args:
            records: Every column in each; None is a missing value, a category that training never saw becomes missing.

        Raises:
            ArtifactError: A value does not fit its column.
            OverflowError: A number is out of the range of its column.
        """
        data = {name: build([record[name] for record in records]) for name, build in self._builders.items()}
        return pd.DataFrame(data, copy=False)


def _builder(name: str, column: Column) -> Callable[[_Values], Any]:
    dtype = str(column["dtype"])
    if dtype == "category":
        categories = pd.CategoricalDtype(pd.Index(column["categories"], dtype=column["of"]), column["ordered"])
        return partial(_categories, categories, {value: code for code, value in enumerate(column["categories"])})
    if dtype in FLOATS:
        return partial(floats, np.dtype(dtype))
    if dtype in INTEGERS:
        return partial(integers, np.dtype(dtype))
    if dtype == "bool":
        return _booleans
    return partial(_others, name, column)


def _categories(dtype: pd.CategoricalDtype, codes: Mapping[Any, int], values: _Values) -> pd.Categorical:
    found = np.array([codes.get(value, -1) for value in values], dtype=np.intp)
    return pd.Categorical.from_codes(found, dtype=dtype, validate=False)


def _booleans(values: _Values) -> np.ndarray:
    return np.array(values, dtype=object if None in values else bool)


def _others(name: str, column: Column, values: _Values) -> pd.Series:
    return rows.coerce(pd.DataFrame({name: values}), {name: column})[name]
