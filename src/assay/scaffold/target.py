"""Guesses what is to be predicted: column, task, positive label; where it cannot, it asks with the command to type."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from assay.errors import ConfigError, did_you_mean

Task = Literal["classification", "regression"]
TASKS: tuple[Task, ...] = ("classification", "regression")

# the first that a column is called wins
_NAMES = (
    *("target", "label", "labels", "y", "class", "outcome", "response"),
    *("churn", "churned", "exited", "left", "default", "fraud", "is_fraud", "survived", "attrition", "converted"),
    *("income", "price", "saleprice", "medv", "quality", "diagnosis", "species", "salary"),
)
_POSITIVE = ("1", "true", "yes", "y", "ja", "positive", "pos", "churned", "left", "fraud", ">50k")
_CLASSES, _ROWS_A_CLASS, _MOST_LABELS = 10, 20, 100
_TWO = 2
FEWEST_ROWS = 50


@dataclass(frozen=True)
class Goal:
    """What is to be predicted.

    Attributes:
        target: The column.
        task: classification or regression.
        positive: Label of the positive class, for two classes.
        why: How each of them was found, for people.
    """

    target: str
    task: Task
    positive: Any = None
    why: tuple[tuple[str, str, str], ...] = ()


def goal_of(frame: pd.DataFrame, data: str, target: str | None, task: Task | None) -> Goal:
    """What is to be predicted from `frame`.

    Args:
        frame: The rows.
        data: What the user calls the data, for the command that is proposed.
        target: The column, where the user says it.
        task: The task, where the user says it.

    Raises:
        ConfigError: It cannot be told, or what the user says does not fit.
    """
    column, how = _column(frame, data, target)
    values = frame[column]
    _check(values, data)
    found, because = (task, "as asked for") if task else _task(values, data)
    positive, which = _positive(values) if found == "classification" else (None, "")
    why = [("target", column, how), ("task", found, because)]
    why += [("positive", str(positive), which)] if which else []
    if found == "regression" and not pd.api.types.is_numeric_dtype(values):
        what = f'the target "{column}" holds no numbers'
        raise ConfigError(what, where=data, next=_command(data, column, "classification"))
    return Goal(column, found, positive, tuple(why))


def _command(data: str, target: str = "COLUMN", task: str = "") -> str:
    name = f"'{target}'" if not target.isidentifier() else target
    return f"assay init {data} --target {name}" + (f" --task {task}" if task else "")


def _column(frame: pd.DataFrame, data: str, target: str | None) -> tuple[str, str]:
    names = [str(name) for name in frame.columns]
    if len(names) < _TWO:
        what = f"there is but one column, {names[0]!r}: nothing to predict from"
        raise ConfigError(what, where=data, allowed="features and a target")
    if target is not None:
        if target not in names:
            near = did_you_mean(target, names)
            raise ConfigError(f'there is no column "{target}"', f"{data}, --target", ", ".join(names), near)
        return target, "as asked for"
    by_name = {name.strip().lower(): name for name in reversed(names)}
    known = next((by_name[name] for name in _NAMES if name in by_name), None)
    if known:
        return known, "by its name"
    if _nothing_to_predict(frame[names[-1]]):
        what = f'which column is to be predicted? Not the last one, "{names[-1]}"'
        raise ConfigError(what, where=data, allowed=", ".join(names), next=_command(data))
    return names[-1], "the last column"


def _nothing_to_predict(values: pd.Series[Any]) -> bool:
    different = values.nunique()
    number = pd.api.types.is_numeric_dtype(values)
    floats = pd.api.types.is_float_dtype(values)
    return (
        different < _TWO
        or pd.api.types.is_datetime64_any_dtype(values)
        or (not number and different > max(_CLASSES, len(values) // _TWO))
        or (number and not floats and different == len(values))
    )


def _check(values: pd.Series[Any], data: str) -> None:
    if len(values) < FEWEST_ROWS:
        what = f"{len(values)} rows are too few: a fifth of them is held out, and judges the model"
        raise ConfigError(what, where=data, allowed=f"{FEWEST_ROWS} rows or more")
    if missing := int(values.isna().sum()):
        what = f'the target "{values.name}" is missing in {missing} of {len(values)} rows'
        then = f"leave these rows out of the file, or name another column: {_command(data)}"
        raise ConfigError(what, where=data, next=then)
    if values.nunique() < _TWO:
        what = f'the target "{values.name}" is always {values.iloc[0]!r}'
        raise ConfigError(what, where=data, allowed="two values or more", next=_command(data))


def _task(values: pd.Series[Any], data: str) -> tuple[Task, str]:
    different = values.nunique()
    if pd.api.types.is_bool_dtype(values):
        return "classification", "true and false"
    if not pd.api.types.is_numeric_dtype(values):
        if different > _MOST_LABELS:
            what = f'the target "{values.name}" is text with {different} different values'
            raise ConfigError(what, where=data, allowed=f"at most {_MOST_LABELS} labels", next=_command(data))
        return "classification", f"{different} labels"
    whole = all(float(value).is_integer() for value in values.unique() if math.isfinite(value))
    if whole and (different <= _TWO or (different <= _CLASSES and len(values) >= _ROWS_A_CLASS * different)):
        return "classification", f"{different} different whole numbers"
    return "regression", f"{different} different numbers"


def _positive(values: pd.Series[Any]) -> tuple[Any, str]:
    counts = values.value_counts()
    # a categorical column may have categories that no row has
    counts = counts[counts > 0]
    if len(counts) != _TWO:
        return None, ""
    labels = [int(label) if isinstance(label, float) else label for label in counts.index.tolist()]
    named = [label for label in labels if str(label).strip().lower() in _POSITIVE]
    if len(named) == 1:
        return named[0], "by its name"
    return labels[-1], "the rarer label"
