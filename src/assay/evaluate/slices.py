"""Metrics on parts of the holdout: a model that is good on the whole can be bad for some."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from assay.errors import ConfigError, did_you_mean
from assay.evaluate import bootstrap
from assay.gates import Observed
from assay.metric_names import HIGHER_IS_BETTER, LOWER_IS_BETTER

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from assay.evaluate.champion import Champion
    from assay.evaluate.weighted import Metric
    from assay.gates import Limit

_DISTINCT = 10
_MOST_GROUPS = 100
# a single false alarm where there is nothing to find would be an f1 of 0
_OF_BOTH = frozenset({"balanced_accuracy", "precision", "f1"})


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
        finite = values.replace([np.inf, -np.inf], np.nan)
        ranges = pd.qcut(values.clip(finite.min(), finite.max()), 4, duplicates="drop")
        lowest = float(f"{finite.min():g}")
        named = [f"{max(one.left, lowest):.12g} to {one.right:.12g}" for one in ranges.cat.categories]
        values = ranges.cat.rename_categories(named)
    return values.astype(object).where(values.notna(), "missing").astype(str)


def parts_of(frame: pd.DataFrame, columns: Sequence[str]) -> list[Part]:
    """Every group of every column, the hundred largest of each."""
    found: list[Part] = []
    names = [str(name) for name in frame.columns]
    for column in columns:
        if column not in names:
            where = "pyproject.toml tool.assay.evaluation.slices"
            what = f'the data has no column "{column}" beside the target'
            raise ConfigError(what, where, ", ".join(names), did_you_mean(column, names))
    for column in columns:
        codes, groups = pd.factorize(group_names(frame[column]), sort=True)
        largest = sorted(np.argsort(-np.bincount(codes), kind="stable")[:_MOST_GROUPS])
        found += [Part(column, str(groups[code]), codes == code) for code in largest]
    return found


def slices_of(parts: Sequence[Part], metrics: Mapping[str, Metric], true: np.ndarray) -> list[Slice]:
    """Measure each part.

    Args:
        parts: From `parts_of`.
        metrics: As functions of row weights.
        true: Target of shape (rows,).
    """
    return [
        Slice(
            column=part.column,
            group=part.group,
            rows=int(part.rows.sum()),
            metrics={
                name: value
                for name, metric in metrics.items()
                if not math.isnan(value := _on(part, metric)) and (name not in _OF_BOTH or _both(true[part.rows]))
            },
        )
        for part in parts
    ]


def _both(true: np.ndarray) -> bool:
    return len(set(true.tolist())) > 1


def _on(part: Part, metric: Metric) -> float:
    return float(metric(part.rows[None].astype(np.float32))[0])


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
    left_out = _left_out({f"below {least} rows": small, f"without a {name}": len(slices) - small - len(large)})
    return Observed(value, message=f"worst: {worst.column}={worst.group} ({worst.rows} rows){left_out}")


def _left_out(groups: Mapping[str, int]) -> str:
    told = ", ".join(f"{count} groups {why}" for why, count in groups.items() if count)
    return f"; left out: {told}" if told else ""


def observe_drops(
    parts: Sequence[Part],
    ours: Mapping[str, Metric],
    champion: Champion,
    limits: Mapping[str, Limit],
    least: int,
) -> dict[str, Observed]:
    """The gates `model.slice.<metric>.vs_champion`: the group that loses most against the champion.

    The interval is widened for the number of groups: among many, some lose by chance.

    Args:
        parts: From `parts_of`.
        ours: The model's metrics as functions of row weights.
        champion: The model that serves.
        limits: By metric.
        least: Rows below which a group does not count.
    """
    large = [part for part in parts if part.rows.sum() >= least]
    return {
        f"model.slice.{name}.vs_champion": _drop(large, name, limit, ours, champion) for name, limit in limits.items()
    }


def _drop(parts: Sequence[Part], name: str, limit: Limit, ours: Mapping[str, Metric], champion: Champion) -> Observed:
    if name not in ours:
        return Observed(None, message=f"slices have no {name}; known: {', '.join(ours)}")
    if champion.version is None:
        return Observed(None, no_champion=True)
    if name not in champion.weighted:
        return Observed(None, message=champion.problem or f"version {champion.version} has no {name}")
    mine, theirs = ours[name], champion.weighted[name]
    measured = [(part, _on(part, theirs), _on(part, mine)) for part in parts]
    known = [one for one in measured if not any(map(math.isnan, one[1:]))]
    if not known:
        return Observed(None, message=f"no group has enough rows to measure {name} on", inconclusive=True)
    # the one furthest beyond its own limit: a drop in percent allows each group another distance
    part, before, now = max(known, key=lambda one: _beyond(limit, one[1], one[2]))
    level = 1 - (1 - bootstrap.LEVEL) / len(known)
    apart = bootstrap.differences({name: mine}, {name: theirs}, len(part.rows), within=part.rows, level=level)
    size = int(part.rows.sum())
    told = f"most lost: {part.column}={part.group} ({size} rows), version {champion.version} reaches {before:.4g}"
    told += _left_out({f"without a {name}": len(parts) - len(known)})
    interval = (before + apart[name].low, before + apart[name].high) if name in apart else None
    return Observed(now, before, message=told, interval=interval)


def _beyond(limit: Limit, before: float, now: float) -> float:
    bounds = [(operator, bound) for operator, bound in limit.bounds(before) if bound is not None]
    return max(bound - now if operator == ">=" else now - bound for operator, bound in bounds)
