"""Train and holdout rows: by a share, seeded and stratified, or by a column that marks the holdout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from assay.errors import ProjectError

if TYPE_CHECKING:
    from assay.config import Data

_WHERE = "pyproject.toml tool.assay.data.holdout"


def holdout_rows(target: pd.Series[Any], marker: pd.Series[Any] | None, data: Data) -> np.ndarray:
    """Which rows are held out, as `[tool.assay.data] holdout` says: booleans of shape (rows,).

    Args:
        target: The target of all rows.
        marker: The column that marks the holdout, where there is one.
        data: Share, seed and task.

    Raises:
        ProjectError: The marker is not true/false throughout, a side would be empty, or train lacks a class.
    """
    if marker is not None:
        marked = _marked(marker)
    else:
        marked = _drawn(target, float(data.holdout), data.seed, stratified=data.task == "classification")
    for name, count in (("train", len(marked) - marked.sum()), ("holdout", marked.sum())):
        if not count:
            raise ProjectError(f"{name} is left without rows ({len(target)} in all)", _WHERE, "rows on both sides")
    if data.task == "classification":
        _check_classes(target[~marked], target[marked])
    return marked


def _marked(marker: pd.Series[Any]) -> np.ndarray:
    if not pd.api.types.is_bool_dtype(marker) or marker.isna().any():
        missing = int(marker.isna().sum())
        what = f'the marker column "{marker.name}" is {marker.dtype} with {missing} missing values'
        raise ProjectError(what, _WHERE, "true or false in every row")
    return marker.to_numpy(dtype=bool)


def _drawn(target: pd.Series[Any], share: float, seed: int, *, stratified: bool) -> np.ndarray:
    random = np.random.default_rng(seed)
    groups = pd.factorize(target, sort=True)[0] if stratified else np.zeros(len(target), dtype=int)
    marked = np.zeros(len(target), dtype=bool)
    for group in range(groups.max() + 1):
        rows = np.flatnonzero(groups == group)
        marked[random.permutation(rows)[: round(share * len(rows))]] = True
    return marked


def _check_classes(train: pd.Series[Any], holdout: pd.Series[Any]) -> None:
    unseen = sorted(set(map(str, holdout.unique())) - set(map(str, train.unique())))
    if unseen:
        raise ProjectError(f"classes only in the holdout rows: {', '.join(unseen[:5])}", _WHERE, "each class in train")
