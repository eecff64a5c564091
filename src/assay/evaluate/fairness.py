"""How a model treats groups of people: rates and metrics by group of each sensitive column."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame, count, false_positive_rate, selection_rate, true_positive_rate
from sklearn.metrics import accuracy_score, root_mean_squared_error

from assay.evaluate.slices import group_names
from assay.gates import Observed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


_TWO = 2


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
    frame: pd.DataFrame,
    columns: Sequence[str],
    true: np.ndarray,
    predicted: np.ndarray,
    *,
    positive: object,
    labels: bool,
) -> list[Group]:
    """Measure every group of every sensitive column.

    Args:
        frame: Features and what else is known of each row, shape (rows, columns).
        columns: The sensitive ones.
        true: Target of shape (rows,).
        predicted: Predictions of shape (rows,).
        positive: The positive label; None leaves the rates out.
        labels: True for classification.
    """
    found: list[Group] = []
    for column in columns:
        found += _groups(column, group_names(frame[column]), true, predicted, positive=positive, labels=labels)
    return found


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


def observe(groups: Sequence[Group], columns: Sequence[str], missing: str, least: int) -> dict[str, Observed]:
    """The gates `model.fairness.*`: for each measure the worst column; small groups are named, not judged.

    Args:
        groups: From `groups_of`.
        columns: The sensitive columns of the configuration.
        missing: Why there are no rates; empty where there are.
        least: Rows below which a rate tells nothing.
    """
    missing = missing if columns else "no sensitive columns in tool.assay.data.sensitive"
    return {
        f"model.fairness.{name}": Observed(None, message=missing) if missing else _worst(groups, columns, name, least)
        for name in _MEASURES
    }


def _worst(groups: Sequence[Group], columns: Sequence[str], measure: str, least: int) -> Observed:
    found: dict[str, float] = {}
    for column in columns:
        large = [group for group in groups if group.column == column and group.rows >= least]
        value = _MEASURES[measure](large)
        if value is not None:
            found[column] = value
    small = [f"{g.column}={g.group} ({g.rows} rows)" for g in groups if g.rows < least]
    note = f"; left out, below {least} rows: {', '.join(small)}" if small else ""
    if len(found) < len(columns):
        few = ", ".join(column for column in columns if column not in found)
        return Observed(0.0, message=f"fewer than two groups to compare in {few}{note}", inconclusive=True)
    pick = min if measure.endswith("ratio") else max
    column = pick(found, key=lambda name: found[name])
    return Observed(found[column], message=f"worst: {column}{note}")


def _difference(*rates: str) -> Callable[[Sequence[Group]], float | None]:
    """The largest difference of a rate between two groups, over all `rates`."""

    def measure(groups: Sequence[Group]) -> float | None:
        known = [_known(groups, rate) for rate in rates]
        return None if min(map(len, known)) < _TWO else max(max(values) - min(values) for values in known)

    return measure


def _ratio(*rates: str) -> Callable[[Sequence[Group]], float | None]:
    """The smallest ratio of a rate between two groups, over all `rates`; 1 where nobody has any."""

    def measure(groups: Sequence[Group]) -> float | None:
        known = [_known(groups, rate) for rate in rates]
        if min(map(len, known)) < _TWO:
            return None
        return min(min(values) / max(values) if max(values) > 0 else 1.0 for values in known)

    return measure


def _known(groups: Sequence[Group], rate: str) -> list[float]:
    return [value for group in groups if (value := getattr(group, rate)) is not None]


# the names and meanings of fairlearn.metrics; a demographic_parity_ratio of 0.8 is the four-fifths rule
_MEASURES: dict[str, Callable[[Sequence[Group]], float | None]] = {
    "demographic_parity_difference": _difference("selected"),
    "demographic_parity_ratio": _ratio("selected"),
    "equalized_odds_difference": _difference("true_positive", "false_positive"),
    "equalized_odds_ratio": _ratio("true_positive", "false_positive"),
    "equal_opportunity_difference": _difference("true_positive"),
    "equal_opportunity_ratio": _ratio("true_positive"),
}
