"""Metrics on parts of the holdout: a model that is good on the whole can be bad for some."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from assay.evaluate import bootstrap
from assay.gates import Observed
from assay.metric_names import HIGHER_IS_BETTER, LOWER_IS_BETTER, worse_by

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from assay.evaluate.champion import Champion
    from assay.evaluate.metrics import Task
    from assay.evaluate.weighted import Metric

_DISTINCT = 10
_MOST_GROUPS = 100
# what a slice without some class, or with a target that does not vary, cannot have
_NEED_ALL = frozenset({"balanced_accuracy", "precision", "recall", "f1", "roc_auc", "average_precision", "r2"})


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One group of one column.

    Attributes:
        column: The column.
        group: Its value, `missing` for none, a range for numbers.
        rows: How many rows.
        metrics: By name; those that are not defined on these rows are left out.
    """

    column: str
    group: str
    rows: int
    metrics: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Part:
    """The rows of a slice.

    Attributes:
        column: The column.
        group: Its value in words.
        rows: Which rows it has, booleans of shape (rows,).
    """

    column: str
    group: str
    rows: np.ndarray


def group_names(values: pd.Series) -> pd.Series:
    """The group of each row in words: numbers of more than ten values in four ranges with as many rows each."""
    numbers = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if numbers and values.nunique() > _DISTINCT:
        ranges, lowest = pd.qcut(values, 4, duplicates="drop"), values.min()
        named = [f"{max(one.left, lowest):g} to {one.right:g}" for one in ranges.cat.categories]
        values = ranges.cat.rename_categories(named)
    return values.astype(object).where(values.notna(), "missing").astype(str)


def parts_of(frame: pd.DataFrame, columns: Sequence[str]) -> list[Part]:
    """Every group of every column, the hundred largest of each."""
    found: list[Part] = []
    for column in columns:
        codes, names = pd.factorize(group_names(frame[column]), sort=True)
        largest = sorted(np.argsort(-np.bincount(codes), kind="stable")[:_MOST_GROUPS])
        found += [Part(column, str(names[code]), codes == code) for code in largest]
    return found


def slices_of(parts: Sequence[Part], metrics: Mapping[str, Metric], true: np.ndarray, task: Task) -> list[Slice]:
    """Measure each part.

    Args:
        parts: From `parts_of`.
        metrics: As functions of row weights.
        true: Target of shape (rows,).
        task: What is predicted.
    """
    return [
        Slice(
            column=part.column,
            group=part.group,
            rows=int(part.rows.sum()),
            metrics={
                name: float(metric(part.rows[None].astype(np.float32))[0])
                for name, metric in metrics.items()
                if name not in _NEED_ALL or _whole(true[part.rows], task)
            },
        )
        for part in parts
    ]


def _whole(true: np.ndarray, task: Task) -> bool:
    different = len(set(true.tolist()))
    return different == len(task.labels) if task.labels else different > 1


def observe(slices: Sequence[Slice], names: Collection[str], least: int) -> dict[str, Observed]:
    """The gates `model.slice.<metric>`: the worst group of at least `least` rows; smaller ones are counted.

    Args:
        slices: From `slices_of`.
        names: The model's metrics.
        least: Rows below which a group does not count.
    """
    known = [name for name in names if name in HIGHER_IS_BETTER | LOWER_IS_BETTER]
    return {f"model.slice.{name}": _worst(slices, name, least) for name in known}


def _worst(slices: Sequence[Slice], name: str, least: int) -> Observed:
    large = [(one.metrics[name], one) for one in slices if one.rows >= least and name in one.metrics]
    if not slices:
        return Observed(None, message="no columns in tool.assay.evaluation.slices or tool.assay.data.sensitive")
    if not large:
        return Observed(None, message=f"no group has {least} rows to measure {name} on", inconclusive=True)
    value, worst = (max if name in LOWER_IS_BETTER else min)(large, key=lambda pair: pair[0])
    small = sum(one.rows < least for one in slices)
    left_out = f"; {small} groups below {least} rows left out" if small else ""
    return Observed(value, message=f"worst: {worst.column}={worst.group} ({worst.rows} rows){left_out}")


def observe_drops(
    parts: Sequence[Part], ours: Mapping[str, Metric], champion: Champion, names: Collection[str], least: int
) -> dict[str, Observed]:
    """The gates `model.slice.<metric>.vs_champion`: the group that loses most against the champion.

    The interval is widened for the number of groups: among many, some lose by chance.

    Args:
        parts: From `parts_of`.
        ours: The model's metrics as functions of row weights.
        champion: The model that serves.
        names: Metrics that there is a limit for.
        least: Rows below which a group does not count.
    """
    large = [part for part in parts if part.rows.sum() >= least]
    return {f"model.slice.{name}.vs_champion": _drop(large, name, ours, champion) for name in names}


def _drop(parts: Sequence[Part], name: str, ours: Mapping[str, Metric], champion: Champion) -> Observed:
    if champion.version is None:
        return Observed(None, no_champion=True)
    if name not in ours or name not in champion.weighted or not parts:
        return Observed(None, message=champion.problem or f"no group has enough rows to measure {name} on")
    mine, theirs = ours[name], champion.weighted[name]
    pairs = [tuple(float(m(part.rows[None].astype(np.float32))[0]) for m in (theirs, mine)) for part in parts]
    losses = [worse_by(name, before, now) or 0.0 for before, now in pairs]
    most = int(np.argmax(losses))
    part, (before, now) = parts[most], pairs[most]
    level = 1 - (1 - bootstrap.LEVEL) / len(parts)
    apart = bootstrap.differences({name: mine}, {name: theirs}, len(part.rows), within=part.rows, level=level)
    size = int(part.rows.sum())
    told = f"most lost: {part.column}={part.group} ({size} rows), version {champion.version} reaches {before:.4g}"
    interval = (before + apart[name].low, before + apart[name].high) if name in apart else None
    return Observed(now, before, message=told, interval=interval)
