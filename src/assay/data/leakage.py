"""Target leakage: a feature that alone predicts the target almost perfectly has most likely seen it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from assay.data.profiles.columns import numbers

if TYPE_CHECKING:
    from collections.abc import Callable

_BINS = 256
_SAME, _FEWEST = 0.999, 10


def leakage(rows: pd.DataFrame, target: str, *, regression: bool) -> dict[str, float]:
    """How well each feature alone predicts the target on rows it was not learnt from, best first.

    Each value, or each of up to 256 ranges of a number, predicts what is most frequent (the mean, for regression)
    among the other half of the rows. 0: no better than without any feature; 1: perfectly. Shares of right answers are
    taken beyond the most frequent class (Goodman and Kruskal's lambda), for regression it is R squared. A number that
    rises and falls with a target that is one too, as cents do with euros, has Spearman's correlation.

    Args:
        rows: Features and target, a sample suffices; at least 2 rows.
        target: Name of the target, without missing values.
        regression: The target is a number.
    """
    wanted = numbers(rows[target]) if regression else pd.factorize(rows[target])[0]
    score = _best_of_number if regression else _lambda_of
    found = {str(name): round(max(0.0, score(rows[name], wanted)), 6) for name in rows.columns if name != target}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _lambda_of(feature: pd.Series[Any], wanted: np.ndarray) -> float:
    return _both_halves(_groups(feature), wanted, _lambda)


def _best_of_number(feature: pd.Series[Any], wanted: np.ndarray) -> float:
    by_range = _both_halves(_groups(feature), wanted, _mean_of_group)
    # ranges blur a number, and where each value is seen once they know nothing of cents for euros
    return max(by_range, _other_unit(feature, wanted)) if _is_number(feature) else by_range


def _both_halves(groups: np.ndarray, wanted: np.ndarray, score: Callable[..., float]) -> float:
    even = np.arange(len(groups)) % 2 == 0
    return (score(groups, wanted, even) + score(groups, wanted, ~even)) / 2


def _is_number(feature: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(feature) and not pd.api.types.is_bool_dtype(feature)


def _groups(feature: pd.Series[Any]) -> np.ndarray:
    """A small whole number for each value or range of values, missing ones among them; shape (rows,)."""
    if not _is_number(feature):
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


def _mean_of_group(groups: np.ndarray, wanted: np.ndarray, learnt: np.ndarray) -> float:
    size = int(groups.max()) + 1
    count = np.bincount(groups[learnt], minlength=size)
    total = np.bincount(groups[learnt], weights=wanted[learnt], minlength=size)
    answer = np.where(count > 0, total / np.maximum(count, 1), wanted[learnt].mean())
    return _r_squared(wanted, answer[groups], learnt)


def _other_unit(feature: pd.Series[Any], wanted: np.ndarray) -> float:
    """Spearman's correlation with the target if it is next to 1, else 0: a weaker one may well be honest."""
    values = numbers(feature)
    known = ~np.isnan(values)
    if known.sum() < max(_FEWEST, len(values) / 2):
        return 0.0
    ranks = pd.DataFrame({"feature": values[known], "target": wanted[known]}).rank()
    if (ranks.min() == ranks.max()).any():
        return 0.0
    found = abs(float(ranks["feature"].corr(ranks["target"])))
    return found if found > _SAME else 0.0


def _r_squared(wanted: np.ndarray, answer: np.ndarray, learnt: np.ndarray) -> float:
    spread = ((wanted[~learnt] - wanted[learnt].mean()) ** 2).sum()
    return float(1 - ((wanted[~learnt] - answer[~learnt]) ** 2).sum() / spread) if spread else 0.0
