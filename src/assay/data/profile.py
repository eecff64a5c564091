"""A data profile: what the columns of a frame look like, as small versioned JSON without any single row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Hashable

SCHEMA_VERSION = 1
_BINS = 10
_FEW = 12
_FIRST = 10_000
_MOST_CATEGORIES = 100


def profile_of(frame: pd.DataFrame, target: str) -> dict[str, Any]:
    """The profile of all columns of `frame`, the target among them.

    Returns:
        `schema_version`, `rows`, `target` and `columns`: by name `kind`, `missing` (a count) and, by kind,
        number: `edges` (inner edges of bins that hold about a tenth of the values each; a value on an edge belongs to
        the bin below it), `counts` (one more than edges), `min`, `max`, `mean`;
        category: `counts` of the 100 most frequent values, `other` (count of all others);
        other (dates and the like): `present` (a count).
    """
    columns = {str(name): _column(frame[name]) for name in frame.columns}
    return {"schema_version": SCHEMA_VERSION, "rows": len(frame), "target": target, "columns": columns}


def numbers(column: pd.Series[Any]) -> np.ndarray:
    """The column as floats of shape (rows,); NaN where a value is missing or is no number."""
    values = column if pd.api.types.is_numeric_dtype(column) else pd.to_numeric(column.astype(object), errors="coerce")
    return values.to_numpy(dtype=float, na_value=np.nan)


def bin_counts(values: np.ndarray, edges: list[float]) -> list[int]:
    """How many of `values` (no NaN) fall into each of the len(edges) + 1 bins."""
    counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    return [int(count) for count in counts]


def category_counts(column: pd.Series[Any]) -> dict[str, int]:
    """Count of each value, by its name in JSON, the most frequent first; missing values left out."""
    totals: dict[str, int] = {}
    for value, count in column.value_counts(sort=False).items():
        name = key(value)
        totals[name] = totals.get(name, 0) + count
    return dict(sorted(((n, c) for n, c in totals.items() if c), key=lambda item: (-item[1], item[0])))


def key(value: Hashable) -> str:
    """The name of a category: 3, 3.0 and "3" are the same, as they are once they went through JSON."""
    if isinstance(value, (bool, np.bool_)):
        return str(value).lower()
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _column(column: pd.Series[Any]) -> dict[str, Any]:
    missing = int(column.isna().sum())
    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        return {"kind": "other", "missing": missing, "present": len(column) - missing}
    number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if number and (column[:_FIRST].nunique() > _FEW or column.nunique() > _FEW):
        return {"kind": "number", "missing": missing, **_number(numbers(column))}
    counts = category_counts(column)
    kept = dict(list(counts.items())[:_MOST_CATEGORIES])
    return {"kind": "category", "missing": missing, "counts": kept, "other": sum(counts.values()) - sum(kept.values())}


def _number(values: np.ndarray) -> dict[str, Any]:
    present = values[~np.isnan(values)]
    finite = present[np.isfinite(present)]
    # inverted_cdf picks values that occur, so heavy repetition (many zeros) gives fewer edges and no empty bins
    quantiles = np.quantile(finite, np.arange(1, _BINS) / _BINS, method="inverted_cdf")
    edges = [edge for edge in np.unique(quantiles).tolist() if edge < finite.max()]
    facts = {"min": float(finite.min()), "max": float(finite.max()), "mean": float(finite.mean())}
    return {"edges": edges, "counts": bin_counts(present, edges), **facts}
