"""How a model treats groups of people: rates and metrics by group of each sensitive column."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame, count, false_positive_rate, selection_rate, true_positive_rate
from sklearn.metrics import accuracy_score, root_mean_squared_error

from assay.gates import Observed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SMALL = 30
SLICE = 100
_DISTINCT = 10
_MEASURES = ("demographic_parity_difference", "demographic_parity_ratio", "equalized_odds_difference")


@dataclass(frozen=True, kw_only=True)
class Group:
    """One group of one sensitive column; a rate is None where it is not defined.

    Attributes:
        column: The sensitive column.
        group: Its value, `missing` for none, a range for numbers.
        rows: How many rows.
        metric: Accuracy, for regression the root of the mean squared error.
        selected: Share predicted positive.
        true_positive: Share of the positive rows predicted positive.
        false_positive: Share of the negative rows predicted positive.
    """

    column: str
    group: str
    rows: int
    metric: float
    selected: float | None = None
    true_positive: float | None = None
    false_positive: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def groups_of(
    x: pd.DataFrame, columns: Sequence[str], true: np.ndarray, predicted: np.ndarray, *, positive: object, labels: bool
) -> list[Group]:
    """Measure every group of every sensitive column that `x` has.

    Args:
        x: Features of shape (rows, columns).
        columns: The sensitive ones.
        true: Target of shape (rows,).
        predicted: Predictions of shape (rows,).
        positive: The positive label; None leaves the rates out.
        labels: True for classification.
    """
    found: list[Group] = []
    for column in columns:
        if column in x.columns:
            found += _groups(column, _names(x[column]), true, predicted, positive=positive, labels=labels)
    return found


def _names(values: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > _DISTINCT:
        values = pd.qcut(values, 4, duplicates="drop")
    return values.astype(object).where(values.notna(), "missing").astype(str)


def _groups(
    column: str, names: pd.Series, true: np.ndarray, predicted: np.ndarray, *, positive: object, labels: bool
) -> list[Group]:
    metric = accuracy_score if labels else root_mean_squared_error
    frame = _frame({"rows": count, "metric": metric}, true, predicted, names)
    if positive is not None:
        rates = {"selected": selection_rate, "true_positive": true_positive_rate, "false_positive": false_positive_rate}
        hits = true == positive
        share = pd.Series(hits).groupby(names.to_numpy()).mean()
        table = _frame(rates, hits.astype(int), (predicted == positive).astype(int), names)
        # fairlearn gives 0 for the rate of rows that do not exist
        table["true_positive"] = table["true_positive"].where(share > 0)
        table["false_positive"] = table["false_positive"].where(share < 1)
        frame = frame.join(table)
    return [_group(column, str(name), row) for name, row in frame.iterrows()]


def _frame(metrics: Mapping[str, Any], true: np.ndarray, predicted: np.ndarray, names: pd.Series) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = MetricFrame(metrics=dict(metrics), y_true=true, y_pred=predicted, sensitive_features=names.to_numpy())
    return pd.DataFrame(made.by_group).astype(float)


def _group(column: str, name: str, row: pd.Series) -> Group:
    numbers = {str(key): None if np.isnan(value) else float(value) for key, value in row.items()}
    rows = int(numbers.pop("rows") or 0)
    metric = numbers.pop("metric")
    return Group(column=column, group=name, rows=rows, metric=float("nan") if metric is None else metric, **numbers)


def observe(groups: Sequence[Group], columns: Sequence[str], missing: str) -> dict[str, Observed]:
    """The gates `model.fairness.*`: for each measure the worst column; groups below 30 rows are left out and named.

    Args:
        groups: From `groups_of`.
        columns: The sensitive columns of the configuration.
        missing: Why there are no rates; empty where there are.
    """
    absent = [column for column in columns if column not in {group.column for group in groups}]
    if not columns:
        missing = "no sensitive columns in tool.assay.data.sensitive"
    elif absent:
        missing = missing or f"not among the features: {', '.join(absent)}"
    names = [f"model.fairness.{measure}" for measure in _MEASURES]
    if missing:
        return {name: Observed(None, message=missing) for name in names}
    return {name: _worst(groups, columns, measure) for name, measure in zip(names, _MEASURES, strict=True)}


def _worst(groups: Sequence[Group], columns: Sequence[str], measure: str) -> Observed:
    found: dict[str, float] = {}
    for column in columns:
        large = [group for group in groups if group.column == column and group.rows >= SMALL]
        value = _MEASURE[measure](large)
        if value is not None:
            found[column] = value
    small = [f"{g.column}={g.group} ({g.rows} rows)" for g in groups if g.rows < SMALL]
    note = f"; left out, below {SMALL} rows: {', '.join(small)}" if small else ""
    if len(found) < len(columns):
        few = ", ".join(column for column in columns if column not in found)
        return Observed(0.0, message=f"fewer than two groups to compare in {few}{note}", inconclusive=True)
    pick = min if measure.endswith("ratio") else max
    column = pick(found, key=lambda name: found[name])
    return Observed(found[column], message=f"worst: {column}{note}")


def _range(groups: Sequence[Group], rate: str) -> float | None:
    values = [value for group in groups if (value := getattr(group, rate)) is not None]
    return max(values) - min(values) if len(values) > 1 else None


def _parity(groups: Sequence[Group]) -> float | None:
    return _range(groups, "selected")


def _ratio(groups: Sequence[Group]) -> float | None:
    values = [group.selected for group in groups if group.selected is not None]
    if len(values) < 2:  # noqa: PLR2004 - a ratio takes two
        return None
    return min(values) / max(values) if max(values) > 0 else 1.0


def _odds(groups: Sequence[Group]) -> float | None:
    values = [value for rate in ("true_positive", "false_positive") if (value := _range(groups, rate)) is not None]
    return max(values) if values else None


_MEASURE = dict(zip(_MEASURES, (_parity, _ratio, _odds), strict=True))


def observe_slices(groups: Sequence[Group], metric: str) -> dict[str, Observed]:
    """The gate `model.slice.<metric>`: the worst group of at least 100 rows."""
    large = [group for group in groups if group.rows >= SLICE]
    name = f"model.slice.{metric}"
    if not large:
        return {name: Observed(None, message=f"no group of a sensitive column has {SLICE} rows")}
    worst = (min if metric == "accuracy" else max)(large, key=lambda group: group.metric)
    return {name: Observed(worst.metric, message=f"worst: {worst.column}={worst.group} ({worst.rows} rows)")}
