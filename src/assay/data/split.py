"""Train and holdout rows: by a share, seeded and stratified, by groups, by time, or by a column that marks them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from assay.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.config import Data

_WHERE = "pyproject.toml tool.assay.data."
_HOLDOUT = f"{_WHERE}holdout"


def deciding(data: Data) -> tuple[str, ...]:
    """The columns that `holdout_rows` needs beside the target."""
    marker = data.holdout if isinstance(data.holdout, str) else None
    return tuple(dict.fromkeys(name for name in (marker, data.group, data.time) if name))


def holdout_rows(target: pd.Series[Any], columns: Mapping[str, pd.Series[Any]], data: Data) -> np.ndarray:
    """Which rows are held out, as `[tool.assay.data]` says: booleans of shape (rows,).

    Args:
        target: The target of all rows.
        columns: The columns of `deciding`, by name.
        data: Holdout, group, time, seed and task.

    Raises:
        ProjectError: A column cannot decide, a side would be empty, train lacks a class, or a group is on both sides.
    """
    if isinstance(data.holdout, str):
        marked = _marked(columns[data.holdout])
        if data.group:
            _check_groups(columns[data.group], marked)
    else:
        marked = draw(target, columns, data, data.holdout, data.seed)
    for name, count in (("train", len(marked) - marked.sum()), ("holdout", marked.sum())):
        if not count:
            raise ProjectError(f"{name} is left without rows ({len(target)} in all)", _HOLDOUT, "rows on both sides")
    if data.task == "classification":
        _check_classes(target[~marked], target[marked])
    return marked


def draw(
    target: pd.Series[Any], columns: Mapping[str, pd.Series[Any]], data: Data, share: float, seed: int
) -> np.ndarray:
    """A `share` of the rows: whole groups, the newest, or by chance within each class; booleans of shape (rows,)."""
    if data.group:
        return _whole_groups(columns[data.group], share, seed)
    if data.time:
        return _newest(columns[data.time], share)
    return _drawn(target, share, seed, stratified=data.task == "classification")


def _marked(marker: pd.Series[Any]) -> np.ndarray:
    if not pd.api.types.is_bool_dtype(marker) or marker.isna().any():
        missing = int(marker.isna().sum())
        what = f'the marker column "{marker.name}" is {marker.dtype} with {missing} missing values'
        raise ProjectError(what, _HOLDOUT, "true or false in every row")
    return marker.to_numpy(dtype=bool)


def _whole_groups(groups: pd.Series[Any], share: float, seed: int) -> np.ndarray:
    """Groups by chance until they hold the share as nearly as whole groups can."""
    _check_present(groups, "group")
    codes, names = pd.factorize(groups, sort=True)
    # by hash, not by position: a group that is new leaves the others on their side
    order = np.argsort(pd.util.hash_array(np.asarray(names, dtype=object), hash_key=f"{seed:016d}"), kind="stable")
    reached = np.cumsum(np.bincount(codes)[order])
    taken = order[: 1 + int(np.argmin(np.abs(reached - share * len(codes))))]
    return np.isin(codes, taken)


def _newest(times: pd.Series[Any], share: float) -> np.ndarray:
    """The newest rows; those of one moment stay together."""
    _check_present(times, "time")
    if not (pd.api.types.is_datetime64_any_dtype(times) or pd.api.types.is_numeric_dtype(times)):
        what = f'the column "{times.name}" holds no times'
        raise ProjectError(what, f"{_WHERE}time", "dates, times or numbers", "name it in `times` to have text read so")
    values = times.to_numpy()
    first = np.sort(values)[len(values) - max(1, round(share * len(values)))]
    marked: np.ndarray = values >= first
    return marked


def _check_present(column: pd.Series[Any], key: str) -> None:
    if missing := int(column.isna().sum()):
        what = f'"{column.name}" is missing in {missing} of {len(column)} rows'
        raise ProjectError(what, f"{_WHERE}{key}", "a value in every row")


def _check_groups(groups: pd.Series[Any], marked: np.ndarray) -> None:
    _check_present(groups, "group")
    both = sorted(map(str, set(groups[marked].unique()) & set(groups[~marked].unique())))
    if both:
        what = f'{len(both)} groups of "{groups.name}" stand on both sides: {", ".join(both[:5])}'
        raise ProjectError(what, _HOLDOUT, "a marker that keeps each group on one side")


def _drawn(target: pd.Series[Any], share: float, seed: int, *, stratified: bool) -> np.ndarray:
    # a number of its own for each row: rows that are appended leave nearly all others on their side, so that the
    # champion has learnt from few of the rows that it is measured on
    ranks = np.random.default_rng(seed).random(len(target))
    groups = pd.factorize(target, sort=True)[0] if stratified else np.zeros(len(target), dtype=int)
    marked = np.zeros(len(target), dtype=bool)
    for group in range(groups.max() + 1):
        rows = np.flatnonzero(groups == group)
        marked[rows[np.argsort(ranks[rows], kind="stable")[: round(share * len(rows))]]] = True
    return marked


def _check_classes(train: pd.Series[Any], holdout: pd.Series[Any]) -> None:
    unseen = sorted(set(map(str, holdout.unique())) - set(map(str, train.unique())))
    if unseen:
        what = f"classes only in the holdout rows: {', '.join(unseen[:5])}"
        raise ProjectError(what, _HOLDOUT, "each class in train")
