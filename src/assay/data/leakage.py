"""Target leakage: a feature that alone predicts the target almost perfectly has most likely seen it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from assay.data.profiles.columns import numbers

if TYPE_CHECKING:
    from collections.abc import Callable

_BINS = 256


def leakage(rows: pd.DataFrame, target: str, *, regression: bool) -> dict[str, float]:
    """How well each feature alone predicts the target on rows it was not learnt from, best first.

    Each value, or each of up to 256 ranges of a number, predicts what is most frequent (the mean, for regression)
    among the other half of the rows. 0: no better than without any feature; 1: perfectly. Shares of right answers are
    taken beyond the most frequent class (Goodman and Kruskal's lambda), for regression it is R squared.

    Args:
        rows: Features and target, a sample suffices; at least 2 rows.
        target: Name of the target, without missing values.
        regression: The target is a number.
    """
    wanted = numbers(rows[target]) if regression else pd.factorize(rows[target])[0]
    score = _r_squared if regression else _lambda
    found = {str(name): _both_halves(rows[name], wanted, score) for name in rows.columns if name != target}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _both_halves(feature: pd.Series[Any], wanted: np.ndarray, score: Callable[..., float]) -> float:
    groups = _groups(feature)
    even = np.arange(len(groups)) % 2 == 0
    return round(max(0.0, (score(groups, wanted, even) + score(groups, wanted, ~even)) / 2), 6)


def _groups(feature: pd.Series[Any]) -> np.ndarray:
    """A small whole number for each value or range of values, missing ones among them; shape (rows,)."""
    number = pd.api.types.is_numeric_dtype(feature) and not pd.api.types.is_bool_dtype(feature)
    if not number:
        return pd.factorize(feature.astype(object).map(repr))[0] if feature.dtype == object else _codes(feature)
    values = numbers(feature)
    different = np.unique(values[~np.isnan(values)])
    if len(different) > _BINS:
        different = np.unique(
            np.quantile(values[~np.isnan(values)], np.arange(1, _BINS) / _BINS, method="inverted_cdf")
        )
    return np.where(np.isnan(values), len(different) + 1, np.searchsorted(different, values, side="left"))


def _codes(feature: pd.Series[Any]) -> np.ndarray:
    codes = pd.factorize(feature)[0]
    return np.where(codes < 0, codes.max() + 1, codes)


def _lambda(groups: np.ndarray, wanted: np.ndarray, learnt: np.ndarray) -> float:
    classes = int(wanted.max()) + 1
    table = np.zeros((int(groups.max()) + 1, classes), dtype=np.int64)
    np.add.at(table, (groups[learnt], wanted[learnt]), 1)
    usual = int(np.bincount(wanted[learnt], minlength=classes).argmax())
    answer = np.where(table.sum(axis=1) > 0, table.argmax(axis=1), usual)
    right, base = (answer[groups[~learnt]] == wanted[~learnt]).mean(), (wanted[~learnt] == usual).mean()
    return float((right - base) / (1 - base)) if base < 1 else 0.0


def _r_squared(groups: np.ndarray, wanted: np.ndarray, learnt: np.ndarray) -> float:
    size = int(groups.max()) + 1
    count = np.bincount(groups[learnt], minlength=size)
    total = np.bincount(groups[learnt], weights=wanted[learnt], minlength=size)
    mean = wanted[learnt].mean()
    answer = np.where(count > 0, total / np.maximum(count, 1), mean)
    spread = ((wanted[~learnt] - mean) ** 2).sum()
    return float(1 - ((wanted[~learnt] - answer[groups[~learnt]]) ** 2).sum() / spread) if spread else 0.0
