"""Rows of a frame as JSON and back: the dtypes a model was trained with survive the way through text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api import types

from assay.errors import ArtifactError
from assay.models.signature import PANDAS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.models.signature import Column


def describe(frame: pd.DataFrame) -> dict[str, Column]:
    """What `coerce` needs to know of each column: dtype, and the categories of a categorical one."""
    return {str(name): _describe(frame[name].dtype) for name in frame.columns}


def _describe(dtype: Any) -> Column:  # noqa: ANN401 - pandas has no common type for its dtypes
    if not isinstance(dtype, pd.CategoricalDtype):
        return {"dtype": str(dtype)}
    categories = dtype.categories
    values = [to_json(value) for value in categories]
    return {
        "dtype": "category",
        "categories": values,
        "of": str(categories.dtype),
        "ordered": bool(dtype.ordered),
    }


def coerce(frame: pd.DataFrame, columns: Mapping[str, Column | str]) -> pd.DataFrame:
    """A frame made from JSON, with the columns, their order and the dtypes of `columns`.

    Further columns are dropped. A missing integer makes its column float, as pandas does when it reads a file; a
    category that training never saw becomes missing.

    Args:
        frame: Rows as `pandas.DataFrame(records)` gives them.
        columns: By name, an entry of `describe` or a type of MLflow.

    Raises:
        ArtifactError: Columns are missing or values do not fit; names every such column.
    """
    missing = [name for name in columns if name not in frame.columns]
    problems = [f'column "{name}" is missing' for name in missing]
    done: dict[str, pd.Series] = {}
    for name, column in columns.items():
        if name not in missing:
            try:
                done[name] = _cast(frame[name], column)
            except (ValueError, TypeError, OverflowError) as error:
                problems.append(f'column "{name}": {error}')
    if problems:
        raise ArtifactError("the rows do not fit the model: " + "; ".join(problems), allowed=", ".join(columns))
    return pd.DataFrame(done, index=frame.index)


def _cast(values: pd.Series, column: Column | str) -> pd.Series:
    if isinstance(column, str):
        column = {"dtype": PANDAS.get(column, column)}
    dtype = str(column["dtype"])
    if dtype == "category":
        return _categories(values, column)
    if dtype == "bool":
        return _booleans(values)
    if dtype.startswith(("int", "uint", "float")):
        return _numbers(values, dtype)
    known = types.pandas_dtype(dtype)
    return pd.to_datetime(values).astype(known) if dtype.startswith("datetime64") else values.astype(known)


def _categories(values: pd.Series, column: Column) -> pd.Series:
    index = pd.Series(column["categories"], dtype=types.pandas_dtype(column["of"]))
    known = pd.CategoricalDtype(index, ordered=column["ordered"])
    return pd.Series(pd.Categorical(values.where(values.isin(index)).tolist(), dtype=known), index=values.index)


def _numbers(values: pd.Series, dtype: str) -> pd.Series:
    numbers: pd.Series = pd.to_numeric(values)
    if not types.is_numeric_dtype(numbers):
        numbers = numbers.astype("float64")
    floats = dtype.startswith("float")
    if not floats and not (numbers.notna().all() and (numbers == numbers.round()).all()):
        return numbers.astype("float64")
    cast = numbers.astype(types.pandas_dtype(dtype))
    if not floats and not (cast == numbers).all():
        raise OverflowError(f"a number is out of range for {dtype}")
    return cast


def _booleans(values: pd.Series) -> pd.Series:
    wrong = [value for value in values.dropna() if value not in (True, False)]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is neither true nor false")
    return values.astype(object) if values.isna().any() else values.astype(bool)


def records(frame: pd.DataFrame) -> list[list[Any]]:
    """The rows as lists of JSON values, in the order of the columns; what is missing or not finite is None."""
    lists = [[to_json(value) for value in frame[name].tolist()] for name in frame.columns]
    return [list(row) for row in zip(*lists, strict=True)]


def to_json(value: Any) -> Any:  # noqa: ANN401 - any value of a frame
    """One value of a frame or an array as a JSON value."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (str, int)) else value.isoformat() if hasattr(value, "isoformat") else str(value)
